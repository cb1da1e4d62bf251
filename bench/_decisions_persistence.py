"""Persistence: what is left of a quick effect after a year, read from the past campaigns of shops
whose truth is known.

Each campaign of a shop splits half of its customers over three offers with the same quick effect:
one pulls purchases forward, one forms a habit, one keeps customers from leaving.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import polars as pl

from bench._figures import Figure, at_least
from holdfast.campaigns.past.matured import read_persistence
from holdfast.campaigns.past.persistence import Persistence
from holdfast.campaigns.past.readouts import of_offers
from holdfast.campaigns.treatments import read_treatments
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Offer, Shop

_SHOPS, _CUSTOMERS, _DAYS, _FIRST_SEED = 60, 10_000, 730, 1_000
_OFFERS = (
    Offer(name="pulled-forward", uplift=0.5, pull_forward=0.4),
    Offer(name="habit", uplift=0.5, habit=0.1),
    Offer(name="saves", uplift=0.5, saves=0.5),
)


def persistence(_: Path) -> Iterator[Figure]:
    """30 days measured, 365 claimed."""
    start, kept = process_time(), defaultdict(list)
    for seed in range(_FIRST_SEED, _FIRST_SEED + _SHOPS):
        shop = Shop(n_customers=_CUSTOMERS, n_days=_DAYS, seed=seed, events_per_purchase=0.0,
                    offers=_OFFERS)  # fmt: skip
        learnt, truth = _read_shop(shop)
        for row in learnt.kappas.iter_rows(named=True):
            kappa = truth[row["offer"]]
            kept[row["offer"]].append(
                (kappa, row["estimate"], row["used"], row["low"] <= kappa <= row["high"])
            )
    for name, rows in kept.items():
        true, estimate, used, covered = np.array(rows).mean(axis=0)
        what = f"kappa, {name} (truth {true:.2f}), {len(rows)} shops"
        yield at_least(f"{what}: 90 % interval covers, %", 100 * covered, 85)
        yield Figure(f"{what}: estimate, mean", float(estimate))
        yield Figure(f"{what}: claimed, mean", float(used))
        off = np.array(rows)[:, 2] - np.clip(np.array(rows)[:, 0], 0, 1)
        yield Figure(
            f"{what}: claims more than is left by a fifth, % of shops",
            100 * float((off > 0.2).mean()),
        )
    yield Figure("kappa: campaigns that matured, of 5", float(learnt.kappas["campaigns"][0]))
    yield Figure("kappa: CPU s", process_time() - start)


def _read_shop(shop: Shop) -> tuple[Persistence, dict[str, float]]:
    """What the shop's campaigns say, and the true kappas."""
    with TemporaryDirectory() as place, Warehouse.temporary() as warehouse:
        made = simulate_to(Path(place) / "shop", shop)
        study = Study.from_toml(made.study, overrides={"plan.horizon_days": "365"})
        end_day = read_order_log(study, warehouse).end_day
        rows, _ = of_offers(study, read_treatments(warehouse))
        learnt = read_persistence(study, warehouse, rows, end_day=end_day)
        truth = pl.read_parquet(made.tables["truth"]).select(pl.col("^uplift_.*$").sum())
    return learnt, {
        offer.name: truth[f"uplift_{offer.name}_365"].item()
        / truth[f"uplift_{offer.name}_30"].item()
        for offer in shop.offers
    }


PARTS = (("persistence", persistence),)
"""Name and figures, given the folder of the data sets."""
