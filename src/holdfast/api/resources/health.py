"""Whether the server lives, whether it can answer, and what it counts."""

from typing import Any

from fastapi import APIRouter, Response

import holdfast
from holdfast.api.answer_schemas import Health, Readiness
from holdfast.api.deps import CurrentRequest, answer, describe, reply, route
from holdfast.api.examples import STAMP
from holdfast.api.metrics import CONTENT_TYPE
from holdfast.api.problems import Refused
from holdfast.api.routes import needs

router = APIRouter(tags=["operation"])
_READY = {"ready": True, "champion": STAMP["run_id"], "degraded": "churn.txt was changed"}
_HEALTHY = {"status": "healthy", "version": "0.1.0", **STAMP}


@router.get(
    "/health",
    response_model=Health,
    responses={200: {"content": {"application/json": {"example": _HEALTHY}}}},
)
@needs(None)
def health(request: CurrentRequest) -> Response:
    """The process lives; nothing is asked of the run."""
    stamp: dict[str, Any] = request.served.stamp if request.served else dict.fromkeys(STAMP)
    return reply({"status": "healthy", "version": holdfast.__version__, **stamp})


@route(router, "GET", "/ready", model=Readiness, example=_READY)
@needs(None)
def ready(request: CurrentRequest) -> Response:
    """What is served can be read, and the champion is followed; `degraded` says why what is served
    is not the champion as published.
    """
    served, store = request.run(), request.context.store
    served.probe()
    if store.failures:
        raise Refused(503, store.trouble, fix="see the server's log, and restart it")
    body = {
        "ready": True,
        "champion": store.wanted,
        "degraded": store.trouble or None,
    }
    return answer(served, body)


@router.get(
    "/metrics",
    response_class=Response,
    responses={**describe(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: CurrentRequest) -> Response:
    """For Prometheus."""
    return Response(request.context.metrics.render(), media_type=CONTENT_TYPE)
