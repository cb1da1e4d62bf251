"""What if: the same customer with some features changed, scored by the run's own models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import InputError
from holdfast.report.formatting import verb
from holdfast.serving.customer_profile import Profiles, as_number
from holdfast.serving.customer_search import read_rows
from holdfast.serving.load import load_study
from holdfast.serving.predict import predict_features
from holdfast.storage.runs import Run
from holdfast.study import Study

LEVERS = 5
_PREDICTED = {"churn": "churn probability", "value": "expected revenue"}
_CALENDAR = ("first_purchase_season", "cutoff_season")


@dataclass(frozen=True, kw_only=True)
class Lever:
    """A feature to change: its range over the customer base and the customer's own value (None
    where unknown).
    """

    feature: str
    low: float
    high: float
    step: float
    value: float | None


def find_levers(study: Study, usual: Profiles, features: Mapping[str, Any]) -> list[Lever]:
    """The strongest features that can be changed by themselves.

    Left out are columns derived from others (they follow), the calendar, and features of one value.
    """
    derived = study.snapshot.derived if study.snapshot else {}
    levers: list[Lever] = []
    for name in usual.features:
        ends = usual.quantiles[name]
        low, high, value = float(ends[1]), float(ends[99]), as_number(features.get(name))
        if name in derived or name in _CALENDAR or low == high or len(levers) == LEVERS:
            continue
        if value is not None:
            low, high = min(low, value), max(high, value)
        step = 1.0 if isinstance(features.get(name), int) else _step(low, high, ends)
        if step == 1:
            # Between two customers a quantile of whole numbers need not be whole.
            low, high = float(np.floor(low)), float(np.ceil(high))
        levers.append(Lever(feature=name, low=low, high=high, step=step, value=value))
    return levers


def _step(low: float, high: float, quantiles: np.ndarray) -> float:
    if np.all(quantiles == np.round(quantiles)):
        return 1.0
    # A hundred stops, each a round number apart.
    return float(10 ** np.floor(np.log10((high - low) / 50)))


def read_customer_features(run: Run, customer_id: str) -> dict[str, Any]:
    """The customer's features as the run's models read them.

    Raises
    ------
    InputError
        The run has no features of the customer.
    """
    rows = read_rows(run, "features", customer_id)
    if rows is None or rows.is_empty():
        raise InputError(
            f"run {run.run_id} has no features of {customer_id!r}",
            fix="choose a customer of the run",
        )
    return rows.drop("cutoff_day").row(0, named=True)


def what_if(
    run: Run, features: Mapping[str, Any], changes: Mapping[str, float | None]
) -> dict[str, Any]:
    """Answer as `predict_features` does for the customer with `changes`; everything else stays as
    it is.

    What a snapshot derives from other columns is derived anew. A network reads days, which are no
    features: its part stays, and a warning says how large it is (`tell_what_stays`).
    """
    study = load_study(run)
    derived = (*study.snapshot.derived, "churned", "value") if study.snapshot else ()
    given = {name: value for name, value in {**features, **changes}.items() if name not in derived}
    answer = predict_features(run, {name: _plain(value) for name, value in given.items()})
    stays = tell_what_stays(run)
    return answer if stays is None else {**answer, "warnings": [*answer["warnings"], stays]}


def tell_what_stays(run: Run) -> str | None:
    """Say how much of each prediction does not follow changed features; None where all does."""
    weights = {
        what: network["weight"]
        for task, what in _PREDICTED.items()
        if (network := run.summary.get(task, {}).get("sequence"))
    }
    if not weights:
        return None
    parts = " and ".join(f"{weight:.0%} of the {what}" for what, weight in weights.items())
    comes = verb(len(weights), "comes", "come")
    return (
        f"{parts} {comes} from a network that reads the customer's days one after the other; the "
        "days stay as they were, so this part does not follow the change"
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
