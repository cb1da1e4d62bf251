"""Rows that an object wraps, as an interface answers: `{"data": {"orders": [...]}, "next": null}`,
or several such pages one after the other.

The list is known by its name, and what stands beside it by being about the page: an object that
says anything else is a row itself, or is refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Protocol

_LISTS = frozenset(
    """orders data results result records rows transactions payments invoices sales purchases
    charges response body list values value content entries""".split()
)
_ABOUT_THE_PAGE = frozenset(
    """count total totalcount totalresults totalpages page pages pagecount perpage pagesize limit
    offset next previous prev nextpage prevpage first last hasmore hasnext object url status success
    ok code message error errors meta metadata links paging pagination pageinfo cursor nextcursor
    extensions timestamp version kind etag type took self request requestid""".split()
)
_NO_LETTERS = re.compile(r"[\W_]")


class Readable(Protocol):
    """A text that is read piece by piece."""

    def read(self, size: int = -1, /) -> str:
        """Return the next so many characters."""


def find_rows(text: str, decoder: json.JSONDecoder) -> tuple[int, int] | None:
    """Where the list of rows begins in a text that begins with an object, and how many objects are
    open there; None where the object wraps none.
    """
    try:
        return _find_in(text, _skip(text, 0), 1, decoder)
    except (ValueError, RecursionError):
        return None


def wrapped_values(
    text: Readable, decoder: json.JSONDecoder, *, at_once: int, longest: int
) -> Iterator[object]:
    """The values of the wrapped lists, from a piece of the text at a time.

    Raises
    ------
    ValueError
        It is no JSON, or something else stands beside the rows.
    """
    ahead = text.read(at_once)
    while place := find_rows(ahead, decoder):
        at, is_open = place[0] + 1, place[1]
        while not ahead.startswith("]", at := _skip(ahead, at, signs=",")):
            try:
                value, at = decoder.raw_decode(ahead, at)
            except json.JSONDecodeError:
                block = text.read(at_once) if len(ahead) - at <= longest else ""
                if not block:
                    raise
                ahead, at = ahead[at:] + block, 0
            else:
                yield value
        ahead = ahead[at + 1 :] + text.read(longest)
        ahead = ahead[_end_of_page(ahead, is_open, decoder) :].lstrip()
    if ahead:
        raise json.JSONDecodeError("more than rows", ahead, 0)


def _find_in(text: str, at: int, is_open: int, decoder: json.JSONDecoder) -> tuple[int, int] | None:
    """Look through the members of the object that begins at `at`."""
    if not text.startswith("{", at):
        return None
    at = _skip(text, at + 1)
    while text.startswith('"', at):
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, at, signs=":")
        if _plain(name) in _LISTS:
            if text.startswith("[", at) and text.startswith("{", _skip(text, at + 1)):
                return at, is_open
            if inside := _find_in(text, at, is_open + 1, decoder):
                return inside
        if _plain(name) not in _ABOUT_THE_PAGE:
            return None
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at, signs=",")
    return None


def _end_of_page(text: str, is_open: int, decoder: json.JSONDecoder) -> int:
    """Where the objects that are still open end."""
    at = 0
    while is_open:
        at = _skip(text, at, signs=",")
        if text.startswith("}", at):
            at, is_open = at + 1, is_open - 1
            continue
        name, at = decoder.raw_decode(text, at)
        if not isinstance(name, str) or _plain(name) not in _ABOUT_THE_PAGE:
            raise json.JSONDecodeError("something beside the rows", text, at)
        _, at = decoder.raw_decode(text, _skip(text, at, signs=":"))
    return at


def _skip(text: str, at: int, *, signs: str = "") -> int:
    """Go on to what is neither blank nor one of `signs`."""
    while at < len(text) and (text[at].isspace() or text[at] in signs):
        at += 1
    return at


def _plain(name: str) -> str:
    return _NO_LETTERS.sub("", name).casefold().removeprefix("odata")
