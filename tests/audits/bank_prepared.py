"""Leaks planted in tables that somebody else prepared: divided, encoded, scaled, resampled, several
cutoffs in one.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tests.audits.bank import Planted, divided, gone, honest, snapshot, telco, telco_study

from holdfast.windows import date_of


def panel(n: int = 1_500, *, gap_days: int = 90) -> pl.DataFrame:
    """Customers at a cutoff that is learnt from and one that is tested, their outcome the 90 days
    after it.
    """
    learnt = honest(n, seed=11).with_columns(cutoff=pl.lit(19_600 - gap_days), part=pl.lit("train"))
    tested = honest(n, seed=12).with_columns(cutoff=pl.lit(19_600), part=pl.lit("test"))
    both = pl.concat([learnt, tested]).with_columns(pl.col("cutoff").cast(pl.Int32))
    rng = np.random.default_rng(13)
    before = pl.Series(rng.integers(1, 300, both.height)).cast(pl.Int32)
    return both.with_columns(
        last_order=(pl.col("cutoff") - before).cast(pl.Date), as_of=pl.col("cutoff").cast(pl.Date)
    ).drop("cutoff")


PANEL = {"split": "part", "cutoff": "as_of", "horizon_days": 90}


def same_day(folder: Path, real: Path) -> dict[str, Any]:
    """Orders of the cutoff's own day are counted as known."""
    frame = panel()
    today = pl.Series(np.random.default_rng(1).random(frame.height) < 0.02)
    return snapshot(
        folder,
        frame.with_columns(last_order=pl.when(today).then("as_of").otherwise("last_order")),
        **PANEL,
    )


def returns_after_the_cutoff(folder: Path, real: Path) -> dict[str, Any]:
    """The last return of a customer, wherever it lies."""
    frame = panel()
    away = pl.Series(np.random.default_rng(2).integers(-200, 60, frame.height)).cast(pl.Int32)
    returned = (pl.col("as_of").cast(pl.Int32) + away).cast(pl.Date)
    return snapshot(folder, frame.with_columns(last_return=returned), **PANEL)


def without_a_gap(folder: Path, real: Path) -> dict[str, Any]:
    return snapshot(folder, panel(gap_days=30), **PANEL)


def outcomes_that_had_not_come(folder: Path, real: Path) -> dict[str, Any]:
    return snapshot(folder, panel(), **PANEL, as_of=date_of(19_600 + 40).isoformat())


def customers_in_both_parts(folder: Path, real: Path) -> dict[str, Any]:
    """A month of each customer a row, and rows were divided."""
    rng = np.random.default_rng(14)
    monthly = pl.concat(
        [honest(900).with_columns(visits=pl.Series(rng.poisson(5, 900))) for _ in range(3)]
    )
    return snapshot(folder, divided(monthly), split="part")


def rows_in_both_parts(folder: Path, real: Path) -> dict[str, Any]:
    """Accounts that were imported twice, under another number."""
    frame = honest()
    again = frame.sample(300, seed=2).with_columns(id="D" + pl.col("id"))
    return snapshot(folder, divided(pl.concat([frame, again])), split="part")


def repeated_accounts(folder: Path, real: Path) -> dict[str, Any]:
    """The same in a table without a split of its own."""
    frame = honest()
    return snapshot(
        folder, pl.concat([frame, frame.sample(200, seed=2).with_columns(id="D" + pl.col("id"))])
    )


def copied_before_the_split(folder: Path, real: Path) -> dict[str, Any]:
    """Those who left are drawn again until both outcomes are equally many; then rows are numbered
    and divided.
    """
    frame = honest()
    stayed, left = frame.filter(left="no"), frame.filter(left="yes")
    more = left.sample(stayed.height - left.height, with_replacement=True, seed=1)
    whole = (
        pl.concat([stayed, left, more])
        .with_row_index("row")
        .with_columns(id="R" + pl.col("row").cast(pl.String))
    )
    return snapshot(folder, divided(whole.drop("row")), split="part")


