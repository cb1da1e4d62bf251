"""The contract as a file of ODCS: what is read of it."""

from typing import Any

import pytest

from holdfast.errors import StudyError
from holdfast.study.data_contract import ColumnRule, Limit, from_odcs

TIGHT = ColumnRule(
    name="n",
    kind="integer",
    role="quantity",
    required=True,
    options={"minimum": -10, "exclusiveMaximum": 1000},
    limits=(
        Limit(metric="nullValues", operator="mustBeLessOrEqualTo", value=(1.0,), unit="percent"),
    ),
)


def test_what_a_column_promises_is_read() -> None:
    quantity = {
        "name": "n",
        "logicalType": "integer",
        "required": True,
        "logicalTypeOptions": {"minimum": -10, "exclusiveMaximum": 1000},
        "quality": [{"metric": "nullValues", "mustBeLessOrEqualTo": 1, "unit": "percent"}],
        "customProperties": [{"property": "holdfastRole", "value": "quantity"}],
    }
    raw: dict[str, Any] = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "schema": [
            {
                "name": "transactions",
                "properties": [quantity],
                "quality": [{"metric": "rowCount", "mustBeGreaterThan": 0}],
            }
        ],
        "slaProperties": [
            {"property": "latency", "value": 7, "unit": "d", "element": "transactions.at"}
        ],
    }
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
        (
            {
                "schema": [
                    {"name": "events", "quality": [{"metric": "rowCount", "mustBeBetween": [1]}]}
                ]
            },
            r"mustBeBetween is \[1\]",
        ),
        ({"schema": "events"}, "no kind 'DataContract' and schema"),
        ({"schema": ["events"]}, "not laid out as a contract is"),
        ({"schema": [{"name": "events", "properties": [{"required": True}]}]}, "KeyError"),
        ({"slaProperties": [{"property": "latency", "value": "soon"}]}, "'soon'"),
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
