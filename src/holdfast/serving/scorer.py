"""Online: one customer scored in less than a millisecond by a published run, exactly as the batch
would.

What does not depend on the customer (models, rule, formulas, ranges of the data) is prepared once
per run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.errors import DataError, nearest
from holdfast.explain import reasons
from holdfast.expressions import parse
from holdfast.io.runs import Run
from holdfast.serving.formulas import compiled, with_derived
from holdfast.serving.load import load_fitted, load_models, load_rule, load_study, load_wording
from holdfast.serving.requests import Features
from holdfast.serving.score import predicted
from holdfast.study import Study
from holdfast.tables import OUTCOMES, json_rows

if TYPE_CHECKING:
    from holdfast.models.fitted_models import FittedModels
    from holdfast.serving.history_features import OnlineHistory

_SAMPLE = 20_000
_LARGEST_INTEGER = 2**63
_LONGEST_WORD = 1_000
_SLIPS = (100.0, 0.01, 1000.0, 0.001)
_LISTED = 5
_RHYTHM = ("n_purchases", "days_since_last_purchase", "tenure_days")
_MOST = 1_000_000


@dataclass(frozen=True)
class Range:
    """What a column looked like in the run: 1 %, 5 %, 50 %, 95 % and 99 % of its customers lie
    below.
    """

    p1: float
    p5: float
    median: float
    p95: float
    p99: float

    def doubt(self, name: str, value: float) -> str | None:
        """Say that a value looks like another unit, or like nothing in the run."""
        if self.p1 <= value <= self.p99 or self.p1 == self.p99:
            return None
        usual = (
            f"98 % of the run's customers have {self.p1:.4g} to {self.p99:.4g}, half of them up to "
            f"{self.median:.4g}"
        )
        for factor in _SLIPS:
            if value and self.p5 <= value * factor <= self.p95:
                return (
                    f"{name} is {value:g}; {usual}: if another unit was meant, write "
                    f"{value * factor:g}"
                )
        return f"{name} is {value:g}; {usual}: the models have seen little like it"


class Scorer:
    """A published run, ready to score customers one by one; may be called from any thread.

    Raises
    ------
    DamagedRun
        A file differs from the manifest, or the models cannot be loaded.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.study: Study = load_study(run)
        self.models, self.rule, self.wording = load_models(run), load_rule(run), load_wording(run)
        features = run.file("tables/features.parquet")
        derived = dict(self.study.snapshot.derived) if self.study.snapshot else {}
        own = {"customer_id", "cutoff_day", *derived, *(OUTCOMES if self.study.snapshot else ())}
        self.kinds = {n: k for n, k in pl.read_parquet_schema(features).items() if n not in own}
        self.formulas = {name: compiled(text) for name, text in derived.items()}
        self.read_by_formulas = read = {
            column for text in derived.values() for column in parse(text).columns
        }
        asked = [name for model in self.models.values() for name in model.columns]
        asked += [
            signal.name
            for signal in self.rule.signals
            if signal.name not in ("churn_probability", *OUTCOMES)
        ]
        self.needed = [
            name for name in dict.fromkeys([*asked, *sorted(read)]) if name in self.kinds
        ]

    def warm(self, values: Mapping[str, Any]) -> None:
        """Score a customer of the run once: LightGBM and the query of features are prepared now,
        not in a request.
        """
        self.score(values)
        _ = self.ranges
        if self.study.transactions is not None:
            self.history.prepare(cutoff_day=int(values["cutoff_day"]))

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Where the numbers of the run's own customers lie: what is told of one of its customers
        does not need it.
        """
        return _ranges(
            pl.scan_parquet(self.run.file("tables/features.parquet")).head(_SAMPLE), self.kinds
        )

    @cached_property
    def history(self) -> "OnlineHistory":
        """Features from raw orders and events; StudyError where the run was made from a
        snapshot.
        """
        # It brings a database, which a server of snapshots never needs.
        from holdfast.serving.history_features import OnlineHistory

        return OnlineHistory(self.study)

    @cached_property
    def ahead(self) -> "FittedModels | None":
        """What looks beyond the tasks' own horizons; None where the run has nothing of the kind."""
        return load_fitted(self.run, self.models)

    def given(self, raw: Mapping[str, Any]) -> Features:
        """Check one customer's columns, add the derived ones and say what looks like a slip.

        Raises
        ------
        DataError
            A column is unknown, missing or of another kind.
        """
        values = self.checked(raw)
        doubts = (
            self.ranges[n].doubt(n, v)
            for n, v in values.items()
            if n in self.ranges and v is not None
        )
        return Features(self._derived(values), tuple(filter(None, doubts)))

    def checked(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return one customer's columns, numbers as floats.

        Raises
        ------
        DataError
            A column is unknown, missing or of another kind.
        """
        for name in raw:
            if name not in self.kinds:
                raise DataError(
                    f"there is no column '{name}'", fix=nearest(name, list(self.kinds)), column=name
                )
        missing = [name for name in self.needed if name not in raw]
        if missing:
            listed = ", ".join(missing[:_LISTED]) + (", ..." if len(missing) > _LISTED else "")
            what = "1 feature is" if len(missing) == 1 else f"{len(missing)} features are"
            raise DataError(f"{what} missing: {listed}", fix="give each of them; null if unknown")
        return {name: _typed(name, value, self.kinds[name]) for name, value in raw.items()}

    def score(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the run says: churn_probability, expected_revenue, risk_score, risk_rank,
        value_tier, segment.
        """
        said = {
            task: float(model.predict_matrix(model.design.row(values))[0])
            for task, model in self.models.items()
        }
        known = {
            **values,
            "churn_probability": said["churn"],
            "expected_revenue": said.get("value", 0.0),
        }
        placed = self.rule.place(known)
        return {
            "churn_probability": known["churn_probability"],
            "expected_revenue": known["expected_revenue"],
            **placed._asdict(),
        }

    def score_many(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Score checked customers at once: the same numbers as one by one."""
        whole = with_derived(self.study, self._frame(rows))
        scored = self.rule.assign(predicted(self.models, whole))
        names = [
            "churn_probability",
            "expected_revenue",
            "risk_score",
            "risk_rank",
            "value_tier",
            "segment",
        ]
        return scored.select(names).to_dicts()

    def outlooks(
        self,
        rows: Sequence[Mapping[str, Any]],
        scores: Sequence[Mapping[str, Any]],
        *,
        cutoff_day: int,
    ) -> list[dict[str, Any]]:
        """What SCORES tells of scored customers beside their score, and "horizons": a row of
        HORIZONS for each length.

        Counts of purchases are integrals, whose last digits depend on who is asked for together
        (1e-4 of the count); all other figures are those of the batch.

        Raises
        ------
        DataError
            As `foreseeable`.
        """
        if self.ahead is None:
            return [{"horizons": None} for _ in rows]
        from holdfast.training.horizon_tables import horizon_columns, horizons_table

        for row in rows:
            self.foreseeable(row)
        # Names in the order of the rows: tables come back sorted by name.
        names = pl.Series("customer_id", [f"{place:06d}" for place in range(len(rows))])
        frame = self._frame(rows).with_columns(names, cutoff_day=pl.lit(cutoff_day, pl.Int32))
        asked = ("churn_probability", "expected_revenue")
        said = pl.DataFrame(
            {"customer_id": names, **{name: [score[name] for score in scores] for name in asked}}
        )
        table = horizons_table(self.study, self.ahead, frame, said)
        own = (
            horizon_columns(self.study, self.ahead, frame, table)
            .sort("customer_id")
            .drop("customer_id")
        )
        each = table.partition_by("customer_id", maintain_order=True, include_key=False)
        return [
            {**told, "horizons": json_rows(lengths)}
            for told, lengths in zip(json_rows(own), each, strict=True)
        ]

    def foreseeable(self, values: Mapping[str, Any]) -> None:
        """Refuse a customer of whom no horizon can be told.

        Raises
        ------
        DataError
            The features that say how often and when the customer bought are missing, or describe
            nobody.
        """
        if self.ahead is None:
            return
        told = [values.get(name) for name in _RHYTHM]
        numbers = [float(value) for value in told if value is not None]
        if len(numbers) == len(_RHYTHM):
            n_purchases, silent, tenure = numbers
            once = (n_purchases == 1) == (silent == tenure)
            if (
                1 <= n_purchases <= _MOST
                and n_purchases % 1 == 0
                and 0 < silent <= tenure <= _MOST
                and once
            ):
                return
        listed = ", ".join(f"{name} {value}" for name, value in zip(_RHYTHM, told, strict=True))
        raise DataError(
            f"no customer bought like this: {listed}",
            fix="give all three, or do not ask for horizons",
        )

    def _frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        kinds = {
            name: kind if kind in (pl.String, pl.Boolean) else pl.Float64
            for name, kind in self.kinds.items()
        }
        return pl.DataFrame([{name: row.get(name) for name in kinds} for row in rows], schema=kinds)

    def reasons(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The strongest reasons of one customer, by TreeSHAP, in words."""
        frame = pl.DataFrame([dict(values)], infer_schema_length=None).with_columns(
            customer_id=pl.lit("new")
        )
        top = self.study.explain.reasons
        told = pl.concat(
            reasons(task, model.contributions(frame), frame, wording=self.wording, top=top)
            for task, model in self.models.items()
        )
        return told.drop("customer_id").to_dicts()

    def _derived(self, values: dict[str, Any]) -> dict[str, Any]:
        if None not in self.formulas.values() and not any(
            isinstance(values[n], str) for n in self.read_by_formulas
        ):
            return {
                **values,
                **{name: formula(values) for name, formula in self.formulas.items() if formula},
            }
        return with_derived(self.study, pl.DataFrame([values])).row(0, named=True)


def _typed(name: str, value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if kind == pl.String:
        if not isinstance(value, str):
            raise DataError(f"'{name}' is a number", fix="give a word, as in the data", column=name)
        if len(value) > _LONGEST_WORD:
            raise DataError(
                f"'{name}' has {len(value):,} characters",
                fix=f"give at most {_LONGEST_WORD}",
                column=name,
            )
        return value
    if isinstance(value, str):
        raise DataError(f"'{name}' is a word", fix="give a number, as in the data", column=name)
    if kind == pl.Boolean:
        if not isinstance(value, bool):
            raise DataError(
                f"'{name}' is a number", fix="give true or false, as in the data", column=name
            )
        return value
    if isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        raise DataError(f"'{name}' is beyond 64 bits", fix="give a smaller number", column=name)
    if not isfinite(value):
        raise DataError(f"'{name}' is not finite", fix="give a number, or null", column=name)
    return float(value)


def _ranges(sample: pl.LazyFrame, kinds: Mapping[str, Any]) -> dict[str, Range]:
    numbers = [name for name, kind in kinds.items() if kind.is_numeric()]
    if not numbers:
        return {}
    shares = (0.01, 0.05, 0.5, 0.95, 0.99)
    found = sample.select(
        pl.col(name).cast(pl.Float64).quantile(share).alias(f"{i} {share}")
        for i, name in enumerate(numbers)
        for share in shares
    ).collect()
    row = found.row(0)
    five = {name: row[5 * i : 5 * i + 5] for i, name in enumerate(numbers)}
    return {name: Range(*values) for name, values in five.items() if None not in values}
