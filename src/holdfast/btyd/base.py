"""Buy till you die: customers buy at their own rate until, unseen, they stop. One estimator, many
laws of buying.

A model of the family says only how likely a history is, how likely its customer is still alive, and
what an alive customer does next. Fitting it, and every question one may ask of it, follow from
these and stand here once.

Time is in whatever unit the caller uses (days, weeks), the same one in `fit` and in every question.
"Now" is age T.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Self

import numpy as np

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.fitting import LOG_LIMIT, Estimator, Objective, maximise
from holdfast.btyd.histories import Histories, check_histories, check_times, check_weights
from holdfast.errors import DataError, NotEnoughData

Parameters = Mapping[str, Floats]
Question = Callable[..., Floats]

CHUNK_ROWS = 2048
EFFECT_LIMIT = 50.0


class BuyTillYouDie(Estimator, ABC):
    """Estimator of one model of the family."""

    TIMES: ClassVar[tuple[str, ...]] = ()
    CARRIERS: ClassVar[tuple[str, ...]] = ()
    covariates: tuple[str, ...] = ()

    @abstractmethod
    def _log_likelihood(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        """Log-likelihood `(n,)` and its derivatives by the logarithms of PARAMETERS `(n_parameters,
        n)`.
        """

    @abstractmethod
    def _alive(self, h: Histories, p: Parameters) -> Floats:
        """P(alive at T)."""

    @abstractmethod
    def _survival(self, h: Histories, p: Parameters, at: Floats) -> Floats:
        """P(alive at T + at | alive at T)."""

    @abstractmethod
    def _mean_purchases(self, h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
        """Expected purchases in (T + start, T + end] of a customer alive at T."""

    @abstractmethod
    def _pmf(self, h: Histories, p: Parameters, horizon: Floats, counts: Floats) -> Floats:
        """P(`counts` purchases in (T, T + horizon]) of a customer alive at T, shape `(n,
        len(counts))`.
        """

    @abstractmethod
    def _starts(self, h: Histories, weights: Floats) -> list[dict[str, float]]:
        """Parameters to start the search from; time is in units of the mean age."""

    def fit(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        weights: Numbers | None = None,
        *,
        covariates: Numbers | None = None,
    ) -> Self:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        frequency, recency, T
            One history per customer: repeat purchases, age at the last purchase, age now. Shape
            `(n,)`.
        weights
            How many customers each row stands for; 1 each when left out.
        covariates
            Shape `(n, len(self.covariates))`; only for a model that was given names of covariates.

        Raises
        ------
        DataError
            Where a history is impossible.
        NotEnoughData
            Without a customer, without a repeat purchase, or when all histories are the same.
        """
        every = self._histories(frequency, recency, T, covariates)
        histories, counts = every.merge(check_weights(weights, n_rows=len(every)))
        require_variety(histories, counts)
        return self._learn(histories, counts)

    def probability_alive(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        at: Numbers = 0.0,
        covariates: Numbers | None = None,
    ) -> Floats:
        """P(still alive at age T + at), 0..1, of each customer. It is not 1 minus the chance to
        churn.

        A one-time buyer of the BG/NBD is alive with certainty; ask `probability_no_purchase` who
        will not come back.
        """

        def question(h: Histories, p: Parameters, at: Floats) -> Floats:
            return _probability(self._alive(h, p) * self._survival(h, p, at))

        return self._ask(question, self._histories(frequency, recency, T, covariates), at=at)

    def probability_no_purchase(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        horizon: Numbers,
        covariates: Numbers | None = None,
    ) -> Floats:
        """P(no purchase in (T, T + horizon]), 0..1, of each customer, in closed form."""
        histories = self._histories(frequency, recency, T, covariates)
        return self._ask(self._silent, histories, horizon=horizon)

    def expected_purchases(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        end: Numbers,
        start: Numbers = 0.0,
        covariates: Numbers | None = None,
    ) -> Floats:
        """Expected number of purchases in (T + start, T + end] of each customer, given the history
        up to T.
        """

        def question(h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
            return np.maximum(self._alive(h, p) * self._mean_purchases(h, p, start, end), 0.0)

        histories = self._histories(frequency, recency, T, covariates)
        return self._ask(question, histories, start=start, end=end)

    def expected_purchases_new_customer(
        self, t: Numbers, *, covariates: Numbers | None = None
    ) -> Floats:
        """Expected repeat purchases in the first `t` of a customer of whom nothing else is
        known.
        """
        nothing = np.zeros_like(np.atleast_1d(np.asarray(t, dtype=np.float64)))
        return self.expected_purchases(nothing, nothing, nothing, end=t, covariates=covariates)

    def purchase_pmf(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        horizon: Numbers,
        max_purchases: int,
        covariates: Numbers | None = None,
    ) -> Floats:
        """P(0), P(1), ... P(max_purchases) purchases in (T, T + horizon], shape `(n, max_purchases
        + 1)`.

        A row sums to less than 1 by the chance of still more purchases.
        """
        counts = np.arange(max_purchases + 1, dtype=np.float64)

        def question(h: Histories, p: Parameters, horizon: Floats) -> Floats:
            alive = self._alive(h, p)
            pmf = alive[:, None] * self._pmf(h, p, horizon, counts)
            pmf[:, 0] += 1 - alive
            return _probability(pmf)

        return self._ask(
            question, self._histories(frequency, recency, T, covariates), horizon=horizon
        )

    def _histories(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        covariates: Numbers | None,
    ) -> Histories:
        return check_histories(frequency, recency, T, covariates, names=self.covariates)

    def _silent(self, h: Histories, p: Parameters, horizon: Floats) -> Floats:
        # The history up to T, and then nothing up to T + horizon, is the same history seen at T +
        # horizon.
        longer, shorter = (
            self._log_likelihood(h.age_by(horizon), p)[0],
            self._log_likelihood(h, p)[0],
        )
        return np.exp(np.minimum(longer - shorter, 0.0))

    def _ask(self, question: Question, h: Histories, **times: Numbers) -> Floats:
        """Answer for each customer, a few thousand at a time."""
        moments = check_times(times, n_rows=len(h))
        if not len(h):
            raise DataError("there is no customer to answer for", fix="pass at least one history")
        base, effects = self._values()
        answers = [
            question(
                piece := h.take(rows),
                self._parameters_of(piece, base, effects),
                **{name: moment[rows] for name, moment in moments.items()},
            )
            for rows in h.slices(CHUNK_ROWS)
        ]
        return np.concatenate(answers)

    def _learn(self, h: Histories, weights: Floats) -> Self:
        unit = self._unit_of_time(h, weights)
        scaled = h.in_units_of(unit)
        n_effects = len(self.CARRIERS) * len(self.covariates)
        starts = [
            np.concatenate([np.log([start[name] for name in self.PARAMETERS]), np.zeros(n_effects)])
            for start in self._starts(scaled, weights)
        ]
        limit = np.concatenate(
            [np.full(len(self.PARAMETERS), LOG_LIMIT), np.full(n_effects, EFFECT_LIMIT)]
        )
        optimum = maximise(
            lambda rows: self._objective(scaled.take(rows), weights[rows]),
            starts,
            n_rows=len(h),
            n_customers=float(weights.sum()),
            lower=-limit,
            upper=limit,
        )
        self._set_parameters(self._in_callers_time(optimum.position, unit))
        self._set_evidence(optimum)
        base, effects = self._values()
        mean = self._objective(h, weights)(np.concatenate([np.log(base), effects]))[0]
        self.log_likelihood_ = mean * float(weights.sum())
        return self

    def _unit_of_time(self, h: Histories, weights: Floats) -> float:
        # Mean age 1 makes the search, its limits and its end the same in days and in years.
        return float(weights @ h.T / weights.sum())

    def _objective(self, h: Histories, weights: Floats) -> Objective:
        pieces = [(h.take(rows), weights[rows]) for rows in h.slices(CHUNK_ROWS)]
        carriers = [self.PARAMETERS.index(name) for name in self.CARRIERS]
        n_parameters, total = len(self.PARAMETERS), float(weights.sum())

        def objective(position: Floats) -> tuple[float, Floats]:
            base, effects = np.exp(position[:n_parameters]), position[n_parameters:]
            value, gradient = 0.0, np.zeros(len(position))
            for piece, weight in pieces:
                logs, score = self._log_likelihood(piece, self._parameters_of(piece, base, effects))
                value += float(weight @ logs)
                gradient[:n_parameters] += score @ weight
                if len(effects):
                    gradient[n_parameters:] += (
                        (score[carriers] * weight) @ piece.covariates
                    ).ravel()
            return value / total, gradient / total

        return objective

    def _parameters_of(self, h: Histories, base: Floats, effects: Floats) -> Parameters:
        """Parameters of these customers: shared scalars, but where a covariate multiplies one, an
        array `(n,)`.
        """
        parameters: dict[str, Floats] = dict(
            zip(self.PARAMETERS, map(np.asarray, base), strict=True)
        )
        if len(effects):
            for name, effect in zip(
                self.CARRIERS, np.split(effects, len(self.CARRIERS)), strict=True
            ):
                parameters[name] = parameters[name] * np.exp(h.covariates @ effect)
        return parameters

    def _effect_names(self) -> list[str]:
        return [
            f"{carrier}_{covariate}" for carrier in self.CARRIERS for covariate in self.covariates
        ]

    def _set_parameters(self, parameters: Mapping[str, float]) -> None:
        if self.CARRIERS and not self.covariates:
            first = f"{self.CARRIERS[0]}_"
            self.covariates = tuple(
                name.removeprefix(first) for name in parameters if name.startswith(first)
            )
        super()._set_parameters(parameters)

    def _in_callers_time(self, position: Floats, unit: float) -> dict[str, float]:
        n_parameters = len(self.PARAMETERS)
        values = dict(zip(self.PARAMETERS, np.exp(position[:n_parameters]), strict=True))
        for name in self.TIMES:
            values[name] *= unit
        values.update(zip(self._effect_names(), position[n_parameters:], strict=True))
        return values


def require_variety(h: Histories, weights: Floats) -> None:
    """Refuse merged histories from which no model of the family can be learnt."""
    n_customers = f"{weights.sum():g}"
    if not len(h):
        raise NotEnoughData(
            "there is no customer to fit", fix="pass at least two different histories"
        )
    if not h.frequency.any():
        raise NotEnoughData(
            f"none of the {n_customers} customers bought again",
            fix="observe them for longer; without a repeat purchase there is no buying rate to "
            "learn",
            customers=float(weights.sum()),
        )
    if len(h) == 1:
        raise NotEnoughData(
            f"all of the {n_customers} customers have the same history (frequency "
            f"{h.frequency[0]:g}, recency "
            f"{h.recency[0]:g}, T {h.T[0]:g})",
            fix="pass at least two different histories; how customers differ cannot be learnt from "
            "equal ones",
        )


def _probability(value: Floats) -> Floats:
    return np.clip(value, 0.0, 1.0)
