"""Predictions: a customer of the run, a customer by features or raw orders, and many at once."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from holdfast.api import fast_path
from holdfast.api.answers.customers import BatchAnswer, Prediction
from holdfast.api.context import RequestContext
from holdfast.api.deps import (
    CurrentRequest,
    CurrentRun,
    describe_body,
    refer_to,
    reply,
    route,
)
from holdfast.api.examples import BATCH, FEATURES, HISTORY
from holdfast.api.problems import Refused, encode, problem
from holdfast.api.routes import needs
from holdfast.api.schemas import LARGEST_BATCH, Batch, History
from holdfast.errors import HoldfastError
from holdfast.serving.answers import utc_now
from holdfast.serving.customer_search import read_rows
from holdfast.serving.predict import read_reasons
from holdfast.tables import json_rows
from holdfast.windows import parse_day

router = APIRouter(tags=["predictions"])
CustomerId = Annotated[
    str,
    Path(
        max_length=256,
        description="The business's own name of the customer",
        examples=["CUST00001"],
    ),
]
WithReasons = Annotated[bool, Query(description="Say why, by TreeSHAP: some milliseconds more")]
WithHorizons = Annotated[
    bool,
    Query(
        description="Every horizon with its 80 % and 95 % intervals, where the run has them: some "
        "30 ms more"
    ),
]
_REFUSALS = (400, 413, 415, 422)
_NDJSON = "application/x-ndjson"
_LONGEST_LINE = 2**20
_STREAMED_AT_ONCE = 200
_COLUMNS = {
    "type": "object",
    "title": "Features",
    "description": "The snapshot's columns, or the log's features, by name",
    "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
}
_ONE = {"anyOf": [refer_to(History), _COLUMNS]}
_LINES = {_NDJSON: {"schema": {"type": "string", "description": "One customer's features a line"}}}


@route(router, "GET", "/predict/{customer_id:path}", 404, 422, model=Prediction)
def predict_customer(
    customer_id: CustomerId,
    request: CurrentRequest,
    served: CurrentRun,
    reasons: WithReasons = False,
    horizons: WithHorizons = False,
) -> Response:
    """One customer of the run: risk, value, segment, what to do."""
    body = json.loads(fast_path.answer_by_id(request, customer_id))
    if reasons:
        body["reasons"] = read_reasons(served.run, customer_id, scorer=served.scorer)
    if horizons:
        rows = read_rows(served.run, "horizons", customer_id)
        body["horizons"] = (
            None if rows is None else json_rows(rows.drop("customer_id").sort("horizon_days"))
        )
    return reply(body)


@route(
    router,
    "POST",
    "/predict",
    *_REFUSALS,
    model=Prediction,
    openapi_extra=describe_body(_ONE, FEATURES, HISTORY),
)
@needs("reader")
def predict(
    request: CurrentRequest, reasons: WithReasons = False, horizons: WithHorizons = False
) -> Response:
    """A customer whom the run need not know, by features or by raw orders and events."""
    if b'"orders"' in request.body:
        body = fast_path.parse_json(request.body)
        if isinstance(body, dict) and isinstance(body.get("orders"), list):
            return reply(_score_history(request, body, reasons=reasons, horizons=horizons))
    answer = fast_path.answer_features(request, reasons=reasons, horizons=horizons)
    return Response(answer, media_type="application/json")


def _score_history(
    request: RequestContext, body: dict[str, Any], *, reasons: bool, horizons: bool
) -> dict[str, Any]:
    # It brings a database, which a server of snapshots never needs.
    from holdfast.serving.history_features import RawHistory

    served = request.run()
    history = fast_path.validate(History, body)
    cutoff_day = parse_day(history.as_of) if history.as_of else int(served.summary["cutoff_day"])
    raw = RawHistory(**history.model_dump(exclude={"as_of"}, exclude_none=True))
    features = served.scorer.history.features(raw, cutoff_day=cutoff_day)
    notes = (*features.notes, *served.scorer.unknown_words(features.values))
    features = replace(features, notes=notes)
    answer = fast_path.score_features(
        request,
        history.customer_id,
        features,
        reasons=reasons,
        horizons=horizons,
        cutoff_day=cutoff_day,
    )
    return {**answer, "cutoff_day": cutoff_day}


@route(
    router,
    "POST",
    "/predict/batch",
    *_REFUSALS,
    model=BatchAnswer,
    openapi_extra=describe_body(refer_to(Batch), BATCH, more=_LINES),
)
@needs("reader")
async def predict_batch(
    http_request: Request,
    request: CurrentRequest,
    served: CurrentRun,
    horizons: WithHorizons = False,
) -> Response:
    """Up to 1,000 customers by features, each answered or refused by itself; more as NDJSON,
    answered as it comes.
    """
    if http_request.headers.get("content-type", "").startswith(_NDJSON):
        return Streamed(_answer_stream(http_request, request, horizons=horizons))
    body = fast_path.parse_json(request.body)
    rows = body.get("customers") if isinstance(body, dict) and set(body) == {"customers"} else None
    if not isinstance(rows, list) or not 0 < len(rows) <= LARGEST_BATCH:
        raise Refused(
            422,
            f"the body is not {{'customers': [...]}} with 1 to {LARGEST_BATCH} customers",
            fix="send at most so many, or a line per customer as application/x-ndjson",
        )
    answers = await run_in_threadpool(_score_rows, request, rows, 0, horizons=horizons)
    n_errors = sum("error" in answer for answer in answers)
    return reply({"answers": answers, "n_errors": n_errors, **served.stamp, "scored_at": utc_now()})


def _score_rows(
    request: RequestContext, rows: list[Any], start: int, *, horizons: bool
) -> list[dict[str, Any]]:
    served = request.run()
    scorer, cutoff_day = served.scorer, int(served.summary["cutoff_day"])
    answers: list[dict[str, Any]] = []
    sound: list[tuple[int, str, dict[str, Any]]] = []
    for index, row in enumerate(rows, start):
        try:
            if isinstance(row, Refused):
                raise row
            customer_id, columns = fast_path.split_name(request, row)
            values = scorer.check_columns(columns)
            if horizons:
                scorer.check_rhythm(values)
            sound.append((len(answers), customer_id, values))
            answers.append({"index": index})
        except HoldfastError as error:
            answers.append({"index": index, "error": problem(error)})
    if not sound:
        return answers
    given = [values for *_, values in sound]
    scores = scorer.score_many(given)
    beside = (
        scorer.predict_horizons(given, scores, cutoff_day=cutoff_day)
        if horizons
        else [{}] * len(sound)
    )
    doubts = map(scorer.unknown_words, given)
    rows_of = zip(sound, scores, beside, doubts, strict=True)
    for (place, customer_id, _), score, more, notes in rows_of:
        answers[place]["answer"] = {
            **served.answers.answer_now(customer_id, score),
            **more,
            "warnings": notes,
        }
    return answers


class Streamed(Response):
    """Sends parts as they come. Starlette's own listens for the client's leaving, and takes the
    request's body away.
    """

    media_type = "application/x-ndjson"

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        first = await anext(self._parts, b"")
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _answer_stream(
    http_request: Request, request: RequestContext, *, horizons: bool
) -> AsyncIterator[bytes]:
    """Answer a stream of lines in groups, holding one group at a time."""
    rows: list[Any] = []
    done = 0
    async for line in _lines(http_request):
        try:
            rows.append(fast_path.parse_json(line))
        except Refused as error:
            rows.append(error)
        if len(rows) == _STREAMED_AT_ONCE:
            yield await run_in_threadpool(_as_lines, request, rows, done, horizons=horizons)
            done, rows = done + len(rows), []
    if rows:
        yield await run_in_threadpool(_as_lines, request, rows, done, horizons=horizons)


def _as_lines(request: RequestContext, rows: list[Any], start: int, *, horizons: bool) -> bytes:
    return b"".join(
        encode(answer) + b"\n" for answer in _score_rows(request, rows, start, horizons=horizons)
    )


async def _lines(http_request: Request) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in http_request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_LINE:
            raise Refused(
                413,
                f"a line is longer than {_LONGEST_LINE:,} bytes",
                fix="send one customer a line",
            )
    if rest.strip():
        yield rest
