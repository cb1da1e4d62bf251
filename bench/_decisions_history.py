"""History of campaigns: whether a plan brings what it promised after three campaigns, and whether
hidden selection is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from holdfast.arrays import Matrix, Vector
from holdfast.campaigns.past.history import Assumed, learn_history
from holdfast.campaigns.past.observed import Window, observe
from holdfast.campaigns.planning.plan_return import simulate_plan

_SEGMENTS, _OFFERS = [f"segment {s}" for s in range(8)], [f"offer {j}" for j in range(3)]
_SHAPE = (len(_SEGMENTS), len(_OFFERS))
_WORLDS, _FEWER, _COST, _CELL, _NOISE = 300, 60, 0.5, 2_000, 15.0
"""Customers of a cell, and standard deviation of one's margin: currency, as the cost."""
_MEAN, _SPREADS = 0.7, (0.4, 0.3, 0.4)
"""Of the true uplift: mean, and how far segments, offers and cells differ."""
_HISTORIES, _CUSTOMERS = 200, 2_000


@dataclass
class _Kept:
    """What plans kept of their promise, one entry a world."""

    covered: list[bool]
    promised: list[float]
    brought: list[float]
    profit: list[float]


def three_campaigns(_: Path) -> Iterator[Figure]:
    """The next campaign contacts the cells that seem to pay; the plan is the fourth."""
    vague, high = Assumed(uplift=0.0, spread=3.0), Assumed(uplift=4 * _MEAN, spread=0.5)
    for share, least, assumed, worlds, label in (
        (0.1, 0.82, vague, _WORLDS, "10 % held out"),
        (0.5, 0.90, vague, _WORLDS, "50 % held out"),
        (0.1, None, high, _FEWER, "10 % held out, 4 times too much assumed"),
    ):
        ours, raw, ideal, best = _run_worlds(share, assumed, worlds)
        coverage = 100 * float(np.mean(ours.covered))
        name = f"three campaigns, {label}: 90 % interval of ROI covers, %"
        yield Figure(name, coverage, "85..95", 85 <= coverage <= 95)
        profit = sum(ours.profit) / best
        name = f"three campaigns, {label}: profit over the oracle's"
        yield Figure(name, profit) if least is None else at_least(name, profit, least)
        name = f"three campaigns, {label}: attainable, true spreads known"
        yield Figure(name, sum(ideal) / best)
        more = np.mean(np.array(ours.promised) - np.array(ours.brought))
        yield Figure(f"three campaigns, {label}: ROI promised above that brought", float(more))
        yield Figure(f"three campaigns, {label}: raw covers, %", 100 * float(np.mean(raw.covered)))
        yield Figure(f"three campaigns, {label}: raw profit over oracle's", sum(raw.profit) / best)
        more = np.mean(np.array(raw.promised) - np.array(raw.brought))
        yield Figure(f"three campaigns, {label}: raw ROI promised above", float(more))


def _run_worlds(
    share: float, assumed: Assumed, worlds: int
) -> tuple[_Kept, _Kept, list[float], float]:
    """Ours, raw, the profits of a planner who knows how the worlds are drawn, and the oracle's."""
    ours, raw, ideal, best = _Kept([], [], [], []), _Kept([], [], [], []), [], 0.0
    for world in range(worlds):
        rng = np.random.default_rng([51, world])
        segment, offer, cell = _SPREADS
        truth = (
            _MEAN
            + rng.normal(0, segment, (_SHAPE[0], 1))
            + rng.normal(0, offer, _SHAPE[1])
            + rng.normal(0, cell, _SHAPE)
        ).ravel()
        error = _NOISE * np.sqrt(1 / (_CELL * (1 - share)) + 1 / (_CELL * share))
        noise = rng.normal(0, error, (3, truth.size))
        best += _CELL * float(np.clip(truth - _COST, 0, None).sum())
        _judge(ours, truth, _plan_by_history(truth + noise, error, assumed))
        _judge(raw, truth, _plan_by_raw(truth + noise, error))
        cells = _plan_knowing_spreads(truth + noise, error)
        ideal.append(_CELL * float((truth - _COST)[cells].sum()))
    return ours, raw, ideal, best


_Plan = tuple[np.ndarray, float, float, float]
"""Cells contacted; ROI as promised: mean, 5 and 95 %."""


def _judge(kept: _Kept, truth: Vector, plan: _Plan) -> None:
    cells, mean, low, high = plan
    kept.profit.append(_CELL * float((truth - _COST)[cells].sum()))
    if cells.any():
        roi = float(truth[cells].mean()) / _COST - 1
        kept.covered.append(low <= roi <= high)
        kept.promised.append(mean)
        kept.brought.append(roi)


