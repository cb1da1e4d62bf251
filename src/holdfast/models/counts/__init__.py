"""Counts: how many purchases a customer will make, as a distribution, over any horizon.

Two laws of the buy-till-you-die family tell it in the shop's own time (`laws`, `clock`); windows that have already
ended say how far off they were, for all (`level`) and for each kind of customer (`tilt`); the `router` weighs them.
"""

from holdfast.models.counts.fitting import fit_counts
from holdfast.models.counts.model import CountModel
from holdfast.models.counts.spending import SpendLaw, fit_spend_law

__all__ = ["CountModel", "SpendLaw", "fit_counts", "fit_spend_law"]
