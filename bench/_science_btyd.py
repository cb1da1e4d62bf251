"""The shared probability models: published digits, and the fit beside the package `lifetimes` where
it is installed.
"""

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from bench._science_logs import cdnow, grocery
from holdfast.arrays import Vector
from holdfast.btyd import BGNBD, MBGNBD, BuyTillYouDie, GammaGamma, MBGCNBDk, ParetoNBD
from holdfast.windows import parse_day

CALIBRATION_END = parse_day("1997-10-01")
PUBLISHED: dict[str, tuple[BuyTillYouDie, float, dict[str, float]]] = {
    "BG/NBD": (BGNBD(), -9582.429, {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}),
    "MBG/NBD": (MBGNBD(), -9582.136, {"r": 0.5248, "alpha": 6.1831, "a": 0.8914, "b": 1.6140}),
    "Pareto/NBD": (
        ParetoNBD(),
        -9594.976,
        {"r": 0.5533, "alpha": 10.5777, "s": 0.6062, "beta": 11.6687},
    ),
}
"""Name -> model, log-likelihood and parameters on the CDNOW sample, weeks 1 to 39."""
REPEATS = 5
MILLION = 1_000_000

Columns = tuple[Vector, Vector, Vector]


def weekly(days: pl.DataFrame) -> tuple[Columns, Vector]:
    """Frequency, recency, T in weeks at the end of week 39, and the mean value of repeat
    purchases.
    """
    seen = days.filter(pl.col("day") < CALIBRATION_END).sort("customer_id", "day")
    first, last = pl.col("day").min(), pl.col("day").max()
    found = seen.group_by("customer_id", maintain_order=True).agg(
        frequency=(pl.len() - 1).cast(pl.Float64),
        recency=(last - first) / 7,
        T=(CALIBRATION_END - 1 - first) / 7,
        value=pl.col("amount").slice(1).mean().fill_null(0.0),
    )
    return tuple(found[name].to_numpy() for name in ("frequency", "recency", "T")), found[
        "value"
    ].to_numpy()


def published(folder: Path) -> Iterator[Figure]:
    """Parameters that differ from the printed digits, of all that are printed."""
    histories, value = weekly(cdnow(folder, sample=True))
    for name, (model, log_likelihood, parameters) in PUBLISHED.items():
        model.fit(*histories)
        differ = sum(
            round(model.parameters_[key], 4) != printed for key, printed in parameters.items()
        )
        yield Figure(
            f"CDNOW sample, {name}: parameters unlike the printed", differ, "0", differ == 0
        )
        same = round(model.log_likelihood_, 3) == log_likelihood
        yield Figure(
            f"CDNOW sample, {name}: log-likelihood",
            model.log_likelihood_,
            f"{log_likelihood}",
            same,
        )
    spending = GammaGamma().fit(histories[0][histories[0] > 0], value[histories[0] > 0])
    same = round(spending.log_likelihood_, 3) == -4055.918
    yield Figure(
        "CDNOW sample, Gamma-Gamma: log-likelihood", spending.log_likelihood_, "-4055.918", same
    )
    customer = (26, 216 / 7, 31)
    pareto = ParetoNBD.from_parameters(
        r=0.55337103, alpha=10.57951963, s=0.60590738, beta=11.65811618
    )
    said = float(pareto.expected_purchases(*customer, end=52)[0])
    yield Figure("one customer, Pareto/NBD, 52 weeks", said, "25.45647", round(said, 5) == 25.45647)
    geometric = BGNBD.from_parameters(r=0.24259672, alpha=4.41365893, a=0.79298687, b=2.42616428)
    said = float(geometric.expected_purchases(*customer, end=52)[0])
    yield Figure("one customer, BG/NBD, 52 weeks", said, "25.75659", round(said, 5) == 25.75659)


