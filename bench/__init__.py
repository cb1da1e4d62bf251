"""What is measured, against whom: each module prints one table, and with --json a list of
figures.
"""
