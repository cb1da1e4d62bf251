"""Rules: what each [[alert]] of the study watches, worked out for scored customers.

A rule reads a figure of the scores, a feature, or what a feature adds to the raw score of churn.
That last one is the run's own explanation, exact and the dearest of the three, so it is worked out
for those customers alone whom the rule is for.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from holdfast.errors import StudyError, nearest
from holdfast.ingest import sql
from holdfast.stream.scoring import NOT_SCORED, LiveModels, LiveScores
from holdfast.study.alerts import CONTRIBUTION, Alert
from holdfast.tables import SCORES

EVALUATIONS = pl.Schema(
    {
        "rule": pl.String(),
        "customer_id": pl.String(),
        "anchor_day": pl.Int32(),
        "eligible": pl.Boolean(),
        "applies": pl.Boolean(),
        "value": pl.Float64(),
    }
)
"""One row per rule and customer. `anchor_day`: day of the last purchase; null: never bought.
`applies`: whether the rule is for the customer. `value`: null where it is not known.
"""
_KEYS = ("customer_id", "cutoff_day")
_FIGURES = {
    name: kind
    for name, kind in SCORES.schema.items()
    if name not in _KEYS and name not in NOT_SCORED
}
_SQL_TYPES: Mapping[pl.DataType, str] = {
    pl.Float64(): "DOUBLE", pl.Int64(): "BIGINT", pl.Int32(): "INTEGER", pl.Boolean(): "BOOLEAN",
    pl.String(): "VARCHAR",
}  # fmt: skip


def check_rules(alerts: Sequence[Alert], models: LiveModels) -> None:
    """Hold the rules against what the run has.

    Raises
    ------
    StudyError
        A rule watches what the run does not have, or no number; or its condition cannot be
        computed.
    """
    for alert in alerts:
        if alert.feature is None:
            _check_value(alert, models)
        else:
            _check_contribution(alert, alert.feature, models)
        sql.checked_expression(
            alert.only or "true", _fields(models), decimal=".", where=f"alert.{alert.name}.only"
        )


def _check_value(alert: Alert, models: LiveModels) -> None:
    columns = _columns(models)
    if alert.when not in columns:
        near = nearest(alert.when, [n for n, kind in columns.items() if kind.is_numeric()])
        raise StudyError(
            f"the alert '{alert.name}' watches '{alert.when}', which run {models.run_id} does not "
            "have",
            fix=f"{near} `holdfast features` lists them; what one adds to the risk is "
            f'"{CONTRIBUTION}FEATURE"',
        )
    if not columns[alert.when].is_numeric():
        raise StudyError(
            f"the alert '{alert.name}' watches '{alert.when}', which is no number",
            fix=f"write it into only = \"{alert.when} = '...'\", and watch churn_probability",
        )


def _check_contribution(alert: Alert, feature: str, models: LiveModels) -> None:
    read = models.models.churn.columns
    if feature not in read:
        raise StudyError(
            f"the alert '{alert.name}' watches the contribution of '{feature}', which the churn "
            f"model of run {models.run_id} does not read",
            fix=nearest(feature, read),
        )


def last_purchases(activity: pl.DataFrame, *, cutoff_day: int) -> pl.DataFrame:
    """The day of each customer's last purchase before the cutoff: customer_id and anchor_day, null
    for who never bought; every customer of ACTIVITY.
    """
    bought = (pl.col("n_orders") > 0) & (pl.col("day") < cutoff_day)
    return (
        activity.group_by("customer_id")
        .agg(anchor_day=pl.col("day").filter(bought).max())
        .sort("customer_id")
    )


def evaluate_rules(
    alerts: Sequence[Alert], models: LiveModels, scored: LiveScores, anchors: pl.DataFrame
) -> pl.DataFrame:
    """Work every rule out for every customer.

    Parameters
    ----------
    scored
        Those of the customers who are eligible.
    anchors
        Of `last_purchases`: whom to evaluate.

    Returns
    -------
    polars.DataFrame
        EVALUATIONS.
    """
    frame = _read(models, scored)
    applies = _apply_conditions(alerts, models, frame)
    added = _contributions(alerts, models, scored, applies)
    parts = [_evaluate(alert, frame, applies[alert.name], added, anchors) for alert in alerts]
    return pl.concat([pl.DataFrame(schema=EVALUATIONS), *parts])


def _evaluate(
    alert: Alert,
    frame: pl.DataFrame,
    applies: pl.Series,
    added: Mapping[str, pl.Series],
    anchors: pl.DataFrame,
) -> pl.DataFrame:
    value = frame[alert.when] if alert.feature is None else added[alert.feature]
    of_rule = frame.select(
        "customer_id",
        eligible=pl.lit(value=True),
        applies=applies,
        value=value.cast(pl.Float64),
    )
    return (
        anchors.join(of_rule, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.col("eligible", "applies").fill_null(value=False), rule=pl.lit(alert.name))
        .select(EVALUATIONS.names())
    )


def _contributions(
    alerts: Sequence[Alert],
    models: LiveModels,
    scored: LiveScores,
    applies: Mapping[str, pl.Series],
) -> dict[str, pl.Series]:
    """Feature -> what it adds for each customer; null for those whom no rule of it is for."""
    watching = {alert.name: alert.feature for alert in alerts if alert.feature is not None}
    if not watching:
        return {}
    wanted = pl.select(pl.any_horizontal(*(applies[name] for name in watching))).to_series()
    features = scored.features.filter(wanted)
    if features.is_empty():
        nothing = pl.Series([None] * scored.features.height, dtype=pl.Float64)
        return dict.fromkeys(watching.values(), nothing)
    wide = scored.features.select("customer_id").join(
        models.contributions(features), on="customer_id", how="left", maintain_order="left"
    )
    return {feature: wide[feature] for feature in watching.values()}


def _apply_conditions(
    alerts: Sequence[Alert], models: LiveModels, frame: pl.DataFrame
) -> dict[str, pl.Series]:
    """Rule -> whether it is for each customer; what cannot be computed for one is not."""
    everyone = pl.repeat(value=True, n=frame.height, dtype=pl.Boolean, eager=True)
    fields = _fields(models)
    conditions = {
        alert.name: sql.expression(alert.only, fields) for alert in alerts if alert.only is not None
    }
    if not conditions:
        return {alert.name: everyone for alert in alerts}
    written = ", ".join(
        f"coalesce(TRY_CAST({condition} AS BOOLEAN), false) AS k{place}"
        for place, condition in enumerate(conditions.values())
    )
    with sql.calculator() as connection:
        read = frame.drop("customer_id")
        read.columns = [f"c{place}" for place in range(read.width)]
        connection.register("scored", read.to_arrow())
        rows = pl.DataFrame(connection.sql(f"SELECT {written} FROM scored").to_arrow_table())
    kept = dict(zip(conditions, rows.get_columns(), strict=True))
    return {alert.name: kept.get(alert.name, everyone) for alert in alerts}


def _columns(models: LiveModels) -> dict[str, pl.DataType]:
    """What a rule may read of a customer: name -> type. A figure of the scores goes before an
    attribute of its name.
    """
    features = {name: kind for name, kind in models.kinds.items() if name not in _KEYS}
    return {**features, **_FIGURES}


def _fields(models: LiveModels) -> dict[str, sql.Field]:
    columns = _columns(models).items()
    return {
        name: sql.Field(f"c{place}", _SQL_TYPES.get(kind, "VARCHAR"))
        for place, (name, kind) in enumerate(columns)
    }


def _read(models: LiveModels, scored: LiveScores) -> pl.DataFrame:
    """customer_id, then what rules may read, in the order of `_columns`."""
    figures = [
        scored.scores[name] if name in _FIGURES else scored.features[name]
        for name in _columns(models)
    ]
    return scored.scores.select("customer_id").hstack(figures)
