"""What the endpoints ask for, as annotations; how they answer and describe what they answer."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from holdfast.api.answers.base import Problem
from holdfast.api.context import RequestContext
from holdfast.api.problems import MEDIA_TYPE, encode
from holdfast.api.routes import Endpoint
from holdfast.api.served import Served


def _request_context(request: Request) -> RequestContext:
    context: RequestContext = request.scope["request_context"]
    return context


CurrentRequest = Annotated[RequestContext, Depends(_request_context)]


def _served_run(request: CurrentRequest) -> Served:
    return request.run()


CurrentRun = Annotated[Served, Depends(_served_run)]


def reply(body: dict[str, Any], *, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(encode(body), status_code=status, media_type="application/json")


def answer(served: Served, body: dict[str, Any]) -> Response:
    """A JSON answer with the run's stamp."""
    return reply({**body, **served.stamp})


def describe(*statuses: int) -> dict[int | str, Any]:
    """Describe a route's problems, those that every route has among them."""
    every = sorted({400, 401, 403, 408, 429, 431, 500, 503, 504, 507, *statuses})
    problem = {"content": {MEDIA_TYPE: {"schema": refer_to(Problem)}}, "description": "A problem"}
    return dict.fromkeys(every, problem)


def route(
    router: APIRouter,
    method: str,
    path: str,
    *statuses: int,
    model: type[BaseModel],
    **more: Any,
) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint with its answer and the problems that `describe` knows."""
    responses = describe(*statuses)
    return router.api_route(
        path, methods=[method], response_model=model, responses=responses, **more
    )


def describe_body(
    schema: dict[str, Any], *examples: dict[str, Any], more: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Describe a body that is read by hand: its JSON schema, its examples, and other forms."""
    shown = {"schema": schema, "examples": {each["summary"]: each for each in examples}}
    content = {"application/json": shown, **(more or {})}
    return {"requestBody": {"required": True, "content": content}}


def refer_to(model: type[BaseModel]) -> dict[str, str]:
    """The schema of a model of `schemas`, by its name."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
