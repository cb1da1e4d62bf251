"""What the order of events is worth: a network that reads a customer's days, alone and in the pool,
beside trees on aggregates, the same with the last gaps and baskets, and exact ceilings.

A share is (Brier of the trees - Brier of a member) / (Brier of the trees - Brier of the exact
chances). Every model is learnt from what had happened by the cutoff. Intervals in brackets are
paired 95 % bootstrap intervals over customers, the fitted models held fixed.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl

from bench import require_data
from bench._figures import Figure, at_least, at_most, show
from bench._sequence_cases import (
    Case,
    bank_cases,
    business_case,
    cdnow_case,
    grocery_case,
    retail_cases,
    shop_cases,
)
from bench._sequence_cost import cost
from bench._sequence_members import (
    fit_network,
    fit_pool,
    halves,
    network,
    person_periods,
    pool,
    product,
    trees,
    with_days,
    with_lags,
)
from bench._sequence_products import products
from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.features.recent_days import add_recent_days
from holdfast.learners.link_functions import log_odds
from holdfast.metrics import Metric, paired_interval
from holdfast.models.churn import ChurnModel
from holdfast.models.sequence.effects import day_effects
from holdfast.models.sequence.histories import Histories
from holdfast.models.sequence.model import EDGES
from holdfast.models.sequence.targets import TrainingLog
from holdfast.training.backtest import observe
from holdfast.windows import date_of

Section = Callable[[Path], Iterator[Figure]]

_NOISE = 0.0005
"""As much Brier as a member of no use may cost."""
_DRAWS_OF_C = (1, 6, 7)
_RETAIL_DAYS = {"2011-03-01": 0.788, "2011-06-01": 0.823, "2011-09-01": 0.803}
"""Cutoff -> AUC at least."""
_EXPLAINED = 140
_MONEY_DAYS = {"2011-03-01": (0.712, 0.660), "2011-06-01": (0.635, 0.590)}
"""Cutoff -> WAPE of the mean at the realised total, and of the median, at most."""


def downgrade(_: Path) -> Iterator[Figure]:
    """A small order after a large one is a farewell: two orders say it all."""
    case = business_case("downgrade", 8_000, 1)
    said = {"trees": trees(case), "lags": with_lags(trees)(case), "network": network(case)}
    yield from _told(case, said)
    yield from _shares(case, said)


def refill(_: Path) -> Iterator[Figure]:
    """Gaps are short, short, long: three gaps say it all."""
    case = business_case("refill", 8_000, 1)
    said = {"trees": trees(case), "lags": with_lags(trees)(case), "network": network(case)}
    yield from _told(case, said)
    shares = {figure.name: figure for figure in _shares(case, said)}
    for name, figure in shares.items():
        yield at_least(name, figure.value, 0.65) if "network" in name else figure


def long_memory(_: Path) -> Iterator[Figure]:
    """What tells lies arbitrarily far back: three draws."""
    of_pool = []
    for seed in _DRAWS_OF_C:
        case = business_case("long-memory", 4_000 if seed > 1 else 6_000, seed)
        said = {"trees": trees(case), "lags": with_lags(trees)(case), "pool": pool(case)}
        said["network"] = network(case)
        yield from _told(case, said)
        share = _share_of(case, said)
        of_pool.append(share["pool"])
        yield at_least(f"{case.name}: share of the pool", share["pool"], 0.75)
        yield Figure(f"{case.name}: share of the network alone", share["network"])
        yield at_most(f"{case.name}: share of trees with lags", share["lags"], 0.40)
        yield _difference(case, "pool - trees with lags", said["pool"], said["lags"], 0.0)
    yield at_least("long-memory: mean share of the pool", float(np.mean(of_pool)), 0.85)


def explanations(_: Path) -> Iterator[Figure]:
    """Whose last order was small after a large one: which day is named first, and whether the parts
    add up.
    """
    case = business_case("downgrade", 8_000, 1)
    farewell = case.lagged.filter(
        pl.col("cutoff_day") == case.now, pl.col("lines_last") == 2, pl.col("lines_last_2") == 6
    )
    rows = with_days(case).join(farewell, on="customer_id", how="semi").head(_EXPLAINED)
    model, days = fit_network(case), case.horizon_days
    started = process_time()
    told = day_effects(model, rows, days)
    spent = process_time() - started
    for name in ("added", "against_usual"):
        back = pl.col(name).len() - 1 - pl.col(name).abs().arg_max()
        named = told.days.group_by("customer_id").agg(back=back)["back"]
        share = float((named <= 1).mean())
        yield at_least(f"downgrade: one of the two orders named first by `{name}`", share, 0.95)
    added = told.days.group_by("customer_id", maintain_order=True).agg(pl.col("added").sum())
    total = told.base + told.rest + added["added"].to_numpy()
    silent = model.silent(rows, days)
    off = np.abs(total - log_odds(silent)) / np.abs(log_odds(silent) - told.base)
    yield at_most("downgrade: median error of the sum of the parts", float(np.median(off)), 0.02)
    yield Figure("downgrade: CPU milliseconds a customer", 1e3 * spent / rows.height)


def retail(_: Path) -> Iterator[Figure]:
    """Online Retail II, 90 days: what order is worth where nobody planted it."""
    for case in retail_cases(horizon_days=90, days=list(_RETAIL_DAYS)):
        auc = _RETAIL_DAYS[str(date_of(case.now))]
        yield from _of_pool(case, auc=auc)


def retail_money(_: Path) -> Iterator[Figure]:
    """Online Retail II, 180 days of revenue."""
    for case in retail_cases(horizon_days=180, days=list(_MONEY_DAYS)):
        mean_goal, median_goal = _MONEY_DAYS[str(date_of(case.now))]
        _, truth = observe(case.study, "value", case.data, case.now)
        frame, model = with_days(case), fit_pool(case, "value").model
        assert not isinstance(model, ChurnModel)
        mean = model.predict(frame)
        bounds = model.intervals_of(frame, mean)
        assert bounds is not None
        median = bounds.median
        level = truth.sum() / mean.sum()
        name = f"{case.name} from {date_of(case.now)}, pool"
        yield at_most(f"{name}: WAPE of the mean at the total", metrics.wape(truth, mean * level),
                      mean_goal)  # fmt: skip
        yield Figure(f"{name}: predicted / realised total", float(1 / level))
        yield at_most(f"{name}: WAPE of the median", metrics.wape(truth, median), median_goal)


def simulated(_: Path) -> Iterator[Figure]:
    """Shops whose order carries nothing by construction."""
    for n_customers, days in ((3_000, ["2023-12-15", "2024-03-15"]), (20_000, ["2024-03-15"])):
        for case in shop_cases(n_customers, days):
            yield from _of_pool(case, most=0.001)


def cdnow(_: Path) -> Iterator[Figure]:
    """No window of 39 weeks has ended: the laws' own ground."""
    case = cdnow_case()
    same = bool(np.array_equal(pool(case), product(case)))
    yield Figure("CDNOW, 39 weeks: the pool says what it says without", float(same), "1", same)


