"""What winning a customer costs and when it pays, worked out by hand."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.campaigns.acquisition import FEWEST, channel_months, channels, read_channels
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import HORIZONS


def people(channel: str, months: list[int], *, each: int = FEWEST) -> pl.DataFrame:
    """So many customers of a channel for each number of months that they were seen."""
    names = [f"{channel}{m}-{i}" for m in months for i in range(each)]
    whole = [m for m in months for _ in range(each)]
    return pl.DataFrame(
        {"customer_id": names, "channel": channel, "months": whole},
        schema_overrides={"months": pl.Int32},
    )


def left(channel: str, margins: dict[int | None, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {"channel": channel, "month": list(margins), "margin": list(margins.values())},
        schema_overrides={"month": pl.Int32},
    )


def expected(won: pl.DataFrame, margins: dict[int, float], *, clv: float = 0.0) -> pl.DataFrame:
    """The same expected of each customer: days -> margin."""
    rows = [
        {"customer_id": name, "horizon_days": days, "expected_margin": margin, "clv": clv}
        for name in won["customer_id"]
        for days, margin in margins.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"horizon_days": pl.Int32})


NOTHING = HORIZONS.empty()


def test_a_month_is_averaged_over_those_who_were_seen_for_the_whole_of_it() -> None:
    # 60 customers lived through the first month and left 600; 30 through the second and left 150.
    won = people("ad", [1, 2])
    months = channel_months(won, left("ad", {0: 600.0, 1: 150.0, None: 99.0}), NOTHING)
    assert months.select("months_since", "customers", "margin", "source").rows() == [
        (0, 60, 10.0, "observed"),
        (1, 30, 15.0, "observed"),
    ]


def test_a_month_that_few_have_lived_through_says_nothing() -> None:
    won = pl.concat([people("ad", [1]), people("ad", [2], each=FEWEST - 1)])
    months = channel_months(won, left("ad", {0: 590.0, 1: 9_999.0}), NOTHING)
    assert months["margin"].to_list() == [10.0]


def test_after_what_was_seen_comes_what_is_expected_of_the_oldest() -> None:
    # Seen: 10 in the one month. Expected of those: 12 within 146 days, 24 within 365, in equal
    # parts between; the younger, of whom a million is expected, say nothing of the second month.
    old, young = people("ad", [1]), people("ad", [0])
    horizons = pl.concat(
        [expected(old, {146: 12.0, 365: 24.0}), expected(young, {146: 1e6, 365: 1e6})]
    )
    won = pl.concat([old, young])
    months = channel_months(won, left("ad", {0: 300.0}), horizons)
    assert months["source"].to_list() == ["observed"] + ["expected"] * 12
    assert months["customers"].to_list() == [FEWEST] * 13
    assert months["margin"][1] == pytest.approx(10 + 12 * (365 / 12) / 146)
    assert months["margin"][12] == pytest.approx(34)


@pytest.mark.parametrize(
    ("cost", "payback"),
    [
        (10.0, (1, "observed")),
        (14.0, (2, "observed")),
        (20.0, (7, "expected")),
        (27.1, (None, None)),
        (None, (None, None)),
    ],
)
def test_winning_pays_in_the_month_in_which_the_margin_covers_the_cost(
    cost: float | None, payback: tuple[int | None, str | None]
) -> None:
    # 10 after the first month, 15 after the second, then 1 a month for twelve months more.
    won = people("ad", [2])
    done, horizons = left("ad", {0: 300.0, 1: 150.0}), expected(won, {365: 12.0}, clv=11.0)
    months = channel_months(won, done, horizons)
    costs = {} if cost is None else {"ad": cost}
    row = channels(won, done, horizons, months, costs=costs).row(0, named=True)
    assert (row["payback_months"], row["payback_source"]) == payback
    assert (row["months_observed"], row["months_expected"]) == (2, 12)
    assert (row["margin"], row["expected_margin"], row["lifetime_value"]) == (15.0, 11.0, 26.0)
    assert row["value_to_cost"] == (None if cost is None else pytest.approx(26.0 / cost))


def test_of_a_customer_who_is_not_scored_nothing_more_is_expected() -> None:
    won = people("ad", [1])
    horizons = expected(won.head(FEWEST // 2), {365: 12.0}, clv=10.0)
    done = left("ad", {0: 30.0})
    months = channel_months(won, done, horizons)
    row = channels(won, done, horizons, months, costs={}).row(0, named=True)
    assert row["expected_margin"] == 5.0
    assert months["margin"][-1] == pytest.approx(1 + 6)


def test_without_a_value_nothing_is_said_of_what_is_to_come() -> None:
    won = people("ad", [1])
    nothing = expected(won, {365: 0.0}).with_columns(
        expected_margin=pl.lit(None, pl.Float64), clv=pl.lit(None, pl.Float64)
    )
    done = left("ad", {0: 30.0})
    months = channel_months(won, done, nothing)
    row = channels(won, done, nothing, months, costs={"ad": 5.0}).row(0, named=True)
    assert months.height == 1
    assert (row["expected_margin"], row["lifetime_value"], row["value_to_cost"]) == (None,) * 3


def test_months_are_the_customers_own_and_the_first_known_channel_counts(tmp_path: Path) -> None:
    orders = "who,day,paid,cost\n"
    customers = "who,since,channel\n"
    for i in range(FEWEST):
        # The first month is the 15th to the 14th: 6 left. The second is not over on 10 March.
        orders += f"s{i},2024-01-15,10,4\ns{i},2024-02-14,-5,5\ns{i},2024-02-15,8,2\n"
        customers += f"s{i},2024-01-01,search\ns{i},2024-02-01,social\n"
    orders += "nobody,2024-03-09,7,0\n"
    (tmp_path / "orders.csv").write_text(orders, encoding="utf-8")
    (tmp_path / "customers.csv").write_text(customers, encoding="utf-8")
    study = Study.from_dict(
        {
            "study": {"name": "shop", "currency": "EUR", "project_dir": str(tmp_path)},
            "transactions": {
                "path": str(tmp_path / "orders.csv"),
                "columns": {
                    "customer_id": "who", "occurred_at": "day", "amount": "paid", "cost": "cost",
                },
            },
            "customers": {
                "path": str(tmp_path / "customers.csv"),
                "attributes": ["channel"],
                "columns": {"customer_id": "who", "known_from": "since"},
            },
            "acquisition": {"channel": "channel", "cost": {"search": 5.0, "serach": 1.0}},
        }
    )  # fmt: skip
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as warehouse:
        log = read_order_log(study, warehouse)
        tables, findings = read_channels(study, warehouse, NOTHING, end_day=log.end_day)
    columns = ("channel", "months_since", "customers", "margin")
    assert tables["channel_months"].select(columns).rows() == [("search", 0, FEWEST, 6.0)]
    found = tables["channels"].select("channel", "customers", "margin", "payback_months").rows()
    assert found == [("search", FEWEST, 12.0, 1), ("not given", 1, 7.0, None)]
    assert [each.evidence for each in findings] == [
        "[acquisition.cost] names serach, by which no customer was won; known: search, not given"
    ]