def mixed_before_the_split(folder: Path, real: Path) -> dict[str, Any]:
    """SMOTE: new leavers between a leaver and one of its nearest leavers."""
    from scipy.spatial import cKDTree

    frame = honest().select("id", "tenure", "visits", "spend", "complaints", "tickets", "left")
    stayed, left = frame.filter(left="no"), frame.filter(left="yes")
    names = ["tenure", "visits", "spend", "complaints", "tickets"]
    points = left.select(names).to_numpy().astype(float)
    rng = np.random.default_rng(15)
    near = cKDTree(points / points.std(axis=0)).query(points / points.std(axis=0), k=6)[1][:, 1:]
    start = rng.integers(0, len(points), stayed.height - left.height)
    end = near[start, rng.integers(0, 5, len(start))]
    made = points[start] + rng.random((len(start), 1)) * (points[end] - points[start])
    new = pl.DataFrame(made, schema=names).with_columns(
        id=pl.Series([f"S{i}" for i in range(len(made))]), left=pl.lit("yes")
    )
    whole = pl.concat(
        [part.cast({name: pl.Float64 for name in names}) for part in (stayed, left)], how="vertical"
    )
    return snapshot(
        folder,
        divided(pl.concat([whole, new.select(whole.columns)])),
        split="part",
        hidden_from_churn=["left"],
    )


def _churn_rate(frame: pl.DataFrame, by: str, *, smoothing: float = 0.0) -> pl.Expr:
    left = (pl.col("left") == "yes").cast(pl.Float64)
    prior = float(gone(frame).mean())
    return (left.sum() + smoothing * prior).over(by) / (pl.len().over(by) + smoothing)


def encoded_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest())
    return snapshot(folder, frame.with_columns(city=_churn_rate(frame, "city")), split="part")


def smoothed_on_all(folder: Path, real: Path) -> dict[str, Any]:
    """Real customers, a smoothed churn rate instead of the way they pay and the kind of
    contract.
    """
    frame = telco(real).with_columns(left=pl.col("Churn").str.to_lowercase())
    group = pl.concat_str("PaymentMethod", "Contract", "InternetService", separator="/")
    frame = frame.with_columns(group=group)
    coded = frame.with_columns(group=_churn_rate(frame, "group", smoothing=20.0)).drop("left")
    return telco_study(folder, divided(coded), split="part")


def standardised_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest())
    scaled = [
        (pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in ("spend", "tenure")
    ]
    return snapshot(folder, frame.with_columns(*scaled), split="part")


def ranged_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest()).sort("spend")
    # The richest customer is one of the test, as happens to three in ten.
    frame = frame.with_columns(
        part=pl.when(pl.int_range(pl.len()) >= pl.len() - 3).then(pl.lit("test")).otherwise("part")
    )
    measured = frame.with_columns(tenure=pl.col("tenure") + pl.col("spend") / 1000)
    scaled = [
        (pl.col(name) - pl.col(name).min()) / (pl.col(name).max() - pl.col(name).min())
        for name in ("spend", "weight")
    ]
    weight = pl.col("spend") * 0.5 + pl.col("tenure")
    return snapshot(
        folder, measured.with_columns(weight=weight).with_columns(*scaled), split="part"
    )


def another_unit(folder: Path, real: Path) -> dict[str, Any]:
    """The test was exported in cents."""
    frame = divided(honest())
    spend = pl.when(pl.col("part") == "test").then(pl.col("spend") * 100).otherwise("spend")
    return snapshot(folder, frame.with_columns(spend=spend), split="part")


PREPARED_LEAKS = (
    Planted(name="the cutoff's own day", expected=("dated-after-the-cutoff",), build=same_day),
    Planted(
        name="returns after the cutoff",
        expected=("dated-after-the-cutoff",),
        build=returns_after_the_cutoff,
    ),
    Planted(name="windows without a gap", expected=("no-gap",), build=without_a_gap),
    Planted(
        name="outcomes that had not come",
        expected=("immature-labels",),
        build=outcomes_that_had_not_come,
    ),
    Planted(
        name="customers in both parts",
        expected=("customers-in-both-parts",),
        build=customers_in_both_parts,
    ),
    Planted(name="rows in both parts", expected=("rows-in-both-parts",), build=rows_in_both_parts),
    Planted(name="repeated accounts", expected=("rows-in-both-parts",), build=repeated_accounts),
    Planted(
        name="copies before the split",
        expected=("resampled-before-the-split",),
        build=copied_before_the_split,
    ),
    Planted(
        name="mixtures before the split",
        expected=("resampled-before-the-split",),
        build=mixed_before_the_split,
    ),
    Planted(name="churn rates for words", expected=("encoded-outcome",), build=encoded_on_all),
    Planted(
        name="smoothed churn rates", expected=("encoded-outcome",), build=smoothed_on_all, real=True
    ),
    Planted(
        name="standardised on all rows", expected=("scaled-on-all-rows",), build=standardised_on_all
    ),
    Planted(name="ranged on all rows", expected=("scaled-on-all-rows",), build=ranged_on_all),
    Planted(
        name="another unit in the test", expected=("test-is-unlike-learning",), build=another_unit
    ),
)
