"""Each customer's margin on revenue, against Buhlmann and Straub's formulas worked out by hand."""

import polars as pl
import pytest

from holdfast.campaigns.customer_margins import margin_rates


def sums(days: dict[str, list[tuple[float, float]]]) -> pl.DataFrame:
    """What the log has of each customer, from (revenue, margin) of each day."""
    rows = []
    for name, each in days.items():
        positive = [(revenue, margin) for revenue, margin in each if revenue > 0]
        rows.append(
            {
                "customer_id": name,
                "days": len(positive),
                "revenue": sum(revenue for revenue, _ in each),
                "margin": sum(margin for _, margin in each),
                "squares": sum(margin**2 / revenue for revenue, margin in positive),
                "bought": sum(revenue for revenue, _ in positive),
                "bought_margin": sum(margin for _, margin in positive),
            }
        )
    return pl.DataFrame(rows)


def rates(days: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    found = margin_rates(sums(days), otherwise=0.9)
    return dict(found.customers.iter_rows())


def test_a_customers_own_rate_counts_by_how_much_was_bought() -> None:
    # Ann: 100 at .1 and 100 at .3, Bob: 100 at .5 and 100 at .7. Rates .2 and .6, of all .4.
    # Within: 100 x .01 x 4 = 4 over 2 degrees of freedom: 2. Between: 200 x .04 x 2 = 16, less 2,
    # over 400 - 200: .07. Share of one's own: 200 / (200 + 2 / .07) = .875.
    found = rates({"ann": [(100, 10), (100, 30)], "bob": [(100, 50), (100, 70)]})
    assert found == {"ann": pytest.approx(0.4 - 0.875 * 0.2), "bob": pytest.approx(0.575)}


def test_customers_who_differ_no_more_than_their_purchases_have_the_rate_of_all() -> None:
    found = rates({"ann": [(100, 0), (100, 80)], "bob": [(100, 80), (100, 0)]})
    assert found == {"ann": pytest.approx(0.4), "bob": pytest.approx(0.4)}


def test_a_return_takes_its_margin_back() -> None:
    # Both sold at .5 throughout; Ann sent half of it back.
    found = rates({"ann": [(100, 50), (-50, -25)], "bob": [(100, 50), (100, 50)]})
    assert found == {"ann": pytest.approx(0.5), "bob": pytest.approx(0.5)}


def test_who_brought_nothing_has_the_rate_of_all() -> None:
    base = {"ann": [(100.0, 10.0), (100.0, 30.0)], "bob": [(100.0, 50.0), (100.0, 70.0)]}
    found = margin_rates(sums({**base, "cem": [(50.0, 20.0), (-50.0, -20.0)]}), otherwise=0.9)
    scores = pl.DataFrame({"customer_id": ["cem", "dan"], "margin_rate": [None, None]})
    assert found.of(scores)["margin_rate"].to_list() == [pytest.approx(0.4)] * 2


def test_a_log_that_earned_nothing_has_the_studys_rate() -> None:
    found = margin_rates(sums({"ann": [(100.0, 20.0), (-100.0, -20.0)]}), otherwise=0.9)
    assert found.overall == 0.9


def test_a_rate_may_be_below_zero() -> None:
    found = rates({"ann": [(100, -50), (100, -50)], "bob": [(100, 50), (100, 50)]})
    assert found == {"ann": pytest.approx(-0.5), "bob": pytest.approx(0.5)}
