"""A bank of planted leaks, and of honest studies that look alike: each writes its files and says what it plants."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.study import Study
from holdfast.windows import date_of

Build = Callable[[Path, Path], dict[str, Any]]
"""Folder to write to, folder of real data -> the study."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A leak.

    Attributes
    ----------
    expected
        Names of findings, one of which must come.
    real
        Whether it is planted in real data.
    prove
        Whether only the trained models show it.
    earlier
        The path of the orders, or of the customers, in an earlier export: table -> file.
    """

    name: str
    expected: tuple[str, ...]
    build: Build
    real: bool = False
    prove: bool = False
    earlier: dict[str, str] = field(default_factory=dict)


def study_in(folder: Path, raw: dict[str, Any]) -> Study:
    """The study of a bank entry, its files below `folder`."""
    return Study.from_dict({"study": {"name": "bank"}, "project_dir": str(folder), **raw})


def earlier_study(folder: Path, planted: Planted, raw: dict[str, Any]) -> Study | None:
    """The study of the earlier export, if there is one."""
    if not planted.earlier:
        return None
    return study_in(folder, raw | {table: raw[table] | {"path": path} for table, path in planted.earlier.items()})


def honest(n: int = 2_500, seed: int = 1) -> pl.DataFrame:
    """Customers whose leaving depends on what is known of them, and on much that is not."""
    rng = np.random.default_rng(seed)
    tenure, visits = rng.integers(1, 60, n), rng.poisson(6, n)
    spend = np.round(rng.lognormal(4, 0.8, n), 2)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2])
    score = 0.3 - 0.03 * tenure - 0.12 * visits + 0.6 * (plan == "basic") + rng.logistic(0, 1, n)
    return pl.DataFrame({
        "id": [f"K{number:06d}" for number in rng.permutation(n)],
        "tenure": tenure, "visits": visits, "spend": spend, "plan": plan,
        "tickets": rng.poisson(1 + (plan == "pro"), n),
        "complaints": rng.poisson(0.3, n).astype(float),
        "city": rng.choice([f"city {i}" for i in range(30)], n),
        "left": np.where(score > -0.4, "yes", "no"),
        "later": np.round(spend * rng.lognormal(0, 0.6, n), 2),
    })  # fmt: skip


def gone(frame: pl.DataFrame) -> np.ndarray:
    return (frame["left"] == "yes").to_numpy()


def snapshot(folder: Path, frame: pl.DataFrame, *, value: bool = False, **more: Any) -> dict[str, Any]:
    """Write a table and the study over it, its outcome hidden from the models."""
    frame.write_parquet(folder / "table.parquet")
    labels = {"churned": "left = 'yes'"} | ({"value": "later"} if value else {})
    hidden = ["left", "later"]
    section = {
        "path": "table.parquet", "as_of": "2024-06-30", "columns": {"customer_id": "id"}, "labels": labels,
        "hidden_from_churn": hidden, "hidden_from_value": hidden,
    }  # fmt: skip
    return {"snapshot": section | more}


def divided(frame: pl.DataFrame, *, share: float = 0.3, seed: int = 5) -> pl.DataFrame:
    test = np.random.default_rng(seed).random(frame.height) < share
    return frame.with_columns(part=pl.Series(np.where(test, "test", "train")))


def formula_of_one(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "tenure < 12"}
    return snapshot(folder, honest().drop("left"), labels=labels, hidden_from_churn=["tenure", "later"])


def formula_of_two(folder: Path, real: Path) -> dict[str, Any]:
    return snapshot(folder, honest().drop("left"), labels={"churned": "tenure < 20 AND visits < 6"})


def value_is_a_product(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "left = 'yes'", "value": "spend * ln(1 + visits)"}
    return snapshot(folder, honest(), labels=labels, hidden_from_value=["left", "later", "spend"])


def value_is_a_sum(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "left = 'yes'", "value": "3 * spend + 40 * visits"}
    return snapshot(folder, honest(), labels=labels)


def label_is_seen(folder: Path, real: Path) -> dict[str, Any]:
    """The outcome stands a second time among the columns, in other words."""
    frame = honest()
    return snapshot(folder, frame.with_columns(state=pl.Series(np.where(gone(frame), "closed", "open"))))


def telco(real: Path) -> pl.DataFrame:
    return pl.read_parquet(real / "telco.parquet").sample(3_000, seed=3)


def telco_study(folder: Path, frame: pl.DataFrame, **more: Any) -> dict[str, Any]:
    frame.write_parquet(folder / "table.parquet")
    section = {
        "path": "table.parquet", "as_of": "2024-12-31", "columns": {"customer_id": "customerID"},
        "labels": {"churned": "Churn = 'Yes'"}, "hidden_from_churn": ["Churn"],
    }  # fmt: skip
    return {"snapshot": section | more}


def status_after(folder: Path, real: Path) -> dict[str, Any]:
    """The account's status today, which is right for all but one in thirty."""
    frame = telco(real)
    wrong = np.random.default_rng(1).random(frame.height) < 0.03
    closed = (frame["Churn"] == "Yes").to_numpy() ^ wrong
    return telco_study(folder, frame.with_columns(account=pl.Series(np.where(closed, "closed", "active"))))


