"""The application of one worker: routes, problems, their description, the middleware around them,
and what runs beside them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import holdfast
from holdfast.api import documentation
from holdfast.api.answers.base import Problem
from holdfast.api.context import Context, RequestContext
from holdfast.api.examples import make_example
from holdfast.api.middleware import App, Middleware
from holdfast.api.problems import (
    MEDIA_TYPE,
    Refused,
    encode,
    headers_of,
    problem,
    refuse_invalid,
    status_of,
)
from holdfast.api.resources import (
    alerts,
    campaigns,
    changes,
    customers,
    evidence,
    health,
    predict,
    runs,
    segments,
    stream,
)
from holdfast.api.routes import Routes
from holdfast.api.schemas import (
    Batch,
    ClosingNote,
    Events,
    Experiment,
    History,
    PlanTerms,
    WhatIf,
)
from holdfast.api.settings import Settings
from holdfast.api.store import LOOK_EVERY
from holdfast.errors import HoldfastError

_RECORD_USE_EVERY = 30.0
_WRITE_EVERY = 0.2
_FOLLOW = "follow the published run"
_Work = Callable[[], Awaitable[object]]
_BY_HAND: tuple[type[BaseModel], ...] = (
    History, Batch, WhatIf, PlanTerms, Experiment, ClosingNote, Events, Problem,
)  # fmt: skip
"""Described as pydantic does: FastAPI leaves out what it does not read itself, and defaults of
null."""


def create() -> App:
    """Build a worker's application from the settings its server left in the environment."""
    return build(Context(Settings.from_environment()))


def build(context: Context) -> App:
    """Build the application around a context."""
    app: App = Middleware(application(context), context)
    if context.settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=context.settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    return app


def application(context: Context | None = None) -> FastAPI:
    """The routes; without a context only their description can be used."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        assert context is not None
        async with _run_beside(context):
            yield

    app = _Application(
        title="Holdfast",
        version=holdfast.__version__,
        description="Will they leave, what are they worth, why, which group are they in, and is "
        "keeping them worth it?",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    for resource in (
        health,
        predict,
        changes,
        customers,
        segments,
        campaigns,
        evidence,
        alerts,
        stream,
        runs,
        documentation,
    ):
        app.include_router(resource.router)
    for kind in (HoldfastError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _on_error)
    return app


@asynccontextmanager
async def _run_beside(context: Context) -> AsyncIterator[None]:
    """Follow the published run, write the access log and the keys' last use, for as long as the
    worker lives.
    """
    await _attempt(context, _FOLLOW, partial(asyncio.to_thread, context.store.refresh))
    if context.store.trouble:
        context.access_log.event("warning", "degraded", reason=context.store.trouble)
    tasks = [
        asyncio.create_task(_repeat(context, *work))
        for work in (
            (_FOLLOW, context.store.look, LOOK_EVERY),
            ("write its log", context.access_log.write, _WRITE_EVERY),
            ("record when keys are used", _recorder(context), _RECORD_USE_EVERY),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        context.live.close()
        context.record_use()
        context.access_log.flush()


async def _repeat(context: Context, name: str, work: _Work, every: float) -> None:
    """Do something again and again, whatever becomes of it, for as long as the server lives."""
    while True:
        await asyncio.sleep(every)
        await _attempt(context, name, work)


async def _attempt(context: Context, name: str, work: _Work) -> None:
    """Do it once; that it failed is journalled, and the server is not ready until it works again.

    No error may end what runs beside the answers: nobody would see that it is gone.
    """
    failures = context.store.failures
    try:
        await work()
    except Exception as error:
        problem = f"the server cannot {name} ({type(error).__name__}); it keeps trying"
        if failures.get(name) != problem:
            context.access_log.failure(error, request_id=name, cause=None)
        failures[name] = problem
    else:
        failures.pop(name, None)


def _recorder(context: Context) -> _Work:
    last = ""

    async def record() -> None:
        nonlocal last
        reason = await asyncio.to_thread(context.record_use)
        if reason and reason != last:
            context.access_log.event("warning", "last-use-not-recorded", reason=reason)
        last = reason

    return record


async def _on_error(request: Request, error: Exception) -> Response:
    context: RequestContext = request.scope["request_context"]
    refused = _as_problem(error, context)
    body = encode(problem(refused, request_id=context.request_id))
    return Response(
        body,
        status_code=status_of(refused),
        headers=headers_of(refused),
        media_type=MEDIA_TYPE,
    )


def _as_problem(error: Exception, context: RequestContext) -> HoldfastError:
    """What FastAPI refuses, and what is a defect, in the words of all problems."""
    if isinstance(error, RequestValidationError):
        return refuse_invalid(error.errors())
    if isinstance(error, HTTPException):
        missing = error.status_code == 404
        what = "there is no such route" if missing else str(error.detail).lower()
        fix = "see GET /openapi.json for what there is"
        return Refused(error.status_code, what, fix=fix, headers=error.headers)
    return context.explain(error)


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """OpenAPI 3.1 of the routes, with the bodies that are read by hand, an example of each
        answer and the ways to send a key.
        """
        return self.openapi_schema or _complete(super().openapi(), Routes(self))


def _complete(described: dict[str, Any], routes: Routes) -> dict[str, Any]:
    schemas = described["components"]["schemas"]
    for model in _BY_HAND:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    described["paths"] = {
        path.replace(":path}", "}"): item for path, item in described["paths"].items()
    }
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
    for path, item in described["paths"].items():
        for method, operation in item.items():
            public = routes.find(path).role(method.upper()) is None
            operation["security"] = [] if public else keys
            answer = _answer_of(operation)["content"].get("application/json")
            if answer:
                answer["example"] = make_example(answer["schema"], schemas)
    described["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    return described


def _answer_of(operation: dict[str, Any]) -> Any:
    """The answer that is no problem."""
    return next(answer for status, answer in operation["responses"].items() if status < "3")
