"""Experiments: whether intervals hold what they promise, whether the power said is the power had,
and what looking ten times does.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from bench import _science_logs
from bench._figures import Figure, at_least, at_most
from holdfast.arrays import Vector
from holdfast.campaigns.experiments.assignment import assign, check_ratio, draw_lots
from holdfast.campaigns.experiments.effects import METHODS, arm_of, compare, method_for
from holdfast.campaigns.experiments.looks import look_bounds
from holdfast.campaigns.experiments.power import Design, Past, audit
from holdfast.errors import DataError
from holdfast.windows import day_of

_CAMPAIGNS, _DRAWS, _POWER_DRAWS = 600, 1_000, 16_000
_BUYERS, _MORE = 0.08, 0.2
_ARMS = {"equal arms, 2,000 : 2,000": (2_000, 2_000), "10 % hold-out, 3,600 : 400": (3_600, 400)}
_GOLDEN = np.array([4.333, 2.963, 2.359, 2.014])


@dataclass(frozen=True)
class _Law:
    """Of one order's money: how it is drawn, and its mean."""

    draw: Callable[[np.random.Generator, int], Vector]
    mean: float


_LAWS = {
    "log-sd 1.2": _Law(lambda rng, n: rng.lognormal(3, 1.2, n), float(np.exp(3 + 1.2**2 / 2))),
    "log-sd 1.6": _Law(lambda rng, n: rng.lognormal(3, 1.6, n), float(np.exp(3 + 1.6**2 / 2))),
    "Pareto 1.8": _Law(lambda rng, n: 20 * (1 + rng.pareto(1.8, n)), 20 * 1.8 / 0.8),
    "Pareto 2.5": _Law(lambda rng, n: 20 * (1 + rng.pareto(2.5, n)), 20 * 2.5 / 1.5),
}


@dataclass(frozen=True)
class _Kept:
    """What intervals kept of their promise."""

    coverage: float
    overclaims: float


def judge(intervals: list[tuple[float, float]], truth: float) -> _Kept:
    """Coverage of the truth, and the share wholly above it."""
    low, high = np.array(intervals).T
    return _Kept(float(((low <= truth) & (truth <= high)).mean()), float((low > truth).mean()))


def heavy_tails(_: Path) -> Iterator[Figure]:
    """8 % buy, more where more is predicted; the campaign makes a fifth more of them buy."""
    for arms, sizes in _ARMS.items():
        ours, welch = [], []
        for number, law in enumerate(_LAWS.values()):
            kept = _simulate_campaigns(law, sizes, seed=number)
            ours.append(kept[method_for(*sizes)])
            welch.append(kept["difference"])
        unequal = sizes[0] != sizes[1]
        least, most = min(k.coverage for k in ours), max(k.coverage for k in ours)
        yield at_least(f"{arms}: coverage of 95 %, least of 4 laws", 100 * least, 93)
        yield (
            Figure(f"{arms}: coverage, most of 4 laws", 100 * most)
            if unequal
            else at_most(f"{arms}: coverage, most of 4 laws", 100 * most, 97)
        )
        over = 100 * max(k.overclaims for k in ours)
        name = f"{arms}: overclaims, %, most of 4 laws"
        yield at_most(name, over, 3.5) if unequal else Figure(name, over)
        yield Figure(f"{arms}: Welch covers, least", 100 * min(k.coverage for k in welch))
        yield Figure(f"{arms}: Welch overclaims, %, most", 100 * max(k.overclaims for k in welch))


def _simulate_campaigns(law: _Law, sizes: tuple[int, int], *, seed: int) -> dict[str, _Kept]:
    rng = np.random.default_rng([11, seed])
    kept: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for _ in range(_CAMPAIGNS):
        arms = []
        for n, factor in zip(sizes, (1 + _MORE, 1.0), strict=True):
            # Mean 8 %, at most 2/3, so that a fifth more is still a chance.
            chance = rng.beta(0.8, 9.2, n).clip(0, 0.8)
            bought = rng.random(n) < factor * chance
            arms.append(arm_of(bought * law.draw(rng, n), chance * law.mean))
        for name, how in METHODS.items():
            low, high = compare(*arms, **how).interval()
            kept[name].append((float(low), float(high)))
    truth = _MORE * _BUYERS * law.mean
    return {name: judge(each, truth) for name, each in kept.items()}