def cancel_reason(folder: Path, real: Path) -> dict[str, Any]:
    """A reason that is asked of those who cancel, and given by half of them."""
    frame = telco(real)
    rng = np.random.default_rng(2)
    asked = (frame["Churn"] == "Yes").to_numpy() & (rng.random(frame.height) < 0.5)
    reasons = rng.choice(["price", "moved", "service"], frame.height)
    reason = pl.Series([r if a else None for r, a in zip(reasons, asked, strict=True)], dtype=pl.String)
    return telco_study(folder, frame.with_columns(note=reason))


def missing_last_contact(folder: Path, real: Path) -> dict[str, Any]:
    """A column that is emptied when an account is closed."""
    frame = honest()
    rng = np.random.default_rng(3)
    emptied = np.where(gone(frame), rng.random(frame.height) < 0.92, rng.random(frame.height) < 0.03)
    contact = pl.Series(rng.integers(1, 90, frame.height)).cast(pl.Float64)
    return snapshot(folder, frame.with_columns(contact=contact.set(pl.Series(emptied), None)))


def total_after_cancelling(folder: Path, real: Path) -> dict[str, Any]:
    """Total charges that include the fee for ending the contract."""
    frame = telco(real).with_columns(pl.col("TotalCharges").str.strip_chars().cast(pl.Float64, strict=False))
    fee = pl.when(pl.col("Churn") == "Yes").then(180.0 + 2 * pl.col("MonthlyCharges")).otherwise(0.0)
    total = pl.col("tenure") * pl.col("MonthlyCharges") + fee
    return telco_study(folder, frame.with_columns(TotalCharges=total.round(2)))


def refunded_total(folder: Path, real: Path) -> dict[str, Any]:
    """A total from which the last order of those who left was taken off again."""
    rng = np.random.default_rng(4)
    frame = honest()
    basket = np.round(rng.lognormal(3, 0.5, frame.height), 2)
    total = frame["visits"].to_numpy() * basket
    refunded = np.where(gone(frame), total - 0.6 * basket, total)
    return snapshot(folder, frame.with_columns(basket=pl.Series(basket), paid=pl.Series(refunded)))


def score_of_another_model(folder: Path, real: Path) -> dict[str, Any]:
    """A risk score from a model that learnt these very outcomes."""
    from lightgbm import LGBMClassifier

    frame = telco(real)
    matrix = frame.select("tenure", "MonthlyCharges", "SeniorCitizen", contract=pl.col("Contract").rank("dense"))
    left = (frame["Churn"] == "Yes").to_numpy()
    model = LGBMClassifier(n_estimators=300, num_leaves=63, min_child_samples=5, random_state=0, n_jobs=1, verbosity=-1)
    score = model.fit(matrix.to_numpy(), left).predict_proba(matrix.to_numpy())[:, 1]
    noisy = score + np.random.default_rng(6).normal(0, 0.35, len(score))
    return telco_study(folder, frame.with_columns(risk=pl.Series(noisy)))


def two_halves_of_a_secret(folder: Path, real: Path) -> dict[str, Any]:
    """Two columns that say nothing alone; their comparison is the outcome."""
    frame = honest()
    rng = np.random.default_rng(7)
    first = rng.normal(0, 1, frame.height)
    apart = rng.uniform(0.1, 0.9, frame.height)
    second = np.where(gone(frame), first + apart, first - apart)
    return snapshot(folder, frame.with_columns(a=pl.Series(first * 9), b=pl.Series(second * 9)))


def date_after_the_table(folder: Path, real: Path) -> dict[str, Any]:
    """A last visit that was updated after the snapshot's day."""
    frame = honest()
    rng = np.random.default_rng(8)
    stayed_on = np.where(gone(frame), rng.integers(-300, 1, frame.height), rng.integers(-60, 30, frame.height))
    day = pl.Series(stayed_on + 19_904).cast(pl.Int32).cast(pl.Date)  # 19904 is 2024-06-30
    return snapshot(folder, frame.with_columns(last_visit=day))


