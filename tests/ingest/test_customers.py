"""Who may be contacted: read from the customers, obeyed in audiences and seen by no model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.errors import StudyError
from holdfast.ingest.contacts.permissions import read_permissions
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.study import Study


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "orders.csv").write_text("id,at,total\na,2011-01-01,5\n")
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def _study(
    warehouse: Warehouse,
    *lines: str,
    attributes: tuple[str, ...] = (),
    pseudonymise: bool = False,
    **role: str,
) -> Study:
    project = warehouse.scratch.parent
    (project / "customers.csv").write_text("\n".join(lines), encoding="utf-8")
    customers = {
        "path": "customers.csv",
        "columns": {"customer_id": "id", **role},
        "attributes": list(attributes),
    }
    log = {
        "path": "orders.csv",
        "columns": {"customer_id": "id", "occurred_at": "at", "amount": "total"},
    }
    return Study.from_dict(
        {
            "study": {"name": "t"},
            "project_dir": str(project),
            "transactions": log,
            "customers": customers,
            "privacy": {"pseudonymise": pseudonymise},
        }
    )


def _read(study: Study, warehouse: Warehouse, *customers: str) -> tuple[dict[str, Any], OrderLog]:
    """Why each of these customers may not be contacted; None: the customer may."""
    log = read_order_log(study, warehouse)
    scored = pl.DataFrame({"customer_id": customers}, schema={"customer_id": pl.String})
    permissions = read_permissions(study, warehouse, scored=scored)
    assert permissions is not None
    assert permissions["may_contact"].to_list() == permissions["why_not"].is_null().to_list()
    return dict(permissions.select("customer_id", "why_not").iter_rows()), log


def test_consent_is_read_in_any_spelling_and_what_is_unknown_is_no(warehouse: Warehouse) -> None:
    cells = {
        "a": "TRUE", "b": " yes ", "c": "1", "d": "Y", "e": "No", "f": "0", "g": "false", "h": "",
        "i": "perhaps",
    }  # fmt: skip
    study = _study(
        warehouse, "id,mail", *(f"{name},{cell}" for name, cell in cells.items()), consent="mail"
    )
    why_not, log = _read(study, warehouse, *cells, "stranger")
    yes, no, unknown = None, "no consent", "consent unknown"
    assert list(why_not.values()) == [yes, yes, yes, yes, no, no, no, *[unknown] * 3]
    (finding,) = (each for each in log.findings if each.name == "permission-unclear")
    assert finding.evidence.startswith("of 2 of 9 customers mail does not say")


def test_who_asked_not_to_be_contacted_may_not_and_who_said_nothing_may(
    warehouse: Warehouse,
) -> None:
    lines = ("id,stop", "a,yes", "b,", "c,no", "d,since May")
    why_not, _ = _read(_study(warehouse, *lines, do_not_contact="stop"), warehouse, *"abcdz")
    assert why_not == {
        "a": "asked not to be contacted",
        "b": None,
        "c": None,
        "d": "do-not-contact not understood",
        "z": None,
    }


def test_of_both_columns_either_forbids(warehouse: Warehouse) -> None:
    lines = ("id,mail,stop", "a,yes,yes", "b,no,no", "c,yes,no")
    study = _study(warehouse, *lines, consent="mail", do_not_contact="stop")
    why_not, _ = _read(study, warehouse, *"abc")
    assert why_not == {"a": "asked not to be contacted", "b": "no consent", "c": None}


def test_what_was_said_last_counts_and_of_two_answers_of_a_day_the_one_that_forbids(
    warehouse: Warehouse,
) -> None:
    lines = (
        "id,since,mail",
        "a,2011-01-01,no", "a,2011-02-01,yes",
        "b,2011-01-01,yes", "b,2011-02-01,no",
        "c,2011-01-01,yes", "c,2011-02-01,yes", "c,2011-02-01,no",
        "d,2011-01-01,yes", "d,some day,no",
    )  # fmt: skip
    study = _study(warehouse, *lines, consent="mail", known_from="since")
    why_not, log = _read(study, warehouse, *"abcd")
    assert why_not == {"a": None, "b": "no consent", "c": "no consent", "d": "no consent"}
    # Two rows of c differ and one of d has no day: in quarantine they still forbid.
    assert sum(log.reasons["customers"].values()) == 3


def test_permission_goes_by_the_pseudonym_where_customers_have_one(warehouse: Warehouse) -> None:
    study = _study(warehouse, "id,mail", "a,yes", "b,no", consent="mail", pseudonymise=True)
    people = Pseudonyms.of(study, make_key=True)
    a, b = people.pseudonym("a"), people.pseudonym("b")
    assert _read(study, warehouse, a, b)[0] == {a: None, b: "no consent"}


def test_a_study_that_names_no_column_of_consent_knows_nothing_of_it(warehouse: Warehouse) -> None:
    study = _study(warehouse, "id,plan", "a,gold", attributes=("plan",))
    read_order_log(study, warehouse)
    scored = pl.DataFrame({"customer_id": ["a"]})
    assert read_permissions(study, warehouse, scored=scored) is None


def test_no_model_sees_who_may_be_contacted(warehouse: Warehouse) -> None:
    study = _study(warehouse, "id,mail,plan", "a,yes,gold", attributes=("plan",), consent="mail")
    read_order_log(study, warehouse)
    assert "mail" not in warehouse.read(warehouse.table("customers")).columns
    with pytest.raises(StudyError, match="'mail' says who may be contacted"):
        _study(warehouse, "id,mail", "a,yes", attributes=("mail",), consent="mail")


def test_another_answer_is_other_data_and_no_column_is_the_study_it_was(
    warehouse: Warehouse,
) -> None:
    yes = read_order_log(_study(warehouse, "id,mail", "a,yes", consent="mail"), warehouse)
    no = read_order_log(_study(warehouse, "id,mail", "a,no", consent="mail"), warehouse)
    assert yes.fingerprint != no.fingerprint
    without = _study(warehouse, "id,plan", "a,gold", attributes=("plan",))
    assert without.fingerprint != _study(warehouse, "", consent="mail").fingerprint
