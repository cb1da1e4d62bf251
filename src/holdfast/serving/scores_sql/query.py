"""The query: FEATURES in, one row of scores per customer out."""

from collections.abc import Mapping, Sequence

import polars as pl
from sqlglot import exp

from holdfast.io.dialect_names import Dialect
from holdfast.io.dialects import name, number, parse_table, write_sql
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import Model
from holdfast.models.value import ValueModel
from holdfast.segments import SegmentRule
from holdfast.serving.load import load_models, load_rule, load_study
from holdfast.serving.scores_sql.columns import SOURCE, Columns, source
from holdfast.serving.scores_sql.inputs import Kinds
from holdfast.serving.scores_sql.members import (
    CHURN,
    VALUE,
    add_churn,
    add_value,
    require_expressible,
)
from holdfast.serving.scores_sql.segment_rule import (
    RISK,
    TIER,
    add_risk_and_tier,
    place_customers,
    rank_steps,
)
from holdfast.storage.runs import Run


def scores_sql(run: Run, dialect: Dialect, *, features: str = "features") -> str:
    """Write what a run says of customers as a query over their FEATURES: customer_id (of an order
    log cutoff_day too), churn_probability, expected_revenue, risk_score, risk_rank, value_tier and
    segment.

    Parameters
    ----------
    features
        The table, as the dialect names it. It has the columns of the run's own FEATURES that the
        models and the risk signals read; one customer may have rows of several cutoffs.

    Raises
    ------
    StudyError
        A member of the models cannot be written as SQL.
    InputError
        The table's name is not one.
    DamagedRun
        A file differs from the manifest, or the models cannot be loaded.
    """
    kinds = pl.read_parquet_schema(run.file("tables/features.parquet"))
    of_log = load_study(run).snapshot is None
    return write_scores(
        load_models(run),
        load_rule(run),
        kinds,
        dialect,
        features=features,
        keys=("customer_id", "cutoff_day") if of_log else ("customer_id",),
    )


def write_scores(
    models: Mapping[str, Model],
    rule: SegmentRule,
    kinds: Kinds,
    dialect: Dialect,
    *,
    features: str = "features",
    keys: Sequence[str] = ("customer_id",),
) -> str:
    """Write the same for models and a segment rule.

    Parameters
    ----------
    kinds
        The columns of FEATURES: name -> type.
    keys
        Columns of FEATURES that are passed through.
    """
    table = parse_table(features, dialect)
    require_expressible(models)
    columns = Columns()
    for key in keys:
        columns.add(key, source(key))
    _add_predictions(columns, models, kinds)
    add_risk_and_tier(columns, rule, kinds)
    predicted = (*keys, CHURN, VALUE)
    steps = dict(columns.steps(*predicted, RISK, TIER))
    scored = exp.alias_(exp.Table(this=name(list(steps)[-1])), "placed", table=True)
    same = exp.and_(
        exp.column(TIER, table="ranks").eq(exp.column(TIER, table="placed")),
        exp.column("points", table="ranks").eq(exp.column(RISK, table="placed")),
    )
    query = exp.select(
        *(exp.alias_(exp.column(each, table="placed"), name(each)) for each in predicted),
        *(exp.alias_(term, name(each)) for each, term in place_customers(rule).items()),
    )
    query = query.from_(scored).join("ranks", on=same)
    for step, select in (steps | rank_steps(rule)).items():
        query = query.with_(step, as_=select, copy=False)
    return write_sql(_quote(query), dialect, {SOURCE: table}, pretty=False)


def _add_predictions(columns: Columns, models: Mapping[str, Model], kinds: Kinds) -> None:
    churn, value = models["churn"], models.get("value")
    assert isinstance(churn, ChurnModel)
    add_churn(columns, churn, kinds)
    if value is None:
        columns.add(VALUE, number(0.0))
        return
    assert isinstance(value, ValueModel)
    add_value(columns, value, kinds)


def _quote(query: exp.Expr) -> exp.Expr:
    for each in query.find_all(exp.Identifier):
        each.set("quoted", True)
    return query