def panel(n: int = 1_500, *, gap_days: int = 90) -> pl.DataFrame:
    """Customers at a cutoff that is learnt from and one that is tested, their outcome the 90 days after it."""
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
        folder, frame.with_columns(last_order=pl.when(today).then("as_of").otherwise("last_order")), **PANEL
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
    monthly = pl.concat([honest(900).with_columns(visits=pl.Series(rng.poisson(5, 900))) for _ in range(3)])
    return snapshot(folder, divided(monthly), split="part")


def rows_in_both_parts(folder: Path, real: Path) -> dict[str, Any]:
    """Accounts that were imported twice, under another number."""
    frame = honest()
    again = frame.sample(300, seed=2).with_columns(id="D" + pl.col("id"))
    return snapshot(folder, divided(pl.concat([frame, again])), split="part")


def repeated_accounts(folder: Path, real: Path) -> dict[str, Any]:
    """The same in a table without a split of its own."""
    frame = honest()
    return snapshot(folder, pl.concat([frame, frame.sample(200, seed=2).with_columns(id="D" + pl.col("id"))]))


def copied_before_the_split(folder: Path, real: Path) -> dict[str, Any]:
    """Those who left are drawn again until both outcomes are equally many; then rows are numbered and divided."""
    frame = honest()
    stayed, left = frame.filter(left="no"), frame.filter(left="yes")
    more = left.sample(stayed.height - left.height, with_replacement=True, seed=1)
    whole = pl.concat([stayed, left, more]).with_row_index("row").with_columns(id="R" + pl.col("row").cast(pl.String))
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
    whole = pl.concat([part.cast({name: pl.Float64 for name in names}) for part in (stayed, left)], how="vertical")
    return snapshot(
        folder, divided(pl.concat([whole, new.select(whole.columns)])), split="part", hidden_from_churn=["left"]
    )


def _churn_rate(frame: pl.DataFrame, by: str, *, smoothing: float = 0.0) -> pl.Expr:
    left = (pl.col("left") == "yes").cast(pl.Float64)
    prior = float(gone(frame).mean())
    return (left.sum() + smoothing * prior).over(by) / (pl.len().over(by) + smoothing)


def encoded_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest())
    return snapshot(folder, frame.with_columns(city=_churn_rate(frame, "city")), split="part")


def smoothed_on_all(folder: Path, real: Path) -> dict[str, Any]:
    """Real customers, a smoothed churn rate instead of the way they pay and the kind of contract."""
    frame = telco(real).with_columns(left=pl.col("Churn").str.to_lowercase())
    group = pl.concat_str("PaymentMethod", "Contract", "InternetService", separator="/")
    frame = frame.with_columns(group=group)
    coded = frame.with_columns(group=_churn_rate(frame, "group", smoothing=20.0)).drop("left")
    return telco_study(folder, divided(coded), split="part")


