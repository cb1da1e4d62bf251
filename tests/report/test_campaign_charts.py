"""The charts of campaigns and plans: what their titles claim, what is drawn, and what is left
unclaimed.
"""

import re
from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl
import pytest

from holdfast.report import charts
from holdfast.report.render import Chart, drawing
from holdfast.report.theme import COLOURS
from holdfast.windows import parse_day

ON_A_PHONE = 576
"""Pixels to which the report's charts shrink at most."""
CURVE = pl.DataFrame(
    {
        "budget": [0.0, 500.0, 1000.0, 1500.0, 2000.0],
        "net": [0.0, 2000.0, 3000.0, 3200.0, 3200.0],
        "net_low": [0.0, 500.0, 400.0, -100.0, -200.0],
        "net_high": [0.0, 3500.0, 5600.0, 6500.0, 6600.0],
        "price": [6.0, 3.0, 1.0, 0.0, 0.0],
        "roi": [None, 4.0, 3.0, 3200 / 1500, 1.6],
    }
)
QINI = pl.DataFrame(
    {
        "ranking": ["all rankings together"] * 3 + ["largest first"] * 3,
        "share": [0.0, 0.5, 1.0] * 2,
        "effect": [0.0, 1.5, 2.0, 0.0, 1.2, 2.0],
        "low": [0.0, 0.9, 1.1, 0.0, 0.6, 1.1],
        "high": [0.0, 2.1, 2.9, 0.0, 1.8, 2.9],
    }
)


def campaign(name: str, date: str, margin: float, error: float, **more: Any) -> dict[str, Any]:
    """A readout of 1,000 contacted at a cost of 500."""
    low, high = margin - error, margin + error
    pays = "yes" if low > 0.5 else "no" if high < 0.5 else "not certain"
    nets = {f"net{k}": 1000 * v - 500 for k, v in {"": margin, "_low": low, "_high": high}.items()}
    return {
        "campaign": name, "day": parse_day(date), "offer": "mail",
        "contacted": 1000, "held_out": 900,
        "bought": margin / 50, "bought_low": low / 50, "bought_high": high / 50,
        "margin": margin, "margin_low": low, "margin_high": high,
        "cost": 500.0, **nets, "pays": pays, "uplift_source": "experiment",
    } | more  # fmt: skip


CAMPAIGNS = pl.DataFrame(
    [
        campaign("autumn", "2024-10-01", 1.0, 3.0),
        campaign("spring", "2024-03-01", 5.0, 2.0),
        campaign("summer", "2024-06-01", -4.0, 2.0),
    ]
)


def cell(segment: str, offer: str, **more: Any) -> dict[str, Any]:
    """Believed: 3, from 1 to 5; before any data 0 +- 8 x 1.645, of which data took 3/4 away."""
    return {
        "segment": segment, "offer": offer, "mean": 3.0, "deviation": 4.0, "low": 1.0, "high": 5.0,
        "assumed": 0.0, "learnt": 0.75, "basis": "measured", "unit": "margin",
    } | more  # fmt: skip


ASSUMED = {
    "mean": 0.1, "deviation": 0.2, "low": -0.2, "high": 0.4, "assumed": 0.1, "learnt": 0.0,
    "basis": "assumed", "unit": "rate",
}  # fmt: skip
CELLS = pl.DataFrame(
    [
        cell("Champion", "mail"),
        cell("Champion", "call", **ASSUMED),
        cell("Vulnerable", "mail", high=10.0),
    ]
)
ALL: dict[str, Callable[[], Chart]] = {
    "profit": lambda: charts.profit_curve(CURVE, chosen=750, currency="EUR"),
    "return": lambda: charts.budget_against_return(CURVE, chosen=750, currency="EUR"),
    "qini": lambda: charts.qini(QINI, unit="EUR", rule="largest first"),
    "forest": lambda: charts.readout_forest(CAMPAIGNS, currency="EUR"),
    "beliefs": lambda: charts.believed_before_and_after(CELLS, currency="EUR"),
}
EMPTY: dict[str, Callable[[], Chart]] = {
    "profit": lambda: charts.profit_curve(CURVE.clear(), chosen=0, currency="EUR"),
    "profit of one budget": lambda: charts.profit_curve(CURVE.head(1), chosen=0, currency="EUR"),
    "return": lambda: charts.budget_against_return(CURVE.head(1), chosen=0, currency="EUR"),
    "qini": lambda: charts.qini(QINI.clear(), unit="EUR", rule=None),
    "forest": lambda: charts.readout_forest(CAMPAIGNS.clear(), currency="EUR"),
    "beliefs": lambda: charts.believed_before_and_after(CELLS.clear(), currency="EUR"),
}


def rows_with(chart: Chart, column: str) -> list[dict[str, Any]]:
    """The rows of the first table that has the column."""
    tables = chart.to_dict()["datasets"].values()
    return next(rows for rows in tables if rows and column in rows[0])


