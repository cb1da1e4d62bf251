"""Counts: how many purchases a customer will make, as a distribution, over any horizon.

Two models of the buy-till-you-die family predict it in business time (`btyd_pair`); windows
that have already ended show how far off they were, for all (the level) and for each kind of
customer (`boosted_correction`); the `mixture_weights` weigh them. Where customers are charged by
the clock, `renewals` stands in their place.
"""

from holdfast.models.purchase_counts.btyd_forecast import (
    BTYDRevenue,
    BTYDSilence,
    fit_btyd_revenue,
    fit_btyd_silence,
)
from holdfast.models.purchase_counts.fitting import fit_counts
from holdfast.models.purchase_counts.model import CountModel
from holdfast.models.purchase_counts.renewal_fitting import fit_renewals
from holdfast.models.purchase_counts.renewals import RenewalModel

__all__ = [
    "BTYDRevenue", "BTYDSilence", "CountModel", "RenewalModel", "fit_btyd_revenue",
    "fit_btyd_silence", "fit_counts", "fit_renewals",
]  # fmt: skip
