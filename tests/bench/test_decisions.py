"""The ruler of decisions: limits that a plan breaks, and what intervals kept of their promise."""

from dataclasses import replace

import numpy as np
import pytest
from bench._decisions_allocation import count_breaches
from bench._decisions_experiments import judge
from bench.decisions import PARTS

from holdfast.campaigns.planning.allocation import allocate
from holdfast.campaigns.planning.offers import Limits

VALUE, COST = np.array([[5.0, 4.0], [5.0, 9.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])


def test_every_limit_that_a_plan_breaks_is_counted() -> None:
    plan = replace(allocate(VALUE, COST, Limits()), offer=np.array([1, 2], dtype=np.int16))
    # Both are contacted for 3 in all, and bring 14.
    assert count_breaches(plan, VALUE, COST, Limits(budget=3.0, capacity=[1, 1]), None) == 0
    tight = Limits(budget=2.9, capacity=[1, 0], contacts=1, least_return=4.0)
    nobody = np.zeros((2, 2), dtype=bool)
    assert count_breaches(plan, VALUE, COST, tight, nobody) == 5


def test_an_interval_wholly_above_the_truth_overclaims() -> None:
    kept = judge([(0.0, 1.0), (2.0, 3.0), (-1.0, 0.2), (0.4, 0.6)], 0.5)
    assert (kept.coverage, kept.overclaims) == (pytest.approx(0.5), pytest.approx(0.25))


def test_every_part_has_its_own_name() -> None:
    assert len(dict(PARTS)) == len(PARTS)
