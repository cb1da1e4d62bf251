"""Campaigns whose hold-out was left alone for a year, by hand on a small log."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.past.matured import read_persistence
from holdfast.campaigns.past.persistence import Persistence
from holdfast.campaigns.past.readouts import of_offers
from holdfast.campaigns.treatments import read_treatments
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

START = date(2023, 1, 1)
CUSTOMERS = [f"C{i:03}" for i in range(400)]
Read = Callable[..., Persistence]


def dated(day: int) -> str:
    return str(START + timedelta(days=day))


def orders(*, later: float) -> list[tuple[str, int, float]]:
    """All buy on day 0. The contacted, every second, spend 10 more soon after day 100, and `later`
    more much later; everybody a little more or less by chance.
    """
    rows = [("Z", 599, 1.0)]
    for i, customer in enumerate(CUSTOMERS):
        soon, late = (i // 2 % 5) / 10, (i // 10 % 5) / 10
        more = (10.0, later) if i % 2 == 0 else (0.0, 0.0)
        rows += [
            (customer, 0, 10.0), (customer, 110, 20 + soon + more[0]),
            (customer, 300, 20 + late + more[1]),
        ]  # fmt: skip
    return rows


def campaign(
    name: str, day: int, treated: Callable[[int], bool] = lambda i: i % 2 == 0
) -> list[dict[str, Any]]:
    return [
        {"customer_id": c, "occurred_at": dated(day), "campaign": name, "treated": treated(i)}
        for i, c in enumerate(CUSTOMERS)
    ]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(treatments: list[dict[str, Any]], *, later: float, **plan: Any) -> Persistence:
        pl.DataFrame(
            [(c, dated(day), amount) for c, day, amount in orders(later=later)],
            schema=["c", "t", "a"],
            orient="row",
        ).write_csv(tmp_path / "orders.csv")
        pl.DataFrame(treatments).write_csv(tmp_path / "treatments.csv")
        study = Study.from_dict(
            {
                "study": {"name": "shop", "currency": "EUR"},
                "project_dir": str(tmp_path),
                "transactions": {
                    "path": "orders.csv",
                    "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
                },
                "treatments": {
                    "path": "treatments.csv",
                    "columns": {name: name for name in treatments[0]},
                },
                "plan": {"horizon_days": 365, **plan},
            }
        )
        with Warehouse.temporary() as warehouse:
            log = read_order_log(study, warehouse)
            rows, _ = of_offers(study, read_treatments(warehouse))
            return read_persistence(study, warehouse, rows, end_day=log.end_day)

    return build


def test_kappa_is_the_effect_of_a_year_over_that_of_a_month(read: Read) -> None:
    row = read(campaign("spring", 100), later=-6.0).kappas.row(0, named=True)
    # 10 within 30 days, 6 less within the year: 4 of 10 are left.
    assert (row["offer"], row["campaigns"], row["uplift_source"]) == ("contact", 1, "experiment")
    assert row["estimate"] == pytest.approx(0.4, abs=0.02)


def test_a_campaign_that_is_not_old_enough_claims_nothing_and_says_so(read: Read) -> None:
    learnt = read(campaign("spring", 100), later=0.0, horizon_days=501)
    assert learnt.claimed_days == 30
    assert learnt.notes == (
        "how long an effect lasts is not told by what is not 501 days old: spring",
    )
    # The log has 600 days: 500 from day 100 on are over, and 30 days for returns are not.
    assert read(campaign("spring", 100), later=0.0, horizon_days=500).claimed_days == 500
    late = read(campaign("spring", 100), later=0.0, horizon_days=500, return_days=30)
    assert "501" not in late.notes[0]
    assert "not 500 days and 30 for returns old" in late.notes[0]


def test_a_later_campaign_drawn_by_a_lot_of_its_own_does_not_spoil_an_earlier_one(
    read: Read,
) -> None:
    rows = [*campaign("spring", 100), *campaign("summer", 250, lambda i: i % 4 < 2)]
    learnt = read(rows, later=-6.0)
    assert learnt.kappas["campaigns"].to_list() == [1]
    assert [note.rpartition(": ")[2] for note in learnt.notes] == ["summer"]


def test_where_the_same_customers_are_held_out_again_nobody_knows_which_campaign_it_was(
    read: Read,
) -> None:
    rows = [*campaign("spring", 100), *campaign("summer", 250)]
    learnt = read(rows, later=-6.0)
    assert not learnt.is_measured
    assert any("came to 100% of those contacted, but to 0% of those held out: spring" in note
               for note in learnt.notes)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row for row in campaign("spring", 100) if row["treated"]], "had nobody held out"),
        (campaign("spring", 100)[:30], "has fewer than 20 customers in an arm"),
        (
            [
                row | {"propensity": 0.5 if i < 200 else 0.6}
                for i, row in enumerate(campaign("spring", 100))
            ],
            "was likelier to contact some than others",
        ),
    ],
)
def test_a_campaign_that_is_no_fair_comparison_is_named_with_the_reason(
    read: Read, rows: list[dict[str, Any]], reason: str
) -> None:
    learnt = read(rows, later=0.0)
    assert not learnt.is_measured
    assert reason in learnt.notes[0]
