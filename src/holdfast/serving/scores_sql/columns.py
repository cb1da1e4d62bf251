"""Columns: named expressions that read each other, and the steps in which a database works them
out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

from holdfast.io.dialects import name

Term = exp.Expr
SOURCE = "features"
"""What the query calls the table that it reads."""
_PLAIN = re.compile(r"[a-z_]+[a-z0-9_]*")


class Columns:
    """Columns by name, each an expression over columns of the source or over earlier ones.

    A database is given them in steps: whatever is read more than once is a column of a step, so
    that it is worked out once.
    """

    def __init__(self) -> None:
        self._terms: dict[str, Term] = {}
        self._level: dict[str, int] = {}
        self._aliases: dict[str, str] = {}

    def add(self, label: str, term: Term) -> exp.Column:
        """Name an expression; what is named already stays as it is.

        A label that is no plain word is called x and a number: warehouses differ in what else a
        name may hold.
        """
        alias = label if _PLAIN.fullmatch(label) else self._aliases.get(label)
        if alias is None:
            alias = self._aliases[label] = f"x{len(self._aliases) + 1}"
        if alias not in self._terms:
            read = (self._level[each] for each in _read_by([term]))
            self._terms[alias], self._level[alias] = term, 1 + max(read, default=0)
        return exp.Column(this=name(alias))

    def steps(self, *wanted: str) -> Iterator[tuple[str, exp.Select]]:
        """The steps, by name; the last has the wanted columns. The first reads the source."""
        n = max(self._level[each] for each in wanted)
        selects, needed = [], list(wanted)
        for level in range(n, 0, -1):
            terms = {
                each: self._terms[each]
                if self._level[each] == level
                else exp.Column(this=name(each))
                for each in needed
            }
            selects.append(_select(terms, table=f"step_{level - 1}" if level > 1 else SOURCE))
            needed = list(dict.fromkeys(_read_by(terms.values())))
        return ((f"step_{level}", each) for level, each in enumerate(reversed(selects), 1))


def source(label: str) -> exp.Column:
    """A column of the source, under its own name."""
    return exp.Column(this=name(label), table=name(SOURCE))


def _read_by(terms: Iterable[Term]) -> list[str]:
    return [each.name for term in terms for each in term.find_all(exp.Column) if not each.table]


def _select(terms: Mapping[str, Term], *, table: str) -> exp.Select:
    selects = []
    for label, term in terms.items():
        placed = term.copy()
        for each in list(placed.find_all(exp.Column)):
            if not each.table:
                each.set("table", name(table))
        selects.append(exp.alias_(placed, name(label)))
    return exp.select(*selects).from_(exp.Table(this=name(table)))
