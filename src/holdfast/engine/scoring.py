"""Scoring in buckets: today's features, predictions, segments, horizons and reasons of the
customers of one bucket, by models that were learnt elsewhere.

Three passes, because the segment rule is learnt of all customers: predictions and the ranges of the
risk signals; how many customers have which risk score; and all the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial

import numpy as np
import polars as pl

from holdfast.arrays import Floats
from holdfast.campaigns.score_totals import ScoreTotals, sum_up_segments
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import Engine, Facts, gather
from holdfast.engine.exact import quantiles
from holdfast.engine.reading import activity_of
from holdfast.errors import NotEnoughData
from holdfast.explain import Wording, explain
from holdfast.features import feature_tables
from holdfast.ingest.contacts.addresses import read_addresses
from holdfast.ingest.contacts.permissions import read_permissions
from holdfast.models.fitted_models import FittedModels
from holdfast.models.revenue_forecast import add_up
from holdfast.report.exports.customer_rows import first_customers
from holdfast.runs.activity_tables import read_record
from holdfast.segments import WITHOUT_VALUE, Range, SegmentRule, signal_ranges
from holdfast.serving.load import rebuild_fitted
from holdfast.serving.score import add_predictions, assign
from holdfast.study import Study
from holdfast.training.horizon_tables import look_ahead, sum_up_groups

FIRST = 1_000
"""So many customers with most at stake of each bucket are known to the driver."""
_EXPLAINED = 50
"""Of so many of them it has the reasons."""
_COUNTS = ("days", "months", "lifetimes")


@dataclass(frozen=True)
class Scoring:
    """What whoever works on a bucket needs to score its customers.

    Attributes
    ----------
    rows, work, tables
        Holds `activity`; takes what only this run needs; takes the run's tables.
    models
        What `FittedModels.parts` gives.
    end_day
        First day after the log.
    """

    study: Study
    rows: BucketFolder
    work: BucketFolder
    tables: BucketFolder
    models: tuple[tuple[str, bytes], ...]
    end_day: int

    @property
    def fitted(self) -> FittedModels:
        """The models, rebuilt once for each process."""
        return _rebuild(self.models)


@lru_cache(maxsize=2)
def _rebuild(parts: tuple[tuple[str, bytes], ...]) -> FittedModels:
    return rebuild_fitted(dict(parts))


def learn_rule(engine: Engine, scoring: Scoring, buckets: Sequence[int]) -> tuple[SegmentRule, int]:
    """Predict for everybody, and learn the segment rule that one warehouse would learn.

    Returns
    -------
    tuple
        The rule, and how many customers are scored.

    Raises
    ------
    NotEnoughData
        Nobody is eligible.
    """
    settings = scoring.study.segments
    n_customers, facts = predict_all(engine, scoring, buckets)
    boundaries = WITHOUT_VALUE
    if any(gather(facts, "has_value")):
        low, high = quantiles(
            engine,
            partial(_read_revenue, scoring.work),
            buckets,
            n_values=n_customers,
            shares=settings.value_tiers,
        )
        boundaries = low, high
    drafted = SegmentRule.draft(settings, boundaries, _merge_ranges(gather(facts, "ranges")))
    engine.map(partial(_count_risk, scoring, drafted), buckets)
    counts = scoring.work.whole("risk_counts")
    assert counts is not None
    return drafted.with_ranks(counts), n_customers


def predict_all(
    engine: Engine, scoring: Scoring, buckets: Sequence[int]
) -> tuple[int, list[Facts]]:
    """Write features and predictions of everybody.

    Returns
    -------
    tuple
        How many customers are scored; what each bucket tells.

    Raises
    ------
    NotEnoughData
        Nobody is eligible.
    """
    facts = engine.map(partial(_predict, scoring), buckets)
    n_customers = sum(gather(facts, "customers"))
    if not n_customers:
        raise NotEnoughData(
            f"no customer is eligible ({scoring.study.churn.eligible})", fix="widen churn.eligible"
        )
    return n_customers, facts


def _predict(scoring: Scoring, bucket: int) -> Facts:
    """Write features and predictions, and tell the ranges of the risk signals."""
    study = scoring.study
    with activity_of(scoring.rows, bucket) as warehouse:
        if warehouse is None:
            return {}
        frame = feature_tables.features(
            study, warehouse, [scoring.end_day], recent_days=study.asks_for_sequence
        )
        record = read_record(study, warehouse, end_day=scoring.end_day, scored=frame)
        permissions = read_permissions(study, warehouse, scored=frame)
        addresses = read_addresses(study, warehouse, scored=frame)
    for name, table in (("permissions", permissions), ("addresses", addresses)):
        if table is not None:
            scoring.tables.write(name, bucket, table)
    for name in ("purchases", "unscored"):
        scoring.tables.write(name, bucket, getattr(record, name))
    for name in _COUNTS:
        scoring.work.write(f"record_{name}", bucket, record.counts[name])
    if frame.is_empty():
        return {}
    scoring.tables.write("features", bucket, frame)
    base = add_predictions(scoring.fitted.tasks, frame)
    predicted = base.select("customer_id", "churn_probability", "expected_revenue")
    scoring.work.write("predicted", bucket, predicted)
    ranges = signal_ranges(study.segments, base)
    return {
        "customers": frame.height,
        "has_value": bool(predicted["expected_revenue"].to_numpy().any()),
        "ranges": {name: [_or_none(each) for each in range_] for name, range_ in ranges.items()},
    }


def _or_none(number: float) -> float | None:
    """NaN as None, for JSON."""
    return None if np.isnan(number) else number


def _merge_ranges(
    ranges: Sequence[Mapping[str, Sequence[float | None]]],
) -> dict[str, Range]:
    merged: dict[str, Range] = {}
    for each in ranges:
        for name, ends in each.items():
            one = Range(*(np.nan if end is None else end for end in ends))
            merged[name] = merged[name] | one if name in merged else one
    return merged


def _read_revenue(work: BucketFolder, bucket: int) -> Floats:
    table = work.read("predicted", bucket, ["expected_revenue"])
    return table.to_series().to_numpy() if table.width else np.zeros(0)


def _base(scoring: Scoring, bucket: int) -> pl.DataFrame:
    """Features with predictions of a bucket; a table without rows where nobody is scored."""
    features = scoring.tables.read("features", bucket)
    if features.is_empty():
        return features
    predicted = scoring.work.read("predicted", bucket)
    return features.join(predicted, on="customer_id", how="left", maintain_order="left")


def _count_risk(scoring: Scoring, rule: SegmentRule, bucket: int) -> Facts:
    base = _base(scoring, bucket)
    if not base.is_empty():
        counts = rule.count(base).sort("value_tier", "risk_score")
        scoring.work.write("risk_counts", bucket, counts)
    return {}


@dataclass(frozen=True)
class Finishing:
    """What the last pass needs besides: the rule, how reasons are worded, and how many customers
    there are in all.
    """

    scoring: Scoring
    rule: SegmentRule
    wording: Wording
    n_customers: int


def finish_bucket(finishing: Finishing, bucket: int) -> Facts:
    """Write scores, horizons and reasons of a bucket, and what of them adds up."""
    scoring, study = finishing.scoring, finishing.scoring.study
    base = _base(scoring, bucket)
    if base.is_empty():
        return {}
    fitted = scoring.fitted
    frame = base.drop("churn_probability", "expected_revenue")
    scores = assign(finishing.rule, base).with_columns(
        margin_rate=pl.lit(study.value.margin_rate, pl.Float64)
    )
    scores, horizons = look_ahead(study, fitted, frame, scores)
    scoring.tables.write("scores", bucket, scores)
    scoring.tables.write("horizons", bucket, horizons)
    reasons, first = _reasons(finishing, frame, scores), first_customers(scores, FIRST)
    scoring.tables.write("reasons", bucket, reasons)
    scoring.work.write("segments", bucket, sum_up_segments(scores))
    scoring.work.write("sums", bucket, sum_up_groups(frame, scores, horizons))
    scoring.work.write("first", bucket, first)
    of_first = reasons.join(first.head(_EXPLAINED), on="customer_id", how="semi")
    scoring.work.write("first_reasons", bucket, of_first)
    return asdict(ScoreTotals.of(scores, threshold=study.churn.threshold))


def add_totals(facts: Sequence[Facts]) -> ScoreTotals:
    """Add up what each bucket tells of its scores, in their order."""
    parts = [each for each in facts if each]
    return ScoreTotals(**{name: sum(each[name] for each in parts) for name in parts[0]})


def _reasons(finishing: Finishing, frame: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Reasons of everybody where there are few customers, and else of those at high risk."""
    study, fitted = finishing.scoring.study, finishing.scoring.fitted
    everyone = finishing.n_customers <= study.explain.every_customer_up_to
    risky = scores.filter(pl.col("risk_rank") >= study.segments.high_risk_rank)
    explained = frame if everyone else frame.join(risky, on="customer_id", how="semi")
    settings = study.explain.model_copy(update={"every_customer_up_to": explained.height})
    return explain(
        fitted.tasks,
        explained,
        wording=finishing.wording,
        settings=settings,
        at_risk=pl.repeat(True, explained.height, dtype=pl.Boolean, eager=True),
        seed=study.seed,
    ).reasons


def add_sums(scoring: Scoring) -> pl.DataFrame:
    """The sums that a forecast is made of, over all customers."""
    return add_up([pl.read_parquet(path) for path in scoring.work.paths("sums")])


def read_counts(scoring: Scoring) -> dict[str, pl.DataFrame]:
    """The counts of the record of the log, of all customers one after the other."""
    counts = {name: scoring.work.whole(f"record_{name}") for name in _COUNTS}
    return {name: table for name, table in counts.items() if table is not None}
