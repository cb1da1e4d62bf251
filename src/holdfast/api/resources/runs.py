"""Runs: which there are, which counts, and changing that without a failed or a mixed answer. And
who has a key.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi.concurrency import run_in_threadpool

from holdfast.api.context import Asked
from holdfast.api.deps import AskedNow, answer, problems
from holdfast.api.problems import encoded
from holdfast.api.schemas import Anything
from holdfast.errors import DamagedRun

router = APIRouter(tags=["runs"])
RunId = Annotated[str, Path(max_length=80, examples=["20261123T021500Z-ab12cd34"])]
Token = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=255, description="Sent twice, the change is made once"
    ),
]
_SHOWN = ("run_id", "created_at", "study", "kind", "cutoff_date", "customers")


@router.get("/runs", response_model=Anything, responses=problems())
def list_runs(asked: AskedNow) -> Response:
    """Every published run, newest first."""
    served, registry = asked.run(), asked.context.store.registry
    champion = registry.champion_id()
    return answer(
        served, {"runs": [_row(asked, run_id, champion) for run_id in registry.run_ids()]}
    )


def _row(asked: Asked, run_id: str, champion: str | None) -> dict[str, Any]:
    told = {
        "champion": run_id == champion,
        "served": asked.served is not None and run_id == asked.served.run_id,
    }
    try:
        manifest = asked.context.store.registry.open(run_id).manifest
    except DamagedRun as error:
        return {"run_id": run_id, "damaged": error.problem, **told}
    return {**{name: manifest.get(name) for name in _SHOWN}, **told}


@router.get("/runs/{run_id}", response_model=Anything, responses=problems(404, 422))
def show_run(run_id: RunId, asked: AskedNow) -> Response:
    """One run: its manifest, with the SHA-256 of each file."""
    served, registry = asked.run(), asked.context.store.registry
    run = registry.open(run_id)
    told = {**run.manifest, "champion": run.run_id == registry.champion_id()}
    return answer(served, {"run": told})


@router.post(
    "/runs/{run_id}/promote",
    response_model=Anything,
    responses=problems(400, 404, 409, 413, 415, 422),
)
async def promote(run_id: RunId, asked: AskedNow, token: Token = None) -> Response:
    """Make a run the champion; it is checked and loaded first, then served by every worker within a
    second.
    """
    return await run_in_threadpool(_changed, asked, token, run_id)


@router.post("/rollback", response_model=Anything, responses=problems(400, 404, 409, 413, 415, 422))
async def rollback(asked: AskedNow, token: Token = None) -> Response:
    """Go back to the champion before."""
    return await run_in_threadpool(_changed, asked, token, None)


def _changed(asked: Asked, token: str | None, run_id: str | None) -> Response:
    store = asked.context.store

    def change() -> tuple[int, dict[str, Any]]:
        if run_id is not None:
            served = store.prepare(run_id)
            store.registry.promote(run_id)
        else:
            served = store.prepare(store.registry.rollback().run_id)
        store.refresh()
        return 200, {"champion": served.run_id, **served.stamp}

    request = (
        f"{'promote ' + run_id if run_id else 'rollback'}\n{asked.body.decode(errors='replace')}"
    )
    status, body = asked.context.idempotency.once(
        token, request, holder=asked.key.key_id, change=change
    )
    return Response(encoded(body), status_code=status, media_type="application/json")


@router.get("/keys", response_model=Anything, responses=problems())
def list_keys(asked: AskedNow) -> Response:
    """Who may ask: every key's role, name and last use."""
    return answer(
        asked.run(), {"keys": [key.public() for key in asked.context.keys.keys().values()]}
    )
