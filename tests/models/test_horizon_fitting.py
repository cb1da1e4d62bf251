"""Links between horizons, learnt from windows that have ended or stretched where none has."""

import numpy as np
import polars as pl
import pytest
from tests.models.test_constant_models import training

from holdfast.models.constant_models import fit_same_churn
from holdfast.models.horizon_fitting import fit_horizons
from holdfast.models.promotions import NO_PROMOTIONS
from holdfast.models.training_set import TrainingData
from holdfast.study import Study

CUTOFF, N = 100, 1_000


def study(horizons: list[int]) -> Study:
    columns = {"customer_id": "id", "occurred_at": "day", "amount": "amount"}
    return Study.from_dict(
        {
            "study": {"name": "shop", "horizons_days": horizons},
            "transactions": {"path": "orders.csv", "columns": columns},
            "churn": {"horizon_days": 90},
            "value": {"horizon_days": 90},
        }
    )


def data(*, customers: int = N) -> TrainingData:
    """At one cutoff 60 % buy within 90 days, and of them half within 30."""
    k = np.arange(customers)
    names = [f"c{j}" for j in k]
    features = pl.DataFrame({"customer_id": names, "cutoff_day": CUTOFF, "n_purchases": k % 7})
    labels = [
        pl.DataFrame(
            {
                "customer_id": names,
                "cutoff_day": CUTOFF,
                "horizon_days": days,
                "churned": k % 10 >= bought,
                "future_revenue_minor": np.where(k % 10 < bought, 1_000, 0),
            }
        )
        for days, bought in ((30, 3), (90, 6))
    ]
    return TrainingData(features, pl.concat(labels), pl.DataFrame(), first_day=0, end_day=200)


def test_who_is_silent_over_the_shorter_window_follows_from_those_who_bought_early() -> None:
    churn, _ = fit_same_churn(training(churned=True, revenue_minor=0, horizon_days=90))
    model, findings = fit_horizons(
        study([30, 90]), data(), NO_PROMOTIONS, churn=churn, value=None, now=200
    )
    assert findings == ()
    frame = data().features
    silent = model.silent(churn, frame, np.full(N, 0.4))
    assert silent[90] == pytest.approx(np.full(N, 0.4))
    # 60 % buy, half of them within 30 days.
    assert silent[30].mean() == pytest.approx(0.7, abs=0.01)
    assert (silent[30] >= silent[90]).all()


@pytest.mark.parametrize("horizons", [[30, 90], [90, 180]])
def test_too_few_windows_are_stretched_and_it_is_said(horizons: list[int]) -> None:
    churn, _ = fit_same_churn(training(churned=True, revenue_minor=0, horizon_days=90))
    few = data(customers=150)
    model, (finding,) = fit_horizons(
        study(horizons), few, NO_PROMOTIONS, churn=churn, value=None, now=200
    )
    assert finding.name == "horizons-extrapolated"
    assert f"windows of {max(horizons)} days" in finding.evidence
    silent = model.silent(churn, few.features, np.full(150, 0.4))
    assert (silent[min(horizons)] >= silent[max(horizons)]).all()
