"""The logs of the bank as shops export them, through `init` and `run` without a look, beside a
study that was written by hand over the original.

Both see the log up to the same cut, and both are told what no file says: the cut itself, the
horizons, who is scored ("ever bought"), and to prove at one cutoff.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from bench._bank_logs import Cut, cuts
from bench._figures import Figure

TOLERANCE = 0.01
_DAY = "%Y-%m-%d"
_METRICS = {"churn": ("roc_auc", "brier"), "value": ("wape",)}


@dataclass(frozen=True)
class Written:
    """A log as a shop writes it, and what a person who knows the original writes down.

    Attributes
    ----------
    headings
        Column of the original -> heading of the CSV, in order.
    date
        strftime format; "excel" and "epoch" are numbers.
    amount
        With {:.2f} or so for its absolute amount; `below` is that of a negative one.
    roles
        Role -> column of the original.
    rules
        Further keys of [transactions].
    """

    source: str
    headings: Mapping[str, str]
    date: str = _DAY
    amount: str | None = "{:.2f}"
    below: str = "-{:.2f}"
    decimal: str = "."
    delimiter: str = ","
    roles: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)


def _of_bank(name: str, headings: str, **how: object) -> Written:
    """The columns of the bank are named after their roles."""
    pairs = dict(pair.split(":") for pair in headings.split("|"))
    renamed = {"day": "occurred_at", "product": "product_id"}
    roles = {renamed.get(column, column): column for column in pairs}
    return Written(f"bank/{name}.parquet", pairs, roles=roles, **how)  # type: ignore[arg-type]


LOGS: Mapping[str, Written] = {
    "onlinegrocer": _of_bank(
        "onlinegrocer",
        "order_id:OrderId|day:OrderDate|customer_id:UserId|amount:TotalCharges",
        date="%-m/%-d/%Y",
        amount="${:,.2f}",
    ),
    "civicdonors": _of_bank(
        "civicdonors",
        "day:Date|customer_id:Donor ID|amount:Amount",
        date="%m/%d/%y",
        amount="${:,.2f}",
        below="($ {:,.2f})",
    ),
    "labtests": _of_bank(
        "labtests",
        "order_id:order_no|customer_id:clinician_id|day:ordered_at|amount:price",
        date="%Y-%m-%dT%H:%M:%SZ",
    ),
    "spiritbrand": _of_bank(
        "spiritbrand",
        "order_id:Invoice Number|day:Date|customer_id:Store Number|product:Item Number"
        "|quantity:Bottles Sold|amount:Sale (Dollars)",
        date="%m/%d/%Y",
    ),
    "pharmacy": _of_bank(
        "pharmacy",
        "customer_id:Kundennummer|order_id:Bonnummer|day:Datum|amount:Betrag",
        date="%d.%m.%Y",
        amount="{:.2f} €",
        decimal=",",
        delimiter=";",
    ),
    "grocery": Written(
        "groceryElog.parquet",
        {"cust": "Customer Number", "date": "Purchase Date"},
        date="%d-%b-%Y",
        roles={"customer_id": "cust", "occurred_at": "date"},
    ),
    "cdnow": Written(
        "cdnow_master.parquet",
        {
            "customer_id": "cust_id",
            "date": "dt",
            "number_of_cds": "number_of_cds",
            "dollar_value": "dollars",
        },
        date="%Y%m%d",
        roles={
            "customer_id": "customer_id",
            "occurred_at": "date",
            "quantity": "number_of_cds",
            "amount": "dollar_value",
        },
    ),
    "snackaisle": _of_bank(
        "snackaisle",
        "day:DATE|order_id:TXN_ID|customer_id:LYLTY_CARD_NBR|product:PROD_NBR"
        "|quantity:PROD_QTY|amount:TOT_SALES",
        date="excel",
    ),
    "ticketshop": _of_bank(
        "ticketshop",
        "order_id:N° de commande|customer_id:N° client|day:Date de commande|amount:Montant TTC",
        date="%d/%m/%Y %H:%M",
        amount="{:.2f}",
        decimal=",",
        delimiter=";",
    ),
    "retail": Written(
        "online_retail_ii.parquet",
        {name: name for name in "Invoice StockCode Description Quantity InvoiceDate Price".split()}
        | {"Customer ID": "Customer ID", "Country": "Country"},
        date="%-m/%-d/%Y %-H:%M",
        amount=None,
        roles={
            "customer_id": "Customer ID",
            "occurred_at": "InvoiceDate",
            "order_id": "Invoice",
            "product_id": "StockCode",
            "quantity": "Quantity",
            "unit_price": "Price",
        },
        rules={
            "exact_duplicates": "drop",
            "provenance": ["sheet"],
            "returns": {"when": "Invoice LIKE 'C%'"},
        },
    ),
}
"""Small ones first. The headings are those of the original publication where it has any."""


def figures(folder: Path, *, only: list[str] | None, verbose: bool) -> Iterator[Figure]:
    """How far `init` is from the hand, log by log."""
    at = {cut.log: cut for cut in cuts(folder)}
    for name, written in LOGS.items():
        if only and name not in only:
            continue
        with TemporaryDirectory(prefix="bank-") as scratch:
            by_init, by_hand = compare(written, at[name], folder, Path(scratch))
        if verbose:
            print(f"{name}: init {_words(by_init)}\n{name}: hand {_words(by_hand)}", flush=True)
        far = max(_distance(by_init[key], by_hand[key]) for key in by_hand)
        yield Figure(
            f"{name}, {at[name].last_day}: init from the hand, the furthest figure",
            far,
            f"<= {TOLERANCE:g}",
            far <= TOLERANCE,
        )


def compare(
    written: Written, cut: Cut, folder: Path, scratch: Path
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Run what `init` proposes for the CSV, and the study by hand over the original."""
    rows = pl.read_parquet(folder / written.source)
    when = written.roles["occurred_at"]
    rows = rows.filter(pl.col(when).cast(pl.Date) <= pl.lit(cut.last_day).str.to_date())
    for name in ("init", "hand"):
        (scratch / name).mkdir()
    write_csv(rows, written, scratch / "init" / "export.csv")
    _holdfast(scratch / "init", "init", "shop", "--data", "export.csv", "--yes", "--json")
    rows.write_parquet(scratch / "hand" / "original.parquet")
    (scratch / "hand" / "holdfast.toml").write_text(_by_hand(written))
    both = tuple(_figures_of(scratch / name, cut) for name in ("init", "hand"))
    return both[0], both[1]


