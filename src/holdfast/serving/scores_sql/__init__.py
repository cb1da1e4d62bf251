"""Scores as SQL: what a run says of each customer, as one query over the FEATURES table of a
warehouse.

Each model becomes the expressions that it computes, in the same order: the columns of its design,
the sum of its trees or lines, its link, its calibration. What no warehouse has the functions for is
refused by name.
"""

from holdfast.serving.scores_sql.query import scores_sql

__all__ = ["scores_sql"]
