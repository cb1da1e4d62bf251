"""A finding: something about the data, the study or the models that the reader must know before
trusting a figure.
"""

from collections.abc import Collection, Iterable
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any, Literal, get_args

Severity = Literal["fatal", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""

FATAL = (
    "circular-label", "customers-in-both-parts", "dated-after-the-cutoff", "encoded-outcome",
    "few-churned", "few-kept", "history-changes", "immature-labels", "no-gap",
    "resampled-before-the-split", "rows-in-both-parts",
)  # fmt: skip
"""Names of the findings that can be fatal: what a study may acknowledge."""


@dataclass(frozen=True)
class Finding:
    """One finding; `Finding.fatal`, `.warning` and `.note` make one of that severity.

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
    _: KW_ONLY
    evidence: str
    meaning: str
    fix: str

    @classmethod
    def fatal(cls, name: str, *, evidence: str, meaning: str, fix: str) -> "Finding":
        """Make a finding that refuses a run until its name is acknowledged."""
        return cls(name, "fatal", evidence=evidence, meaning=meaning, fix=fix)

    @classmethod
    def warning(cls, name: str, *, evidence: str, meaning: str, fix: str) -> "Finding":
        """Make a finding that puts figures in doubt."""
        return cls(name, "warning", evidence=evidence, meaning=meaning, fix=fix)

    @classmethod
    def note(cls, name: str, *, evidence: str, meaning: str, fix: str) -> "Finding":
        """Make a finding that is good to know."""
        return cls(name, "note", evidence=evidence, meaning=meaning, fix=fix)

    def is_acknowledged(self, names: Collection[str]) -> bool:
        """Whether it is fatal and accepted by its name."""
        return self.severity == "fatal" and self.name in names

    def with_acknowledgement(self, acknowledged: Collection[str]) -> dict[str, Any]:
        """The finding as plain values, with whether the study acknowledges it."""
        return {**self.as_dict(), "acknowledged": self.is_acknowledged(acknowledged)}

    def as_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, the gravest first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: SEVERITIES.index(each.severity)))