def write_csv(rows: pl.DataFrame, written: Written, path: Path) -> None:
    """Write a log as the shop does."""
    amount = written.roles.get("amount")
    cells = [_dates(written.roles["occurred_at"], written.date)]
    if amount and written.amount:
        cells.append(pl.Series(amount, [_amount(each, written) for each in rows[amount]]))
    rows = rows.with_columns(cells).select(list(written.headings))
    rows.rename(dict(written.headings)).write_csv(path, separator=written.delimiter)


def _dates(column: str, form: str) -> pl.Expr:
    if form == "excel":
        return (pl.col(column).cast(pl.Date).cast(pl.Int32) + 25569).alias(column)
    return pl.col(column).cast(pl.Datetime).dt.strftime(form)


def _amount(value: float, written: Written) -> str:
    assert written.amount is not None
    text = (written.below if value < 0 else written.amount).format(abs(value))
    return text.replace(".", ",") if written.decimal == "," else text


def _by_hand(written: Written) -> str:
    lines = ["[study]", 'name = "shop"', "[transactions]", 'path = "original.parquet"']
    tables = {key: value for key, value in written.rules.items() if isinstance(value, dict)}
    lines += [f"{key} = {json.dumps(v)}" for key, v in written.rules.items() if key not in tables]
    for table, keys in {"columns": written.roles, **tables}.items():
        lines += [f"[transactions.{table}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _figures_of(study: Path, cut: Cut) -> dict[str, float | None]:
    """Run a study, and take its figures."""
    days = cut.horizon_days
    carried_over = {
        "transactions.last_day": json.dumps(cut.last_day),
        "study.horizons_days": [days],
        "churn.horizon_days": days,
        "value.horizon_days": days,
        "churn.eligible": "ever bought",
        "backtest.count": 1,
    }
    settings = [part for item in carried_over.items() for part in ("--set", "{}={}".format(*item))]
    columns = tomllib.loads((study / "holdfast.toml").read_text())["transactions"]["columns"]
    summary = json.loads(_holdfast(study, "run", "--json", *settings))
    scored = {"share at risk": summary["share_at_risk"]}
    proved = {
        metric: summary[task].get(metric) for task, each in _METRICS.items() for metric in each
    }
    if not {"amount", "unit_price"} & set(columns):
        proved.pop("wape")
        summary["expected_revenue"] = 0.0
    return {
        "customers": summary["customers"],
        **scored,
        "revenue": summary["expected_revenue"],
        **proved,
    }


def _holdfast(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "holdfast.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"holdfast {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


def _distance(value: float | None, other: float | None) -> float:
    """How far a figure is from another, as a share of it."""
    if value is None or other is None:
        return 0.0 if value is other else float("inf")
    return abs(value - other) / abs(other) if other else abs(value)


def _words(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:,.5g}" for name, value in figures.items() if value is not None)
