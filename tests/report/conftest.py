"""A small shop, made by hand and by a seed: the tables of one run, with names that try to break a
page.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast import tables
from holdfast.campaigns.score_totals import sum_up_segments as segment_summary
from holdfast.evaluation.evidence import DIFFERENCE
from holdfast.report.charts import drawings
from holdfast.report.render import Drawing
from holdfast.report.report_data import Report
from holdfast.study import Study
from holdfast.windows import parse_day

N = 400
CUTOFF = parse_day("2024-07-01")
CUTOFFS = [parse_day("2024-01-01"), parse_day("2024-04-01")]
HOSTILE = [
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    "مؤسسة النور",
    "Zoë & Co 🦊",
    "a\x00b\u202ec",
    "-12",
    '"q",q',
]
FEATURES = ["days_since_last_purchase", "spend_90d", "<b>n</b>", "gap_mean", "never"]
TIERS = {
    "low": ("Hibernating", "Losing Customer"),
    "mid": ("Promising", "Vulnerable"),
    "high": ("Champion", "At-Risk VIP"),
}


def _scores(rng: np.random.Generator) -> pl.DataFrame:
    ids = [*HOSTILE, *(f"C{k:04d}" for k in range(N - len(HOSTILE)))]
    revenue = np.sort(rng.lognormal(5, 1, N))
    tier = np.repeat(["low", "mid", "high"], [132, 136, 132])
    risk = rng.permutation(N) / N
    frame = pl.DataFrame(
        {
            "customer_id": ids,
            "churn_probability": risk**2,
            "expected_revenue": revenue,
            "risk_score": risk,
            "value_tier": tier,
        }
    )
    rank = pl.col("risk_score").rank() / pl.len()
    frame = frame.with_columns(
        pl.lit(CUTOFF, pl.Int32).alias("cutoff_day"), risk_rank=rank.over("value_tier")
    )
    segment = [
        TIERS[name][int(rank >= 0.75)]
        for name, rank in frame.select("value_tier", "risk_rank").iter_rows()
    ]
    at_stake = pl.col("churn_probability") * pl.col("expected_revenue")
    frame = frame.with_columns(segment=pl.Series(segment), at_stake=at_stake)
    return tables.SCORES.check(_filled(frame, tables.SCORES))


def _filled(frame: pl.DataFrame, contract: tables.Contract) -> pl.DataFrame:
    """Add the columns that may be missing, as missing, and put all in the contract's order."""
    lacking = [column for column in contract.columns if column.name not in frame.columns]
    known = frame.with_columns(pl.lit(None, column.dtype).alias(column.name) for column in lacking)
    return known.select(contract.schema.names())


def _contributions(rng: np.random.Generator) -> pl.DataFrame:
    parts = []
    for task, sign in (("churn", 1.0), ("value", -50.0)):
        for place, name in enumerate(FEATURES):
            value = rng.gamma(2, 10, 150) if name != "never" else np.full(150, np.nan)
            effect = sign * (value - 20) / 10 / (place + 1) if name != "never" else np.zeros(150)
            part = pl.DataFrame({"value": value, "contribution": effect}).with_columns(
                pl.col("value").fill_nan(None)
            )
            names = {
                "task": pl.lit(task),
                "feature": pl.lit(name),
                "customer_id": pl.Series([f"C{k:04d}" for k in range(150)]),
            }
            parts.append(part.with_columns(**names))
    return tables.CONTRIBUTIONS.check(pl.concat(parts).select(tables.CONTRIBUTIONS.schema.names()))


def _importance(contributions: pl.DataFrame) -> pl.DataFrame:
    mean = contributions.group_by("task", "feature", maintain_order=True).agg(
        mean_abs_contribution=pl.col("contribution").abs().mean()
    )
    relative = pl.col("mean_abs_contribution") / pl.col("mean_abs_contribution").max().over("task")
    return tables.IMPORTANCE.check(mean.with_columns(relative=relative))


def _predictions(rng: np.random.Generator) -> pl.DataFrame:
    parts = []
    for cutoff in CUTOFFS:
        chance = rng.beta(1, 2, N)
        revenue = rng.lognormal(4, 1, N)
        parts.append(
            pl.DataFrame(
                {
                    "customer_id": [f"C{k:04d}" for k in range(N)],
                    "cutoff_day": np.full(N, cutoff, dtype=np.int32),
                    "churned": rng.random(N) < chance,
                    "churn_probability": chance,
                    "churn_baseline": np.round(chance * rng.random(N), 1),
                    "future_revenue": revenue,
                    "expected_revenue": revenue * rng.lognormal(0, 0.5, N),
                    "value_baseline": np.full(N, 50.0),
                }
            )
        )
    return tables.PREDICTIONS.check(_filled(pl.concat(parts), tables.PREDICTIONS))