def real_logs(folder: Path) -> Iterator[Figure]:
    """Online Retail II and CDNOW, re-randomised; everyone contacted spends a tenth more. The
    prediction is what they spent in the window before, the plainest there is.
    """
    retail = _science_logs.retail(folder)
    logs = {
        "Online Retail II": (retail, date(2011, 6, 9), 183),
        "Online Retail II, 2010": (retail, date(2010, 9, 1), 91),
        "CDNOW": (_science_logs.cdnow(folder, sample=False), date(1997, 10, 1), 273),
    }
    for name, (rows, cut, days) in logs.items():
        past = _window(rows, day_of(cut), days)
        r2 = float(np.corrcoef(past.outcome, past.predicted)[0, 1] ** 2)
        yield Figure(f"{name}: customers (R2 of the past {r2:.2f})", len(past.outcome))
        for share in (0.1, 0.5):
            yield from _of_real(name, past, share)


def _of_real(name: str, past: Past, share: float) -> Iterator[Figure]:
    sizes = (round(len(past.outcome) * (1 - share)), round(len(past.outcome) * share))
    design = Design(effect=0.1, size=len(past.outcome), holdout_share=share)
    table = audit(past, design, draws=_DRAWS)
    of = {row["method"]: row for row in table.iter_rows(named=True)}
    ours, welch = of[method_for(*sizes)], of["difference"]
    label = f"{name}, {share:.0%} held out"
    width, goal = ours["width"] / welch["width"], "retail" in name.lower() and share == 0.1
    chosen = table.filter("chosen")["method"][0]
    yield at_least(
        f"{label}: coverage of 95 % (audit chooses: {chosen})", 100 * ours["coverage"], 93
    )
    yield at_most(f"{label}: overclaims, %", 100 * ours["overclaims"], 3.5)
    yield (at_most(f"{label}: width over Welch's", width, 0.8) if goal else
           Figure(f"{label}: width over Welch's", width))  # fmt: skip
    yield Figure(f"{label}: Welch covers", 100 * welch["coverage"])
    yield Figure(f"{label}: Welch overclaims, %", 100 * welch["overclaims"])


def _window(rows: pl.DataFrame, cut: int, days: int) -> Past:
    """Everyone with an order before the cut: spending after it, and as long before it."""
    spent = pl.col("amount")
    table = (
        rows.filter(pl.col("day") < cut + days)
        .group_by("customer_id")
        .agg(
            first=pl.col("day").min(),
            before=spent.filter(pl.col("day").is_between(cut - days, cut - 1)).sum(),
            after=spent.filter(pl.col("day") >= cut).sum(),
        )
        .filter(pl.col("first") < cut)
        .sort("customer_id")
    )
    return Past(table["after"].to_numpy(), table["before"].to_numpy())


def power(_: Path) -> Iterator[Figure]:
    """The power that is said, against experiments on the same customers read out one by one."""
    rng = np.random.default_rng(21)
    for log_sd in (1.0, 1.6):
        n = 6_000
        chance = rng.beta(0.8, 4.2, n)
        bought = rng.random(n) < chance
        money = bought * rng.lognormal(3, log_sd, n)
        kinds = {"rate": (bought.astype(float), 2.0, 0.12), "revenue": (money, 3.0, 0.25)}
        for kind, (outcome, goal, effect) in kinds.items():
            for share in (0.5, 0.1):
                design = Design(effect=effect, size=4_000, holdout_share=share)
                off, promised = _power_off(Past(outcome, chance), design)
                name = f"{kind}, log-sd {log_sd:g}, {share:.0%} held out"
                yield at_most(f"power of {name} ({promised:.1f} %): off by, points", off, goal)


def _power_off(past: Past, design: Design) -> tuple[float, float]:
    n_held = design.size - design.n_contacted
    method = method_for(design.n_contacted, n_held)
    table = audit(past, design, draws=_POWER_DRAWS)
    promised = 100 * float(table.filter(method=method)["power"][0])
    rng, hits = np.random.default_rng(31), 0
    rate = float(past.outcome.mean())
    for _ in range(_POWER_DRAWS):
        order = rng.permutation(len(past.outcome))[: design.size]
        treated, held = order[: design.n_contacted], order[design.n_contacted :]
        y = past.outcome[treated]
        if past.is_rate:
            y = y + (y == 0) * (rng.random(len(y)) < design.effect * rate / (1 - rate))
        else:
            y = y * (1 + design.effect)
        arms = arm_of(y, past.predicted[treated]), arm_of(past.outcome[held], past.predicted[held])
        hits += bool(compare(*arms, **METHODS[method]).interval()[0] > 0)
    return abs(promised - 100 * hits / _POWER_DRAWS), promised


