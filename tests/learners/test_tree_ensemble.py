"""Tree ensembles: the same seed gives the same trees; scores start where training started."""

import numpy as np
import pytest

import holdfast.learners.tree_ensemble
from holdfast.errors import StudyError
from holdfast.learners.tree_ensemble import TreeEnsemble, link_of, train_lightgbm

RNG = np.random.default_rng(2)
MATRIX = RNG.normal(size=(300, 3))
MONEY = np.exp(MATRIX[:, 0]) * 10


def trained(seed: int = 1) -> TreeEnsemble:
    start = np.full(300, 2.0)
    parameters = {
        "objective": "poisson",
        "num_leaves": 4,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
    }
    return train_lightgbm(MATRIX, MONEY, parameters, rounds=100, seed=seed, start=start, offset=2.0)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert trained().parts() == trained().parts()
    assert trained().parts() != trained(seed=2).parts()


def test_any_number_of_threads_grows_the_same_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = RNG.normal(size=(40_000, 20))
    target = np.exp(matrix[:, 0])
    grown = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(holdfast.learners.tree_ensemble, "threads_for", lambda _, n=threads: n)
        model = train_lightgbm(matrix, target, {"objective": "poisson"}, rounds=20, seed=1)
        text = model.parts()["trees.txt"].decode()
        assert f"[num_threads: {threads}]" in text
        grown.append(text.replace(f"[num_threads: {threads}]", ""))
    assert grown[0] == grown[1] == grown[2]


def test_what_training_started_from_is_in_the_score_and_in_its_reasons() -> None:
    model = trained()
    raw = model.raw(MATRIX)
    np.testing.assert_allclose(model.predict(MATRIX), np.exp(raw))
    np.testing.assert_allclose(model.contributions(MATRIX).sum(axis=1), raw)
    assert np.exp(raw).sum() == pytest.approx(MONEY.sum(), rel=0.2)
    assert model.raw(MATRIX[:0]).shape == (0,)
    assert model.contributions(MATRIX[:0]).shape == (0, 4)


def test_a_loss_without_a_known_link_names_the_nearest() -> None:
    assert link_of("reg:tweedie", "xgboost") == "log"
    with pytest.raises(StudyError, match=r"xgboost cannot be asked for 'reg:gama'.*reg:gamma"):
        link_of("reg:gama", "xgboost")