def standardised_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest())
    scaled = [(pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in ("spend", "tenure")]
    return snapshot(folder, frame.with_columns(*scaled), split="part")


def ranged_on_all(folder: Path, real: Path) -> dict[str, Any]:
    frame = divided(honest()).sort("spend")
    # The richest customer is one of the test, as happens to three in ten.
    frame = frame.with_columns(
        part=pl.when(pl.int_range(pl.len()) >= pl.len() - 3).then(pl.lit("test")).otherwise("part")
    )
    measured = frame.with_columns(tenure=pl.col("tenure") + pl.col("spend") / 1000)
    scaled = [
        (pl.col(name) - pl.col(name).min()) / (pl.col(name).max() - pl.col(name).min()) for name in ("spend", "weight")
    ]
    weight = pl.col("spend") * 0.5 + pl.col("tenure")
    return snapshot(folder, measured.with_columns(weight=weight).with_columns(*scaled), split="part")


def ids_in_the_order_of_outcomes(folder: Path, real: Path) -> dict[str, Any]:
    """Customers were numbered after they had been sorted by outcome, but for a few that came later."""
    frame = honest()
    place = gone(frame) + np.random.default_rng(16).normal(0, 0.4, frame.height)
    ordered = frame[np.argsort(place)]
    return snapshot(folder, ordered.with_columns(id=pl.Series([f"K{i:06d}" for i in range(frame.height)])))


def record_numbers(folder: Path, real: Path) -> dict[str, Any]:
    """A record is written anew when a contract ends, and gets a new number."""
    frame = honest()
    rng = np.random.default_rng(17)
    place = rng.random(frame.height) + 0.45 * gone(frame)
    return snapshot(folder, frame.with_columns(record=pl.Series(np.argsort(np.argsort(place)) + 10_000)))


def days_of_record(folder: Path, real: Path) -> dict[str, Any]:
    """The day on which a row was last written: for those who left, mostly the day of their leaving."""
    frame = honest()
    rng = np.random.default_rng(18)
    away = np.where(gone(frame), rng.integers(0, 120, frame.height), rng.integers(60, 400, frame.height))
    return snapshot(folder, frame.with_columns(written=pl.Series(19_904 - away).cast(pl.Int32).cast(pl.Date)))


def another_unit(folder: Path, real: Path) -> dict[str, Any]:
    """The test was exported in cents."""
    frame = divided(honest())
    spend = pl.when(pl.col("part") == "test").then(pl.col("spend") * 100).otherwise("spend")
    return snapshot(folder, frame.with_columns(spend=spend), split="part")


def coin_in_a_group(folder: Path, real: Path) -> dict[str, Any]:
    """Customers leave only from one group, by the toss of a coin."""
    rng = np.random.default_rng(19)
    frame = honest(4_000)
    group = rng.choice(["iron", "silver", "gold"], frame.height, p=[0.2, 0.5, 0.3])
    left = np.where((group == "iron") & (rng.random(frame.height) < 0.7), "yes", "no")
    return snapshot(folder, frame.with_columns(group=pl.Series(group), left=pl.Series(left)))


def nothing_to_learn(folder: Path, real: Path) -> dict[str, Any]:
    left = np.where(np.random.default_rng(20).random(2_500) < 0.3, "yes", "no")
    return snapshot(folder, honest().with_columns(left=pl.Series(left)))


TABLE_LEAKS = (
    Planted(name="a label that is a threshold of a column", expected=("circular-label",), build=formula_of_one),
    Planted(name="a label that is a rule over two columns", expected=("circular-label",), build=formula_of_two),
    Planted(name="a value that is a product", expected=("circular-label",), build=value_is_a_product),
    Planted(name="a value that is a sum", expected=("circular-label",), build=value_is_a_sum),
    Planted(name="the label in other words", expected=("circular-label",), build=label_is_seen),
    Planted(name="a status of today", expected=("telling-column", "filled-in-afterwards"),
            build=status_after, real=True),
    Planted(name="a reason for cancelling", expected=("filled-in-afterwards",), build=cancel_reason, real=True),
    Planted(name="a column that is emptied", expected=("telling-column",), build=missing_last_contact),
    Planted(name="a total after cancelling", expected=("changed-afterwards",), build=total_after_cancelling, real=True),
    Planted(name="a refunded total", expected=("changed-afterwards",), build=refunded_total),
    Planted(name="a score of another model", expected=("outshining-column", "telling-column"),
            build=score_of_another_model, real=True),
    Planted(name="two halves of a secret", expected=("telling-together", "changed-afterwards"),
            build=two_halves_of_a_secret),
    Planted(name="a date after the table", expected=("dated-after-the-cutoff",), build=date_after_the_table),
    Planted(name="the cutoff's own day", expected=("dated-after-the-cutoff",), build=same_day),
    Planted(name="returns after the cutoff", expected=("dated-after-the-cutoff",), build=returns_after_the_cutoff),
    Planted(name="windows without a gap", expected=("no-gap",), build=without_a_gap),
    Planted(name="outcomes that had not come", expected=("immature-labels",), build=outcomes_that_had_not_come),
    Planted(name="customers in both parts", expected=("customers-in-both-parts",), build=customers_in_both_parts),
    Planted(name="rows in both parts", expected=("rows-in-both-parts",), build=rows_in_both_parts),
    Planted(name="repeated accounts", expected=("rows-in-both-parts",), build=repeated_accounts),
    Planted(name="copies before the split", expected=("resampled-before-the-split",), build=copied_before_the_split),
    Planted(name="mixtures before the split", expected=("resampled-before-the-split",), build=mixed_before_the_split),
    Planted(name="churn rates for words", expected=("encoded-outcome",), build=encoded_on_all),
    Planted(name="smoothed churn rates", expected=("encoded-outcome",), build=smoothed_on_all, real=True),
    Planted(name="standardised on all rows", expected=("scaled-on-all-rows",), build=standardised_on_all),
    Planted(name="ranged on all rows", expected=("scaled-on-all-rows",), build=ranged_on_all),
    Planted(name="ids in the order of outcomes", expected=("order-of-the-outcome",),
            build=ids_in_the_order_of_outcomes),
    Planted(name="record numbers", expected=("order-of-the-outcome",), build=record_numbers),
    Planted(name="days of record", expected=("order-of-the-outcome",), build=days_of_record),
    Planted(name="another unit in the test", expected=("test-is-unlike-learning",), build=another_unit),
    Planted(name="a coin flip in a group", expected=("at-the-ceiling",), build=coin_in_a_group, prove=True),
    Planted(name="nothing to learn", expected=("no-better-than-naive-churn",), build=nothing_to_learn, prove=True),
)  # fmt: skip
