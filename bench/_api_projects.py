"""Projects to serve: a snapshot run whose scores are tiled to any number of customers, and a small
order log.

Only the table of scores is large, for it is what `GET /predict/{id}` reads. Its rows repeat those
of 2,000 simulated customers under names of their own; models, features and reasons are those of the
2,000. The models are of the original system's kind and size: LightGBM (100 trees) for churn, a
forest of 200 deep trees for value.
"""

from pathlib import Path

import numpy as np
import polars as pl

from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence, Steps
from holdfast.runs.run import facts, write_json, write_tables
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.serving.load import mark_loaded
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.synthetic import Shop

LEARNT_FROM = 2_000
FEATURES = {
    "Recency": 45,
    "Frequency": 13,
    "Monetary": 1560.0,
    "Avg_Order_Value": 120.0,
    "Session_Count": 25,
    "Avg_Session_Duration": 8.5,
    "Pages_Viewed": 60,
    "Clicks": 120,
    "Campaign_Response": 1,
    "Wishlist_Adds": 4,
    "Cart_Abandon_Rate": 10.0,
    "Returns": 1,
}


def snapshot_project(folder: Path, *, customers: int) -> list[str]:
    """Publish two runs of a snapshot, which differ in every prediction; the second is the
    champion.
    """
    _write_snapshot(folder / "customers.parquet")
    runs = []
    for seed in (1, 2):
        study = _snapshot_study(folder, seed)
        runs.append(_published(study, f"2026-01-0{seed}T00:00:00Z", customers=customers).run_id)
        Registry(folder / "runs").promote(runs[-1])
    return runs


def log_project(folder: Path) -> Study:
    """Publish a run of a simulated shop of 500 customers."""
    simulate_to(folder, Shop(n_customers=500, n_days=500, seed=3))
    raw = Study.from_toml(folder / "holdfast.toml")
    plan = raw.backtest.model_copy(update={"count": 1, "max_training_cutoffs": 3})
    study = raw.model_copy(update={"backtest": plan})
    Registry(folder / "runs").promote(
        _published(study, "2026-01-01T00:00:00Z", customers=None).run_id
    )
    return study


def name_of(number: int) -> str:
    """The name of a tiled customer."""
    return f"CUST{number:08d}"


def _write_snapshot(path: Path) -> None:
    rng, n = np.random.default_rng(0), LEARNT_FROM
    frequency = rng.integers(1, 50, n)
    value = {
        name: rng.gamma(2, level / 2, n) for name, level in FEATURES.items() if name != "Frequency"
    }
    recency = np.where(rng.random(n) < 0.2, 91, 0) + rng.integers(0, 90, n)
    frame = pl.DataFrame(
        {"Customer_ID": [name_of(i) for i in range(n)], "Frequency": frequency, **value}
    )
    frame.with_columns(pl.Series("Recency", recency)).write_parquet(path)


def _snapshot_study(folder: Path, seed: int) -> Study:
    hidden = ["Recency", "Monetary"]
    return Study.from_dict(
        {
            "study": {"name": "bench", "seed": seed},
            "project_dir": str(folder),
            "acknowledge": ["circular-label"],
            "snapshot": {
                "path": "customers.parquet",
                "as_of": "2024-12-31",
                "columns": {"customer_id": "Customer_ID"},
                "labels": {"churned": "Recency > 90", "value": "Monetary * ln(1 + Frequency)"},
                "derived": {
                    "Clicks_per_Page": "Clicks / (Pages_Viewed + 1)",
                    "Wishlist_Conversion": "Frequency / (Wishlist_Adds + 1)",
                },
                "hidden_from_churn": hidden,
                "hidden_from_value": hidden,
                "cross_validation_folds": 2,
            },
            "churn": {
                "algorithm": "lightgbm",
                "parameters": {"n_estimators": 100, "num_leaves": 31},
            },
            "value": {
                "algorithm": "random_forest",
                "parameters": {"n_estimators": 200, "max_depth": 15},
            },
            "segments": {
                "risk": {"churn_probability": 0.4, "Recency": 0.3, "Cart_Abandon_Rate": 0.3}
            },
        }
    )


def _published(study: Study, created_at: str, *, customers: int | None) -> Run:
    registry = Registry(Path(study.project_dir) / "runs")
    with registry.staging() as staging:
        (staging / "scratch").mkdir()
        with Warehouse(staging / "scratch") as warehouse:
            found = train_and_score(study, warehouse, Steps(Silence()))
        folder = staging / "run"
        summary = {"created_at": created_at, "seconds": {}, **found.summary}
        write_tables(folder, found)
        if customers is not None:
            _tile(found, customers).write_ipc(folder / "scores.arrow", compression="uncompressed")
        write_json(folder / "study.json", study.model_dump(mode="json"))
        write_json(folder / "summary.json", summary)
        run_id = f"{created_at.replace('-', '').replace(':', '')}-{study.seed:08x}"
        run = registry.publish(folder, run_id=run_id, facts=facts(study, found, summary))
    mark_loaded(run)
    return run


def _tile(found: Outcome, customers: int) -> pl.DataFrame:
    scores = found.tables["scores"]
    rows = pl.int_range(customers, eager=True)
    names = (
        pl.select(pl.lit("CUST") + rows.cast(pl.String).str.zfill(8))
        .to_series()
        .alias("customer_id")
    )
    return scores[(rows % scores.height)].with_columns(names)
