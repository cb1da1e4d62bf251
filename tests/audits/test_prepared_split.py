"""Test rows that helped to make what the model learns from."""

import numpy as np
import polars as pl
from tests.audits.tables import ROWS, customers_of, noise

from holdfast.audits.prepared_split import find_resampling, find_shared_customers, find_shared_rows

TEST = np.arange(ROWS) >= 300


def test_customers_in_both_parts_are_counted():
    names = pl.Series([f"c{k % 390}" for k in range(ROWS)])
    (finding,) = find_shared_customers(customers_of({"a": noise()}, customer=names, test=TEST))
    assert (finding.name, finding.severity) == ("customers-in-both-parts", "fatal")
    assert finding.evidence == (
        "10 of 100 test rows belong to customers who are learnt from, customer c0 for example"
    )


def test_the_same_customer_at_several_cutoffs_is_as_it_should_be():
    names = pl.Series([f"c{k % 300}" for k in range(ROWS)])
    days = pl.Series([0] * 300 + [90] * 100)
    table = customers_of({"a": noise()}, customer=names, test=TEST, cutoff_day=days)
    assert list(find_shared_customers(table)) == []


def copied(**more):
    """Twenty of the test rows are equal to rows that are learnt from."""
    a, b = noise(1), noise(2)
    a[300:320], b[300:320] = a[:20], b[:20]
    return customers_of({"a": a, "b": b}, **more)


def test_rows_in_both_parts_are_counted():
    (finding,) = find_shared_rows(copied(test=TEST))
    assert (finding.name, finding.severity) == ("rows-in-both-parts", "fatal")
    assert finding.evidence.startswith("20 of 100 test rows are equal in every column")


def test_without_a_split_repeated_rows_are_only_warned_of():
    (finding,) = find_shared_rows(copied())
    assert finding.severity == "warning"
    assert finding.evidence.startswith("40 of 400 rows are equal in every column")


def test_rows_that_agree_by_chance_are_no_copies():
    # Of 100 test rows some 7 meet one of 300 others: a has 2 values, b 1,000, the outcome 2.
    rng = np.random.default_rng(0)
    columns = {"a": rng.integers(0, 2, ROWS), "b": rng.integers(0, 1_000, ROWS)}
    table = customers_of(columns, test=TEST)
    whole = pl.DataFrame(columns).with_columns(left=table.churned)
    assert whole[300:].join(whole[:300].unique(), on=["a", "b", "left"], how="semi").height >= 5
    assert list(find_shared_rows(table)) == []


def test_a_class_that_was_copied_until_both_were_equally_many_is_found():
    # 300 stayed; 60 left, five times each, dealt to both parts.
    left = np.repeat([False, True], 300)
    a = np.concatenate([noise(1, 300), np.tile(noise(2, 60), 5)])
    b = np.concatenate([noise(3, 300), np.tile(noise(4, 60), 5)])
    part = np.random.default_rng(0).random(600) < 0.3
    (finding,) = find_resampling(customers_of({"a": a, "b": b}, left=left, test=part))
    assert (finding.name, finding.severity) == ("resampled-before-the-split", "fatal")
    assert finding.evidence.startswith(
        "100.0% of the rows of customers who left repeat another row, and 0.0% of the others"
    )


def test_a_split_of_rows_as_they_came_is_fine():
    table = customers_of({"a": noise(1), "b": noise(2)}, test=TEST)
    asked = (find_shared_customers, find_shared_rows, find_resampling)
    assert [finding for ask in asked for finding in ask(table)] == []
