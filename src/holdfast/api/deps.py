"""What the routes ask for, as annotations; and how they answer."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response

from holdfast.api.context import Asked
from holdfast.api.problems import MEDIA_TYPE, encoded
from holdfast.api.schemas import Problem
from holdfast.api.served import Served


def _asked(request: Request) -> Asked:
    found: Asked = request.scope["asked"]
    return found


def _served(asked: Annotated[Asked, Depends(_asked)]) -> Served:
    return asked.run()


AskedNow = Annotated[Asked, Depends(_asked)]
Current = Annotated[Served, Depends(_served)]


def answer(served: Served, body: dict[str, Any], *, status: int = 200) -> Response:
    """A JSON answer with the run's stamp."""
    return Response(
        encoded({**body, **served.stamp}), status_code=status, media_type="application/json"
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the problems of a route, those that every route has among them."""
    every = sorted({401, 403, 408, 429, 500, 503, 504, *statuses})
    return {
        status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "A problem"}
        for status in every
    }
