"""Which role each route needs, and what it is called in metrics and logs: read off the application.

Deny by default: whatever reads needs a reader's key and whatever changes something an operator's,
unless the endpoint says otherwise with `needs`; so does a path that no route has.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_DECLARED: dict[Callable[..., Any] | None, str | None] = {}


def needs(role: str | None) -> Callable[[Endpoint], Endpoint]:
    """Declare the least role that may ask an endpoint; None: whoever asks, without a key."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _DECLARED[endpoint] = role
        return endpoint

    return declare


class Route(NamedTuple):
    """One route: its name, without anybody's name in it, and the role that each method needs."""

    template: str
    roles: Mapping[str, str | None]

    def role(self, method: str) -> str | None:
        """The least role that may ask; None where no key is needed."""
        reads = method in ("GET", "HEAD")
        return self.roles.get("GET" if reads else method, "reader" if reads else "operator")


UNMATCHED = Route("unmatched", {})


class Routes:
    """The routes of an application, found by path before any is called."""

    def __init__(self, app: FastAPI) -> None:
        declared: dict[str, dict[str, str | None]] = defaultdict(dict)
        for route in iter_route_contexts(app.routes):
            roles = declared[str(route.path)]
            if route.endpoint in _DECLARED:
                roles.update(dict.fromkeys(route.methods or (), _DECLARED[route.endpoint]))
        routes = {path: Route(path.replace(":path}", "}"), of) for path, of in declared.items()}
        self._fixed = {path: route for path, route in routes.items() if "{" not in path}
        self._patterns = [(_pattern(path), r) for path, r in routes.items() if "{" in path]

    def find(self, path: str) -> Route:
        """The route of a path; UNMATCHED where there is none."""
        route = self._fixed.get(path)
        if route is not None:
            return route
        return next((r for pattern, r in self._patterns if pattern.fullmatch(path)), UNMATCHED)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\w+:path\}", ".+", path)))
