"""Monitoring of a run: how far its customers have drifted in a month, what performance is to be
expected of it, and how the runs published before it fared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.features import feature_tables
from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.models.fitted_models import Model
from holdfast.monitor.drift import MONTH_DAYS, compare, freeze, history_days
from holdfast.monitor.expected import expect_performance
from holdfast.monitor.findings import describe_drift, describe_realised
from holdfast.monitor.realised import measure_realised
from holdfast.report.monitor_tables import ASSUMPTION
from holdfast.runs.challenge import Challenge
from holdfast.serving.load import load_study, read_table
from holdfast.serving.score import Scored, add_predictions
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import DRIFT, REALISED, json_rows
from holdfast.windows import date_of, parse_day

_CUSTOMERS = 20_000
"""Of one day or of one run: above, a sample by a hash of their names."""
_FROZEN = 100_000
"""Customers that a reference counts: a matrix of a million would double the memory of a run."""
_PAST_RUNS, _DAYS_APART = 12, 28
_PREDICTED = ("churn_probability", "expected_revenue", "segment")
_SHOWN = ("drift", "expected", "realised")
FINDINGS = (
    "customers-have-drifted", "words-never-seen", "order-of-risk-is-worse", "churn-not-as-expected",
    "revenue-not-as-expected", "intervals-miss-outcomes", "challenger-refused", "challenger-worse",
)  # fmt: skip
"""Names of what monitoring finds."""
_BOUNDS = ("low_80", "high_80", "low_95", "high_95")


@dataclass(frozen=True)
class Watched:
    """What monitoring adds to a run."""

    tables: Mapping[str, pl.DataFrame]
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Made:
    """What a run has made by the time that it is monitored: its models, today's FEATURES, their
    scores, and HORIZONS.
    """

    models: Mapping[str, Model]
    frame: pl.DataFrame
    scored: Scored
    horizons: pl.DataFrame


def watch(
    study: Study, log: OrderLog, warehouse: Warehouse, made: Made, published: Iterable[Run]
) -> Watched:
    """Look at drift, at what is to be expected, and at what came of earlier predictions.

    Parameters
    ----------
    published
        Runs that were published, the newest first.
    """
    history = _read_history(study, log, warehouse, made)
    drift = drift_of_the_month(history, times=study.monitor.drift_times)
    realised = measure_published(study, warehouse, published, end_day=log.end_day)
    predicted = made.scored.scores.select("customer_id", *_PREDICTED)
    frame = made.frame
    if frame.height > _FROZEN:
        frame = frame.sample(_FROZEN, seed=study.seed)
    today = frame.join(predicted, on="customer_id", maintain_order="left")
    since = date_of(log.end_day - MONTH_DAYS).isoformat()
    return Watched(
        {
            "reference": freeze(today, history),
            "drift": drift,
            "expected": expect_performance(made.horizons),
            "realised": realised,
        },
        (*describe_drift(drift, since=since), *describe_realised(realised, study.monitor)),
    )


def _read_history(
    study: Study, log: OrderLog, warehouse: Warehouse, made: Made
) -> list[pl.DataFrame]:
    """What is watched, on the days up to today that tell how far it usually moves, in time order,
    of a sample of customers; nothing where there are too few to say.
    """
    if made.frame.height < study.monitor.least_customers:
        return []
    days = history_days(log.end_day, first_day=log.first_day + study.backtest.min_history_days)
    table = feature_tables.features(
        study,
        warehouse,
        days,
        customers_at_most=_CUSTOMERS,
        recent_days=study.asks_for_sequence,
    )
    scored = made.scored.rule.assign(add_predictions(made.models, table))
    watched = scored.select(*made.frame.columns, *_PREDICTED)
    return watched.partition_by("cutoff_day", maintain_order=True)


@dataclass(frozen=True)
class Monitoring:
    """What a run keeps of its monitoring: DRIFT, EXPECTED, REALISED, its findings, and how it stood
    beside the run published before it.
    """

    run_id: str
    cutoff_date: str
    drift: pl.DataFrame
    expected: pl.DataFrame
    realised: pl.DataFrame
    findings: Sequence[Mapping[str, Any]]
    challenger: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        tables = {name: json_rows(getattr(self, name)) for name in _SHOWN}
        return {
            "run_id": self.run_id, "cutoff_date": self.cutoff_date, "assumption": ASSUMPTION,
            "findings": list(self.findings), "challenger": dict(self.challenger), **tables,
        }  # fmt: skip


def read_monitoring(run: Run) -> Monitoring:
    """Read it; without rows of a snapshot, and of a run that is older than monitoring."""
    tables = {name: read_table(run, name) for name in _SHOWN}
    findings = [each for each in run.summary["findings"] if each["name"] in FINDINGS]
    challenger = run.summary.get("challenger") or Challenge().as_dict(load_study(run))
    return Monitoring(
        run.run_id, run.summary["cutoff_date"], **tables, findings=findings, challenger=challenger
    )


def drift_of_the_month(history: Sequence[pl.DataFrame], *, times: float) -> pl.DataFrame:
    """DRIFT of the last of some days against the one a month before it; without rows where that is
    not known.
    """
    if not history:
        return DRIFT.empty()
    today = history[-1]
    month_ago = int(today["cutoff_day"][0]) - MONTH_DAYS
    before = [each for each in history if int(each["cutoff_day"][0]) <= month_ago]
    if not before or int(before[-1]["cutoff_day"][0]) != month_ago:
        return DRIFT.empty()
    return compare(freeze(before[-1], before), today, times=times)


def measure_published(
    study: Study, warehouse: Warehouse, published: Iterable[Run], *, end_day: int
) -> pl.DataFrame:
    """REALISED of the runs that were published and of which a window has ended."""
    matured = choose_matured(study, published, end_day=end_day)
    predictions = [table for run in matured if (table := _predictions(run)) is not None]
    if not predictions:
        return REALISED.empty()
    predicted = pl.concat(predictions)
    keys = ["customer_id", "cutoff_day"]
    labels = feature_tables.labels(
        study, warehouse, predicted.select(keys).unique(), end_day=end_day
    )
    revenue = pl.col("future_revenue_minor") / 10**study.minor_digits
    return measure_realised(predicted, labels.with_columns(future_revenue=revenue), seed=study.seed)


def choose_matured(study: Study, published: Iterable[Run], *, end_day: int) -> Iterator[Run]:
    """Yield those of the study's own published runs whose shortest window has ended, four weeks
    apart.
    """
    latest, chosen = end_day - min(study.all_horizons), 0
    for run in published:
        if chosen == _PAST_RUNS:
            return
        is_own = run.manifest.get("study") == study.name and run.manifest.get("kind") == "log"
        day = parse_day(run.manifest["cutoff_date"]) if is_own else end_day
        if day <= latest and load_study(run).currency == study.currency:
            yield run
            latest, chosen = day - _DAYS_APART, chosen + 1


def _predictions(run: Run) -> pl.DataFrame | None:
    """What a run said over every horizon, of a sample of its customers; None of an older run."""
    horizons = read_table(run, "horizons")
    if horizons.is_empty():
        return None
    names = horizons["customer_id"].unique().sort()
    if len(names) > _CUSTOMERS:
        sample = names.sample(_CUSTOMERS, seed=0).implode()
        horizons = horizons.filter(pl.col("customer_id").is_in(sample))
    day = pl.lit(parse_day(run.manifest["cutoff_date"]), pl.Int32)
    wanted = ("customer_id", "horizon_days", "churn_probability", "expected_revenue", *_BOUNDS)
    return horizons.select(pl.lit(run.run_id).alias("run_id"), day.alias("cutoff_day"), *wanted)
