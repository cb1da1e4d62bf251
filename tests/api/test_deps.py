"""How endpoints answer and describe what they answer."""

import json
from types import SimpleNamespace
from typing import cast

from holdfast.api.deps import answer, describe, describe_body, refer_to, reply
from holdfast.api.schemas import Batch
from holdfast.api.served import Served


def test_an_answer_carries_the_runs_stamp() -> None:
    served = cast(Served, SimpleNamespace(stamp={"run_id": "r1"}))
    response = answer(served, {"n": 1})
    assert json.loads(response.body) == {"n": 1, "run_id": "r1"}
    assert (response.status_code, response.media_type) == (200, "application/json")


def test_a_reply_has_its_status() -> None:
    assert reply({"key": "é"}, status=201).status_code == 201
    assert json.loads(reply({"key": "é"}).body) == {"key": "é"}


def test_every_route_is_described_with_the_problems_that_every_route_has() -> None:
    described = describe(404)
    always = {400, 401, 403, 408, 429, 431, 500, 503, 504, 507}
    assert set(described) == {404, *always}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert described[404]["content"] == {"application/problem+json": problem}


def test_a_body_that_is_read_by_hand_is_described_with_its_examples() -> None:
    example = {"summary": "One", "value": {"customers": [{}]}}
    schema = refer_to(Batch)
    described = describe_body(schema, example, more={"text/csv": {}})["requestBody"]
    assert described["required"]
    assert described["content"] == {
        "application/json": {"schema": schema, "examples": {"One": example}},
        "text/csv": {},
    }
    assert schema == {"$ref": "#/components/schemas/Batch"}
