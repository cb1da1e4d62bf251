"""The stream: events from applications, how far it is, and alerts as they open and close."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from holdfast.api import fast_path
from holdfast.api.answers.alerts import EventsAnswer, StreamStatusAnswer
from holdfast.api.context import RequestContext
from holdfast.api.deps import (
    CurrentRequest,
    describe,
    describe_body,
    refer_to,
    reply,
    route,
)
from holdfast.api.examples import EVENTS
from holdfast.api.problems import Refused
from holdfast.api.resources.runs import Token
from holdfast.api.schemas import LARGEST_HANDOVER, Events
from holdfast.errors import StudyError
from holdfast.stream.alerts.alert_feed import Place
from holdfast.stream.live_view import read_status
from holdfast.stream.sources.outbox_events import add_events, assign_partitions, require_outbox

router = APIRouter(tags=["stream"])
_PLACE = "The id of the last event received; the events that followed it are sent first"
_SSE = {"text/event-stream": {"schema": {"type": "string"}}}


@route(router, "GET", "/stream/status", 409, model=StreamStatusAnswer)
def status(request: CurrentRequest) -> Response:
    """Open alerts, how far each partition has been read, messages that could not be understood, and
    deliveries that wait.
    """
    live = request.context.live
    with live.read() as connection:
        body = read_status(connection)
    return reply({"currency": live.study.currency, **body})


@route(
    router,
    "POST",
    "/events",
    *(400, 409, 413, 415, 422),
    model=EventsAnswer,
    status_code=202,
    openapi_extra=describe_body(refer_to(Events), EVENTS),
)
def take_events(request: CurrentRequest, token: Token = None) -> Response:
    """Take in events, one or up to 1,000; they are kept when this answers, and read within a
    second. An event that is sent twice counts once, by its event_id.
    """
    events, are_many = _read_events(request)
    study = request.context.live.study
    try:
        require_outbox(study)
    except StudyError as error:
        raise Refused(409, error.problem, fix=error.fix) from None
    partitions = assign_partitions(events, study)
    text = request.body.decode()
    code, body = request.context.idempotency.change_once(
        token,
        f"events\n{text}",
        holder=request.key.key_id,
        change=lambda: (202, _take(request, text, partitions, are_many=are_many)),
    )
    return reply(body, status=code)


def _read_events(request: RequestContext) -> tuple[list[Any], bool]:
    """The events of a body, and whether they came as many: {"events": [...]}, or one by itself."""
    body = fast_path.parse_json(request.body)
    if not isinstance(body, dict):
        raise Refused(
            422, "the body is not an event", fix='send an object, or {"events": [...]} with several'
        )
    if set(body) != {"events"} or not isinstance(body["events"], list):
        return [body], False
    if not 0 < len(body["events"]) <= LARGEST_HANDOVER:
        raise Refused(
            422,
            f"the body has {len(body['events']):,} events, and may have 1 to {LARGEST_HANDOVER:,}",
            fix="send them in several requests" if body["events"] else "send at least one",
        )
    return body["events"], True


def _take(
    request: RequestContext, text: str, partitions: list[int], *, are_many: bool
) -> dict[str, Any]:
    from psycopg import DataError

    try:
        with request.context.live.write() as connection:
            return {"accepted": add_events(connection, text, partitions, are_many=are_many)}
    except DataError as error:
        raise Refused(
            422,
            f"PostgreSQL cannot keep these events: {str(error).splitlines()[0][:200]}",
            fix="send text without the character U+0000, and numbers that are finite",
        ) from None


@router.get(
    "/stream/alerts",
    response_class=StreamingResponse,
    responses={
        200: {"content": _SSE, "description": "Events `opened`, `closed`, `reopened`"},
        **describe(409, 422),
    },
)
async def follow_alerts(
    http_request: Request,
    request: CurrentRequest,
    after: Annotated[str | None, Query(max_length=40, description=_PLACE)] = None,
    last_event_id: Annotated[str | None, Header(max_length=40, description=_PLACE)] = None,
) -> Response:
    """Alerts as they open and close, as server-sent events: each has an id, from which a client
    that was cut off goes on. Without one it begins with what comes next.
    """
    feed, given = request.context.alert_feed, last_event_id or after
    feed.require_room()
    place = Place.parse(given) if given else None
    if given and place is None:
        raise Refused(
            422,
            f"{given[:40]!r} is not the id of an event",
            fix="send the id of the last event as it came",
        )
    end = await feed.find_end()
    ending: asyncio.Event = http_request.scope["ending"]
    return StreamingResponse(
        feed.follow(place or end, ending=ending),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )
