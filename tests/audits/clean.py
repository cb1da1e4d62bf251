"""Honest studies, simulated and real: the audit has nothing to say of them but notes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from tests.audits.bank import divided, honest, snapshot, study_in, telco_study
from tests.audits.bank_logs import SMALL, batch, cdnow_study, with_attributes
from tests.audits.bank_prepared import PANEL, panel

from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop

QUICK = {"backtest.count": "1", "backtest.max_training_cutoffs": "4"}
"""One test is enough to hold a model against the naive baseline."""
EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, kw_only=True)
class Clean:
    """An honest study.

    Attributes
    ----------
    large
        Whether it takes more than a few seconds.
    """

    name: str
    build: Callable[[Path, Path], Study]
    large: bool = False


def _example(name: str) -> Callable[[Path, Path], Study]:
    return lambda folder, real: Study.from_toml(EXAMPLES / name / "holdfast.toml", overrides=QUICK)


def _grocery(folder: Path, real: Path) -> Study:
    columns = {"customer_id": "cust", "occurred_at": "date"}
    log = {"path": str(real / "groceryElog.parquet"), "columns": columns}
    return study_in(folder, {"transactions": log, "backtest": SMALL})


def _cdnow_sample(folder: Path, real: Path) -> Study:
    return study_in(folder, cdnow_study(folder, pl.read_parquet(real / "cdnow_sample.parquet")))


def _shop(shop: Shop) -> Callable[[Path, Path], Study]:
    return lambda folder, real: Study.from_toml(
        simulate_to(folder / "shop", shop).study, overrides=QUICK
    )


def _attributes(folder: Path, real: Path) -> Study:
    """What was written down when a customer first bought, and its day."""
    found = batch(1_500, seed=8)
    return study_in(folder, with_attributes(folder, found.customers, found.orders))


def _table(folder: Path, real: Path) -> Study:
    return study_in(folder, snapshot(folder, honest(3_000, seed=21), value=True))


def _divided(folder: Path, real: Path) -> Study:
    """Encoded and scaled by the rows that are learnt from alone."""
    frame = divided(honest(3_000, seed=22))
    learnt = frame.filter(part="train")
    rates = learnt.group_by("city").agg(city_rate=(pl.col("left") == "yes").mean())
    centre, spread = learnt["spend"].mean(), learnt["spend"].std()
    coded = frame.join(rates, on="city", how="left", maintain_order="left").with_columns(
        spend=(pl.col("spend") - centre) / spread
    )
    return study_in(folder, snapshot(folder, coded, split="part"))


def _panel(folder: Path, real: Path) -> Study:
    return study_in(folder, snapshot(folder, panel(), **PANEL))


def _telco(folder: Path, real: Path) -> Study:
    return study_in(folder, telco_study(folder, pl.read_parquet(real / "telco.parquet")))


def _original(folder: Path, real: Path) -> Study:
    """The original's customers with an outcome that was drawn, not computed."""
    frame = pl.read_csv(real / "ecommerce_user_segmentation.csv")
    rng = np.random.default_rng(23)
    spent = frame["Monetary"].rank().to_numpy() / frame.height
    silent = frame["Recency"].rank().to_numpy() / frame.height
    left = rng.random(frame.height) < 1 / (1 + np.exp(1.5 + 2 * spent - 1.6 * silent))
    drawn = frame.with_columns(left=pl.Series(np.where(left, "yes", "no")))
    return study_in(
        folder, snapshot(folder, drawn.rename({"Customer_ID": "id"}), hidden_from_value=["left"])
    )


def _prepared_from_a_log(folder: Path, real: Path) -> Study:
    """A table that someone made of CDNOW, with two cutoffs 90 days apart and outcomes that had
    come.
    """
    orders = pl.read_parquet(real / "cdnow_master.parquet").filter(pl.col("customer_id") % 6 == 0)
    parts = [_known(orders, date(1997, 10, 1), "train"), _known(orders, date(1997, 12, 30), "test")]
    return study_in(folder, snapshot(folder, pl.concat(parts), **PANEL, as_of="1998-06-30"))


def _known(orders: pl.DataFrame, cutoff: date, part: str) -> pl.DataFrame:
    end = cutoff + timedelta(days=90)
    before = orders.filter(pl.col("date").dt.date() < cutoff)
    back = orders.filter(pl.col("date").dt.date().is_between(cutoff, end, closed="left"))[
        "customer_id"
    ].unique()
    return (
        before.group_by("customer_id")
        .agg(
            orders=pl.len(),
            spent=pl.col("dollar_value").sum().round(2),
            last_order=pl.col("date").max().dt.date(),
        )
        .sort("customer_id")
        .select(
            id=pl.col("customer_id").cast(pl.String),
            orders="orders",
            spent="spent",
            last_order="last_order",
            left=pl.when(pl.col("customer_id").is_in(back.implode()))
            .then(pl.lit("no"))
            .otherwise(pl.lit("yes")),
            as_of=pl.lit(cutoff),
            part=pl.lit(part),
        )
    )


CLEAN = (
    Clean(name="Online Retail II", build=_example("online_retail_ii"), large=True),
    Clean(name="CDNOW", build=_example("cdnow"), large=True),
    Clean(name="grocery", build=_grocery, large=True),
    Clean(name="CDNOW, a tenth", build=_cdnow_sample),
    Clean(
        name="a shop with events and campaigns",
        build=_shop(Shop(n_customers=2_000, seed=31)),
        large=True,
    ),
    Clean(name="a shop without memory", build=_shop(Shop.memoryless(1_500, seed=32)), large=True),
    Clean(name="a shop with attributes", build=_attributes, large=True),
    Clean(name="a table", build=_table),
    Clean(name="a table that was divided first", build=_divided),
    Clean(name="a table of two cutoffs", build=_panel),
    Clean(name="a table that was made of CDNOW", build=_prepared_from_a_log),
    Clean(name="Telco", build=_telco),
    Clean(name="the original's customers, an outcome that was drawn", build=_original),
)
