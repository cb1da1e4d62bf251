"""One customer and many get the same probability; threads are few."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from holdfast.learners.link_functions import logistic, threads_for


def test_one_row_gets_to_the_last_bit_what_many_get() -> None:
    raw = np.concatenate(
        [np.random.default_rng(0).normal(0, 5, 20_000), [-800.0, -40.0, 0.0, 40.0, 800.0]]
    )
    together = logistic(raw)
    assert together[-5] == 0.0
    assert together[-1] == 1.0
    np.testing.assert_array_equal(
        np.concatenate([logistic(raw[[i]]) for i in range(len(raw))]), together
    )


def test_who_works_beside_others_takes_one_thread() -> None:
    many, few = np.empty((200_000, 1)), np.empty((20_000, 1))
    assert (threads_for(many), threads_for(few)) == (2, 1)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_for, many).result() == 1
