"""An audit: one question to a table, a log or a proof, and how it is answered."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from time import perf_counter
from typing import Any, Generic, TypeVar

from holdfast.findings import Finding

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Audit(Generic[Subject]):
    """One question.

    Attributes
    ----------
    ask
        Yields what is wrong with the subject: a `Table`, a `Log` or a `Proof`.
    needs
        Attributes of the subject; where one is None, the question is not asked.
    is_cheap
        Whether a run asks it too; `holdfast audit` asks them all.
    """

    name: str
    question: str
    ask: Callable[[Subject], Iterable[Finding]]
    _: KW_ONLY
    needs: tuple[str, ...] = ()
    is_cheap: bool = True

    def is_asked(self, subject: Subject, *, cheaply: bool) -> bool:
        """Whether the subject has what the question needs, and a run may afford it."""
        has_all = all(getattr(subject, need) is not None for need in self.needs)
        return has_all and (self.is_cheap or not cheaply)


@dataclass(frozen=True)
class Answer:
    """What came of a question."""

    name: str
    question: str
    seconds: float
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {
            "name": self.name,
            "question": self.question,
            "found": [finding.name for finding in self.findings],
            "seconds": round(self.seconds, 4),
        }


def ask_all(
    audits: Iterable[Audit[Subject]], subject: Subject, *, cheaply: bool = False
) -> tuple[Answer, ...]:
    """Ask the questions in order: all of them, or `cheaply` only what a run asks."""
    return tuple(
        _ask(audit, subject) for audit in audits if audit.is_asked(subject, cheaply=cheaply)
    )


def _ask(audit: Audit[Subject], subject: Subject) -> Answer:
    begun = perf_counter()
    findings = tuple(audit.ask(subject))
    return Answer(audit.name, audit.question, perf_counter() - begun, findings)