def grocery(folder: Path) -> Iterator[Figure]:
    """26 weeks after 52."""
    case = grocery_case(folder)
    alone = network(case)
    yield at_most(f"{case.name}: Brier of the network", metrics.brier(case.silent, alone), 0.101)
    yield at_most(f"{case.name}: its ECE", metrics.ece(case.silent, alone), 0.040)
    yield from _of_pool(case)


def bank(folder: Path) -> Iterator[Figure]:
    """Other businesses: those that the rules were chosen on, and the others."""
    for chosen in (True, False):
        for case in bank_cases(folder, chosen=chosen):
            yield from _of_pool(case, most=0.001)


def lag_features(folder: Path) -> Iterator[Figure]:
    """The last four gaps and baskets as features of the product."""
    for case in _cases_of_cheaper_ideas(folder):
        yield _difference(case, "with lags - without", with_lags(product)(case), product(case))


def hazards_of_person_periods(folder: Path) -> Iterator[Figure]:
    """LightGBM on person-periods as half of the pool, at the product's level."""
    for case in _cases_of_cheaper_ideas(folder):
        without = product(case)
        periods = person_periods(case)
        yield _difference(case, "person-periods alone - product", periods, without)
        yield _difference(case, "half person-periods - product", halves(without, periods), without)


def hazards(_: Path) -> Iterator[Figure]:
    """Online Retail II: purchases predicted over those that came, in each bin of time, of the rows
    that were trained on.
    """
    (case,) = retail_cases(horizon_days=90, days=["2011-03-01"])
    model, now, first_day = fit_network(case), case.now, case.data.first_day
    activity = case.activity.filter(pl.col("day") < now)
    histories = Histories.of_activity(activity, now=now, minor_digits=model.minor_digits)
    log = TrainingLog(histories, first_day, now, model.eligible_days)
    names = activity.filter(pl.col("n_orders") > 0)["customer_id"].unique().sort()
    predicted, came = np.zeros(len(EDGES)), np.zeros(len(EDGES))
    for cutoff in range(first_day + 30, now - EDGES[0], 30):
        at = np.full(len(names), cutoff)
        known = np.flatnonzero(log.is_eligible(np.arange(len(names)), at))
        rows = pl.DataFrame({"customer_id": names[known.tolist()], "cutoff_day": at[known]})
        purchases, counts = log.bins(known, at[known])
        predicted += (model.hazards(add_recent_days(rows, activity)) * counts).sum(axis=0)
        came += (purchases * counts).sum(axis=0)
    reached = np.array(EDGES) <= 230
    level = (predicted / came)[reached]
    yield at_least("Online Retail II: hazards predicted / observed, least", float(level.min()), 0.9)
    yield at_most("Online Retail II: the same, most", float(level.max()), 1.1)


