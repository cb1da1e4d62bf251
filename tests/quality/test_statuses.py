"""Orders and money are counted by status, and what is no sale and counts as one is said."""

from pathlib import Path

import pytest

from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.statuses import Meaning, meaning_of, names_status
from holdfast.io.warehouse import Warehouse
from holdfast.quality.statuses import describe_statuses
from holdfast.quality.topics import Topic
from holdfast.study import Study

ROWS = """who,day,order,total,status,colour
ann,2024-01-05,1,20.00,paid,red
ann,2024-01-05,1,10.00,paid,blue
bob,2024-01-06,2,5.00,cancelled,red
bob,2024-01-07,3,7.00,refund,red
eve,2024-01-08,4,9.00,Partially refunded,red
"""


def topic_of(folder: Path, **transactions: object) -> Topic | None:
    (folder / "log.csv").write_text(ROWS, encoding="utf-8")
    columns = {"customer_id": "who", "occurred_at": "day", "order_id": "order", "amount": "total"}
    log = {"path": str(folder / "log.csv"), "columns": columns, **transactions}
    with Warehouse(folder) as warehouse:
        study = Study.from_dict({"study": {"name": "shop"}, "transactions": log})
        return describe_statuses(read_order_log(study, warehouse))


def test_orders_and_money_are_counted_by_status_and_what_is_made_of_them(tmp_path: Path) -> None:
    topic = topic_of(
        tmp_path,
        set_aside={"cancelled": "status = 'cancelled'"},
        returns={"when": "status = 'refund'"},
    )
    assert topic is not None
    assert topic.sentences == (
        "status: Partially refunded 1 order, 9.00 USD (sales); cancelled 1 order, 5.00 USD "
        "(set aside); paid 1 order, 30.00 USD (sales); refund 1 order, -7.00 USD (returns).",
    )
    (finding,) = topic.findings
    assert finding.name == "no-sales-counted"
    assert "'Partially refunded' (1 order, 9.00 USD)" in finding.evidence
    assert "cancelled'" not in finding.evidence


def test_what_is_no_sale_and_counts_in_full_is_a_finding(tmp_path: Path) -> None:
    topic = topic_of(tmp_path)
    assert topic is not None
    (finding,) = topic.findings
    for words in ("'cancelled' (1 order, 5.00 USD)", "'refund' (1 order, 7.00 USD)"):
        assert words in finding.evidence


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("wc-cancelled", "cancelled"), ("Voided", "cancelled"), ("on-hold", "unpaid"),
        ("Unpaid", "unpaid"), ("paid", "sale"), ("Payment Refund", "refunded"),
        ("partially_refunded", "partly"), ("Credit Memo", "refunded"), ("Annulée", "cancelled"),
        ("Storniert", "cancelled"), ("En attente", "unpaid"), ("Reembolsado", "refunded"),
        ("キャンセル", "cancelled"), ("待付款", "unpaid"), ("red", None), ("", None),
    ],
)  # fmt: skip
def test_a_status_says_what_became_of_the_money(word: str, meaning: Meaning | None) -> None:
    assert meaning_of(word) == meaning


def test_a_column_of_statuses_is_told_by_its_name() -> None:
    assert all(map(names_status, ("status", "Financial Status", "orderStatus", "Event Type")))
    assert not any(map(names_status, ("Fulfillment Status", "Marital Status", "colour", "country")))
