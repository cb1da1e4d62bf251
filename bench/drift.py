"""Drift: are changes of a shop named within a fortnight, are calm months calm, and is performance
foreseen before labels mature?

Ten simulated shops a half, of 24,000 customers ever, some without a season and some with a December
of two or four times the rest. Each has four calm months, looked at every week, and four changes,
looked at after one week and two: prices that rise, a channel that dries up, tracking that breaks, a
season that moves. The limits were chosen on the first half of the shops and are shown on both.
Performance is foreseen for the customers of test cutoffs, drawn anew so that some are commoner.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._drift_changes import CHANGES
from bench._figures import Figure, at_least, at_most, show
from holdfast import metrics
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.monitor.drift import compare, freeze, history_days
from holdfast.monitor.expected import expect_brier, expect_roc_auc
from holdfast.monitor.findings import strongest_of_each_fact
from holdfast.setup.simulate import TABLES, simulate_to
from holdfast.study import Study
from holdfast.study.monitor import Monitor
from holdfast.synthetic import Shop
from holdfast.training.backtest import backtest
from holdfast.windows import day_of

_SHOPS, _CUSTOMERS, _DAYS, _OLDER_DAYS = 10, 24_000, 1_170, 365
_MONTHS = (25, 28, 31, 34)
"""Months of 30 days after which a run stands."""
_WEEKS, _FORTNIGHT = (7, 14, 21, 28), (7, 14)
_DECEMBERS, _PURCHASES = (1.0, 2.0, 4.0, 2.0), (5.0, 7.0, 10.0)
_HALVES = {"shops that limits were chosen on": 0, "shops kept aside": 1_000}
_RIGHT = {
    "price rise": {"spend"},
    "channel gone": {"channel"},
    "tracking broken": {"engagement"},
    "season shift": {"silence", "rhythm"},
}
"""What a finding must name."""
CALM = "calm"


def examine(seed: int) -> pl.DataFrame:
    """DRIFT of a shop's calm months and of its changes, with month, kind, day (since the change)
    and `limit` of 1.
    """
    start = date(2021, 1 + seed % 12, 1)
    shop = Shop(
        n_customers=_CUSTOMERS, seed=seed, start=start, n_days=_DAYS, truncated_days=_OLDER_DAYS,
        december_factor=_DECEMBERS[seed % 4], purchases_per_year=_PURCHASES[seed % 3],
    )  # fmt: skip
    first = day_of(start)
    runs = [first + 30 * months for months in _MONTHS]
    history = {run: history_days(run, first_day=first + 90) for run in runs}
    with TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        simulate_to(folder, shop)
        wanted = {day for days in history.values() for day in days}
        calm = _features(folder, wanted | {run + day for run in runs for day in _WEEKS})
        references = {
            run: freeze(calm[run], [calm[day] for day in days if day in calm])
            for run, days in history.items()
        }
        seen = [
            _compared(references[run], calm[run + day], seed=seed, month=run, kind=CALM, day=day)
            for run in runs
            for day in _WEEKS
        ]
        seen += _examine_changes(folder, references, seed)
    return pl.concat(seen)


def _examine_changes(
    folder: Path, references: dict[int, pl.DataFrame], seed: int
) -> Iterator[pl.DataFrame]:
    tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    runs, generator = list(references), np.random.default_rng(seed)
    for number, (kind, change) in enumerate(CHANGES.items()):
        run = runs[(number + seed) % len(runs)]
        begins = run + int(generator.integers(0, 15))
        for name, table in change(tables, begins, seed).items():
            order = [n for n in ("customer_id", "occurred_at") if n in table.columns]
            table.sort(order).write_parquet(folder / f"{name}.parquet")
        changed = _features(folder, {begins + day for day in _FORTNIGHT})
        for day in _FORTNIGHT:
            facts = {"seed": seed, "month": run, "kind": kind, "day": day}
            yield _compared(references[run], changed[begins + day], **facts)


def _compared(reference: pl.DataFrame, frame: pl.DataFrame, **facts: int | str) -> pl.DataFrame:
    return compare(reference, frame, times=1).with_columns(
        pl.lit(v).alias(n) for n, v in facts.items()
    )


def _features(folder: Path, days: set[int]) -> dict[int, pl.DataFrame]:
    """Features by day."""
    with Warehouse.temporary() as warehouse:
        study = Study.from_toml(folder / "holdfast.toml")
        end_day = read_order_log(study, warehouse).end_day
        table = feature_tables.features(study, warehouse, [d for d in sorted(days) if d <= end_day])
    return {int(str(day)): rows for (day,), rows in table.group_by("cutoff_day")}


def count_alarms(seen: pl.DataFrame, *, times: float) -> tuple[dict[str, int], int, int]:
    """Changes that are named, by kind, calm months with any finding, and calm months."""
    drift = seen.with_columns(has_drifted=pl.col("times") > times)
    named = dict.fromkeys(CHANGES, 0)
    for (kind, _), rows in drift.filter(pl.col("kind") != CALM).group_by("kind", "seed"):
        found = {
            fact
            for (_,), looked in rows.group_by("day")
            for fact in strongest_of_each_fact(looked)["fact"].head(6)
        }
        named[str(kind)] += bool(found & _RIGHT[str(kind)])
    months = drift.filter(kind=CALM).group_by("seed", "month").agg(pl.col("has_drifted").any())
    return named, int(months["has_drifted"].sum()), months.height


def figures_of_drift(shops: int, halves: dict[str, int]) -> Iterator[Figure]:
    """Changes named and false alarms, half by half."""
    for half, first in halves.items():
        seen = pl.concat(examine(seed) for seed in range(first, first + shops))
        named, false, months = count_alarms(seen, times=Monitor().drift_times)
        changes = shops * len(CHANGES)
        for kind, count in named.items():
            yield Figure(f"{half}: {kind} named within 14 days, of {shops}", count)
        least = 0.9 * changes
        yield at_least(f"{half}: changes named, of {changes}", sum(named.values()), least)
        yield at_most(f"{half}: calm months with a finding, of {months}", false, 0.05 * months)


def figures_of_expectation(customers: int, seeds: Sequence[int]) -> Iterator[Figure]:
    """How far CBPE is from what came, where the kind of customers shifts and nothing else."""
    gaps: dict[str, list[float]] = {"ROC-AUC": [], "Brier": [], "churn rate": []}
    for seed in seeds:
        with TemporaryDirectory() as place:
            made = simulate_to(Path(place) / "shop", Shop(n_customers=customers, seed=seed))
            study = Study.from_toml(made.study)
            rows = backtest(study).predictions.drop_nulls(["churned", "churn_probability"])
            with Warehouse.temporary() as warehouse:
                read_order_log(study, warehouse)
                days = rows["cutoff_day"].unique().to_list()
                frame = feature_tables.features(study, warehouse, days)
        known = rows.join(frame, on=["customer_id", "cutoff_day"], maintain_order="left")
        for (_,), cutoff in known.group_by("cutoff_day"):
            for shifted in _shift_customers(cutoff, seed):
                truth = shifted["churned"].cast(pl.Float64).to_numpy()
                score = shifted["churn_probability"].to_numpy()
                gaps["ROC-AUC"].append(expect_roc_auc(score) - metrics.roc_auc(truth, score))
                gaps["Brier"].append(expect_brier(score) - metrics.brier(truth, score))
                gaps["churn rate"].append(float(score.mean() - truth.mean()))
    for name, values in gaps.items():
        off = np.abs(values)
        what = f"CBPE, {name} against what came, {len(values)} shifts of customers"
        mean = f"{what}: mean gap"
        yield (
            at_most(mean, float(off.mean()), 0.02)
            if name != "churn rate"
            else Figure(mean, float(off.mean()))
        )
        yield Figure(f"{what}: largest gap", float(off.max()))
        yield Figure(f"{what}: within .02, %", 100 * float((off <= 0.02).mean()))


def _shift_customers(rows: pl.DataFrame, seed: int) -> Iterator[pl.DataFrame]:
    """The customers as they are, and drawn so that the new, the old, the busy, the quiet or those
    of one channel are three times as common.
    """
    yield rows
    recent, tenure = pl.col("days_since_last_purchase"), pl.col("tenure_days")
    commoner = (
        tenure < tenure.median(), tenure >= tenure.median(), recent < recent.median(),
        recent >= recent.median(), pl.col("n_purchases") >= 4, pl.col("channel") == "social",
    )  # fmt: skip
    generator = np.random.default_rng(seed)
    for who in commoner:
        weight = rows.select(pl.when(who).then(3.0).otherwise(1.0)).to_series().to_numpy()
        drawn = generator.choice(rows.height, rows.height, p=weight / weight.sum())
        yield rows[drawn]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a list of figures")
    parser.add_argument("--shops", type=int, default=_SHOPS, help="of each half")
    arguments = parser.parse_args()
    figures = [
        *figures_of_drift(arguments.shops, _HALVES),
        *figures_of_expectation(6_000, (1, 2)),
    ]
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
