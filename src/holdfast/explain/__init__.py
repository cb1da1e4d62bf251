"""Reasons: what each column adds to a customer's score, kept as numbers and put in plain words."""

from holdfast.explain.explanation import Explanation, explain
from holdfast.explain.overview import roles, top_reasons
from holdfast.explain.reasons import reasons
from holdfast.explain.wording import Wording

__all__ = ["Explanation", "Wording", "explain", "reasons", "roles", "top_reasons"]
