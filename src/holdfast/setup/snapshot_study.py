"""A study of a snapshot, from a look at its rows: who left, in whatever words, and what no model
may see.
"""

from dataclasses import dataclass
from datetime import date

from holdfast.expressions import quote
from holdfast.ingest import sql
from holdfast.ingest.statuses import join_parts, name_parts
from holdfast.setup.column_roles import (
    candidates,
    column_for,
    log_columns,
    names_role,
    plain,
)
from holdfast.setup.customers_study import find_permissions, put_permissions
from holdfast.setup.file_sample import KNOWN, Sample
from holdfast.setup.log_study import describe_business, describe_csv, require
from holdfast.setup.study_writer import Draft
from holdfast.study import Csv

_LEFT, _STAYED = (frozenset(KNOWN["outcomes"][key].split()) for key in ("left", "stayed"))
_LEAVING = frozenset(KNOWN["outcomes"]["leaving"].split())
_NO = frozenset("no false 0 0.0 n f".split())
_YES_NO = _NO | frozenset("yes true 1 1.0 y t".split())
_OF_EACH = 0.9
_ENOUGH = 20


@dataclass(frozen=True, kw_only=True)
class Label:
    """Who left, as a condition on a row.

    Attributes
    ----------
    column
        The column it reads.
    is_named
        Whether the column is one of outcomes by its name; False where it is a formula.
    """

    condition: str
    column: str
    because: str
    is_named: bool


def snapshot_study(
    draft: Draft, sample: Sample, *, path: str | None, taken_on: date, csv: Csv | None
) -> None:
    """Propose a study of a snapshot.

    Raises
    ------
    DataError
        No column names the customer, or nothing says who left.
    """
    customer_key, churned_key = "snapshot.columns.customer_id", "snapshot.labels.churned"
    customer = require(
        draft.given.get(customer_key) or log_columns(sample, {}).get("customer_id"),
        customer_key,
        "names the customer",
        sample,
    )
    label = find_label(sample) or _label_by_silence(sample)
    churned = draft.given.get(churned_key) or (label.condition if label else None)
    churned = require(churned, churned_key, "says who left", sample)
    value = column_for(sample, "value")
    describe_business(draft)
    draft.section("snapshot")
    draft.put("path", path, "the file")
    taken = "the day on which the file was last changed: when was it taken?"
    draft.put("as_of", taken_on.isoformat(), taken, sure=False)
    labels = [name for name in (label.column if label else None, value) if name]
    hidden = [*labels, *_telling(sample), *_identifying(sample, customer)]
    permissions = find_permissions(sample, taken=[customer, *labels])
    unseen = [customer, *(each.column for each in permissions.values())]
    hidden = [name for name in dict.fromkeys(hidden) if name not in unseen]
    for hidden_from in ("hidden_from_churn", "hidden_from_value"):
        draft.put(hidden_from, hidden, "what the labels are made of, and what names one customer")
    if csv is not None:
        describe_csv(draft, csv, "snapshot")
    draft.section("snapshot.columns")
    unique = sample.count_repeated([customer]) == 0
    draft.put("customer_id", customer, "one row each" if unique else "but it repeats", sure=unique)
    put_permissions(draft, sample, permissions, taken=[customer, *labels])
    draft.section("snapshot.labels")
    draft.put(
        "churned", churned, label.because if label else "", sure=bool(label and label.is_named)
    )
    draft.put("value", quote(value) if value else None, "a column of that name")


def find_label(sample: Sample) -> Label | None:
    """Who left, by a column that says so: yes or no, a word, or the day of leaving."""
    for role in ("churned", "stayed"):
        for each in candidates(sample, role):
            condition = _outcome_condition(sample, each.column, is_stay=role == "stayed")
            if condition and each.is_sure:
                because = ", ".join(sample.values(each.column)[:3])
                return Label(
                    condition=condition, column=each.column, because=because, is_named=True
                )
    for each in candidates(sample, "left_on"):
        filled = sample.count_filled(each.column)
        if each.is_sure and 0 < filled < sample.height:
            return Label(
                condition=sample.has_sql(each.column),
                column=each.column,
                because=f"{filled:,} of {sample.height:,} rows have a day of leaving",
                is_named=False,
            )
    return None


def summary_columns(sample: Sample) -> list[str]:
    """The columns that sum up what a customer did: first and last days, counts and totals."""
    roles = ("first_seen", "last_seen", "summed_up")
    return [name for name in sample.names if any(names_role(name, role) for role in roles)]


def _outcome_condition(sample: Sample, column: str, *, is_stay: bool) -> str | None:
    values = sample.values(column)
    plain_values = {value: value.casefold() for value in values}
    if set(plain_values.values()) <= _YES_NO and len(values) == 2 and not is_stay:
        return quote(column)
    if is_stay:
        left = [value for value, word in plain_values.items() if word in _NO]
    else:
        left = [value for value in values if _says(value, _LEFT)]
        stayed = [value for value in values if _says(value, _STAYED)]
        if not left and len(values) == 2 and len(stayed) == 1:
            left = [value for value in values if value not in stayed]
    return f"{quote(column)} = {_constant(left[0])}" if len(left) == 1 else None


def _says(value: str, words: frozenset[str]) -> bool:
    return any(run in words for run in join_parts(name_parts(value)))


def _constant(value: str) -> str:
    return value if value.isdigit() else sql.literal(value)


def _label_by_silence(sample: Sample) -> Label | None:
    """Who left, by a formula, where no column says it."""
    if column := column_for(sample, "recency"):
        return Label(
            condition=f"{quote(column)} > 90",
            column=column,
            because=f"no column says it; '{column}' days without a purchase is a formula",
            is_named=False,
        )
    for each in candidates(sample, "last_seen"):
        formats = sample.time_formats(each.column)
        if None in formats and (middle := sample.middle_day(each.column)):
            return Label(
                condition=f"CAST({quote(each.column)} AS DATE) < CAST('{middle}' AS DATE)",
                column=each.column,
                because="no column says it; half of the customers were last seen earlier",
                is_named=False,
            )
    return None


def _telling(sample: Sample) -> list[str]:
    """Columns that speak of leaving: the reason, the day and the score say who left, too."""
    return [name for name in sample.names if _LEAVING & set(join_parts(name_parts(name)))]


def _identifying(sample: Sample, customer: str) -> list[str]:
    """Columns that name one customer each: ids, names, addresses and numbers of rows."""
    names = [name for name in sample.names if name != customer]
    return [name for name in names if names_role(name, "person") or _identifies(sample, name)]


def _identifies(sample: Sample, name: str) -> bool:
    filled = sample.count_filled(name)
    if filled < _ENOUGH or sample.distinct(name) < _OF_EACH * filled:
        return False
    if "id" in name_parts(name) or plain(name) in KNOWN["names"]["row_number"].split():
        return sample.can_name(name)
    if sample.is_number(name):
        return sample.is_running_number(name) and sample.counts_rows(name)
    return not sample.time_formats(name)
