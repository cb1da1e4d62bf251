"""The rollup has one row per customer and day, and says what a plain loop over the lines says."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.ingest.daily_activity import roll_up
from holdfast.io.warehouse import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS, EVENTS, TRANSACTIONS, TREATMENTS


def rolled_up(folder: Path, lines: list[dict[str, Any]], **beside: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame(
        [{"occurred_at": None, "quantity": None, **line} for line in lines],
        schema=TRANSACTIONS.schema,
    )
    with Warehouse(folder) as warehouse:
        for name, frame in {"transactions": table, **beside}.items():
            warehouse.con.register("given", frame.to_arrow())
            warehouse.con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            warehouse.con.unregister("given")
        named = {
            f"with_{name}s": bool(table[f"{name}_id"].count()) for name in ("order", "product")
        }
        roll_up(warehouse, **named)
        return ACTIVITY.check(
            warehouse.read(warehouse.table("activity")).sort("customer_id", "day")
        )


def line(customer: str, day: int, amount: int, **more: Any) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "day": day,
        "amount_minor": amount,
        "is_return": amount < 0,
        "order_id": None,
        "product_id": None,
        **more,
    }


def by_a_loop(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    days: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for each in lines:
        days[each["customer_id"], each["day"]].append(each)
    rows, seen, bought_on = [], defaultdict(set), {}
    for customer, day in sorted(days):
        bought = [each for each in days[customer, day] if not each["is_return"]]
        orders = {each["order_id"] for each in bought} - {None}
        products = {each["product_id"] for each in bought} - {None}
        rows.append(
            {
                "customer_id": customer,
                "day": day,
                "n_orders": max(len(orders), 1) if bought else 0,
                "n_lines": len(bought),
                "n_products": len(products),
                "n_new_products": len(products - seen[customer]),
                "gross_minor": sum(each["amount_minor"] for each in bought),
                "returns_minor": sum(
                    each["amount_minor"] for each in days[customer, day] if each["is_return"]
                ),
                "purchase_gap": day - bought_on[customer]
                if bought and customer in bought_on
                else None,
            }
        )
        seen[customer] |= products
        if bought:
            bought_on[customer] = day
    return rows


def test_lines_of_a_day_are_one_row_and_returns_are_no_purchase(tmp_path: Path) -> None:
    table = rolled_up(
        tmp_path,
        [
            line("a", 10, 500, order_id="1", product_id="x"),
            line("a", 10, 300, order_id="1", product_id="y"),
            line("a", 10, 100, order_id="2", product_id="x"),
            line("a", 12, -300, order_id="C3", product_id="y"),
            line("a", 15, 0, order_id="4", product_id="y"),
            line("a", 15, 700, order_id="4", product_id="z"),
            line("a", 15, -100, order_id="4", product_id="x"),
        ],
    )
    wanted = [
        "day",
        "n_orders",
        "n_lines",
        "n_products",
        "n_new_products",
        "gross_minor",
        "returns_minor",
        "purchase_gap",
    ]
    assert table.select(wanted).rows() == [
        (10, 2, 3, 2, 2, 900, 0, None),
        (12, 0, 0, 0, 0, 0, -300, None),
        (15, 1, 2, 2, 1, 700, -100, 5),
    ]


def test_without_orders_and_products_a_day_is_one_order(tmp_path: Path) -> None:
    table = rolled_up(
        tmp_path, [line("b", 3, 1), line("b", 3, 2), line("a", 9, 5), line("b", 4, 1)]
    )
    assert table.select(
        "customer_id", "day", "n_orders", "n_lines", "n_products", "purchase_gap"
    ).rows() == [
        ("a", 9, 1, 1, 0, None),
        ("b", 3, 1, 2, 0, None),
        ("b", 4, 1, 1, 0, 1),
    ]


def test_days_of_events_and_treatments_alone_are_rows(tmp_path: Path) -> None:
    events = pl.DataFrame(
        [
            ("a", 5, "cart_add", 3),
            ("a", 5, "session", 1),
            ("a", 7, "session", 2),
            ("new", 1, "click", 4),
        ],
        schema=EVENTS.schema,
        orient="row",
    )
    treatments = pl.DataFrame(
        [
            ("a", 7, "mail", True, 0.5, None, None, None, None, None, None),
            ("a", 8, "mail", False, 0.5, None, None, None, None, None, None),
        ],
        schema=TREATMENTS.schema,
        orient="row",
    )
    table = rolled_up(
        tmp_path, [line("a", 5, 100), line("a", 9, 100)], events=events, treatments=treatments
    )
    wanted = [
        "customer_id",
        "day",
        "n_orders",
        "n_sessions",
        "n_cart_adds",
        "n_clicks",
        "n_treatments",
        "purchase_gap",
    ]
    assert table.select(wanted).rows() == [
        ("a", 5, 1, 1, 3, 0, 0, None),
        ("a", 7, 0, 2, 0, 0, 1, None),
        ("a", 9, 1, 0, 0, 0, 0, 4),
        ("new", 1, 0, 0, 0, 4, 0, None),
    ]
    assert {f"n_{kind}s" for kind in ENGAGEMENT_KINDS} <= set(table.columns)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_log_rolls_up_as_a_loop_does(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = [
        line(
            f"c{rng.integers(12)}",
            int(rng.integers(40)),
            int(rng.integers(-300, 900)),
            order_id=None if rng.random() < 0.2 else f"o{rng.integers(60)}",
            product_id=None if rng.random() < 0.2 else f"p{rng.integers(8)}",
        )
        for _ in range(400)
    ]
    expected = by_a_loop(lines)
    assert rolled_up(tmp_path, lines).select(expected[0].keys()).to_dicts() == expected
