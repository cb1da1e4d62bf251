"""Input and output: engines, sources and published runs. Knows the table contracts; of models only
their parts.
"""
