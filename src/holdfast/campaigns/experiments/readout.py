"""Readout: what a campaign did, by intention to treat.

Everyone counts in the arm they were assigned to, whether or not the message came. Each offer is
held against the same hold-out, for whether they bought, what they spent and the margin on it, per
head. The answer is not given where the arms' sizes do not fit the plan, or where outcomes are
missing in one arm more than in the other: then the arms differ by more than the campaign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from holdfast.arrays import Integers, Vector
from holdfast.campaigns.experiments.assignment import check_missing, check_ratio
from holdfast.campaigns.experiments.effects import METHODS, Effect, arm_of, compare, method_for
from holdfast.campaigns.treatments import HOLD_OUT
from holdfast.errors import DataError, NotEnoughData

OUTCOMES = ("bought", "revenue", "margin")
_FEWEST = 20
_CAPPED = 0.005


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What a campaign did.

    Attributes
    ----------
    effects
        One row per offer and outcome: offer, outcome, assigned, held_out (customers),
        mean_held_out, effect, standard_error, low, high (per head assigned, in the outcome's unit),
        p_value, p_adjusted (Holm, over the offers), variance ("pooled" or "of each arm"),
        capped_effect (the same with the outermost .5 % of both arms cut off: it shows how much
        rests on a few, and it is biased; null for `bought`), uplift_source.
    checks
        What was checked -> p-value: the arms' sizes as assigned and as found in the log, and
        missing outcomes.
    """

    effects: pl.DataFrame
    checks: Mapping[str, float]


def read_out(
    rows: pl.DataFrame,
    shares: Mapping[str, float],
    *,
    method: str | None = None,
    critical: float | None = None,
) -> Readout:
    """Hold each offer against the hold-out.

    Parameters
    ----------
    rows
        One per customer assigned: customer_id, assigned (an offer, or "hold out"), bought (0 or 1),
        revenue and margin within the window (null: not found in the log), predicted (value, known
        before the campaign), and household where households were assigned.
    shares
        Arm -> planned share of the customers, or of the households.
    method
        How money is read out, one of `effects.METHODS`, such as the power audit chose; None: with
        the predicted value's share taken out, and pooled where one arm has more than twice the
        other's customers.
    critical
        Standard errors to either side at a planned look (`looks.look_bounds`); None: the only look.

    Raises
    ------
    DataError
        A customer is in two arms, an arm is not planned, the sizes do not fit, outcomes are missing
        in one arm, or a prediction is.
    NotEnoughData
        There is no hold-out, or an arm has too few customers.
    """
    _check_rows(rows, shares)
    checks = _check_arms(rows, shares)
    matched = rows.filter(pl.all_horizontal(pl.col(*OUTCOMES).is_not_null()))
    arms = {arm: matched.filter(pl.col("assigned") == arm) for arm in shares}
    tables = [_hold_against(arms, outcome, method, critical) for outcome in OUTCOMES]
    return Readout(effects=pl.concat(tables), checks=checks)


def _hold_against(
    arms: Mapping[str, pl.DataFrame], outcome: str, method: str | None, critical: float | None
) -> pl.DataFrame:
    """One outcome of every offer."""
    control = arms[HOLD_OUT]
    offers = [arm for arm in arms if arm != HOLD_OUT]
    results = [_compare(arms[offer], control, outcome, method) for offer in offers]
    adjusted = _holm([float(result.effect.p_value) for result in results])
    lines = []
    for offer, result, p_adjusted in zip(offers, results, adjusted, strict=True):
        low, high = result.effect.interval(critical=critical)
        lines.append({
            "offer": offer, "outcome": outcome, "assigned": arms[offer].height,
            "held_out": control.height, "mean_held_out": _columns(control, outcome)[0].mean(),
            "effect": float(result.effect.estimate),
            "standard_error": float(result.effect.standard_error),
            "low": float(low), "high": float(high), "p_value": float(result.effect.p_value),
            "p_adjusted": p_adjusted, "variance": result.variance,
            "capped_effect": result.capped, "uplift_source": "experiment",
        })  # fmt: skip
    return pl.DataFrame(lines, schema_overrides={"capped_effect": pl.Float64})


