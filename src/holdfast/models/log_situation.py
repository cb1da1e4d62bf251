"""The situation of a log at a cutoff, decided once; the models match on it.

In every situation the level is mostly that of the BTYD models, and half of each prediction theirs
(decisions 25, 29).

No window of the horizon has ended (`complete_windows` is false), decision 10
    churn, value: the learnt half comes from shorter windows, extrapolated.
No window a year before the coming one is learnt from (`Season.ahead` is None), decision 11
    value: the season by turnover where the log opens midway; counts: no correction by kind of
    customer.
The shop is older than its log (`sees_old_customers`), decision 9
    counts: customers first seen early are not new.
The shop opens with its log (`newly_opened`), decision 24
    value: reference spend per day of the customer's tenure, else per day of log; in the first two
    years half the season.
Customers are charged by the clock (`contract_setting`), decision 37
    churn, value, counts: renewals alone.
All customers did the same (`all_alike`), decision 12
    churn: one share for everyone; counts: a mean rate.
Nothing was earned (`earns_nothing`), decision 12
    value: 0 for everyone.
A snapshot has no time: none of this applies, and no other horizon is predicted.

There are two questions about the age of the shop, and each has one rule (decision 28).
`opens_midway`: does the turnover of the log show seasons, or growth? It reads the customers in
FEATURES. `sees_old_customers`: were the first purchases in the log first purchases? It reads the
purchases of all customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.models.level_adjustment import EXTRAPOLATED, TRUST
from holdfast.windows import YEAR_DAYS

OPENING_DAYS = 90
_NEAR_DAYS = 20  # decision 5
_RUSH, _STILL_COMING = 1.9, 0.15  # decisions 11, 28
_MONTH_DAYS, _LEAST_MONTHS = 28, 4
_OLD_SHOP_FACTOR = 2.0  # decisions 9, 28


@dataclass(frozen=True, kw_only=True)
class LogSituation:
    """What one task can learn from at one cutoff.

    Attributes
    ----------
    history_days
        Days of log before the cutoff.
    complete_windows
        Whether every window learnt from is as long as the horizon.
    newly_opened
        By `opens_midway`; false where the log knows no amounts.
    all_alike
        Whether everyone left in the windows that have ended, or nobody did.
    earns_nothing
        Whether these windows brought nothing, net of returns.
    """

    history_days: int
    complete_windows: bool
    newly_opened: bool
    all_alike: bool
    earns_nothing: bool

    @property
    def first_years(self) -> bool:
        """Whether the shop opened less than two years ago."""
        return self.newly_opened and self.history_days < 2 * YEAR_DAYS

    @property
    def level_trust(self) -> float:
        """How far the learnt level goes to that of the BTYD models: all of the way where it is
        itself stretched from shorter windows.
        """
        return TRUST if self.complete_windows else EXTRAPOLATED


def a_year_before(cutoffs: Sequence[int], now: int) -> bool:
    """Whether a cutoff, in time order, lies within 20 days of a year before `now`, or some lie on
    either side of it.

    >>> a_year_before([100, 130], 480), a_year_before([100, 130], 520)
    (True, False)
    """
    return bool(cutoffs) and cutoffs[0] - _NEAR_DAYS <= now - YEAR_DAYS <= cutoffs[-1] + _NEAR_DAYS


def opens_midway(early: float, later: float) -> bool:
    """Whether a log opens in the middle of the business: its old customers come in at the start as
    if they were new, and fewer do afterwards.

    Parameters
    ----------
    early, later
        Customers new to the log per day: in its first 90 days, and in the rest of its first year;
        NaN if not seen.
    """
    return bool(early >= _RUSH * later and later >= _STILL_COMING * early)


def sees_old_customers(first: npt.NDArray[np.int64], *, first_day: int, now: int) -> bool:
    """Whether the first month shows far more unknown customers than the months after it, and they
    keep coming.

    Parameters
    ----------
    first
        Day of each customer's first purchase in the log.
    """
    n_months = (now - first_day) // _MONTH_DAYS
    if n_months < _LEAST_MONTHS:
        return False
    monthly = np.bincount((first - first_day) // _MONTH_DAYS, minlength=n_months)[:n_months]
    usual = float(np.median(monthly[1:]))
    return bool(usual > 0 and monthly[0] > _OLD_SHOP_FACTOR * usual)
