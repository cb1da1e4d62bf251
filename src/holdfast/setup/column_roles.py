"""Which column is what: by its name, and only where the content agrees."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from holdfast.ingest.sql import placeholder_sql
from holdfast.ingest.statuses import join_parts, name_parts
from holdfast.io.json_rows import is_lines
from holdfast.setup.file_sample import KNOWN, Sample
from holdfast.setup.study_writer import NOTHING
from holdfast.study.sources import TransactionColumns

NAMES = {role: tuple(names.split()) for role, names in KNOWN["names"].items()}
"""Role -> the names that its column is known by, the surest first, as `plain` writes them."""
_NOT = {role: frozenset(words.split()) for role, words in KNOWN["not"].items()}
_MINOR = frozenset(KNOWN["units"]["minor"].split())
_UNITS = _MINOR | frozenset(KNOWN["units"]["currencies"].split())
_NOT_LOOKED_FOR = ("cost", "unit_cost", "category", "event_id")
LOG_ROLES = tuple(name for name in TransactionColumns.model_fields if name not in _NOT_LOOKED_FOR)
_SMALL = 1000
_SHORTEST = 2
"""Letters of a known name that is looked for as a whole only: each id has an `id` in its name."""
_EXACT, _PART = 1.0, 0.5
_OF_LINES = ("product_id", "quantity", "unit_price")


@dataclass(frozen=True)
class Candidate:
    """A column that may have a role; `score` is above 0.6 where its whole name is known."""

    column: str
    role: str
    score: float

    @property
    def is_sure(self) -> bool:
        """Whether its whole name is known, not a part of it."""
        return self.score > _PART


def plain(name: str) -> str:
    """A column's name without case, accents, blanks and signs.

    >>> plain("Customer ID"), plain("order_date"), plain("Montant réglé")
    ('customerid', 'orderdate', 'montantregle')
    """
    return "".join(name_parts(name))


def candidates(sample: Sample, role: str) -> list[Candidate]:
    """The columns that may have a role by name and content, the best first."""
    scored = [Candidate(name, role, _score(sample, name, role)) for name in sample.names]
    return sorted((each for each in scored if each.score > 0), key=lambda each: -each.score)


def log_columns(sample: Sample, given: Mapping[str, str]) -> dict[str, Candidate]:
    """Role -> column, for the roles of an order log that a column was found for; `given` roles are
    not looked for, and one that is given nothing has none.

    The surest is taken first; a date column is taken under any name if it is the only one, and so
    is an id. Where nobody is a customer, the shops that are sold to are. No column has two roles.
    """
    columns = {role: Candidate(name, role, _EXACT) for role, name in given.items()}
    every = [each for role in LOG_ROLES for each in candidates(sample, role)]
    for each in sorted(every, key=lambda each: -each.score):
        if each.role not in columns and each.column not in _columns_of(columns):
            columns[each.role] = each
    for role, is_one in (("occurred_at", _is_date), ("customer_id", _is_id)):
        if role not in columns:
            free = [name for name in sample.names if name not in _columns_of(columns)]
            only = [name for name in free if is_one(sample, name)]
            if len(only) == 1:
                columns[role] = Candidate(only[0], role, _PART)
    if "customer_id" not in columns and (sites := candidates(sample, "site")):
        columns["customer_id"] = Candidate(sites[0].column, "site", _PART)
    return {role: each for role, each in columns.items() if each.column != NOTHING}


def runner_up(sample: Sample, chosen: Candidate) -> str | None:
    """The next best column for a role."""
    others = (each.column for each in candidates(sample, chosen.role))
    return next((name for name in others if name != chosen.column), None)


def column_for(sample: Sample, role: str) -> str | None:
    """The column whose whole name is known for `role`, if its content agrees."""
    best = candidates(sample, role)[:1]
    return best[0].column if best and best[0].is_sure else None


def find_misnamed(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, though its content disagrees."""
    columns = (name for word in NAMES[role] for name in sample.names if plain(name) == word)
    return next((name for name in columns if not _fits(sample, role, name)), None)


def is_in_minor_units(sample: Sample, name: str) -> bool:
    """Whether a column says that it holds cents, and holds whole numbers."""
    return bool(_MINOR & set(name_parts(name))) and sample.is_whole(name)


