"""Strangers' files: what `holdfast init` makes of an export that nobody has described, and whether
orders and revenue come out right.

A file is right, or asked about (right, and what was doubtful is marked), refused with a reason, or
wrong: what would be published differs from the truth, and nothing says so.
"""

import argparse
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from bench import _stranger_bank, find_data, require_data
from bench import _stranger_files as formats
from bench._bank_logs import read_log
from bench._figures import Figure, at_least, at_most, show
from bench._stranger_exports import Truth, all_exports, make_orders
from bench._stranger_formats import AMOUNTS, DATES, write_amounts, write_dates
from holdfast.errors import HoldfastError
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.setup.propose import Proposal, propose
from holdfast.study import Study

Verdict = Literal["right", "asked", "refused", "wrong"]
ABOUT_THE_SHOP = {"study.currency", "study.time_zone", "snapshot.as_of"}
"""Doubts that every file leaves."""
REVENUE_TOLERANCE = 0.01
BANK_HEADINGS = (
    ("Customer ID", "Order Date", "Order Total"),
    ("Kundennummer", "Bestelldatum", "Gesamtbetrag"),
    ("user_id", "purchased_at", "net_revenue"),
    ("Client", "Date de commande", "Montant TTC"),
    ("member_no", "transaction_date", "sales_value"),
    ("顧客番号", "注文日", "合計金額"),
    ("id_cliente", "fecha_compra", "importe_total"),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a file."""

    name: str
    verdict: Verdict
    words: str


CASES: dict[str, Truth | str] = {
    "amount_from_tax_amount.csv": Truth(50, 242735),
    "amount_in_cents.csv": Truth(50, 242734),
    "amount_with_dollar_sign.csv": Truth(50, 8981195),
    "customer_summary.csv": "refused",
    "dates_space_offset.csv": Truth(50, 242735),
    "dates_square.csv": Truth(50, 242735),
    "guest_email.csv": Truth(33, 160409),
    "label_True_False.csv": "32 of 58",
    "order_ids_begin_with_C.csv": Truth(50, 242735),
    "order_status.csv": Truth(12, 55821),
    "order_total_on_every_line.csv": Truth(25, 122523),
    "price_without_quantity.csv": Truth(50, 242735),
    "quantity_from_discount.csv": Truth(50, 242735),
    "refunds_positive_rows.csv": Truth(45, 147936),
    "shopify_orders_export.csv": Truth(25, 90900),
    "status_and_guests_woocommerce.csv": Truth(19, 52780),
    "orders.ndjson": Truth(50, 242735),
}
"""Case -> orders that are sales and revenue in cents, added up by hand; of a snapshot, who left."""


def judge(
    path: Path | None,
    truth: Truth | str,
    folder: Path,
    *,
    name: str = "",
    given: Mapping[str, str] | None = None,
) -> Outcome:
    """Propose a study for a file (or for a query that is given), read it by that study and hold it
    against the truth.
    """
    name = name or str(path and path.name)
    try:
        proposal = propose(path, project_dir=folder / "study", given=given)
        came_out = _read(proposal)
    except HoldfastError as error:
        return Outcome(name, "refused", str(error))
    doubts = [
        guess.key
        for guess in proposal.guesses
        if not guess.sure and guess.key not in ABOUT_THE_SHOP
    ]
    if not _is_right(came_out, truth):
        # An amount that was not found, and is said not to be, is no wrong amount.
        is_told = "transactions.columns.amount" in doubts
        return Outcome(name, "asked" if is_told else "wrong", f"{came_out}, not {truth}")
    return Outcome(name, "asked" if doubts else "right", ", ".join(doubts))


def _read(proposal: Proposal) -> Truth | str:
    study = Study.from_dict(tomllib.loads(proposal.toml))
    with TemporaryDirectory(prefix="strangers-") as scratch, Warehouse(Path(scratch)) as warehouse:
        if proposal.kind == "snapshot":
            churned = read_snapshot(study, warehouse).frame["churned"]
            return f"{churned.sum()} of {len(churned)}"
        read_order_log(study, warehouse)
        orders, cents, days = warehouse.row("""
            SELECT count(DISTINCT concat(customer_id, '/', coalesce(order_id, day::VARCHAR)))
                FILTER (NOT is_return), CAST(sum(amount_minor) AS BIGINT), CAST(sum(day) AS BIGINT)
            FROM transactions
        """)
        return Truth(orders, cents, days)


def _is_right(came_out: Truth | str, truth: Truth | str) -> bool:
    if isinstance(came_out, str) or isinstance(truth, str):
        return came_out == truth
    if truth.days not in (None, came_out.days):
        return False
    far = abs(came_out.cents - truth.cents) > REVENUE_TOLERANCE * truth.cents
    return came_out.orders == truth.orders and not far


def outcomes(cases: Path | None) -> Iterator[Outcome]:
    """Every case that lies there, every export of the invented orders, and every way to write dates
    and amounts.
    """
    for name, truth in CASES.items():
        if cases is not None and (cases / name).is_file():
            yield judge(cases / name, truth, cases)
    orders = make_orders()
    with TemporaryDirectory(prefix="exports-") as folder:
        for export in all_exports():
            path = Path(folder) / f"{export.name}.csv"
            export.write(path, orders)
            yield judge(path, export.truth(orders), Path(folder))
        for form in DATES:
            path = Path(folder) / f"dates: {form.name}.csv"
            yield judge(path, write_dates(form, path), Path(folder))
        for written in AMOUNTS:
            path = Path(folder) / f"amounts: {written.name}.csv"
            yield judge(path, write_amounts(written, path), Path(folder))


def format_outcomes() -> Iterator[Outcome]:
    """The invented orders in every format of a file, and in every database that can be made."""
    orders = make_orders()
    truth = formats.truth(orders)
    with TemporaryDirectory(prefix="formats-") as folder:
        for path in formats.files(Path(folder), orders):
            yield judge(path, truth, Path(folder))
        for name, url in formats.databases(Path(folder), orders):
            os.environ[formats.URL_ENV] = url
            yield judge(None, truth, Path(folder), name=name, given=formats.QUERY)


def bank_outcomes(folder: Path) -> Iterator[Outcome]:
    """Each log of the bank as a CSV, under the headings that some shop would give it."""
    names = sorted(path.stem for path in (folder / "bank").glob("*.parquet"))
    logs = [name for name in names if not name.endswith("_snapshot")]
    for log, headings in zip(logs, cycle(BANK_HEADINGS), strict=False):
        rows = read_log(log, folder)
        bought = rows.filter(pl.col("amount") >= 0).select("customer_id", "day").n_unique()
        cents = rows["amount"].to_numpy() * 100
        with TemporaryDirectory(prefix="bank-") as scratch:
            path = Path(scratch) / f"{log}.csv"
            dated = rows.with_columns(pl.col("day").cast(pl.Date))
            dated.rename(dict(zip(rows.columns, headings, strict=True))).write_csv(path)
            yield judge(path, Truth(bought, round(cents.sum())), Path(scratch))


def figures(folder: Path | None, *, verbose: bool) -> Iterator[Figure]:
    """How many files were right, asked about, refused with a reason and wrong."""
    counts: Counter[str] = Counter()
    cases = folder.parent / "cases" if folder else None
    bank = bank_outcomes(folder) if folder else ()
    for outcome in chain(outcomes(cases), format_outcomes(), bank):
        counts[outcome.verdict] += 1
        if verbose:
            print(f"{outcome.verdict:8} {outcome.name}: {outcome.words}", flush=True)
    yield at_least("strangers' files", counts.total(), 25)
    for verdict in ("right", "asked", "refused"):
        yield Figure(f"strangers' files: {verdict}", counts[verdict])
    yield at_most("strangers' files: wrong and silent", counts["wrong"], 0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--bank", action="store_true", help="run the logs of the bank, too")
    parser.add_argument("--only", nargs="+", metavar="LOG", help="of the bank; nothing else")
    asked = parser.parse_args()
    folder = require_data() if asked.bank or asked.only else find_data()
    files = () if asked.only else figures(folder, verbose=not asked.json)
    bank: Iterable[Figure] = ()
    if folder is not None and (asked.bank or asked.only):
        bank = _stranger_bank.figures(folder, only=asked.only, verbose=not asked.json)
    show(chain(files, bank), as_json=asked.json)


if __name__ == "__main__":
    main()
