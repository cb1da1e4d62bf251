"""Where every customer did the same, one number stands for everyone."""

import polars as pl
import pytest

from holdfast.models.constant_models import fit_no_value, fit_same_churn
from holdfast.models.promotions import NO_PROMOTIONS
from holdfast.models.training_set import TrainingSet


def training(*, churned: bool, revenue_minor: int, horizon_days: int = 30) -> TrainingSet:
    """Nine customers at one cutoff, whose windows have ended."""
    customers = 9
    frame = pl.DataFrame(
        {
            "customer_id": [f"c{k}" for k in range(customers)],
            "cutoff_day": [100] * customers,
            "n_purchases": list(range(customers)),
            "horizon_days": [horizon_days] * customers,
            "churned": [churned] * customers,
            "future_revenue_minor": [revenue_minor] * customers,
        }
    )
    return TrainingSet(
        frame=frame,
        columns=("n_purchases",),
        windows=frame,
        horizon_days=horizon_days,
        minor_digits=2,
        purchases=pl.DataFrame(),
        turnover=None,
        promotions=NO_PROMOTIONS,
        first_day=0,
        now=100 + horizon_days,
    )


@pytest.mark.parametrize(("churned", "share"), [(True, 9.5 / 10), (False, 0.5 / 10)])
def test_everyone_gets_the_share_with_half_a_customer_more_on_either_side(
    churned: bool, share: float
) -> None:
    rows = training(churned=churned, revenue_minor=0)
    assert rows.situation.all_alike
    model, (finding,) = fit_same_churn(rows)
    assert model.predict(rows.frame).tolist() == pytest.approx([share] * 9)
    assert (finding.name, finding.severity) == ("churn-all-alike", "warning")
    assert finding.evidence.startswith(f"{9 * churned} of 9 customers seen at 1 cutoffs churned")
    assert f"{share:.1%}" in finding.meaning


def test_where_nothing_was_earned_nothing_is_expected() -> None:
    rows = training(churned=False, revenue_minor=-150)
    assert rows.situation.earns_nothing
    fitted = fit_no_value(rows)
    assert fitted.model.predict(rows.frame).tolist() == [0.0] * 9
    (finding,) = fitted.findings
    assert finding.name == "nothing-earned"
    assert "brought -13.50 in their target windows" in finding.evidence
