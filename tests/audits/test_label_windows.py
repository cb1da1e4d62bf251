"""Outcomes that reach into the test, and outcomes that had not come."""

import numpy as np
import polars as pl
from tests.audits.tables import customers_of

from holdfast.audits.label_windows import AUDITS, find_immature_labels, find_missing_gap

DAY = 19_723  # 2024-01-01


def windows(cutoffs: list[int], *, test: list[bool] | None = None, **more):
    return customers_of(
        {"spend": np.arange(len(cutoffs))},
        left=np.array([True, False] * len(cutoffs))[: len(cutoffs)],
        cutoff_day=pl.Series(cutoffs),
        horizon_days=90,
        test=None if test is None else np.array(test),
        **more,
    )


def test_outcomes_that_run_into_the_test_are_counted_in_days():
    table = windows([DAY - 90, DAY - 30, DAY], test=[False, False, True])
    (finding,) = find_missing_gap(table)
    assert (finding.name, finding.severity) == ("no-gap", "fatal")
    assert finding.evidence == (
        "1 of 2 rows that are learnt from have outcomes that end after the first test cutoff "
        "2024-01-01: those of cutoff 2023-12-02 run 60 days into it"
    )


def test_outcomes_that_end_on_the_test_cutoff_leave_a_gap():
    assert list(find_missing_gap(windows([DAY - 90, DAY], test=[False, True]))) == []
    assert not AUDITS[0].is_asked(windows([DAY - 30, DAY]), cheaply=False)


def test_an_outcome_that_ends_after_the_table_was_taken_has_not_come():
    # The table holds 2024-01-01, so a window of 90 days may begin on 2023-10-04.
    assert list(find_immature_labels(windows([DAY - 89, DAY - 100], as_of_day=DAY))) == []
    (finding,) = find_immature_labels(windows([DAY - 88, DAY - 100], as_of_day=DAY))
    assert (finding.name, finding.severity) == ("immature-labels", "fatal")
    assert "1 of 2 rows have an outcome that ends after 2024-01-01" in finding.evidence
    assert "up to 1 days later; 100.0% of them count as churned" in finding.evidence
    assert "of the others 0.0%" in finding.evidence
    assert finding.fix == "Use cutoffs up to 2023-10-04, or a shorter horizon."
