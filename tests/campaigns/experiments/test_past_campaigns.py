"""Past campaigns, read out of a log by hand."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import t

from holdfast.campaigns.experiments.past_campaigns import CampaignLog, CampaignResult
from holdfast.errors import DataError, InputError, NotEnoughData
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

START = date(2024, 1, 1)
CUSTOMERS = [f"C{i:02}" for i in range(40)]
Row = tuple[str, int, float]
Read = Callable[..., CampaignResult]


def dated(day: int) -> str:
    return str(START + timedelta(days=day))


def is_contacted(customer: str) -> bool:
    return int(customer[1:]) % 2 == 0


def bought(*more: Row) -> list[Row]:
    """Everybody buys on day 0; the log goes to day 199."""
    return [*((c, 0, 10.0) for c in CUSTOMERS), *more, ("Z", 199, 1.0)]


def draw(day: int = 100, *, name: str = "mailing", **changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": c,
            "occurred_at": dated(day),
            "campaign": name,
            "treated": is_contacted(c),
            "propensity": 0.5,
            "cost": 0.5,
            **changes,
        }
        for c in CUSTOMERS
    ]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(
        orders: list[Row], rows: list[dict[str, Any]], name: str = "mailing", **window: int
    ) -> CampaignResult:
        pl.DataFrame(
            [(c, dated(day), amount) for c, day, amount in orders],
            schema=["c", "t", "a"],
            orient="row",
        ).write_csv(tmp_path / "orders.csv")
        pl.DataFrame(rows).write_csv(tmp_path / "treatments.csv")
        columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
        study = Study.from_dict(
            {
                "study": {"name": "shop", "currency": "EUR"},
                "project_dir": str(tmp_path),
                "transactions": {"path": "orders.csv", "columns": columns},
                "treatments": {"path": "treatments.csv", "columns": {n: n for n in rows[0]}},
                "value": {"margin_rate": 0.4},
            }
        )
        with Warehouse.temporary() as warehouse:
            log = read_order_log(study, warehouse)
            asked = {"days": 30, "return_days": 0, **window}
            return CampaignLog(study, warehouse, end_day=log.end_day, **asked).read(name)

    return build


def spent_in_the_window() -> list[Row]:
    """Of the contacted every other one spends 8, the rest 4; of the held out 2 and nothing."""
    amounts = {0: 8.0, 1: 2.0, 2: 4.0}
    return [
        (c, 100 + int(c[1:]) % 30, amounts[int(c[1:]) % 4])
        for c in CUSTOMERS
        if int(c[1:]) % 4 in amounts
    ]


def test_effects_per_head_cost_and_net_are_those_by_hand(read: Read) -> None:
    result = read(bought(*spent_in_the_window()), draw())
    (row,) = result.rows
    assert (row["contacted"], row["held_out"], row["date"]) == (20, 20, dated(100))
    # 20 of 20 buy against 10 of 20; 6 are spent against 1; at a margin of 40 %.
    assert (row["bought"], row["revenue"], row["margin"]) == pytest.approx((0.5, 5.0, 2.0))
    # Sums of squares 80 and 20 over 19, each arm of 20; Welch's degrees 25 x 19 / 17.
    reach = t.ppf(0.975, 25 * 19 / 17) * (5 / 19) ** 0.5
    assert (row["revenue_low"], row["revenue_high"]) == pytest.approx((5 - reach, 5 + reach))
    assert (row["cost"], row["net"]) == pytest.approx((10.0, 2.0 * 20 - 10.0))
    assert row["net_low"] == pytest.approx(0.4 * 20 * (5 - reach) - 10)
    assert (row["pays"], row["uplift_source"]) == ("yes", "experiment")


def test_what_was_spent_in_as_many_days_before_is_taken_out_of_the_difference(read: Read) -> None:
    # Everybody spends as much as before, the contacted 3 more; day 69 is before the window.
    before = {c: float(place + 1) for place, c in enumerate(CUSTOMERS)}
    orders = [(c, 70, before[c]) for c in CUSTOMERS]
    orders += [(c, 69, 500.0) for c in CUSTOMERS[:7]]
    orders += [(c, 120, before[c] + 3 * is_contacted(c)) for c in CUSTOMERS]
    revenue = read(bought(*orders), draw()).effects.filter(outcome="revenue")
    assert revenue["effect"][0] == pytest.approx(3.0, abs=0.05)
    assert revenue["standard_error"][0] < 0.05


def test_an_effect_is_of_the_arms_as_drawn_and_a_cost_of_what_was_delivered(read: Read) -> None:
    rows = [
        row | {
            "assigned": is_contacted(row["customer_id"]),
            # Half were not reached, and one was contacted by mistake.
            "treated": row["customer_id"] in CUSTOMERS[:22:2] or row["customer_id"] == "C01",
            "delivered": row["customer_id"] in CUSTOMERS[:20:2],
        }
        for row in draw()
    ]  # fmt: skip
    (row,) = read(bought(*spent_in_the_window()), rows).rows
    assert (row["contacted"], row["revenue"]) == (20, pytest.approx(5.0))
    assert row["cost"] == pytest.approx(10 * 0.5)


def test_each_offer_of_a_campaign_has_a_row_against_one_hold_out(read: Read) -> None:
    more = [f"D{i:02}" for i in range(20)]
    rows = [row | {"offer": "mail" * row["treated"], "propensity": 2 / 3} for row in draw()]
    rows += [{**rows[0], "customer_id": d, "offer": "call"} for d in more]
    orders = [*bought(*spent_in_the_window()), *((d, 0, 10.0) for d in more)]
    result = read(orders, rows)
    assert [(row["offer"], row["contacted"], row["held_out"]) for row in result.rows] == [
        ("call", 20, 20),
        ("mail", 20, 20),
    ]
    # Nobody who was called spent anything; of the held out 1 on average.
    assert [row["revenue"] for row in result.rows] == pytest.approx([-1.0, 5.0])
    assert result.checks["assigned"] == pytest.approx(1.0)


def test_without_a_chance_the_sizes_are_not_checked_and_that_is_said(read: Read) -> None:
    rows = [{n: value for n, value in row.items() if n != "propensity"} for row in draw()]
    result = read(bought(*spent_in_the_window()), rows)
    assert not result.checks
    assert [finding.name for finding in result.findings] == ["propensity-estimated"]


def test_without_every_cost_there_is_no_net(read: Read) -> None:
    rows = [row | {"cost": None if row["customer_id"] == "C00" else 0.5} for row in draw()]
    (row,) = read(bought(*spent_in_the_window()), rows).rows
    assert (row["cost"], row.get("net"), row["pays"]) == (None, None, None)


def named(customer: str, **changes: Any) -> dict[str, Any]:
    return {**draw()[0], "customer_id": customer, **changes}


MANY = [row | {"treated": row["customer_id"] >= "C04"} for row in draw()]
REFUSED: list[tuple[list[dict[str, Any]], type[InputError], str]] = [
    (draw(treated=True), NotEnoughData, "nobody of 40 was held out"),
    ([*draw(), named("C01")], DataError, "1 customers are in both arms of one campaign"),
    ([*draw(), named("X")], DataError, "1 customers of the campaign never existed, such as X"),
    (draw(propensity=1.0), DataError, "propensity of 0 or 1"),
    (
        [row | {"propensity": 0.8 if row["customer_id"] < "C10" else 0.5} for row in draw()],
        DataError,
        "the chance of being contacted is 0.5 for some and 0.8 for others",
    ),
    (draw(171), NotEnoughData, f"the log ends on {dated(199)}"),
    (MANY, DataError, "the arms' sizes among the customers assigned do not fit the plan"),
    (draw(name="another"), InputError, "no campaign 'mailing'"),
    (
        [row | {"occurred_at": dated(100 if row["treated"] else 60)} for row in draw()],
        DataError,
        "the arms are dated apart",
    ),
]


@pytest.mark.parametrize(("rows", "error", "words"), REFUSED)
def test_what_is_no_fair_experiment_is_refused_in_a_sentence_with_what_to_do(
    read: Read, rows: list[dict[str, Any]], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        read(bought(*spent_in_the_window()), rows)
    assert raised.value.fix


def test_a_window_is_over_once_its_last_day_and_all_returns_are_in_the_log(read: Read) -> None:
    # Days 170 to 199, of which the log has all.
    assert read(bought(), draw(170)).rows[0]["contacted"] == 20
    with pytest.raises(NotEnoughData) as raised:
        read(bought(), draw(170), return_days=14)
    assert f"wait until {dated(213)}" in raised.value.fix


def with_twins(rows: list[dict[str, Any]], n: int = 1) -> list[dict[str, Any]]:
    """Each customer with so many others of the same household, in the same arm."""
    names = ["", *"abcdefgh"[:n]]
    return [
        {**row, "customer_id": row["customer_id"] + name, "cluster": f"H{row['customer_id']}"}
        for row in rows
        for name in names
    ]


def test_twins_of_one_household_say_no_more_than_one_of_them(read: Read) -> None:
    orders = bought(*spent_in_the_window())
    twins = [(f"{c}a", day, amount) for c, day, amount in orders if c != "Z"]
    alone = read(orders, draw()).rows[0]
    both = read([*orders, *twins], with_twins(draw()))
    (row,) = both.rows
    assert (row["contacted"], row["held_out"]) == (40, 40)
    assert (row["revenue_low"], row["revenue_high"]) == pytest.approx(
        (alone["revenue_low"], alone["revenue_high"])
    )
    assert both.checks["assigned"] == pytest.approx(1.0)


def test_larger_households_in_one_arm_are_no_wrong_sizes(read: Read) -> None:
    contacted = [row for row in draw() if row["treated"]]
    held_out = [row for row in draw() if not row["treated"]]
    rows = [*with_twins(contacted, 8), *with_twins(held_out, 0)]
    orders = bought(*((row["customer_id"], 1, 1.0) for row in rows))
    assert read(orders, rows).checks["assigned"] == pytest.approx(1.0)
    with pytest.raises(DataError, match="do not fit the plan"):
        read(orders, [{**row, "cluster": None} for row in rows])


def test_a_household_in_both_arms_and_a_customer_in_two_are_refused(read: Read) -> None:
    torn = [{**row, "cluster": f"H{i // 2}"} for i, row in enumerate(draw())]
    with pytest.raises(DataError, match="20 clusters are in two arms of one campaign, such as H0"):
        read(bought(), torn)
    rows = [{**row, "cluster": "H1"} for row in draw() if row["treated"]]
    alone = [{**row, "cluster": None} for row in draw() if not row["treated"]]
    moved = {**rows[0], "cluster": "H2"}
    with pytest.raises(DataError, match="1 customers are in two clusters of one campaign, such as"):
        read(bought(), [*rows, moved, *alone])
