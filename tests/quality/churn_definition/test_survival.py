"""Survival curves: Kaplan and Meier's own estimate on a sample small enough for a pencil."""

import polars as pl
import pytest

from holdfast.quality.churn_definition.survival import estimate_survival


def _lifetimes(*rows: tuple[int, bool], cohort: str = "2010") -> pl.DataFrame:
    days, left = zip(*rows, strict=True)
    each = {"cohort": [cohort] * len(rows), "days": days, "left": left}
    return pl.DataFrame({**each, "customers": [1] * len(rows)})


# Freireich et al. (1963), remission under 6-MP, weeks: the example that textbooks give of the
# estimate.
SIX_MP = [
    *[(6, True)] * 3,
    (6, False),
    (7, True),
    (9, False),
    (10, True),
    (10, False),
    (11, False),
    (13, True),
    (16, True),
    (17, False),
    (19, False),
    (20, False),
    (22, True),
    (23, True),
    (25, False),
    (32, False),
    (32, False),
    (34, False),
    (35, False),
]


def test_the_textbook_sample_gives_the_textbook_curve() -> None:
    curve = estimate_survival(_lifetimes(*SIX_MP), step_days=1).filter(pl.col("cohort") == "all")
    told = dict(curve.select("day", "survival").iter_rows())
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {day: round(told[day], 3) for day in expected} == expected
    at_risk = dict(curve.select("day", "at_risk").iter_rows())
    assert [at_risk[day] for day in (6, 7, 10, 22)] == [21, 17, 15, 7]


def test_its_interval_is_the_log_log_one_of_the_textbook() -> None:
    curve = estimate_survival(_lifetimes(*SIX_MP), step_days=1)
    row = curve.filter((pl.col("cohort") == "all") & (pl.col("day") == 10)).row(0, named=True)
    # Var of log S by Greenwood: 3/(21*18) + 1/(17*16) + 1/(15*14) = .016375; log(.7529) = -.2838.
    assert row["low"] == pytest.approx(0.5032, abs=5e-4)
    assert row["high"] == pytest.approx(0.8894, abs=5e-4)


def test_nobody_left_is_a_curve_at_one_and_everybody_at_zero() -> None:
    assert (
        estimate_survival(_lifetimes((0, False), (14, False)))["survival"].to_list()
        == [1.0, 1.0, 1.0] * 2
    )
    gone = estimate_survival(_lifetimes((0, True), (7, True))).filter(pl.col("cohort") == "all")
    assert gone.select("survival", "low", "high").rows()[-1] == (0.0, 0.0, 0.0)


def test_each_cohort_has_its_own_curve_beside_everyones() -> None:
    both = pl.concat([_lifetimes((0, True), (7, False)), _lifetimes((7, False), cohort="2011")])
    ends = estimate_survival(both).filter(pl.col("day") == 7)
    assert dict(ends.select("cohort", "survival").iter_rows()) == {
        "all": pytest.approx(2 / 3),
        "2010": 0.5,
        "2011": 1,
    }


def test_a_log_without_customers_has_no_curve() -> None:
    assert estimate_survival(_lifetimes((0, True)).clear()).is_empty()


def test_a_row_may_stand_for_several_customers() -> None:
    rows = _lifetimes(*SIX_MP)
    counted = rows.group_by("cohort", "days", "left").agg(pl.col("customers").sum())
    assert estimate_survival(counted).equals(estimate_survival(rows))
