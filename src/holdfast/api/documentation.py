"""The documentation page: Swagger UI from the installed package `fastapi-offline`; nothing comes
from outside.
"""

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI writes styles into its elements; scripts come from this server's files only."""
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES = {
    "start.js": ("holdfast.api", _SCRIPT),
    "swagger-ui-bundle.js": ("fastapi_offline", _SCRIPT),
    "swagger-ui.css": ("fastapi_offline", _STYLE),
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs() -> Response:
    """The page."""
    return Response(
        _read("holdfast.api", "docs.html"),
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": _POLICY},
    )


@router.get("/docs/{name}")
def docs_file(name: str) -> Response:
    """The page's script, which starts Swagger UI, Swagger UI itself and its looks."""
    if name not in _FILES:
        raise HTTPException(404)
    package, media_type = _FILES[name]
    headers = {"cache-control": "private, max-age=3600"}
    return Response(_read(package, name), media_type=media_type, headers=headers)


def _read(package: str, name: str) -> bytes:
    return files(package).joinpath("static", name).read_bytes()
