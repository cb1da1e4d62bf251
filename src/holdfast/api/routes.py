"""Which routes there are, as the gate sees them before any is called: their template and the role
each needs.

Deny by default: whatever is not named here needs a key, and whatever changes something needs an
operator's.
"""

import re

PUBLIC = frozenset({"/health", "/ready"})
"""Probes carry no key."""
_ADMIN = frozenset({"/keys"})
_ASKING = frozenset({"/predict", "/predict/batch", "/simulate/recovery"})
"""Posts that change nothing."""
_FIXED = frozenset(
    {
        *PUBLIC,
        *_ADMIN,
        *_ASKING,
        "/segment/summary",
        "/segments",
        "/customers",
        "/forecast",
        "/evidence",
        "/features",
        "/runs",
        "/rollback",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    }
)
_TEMPLATES = (
    (re.compile(r"/predict/.+"), "/predict/{customer_id}"),
    (re.compile(r"/customers/.+/reasons"), "/customers/{customer_id}/reasons"),
    (re.compile(r"/customers/.+"), "/customers/{customer_id}"),
    (re.compile(r"/runs/[^/]+/promote"), "/runs/{run_id}/promote"),
    (re.compile(r"/runs/[^/]+"), "/runs/{run_id}"),
)


def template(path: str) -> str:
    """The route's name for metrics and logs, without anybody's name in it."""
    if path in _FIXED:
        return path
    return next((name for pattern, name in _TEMPLATES if pattern.fullmatch(path)), "unmatched")


def role_for(method: str, path: str) -> str | None:
    """The least role that may ask; None for the probes."""
    if path in _ADMIN:
        return "admin"
    if method in ("GET", "HEAD"):
        return None if path in PUBLIC else "reader"
    return "reader" if path in _ASKING else "operator"
