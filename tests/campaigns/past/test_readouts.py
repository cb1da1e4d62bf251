"""Past campaigns: whose they are, what they say of a segment, and which have no hold-out."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.past.readouts import PastCampaigns, PastSegments, read_campaigns
from holdfast.errors import StudyError
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

START = date(2024, 1, 1)
CUSTOMERS = [f"C{i:03}" for i in range(120)]
Read = Callable[..., PastCampaigns]


def dated(day: int) -> str:
    return str(START + timedelta(days=day))


def orders() -> list[tuple[str, int, float]]:
    """All buy for 10 on day 0; after day 100 the contacted spend 7 or 9, the others 4 or 6."""
    first = [(c, 0, 10.0) for c in CUSTOMERS]
    rest = [
        (c, 105, 5.0 + (1 if i % 4 < 2 else -1) + (3 if i % 2 == 0 else 0))
        for i, c in enumerate(CUSTOMERS)
    ]
    return [*first, *rest, ("Z", 199, 1.0)]


def contacts(name: str, *, held_out: bool = True) -> list[dict[str, Any]]:
    """Every second customer is contacted on day 100."""
    return [
        {"customer_id": c, "occurred_at": dated(100), "campaign": name, "treated": i % 2 == 0}
        for i, c in enumerate(CUSTOMERS)
        if held_out or i % 2 == 0
    ]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(
        treatments: list[dict[str, Any]], offers: dict[str, Any], *, amount: bool = True
    ) -> PastCampaigns:
        pl.DataFrame(
            [(c, dated(day), amount) for c, day, amount in orders()],
            schema=["c", "t", "a"],
            orient="row",
        ).write_csv(tmp_path / "orders.csv")
        pl.DataFrame(treatments).write_csv(tmp_path / "treatments.csv")
        names = {name: name for name in treatments[0]}
        columns = {"customer_id": "c", "occurred_at": "t"} | ({"amount": "a"} if amount else {})
        study = Study.from_dict(
            {
                "study": {"name": "shop", "currency": "EUR"},
                "project_dir": str(tmp_path),
                "transactions": {"path": "orders.csv", "columns": columns},
                "treatments": {"path": "treatments.csv", "columns": names},
                "value": {"margin_rate": 0.5},
                "offers": offers,
            }
        )
        with Warehouse.temporary() as warehouse:
            log = read_order_log(study, warehouse)
            features = feature_tables.features(study, warehouse, [log.end_day])
            segments = PastSegments.learn(study, features, days_seen=100)
            return read_campaigns(study, warehouse, segments, end_day=log.end_day)

    return build


def test_an_offer_adds_the_difference_of_its_arms_in_margin(read: Read) -> None:
    past = read(contacts("spring"), {"mail": {"cost": 1, "campaigns": ["spring"]}})
    (cell,) = past.readouts.to_dicts()
    assert (cell["offer"], cell["contacted"], cell["held_out"]) == ("mail", 60, 60)
    # Half of the 3 that the contacted spend more. Within each arm 30 spend 1 more and 30 spend 1
    # less than the mean: margins have a variance of .25 x 60 / 59 in each, over 60.
    assert cell["effect"] == pytest.approx(1.5)
    assert cell["standard_error"] == pytest.approx((2 * 0.25 / 59) ** 0.5)
    assert cell["uplift_source"] == "experiment"


def test_each_of_several_offers_in_one_campaign_is_held_against_all_its_held_out(
    read: Read,
) -> None:
    rows = contacts("spring")
    for i, row in enumerate(rows):
        row["offer"] = ("mail" if i % 4 else "call") if row["treated"] else None
    past = read(rows, {"mail": {"cost": 1}, "call": {"cost": 2}})
    cells = past.readouts.select("offer", "contacted", "held_out", "effect").sort("offer").rows()
    # Half of 9 and of 7 less half of the 5 that the held-out spend on average.
    assert cells == [("call", 30, 60, pytest.approx(2.0)), ("mail", 30, 60, pytest.approx(1.0))]
    assert past.offers == {"spring": "call, mail"}
    alone = read(rows, {"call": {"cost": 2}})
    assert alone.readouts["contacted"].to_list() == [30]
    assert alone.notes == ()


def test_those_who_took_an_offer_up_are_counted_by_segment_and_offer(read: Read) -> None:
    rows = contacts("spring")
    for i, row in enumerate(rows):
        row["offer"] = ("mail" if i % 4 else "call") if row["treated"] else None
        # Of those called half accept; of those who got mail nobody does, and of ten nobody knows.
        row["accepted"] = ("" if i < 40 else "no") if i % 4 else ("yes" if i % 8 else "no")
        row["delivered"] = "no" if i == 118 else "yes"
    past = read(rows, {"mail": {"cost": 1}, "call": {"cost": 2}})
    assert past.accepted.rows() == [
        ("call", past.readouts["segment"][0], 30, 15), ("mail", past.readouts["segment"][0], 19, 0)
    ]  # fmt: skip


def test_a_campaign_that_no_offer_names_is_left_out_and_named(read: Read) -> None:
    offers = {"mail": {"cost": 1, "campaigns": ["spring"]}}
    both = [*contacts("spring"), {**contacts("autumn")[0], "occurred_at": dated(20)}]
    past = read(both, offers)
    assert past.offers == {"spring": "mail"}
    assert past.notes == ("autumn named by no offer",)


def test_without_a_hold_out_a_campaign_is_observed_and_teaches_nothing(read: Read) -> None:
    past = read(contacts("spring", held_out=False), {"mail": {"cost": 1, "campaigns": ["spring"]}})
    assert set(past.readouts["uplift_source"]) == {"observed"}
    assert past.readouts.height == 6
    assert list(past.observed) == [("spring", "mail")]


def test_an_offer_whose_campaign_never_was_is_refused(read: Read) -> None:
    with pytest.raises(StudyError, match="'sprang', of which"):
        read(contacts("spring"), {"mail": {"cost": 1, "campaigns": ["sprang"]}})


def test_a_past_segment_is_not_moved_by_what_comes_after() -> None:
    today = pl.DataFrame(
        {"spend_365d": [1.0, 5.0, 9.0, 20.0], "days_since_last_purchase": [10, 20, 30, 40]}
    )
    study = Study.from_dict(
        {
            "study": {"name": "shop"},
            "transactions": {
                "path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"}
            },
        }
    )  # fmt: skip
    segments = PastSegments.learn(study, today, days_seen=400)
    then = pl.DataFrame({"spend_365d": [30.0, 0.0], "days_since_last_purchase": [5, 90]})
    # Tiers end at the 33rd and 67th percentile of today's spend: 4.96 and 9.11.
    assert segments.of(then).to_list() == ["Champion", "Losing Customer"]


def test_a_campaign_whose_window_is_not_over_leaves_what_is_assumed(read: Read) -> None:
    late = [{**row, "occurred_at": dated(190)} for row in contacts("spring")]
    past = read(late, {"mail": {"cost": 1, "rate": 0.1, "campaigns": ["spring"]}})
    assert past.readouts.is_empty()
    (note,) = past.notes
    assert "120 window not over yet" in note
    assert f"wait until {dated(219)}" in note


def test_a_log_without_amounts_tells_of_purchases_and_of_no_margin(read: Read) -> None:
    past = read(contacts("spring"), {"mail": {"cost": 1, "campaigns": ["spring"]}}, amount=False)
    assert past.readouts.is_empty()
    assert past.outcome == "purchase"
    assert past.trials is not None
    assert past.trials.trials["mail"].is_rate
