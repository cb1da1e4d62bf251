"""Features: each one an expression with a name, a unit and a sentence, over integer days and
integer money.
"""
