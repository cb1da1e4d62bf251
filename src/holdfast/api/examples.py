"""Examples in the documentation: of the bodies as `static/examples.json` has them; of each answer
as its schema and the fields there make it.
"""

import json
from importlib.resources import files
from typing import Any

_EXAMPLES = json.loads(
    files("holdfast.api").joinpath("static", "examples.json").read_text(encoding="utf-8")
)
_BODIES: dict[str, dict[str, Any]] = _EXAMPLES["bodies"]
FEATURES, HISTORY, BATCH = (_BODIES[name] for name in ("features", "history", "batch"))
WHAT_IF, PLAN, EXPERIMENT = (_BODIES[name] for name in ("what_if", "plan", "experiment"))
CLOSING_NOTE, EVENTS = (_BODIES[name] for name in ("closing_note", "events"))
_FIELDS: dict[str, dict[str, Any]] = _EXAMPLES["fields"]
"""Type -> field -> example; of a field that is not there, the first of its choices, or that of the
nameless one.
"""


def make_example(schema: dict[str, Any], schemas: dict[str, Any], field: str = "") -> Any:
    """Make an example of a schema, in which every field has a value.

    >>> row = {"properties": {"customer_id": {"type": "string"}, "rank": {"type": "integer"}}}
    >>> make_example({"items": {"$ref": "#/components/schemas/Row"}}, {"Row": row})
    [{'customer_id': 'CUST00001', 'rank': 1}]
    """
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if field in _FIELDS["null"]:
        return None
    if "anyOf" in schema:
        return make_example(schema["anyOf"][0], schemas, field)
    if "items" in schema:
        return [make_example(schema["items"], schemas, field)]
    if "properties" in schema:
        properties = schema["properties"].items()
        return {name: make_example(each, schemas, name) for name, each in properties}
    of_type = _FIELDS[schema["type"]]
    example, choices = (
        of_type.get(field, of_type[""]),
        schema.get("enum", [schema["const"]] if "const" in schema else []),
    )
    return choices[0] if choices and example not in choices else example
