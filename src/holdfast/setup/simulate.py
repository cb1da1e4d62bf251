"""Simulate: write a shop of any size to a folder, with its truth and a study that is ready
to run.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import InputError
from holdfast.expressions import quoted
from holdfast.io.postgres import create_tables
from holdfast.synthetic import Shop, SimulatedBatch, simulate

TABLES = ("orders", "events", "customers", "treatments", "truth")
STUDY_FILE = "holdfast.toml"
FILES = (*(f"{name}.parquet" for name in TABLES), STUDY_FILE)

_STUDY = """\
# A simulated shop: {n_customers} customers, {n_days} days from {start}, seed {seed}.
# truth.parquet holds what no model may see: who is alive, true expected revenue, true uplift.

[study]
name = "simulated-shop"
currency = "{currency}"
time_zone = "UTC"
horizons_days = [30, 90, 180, 365]
seed = {seed}

[transactions]
{orders}
[transactions.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
order_id = "order_id"
product_id = "product_id"
quantity = "quantity"
unit_price = "unit_price"
[transactions.returns]
when = "order_id LIKE 'R%'"

[customers]
{customers}
attributes = ["channel", "country"]
[customers.columns]
customer_id = "customer_id"
known_from = "known_from"
"""

_EVENTS = """
[events]
{events}
[events.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
kind = "kind"
"""

_TREATMENTS = """
[treatments]
{treatments}
[treatments.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
campaign = "campaign"
treated = "treated"
propensity = "propensity"
cost = "cost"
"""

_TASKS = """
[churn]
kind = "non-contractual"
horizon_days = 90
eligible = "bought in the last 365 days"

[value]
horizon_days = 180
"""


@dataclass(frozen=True)
class SimulatedFiles:
    """What was written: the study, each table's file and its number of rows, by table name."""

    study: Path
    tables: Mapping[str, Path]
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Destination:
    """A new schema of a PostgreSQL database, for the tables that a study reads; the truth stays a
    file.
    """

    dsn_env: str
    schema: str


def simulate_to(
    directory: Path,
    shop: Shop,
    *,
    postgres: Destination | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> SimulatedFiles:
    """Write orders, events, customers, treatments and truth as Parquet, and a holdfast.toml over
    them.

    Memory stays that of one batch. Files appear under their names only when all of them are
    complete.

    Parameters
    ----------
    directory
        Made if it does not exist.
    postgres
        Load the tables there too, and let the study read them from there.
    on_progress
        Called with the number of customers written so far.

    Raises
    ------
    InputError
        `directory` is a file or holds anything.
    DataError
        PostgreSQL cannot be reached, or has such a schema already.
    """
    _claim(directory)
    rows = dict.fromkeys(TABLES, 0)
    with _appearing_together(directory):
        with ExitStack() as stack:
            writers: dict[str, pq.ParquetWriter] = {}
            for batch in simulate(shop):
                for name, table in _arrow_tables(batch):
                    if name not in writers:
                        path = _unfinished(directory, f"{name}.parquet")
                        writers[name] = stack.enter_context(
                            pq.ParquetWriter(path, table.schema, compression="zstd")
                        )
                    writers[name].write_table(table)
                    rows[name] += table.num_rows
                if on_progress:
                    on_progress(rows["customers"])
        if postgres is not None:
            load = {
                name: _unfinished(directory, f"{name}.parquet")
                for name in TABLES
                if name != "truth"
            }
            create_tables(load, dsn_env=postgres.dsn_env, schema=postgres.schema)
        _unfinished(directory, STUDY_FILE).write_text(
            _study_text(shop, rows, postgres), encoding="utf-8"
        )
    tables = {name: directory / f"{name}.parquet" for name in TABLES}
    return SimulatedFiles(study=directory / STUDY_FILE, tables=tables, rows=rows)


def _claim(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file", fix="name a new or empty folder")
    directory.mkdir(parents=True, exist_ok=True)
    # A run that was killed leaves these behind; they are written anew.
    ours = {_unfinished(directory, name).name for name in FILES}
    present = sorted(entry.name for entry in directory.iterdir() if entry.name not in ours)
    if present:
        raise InputError(
            f"{directory} is not empty: {len(present)} entries, the first is {present[0]}",
            fix="name a new or empty folder",
        )


def _unfinished(directory: Path, name: str) -> Path:
    return directory / f".{name}.unfinished"


@contextmanager
def _appearing_together(directory: Path) -> Iterator[None]:
    """Give the files their names at the end, the study last; remove them on failure."""
    try:
        yield
        for name in FILES:
            _unfinished(directory, name).rename(directory / name)
    finally:
        for name in FILES:
            _unfinished(directory, name).unlink(missing_ok=True)


def _arrow_tables(batch: SimulatedBatch) -> Iterator[tuple[str, pa.Table]]:
    for name in TABLES:
        frame: pl.DataFrame = getattr(batch, name)
        yield name, frame.to_arrow()


def _study_text(shop: Shop, rows: Mapping[str, int], postgres: Destination | None) -> str:
    text = (
        _STUDY + (_EVENTS if rows["events"] else "") + (_TREATMENTS if rows["treatments"] else "")
    )
    sources = {name: _source(name, postgres) for name in TABLES}
    numbers = {
        name: getattr(shop, name) for name in ("n_customers", "n_days", "start", "seed", "currency")
    }
    return text.format(**numbers, **sources) + _TASKS


def _source(table: str, postgres: Destination | None) -> str:
    if postgres is None:
        return f'path = "{table}.parquet"'
    query = f"SELECT * FROM {quoted(postgres.schema)}.{quoted(table)}"
    # JSON writes a word as TOML reads it.
    return f"postgres = {{ dsn_env = {json.dumps(postgres.dsn_env)}, query = {json.dumps(query)} }}"
