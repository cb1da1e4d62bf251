"""No stranger's file comes out wrong in silence: every case and every system's export."""

from pathlib import Path

import pytest
from bench._stranger_exports import Export, all_exports, make_orders
from bench._stranger_formats import (
    AMOUNTS,
    DATES,
    AmountFormat,
    DateFormat,
    write_amounts,
    write_dates,
)
from bench.strangers import CASES, judge

from bench import find_data

CASES_FOLDER = (find_data() or Path.cwd()).parent / "cases"


@pytest.mark.parametrize("name", list(CASES))
def test_no_case_is_wrong(name: str, tmp_path: Path) -> None:
    if not (CASES_FOLDER / name).is_file():
        pytest.skip("the cases are not here")
    outcome = judge(CASES_FOLDER / name, CASES[name], tmp_path)
    assert outcome.verdict != "wrong", outcome.words


@pytest.mark.parametrize("export", list(all_exports()), ids=lambda export: export.name)
def test_no_export_is_wrong(export: Export, tmp_path: Path) -> None:
    orders = make_orders()
    export.write(tmp_path / "export.csv", orders)
    outcome = judge(tmp_path / "export.csv", export.truth(orders), tmp_path)
    assert outcome.verdict in ("right", "asked"), outcome.words


@pytest.mark.parametrize(
    "name",
    [
        "dates_space_offset.csv",
        "dates_square.csv",
        "amount_with_dollar_sign.csv",
        "shopify_orders_export.csv",
    ],
)
def test_dates_and_amounts_of_the_cases_come_out_right(name: str, tmp_path: Path) -> None:
    if not (CASES_FOLDER / name).is_file():
        pytest.skip("the cases are not here")
    outcome = judge(CASES_FOLDER / name, CASES[name], tmp_path)
    assert outcome.verdict == "right", outcome.words


@pytest.mark.parametrize("form", DATES, ids=lambda form: form.name)
def test_init_reads_dates_however_they_are_written(form: DateFormat, tmp_path: Path) -> None:
    truth = write_dates(form, tmp_path / "orders.csv")
    outcome = judge(tmp_path / "orders.csv", truth, tmp_path)
    assert outcome.verdict in ("right", "asked"), outcome.words


@pytest.mark.parametrize("form", AMOUNTS, ids=lambda form: form.name)
def test_init_reads_amounts_however_they_are_written(form: AmountFormat, tmp_path: Path) -> None:
    truth = write_amounts(form, tmp_path / "orders.csv")
    outcome = judge(tmp_path / "orders.csv", truth, tmp_path)
    assert outcome.verdict in ("right", "asked"), outcome.words