def _plan_by_history(measured: Matrix, error: float, assumed: Assumed) -> _Plan:
    rows: list[tuple[str, str, float]] = []
    names = [(segment, offer) for segment in _SEGMENTS for offer in _OFFERS]
    cells = np.ones(len(names), dtype=bool)
    for campaign in measured:
        rows += [(*names[i], float(campaign[i])) for i in np.flatnonzero(cells)]
        readouts = pl.DataFrame(rows, schema=["segment", "offer", "effect"], orient="row")
        history = learn_history(
            readouts.with_columns(standard_error=pl.lit(error), uplift_source=pl.lit("experiment")),
            segments=_SEGMENTS,
            offers=_OFFERS,
            assumed=assumed,
        )
        cells = history.cells["mean"].to_numpy() > _COST
    contacts = pl.Series(np.where(cells, _CELL, 0))
    plan = history.cells.select("segment", "offer", contacts=contacts, cost=pl.lit(_COST))
    roi = simulate_plan(plan, history).roi
    return (cells, *(roi or (0.0, 0.0, 0.0)))


def _plan_by_raw(measured: Matrix, error: float) -> _Plan:
    """Each cell by its own mean so far."""
    cells, total, times = np.ones(measured.shape[1], dtype=bool), 0.0, 0.0
    for campaign in measured:
        total, times = total + cells * campaign, times + cells
        mean = total / times
        cells = mean > _COST
    if not cells.any():
        return cells, 0.0, 0.0, 0.0
    roi = float(mean[cells].mean()) / _COST - 1
    reach = 1.645 * float(np.sqrt((error**2 / times[cells]).sum())) / cells.sum() / _COST
    return cells, roi, roi - reach, roi + reach


def _plan_knowing_spreads(measured: Matrix, error: float) -> np.ndarray:
    """Cells that pay by the posterior under the very law that the worlds are drawn from."""
    segment, offer = np.divmod(np.arange(measured.shape[1]), len(_OFFERS))
    of_segment, of_offer, of_cell = (spread**2 for spread in _SPREADS)
    prior = (
        of_segment * (segment[:, None] == segment)
        + of_offer * (offer[:, None] == offer)
        + of_cell * np.eye(len(segment))
    )
    cells, total, times = np.ones(len(segment), dtype=bool), 0.0, 0.0
    for campaign in measured:
        total, times = total + cells * campaign, times + cells
        among = prior + np.diag(error**2 / times)
        cells = _MEAN + prior @ np.linalg.solve(among, total / times - _MEAN) > _COST
    return cells


def without_control(_: Path) -> Iterator[Figure]:
    """The effect is 1.00; what makes customers buy also makes them be contacted, seen or not."""
    for chosen_by, goal in (
        ("lot", at_most),
        ("what is seen", None),
        ("what is not seen", at_least),
    ):
        answers, naive = [], []
        for number in range(_HISTORIES):
            contacted, window, before = _draw_history(chosen_by, seed=number)
            naive.append(window.outcome[contacted].mean() - window.outcome[~contacted].mean())
            answers.append(observe(contacted, window, before))
        refused = 100 * float(np.mean([answer.refused is not None for answer in answers]))
        name = f"contact chosen by {chosen_by}: refused, %"
        if goal is None:
            yield Figure(name, refused)
        else:
            yield goal(name, refused, 10.0 if goal is at_most else 90.0)
        yield Figure(
            f"contact chosen by {chosen_by}: naive effect (truth 1)", float(np.mean(naive))
        )
        passed = [a for a in answers if a.effect is not None and a.standard_error is not None]
        if chosen_by != "what is not seen":
            covers = [abs(a.effect - 1) <= 1.96 * a.standard_error for a in passed]
            yield Figure(f"contact chosen by {chosen_by}: AIPW covers, %", 100 * np.mean(covers))


def _draw_history(chosen_by: str, *, seed: int) -> tuple[np.ndarray, Window, Window]:
    rng = np.random.default_rng([61, len(chosen_by), seed])
    seen, unseen = rng.standard_normal((_CUSTOMERS, 2)), rng.standard_normal(_CUSTOMERS)
    lean = {"lot": 0.0, "what is seen": 0.8 * seen.sum(axis=1) / np.sqrt(2),
            "what is not seen": 0.6 * unseen + 0.4 * seen[:, 0]}[chosen_by]  # fmt: skip
    contacted = rng.random(_CUSTOMERS) < 1 / (1 + np.exp(-lean))
    base = 5 + seen.sum(axis=1) * 1.5 + 1.5 * unseen
    earlier, later = (base + rng.normal(0, 3, _CUSTOMERS) for _ in range(2))
    return (
        contacted,
        Window(features=seen, outcome=later + contacted),
        Window(features=seen, outcome=earlier),
    )


PARTS = (
    ("three campaigns", three_campaigns),
    ("without a control", without_control),
)
"""Name and figures, given the folder of the data sets."""
