"""The data contract: what each input promises, column by column, as a study's file tightens it.

A rule of a column says which rows break it: they are quarantined with the rule as their reason. A
limit says how many rows may: a file that exceeds it fails.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

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
