"""The study's table of customers, from a look at its file: who each row is, what is known of them,
and who may be contacted.
"""

from collections.abc import Iterable

from holdfast.errors import DataError
from holdfast.setup.column_roles import (
    Candidate,
    candidates,
    column_for,
    log_columns,
    names_role,
    plain,
)
from holdfast.setup.file_sample import KNOWN, Sample
from holdfast.setup.log_study import describe_csv, require
from holdfast.setup.study_writer import Draft
from holdfast.study import Csv

PERMISSIONS = ("consent", "do_not_contact")
_AMBIGUOUS = frozenset(KNOWN["ambiguous"]["permission"].split())
_MOST_WORDS = 50


def customers_study(draft: Draft, sample: Sample, *, path: str, csv: Csv | None) -> None:
    """Propose [customers].

    Raises
    ------
    DataError
        No column names the customer, or none says anything of one.
    """
    key = "customers.columns.customer_id"
    given = draft.given.get(key) or log_columns(sample, {}).get("customer_id")
    customer = require(given, key, "names the customer", sample)
    permissions = find_permissions(sample, taken=[customer])
    attributes = _attributes(sample, [customer, *(each.column for each in permissions.values())])
    if not permissions and not attributes:
        raise DataError(
            f"no column of {path} says anything of a customer that a study can use",
            fix="leave --customers out",
        )
    draft.section("customers")
    draft.put("path", path, "the customers")
    why = "what may be known of customers; drop what is filled in only when somebody leaves"
    draft.put("attributes", attributes or None, why, sure=False)
    if csv is not None:
        describe_csv(draft, csv, "customers")
    draft.section("customers.columns")
    unique = sample.count_repeated([customer]) == 0
    draft.put("customer_id", customer, "one row each" if unique else "but it repeats", sure=unique)
    since = column_for(sample, "known_from")
    if since is not None and None in sample.time_formats(since):
        draft.put("known_from", since, "by its name and content")
    put_permissions(draft, sample, permissions, taken=[customer])


def find_permissions(sample: Sample, *, taken: Iterable[str]) -> dict[str, Candidate]:
    """The columns that say whether a customer may be contacted, by role."""
    columns: dict[str, Candidate] = {}
    for role in PERMISSIONS:
        used = {*taken, *(each.column for each in columns.values())}
        free = [each for each in candidates(sample, role) if each.column not in used]
        if free:
            columns[role] = free[0]
    return columns


def put_permissions(
    draft: Draft, sample: Sample, columns: dict[str, Candidate], *, taken: Iterable[str]
) -> None:
    """Put them into the section, and say of a column that is named so why it is not one."""
    for role in PERMISSIONS:
        chosen = columns.get(role)
        if chosen is not None:
            values = ", ".join(sample.values(chosen.column)[:3])
            is_plain = chosen.is_sure and plain(chosen.column) not in _AMBIGUOUS
            why = f"by its name; it has {values}" if is_plain else f"its name may say so: {values}"
            draft.put(role, chosen.column, why, sure=is_plain)
            continue
        for name in sample.names:
            if name not in taken and names_role(name, role) and sample.count_filled(name):
                written = sample.values(name)[0]
                draft.doubt(role, f"'{name}' is written as '{written}', neither yes nor no")
                break
        else:
            draft.put(role, None, "")


def _attributes(sample: Sample, taken: list[str]) -> list[str]:
    """Numbers, and words of which there are a few, but no names, addresses or numbers of rows."""
    return [
        name
        for name in sample.names
        if name not in taken
        and not names_role(name, "person")
        and not any(names_role(name, role) for role in (*PERMISSIONS, "left_on", "churned"))
        and not sample.time_formats(name, of_numbers=False)
        and sample.distinct(name) >= 2
        and (
            sample.distinct(name) <= _MOST_WORDS
            or (sample.is_number(name) and not sample.is_running_number(name))
        )
    ]
