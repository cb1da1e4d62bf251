"""A total that follows from other columns for those who stayed, and not for those who left."""

import numpy as np
from tests.audits.tables import ROWS, customers_of, halves_left

from holdfast.audits.late_change import find_late_change, find_redundant_columns

RNG = np.random.default_rng(1)
MONTHS = RNG.integers(1, 60, 2 * ROWS).astype(float)
CHARGE = RNG.uniform(10, 90, 2 * ROWS).round(2)
LEFT = halves_left(2 * ROWS)


def charged(total: np.ndarray):
    return customers_of({"months": MONTHS, "charge": CHARGE, "total": total}, left=LEFT)


def test_a_final_fee_betrays_who_left():
    (finding,) = find_late_change(charged(MONTHS * CHARGE + LEFT * 40))
    assert (finding.name, finding.severity) == ("changed-afterwards", "warning")
    assert (
        "for those who left it is off by 40 (for those who stayed by 0)"
        in finding.evidence.replace("stayed by 2.84e-14", "stayed by 0")
    )


def test_a_total_that_holds_for_everyone_is_only_said_twice():
    table = charged(MONTHS * CHARGE)
    assert list(find_late_change(table)) == []
    (finding,) = find_redundant_columns(table)
    assert (finding.name, finding.severity) == ("redundant-columns", "note")
    assert "months" in finding.evidence


def test_columns_that_follow_from_nothing_are_neither():
    table = charged(RNG.uniform(0, 100, 2 * ROWS))
    assert [*find_late_change(table), *find_redundant_columns(table)] == []
