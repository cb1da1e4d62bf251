"""The data contract: what each input promises, column by column, taken from the study and open to
be tightened.

A rule of a column says which rows break it: they are quarantined with the rule as their reason. A
limit says how many rows may: a file that exceeds it fails.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.study import Study

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
        "input.column" in which each value should occur; `is_enforced` says whether rows where it
        does not are quarantined, or only counted.
    limits
        Judge the rows that break the promise of the limit's metric.
    """

    name: str
    kind: Kind
    role: str | None = None
    unit: str | None = None
    description: str | None = None
    required: bool = False
    unique: bool = False
    options: Mapping[str, Bound] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    missing_words: tuple[str, ...] = ()
    refers_to: str | None = None
    is_enforced: bool = False
    limits: tuple[Limit, ...] = ()


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

    name: str
    description: str = ""
    columns: tuple[ColumnRule, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    fresh_days: int | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataContract:
    """The contract of a study; `not_checked` names rules of the file that Holdfast does not run."""

    name: str
    inputs: Mapping[str, InputContract] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()


def contract_of(
    study: Study, others: Mapping[str, Mapping[str, Kind]] | None = None
) -> DataContract:
    """Say what the study itself takes for granted of its inputs.

    Parameters
    ----------
    others
        Input -> column -> kind, of columns that the source has; those without a role are described,
        and nothing more is asked of them.
    """
    sources = {name: getattr(study, name) for name in INPUTS}
    return DataContract(
        name=study.name,
        inputs={
            name: _input(name, source, study, (others or {}).get(name, {}))
            for name, source in sources.items()
            if source is not None
        },
    )


_GRAIN = {
    "transactions": "One row per order line.",
    "events": "One row per event of a customer, or per customer, moment and kind with a count.",
    "customers": "One row per customer and day from which the attributes were known.",
    "treatments": "One row per customer and campaign, those held out included.",
    "snapshot": "One row per customer.",
}
_ATTRIBUTE = "An attribute a model may use."


def _input(name: str, source: Any, study: Study, others: Mapping[str, Kind]) -> InputContract:
    roles = {column: role for role, column in source.columns if column is not None}
    attributes = getattr(source, "attributes", ())
    described = [
        ColumnRule(name=column, kind=kind, description=_ATTRIBUTE if column in attributes else None)
        for column, kind in others.items()
        if column not in roles
    ]
    return InputContract(
        name=name,
        description=_GRAIN[name],
        columns=(*(_rule(name, role, column, study) for column, role in roles.items()), *described),
        keys=((source.columns.customer_id,),) if name == "snapshot" else (),
        fresh_days=study.check.needs.last_order_days if name == "transactions" else None,
    )


def _rule(name: str, role: str, column: str, study: Study) -> ColumnRule:
    """What a column promises by its role: a string, unless it is one of these."""
    money = f"{study.currency}, {study.minor_digits} decimals"
    when = f"in the time zone {study.time_zone} unless it names an offset"
    share = "share, 0..1"
    log = study.transactions
    priced = log is not None and log.columns.is_priced_by_unit
    refers_to = None
    if log is not None and name in ("events", "customers", "treatments"):
        refers_to = f"transactions.{log.columns.customer_id}"
    who = "The business's own name of the customer; rows without one are set aside."
    promises: dict[str, dict[str, Any]] = {
        "customer_id": {
            "required": name == "snapshot",
            "description": who,
            "refers_to": refers_to,
        },
        "occurred_at": {"kind": "timestamp", "required": True, "unit": when},
        "known_from": {"kind": "timestamp", "required": True, "unit": when},
        "ended_on": {
            "kind": "timestamp",
            "unit": when,
            "description": "Blank while the contract runs.",
        },
        "quantity": {"kind": "number", "required": priced, "unit": "units"},
        "unit_price": {"kind": "number", "required": priced, "unit": money},
        "amount": {"kind": "number", "required": True, "unit": money},
        "n": {"kind": "integer", "required": True, "options": {"minimum": 0}, "unit": "events"},
        "treated": {"kind": "boolean", "required": True},
        "campaign": {"required": True},
        "propensity": {"kind": "number", "options": {"minimum": 0, "maximum": 1}, "unit": share},
        "cost": {"kind": "number", "options": {"minimum": 0}, "unit": money},
    }
    return ColumnRule(**{"name": column, "kind": "string", "role": role, **promises.get(role, {})})


def reason(column: str, promise: str) -> str:
    """How a row that breaks a promise is quarantined."""
    return f"contract: {column} {promise}"


def reasons_of(rule: ColumnRule, metric: str) -> Sequence[str]:
    """The reasons whose rows a limit of this metric counts."""
    if metric in ("nullValues", "missingValues"):
        return [reason(rule.name, "is missing"), f"{rule.role} is missing"]
    if metric == "duplicateValues":
        return [reason(rule.name, "repeats")]
    words = f"is not one of {len(rule.one_of)} words"
    return [reason(rule.name, words), reason(rule.name, "does not match")]
