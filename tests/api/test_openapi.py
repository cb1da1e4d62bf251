"""The document says what the API does, and changes only when somebody means it to."""

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from tests.api.harness import Api

from holdfast.api.app import application

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
DOCUMENT = application().openapi()
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]


def test_the_committed_document_is_what_the_code_says() -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == DOCUMENT, "run `make docs` and commit the change"
    assert DOCUMENT["openapi"].startswith("3.1")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_has_an_example_a_summary_and_its_problems(path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    assert operation["summary"]
    assert operation["description"]
    content = operation["responses"]["200"]["content"]
    assert path == "/metrics" or content["application/json"]["example"]
    if method == "post" and "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["examples"]
    if path not in ("/health", "/ready"):
        assert {"401", "403", "429"} <= set(operation["responses"])


def cases(api: Api, path: str, method: str, *, number: int) -> None:
    """Ask an operation with whatever its description allows and forbids; every answer must be as described."""
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))
    operation = schema[path][method.upper()]
    strategy = operation.as_strategy()

    from hypothesis import given

    @settings(
        max_examples=number, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def asked(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
        sent.pop("cookies", None)
        body = {"content": sent.pop("data")} if "data" in sent else {}
        told = api.request(sent.pop("method"), sent.pop("url"), **body, **sent)
        assert told.status_code < 500, told.text
        responses = operation.definition.raw["responses"]
        assert str(told.status_code) in responses, (told.status_code, told.text[:300])
        case.validate_response(
            schemathesis.Response.from_httpx(told, verify=False), checks=[schemathesis.checks.not_a_server_error]
        )

    asked()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_few_strange_requests_get_described_answers(api: Api, path: str, method: str) -> None:
    cases(api, path, method, number=8)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_two_hundred_strange_requests_get_described_answers(api: Api, path: str, method: str) -> None:
    cases(api, path, method, number=200)
