"""Season: a growing shop is not a busy one, and the window a year ago speaks for the coming one."""

import numpy as np
import pytest

from holdfast.models.season import Season


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
    assert found.ahead(365 + 102) == pytest.approx((0.6 * levels[100] + 0.4 * levels[105]) / found.usual)


def test_without_a_cutoff_a_year_before_nothing_is_known() -> None:
    assert season({200: 1.0, 230: 1.0}).ahead(400) is None
