"""Online: one customer scored in about a millisecond by a published run, exactly as the batch
would.

What does not depend on the customer (models, rule, formulas, ranges of the data) is prepared once
per run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.errors import DataError, nearest
from holdfast.explain import reasons
from holdfast.expressions import parse
from holdfast.features.recent_days import RECENT_DAYS, RECENT_DAYS_TYPE
from holdfast.serving.formulas import add_derived, compile_formula
from holdfast.serving.given_values import check_days, check_value
from holdfast.serving.load import load_fitted, load_models, load_rule, load_study, load_wording
from holdfast.serving.score import add_predictions
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import OUTCOMES, json_rows

if TYPE_CHECKING:
    from holdfast.models.fitted_models import FittedModels
    from holdfast.models.sequence.histories import DatedHistories
    from holdfast.serving.history_features import OnlineHistory

_SAMPLE = 20_000
_SLIPS = (100.0, 0.01, 1000.0, 0.001)
_LISTED = 5
_MOST_WORDS = 10_000
_SHOWN = 80
"""Characters of a name from outside that a message repeats."""
_RHYTHM = ("n_purchases", "days_since_last_purchase", "tenure_days")
_MOST = 1_000_000
_PREDICTED = ("churn_probability", "expected_revenue")
_SCORED = (*_PREDICTED, "risk_score", "risk_rank", "value_tier", "segment")


@dataclass(frozen=True)
class Features:
    """One customer's features, by name, and what the caller should know about them."""

    values: dict[str, Any]
    notes: tuple[str, ...] = ()


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

    def question(self, name: str, value: float) -> str | None:
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
        outcomes = OUTCOMES if self.study.snapshot else ()
        added = {"customer_id", "cutoff_day", RECENT_DAYS, *derived, *outcomes}
        self.kinds = {
            n: k for n, k in pl.scan_parquet(features).collect_schema().items() if n not in added
        }
        self.formulas = {name: compile_formula(text) for name, text in derived.items()}
        self.read_by_formulas = read = {
            column for text in derived.values() for column in parse(text).columns
        }
        signals = (signal.name for signal in self.rule.signals)
        predicted_first = ("churn_probability", *OUTCOMES)
        columns = [name for model in self.models.values() for name in model.columns]
        columns += [name for name in signals if name not in predicted_first]
        # Of somebody who is scored just now no purchase is known by its margin.
        self.margin_rate: float = run.summary["value"].get(
            "margin_rate", self.study.value.margin_rate
        )
        self.reads_days = any(model.sequence is not None for model in self.models.values())
        self.needed = [n for n in dict.fromkeys([*columns, *sorted(read)]) if n in self.kinds]

    def warm(self, values: Mapping[str, Any]) -> None:
        """Score a customer of the run once: LightGBM and the query of features are prepared now,
        not in a request.
        """
        self.score(values)
        _ = self.ranges, self.words
        if self.study.transactions is not None:
            self.history.prepare(cutoff_day=int(values["cutoff_day"]))

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Where the numbers of the run's customers lie: an answer about one of them does not need
        it.
        """
        features = pl.scan_parquet(self.run.file("tables/features.parquet"))
        return _learn_ranges(features.head(_SAMPLE), self.kinds)

    @cached_property
    def words(self) -> dict[str, frozenset[str]]:
        """What the run's customers have in each column of words that a model reads; a column of
        very many is free text, and is left out.
        """
        features = pl.scan_parquet(self.run.file("tables/features.parquet"))
        names = [name for name in self.needed if self.kinds[name] == pl.String]
        seen = {
            name: features.select(pl.col(name).drop_nulls().unique()).collect()[name]
            for name in names
        }
        return {name: frozenset(each) for name, each in seen.items() if len(each) <= _MOST_WORDS}

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

    def prepare_features(self, raw: Mapping[str, Any]) -> Features:
        """Check one customer's columns, add the derived ones and say what looks like a slip.

        Raises
        ------
        DataError
            A column is unknown, missing or of another kind.
        """
        values = self.check_columns(raw)
        doubts = (
            self.ranges[n].question(n, v)
            for n, v in values.items()
            if n in self.ranges and v is not None
        )
        notes = (*filter(None, doubts), *self.unknown_words(values), *self._unknown_days(values))
        return Features(self._derive(values), notes)

    def _unknown_days(self, values: Mapping[str, Any]) -> list[str]:
        """Say that the network has nothing to read."""
        if not self.reads_days or values.get(RECENT_DAYS) is not None:
            return []
        return [
            "the days on which the customer did something are not known, so the network of the "
            "pool says nothing: give raw orders and events instead"
        ]

    def unknown_words(self, values: Mapping[str, Any]) -> list[str]:
        """Say which words none of the run's customers has: the models know nothing of them."""
        return [
            f"{name} is '{values[name][:_SHOWN]}', which no customer of the run has, so it tells "
            f"the models nothing: {nearest(values[name], sorted(words))}"
            for name, words in self.words.items()
            if values.get(name) is not None and values[name] not in words
        ]

    def check_columns(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return one customer's columns, numbers as floats.

        Raises
        ------
        DataError
            A column is unknown, missing or of another kind.
        """
        days = {}
        if self.reads_days and RECENT_DAYS in raw:
            days = {RECENT_DAYS: check_days(raw[RECENT_DAYS])}
        raw = {name: value for name, value in raw.items() if name not in days}
        for name in raw:
            if name not in self.kinds:
                raise DataError(
                    f"there is no column '{name[:_SHOWN]}'",
                    fix=nearest(name, list(self.kinds)),
                    column=name[:_SHOWN],
                )
        missing = [name for name in self.needed if name not in raw]
        if missing:
            listed = ", ".join(missing[:_LISTED]) + (", ..." if len(missing) > _LISTED else "")
            what = "1 feature is" if len(missing) == 1 else f"{len(missing)} features are"
            raise DataError(f"{what} missing: {listed}", fix="give each of them; null if unknown")
        checked = ((name, check_value(name, raw[name], self.kinds[name])) for name in raw)
        return {**dict(checked), **days}

    def score(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the run says: churn_probability, expected_revenue, risk_score, risk_rank,
        value_tier, segment.
        """
        predictions = self._predict(values)
        both = {
            "churn_probability": predictions["churn"],
            "expected_revenue": predictions.get("value", 0.0),
        }
        return {**both, **self.rule.place({**values, **both})._asdict()}

    def _predict(self, values: Mapping[str, Any]) -> dict[str, float]:
        """What each model says."""
        dated = self._read_days(values)
        return {
            task: float(model.predict_matrix(model.design.row(values), dated)[0])
            for task, model in self.models.items()
        }

    def _read_days(self, values: Mapping[str, Any]) -> "DatedHistories | None":
        """What a network reads of one customer; of whom no cutoff is given, as of the run's own."""
        days = values.get(RECENT_DAYS) if self.reads_days else None
        if days is None:
            return None
        from holdfast.models.sequence.histories import DatedHistories

        given = values.get("cutoff_day")
        cutoff = int(self.run.summary["cutoff_day"]) if given is None else given
        return DatedHistories.of_days(days, cutoff, minor_digits=self.study.minor_digits)

    def score_many(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Score checked customers at once: the same numbers as one by one."""
        whole = add_derived(self.study, self._frame(rows))
        scored = self.rule.assign(add_predictions(self.models, whole))
        return scored.select(_SCORED).to_dicts()

    def predict_horizons(
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
            As `check_rhythm`.
        """
        if self.ahead is None:
            return [{"horizons": None} for _ in rows]
        from holdfast.training.horizon_tables import horizon_columns, horizons_table

        for row in rows:
            self.check_rhythm(row)
        # Names in the order of the rows: tables come back sorted by name.
        names = pl.Series("customer_id", [f"{place:06d}" for place in range(len(rows))])
        frame = self._frame(rows).with_columns(names, cutoff_day=pl.lit(cutoff_day, pl.Int32))
        predictions = pl.DataFrame(
            {"customer_id": names, **{n: [score[n] for score in scores] for n in _PREDICTED}}
        ).with_columns(margin_rate=pl.lit(self.margin_rate))
        table = horizons_table(self.study, self.ahead, frame, predictions)
        columns = horizon_columns(self.study, self.ahead, frame, table)
        beside = json_rows(columns.sort("customer_id").drop("customer_id"))
        each = table.partition_by("customer_id", maintain_order=True, include_key=False)
        return [
            {**row, "horizons": json_rows(lengths)}
            for row, lengths in zip(beside, each, strict=True)
        ]

    def check_rhythm(self, values: Mapping[str, Any]) -> None:
        """Refuse a customer of whom no horizon can be told.

        Raises
        ------
        DataError
            The features that say how often and when the customer bought are missing, or describe
            nobody.
        """
        if self.ahead is None:
            return
        rhythm: list[Any] = [values.get(name) for name in _RHYTHM]
        if None not in rhythm:
            n_purchases, silent, tenure = map(float, rhythm)
            is_count = 1 <= n_purchases <= _MOST and n_purchases % 1 == 0
            bought_once = (n_purchases == 1) == (silent == tenure)
            if is_count and 0 < silent <= tenure <= _MOST and bought_once:
                return
        listed = ", ".join(f"{name} {value}" for name, value in zip(_RHYTHM, rhythm, strict=True))
        raise DataError(
            f"no customer bought like this: {listed}",
            fix="give all three, or do not ask for horizons",
        )

    def _frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        kinds = {
            name: kind if kind in (pl.String, pl.Boolean) else pl.Float64
            for name, kind in self.kinds.items()
        }
        if self.reads_days:
            kinds |= {RECENT_DAYS: RECENT_DAYS_TYPE, "cutoff_day": pl.Int32()}
        frame = pl.DataFrame(
            [{name: row.get(name) for name in kinds} for row in rows], schema=kinds
        )
        return self._date(frame) if self.reads_days else frame

    def _date(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Customers of whom no cutoff is given are as of the run's own."""
        cutoff = int(self.run.summary["cutoff_day"])
        return frame.with_columns(pl.col("cutoff_day").fill_null(cutoff))

    def reasons(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The strongest reasons of one customer, by TreeSHAP, in words."""
        given = {RECENT_DAYS: None, **values} if self.reads_days else dict(values)
        frame = pl.DataFrame(
            [given],
            infer_schema_length=None,
            schema_overrides={RECENT_DAYS: RECENT_DAYS_TYPE} if self.reads_days else None,
        ).with_columns(customer_id=pl.lit("new"))
        top = self.study.explain.reasons
        table = pl.concat(
            reasons(task, model.contributions(frame), frame, wording=self.wording, top=top)
            for task, model in self.models.items()
        )
        return table.drop("customer_id").to_dicts()

    def _derive(self, values: dict[str, Any]) -> dict[str, Any]:
        words = any(isinstance(values[name], str) for name in self.read_by_formulas)
        if words or None in self.formulas.values():
            return add_derived(self.study, pl.DataFrame([values])).row(0, named=True)
        formulas = {name: f for name, f in self.formulas.items() if f is not None}
        return {**values, **{name: formula(values) for name, formula in formulas.items()}}


def _learn_ranges(sample: pl.LazyFrame, kinds: Mapping[str, Any]) -> dict[str, Range]:
    numbers = [name for name, kind in kinds.items() if kind.is_numeric()]
    if not numbers:
        return {}
    shares = (0.01, 0.05, 0.5, 0.95, 0.99)
    quantiles = sample.select(
        pl.col(name).cast(pl.Float64).quantile(share).alias(f"{i} {share}")
        for i, name in enumerate(numbers)
        for share in shares
    ).collect()
    row = quantiles.row(0)
    five = {name: row[5 * i : 5 * i + 5] for i, name in enumerate(numbers)}
    return {name: Range(*values) for name, values in five.items() if None not in values}
