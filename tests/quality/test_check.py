"""A study's inputs held to their contract, from files: what is counted, quarantined, named, and
what fails.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from holdfast.errors import DataError, StudyError
from holdfast.quality.check import Check, check, write_page
from holdfast.quality.check_files import write_contract
from holdfast.quality.churn_window import churn_window
from holdfast.runs.run import run
from holdfast.study import Study

COLUMNS = {
    "customer_id": "who",
    "occurred_at": "at",
    "order_id": "order",
    "quantity": "n",
    "unit_price": "price",
}
ROWS = [
    "a,2024-01-01 10:00,1,1,5",
    "a,2024-01-05 10:00,2,20,5",
    "b,2024-01-07 10:00,3,2,5",
    "b,2024-01-08 10:00,3,-1,5",
    "c,2024-01-09 10:00,X,3,5",
]


def study(
    folder: Path, rows: list[str] = ROWS, *, contract: dict[str, Any] | None = None, **keys: Any
) -> Study:
    (folder / "orders.csv").write_text(
        "\n".join(["who,at,order,n,price", *rows]) + "\n", encoding="utf-8"
    )
    asked = keys.pop("check", {})
    if contract is not None:
        (folder / "contract.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
        asked = {"contract": "contract.yaml", **asked}
    raw = {"study": {"name": "t"}, "project_dir": str(folder), "check": asked, **keys}
    return Study.from_dict({"transactions": {"path": "orders.csv", "columns": COLUMNS}, **raw})


def contract(*properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "t",
        "version": "1",
        "status": "active",
    }
    return {**head, "schema": [{"name": "transactions", "properties": list(properties), **more}]}


def reasons(found: Check) -> dict[str, int]:
    return {violation.reason: violation.rows for violation in found.violations}


def test_the_generated_contract_asks_for_nothing_more(tmp_path: Path) -> None:
    before = check(study(tmp_path))
    path = write_contract(before.contract, tmp_path)
    after = check(study(tmp_path, check={"contract": path.name}))
    assert (after.rows, after.violations, after.passed) == (before.rows, (), True)


@pytest.mark.parametrize(
    ("promise", "reason", "rows"),
    [
        (
            {"name": "n", "logicalType": "number", "logicalTypeOptions": {"maximum": 10}},
            "n is above 10",
            1,
        ),
        (
            {"name": "n", "logicalType": "number", "logicalTypeOptions": {"exclusiveMinimum": 1}},
            "n is not above 1",
            2,
        ),
        ({"name": "order", "logicalType": "integer"}, "order is no integer", 1),
        ({"name": "order", "unique": True}, "order repeats", 1),
        (
            {"name": "order", "logicalTypeOptions": {"pattern": "^[0-9]+$"}},
            "order does not match",
            1,
        ),
        ({"name": "who", "logicalTypeOptions": {"minLength": 2}}, "who is shorter than 2", 5),
        (
            {
                "name": "at",
                "logicalType": "timestamp",
                "logicalTypeOptions": {"maximum": "2024-01-08"},
            },
            "at is above 2024-01-08",
            2,
        ),
        (
            {
                "name": "who",
                "quality": [
                    {
                        "metric": "invalidValues",
                        "arguments": {"validValues": ["a", "b"]},
                        "mustBeLessThan": 2,
                    },
                ],
            },
            "who is not one of 2 words",
            1,
        ),
    ],
)
def test_rows_that_break_the_contract_are_quarantined(
    tmp_path: Path, promise: dict[str, Any], reason: str, rows: int
) -> None:
    if rows == 5:
        with pytest.raises(DataError, match=f"none of the 5 rows .*contract: {reason}"):
            check(study(tmp_path, contract=contract(promise)))
        return
    found = check(study(tmp_path, contract=contract(promise)))
    assert reasons(found) == {f"contract: {reason}": rows}
    got = found.rows["transactions"]
    assert (got.read, got.accepted, got.quarantined) == (5, 5 - rows, rows)
    assert found.passed
    assert found.violations[0].examples[0]["source"].endswith("orders.csv")


def test_a_key_of_two_columns_is_unique_together(tmp_path: Path) -> None:
    rule = {"metric": "duplicateValues", "arguments": {"properties": ["who", "order"]}, "mustBe": 0}
    found = check(study(tmp_path, contract=contract(quality=[rule])))
    assert reasons(found) == {"contract: who and order repeats": 1}
    assert found.failures == ("transactions: duplicateValues mustBe 0 rows, found 1 of 5 rows",)


def test_the_studys_threshold_fails_the_check_and_refuses_the_run(tmp_path: Path) -> None:
    promise = {"name": "n", "logicalType": "number", "logicalTypeOptions": {"maximum": 10}}
    strict = study(tmp_path, contract=contract(promise), check={"violations_at_most": 0.1})
    found = check(strict)
    assert not found.passed
    assert "1 of 5 rows (20.00%) are quarantined" in found.failures[0]
    with pytest.raises(DataError, match=r"violations_at_most allows 10\.00%"):
        run(strict)
    assert check(
        study(tmp_path, contract=contract(promise), check={"violations_at_most": 0.2})
    ).passed


def test_freshness_is_held_on_the_day_that_is_asked_about(tmp_path: Path) -> None:
    promised = contract() | {
        "slaProperties": [
            {"property": "latency", "value": 7, "unit": "d", "element": "transactions.at"}
        ]
    }
    assert check(study(tmp_path, contract=promised, check={"as_of": "2024-01-16"})).passed
    late = check(study(tmp_path, contract=promised, check={"as_of": "2024-01-17"}))
    assert "2024-01-09, 8 days before 2024-01-17; the contract allows 7" in late.failures[0]


def test_references_are_held_where_the_contract_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,town\na,Rome\nz,Oslo\n", encoding="utf-8")
    customers = {"path": "c.csv", "columns": {"customer_id": "id"}, "attributes": ["town"]}
    link = {"name": "id", "relationships": [{"to": "transactions.who"}]}
    promised = contract()
    promised["schema"].append({"name": "customers", "properties": [link]})
    found = check(study(tmp_path, contract=promised, customers=customers))
    assert reasons(found) == {"contract: id is not in transactions.who": 1}


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        ({"name": "ordr"}, "a column 'ordr' .*did you mean 'order'"),
        ({"name": "order", "logicalTypeOptions": {"pattern": "("}}, "pattern of order is none"),
        (
            {"name": "n", "logicalType": "number", "logicalTypeOptions": {"maximum": "ten"}},
            "bounds n by 'ten'",
        ),
    ],
)
def test_a_contract_that_does_not_fit_says_where(
    tmp_path: Path, promise: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        check(study(tmp_path, contract=contract(promise)))


def test_a_contract_is_not_overwritten_and_a_page_is_whole(tmp_path: Path) -> None:
    found = check(study(tmp_path))
    write_contract(found.contract, tmp_path)
    with pytest.raises(Exception, match="already"):
        write_contract(found.contract, tmp_path)
    page = write_page(found, tmp_path / "data.html")
    text = page.read_text(encoding="utf-8")
    assert "few customers" in text.lower()
    assert "<script src" not in text
    json.dumps(found.as_dict(), allow_nan=False)


def test_too_small_a_log_says_what_is_withheld_and_what_remains(tmp_path: Path) -> None:
    found = check(study(tmp_path, check={"needs": {"customers": 3, "rhythm_customers": 1}}))
    counts = {count.name: count.missing for count in found.sufficiency.counts}
    assert counts["few-customers"] == 0
    assert counts["no-rhythm"] == 1
    said = {finding.name: finding for finding in found.findings}
    assert "Withheld: churn, value, backtest" in said["short-log"].meaning


@pytest.mark.slow
@pytest.mark.usefixtures("bench_data")
def test_the_giant_orders_of_the_gift_shop_are_named() -> None:
    found = check(
        Study.from_toml(
            Path(__file__).parents[2] / "examples" / "online_retail_ii" / "holdfast.toml"
        )
    )
    said = {finding.name: finding.evidence for finding in found.findings}
    assert "80,995 units, 168,469.60 GBP, cancelled 12 minutes later" in said["giant-lines"]
    assert "74,215 units, 77,183.60 GBP, cancelled 16 minutes later" in said["giant-lines"]
    assert set(said) >= {
        "gaps-in-the-calendar",
        "last-day-incomplete",
        "customers-older-than-the-log",
    }
    topics = {topic.name: topic.facts for topic in found.topics}
    assert topics["calendar"]["closed_on"] == ["Saturdays"]
    assert topics["duplicates"]["set_aside"] == 34_335


def test_a_share_among_percents_is_found_in_a_snapshot(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rate = np.where(np.arange(400) < 20, rng.uniform(0.02, 0.5, 400), rng.uniform(5, 50, 400))
    frame = {
        "id": [f"c{i}" for i in range(400)],
        "Cart_Abandon_Rate": rate,
        "gone": [i % 3 == 0 for i in range(400)],
    }
    pl.DataFrame(frame).write_csv(tmp_path / "s.csv")
    raw = {
        "path": "s.csv",
        "as_of": "2024-01-01",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "gone"},
    }
    found = check(
        Study.from_dict({"study": {"name": "s"}, "project_dir": str(tmp_path), "snapshot": raw})
    )
    said = {finding.name: finding.evidence for finding in found.findings}
    assert said["mixed-units-Cart_Abandon_Rate"].startswith(
        "20 of 400 values of Cart_Abandon_Rate lie in 0..1"
    )
    assert "400 customers, 500 are needed: 100 too few" in said["few-customers"]


def contractual(folder: Path, *, n: int = 600) -> Study:
    """Subscribers who pay every 30 days, decide to leave (2 in 1,000 a day) or have a card that
    fails (1 in 1,000).
    """
    rng = np.random.default_rng(8)
    start, decide, fail = rng.integers(0, 300, n), rng.geometric(0.002, n), rng.geometric(0.001, n)
    end = start + np.minimum(decide, fail)
    day0 = np.datetime64("2023-01-01")
    paid = [
        (f"s{i}", day, 10) for i in range(n) for day in range(start[i], min(end[i] + 1, 730), 30)
    ]
    orders = pl.DataFrame(paid, schema=["who", "day", "amount"], orient="row")
    orders.select(
        "who", at=pl.Series(day0 + orders["day"].to_numpy()), amount="amount"
    ).write_parquet(folder / "paid.parquet")
    over = end < 730
    pl.DataFrame(
        {
            "id": [f"s{i}" for i in range(n)],
            "ended": pl.Series(day0 + end).set(pl.Series(~over), None),
            "why": pl.Series(np.where(decide <= fail, "too dear", "Payment failed")).set(
                pl.Series(~over), None
            ),
        }
    ).write_parquet(folder / "ends.parquet")
    return Study.from_dict(
        {
            "study": {"name": "subscriptions"},
            "project_dir": str(folder),
            "churn": {"kind": "contractual"},
            "transactions": {
                "path": "paid.parquet",
                "columns": {"customer_id": "who", "occurred_at": "at", "amount": "amount"},
            },
            "customers": {
                "path": "ends.parquet",
                "columns": {"customer_id": "id", "ended_on": "ended", "end_reason": "why"},
            },
        }
    )


def test_failed_payments_and_decisions_are_told_apart_in_a_contractual_log(tmp_path: Path) -> None:
    found = churn_window(contractual(tmp_path))
    assert found.regime.name == "contractual"
    last = found.causes.filter(pl.col("day") == 360)
    share = dict(last.select("cause", "incidence").iter_rows())
    # Of those who leave, two in three decide to; after 360 days 1 - 0.998^360 * 0.999^360 have
    # left.
    gone = 1 - (0.998 * 0.999) ** 360
    assert share["voluntary"] == pytest.approx(gone * 2 / 3, abs=0.05)
    assert share["involuntary"] == pytest.approx(gone / 3, abs=0.05)
    assert sum(share.values()) + last["still_there"][0] == pytest.approx(1, abs=1e-12)
    assert "involuntary-churn" in [finding.name for finding in found.findings]
    assert found.as_dict()["causes"][0]["cause"] == "voluntary"


def test_what_is_filled_in_when_a_customer_leaves_is_no_attribute() -> None:
    customers = {
        "path": "c.csv",
        "columns": {"customer_id": "id", "ended_on": "ended"},
        "attributes": ["ended"],
    }
    log = {"path": "o.csv", "columns": COLUMNS}
    with pytest.raises(StudyError, match="filled in when a customer leaves"):
        Study.from_dict({"study": {"name": "s"}, "transactions": log, "customers": customers})


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        (
            {
                "name": "at",
                "logicalType": "timestamp",
                "logicalTypeOptions": {"minimum": "soon"},
            },
            "the bound of at: .*soon",
        ),
        (
            {"name": "order", "logicalTypeOptions": {"minLength": "long"}},
            "bounds order by 'long'",
        ),
        (
            {"name": "who", "relationships": [{"to": "transactions.who"}]},
            "lets who refer to transactions.who",
        ),
    ],
)
def test_a_promise_that_nothing_can_be_held_to_is_said(
    tmp_path: Path, promise: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        check(study(tmp_path, contract=contract(promise)))
