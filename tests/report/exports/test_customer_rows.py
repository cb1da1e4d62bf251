"""customer_segments.csv: the most at stake first, and nothing that a spreadsheet would run."""

import csv
import io

import numpy as np
import polars as pl
import pytest

from holdfast import tables
from holdfast.report.exports.customer_rows import (
    customer_segments,
    first_customers,
    write_audience,
    write_customer_segments,
)
from holdfast.report.report_data import Report

NAMES = ["Customer_ID", "Churn_Probability", "Predicted_LTV", "Composite_Risk_Score", "Segment"]


def _scores(ids: list[str], **columns: object) -> pl.DataFrame:
    n = len(ids)
    whole = {
        "customer_id": ids,
        "cutoff_day": [0] * n,
        "churn_probability": [0.5] * n,
        "expected_revenue": [1.0] * n,
        "risk_score": [0.5] * n,
        "risk_rank": [0.5] * n,
        "value_tier": ["low"] * n,
        "segment": ["Hibernating"] * n,
    }
    empty = {name: [None] * n for name in tables.SCORES.schema if name not in whole}
    return pl.DataFrame(whole | empty | columns, schema=tables.SCORES.schema)


def _read(scores: pl.DataFrame) -> list[list[str]]:
    out = io.BytesIO()
    write_customer_segments(scores, out)
    return list(csv.reader(io.StringIO(out.getvalue().decode("utf-8"), newline="")))


def test_the_most_at_stake_come_first_however_risky_others_are() -> None:
    table = customer_segments(
        _scores(["a", "b", "c"], at_stake=[10.0, 30.0, 20.0], risk_score=[0.9, 0.1, 0.5])
    )
    assert table["Customer_ID"].to_list() == ["b", "c", "a"]
    assert table.columns == NAMES


def test_with_as_much_at_stake_the_riskier_comes_first_then_the_one_worth_more() -> None:
    scores = _scores(
        ["b", "a", "c", "d"], risk_score=[0.2, 0.9, 0.9, 0.9], expected_revenue=[1.0, 5, 7, 5]
    )
    zero = scores.with_columns(at_stake=0.0)
    for same in (scores, zero, scores.drop("at_stake")):
        assert customer_segments(same)["Customer_ID"].to_list() == ["c", "a", "d", "b"]
        assert first_customers(same, 2)["customer_id"].to_list() == ["c", "a"]


RANKED = pl.DataFrame(
    {
        "customer_id": ["b", "a", "c", "d"],
        "at_stake": [5.0, 5.0, 50.0, 1.0],
        "risk_score": [0.2, 0.2, 0.1, 0.9],
        "churn_probability": [0.2, 0.3, 0.1, 0.9],
        "expected_revenue": [9.0, 9.0, 500.0, 2.0],
    }
)


def test_the_most_at_stake_come_first_and_equals_by_name() -> None:
    assert first_customers(RANKED, 3)["customer_id"].to_list() == ["c", "a", "b"]
    assert first_customers(RANKED, 1, by="risk")["customer_id"].to_list() == ["d"]
    assert first_customers(RANKED, 9, by="expected revenue").height == 4


def test_where_nothing_is_known_to_be_at_stake_the_riskiest_come_first() -> None:
    unknown = RANKED.with_columns(at_stake=pl.lit(None, pl.Float64))
    assert first_customers(unknown, 2)["customer_id"].to_list() == ["d", "a"]
    assert first_customers(RANKED.head(0), 2).is_empty()


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n＝＋－＠"])
def test_a_name_that_a_spreadsheet_would_run_is_neutralised(begin: str) -> None:
    assert _read(_scores([f"{begin}cmd|' /C calc'!A0"]))[1][0] == f"'{begin}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "name", ["Ann", "12345", "a=b", "'quoted'", 'Zoë, "the" 🦊', "مؤسسة", "a\nb", " =1"]
)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert _read(_scores([name]))[1][0] == name


def test_numbers_are_not_touched_even_below_zero() -> None:
    row = _read(_scores(["a"], expected_revenue=[-12.5], churn_probability=[0.1234567890123]))[1]
    assert row == ["a", "0.1234567890123", "-12.5", "0.5", "Hibernating"]


def test_revenue_that_nobody_estimated_is_an_empty_cell() -> None:
    out = io.BytesIO()
    write_customer_segments(_scores(["a"], expected_revenue=[0.0]), out, knows_value=False)
    assert out.getvalue().decode().splitlines()[1] == "a,0.5,,0.5,Hibernating"


def test_the_file_holds_every_customer_with_every_digit(report: Report) -> None:
    rows = _read(report.scores)
    assert rows[0] == NAMES
    assert len(rows) == report.scores.height + 1
    at_stake = [float(row[1]) * float(row[2]) for row in rows[1:]]
    assert at_stake == sorted(at_stake, reverse=True)


@pytest.mark.parametrize("columns", [["customer_id"], ["customer_id", "arm"]])
def test_a_list_of_an_audience_runs_nothing_and_carries_its_facts(columns: list[str]) -> None:
    customers = pl.DataFrame({"customer_id": ["=1+1", "ann"], "arm": ["hold out", "@x"]})
    out = io.BytesIO()
    write_audience(customers.select(columns), out, form="csv", facts={"run_id": "-r1"})
    assert list(csv.reader(io.StringIO(out.getvalue().decode()))) == [
        [*columns, "run_id"],
        [*["'=1+1", "hold out"][: len(columns)], "'-r1"],
        [*["ann", "'@x"][: len(columns)], "'-r1"],
    ]


@pytest.mark.slow
def test_a_million_customers_are_written_within_seconds() -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    scores = _scores(
        [f"C{k}" for k in range(n)],
        at_stake=rng.random(n),
        expected_revenue=rng.lognormal(5, 1, n),
    )
    out = io.BytesIO()
    write_customer_segments(scores, out)
    assert out.getvalue().count(b"\n") == n + 1
