"""The contract as a file: Open Data Contract Standard 3.1, or JSON Schema, and back.

Of a file that users tightened, what Holdfast runs is read, what only describes is passed over, and
what is misspelt is an error that names the nearest key.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.errors import StudyError, nearest
from holdfast.ingest.data_contract import (
    INPUTS,
    ColumnRule,
    DataContract,
    InputContract,
    Kind,
    Limit,
)

API_VERSION = "v3.1.0"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
_KINDS: Mapping[str, Kind] = {
    "string": "string",
    "date": "timestamp",
    "timestamp": "timestamp",
    "time": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
}
_OPTIONS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}
_ENFORCEMENT = "holdfastEnforcement"
_PROPERTY_KEYS = tuple(
    """
    name id businessName description physicalName physicalType logicalType logicalTypeOptions
    required unique primaryKey primaryKeyPosition classification criticalDataElement examples tags
    quality relationships customProperties authoritativeDefinitions partitioned
    partitionKeyPosition encryptedName transformLogic transformDescription transformSourceObjects
""".split()
)


def to_odcs(contract: DataContract) -> dict[str, Any]:
    """The contract as ODCS 3.1, to be written as YAML."""
    fresh = [each for each in contract.inputs.values() if each.fresh_days is not None]
    return {
        "version": "1.0.0",
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"holdfast-{contract.name}",
        "name": contract.name,
        "status": "active",
        "description": {
            "purpose": "What the study takes for granted of its inputs. Tighten it, and name it "
            "there."
        },
        "schema": [_object(each) for each in contract.inputs.values()],
        "slaProperties": [
            {
                "property": "latency",
                "value": each.fresh_days,
                "unit": "d",
                "element": _moment_of(each),
            }
            for each in fresh
        ],
    }


def _moment_of(given: InputContract) -> str:
    moments = [rule.name for rule in given.columns if rule.kind == "timestamp"]
    return f"{given.name}.{moments[0]}" if moments else given.name


def _object(given: InputContract) -> dict[str, Any]:
    keys = [
        {
            "metric": "duplicateValues",
            "mustBe": 0,
            "arguments": {"properties": list(key)},
            "dimension": "uniqueness",
        }
        for key in given.keys
    ]
    return {
        "name": given.name,
        "logicalType": "object",
        "dataGranularityDescription": given.description,
        "properties": [_property(rule) for rule in given.columns],
        "quality": [*keys, *(_quality(limit) for limit in given.limits)]
        or [{"metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness"}],
    }


def _property(rule: ColumnRule) -> dict[str, Any]:
    options = {
        key: getattr(rule, name)
        for key, name in _OPTIONS.items()
        if getattr(rule, name) is not None
    }
    custom = {"holdfastRole": rule.role, "unit": rule.unit}
    quality = [_quality(limit, _arguments(rule, limit)) for limit in rule.limits]
    told: dict[str, Any] = {
        "name": rule.name,
        "logicalType": rule.kind,
        "required": rule.required,
        "unique": rule.unique or None,
        "description": rule.description,
        "logicalTypeOptions": options,
        "relationships": [_relationship(rule)] if rule.refers_to else None,
        "quality": quality,
        "customProperties": [
            {"property": key, "value": value} for key, value in custom.items() if value
        ],
    }
    return {key: value for key, value in told.items() if value not in (None, {}, [])}


def _relationship(rule: ColumnRule) -> dict[str, Any]:
    enforced = "quarantine" if rule.is_enforced else "report"
    custom = [{"property": _ENFORCEMENT, "value": enforced}]
    return {"type": "foreignKey", "to": rule.refers_to, "customProperties": custom}


def _arguments(rule: ColumnRule, limit: Limit) -> dict[str, Any]:
    if limit.metric == "invalidValues":
        return {"validValues": list(rule.one_of)} if rule.one_of else {}
    return {"missingValues": list(rule.missing_words)} if limit.metric == "missingValues" else {}


def _quality(limit: Limit, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    value: Any = [*limit.value] if len(limit.value) > 1 else limit.value[0]
    told = {"metric": limit.metric, limit.operator: value, "unit": limit.unit}
    return {**told, "arguments": dict(arguments)} if arguments else told


def to_json_schema(contract: DataContract) -> dict[str, Any]:
    """The contract as one JSON Schema: an array of rows for each input, every cell by its column's
    name.
    """
    return {
        "$schema": DRAFT,
        "title": contract.name,
        "type": "object",
        "properties": {
            name: {"type": "array", "description": given.description, "items": _row(given)}
            for name, given in contract.inputs.items()
        },
    }


def _row(given: InputContract) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [rule.name for rule in given.columns if rule.required],
        "properties": {rule.name: _cell(rule) for rule in given.columns},
    }


def _cell(rule: ColumnRule) -> dict[str, Any]:
    kind = "string" if rule.kind == "timestamp" else rule.kind
    told: dict[str, Any] = {"type": kind if rule.required else [kind, "null"]}
    if rule.kind == "timestamp":
        told["format"] = "date-time"
    said = [each for each in (rule.description, rule.unit and f"Unit: {rule.unit}.") if each]
    told |= {"description": " ".join(said)} if said else {}
    told |= {
        key: getattr(rule, name)
        for key, name in _OPTIONS.items()
        if getattr(rule, name) is not None
    }
    return told | (
        {"enum": [*rule.one_of, *([] if rule.required else [None])]} if rule.one_of else {}
    )


def read_contract(raw: Any, *, where: str) -> DataContract:
    """Read a tightened contract: ODCS, or a JSON Schema as `to_json_schema` lays it out.

    Raises
    ------
    StudyError
        It is neither, or says something that cannot be understood.
    """
    if not isinstance(raw, Mapping):
        raise StudyError(
            f"{where} is no contract: it holds {type(raw).__name__}",
            fix="write ODCS or JSON Schema",
        )
    if "$schema" in raw and "apiVersion" not in raw:
        return _from_json_schema(raw, where)
    if raw.get("kind") != "DataContract" or not isinstance(raw.get("schema"), Sequence):
        raise StudyError(
            f"{where} has no kind 'DataContract' and schema",
            fix="start from `holdfast check --contract`",
        )
    if not str(raw.get("apiVersion", "")).startswith("v3."):
        raise StudyError(
            f"{where} is of ODCS {raw.get('apiVersion')}", fix=f"write apiVersion: {API_VERSION}"
        )
    latencies = {
        str(each.get("element", "")).partition(".")[0]: int(each["value"])
        for each in raw.get("slaProperties") or []
        if each.get("property") == "latency" and str(each.get("unit", "d")) in ("d", "day", "days")
    }
    skipped: list[str] = []
    inputs = {}
    for each in raw["schema"]:
        name = _known(str(each.get("name")), INPUTS, f"{where}: schema")
        inputs[name] = _read_object(each, name, latencies.get(name), f"{where}: {name}", skipped)
    return DataContract(name=str(raw.get("name", where)), inputs=inputs, not_checked=tuple(skipped))


def _known(word: str, known: Sequence[str], where: str) -> str:
    if word not in known:
        raise StudyError(f"{where} has '{word}'", fix=nearest(word, known))
    return word


def _read_object(
    raw: Mapping[str, Any], name: str, fresh_days: int | None, where: str, skipped: list[str]
) -> InputContract:
    keys, limits = [], []
    for rule in _runnable(raw.get("quality"), where, skipped):
        columns = (rule.get("arguments") or {}).get("properties")
        if rule["metric"] == "duplicateValues" and columns:
            keys.append(tuple(map(str, columns)))
        limits.append(_limit(rule, where))
    return InputContract(
        name=name,
        description=str(raw.get("dataGranularityDescription", "")),
        columns=tuple(_read_property(each, where, skipped) for each in raw.get("properties") or []),
        keys=tuple(keys),
        fresh_days=fresh_days,
        limits=tuple(limits),
    )


def _runnable(rules: Any, where: str, skipped: list[str]) -> Iterator[Mapping[str, Any]]:
    for rule in rules or []:
        if rule.get("type", "library") != "library" or "metric" not in rule:
            skipped.append(f"{where}: a rule of type {rule.get('type', 'without a metric')}")
            continue
        _known(str(rule["metric"]), METRICS, f"{where}: quality")
        yield rule


def _limit(rule: Mapping[str, Any], where: str) -> Limit:
    told = [key for key in rule if key in OPERATORS]
    if len(told) != 1:
        raise StudyError(
            f"{where}: {rule['metric']} has {len(told)} operators",
            fix=f"write one of {', '.join(OPERATORS)}",
        )
    value = rule[told[0]]
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in numbers
    ):
        raise StudyError(f"{where}: {told[0]} is {value!r}", fix="write a number")
    unit = _known(str(rule.get("unit", "rows")), ("rows", "percent"), f"{where}: unit")
    return Limit(
        metric=rule["metric"], operator=told[0], value=tuple(map(float, numbers)), unit=unit
    )


def _read_property(raw: Mapping[str, Any], where: str, skipped: list[str]) -> ColumnRule:
    here = f"{where}.{raw.get('name')}"
    for key in raw:
        _known(key, _PROPERTY_KEYS, here)
    kind = _KINDS[
        _known(str(raw.get("logicalType", "string")), tuple(_KINDS), f"{here}: logicalType")
    ]
    options = raw.get("logicalTypeOptions") or {}
    for key in options:
        _known(
            key,
            (*_OPTIONS, "format", "multipleOf", "timezone", "defaultTimezone"),
            f"{here}: logicalTypeOptions",
        )
    rules = list(_runnable(raw.get("quality"), here, skipped))
    arguments: dict[str, Any] = {}
    for rule in rules:
        arguments |= rule.get("arguments") or {}
    promised = {**options, **({"pattern": arguments["pattern"]} if "pattern" in arguments else {})}
    custom = {each.get("property"): each.get("value") for each in raw.get("customProperties") or []}
    link = (raw.get("relationships") or [{}])[0]
    told = {each.get("property"): each.get("value") for each in link.get("customProperties") or []}
    return ColumnRule(
        name=str(raw["name"]),
        kind=kind,
        role=custom.get("holdfastRole"),
        unit=custom.get("unit"),
        description=raw.get("description"),
        required=bool(raw.get("required")) or any(rule["metric"] == "nullValues" for rule in rules),
        unique=bool(raw.get("unique") or raw.get("primaryKey"))
        or any(r["metric"] == "duplicateValues" for r in rules),
        one_of=tuple(map(str, arguments.get("validValues", ()))),
        missing_words=tuple(
            "" if word is None else str(word) for word in arguments.get("missingValues", ())
        ),
        refers_to=link.get("to"),
        is_enforced="to" in link and told.get(_ENFORCEMENT, "quarantine") == "quarantine",
        limits=tuple(_limit(rule, here) for rule in rules),
        **{name: promised[key] for key, name in _OPTIONS.items() if key in promised},
    )


def _from_json_schema(raw: Mapping[str, Any], where: str) -> DataContract:
    inputs = {}
    for name, given in (raw.get("properties") or {}).items():
        row = given.get("items") or {}
        rules = [
            _from_cell(column, cell, column in row.get("required", []), f"{where}: {name}.{column}")
            for column, cell in (row.get("properties") or {}).items()
        ]
        inputs[_known(name, INPUTS, f"{where}: properties")] = InputContract(
            name=name, columns=tuple(rules)
        )
    return DataContract(name=str(raw.get("title", where)), inputs=inputs)


def _from_cell(column: str, cell: Mapping[str, Any], required: bool, where: str) -> ColumnRule:
    for key in cell:
        _known(
            key, (*_OPTIONS, "type", "format", "description", "enum", "title", "examples"), where
        )
    types = cell.get("type", "string")
    kinds = [each for each in ([types] if isinstance(types, str) else types) if each != "null"] or [
        "string"
    ]
    kind = _KINDS[_known(str(kinds[0]), tuple(_KINDS), f"{where}: type")]
    if kind == "string" and cell.get("format") in ("date", "date-time"):
        kind = "timestamp"
    return ColumnRule(
        name=column,
        kind=kind,
        required=required and "null" not in (types if isinstance(types, list) else [types]),
        description=cell.get("description"),
        one_of=tuple(str(word) for word in cell.get("enum", ()) if word is not None),
        **{name: cell[key] for key, name in _OPTIONS.items() if key in cell},
    )
