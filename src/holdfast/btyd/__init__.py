"""Buy till you die: probability models of customers who buy at their own rate until, unseen, they
stop.

In this package, and nowhere else, the names are those of the literature: `frequency` is the number
of repeat purchases, `recency` the age at the last one, `T` the age now, `monetary_value` the mean
value of an order. `summarise_transactions` makes them of a table of orders.

| model | who leaves | when they buy |
|---|---|---|
| `BGNBD` | only after a repeat purchase | at random |
| `MBGNBD` | after any purchase, the first included | at random |
| `MBGCNBDk` | after any purchase, the first included | with a rhythm |
| `ParetoNBD` | at any moment | at random |
| `BGBB` | between opportunities | at set opportunities |
| `GammaGamma` | - | what an order is worth |

Contracts, whose end is seen: `ShiftedBetaGeometric` and `BetaDiscreteWeibull` of the number of
renewals.
"""

from holdfast.btyd.base import BuyTillYouDie
from holdfast.btyd.beta_discrete_weibull import BetaDiscreteWeibull, ShiftedBetaGeometric
from holdfast.btyd.bg_bb import BGBB
from holdfast.btyd.bg_nbd import BGNBD
from holdfast.btyd.gamma_gamma import GammaGamma
from holdfast.btyd.mbg_cnbd_k import MBGCNBDk
from holdfast.btyd.mbg_nbd import MBGNBD
from holdfast.btyd.pareto_nbd import ParetoNBD
from holdfast.btyd.summary import summarise_transactions

__all__ = [
    "BGBB", "BGNBD", "MBGNBD", "BetaDiscreteWeibull", "BuyTillYouDie", "GammaGamma", "MBGCNBDk",
    "ParetoNBD", "ShiftedBetaGeometric", "summarise_transactions",
]  # fmt: skip
