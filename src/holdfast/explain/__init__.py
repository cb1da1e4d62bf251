"""Reasons: what each column adds to a customer's score, kept as numbers and put in plain words."""

from holdfast.explain.explanation import Explainable, Explanation, explain
from holdfast.explain.overview import roles, top_reasons
from holdfast.explain.reasons import reasons
from holdfast.explain.wording import Wording

__all__ = ["Explainable", "Explanation", "Wording", "explain", "reasons", "roles", "top_reasons"]
