"""A finding: something about the data, the study or the models that the reader must know before
trusting a figure.

What is found is worded in findings.toml; where it is looked for gives the facts.
"""

import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Severity = Literal["fatal", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""


@dataclass(frozen=True)
class Finding:
    """One finding, whose words `Finding.of` takes from findings.toml.

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
    def of(
        cls, key: str, /, *, evidence: str = "", severity: Severity | None = None, **facts: Any
    ) -> "Finding":
        """Fill in the words of findings.toml under `key`; a milder case of it names its severity.

        >>> Finding.of("zero-amounts", count=1_200).evidence
        '1,200 lines of amount 0'
        """
        text = words()[key]
        return cls(
            text.get("name", key).format(**facts),
            severity or text["severity"],
            evidence=evidence or text["evidence"].format(**facts),
            meaning=text["meaning"].format(**facts),
            fix=text["fix"].format(**facts),
        )

    @classmethod
    def listing(cls, key: str, seen: Iterable[str | None], /, **facts: Any) -> Iterator["Finding"]:
        """Make one finding that lists what was seen; none where nothing was."""
        sentences = [each for each in seen if each]
        if sentences:
            yield cls.of(key, evidence="; ".join(sentences), **facts)

    def refuses(self, acknowledged: Collection[str]) -> bool:
        """Whether it is fatal, and its name is not one of those that the study accepts."""
        return self.severity == "fatal" and self.name not in acknowledged

    def with_acknowledgement(self, acknowledged: Collection[str]) -> dict[str, Any]:
        """The finding as plain values, with whether the study acknowledges it."""
        is_accepted = self.severity == "fatal" and not self.refuses(acknowledged)
        return {**self.as_dict(), "acknowledged": is_accepted}

    def as_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)


@cache
def words() -> dict[str, Any]:
    """The words of every finding in findings.toml, by key."""
    path = Path(__file__).with_name("findings.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def fatal_names() -> list[str]:
    """Names of the findings that can be fatal: what a study may acknowledge."""
    fatal = (key for key, text in words().items() if text["severity"] == "fatal")
    return sorted({words()[key].get("name", key) for key in fatal})


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, the gravest first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: SEVERITIES.index(each.severity)))


def count_findings(findings: Iterable[Mapping[str, Any]]) -> str:
    """How many findings there are of each severity, the gravest first.

    >>> count_findings([{"severity": "note"}, {"severity": "fatal"}, {"severity": "note"}])
    '1 fatal, 2 notes'
    """
    counts = Counter(each["severity"] for each in findings)
    several = {"warning": "warnings", "note": "notes"}
    words = {name: name if counts[name] == 1 else several.get(name, name) for name in SEVERITIES}
    parts = (f"{counts[name]} {word}" for name, word in words.items() if counts[name])
    return ", ".join(parts) or "nothing found"


def join_names(names: Collection[str], *, at_most: int = 5) -> str:
    """Write names in a row, the first few.

    >>> join_names(["a", "b", "c"], at_most=2)
    'a, b and 1 more'
    """
    more = len(names) - at_most
    return ", ".join(list(names)[:at_most]) + (f" and {more:,} more" if more > 0 else "")
