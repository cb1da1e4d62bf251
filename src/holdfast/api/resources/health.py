"""Whether the server lives, whether it can answer, and what it counts."""

from typing import Any

from fastapi import APIRouter, Response

import holdfast
from holdfast.api.answers.base import Health, Readiness, Stamp
from holdfast.api.deps import CurrentRequest, answer, describe, reply, route
from holdfast.api.metrics import CONTENT_TYPE
from holdfast.api.problems import Refused
from holdfast.api.routes import needs

router = APIRouter(tags=["operation"])


@router.get("/health", response_model=Health)
@needs(None)
def health(request: CurrentRequest) -> Response:
    """The process lives. Whether it can answer is asked at /ready."""
    unknown: dict[str, Any] = dict.fromkeys(Stamp.model_fields)
    stamp = request.served.stamp if request.served else unknown
    return reply({"status": "healthy", "version": holdfast.__version__, **stamp})


@route(router, "GET", "/ready", model=Readiness)
@needs(None)
def ready(request: CurrentRequest) -> Response:
    """What is served can be read, and the published run is followed; `degraded` says why what is
    served is not the published run as it was written.
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
    """Metrics in the text format of Prometheus."""
    return Response(request.context.metrics.render(), media_type=CONTENT_TYPE)
