"""A published snapshot run, and the API over it without a network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.api.harness import Api

from holdfast.api.app import build
from holdfast.api.context import Context
from holdfast.api.settings import Settings
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence, Steps
from holdfast.runs.run import facts, write_json, write_tables
from holdfast.runs.score_changes import champion_before
from holdfast.runs.train_and_score import train_and_score
from holdfast.serving.load import mark_loaded
from holdfast.storage.keys import KeyFile
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study

CUSTOMERS = 300
FEATURES = {
    "Recency": 20.0,
    "Frequency": 9.0,
    "Cart_Abandon_Rate": 20.0,
    "Plan": "gold",
    "Clicks": 30.0,
    "Pages": 9.0,
}


def snapshot_study(project: Path, *, seed: int = 1, labels: dict[str, str] | None = None) -> Study:
    return Study.from_dict(
        {
            "study": {"name": "tiny", "seed": seed},
            "project_dir": str(project),
            "snapshot": {
                "path": "customers.parquet",
                "as_of": "2024-12-31",
                "columns": {"customer_id": "id"},
                "labels": labels or {"churned": "gone", "value": "worth"},
                "derived": {"Clicks_per_Page": "Clicks / (Pages + 1)"},
                "hidden_from_churn": ["Recency", "worth", "gone"],
                "hidden_from_value": ["Recency", "worth", "gone"],
                "cross_validation_folds": 2,
            },
            "churn": {"algorithm": "lightgbm", "parameters": {"n_estimators": 20}},
            "value": {"algorithm": "lightgbm", "parameters": {"n_estimators": 20}},
            "segments": {
                "risk": {"churn_probability": 0.4, "Recency": 0.3, "Cart_Abandon_Rate": 0.3}
            },
        }
    )


def write_customers(project: Path) -> None:
    rng = np.random.default_rng(0)
    n = CUSTOMERS
    frequency, recency = rng.integers(1, 40, n), rng.integers(1, 200, n)
    pl.DataFrame(
        {
            "id": [f"=C{i:04d}" if i == 7 else f"C{i:04d}" for i in range(n)],
            "Recency": recency,
            "Frequency": frequency,
            "Cart_Abandon_Rate": rng.uniform(0, 50, n),
            "Plan": rng.choice(["gold", "silver"], n),
            "Clicks": rng.integers(0, 100, n),
            "Pages": rng.integers(0, 20, n),
            "gone": rng.random(n) < 1 / (1 + np.exp((frequency - 12) / 4)),
            "worth": frequency * rng.uniform(5, 15, n),
        }
    ).write_parquet(project / "customers.parquet")


def publish(study: Study, *, created_at: str) -> Run:
    """Publish a run without its papers: nobody looks at charts here."""
    registry = Registry(Path(study.project_dir) / "runs")
    with registry.staging() as staging:
        (staging / "scratch").mkdir()
        with Warehouse(staging / "scratch") as warehouse:
            steps, before = Steps(Silence()), champion_before(registry)
            published = [before] if before else []
            outcome = train_and_score(study, warehouse, steps, published=published)
        folder = staging / "run"
        summary = {"created_at": created_at, "seconds": {}, **outcome.summary}
        write_tables(folder, outcome)
        write_json(folder / "study.json", study.model_dump(mode="json"))
        write_json(folder / "summary.json", summary)
        run_id = f"{created_at.replace('-', '').replace(':', '')}-{study.seed:08x}"
        run = registry.publish(folder, run_id=run_id, facts=facts(study, outcome, summary))
    mark_loaded(run)
    return run


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs, the second of which is the champion."""
    project = tmp_path_factory.mktemp("api")
    write_customers(project)
    for seed, day in ((1, "2026-01-01"), (2, "2026-01-02")):
        run = publish(snapshot_study(project, seed=seed), created_at=f"{day}T00:00:00Z")
        Registry(project / "runs").promote(run.run_id)
    return project


@pytest.fixture
def project(published: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    import shutil

    return Path(shutil.copytree(published, tmp_path / "project"))


def client_of(project: Path, **settings: Any) -> Api:
    context = Context(Settings(project=str(project), **settings))
    return Api(build(context), context)


@pytest.fixture(scope="session")
def api(published: Path) -> Iterator[Api]:
    """The API on loopback, without keys."""
    with client_of(published) as client:
        yield client


@pytest.fixture
def keys(project: Path) -> dict[str, str]:
    """One key of each role."""
    return {
        role: KeyFile(project).create(role=role, name=role)[0]
        for role in ("reader", "operator", "admin")
    }


@pytest.fixture(scope="session")
def scores(published: Path) -> pl.DataFrame:
    return Registry(published / "runs").open().scores


def posted(api: Api, path: str, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.post(path, content=content, headers={"content-type": "application/json", **headers})
