"""Fixtures that every test may use."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bench import find_data

_LONGEST = ("test_docs_commands.py", "test_notebooks.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def missing(reason: str) -> None:
    """Skip for `reason`; under CI, where everything is meant to be there, fail instead."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of real data sets."""
    folder = find_data()
    if folder is None:
        missing("HOLDFAST_BENCH_DATA is not set")
    elif not folder.is_dir():
        missing("HOLDFAST_BENCH_DATA is not a folder")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many KiB, in memory."""
    mounted: list[Path] = []

    def mount(kib: int, options: str = "") -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k{options}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a disk can be mounted by root only, where the container allows it")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


ONE_TEST = {"backtest.count": "1"}


@pytest.fixture(scope="session")
def simulated_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated shop with one run, proved at one cutoff: the folder of its holdfast.toml. Copy it
    to change it.
    """
    from holdfast.runs.run import run
    from holdfast.setup.simulate import simulate_to
    from holdfast.study import Study
    from holdfast.synthetic import Shop

    folder = tmp_path_factory.mktemp("simulated") / "shop"
    made = simulate_to(folder, Shop(n_customers=500, seed=3))
    run(Study.from_toml(made.study, overrides=ONE_TEST))
    return folder


BUYER, NEWCOMER, LATE = "C00000001", "NEW", "C00000007"
"""Who does anything between the two runs of `shop_run_twice`: one buys, one is new, and of one an
order of a year before becomes known.
"""
DAYS_BETWEEN = 20


@pytest.fixture(scope="session")
def shop_run_twice(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated shop, 20 days and three orders later, with a second run."""
    import polars as pl

    from holdfast.runs.run import run
    from holdfast.study import Study

    folder = Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("twice") / "shop"))
    orders = pl.read_parquet(folder / "orders.parquet")
    last = orders["occurred_at"].max()
    days = {BUYER: 5, NEWCOMER: DAYS_BETWEEN, LATE: -365}
    later = [
        orders.filter(pl.col("quantity") > 0).head(1).with_columns(
            customer_id=pl.lit(name),
            order_id=pl.lit(f"{name}-later"),
            occurred_at=pl.lit(last).cast(orders.schema["occurred_at"]) + pl.duration(days=after),
        )
        for name, after in days.items()
    ]  # fmt: skip
    pl.concat([orders, *later]).write_parquet(folder / "orders.parquet")
    run(Study.from_toml(folder / "holdfast.toml", overrides=ONE_TEST))
    return folder


@pytest.fixture(scope="session")
def _older_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(Path(__file__).parent / "fixtures" / "published.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def older_runs(_older_runs: Path, tmp_path: Path) -> Path:
    """The projects `log` and `snapshot` of tests/fixtures/README.md, to change at will."""
    return Path(shutil.copytree(_older_runs, tmp_path / "older"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = (
        os.environ.get("HOLDFAST_CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
    )
    if not chromium:
        missing("there is no Chromium: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-background-networking"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@contextmanager
def postgres_cursor(dsn: str, schema: str) -> Iterator[Any]:
    """A cursor of the server, without that schema before and after; `schema` as SQL writes it."""
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    try:
        connection = dbapi.connect(dsn, autocommit=True)
    except dbapi.Error as error:
        missing(f"no PostgreSQL: {error}")
    with connection, connection.cursor() as opened:
        opened.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        yield opened
        opened.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def stream_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A small shop whose events arrive as messages (tests/stream/shops.py); it has no state yet."""
    from tests.stream.shops import DSN, Shop, dropping

    monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", DSN)
    with dropping(f"test_{uuid4().hex[:12]}") as schema:
        yield Shop(tmp_path, schema)
