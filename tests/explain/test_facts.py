"""The strongest facts of many customers, against a full sort and by hand."""

import numpy as np

from holdfast.explain.facts import strongest_facts


def test_the_strongest_are_those_of_a_full_sort() -> None:
    values = np.random.default_rng(2).normal(size=(200, 30)).round(1)
    columns = [f"c{i}" for i in range(30)]
    strongest = strongest_facts(columns, values, lambda name: name, top=6)
    full = -np.sort(-np.abs(values), axis=1)
    np.testing.assert_array_equal(np.abs(strongest.added), full[:, :6].ravel())
    np.testing.assert_array_equal(strongest.added, values[strongest.customer, strongest.column])
    np.testing.assert_array_equal(strongest.rank, np.tile(np.arange(6), 200))


def test_a_fact_is_named_by_the_strongest_column_that_speaks_for_it() -> None:
    values = np.array([[3.0, 2.0, -4.0]])
    strongest = strongest_facts(
        ["loud", "quiet", "other"],
        values,
        {"loud": "silence", "quiet": "silence", "other": "money"}.__getitem__,
        top=2,
        speaks=lambda name, added: np.full(len(added), name != "loud"),
    )
    assert strongest.column.tolist() == [1, 2]
    assert strongest.added.tolist() == [5.0, -4.0]


def test_a_fact_that_adds_nothing_is_none() -> None:
    values = np.array([[1.0, -1.0]])
    assert len(strongest_facts(["a", "b"], values, lambda _: "one", top=2).customer) == 0
