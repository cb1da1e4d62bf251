"""A topic of the data report: what was counted, the same in sentences, and what is odd about it."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import polars as pl

from holdfast.findings import Finding


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes
    ----------
    name, title
        In kebab-case; as a heading.
    facts
        Plain values, for machines.
    sentences
        The facts in words.
    table
        Rows behind the sentences, if they need any; column names are headings.
    """

    name: str
    title: str
    facts: dict[str, Any]
    sentences: tuple[str, ...]
    _: KW_ONLY
    table: pl.DataFrame | None = None
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The topic as plain values, without its findings: they are listed with all others."""
        rows = {"rows": self.table.to_dicts()} if self.table is not None else {}
        sentences = list(self.sentences)
        return {"name": self.name, "title": self.title, "sentences": sentences} | self.facts | rows
