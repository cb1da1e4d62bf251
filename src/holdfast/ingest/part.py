"""Part of how a source is read."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """Part of a mapping: columns read from the source, columns worked out of those, and what can
    be wrong with either (reason -> SQL condition).
    """

    read: dict[str, str] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: "Part") -> "Part":
        return Part(
            {**self.read, **other.read},
            {**self.derived, **other.derived},
            {**self.problems, **other.problems},
        )
