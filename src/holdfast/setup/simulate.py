"""Simulate: write a shop of any size to a folder, with its truth and a study that is ready
to run.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import InputError
from holdfast.expressions import quote
from holdfast.io.queries import as_data_error, connect_postgres
from holdfast.synthetic import TRUTH_DAYS, Business, Shop, simulate, simulate_business

TABLES = ("orders", "events", "customers", "treatments", "truth")
STUDY_FILE = "holdfast.toml"
_BLOCKS = {"treatments": ("[treatments]", "{offers}", "# horizon_days")}
"""Blocks of the study that stand on a table, where it is not that of its name alone."""
FOLLOWED = ("orders", "events", "treatments")
_PLACES = {
    "file": 'path = "events.jsonl"',
    "outbox": "",
    "kafka": 'url = "${KAFKA_SERVERS}"\ntopic = "shop"',
    "jetstream": 'url = "${NATS_URL}"\ntopic = "shop"',
    "redis": 'url = "${REDIS_URL}"\ntopic = "shop"',
}
"""Kind of a source -> where it is."""
STREAMS = tuple(_PLACES)
_STREAM = """
[stream]
source = "{source}"
{place}

[[alert]]
name = "at-risk"
when = "churn_probability"
open = 0.7
close = 0.55
only = "value_tier = 'high'"
severity = "critical"
"""
_UNFINISHED = ".unfinished-simulation"
FILES = (*(f"{name}.parquet" for name in TABLES), STUDY_FILE)


_STUDY_OF_A_BUSINESS = """\
# The simulated business '{business.name}': {business.n_customers} customers, seed {business.seed}.
# truth.parquet holds the exact chance of silence of each customer, which no model can beat.

[study]
name = "{business.name}"
currency = "EUR"
time_zone = "UTC"
horizons_days = {horizons}
seed = {business.seed}

