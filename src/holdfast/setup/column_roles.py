"""Which column is what: by a known name, and only where the content agrees."""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from holdfast.setup.file_sample import Sample
from holdfast.study.sources import TransactionColumns

_KNOWN = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))
SYNONYMS = {role: tuple(names.split()) for role, names in _KNOWN["names"].items()}
"""Role -> the names that its column is known by, the surest first, as `plain` writes them."""
LOG_ROLES = tuple(TransactionColumns.model_fields)


def _fits(sample: Sample, role: str, name: str) -> bool:
    """Whether the content of a column agrees with a role."""
    if role == "occurred_at":
        return bool(sample.time_formats(name))
    if role == "churned":
        return sample.distinct(name) == 2
    is_id = role in ("customer_id", "order_id", "product_id")
    return sample.can_name(name) if is_id else sample.is_number(name)


def plain(name: str) -> str:
    """A column's name without case, blanks and signs.

    >>> plain("Customer ID"), plain("order_date")
    ('customerid', 'orderdate')
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def log_columns(sample: Sample, given: Mapping[str, str]) -> dict[str, str]:
    """Role -> column, for the roles of an order log that a column was found for; `given` roles are
    not looked for.

    A name that is known comes first, then a name that holds a known one (`order_date_gmt`); a date
    column is taken under any name if it is the only one. No column has two roles.
    """
    columns = dict(given)
    for exact in (True, False):
        for role in LOG_ROLES:
            taken = columns.values()
            if role not in columns and (name := _find(sample, role, exact=exact, taken=taken)):
                columns[role] = name
    if "occurred_at" not in columns:
        free = [name for name in sample.names if name not in columns.values()]
        dates = [name for name in free if sample.time_formats(name)]
        if len(dates) == 1:
            columns["occurred_at"] = dates[0]
    return columns


def column_for(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, if its content agrees."""
    return _find(sample, role, exact=True, taken=())


def find_misnamed(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, though its content disagrees."""
    columns = (name for word in SYNONYMS[role] for name in sample.names if plain(name) == word)
    return next((name for name in columns if not _fits(sample, role, name)), None)


def _find(sample: Sample, role: str, *, exact: bool, taken: Collection[str]) -> str | None:
    columns = {name: plain(name) for name in sample.names if name not in taken}
    for word in SYNONYMS[role]:
        for name, plain_name in columns.items():
            agrees = plain_name == word if exact else len(word) > 4 and word in plain_name
            if agrees and _fits(sample, role, name):
                return name
    return None
