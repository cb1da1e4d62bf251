"""How many take an offer up."""

import polars as pl
import pytest

from holdfast.campaigns.past.acceptance import Acceptance, learn_acceptance
from holdfast.errors import DataError


def learn(*rows: tuple[str, str, int, int], assumed: float = 0.2) -> Acceptance:
    schema = {"segment": pl.String, "offer": pl.String, "contacted": pl.Int64, "accepted": pl.Int64}
    return learn_acceptance(
        pl.DataFrame(rows, schema=schema, orient="row"),
        segments=["good", "poor"],
        offers=["voucher", "call"],
        assumed=assumed,
    )


def rate(learnt: Acceptance, segment: str, offer: str) -> float:
    return float(learnt.cells.filter(segment=segment, offer=offer)["rate"].item())


def test_without_data_the_rate_is_the_assumed_one() -> None:
    assert learn().cells["rate"].to_list() == pytest.approx([0.2] * 4)


def test_many_contacts_are_their_own_rate() -> None:
    learnt = learn(("good", "voucher", 100_000, 30_000), ("poor", "voucher", 100_000, 10_000))
    assert rate(learnt, "good", "voucher") == pytest.approx(0.3, abs=0.003)
    assert rate(learnt, "poor", "voucher") == pytest.approx(0.1, abs=0.003)


def test_a_cell_of_few_contacts_is_drawn_to_its_segment_and_its_offer() -> None:
    learnt = learn(
        ("good", "voucher", 5_000, 1_500), ("poor", "voucher", 5_000, 500),
        ("good", "call", 4, 0), ("poor", "call", 5_000, 500),
    )  # fmt: skip
    assert 0.05 < rate(learnt, "good", "call") < 0.3
    row = learnt.cells.filter(segment="good", offer="call").row(0, named=True)
    assert row["low"] < row["rate"] < row["high"]


def test_rates_drawn_have_the_mean_of_the_cell() -> None:
    learnt = learn(("good", "voucher", 50, 20), ("poor", "voucher", 60, 3))
    assert learnt.draw(20_000, seed=1).mean(axis=0).tolist() == pytest.approx(
        learnt.cells["rate"].to_list(), abs=0.01
    )


@pytest.mark.parametrize(
    ("rows", "assumed", "sentence"),
    [
        ([("good", "voucher", 3, 4)], 0.2, "more accepted than were contacted"),
        ([], 0.0, "the assumed rate of acceptance is 0"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    rows: list[tuple[str, str, int, int]], assumed: float, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        learn(*rows, assumed=assumed)
