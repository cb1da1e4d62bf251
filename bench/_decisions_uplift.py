"""Whom to contact: rankings by effect on real trials, on a simulated shop whose true effects are
known, and where there is no effect at all.

Q is 1,000 times the area between the Qini curve per customer and a random order's; "normalised" is
scikit-uplift's. Folds: three by three, and everything is learnt and chosen in the training folds.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import polars as pl

from bench._decisions_trials import RULES, hillstrom, mailings
from bench._figures import Figure, at_least, at_most
from holdfast.arrays import Vector
from holdfast.campaigns.treatments import read_treatments
from holdfast.campaigns.uplift.learners import RISK, Candidates, Lesson, learners_for
from holdfast.campaigns.uplift.measure import add_rankings, examine_offers, measure_uplift
from holdfast.campaigns.uplift.ranking import (
    BLEND,
    Repeats,
    blend,
    cross_fit,
    cross_fit_repeatedly,
    recalibrate,
)
from holdfast.campaigns.uplift.trials import LogTrials, Watch, read_trials
from holdfast.campaigns.uplift.verdict import LEVEL, OfferVerdict
from holdfast.evaluation.aipw import aipw_scores, cross_fitted_means
from holdfast.evaluation.policy import mean_effect, normalised_qini
from holdfast.evaluation.trial import Trial
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.learners.tree_ensemble import train_lightgbm
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop

_SEED, _REPEATS = 42, 3
MENS, WOMENS = 1, 2
_ARM_MEANS = {"visit": (0.10617, 0.18276, 0.15140), "spend": (0.6528, 1.4226, 1.0772)}
_TURNOUT = (0.296638, 0.314538, 0.322375, 0.345151, 0.377948)
_HOUSEHOLD_SE = 0.00322
_SHOP, _SHOP_SEED = 60_000, 7
MARGIN, COST, BUDGETS = 0.4, 0.5, (0.1, 0.3)
_NULLS, _NULL_SIZE, _POWER_SIZE, _POWER_DRAWS = 400, 10_000, 12_000, 100


def _within(name: str, value: float, low: float, high: float) -> Figure:
    return Figure(name, value, f"{low:g} to {high:g}", low <= value <= high)


def _compare(pair: Trial) -> tuple[Repeats, OfferVerdict]:
    candidates = Candidates.of(pair, RULES)
    compared = cross_fit_repeatedly(pair, candidates.all, seed=_SEED, repeats=_REPEATS)
    (tested,) = examine_offers({pair.offers[0]: pair}, seed=_SEED)
    return compared, add_rankings(tested, compared, candidates.rules, seed=_SEED)


def _normalised(pair: Trial, compared: Repeats, name: str) -> float:
    """scikit-uplift's measure, mean over all folds."""
    figures = [
        normalised_qini(pair.outcome[rows], pair.treated[rows], part.scores[name][rows])
        for part in compared.parts
        for rows in (part.fold == k for k in np.unique(part.fold))
    ]
    return float(np.mean(figures))


def _ranking(what: str, pair: Trial, compared: Repeats, name: str) -> Iterator[Figure]:
    q = compared.qini(name)
    yield Figure(f"{what}: Q of '{name}' [{1e3 * q.low:.1f}, {1e3 * q.high:.1f}]", 1e3 * q.value)
    if pair.is_rate:
        yield Figure(f"{what}: normalised Qini of '{name}'", _normalised(pair, compared, name))


def _visits(pair: Trial, what: str, *, goal: float, normalised: float) -> Iterator[Figure]:
    start = process_time()
    compared, verdict = _compare(pair)
    took = process_time() - start
    for name in compared.names:
        if name != BLEND:
            yield from _ranking(what, pair, compared, name)
    q, against = compared.qini(BLEND), verdict.against_rule
    assert against is not None
    interval = f"[{1e3 * q.low:.1f}, {1e3 * q.high:.1f}]"
    yield at_least(f"{what}: Q of all as weighed in training {interval}", 1e3 * q.value, goal)
    yield at_least(f"{what}: its normalised Qini", _normalised(pair, compared, BLEND), normalised)
    ends = f"[{1e3 * against.low:.1f}, {1e3 * against.high:.1f}]"
    yield Figure(
        f"{what}: Q less that of the rule '{verdict.best_rule}' {ends}: {verdict.beside_rule}",
        1e3 * against.value,
    )
    slope = compared.slope(BLEND)
    assert slope is not None
    text = f"{what}: calibration slope of all as weighed in training"
    is_womens = what.startswith("women's")
    yield _within(text, slope.value, 0.8, 1.2) if is_womens else Figure(text, slope.value)
    yield Figure(f"{what}: CPU s for 3 x 3 folds, nested", took)
    named = float(RISK in verdict.harmful)
    yield (
        at_least(f"{what}: 'at risk' is named as harmful", named, 1.0)
        if not is_womens
        else Figure(f"{what}: rules named as harmful: {', '.join(verdict.harmful)}", named)
    )


