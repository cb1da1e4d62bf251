"""Two buy-till-you-die models, fitted at one cutoff, in business time.

The Pareto/NBD lets customers leave at any moment and buy at random; the MBG/CNBD-k lets them leave
after a purchase and buy with a rhythm. Where the shop is older than its log, customers first seen
early are mostly not new: both take exp(-days since the log began / 90) as a covariate of rate and
lifetime (Fader & Hardie 2007), so that a customer acquired today is not promised the loyalty of one
who had been there for years.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.btyd import MBGCNBDk, ParetoNBD
from holdfast.errors import NotEnoughData
from holdfast.models.purchase_counts.business_time import Clock

BTYD_MODELS = ("Pareto/NBD", "MBG/CNBD-k")
_OLD_DAYS = 90.0  # decision 9
_OLD = ("seen_early",)
_NEGLIGIBLE_DAYS = 1e-6


@dataclass(frozen=True)
class BTYDPair:
    """Both models with the time that they count in.

    Attributes
    ----------
    opened
        First day of a log that is younger than its shop; None: the covariate is not used.
    notes
        What could not be learnt.
    """

    pareto_nbd: ParetoNBD
    mbg_cnbd_k: MBGCNBDk
    clock: Clock
    opened: int | None = None
    notes: tuple[str, ...] = ()

    def ahead(self, frame: pl.DataFrame, horizon_days: float, *, speed: float = 1.0) -> Vector:
        """The horizon in business days, (n_customers,)."""
        cutoff = frame["cutoff_day"].to_numpy().astype(np.float64)
        return np.asarray(
            speed * (self.clock.at(cutoff - 1 + horizon_days) - self.clock.at(cutoff - 1))
        )

    def pmf(
        self, frame: pl.DataFrame, horizon_days: float, *, speed: float, max_purchases: int
    ) -> tuple[Matrix, ...]:
        """P(0), ..., P(max_purchases) by each model, `(n_customers, max_purchases + 1)`."""
        horizon = self.ahead(frame, horizon_days, speed=speed)
        return self._by_each("purchase_pmf", frame, horizon=horizon, max_purchases=max_purchases)

    def expected_purchases(
        self, frame: pl.DataFrame, horizon_days: float, *, speed: float
    ) -> tuple[Vector, ...]:
        """Expected purchases by each model, (n_customers,)."""
        end = self.ahead(frame, horizon_days, speed=speed)
        return self._by_each("expected_purchases", frame, end=end)

    def expected_by_pareto(
        self, frame: pl.DataFrame, horizon_days: float, *, speed: float
    ) -> Vector:
        """Expected purchases by the Pareto/NBD, (n_customers,)."""
        history, covariates = history_of(frame, self.clock), covariates_of(frame, self.opened)
        end = self.ahead(frame, horizon_days, speed=speed)
        return np.asarray(self.pareto_nbd.expected_purchases(*history, end=end, **covariates))

    def silent(
        self, frame: pl.DataFrame, horizon_days: float, *, speed: float
    ) -> tuple[Vector, ...]:
        """P(no purchase) by each model, (n_customers,)."""
        horizon = self.ahead(frame, horizon_days, speed=speed)
        return self._by_each("probability_no_purchase", frame, horizon=horizon)

    def alive(self, frame: pl.DataFrame) -> tuple[Vector, ...]:
        """P(alive at the cutoff) by each model, (n_customers,)."""
        return self._by_each("probability_alive", frame)

    def _by_each(self, method: str, frame: pl.DataFrame, **when: object) -> tuple[Matrix, ...]:
        history, covariates = history_of(frame, self.clock), covariates_of(frame, self.opened)
        return tuple(
            getattr(model, method)(*history, **when, **covariates)
            for model in (self.pareto_nbd, self.mbg_cnbd_k)
        )


def history_of(frame: pl.DataFrame, clock: Clock) -> tuple[Vector, Vector, Vector]:
    """Frequency, recency and T in business days at the end of the day before the cutoff."""
    cutoff, tenure, silence = (
        frame[name].cast(pl.Float64).to_numpy()
        for name in ("cutoff_day", "tenure_days", "days_since_last_purchase")
    )
    frequency = np.maximum(frame["n_purchases"].cast(pl.Float64).to_numpy() - 1, 0.0)
    born, now = clock.at(cutoff - tenure), clock.at(cutoff - 1)
    age = np.maximum(now - born, 0.0)
    recency = np.clip(
        clock.at(cutoff - silence) - born, _NEGLIGIBLE_DAYS, np.maximum(age, _NEGLIGIBLE_DAYS)
    )
    recency = np.where(frequency > 0, recency, 0.0)
    return frequency, recency, np.maximum(age, recency)


def covariates_of(frame: pl.DataFrame, opened: int | None) -> dict[str, Matrix]:
    """The argument `covariates` of both models, where they have any."""
    if opened is None:
        return {}
    since = (frame["cutoff_day"] - frame["tenure_days"]).cast(pl.Float64).to_numpy() - opened
    return {"covariates": np.exp(-np.maximum(since, 0.0) / _OLD_DAYS)[:, None]}


def fit_pair(
    histories: pl.DataFrame, *, clock: Clock, opened: int | None = None, k: int | None = None
) -> BTYDPair:
    """Learn both models from the histories of one cutoff, by maximum likelihood.

    Parameters
    ----------
    k
        The rhythm, where it is known; chosen by the likelihood when left out.

    Notes
    -----
    Where nothing can be learnt (nobody bought again, all customers alike) a mean rate and a wide
    spread around it stand in, and the notes say so.
    """
    history, more = history_of(histories, clock), covariates_of(histories, opened)
    names = _OLD if more else ()
    gaps = histories["gap_log_sum"].to_numpy()
    try:
        pareto = ParetoNBD(covariates=names).fit(*history, **more)
        rhythm = MBGCNBDk(k=k, covariates=names).fit(*history, **more, sum_log_gaps=gaps)
    except NotEnoughData as reason:
        return _fallback(history, clock, reason)
    notes = tuple(
        f"{name}: {note}"
        for name, model in zip(BTYD_MODELS, (pareto, rhythm), strict=True)
        for note in model.notes_
    )
    return BTYDPair(pareto, rhythm, clock, opened, notes)


def _fallback(
    history: tuple[Vector, Vector, Vector], clock: Clock, reason: NotEnoughData
) -> BTYDPair:
    """Half a purchase more than was seen, at rates spread as an exponential, and lifetimes as long
    as the history.
    """
    frequency, _, age = history
    watched = float(age.sum()) + 1.0
    rate = (float(frequency.sum()) + 0.5) / watched
    life = watched / max(len(age), 1)
    return BTYDPair(
        ParetoNBD.from_parameters(r=1.0, alpha=1 / rate, s=2.0, beta=2 * life),
        MBGCNBDk.from_parameters(k=1, r=1.0, alpha=1 / rate, a=1.0, b=2.0),
        clock,
        None,
        (
            f"{reason.problem}: a mean rate of {rate:.2g} purchases a day stands in for what could "
            "not be learnt",
        ),
    )