@pytest.mark.parametrize("name", ALL)
def test_each_chart_keeps_the_schema_fits_a_phone_and_can_turn_dark(name: str) -> None:
    chart = ALL[name]()
    alt.Chart.from_dict(chart.to_dict())
    drawn = drawing(name, chart)
    assert drawn.size[0] <= ON_A_PHONE
    used = set(re.findall(r'(?:fill|stroke)="(#[^"]+)"', drawn.svg))
    assert used <= {light for light, _ in COLOURS.values()}
    assert min(map(float, re.findall(r'font-size="([\d.]+)px"', drawn.svg))) >= 12
    assert chart.table is not None
    assert chart.table.cells


@pytest.mark.parametrize("name", EMPTY)
def test_a_chart_without_data_says_why(name: str) -> None:
    chart = EMPTY[name]()
    assert chart.title.startswith("No ")
    assert chart.reason.endswith(".")


def test_the_best_budget_is_the_smallest_that_leaves_most() -> None:
    chart = ALL["profit"]()
    assert chart.title == (
        "Net is highest at a budget of €1,500; beyond it more contacts cost more than they bring"
    )
    # Between 500 and 1,000: half of the way from 2,000 to 3,000.
    assert chart.subtitle.startswith("The best plan of each budget; with €750 it leaves €2,500.")
    assert chart.table is not None
    assert chart.table.cells[1] == ["€500", "€2,000", "€500 to €3,500"]


def test_the_best_budget_has_no_mark_of_its_own_where_it_is_chosen() -> None:
    assert "Ring" in ALL["profit"]().subtitle
    assert "Ring" not in charts.profit_curve(CURVE, chosen=1500, currency="EUR").subtitle


def test_where_net_still_grows_no_budget_is_called_the_best() -> None:
    title = charts.profit_curve(CURVE.head(3), chosen=500, currency="EUR").title
    assert title == "Net still grows at the largest budget tried, €1,000"


def test_where_nobody_more_is_worth_a_contact_the_largest_budget_is_the_best() -> None:
    title = charts.profit_curve(CURVE.head(4), chosen=500, currency="EUR").title
    assert title.startswith("Net is highest at a budget of €1,500;")


def test_where_every_budget_loses_none_is_called_the_best() -> None:
    losing = CURVE.with_columns(net=-pl.col("budget") / 2)
    chart = charts.profit_curve(losing, chosen=1000, currency="CHF")
    assert chart.title == "No budget brings more than it costs"
    assert chart.subtitle == (
        "The best plan of each budget; with CHF 1,000 it leaves −CHF 500. Band: the 90% range."
    )


@pytest.mark.parametrize(
    ("chosen", "title"),
    [
        (750, "The next €1 of budget brings €2 net; from €1,500 on, nothing"),
        (1800, "More budget brings nothing: from €1,500 on, no contact is worth its cost"),
    ],
)
def test_it_is_said_what_the_next_unit_brings_and_where_it_stops(chosen: float, title: str) -> None:
    assert charts.budget_against_return(CURVE, chosen=chosen, currency="EUR").title == title


def test_a_budget_at_which_more_still_pays_has_no_end() -> None:
    chart = charts.budget_against_return(CURVE.head(3), chosen=1000, currency="EUR")
    assert chart.title == "The next €1 of budget still brings €1 net"


def test_the_names_of_the_lines_stand_apart_and_off_the_line_of_0() -> None:
    close = CURVE.with_columns(roi=pl.col("price") + 0.01)
    chart = charts.budget_against_return(close, chosen=750, currency="EUR")
    bottom, top = chart.panel["layer"][2]["encoding"]["y"]["scale"]["domain"]
    pixels = {row["name"]: 280 * row["place"] / (top - bottom) for row in rows_with(chart, "place")}
    assert (bottom, top) == (0, pytest.approx(6.01))
    assert pixels == {"Next €1": pytest.approx(9), "Average": pytest.approx(27)}


def test_what_the_first_few_bring_does_not_press_the_rest_flat() -> None:
    steep = CURVE.with_columns(price=pl.Series([90.0, 3.0, 1.0, 0.0, 0.0]))
    layers = charts.budget_against_return(steep, chosen=750, currency="EUR").panel["layer"]
    # The highest of the later budgets is 4, the average at 500.
    assert layers[2]["encoding"]["y"]["scale"]["domain"] == [0, pytest.approx(4.8)]


def test_no_budget_is_written_below_the_names_of_the_lines() -> None:
    panel = ALL["return"]().panel["layer"][2]["encoding"]["x"]
    assert max(panel["axis"]["values"]) == 2000
    assert panel["scale"]["domain"] == [0, 2600]


def test_the_title_of_a_qini_curve_compares_the_first_with_as_many_at_random() -> None:
    # At 30 %: 3/5 of the way to 1.5, against 30 % of 2.
    assert ALL["qini"]().title == (
        "The first 30% of the ranking add €0.90 per customer of all, as many at random €0.60"
    )
    bought = charts.qini(
        QINI.with_columns(pl.col("effect", "low", "high") / 100), unit="", rule="largest first"
    )
    assert "add 0.9 points per customer of all, as many at random 0.6 points" in bought.title


