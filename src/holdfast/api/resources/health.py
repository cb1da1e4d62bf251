"""Whether the server lives, whether it can answer, and what it counts."""

from typing import Any

from fastapi import APIRouter, Response

import holdfast
from holdfast.api.deps import AskedNow, problems
from holdfast.api.metrics import CONTENT_TYPE
from holdfast.api.problems import encoded
from holdfast.api.schemas import Anything, Health

router = APIRouter(tags=["operation"])
_NOTHING = dict.fromkeys(("run_id", "cutoff_day", "model_version", "scored_at"))


@router.get("/health", response_model=Health)
def health(asked: AskedNow) -> Response:
    """The process lives; nothing is asked of the run."""
    stamp: dict[str, Any] = asked.served.stamp if asked.served else _NOTHING
    told = {"status": "healthy", "version": holdfast.__version__, **stamp}
    return Response(encoded(told), media_type="application/json")


@router.get("/ready", response_model=Anything, responses=problems())
def ready(asked: AskedNow) -> Response:
    """A customer can be looked up; `degraded` says why what is served is not the champion as
    published.
    """
    served = asked.run()
    name = str(served.frame.item(served.frame.height // 2, 0))
    told = {
        "ready": served.score_of(name) is not None,
        "champion": asked.context.store.wanted,
        "degraded": asked.context.store.trouble or None,
        **served.stamp,
    }
    return Response(encoded(told), media_type="application/json")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems()},
)
def metrics(asked: AskedNow) -> Response:
    """For Prometheus."""
    return Response(asked.context.metrics.text(), media_type=CONTENT_TYPE)