def _check_rows(rows: pl.DataFrame, shares: Mapping[str, float]) -> None:
    if HOLD_OUT not in shares or rows.filter(pl.col("assigned") == HOLD_OUT).is_empty():
        raise NotEnoughData(
            "nobody was held out, so nothing says what customers would have done anyway",
            fix=f'hold some customers out at random and mark them "{HOLD_OUT}" in `assigned`',
        )
    twice = rows.height - rows["customer_id"].n_unique()
    if twice:
        raise DataError(
            f"{twice:,} rows repeat a customer, so someone may be in two arms",
            fix="give one row per customer, with the arm drawn first",
        )
    unplanned = sorted(set(rows["assigned"].unique()) - set(shares))
    if unplanned:
        raise DataError(
            f"customers are assigned to {', '.join(map(str, unplanned))}, which the plan lacks",
            fix=f"name the arms {', '.join(shares)}",
        )
    unknown = rows.filter(pl.col("predicted").is_null() | pl.col("predicted").is_nan()).height
    if unknown:
        raise DataError(
            f"{unknown:,} customers have no predicted value",
            fix="take the prediction of the run before the campaign, 0 for customers it lacks",
        )


def _check_arms(rows: pl.DataFrame, shares: Mapping[str, float]) -> dict[str, float]:
    lacking = pl.any_horizontal(pl.col(*OUTCOMES).is_null())
    # Chance drew households where there are any, and only their numbers can fit it.
    unit = pl.col("household" if "household" in rows.columns else "customer_id")
    counts = rows.group_by("assigned").agg(
        all=pl.len(),
        lacking=lacking.sum(),
        every=unit.n_unique(),
        matched=unit.filter(~lacking).n_unique(),
    )
    of = {row["assigned"]: (row["lacking"], row["all"]) for row in counts.to_dicts()}
    every, matched = (
        dict(counts.select("assigned", each).iter_rows()) for each in ("every", "matched")
    )
    checks = {
        "assigned": check_ratio(every, shares, of="assigned"),
        "missing": check_missing(of),
        "found": check_ratio(matched, shares, of="found in the log"),
    }
    small = [arm for arm in shares if matched.get(arm, 0) < _FEWEST]
    if small:
        raise NotEnoughData(
            f"fewer than {_FEWEST} customers of {', '.join(small)} have an outcome",
            fix="assign more customers, or wait until the window has passed",
        )
    return checks


class _Compared(NamedTuple):
    """An effect, whose variance that is, and the effect with both ends cut off."""

    effect: Effect
    variance: str
    capped: float | None


def _compare(
    treated: pl.DataFrame, control: pl.DataFrame, outcome: str, method: str | None
) -> _Compared:
    one, zero = _columns(treated, outcome), _columns(control, outcome)
    # A share's variance follows from itself, with nothing heavy-tailed to miss.
    how = METHODS[
        "adjusted" if outcome == "bought" else method or method_for(len(one[0]), len(zero[0]))
    ]
    effect = compare(arm_of(*one), arm_of(*zero), **how)
    variance = "pooled" if how["pooled"] else "of each arm"
    if outcome == "bought":
        return _Compared(effect, variance, None)
    ends = np.quantile(np.r_[one[0], zero[0]], [_CAPPED, 1 - _CAPPED])
    one, zero = ((np.clip(y, *ends), x, clusters) for y, x, clusters in (one, zero))
    return _Compared(effect, variance, float(compare(arm_of(*one), arm_of(*zero), **how).estimate))


def _columns(rows: pl.DataFrame, outcome: str) -> tuple[Vector, Vector, Integers | None]:
    values: list[Any] = [rows[name].cast(pl.Float64).to_numpy() for name in (outcome, "predicted")]
    if "household" not in rows.columns:
        return values[0], values[1], None
    return values[0], values[1], rows["household"].rank("dense").to_numpy().astype(np.int64)


def _holm(p_values: list[float]) -> list[float]:
    """Adjusted for as many tests as there are (Holm 1979)."""
    order = np.argsort(p_values)
    factor = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    raised = np.maximum.accumulate(np.array(p_values, dtype=float)[order] * factor)
    adjusted[order] = np.minimum(raised, 1)
    return [float(p) for p in adjusted]
