"""A run as it is served: scores mapped into memory, models ready, and the constant parts of an
answer written once.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from typing import Any

import polars as pl
import pyarrow as pa

from holdfast.errors import DamagedRun
from holdfast.io.runs import Run
from holdfast.segments import churn_level
from holdfast.serving.predict import evidence_sentence, no_value
from holdfast.serving.scorer import Scorer
from holdfast.study import SEGMENT_NAMES
from holdfast.tables import SCORES

_STRIDE = 128
_OWN = (
    "customer_id",
    "cutoff_day",
    "churn_probability",
    "expected_revenue",
    "risk_score",
    "risk_rank",
    "value_tier",
)


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
        path = run.path / "scores.arrow"
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
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
        features = self.run.path / "tables" / "features.parquet"
        self.scorer.warm(pl.scan_parquet(features).head(1).collect().row(0, named=True))
        _ = self.sparse, self.tails, self.stamp_json, self.headers, self._places, self.no_value

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self.run.run_id

    @property
    def summary(self) -> dict[str, Any]:
        """What `holdfast run --json` printed."""
        return self.run.summary

    @cached_property
    def model_version(self) -> str:
        """Twelve digits of the SHA-256 over the model files: two runs with equal models
        share it.
        """
        files = self.run.manifest["files"]
        told = "".join(
            f"{name}{files[name]['sha256']}" for name in sorted(files) if name.startswith("models/")
        )
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @cached_property
    def stamp(self) -> dict[str, Any]:
        """What every answer carries."""
        return {
            "run_id": self.run_id,
            "cutoff_day": self.summary["cutoff_day"],
            "model_version": self.model_version,
            "scored_at": self.run.manifest["created_at"],
        }

    @cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The same for an answer that is no JSON object."""
        return [
            (f"holdfast-{name.replace('_', '-')}".encode(), str(value).encode())
            for name, value in self.stamp.items()
        ]

    @cached_property
    def no_value(self) -> str | None:
        """Why nobody's revenue is estimated; None where it is."""
        return no_value(self.summary)

    def without_zeros(self, page: pl.DataFrame, *figures: str) -> pl.DataFrame:
        """Null these figures where nobody's revenue is estimated: 0 would be read as an
        estimate.
        """
        unknown = [name for name in figures if name in page.columns] if self.no_value else []
        return page.with_columns(pl.lit(None, page.schema[name]).alias(name) for name in unknown)

    @cached_property
    def stamp_json(self) -> str:
        """The end of an answer from the published scores."""
        told = {
            **({"ltv_not_estimated": self.no_value} if self.no_value else {}),
            "currency": self.scorer.study.currency,
            "evidence": evidence_sentence(self.summary),
            "cutoff_date": self.summary["cutoff_date"],
            **self.stamp,
        }
        return json.dumps(told, ensure_ascii=False)[1:]

    @cached_property
    def sparse(self) -> list[str]:
        """Every 128th customer: the first steps of a search without touching the file."""
        found: list[str] = self.frame["customer_id"].gather_every(_STRIDE).to_list()
        return found

    @cached_property
    def tails(self) -> dict[str, str]:
        """Segment -> its part of an answer."""
        actions = self.scorer.study.actions
        return {
            name: f'"segment":{json.dumps(name)},"actions":'
            + json.dumps(actions.get(name, []), ensure_ascii=False)
            for name in SEGMENT_NAMES
        }

    @cached_property
    def _places(self) -> tuple[list[int], int, list[tuple[str, int]]]:
        """Where a row has what an answer starts with, its segment, and every further column."""
        columns = self.frame.columns
        further = [
            name for name in SCORES.schema if name not in (*_OWN, "segment") and name in columns
        ]
        return (
            [columns.index(name) for name in _OWN],
            columns.index("segment"),
            [(name, columns.index(name)) for name in further],
        )

    def find(self, customer_id: str) -> int | None:
        """The customer's row."""
        low = max(bisect_left(self.sparse, customer_id) - 1, 0) * _STRIDE
        high = min(low + _STRIDE + 1, self.frame.height)
        item = self.frame.item
        while low < high:
            middle = (low + high) // 2
            if item(middle, 0) < customer_id:
                low = middle + 1
            else:
                high = middle
        return low if low < self.frame.height and item(low, 0) == customer_id else None

    def answer_json(self, customer_id: str) -> tuple[str, float] | None:
        """The published answer for one customer, and their churn probability; None for a
        stranger.
        """
        place = self.find(customer_id)
        if place is None:
            return None
        row = self.frame.row(place)
        own, segment, further = self._places
        name, _, churn, revenue, risk, rank, tier = (row[i] for i in own)
        more = "".join(f',"{column}":{_json(row[i])}' for column, i in further)
        ltv, its_tier = (
            ("null", "null") if self.no_value else (repr(revenue), f'"{tier.capitalize()}"')
        )
        text = (
            f'{{"customer_id":{json.dumps(name, ensure_ascii=False)},"churn_probability":{churn!r},'
            f'"churn_risk":"{churn_level(churn)}","predicted_ltv":{ltv},"ltv_tier":{its_tier},'
            f'"risk_score":{risk!r},"risk_rank":{rank!r},{self.tails[row[segment]]}{more},{self.stamp_json}'
        )
        return text, churn

    def answer(self, customer_id: str, score: Mapping[str, Any]) -> dict[str, Any]:
        """The answer for a customer who was scored just now."""
        segment, churn = score["segment"], score["churn_probability"]
        return {
            "customer_id": customer_id,
            "churn_probability": churn,
            "churn_risk": churn_level(churn),
            "predicted_ltv": None if self.no_value else score["expected_revenue"],
            "ltv_tier": None if self.no_value else score["value_tier"].capitalize(),
            **({"ltv_not_estimated": self.no_value} if self.no_value else {}),
            "risk_score": score["risk_score"],
            "risk_rank": score["risk_rank"],
            "segment": segment,
            "actions": self.scorer.study.actions.get(segment, []),
            "currency": self.scorer.study.currency,
            "cutoff_date": self.summary["cutoff_date"],
            **self.stamp,
            "scored_at": now(),
        }

    def table(self, name: str) -> pl.DataFrame | None:
        """One of the run's smaller tables; None where the run has none of that name."""
        if f"tables/{name}.parquet" not in self.run.manifest["files"]:
            return None
        return pl.read_parquet(self.run.path / "tables" / f"{name}.parquet")

    def rows_of(self, name: str, customer_id: str) -> pl.DataFrame | None:
        """One customer's rows of a table; None where the run has none of that name."""
        if f"tables/{name}.parquet" not in self.run.manifest["files"]:
            return None
        lazy = pl.scan_parquet(self.run.path / "tables" / f"{name}.parquet")
        return lazy.filter(pl.col("customer_id") == customer_id).collect()


def now() -> str:
    """UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _json(value: Any) -> str:
    if isinstance(value, float):
        return repr(value) if isfinite(value) else "null"
    return json.dumps(value, ensure_ascii=False)
