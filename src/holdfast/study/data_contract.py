"""The data contract: what each input promises, column by column, read from a file of the Open Data
Contract Standard 3.1.

A rule of a column says which rows break it: they are quarantined with the rule as their reason. A
limit says how many rows may: a file that exceeds it fails. Of a file that users tightened, what
Holdfast runs is read, what only describes is passed over, and what is misspelt is an error that
names the nearest key.
"""

import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.errors import StudyError, nearest

Kind = Literal["string", "timestamp", "number", "integer", "boolean"]
Bound = float | str
INPUTS = ("transactions", "events", "customers", "treatments", "snapshot")
_COMPARISONS = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
}
OPERATORS = (*_COMPARISONS, "mustBeBetween", "mustNotBeBetween")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How many rows may break a rule, or how many rows an input must have.

    Attributes
    ----------
    metric
        As in ODCS: nullValues, missingValues, invalidValues, duplicateValues, rowCount.
    operator
        As in ODCS: mustBe, mustBeLessThan, ...; `value` has two numbers for a range.
    unit
        "rows", or "percent" of the rows read.
    """

    metric: str
    operator: str
    value: tuple[float, ...]
    unit: str = "rows"

    def holds(self, rows: float, *, of: float) -> bool:
        """Whether so many rows, of so many read, are within the limit.

        >>> Limit(metric="nullValues", operator="mustBeLessThan", value=(1,),
        ...     unit="percent").holds(1, of=200)
        True
        """
        measured = 100 * rows / of if self.unit == "percent" and of else rows
        low, high = self.value[0], self.value[-1]
        if self.operator in _COMPARISONS:
            return bool(_COMPARISONS[self.operator](measured, low))
        return (low <= measured <= high) == (self.operator == "mustBeBetween")

    def __str__(self) -> str:
        value = " and ".join(f"{each:g}" for each in self.value)
        return f"{self.metric} {self.operator} {value} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """What a column of an input promises.

    Attributes
    ----------
    name, role
        The column; what the study takes it for, if anything.
    options
        As in ODCS: minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength,
        pattern. A bound of a timestamp is an ISO date or time.
    refers_to
        "input.column" in which each value must occur.
    limits
        Judge the rows that break the promise of the limit's metric.
    """

    name: str
    kind: Kind
    role: str | None = None
    required: bool = False
    unique: bool = False
    options: Mapping[str, Bound] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    missing_words: tuple[str, ...] = ()
    refers_to: str | None = None
    limits: tuple[Limit, ...] = ()

    def reasons(self, metric: str) -> Sequence[str]:
        """The reasons whose rows a limit of this metric counts."""
        if metric in ("nullValues", "missingValues"):
            return [reason(self.name, "is missing"), f"{self.role} is missing"]
        if metric == "duplicateValues":
            return [reason(self.name, "repeats")]
        return [reason(self.name, self.is_not_listed), reason(self.name, "does not match")]

    @property
    def is_not_listed(self) -> str:
        """What is said of a value that is none of `one_of`."""
        return f"is not one of {len(self.one_of)} words"


@dataclass(frozen=True, kw_only=True)
class InputContract:
    """What an input promises.

    Attributes
    ----------
    keys
        Groups of columns that no two rows may share.
    fresh_days
        The latest row is at most so many days old on the day of `check.as_of`.
    limits
        On the number of rows, and of rows that repeat a key.
    """

    columns: tuple[ColumnRule, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    fresh_days: int | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataContract:
    """The contract of a study; `not_checked` names rules of the file that Holdfast does not run."""

    inputs: Mapping[str, InputContract]
    not_checked: tuple[str, ...] = ()


def reason(column: str, promise: str) -> str:
    """How a row that breaks a promise is quarantined."""
    return f"contract: {column} {promise}"


API_VERSION = "v3.1.0"
ROLE, ENFORCEMENT = "holdfastRole", "holdfastEnforcement"
"""Custom properties of a column, and of its relationship: quarantine, or only report."""
_METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
_KINDS: Mapping[str, Kind] = {
    "string": "string", "date": "timestamp", "timestamp": "timestamp", "time": "string",
    "number": "number", "integer": "integer", "boolean": "boolean",
}  # fmt: skip
_OPTIONS = "minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern".split()
_IGNORED_OPTIONS = ("format", "multipleOf", "timezone", "defaultTimezone")
_PROPERTY_KEYS = """
    name id businessName description physicalName physicalType logicalType logicalTypeOptions
    required unique primaryKey primaryKeyPosition classification criticalDataElement examples tags
    quality relationships customProperties authoritativeDefinitions partitioned
    partitionKeyPosition encryptedName transformLogic transformDescription transformSourceObjects
