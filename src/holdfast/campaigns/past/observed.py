"""Observed: what a campaign without a hold-out allows to be said, and it is never profit.

Whoever was contacted was chosen, so they differ from the others. What is recorded of them can be
adjusted for; what is not recorded cannot. Four gates, in order: are there others like those
contacted (overlap); does the same estimate find an effect in the window *before* the campaign,
where there can be none (placebo in time); how far would the estimate move if something unseen had
changed the odds of contact (the marginal sensitivity model of Tan 2006, ends after Zhao, Small and
Bhattacharya 2019); and how strong would it have to be to explain all of it (the E-value of
VanderWeele and Ding 2017). What remains is a reason for a randomised test, not for a plan.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.errors import InputError, NotEnoughData

LAMBDAS = (1.25, 1.5, 2.0)
"""By how much something unseen may have changed the odds of contact."""
OVERLAP, LEAST_OVERLAP = (0.05, 0.95), 0.8
"""Chance of contact with which both could have happened; share of customers who need to have it."""
_PLACEBO_Z = 1.959964
_FOLDS, _FEWEST = 5, 50
_FINDS = 2.8
"""Standard errors that an effect must be away from 0 to be found in 8 of 10 cases."""
_FURTHEST = 0.01
"""From 0 and 1 that a chance is taken to be; beyond, one customer would count for hundreds."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window, and what was known before it.

    Attributes
    ----------
    features
        Known before the window, (n, n_features), finite.
    outcome
        Within it, (n,).
    """

    features: Matrix
    outcome: Vector


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What may be said.

    Attributes
    ----------
    refused
        Why nothing is said of the effect; None: the gates are passed.
    overlap
        Share of customers who could have been contacted or not.
    placebo, placebo_error
        "Effect" in the window before; None where overlap stops before.
    effect, standard_error
        Per customer; None where refused.
    ranges
        Lambda -> low and high end of the effect.
    e_value
        Risk ratio that something unseen must have with both contact and outcome to explain it all;
        None where refused.
    test_size
        Customers of a half-and-half test that would find such an effect in 8 of 10 cases; None
        where refused.
    """

    refused: str | None
    overlap: float
    placebo: float | None = None
    placebo_error: float | None = None
    effect: float | None = None
    standard_error: float | None = None
    ranges: Mapping[float, tuple[float, float]]
    e_value: float | None = None
    test_size: int | None = None
    uplift_source: str = "observed"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        ranges = {str(factor): list(ends) for factor, ends in self.ranges.items()}
        return {**asdict(self), "ranges": ranges}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Observed":
        """What `as_dict` gave."""
        ranges = {float(factor): tuple(ends) for factor, ends in values["ranges"].items()}
        numbers = {each.name: values[each.name] for each in fields(cls)}
        return cls(**{**numbers, "ranges": ranges})


def observe(contacted: Booleans, window: Window, before: Window, *, seed: int = 42) -> Observed:
    """Go through the gates.

    Parameters
    ----------
    contacted
        Who was contacted at the start of the window, (n,).
    before
        The window before it, of the same customers, with what was known before that one.

    Raises
    ------
    NotEnoughData
        Too few were contacted, or not.
    InputError
        The shapes differ.
    """
    treated = np.asarray(contacted, dtype=bool)
    _check(treated, window, before)
    adjusted = _adjust(treated, window, seed)
    chance = adjusted.chance
    overlap = float(((chance >= OVERLAP[0]) & (chance <= OVERLAP[1])).mean())
    if overlap < LEAST_OVERLAP:
        return Observed(refused=_say_overlap(overlap), overlap=overlap, ranges={})
    placebo, placebo_error = _mean(_adjust(treated, before, seed).score)
    shown = Observed(
        refused=_say_placebo(placebo, placebo_error),
        overlap=overlap,
        placebo=placebo,
        placebo_error=placebo_error,
        ranges={},
    )
    passed = abs(placebo) <= _PLACEBO_Z * placebo_error
    return _estimate(shown, treated, window, adjusted) if passed else shown


def _estimate(shown: Observed, treated: Booleans, window: Window, of: "_Adjusted") -> Observed:
    effect, error = _mean(of.score)
    return replace(
        shown,
        refused=None,
        effect=effect,
        standard_error=error,
        ranges={
            each: sensitivity_range(treated, of.chance, of.off, effect, each) for each in LAMBDAS
        },
        e_value=e_value(effect / float(window.outcome.std())),
        test_size=int(np.ceil(4 * (_FINDS * of.off.std() / effect) ** 2)) if effect else None,
    )


