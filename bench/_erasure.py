"""Erasure: what is left of a customer in three runs, an export and a server's copy."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from bench._figures import Figure, at_least, at_most
from holdfast.campaigns.audience import Rule, build_audience
from holdfast.campaigns.export_journal import record_export
from holdfast.errors import HoldfastError
from holdfast.privacy.erase import Place, erase, find_places
from holdfast.report.exports.customer_rows import first_customers
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.storage.serving_copy import keep
from holdfast.study import Study
from holdfast.synthetic import Shop

CUSTOMERS, RUNS = 120, 3
_QUICK = {"backtest.count": "1"}


def erasure_figures() -> Iterator[Figure]:
    """Erase the riskiest customer of a shop, whom every list and report names, and run again."""
    with TemporaryDirectory(prefix="erasure-") as folder:
        made = simulate_to(Path(folder) / "shop", Shop(n_customers=CUSTOMERS, seed=7))
        study = Study.from_toml(made.study, overrides=_QUICK)
        registry = Registry(Path(study.project_dir) / "runs")
        for _ in range(RUNS):
            run(study)
        scores = registry.open().scores
        customer = str(first_customers(scores, 1)["customer_id"][0])
        _give_away(study, registry, scores)
        keep(registry.open())
        before = {each: registry.open(each).scores for each in registry.run_ids()}
        named = _look(study, registry, customer)
        done = erase(study, [customer], registry=registry)
        left, damaged = _look(study, registry, customer), _count_damaged(registry)
        changed = sum(
            not registry.open(new).scores.equals(
                before[old].filter(pl.col("customer_id") != customer)
            )
            for old, new in done.runs.items()
        )
        run(study)
        back = _look(study, registry, customer)
    yield at_least("erasure: runs that named the customer", len(done.runs), RUNS)
    yield at_least("erasure: exports and copies that did", done.exports + done.copies, 2)
    yield at_least("erasure: files that did", len(named), RUNS * 9 + 3)
    yield at_most("erasure proved over 3 runs, exports and copy: places left", _sum(left), 0)
    yield at_most("erasure: files that cannot be read", sum(not p.count for p in left), 0)
    yield at_most("erasure: runs that do not verify", damaged, 0)
    yield at_most("erasure: runs in which others' scores changed", changed, 0)
    yield at_most("erasure: places after the next run", _sum(back), 0)


def _give_away(study: Study, registry: Registry, scores: pl.DataFrame) -> None:
    rule = Rule(only_paying=False, holdout_share=0.0)
    audience = build_audience(scores, rule, run_id=str(registry.champion_id()), study=study)
    everybody = scores.select(audience.customers.drop("at_stake", "arm").columns)
    whole = everybody.with_columns(at_stake=pl.lit(1.0), arm=pl.lit("contact"))
    record_export(
        replace(audience, customers=whole),
        Path(study.project_dir),
        at=datetime.now(UTC),
        how="csv",
    )


def _look(study: Study, registry: Registry, customer: str) -> list[Place]:
    return find_places(study, [customer], project=registry.folder.parent)


def _sum(places: list[Place]) -> int:
    return sum(place.count for place in places)


def _count_damaged(registry: Registry) -> int:
    count = 0
    for run_id in registry.run_ids():
        try:
            registry.open(run_id).verify()
        except HoldfastError:
            count += 1
    return count
