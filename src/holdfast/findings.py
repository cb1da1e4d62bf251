"""A finding: something about the data, the study or the models that the reader must know before trusting a figure."""

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["fatal", "warning", "note"]


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

    def as_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)
