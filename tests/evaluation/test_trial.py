"""A trial is refused where it cannot answer; and the AIPW score is the effect, on average."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.errors import DataError, InputError, NotEnoughData
from holdfast.evaluation.aipw import aipw_scores, cross_fitted_means
from holdfast.evaluation.trial import Trial


def trial_of(n: int = 60, **changes: Any) -> Trial:
    """A third each in the control and in two offers; the outcome is the row's place."""
    values: dict[str, Any] = {
        "customer_ids": pl.Series([f"C{i:04d}" for i in range(n)]),
        "features": np.arange(2.0 * n).reshape(n, 2),
        "names": ("a", "b"),
        "offer": np.arange(n) % 3,
        "offers": ("mail", "call"),
        "outcome": np.arange(float(n)),
        "propensities": np.full((n, 3), 1 / 3),
    }
    return Trial(**{**values, **changes})


def test_the_score_of_a_row_is_the_difference_of_means_and_its_own_error_over_its_chance() -> None:
    one_each = trial_of(
        6,
        offer=np.array([0, 1, 2, 0, 1, 2]),
        outcome=np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        propensities=np.tile([0.5, 0.25, 0.25], (6, 1)),
    )
    psi = aipw_scores(one_each, np.tile([0.2, 0.5, 0.3], (6, 1)))
    # control, y = 1: .3 - .8 / .5; offer 1, y = 1: .3 + .5 / .25; offer 2, y = 0: untouched for 1.
    np.testing.assert_allclose(psi[:3, 0], [-1.3, 2.3, 0.3])
    # offer 2: .1 - .8 / .5; untouched; .1 - .3 / .25.
    np.testing.assert_allclose(psi[:3, 1], [-1.5, 0.1, -1.1])


def test_with_the_arms_own_means_the_mean_score_is_the_difference_of_the_means() -> None:
    offer = np.array([0] * 30 + [1] * 20 + [2] * 10)
    trial = trial_of(60, offer=offer, propensities=np.tile([1 / 2, 1 / 3, 1 / 6], (60, 1)))
    # Means of 0..29, 30..49 and 50..59: 14.5, 39.5, 54.5.
    psi = aipw_scores(trial, np.tile([14.5, 39.5, 54.5], (60, 1)))
    np.testing.assert_allclose(psi.mean(axis=0), [25.0, 40.0])


def test_a_rows_mean_has_not_seen_the_row_or_its_cluster() -> None:
    rng = np.random.default_rng(2)
    trial = trial_of(
        120,
        outcome=rng.gamma(2.0, 5.0, 120),
        cluster=np.arange(120) // 2,
        features=rng.random((120, 2)),
    )
    outcome = trial.outcome.copy()
    outcome[:2] += 1_000.0
    before = cross_fitted_means(trial, seed=1)
    after = cross_fitted_means(replace(trial, outcome=outcome), seed=1)
    np.testing.assert_array_equal(before[:2], after[:2])
    assert not np.array_equal(before[2:], after[2:])


def test_clusters_are_in_one_fold_as_a_whole_and_every_row_is_in_one() -> None:
    trial = trial_of(90, cluster=np.arange(90) // 3)
    folds = trial.folds(3, seed=5)
    tested = np.concatenate([split.test for split in folds])
    assert sorted(tested.tolist()) == list(range(90))
    for split in folds:
        assert trial.cluster is not None
        assert not set(trial.cluster[split.test]) & set(trial.cluster[split.train])


def test_one_offer_is_held_against_the_control_by_the_chances_among_the_two() -> None:
    trial = trial_of(60, propensities=np.tile([0.5, 0.3, 0.2], (60, 1)))
    pair = trial.against_control(2)
    assert (pair.n, pair.offers, sorted(set(pair.offer.tolist()))) == (40, ("call",), [0, 1])
    np.testing.assert_allclose(pair.propensities[0], [5 / 7, 2 / 7])


REFUSED: list[tuple[dict[str, Any], type[InputError], str]] = [
    ({"offer": np.arange(60) % 2 + 1}, NotEnoughData, "there is no control: 0 of 60 customers"),
    ({"offer": np.arange(60) % 2}, NotEnoughData, "hardly anybody got call"),
    ({"offer": np.arange(60) % 4}, DataError, "15 rows have an offer outside 0 to 2"),
    (
        {"propensities": np.tile([0.0, 0.5, 0.5], (60, 1))},
        DataError,
        "60 of 60 rows have a propensity of 0 or 1",
    ),
    (
        {"propensities": np.tile([0.5, 0.5, 0.5], (60, 1))},
        DataError,
        "the propensities of 60 rows do not add up to 1",
    ),
    ({"outcome": np.full(60, np.nan)}, DataError, "outcome is missing in 60 of 60 rows"),
    (
        {"customer_ids": pl.Series(["A", "A"] + [f"C{i}" for i in range(58)])},
        DataError,
        "1 customers are there more than once, 1 of them in two arms",
    ),
    ({"features": np.zeros((60, 3))}, DataError, "features has the shape"),
]


@pytest.mark.parametrize(("changes", "error", "words"), REFUSED)
def test_what_cannot_answer_is_refused_in_a_sentence_with_what_to_do(
    changes: dict[str, Any], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        trial_of(**changes)
    assert raised.value.fix


def test_too_few_customers_cannot_be_split() -> None:
    with pytest.raises(NotEnoughData, match="in one of 3 parts"):
        trial_of(9).folds(3, seed=1)