def names_role(name: str, role: str) -> bool:
    """Whether a name, or a part of it that nothing speaks against, is known for a role."""
    return _name_score(name, role, NAMES[role]) > 0


def _columns_of(columns: Mapping[str, Candidate]) -> set[str]:
    return {each.column for each in columns.values()}


def _is_date(sample: Sample, name: str) -> bool:
    return bool(sample.time_formats(name, of_numbers=False))


def _is_id(sample: Sample, name: str) -> bool:
    has_name = "id" in name_parts(name) and sample.can_name(name)
    return has_name and not sample.is_running_number(name)


def _score(sample: Sample, name: str, role: str) -> float:
    export = _export(tuple(sample.names))
    words = tuple(export[role].split()) if role in export else ()
    score = 1 + _name_score(name, role, words) if plain(name) in words else 0.0
    if not score and not (role in export and not words):
        score = _name_score(_in_line(name, role), role, NAMES[role])
    if not score or not _fits(sample, role, name):
        return 0.0
    return score * _known_share(sample, name) if role == "customer_id" else score


def _in_line(name: str, role: str) -> str:
    """The name of a field of an order's lines in JSON, as it stands there."""
    before, _, inner = name.partition(".")
    return inner if role in _OF_LINES and inner and is_lines(before) else name


@lru_cache
def _export(names: tuple[str, ...]) -> Mapping[str, str]:
    """What is known of the export that a file is, by the columns that show it."""
    plain_names = {plain(name) for name in names}
    exports = KNOWN["exports"].values()
    return next((each for each in exports if set(each["shown_by"].split()) <= plain_names), {})


def _name_score(name: str, role: str, words: tuple[str, ...]) -> float:
    """0.7 to 1 for a name that is known, 0.3 to 0.5 for a part of it, else 0."""
    place = _places(words)
    parts = name_parts(name)
    unitless = "".join(part for part in parts if part not in _UNITS)
    for whole in ("".join(parts), unitless):
        if whole in place:
            return _EXACT - 0.3 * place[whole]
    # Where words are written without blanks, a part can only be looked for.
    unspaced = [word for word in words if not word.isascii() and word in "".join(parts)]
    spaced = [run for run in join_parts(parts) if run in place and len(run) > _SHORTEST]
    runs = spaced or unspaced
    against = _NOT.get(role, frozenset())
    stands_against = any(
        part in against and not any(part in run for run in runs[:1]) for part in parts
    ) or any(not word.isascii() and word in name for word in against)
    if not runs or stands_against:
        return 0.0
    return _PART - 0.2 * min(place[run] for run in runs)


@cache
def _places(words: tuple[str, ...]) -> Mapping[str, float]:
    """Word -> how far down it stands, 0 to 1."""
    return {word: i / len(words) for i, word in reversed(list(enumerate(words)))}


def _known_share(sample: Sample, name: str) -> float:
    """Share of the filled cells of a column that name somebody."""
    text = sample.text_sql(name)
    ((filled, nobody),) = sample.rows(
        f"SELECT count({text}), count(*) FILTER ({placeholder_sql(text)}) FROM sample"
    )
    return 1 - nobody / max(filled, 1) if filled else 0.0


def _fits(sample: Sample, role: str, name: str) -> bool:
    """Whether the content of a column agrees with a role."""
    if role in ("occurred_at", "known_from"):
        return bool(sample.time_formats(name))
    if role in ("first_seen", "last_seen", "left_on", "cancelled_at"):
        return sample.count_filled(name) > 0 and not sample.is_number(name)
    if role in ("churned", "stayed"):
        return 2 <= sample.distinct(name) <= 3
    if role in ("customer_id", "site", "order_id", "product_id"):
        return sample.can_name(name)
    if role == "currency":
        return sample.names_currencies(name)
    if role in ("consent", "do_not_contact"):
        return sample.is_yes_no(name)
    if role == "category":
        return not sample.is_number(name) and not sample.time_formats(name)
    if role in ("amount", "unit_price", "refunded", "cost", "unit_cost"):
        return sample.is_amount(name) and not sample.is_running_number(name)
    if not sample.is_number(name):
        return False
    if role == "quantity":
        is_small = sample.is_whole(name) and sample.median(name) <= _SMALL
        return is_small and not sample.is_running_number(name)
    return not sample.is_running_number(name) or role in ("recency", "summed_up")
