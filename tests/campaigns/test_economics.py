"""The recovery simulation, against the original system's published figures and by hand."""

from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.economics import margin_rate, one_rate, recovery, totals, value_at_stake
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study
from holdfast.tables import HORIZONS, SCORES, Contract

ORIGINAL = {
    "At-Risk VIP": Recovery(cost=50, rate=0.45, of="everyone"),
    "Vulnerable": Recovery(cost=25, rate=0.35, of="everyone"),
    "Losing Customer": Recovery(cost=5, rate=0.15, of="everyone"),
}
LOG: dict[str, Any] = {
    "path": "x.csv",
    "columns": {"customer_id": "a", "occurred_at": "b", "amount": "c"},
}
ONE_RATE = Study.from_dict(
    {"study": {"name": "s"}, "transactions": LOG, "value": {"margin_rate": 0.3}}
)
BY_LINE = Study.from_dict(
    {
        "study": {"name": "s"},
        "transactions": LOG | {"columns": {**LOG["columns"], "cost": "d"}},
        "value": {"margin_rate": 0.5},
    }
)


def segments(
    customers: list[int], value: list[float], at_stake: list[float] | None = None
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "segment": AT_RISK_SEGMENTS,
            "customers": customers,
            "value_if_kept": value,
            "at_stake": at_stake or value,
        }
    ).with_columns(margin_if_kept="value_if_kept", margin_at_stake="at_stake")


def _filled(table: Contract, **columns: list[object]) -> pl.DataFrame:
    """A table with some columns given and the others empty, or as they must be."""
    height = len(next(iter(columns.values())))
    blank = {
        c.name: pl.Series([None if c.nullable else "" if c.dtype == pl.String else 0] * height)
        for c in table.columns
    }
    given = {name: pl.Series(values) for name, values in columns.items()}
    return pl.DataFrame({**blank, **given}, schema=table.schema)


def test_what_is_expected_of_a_customer_is_what_they_bring_if_kept_times_the_chance() -> None:
    scores = _filled(SCORES, customer_id=["ann", "bob"], expected_revenue=[60.0, -5.0])
    horizons = _filled(
        HORIZONS,
        customer_id=["ann", "ann", "bob"],
        horizon_days=[90, 365, 365],
        churn_probability=[0.9, 0.4, 0.5],
    )
    worth = value_at_stake(scores, horizons, horizon_days=365)
    # 60 = .6 x 100, and 40 of the 100 are at stake. What only comes back is not worth keeping.
    assert worth["value_if_kept"].to_list() == [pytest.approx(100), 0]
    assert worth["at_stake"].to_list() == [pytest.approx(40), 0]


def test_who_has_left_already_cannot_be_kept() -> None:
    scores = _filled(
        SCORES, customer_id=["ann", "bob", "cy"], expected_revenue=[60.0] * 3,
        p_alive=[0.9, 0.6, 0.5],
    )  # fmt: skip
    horizons = _filled(
        HORIZONS, customer_id=["ann", "bob", "cy"], horizon_days=[365] * 3,
        churn_probability=[0.4] * 3,
    )  # fmt: skip
    worth = value_at_stake(scores, horizons, horizon_days=365)
    # Of 100 chances of ann 60 stay and 10 have left: 30 can be kept. All of bob's and cy's that
    # have not left stay.
    assert worth["at_stake"].to_list() == pytest.approx([30, 0, 0])
    contract = value_at_stake(scores, horizons, horizon_days=365, contractual=True)
    assert contract["at_stake"].to_list() == pytest.approx([40, 40, 40])


def test_a_chance_to_stay_of_almost_nothing_is_not_divided_by() -> None:
    scores = _filled(SCORES, customer_id=["ann"], expected_revenue=[2.0])
    horizons = _filled(
        HORIZONS, customer_id=["ann"], horizon_days=[365], churn_probability=[0.999_999]
    )
    worth = value_at_stake(scores, horizons, horizon_days=365)
    assert worth["value_if_kept"].to_list() == [pytest.approx(40)]


def test_of_a_snapshot_the_value_itself_is_at_stake() -> None:
    scores = _filled(
        SCORES, customer_id=["ann"], expected_revenue=[200.0], churn_probability=[0.25]
    )
    worth = value_at_stake(scores)
    assert worth.select("value_if_kept", "at_stake").rows() == [(200.0, 50.0)]


def test_a_rate_is_a_share_of_those_who_would_be_lost_unless_it_is_one_of_everyone() -> None:
    base = segments([10, 0, 0], [2_000.0, 0.0, 0.0], [500.0, 0.0, 0.0])
    terms = Recovery(cost=5, rate=0.2)
    assert recovery(base, {"At-Risk VIP": terms})["recovered"].to_list() == [100.0]
    everyone = terms.model_copy(update={"of": "everyone"})
    assert recovery(base, {"At-Risk VIP": everyone})["recovered"].to_list() == [400.0]


