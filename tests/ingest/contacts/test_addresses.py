"""How customers are reached: read for lists of contacts, and seen by nothing that learns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.errors import StudyError
from holdfast.ingest.contacts.addresses import read_addresses
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "orders.csv").write_text("id,at,total\na,2011-01-01,5\n")
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def study_of(project: Path, *lines: str, attributes: tuple[str, ...] = (), **more: Any) -> Study:
    (project / "customers.csv").write_text("\n".join(lines), encoding="utf-8")
    columns = {"customer_id": "id", **more.pop("columns")}
    return Study.from_dict(
        {
            "study": {"name": "t"},
            "project_dir": str(project),
            "transactions": {
                "path": "orders.csv",
                "columns": {"customer_id": "id", "occurred_at": "at", "amount": "total"},
            },
            "customers": {
                "path": "customers.csv", "columns": columns, "attributes": list(attributes),
            },
            **more,
        }
    )  # fmt: skip


def addresses(study: Study, warehouse: Warehouse, *ids: str) -> list[tuple[Any, ...]]:
    read_order_log(study, warehouse)
    scored = pl.DataFrame({"customer_id": ids}, schema={"customer_id": pl.String})
    table = read_addresses(study, warehouse, scored=scored)
    assert table is not None
    return table.rows()


def test_of_each_kind_the_address_known_last_counts(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = (
        "id,since,mail,mobile",
        "a,2011-01-01,old@x.de,+49 151 1", "a,2011-02-01, new@x.de ,",
        "b,2011-01-01,,0151 2",
    )  # fmt: skip
    columns = {"known_from": "since", "email": "mail", "phone": "mobile"}
    assert addresses(study_of(tmp_path, *lines, columns=columns), warehouse, "a", "b", "z") == [
        ("a", "new@x.de", "+49 151 1"),
        ("b", None, "0151 2"),
        ("z", None, None),
    ]


def test_one_kind_of_address_is_enough(warehouse: Warehouse, tmp_path: Path) -> None:
    study = study_of(tmp_path, "id,mail", "a,a@x.de", columns={"email": "mail"})
    assert addresses(study, warehouse, "a") == [("a", "a@x.de", None)]


def test_an_address_is_no_attribute_that_a_model_may_learn_from(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="'mail' is an address"):
        study_of(tmp_path, "id,mail", attributes=("mail",), columns={"email": "mail"})
    study = study_of(
        tmp_path, "id,mail,plan", "a,a@x.de,gold", attributes=("plan",), columns={"email": "mail"}
    )
    read_order_log(study, warehouse)
    known = warehouse.query("FROM customers").columns
    assert known == ["customer_id", "known_from_day", "plan"]


def test_a_pseudonym_has_no_address_beside_it(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="beside a pseudonym"):
        study_of(tmp_path, "id,mail", columns={"email": "mail"}, privacy={"pseudonymise": True})
