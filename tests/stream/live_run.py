"""A run as the stream scores by it, with all that its customers did."""

from dataclasses import dataclass

import polars as pl

from holdfast.storage.runs import Run
from holdfast.stream.scoring import LiveModels


@dataclass(frozen=True)
class Live:
    """A run, its models, and what its customers did and were known by."""

    run: Run
    models: LiveModels
    activity: pl.DataFrame
    attributes: pl.DataFrame

    @property
    def cutoff_day(self) -> int:
        return int(self.run.summary["cutoff_day"])
