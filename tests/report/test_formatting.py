"""Figures as people read them."""

import pytest

from holdfast.report import formatting


def test_a_negative_amount_has_its_sign_before_the_currency() -> None:
    assert formatting.money(-12.5, "EUR") == "\N{MINUS SIGN}€12.50"
    assert formatting.money(-66_780, "USD") == "\N{MINUS SIGN}$66,780"


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "$0"),
        (0.125, "$0.12"),
        (99.999, "$100.00"),
        (999_499, "$999,499"),
        (999_500, "$1.00M"),
        (999.6e6, "$1.00B"),
    ],
)
def test_amounts_change_their_unit_without_a_thousand_thousands(amount: float, said: str) -> None:
    assert formatting.money(amount, "USD") == said


def test_what_is_not_known_is_said_so() -> None:
    assert {
        formatting.money(None, "USD"),
        formatting.percent(float("nan")),
        formatting.decimal(float("inf")),
        formatting.count(None),
    } == {"n/a"}


def test_a_small_negative_number_is_not_written_as_minus_zero() -> None:
    assert formatting.decimal(-0.0001) == "0.000"
    assert formatting.percent(-0.00001) == "0.0%"


def test_a_metric_that_is_not_known_here_keeps_its_name() -> None:
    assert (formatting.metric_label("new_metric"), formatting.metric("new_metric", 0.5, "USD")) == (
        "new_metric",
        "0.500",
    )
