"""A run in buckets: learnt from a sample of whole buckets in one warehouse, and scored bucket by
bucket, for everybody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow.dataset import dataset

from holdfast.campaigns.score_totals import ScoreTotals, add_segments
from holdfast.engine.bucket_log import BucketLog, read_in_buckets
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import Engine, LocalEngine
from holdfast.engine.scoring import (
    FIRST,
    Finishing,
    Scoring,
    add_sums,
    add_totals,
    finish_bucket,
    learn_rule,
    read_counts,
)
from holdfast.explain import Explanation, Wording, top_reasons
from holdfast.findings import Finding, join_names
from holdfast.ingest.contract import refuse
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Steps
from holdfast.report.exports.customer_rows import first_customers, write_customer_segments
from holdfast.runs.activity_tables import sum_up_record
from holdfast.runs.fitting import Fit, fit_log
from holdfast.runs.monitoring import Made, Watched, watch
from holdfast.runs.run import Make, Workplace, make_in_one_warehouse
from holdfast.runs.run_summary import collect_findings, summarise_run
from holdfast.runs.train_and_score import Outcome, plan_recovery, run_parts, worst_days
from holdfast.serving.score import Scored, add_predictions, assign, explain_scores
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import HORIZONS, REASONS, SCORES
from holdfast.training.horizon_tables import forecast_company

_ROWS_AT_ONCE = 100_000
_EMPTY = {"scores": SCORES.empty(), "horizons": HORIZONS.empty(), "reasons": REASONS.empty()}


def choose_make(study: Study) -> Make:
    """How a run of this study is made, by its `engine.kind`."""
    if study.engine.kind == "memory":
        return make_in_one_warehouse

    def make(study: Study, place: Workplace, steps: Steps, published: Sequence[Run]) -> Outcome:
        return make_in_buckets(open_engine(study, place.scratch), study, place, steps, published)

    return make


def open_engine(study: Study, scratch: Path) -> Engine:
    """Who works on the buckets of a study: this machine, or Spark.

    Parameters
    ----------
    scratch
        An existing folder, for what this machine sends from split to bucket.
    """
    if study.engine.kind != "spark":
        return LocalEngine(scratch)
    from holdfast.engine.spark import SparkEngine, open_session

    return SparkEngine(open_session(study.engine.spark))


def make_in_buckets(
    engine: Engine, study: Study, place: Workplace, steps: Steps, published: Sequence[Run]
) -> Outcome:
    """Make a run in buckets.

    Raises
    ------
    StudyError
        The study asks for what can only be done in one warehouse.
    NotEnoughData
        Nobody is eligible, or nothing can be learnt.
    """
    work, tables = BucketFolder(place.scratch), BucketFolder(place.folder / "tables")
    tables.path.mkdir(parents=True)
    with steps("Read the sources") as step:
        log = read_in_buckets(study, engine, work, place.warehouse)
        refuse(log.sample.failures)
        step.detail = f"{log.sample.size}, in {len(log.buckets)} buckets"
    fit = fit_log(study, log.sample, place.warehouse, steps, published)
    models = tuple(sorted(fit.models.parts().items()))
    scoring = Scoring(study, log.reading.folder, work, tables, models, log.sample.end_day)
    with steps("Score and segment") as step:
        rule, n_customers = learn_rule(engine, scoring, log.buckets)
        step.detail = f"{n_customers:,} customers"
    with steps("Explain") as step:
        base = add_predictions(fit.models.tasks, fit.frame)
        sampled = Scored(scores=assign(rule, base), rule=rule)
        explanation, wording = explain_scores(study, fit.models.tasks, fit.frame, sampled)
        step.detail = f"{fit.frame.height:,} customers of the sample"
    with steps("Scores and horizons of every bucket") as step:
        finishing = Finishing(scoring, rule, wording, n_customers)
        facts = engine.map(partial(finish_bucket, finishing), log.buckets)
        _write_sorted(tables, place, knows_value=fit.models.value is not None)
        step.detail = f"{n_customers:,} customers"
    made = _Scored(study, log, fit, scoring, sampled, explanation, wording)
    with steps("Drift, and what came of earlier predictions") as step:
        watched = made.watch(place.warehouse, published)
        step.detail = f"{watched.tables['realised']['run_id'].n_unique()} earlier runs"
    return made.outcome(add_totals(facts), watched, published)


@dataclass(frozen=True)
class _Scored:
    """A study that was learnt from a sample and scored for everybody."""

    study: Study
    log: BucketLog
    fit: Fit
    scoring: Scoring
    sampled: Scored
    explanation: Explanation
    wording: Wording

    def watch(self, warehouse: Warehouse, published: Sequence[Run]) -> Watched:
        """What monitoring says of the sample."""
        horizons = self._of_sample("horizons")
        made = Made(self.fit.models.tasks, self.fit.frame, self.sampled, horizons)
        return watch(self.study, self.log.sample, warehouse, made, published)

    def outcome(self, totals: ScoreTotals, watched: Watched, published: Sequence[Run]) -> Outcome:
        """Everything that the run found; its tables by customer lie in parts."""
        study, fit, log = self.study, self.fit, self.log.sample
        record = sum_up_record(
            study, read_counts(self.scoring), first_day=log.first_day, end_day=log.end_day
        )
        company = forecast_company(
            study, fit.models, add_sums(self.scoring), fit.proof.horizon_evidence, record["days"]
        )
        parts = self.scoring.work.whole("segments")
        assert parts is not None
        segments = add_segments(parts)
        tables = {
            "contributions": self.explanation.contributions,
            "importance": self.explanation.importance,
            "evidence": fit.proof.evidence,
            "predictions": fit.proof.predictions,
            "horizon_evidence": fit.proof.horizon_evidence,
            "quarantine": log.quarantine,
            **record,
            "forecast": company.weeks,
            **watched.tables,
            **plan_recovery(study, segments),
        }
        rule = self.sampled.rule
        of_scores = [
            *rule.findings(), *self.explanation.findings, *watched.findings, *self._notes(published)
        ]  # fmt: skip
        reasons = top_reasons(self.explanation, wording=self.wording)
        summary = {
            **summarise_run(study, log, fit, totals, tables, reasons),
            "findings": collect_findings(study, log, fit, of_scores),
            **fit.summary,
            "forecast": {**company.summary, "customers": totals.customers},
            "challenger": fit.challenge.as_dict(study),
        }
        first, reasons_of_first = self._first(), self.scoring.work.whole("first_reasons")
        of_sample = self._of_sample("reasons")
        return Outcome(
            tables=tables,
            parts=run_parts(fit.models, rule, self.wording),
            summary=summary,
            data_fingerprint=log.fingerprint,
            worst_days=worst_days(study, fit, first),
            shown={
                "scores": pl.concat([self._of_sample("scores"), first]).unique("customer_id"),
                "reasons": of_sample
                if reasons_of_first is None
                else pl.concat([of_sample, reasons_of_first]).unique(),
            },
        )

    def _of_sample(self, table: str) -> pl.DataFrame:
        parts = [self.scoring.tables.read(table, bucket) for bucket in self.log.sampled]
        return pl.concat([part for part in parts if part.width] or [_EMPTY[table]])

    def _first(self) -> pl.DataFrame:
        """Of all customers those with most at stake."""
        parts = self.scoring.work.whole("first")
        assert parts is not None
        return first_customers(parts, FIRST)

    def _notes(self, published: Sequence[Run]) -> Iterator[Finding]:
        """Say that models were learnt from a sample, and what is not done in buckets."""
        n_sampled, n_customers, study = self.log.n_sampled, self.log.n_customers, self.study
        if n_sampled < n_customers:
            share = n_sampled / n_customers
            yield Finding.of(
                "learnt-from-a-sample", n_sampled=n_sampled, n_customers=n_customers, share=share
            )
        others = {
            "[offers] and the plan": bool(study.offers),
            "what past campaigns did": self.log.sample.warehouse.has("treatments"),
            "[acquisition]": study.acquisition is not None,
            "why scores changed since the run before": bool(published),
        }
        if left_out := [name for name, is_asked in others.items() if is_asked]:
            yield Finding.of("not-done-in-buckets", left_out=join_names(left_out))


def _write_sorted(tables: BucketFolder, place: Workplace, *, knows_value: bool) -> None:
    """Write the scores of all buckets once more, sorted by customer: for memory mapping, and as
    CSV.
    """
    connection = place.warehouse.con
    connection.register("scored", dataset([str(path) for path in tables.paths("scores")]))
    batches = connection.sql("FROM scored ORDER BY customer_id").to_arrow_reader(_ROWS_AT_ONCE)
    with (
        (place.folder / "scores.arrow").open("wb") as mapped,
        (place.folder / "customer_segments.csv").open("wb") as listed,
    ):
        schema = SCORES.empty().to_arrow().schema
        with pa.ipc.new_file(mapped, schema) as writer:
            for batch in batches:
                scores = SCORES.check(pl.DataFrame(batch).cast(SCORES.schema))
                writer.write_table(scores.to_arrow().cast(schema))
                write_customer_segments(
                    scores, listed, knows_value=knows_value, header=listed.tell() == 0
                )
