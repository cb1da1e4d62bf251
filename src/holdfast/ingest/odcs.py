"""The contract as a file of the Open Data Contract Standard 3.1, and back.

Of a file that users tightened, what Holdfast runs is read, what only describes is passed over, and
what is misspelt is an error that names the nearest key.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.errors import StudyError, nearest
from holdfast.ingest.data_contract import (
    INPUTS,
    OPERATORS,
    ColumnRule,
    DataContract,
    InputContract,
    Kind,
    Limit,
)

API_VERSION = "v3.1.0"
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


_OTHER_OPTIONS = ("format", "multipleOf", "timezone", "defaultTimezone")
_KEY_RULE = {"metric": "duplicateValues", "mustBe": 0, "dimension": "uniqueness"}
_ROWS_RULE = {"metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness"}


def to_odcs(contract: DataContract) -> dict[str, Any]:
    """The contract as ODCS 3.1, to be written as YAML."""
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
            {"property": "latency", "value": given.fresh_days, "unit": "d", "element": _time(given)}
            for given in contract.inputs.values()
            if given.fresh_days is not None
        ],
    }


def _time(given: InputContract) -> str:
    times = [f"{given.name}.{rule.name}" for rule in given.columns if rule.kind == "timestamp"]
    return next(iter(times), given.name)


def _object(given: InputContract) -> dict[str, Any]:
    keys = [_KEY_RULE | {"arguments": {"properties": list(key)}} for key in given.keys]
    return {
        "name": given.name,
        "logicalType": "object",
        "dataGranularityDescription": given.description,
        "properties": [_property(rule) for rule in given.columns],
        "quality": [*keys, *(_quality(limit) for limit in given.limits)] or [_ROWS_RULE],
    }


def _property(rule: ColumnRule) -> dict[str, Any]:
    options = {key: getattr(rule, name) for key, name in _OPTIONS.items()}
    property_ = {
        "name": rule.name,
        "logicalType": rule.kind,
        "required": rule.required,
        "unique": rule.unique or None,
        "description": rule.description,
        "logicalTypeOptions": {k: value for k, value in options.items() if value is not None},
        "relationships": [_relationship(rule)] if rule.refers_to else None,
        "quality": [_quality(limit, _arguments(rule, limit)) for limit in rule.limits],
        "customProperties": _custom(holdfastRole=rule.role, unit=rule.unit),
    }
    return {key: value for key, value in property_.items() if value not in (None, {}, [])}


def _custom(**values: str | None) -> list[dict[str, str]]:
    return [{"property": key, "value": value} for key, value in values.items() if value]


def _relationship(rule: ColumnRule) -> dict[str, Any]:
    custom = _custom(**{_ENFORCEMENT: "quarantine" if rule.is_enforced else "report"})
    return {"type": "foreignKey", "to": rule.refers_to, "customProperties": custom}


def _arguments(rule: ColumnRule, limit: Limit) -> dict[str, Any]:
    if limit.metric == "invalidValues":
        return {"validValues": list(rule.one_of)} if rule.one_of else {}
    return {"missingValues": list(rule.missing_words)} if limit.metric == "missingValues" else {}


def _quality(limit: Limit, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    value = list(limit.value) if len(limit.value) > 1 else limit.value[0]
    rule = {"metric": limit.metric, limit.operator: value, "unit": limit.unit}
    return rule | ({"arguments": arguments} if arguments else {})


def from_odcs(raw: Any, *, where: str) -> DataContract:
    """Read a tightened contract.

    Raises
    ------
    StudyError
        It is no ODCS, or says something that cannot be understood.
    """
    if not isinstance(raw, Mapping):
        raise StudyError(
            f"{where} is no contract: it holds {type(raw).__name__}", fix="write ODCS as YAML"
        )
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
        name = _require(str(each.get("name")), INPUTS, f"{where}: schema")
        inputs[name] = _read_object(each, name, latencies.get(name), f"{where}: {name}", skipped)
    return DataContract(name=str(raw.get("name", where)), inputs=inputs, not_checked=tuple(skipped))


def _require(word: str, allowed: Sequence[str], where: str) -> str:
    if word not in allowed:
        raise StudyError(f"{where} has '{word}'", fix=nearest(word, allowed))
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
        _require(str(rule["metric"]), METRICS, f"{where}: quality")
        yield rule


def _limit(rule: Mapping[str, Any], where: str) -> Limit:
    operators = [key for key in rule if key in OPERATORS]
    if len(operators) != 1:
        raise StudyError(
            f"{where}: {rule['metric']} has {len(operators)} operators",
            fix=f"write one of {', '.join(OPERATORS)}",
        )
    (operator,) = operators
    value = rule[operator]
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise StudyError(f"{where}: {operator} is {value!r}", fix="write a number")
    unit = _require(str(rule.get("unit", "rows")), ("rows", "percent"), f"{where}: unit")
    return Limit(
        metric=rule["metric"], operator=operator, value=tuple(map(float, numbers)), unit=unit
    )


def _read_property(raw: Mapping[str, Any], where: str, skipped: list[str]) -> ColumnRule:
    here = f"{where}.{raw.get('name')}"
    for key in raw:
        _require(key, _PROPERTY_KEYS, here)
    kind = _require(str(raw.get("logicalType", "string")), tuple(_KINDS), f"{here}: logicalType")
    options = raw.get("logicalTypeOptions") or {}
    for key in options:
        _require(key, (*_OPTIONS, *_OTHER_OPTIONS), f"{here}: logicalTypeOptions")
    rules = list(_runnable(raw.get("quality"), here, skipped))
    metrics = {rule["metric"] for rule in rules}
    arguments: dict[str, Any] = {}
    for rule in rules:
        arguments |= rule.get("arguments") or {}
    if "pattern" in arguments:
        options = {**options, "pattern": arguments["pattern"]}
    custom, link = _read_custom(raw), (raw.get("relationships") or [{}])[0]
    missing_words = (
        "" if word is None else str(word) for word in arguments.get("missingValues", ())
    )
    return ColumnRule(
        name=str(raw["name"]),
        kind=_KINDS[kind],
        role=custom.get("holdfastRole"),
        unit=custom.get("unit"),
        description=raw.get("description"),
        required=bool(raw.get("required")) or "nullValues" in metrics,
        unique=bool(raw.get("unique") or raw.get("primaryKey")) or "duplicateValues" in metrics,
        one_of=tuple(map(str, arguments.get("validValues", ()))),
        missing_words=tuple(missing_words),
        refers_to=link.get("to"),
        is_enforced="to" in link
        and _read_custom(link).get(_ENFORCEMENT, "quarantine") == "quarantine",
        limits=tuple(_limit(rule, here) for rule in rules),
        **{name: options[key] for key, name in _OPTIONS.items() if key in options},
    )


def _read_custom(raw: Mapping[str, Any]) -> dict[Any, Any]:
    return {each.get("property"): each.get("value") for each in raw.get("customProperties") or []}
