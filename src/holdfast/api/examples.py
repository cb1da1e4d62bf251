"""Examples that several operations show in the documentation, from `static/examples.json`."""

import json
from importlib.resources import files
from typing import Any

_EXAMPLES: dict[str, dict[str, Any]] = json.loads(
    files("holdfast.api").joinpath("static", "examples.json").read_text(encoding="utf-8")
)
_NAMES = "features history batch what_if stamp prediction segments reason run".split()
FEATURES, HISTORY, BATCH, WHAT_IF, STAMP, PREDICTION, SEGMENTS, REASON, RUN = (
    _EXAMPLES[name] for name in _NAMES
)
CUSTOMER: str = PREDICTION["customer_id"]