def hillstrom_emails(folder: Path) -> Iterator[Figure]:
    """Arm means, rankings of visits, and the verdict on spend."""
    for outcome, published in _ARM_MEANS.items():
        trial, places = hillstrom(folder, outcome), 4 if outcome == "spend" else 5
        means = [round(float(trial.outcome[trial.offer == k].mean()), places) for k in range(3)]
        off = float(np.abs(np.subtract(means, published)).max())
        yield at_most(f"Hillstrom: largest error of an arm's mean {outcome}", off, 1e-9)
    visit = hillstrom(folder, "visit")
    yield from _fit_time(visit.against_control(WOMENS))
    womens, mens = visit.against_control(WOMENS), visit.against_control(MENS)
    yield from _visits(womens, "women's visit", goal=7.0, normalised=0.058)
    yield from _visits(mens, "men's visit", goal=1.8, normalised=0.0)
    start = process_time()
    spend = measure_uplift(hillstrom(folder, "spend"), rules=RULES, seed=_SEED, repeats=_REPEATS)
    for verdict in spend.verdicts:
        what = f"spend, {verdict.offer}"
        kept = float(verdict.word == "everyone or nobody")
        p = f"p of interactions {verdict.p_choice:.3f}"
        yield at_least(f"{what}: 'no evidence for choosing' ({p})", kept, 1.0)
        yield Figure(f"{what}: mean effect, SE {verdict.effect.se:.3f}", verdict.effect.value)
    yield Figure("spend: CPU s of the verdict", process_time() - start)


def _fit_time(pair: Trial) -> Iterator[Figure]:
    train = pair.take(pair.folds(3, seed=_SEED)[0].train)
    Lesson.prepare(train.take(np.arange(600)), seed=_SEED)  # imports LightGBM
    start = process_time()
    lesson = Lesson.prepare(train, seed=_SEED)
    for learner in learners_for(train).values():
        learner(lesson)
    took = process_time() - start
    yield at_most(f"all learners on {train.n:,} rows, CPU s (econml's DR alone: 0.7)", took, 1.4)


def voters(folder: Path) -> Iterator[Figure]:
    """Arm means, and the error of a difference by household."""
    trial = mailings(folder)
    means = np.array([trial.outcome[trial.offer == k].mean() for k in range(len(_TURNOUT))])
    off = float(np.abs(means.round(6) - _TURNOUT).max())
    yield at_most("Gerber-Green: largest error of an arm's turnout", off, 1e-9)
    pair = trial.against_control(4)
    plain = mean_effect(aipw_scores(pair, np.tile(means[[0, 4]], (pair.n, 1)))[:, 0], pair.cluster)
    yield Figure(f"Gerber-Green: neighbours less control (SE {plain.se:.5f})", plain.value)
    psi = aipw_scores(pair, cross_fitted_means(pair, seed=_SEED))[:, 0]
    adjusted = mean_effect(psi, pair.cluster)
    off = abs(adjusted.se / _HOUSEHOLD_SE - 1)
    yield at_most(f"Gerber-Green: SE by household, adjusted {adjusted.se:.5f}, error", off, 0.02)
    yield Figure("Gerber-Green: SE, adjusted, were voters independent", mean_effect(psi).se)


def simulated_trials(n: int, seed: int) -> tuple[LogTrials, pl.DataFrame]:
    """Past campaigns of a simulated shop, and today's customers with their true uplift."""
    with TemporaryDirectory() as place, Warehouse.temporary() as warehouse:
        made = simulate_to(Path(place) / "shop", Shop(n_customers=n, seed=seed))
        study = Study.from_toml(made.study)
        end_day = read_order_log(study, warehouse).end_day
        trials = read_trials(
            study, warehouse, read_treatments(warehouse), Watch(days=30), end_day=end_day
        )
        today = feature_tables.features(study, warehouse, [end_day])
        truth = pl.read_parquet(made.tables["truth"]).select("customer_id", "uplift")
        return trials, today.join(truth, on="customer_id", how="left", maintain_order="left")


def profits(score: Vector, uplift: Vector) -> list[float]:
    """Profit of contacting the share of customers that each budget pays for."""
    order = np.argsort(-score, kind="stable")
    net = (MARGIN * uplift - COST)[order]
    return [float(net[: int(share * len(net))].sum()) for share in BUDGETS]


def feature_oracle(trials: LogTrials, today: pl.DataFrame, uplift: Vector) -> Vector:
    """Trees fitted on the true uplift, cross-fitted: what features can tell of it."""
    matrix = trials.matrix(today)
    fold = np.random.default_rng(0).integers(0, 3, len(uplift))
    parameters = {"objective": "regression", "learning_rate": 0.05, "num_leaves": 31}
    oracle = np.empty(len(uplift))
    for k in range(3):
        rest = fold != k
        model = train_lightgbm(matrix[rest], uplift[rest], parameters, rounds=300, seed=0)
        oracle[~rest] = model.predict(matrix[~rest])
    return oracle


