"""Horizons: an answer for every horizon, none of which can contradict another.

Each task's own horizon is learnt directly. The others hang on it, one on the next, by what is
conditional on it, so that P(silent) cannot rise and revenue cannot shrink as the horizon grows,
whatever is predicted:

    shorter   P(buys in h) = P(buys in H) x P(buys in h | buys in H);   revenue(h) = revenue(H) x
    share of h in H longer    P(silent to H') = P(silent to H) x P(silent to H' | silent to H), a
    discrete-time hazard (Singer, Willett
              1993, "It's About Time", equation 4);                     revenue(H') = revenue(H) /
              share of H in H'

Where no window of the longer horizon has ended, both are extrapolated by (h / H)^exponent, read off
shorter windows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Vector
from holdfast.findings import Finding
from holdfast.learners.algorithms import Recipe
from holdfast.models.churn import ChurnModel
from holdfast.models.horizon_link import Rung
from holdfast.models.level_adjustment import Today
from holdfast.models.prediction_intervals import Outlook, Spread, SpreadModel
from holdfast.models.promotions import NO_PROMOTIONS, Promotions
from holdfast.models.seasonality import Season
from holdfast.models.short_windows import HAZARD, REVENUE, horizon_exponent
from holdfast.models.value import FittedValue, ValueModel

_SMALL = {"n_estimators": 80, "learning_rate": 0.06, "min_child_samples": 50}
_LEAST_SHARE = 0.02
_CERTAIN = 1e-12
_LEAST_ROWS = 200
_KEYS = ["customer_id", "cutoff_day"]
_MONEY = ("future_revenue_minor", "future_revenue_minor_long")


@dataclass(frozen=True)
class HorizonModel:
    """What the other horizons add to the models of churn and value.

    Attributes
    ----------
    silence, revenue
        Rungs by horizon, the nearest to the task's own first on either side.
    spreads
        Horizon -> median and intervals, where enough windows have ended.
    """

    silence: Mapping[int, Rung]
    revenue: Mapping[int, Rung]
    spreads: Mapping[int, SpreadModel]

    def silent(
        self, churn: ChurnModel, frame: pl.DataFrame, probability: Vector
    ) -> dict[int, Vector]:
        """P(no purchase) over each horizon; `probability` is the churn model's own."""
        assert churn.horizon_days is not None
        found, matrix = {churn.horizon_days: probability}, churn.design.matrix(frame)
        for days, rung in self.silence.items():
            known = found[rung.long if days == rung.short else rung.short]
            found[days] = rung.silent(known, rung.chance(matrix), shorter=days == rung.short)
        return found

    def at_level(self, churn: ChurnModel, today: Today) -> "HorizonModel":
        """The same order of customers over each horizon, most of the way to the level that the laws
        tell of today's.

        Parameters
        ----------
        churn
            At that level already.
        """
        assert churn.horizon_days is not None
        matrix, told = (
            churn.design.matrix(today.frame),
            today.silent([churn.horizon_days, *self.silence]),
        )
        found, silence = {churn.horizon_days: churn.predict(today.frame)}, {}
        for days, rung in self.silence.items():
            shorter, chance = days == rung.short, rung.chance(matrix)
            known = found[rung.long if shorter else rung.short]
            silence[days] = rung.at_level(known, chance, told, shorter=shorter)
            found[days] = silence[days].silent(known, chance, shorter=shorter)
        return replace(self, silence=silence)

    def earned(self, value: ValueModel, frame: pl.DataFrame, expected: Vector) -> dict[int, Vector]:
        """Expected revenue over each horizon, currency; `expected` is the value model's own."""
        assert value.horizon_days is not None
        found = {value.horizon_days: expected}
        learnt = any(rung.learner for rung in self.revenue.values())
        matrix = value.outlook(frame).matrix if learnt else np.empty((frame.height, 0))
        for days, rung in self.revenue.items():
            share = np.full(frame.height, min(rung.usual * rung.stretch, 1.0))
            if rung.learner is not None:
                share = np.clip(rung.usual * rung.learner.predict(matrix), _LEAST_SHARE, 1.0)
            shorter = days == rung.short
            found[days] = found[rung.long] * share if shorter else found[rung.short] / share
        return found

    def spread(
        self, value: ValueModel, frame: pl.DataFrame, silent: Mapping[int, Vector]
    ) -> dict[int, Spread]:
        """Median and intervals over each horizon for which they are known."""
        own = value.spread_of(frame)
        if own is None or value.horizon_days is None:
            return {}
        found = {value.horizon_days: own}
        if value.law is not None:
            found |= {
                days: value.law.spread(frame, days) for days in silent if days != value.horizon_days
            }
            return _nested(found, value.horizon_days)
        outlook = value.outlook(frame)
        for days, model in self.spreads.items():
            found[days] = model.predict(replace(outlook, buys=1 - silent[days]))
        return _nested(found, value.horizon_days)

    def parts(self) -> dict[str, bytes]:
        """The model as files; each name starts with a kind and a horizon:
        "silence-30-rung.json".
        """
        kinds: Mapping[str, Mapping[int, Rung | SpreadModel]]
        kinds = {"silence": self.silence, "revenue": self.revenue, "spread": self.spreads}
        return {
            f"{kind}-{days}-{name}": data
            for kind, models in kinds.items()
            for days, model in models.items()
            for name, data in model.parts().items()
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "HorizonModel":
        """Rebuild from `parts`, whose hashes have been checked."""
        found: dict[str, dict[int, dict[str, bytes]]] = {"silence": {}, "revenue": {}, "spread": {}}
        for file, data in parts.items():
            kind, days, name = file.split("-", 2)
            found[kind].setdefault(int(days), {})[name] = data
        rungs = {
            kind: {rung: Rung.from_parts(files) for rung, files in found[kind].items()}
            for kind in ("silence", "revenue")
        }
        return cls(
            silence=_outwards(rungs["silence"]),
            revenue=_outwards(rungs["revenue"]),
            spreads={
                days: SpreadModel.from_parts(files)
                for days, files in sorted(found["spread"].items())
            },
        )


@dataclass(frozen=True)
class Past:
    """What is known of target windows that have ended, at cutoffs whose features are known.

    Attributes
    ----------
    features, labels
        FEATURES and LABELS; every window has ended by `now`.
    """

    features: pl.DataFrame
    labels: pl.DataFrame
    now: int
    minor_digits: int
    seed: int
    promotions: Promotions = NO_PROMOTIONS

    def windows(self, short: int, long: int) -> pl.DataFrame:
        """What happened in both windows of a customer and cutoff, where the longer one has
        ended.
        """
        columns = (*_KEYS, "churned", "future_revenue_minor")
        one, other = (
            self.labels.filter(horizon_days=days).select(columns) for days in (short, long)
        )
        return one.join(other, on=_KEYS, suffix="_long")


def fit_horizons(
    past: Past, horizons: Sequence[int], *, churn: ChurnModel, value: FittedValue | None
) -> tuple[HorizonModel, tuple[Finding, ...]]:
    """Learn what hangs the other horizons on the tasks' own.

    Parameters
    ----------
    churn
        At the level of the windows learnt from.
    """
    assert churn.horizon_days is not None
    pairs = _pairs(horizons, churn.horizon_days)
    silence = {own: _silence_rung(past, short, long, churn, own=own) for own, short, long in pairs}
    revenue: dict[int, Rung] = {}
    if value is not None and value.model.horizon_days is not None:
        pairs = _pairs(horizons, value.model.horizon_days)
        revenue = {own: _revenue_rung(past, short, long, value) for own, short, long in pairs}
    model = HorizonModel(silence, revenue, {})
    found = {days: _spread(past, model, days, churn, value) for days in revenue} if value else {}
    spreads = {days: spread for days, spread in found.items() if spread is not None}
    return replace(model, spreads=spreads), _extrapolated([*silence.values(), *revenue.values()])


def expected_purchases(
    silent: Mapping[int, Vector], counted: Mapping[int, tuple[Vector, Vector]]
) -> dict[int, Vector]:
    """P(buys) x E[purchases | buys] over each horizon: what is expected can never be less than the
    chance of one.

    Parameters
    ----------
    silent
        Horizon -> P(no purchase), by the churn model.
    counted
        Horizon -> expected purchases and P(no purchase), by the count model; its ratio is the mean
        of those who buy.

    >>> silent, counted = {30: np.array([0.5])}, {30: (np.array([1.2]), np.array([0.4]))}
    >>> expected_purchases(silent, counted)[30]
    array([1.])
    """
    found: dict[int, Vector] = {}
    before = np.zeros(1)
    for days in sorted(silent):
        expected, none = counted[days]
        each = np.maximum(expected / np.maximum(1 - none, _CERTAIN), 1.0)
        before = found[days] = np.maximum((1 - silent[days]) * each, before)
    return found


def waiting_days(silent: Mapping[int, Vector]) -> Vector:
    """Days until a purchase is more likely than not, (n_customers,); NaN beyond the longest
    horizon.

    Between two horizons silence is taken to fade at a constant rate.

    >>> waiting_days({30: np.array([0.8, 0.25]), 90: np.array([0.6, 0.2])})
    array([nan, 15.])
    """
    knots = sorted(silent)
    logs = np.column_stack(
        [np.zeros_like(silent[knots[0]]), *(np.log(np.maximum(silent[d], _CERTAIN)) for d in knots)]
    )
    days, half = np.array([0, *knots]), np.log(0.5)
    after = np.minimum((logs > half).sum(axis=1), len(knots))
    row = np.arange(len(logs))
    high, low = logs[row, after - 1], logs[row, after]
    waited = days[after - 1] + (days[after] - days[after - 1]) * (high - half) / np.maximum(
        high - low, _CERTAIN
    )
    return np.where(logs[:, -1] > half, np.nan, waited)


def _pairs(horizons: Sequence[int], own: int) -> list[tuple[int, int, int]]:
    """(horizon, shorter, longer) of each rung, outwards from the task's own horizon.

    >>> _pairs([30, 90, 180, 365], 90)
    [(30, 30, 90), (180, 90, 180), (365, 180, 365)]
    """
    ordered = sorted({*horizons, own})
    rungs = list(pairwise(ordered))
    down = [(short, short, long) for short, long in reversed(rungs) if long <= own]
    return down + [(long, short, long) for short, long in rungs if short >= own]


def _outwards(rungs: Mapping[int, Rung]) -> dict[int, Rung]:
    """The order in which each rung finds its neighbour known: shorter horizons downwards, longer
    ones upwards.
    """
    shorter = {days: rung for days, rung in rungs.items() if days == rung.short}
    longer = {days: rung for days, rung in rungs.items() if days == rung.long}
    return dict(sorted(shorter.items(), reverse=True)) | dict(sorted(longer.items()))


def _silence_rung(past: Past, short: int, long: int, churn: ChurnModel, *, own: int) -> Rung:
    # Downwards: who of the buyers bought early. Upwards: who of the silent stayed silent.
    asked = ~pl.col("churned_long") if own == short else pl.col("churned")
    happened = ~pl.col("churned") if own == short else pl.col("churned_long")
    rows = past.features.join(past.windows(short, long).filter(asked), on=_KEYS).sort(
        "cutoff_day", "customer_id"
    )
    truth = rows.select(happened.cast(pl.Float64)).to_series().to_numpy()
    if len(truth) < _LEAST_ROWS or not 0 < truth.mean() < 1:
        return Rung(short, long, exponent=horizon_exponent(past.labels, HAZARD))
    recipe = Recipe("lightgbm", "probability", seed=past.seed, defaults=_SMALL)
    lively = _livelier_silence(
        past, rows["cutoff_day"].cast(pl.Int64).to_numpy(), short, long, down=own == short
    )
    return Rung(short, long, recipe.fit(churn.design.matrix(rows), truth), lively)


def _livelier_silence(
    past: Past, cutoff: npt.NDArray[np.int64], short: int, long: int, *, down: bool
) -> float:
    """What promotions make of the coming chance to buy early, or of the days beyond, over windows
    learnt from.
    """
    lifts = past.promotions.purchases

    def lively(start: npt.ArrayLike) -> Vector:
        first = np.asarray(start)
        return (
            lifts.over(first, short) / lifts.over(first, long)
            if down
            else lifts.over(first + short, long - short)
        )

    return float(lively(past.now) / lively(cutoff).mean())


def _revenue_rung(past: Past, short: int, long: int, value: FittedValue) -> Rung:
    lifts = past.promotions.revenue
    coming = float(lifts.over(past.now, short) / lifts.over(past.now, long))
    extrapolated = Rung(short, long, usual=coming, exponent=horizon_exponent(past.labels, REVENUE))
    if value.outlook is None:
        return extrapolated
    seen, outlook = _seen(value.outlook, past.windows(short, long))
    within, earned = (seen[name].cast(pl.Float64).to_numpy() for name in _MONEY)
    bought = earned > 0
    if bought.sum() < _LEAST_ROWS or within.sum() <= 0:
        return extrapolated
    cutoff = seen["cutoff_day"].cast(pl.Int64).to_numpy()
    within, earned = within / lifts.over(cutoff, short), earned / lifts.over(cutoff, long)
    shares = Season.learn(cutoff, within, earned)
    share = np.clip(within[bought] / earned[bought], 0, 1) / (
        shares.usual * shares.of(cutoff)[bought]
    )
    recipe = Recipe("lightgbm", "mean", seed=past.seed, defaults=_SMALL)
    learner = recipe.fit(outlook.matrix[bought], share, earned[bought] / earned[bought].mean())
    return Rung(short, long, learner, shares.usual * (shares.ahead(past.now) or 1.0) * coming)


def _seen(outlook: Outlook, windows: pl.DataFrame) -> tuple[pl.DataFrame, Outlook]:
    """The rows of an outlook for which there is a window, with what happened in it."""
    keys = outlook.frame.select(_KEYS).with_row_index("_at")
    found = keys.join(windows, on=_KEYS, how="inner").sort("_at")
    chosen = np.zeros(keys.height, dtype=bool)
    chosen[found["_at"].to_numpy()] = True
    return found, outlook.rows(chosen)


def _spread(
    past: Past, model: HorizonModel, days: int, churn: ChurnModel, value: FittedValue
) -> SpreadModel | None:
    if value.outlook is None:
        return None
    windows = past.labels.filter(horizon_days=days).select(*_KEYS, "future_revenue_minor")
    seen, outlook = _seen(value.outlook, windows)
    if seen.height < _LEAST_ROWS:
        return None
    cutoff = seen["cutoff_day"].cast(pl.Int64).to_numpy()
    lifts = past.promotions.revenue
    revenue = (
        seen["future_revenue_minor"].to_numpy() / 10**past.minor_digits / lifts.over(cutoff, days)
    )
    season = Season.learn(cutoff, revenue, outlook.scale)
    ahead = season.ahead(past.now)
    usual = revenue if ahead is None else revenue / season.of(cutoff)
    silent = model.silent(churn, outlook.frame, churn.predict(outlook.frame))[days]
    likely = replace(outlook, buys=1 - silent)
    coming = (ahead or 1.0) * float(lifts.over(past.now, days))
    return SpreadModel.fit(
        likely, usual, cutoff=cutoff, horizon_days=days, season=coming, seed=past.seed
    )


def _nested(found: Mapping[int, Spread], own: int) -> dict[int, Spread]:
    """No bound of a longer window lies below that of a shorter one; the task's own horizon stays as
    it is.
    """
    result = {own: found[own]}
    for days in sorted(days for days in found if days > own):
        result[days] = _combined(np.maximum, found[days], result[max(result)])
    for days in sorted((days for days in found if days < own), reverse=True):
        result[days] = _combined(np.minimum, found[days], result[min(result)])
    return result


def _combined(choose: Callable[[Vector, Vector], Vector], one: Spread, other: Spread) -> Spread:
    names = [field.name for field in fields(Spread)]
    return Spread(**{name: choose(getattr(one, name), getattr(other, name)) for name in names})


def _extrapolated(rungs: Sequence[Rung]) -> tuple[Finding, ...]:
    days = sorted({rung.long for rung in rungs if rung.learner is None})
    if not days:
        return ()
    return (
        Finding.note(
            "horizons-extrapolated",
            evidence=f"too few windows of {', '.join(map(str, days))} days have ended to learn "
            "from",
            meaning="Predictions over them are stretched from the nearest horizon that was learnt; "
            "intervals, if any, are those of a law.",
            fix=f"use a longer log, or leave horizons of {min(days)} days and more out of "
            "horizons_days",
        ),
    )
