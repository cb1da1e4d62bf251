"""Columns that are harmless alone, and tell everything together or outshine the rest."""

import numpy as np
from tests.audits.tables import customers_of, noise

from holdfast.audits.joint_leak import find_joint_leak, find_lifting_column, find_outshining_column

ROWS = 4_000
RNG = np.random.default_rng(3)
FIRST, SECOND = RNG.random(ROWS) < 0.5, RNG.random(ROWS) < 0.5
EITHER = FIRST ^ SECOND


def test_two_columns_that_only_together_hold_the_outcome_are_found():
    table = customers_of({"first": FIRST * 1.0, "second": SECOND * 1.0}, left=EITHER)
    assert max(table.aucs.values()) < 0.55
    (finding,) = find_joint_leak(table)
    assert finding.name == "telling-together"
    assert "have ROC-AUC 1.0000 among customers they have not seen" in finding.evidence


def test_columns_that_tell_nothing_together_are_not():
    table = customers_of({"first": FIRST * 1.0, "noise": noise(rows=ROWS)}, left=EITHER)
    assert list(find_joint_leak(table)) == []


def scored():
    left = FIRST
    return customers_of(
        {
            "score": left + RNG.normal(0, 0.8, ROWS),
            **{f"noise_{k}": noise(k, ROWS) for k in range(4)},
        },
        left=left,
    )


def test_a_score_that_tells_more_than_all_others_together_outshines_them():
    (finding,) = find_outshining_column(scored())
    assert finding.name == "outshining-column"
    assert finding.evidence.startswith("score alone has ROC-AUC 0.78")
    assert list(find_outshining_column(scored(), among=["noise_1"])) == []


def test_a_column_that_lifts_the_past_by_too_much_is_found():
    (finding,) = find_lifting_column(scored(), among=["score", "noise_0"])
    assert finding.name == "lifting-column"
    assert "with score 0.8" in finding.evidence
    assert "noise_0" not in finding.evidence
    assert list(find_lifting_column(scored(), among=["noise_0"])) == []
