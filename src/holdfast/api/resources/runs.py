"""Runs: which there are, which counts, and changing that without a failed or a mixed answer. And
who has a key.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from holdfast.api.answers.changes import ComparisonAnswer
from holdfast.api.answers.runs import ChampionAnswer, KeysAnswer, RunAnswer, RunsAnswer
from holdfast.api.context import RequestContext
from holdfast.api.deps import CurrentRequest, answer, describe, reply, route
from holdfast.api.routes import needs
from holdfast.runs import run_history
from holdfast.runs.run_comparison import compare_runs
from holdfast.storage.keys import describe_key

router = APIRouter(tags=["runs"])
RunId = Annotated[str, Path(max_length=80, examples=["20261123T021500Z-ab12cd34"])]
Token = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="Requests with the same key are carried out once",
    ),
]
_CHANGE = describe(400, 404, 409, 413, 415, 422)


@route(router, "GET", "/runs", model=RunsAnswer)
def list_runs(request: CurrentRequest) -> Response:
    """Every run, newest first; `champion` marks the published one."""
    served, rows = request.run(), run_history.list_runs(request.context.store.registry)
    marked = [{**row, "served": row["run_id"] == served.run_id} for row in rows]
    return answer(served, {"runs": marked})


@route(router, "GET", "/runs/{run_id}", 404, 422, model=RunAnswer)
def show_run(run_id: RunId, request: CurrentRequest) -> Response:
    """One run: its manifest, with the SHA-256 of each file."""
    served, registry = request.run(), request.context.store.registry
    run = registry.open(run_id)
    shown = {**run.manifest, "champion": run.run_id == registry.champion_id()}
    return answer(served, {"run": shown})


@route(router, "GET", "/runs/{run_id}/compare/{other}", 404, 422, model=ComparisonAnswer)
def compare(run_id: RunId, other: RunId, request: CurrentRequest) -> Response:
    """Two runs side by side, the earlier one first: figures, drift, who moved, what differs, and
    how good they proved.
    """
    registry = request.context.store.registry
    return answer(request.run(), compare_runs(registry.open(run_id), registry.open(other)))


@router.post("/runs/{run_id}/promote", response_model=ChampionAnswer, responses=_CHANGE)
def promote(run_id: RunId, request: CurrentRequest, token: Token = None) -> Response:
    """Publish a run; it is checked and loaded first, then served by all workers within a second."""
    return _change(request, token, run_id)


@router.post("/rollback", response_model=ChampionAnswer, responses=_CHANGE)
def rollback(request: CurrentRequest, token: Token = None) -> Response:
    """Go back to the run that was published before."""
    return _change(request, token, None)


def _change(request: RequestContext, token: str | None, run_id: str | None) -> Response:
    store = request.context.store

    def change() -> tuple[int, dict[str, Any]]:
        champion = run_history.change_champion(
            store.registry,
            run_id,
            who=describe_key(request.key),
            prepare=lambda run: store.prepare(run.run_id),
        )
        served = store.prepare(champion.run_id)
        store.refresh()
        return 200, {"champion": served.run_id, **served.stamp}

    what = f"promote {run_id}" if run_id else "rollback"
    status, body = request.context.idempotency.change_once(
        token,
        f"{what}\n{request.body.decode(errors='replace')}",
        holder=request.key.key_id,
        change=change,
    )
    return reply(body, status=status)


@route(router, "GET", "/keys", model=KeysAnswer)
@needs("admin")
def list_keys(request: CurrentRequest) -> Response:
    """Who may ask: every key's role, name and last use."""
    keys = [key.public() for key in request.context.keys.keys().values()]
    return answer(request.run(), {"keys": keys})
