"""A bare Starlette route that answers as many bytes as a prediction: what the web server alone can
do.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_BODY = b'{"customer_id":"' + b"x" * 680 + b'"}'


async def _answer(request: Request) -> Response:
    return Response(_BODY, media_type="application/json")


app = Starlette(routes=[Route("/predict/{customer_id}", _answer)])
