from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from holdfast.features.recent_days import DAY_FIELDS, RECENT_DAYS_TYPE
from holdfast.models.reference_spend import ReferenceSpend
from holdfast.models.sequence.histories import QUERY, TOKEN, Histories
from holdfast.models.sequence.model import EDGES, Money, Scaling, SequenceModel
from holdfast.models.sequence.network import Network, layers_of
from holdfast.tables import ACTIVITY

CUTOFF = 1_000


@pytest.fixture
def activity() -> pl.DataFrame:
    """60 customers who buy every few days from day 600 on, one in three of them until day 800;
    some days are visits.
    """
    rng = np.random.default_rng(3)
    rows = []
    for customer in range(60):
        days = 600 + np.cumsum(rng.integers(2, 40, 60))
        for day in days[days < (800 if customer % 3 == 0 else 1_100)].tolist():
            buys = int(rng.random() < 0.7)
            rows.append(
                {
                    "customer_id": f"c{customer:02d}", "day": day, "n_orders": buys,
                    "n_lines": buys * int(rng.integers(1, 9)), "n_sessions": 1 - buys,
                    "gross_minor": buys * int(rng.integers(500, 9_000)),
                }
            )  # fmt: skip
    frame = pl.DataFrame(rows)
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(0)).cast(dtype).alias(name)
        for name, dtype in ACTIVITY.schema.items()
    )


@pytest.fixture
def frame_of() -> Callable[..., pl.DataFrame]:
    """Make a frame of one customer at day 1,000 with such days; what a day does not say is 0."""

    def frame(*days: dict[str, int]) -> pl.DataFrame:
        whole = [dict.fromkeys(DAY_FIELDS, 0) | day for day in days]
        recent = pl.Series([whole], dtype=RECENT_DAYS_TYPE)
        return pl.DataFrame({"customer_id": ["a"], "cutoff_day": [CUTOFF], "recent_days": recent})

    return frame


@pytest.fixture
def model(activity: pl.DataFrame) -> SequenceModel:
    """A network with random weights."""
    histories = Histories.of_activity(activity, now=CUTOFF, minor_digits=2)
    customers = np.arange(len(histories))
    tokens = Scaling.learn(histories.tokens, TOKEN)
    queries = Scaling.learn(histories.queries(customers, np.full(60, CUTOFF)), QUERY)
    rng = np.random.default_rng(1)
    heads = {"hazards": len(EDGES), "money": 2}
    shapes = layers_of(len(tokens.columns), len(queries.columns), heads)
    return SequenceModel(
        network=Network({n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}),
        tokens=tokens, queries=queries, first_day=600, trained_until=CUTOFF, eligible_days=None,
        minor_digits=2, longest_horizon_days=365, money=Money(ReferenceSpend(90, 5.0), 600),
        steps=0, seed=1, late_loss=1.0,
    )  # fmt: skip
