"""The contract as a file: Open Data Contract Standard 3.1, and back.

Of a file that users tightened, what Holdfast runs is read, what only describes is passed over, and
what is misspelt is an error that names the nearest key.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    "string": "string", "date": "timestamp", "timestamp": "timestamp", "time": "string",
    "number": "number", "integer": "integer", "boolean": "boolean",
}  # fmt: skip
_OPTIONS = "minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern".split()
_IGNORED_OPTIONS = ("format", "multipleOf", "timezone", "defaultTimezone")
_ENFORCEMENT = "holdfastEnforcement"
_PROPERTY_KEYS = """
    name id businessName description physicalName physicalType logicalType logicalTypeOptions
    required unique primaryKey primaryKeyPosition classification criticalDataElement examples tags
    quality relationships customProperties authoritativeDefinitions partitioned
    partitionKeyPosition encryptedName transformLogic transformDescription transformSourceObjects
""".split()


def to_odcs(contract: DataContract) -> dict[str, Any]:
    """The contract as ODCS 3.1, to be written as YAML."""
    purpose = "What the study takes for granted of its inputs. Tighten it, and name it there."
    return {
        "version": "1.0.0",
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"holdfast-{contract.name}",
        "name": contract.name,
        "status": "active",
        "description": {"purpose": purpose},
        "schema": [_object(promised) for promised in contract.inputs.values()],
        "slaProperties": [
            {"property": "latency", "value": days, "unit": "d", "element": _time_of(promised)}
            for promised in contract.inputs.values()
            if (days := promised.fresh_days) is not None
        ],
    }


def _time_of(promised: InputContract) -> str:
    times = [rule.name for rule in promised.columns if rule.kind == "timestamp"]
    return ".".join([promised.name, *times[:1]])


def _object(promised: InputContract) -> dict[str, Any]:
    unique = {"metric": "duplicateValues", "mustBe": 0, "dimension": "uniqueness"}
    quality = [{**unique, "arguments": {"properties": list(key)}} for key in promised.keys]
    quality += [_quality(limit) for limit in promised.limits]
    not_empty = {"metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness"}
    return {
        "name": promised.name,
        "logicalType": "object",
        "dataGranularityDescription": promised.description,
        "properties": [_property(rule) for rule in promised.columns],
        "quality": quality or [not_empty],
    }


def _property(rule: ColumnRule) -> dict[str, Any]:
    values = {
        "name": rule.name,
        "logicalType": rule.kind,
        "required": rule.required,
        "unique": rule.unique or None,
        "description": rule.description,
        "logicalTypeOptions": dict(rule.options),
        "relationships": [_relationship(rule)] if rule.refers_to else None,
        "quality": [_quality(limit, _arguments(rule, limit)) for limit in rule.limits],
        "customProperties": _custom({"holdfastRole": rule.role, "unit": rule.unit}),
    }
    return {key: value for key, value in values.items() if value not in (None, {}, [])}


def _relationship(rule: ColumnRule) -> dict[str, Any]:
    enforced = "quarantine" if rule.is_enforced else "report"
    custom = _custom({_ENFORCEMENT: enforced})
    return {"type": "foreignKey", "to": rule.refers_to, "customProperties": custom}


def _custom(properties: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"property": key, "value": value} for key, value in properties.items() if value]


def _arguments(rule: ColumnRule, limit: Limit) -> dict[str, Any]:
    if limit.metric == "invalidValues" and rule.one_of:
        return {"validValues": list(rule.one_of)}
    return {"missingValues": list(rule.missing_words)} if limit.metric == "missingValues" else {}


def _quality(limit: Limit, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    value: Any = [*limit.value] if len(limit.value) > 1 else limit.value[0]
    quality = {"metric": limit.metric, limit.operator: value, "unit": limit.unit}
    return {**quality, "arguments": dict(arguments)} if arguments else quality


def from_odcs(raw: Any, *, where: str) -> DataContract:
    """Read a tightened contract.

    Raises
    ------
    StudyError
        It is no ODCS, or says something that cannot be understood.
    """
    if not isinstance(raw, Mapping):
        problem = f"{where} is no contract: it holds {type(raw).__name__}"
        raise StudyError(problem, fix="write ODCS")
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
        name = _check(str(each.get("name")), INPUTS, f"{where}: schema")
        inputs[name] = _read_object(each, name, latencies.get(name), f"{where}: {name}", skipped)
    return DataContract(name=str(raw.get("name", where)), inputs=inputs, not_checked=tuple(skipped))


def _check(word: str, allowed: Collection[str], where: str) -> str:
    if word not in allowed:
        raise StudyError(f"{where} has '{word}'", fix=nearest(word, list(allowed)))
    return word


def _read_object(
    raw: Mapping[str, Any], name: str, fresh_days: int | None, where: str, skipped: list[str]
) -> InputContract:
    rules = list(_runnable(raw.get("quality"), where, skipped))
    columns = [(rule.get("arguments") or {}).get("properties") for rule in rules]
    return InputContract(
        name=name,
        description=str(raw.get("dataGranularityDescription", "")),
        columns=tuple(_read_property(each, where, skipped) for each in raw.get("properties") or []),
        keys=tuple(
            tuple(map(str, key))
            for rule, key in zip(rules, columns, strict=True)
            if key and rule["metric"] == "duplicateValues"
        ),
        fresh_days=fresh_days,
        limits=tuple(_read_limit(rule, where) for rule in rules),
    )


def _runnable(rules: Any, where: str, skipped: list[str]) -> Iterator[Mapping[str, Any]]:
    for rule in rules or []:
        if rule.get("type", "library") == "library" and "metric" in rule:
            _check(str(rule["metric"]), METRICS, f"{where}: quality")
            yield rule
        else:
            skipped.append(f"{where}: a rule of type {rule.get('type', 'without a metric')}")


def _read_limit(rule: Mapping[str, Any], where: str) -> Limit:
    operators = [key for key in rule if key in OPERATORS]
    if len(operators) != 1:
        raise StudyError(
            f"{where}: {rule['metric']} has {len(operators)} operators",
            fix=f"write one of {', '.join(OPERATORS)}",
        )
    (operator,) = operators
    value = rule[operator]
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(type(each) in (int, float) for each in numbers):
        raise StudyError(f"{where}: {operator} is {value!r}", fix="write a number")
    unit = _check(str(rule.get("unit", "rows")), ("rows", "percent"), f"{where}: unit")
    value = tuple(map(float, numbers))
    return Limit(metric=rule["metric"], operator=operator, value=value, unit=unit)


def _read_property(raw: Mapping[str, Any], where: str, skipped: list[str]) -> ColumnRule:
    here = f"{where}.{raw.get('name')}"
    options, custom = raw.get("logicalTypeOptions") or {}, _read_custom(raw)
    kind = _check_keys(raw, options, here)
    rules = list(_runnable(raw.get("quality"), here, skipped))
    metrics = {rule["metric"] for rule in rules}
    arguments: dict[str, Any] = {}
    for rule in rules:
        arguments |= rule.get("arguments") or {}
    bounds = {**options, **{key: arguments[key] for key in ("pattern",) if key in arguments}}
    link = (raw.get("relationships") or [{}])[0]
    enforcement = _read_custom(link).get(_ENFORCEMENT, "quarantine")
    missing = arguments.get("missingValues", ())
    return ColumnRule(
        name=str(raw["name"]),
        kind=kind,
        role=custom.get("holdfastRole"),
        unit=custom.get("unit"),
        description=raw.get("description"),
        required=bool(raw.get("required")) or "nullValues" in metrics,
        unique=bool(raw.get("unique") or raw.get("primaryKey")) or "duplicateValues" in metrics,
        one_of=tuple(map(str, arguments.get("validValues", ()))),
        missing_words=tuple("" if word is None else str(word) for word in missing),
        refers_to=link.get("to"),
        is_enforced="to" in link and enforcement == "quarantine",
        limits=tuple(_read_limit(rule, here) for rule in rules),
        options={key: bounds[key] for key in _OPTIONS if key in bounds},
    )


def _check_keys(raw: Mapping[str, Any], options: Mapping[str, Any], where: str) -> Kind:
    """Refuse a misspelt key of a column, and return the column's kind."""
    for key in raw:
        _check(key, _PROPERTY_KEYS, where)
    for key in options:
        _check(key, (*_OPTIONS, *_IGNORED_OPTIONS), f"{where}: logicalTypeOptions")
    return _KINDS[_check(str(raw.get("logicalType", "string")), _KINDS, f"{where}: logicalType")]


def _read_custom(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {each.get("property"): each.get("value") for each in raw.get("customProperties") or []}
