"""What the words of an order's status say: paid, refunded, cancelled, not paid, or no sale at
all.
"""

import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Literal, get_args

Meaning = Literal["partly", "refunded", "cancelled", "unpaid", "nosale", "sale"]
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
"""The one that decides where several fit comes first."""
_FILE = tomllib.loads(Path(__file__).with_name("statuses.toml").read_text(encoding="utf-8"))
_WORDS = {meaning: frozenset(_FILE["words"][meaning].split()) for meaning in MEANINGS}
_NAMES = frozenset(_FILE["columns"]["named"].split())
_NOT = frozenset(_FILE["columns"]["not"].split())
_LONGEST = 4


def name_parts(name: str) -> list[str]:
    """The words of a name without case, accents and signs.

    >>> name_parts("Größe_total"), name_parts("orderTotal"), name_parts("Customer ID")
    (['grosse', 'total'], ['order', 'total'], ['customer', 'id'])
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    bare = "".join(
        sign for sign in unicodedata.normalize("NFKD", spaced) if not "\u0300" <= sign <= "\u036f"
    )
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", bare).casefold())


def join_parts(parts: list[str]) -> list[str]:
    """Each run of neighbouring words as one, the longest first.

    >>> join_parts(["order", "total"])
    ['ordertotal', 'order', 'total']
    """
    return [
        "".join(parts[start : start + length])
        for length in range(min(_LONGEST, len(parts)), 0, -1)
        for start in range(len(parts) - length + 1)
    ]


def meaning_of(word: str) -> Meaning | None:
    """What a status says of the money; None where its word is not known.

    >>> meaning_of("wc-cancelled"), meaning_of("Partially refunded"), meaning_of("blue")
    ('cancelled', 'partly', None)
    """
    runs = join_parts(name_parts(word))
    return next((each for each in MEANINGS if any(run in _WORDS[each] for run in runs)), None)


def says_refund(word: str) -> bool:
    """Whether a status speaks of a refund, of the whole or of a part.

    >>> says_refund("partial_refund"), says_refund("partially paid")
    (True, False)
    """
    return any(run in _WORDS["refunded"] for run in join_parts(name_parts(word)))


def names_status(column: str) -> bool:
    """Whether a column's name says that it holds a status, or the type of a row.

    >>> names_status("Financial Status"), names_status("Fulfillment Status"), names_status("Name")
    (True, False, False)
    """
    parts = name_parts(column)
    return not _NOT & set(parts) and any(run in _NAMES for run in join_parts(parts))
