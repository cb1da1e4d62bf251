"""Day effects: what each day of a customer says to the network of the pool, and in which words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import Model
from holdfast.serving.customer_search import read_rows
from holdfast.serving.load import load_models, load_study
from holdfast.storage.runs import Run
from holdfast.tables import json_rows
from holdfast.windows import date_of

NO_NETWORK = "no network is in the pool of churn: nothing reads the days one after the other"
_MEMBER = "models/churn/sequence-"
UNKNOWN = "the run has no days of this customer"


@dataclass(frozen=True, kw_only=True)
class CustomerDays:
    """The days of a customer, the latest first.

    Attributes
    ----------
    weight
        Of the network in the pool.
    days
        date, added (to the network's log-odds of churn: the day's share of them), against_usual
        (the same beside the customer's usual day) and sentence.
    not_told
        Why there are none.
    """

    horizon_days: int | None = None
    weight: float | None = None
    days: list[dict[str, Any]] | None = None
    not_told: str | None = None


def tell_days(
    run: Run, customer_id: str, *, models: Mapping[str, Model] | None = None
) -> CustomerDays:
    """Tell what each day of one customer of the run adds to the risk, by the network alone.

    Parameters
    ----------
    models
        The run's, where they are loaded already.
    """
    # A page of a customer is not to wait for models that have none.
    if not any(name.startswith(_MEMBER) for name in run.manifest["files"]):
        return CustomerDays(not_told=NO_NETWORK)
    churn = (models or load_models(run))["churn"]
    assert isinstance(churn, ChurnModel)
    member = churn.sequence
    assert member is not None
    features = read_rows(run, "features", customer_id)
    if features is None or features.is_empty():
        return CustomerDays(not_told=UNKNOWN)
    from holdfast.models.sequence.effects import day_effects

    currency = load_study(run).currency
    effects = day_effects(member.network, features, member.horizon_days, currency=currency)
    days = effects.days.sort("day", descending=True).with_columns(
        date=pl.col("day").map_elements(lambda day: date_of(day).isoformat(), pl.String)
    )
    return CustomerDays(
        horizon_days=member.horizon_days,
        weight=member.weight,
        days=json_rows(days.select("date", "added", "against_usual", "sentence")),
    )


def tell_worst_days(churn: ChurnModel, features: pl.DataFrame, *, currency: str) -> dict[str, str]:
    """Customer -> the day that raises the risk most, in words; without those who have none."""
    if churn.sequence is None:
        return {}
    from holdfast.models.sequence.effects import day_effects

    member = churn.sequence
    effects = day_effects(member.network, features, member.horizon_days, currency=currency)
    raising = effects.days.filter(pl.col("against_usual") > 0)
    strongest = raising.sort("against_usual", descending=True).unique(
        "customer_id", keep="first", maintain_order=True
    )
    return dict(strongest.select("customer_id", "sentence").iter_rows())


def strongest_days(customer: CustomerDays, *, at_most: int) -> list[str]:
    """The days that add most beside the customer's usual day, each in a line."""
    ranked = sorted(customer.days or [], key=lambda day: -abs(day["against_usual"]))
    return [
        f"{day['sentence']}, which {'raises' if day['against_usual'] > 0 else 'lowers'} the risk"
        for day in ranked[:at_most]
        if day["against_usual"]
    ]
