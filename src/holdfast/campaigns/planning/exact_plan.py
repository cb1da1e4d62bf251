"""The exact plan of a small problem: its integer program, solved within a few seconds."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from holdfast.arrays import Floats, Rows, Vector
from holdfast.campaigns.planning.offers import Choice, Offers

_SECONDS = 5.0
_TOLERANCE = 2e-6


class ExactPlan(NamedTuple):
    """The best plan, and the solver's own bound on its net."""

    choice: Choice
    bound: float


def solve_exactly(offers: Offers, limits: Vector) -> ExactPlan | None:
    """The best plan; None where the time did not do, or no plan keeps the limits."""
    gain = offers.value.astype(float) - offers.cost
    offer, who = np.nonzero(gain > 0)
    choice = np.zeros(offers.n, dtype=np.int16)
    if not len(who):
        return ExactPlan(choice, 0.0)
    once = csr_array((np.ones(len(who)), (who, np.arange(len(who)))), (offers.n, len(who)))
    finite = np.flatnonzero(np.isfinite(limits))
    rows = csr_array(_limit_rows(offers, offer, who)[finite])
    # The solver passes a limit by up to a millionth; counts are whole.
    within = np.r_[limits[:2] - _TOLERANCE, np.floor(limits[2:] + 1e-9)]
    with _no_chatter():
        answer = milp(
            -gain[offer, who],
            integrality=np.ones(len(who)),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(once, ub=1), LinearConstraint(rows, ub=within[finite])],
            options={"time_limit": _SECONDS},
        )
    if answer.x is None:
        return None
    picked = answer.x > 0.5
    choice[who[picked]] = offer[picked] + 1
    return ExactPlan(choice, -float(answer.mip_dual_bound))


def _limit_rows(offers: Offers, offer: Rows, who: Rows) -> Floats:
    """What each pair of an offer and a customer uses of each limit, (n_limits, n_pairs)."""
    cost = np.broadcast_to(offers.cost, offers.value.shape)[offer, who]
    over = offers.return_factor * cost - offers.value[offer, who]
    of_offer = [(offer == j).astype(float) for j in range(offers.n_offers)]
    return np.array([cost, over, np.ones(len(who)), *of_offer])


@contextmanager
def _no_chatter() -> Iterator[None]:
    """Keep what the solver prints off standard output.

    HiGHS prints a line whatever its options say (jump-dev/HiGHS.jl issue 312), and it would end up
    in what a program reads from us.
    """
    if os.name != "posix":
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
