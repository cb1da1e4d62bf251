"""The examples in the documentation are requests that the API takes and answers that it gives."""

from holdfast.api import examples, schemas
from holdfast.api.app import application
from holdfast.segments import churn_level
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES
from holdfast.windows import date_of, parse_day


def test_every_body_is_one_that_the_api_takes() -> None:
    schemas.History.model_validate(examples.HISTORY["value"])
    schemas.Batch.model_validate(examples.BATCH["value"])
    what_if = schemas.WhatIf.model_validate(examples.WHAT_IF["value"])
    assert set(what_if.segments) <= set(AT_RISK_SEGMENTS)


def test_every_answer_agrees_with_itself() -> None:
    prediction, segments = examples.PREDICTION, examples.SEGMENTS
    assert prediction["churn_risk"] == churn_level(prediction["churn_probability"])
    assert prediction["segment"] in SEGMENT_NAMES
    assert prediction["cutoff_date"] == date_of(examples.STAMP["cutoff_day"]).isoformat()
    assert parse_day(prediction["cutoff_date"]) == examples.STAMP["cutoff_day"]
    (segment,) = segments["segments"]
    assert segment["total_ltv"] == round(segment["customers"] * segment["average_ltv"], 2)


def test_every_documented_answer_carries_the_stamp_of_its_run() -> None:
    paths = application().openapi()["paths"]
    for path in ("/segments", "/features", "/evidence", "/runs"):
        content = paths[path]["get"]["responses"]["200"]["content"]["application/json"]
        answer = content["example"]
        assert {name: answer[name] for name in examples.STAMP} == examples.STAMP
