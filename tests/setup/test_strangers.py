"""A stranger's export comes out right, asked about or refused: columns by evidence, refunds however
they are written, and no log where there is none.
"""

import tomllib
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import DataError
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.setup.propose import Proposal, propose
from holdfast.study import Study

FIRST = date(2022, 1, 3)
CENTS = [1250 + 37 * (i * i % 89) for i in range(80)]
"""Of an order: no two neighbours alike."""
CUSTOMERS = [f"K{(i * i + i // 7) % 11:02d}" for i in range(80)]
DAYS = [FIRST + timedelta(days=5 * i) for i in range(80)]
EVERY_SIXTH = range(0, 80, 6)
Cells = Sequence[object]


def look_at(folder: Path, header: str, rows: Sequence[Cells], **given: str) -> Proposal:
    lines = [",".join(map(str, row)) for row in rows]
    (folder / "data.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    keys = {key.replace("__", "."): value for key, value in given.items()}
    return propose(folder / "data.csv", project_dir=folder / "study", given=keys)


def log_of(proposal: Proposal) -> dict[str, Any]:
    assert proposal.kind == "log"
    return dict(tomllib.loads(proposal.toml)["transactions"])


def columns_of(proposal: Proposal) -> dict[str, str]:
    return dict(log_of(proposal)["columns"])


def doubts(proposal: Proposal) -> set[str]:
    about_the_shop = {"study.currency", "study.time_zone", "snapshot.as_of"}
    return {guess.key for guess in proposal.guesses if not guess.sure} - about_the_shop


def money_of(proposal: Proposal, folder: Path) -> tuple[int, int]:
    """Orders that are sales, and revenue in cents, as the study reads them."""
    (folder / "scratch").mkdir(exist_ok=True)
    with Warehouse(folder / "scratch") as warehouse:
        read_order_log(Study.from_dict(tomllib.loads(proposal.toml)), warehouse)
        orders, cents = warehouse.row("""
            SELECT count(DISTINCT coalesce(order_id, concat(customer_id, day)))
                FILTER (NOT is_return), CAST(sum(amount_minor) AS BIGINT) FROM transactions
        """)
    return orders, cents


def units(i: int, times: int = 1) -> str:
    return f"{times * CENTS[i] / 100:.2f}"


def orders(*cells: Any) -> list[Cells]:
    """Rows of customer, day, order and what else is given for each."""
    return [(CUSTOMERS[i], DAYS[i], 1001 + i, *(cell(i) for cell in cells)) for i in range(80)]


@pytest.mark.parametrize(
    "other",
    ["tax_amount", "discount", "shipping_total", "item_count", "country_code",
     "customer_lifetime_value", "avg_order_value"],
)  # fmt: skip
def test_an_amount_is_no_tax_no_discount_no_count_and_no_lifetime_value(
    tmp_path: Path, other: str
) -> None:
    rows = orders(lambda i: f"{i % 4}.5", units)
    found = columns_of(look_at(tmp_path, f"client_id,purchase_date,order_no,{other},net", rows))
    assert (found["amount"], found.get("quantity"), found.get("unit_price")) == ("net", None, None)


@pytest.mark.parametrize("other", ["discount", "discount_count", "account_no", "country"])
def test_a_price_without_a_quantity_is_the_amount(tmp_path: Path, other: str) -> None:
    rows = orders(units, lambda i: i % 2)
    proposal = look_at(tmp_path, f"customer_id,order_date,order_id,price,{other}", rows)
    assert columns_of(proposal)["amount"] == "price"
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


@pytest.mark.parametrize("name", ["amount_cents", "totalCents", "price_minor", "amount_in_pence"])
def test_cents_are_told_by_their_name_and_marked(tmp_path: Path, name: str) -> None:
    rows = orders(lambda i: CENTS[i])
    proposal = look_at(tmp_path, f"customer_id,created,order_id,{name}", rows)
    assert "transactions.amounts_in" in doubts(proposal)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_an_amount_with_a_fraction_is_not_in_cents_whatever_its_name(tmp_path: Path) -> None:
    proposal = look_at(tmp_path, "customer_id,created,order_id,amount_cents", orders(units))
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_price_times_quantity_that_is_the_amount_of_each_line_leaves_lines_alone(
    tmp_path: Path,
) -> None:
    rows = [
        (CUSTOMERS[i], DAYS[i], 1001 + i, f"S{line}", 2, units(i), units(i, 2))
        for i in range(80)
        for line in range(2)
    ]
    header = "customer_id,order_date,order_id,sku,quantity,price,total"
    proposal = look_at(tmp_path, header, rows)
    assert "amount_of" not in log_of(proposal)
    assert money_of(proposal, tmp_path) == (80, 4 * sum(CENTS))


@pytest.mark.parametrize(("priced", "is_sure"), [(True, True), (False, False)])
def test_a_total_that_repeats_on_every_line_of_an_order_counts_once(
    tmp_path: Path, priced: bool, is_sure: bool
) -> None:
    rows = [
        (
            CUSTOMERS[i],
            DAYS[i],
            1001 + i,
            f"S{line}",
            *((1, units(i)) if priced else ()),
            units(i, 2),
        )
        for i in range(80)
        for line in range(2)
    ]
    priced_columns = "quantity,price," if priced else ""
    header = f"customer_id,order_date,order_id,sku,{priced_columns}order_total"
    proposal = look_at(tmp_path, header, rows)
    assert ("transactions.amount_of" not in doubts(proposal)) is is_sure
    assert money_of(proposal, tmp_path) == (80, 2 * sum(CENTS))


def test_lines_below_an_orders_first_belong_to_it_though_they_are_blank(tmp_path: Path) -> None:
    rows = [
        (
            1001 + i,
            *((CUSTOMERS[i], DAYS[i], units(i)) if not line else ("", "", "")),
            f"S{line}",
            1,
        )
        for i in range(80)
        for line in range(1 + i % 3)
    ]
    header = "order_id,customer_id,order_date,total,sku,quantity"
    proposal = look_at(tmp_path, header, rows)
    assert log_of(proposal)["amount_of"] == "order"
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


@pytest.mark.parametrize("same_amount", [False, True])
def test_a_letter_before_an_order_is_no_return_unless_its_rows_look_so(
    tmp_path: Path, same_amount: bool
) -> None:
    rows = [
        (
            CUSTOMERS[i],
            DAYS[i],
            f"{'CA' if i % 3 else 'US'}-{i}",
            "9.99" if same_amount else units(i),
        )
        for i in range(80)
    ]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    assert "returns" not in log_of(proposal)


@pytest.mark.parametrize(("letter", "sign"), [("C", -1), ("R", 1), ("CN", 1)])
def test_rows_that_undo_an_earlier_purchase_are_returns_by_their_orders_letter(
    tmp_path: Path, letter: str, sign: int
) -> None:
    rows = [(CUSTOMERS[i], DAYS[i], 1001 + i, units(i)) for i in range(80)]
    back = [
        (CUSTOMERS[i], DAYS[i] + timedelta(days=2), f"{letter}{1001 + i}", units(i, sign))
        for i in EVERY_SIXTH
    ]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", [*rows, *back])
    assert log_of(proposal)["returns"] == {"when": f"\"order_id\" LIKE '{letter}%'"}
    kept = sum(CENTS) - sum(CENTS[i] for i in EVERY_SIXTH)
    assert money_of(proposal, tmp_path) == (80, kept)


@pytest.mark.parametrize(
    ("column", "sale", "back", "sign"),
    [("type", "charge", "refund", 1), ("Transaction Type", "Sale", "Return", 1),
     ("kind", "sale", "refund", -1), ("Vorgang", "Verkauf", "Erstattung", 1),
     ("type", "payment", "partial_refund", 1)],
)  # fmt: skip
def test_refunds_in_rows_of_their_own_lower_revenue_on_their_day(
    tmp_path: Path, column: str, sale: str, back: str, sign: int
) -> None:
    rows = [(CUSTOMERS[i], DAYS[i], 1001 + i, units(i), sale) for i in range(80)]
    rows += [
        (CUSTOMERS[i], DAYS[i] + timedelta(days=2), 1001 + i, units(i, sign), back)
        for i in EVERY_SIXTH
    ]
    proposal = look_at(tmp_path, f"customer_id,order_date,order_id,amount,{column}", rows)
    kept = sum(CENTS) - sum(CENTS[i] for i in EVERY_SIXTH)
    assert money_of(proposal, tmp_path) == (80, kept)


def test_a_line_that_its_own_row_calls_returned_brings_nothing(tmp_path: Path) -> None:
    rows = [
        (CUSTOMERS[i], DAYS[i], 1001 + i, f"S{line}", units(i, 1 + line), status)
        for i in range(80)
        for line, status in enumerate(("shipped", "returned" if i in EVERY_SIXTH else "shipped"))
    ]
    header = "customer_id,order_date,order_id,sku,amount,item_status"
    proposal = look_at(tmp_path, header, rows)
    kept = 3 * sum(CENTS) - 2 * sum(CENTS[i] for i in EVERY_SIXTH)
    assert money_of(proposal, tmp_path) == (80, kept)


@pytest.mark.parametrize("status", ["", "payment_status"])
def test_a_column_of_refunds_lowers_the_amount_and_keeps_the_order(
    tmp_path: Path, status: str
) -> None:
    cells = [units, lambda i: units(i) if i in EVERY_SIXTH else "0"]
    if status:
        cells.append(lambda i: "refunded" if i in EVERY_SIXTH else "succeeded")
    header = "customer_id,order_date,order_id,amount,amount_refunded" + f",{status}" * bool(status)
    proposal = look_at(tmp_path, header, orders(*cells))
    kept = sum(CENTS) - sum(CENTS[i] for i in EVERY_SIXTH)
    assert money_of(proposal, tmp_path) == (80, kept)


@pytest.mark.parametrize(
    ("column", "paid", "bad"),
    [("status", "completed", ("cancelled", "failed", "pending", "refunded")),
     ("Order Status", "wc-completed", ("wc-cancelled", "wc-failed", "wc-on-hold", "wc-refunded")),
     ("financial_status", "paid", ("voided", "expired", "authorized", "refunded")),
     ("状态", "已完成", ("已取消", "失败", "待付款", "已退款")),
     ("StageName", "Closed Won", ("Closed Lost", "Prospecting", "Negotiation", "Proposal"))],
)  # fmt: skip
def test_orders_that_are_no_sales_by_their_status_are_set_aside_and_counted(
    tmp_path: Path, column: str, paid: str, bad: tuple[str, ...]
) -> None:
    def status(i: int) -> str:
        return bad[i // 6 % 4] if i in EVERY_SIXTH else paid

    header = f"customer_id,order_date,order_id,amount,{column}"
    proposal = look_at(tmp_path, header, orders(units, status))
    kept = [CENTS[i] for i in range(80) if i not in EVERY_SIXTH]
    assert money_of(proposal, tmp_path) == (66, sum(kept))
    rules = [guess for guess in proposal.guesses if "set_aside" in guess.key]
    assert rules
    assert all(rule.sure for rule in rules)
    # 14 orders in turn: the first two words have four, the others three.
    first = sum(CENTS[i] for i in EVERY_SIXTH if i // 6 % 4 == 0) / 100
    assert any(f"{bad[0]} 4 ({first:,.2f})" in rule.because for rule in rules)


def test_a_status_with_a_word_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    words = ("paid", "cancelled", "paid", "flotsam")
    rows = orders(units, lambda i: words[i % 4])
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount,status", rows)
    assert doubts(proposal) == {"transactions.set_aside.cancelled or failed"}


def test_payouts_fees_and_payments_of_invoices_are_no_sales_whatever_their_sign(
    tmp_path: Path,
) -> None:
    rows = [(CUSTOMERS[i], DAYS[i], 1001 + i, units(i), "Invoice") for i in range(80)]
    rows += [(CUSTOMERS[i], DAYS[i], f"P{i}", units(i), "Payment") for i in range(80)]
    rows += [("K00", DAYS[i], f"O{i}", units(i, -3), "payout") for i in range(9)]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount,type", rows)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


@pytest.mark.parametrize("name", ["cancelled", "is_refunded", "test_order"])
def test_a_flag_of_what_is_no_sale_is_a_rule(tmp_path: Path, name: str) -> None:
    rows = orders(units, lambda i: str(i in EVERY_SIXTH))
    proposal = look_at(tmp_path, f"customer_id,order_date,order_id,amount,{name}", rows)
    kept = [CENTS[i] for i in range(80) if i not in EVERY_SIXTH]
    assert money_of(proposal, tmp_path) == (66, sum(kept))


def test_an_amount_far_from_price_times_quantity_is_asked_about(tmp_path: Path) -> None:
    rows = orders(units, lambda i: 2, lambda i: f"{7 + i % 5}.5")
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,price,quantity,value", rows)
    (guess,) = [g for g in proposal.guesses if g.key == "transactions.columns.amount"]
    assert (guess.because, guess.sure) == (
        "in 80 of 80 rows it is far from price x quantity",
        False,
    )


def test_an_order_that_was_cancelled_on_a_day_is_set_aside(tmp_path: Path) -> None:
    rows = orders(units, lambda i: DAYS[i] if i in EVERY_SIXTH else "")
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount,cancelled_at", rows)
    kept = [CENTS[i] for i in range(80) if i not in EVERY_SIXTH]
    assert money_of(proposal, tmp_path) == (66, sum(kept))


@pytest.mark.parametrize(("status", "is_asked"), [("cancelled", False), ("paid", True)])
def test_a_day_of_cancellation_is_asked_about_unless_the_status_agrees(
    tmp_path: Path, status: str, is_asked: bool
) -> None:
    rows = orders(
        units,
        lambda i: DAYS[i] if i in EVERY_SIXTH else "",
        lambda i: status if i in EVERY_SIXTH else "paid",
    )
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount,cancelled_at,status", rows)
    assert ("transactions.set_aside.cancelled on a day" in doubts(proposal)) is is_asked


def test_an_order_number_that_comes_twice_is_a_double_entry(tmp_path: Path) -> None:
    rows = orders(units)
    proposal = look_at(tmp_path, HEADER, [*rows, rows[3], rows[40]])
    assert log_of(proposal)["exact_duplicates"] == "drop"
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))
    assert not doubts(proposal)


def test_whole_orders_over_again_are_double_entries_and_single_lines_are_asked_about(
    tmp_path: Path,
) -> None:
    header = "customer_id,order_date,order_id,product_id,quantity,amount"
    lines = [
        (CUSTOMERS[i], DAYS[i], 1001 + i, f"A{line}", 1, f"{line}.50")
        for i in range(80)
        for line in range(2)
    ]
    proposal = look_at(tmp_path, header, [*lines, *lines[20:40]])
    assert log_of(proposal)["exact_duplicates"] == "drop"
    assert "transactions.exact_duplicates" not in doubts(proposal)
    assert money_of(proposal, tmp_path) == (80, 80 * 200)
    proposal = look_at(tmp_path, header, [*lines, *lines[20:40:2]])
    assert log_of(proposal)["exact_duplicates"] == "keep"
    assert "transactions.exact_duplicates" in doubts(proposal)


def test_a_log_of_days_without_order_numbers_keeps_equal_rows_unless_whole_days_come_again(
    tmp_path: Path,
) -> None:
    header = "customer_id,order_date,amount"
    rows = [(f"K{who}", DAYS[i], f"{who + 1}.25") for i in range(30) for who in range(3)]
    proposal = look_at(tmp_path, header, [*rows, rows[5], rows[50]])
    assert log_of(proposal)["exact_duplicates"] == "keep"
    assert not doubts(proposal)
    proposal = look_at(tmp_path, header, [*rows, *rows[30:60]])
    assert log_of(proposal)["exact_duplicates"] == "drop"
    assert not doubts(proposal)


def test_of_a_file_of_which_only_the_beginning_was_looked_at_the_horizons_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not doubts(look_at(tmp_path, HEADER, orders(units)))
    monkeypatch.setattr("holdfast.setup.propose._SAMPLE_CELLS", 4 * 60)
    assert doubts(look_at(tmp_path, HEADER, orders(units))) == {"study.horizons_days"}


def test_equal_rows_with_a_time_of_day_are_asked_about(tmp_path: Path) -> None:
    rows = [(f"K{i % 7}", f"{DAYS[i]} 10:{i % 60:02d}:07", units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "customer_id,order_time,amount", [*rows, rows[7]])
    assert doubts(proposal) == {"transactions.exact_duplicates"}


@pytest.mark.parametrize(
    ("header", "role"),
    [("Our Client Ref,order_date,order_id,amount", "customer_id"),
     ("customer_id,order_date,Shop Order Ref,amount", "order_id"),
     ("customer_id,order_date,order_id,Booking Revenue EU", "amount")],
)  # fmt: skip
def test_a_part_of_a_name_is_enough_where_the_rows_leave_no_other_column(
    tmp_path: Path, header: str, role: str
) -> None:
    proposal = look_at(tmp_path, header, orders(units))
    assert columns_of(proposal)[role] in header
    assert not doubts(proposal)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_a_part_of_a_name_is_asked_about_where_another_column_has_amounts(tmp_path: Path) -> None:
    header = "customer_id,order_date,order_id,Booking Revenue EU,fee"
    proposal = look_at(tmp_path, header, orders(units, lambda i: f"0.{10 + i % 9}"))
    assert doubts(proposal) == {"transactions.columns.amount"}


def test_the_shops_that_are_sold_to_are_customers_where_there_is_no_other(tmp_path: Path) -> None:
    rows = [(CUSTOMERS[i], DAYS[i], 1001 + i, units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "Store Number,Date,Invoice Number,Sale (Dollars)", rows)
    assert columns_of(proposal)["customer_id"] == "Store Number"
    assert doubts(proposal) == {"transactions.columns.customer_id"}
    buyer = [(*row, f"B{i % 9}") for i, row in enumerate(rows)]
    proposal = look_at(tmp_path, "Store Number,Date,Invoice Number,Sale (Dollars),Buyer", buyer)
    assert columns_of(proposal)["customer_id"] == "Buyer"


def test_orders_refunded_in_part_by_an_unknown_amount_are_said(tmp_path: Path) -> None:
    rows = orders(units, lambda i: "partially_refunded" if i in EVERY_SIXTH else "paid")
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount,status", rows)
    assert any("partially_refunded 14" in guess.because for guess in proposal.guesses)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


@pytest.mark.parametrize(
    "nobody",
    ["guest@shop.example", "no-reply@shop.example", "anonymous@shop.example", "0", "Guest"],
)
def test_a_name_for_nobody_is_no_customer(tmp_path: Path, nobody: str) -> None:
    rows = [
        (nobody if i % 3 == 0 else CUSTOMERS[i], DAYS[i], 1001 + i, units(i)) for i in range(80)
    ]
    proposal = look_at(tmp_path, "customer,order_date,order_id,amount", rows)
    kept = [CENTS[i] for i in range(80) if i % 3]
    assert money_of(proposal, tmp_path) == (53, sum(kept))
    assert "no real customer" in log_of(proposal)["set_aside"]
    assert not doubts(proposal)


def test_one_id_with_the_orders_of_a_crowd_is_asked_about(tmp_path: Path) -> None:
    rows = [("X9" if i % 3 == 0 else f"K{i % 40}", DAYS[i], 1001 + i, units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    assert log_of(proposal)["set_aside"] == {"no real customer": "\"customer_id\" IN ('X9')"}
    assert doubts(proposal) == {"transactions.set_aside.no real customer"}


def test_a_zero_among_ids_that_buys_like_all_others_is_a_customer(tmp_path: Path) -> None:
    rows = [(i % 9, DAYS[i], 1001 + i, units(i)) for i in range(80)]
    assert "set_aside" not in log_of(
        look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    )


def test_who_bought_as_a_guest_is_told_by_the_address(tmp_path: Path) -> None:
    rows = [
        (
            0 if i % 2 else int(CUSTOMERS[i][1:]) + 1,
            f"{CUSTOMERS[i]}@mail.example",
            DAYS[i],
            i,
            units(i),
        )
        for i in range(80)
    ]
    proposal = look_at(tmp_path, "customer_id,billing_email,order_date,order_id,total", rows)
    assert columns_of(proposal)["customer_id"] == "billing_email"
    (guess,) = [g for g in proposal.guesses if g.key == "transactions.columns.customer_id"]
    assert guess.runner_up == "customer_id"


def test_a_column_is_shown_with_examples_its_share_of_readable_rows_and_the_next_best(
    tmp_path: Path,
) -> None:
    rows = orders(units, lambda i: "" if i % 4 == 0 else units(i, 2))
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,net,amount", rows)
    (guess,) = [g for g in proposal.guesses if g.key == "transactions.columns.amount"]
    assert guess.value == "amount"
    assert guess.examples == (units(1, 2), units(2, 2), units(3, 2))
    assert (guess.readable, guess.runner_up, guess.sure) == (0.75, "net", False)


def test_a_column_or_a_rule_can_be_left_out(tmp_path: Path) -> None:
    rows = orders(units, lambda i: 2, lambda i: "cancelled" if i in EVERY_SIXTH else "paid")
    header = "customer_id,order_date,order_id,price,quantity,status"
    given = {
        "transactions__columns__quantity": "-",
        "transactions__set_aside__cancelled or failed": "-",
    }
    log = log_of(look_at(tmp_path, header, rows, **given))
    assert "quantity" not in log["columns"]
    assert "set_aside" not in log


def test_money_that_cannot_be_read_yet_is_said(tmp_path: Path) -> None:
    rows = orders(lambda i: f'"${CENTS[i]:,}.50"')
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    if "amount" not in columns_of(proposal):
        (guess,) = [g for g in proposal.guesses if g.key == "transactions.columns.amount"]
        assert "'amount' is written as $1,250.50" in guess.because


@pytest.mark.parametrize(
    "header",
    [
        "master_id,channel,first_order_date,last_order_date,order_num_total,customer_value_total",
        "customer_id,city,first_order,last_order,orders,total_spent",
        "Email,First Name,Member Date,Last Order Date,Number of Orders,Total Revenue",
    ],
)
def test_one_row_a_customer_is_no_log_and_can_be_a_snapshot(tmp_path: Path, header: str) -> None:
    rows = [
        (f"Z{i}@x.example", "Web", DAYS[i] - timedelta(days=90), DAYS[i], 1 + i % 9, units(i))
        for i in range(60)
    ]
    with pytest.raises(DataError, match=r"no log of orders: each of its 60 rows is another cust.*"):
        look_at(tmp_path, header, rows)
    proposal = look_at(tmp_path, header, rows, kind="snapshot")
    assert "snapshot.labels.churned" in doubts(proposal)
    # Of 60 days, the median is the thirtieth: 29 were last seen before it.
    assert churned_of(proposal, tmp_path) == 29


def test_customers_who_each_bought_once_are_still_a_log_that_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    rows = [(f"Z{i}", DAYS[i], 1001 + i, units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    assert proposal.kind == "log"
    assert "over no horizon did some customers leave and others stay" in proposal.lacks[0]


def churned_of(proposal: Proposal, folder: Path) -> int:
    (folder / "scratch").mkdir(exist_ok=True)
    with Warehouse(folder / "scratch") as warehouse:
        frame = read_snapshot(Study.from_dict(tomllib.loads(proposal.toml)), warehouse).frame
    return int(frame["churned"].sum())


@pytest.mark.parametrize(
    ("name", "left", "stayed"),
    [("churn", "True", "False"), ("churn", "TRUE", "FALSE"), ("Churn", "Yes", "No"),
     ("exited", 1, 0), ("Churn Label", "Churned", "Stayed"), ("left", "Y", "N"),
     ("Attrition_Flag", "Attrited Customer", "Existing Customer"), ("is_active", "No", "Yes"),
     ("active", 0, 1), ("retained", "False", "True"), ("churn_date", "2023-04-01", ""),
     ("Kündigung", "ja", "nein")],
)  # fmt: skip
def test_who_left_is_read_in_any_spelling(
    tmp_path: Path, name: str, left: object, stayed: object
) -> None:
    rows = [(f"K{i:03d}", 20 + i % 50, left if i % 3 == 0 else stayed) for i in range(60)]
    proposal = look_at(tmp_path, f"customer_id,age,{name}", rows)
    assert churned_of(proposal, tmp_path) == 20


@pytest.mark.parametrize("word", ["True", "TRUE", "true"])
def test_a_flag_held_against_a_word_is_a_flag(tmp_path: Path, word: str) -> None:
    rows = [(f"K{i:03d}", 20 + i % 50, str(i % 3 == 0)) for i in range(60)]
    given = {"snapshot__labels__churned": f"churn = '{word}'"}
    assert churned_of(look_at(tmp_path, "customer_id,age,churn", rows, **given), tmp_path) == 20


def test_what_names_one_customer_or_tells_the_outcome_is_hidden(tmp_path: Path) -> None:
    rows = [
        (i + 1, f"K{i:03d}", "Hill" if i % 2 else "Ota", f"a{i}@x.example", f"{i:04d}-Q",
         20 + i % 50, i % 7, "price" if i % 3 == 0 else "", int(i % 3 == 0))
        for i in range(60)
    ]  # fmt: skip
    header = "RowNumber,Customer ID,Surname,Email,Contract,Age,Churn Score,Churn Reason,Churn Value"
    snapshot = tomllib.loads(look_at(tmp_path, header, rows).toml)["snapshot"]
    hidden = {
        "RowNumber",
        "Surname",
        "Email",
        "Contract",
        "Churn Score",
        "Churn Reason",
        "Churn Value",
    }
    assert set(snapshot["hidden_from_churn"]) == set(snapshot["hidden_from_value"]) == hidden


@pytest.mark.parametrize(
    ("days", "horizons", "history"), [(400, [30, 90], 90), (100, [21], 42), (45, [7], 14)]
)
def test_horizons_fit_the_length_of_the_log(
    tmp_path: Path, days: int, horizons: list[int], history: int
) -> None:
    rows = [
        (CUSTOMERS[i], FIRST + timedelta(days=i * (days - 1) // 79), 1001 + i, units(i))
        for i in range(80)
    ]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    study = Study.from_dict(tomllib.loads(proposal.toml))
    assert (list(study.horizons_days), study.backtest.min_history_days) == (horizons, history)
    assert study.churn.horizon_days * 2 + history <= days
    assert proposal.lacks == ()


def test_a_log_too_short_for_any_horizon_says_what_is_missing(tmp_path: Path) -> None:
    rows = [(CUSTOMERS[i], FIRST + timedelta(days=i // 4), 1001 + i, units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,amount", rows)
    assert "the log spans 20 days, and 28 are the least" in proposal.lacks[0]


def dated(form: str) -> list[Cells]:
    return [(CUSTOMERS[i], f'"{DAYS[i]:{form}}"', 1001 + i, units(i)) for i in range(80)]


HEADER = "customer_id,order_date,order_id,amount"


@pytest.mark.parametrize(
    "key", ["transactions__timestamp_format", "transactions__csv__timestamp_format"]
)
def test_a_format_that_is_given_is_listened_to(tmp_path: Path, key: str) -> None:
    rows = dated("week of %Y.%d.%m")
    proposal = look_at(tmp_path, HEADER, rows, **{key: "week of %Y.%d.%m"})
    assert log_of(proposal)["csv"]["timestamp_format"] == "week of %Y.%d.%m"
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_two_formats_in_one_column_are_told_with_their_rows(tmp_path: Path) -> None:
    rows = [*dated("%d/%m/%Y")[:50], *dated("%Y-%m-%d")[50:]]
    proposal = look_at(tmp_path, HEADER, rows)
    (guess,) = [each for each in proposal.guesses if each.key.endswith("occurred_at")]
    assert not guess.sure
    assert guess.because == (
        "written in 2 ways: 50 as the study's timestamp_format, 30 as 2023-01-31"
    )
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_day_first_and_month_first_in_one_column_are_refused_with_their_rows(
    tmp_path: Path,
) -> None:
    late = [row for row, day in zip(dated("%d/%m/%Y"), DAYS, strict=True) if day.day > 12]
    american = [row for row, day in zip(dated("%m/%d/%Y"), DAYS, strict=True) if day.day > 12]
    with pytest.raises(DataError, match=r"no one format reads nearly all of its 40 dates: 20 by"):
        look_at(tmp_path, HEADER, [*late[:20], *american[20:40]])


def test_whole_numbers_under_another_name_are_no_dates(tmp_path: Path) -> None:
    rows = [(CUSTOMERS[i], 44000 + 7 * i % 50, DAYS[i], units(i)) for i in range(80)]
    proposal = look_at(tmp_path, "customer_id,shelf,bought,amount", rows)
    assert columns_of(proposal)["occurred_at"] == "bought"


def study_of(proposal: Proposal) -> dict[str, Any]:
    return dict(tomllib.loads(proposal.toml)["study"])


@pytest.mark.parametrize(
    ("sign", "currency", "is_sure"),
    [("€", "EUR", True), ("£", "GBP", True), ("$", "USD", False), ("kr ", "SEK", False),
     ("CHF ", "CHF", True), ("R$ ", "BRL", True)],
)  # fmt: skip
def test_the_sign_beside_amounts_is_the_study_s_currency(
    tmp_path: Path, sign: str, currency: str, is_sure: bool
) -> None:
    proposal = look_at(tmp_path, HEADER, orders(lambda i: f"{sign}{units(i)}"))
    (guess,) = [each for each in proposal.guesses if each.key == "study.currency"]
    assert (guess.value, guess.sure) == (currency, is_sure)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_a_currency_without_cents_is_kept_in_whole_units(tmp_path: Path) -> None:
    proposal = look_at(tmp_path, HEADER, orders(lambda i: f"¥{CENTS[i]}"))
    assert (study_of(proposal)["currency"], study_of(proposal)["minor_digits"]) == ("JPY", 0)
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


def test_a_sign_that_the_given_currency_may_have_is_of_it(tmp_path: Path) -> None:
    rows = orders(lambda i: f"${units(i)}")
    proposal = look_at(tmp_path, HEADER, rows, study__currency="AUD")
    assert money_of(proposal, tmp_path) == (80, sum(CENTS))


@pytest.mark.parametrize("by", ["column", "sign"])
def test_of_several_currencies_the_commonest_is_kept_and_the_others_are_told(
    tmp_path: Path, by: str
) -> None:
    def code(i: int) -> str:
        return "GBP" if i in EVERY_SIXTH else "EUR"

    if by == "column":
        proposal = look_at(tmp_path, f"{HEADER},currency", orders(units, code))
        assert tomllib.loads(proposal.toml)["currency"] == {"column": "currency"}
    else:
        proposal = look_at(tmp_path, HEADER, orders(lambda i: f"{code(i)} {units(i)}"))
    (guess,) = [each for each in proposal.guesses if each.key == "study.currency"]
    assert (guess.value, guess.sure) == ("EUR", False)
    assert "EUR in 66 rows, and GBP in 14 rows, which are set aside" in guess.because
    kept = [CENTS[i] for i in range(80) if i not in EVERY_SIXTH]
    assert money_of(proposal, tmp_path) == (66, sum(kept))


@pytest.mark.parametrize("share", ["12%", "3.5 %"])
def test_a_percentage_is_no_amount(tmp_path: Path, share: str) -> None:
    rows = orders(units, lambda i: share)
    proposal = look_at(tmp_path, "customer_id,order_date,order_id,net,sales_value", rows)
    assert columns_of(proposal)["amount"] == "net"
