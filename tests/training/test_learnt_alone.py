"""A learnt member without the BTYD models beside it: told to be alone, at their level."""

from pathlib import Path

import pytest

from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.models.fitted_models import FittedModels
from holdfast.models.training_set import TrainingData
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.training.fit import fit_models
from holdfast.training.training_data import read_training_data

SETTINGS = {"churn.horizon_days": "60", "value.horizon_days": "90", "horizons_days": "[30]"}
ALONE = {"churn.pool_btyd": "false", "value.pool_btyd": "false"}


@pytest.mark.parametrize("n_days", [500, 130])
def test_alone_it_stands_at_the_same_level_as_in_the_pool(tmp_path: Path, n_days: int) -> None:
    simulate_to(tmp_path / "shop", Shop(n_customers=500, n_days=n_days, seed=5))

    def fit(overrides: dict[str, str]) -> tuple[FittedModels, TrainingData, int]:
        study = Study.from_toml(tmp_path / "shop" / "holdfast.toml", overrides=overrides)
        with Warehouse(tmp_path) as warehouse:
            log = read_order_log(study, warehouse)
            data = read_training_data(
                study, warehouse, first_day=log.first_day, end_day=log.end_day, cutoffs=[]
            )
            return fit_models(study, data, now=log.end_day), data, log.end_day

    pooled, data, now = fit(SETTINGS)
    alone, *_ = fit(SETTINGS | ALONE)
    assert pooled.churn.btyd is not None
    assert alone.value is not None
    assert pooled.value is not None
    assert pooled.value.btyd is not None
    assert (alone.churn.btyd, alone.value.btyd) == (None, None)
    frame = data.customers_at(now)
    for one, other in ((alone.churn, pooled.churn), (alone.value, pooled.value)):
        assert one.predict(frame).tolist() == other.predict_learnt(frame).tolist()
    mean = alone.value.predict(frame)
    assert alone.value.intervals_of(frame, mean) is None or n_days == 500