def _cases_of_cheaper_ideas(folder: Path) -> Iterator[Case]:
    yield from retail_cases(horizon_days=90, days=list(_RETAIL_DAYS), dense=True)
    for chosen in (True, False):
        yield from bank_cases(folder, chosen=chosen, dense=True)


def _told(case: Case, said: Mapping[str, Vector]) -> Iterator[Figure]:
    assert case.truth is not None
    for member, chance in {"exact chances": case.truth, **said}.items():
        silent = case.silent
        level = float(chance.mean() / silent.mean())
        name = f"{case.name} ({len(silent):,}): {member}, level {level:.3f}"
        yield Figure(f"{name}, AUC", metrics.roc_auc(silent, chance))
        yield Figure(f"{name}, Brier", metrics.brier(silent, chance))


def _share_of(case: Case, said: Mapping[str, Vector]) -> dict[str, float]:
    assert case.truth is not None
    brier = {name: metrics.brier(case.silent, each) for name, each in said.items()}
    gap = brier["trees"] - metrics.brier(case.silent, case.truth)
    return {name: (brier["trees"] - each) / gap for name, each in brier.items()}


def _shares(case: Case, said: Mapping[str, Vector]) -> Iterator[Figure]:
    for member, share in _share_of(case, said).items():
        if member != "trees":
            yield Figure(f"{case.name}: share of {member}", share)


def _of_pool(case: Case, *, auc: float | None = None, most: float = _NOISE) -> Iterator[Figure]:
    """The pool with a network, and what it changes."""
    fitted = fit_pool(case, "churn").model
    assert isinstance(fitted, ChurnModel)
    weight = 0.0 if fitted.sequence is None else fitted.sequence.weight
    said, without = fitted.predict(with_days(case)), product(case)
    name = f"{case.name} from {date_of(case.now)} ({len(said):,}), weight {weight:.2f}"
    found = metrics.roc_auc(case.silent, said)
    yield (
        Figure(f"{name}, pool, AUC", found)
        if auc is None
        else at_least(f"{name}, pool, AUC", found, auc)
    )
    yield _difference(case, f"weight {weight:.2f}: pool - product", said, without, most)


def _difference(
    case: Case,
    what: str,
    one: Vector,
    other: Vector,
    goal: float | None = None,
    metric: Metric = metrics.brier,
) -> Figure:
    """The difference of two members; held against the goal by its upper end."""
    found = paired_interval(metric, case.silent, one, other, seed=7, draws=300)
    name = (
        f"{case.name} from {date_of(case.now)}, {what}, Brier [{found.low:.4f}, {found.high:.4f}]"
    )
    if goal is None:
        return Figure(name, found.value)
    return Figure(f"{name}, upper end", found.high, f"<= {goal:g}", found.high <= goal)


SECTIONS: dict[str, Section] = {
    "business-a": downgrade,
    "business-b": refill,
    "business-c": long_memory,
    "explanations": explanations,
    "online-retail": retail,
    "online-retail-money": retail_money,
    "simulated": simulated,
    "cdnow": cdnow,
    "grocery": grocery,
    "bank": bank,
    "lags": lag_features,
    "person-periods": hazards_of_person_periods,
    "hazards": hazards,
    "cost": cost,
    "products": products,
}
"""Name -> figures, given the folder of the data sets; in the order in which they are printed."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print a list of {name, value, goal, holds}"
    )
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    asked = parser.parse_args()
    folder = require_data()
    show([figure for name in asked.only for figure in SECTIONS[name](folder)], as_json=asked.json)


if __name__ == "__main__":
    main()
