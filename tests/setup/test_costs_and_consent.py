"""What a line cost and who may be contacted is proposed by name and content, and doubted aloud."""

import tomllib
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.setup.propose import Proposal, propose
from holdfast.study import Study

ORDERS = "customer_id,order_date,quantity,unit_price,{name}\n" + "".join(
    f"c{i % 9},2023-{i % 12 + 1:02}-{i % 28 + 1:02},{i % 3 + 1},{10 + i % 5}.50,{{cell}}\n"
    for i in range(60)
)
CUSTOMERS = "customer_id,channel,age,email,{name}\n" + "".join(
    f"c{i},{'web' if i % 2 else 'shop'},{20 + i},m{i}@example.org,{{cell{i % 2}}}\n"
    for i in range(9)
)


def orders(folder: Path, name: str = "note", cell: str = "x") -> Path:
    (folder / "orders.csv").write_text(ORDERS.format(name=name, cell=cell), encoding="utf-8")
    return folder / "orders.csv"


def proposed(folder: Path, name: str, *cells: str) -> Proposal:
    text = CUSTOMERS.format(name=name, cell0=cells[0], cell1=cells[1])
    (folder / "people.csv").write_text(text, encoding="utf-8")
    given = {"customers.path": str(folder / "people.csv")}
    return propose(orders(folder), project_dir=folder, given=given)


def sure(proposal: Proposal, key: str) -> bool | None:
    return next((guess.sure for guess in proposal.guesses if guess.key == key), None)


@pytest.mark.parametrize(
    ("name", "cell", "columns"),
    [
        ("unit_cost", "4.20", {"unit_cost": "unit_cost"}),
        ("Einkaufspreis", "4.20", {"unit_cost": "Einkaufspreis"}),
        ("COGS", "9.00", {"cost": "COGS"}),
        # What mostly lies above the price is no cost of what was sold, and shipping never is.
        ("unit_cost", "99.00", {}),
        ("shipping_cost", "4.20", {}),
        ("cost_center", "4", {}),
        ("cost_per_click", "0.20", {}),
    ],
)
def test_a_column_of_costs_is_proposed_where_name_and_amounts_fit(
    tmp_path: Path, name: str, cell: str, columns: dict[str, str]
) -> None:
    proposal = propose(orders(tmp_path, name, cell), project_dir=tmp_path)
    found = tomllib.loads(proposal.toml)["transactions"]["columns"]
    assert {role: found[role] for role in ("cost", "unit_cost") if role in found} == columns


def test_what_equals_the_amount_is_no_cost(tmp_path: Path) -> None:
    rows = "".join(f"c{i % 9},2023-01-{i % 28 + 1:02},{i}.50,{i}.50\n" for i in range(1, 60))
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount,total_cost\n" + rows)
    proposal = propose(tmp_path / "orders.csv", project_dir=tmp_path)
    assert "cost" not in tomllib.loads(proposal.toml)["transactions"]["columns"]


def test_categories_are_told_of_and_no_rates_are_made_up(tmp_path: Path) -> None:
    text = ORDERS.format(name="category", cell="food").replace("food\n", "toys\n", 9)
    (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
    proposal = propose(tmp_path / "orders.csv", project_dir=tmp_path)
    assert "'category' has categories" in proposal.toml
    assert "category" not in tomllib.loads(proposal.toml)["transactions"]["columns"]


@pytest.mark.parametrize(
    ("name", "cells", "role", "is_sure"),
    [
        ("Accepts Email Marketing", ("yes", "no"), "consent", True),
        ("email_opt_in", ("1", "0"), "consent", True),
        ("Werbeeinwilligung", ("true", "false"), "consent", True),
        ("Do not contact", ("", "1"), "do_not_contact", True),
        ("HasOptedOutOfEmail", ("true", "false"), "do_not_contact", True),
        # Of a subscription it may say that it is paid.
        ("subscribed", ("yes", "no"), "consent", False),
    ],
)
def test_a_column_of_consent_is_proposed_and_is_no_attribute(
    tmp_path: Path, name: str, cells: tuple[str, str], role: str, *, is_sure: bool
) -> None:
    proposal = proposed(tmp_path, name, *cells)
    study = Study.from_dict(tomllib.loads(proposal.toml))
    assert study.customers is not None
    assert study.customers.columns.of_permission == [name]
    assert getattr(study.customers.columns, role) == name
    assert study.customers.attributes == ["channel", "age"]
    assert sure(proposal, f"customers.columns.{role}") is is_sure
    assert sure(proposal, "customers.attributes") is False


@pytest.mark.parametrize("name", ["opt_in_date", "opt_in_source", "sms_opt_in", "emails_opened"])
def test_what_is_about_consent_is_not_consent(tmp_path: Path, name: str) -> None:
    study = Study.from_dict(tomllib.loads(proposed(tmp_path, name, "1", "0").toml))
    assert study.customers is not None
    assert study.customers.columns.of_permission == []


def test_consent_in_other_words_is_told_and_left_out(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "email_consent", "subscribed", "unsubscribed")
    doubt = next(g for g in proposal.guesses if g.key == "customers.columns.consent")
    assert (doubt.value, doubt.sure) == ("", False)
    assert doubt.because == "'email_consent' is written as 'subscribed', neither yes nor no"


def test_a_file_of_customers_that_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("customer_id,email\nc1,a@b.c\nc2,d@e.f\n")
    given = {"customers.path": str(tmp_path / "people.csv")}
    with pytest.raises(DataError, match="says anything of a customer"):
        propose(orders(tmp_path), project_dir=tmp_path, given=given)


def test_consent_in_a_snapshot_is_proposed_and_hidden_from_no_model_twice(tmp_path: Path) -> None:
    rows = "".join(f"c{i},{i % 7},{i % 2},{'yes' if i % 3 else 'no'}\n" for i in range(40))
    (tmp_path / "base.csv").write_text("customer_id,visits,churned,marketing_consent\n" + rows)
    study = Study.from_dict(
        tomllib.loads(propose(tmp_path / "base.csv", project_dir=tmp_path).toml)
    )
    assert study.snapshot is not None
    assert study.snapshot.columns.consent == "marketing_consent"
    assert study.snapshot.hidden_from_churn == ["churned"]


def test_the_day_from_which_a_row_was_known_is_found(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "valid_from", "2023-01-05", "2023-02-01")
    assert tomllib.loads(proposal.toml)["customers"]["columns"]["known_from"] == "valid_from"
