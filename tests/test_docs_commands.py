"""Every command of the README and the documentation works, in one project, in the order of the
pages.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.conftest import missing

from holdfast.synthetic import Shop, simulate

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "quickstart.md",
    *sorted(ROOT.glob("docs/how-to/*.md")),
)
HOLDFAST = (sys.executable, "-m", "holdfast.cli")
ELSEWHERE = {
    "holdfast datasets fetch": "needs the provider; tests/io/test_datasets.py has a server of its "
    "own",
    "holdfast run --engine spark": "tests/engine/test_spark.py has sessions of its own",
    "holdfast engine submit": "prints what a cluster needs; tests/cli has it",
    "holdfast engine check": "asks the executors of tests/engine/test_spark.py",
    "holdfast schedule --test-messages": "needs a receiver; tests/cli/test_messages.py has one",
}
SERVERS = ("serve", "dashboard", "schedule")
SECONDS_TO_SERVE = 8
_BLOCK = re.compile(r"^(?: {4}|```[a-z]*\n(?:.*\n)*?)?(holdfast [^\n`]+)$", re.MULTILINE)
_INLINE = re.compile(r"`(holdfast [^`\n]+)`")
_PLACEHOLDER = re.compile(r"\b[A-Z]+_?[A-Z]*\b(?<!SHOP_DSN)(?<!VIP)|\.\.\.|\|")


def commands(page: Path) -> list[str]:
    """The commands of a page without their comments; what only shows a placeholder is no
    command.
    """
    text = page.read_text(encoding="utf-8")
    found = sorted(
        (match.start(1), match[1])
        for pattern in (_BLOCK, _INLINE)
        for match in pattern.finditer(text)
    )
    shown = dict.fromkeys(re.sub(r"\s{2,}#.*$", "", command).strip() for _, command in found)
    return [
        command for command in shown if not _PLACEHOLDER.search(command.replace("YYYY-MM-DD", ""))
    ]


def blocks(page: Path) -> list[list[str]]:
    """The lines of each block of a page that is set in by four blanks, without their indent."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"(?:^ {4}.*\n(?:^ *\n(?= {4}))?)+", text, re.MULTILINE)
    return [[line[4:] for line in block.splitlines()] for block in found]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with orders.csv, whose customers have numbers for names, two of them in leavers.txt,
    and a PostgreSQL without the schemas of the pages.
    """
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run(
        [*HOLDFAST, "simulate", "made", "--customers", "200", "--ends", "2024-06-29"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    orders = pl.read_parquet(folder / "made" / "orders.parquet")
    number = pl.col("customer_id").rank("dense").cast(pl.Int64) + 12_300
    orders.with_columns(number.alias("customer_id")).write_csv(folder / "orders.csv")
    (folder / "leavers.txt").write_text("12301\n12302\n", encoding="utf-8")
    return folder


def _forget_trial(dsn: str) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    try:
        connection = dbapi.connect(dsn)
    except dbapi.Error as error:
        missing(f"no PostgreSQL: {error}")
    with connection, connection.cursor() as cursor:
        for schema in ("trial", "trial_results"):
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.commit()


@pytest.mark.slow
def test_every_command_of_the_pages_works(project: Path) -> None:
    dsn = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    _forget_trial(dsn)
    environment = {**os.environ, "SHOP_DSN": dsn, "PYTHONPATH": str(ROOT / "src")}
    wanted = list(dict.fromkeys(command for page in PAGES for command in commands(page)))
    assert len(wanted) >= 12
    # Going back needs two champions.
    for command in sorted(wanted, key=lambda command: command.endswith("rollback")):
        if any(command.startswith(start) for start in ELSEWHERE):
            continue
        run = _served if command.split()[1] in SERVERS else _done
        run(command, project, environment)
        _prove_on_one_cutoff(project)
    _forget_trial(dsn)


def _prove_on_one_cutoff(project: Path) -> None:
    """What a command does is tried here, and not how good a model proves."""
    for study in project.rglob("holdfast.toml"):
        text = study.read_text(encoding="utf-8")
        if "[backtest]" not in text:
            study.write_text(f"{text}\n[backtest]\ncount = 1\n", encoding="utf-8")


def _write_orders_as_a_german_shop_exports_them(folder: Path) -> None:
    """One row an order, newest first; semicolons, decimal commas, day before month."""
    lines = next(simulate(Shop(n_customers=400, seed=5))).orders.filter(pl.col("quantity") > 0)
    paid = (pl.col("quantity") * pl.col("unit_price")).sum().round(2).cast(pl.String)
    lines.group_by("order_id").agg(
        pl.col("customer_id").first().alias("Kundennummer"),
        pl.col("occurred_at").first().dt.strftime("%d.%m.%Y %H:%M").alias("Bestelldatum"),
        paid.str.replace(".", ",", literal=True).alias("Gesamtbetrag"),
    ).rename({"order_id": "Bestellnummer"}).sort("Bestellnummer", descending=True).write_csv(
        folder / "orders.csv", separator=";"
    )


@pytest.mark.slow
@pytest.mark.parametrize("bring", [None, _write_orders_as_a_german_shop_exports_them])
def test_the_quickstart_runs_as_written_in_a_fresh_folder(
    bring: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    install, make, commands_of_a_file, python = blocks(ROOT / "docs" / "quickstart.md")
    assert install == ["pip install ."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    if bring is not None:
        bring(tmp_path)
    for line in (make if bring is None else []) + commands_of_a_file:
        _done(re.sub(r"\s{2,}#.*$", "", line), tmp_path, environment)
    _done(shlex.join(["python", "-c", "\n".join(python)]), tmp_path, environment)


def _done(command: str, folder: Path, environment: dict[str, str]) -> None:
    program, *rest = shlex.split(command)
    arguments = [*(HOLDFAST if program == "holdfast" else [sys.executable]), *rest]
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def _served(command: str, folder: Path, environment: dict[str, str]) -> None:
    """A server starts, goes on, and stops when it is asked to."""
    arguments = [*HOLDFAST, *shlex.split(command)[1:]]
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        time.sleep(SECONDS_TO_SERVE)
        alive = server.poll() is None
        server.terminate()
        said, _ = server.communicate(timeout=20)
    assert alive, f"{command}\n{said[-2000:]}"
    assert server.returncode in (0, -15, 143), (
        f"{command} ended with {server.returncode}\n{said[-2000:]}"
    )
