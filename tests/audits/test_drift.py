"""Test rows of another kind than those learnt from."""

import numpy as np
from tests.audits.tables import customers_of, noise

from holdfast.audits.drift import AUDIT, find_drift

ROWS = 1_200
TEST = np.arange(ROWS) % 3 == 0


def test_a_test_in_another_unit_is_told_apart():
    spend = np.where(TEST, 100, 1) * (5 + noise(rows=ROWS))
    (finding,) = find_drift(
        customers_of({"spend": spend}, left=np.arange(ROWS) % 2 == 0, test=TEST)
    )
    assert finding.name == "test-is-unlike-learning"
    assert "spend (0.99" in finding.evidence or "spend (1.0" in finding.evidence
    assert "when learning" in finding.evidence


def test_parts_that_are_alike_are_not():
    table = customers_of({"spend": noise(rows=ROWS)}, left=np.arange(ROWS) % 2 == 0, test=TEST)
    assert list(find_drift(table)) == []


def test_without_a_split_nothing_is_asked():
    table = customers_of({"spend": noise(rows=ROWS)}, left=TEST)
    assert not AUDIT.is_asked(table, cheaply=False)
