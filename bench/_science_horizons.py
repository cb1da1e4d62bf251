"""Every horizon: no answer contradicts another, and each is held against what came at the run's own
test cutoffs.

Whole runs of the three public logs by the studies in `examples/`, and of a simulated shop.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._figures import Figure, at_most
from holdfast.report.ranking_curves import by_horizon
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.windows import date_of

EXAMPLES = Path(__file__).parents[1] / "examples"
LOGS = {"Online Retail II": "online_retail_ii", "CDNOW": "cdnow", "grocery": "grocery"}
SHOP = Shop(n_customers=3000, seed=7)
_RISING = (
    "expected_purchases",
    "expected_revenue",
    "low_80",
    "high_80",
    "low_95",
    "high_95",
    "median_revenue",
)
_NESTED = ("low_95", "low_80", "median_revenue", "high_80", "high_95")
_ROUNDING = 1e-9


def horizons(_: Path) -> Iterator[Figure]:
    """Contradictions in what each run tells, then how every horizon held."""
    for name, folder in LOGS.items():
        with TemporaryDirectory(prefix="holdfast-") as scratch:
            study = Study.from_toml(EXAMPLES / folder / "holdfast.toml")
            yield from _of_run(name, run(study.model_copy(update={"project_dir": Path(scratch)})))
    with TemporaryDirectory(prefix="holdfast-") as scratch:
        simulate_to(Path(scratch), SHOP)
        yield from _of_run("simulated shop", run(Study.from_toml(Path(scratch) / "holdfast.toml")))


def _of_run(name: str, found: Run) -> Iterator[Figure]:
    yield at_most(f"horizons, {name}: contradictions", contradictions(found.table("horizons")), 0)
    proved = by_horizon(found.table("horizon_evidence"))
    for row in proved.iter_rows(named=True):
        place = f"horizons, {name}, {row['horizon_days']} days from {date_of(row['cutoff_day'])}"
        yield _beside(f"{place}: Brier", row, "brier")
        if row["wape"] is not None:
            yield _beside(f"{place}: WAPE of the mean", row, "wape")
        if row["coverage_80"] is not None:
            yield Figure(f"{place}: 80 % interval holds", row["coverage_80"])
    worse = [row for row in proved.iter_rows(named=True) if row["brier"] > row["naive_brier"]]
    yield Figure(
        f"horizons, {name}: worse Brier than by recency alone, of {proved.height}",
        float(len(worse)),
    )


def _beside(what: str, row: Mapping[str, float], metric: str) -> Figure:
    return Figure(f"{what}, naive {row[f'naive_{metric}']:.3f}", row[metric])


def contradictions(told: pl.DataFrame) -> int:
    """Pairs of neighbouring horizons of one customer, or of bounds of one horizon, that cannot both
    be true.
    """
    ordered = told.sort("customer_id", "horizon_days")
    broken = [pl.col("churn_probability").diff().over("customer_id") > _ROUNDING]
    broken += [pl.col(name).diff().over("customer_id") < -_ROUNDING for name in _RISING]
    broken += [pl.col(low) > pl.col(high) + _ROUNDING for low, high in pairwise(_NESTED)]
    counts = ordered.select(each.sum().alias(f"{k}") for k, each in enumerate(broken))
    outside = ordered.filter(~pl.col("churn_probability").is_between(0, 1)).height
    return int(np.sum(counts.row(0))) + outside


SECTIONS = {"horizons": horizons}
