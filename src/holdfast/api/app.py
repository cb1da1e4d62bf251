"""The application of one worker: routes, problems, documentation, the gate around them, and what
runs beside them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import holdfast
from holdfast.api import documentation
from holdfast.api.context import Asked, Context
from holdfast.api.examples import ANSWERS
from holdfast.api.middleware import App, Gate
from holdfast.api.problems import MEDIA_TYPE, Refused, encoded, problem, status_of
from holdfast.api.resources import customers, evidence, health, predict, runs, segments
from holdfast.api.settings import Settings
from holdfast.errors import HoldfastError

_RECORD_USE_EVERY = 30.0


def create() -> App:
    """Build a worker's application from the settings its server left in the environment."""
    return build(Context(Settings.from_environment()))


def build(context: Context) -> App:
    """Build the application around a context."""
    app: App = Gate(application(context), context)
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
        async with _beside(context):
            yield

    app = FastAPI(
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
    for resource in (health, predict, customers, segments, evidence, runs, documentation):
        app.include_router(resource.router)
    app.add_exception_handler(HoldfastError, _on_error)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _beside(context: Context) -> AsyncIterator[None]:
    """Follow the champion, write the journal and the keys' last use, for as long as the worker
    lives.
    """
    await asyncio.to_thread(context.store.refresh)
    if context.store.trouble:
        context.journal.event("warning", "degraded", reason=context.store.trouble)
    tasks = [
        asyncio.create_task(work)
        for work in (context.store.follow(), context.journal.keep_flushing(), _record_use(context))
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        context.record_use()
        context.journal.flush()


async def _record_use(context: Context) -> None:
    said = ""
    while True:
        await asyncio.sleep(_RECORD_USE_EVERY)
        wrong = await asyncio.to_thread(context.record_use)
        if wrong and wrong != said:
            context.journal.event("warning", "last-use-not-recorded", reason=wrong)
        said = wrong


def _reply(request: Request, error: HoldfastError) -> Response:
    asked: Asked = request.scope["asked"]
    headers = error.headers if isinstance(error, Refused) else None
    told = {**problem(error), "request_id": asked.request_id}
    return Response(
        encoded(told), status_code=status_of(error), headers=headers, media_type=MEDIA_TYPE
    )


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HoldfastError)
    return _reply(request, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fix = "see GET /openapi.json for what there is"
    told = "there is no such route" if error.status_code == 404 else str(error.detail).lower()
    return _reply(request, Refused(error.status_code, told, fix=fix, headers=error.headers))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    refused = Refused(
        422,
        f"{where[:200]}: {first['msg']}",
        fix="see GET /openapi.json",
        n_problems=len(error.errors()),
    )
    return _reply(request, refused)


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes, with an example for each answer and the ways to send a key."""
    if app.openapi_schema:
        return app.openapi_schema
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        openapi_version="3.1.0",
    )
    schemas = described["components"]["schemas"]
    for model in (*predict.SCHEMAS, *segments.SCHEMAS):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    described["paths"] = {
        path.replace(":path}", "}"): item for path, item in described["paths"].items()
    }
    for path, item in described["paths"].items():
        for method, operation in item.items():
            content = operation["responses"]["200"].get("content", {}).get("application/json")
            if content is not None and (method, path) in ANSWERS:
                content["example"] = ANSWERS[method, path]
            operation["security"] = (
                [] if path in ("/health", "/ready") else [{"bearer": []}, {"header": []}]
            )
    described["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    app.openapi_schema = described
    return described
