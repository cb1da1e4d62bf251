"""Predictions on businesses that the models were not designed with, beside simple rivals.

Every log is cut off after a day; Holdfast and the rivals see what came before, and what came after
is looked up apart from Holdfast. "certainly" is a 95 % bootstrap interval over customers, paired,
300 draws; the best rival is the best in hindsight. The deviance is Tweedie's at power 1.5, of
predictions of at least 1 % of the mean: a mean that is too low cannot win it.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench import require_data
from bench._bank_logs import DESIGN, Cut, cuts, read_log
from bench._bank_rivals import Prediction, customers_at, outcome, predict_all
from bench._figures import Figure, at_least, at_most, show
from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.progress import Silence, Steps
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.study import Study
from holdfast.training.backtest import scratch_warehouse

_DRAWS = 300
_FLOOR = 0.01


@dataclass(frozen=True)
class Result:
    """One cutoff: what was promised, and what came.

    Attributes
    ----------
    buys, revenue
        What came, (n_customers,).
    holdfast, rivals
        Predictions of the same customers.
    low, high
        Bounds of the 80 % interval, currency, (n_customers,); NaN where none is given.
    total_low, total_high
        The same of the sum.
    ranges
        Metric -> between what the run expected it to come out.
    """

    cut: Cut
    buys: Vector
    revenue: Vector
    holdfast: Prediction
    rivals: Mapping[str, Prediction]
    low: Vector
    high: Vector
    total_low: float
    total_high: float
    ranges: Mapping[str, tuple[float, float]]


def study_of(path: Path, cut: Cut) -> Study:
    """The study that a newcomer writes, with the horizon asked for."""
    columns = {"customer_id": "customer_id", "occurred_at": "day", "amount": "amount"}
    return Study.from_dict(
        {
            "study": {"name": "bank"},
            "transactions": {"path": str(path), "last_day": cut.last_day, "columns": columns},
            "churn": {"horizon_days": cut.horizon_days, "eligible": "ever bought"},
            "value": {"horizon_days": cut.horizon_days},
        }
    )


def run_holdfast(rows: pl.DataFrame, cut: Cut) -> Outcome:
    """A whole run on the rows before the cut, as `holdfast run` does it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        seen = rows.filter(pl.col("day") < cut.now)
        seen.with_columns(pl.col("day").cast(pl.Date)).write_parquet(path)
        with scratch_warehouse() as warehouse:
            return train_and_score(study_of(path, cut), warehouse, Steps(Silence()))