def looks(_: Path) -> Iterator[Figure]:
    """Ten looks at a test that finds its effect in 80 % of cases if looked at once."""
    off = float(np.abs(look_bounds([0.25, 0.5, 0.75, 1]) - _GOLDEN).max())
    yield at_most("bounds of four looks: off the published ones by", off, 0.005)
    time_of = np.arange(1, 11) / 10
    bounds = look_bounds(time_of.tolist())
    steps = np.random.default_rng(41).standard_normal((100_000, 10)) * np.sqrt(0.1)
    z = np.cumsum(steps, axis=1) / np.sqrt(time_of)
    alarms = np.abs(z) > bounds
    yield at_most("10 looks: false alarms, %", 100 * float(alarms.any(axis=1).mean()), 5.5)
    yield Figure("10 looks at 1.96: false alarms, %", 100 * float((abs(z) > 1.96).any(1).mean()))
    moved = z + 2.802 * np.sqrt(time_of)
    hit = moved > bounds
    once = 100 * float((moved[:, -1] > 1.96).mean())
    ten = 100 * float(hit.any(axis=1).mean())
    yield Figure("power looked at once, %", once)
    yield at_most("power lost by ten looks, points", once - ten, 3.0)
    stop = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 10) / 10
    yield Figure("share of the sample at the stop, mean", float(stop.mean()))


def lots(folder: Path) -> Iterator[Figure]:
    """A million lots, the sizes of arms drawn by them, and households."""
    names = [f"c{number:07d}" for number in range(1_000_000)]
    start = time.process_time()
    drawn = draw_lots(names, salt="bench")
    yield Figure("1 M lots: CPU s", time.process_time() - start)
    steps = np.abs(np.sort(drawn) - (np.arange(len(drawn)) + 0.5) / len(drawn)).max()
    yield at_most("1 M lots: distance from uniform, of the 1 in 1,000 limit",
                  float(steps * np.sqrt(len(drawn)) / 1.95), 1.0)  # fmt: skip
    alarms = 0
    for number in range(500):
        arms = assign(names[:2_000], salt=f"campaign {number}", shares={"a": 0.9, "b": 0.1})
        sizes = {arm: int((arms == arm).sum()) for arm in ("a", "b")}
        try:
            check_ratio(sizes, {"a": 0.9, "b": 0.1}, of="assigned")
        except DataError:
            alarms += 1
    yield at_most("500 fair lotteries: alarms over the arms' sizes", alarms, 3)
    yield from _households(folder)


def _households(folder: Path) -> Iterator[Figure]:
    """Mailings by household; the prediction is the number of earlier elections voted in."""
    rows = pl.read_csv(folder / "gerber_green_2008.csv.gz", infer_schema_length=None)
    earlier = ("g2000", "g2002", "p2000", "p2002", "p2004")
    yes = pl.col("voted", *earlier).str.to_lowercase() == "yes"
    rows = rows.with_columns(yes.cast(pl.Float64)).with_columns(
        predicted=pl.sum_horizontal(earlier), home=pl.col("hh_id").rank("dense").cast(pl.Int64)
    )
    pair = [
        [rows.filter(pl.col("treatment").str.strip_chars() == arm)[name].to_numpy()
         for name in ("voted", "predicted", "home")]
        for arm in ("Neighbors", "Control")
    ]  # fmt: skip
    means = np.array([arm[0].mean() for arm in pair])
    off = float(np.abs(means - [0.377948, 0.296638]).max())
    yield at_most("Gerber-Green: turnout off the published means by", off, 5e-7)
    plain = compare(*(arm_of(*each) for each in pair), adjusted=False)
    adjusted = compare(*(arm_of(*each) for each in pair))
    alone = compare(*(arm_of(y, x) for y, x, _ in pair))
    off = 100 * abs(float(adjusted.standard_error) / 0.00322 - 1)
    yield at_most("Gerber-Green: standard error by household off .00322 by, %", off, 2)
    yield Figure("Gerber-Green: the same without the prediction", float(plain.standard_error))
    yield Figure("Gerber-Green: as if voters were alone", float(alone.standard_error))


PARTS = (
    ("readout, heavy tails", heavy_tails),
    ("readout, real logs", real_logs),
    ("power", power),
    ("looks", looks),
    ("lots", lots),
)
"""Name and figures, given the folder of the data sets."""
