"""Projects to look at: none, tiny, a log, a snapshot, and a million customers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench._tiled import tiled

from holdfast.runs.run import run as run_study
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop

SIMPLE = {"churn.algorithm": "logistic", "value.algorithm": "ridge"}
QUICK = SIMPLE | {
    "backtest.count": "1",
    "backtest.max_training_cutoffs": "3",
    "churn.calibrate": "false",
}
SNAPSHOT = """
[study]
name = "snapshot shop"
currency = "GBP"
[snapshot]
path = "customers.csv"
as_of = "2024-07-01"
columns = { customer_id = "id" }
labels = { churned = "gone", value = "worth" }
"""


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of which no run is published."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "holdfast.toml").write_text(SNAPSHOT, encoding="utf-8")
    return folder / "holdfast.toml"


@pytest.fixture(scope="session")
def log_project(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated shop with one run."""
    return (
        Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("log") / "shop"))
        / "holdfast.toml"
    )


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated shop of 60 customers with one run."""
    made = simulate_to(
        tmp_path_factory.mktemp("tiny") / "shop", Shop(n_customers=60, n_days=300, seed=3)
    )
    run_study(Study.from_toml(made.study, overrides=QUICK))
    return made.study


@pytest.fixture(scope="session")
def snapshot_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of 300 customers, some of whose names try to break a page, with one run."""
    folder = tmp_path_factory.mktemp("snapshot")
    rng = np.random.default_rng(1)
    n = 300
    visits, spend = rng.poisson(6, n), rng.lognormal(4, 0.7, n).round(2)
    gone = rng.random(n) < 1 / (1 + np.exp(visits - 5))
    names = [
        "<script>alert(1)</script>",
        "=1+1",
        "[x](https://example.com)",
        *(f"K{k:04d}" for k in range(n - 3)),
    ]
    worth = (spend * (1 + visits) * rng.lognormal(0, 0.3, n)).round(2)
    table = {"id": names, "visits": visits, "spend": spend, "gone": gone, "worth": worth}
    pl.DataFrame(table).write_csv(folder / "customers.csv")
    (folder / "holdfast.toml").write_text(SNAPSHOT, encoding="utf-8")
    run_study(Study.from_toml(folder / "holdfast.toml", overrides=SIMPLE))
    return folder / "holdfast.toml"


@pytest.fixture(scope="session")
def large_project(log_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A million customers: the log's, repeated."""
    folder = tmp_path_factory.mktemp("large")
    shutil.copytree(log_project.parent / "runs", folder / "runs")
    shutil.copy(log_project, folder)
    registry = Registry(folder / "runs")
    tiled(registry.open(), registry, customers=1_000_000)
    return folder / "holdfast.toml"


@pytest.fixture
def project_of(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """A project by its name."""
    return lambda name: request.getfixturevalue(f"{name}_project")