""".split()


def from_odcs(raw: Any, *, where: str) -> DataContract:
    """Read a contract.

    Raises
    ------
    StudyError
        It is no ODCS, or says something that cannot be understood.
    """
    try:
        return _read_contract(raw, where)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise StudyError(
            f"{where} is not laid out as a contract is: {error!r:.120}",
            fix="start from `holdfast check --contract`",
        ) from None


def _read_contract(raw: Mapping[str, Any], where: str) -> DataContract:
    if raw.get("kind") != "DataContract" or not isinstance(raw.get("schema"), list):
        raise StudyError(
            f"{where} has no kind 'DataContract' and schema",
            fix="start from `holdfast check --contract`",
        )
    version = raw.get("apiVersion")
    if not str(version or "").startswith("v3."):
        raise StudyError(f"{where} is of ODCS {version}", fix=f"write apiVersion: {API_VERSION}")
    latencies = {
        str(each.get("element", "")).partition(".")[0]: int(each["value"])
        for each in raw.get("slaProperties") or []
        if each.get("property") == "latency" and str(each.get("unit", "d")) in ("d", "day", "days")
    }
    skipped: list[str] = []
    inputs = {}
    for each in raw["schema"]:
        name = _check(str(each.get("name")), INPUTS, f"{where}: schema")
        inputs[name] = _read_object(each, latencies.get(name), f"{where}: {name}", skipped)
    return DataContract(inputs=inputs, not_checked=tuple(skipped))


def _check(word: str, allowed: Collection[str], where: str) -> str:
    if word not in allowed:
        raise StudyError(f"{where} has '{word}'", fix=nearest(word, list(allowed)))
    return word


def _read_object(
    raw: Mapping[str, Any], fresh_days: int | None, where: str, skipped: list[str]
) -> InputContract:
    rules = list(_runnable(raw, where, skipped))
    columns = tuple(_read_property(each, where, skipped) for each in raw.get("properties") or [])
    keys = [
        (rule.get("arguments") or {}).get("properties")
        for rule in rules
        if rule["metric"] == "duplicateValues"
    ]
    return InputContract(
        columns=columns,
        keys=tuple(tuple(map(str, key)) for key in keys if key),
        fresh_days=fresh_days,
        limits=tuple(_read_limit(rule, where) for rule in rules),
    )


def _runnable(raw: Any, where: str, skipped: list[str]) -> Iterator[Mapping[str, Any]]:
    for rule in raw.get("quality") or []:
        if rule.get("type", "library") == "library" and "metric" in rule:
            _check(str(rule["metric"]), _METRICS, f"{where}: quality")
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
    operator, value = operators[0], rule[operators[0]]
    numbers = value if isinstance(value, list) else [value]
    count = 1 if operator in _COMPARISONS else 2
    if len(numbers) != count or not all(type(each) in (int, float) for each in numbers):
        fix = "write a number" if count == 1 else "write two numbers, as in [1, 5]"
        raise StudyError(f"{where}: {operator} is {value!r}", fix=fix)
    unit = _check(str(rule.get("unit", "rows")), ("rows", "percent"), f"{where}: unit")
    limit = tuple(map(float, numbers))
    return Limit(metric=rule["metric"], operator=operator, value=limit, unit=unit)


def _read_property(raw: Mapping[str, Any], where: str, skipped: list[str]) -> ColumnRule:
    """Read a column's promises; a misspelt key is refused."""
    here = f"{where}.{raw.get('name')}"
    options = raw.get("logicalTypeOptions") or {}
    for key in raw:
        _check(key, _PROPERTY_KEYS, here)
    for key in options:
        _check(key, (*_OPTIONS, *_IGNORED_OPTIONS), f"{here}: logicalTypeOptions")
    kind = _check(str(raw.get("logicalType", "string")), _KINDS, f"{here}: logicalType")
    rules = list(_runnable(raw, here, skipped))
    metrics = {rule["metric"] for rule in rules}
    arguments: dict[str, Any] = {}
    for rule in rules:
        arguments |= rule.get("arguments") or {}
    bounds = {**options, **arguments}
    link = (raw.get("relationships") or [{}])[0]
    is_enforced = _custom(link).get(ENFORCEMENT, "quarantine") == "quarantine"
    missing = arguments.get("missingValues", ())
    return ColumnRule(
        name=str(raw["name"]),
        kind=_KINDS[kind],
        role=_custom(raw).get(ROLE),
        required=bool(raw.get("required")) or "nullValues" in metrics,
        unique=bool(raw.get("unique") or raw.get("primaryKey")) or "duplicateValues" in metrics,
        one_of=tuple(map(str, arguments.get("validValues", ()))),
        missing_words=tuple("" if word is None else str(word) for word in missing),
        refers_to=link.get("to") if is_enforced else None,
        limits=tuple(_read_limit(rule, here) for rule in rules),
        options={key: bounds[key] for key in _OPTIONS if key in bounds},
    )


def _custom(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {each.get("property"): each.get("value") for each in raw.get("customProperties") or []}
