"""Features and scores as SQL: the same numbers from other databases, and what they take.

    python -m bench.warehouse [features] [scores] [--json]

Features: three simulated shops with events, treatments and attributes, and Online Retail II, at two
cutoffs each, with the last purchases; and ACTIVITY from order lines. Scores: a run of 360 trees
(150 of churn, 150 of P(buys), 60 of the amount), of a shop without the BTYD members, over 100,000
customers.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from bench import find_data
from bench._figures import Figure, at_most, show
from bench._warehouses import WAREHOUSES, Log, differences, in_postgres
from bench.logs import RETAIL
from holdfast.features.feature_tables import features
from holdfast.features.warehouse_sql import activity_sql, features_sql
from holdfast.io.warehouse import Warehouse
from holdfast.runs.run import run
from holdfast.serving.load import load_models, load_rule
from holdfast.serving.score import add_predictions
from holdfast.serving.scores_sql import scores_sql
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop

CUSTOMERS = 100_000
SEEDS = (1, 2, 3)
BEFORE_END = (400, 0)
KEYS = ("customer_id", "cutoff_day")
ALONE = {"churn.pool_btyd": "false", "value.pool_btyd": "false", "backtest.count": "1"}


def studies(folder: Path) -> Iterator[tuple[str, Study]]:
    for seed in SEEDS:
        made = simulate_to(folder / f"shop-{seed}", Shop(n_customers=1_500, seed=seed))
        last = {"features.last_purchases": "true"}
        yield f"shop {seed}", Study.from_toml(made.study, overrides=last)
    if find_data():
        retail = {"study": {"name": "retail"}, **RETAIL, "features": {"last_purchases": True}}
        yield "Online Retail II", Study.from_dict(retail)


def features_in_warehouses() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for name, study in studies(Path(folder)):
            with Warehouse.temporary() as warehouse:
                yield from of_log(name, Log(study, warehouse))


def of_log(name: str, log: Log) -> Iterator[Figure]:
    cutoffs = [log.end - days for days in BEFORE_END]
    ours = {cutoff: features(log.study, log.warehouse, [cutoff]) for cutoff in cutoffs}
    for dialect, answer in WAREHOUSES.items():
        told = [
            differences(
                answer(log.tables, features_sql(log.study, cutoff, dialect)).rows, table, *KEYS
            )
            for cutoff, table in ours.items()
        ]
        yield at_most(f"{name}, {dialect}: cells that differ", sum(n for n, _ in told), 0)
        yield at_most(f"{name}, {dialect}: worst float", max(off for _, off in told), 1e-9)
        days = answer(log.tables, activity_sql(log.study, dialect)).rows
        cells, _ = differences(days, log.activity.select(days.columns), "customer_id", "day")
        yield at_most(f"{name}, {dialect}: cells of ACTIVITY that differ", cells, 0)


def scores_in_warehouses() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        made = simulate_to(Path(folder) / "shop", Shop(n_customers=3_000, seed=3))
        run(Study.from_toml(made.study, overrides=ALONE))
        published = Registry(made.study.parent / "runs").open()
        known = published.table("features")
        again = pl.concat([known] * (CUSTOMERS // known.height + 1)).head(CUSTOMERS)
        table = again.with_columns(customer_id=pl.format("C{}", pl.int_range(CUSTOMERS)))
        ours = load_rule(published).assign(add_predictions(load_models(published), table))
        for dialect, answer in WAREHOUSES.items():
            if dialect == "databricks":  # decision 108: its optimiser does not come to an end
                continue
            sql = scores_sql(published, dialect)
            rows, seconds = answer({"features": table}, sql)
            cells, worst = differences(rows, ours.select(rows.columns), *KEYS)
            yield Figure(f"scores, {dialect}: bytes of SQL", len(sql.encode()))
            yield Figure(f"scores, {dialect}: seconds", seconds)
            yield at_most(f"scores, {dialect}: worst float", worst, 1e-6)
            yield at_most(f"scores, {dialect}: tiers and segments that differ", cells, 0)
            if dialect == "postgres":
                plain = in_postgres({"features": table}, sql, "jit = off")
                yield Figure("scores, postgres without jit: seconds", plain.seconds)


SECTIONS: dict[str, Callable[[], Iterator[Figure]]] = {
    "features": features_in_warehouses,
    "scores": scores_in_warehouses,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.warehouse", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[*SECTIONS])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = [each for name in arguments.sections for each in SECTIONS[name]()]
    show(figures, as_json=arguments.json)
    if any(each.holds is False for each in figures):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
