"""The recovery simulation, against the original system's published figures and by hand."""

import polars as pl
import pytest

from holdfast.campaigns.economics import recovery, totals
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study

DEFAULTS = Study.model_fields["recovery"].default


def segments(customers: list[int], value: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"segment": AT_RISK_SEGMENTS, "customers": customers, "total_ltv": value})


def test_the_published_campaign_is_reproduced_from_the_published_segments():
    # Counts as published; totals that the published ROIs imply: value = invested x (1 + ROI) /
    # rate.
    plan = recovery(
        segments(
            [828, 850, 826], [41_400 * 99.96 / 0.45, 21_250 * 29.30 / 0.35, 4_130 * 2.26 / 0.15]
        ),
        DEFAULTS,
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
    rate = recovery(found, DEFAULTS)["break_even_rate"][0]
    assert rate == 0.25
    assert recovery(found, {"At-Risk VIP": Recovery(cost=50, rate=rate)})["net"].to_list() == [0.0]


def test_only_margin_is_recovered():
    plan = recovery(segments([10, 0, 0], [2_000.0, 0.0, 0.0]), DEFAULTS, margin_rate=0.5)
    assert plan.row(0, named=True)["recovered"] == 2_000 * 0.5 * 0.45
    assert plan["break_even_rate"][0] == 0.5


def test_an_empty_or_worthless_segment_has_no_roi_and_no_break_even():
    plan = recovery(segments([0, 5, 5], [0.0, 0.0, -10.0]), DEFAULTS)
    assert plan["roi_percent"].to_list() == [None, -100.0, pytest.approx(-106.0)]
    assert plan["break_even_rate"].to_list() == [None, None, None]
    assert totals(plan.clear())["roi_percent"] is None


def test_segments_that_the_study_gives_no_rate_are_left_out():
    plan = recovery(segments([1, 2, 3], [1.0, 2.0, 3.0]), {"Vulnerable": Recovery(cost=1, rate=1)})
    assert plan["segment"].to_list() == ["Vulnerable"]


def test_a_ratio_beyond_what_a_number_holds_is_unknown_and_not_infinite() -> None:
    found = pl.DataFrame({"segment": ["Vulnerable"], "customers": [10], "total_ltv": [1000.0]})
    tiny = recovery(found, {"Vulnerable": Recovery(cost=25, rate=0.35)}, margin_rate=5e-324)
    assert tiny["break_even_rate"].to_list() == [None]
    free = recovery(found, {"Vulnerable": Recovery(cost=5e-324, rate=0.35)})
    assert free["roi_percent"].to_list() == [None]
    assert totals(free)["roi_percent"] is None
