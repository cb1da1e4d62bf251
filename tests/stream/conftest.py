"""Fixtures of a stream: the state of one in PostgreSQL, empty, and a run as it scores by it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import missing
from tests.stream.live_run import Live
from tests.stream.shops import Shop, SimulatedShop, dropping, give_ids

from holdfast.errors import DataError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.storage.runs import Registry
from holdfast.stream.scoring import LiveModels
from holdfast.stream.state.loading import initialise
from holdfast.stream.state.postgres import connect, create_schema
from holdfast.study import Study
from holdfast.study.stream import Stream

DSN = "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(scope="session")
def live(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """The simulated shop's run, with all that its customers did."""
    study = Study.from_toml(simulated_shop / "holdfast.toml")
    run = Registry(simulated_shop / "runs").open("latest")
    with Warehouse(tmp_path_factory.mktemp("scratch")) as warehouse:
        read_order_log(study, warehouse)
        activity, attributes = warehouse.query("FROM activity"), warehouse.query("FROM customers")
    return Live(run, LiveModels.load(run), activity, attributes)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Settings of a stream whose state has a schema of its own."""
    monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", DSN)
    return Stream(source="outbox", postgres_schema=f"test_{uuid4().hex[:12]}")


@pytest.fixture
def state(stream: Stream) -> Iterator[Any]:
    """A connection to the state, which nothing has happened to."""
    pytest.importorskip("psycopg")
    try:
        connection = connect(stream)
    except DataError as error:
        missing(f"no PostgreSQL: {error}")
    with connection:
        create_schema(connection, stream)
        yield connection
        connection.execute(f"DROP SCHEMA {stream.postgres_schema} CASCADE")


@pytest.fixture
def shop(stream_shop: Shop) -> Shop:
    """A small shop, whose state is not created yet."""
    return stream_shop


@pytest.fixture(scope="session")
def _identified_shop(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("stream") / "shop"))
    give_ids(folder)
    return folder


@pytest.fixture
def scored_shop(
    _identified_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimulatedShop]:
    """A simulated shop with a published run and a rule, whose history is the state."""
    monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", DSN)
    folder = Path(shutil.copytree(_identified_shop, tmp_path / "shop"))
    with dropping(f"test_{uuid4().hex[:12]}") as schema:
        made = SimulatedShop(folder, schema)
        made.send([])
        initialise(made.study)
        yield made
