"""Counts: how many purchases a customer will make, as a distribution, over any horizon.

Two laws of the buy-till-you-die family tell it in the shop's own time (`laws`, `clock`); windows
that have already ended say how far off they were, for all (`level`) and for each kind of customer
(`tilt`); the `router` weighs them.
"""

from holdfast.models.purchase_counts.btyd_revenue import BTYDRevenue, fit_btyd_revenue
from holdfast.models.purchase_counts.fitting import fit_counts
from holdfast.models.purchase_counts.model import CountModel

__all__ = ["BTYDRevenue", "CountModel", "fit_btyd_revenue", "fit_counts"]