[transactions]
path = "orders.parquet"
[transactions.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
order_id = "order_id"
product_id = "product_id"
quantity = "quantity"
unit_price = "unit_price"

[churn]
kind = "non-contractual"
horizon_days = {law.horizon_days}
eligible = "bought in the last {law.eligible_days} days"

[value]
horizon_days = 90
margin_rate = 0.4

[backtest]
step_days = 20
min_history_days = 90
max_training_cutoffs = 24
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
    stream: str | None = None,
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
    stream
        Kind of the source that the study follows events from; each row then has an id.
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
    unfinished = directory / _UNFINISHED
    unfinished.mkdir()
    try:
        rows = _write_tables(shop, unfinished, on_progress, with_ids=stream is not None)
        if postgres is not None:
            _load_tables(unfinished, postgres)
        study = _study_text(shop, rows, postgres, stream)
        (unfinished / STUDY_FILE).write_text(study, encoding="utf-8")
        for name in FILES:
            (unfinished / name).rename(directory / name)
    finally:
        shutil.rmtree(unfinished)
    tables = {name: directory / f"{name}.parquet" for name in TABLES}
    return SimulatedFiles(study=directory / STUDY_FILE, tables=tables, rows=rows)


def simulate_business_to(directory: Path, business: Business) -> SimulatedFiles:
    """Write orders and the truth at the log's end as Parquet, and a holdfast.toml over them.

    Parameters
    ----------
    directory
        Made if it does not exist.

    Raises
    ------
    InputError
        `directory` is a file or holds anything.
    """
    _claim(directory)
    parts = zip(*simulate_business(business), strict=True)
    written = dict(zip(("orders", "truth"), map(pl.concat, parts), strict=True))
    files = {name: directory / f"{name}.parquet" for name in written}
    for name, table in written.items():
        table.write_parquet(files[name])
    study = directory / STUDY_FILE
    text = _STUDY_OF_A_BUSINESS.format(
        business=business, law=business.law, horizons=list(TRUTH_DAYS)
    )
    study.write_text(text, encoding="utf-8")
    return SimulatedFiles(study, files, {name: table.height for name, table in written.items()})


def _write_tables(
    shop: Shop, folder: Path, on_progress: Callable[[int], None] | None, *, with_ids: bool
) -> dict[str, int]:
    """Write the tables batch by batch, and return the rows of each."""
    rows = dict.fromkeys(TABLES, 0)
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for batch in simulate(shop):
            for name in TABLES:
                table = getattr(batch, name).to_arrow()
                if with_ids and name in FOLLOWED:
                    table = _number_rows(table, name, first=rows[name])
                if name not in writers:
                    path = folder / f"{name}.parquet"
                    writer = pq.ParquetWriter(path, table.schema, compression="zstd")
                    writers[name] = stack.enter_context(writer)
                writers[name].write_table(table)
                rows[name] += table.num_rows
            if on_progress:
                on_progress(rows["customers"])
    return rows


def _number_rows(table: pa.Table, name: str, *, first: int) -> pa.Table:
    ids = [f"{name}-{number}" for number in range(first, first + table.num_rows)]
    return table.append_column("event_id", pa.array(ids, pa.string()))


def _load_tables(folder: Path, postgres: Destination) -> None:
    """Load the tables into a new schema, all of them or none."""
    connection = connect_postgres(postgres.dsn_env)
    problem = f"PostgreSQL did not take the tables of schema {postgres.schema!r}"
    with closing(connection), as_data_error(problem, fix="name another schema"):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {quote(postgres.schema)}")
            for name in TABLES:
                if name != "truth":
                    with pq.ParquetFile(folder / f"{name}.parquet") as file:
                        rows = pa.RecordBatchReader.from_batches(
                            file.schema_arrow, file.iter_batches()
                        )
                        cursor.adbc_ingest(
                            name, rows, mode="create", db_schema_name=postgres.schema
                        )
        connection.commit()


def _claim(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file", fix="name a new or empty folder")
    directory.mkdir(parents=True, exist_ok=True)
    # What a run that was killed leaves behind is written anew.
    shutil.rmtree(directory / _UNFINISHED, ignore_errors=True)
    present = sorted(entry.name for entry in directory.iterdir())
    if present:
        raise InputError(
            f"{directory} is not empty: {len(present)} entries, the first is {present[0]}",
            fix="name a new or empty folder",
        )


def _study_text(
    shop: Shop, rows: Mapping[str, int], postgres: Destination | None, stream: str | None
) -> str:
    """The study over the tables that have rows: of the others the template's block is left out."""
    template = Path(__file__).with_name("simulated_shop.toml.txt").read_text(encoding="utf-8")
    empty = tuple(
        block
        for name, count in rows.items()
        if not count
        for block in _BLOCKS.get(name, (f"[{name}]",))
    )
    blocks = [block for block in template.split("\n\n") if not block.startswith(empty)]
    sources = {name: _source(name, postgres) for name in TABLES}
    return "\n\n".join(blocks).format(
        shop=shop,
        arm_columns=_arm_columns(shop),
        event_id="" if stream is None else '\nevent_id = "event_id"',
        stream="" if stream is None else _STREAM.format(source=stream, place=_PLACES[stream]),
        offers=_offers(shop),
        budget=max(shop.n_customers // 4, 1),
        **sources,
    )


def _arm_columns(shop: Shop) -> str:
    """The columns of treatments that not every shop has."""
    names = {
        "offer": len(shop.offers) > 1,
        "accepted": any(offer.acceptance for offer in shop.offers),
    }
    return "".join(f'\n{name} = "{name}"' for name, has in names.items() if has)


def _offers(shop: Shop) -> str:
    """The offers at the costs that their contacts had.

    Of several offers the rows of treatments say which each was; a single one made all campaigns.
    """
    campaigns = json.dumps([f"campaign-{k}" for k in range(1, len(shop.campaign_days) + 1)])
    sections = []
    for offer in shop.offers:
        lines = [f"[offers.{offer.name}]", f"cost = {offer.cost:g}"]
        if offer.acceptance > 0:
            lines += [f"acceptance = {offer.acceptance:g}",
                      f"cost_if_accepted = {offer.cost_if_accepted:g}"]  # fmt: skip
        if len(shop.offers) == 1:
            lines.append(f"campaigns = {campaigns}")
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def _source(table: str, postgres: Destination | None) -> str:
    if postgres is None:
        return f'path = "{table}.parquet"'
    query = f"SELECT * FROM {quote(postgres.schema)}.{quote(table)}"
    # JSON writes a word as TOML reads it.
    return f"postgres = {{ dsn_env = {json.dumps(postgres.dsn_env)}, query = {json.dumps(query)} }}"
