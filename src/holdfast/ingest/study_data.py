"""What the sources of a study hold, once every row is accounted for; an order log and a snapshot
answer alike.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import polars as pl

from holdfast.findings import Finding
from holdfast.ingest.validation import Rows, ValidatedSource
from holdfast.tables import QUARANTINE


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """What an order log and a snapshot have in common: see `OrderLog` and `Snapshot`.

    Attributes
    ----------
    sources
        Each source with its verdicts; the first is the order log, or the snapshot.
    findings
        What is odd about the rows.
    fingerprint
        SHA-256 of the accepted rows, whatever their order and the format they came in.
    failures
        Limits of the study or of its contract that are exceeded; a run is refused then.
    end_day
        First day that is not seen: the day after an order log, the as-of day of a snapshot.
    n_customers
        Customers with an accepted row.
    """

    kind: ClassVar[Literal["log", "snapshot"]]
    sources: tuple[ValidatedSource, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    fingerprint: str
    failures: tuple[str, ...] = ()
    end_day: int
    n_customers: int

    @property
    def rows(self) -> Rows:
        """Over all sources; read = accepted + set_aside + quarantined, in each source too."""
        return sum((source.rows for source in self.sources[1:]), self.sources[0].rows)

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Source -> reason -> rows that were set aside or quarantined for it."""
        return {source.name: source.reasons for source in self.sources}

    @property
    def quarantine(self) -> pl.DataFrame:
        """The QUARANTINE table, over all sources."""
        return QUARANTINE.check(
            pl.concat([source.quarantined for source in self.sources])
        ).rechunk()

    @property
    def size(self) -> str:
        """How much came in, in words."""
        return f"{self.rows.read:,} rows, {self.n_customers:,} customers"