def _say_overlap(overlap: float) -> str:
    return (
        f"only {overlap:.0%} of the customers could as well have been contacted or not (at least"
        f" {LEAST_OVERLAP:.0%} are needed): there is nobody to compare with"
    )


def _say_placebo(placebo: float, error: float) -> str:
    return (
        f"in the window before the campaign those contacted already differ by {placebo:,.2f} per"
        f" customer (standard error {error:,.2f}), where a campaign cannot have done anything: they"
        " were chosen by something that is not recorded"
    )


def _check(treated: Booleans, window: Window, before: Window) -> None:
    shapes = {len(each) for w in (window, before) for each in (w.features, w.outcome)}
    if shapes != {len(treated)}:
        raise InputError(
            f"windows of {sorted(shapes)} customers for {len(treated)} contacts",
            fix="give one row per customer in both windows",
        )
    if min(treated.sum(), (~treated).sum()) < _FEWEST:
        raise NotEnoughData(
            f"{int(treated.sum()):,} customers were contacted, {int((~treated).sum()):,} were not",
            fix=f"take a campaign with at least {_FEWEST} of each",
        )


class _Adjusted(NamedTuple):
    """Chance of contact; outcome less its expectation in the customer's own arm; AIPW score."""

    chance: Vector
    off: Vector
    score: Vector


def _adjust(treated: Booleans, window: Window, seed: int) -> _Adjusted:
    """Cross-fitted, so nobody is predicted by a model that saw them (Chernozhukov et al. 2018)."""
    # What only serves does without it.
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    x, y = StandardScaler().fit_transform(window.features), window.outcome
    chance, expected = np.empty(len(y)), np.empty((2, len(y)))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(x, treated):
        contact = LogisticRegression().fit(x[train], treated[train])
        chance[test] = contact.predict_proba(x[test])[:, 1]
        for arm in (0, 1):
            rows = train[treated[train] == bool(arm)]
            expected[arm, test] = Ridge().fit(x[rows], y[rows]).predict(x[test])
    held = np.clip(chance, _FURTHEST, 1 - _FURTHEST)
    off = y - np.where(treated, expected[1], expected[0])
    score = expected[1] - expected[0] + np.where(treated, off / held, -off / (1 - held))
    return _Adjusted(chance, off, score)


def _mean(score: Vector) -> tuple[float, float]:
    return float(score.mean()), float(score.std(ddof=1) / np.sqrt(len(score)))


def sensitivity_range(
    treated: Booleans, chance: Vector, off: Vector, effect: float, odds: float
) -> tuple[float, float]:
    """Between what the effect lies if something unseen changed the odds of contact by up to `odds`.

    Parameters
    ----------
    off
        Outcome less its expectation in the customer's own arm.
    effect
        With nothing unseen.
    """
    ends = []
    for arm, probability in ((treated, chance), (~treated, 1 - chance)):
        values, weights = off[arm], 1 / np.clip(probability[arm], _FURTHEST, 1)
        middle = float(values @ weights / weights.sum())
        ends.append([_extreme(values, weights, odds, sign) - middle for sign in (-1, 1)])
    (low_one, high_one), (low_zero, high_zero) = ends
    return effect + low_one - high_zero, effect + high_one - low_zero


def _extreme(values: Vector, weights: Vector, odds: float, sign: int) -> float:
    """The lowest (-1) or highest (1) weighted mean when each weight w may be anything from
    `1 + (w - 1) / odds` to `1 + (w - 1) odds`: high for the values on one side of a threshold.
    """
    order = np.argsort(-sign * values)
    values, more = values[order], weights[order] - 1
    large, small = 1 + more * odds, 1 + more / odds
    # The first k get the large weight, the others the small one; k runs over all.
    total = np.r_[0.0, np.cumsum(large)] + np.r_[np.cumsum(small[::-1])[::-1], 0.0]
    first, rest = np.cumsum(large * values), np.cumsum((small * values)[::-1])[::-1]
    sums = np.r_[0.0, first] + np.r_[rest, 0.0]
    return float(sign * (sign * sums / total).max())


def e_value(standardised: float) -> float:
    """E-value of an effect in standard deviations of the outcome, as a risk ratio of exp(.91 d).

    >>> round(e_value(0.5), 3)
    2.529
    """
    ratio = float(np.exp(0.91 * abs(standardised)))
    return ratio + float(np.sqrt(ratio * (ratio - 1)))
