"""A sale that moves through the year: with the study's calendar the forecast moves with it."""

from dataclasses import replace

import pytest
from bench._science_promotions import SALES, measured

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def errors() -> tuple[dict[str, float], dict[str, float]]:
    return measured(replace(SALES, n_customers=1_000))


def test_the_weeks_come_closer_to_the_truth(
    errors: tuple[dict[str, float], dict[str, float]],
) -> None:
    without, with_calendar = errors
    assert with_calendar["WAPE of the weeks"] < 0.7 * without["WAPE of the weeks"]


def test_so_does_the_total_of_a_window_with_a_sale_in_it(
    errors: tuple[dict[str, float], dict[str, float]],
) -> None:
    without, with_calendar = errors
    assert with_calendar["total of 90 days"] < without["total of 90 days"]