def _evidence() -> pl.DataFrame:
    better = {
        "churn": {"roc_auc": 0.8, "brier": 0.15, "f1": 0.5},
        "value": {"wape": 0.6, "total_ratio": 1.1, "rmse": 250.0},
    }
    naive = {
        "churn": {"roc_auc": 0.7, "brier": 0.2, "f1": 0.6},
        "value": {"wape": 0.7, "total_ratio": 0.5, "rmse": float("nan")},
    }
    models = {"churn": "baseline: recency rank", "value": "baseline: trailing revenue"}
    rows = [
        (cutoff, task, model, metric, value, value - 0.02, value + 0.02)
        for cutoff in CUTOFFS
        for task in better
        for model, values in (
            ("champion", better[task]),
            ("catboost", better[task]),
            (models[task], naive[task]),
        )
        for metric, value in values.items()
    ]
    rows += [
        (cutoff, "churn", DIFFERENCE, metric, 0.1, 0.02, 0.2)
        for cutoff in CUTOFFS
        for metric in ("roc_auc", "brier")
    ]
    return tables.EVIDENCE.check(pl.DataFrame(rows, schema=tables.EVIDENCE.schema, orient="row"))


def _recovery(segments: pl.DataFrame) -> pl.DataFrame:
    rows = [
        ("At-Risk VIP", 33, 50.0, 0.45, 1650.0, 9000.0, 7350.0, 445.5, 0.0825, "assumed"),
        ("Losing Customer", 33, 5.0, 0.15, 165.0, 0.0, -165.0, -100.0, None, "assumed"),
    ]
    return tables.RECOVERY.check(pl.DataFrame(rows, schema=tables.RECOVERY.schema, orient="row"))


def _reasons(scores: pl.DataFrame) -> pl.DataFrame:
    rows = [
        (
            name,
            "churn",
            rank,
            "days_since_last_purchase",
            "74",
            1.0 / rank,
            f"no order for {74 * rank} days; usually every 21",
        )
        for name in scores["customer_id"]
        for rank in (1, 2)
    ]
    return tables.REASONS.check(pl.DataFrame(rows, schema=tables.REASONS.schema, orient="row"))


def _summary(scores: pl.DataFrame) -> dict[str, Any]:
    learnt = {"algorithm": "lightgbm", "cross_validated": None}
    proved = {
        "test_cutoffs": ["2024-01-01", "2024-04-01"],
        "range": {"roc_auc": [0.75, 0.85], "brier": [0.15, 0.15]},
        "expected": {"roc_auc": [0.7, 0.9]},
        "against_baseline": {"roc_auc": {"verdict": "better"}, "brier": {"verdict": "worse"}},
    }
    naive = {"name": "baseline: recency rank", "roc_auc": 0.7, "brier": 0.2}
    reason = {
        "task": "churn",
        "feature": "x",
        "sentence": "Days since <the> last purchase",
        "relative": 1.0,
    }
    note = {
        "name": "absent-signal",
        "severity": "note",
        "evidence": "no <cart>",
        "meaning": "m",
        "fix": "f",
    }
    fatal = {
        "name": "circular-label",
        "severity": "fatal",
        "evidence": "a formula",
        "meaning": "no proof",
        "fix": "use a log",
    }
    return {
        "run_id": "20240701T090000Z-ab12",
        "created_at": "2024-07-01T09:00:00Z",
        "study": {"name": "shop", "currency": "GBP", "kind": "log"},
        "rows": {"read": 1000, "accepted": 900, "set_aside": 88, "quarantined": 12},
        "reasons": {"transactions": {"no customer": 88, "the date is <unreadable>": 12}},
        "customers": scores.height,
        "cutoff_day": CUTOFF,
        "cutoff_date": "2024-07-01",
        "churn": learnt
        | proved
        | {"horizon_days": 90, "roc_auc": 0.8, "brier": 0.15, "baseline": naive},
        "value": learnt | {"horizon_days": 180, "wape": 0.6, "spearman": None, "baseline": None},
        "share_at_risk": 0.25,
        "expected_revenue": 100_000.0,
        "at_stake": 12_345.0,
        "top_reasons": [reason],
        "findings": [note, fatal],
        "seconds": {"ingest": 1.25, "report": 2.0},
    }


