"""Design: a frame becomes the same matrix in training and for one customer later; reasons find
their column again.
"""

from datetime import date

import numpy as np
import polars as pl
import pytest

from holdfast.arrays import Split
from holdfast.errors import DataError
from holdfast.learners.design import MAX_LEVELS, Design

BASE = pl.DataFrame(
    {
        "spend": [10.0, None, float("inf"), -3.0],
        "plan": ["month", "year", None, "month"],
        "phone": [True, False, True, None],
        "orders": [1, 2, 3, 4],
    }
)
COLUMNS = ("spend", "plan", "phone", "orders")


def learnt() -> Design:
    return Design.learn(BASE, columns=COLUMNS)


def test_numbers_pass_truths_become_one_and_zero_and_each_word_gets_a_column() -> None:
    design, nan = learnt(), np.nan
    assert design.names == ("spend", "plan=month", "plan=year", "phone", "orders")
    expected = [[10, 1, 0, 1, 1], [nan, 0, 1, 0, 2], [nan, 0, 0, 1, 3], [-3, 1, 0, nan, 4]]
    np.testing.assert_array_equal(design.matrix(BASE), expected)


def test_a_word_never_seen_in_training_is_none_of_the_words() -> None:
    one = BASE.head(1).with_columns(plan=pl.lit("week"))
    np.testing.assert_array_equal(learnt().matrix(one), [[10, 0, 0, 1, 1]])


def test_one_customer_gets_the_row_that_the_batch_gave() -> None:
    design = learnt()
    together = design.matrix(BASE)
    for i in range(BASE.height):
        np.testing.assert_array_equal(design.matrix(BASE[i]), together[i : i + 1])


def test_the_order_of_the_frames_columns_does_not_matter() -> None:
    np.testing.assert_array_equal(
        learnt().matrix(BASE.select(reversed(BASE.columns))), learnt().matrix(BASE)
    )


def test_of_many_words_the_most_frequent_are_kept() -> None:
    words = [f"w{i:02d}" for i in range(MAX_LEVELS + 5) for _ in range(2 if i < 5 else 3)]
    (column,) = Design.learn(pl.DataFrame({"word": words}), columns=["word"]).columns
    assert column.levels == tuple(f"w{i:02d}" for i in range(5, MAX_LEVELS + 5))


def test_reasons_of_a_words_columns_add_up_to_the_words_reason() -> None:
    found = learnt().attribution(np.array([[1.0, 0.25, -1.0, 2.0, 4.0, 0.5]]))
    assert found.columns == COLUMNS
    np.testing.assert_array_equal(found.values, [[1.0, -0.75, 2.0, 4.0]])
    assert found.total.tolist() == [6.75]


def test_a_column_of_words_that_were_all_unknown_adds_nothing() -> None:
    frame = pl.DataFrame({"plan": pl.Series([None, None], dtype=pl.String), "orders": [1.0, 2.0]})
    design = Design.learn(frame, columns=["plan", "orders"])
    assert design.names == ("orders",)
    np.testing.assert_array_equal(design.attribution(np.array([[3.0, 1.0]])).values, [[0.0, 3.0]])


def test_it_comes_back_from_its_bytes() -> None:
    assert Design.from_parts(learnt().parts()) == learnt()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="the column 'plan' is missing"):
        learnt().matrix(BASE.drop("plan"))


@pytest.mark.parametrize(
    ("column", "given", "fix"),
    [("spend", "much", "give numbers, as in training"), ("plan", 3, "give words, as in training")],
)
def test_a_number_where_words_were_and_words_where_numbers_were_are_refused(
    column: str, given: object, fix: str
) -> None:
    with pytest.raises(DataError, match=f"'{column}' is .*{fix}"):
        learnt().matrix(BASE.with_columns(pl.lit(given).alias(column)))


def test_a_date_is_neither_number_nor_word() -> None:
    with pytest.raises(DataError, match="'day' is Date; a model takes numbers, truths and words"):
        Design.learn(pl.DataFrame({"day": [date(2024, 1, 1)]}), columns=["day"])


def many_words(n: int = 600) -> tuple[pl.DataFrame, np.ndarray]:
    """Sixteen towns, in the first of which everyone left; the last row has no town."""
    towns = [f"t{i % 16:02d}" for i in range(n)]
    left = np.array([1.0 if town == "t00" else float(i % 5 == 0) for i, town in enumerate(towns)])
    return pl.DataFrame({"town": [*towns[:-1], None], "orders": np.arange(n)}), left


def test_of_many_words_each_becomes_the_share_of_those_with_it_who_left() -> None:
    frame, left = many_words()
    design = Design.learn(frame, columns=["town", "orders"], outcome=left)
    assert design.names == ("town", "orders")
    in_town = np.array([town == "t00" for town in frame["town"]])
    n, mean = in_town.sum(), left.mean()
    rows = pl.DataFrame({"town": ["t00", "nowhere", None], "orders": [1, 2, 3]})
    # Twenty customers of the usual kind more.
    expected = [(n + 20 * mean) / (n + 20), mean, (left[-1] + 20 * mean) / 21]
    np.testing.assert_allclose(design.matrix(rows)[:, 0], expected)
    again = Design.from_parts(design.parts())
    assert again == design
    for i in range(rows.height):
        np.testing.assert_array_equal(again.row(rows.row(i, named=True)), design.matrix(rows[i]))


def test_what_a_word_says_of_a_row_learnt_from_comes_from_other_rows() -> None:
    frame, left = many_words()
    rows = np.arange(len(left))
    splits = [Split(rows[rows % 2 != k], rows[rows % 2 == k]) for k in (0, 1)]
    design = Design.learn(frame, columns=["town", "orders"], outcome=left)
    matrix = design.training_matrix(frame, left, splits)
    changed = left.copy()
    changed[4] = 1 - changed[4]
    again = Design.learn(frame, columns=["town", "orders"], outcome=changed)
    np.testing.assert_array_equal(again.training_matrix(frame, changed, splits)[4], matrix[4])


def test_a_design_of_an_earlier_version_has_no_rates() -> None:
    files = {"design.json": b'[["plan", ["month", "year"]], ["spend", null]]'}
    assert [column.rates for column in Design.from_parts(files).columns] == [None, None]
