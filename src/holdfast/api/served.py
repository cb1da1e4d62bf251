"""A run as it is served: scores mapped into memory, models ready, and the constant parts of an
answer written once.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
import pyarrow as pa

from holdfast.errors import DamagedRun
from holdfast.serving.answers import Answers
from holdfast.serving.customer_search import find_customer
from holdfast.serving.load import read_table
from holdfast.serving.scorer import Scorer
from holdfast.storage.runs import Run


@dataclass(frozen=True)
class Served:
    """One published run.

    Attributes
    ----------
    run
        The server's own copy.
    frame
        SCORES, sorted by customer_id, in pages that all workers share.
    """

    run: Run
    frame: pl.DataFrame
    scorer: Scorer

    @classmethod
    def load(cls, run: Run) -> "Served":
        """Map the scores and load the models.

        Raises
        ------
        DamagedRun
            A file differs from the manifest or cannot be read.
        """
        path = run.file("scores.arrow")
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            # An offset that leads out of the file would end the process, not the request.
            table.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            raise DamagedRun(
                f"the scores of run {run.run_id} cannot be read: {error}", fix="roll back"
            ) from None
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame) or frame.is_empty():
            raise DamagedRun(f"run {run.run_id} has scored nobody", fix="roll back")
        served = cls(run, frame, Scorer(run))
        served.warm()
        return served

    def warm(self) -> None:
        """Work out what is worked out once, before the first request needs it."""
        features = self.run.file("tables/features.parquet")
        self.scorer.warm(pl.scan_parquet(features).head(1).collect().row(0, named=True))
        _ = self.answers, self.headers

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self.run.run_id

    @property
    def summary(self) -> dict[str, Any]:
        """What `holdfast run --json` printed."""
        return self.run.summary

    @cached_property
    def answers(self) -> Answers:
        """What it says of its customers."""
        return Answers(self.run, self.scorer.study)

    @property
    def stamp(self) -> dict[str, Any]:
        """What every answer carries."""
        return self.answers.stamp

    @cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The same for an answer that is no JSON object."""
        return [
            (f"holdfast-{name.replace('_', '-')}".encode(), str(value).encode())
            for name, value in self.stamp.items()
        ]

    def hide_unknown_value(self, page: pl.DataFrame, *figures: str) -> pl.DataFrame:
        """Null these figures where nobody's revenue is estimated: 0 would be read as an
        estimate.
        """
        if not self.answers.no_value:
            return page
        schema = page.schema
        return page.with_columns(pl.lit(None, schema[n]).alias(n) for n in figures if n in schema)

    def is_whole(self) -> bool:
        """Whether every file of the copy still is the one that was checked."""
        return self.run.is_untouched()

    def probe(self) -> None:
        """Read what requests read: a score that is mapped, and a table that lies on disk.

        Raises
        ------
        DamagedRun
            It cannot be read.
        """
        name = str(self.frame.item(self.frame.height // 2, 0))
        if find_customer(self.frame, name) is None or self.table("segments").is_empty():
            raise DamagedRun(f"run {self.run_id} answers for nobody", fix="roll back")

    def table(self, name: str) -> pl.DataFrame:
        """One of the run's smaller tables; without rows where the run has none of that name."""
        return read_table(self.run, name)