def _forecast() -> pl.DataFrame:
    """Eight weeks of the company."""
    weeks = {
        "group_kind": "company",
        "group": "all",
        "days": 7,
        "low_80": 3000.0,
        "high_80": 6000.0,
    }
    rows = [
        {**weeks, "week_start_day": 19905 + 7 * k, "expected_revenue": 4500.0 - 50 * k}
        for k in range(8)
    ]
    return tables.FORECAST.check(pl.DataFrame(rows, schema=tables.FORECAST.schema))


LOG = {
    "study": {"name": "shop <i>&</i>", "currency": "GBP", "seed": 7},
    "transactions": {
        "path": "orders.csv",
        "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
    },
    "acknowledge": ["circular-label"],
}


@pytest.fixture(scope="session")
def report() -> Report:
    """An order log of 400 customers, proved at two cutoffs."""
    rng = np.random.default_rng(0)
    scores, contributions = _scores(rng), _contributions(rng)
    segments = segment_summary(scores)
    return Report(
        study=Study.from_dict(LOG),
        summary=_summary(scores),
        scores=scores,
        reasons=_reasons(scores),
        contributions=contributions,
        importance=_importance(contributions),
        segments=segments,
        recovery=_recovery(segments),
        predictions=_predictions(rng),
        evidence=_evidence(),
        horizon_evidence=_evidence()
        .filter(pl.col("metric").is_in(["brier", "wape"]))
        .select(pl.lit(30, pl.Int32).alias("horizon_days"), pl.all()),
        forecast=_forecast(),
        days=pl.DataFrame(
            {"day": range(19800, 19905), "purchases": 20, "revenue": 700.0},
            schema=tables.DAYS.schema,
        ),
        versions={"polars": "2.1.0"},
    )


@pytest.fixture(scope="session")
def bare(report: Report) -> Report:
    """A snapshot without a value label of which nothing could be proved or explained."""
    snapshot = {
        "path": "customers.csv",
        "columns": {"customer_id": "c"},
        "as_of": "2024-07-01",
        "labels": {"churned": "gone"},
    }
    nothing = {
        "algorithm": "lightgbm",
        "horizon_days": None,
        "cross_validated": None,
        "baseline": None,
    }
    summary = dict(report.summary) | {
        "churn": nothing,
        "value": {**nothing, "algorithm": None},
        "findings": [],
        "top_reasons": [],
        "reasons": {},
    }
    return Report(
        study=Study.from_dict({"study": {"name": "snapshot"}, "snapshot": snapshot}),
        summary=summary,
        scores=report.scores,
        segments=report.segments,
        reasons=tables.REASONS.empty(),
        contributions=tables.CONTRIBUTIONS.empty(),
        importance=tables.IMPORTANCE.empty(),
        recovery=tables.RECOVERY.empty(),
        predictions=tables.PREDICTIONS.empty(),
        evidence=tables.EVIDENCE.empty(),
    )


@pytest.fixture(scope="session")
def drawn(report: Report) -> Sequence[Drawing]:
    """Every chart of the log, laid out."""
    return list(drawings(report))


@pytest.fixture(scope="session")
def drawn_bare(bare: Report) -> Sequence[Drawing]:
    """Every chart of the bare snapshot, laid out."""
    return list(drawings(bare))


@pytest.fixture
def proved() -> Callable[..., pl.DataFrame]:
    """PREDICTIONS of one cutoff from plain lists."""

    def table(
        churned: list[bool], churn: list[float], revenue: list[float], expected: list[float]
    ) -> pl.DataFrame:
        n = len(churned)
        columns = {
            "customer_id": [f"C{k}" for k in range(n)],
            "cutoff_day": [100] * n,
            "churned": churned,
            "churn_probability": churn,
            "churn_baseline": [None] * n,
            "future_revenue": revenue,
            "expected_revenue": expected,
            "value_baseline": [None] * n,
        }
        known = pl.DataFrame(
            columns, schema_overrides={name: tables.PREDICTIONS.schema[name] for name in columns}
        )
        return tables.PREDICTIONS.check(_filled(known, tables.PREDICTIONS))

    return table
