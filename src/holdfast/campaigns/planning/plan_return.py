"""What a plan may bring: its net return as a range, the chance that it is above 0, and the uplift
at which it only breaks even.

Drawn from what is believed of each cell's uplift and acceptance, and from how far off predicted
totals were. A cell of which only a campaign without a hold-out tells is given nothing: what was
merely observed is no reason to spend.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.campaigns.past.acceptance import Acceptance
from holdfast.campaigns.past.history import Beliefs

_DRAWS = 4_000


@dataclass(frozen=True, kw_only=True)
class PlanReturn:
    """What a plan may bring.

    Attributes
    ----------
    net, roi
        Mean, and the 5 and 95 % ends: currency, and net over cost (None where nothing is spent).
    cost
        Expected; currency.
    p_net_above_0
        Chance that it pays.
    expected_loss
        What it loses on average where it loses, times the chance that it does; currency.
    cells
        segment, offer, contacts, exposure, cost, uplift (per customer contacted, or per unit of
        exposure), break_even (uplift at which the cell's net is 0; null without contacts), net,
        net_low, net_high, p_net_above_0, basis.
    notes
        Sentences on cells that were given nothing.
    """

    net: tuple[float, float, float]
    roi: tuple[float, float, float] | None
    cost: float
    p_net_above_0: float
    expected_loss: float
    cells: pl.DataFrame
    notes: tuple[str, ...]


def simulate_plan(
    plan: pl.DataFrame,
    history: Beliefs,
    *,
    acceptance: Acceptance | None = None,
    value_error: float = 0.0,
    seed: int = 42,
) -> PlanReturn:
    """Draw what a plan may bring.

    Parameters
    ----------
    plan
        segment, offer, contacts, cost (currency per customer contacted); where acceptance is
        given, cost_if_accepted (currency per customer who accepts); and maybe exposure, where the
        history's uplift is not per contact but per unit of something else, as a rate is of what is
        at stake.
    value_error
        Standard deviation of the logarithm of realised over predicted totals at past cutoffs; it
        moves all uplifts together.
    """
    keys = ["segment", "offer"]
    cells = history.cells.join(plan, on=keys, how="left", maintain_order="left")
    exposure = pl.col("exposure" if "exposure" in plan.columns else "contacts")
    cells = cells.with_columns(pl.col("contacts", "cost").fill_null(0), exposure=exposure)
    cells = cells.with_columns(pl.col("exposure").fill_null(0))
    unfounded = (cells["basis"] == "observed") & (cells["contacts"] > 0)
    cells = cells.with_columns(
        pl.when(unfounded).then(0).otherwise(pl.col("contacts", "exposure")).name.keep()
    )
    contacts = cells["contacts"].to_numpy().astype(float)
    cost = _draw_costs(cells, acceptance, seed) * contacts
    uplift = history.draw(_DRAWS, seed=seed) * _value_factor(value_error, seed)
    net = uplift * cells["exposure"].to_numpy().astype(float) - cost
    total, spent = net.sum(axis=1), cost.sum(axis=1)
    return PlanReturn(
        net=_summary(total),
        roi=_summary(total / spent) if (spent > 0).all() else None,
        cost=float(spent.mean()),
        p_net_above_0=float((total > 0).mean()),
        expected_loss=float(np.clip(-total, 0, None).mean()),
        cells=_cell_table(cells, cost, net),
        notes=_notes(cells.filter(unfounded)),
    )


def _draw_costs(cells: pl.DataFrame, acceptance: Acceptance | None, seed: int) -> Matrix:
    """Per customer contacted, (n_draws, n_cells)."""
    fixed = np.broadcast_to(cells["cost"].to_numpy().astype(float), (_DRAWS, cells.height))
    if acceptance is None:
        return fixed
    if_accepted = cells["cost_if_accepted"].fill_null(0.0).to_numpy()
    order = cells.select("segment", "offer").join(
        acceptance.cells.with_row_index("at"), on=["segment", "offer"], maintain_order="left"
    )
    rates = acceptance.draw(_DRAWS, seed=seed + 1)[:, order["at"].to_numpy()]
    return np.asarray(fixed + rates * if_accepted)


def _value_factor(error: float, seed: int) -> Matrix:
    normal = np.random.default_rng(seed + 2).standard_normal((_DRAWS, 1))
    return np.asarray(np.exp(error * normal - error**2 / 2))


def _summary(draws: Vector) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [0.05, 0.95])
    return float(draws.mean()), float(low), float(high)


def _cell_table(cells: pl.DataFrame, cost: Matrix, net: Matrix) -> pl.DataFrame:
    low, high = np.quantile(net, [0.05, 0.95], axis=0)
    exposure = cells["exposure"].to_numpy().astype(float)
    per_unit = np.divide(
        cost.mean(axis=0), exposure, out=np.full(len(exposure), np.nan), where=exposure > 0
    )
    numbers: dict[str, Any] = {
        "cost": cost.mean(axis=0), "uplift": cells["mean"].to_numpy(), "break_even": per_unit,
        "net": net.mean(axis=0), "net_low": low, "net_high": high,
        "p_net_above_0": (net > 0).mean(axis=0),
    }  # fmt: skip
    return cells.select(
        "segment", "offer", "contacts", pl.col("exposure").cast(pl.Float64),
        *(pl.Series(name, values).fill_nan(None) for name, values in numbers.items()),
        "basis",
    )  # fmt: skip


def _notes(unfounded: pl.DataFrame) -> tuple[str, ...]:
    return tuple(
        f"{offer} to {segment} is given nothing: its past campaign had no hold-out, so what it"
        " brought is not known; hold some customers out next time"
        for segment, offer in unfounded.select("segment", "offer").iter_rows()
    )
