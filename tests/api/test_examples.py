"""The examples in the documentation are requests that the API takes and answers that it gives."""

from typing import Any

from holdfast.api import examples, schemas
from holdfast.api.answers.base import Stamp
from holdfast.api.app import application
from holdfast.segments import churn_level
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES
from holdfast.windows import date_of, parse_day

PATHS = application().openapi()["paths"]


def answer(path: str) -> dict[str, Any]:
    """The documented answer of a path that is read."""
    content = PATHS[path]["get"]["responses"]["200"]["content"]["application/json"]
    example: dict[str, Any] = content["example"]
    return example


def test_every_body_is_one_that_the_api_takes() -> None:
    schemas.History.model_validate(examples.HISTORY["value"])
    schemas.Batch.model_validate(examples.BATCH["value"])
    what_if = schemas.WhatIf.model_validate(examples.WHAT_IF["value"])
    assert set(what_if.segments) <= set(AT_RISK_SEGMENTS)


def test_every_answer_agrees_with_itself() -> None:
    prediction, segments = answer("/predict/{customer_id}"), answer("/segments")
    assert prediction["churn_risk"] == churn_level(prediction["churn_probability"])
    assert prediction["segment"] in SEGMENT_NAMES
    assert prediction["cutoff_date"] == date_of(prediction["cutoff_day"]).isoformat()
    assert parse_day(prediction["cutoff_date"]) == prediction["cutoff_day"]
    (segment,) = segments["segments"]
    assert segment["total_ltv"] == round(segment["customers"] * segment["average_ltv"], 2)


def test_every_documented_answer_carries_the_stamp_of_its_run() -> None:
    stamp = Stamp(**answer("/health"))
    for path in ("/segments", "/features", "/evidence", "/runs"):
        assert Stamp(**answer(path)) == stamp


def test_a_field_without_an_example_gets_one_of_its_type() -> None:
    row = {"properties": {"n": {"type": "integer"}, "how": {"type": "string", "enum": ["so"]}}}
    made = examples.make_example({"items": {"$ref": "#/components/schemas/Row"}}, {"Row": row})
    assert made == [{"n": 1, "how": "so"}]


def test_a_field_that_may_be_null_shows_a_value_and_an_answer_shows_no_error() -> None:
    maybe = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    row = {"properties": {"risk_rank": maybe, "error": maybe}}
    assert examples.make_example(row, {}) == {"risk_rank": 0.41, "error": None}
