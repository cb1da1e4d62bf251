"""A bank of planted leaks, and of honest studies that look alike: each writes its files and says
what it plants.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.study import Study

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
    slow
        Whether a quicker test plants the same in another log.
    earlier
        The path of the orders, or of the customers, in an earlier export: table -> file.
    """

    name: str
    expected: tuple[str, ...]
    build: Build
    real: bool = False
    prove: bool = False
    slow: bool = False
    earlier: dict[str, str] = field(default_factory=dict)


def study_in(folder: Path, raw: dict[str, Any]) -> Study:
    """The study of a bank entry, its files below `folder`."""
    return Study.from_dict({"study": {"name": "bank"}, "project_dir": str(folder), **raw})


def earlier_study(folder: Path, planted: Planted, raw: dict[str, Any]) -> Study | None:
    """The study of the earlier export, if there is one."""
    if not planted.earlier:
        return None
    return study_in(
        folder,
        raw | {table: raw[table] | {"path": path} for table, path in planted.earlier.items()},
    )


def honest(n: int = 2_500, seed: int = 1) -> pl.DataFrame:
    """Customers whose leaving depends on what is known of them, and on much that is not."""
    rng = np.random.default_rng(seed)
    tenure, visits = rng.integers(1, 60, n), rng.poisson(6, n)
    spend = np.round(rng.lognormal(4, 0.8, n), 2)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2])
    score = 0.3 - 0.03 * tenure - 0.12 * visits + 0.6 * (plan == "basic") + rng.logistic(0, 1, n)
    return pl.DataFrame(
        {
            "id": [f"K{number:06d}" for number in rng.permutation(n)],
            "tenure": tenure,
            "visits": visits,
            "spend": spend,
            "plan": plan,
            "tickets": rng.poisson(1 + (plan == "pro"), n),
            "complaints": rng.poisson(0.3, n).astype(float),
            "city": rng.choice([f"city {i}" for i in range(30)], n),
            "left": np.where(score > -0.4, "yes", "no"),
            "later": np.round(spend * rng.lognormal(0, 0.6, n), 2),
        }
    )


def gone(frame: pl.DataFrame) -> np.ndarray:
    return (frame["left"] == "yes").to_numpy()


def snapshot(
    folder: Path, frame: pl.DataFrame, *, value: bool = False, **more: Any
) -> dict[str, Any]:
    """Write a table and the study over it, its outcome hidden from the models."""
    frame.write_parquet(folder / "table.parquet")
    labels = {"churned": "left = 'yes'"} | ({"value": "later"} if value else {})
    hidden = ["left", "later"]
    section = {
        "path": "table.parquet",
        "as_of": "2024-06-30",
        "columns": {"customer_id": "id"},
        "labels": labels,
        "hidden_from_churn": hidden,
        "hidden_from_value": hidden,
    }
    return {"snapshot": section | more}


def divided(frame: pl.DataFrame, *, share: float = 0.3, seed: int = 5) -> pl.DataFrame:
    test = np.random.default_rng(seed).random(frame.height) < share
    return frame.with_columns(part=pl.Series(np.where(test, "test", "train")))


def formula_of_one(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "tenure < 12"}
    return snapshot(
        folder, honest().drop("left"), labels=labels, hidden_from_churn=["tenure", "later"]
    )


def formula_of_two(folder: Path, real: Path) -> dict[str, Any]:
    return snapshot(folder, honest().drop("left"), labels={"churned": "tenure < 20 AND visits < 6"})


def value_is_a_product(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "left = 'yes'", "value": "spend * ln(1 + visits)"}
    return snapshot(folder, honest(), labels=labels, hidden_from_value=["left", "later", "spend"])


def value_is_a_sum(folder: Path, real: Path) -> dict[str, Any]:
    labels = {"churned": "left = 'yes'", "value": "3 * spend + 40 * visits"}
    return snapshot(folder, honest(), labels=labels)


def spent_afterwards(folder: Path, real: Path) -> dict[str, Any]:
    """A count of the year that goes on after the cutoff: the value itself, but for a fifth."""
    frame = honest()
    noise = pl.Series(np.random.default_rng(9).lognormal(0, 0.2, frame.height))
    return snapshot(folder, frame.with_columns(year=(pl.col("later") * noise).round(2)), value=True)


def label_is_seen(folder: Path, real: Path) -> dict[str, Any]:
    """The outcome stands a second time among the columns, in other words."""
    frame = honest()
    return snapshot(
        folder, frame.with_columns(state=pl.Series(np.where(gone(frame), "closed", "open")))
    )


def telco(real: Path) -> pl.DataFrame:
    return pl.read_parquet(real / "telco.parquet").sample(3_000, seed=3)


def telco_study(folder: Path, frame: pl.DataFrame, **more: Any) -> dict[str, Any]:
    frame.write_parquet(folder / "table.parquet")
    section = {
        "path": "table.parquet",
        "as_of": "2024-12-31",
        "columns": {"customer_id": "customerID"},
        "labels": {"churned": "Churn = 'Yes'"},
        "hidden_from_churn": ["Churn"],
    }
    return {"snapshot": section | more}


def status_after(folder: Path, real: Path) -> dict[str, Any]:
    """The account's status today, which is right for all but one in thirty."""
    frame = telco(real)
    wrong = np.random.default_rng(1).random(frame.height) < 0.03
    closed = (frame["Churn"] == "Yes").to_numpy() ^ wrong
    return telco_study(
        folder, frame.with_columns(account=pl.Series(np.where(closed, "closed", "active")))
    )


