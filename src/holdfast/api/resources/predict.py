"""Predictions: a customer of the run, a customer by features or raw orders, and many at once."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from holdfast.api import fast_path
from holdfast.api.context import Asked
from holdfast.api.deps import AskedNow, Current, problems
from holdfast.api.examples import BATCH, CUSTOMER, FEATURES, HISTORY
from holdfast.api.problems import Refused, encoded, problem
from holdfast.api.schemas import LARGEST_BATCH, Batch, BatchAnswer, History, Prediction
from holdfast.api.served import Served
from holdfast.errors import HoldfastError
from holdfast.serving.answers import utc_now
from holdfast.serving.customer_search import read_rows
from holdfast.serving.predict import read_reasons
from holdfast.serving.requests import Features, RawHistory
from holdfast.tables import json_rows
from holdfast.windows import parse_day

router = APIRouter(tags=["predictions"])
CustomerId = Annotated[
    str,
    Path(
        max_length=256, description="The business's own name of the customer", examples=[CUSTOMER]
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
_LONGEST_LINE = 2**20
_STREAMED_AT_ONCE = 200


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


def _body(
    *examples: dict[str, Any], schema: dict[str, Any], more: dict[str, Any] | None = None
) -> dict[str, Any]:
    content = {
        "application/json": {"schema": schema, "examples": {e["summary"]: e for e in examples}}
    }
    return {"requestBody": {"required": True, "content": content | (more or {})}}


_COLUMNS = {
    "type": "object",
    "title": "Features",
    "description": "The snapshot's columns, or the log's features, by name",
    "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
}
_ONE = {"anyOf": [{"$ref": "#/components/schemas/History"}, _COLUMNS]}


@router.get("/predict/{customer_id:path}", response_model=Prediction, responses=problems(404, 422))
def predict_customer(
    customer_id: CustomerId,
    asked: AskedNow,
    reasons: WithReasons = False,
    horizons: WithHorizons = False,
) -> Response:
    """One customer of the run: risk, value, segment, what to do."""
    body = fast_path.known(asked, customer_id)
    if reasons or horizons:
        told = json.loads(body)
        if reasons:
            told["reasons"] = reasons_of(asked.run(), customer_id)
        if horizons:
            told["horizons"] = horizons_of(asked.run(), customer_id)
        body = encoded(told)
    return Response(body, media_type="application/json")


def horizons_of(served: Served, customer_id: str) -> list[dict[str, Any]] | None:
    """The published horizons of a customer; None where the run has none."""
    kept = read_rows(served.run, "horizons", customer_id)
    return None if kept is None else json_rows(kept.drop("customer_id").sort("horizon_days"))


def reasons_of(served: Served, customer_id: str) -> list[dict[str, Any]]:
    """The published reasons, or those worked out now."""
    return read_reasons(served.run, customer_id, scorer=served.scorer)


@router.post(
    "/predict",
    response_model=Prediction,
    responses=problems(400, 413, 415, 422),
    openapi_extra=_body(FEATURES, HISTORY, schema=_ONE),
)
async def predict(
    asked: AskedNow, reasons: WithReasons = False, horizons: WithHorizons = False
) -> Response:
    """A customer whom the run need not know, by features or by raw orders and events."""
    body = fast_path.parsed(asked.body)
    if isinstance(body, dict) and "orders" in body:
        told = await run_in_threadpool(
            _from_history, asked, body, reasons=reasons, horizons=horizons
        )
    elif reasons or horizons:
        told = await run_in_threadpool(
            _from_features, asked, body, reasons=reasons, horizons=horizons
        )
    else:
        told = fast_path.features_answer(asked, body)
    return Response(encoded(told), media_type="application/json")


def _from_features(asked: Asked, body: Any, *, reasons: bool, horizons: bool) -> dict[str, Any]:
    customer_id, columns = fast_path.named_columns(asked, body)
    given = asked.run().scorer.given(columns)
    cutoff_day = int(asked.run().summary["cutoff_day"])
    return _told(
        asked, customer_id, given, cutoff_day=cutoff_day, reasons=reasons, horizons=horizons
    )


def _told(
    asked: Asked,
    customer_id: str,
    given: Features,
    *,
    cutoff_day: int,
    reasons: bool,
    horizons: bool,
) -> dict[str, Any]:
    """The answer for a customer whom the run need not know, with what was asked for beside it."""
    scorer = asked.run().scorer
    told, score = fast_path.scored(asked, customer_id, given)
    if reasons:
        told["reasons"] = scorer.reasons(given.values)
    if horizons:
        told |= scorer.outlooks([given.values], [score], cutoff_day=cutoff_day)[0]
    return told


def _from_history(
    asked: Asked, body: dict[str, Any], *, reasons: bool, horizons: bool
) -> dict[str, Any]:
    served = asked.run()
    history = _validated(body)
    cutoff_day = parse_day(history.as_of) if history.as_of else int(served.summary["cutoff_day"])
    raw = RawHistory(
        customer_id=history.customer_id,
        orders=[order.model_dump(exclude_none=True) for order in history.orders],
        events=[event.model_dump(exclude_none=True) for event in history.events],
        treatments=[treatment.model_dump(exclude_none=True) for treatment in history.treatments],
        attributes=history.attributes,
    )
    found = served.scorer.history.features(raw, cutoff_day=cutoff_day)
    told = _told(
        asked, history.customer_id, found, cutoff_day=cutoff_day, reasons=reasons, horizons=horizons
    )
    return {**told, "cutoff_day": cutoff_day}


def _validated(body: dict[str, Any]) -> History:
    try:
        return History.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise Refused(
            422,
            f"{where[:200]}: {first['msg']}{more}",
            fix="see POST /predict in the documentation",
        ) from None


@router.post(
    "/predict/batch",
    response_model=BatchAnswer,
    responses=problems(400, 413, 415, 422),
    openapi_extra=_body(
        BATCH,
        schema={"$ref": "#/components/schemas/Batch"},
        more={
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "One customer's features a line"}
            },
        },
    ),
)
async def predict_batch(
    request: Request, asked: AskedNow, served: Current, horizons: WithHorizons = False
) -> Response:
    """Up to 1,000 customers by features, each answered or refused by itself; more as NDJSON,
    answered as it comes.
    """
    if request.headers.get("content-type", "").startswith("application/x-ndjson"):
        return Streamed(_streamed(request, asked, horizons=horizons))
    body = fast_path.parsed(asked.body)
    rows = body.get("customers") if isinstance(body, dict) and set(body) == {"customers"} else None
    if not isinstance(rows, list) or not 0 < len(rows) <= LARGEST_BATCH:
        raise Refused(
            422,
            f"the body is not {{'customers': [...]}} with 1 to {LARGEST_BATCH} customers",
            fix="send at most so many, or a line per customer as application/x-ndjson",
        )
    answers = await run_in_threadpool(_scored, asked, rows, 0, horizons=horizons)
    wrong = sum("error" in answer for answer in answers)
    told = {"answers": answers, "n_errors": wrong, **served.stamp, "scored_at": utc_now()}
    return Response(encoded(told), media_type="application/json")


def _scored(asked: Asked, rows: list[Any], start: int, *, horizons: bool) -> list[dict[str, Any]]:
    served = asked.run()
    scorer = served.scorer
    answers: list[dict[str, Any]] = []
    sound: list[tuple[int, str, dict[str, Any]]] = []
    for index, row in enumerate(rows, start):
        try:
            if isinstance(row, Refused):
                raise row
            customer_id, columns = fast_path.named_columns(asked, row)
            values = scorer.checked(columns)
            if horizons:
                scorer.foreseeable(values)
            sound.append((len(answers), customer_id, values))
            answers.append({"index": index})
        except HoldfastError as error:
            answers.append({"index": index, "error": problem(error)})
    if not sound:
        return answers
    given = [values for *_, values in sound]
    scores = scorer.score_many(given)
    cutoff_day = int(served.summary["cutoff_day"])
    more = scorer.outlooks(given, scores, cutoff_day=cutoff_day) if horizons else [{}] * len(sound)
    for (place, customer_id, _), score, told in zip(sound, scores, more, strict=True):
        answers[place]["answer"] = {**served.answers.answer_now(customer_id, score), **told}
    return answers


async def _streamed(request: Request, asked: Asked, *, horizons: bool) -> AsyncIterator[bytes]:
    """Answer a stream of lines in groups, holding one group at a time."""
    rows: list[Any] = []
    done = 0
    async for line in _lines(request):
        try:
            rows.append(fast_path.parsed(line))
        except Refused as error:
            rows.append(error)
        if len(rows) == _STREAMED_AT_ONCE:
            yield await run_in_threadpool(_as_lines, asked, rows, done, horizons=horizons)
            done, rows = done + len(rows), []
    if rows:
        yield await run_in_threadpool(_as_lines, asked, rows, done, horizons=horizons)


def _as_lines(asked: Asked, rows: list[Any], start: int, *, horizons: bool) -> bytes:
    return b"".join(
        encoded(answer) + b"\n" for answer in _scored(asked, rows, start, horizons=horizons)
    )


async def _lines(request: Request) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in request.stream():
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


SCHEMAS = (History, Batch)
