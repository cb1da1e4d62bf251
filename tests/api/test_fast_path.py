"""The two hottest answers: what they read strictly, and what they refuse."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.api.conftest import FEATURES, posted
from tests.api.harness import Api

from holdfast.api.context import RequestContext
from holdfast.api.fast_path import parse_json, split_name, validate
from holdfast.api.problems import Refused
from holdfast.api.schemas import Batch


def request_for(*, customer_id: str | None) -> RequestContext:
    """A request to a run of a snapshot whose customers are named so; None: of a log."""
    columns = SimpleNamespace(columns=SimpleNamespace(customer_id=customer_id))
    study = SimpleNamespace(snapshot=columns if customer_id else None)
    served = SimpleNamespace(scorer=SimpleNamespace(study=study, kinds={}))
    return cast(RequestContext, SimpleNamespace(run=lambda: served))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff{}", 400),
        # JSON by its grammar, but half a character and a nest without end.
        (b'{"a": "\\ud800"}', 422),
        (b"[" * 100_000 + b"]" * 100_000, 422),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(Refused, match="the body cannot be read as JSON") as error:
        parse_json(body)
    assert error.value.status == status


def test_what_can_be_read_is_what_was_sent() -> None:
    assert parse_json('{"a": [1, 2.5, null, "é"]}'.encode()) == {"a": [1, 2.5, None, "é"]}


def test_the_name_is_taken_off_the_columns_by_either_of_its_names() -> None:
    snapshot, log = request_for(customer_id="id"), request_for(customer_id=None)
    assert split_name(snapshot, {"id": "C1", "n": 2}) == ("C1", {"n": 2})
    assert split_name(snapshot, {"customer_id": "C1", "n": 2}) == ("C1", {"n": 2})
    assert split_name(log, {"customer_id": "C1", "id": 2}) == ("C1", {"id": 2})
    assert split_name(log, {"n": 2}) == ("new", {"n": 2})
    assert split_name(log, {"features": {"n": 2, "m": 3}, "m": 4}) == ("new", {"n": 2, "m": 4})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([1], "the body is not a JSON object"),
        ({"customer_id": ""}, "customer_id is not a text of 1 to 256 characters"),
        ({"customer_id": "x" * 257}, "customer_id is not a text of 1 to 256 characters"),
        ({"customer_id": 7}, "customer_id is not a text of 1 to 256 characters"),
        ({"n": [1]}, "'n' is not a plain value"),
    ],
)
def test_what_names_no_customer_or_is_no_plain_value_is_refused(body: Any, message: str) -> None:
    with pytest.raises(Refused, match=message) as error:
        split_name(request_for(customer_id=None), body)
    assert error.value.status == 422


def test_a_body_is_held_against_its_model() -> None:
    assert validate(Batch, {"customers": [{"n": 1}]}).customers == [{"n": 1}]
    with pytest.raises(Refused) as error:
        validate(Batch, {"customers": []})
    assert error.value.status == 422
    assert "customers" in error.value.problem


def test_the_hot_answer_is_the_documented_one(api: Api) -> None:
    hot = api.get("/predict/C0003")
    # A parameter sends the request the long way round.
    documented = api.get("/predict/C0003", params={"reasons": "false"})
    assert hot.json() == documented.json()
    by_features = posted(api, "/predict", FEATURES).json()
    assert by_features == posted(api, "/predict?reasons=false", FEATURES).json()
    assert json.dumps(by_features["warnings"]) == "[]"


def test_a_stranger_is_told_how_to_be_found(api: Api) -> None:
    problem = api.get("/predict/nobody")
    assert problem.status_code == 404
    assert "has no customer 'nobody'" in problem.json()["detail"]
    assert "GET /customers?text=" in problem.json()["fix"]