def measure(rows: pl.DataFrame, cut: Cut) -> Result:
    """Predict at one cut, and look up what came."""
    customers = customers_at(rows.filter(pl.col("day") < cut.now), cut.now)
    run = run_holdfast(rows, cut)
    scores = customers.select("customer_id").join(
        run.tables["scores"], on="customer_id", how="left", maintain_order="left"
    )

    def column(name: str) -> Vector:
        return scores[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    bounds = run.summary["forecast"]["interval_80"][str(cut.horizon_days)]
    ranges = {
        metric: tuple(found)
        for task in ("churn", "value")
        for metric, found in (run.summary[task].get("expected") or {}).items()
    }
    buys, revenue = outcome(rows, customers, cut.now, cut.horizon_days)
    return Result(
        cut=cut,
        buys=buys,
        revenue=revenue,
        holdfast=Prediction(1 - column("churn_probability"), column("expected_revenue")),
        rivals=predict_all(rows, cut),
        low=column("revenue_low_80"),
        high=column("revenue_high_80"),
        total_low=bounds[0],
        total_high=bounds[1],
        ranges=ranges,
    )


Loss = Callable[[Vector, Vector], Vector]


def _squared(truth: Vector, predicted: Vector) -> Vector:
    return np.asarray((truth - predicted) ** 2)


def _log_loss(truth: Vector, predicted: Vector) -> Vector:
    p = np.clip(predicted, 1e-6, 1 - 1e-6)
    return np.asarray(-truth * np.log(p) - (1 - truth) * np.log1p(-p))


def _deviance(truth: Vector, predicted: Vector) -> Vector:
    """Of each customer, Tweedie's at power 1.5; returns beyond purchases count as nothing."""
    spent = np.maximum(truth, 0.0)
    mean = np.maximum(predicted, _FLOOR * max(float(predicted.mean()), 1e-9))
    return np.asarray(2 * (-2 * np.sqrt(spent) * 2 + 2 * spent / np.sqrt(mean) + 2 * np.sqrt(mean)))


@dataclass(frozen=True)
class Score:
    """A proper score, and what it judges."""

    name: str
    loss: Loss
    truth: Callable[[Result], Vector]
    predicted: Callable[[Prediction], Vector | None]


SCORES = (
    Score("Brier", _squared, lambda r: r.buys, lambda p: p.buys),
    Score("log loss", _log_loss, lambda r: r.buys, lambda p: p.buys),
    Score("deviance of money", _deviance, lambda r: r.revenue, lambda p: p.revenue),
)


def losses(score: Score, result: Result) -> tuple[Vector, dict[str, Vector]]:
    """Each customer's loss by Holdfast and by each rival."""
    truth = score.truth(result)
    ours = score.predicted(result.holdfast)
    assert ours is not None
    theirs = {name: score.predicted(rival) for name, rival in result.rivals.items()}
    return score.loss(truth, ours), {
        name: score.loss(truth, each) for name, each in theirs.items() if each is not None
    }


def verdict(ours: Vector, theirs: Vector) -> str:
    """ "better", "worse", or "tied" within the noise of the customers."""
    difference = ours - theirs
    draw = np.random.default_rng(7)
    n = len(difference)
    means = [float(difference[draw.integers(0, n, n)].mean()) for _ in range(_DRAWS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return "worse" if low > 0 else "better" if high < 0 else "tied"


def verdicts(score: Score, result: Result) -> dict[str, str]:
    """Against each rival, and "best": against the best of them in hindsight."""
    ours, rivals = losses(score, result)
    each = {name: verdict(ours, theirs) for name, theirs in rivals.items()}
    best = min(rivals, key=lambda name: float(rivals[name].mean()))
    return each | {"best": each[best]}


def error_floor(buys: Vector, *, draws: int = 50) -> float:
    """The calibration error of someone who knows every probability, for as many customers."""
    draw = np.random.default_rng(7)
    return float(
        np.mean(
            [metrics.ece((draw.random(len(buys)) < buys).astype(float), buys) for _ in range(draws)]
        )
    )


def top_decile(result: Result) -> float:
    """Promised over realised revenue of the tenth that is promised most."""
    promised = result.holdfast.revenue
    assert promised is not None
    top = np.argsort(-promised, kind="stable")[: max(1, len(promised) // 10)]
    came = float(result.revenue[top].sum())
    return float(promised[top].sum()) / came if came > 0 else float("inf")


@dataclass(frozen=True)
class Line:
    """The figures of one cutoff."""

    result: Result
    verdicts: Mapping[str, Mapping[str, str]]
    ratio: float
    holds: bool
    coverage: float
    decile: float
    error: float
    floor: float
    brier_over_best: float
    deviance_over_best: float

    @classmethod
    def of(cls, result: Result) -> "Line":
        """Score one cutoff."""
        buys, revenue = result.holdfast.buys, result.holdfast.revenue
        assert buys is not None
        assert revenue is not None
        came = float(result.revenue.sum())
        known = np.isfinite(result.low)
        inside = (result.revenue >= result.low) & (result.revenue <= result.high)
        return cls(
            result=result,
            verdicts={score.name: verdicts(score, result) for score in SCORES},
            ratio=float(revenue.sum()) / came,
            holds=result.total_low <= came <= result.total_high,
            coverage=float(inside[known].mean()) if known.any() else float("nan"),
            decile=top_decile(result),
            error=metrics.ece(result.buys, buys),
            floor=error_floor(buys),
            brier_over_best=_over_best(SCORES[0], result),
            deviance_over_best=_over_best(SCORES[2], result),
        )

    def text(self) -> str:
        """One line of the table."""
        width = (self.result.total_high - self.result.total_low) / self.result.revenue.sum()
        signs = {"better": "+", "tied": "=", "worse": "-"}
        against = " ".join(
            "".join(signs[each] for each in self.verdicts[score.name].values()) for score in SCORES
        )
        return (
            f"{self.result.cut!s:<36} {len(self.result.buys):>7,} {self.brier_over_best:>6.3f} "
            f"{self.deviance_over_best:>6.3f}  {against:<15} {self.ratio:>6.2f} {width:>6.2f} "
            f"{'yes' if self.holds else 'NO':>4} {self.coverage:>5.2f} {self.decile:>6.2f} "
            f"{self.error:>6.3f} {self.floor:>6.3f}"
        )


_HEADER = (
    f"{'log, last day, horizon':<36} {'n':>7} {'Brier':>6} {'dev.':>6}  {'verdicts':<15} "
    f"{'total':>6} {'width':>6} {'80 %':>4} {'cust.':>5} {'top':>6} {'ECE':>6} {'floor':>6}"
)


def _over_best(score: Score, result: Result) -> float:
    ours, rivals = losses(score, result)
    return float(ours.mean()) / min(float(each.mean()) for each in rivals.values())


def summary(lines: Sequence[Line], group: str) -> Iterator[Figure]:
    """What all cutoffs of a group come to."""
    n = len(lines)
    for score in SCORES:
        names = dict.fromkeys(name for line in lines for name in line.verdicts[score.name])
        for name in names:
            each = [line.verdicts[score.name].get(name) for line in lines]
            share = sum(one == "worse" for one in each) / n
            goal = 0.25 if name == "best" else 0.1
            against = "the best rival in hindsight" if name == "best" else name
            better = f"better at {sum(one == 'better' for one in each)} of {n}"
            yield at_most(
                f"{group}: {score.name}, certainly worse than {against} ({better})", share, goal
            )
    held = [line.holds for line in lines]
    off = [abs(line.ratio - 1) for line in lines]
    width = float(
        np.median(
            [
                (line.result.total_high - line.result.total_low) / line.result.revenue.sum()
                for line in lines
            ]
        )
    )
    share = float(np.mean(held))
    yield Figure(f"{group}: the total's 80 % interval holds", share, ".7-.9", 0.7 <= share <= 0.9)
    yield at_most(
        f"{group}: its median full width over the median error", width / float(np.median(off)), 4.5
    )
    yield at_most(f"{group}: median error of the total", float(np.median(off)), 0.25)
    logs = [abs(float(np.log(max(line.ratio, 1e-9)))) for line in lines]
    yield Figure(f"{group}: median |log(predicted / realised)|", float(np.median(logs)))
    deciles = [line.decile for line in lines]
    within = float(np.mean([0.6 <= decile <= 1.6 for decile in deciles]))
    yield at_least(f"{group}: top decile promised / realised within .6 to 1.6", within, 0.9)
    yield at_most(f"{group}: the most that a top decile was promised / realised", max(deciles), 3.0)
    calibrated = float(np.mean([line.error <= 0.03 + line.floor for line in lines]))
    yield at_least(f"{group}: calibration error at most .03 above its floor", calibrated, 0.8)
    covered = float(np.nanmean([line.coverage for line in lines]))
    yield Figure(
        f"{group}: customers' 80 % interval holds", covered, ".76-.9", 0.76 <= covered <= 0.9
    )
    yield from _honesty(lines, group)


def _honesty(lines: Sequence[Line], group: str) -> Iterator[Figure]:
    """The run's own evidence, held against what came."""
    came = {
        "roc_auc": lambda r: metrics.roc_auc(1 - r.buys, 1 - r.holdfast.buys),
        "brier": lambda r: metrics.brier(r.buys, r.holdfast.buys),
        "total_ratio": lambda r: metrics.total_ratio(r.revenue, r.holdfast.revenue),
    }
    for metric, figure in came.items():
        inside = [
            line.result.ranges[metric][0] <= figure(line.result) <= line.result.ranges[metric][1]
            for line in lines
            if metric in line.result.ranges
        ]
        if inside:
            name = f"{group}: {metric} within what the run expected ({len(inside)} cutoffs)"
            yield at_least(name, float(np.mean(inside)), 0.8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print a list of {name, value, goal, holds}"
    )
    parser.add_argument("--only", nargs="+", help="logs to measure")
    asked = parser.parse_args()
    folder = require_data(holding="bank")
    lines = []
    for cut in cuts(folder):
        if asked.only and cut.log not in asked.only:
            continue
        if not asked.json and not lines:
            print(_HEADER)
        lines.append(Line.of(measure(read_log(cut.log, folder), cut)))
        if not asked.json:
            print(lines[-1].text(), flush=True)
    groups = {
        "chosen on": [line for line in lines if line.result.cut.log in DESIGN],
        "shown on": [line for line in lines if line.result.cut.log not in DESIGN],
        "all": lines,
    }
    show(
        [figure for name, each in groups.items() if each for figure in summary(each, name)],
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()
