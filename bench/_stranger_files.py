"""The same invented orders in every format: workbooks, JSON, zips, title lines, and databases that
the bench makes.
"""

import gzip
import json
import os
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import xlsxwriter

from bench._stranger_exports import Order, Row, Truth, units

HEADER = ("customer_id", "order_date", "order_id", "amount")
CREATE = (
    "CREATE TABLE orders (customer_id VARCHAR(40), order_date DATE, order_id INT, "
    "amount DECIMAL(12, 2))"
)
MARIADB = os.environ.get("HOLDFAST_TEST_MARIADB", "mysql://root@127.0.0.1:3306")
URL_ENV = "HOLDFAST_BENCH_URL"
QUERY = {
    "transactions.database.url_env": URL_ENV,
    "transactions.database.query": "SELECT * FROM orders ORDER BY order_id",
}


def truth(orders: Sequence[Order]) -> Truth:
    """Every order is a sale."""
    return Truth(len(orders), sum(order.cents for order in orders))


def rows_of(orders: Sequence[Order]) -> list[Row]:
    """One row an order."""
    return [
        dict(
            zip(
                HEADER,
                (f"C{order.customer:03}", order.moment.date().isoformat(), order.number,
                 order.cents / 100),
                strict=True,
            )
        )
        for order in orders
    ]  # fmt: skip


def files(folder: Path, orders: Sequence[Order]) -> Iterator[Path]:
    """Write the orders in every format of a file."""
    rows = rows_of(orders)
    lines = [",".join(HEADER), *(",".join(map(str, row.values())) for row in rows)]
    half, text = len(lines) // 2, "\n".join(lines) + "\n"
    by_line = "".join(json.dumps(row) + "\n" for row in rows)
    nested = [{**row, "customer_id": None, "customer": {"id": row["customer_id"]}} for row in rows]
    contents = {
        "lines.ndjson": by_line.encode(),
        "array.json": b"\xef\xbb\xbf" + json.dumps(rows, indent=2).encode(),
        "nested.json": json.dumps(nested).encode(),
        "wrapped.json": json.dumps({"count": len(rows), "data": {"orders": rows}}).encode(),
        "shopify-api.json": json.dumps({"orders": list(map(_shopify, orders))}).encode(),
        "woocommerce-api.json": json.dumps(list(map(_woocommerce, orders)), indent=1).encode(),
        "woocommerce-api.ndjson": "\n".join(
            json.dumps(_woocommerce(order)) for order in orders
        ).encode(),
        "packed.json.gz": gzip.compress(by_line.encode()),
        "title.csv": f"Orders, all shops\nFrom 2022-01-01\n\n{text}".encode(),
        "padded-title.csv": f"Orders,,,\n,,,\n{text}".encode(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield folder / name
    members = {"a.csv": lines[: half + 1], "b.csv": [lines[0], *lines[half + 1 :]]}
    with zipfile.ZipFile(folder / "two.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in members.items():
            archive.writestr(name, "\n".join(part))
    yield folder / "two.zip"
    (folder / "glob").mkdir()
    (folder / "glob" / "a.csv").write_text("\n".join(lines[: half + 1]))
    other_order = [",".join(reversed(line.split(","))) for line in (lines[0], *lines[half + 1 :])]
    (folder / "glob" / "b.csv").write_text("\n".join(other_order))
    yield folder / "glob" / "*.csv"
    yield _workbook(folder / "plain.xlsx", orders)
    yield _workbook(folder / "title-and-texts.xlsx", orders, title="Orders of all shops")


def _shopify(order: Order) -> dict[str, object]:
    return {
        "id": 5_000_000_000 + order.number,
        "created_at": order.moment.isoformat(),
        "currency": "EUR",
        "financial_status": "paid",
        "total_price": order.total,
        "total_tax": "0.00",
        "customer": {
            "id": 7_000_000 + order.customer,
            "email": order.email,
            "default_address": {"city": "Ghent"},
        },
        "discount_codes": [],
        "shipping_lines": [{"title": "Post", "price": "0.00"}],
        "refunds": [],
        "line_items": [
            {
                "id": 100 * order.number + i,
                "sku": sku,
                "name": name,
                "quantity": quantity,
                "price": units(price),
                "price_set": {"shop_money": {"amount": units(price), "currency_code": "EUR"}},
            }
            for i, (sku, name, quantity, price) in enumerate(order.lines)
        ],
    }


def _woocommerce(order: Order) -> dict[str, object]:
    return {
        "id": order.number,
        "status": "completed",
        "currency": "EUR",
        "date_created": order.moment.replace(tzinfo=None).isoformat(),
        "discount_total": "0.00",
        "total": order.total,
        "total_tax": "0.00",
        "customer_id": order.customer,
        "billing": {"first_name": "", "email": order.email},
        "meta_data": [{"id": 1, "key": "_source", "value": "web"}],
        "line_items": [
            {
                "id": 100 * order.number + i,
                "product_id": sku,
                "quantity": quantity,
                "total": units(quantity * price),
                "price": price / 100,
                "taxes": [],
            }
            for i, (sku, _, quantity, price) in enumerate(order.lines)
        ],
        "refunds": [],
    }


def _workbook(path: Path, orders: Sequence[Order], *, title: str = "") -> Path:
    """One with a title has a note on a sheet of its own, and every other amount stored as text."""
    book = xlsxwriter.Workbook(path)
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    top = 0
    if title:
        book.add_worksheet("Note").write(0, 0, "made by the shop")
    sheet = book.add_worksheet("Orders")
    if title:
        sheet.merge_range("A1:D1", title)
        top = 2
    sheet.write_row(top, 0, HEADER)
    for i, (order, row) in enumerate(zip(orders, rows_of(orders), strict=True), start=top + 1):
        sheet.write(i, 0, row["customer_id"])
        sheet.write_datetime(i, 1, order.moment.replace(tzinfo=None), day)
        sheet.write(i, 2, row["order_id"])
        sheet.write(i, 3, str(row["amount"]) if title and i % 2 else row["amount"])
    book.close()
    return path


def databases(folder: Path, orders: Sequence[Order]) -> Iterator[tuple[str, str]]:
    """The name and the URL of each database that can be made here."""
    values = [tuple(row.values()) for row in rows_of(orders)]
    lite, duck = folder / "orders.db", folder / "orders.duckdb"
    for connection in (sqlite3.connect(lite), duckdb.connect(str(duck))):
        connection.execute(CREATE)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", values)
        connection.commit()
        connection.close()
    yield "sqlite", f"sqlite:///{lite}"
    yield "duckdb", f"duckdb:///{duck}"
    with _mariadb(values) as url:
        if url is not None:
            yield "mariadb", url


@contextmanager
def _mariadb(values: Sequence[tuple[object, ...]]) -> Iterator[str | None]:
    """A database of MariaDB, gone afterwards; None where there is no server."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(MARIADB.replace("mysql:", "mysql+pymysql:"))
    try:
        connection = engine.connect()
    except sqlalchemy.exc.OperationalError:
        yield None
        return
    name = f"holdfast_bench_{os.getpid()}"
    with connection:
        for statement in (f"CREATE DATABASE {name}", f"USE {name}", CREATE):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("INSERT INTO orders VALUES (%s, %s, %s, %s)", list(values))
        connection.commit()
        yield f"{MARIADB}/{name}"
        connection.exec_driver_sql(f"DROP DATABASE {name}")