def test_a_draw_by_lot_is_the_straight_line_to_the_effect_on_all() -> None:
    spec = ALL["qini"]().to_dict()["datasets"].values()
    lots = [row for rows in spec for row in rows if row.get("ranking") == "at random"]
    drawn = [(row["share"], row["effect"]) for row in lots if "above" not in row]
    assert drawn == [(0, 0), (1, 2)]


def test_a_rule_that_stands_first_in_the_data_still_comes_second() -> None:
    shuffled = pl.concat([QINI.tail(3), QINI.head(3)])
    assert charts.qini(shuffled, unit="EUR", rule="largest first").title == ALL["qini"]().title


def test_a_rule_alone_has_the_band() -> None:
    chart = charts.qini(QINI.tail(3), unit="EUR", rule="largest first")
    assert {row["ranking"] for row in rows_with(chart, "low")} == {"largest first"}


def test_campaigns_stand_in_the_order_of_their_days_with_what_is_certain() -> None:
    chart = ALL["forest"]()
    assert chart.title == "1 of 3 campaigns certainly paid, 1 certainly lost"
    drawn = [(row["name"], row["below"], row["figure"]) for row in rows_with(chart, "figure")]
    assert drawn == [
        ("spring", "mail, 1 Mar 2024", "€4,500, certainly paid"),
        ("summer", "mail, 1 Jun 2024", "−€4,500, certainly lost"),
        ("autumn", "mail, 1 Oct 2024", "€500, not certain"),
    ]
    # 500 spent on 1,000 customers.
    assert {row["even"] for row in rows_with(chart, "even")} == {0.5}


def test_a_campaign_whose_cost_is_not_known_has_no_net() -> None:
    unknown = dict.fromkeys(("cost", "net", "net_low", "net_high", "pays"))
    free = CAMPAIGNS.head(1).with_columns(**{name: pl.lit(None) for name in unknown})
    chart = charts.readout_forest(free, currency="EUR")
    assert chart.title == "autumn: cost not known"
    assert "upright mark" not in chart.subtitle


def test_without_amounts_the_effect_is_that_on_buying() -> None:
    bought = CAMPAIGNS.with_columns(
        pl.lit(None, pl.Float64).alias(name)
        for name in ("margin", "margin_low", "margin_high", "net", "net_low", "net_high")
    ).with_columns(pays=pl.lit(None))
    chart = charts.readout_forest(bought, currency="EUR")
    assert chart.title == "1 of 3 campaigns certainly made more customers buy, 1 certainly fewer"
    assert [row["figure"] for row in rows_with(chart, "figure")] == [
        "10.0 points, more bought",
        "−8.0 points, fewer bought",
        "2.0 points, not certain",
    ]


def test_several_offers_of_a_campaign_are_not_counted_as_campaigns() -> None:
    both = pl.concat([CAMPAIGNS, CAMPAIGNS.with_columns(offer=pl.lit("call"))])
    title = charts.readout_forest(both, currency="EUR").title
    assert title == "2 of 6 offers of campaigns certainly paid, 2 certainly lost"


def test_of_many_campaigns_with_long_names_the_latest_are_drawn_and_all_are_listed() -> None:
    long = "a campaign with a name that nobody can remember"
    many = pl.DataFrame(
        [campaign(f"{long} {k}", f"20{k:02d}-01-01", 1.0, 3.0) for k in range(1, 31)]
    )
    chart = charts.readout_forest(many, currency="EUR")
    drawn = rows_with(chart, "figure")
    assert len(drawn) == 24
    assert drawn[-1]["name"].endswith(" 30")
    assert max(len(row["name"]) for row in drawn) <= 22
    assert chart.subtitle.endswith("The latest 24 of 30.")
    assert chart.table is not None
    assert len(chart.table.cells) == 30
    assert drawing("forest", chart).size[0] <= ON_A_PHONE


def test_what_was_believed_before_any_data_is_what_data_took_away_and_more() -> None:
    champion = rows_with(ALL["beliefs"](), "before_low")[0]
    # A deviation of 4 is half of what it was: 1.645 x 8.
    assert champion["before_high"] == pytest.approx(13.159, abs=1e-3)
    # The axis holds 0 to 10, the most that is believed, and 30 % more on each side.
    assert (champion["cut_low"], champion["cut_high"]) == (-3, 13)


def test_offers_of_one_unit_share_an_axis() -> None:
    panels = ALL["beliefs"]().panel["vconcat"]
    domains = [panel["layer"][-1]["encoding"]["x"]["scale"]["domain"] for panel in panels]
    assert domains == [[-3.0, 13.0], pytest.approx([-0.38, 0.58])]


def test_a_belief_is_counted_as_told_only_where_experiments_tell_it() -> None:
    chart = ALL["beliefs"]()
    assert chart.title == (
        "Past experiments say what an offer adds in 2 of 3 pairs of offer and segment"
    )
    assert chart.table is not None
    assert chart.table.cells[1] == [
        "call", "Champion", "assumed", "10.0%", "−22.9% to 42.9%", "10.0%", "−20.0% to 40.0%",
    ]  # fmt: skip