def regular_rhythm(folder: Path) -> Iterator[Figure]:
    """The grocer's 2007 from its 2006, as in the vignette of BTYDplus: what knowing each customer's
    rhythm is worth.
    """
    days = grocery(folder).sort("customer_id", "day")
    end, weeks = parse_day("2007-01-01"), 52
    day = pl.col("day")
    seen = days.filter(day < end).with_columns(gap=day.diff().over("customer_id") / 7)
    known = seen.group_by("customer_id", maintain_order=True).agg(
        frequency=(pl.len() - 1).cast(pl.Float64),
        recency=(day.max() - day.min()) / 7,
        T=(end - 1 - day.min()) / 7,
        gaps=pl.col("gap").drop_nulls().log().sum(),
    )
    later = days.filter(day >= end, day < end + 7 * weeks).group_by("customer_id").len("made")
    made = (
        known.join(later, on="customer_id", how="left", maintain_order="left")["made"]
        .fill_null(0)
        .to_numpy()
    )
    histories = tuple(known[name].to_numpy() for name in ("frequency", "recency", "T"))
    gaps = {"sum_log_gaps": known["gaps"].to_numpy()}
    regular, pareto = MBGCNBDk().fit(*histories, **gaps), ParetoNBD().fit(*histories)
    for name, model in (("MBG/CNBD-k", regular), ("Pareto/NBD", pareto)):
        yield Figure(f"grocery, {name}: log-likelihood", model.log_likelihood_)
    off = {
        name: float(np.abs(told - made).sum() / made.sum())
        for name, told in (
            ("MBG/CNBD-k", regular.expected_purchases(*histories, end=weeks)),
            ("Pareto/NBD", pareto.expected_purchases(*histories, end=weeks)),
        )
    }
    for name, printed in (("MBG/CNBD-k", 0.644), ("Pareto/NBD", 0.688)):
        title = (
            f"grocery, {name}: error of 52 weeks over what was bought (BTYDplus prints {printed})"
        )
        yield at_most(title, off[name], printed)


def speed(folder: Path) -> Iterator[Figure]:
    """Fit of the BG/NBD on all of CDNOW and on a million customers; processor seconds, the best of
    five.
    """
    histories, _ = weekly(cdnow(folder, sample=False))
    ours, seconds = _best(lambda: BGNBD().fit(*histories))
    yield Figure("CDNOW master, BG/NBD: log-likelihood", ours.log_likelihood_)
    yield Figure("CDNOW master, BG/NBD: seconds to fit", seconds)
    yield from _beside_lifetimes(histories, ours, seconds)
    for name, columns in (
        ("whole days of two years", _million(seed=1)),
        ("no two alike", _million(seed=1, whole=0)),
    ):
        start = time.process_time()
        fitted = BGNBD().fit(*columns)
        yield at_most(
            f"a million customers, {name}: seconds to fit BG/NBD", time.process_time() - start, 10
        )
        yield Figure(f"a million customers, {name}: r, made with 0.25", fitted.parameters_["r"])


def _beside_lifetimes(histories: Columns, ours: BGNBD, seconds: float) -> Iterator[Figure]:
    if find_spec("lifetimes") is None:
        yield Figure("lifetimes is installed (0: no, so not compared)", 0)
        return
    from lifetimes import BetaGeoFitter

    other, theirs = _best(lambda: BetaGeoFitter(penalizer_coef=0.0).fit(*histories))
    parameters = {name: float(other.params_[name]) for name in ("r", "alpha", "a", "b")}
    reached = _log_likelihood(BGNBD.from_parameters(**parameters), histories)
    yield Figure("CDNOW master, lifetimes: log-likelihood", reached)
    yield Figure("CDNOW master, lifetimes: seconds to fit", theirs)
    yield at_least(
        "CDNOW master: our log-likelihood above that of lifetimes",
        ours.log_likelihood_ - reached,
        -1e-3,
    )
    yield at_least("CDNOW master: lifetimes' seconds over ours", theirs / seconds, 3)


def _best(fit: Callable[[], BGNBD]) -> tuple[BGNBD, float]:
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        model = fit()
        taken.append(time.process_time() - start)
    return model, min(taken)


def _log_likelihood(model: BGNBD, histories: Columns) -> float:
    """Eq. 6 of Fader, Hardie & Lee 2005, written once more: an oracle that shares no code with the
    model.
    """
    from scipy.special import betaln, gammaln

    r, alpha, a, b = model.parameters_.values()
    x, recency, T = histories
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    gone = (
        betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + recency)
    )
    either = np.where(x > 0, np.logaddexp(alive, gone), alive)
    return float((gammaln(r + x) - gammaln(r) + r * np.log(alpha) + either).sum())


def _million(*, seed: int, whole: int = 1) -> Columns:
    """Customers of a BG/NBD, watched for up to two years; in whole days, or at moments of which no
    two are the same.
    """
    rng = np.random.default_rng(seed)
    T = rng.uniform(1, 730, MILLION)
    rate, leave = rng.gamma(0.25, 1 / 30, MILLION), rng.beta(0.8, 2.5, MILLION)
    last, frequency, there = np.zeros(MILLION), np.zeros(MILLION), np.arange(MILLION)
    while len(there):
        bought = last[there] + rng.exponential(1.0, len(there)) / rate[there]
        there, bought = there[bought < T[there]], bought[bought < T[there]]
        last[there], frequency[there] = bought, frequency[there] + 1
        there = there[rng.random(len(there)) >= leave[there]]
    if not whole:
        return frequency, last, T
    return frequency, np.where(frequency > 0, np.floor(last) + 1, 0.0), np.floor(T) + 1


SECTIONS = {"published": published, "regular-rhythm": regular_rhythm, "speed": speed}
