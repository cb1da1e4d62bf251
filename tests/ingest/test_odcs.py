"""The contract as a file: ODCS comes back as it went."""

from typing import Any

import pytest
import yaml

from holdfast.errors import StudyError
from holdfast.ingest.data_contract import (
    ColumnRule,
    DataContract,
    InputContract,
    Limit,
    contract_of,
)
from holdfast.ingest.odcs import from_odcs, to_odcs
from holdfast.study import Study

STUDY = Study.from_dict(
    {
        "study": {"name": "shop", "currency": "GBP", "time_zone": "Europe/London"},
        "transactions": {
            "path": "orders.csv",
            "columns": {
                "customer_id": "who",
                "occurred_at": "at",
                "quantity": "n",
                "unit_price": "price",
            },
        },
        "customers": {
            "path": "c.csv",
            "columns": {"customer_id": "id", "known_from": "since"},
            "attributes": ["town"],
        },
    }
)
TIGHT = ColumnRule(
    name="n",
    kind="integer",
    role="quantity",
    unit="units",
    required=True,
    options={"minimum": -10, "exclusiveMaximum": 1000},
    limits=(
        Limit(metric="nullValues", operator="mustBeLessOrEqualTo", value=(1.0,), unit="percent"),
    ),
)


def test_a_study_takes_its_times_and_amounts_for_granted() -> None:
    given = contract_of(STUDY, {"transactions": {"note": "string"}}).inputs
    by_name = {rule.name: rule for rule in given["transactions"].columns}
    assert {name for name, rule in by_name.items() if rule.required} == {"at", "n", "price"}
    assert by_name["price"].unit == "GBP, 2 decimals"
    assert by_name["note"].role is None
    assert given["customers"].columns[0].refers_to == "transactions.who"
    assert given["transactions"].fresh_days == 30


def test_odcs_comes_back_as_it_went() -> None:
    inputs = {"transactions": InputContract(name="transactions", columns=(TIGHT,), fresh_days=7)}
    raw = yaml.safe_load(yaml.safe_dump(to_odcs(DataContract(name="c", inputs=inputs))))
    assert raw["apiVersion"] == "v3.1.0"
    back = from_odcs(raw, where="c.yaml").inputs["transactions"]
    assert back.columns == (TIGHT,)
    assert back.fresh_days == 7
    assert [str(limit) for limit in back.limits] == ["rowCount mustBeGreaterThan 0 rows"]


def test_words_patterns_and_keys_are_read() -> None:
    raw: dict[str, Any] = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "x",
        "version": "1",
        "status": "active",
        "schema": [
            {
                "name": "transactions",
                "quality": [
                    {
                        "metric": "duplicateValues",
                        "arguments": {"properties": ["a", "b"]},
                        "mustBe": 0,
                    }
                ],
                "properties": [
                    {
                        "name": "a",
                        "logicalType": "string",
                        "quality": [
                            {
                                "metric": "invalidValues",
                                "arguments": {"validValues": ["x", "y"]},
                                "mustBe": 0,
                            },
                            {"type": "sql", "query": "SELECT 1", "mustBe": 1},
                        ],
                    },
                    {"name": "b", "logicalTypeOptions": {"pattern": "^B", "maxLength": 4}},
                ],
            }
        ],
    }
    contract = from_odcs(raw, where="c.yaml")
    given = contract.inputs["transactions"]
    assert given.keys == (("a", "b"),)
    assert given.columns[0].one_of == ("x", "y")
    assert given.columns[1].options == {"pattern": "^B", "maxLength": 4}
    assert contract.not_checked == ("c.yaml: transactions.a: a rule of type sql",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apiVersion": "v2.2.0"}, "is of ODCS v2.2.0"),
        ({"kind": "Recipe"}, "no kind 'DataContract'"),
        ({"schema": [{"name": "orders"}]}, "has 'orders'"),
        (
            {"schema": [{"name": "events", "properties": [{"name": "a", "requird": True}]}]},
            "did you mean 'required'",
        ),
        (
            {
                "schema": [
                    {
                        "name": "events",
                        "properties": [{"name": "a", "logicalTypeOptions": {"minimun": 1}}],
                    }
                ]
            },
            "did you mean 'minimum'",
        ),
        ({"schema": [{"name": "events", "quality": [{"metric": "rowCount"}]}]}, "0 operators"),
        (
            {"schema": [{"name": "events", "quality": [{"metric": "rowCount", "mustBe": "many"}]}]},
            "'many'",
        ),
    ],
)
def test_what_cannot_be_understood_is_an_error_with_its_place(
    change: dict[str, Any], message: str
) -> None:
    raw = {"apiVersion": "v3.1.0", "kind": "DataContract", "schema": []} | change
    with pytest.raises(StudyError, match=message):
        from_odcs(raw, where="c.yaml")


@pytest.mark.parametrize(
    ("operator", "value", "rows", "holds"),
    [
        ("mustBe", (0,), 0, True),
        ("mustBe", (0,), 1, False),
        ("mustNotBe", (0,), 1, True),
        ("mustBeGreaterThan", (5,), 5, False),
        ("mustBeGreaterOrEqualTo", (5,), 5, True),
        ("mustBeLessThan", (5,), 5, False),
        ("mustBeLessOrEqualTo", (5,), 5, True),
        ("mustBeBetween", (1, 3), 2, True),
        ("mustNotBeBetween", (1, 3), 2, False),
    ],
)
def test_a_limit_holds_by_its_operator(
    operator: str, value: tuple[float, ...], rows: int, holds: bool
) -> None:
    limit = Limit(metric="nullValues", operator=operator, value=value)
    assert limit.holds(rows, of=10) is holds
