"""A finding: something about the data, the study or the models that the reader must know before
trusting a figure.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["fatal", "warning", "note"]

FATAL = (
    "circular-label",
    "customers-in-both-parts",
    "dated-after-the-cutoff",
    "encoded-outcome",
    "few-churned",
    "few-kept",
    "history-changes",
    "immature-labels",
    "no-gap",
    "resampled-before-the-split",
    "rows-in-both-parts",
)
"""Names of the findings that can be fatal: what a study may acknowledge."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes
    ----------
    name
        Stable, in kebab-case; what `acknowledge` in the study refers to.
    evidence
        What was seen, with the numbers.
    meaning, fix
        Why it matters; what to do.
    """

    name: str
    severity: Severity
    evidence: str
    meaning: str
    fix: str

    def is_acknowledged(self, names: Collection[str]) -> bool:
        """Whether it is fatal and accepted by its name."""
        return self.severity == "fatal" and self.name in names

    def told(self, acknowledged: Collection[str]) -> dict[str, Any]:
        """The finding as plain values, with whether the study acknowledges it."""
        return {**self.as_dict(), "acknowledged": self.is_acknowledged(acknowledged)}

    def as_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)