def simulator(folder: Path) -> Iterator[Figure]:
    """Profit of each ranking as a share of the feature oracle's, and how true its size is."""
    del folder
    trials, today = simulated_trials(_SHOP, _SHOP_SEED)
    uplift, trial = today["uplift"].to_numpy(), next(iter(trials.trials.values()))
    start = process_time()
    best = profits(uplift, uplift)
    oracle = profits(feature_oracle(trials, today, uplift), uplift)
    for share, ours, most in zip(BUDGETS, oracle, best, strict=True):
        yield Figure(f"shop: feature oracle over true oracle, budget {share:.0%}", ours / most)
    candidates = Candidates.of(trial, {})
    unseen, matrix = cross_fit(trial, candidates.all, seed=_SEED), trials.matrix(today)
    lesson = Lesson.prepare(trial, seed=_SEED)
    for name, learner in candidates.all.items():
        score = recalibrate(lesson, learner(lesson), unseen, name)
        yield from _shares(name, score.score(matrix, None), uplift, oracle)
        slope = _slope(score(matrix, None), uplift)
        yield Figure(f"shop: calibration slope of '{name}', recalibrated", slope)
    together = blend(lesson, candidates.all, unseen)
    effects = together(matrix, None)
    counts = ", ".join(f"{name} {weight:.2f}" for name, weight in together.weights.items())
    yield from _shares(BLEND, effects, uplift, oracle)
    slope = _slope(effects, uplift)
    yield _within(f"shop: calibration slope of all together ({counts})", slope, 0.8, 1.2)
    yield Figure("shop: CPU s of learning and choosing", process_time() - start)


def _slope(effects: Vector, uplift: Vector) -> float:
    """By how much the true effect differs where the predicted one differs by 1; 0 where all are
    predicted the same.
    """
    if np.ptp(effects) < 1e-9:
        return 0.0
    return float(np.cov(uplift, effects)[0, 1] / effects.var())


def _shares(name: str, score: Vector, uplift: Vector, oracle: list[float]) -> Iterator[Figure]:
    for share, ours, most in zip(BUDGETS, profits(score, uplift), oracle, strict=True):
        text = f"shop: '{name}' over the feature oracle, budget {share:.0%}"
        if name == BLEND:
            yield at_least(text, ours / most, 0.95)
        else:
            yield Figure(text, ours / most)


def null(folder: Path) -> Iterator[Figure]:
    """Campaigns without any effect, drawn from those who got no e-mail; and what is still found
    where there is one.
    """
    trial, rng = hillstrom(folder, "visit"), np.random.default_rng(_SEED)
    control, start = np.flatnonzero(trial.offer == 0), process_time()
    verdicts = [
        _tested(_placebo(trial, rng.choice(control, _NULL_SIZE, replace=False), rng))
        for _ in range(_NULLS)
    ]
    silent = np.mean([min(v.p_effect, v.p_choice) >= LEVEL for v in verdicts])
    yield at_least(f"{_NULLS} campaigns of no effect: 'no evidence', %", 100 * silent, 93.5)
    womens = trial.against_control(WOMENS)
    draws = [
        _tested(womens.take(rng.choice(womens.n, _POWER_SIZE, replace=False)))
        for _ in range(_POWER_DRAWS)
    ]
    seen = {
        "an effect": [v.p_effect < LEVEL for v in draws],
        "that customers differ": [v.p_choice < LEVEL for v in draws],
    }
    for what, each in seen.items():
        name = f"women's visit, {_POWER_SIZE:,} customers: finds {what}, %"
        yield at_least(name, 100 * float(np.mean(each)), 95.0)
    yield Figure("null and power: CPU s", process_time() - start)


def _tested(pair: Trial) -> OfferVerdict:
    return examine_offers({"offer": pair}, seed=_SEED)[0]


def _placebo(trial: Trial, rows: np.ndarray, rng: np.random.Generator) -> Trial:
    """Customers without an offer, half of whom are said to have had one."""
    return Trial(
        customer_ids=trial.customer_ids.gather(rows),
        features=trial.features[rows],
        names=trial.names,
        offer=rng.permutation(np.arange(len(rows)) % 2),
        offers=("nothing",),
        outcome=trial.outcome[rows],
        propensities=np.full((len(rows), 2), 0.5),
    )


PARTS: tuple[tuple[str, Callable[[Path], Iterator[Figure]]], ...] = (
    ("hillstrom", hillstrom_emails),
    ("gerber", voters),
    ("simulator", simulator),
    ("null", null),
)
