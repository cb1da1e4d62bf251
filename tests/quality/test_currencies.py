"""Amounts in several currencies are never added up: a run refuses them, and says what to do."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError, NotHonest
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence, Steps
from holdfast.quality.currencies import find_currencies_added_up
from holdfast.runs.train_and_score import train_and_score
from holdfast.study import Study


def study_of(
    folder: Path, *, heading: str = "currency", words: tuple[str, ...], **more: Any
) -> Study:
    lines = [f"who,when,paid,{heading}"]
    lines += [f"c{i % 9},2023-{i % 12 + 1:02d}-05,5.00,{words[i % len(words)]}" for i in range(60)]
    (folder / "orders.csv").write_text("\n".join(lines))
    columns = {"customer_id": "who", "occurred_at": "when", "amount": "paid"}
    log = {"path": str(folder / "orders.csv"), "columns": columns, **more.pop("transactions", {})}
    about = {"name": "s", "currency": "EUR", **more.pop("study", {})}
    (folder / "scratch").mkdir(exist_ok=True)
    return Study.from_dict({"study": about, "transactions": log, **more})


def findings_of(study: Study, folder: Path) -> list[tuple[str, str]]:
    with Warehouse(folder / "scratch") as warehouse:
        return [
            (each.name, each.severity)
            for each in find_currencies_added_up(read_order_log(study, warehouse))
        ]


@pytest.mark.parametrize("heading", ["currency", "Currency Code", "presentmentCurrency", "Währung"])
def test_a_log_in_several_currencies_is_found_by_its_column(tmp_path: Path, heading: str) -> None:
    study = study_of(tmp_path, heading=heading, words=("EUR", "EUR", "USD", ""))
    assert findings_of(study, tmp_path) == [("several-currencies", "fatal")]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("EUR", "eur", "€", ""), {}),
        (("EUR", "n/a", ""), {}),
        (("EUR", "USD"), {"currency": {"column": "currency"}}),
        (("EUR", "USD"), {"transactions": {"set_aside": {"abroad": "currency <> 'EUR'"}}}),
    ],
)
def test_one_currency_or_what_is_set_aside_or_converted_is_no_finding(
    tmp_path: Path, words: tuple[str, ...], more: dict[str, Any]
) -> None:
    assert findings_of(study_of(tmp_path, words=words, **more), tmp_path) == []


def test_a_run_refuses_to_add_currencies_up_unless_that_is_acknowledged(tmp_path: Path) -> None:
    with (
        Warehouse.temporary() as warehouse,
        pytest.raises(NotHonest, match=r"several-currencies: .*USD \(30 lines\)") as refusal,
    ):
        train_and_score(study_of(tmp_path, words=("EUR", "USD")), warehouse, Steps(Silence()))
    assert "[currency]" in refusal.value.fix
    acknowledged = {"acknowledge": ["several-currencies"]}
    study = study_of(tmp_path, words=("EUR", "USD"), study=acknowledged)
    with Warehouse.temporary() as warehouse, pytest.raises(HoldfastError) as other:
        train_and_score(study, warehouse, Steps(Silence()))
    assert str(other.value).startswith("few-churned")
