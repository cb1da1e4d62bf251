"""The sufficiency gate: each count at its edge, and what is withheld below it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.io.warehouse import Warehouse
from holdfast.quality.sufficiency import Sufficiency, check_log
from holdfast.study import Study
from holdfast.tables import ACTIVITY

END_DAY = 400
COLUMNS = ("customer_id", "day", "n_orders")


def purchases(days: list[int], *, n: int, name: str) -> pl.DataFrame:
    """So many customers who all buy on these days."""
    rows = [(f"{name}{i}", day, 1) for i in range(n) for day in days]
    return pl.DataFrame(
        rows, schema={column: ACTIVITY.schema[column] for column in COLUMNS}, orient="row"
    )


def log(*, loyal: int = 100, gone: int = 100, once: int = 300) -> pl.DataFrame:
    """A log that is just enough: loyal customers come thrice, the last time yesterday; others left,
    or came once.
    """
    kinds = (
        purchases([0, 200, END_DAY - 1], n=loyal, name="loyal"),
        purchases([300], n=gone, name="gone"),
        purchases([END_DAY - 20], n=once, name="once"),
    )
    return pl.concat(kinds)


def asked(
    frame: pl.DataFrame,
    *,
    horizon_days: int = 90,
    end_day: int = END_DAY,
    eligible: str = "bought in the last 365 days",
    **needs: int,
) -> Sufficiency:
    study = Study.from_dict(
        {
            "study": {"name": "t"},
            "transactions": {"path": "o", "columns": {"customer_id": "c", "occurred_at": "t"}},
            "churn": {"horizon_days": horizon_days, "eligible": eligible},
            "check": {"needs": needs},
        }
    )
    with TemporaryDirectory() as scratch, Warehouse(Path(scratch)) as warehouse:
        warehouse.con.register("activity", frame)
        return check_log(study, warehouse, end_day=end_day)


def test_a_log_that_is_just_enough_passes_without_a_word() -> None:
    found = asked(log())
    assert all(count.holds for count in found.counts)
    assert found.findings == ()
    assert found.withheld == ()
    assert {count.name: count.actual for count in found.counts} == {
        "few-customers": 500,
        "short-log": 400,
        "stale-log": 1,
        "no-rhythm": 100,
        "few-churned": 100,
        "few-kept": 100,
    }


@pytest.mark.parametrize(
    ("frame", "name", "evidence"),
    [
        (log(once=299), "few-customers", "499 customers with an order, 500 are needed: 1 too few"),
        (
            log(gone=99, once=301),
            "few-churned",
            "99 customers who churned, 100 are needed: 1 too few over the 90 days",
        ),
        (
            log(loyal=98, once=302),
            "few-kept",
            "98 customers who were kept, 100 are needed: 2 too few over the 90 days",
        ),
    ],
)
def test_one_customer_short_is_said_with_the_numbers(
    frame: pl.DataFrame, name: str, evidence: str
) -> None:
    found = asked(frame)
    assert [finding.name for finding in found.findings] == [name]
    assert found.findings[0].evidence.startswith(evidence)
    assert found.findings[0].severity == "warning"
    assert [count.missing for count in found.counts if not count.holds] == [
        int(evidence.split(": ")[1].split()[0])
    ]


def test_a_log_must_hold_the_horizon_twice() -> None:
    found = asked(log(), horizon_days=201)
    short = next(count for count in found.counts if count.name == "short-log")
    assert (short.needed, short.actual, short.missing) == (402, 400, 2)
    assert {"churn", "value", "backtest"} <= set(found.withheld)
    assert "at most 200" in next(
        finding.fix for finding in found.findings if finding.name == "short-log"
    )


def test_a_log_must_be_180_days_long_though_the_horizon_fits_twice() -> None:
    found = asked(
        pl.concat(
            [purchases([END_DAY - 179], n=1, name="first"), log().filter(pl.col("day") > 250)]
        ),
        horizon_days=80,
    )
    assert next(count for count in found.counts if count.name == "short-log").missing == 1


def test_a_log_whose_orders_stopped_cannot_tell_who_is_at_risk_today() -> None:
    stopped = log().with_columns(day=pl.col("day") - 30)
    found = asked(stopped.filter(pl.col("day") >= 0))
    stale = next(count for count in found.counts if count.name == "stale-log")
    assert (stale.actual, stale.missing) == (31, 1)
    assert "scores of today" in found.withheld


def test_without_third_purchases_there_is_no_rhythm() -> None:
    twice = pl.concat(
        [
            purchases([200, END_DAY - 1], n=400, name="twice"),
            purchases([0, 300], n=100, name="gone"),
        ]
    )
    found = asked(twice)
    assert [finding.name for finding in found.findings] == ["no-rhythm"]
    assert found.withheld == ("rhythm",)


def test_nothing_to_learn_from_is_fatal() -> None:
    found = asked(log(gone=0, once=400))
    assert {finding.name: finding.severity for finding in found.findings} == {
        "few-churned": "fatal"
    }


def test_only_eligible_customers_have_an_outcome() -> None:
    # Who left more than a year before the cutoff is no longer scored, and so has no label.
    old = log(gone=0, once=400).with_columns(day=pl.col("day") + 1_000)
    frame = pl.concat([old, purchases([0], n=150, name="long gone")])
    found = asked(frame, end_day=1_400)
    assert next(count for count in found.counts if count.name == "few-churned").actual == 0
    everyone = asked(frame, end_day=1_400, eligible="ever bought")
    assert next(count for count in everyone.counts if count.name == "few-churned").actual == 150


def test_what_is_needed_can_be_set() -> None:
    assert asked(log(once=0), customers=200).findings == ()


def test_days_without_an_order_do_not_count() -> None:
    browsing = purchases([END_DAY - 1], n=50, name="browser").with_columns(
        n_orders=pl.lit(0, pl.Int32)
    )
    assert asked(pl.concat([log(), browsing])).counts == asked(log()).counts


def test_every_finding_says_what_is_withheld_and_what_remains() -> None:
    found = asked(purchases([0, 300], n=3, name="few"))
    assert [finding.name for finding in found.findings] == [
        "few-customers",
        "stale-log",
        "no-rhythm",
        "few-churned",
        "few-kept",
    ]
    for finding in found.findings:
        assert finding.meaning.startswith("Withheld: ")
        assert finding.meaning.count(".") >= 2
        assert finding.fix
    assert found.withheld == ("churn", "value", "backtest", "scores of today", "rhythm")
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_log_without_orders_is_an_error() -> None:
    with pytest.raises(NotEnoughData, match="no order"):
        asked(log().clear())
