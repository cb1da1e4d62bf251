"""Alerts: which customers live monitoring has found in trouble, and closing one by a person."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import TypeAdapter

from holdfast.api import fast_path
from holdfast.api.answers.alerts import AlertAnswer, AlertsAnswer
from holdfast.api.context import RequestContext
from holdfast.api.deps import CurrentRequest, describe_body, refer_to, reply, route
from holdfast.api.examples import CLOSING_NOTE
from holdfast.api.problems import Refused, encode
from holdfast.api.resources.runs import Token
from holdfast.api.schemas import AlertsQuery, ClosingNote
from holdfast.storage import audit_log
from holdfast.storage.keys import describe_key
from holdfast.stream.alerts.closing import EpisodeClosed, EpisodeNotFound, close_episode
from holdfast.stream.clock import Clock
from holdfast.stream.live_view import EpisodeFilter, find_episode, list_episodes, sum_up_open

router = APIRouter(tags=["alerts"])
AlertId = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[812])]
_Cursor = TypeAdapter(tuple[str, float, int])
_FILTERS = {"rule", "segment", "severity", "customer_id"}


@route(router, "GET", "/alerts", 409, 422, model=AlertsAnswer)
def alerts(request: CurrentRequest, query: Annotated[AlertsQuery, Query()]) -> Response:
    """Alerts by filter, a page at a time: the open ones with the most at stake first, the closed
    ones with the latest first.
    """
    is_open = query.state == "open"
    wanted = EpisodeFilter(is_open=is_open, **query.model_dump(include=_FILTERS))
    after = _read_cursor(query.cursor, query.state) if query.cursor is not None else None
    with request.context.live.read() as connection:
        page = list_episodes(connection, wanted, most=query.limit, after=after)
        sums = sum_up_open(connection, wanted) if is_open else None
    following = None if page.following is None else _write_cursor(query.state, page.following)
    body = {"alerts": page.episodes, "open": sums, "next_cursor": following}
    return reply({"currency": request.context.live.study.currency, **body})


@route(router, "GET", "/alerts/{alert_id}", 404, 409, 422, model=AlertAnswer)
def alert(alert_id: AlertId, request: CurrentRequest) -> Response:
    """One alert, with the messages about it."""
    return reply(_describe(request, alert_id))


@route(
    router,
    "POST",
    "/alerts/{alert_id}/close",
    *(400, 404, 409, 413, 415, 422),
    model=AlertAnswer,
    openapi_extra=describe_body(refer_to(ClosingNote), CLOSING_NOTE),
)
def close(alert_id: AlertId, request: CurrentRequest, token: Token = None) -> Response:
    """Close an open alert with a note; it is written to the audit log."""
    note = fast_path.validate(ClosingNote, fast_path.parse_json(request.body or b"{}")).note
    status, body = request.context.idempotency.change_once(
        token,
        f"close alert {alert_id}\n{note}",
        holder=request.key.key_id,
        change=lambda: (200, _close(request, alert_id, note)),
    )
    return reply(body, status=status)


def _close(request: RequestContext, alert_id: int, note: str) -> dict[str, Any]:
    live, who = request.context.live, request.key.name or request.key.key_id
    day = Clock(live.study.time_zone).today
    project = request.context.store.registry.folder.parent
    try:
        # What cannot be recorded is not done.
        with live.write() as connection:
            close_episode(connection, live.study, alert_id, by=who, note=note, day=day)
            audit_log.record(project, "close alert", who=describe_key(request.key), alert=alert_id)
    except EpisodeNotFound:
        raise _no_such_alert(alert_id) from None
    except EpisodeClosed as error:
        raise Refused(409, error.problem, alert_id=alert_id) from None
    return _describe(request, alert_id)


def _describe(request: RequestContext, alert_id: int) -> dict[str, Any]:
    with request.context.live.read() as connection:
        episode = find_episode(connection, alert_id)
    if episode is None:
        raise _no_such_alert(alert_id)
    return {"currency": request.context.live.study.currency, "alert": episode}


def _no_such_alert(alert_id: object) -> Refused:
    return Refused(404, f"there is no alert {alert_id}", fix="see GET /alerts")


def _write_cursor(state: str, place: tuple[float, int]) -> str:
    return base64.urlsafe_b64encode(encode([state, *place])).decode()


def _read_cursor(cursor: str, state: str) -> tuple[float, int]:
    try:
        of, place, last = _Cursor.validate_json(
            base64.urlsafe_b64decode(cursor.encode("ascii")), strict=True
        )
    except ValueError:
        raise Refused(
            422, "the cursor is not one that this server gave", fix="send `next_cursor` as it came"
        ) from None
    if of != state or not 0 < last < 2**63:
        raise Refused(
            422,
            f"the cursor does not belong to the list of {state} alerts",
            fix="start at the first page, without a cursor",
        )
    return place, last
