"""A column of costs is taken where its amounts mostly lie below what was paid."""

import polars as pl
import pytest

from holdfast.setup.column_roles import Candidate
from holdfast.setup.file_sample import Sample
from holdfast.setup.line_costs import find_category, find_cost

N = 40
COLUMNS = {"amount": Candidate("amount", "amount", 1.0)}


def sample(**more: list[object]) -> Sample:
    frame = {
        "customer_id": [f"c{i % 7}" for i in range(N)],
        "order_date": [f"2023-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(N)],
        "amount": [10.0 + i for i in range(N)],
    }
    return Sample(pl.DataFrame(frame | more))


@pytest.mark.parametrize(("above", "is_cost"), [(0, True), (8, True), (9, False)])
def test_a_cost_may_lie_above_the_amount_in_a_fifth_of_the_rows(above: int, is_cost: bool) -> None:
    costs = [10.0 + i + 1 if i < above else 5.0 for i in range(N)]
    rows = sample(cost=list(costs))
    cost = find_cost(rows, COLUMNS)
    assert (cost is not None) == is_cost
    if cost:
        assert (cost.column, cost.role) == ("cost", "cost")
        assert f"{N - above} of {N} rows" in cost.because


def test_a_column_that_mostly_repeats_the_amount_is_no_cost() -> None:
    rows = sample(cost=[10.0 + i if i % 3 else 5.0 for i in range(N)])
    assert find_cost(rows, COLUMNS) is None


def test_a_category_has_a_few_words_and_no_more() -> None:
    few, many = sample(category=["a", "b"] * (N // 2)), sample(category=["a"] * N)
    assert find_category(few, COLUMNS) == "category"
    assert find_category(many, COLUMNS) is None
