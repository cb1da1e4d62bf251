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
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"""
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_KEPT = {"cache-control": "private, max-age=3600"}
_LOOKS = {"swagger-ui-bundle.js": _SCRIPT, "swagger-ui.css": _STYLE}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs() -> Response:
    """The page."""
    return Response(
        _PAGE, media_type="text/html; charset=utf-8", headers={"content-security-policy": _POLICY}
    )


@router.get("/docs/start.js")
def start() -> Response:
    """The page's own script: no script stands in the page itself."""
    return Response(_START, media_type=_SCRIPT)


@router.get("/docs/{name}")
def file(name: str) -> Response:
    """Swagger UI and its looks."""
    if name not in _LOOKS:
        raise HTTPException(404)
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=_LOOKS[name], headers=_KEPT)
