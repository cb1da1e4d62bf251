"""Events, customers and treatments come in by the same rules as the order log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import StudyError
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.validation import Rows
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import ACTIVITY, CUSTOMERS, EVENTS, QUARANTINE, TREATMENTS

WHO_AND_WHEN = {"customer_id": "id", "occurred_at": "at"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "orders.csv").write_text("id,at,total\na,2011-01-01,5\nb,2011-01-02,5\n")
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def read(warehouse: Warehouse, **beside: dict[str, Any]) -> OrderLog:
    project = str(warehouse.scratch.parent)
    log = {"path": "orders.csv", "columns": {**WHO_AND_WHEN, "amount": "total"}}
    return read_order_log(
        Study.from_dict(
            {"study": {"name": "t"}, "project_dir": project, "transactions": log, **beside}
        ),
        warehouse,
    )


def written(warehouse: Warehouse, text: str) -> str:
    (warehouse.scratch.parent / "beside.csv").write_text(text)
    return "beside.csv"


def test_events_are_counted_by_customer_day_and_kind(warehouse: Warehouse) -> None:
    lines = [
        "a,2011-01-01 10:00,basket,2",
        "a,2011-01-01 11:00,basket,3",
        "a,2011-01-01,visit,1",
        "a,2011-01-01,logout,1",
        ",2011-01-01,visit,1",
        "a,never,visit,1",
        "a,2011-01-01,visit,1.5",
        "a,2011-01-01,visit,-1",
        "z,2011-01-03,visit,0",
        "a,2011-01-01,visit,",
    ]
    found = read(
        warehouse,
        events={
            "path": written(warehouse, "\n".join(["id,at,what,n", *lines])),
            "columns": {**WHO_AND_WHEN, "kind": "what", "n": "n"},
            "kinds": {"basket": "cart_add", "visit": "session"},
        },
    )
    EVENTS.check(warehouse.read(warehouse.table("events")))
    counts = (
        "SELECT day, n_cart_adds, n_sessions FROM activity WHERE customer_id = ? AND day >= 14975"
    )
    assert warehouse.row(counts, "a") == (14975, 5, 1)
    assert warehouse.row(counts, "z") == (14977, 0, 0)
    assert found.reasons["events"] == {
        "occurred_at is not a date": 1,
        "n is missing": 1,
        "n is not a whole number >= 0": 2,
        "no customer": 1,
        "kind is not in [events.kinds]": 1,
    }
    assert found.rows == Rows(read=12, accepted=6, set_aside=2, quarantined=4)
    strangers = next(f for f in found.findings if f.name == "customers-only-in-events")
    assert strangers.evidence == "1 of the 2 customers in events have no line in the order log"
    assert QUARANTINE.check(found.quarantine).height == 4


def test_treatments_know_who_was_held_out(warehouse: Warehouse) -> None:
    lines = [
        "a,2011-01-01,mail,Yes,0.5,1.25",
        "b,2011-01-01,mail,0,0.5,",
        "a,2011-01-02,mail,maybe,0.5,1",
        "a,2011-01-02,mail,1,1.5,1",
        "a,2011-01-02,mail,1,,-1",
        "a,2011-01-02,,1,,1",
    ]
    found = read(
        warehouse,
        treatments={
            "path": written(warehouse, "\n".join(["id,at,campaign,treated,p,cost", *lines])),
            "columns": {
                **WHO_AND_WHEN,
                "campaign": "campaign",
                "treated": "treated",
                "propensity": "p",
                "cost": "cost",
            },
        },
    )
    table = TREATMENTS.check(warehouse.read(warehouse.table("treatments")))
    assert table.rows() == [
        ("a", 14975, "mail", True, 0.5, 125, None, None, None, None, None),
        ("b", 14975, "mail", False, 0.5, None, None, None, None, None, None),
    ]
    assert sorted(found.reasons["treatments"]) == [
        "campaign is missing",
        "cost is not an amount >= 0",
        "propensity is not a number in 0..1",
        "treated is not yes or no",
    ]
    activity = ACTIVITY.check(warehouse.read(warehouse.table("activity")))
    assert activity.select("customer_id", "day", "n_treatments").rows() == [
        ("a", 14975, 1),
        ("b", 14976, 0),
    ]


def test_treatments_know_the_offer_the_draw_the_delivery_and_the_acceptance(
    warehouse: Warehouse,
) -> None:
    lines = [
        "a,2011-01-01,mail,1, coupon ,yes,no,no",
        "b,2011-01-01,mail,0,,,,",
        "a,2011-01-02,mail,1,coupon,perhaps,no,",
        "a,2011-01-02,mail,1,coupon,yes,lost,",
        "a,2011-01-02,mail,1,coupon,yes,yes,3",
    ]
    header = "id,at,campaign,treated,offer,drawn,arrived,taken"
    found = read(
        warehouse,
        treatments={
            "path": written(warehouse, "\n".join([header, *lines])),
            "columns": {
                **WHO_AND_WHEN,
                "campaign": "campaign",
                "treated": "treated",
                "offer": "offer",
                "assigned": "drawn",
                "delivered": "arrived",
                "accepted": "taken",
            },
        },
    )
    table = TREATMENTS.check(warehouse.read(warehouse.table("treatments")))
    assert table.select("customer_id", "offer", "assigned", "delivered", "accepted").rows() == [
        ("a", "coupon", True, False, False),
        ("b", None, None, None, None),
    ]
    assert sorted(found.reasons["treatments"]) == [
        "accepted is not yes or no",
        "assigned is not yes or no",
        "delivered is not yes or no",
    ]


def test_attributes_are_numbers_words_and_flags_known_from_a_day(warehouse: Warehouse) -> None:
    lines = [
        "id,since,age,plan,mail,born",
        "a,2011-01-01,41,gold,true,1970-01-11",
        "a,2011-02-01,42,,TRUE,1970-01-11",
        "b,2011-01-01, ,basic,false,1970-01-12",
        "b,2011-01-01,n/a,basic,false,1970-01-13",
        "a,2011-01-01,41,gold,true,1970-01-11",
    ]
    found = read(
        warehouse,
        customers={
            "path": written(warehouse, "\n".join(lines)),
            "columns": {"customer_id": "id", "known_from": "since"},
            "attributes": ["age", "plan", "mail", "born"],
        },
    )
    table = CUSTOMERS.check(warehouse.read(warehouse.table("customers")))
    assert table.rows() == [
        ("a", 14975, 41.0, "gold", True, 10.0),
        ("a", 15006, 42.0, None, True, 10.0),
    ]
    assert found.reasons["customers"] == {
        "the customer has several different rows known from the same day": 2,
        "exact duplicate": 1,
    }


def test_attributes_without_a_day_count_from_the_first_and_say_so(warehouse: Warehouse) -> None:
    found = read(
        warehouse,
        customers={
            "path": written(warehouse, "id,Plan\na,gold\nb,basic\n"),
            "columns": {"customer_id": "id"},
            "attributes": ["Plan"],
        },
    )
    assert warehouse.read(warehouse.table("customers")).rows() == [
        ("a", 0, "gold"),
        ("b", 0, "basic"),
    ]
    (finding,) = found.findings
    assert finding.name == "attributes-without-a-day"


@pytest.mark.parametrize(
    ("names", "said"),
    [(["day", "Customer_ID"], "name of a column of Holdfast"), (["x", "X"], "more than once")],
)
def test_an_attribute_cannot_take_a_name_of_holdfast(
    warehouse: Warehouse, names: list[str], said: str
) -> None:
    path = written(warehouse, "id,day,Customer_ID,x,X\na,1,2,3,4\n")
    with pytest.raises(StudyError, match=said):
        read(
            warehouse,
            customers={"path": path, "columns": {"customer_id": "id"}, "attributes": names},
        )


@pytest.mark.parametrize(
    ("cells", "form", "days"),
    [
        (("2011-01-05", "2011-02-03"), None, [14979.0, 15008.0]),
        (("Jan 5, 2011", "Feb 3, 2011"), None, [14979.0, 15008.0]),
        (("05/01/2011", "03/02/2011"), "%d/%m/%Y", [14979.0, 15008.0]),
        (("2011-01-05 23:30 -0500", "n/a"), None, [14980.0, None]),
        (("05/01/2011", "03/02/2011"), None, ["05/01/2011", "03/02/2011"]),
        (("2011-01-05", "soon 2011"), None, ["2011-01-05", "soon 2011"]),
    ],
)
def test_an_attribute_that_is_a_date_is_read_as_all_dates_are(
    warehouse: Warehouse, cells: tuple[str, str], form: str | None, days: list[object]
) -> None:
    text = f'id,since\na,"{cells[0]}"\nb,"{cells[1]}"\n'
    customers = {
        "path": written(warehouse, text),
        "columns": {"customer_id": "id"},
        "attributes": ["since"],
        "csv": {"timestamp_format": form} if form else {},
    }
    read(warehouse, customers=customers)
    assert (
        warehouse.query("SELECT since FROM customers ORDER BY customer_id")["since"].to_list()
        == days
    )
