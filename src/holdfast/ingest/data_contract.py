"""The data contract: what each input promises, column by column, taken from the study and open to
be tightened.

A rule of a column says which rows break it: they are quarantined with the rule as their reason. A
limit says how many rows may: a file that exceeds it fails.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from holdfast.study import Study
from holdfast.study.sources import Source

Kind = Literal["string", "timestamp", "number", "integer", "boolean"]
Bound = float | str
_COMPARISONS = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
}
OPERATORS = (*_COMPARISONS, "mustBeBetween", "mustNotBeBetween")
INPUTS = ("transactions", "events", "customers", "treatments", "snapshot")


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
        n = 100 * rows / of if self.unit == "percent" and of else rows
        if self.operator in _COMPARISONS:
            return bool(_COMPARISONS[self.operator](n, self.value[0]))
        return (self.value[0] <= n <= self.value[-1]) == (self.operator == "mustBeBetween")

    def __str__(self) -> str:
        value = " and ".join(f"{each:g}" for each in self.value)
        return f"{self.metric} {self.operator} {value} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """What a column of an input promises; a bound of a timestamp is an ISO date or time.

    Attributes
    ----------
    name, role
        The column; what the study takes it for, if anything.
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
    minimum: Bound | None = None
    maximum: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
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
    given: dict[str, Source | None] = {name: getattr(study, name) for name in INPUTS}
    return DataContract(
        name=study.name,
        inputs={
            name: _input(name, source, study, (others or {}).get(name, {}))
            for name, source in given.items()
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


def _input(name: str, source: Source, study: Study, others: Mapping[str, Kind]) -> InputContract:
    roles = {role: column for role, column in dict(source.columns).items() if column is not None}  # type: ignore[attr-defined]
    mapped = [_column(name, role, column, study) for role, column in roles.items()]
    attributes = {each for each in getattr(source, "attributes", []) if each not in roles.values()}
    described = [
        ColumnRule(
            name=column,
            kind=kind,
            description="An attribute a model may use." if column in attributes else None,
        )
        for column, kind in others.items()
        if column not in roles.values()
    ]
    return InputContract(
        name=name,
        description=_GRAIN[name],
        columns=(*mapped, *described),
        keys=((roles["customer_id"],),) if name == "snapshot" else (),
        fresh_days=study.check.needs.last_order_days if name == "transactions" else None,
    )


def _column(name: str, role: str, column: str, study: Study) -> ColumnRule:
    money = f"{study.currency}, {study.minor_digits} decimals"
    when = f"in the time zone {study.time_zone} unless it names an offset"
    rules: dict[str, ColumnRule] = {
        "customer_id": ColumnRule(
            name=column,
            kind="string",
            required=name == "snapshot",
            description="The business's own name of the customer; rows without one are set aside.",
            refers_to=_other(name, study),
        ),
        "occurred_at": ColumnRule(name=column, kind="timestamp", required=True, unit=when),
        "known_from": ColumnRule(name=column, kind="timestamp", required=True, unit=when),
        "ended_on": ColumnRule(
            name=column, kind="timestamp", unit=when, description="Blank while the contract runs."
        ),
        "quantity": ColumnRule(
            name=column, kind="number", required=_needed(study, "quantity"), unit="units"
        ),
        "unit_price": ColumnRule(
            name=column, kind="number", required=_needed(study, "unit_price"), unit=money
        ),
        "amount": ColumnRule(name=column, kind="number", required=True, unit=money),
        "n": ColumnRule(name=column, kind="integer", required=True, minimum=0, unit="events"),
        "treated": ColumnRule(name=column, kind="boolean", required=True),
        "campaign": ColumnRule(name=column, kind="string", required=True),
        "propensity": ColumnRule(
            name=column, kind="number", minimum=0, maximum=1, unit="share, 0..1"
        ),
        "cost": ColumnRule(name=column, kind="number", minimum=0, unit=money),
    }
    rule = rules.get(role) or ColumnRule(name=column, kind="string")
    return ColumnRule(**{**vars(rule), "role": role})


def _needed(study: Study, role: str) -> bool:
    log = study.transactions
    return (
        log is not None
        and log.columns.amount is None
        and bool(log.columns.quantity and log.columns.unit_price)
    )


def _other(name: str, study: Study) -> str | None:
    """The column that customers beside the log should occur in."""
    if name in ("events", "customers", "treatments") and study.transactions is not None:
        return f"transactions.{study.transactions.columns.customer_id}"
    return None


def reason(column: str, promise: str) -> str:
    """How a row that breaks a promise is quarantined."""
    return f"contract: {column} {promise}"


def reasons_of(rule: ColumnRule, metric: str) -> Sequence[str]:
    """The reasons whose rows a limit of this metric counts."""
    if metric in ("nullValues", "missingValues"):
        return [reason(rule.name, "is missing"), f"{rule.role} is missing"]
    if metric == "duplicateValues":
        return [reason(rule.name, "repeats")]
    return [
        reason(rule.name, f"is not one of {len(rule.one_of)} words"),
        reason(rule.name, "does not match"),
    ]