def cancel_reason(folder: Path, real: Path) -> dict[str, Any]:
    """A reason that is asked of those who cancel, and given by half of them."""
    frame = telco(real)
    rng = np.random.default_rng(2)
    asked = (frame["Churn"] == "Yes").to_numpy() & (rng.random(frame.height) < 0.5)
    reasons = rng.choice(["price", "moved", "service"], frame.height)
    reason = pl.Series(
        [r if a else None for r, a in zip(reasons, asked, strict=True)], dtype=pl.String
    )
    return telco_study(folder, frame.with_columns(note=reason))


def missing_last_contact(folder: Path, real: Path) -> dict[str, Any]:
    """A column that is emptied when an account is closed."""
    frame = honest()
    rng = np.random.default_rng(3)
    emptied = np.where(
        gone(frame), rng.random(frame.height) < 0.92, rng.random(frame.height) < 0.03
    )
    contact = pl.Series(rng.integers(1, 90, frame.height)).cast(pl.Float64)
    return snapshot(folder, frame.with_columns(contact=contact.set(pl.Series(emptied), None)))


def total_after_cancelling(folder: Path, real: Path) -> dict[str, Any]:
    """Total charges that include the fee for ending the contract."""
    frame = telco(real).with_columns(
        pl.col("TotalCharges").str.strip_chars().cast(pl.Float64, strict=False)
    )
    fee = (
        pl.when(pl.col("Churn") == "Yes").then(180.0 + 2 * pl.col("MonthlyCharges")).otherwise(0.0)
    )
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
    matrix = frame.select(
        "tenure", "MonthlyCharges", "SeniorCitizen", contract=pl.col("Contract").rank("dense")
    )
    left = (frame["Churn"] == "Yes").to_numpy()
    model = LGBMClassifier(
        n_estimators=300, num_leaves=63, min_child_samples=5, random_state=0, n_jobs=1, verbosity=-1
    )
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
    stayed_on = np.where(
        gone(frame), rng.integers(-300, 1, frame.height), rng.integers(-60, 30, frame.height)
    )
    day = pl.Series(stayed_on + 19_904).cast(pl.Int32).cast(pl.Date)  # 19904 is 2024-06-30
    return snapshot(folder, frame.with_columns(last_visit=day))


def ids_in_the_order_of_outcomes(folder: Path, real: Path) -> dict[str, Any]:
    """Customers were numbered after they had been sorted by outcome, but for a few that
    came later.
    """
    frame = honest()
    place = gone(frame) + np.random.default_rng(16).normal(0, 0.4, frame.height)
    ordered = frame[np.argsort(place)]
    return snapshot(
        folder, ordered.with_columns(id=pl.Series([f"K{i:06d}" for i in range(frame.height)]))
    )


def record_numbers(folder: Path, real: Path) -> dict[str, Any]:
    """A record is written anew when a contract ends, and gets a new number."""
    frame = honest()
    rng = np.random.default_rng(17)
    place = rng.random(frame.height) + 0.45 * gone(frame)
    return snapshot(
        folder, frame.with_columns(record=pl.Series(np.argsort(np.argsort(place)) + 10_000))
    )


def days_of_record(folder: Path, real: Path) -> dict[str, Any]:
    """The day on which a row was last written: for those who left, mostly the day of their
    leaving.
    """
    frame = honest()
    rng = np.random.default_rng(18)
    away = np.where(
        gone(frame), rng.integers(0, 120, frame.height), rng.integers(60, 400, frame.height)
    )
    return snapshot(
        folder, frame.with_columns(written=pl.Series(19_904 - away).cast(pl.Int32).cast(pl.Date))
    )


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
    Planted(
        name="a label that is a threshold of a column",
        expected=("circular-label",),
        build=formula_of_one,
    ),
    Planted(
        name="a label that is a rule over two columns",
        expected=("circular-label",),
        build=formula_of_two,
    ),
    Planted(
        name="a value that is a product", expected=("circular-label",), build=value_is_a_product
    ),
    Planted(name="a value that is a sum", expected=("circular-label",), build=value_is_a_sum),
    Planted(name="a year that goes on", expected=("telling-value-column",), build=spent_afterwards),
    Planted(name="the label in other words", expected=("circular-label",), build=label_is_seen),
    Planted(
        name="a status of today",
        expected=("telling-column", "filled-in-afterwards"),
        build=status_after,
        real=True,
    ),
    Planted(
        name="a reason for cancelling",
        expected=("filled-in-afterwards",),
        build=cancel_reason,
        real=True,
    ),
    Planted(
        name="a column that is emptied", expected=("telling-column",), build=missing_last_contact
    ),
    Planted(
        name="a total after cancelling",
        expected=("changed-afterwards",),
        build=total_after_cancelling,
        real=True,
    ),
    Planted(name="a refunded total", expected=("changed-afterwards",), build=refunded_total),
    Planted(
        name="a score of another model",
        expected=("outshining-column", "telling-column"),
        build=score_of_another_model,
        real=True,
    ),
    Planted(
        name="two halves of a secret",
        expected=("telling-together", "changed-afterwards"),
        build=two_halves_of_a_secret,
    ),
    Planted(
        name="a date after the table",
        expected=("dated-after-the-cutoff",),
        build=date_after_the_table,
    ),
    Planted(
        name="ids in the order of outcomes",
        expected=("order-of-the-outcome",),
        build=ids_in_the_order_of_outcomes,
    ),
    Planted(name="record numbers", expected=("order-of-the-outcome",), build=record_numbers),
    Planted(name="days of record", expected=("order-of-the-outcome",), build=days_of_record),
    Planted(
        name="a coin flip in a group",
        expected=("at-the-ceiling",),
        build=coin_in_a_group,
        prove=True,
    ),
    Planted(
        name="nothing to learn",
        expected=("no-better-than-naive-churn",),
        build=nothing_to_learn,
        prove=True,
    ),
)
