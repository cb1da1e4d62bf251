"""A network with random weights: it reads days and answers like a trained one, without PyTorch."""

from typing import Any

import numpy as np
import polars as pl

from holdfast.models.reference_spend import ReferenceSpend
from holdfast.models.sequence.histories import QUERY, TOKEN, Histories
from holdfast.models.sequence.model import EDGES, Money, Scaling, SequenceModel
from holdfast.models.sequence.network import Network, layers_of

HAZARD = -2.0
"""Log-odds of a purchase in a bin, about which the customers differ."""


def untrained_network(
    activity: pl.DataFrame,
    *,
    first_day: int,
    now: int,
    money_horizon_days: int | None = 90,
    minor_digits: int = 2,
    seed: int = 1,
    **_: Any,
) -> SequenceModel:
    """Takes the arguments of `fit_sequence`."""
    histories = Histories.of_activity(activity, now=now, minor_digits=minor_digits)
    customers = np.arange(len(histories))
    queries = histories.queries(customers, np.full(len(customers), now))
    tokens = Scaling.learn(histories.tokens, TOKEN)
    asked = Scaling.learn(queries, QUERY)
    outputs = {"hazards": len(EDGES)} | ({"money": 2} if money_horizon_days else {})
    rng = np.random.default_rng(seed)
    shapes = layers_of(len(tokens.columns), len(asked.columns), outputs)
    weights = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["hazards.4.bias"] = np.full(len(EDGES), HAZARD, dtype=np.float32)
    spend = ReferenceSpend(money_horizon_days or 90, 1.0, by_tenure=False)
    return SequenceModel(
        network=Network(weights),
        tokens=tokens,
        queries=asked,
        first_day=first_day,
        trained_until=now,
        eligible_days=None,
        minor_digits=minor_digits,
        longest_horizon_days=EDGES[-1],
        money=Money(spend, first_day) if money_horizon_days else None,
        steps=0,
        seed=seed,
        late_loss=1.0,
    )