def test_a_contact_that_is_accepted_costs_more() -> None:
    terms = Recovery(cost=1, rate=0.2, acceptance=0.25, cost_if_accepted=8)
    plan = recovery(segments([10, 0, 0], [500.0, 0.0, 0.0]), {"At-Risk VIP": terms})
    assert plan.select("cost", "invested", "net").rows() == [(3.0, 30.0, 70.0)]


def test_a_run_older_than_what_is_at_stake_keeps_its_own_economics() -> None:
    older = pl.DataFrame({"segment": ["Vulnerable"], "customers": [10], "total_ltv": [1_000.0]})
    rate = one_rate(older, BY_LINE)
    plan = recovery(older, {"Vulnerable": Recovery(cost=25, rate=0.35)}, margin_rate=rate)
    assert plan["net"].to_list() == [175.0 - 250.0]


def test_customers_whose_margins_differ_are_kept_for_what_they_leave() -> None:
    # 1,000 at stake of which 300 are margin: a fifth saved leaves 60, for a cost of 50.
    base = segments([10, 0, 0], [2_000.0, 0.0, 0.0], [1_000.0, 0.0, 0.0])
    margins = base.with_columns(margin_at_stake=pl.Series([300.0, 0.0, 0.0]))
    plan = recovery(margins, {"At-Risk VIP": Recovery(cost=5, rate=0.2)})
    assert plan.select("recovered", "net").rows() == [(60.0, 10.0)]


def test_customers_have_their_own_margin_where_the_log_and_the_run_know_it() -> None:
    older = pl.DataFrame({"customer_id": ["ann"]})
    newer = pl.DataFrame({"customer_id": ["ann", "bob"], "margin_rate": [0.2, None]})
    assert older.select(rate=margin_rate(older, BY_LINE))["rate"].to_list() == [0.5]
    assert newer.select(rate=margin_rate(newer, BY_LINE))["rate"].to_list() == [0.2, 0.5]
    # Where the lines have none, the study's rate counts as it is now, not as it was in the run.
    assert newer.select("customer_id", rate=margin_rate(newer, ONE_RATE))["rate"].to_list() == [
        0.3,
        0.3,
    ]


def test_the_published_campaign_is_reproduced_from_the_published_segments():
    # Counts as published; totals that the published ROIs imply: value = invested x (1 + ROI) /
    # rate.
    plan = recovery(
        segments(
            [828, 850, 826], [41_400 * 99.96 / 0.45, 21_250 * 29.30 / 0.35, 4_130 * 2.26 / 0.15]
        ),
        ORIGINAL,
    )
    assert plan["invested"].to_list() == [41_400, 21_250, 4_130]
    assert plan["roi_percent"].to_list() == pytest.approx([9_896, 2_830, 126])
    assert set(plan["uplift_source"]) == {"assumed"}
    total = totals(plan)
    assert total["invested"] == 66_780
    assert total["net"] == pytest.approx(4.70e6, abs=5_000)
    assert total["roi_percent"] == pytest.approx(7_043, abs=10)


def test_the_break_even_rate_is_where_the_net_is_zero():
    found = segments([10, 0, 0], [2_000.0, 0.0, 0.0])
    rate = recovery(found, ORIGINAL)["break_even_rate"][0]
    assert rate == 0.25
    assert recovery(found, {"At-Risk VIP": Recovery(cost=50, rate=rate)})["net"].to_list() == [0.0]


def test_only_margin_is_recovered():
    plan = recovery(segments([10, 0, 0], [2_000.0, 0.0, 0.0]), ORIGINAL, margin_rate=0.5)
    assert plan.row(0, named=True)["recovered"] == 2_000 * 0.5 * 0.45
    assert plan["break_even_rate"][0] == 0.5


def test_an_empty_or_worthless_segment_has_no_roi_and_no_break_even():
    plan = recovery(segments([0, 5, 5], [0.0, 0.0, -10.0]), ORIGINAL)
    assert plan["roi_percent"].to_list() == [None, -100.0, pytest.approx(-106.0)]
    assert plan["break_even_rate"].to_list() == [None, None, None]
    assert totals(plan.clear())["roi_percent"] is None


def test_segments_that_the_study_gives_no_rate_are_left_out():
    plan = recovery(segments([1, 2, 3], [1.0, 2.0, 3.0]), {"Vulnerable": Recovery(cost=1, rate=1)})
    assert plan["segment"].to_list() == ["Vulnerable"]


def test_a_ratio_beyond_what_a_number_holds_is_unknown_and_not_infinite() -> None:
    found = pl.DataFrame(
        {
            "segment": ["Vulnerable"],
            "customers": [10],
            "value_if_kept": [1000.0],
            "at_stake": [1000.0],
        }
    )
    tiny = recovery(found, {"Vulnerable": Recovery(cost=25, rate=0.35)}, margin_rate=5e-324)
    assert tiny["break_even_rate"].to_list() == [None]
    free = recovery(found, {"Vulnerable": Recovery(cost=5e-324, rate=0.35)}, margin_rate=1.0)
    assert free["roi_percent"].to_list() == [None]
    assert totals(free)["roi_percent"] is None
