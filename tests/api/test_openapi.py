"""The document says what the API does, and changes only when somebody means it to."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import schemathesis
from bench._api_projects import log_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api.conftest import client_of
from tests.api.harness import Api

from holdfast.api.app import application

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
"""Whether a customer is known, or a column there, depends on the run: what is accepted is not in
the description.
"""
EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ_EXAMPLES", "200"))
"""Strange requests per operation and project; `make fuzz` asks for more, others every time."""
COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
DOCUMENT = application().openapi()
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]
NOT_JSON = ("/metrics", "/stream/alerts")


def answer_of(operation: dict[str, Any]) -> Any:
    """The answer that is no problem."""
    (answer,) = (
        operation["responses"][code] for code in ("200", "202") if code in operation["responses"]
    )
    return answer


def test_the_committed_document_is_what_the_code_says() -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == DOCUMENT, (
        "run `make docs` and commit the change"
    )
    assert DOCUMENT["openapi"].startswith("3.1")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_has_an_example_a_summary_and_its_problems(path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    assert operation["summary"]
    assert operation["description"]
    content = answer_of(operation)["content"]
    assert path in NOT_JSON or content["application/json"]["example"]
    if method == "post" and "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["examples"]
    if path not in ("/health", "/ready"):
        assert {"401", "403", "429"} <= set(operation["responses"])


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_and_every_problem_has_a_schema_that_its_example_keeps(
    path: str, method: str
) -> None:
    """What a generated client reads: one type for answers, and one for problems."""
    for status, response in DOCUMENT["paths"][path][method]["responses"].items():
        if status in ("200", "202"):
            for media_type, content in response["content"].items():
                assert content["schema"], media_type
                if "example" in content:
                    validator = Draft202012Validator({**DOCUMENT, **content["schema"]})
                    validator.validate(content["example"])
        else:
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_the_document_keeps_the_openapi_standard() -> None:
    """Schemas of 3.1 are JSON Schema 2020-12."""
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


READ = [path for path, method in OPERATIONS if method == "get" and path not in NOT_JSON]
LIVE = ("/alerts", "/alerts/{alert_id}", "/stream/status")
"""Told by tests/api/test_alerts.py: no stream is followed here."""


def unknown_fields(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Fields of an answer that its description does not name."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("anyOf", []):
        if option.get("type") != "null" and value is not None:
            yield from unknown_fields(value, option, at)
    if isinstance(value, list) and "items" in schema:
        for each in value[:3]:
            yield from unknown_fields(each, schema["items"], at)
    if isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            if name in schema["properties"]:
                yield from unknown_fields(each, schema["properties"][name], f"{at}.{name}")
            elif not schema.get("additionalProperties"):
                yield f"{at}.{name}"


@pytest.mark.parametrize("path", [path for path in READ if path not in LIVE])
def test_every_field_of_an_answer_is_described(api: Api, scores: pl.DataFrame, path: str) -> None:
    run_id = api.get("/health").json()["run_id"]
    name = scores["customer_id"][0]
    other = api.get("/runs").json()["runs"][-1]["run_id"]
    asked = {"customer_id": name, "run_id": run_id, "other": other}
    response = api.get(path.format(**asked))
    schema = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    if response.status_code == 200:
        Draft202012Validator({**DOCUMENT, **schema["schema"]}).validate(response.json())
        assert list(unknown_fields(response.json(), schema["schema"])) == []
    else:
        assert path in ("/forecast", "/channels")


@pytest.fixture(scope="module")
def own_api(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Strange requests promote and roll back: not in the others' project."""
    project = shutil.copytree(published, tmp_path_factory.mktemp("strange") / "project")
    with client_of(Path(project), rate="1000000/second") as api:
        yield api


@pytest.fixture(scope="module")
def log_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A run of orders: it reads raw orders, and knows every horizon."""
    folder = tmp_path_factory.mktemp("strange-log")
    log_project(folder)
    with client_of(folder, rate="1000000/second") as api:
        yield api


def ask(api: Api, path: str, method: str, *, number: int, mode: GenerationMode) -> None:
    """Ask an operation with what its description allows, or forbids; every answer must be as
    described.
    """
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=EXAMPLES == 200,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    def asked(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
        sent.pop("cookies", None)
        if "data" in sent:
            sent["content"] = sent.pop("data")
        sent["headers"] = [
            (name, str(value).encode("latin-1")) for name, value in dict(sent["headers"]).items()
        ]
        if "params" in sent:
            sent["params"] = httpx.QueryParams(sent["params"])
        told = api.request(sent.pop("method"), sent.pop("url"), **sent)
        case.validate_response(told, checks=list(CHECKS))

    # An operation that takes nothing has nothing to get wrong.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        asked()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_few_strange_requests_get_described_answers(own_api: Api, path: str, method: str) -> None:
    for mode in GenerationMode:
        ask(own_api, path, method, number=4, mode=mode)


@pytest.mark.slow
@pytest.mark.parametrize("project", ["own_api", "log_api"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_hundreds_of_strange_requests_get_described_answers(
    request: pytest.FixtureRequest, path: str, method: str, project: str
) -> None:
    for mode in GenerationMode:
        ask(request.getfixturevalue(project), path, method, number=EXAMPLES // 2, mode=mode)
