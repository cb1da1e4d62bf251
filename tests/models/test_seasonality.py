"""Season: a growing shop is not a busy one, and the window a year ago speaks for the coming one."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.promotions import Lifts
from holdfast.models.seasonality import Season, Turnover


def season(levels: dict[int, float], customers: dict[int, int] | None = None) -> Season:
    cutoff = np.concatenate([np.full((customers or {}).get(c, 10), c) for c in levels])
    yardstick = np.full(len(cutoff), 100.0)
    return Season.learn(cutoff, np.array([levels[c] for c in cutoff.tolist()]) * 100.0, yardstick)


def test_the_level_is_revenue_over_what_the_past_suggested() -> None:
    found = season({0: 0.5, 30: 1.5})
    assert found.levels == {0: 0.5, 30: 1.5}
    assert found.usual == 1.0
    assert found.of(np.array([30, 0])).tolist() == [1.5, 0.5]


def test_a_shop_that_grows_is_not_busier() -> None:
    grown = season(dict.fromkeys(range(0, 400, 30), 0.8), {c: 10 + c for c in range(0, 400, 30)})
    assert grown.ahead(450) == pytest.approx(1.0)


def test_the_window_a_year_ago_speaks_for_the_coming_one() -> None:
    levels = {c: 1 + np.sin(2 * np.pi * c / 365) / 2 for c in range(0, 365, 5)}
    found = season(levels)
    assert found.ahead(365 + 100) == pytest.approx(levels[100] / found.usual)
    assert found.ahead(365 + 102) == pytest.approx(
        (0.6 * levels[100] + 0.4 * levels[105]) / found.usual
    )


def test_without_a_cutoff_a_year_before_nothing_is_known() -> None:
    assert season({200: 1.0, 230: 1.0}).ahead(400) is None


def log(customers: list[int], revenue: list[float]) -> Turnover:
    """Customers and revenue up to every 30th day of a log that starts on day 0."""
    features = pl.DataFrame(
        [
            {
                "customer_id": str(i),
                "cutoff_day": 30 * (k + 1),
                "spend_total": total / n,
                "tenure_days": 30 * sum(have > i for have in customers[: k + 1]),
            }
            for k, (n, total) in enumerate(zip(customers, revenue, strict=True))
            for i in range(n)
        ]
    )
    return Turnover.of(features, first_day=0, now=30 * len(customers))


def test_a_tempered_season_is_half_as_strong_and_as_usual_as_before() -> None:
    temper = Season({200: 0.5, 230: 2.0}, usual=0.5).temper()
    assert temper.of(np.array([200, 230])).tolist() == pytest.approx([1.0, 2.0])


def test_where_a_log_opens_midway_its_turnover_speaks_for_the_season() -> None:
    # 100 customers come up in the first 90 days, then 10 a month; a year ago each day brought half
    # of the usual 2.
    customers = [60, 80, 100, *range(110, 210, 10)]
    revenue = [30.0 * day for day in range(1, 4)] + [90 + 60.0 * k for k in range(1, 11)]
    levels = season({180: 1.0, 210: 1.0})
    shop = log(customers, revenue)
    assert shop.opens_midway
    assert levels.ahead(390) is None
    # 25 <= day < 115: 65 days of 1 and 25 of 2; the windows learnt from brought 2 a day.
    assert levels.ahead_by_turnover(390, shop, horizon_days=90) == pytest.approx((65 + 50) / 90 / 2)


def test_the_growth_of_a_shop_that_has_just_opened_is_no_season() -> None:
    opened = log([10 * k for k in range(1, 14)], [50.0 * k * k for k in range(1, 14)])
    assert not opened.opens_midway
    assert season({180: 1.0, 210: 1.0}).ahead_by_turnover(390, opened, horizon_days=90) is None


def test_turnover_without_its_promotions_is_that_of_ordinary_days() -> None:
    earned = Turnover(
        days=np.array([0.0, 30.0, 60.0]),
        revenue=np.array([0.0, 300.0, 1000.0]),
        early=1.0,
        later=1.0,
    )
    ordinary = earned.without(Lifts(((40, 50, 5.0),)))
    assert ordinary.revenue.tolist() == pytest.approx(
        [0.0, 300.0, 300.0 + 700.0 / (1 + 4 * 10 / 30)]
    )
