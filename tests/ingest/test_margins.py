"""What a line leaves: by its cost, by its category, by the study's one rate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import StudyError
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

COLUMNS = {"customer_id": "who", "occurred_at": "day", "amount": "paid"}
HEADER = "who,day,n,paid,cost,kind,back\n"
DAY = "2024-03-01"


def study_of(
    folder: Path, rows: str, columns: Mapping[str, str], value: Mapping[str, Any], **more: Any
) -> Study:
    (folder / "log.csv").write_text(HEADER + rows, encoding="utf-8")
    log = {"path": str(folder / "log.csv"), "columns": COLUMNS | columns, **more}
    return Study.from_dict(
        {"study": {"name": "shop", "currency": "EUR"}, "transactions": log, "value": value}
    )


def margins_of(
    folder: Path, rows: str, columns: Mapping[str, str], value: Mapping[str, Any], **more: Any
) -> tuple[dict[str, tuple[float, float]], OrderLog]:
    """Margin of what each customer bought and sent back, in cents, and the log."""
    study = study_of(folder, rows, columns, value, **more)
    (folder / "scratch").mkdir(exist_ok=True)
    with Warehouse(folder / "scratch") as warehouse:
        log = read_order_log(study, warehouse)
        rows_ = warehouse.query(
            "SELECT customer_id, CAST(sum(bought_margin) AS DOUBLE),"
            " CAST(sum(returned_margin) AS DOUBLE) FROM daily_margins GROUP BY 1"
        ).rows()
    return {who: (bought, back) for who, bought, back in rows_}, log


def finding(log: OrderLog, name: str) -> str:
    return next(each.evidence for each in log.findings if each.name == name)


def test_the_margin_of_a_line_is_its_amount_less_its_cost_and_a_return_takes_it_back(
    tmp_path: Path,
) -> None:
    rows = (
        f"ann,{DAY},1,10.00,4.00,,\nann,{DAY},1,-10.00,4.00,,\nbob,{DAY},1,10.00,12.50,,\n"
        f"cem,{DAY},1,20.00,5.00,,\ncem,{DAY},1,-20.00,-5.00,,\n"
    )
    margins, _ = margins_of(tmp_path, rows, {"cost": "cost"}, {})
    # Ann's return writes its cost as what came back, Cem's as what is lost: both give it back.
    assert margins == {"ann": (600, -600), "bob": (-250, 0), "cem": (1500, -1500)}


def test_a_unit_cost_is_times_the_quantity(tmp_path: Path) -> None:
    rows = f"ann,{DAY},3,10.00,2.00,,\nann,{DAY},-1,-3.00,2.00,,\n"
    columns = {"unit_cost": "cost", "quantity": "n"}
    margins, _ = margins_of(tmp_path, rows, columns, {})
    assert margins == {"ann": (400, -100)}


def test_the_cost_of_what_is_refunded_comes_back_with_it(tmp_path: Path) -> None:
    # A quarter of the 40 is given back, and a quarter of the cost of 20: 30 - 15.
    rows = f"ann,{DAY},1,40.00,20.00,,10.00\nbob,{DAY},1,8.00,2.00,,8.00\n"
    columns = {"cost": "cost", "refunded": "back"}
    margins, _ = margins_of(tmp_path, rows, columns, {})
    assert margins == {"ann": (1500, 0), "bob": (0, 0)}


def test_a_category_has_its_rate_whatever_its_case_and_others_the_overall_one(
    tmp_path: Path,
) -> None:
    rows = (
        f"ann,{DAY},1,10.00,,Food,\nann,{DAY},1,-10.00,,food,\nbob,{DAY},1,10.00,,wine,\n"
        f"cem,{DAY},1,5.00,,toys,\ncem,{DAY},1,7.00,,,\n"
    )
    value = {"margin_rate": 0.3, "margin_by_category": {"food": 0.2, "Wine": -0.5}}
    margins, log = margins_of(tmp_path, rows, {"category": "kind"}, value)
    assert margins == {"ann": (200, -200), "bob": (-500, 0), "cem": (360, 0)}
    assert finding(log, "margin-not-known") == (
        "2 of 5 lines, with revenue 12.00 EUR, have a category without a rate (none, toys)"
    )


def test_a_line_without_a_cost_has_the_rate_of_its_category_or_else_the_overall_one(
    tmp_path: Path,
) -> None:
    rows = f"ann,{DAY},1,10.00,1.00,food,\nbob,{DAY},1,10.00,,food,\ncem,{DAY},1,10.00,,,\n"
    value = {"margin_rate": 0.5, "margin_by_category": {"food": 0.2}}
    columns = {"cost": "cost", "category": "kind"}
    margins, log = margins_of(tmp_path, rows, columns, value)
    assert margins == {"ann": (900, 0), "bob": (200, 0), "cem": (500, 0)}
    assert "1 of 3 lines" in finding(log, "margin-not-known")


def test_a_sale_with_a_cost_below_zero_counts_as_one_without_a_cost_and_is_told(
    tmp_path: Path,
) -> None:
    rows = f"ann,{DAY},1,10.00,-4.00,,\nbob,{DAY},1,10.00,4.00,,\n"
    margins, log = margins_of(tmp_path, rows, {"cost": "cost"}, {"margin_rate": 0.5})
    assert margins == {"ann": (500, 0), "bob": (600, 0)}
    told = finding(log, "cost-below-zero")
    assert told == "1 of 2 lines are sales with a cost below zero, with revenue 10.00 EUR"


def test_a_cost_that_is_no_number_puts_its_line_in_quarantine(tmp_path: Path) -> None:
    rows = f"ann,{DAY},1,10.00,x,,\nbob,{DAY},1,10.00,$4.00,,\ncem,{DAY},1,10.00,€4.00,,\n"
    margins, log = margins_of(tmp_path, rows, {"cost": "cost"}, {})
    assert margins == {"cem": (600, 0)}
    assert log.reasons["transactions"] == {
        "cost is not a number": 1,
        "cost is in another currency than the amount": 1,
    }


def test_costs_are_converted_and_counted_in_cents_as_amounts_are(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(f"day,currency,rate\n{DAY},USD,0.5\n", encoding="utf-8")
    rows = f"ann,{DAY},1,$10.00,$4.00,,\nbob,{DAY},1,10.00,4.00,,\n"
    study = study_of(tmp_path, rows, {"cost": "cost"}, {})
    rates = {"path": str(tmp_path / "rates.csv")}
    converted = Study.from_dict({**_plain(study), "currency": {"rates": rates}})
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as warehouse:
        read_order_log(converted, warehouse)
        sql = "SELECT customer_id, CAST(bought_margin AS DOUBLE) FROM daily_margins ORDER BY 1"
        assert warehouse.query(sql).rows() == [("ann", 300.0), ("bob", 600.0)]
    rows = f"ann,{DAY},1,1000,400,,\n"
    margins, _ = margins_of(tmp_path, rows, {"cost": "cost"}, {}, amounts_in="minor")
    assert margins == {"ann": (600, 0)}


def _plain(study: Study) -> dict[str, Any]:
    assert study.transactions is not None
    log = study.transactions.model_dump(exclude_unset=True)
    return {"study": {"name": study.name, "currency": study.currency}, "transactions": log}


def test_the_cost_of_an_order_counts_once_as_its_amount_does(tmp_path: Path) -> None:
    rows = f"ann,{DAY},A,20.00,12.00,,\nann,{DAY},A,20.00,12.00,,\n"
    columns = {"cost": "cost", "order_id": "n"}
    margins, _ = margins_of(tmp_path, rows, columns, {}, amount_of="order")
    assert margins == {"ann": (800, 0)}


def test_without_costs_the_margin_is_the_rate_times_the_revenue(tmp_path: Path) -> None:
    rows = f"ann,{DAY},1,10.00,4.00,,\nann,{DAY},1,-5.00,4.00,,\n"
    margins, log = margins_of(tmp_path, rows, {}, {"margin_rate": 0.25})
    assert margins == {"ann": (250, -125)}
    assert not [each for each in log.findings if "margin" in each.name]


def test_many_lines_below_their_cost_are_doubted(tmp_path: Path) -> None:
    rows = f"ann,{DAY},1,10.00,400,,\nbob,{DAY},1,10.00,4.00,,\n"
    _, log = margins_of(tmp_path, rows, {"cost": "cost"}, {})
    told = finding(log, "sold-at-a-loss")
    assert told == "1 of 2 lines sold, with revenue 10.00 EUR, cost more than they brought"


@pytest.mark.parametrize(
    ("columns", "value", "problem"),
    [
        ({"cost": "cost", "unit_cost": "cost"}, {}, "names both cost and unit_cost"),
        ({"unit_cost": "cost"}, {}, "unit_cost needs quantity"),
        ({"category": "kind"}, {}, "need each other"),
        ({}, {"margin_by_category": {"food": 0.2}}, "need each other"),
        ({"category": "kind"}, {"margin_by_category": {"a": 0.2, "A": 0.1}}, "differ in case"),
        ({"category": "kind"}, {"margin_by_category": {"a": 1.2}}, "less than or equal to 1"),
    ],
)
def test_a_margin_that_hangs_in_the_air_is_refused(
    tmp_path: Path, columns: dict[str, str], value: dict[str, Any], problem: str
) -> None:
    with pytest.raises(StudyError, match=problem):
        study_of(tmp_path, "", columns, value)
