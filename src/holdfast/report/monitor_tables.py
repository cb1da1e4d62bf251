"""The tables of monitoring: what is to be expected of the predictions before their outcomes are
known, what came of earlier ones, and which features have moved.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table

ASSUMPTION = "as long as customers like these do what such customers did"
"""What CBPE stands on, wherever a figure of it is shown."""
_FEATURES = 10


def expected_performance(table: pl.DataFrame) -> Table:
    """EXPECTED: how good the predictions are to be, horizon by horizon."""
    churn = Col(
        "churn_rate",
        "Will not buy",
        "percent",
        "{churn_rate} ({churn_rate_low} to {churn_rate_high})",
    )
    columns = ("horizon_days customers", churn, "roc_auc:score brier:ratio")
    return make_table(f"To be expected, {ASSUMPTION}", table, *columns)


def realised_performance(table: pl.DataFrame) -> Table:
    """REALISED: a row for each earlier run and horizon, what came and, in brackets, what was
    expected.
    """
    keys = ["cutoff_day", "horizon_days", "customers", "run_id"]
    wide = table.pivot("metric", index=keys, values=["value", "expected"])
    rows = wide.sort("cutoff_day", "horizon_days", descending=[True, False])
    columns = [
        Col(f"value_{name}", heading, kind, pattern)
        for name, (heading, kind, pattern) in _MEASURED.items()
        if f"value_{name}" in rows.columns
    ]
    caption = "What came of earlier predictions and, in brackets, what was expected"
    return make_table(caption, rows, "cutoff_day horizon_days customers", *columns)


_MEASURED = {
    "churn_rate": ("Did not buy", "percent", "{value_churn_rate} ({expected_churn_rate})"),
    "roc_auc": ("ROC-AUC", "score", "{value_roc_auc} ({expected_roc_auc})"),
    "brier": ("Brier score", "ratio", "{value_brier} ({expected_brier})"),
    "total_ratio": ("Predicted / actual revenue", "score", ""),
    "coverage_80": ("In the 80% interval", "percent", ""),
}


def drift(table: pl.DataFrame, *, at_most: int = _FEATURES) -> Table:
    """DRIFT: the features that moved farthest beside their usual month."""
    index = Col("stability_index", "Stability index", "ratio", "{stability_index} ({index_limit})")
    distance = Col("distance", "Distance", "ratio", "{distance} ({distance_limit})")
    rows = table.head(at_most).with_columns(
        has_drifted=pl.col("has_drifted").replace_strict(
            {True: "yes", False: "no"}, return_dtype=pl.String
        )
    )
    columns = (
        "feature:feature group customers",
        index,
        distance,
        Col("times", "Times the usual", "score"),
        Col("has_drifted", "Drifted"),
    )
    caption = "Moved farthest in a month and, in brackets, how far a usual month goes"
    return make_table(caption, rows, *columns)


def contests(summary: Mapping[str, Any]) -> Table:
    """How the run stood beside the one that was published before it."""
    rows = (summary.get("challenger") or {}).get("contests", [])
    shown = [{**row, "worse": "worse" if row["worse"] else "not certainly worse"} for row in rows]
    difference = Col("difference", "More error", "ratio", "{difference} ({low} to {high})")
    columns = (
        "task",
        Col("published", "Published run"),
        "customers",
        difference,
        Col("worse", "This run is"),
    )
    return make_table(
        "Beside the published run, on days that neither had learnt from", shown, *columns
    )


def explain_no_contest(summary: Mapping[str, Any]) -> list[str]:
    """Why a task was not compared with the published run, a sentence each."""
    not_held = (summary.get("challenger") or {}).get("not_held", {})
    return [
        f"{formatting.capital(task)} was not compared with the published run: {why}."
        for task, why in not_held.items()
    ]


def describe_monitoring(drifted: pl.DataFrame, came: pl.DataFrame) -> str:
    """What monitoring says, in a sentence or two."""
    n, runs = int(drifted["has_drifted"].sum()), came["run_id"].n_unique()
    farther = "moved farther in a month than is usual."
    if drifted.is_empty():
        moved = "The log is too short to say what moves in a month."
    else:
        moved = f"{formatting.plural(n, 'feature') if n else 'No feature'} {farther}"
    if not runs:
        return f"{moved} No outcome of an earlier published run is known yet."
    return f"{moved} Outcomes of {formatting.plural(runs, 'earlier run')} are known."
