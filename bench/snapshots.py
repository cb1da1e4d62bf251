"""Snapshots: Holdfast beside the libraries' own defaults, on the same test customers.

Real tables and three simulated ones; a study names no algorithm. LightGBM is given the categories
as such, CatBoost as its authors advise; neither is tuned, and neither sees a hidden column.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from bench import _snapshot_tables, require_data
from bench._figures import Figure, at_most, show
from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.metrics import paired_interval
from holdfast.study import Study
from holdfast.training.fit_snapshot import prove

GOAL = 1.01
SEED = 42


@dataclass(frozen=True)
class Tried:
    """The customers set aside, and what each model says of them."""

    truth: Vector
    predicted: dict[str, Vector]

    def figures(self, table: str) -> Iterator[Figure]:
        """Each model's figures, and Holdfast's Brier score over the better of the others'."""
        brier = {name: metrics.brier(self.truth, each) for name, each in self.predicted.items()}
        ours = brier.pop("Holdfast")
        better = min(brier, key=lambda name: brier[name])
        for name, each in self.predicted.items():
            yield Figure(f"{table}, {name}: Brier", metrics.brier(self.truth, each))
            yield Figure(f"{table}, {name}: log loss", metrics.log_loss(self.truth, each))
            yield Figure(f"{table}, {name}: ROC-AUC", metrics.roc_auc(self.truth, each))
        yield at_most(f"{table}: Brier over {better}'s", ours / brier[better], GOAL)
        spread = paired_interval(
            metrics.brier, self.truth, self.predicted["Holdfast"], self.predicted[better], seed=SEED
        )
        for end in ("low", "high"):
            share = 1 + getattr(spread, end) / brier[better]
            yield Figure(f"{table}: the same, {end} end of its paired 95 % interval", share)


def try_table(settings: dict[str, Any], folder: Path, *, seed: int) -> Tried:
    """Read a snapshot, and learn it in three ways from the same customers."""
    study = Study.from_dict(
        {"study": {"name": "snapshot", "currency": "USD", "seed": seed}, "snapshot": settings}
    )
    with TemporaryDirectory() as scratch, Warehouse(Path(scratch)) as warehouse:
        snapshot = read_snapshot(study, warehouse)
    frame = snapshot.frame
    forecast = prove(study, "churn", frame, columns=snapshot.columns)
    assert study.snapshot is not None
    hidden = study.snapshot.hidden_columns("churn")
    inputs = frame.select(name for name in snapshot.columns if name not in hidden)
    test = frame["customer_id"].is_in(forecast.customer_id.implode()).to_numpy()
    truth = frame["churned"].cast(pl.Float64).to_numpy()
    order = frame.filter(test).select("customer_id").with_row_index()
    place = pl.DataFrame({"customer_id": forecast.customer_id}).join(
        order, on="customer_id", maintain_order="left"
    )["index"]
    return Tried(
        forecast.truth,
        {
            "Holdfast": forecast.predicted["champion"],
            "LightGBM": by_lightgbm(inputs, truth, test)[place.to_numpy()],
            "CatBoost": by_catboost(inputs, truth, test)[place.to_numpy()],
        },
    )


def by_lightgbm(inputs: pl.DataFrame, truth: Vector, test: Any) -> Vector:
    """What LightGBM's defaults predict of the test customers."""
    from lightgbm import LGBMClassifier

    words = inputs.select(pl.col(pl.String)).columns
    rows = inputs.to_pandas().astype(dict.fromkeys(words, "category"))
    model = LGBMClassifier(random_state=SEED, n_jobs=1, verbosity=-1)
    return np.asarray(model.fit(rows[~test], truth[~test]).predict_proba(rows[test])[:, 1])


def by_catboost(inputs: pl.DataFrame, truth: Vector, test: Any) -> Vector:
    """What CatBoost's defaults predict of the test customers."""
    from catboost import CatBoostClassifier

    words = inputs.select(pl.col(pl.String)).columns
    rows = inputs.with_columns(pl.col(words).fill_null("(nothing)")).to_pandas()
    model = CatBoostClassifier(
        random_seed=SEED, thread_count=1, verbose=False, allow_writing_files=False
    )
    model.fit(rows[~test], truth[~test], cat_features=words)
    return np.asarray(model.predict_proba(rows[test])[:, 1])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--seed", type=int, default=SEED, help="of the customers set aside")
    parser.add_argument("--only", help="one table, by the beginning of its name")
    asked = parser.parse_args()
    data = require_data()
    figures: list[Figure] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for table, settings in _snapshot_tables.snapshots(data, folder):
            if asked.only is None or table.startswith(asked.only):
                figures += try_table(settings(), folder, seed=asked.seed).figures(table)
    show(figures, as_json=asked.json)


if __name__ == "__main__":
    main()
