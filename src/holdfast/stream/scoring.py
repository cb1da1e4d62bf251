"""Scoring: a published run's models over the activity of many customers, on any day.

The features are the batch's own declarations on a Polars frame, and so are the models, the segment
rule, the economics and the wording of reasons: at the run's cutoff the scores are those that the
run has. At a later cutoff what a customer did and how long they have been silent is of that day,
and everything learnt is of the run's: levels and seasons of its models, tiers and ranks of its
segments, and each customer's margin. Whoever the run had not seen has the margin of all.
"""

from dataclasses import dataclass, field

import polars as pl

from holdfast.campaigns.economics import value_at_stake
from holdfast.errors import DamagedRun, DataError, StudyError
from holdfast.explain import Wording, reasons
from holdfast.models.fitted_models import FittedModels
from holdfast.segments import SegmentRule
from holdfast.serving.feature_plan import FeaturePlan
from holdfast.serving.load import load_fitted, load_models, load_rule, load_study, load_wording
from holdfast.serving.score import add_predictions
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import SCORES

SHOWN_REASONS = 3
_PREDICTED = (
    "customer_id", "cutoff_day", "churn_probability", "expected_revenue", "risk_score",
    "risk_rank", "value_tier", "segment",
)  # fmt: skip
NOT_SCORED = (
    "median_revenue", "revenue_low_80", "revenue_high_80", "expected_purchases",
    "next_purchase_day", "evidence_level",
)  # fmt: skip
"""Columns of SCORES that are null: they cost as much as all others together, and no alert needs
them.
"""


@dataclass(frozen=True)
class LiveScores:
    """Customers as of one cutoff, both tables in the order of their names.

    Attributes
    ----------
    scores
        SCORES.
    features
        FEATURES, which the scores were made from.
    """

    scores: pl.DataFrame
    features: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class LiveModels:
    """What a published run scores with; reads nothing once it is loaded.

    Attributes
    ----------
    kinds
        Column of the run's features -> type.
    margin_rates
        customer_id and margin_rate of the run's customers.
    margin_rate
        Of everybody else.
    """

    run_id: str
    study: Study
    models: FittedModels
    rule: SegmentRule
    wording: Wording
    plan: FeaturePlan = field(repr=False)
    kinds: pl.Schema
    margin_rates: pl.DataFrame
    margin_rate: float

    @classmethod
    def load(cls, run: Run) -> "LiveModels":
        """Load what a run scores with.

        Raises
        ------
        StudyError
            It was made from a snapshot.
        DamagedRun
            A file differs from the manifest, or the models cannot be loaded.
        """
        study = load_study(run)
        if study.snapshot is not None:
            raise StudyError(
                f"run {run.run_id} was made from a [snapshot], which has no events to follow",
                fix="give the order log as [transactions], and run again",
            )
        models = load_fitted(run, load_models(run))
        if models is None:
            raise DamagedRun(
                f"run {run.run_id} is older than horizons, so that nothing says what is at stake",
                fix="run again",
            )
        rates = run.table("scores").select("customer_id", "margin_rate")
        return cls(
            run_id=run.run_id,
            study=study,
            models=models,
            rule=load_rule(run),
            wording=load_wording(run),
            plan=FeaturePlan(study),
            kinds=pl.scan_parquet(run.file("tables/features.parquet")).collect_schema(),
            margin_rates=rates.drop_nulls(),
            margin_rate=run.summary["value"].get("margin_rate", study.value.margin_rate),
        )

    def score(
        self, activity: pl.DataFrame, attributes: pl.DataFrame | None, *, cutoff_day: int
    ) -> LiveScores:
        """Score the customers who are eligible at a cutoff.

        Parameters
        ----------
        activity
            ACTIVITY, all days of each customer.
        attributes
            CUSTOMERS, as far as they are known; None: nothing is known of anybody.
        cutoff_day
            First day that is not seen.

        Raises
        ------
        DataError
            An attribute of the study is missing, or is of another kind than in the run.
        """
        features = self._features(activity, attributes, cutoff_day)
        if features.is_empty():
            return LiveScores(SCORES.empty(), features)
        predicted = self.rule.assign(add_predictions(self.models.tasks, features))
        scores = self._at_stake(predicted.select(_PREDICTED), features)
        return LiveScores(scores, features)

    def contributions(self, features: pl.DataFrame) -> pl.DataFrame:
        """What each feature adds to the raw score of churn: customer_id, then a column for each
        that the model reads.
        """
        added = self.models.churn.contributions(features)
        columns = pl.DataFrame(added.values, schema=list(added.columns), orient="row")
        return features.select("customer_id").hstack(columns)

    def reasons(self, features: pl.DataFrame, *, top: int = SHOWN_REASONS) -> pl.DataFrame:
        """What raises each customer's risk most, in the run's own words: REASONS."""
        added = self.models.churn.contributions(features)
        all_facts = len(added.columns)
        all_reasons = reasons("churn", added, features, wording=self.wording, top=all_facts)
        raising = all_reasons.filter(pl.col("contribution") > 0).sort("customer_id", "rank")
        rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("customer_id")
        return raising.with_columns(rank=rank).filter(pl.col("rank") <= top)

    def _at_stake(self, predicted: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
        """SCORES of what was predicted of customers, with what is at stake."""
        horizons, counts = self.models.horizons, self.models.counts
        assert horizons is not None
        assert counts is not None
        days = self.study.value.horizon_days
        probability = predicted["churn_probability"].to_numpy()
        silent = horizons.silent(self.models.churn, features, probability)[days]
        rated = predicted.join(
            self.margin_rates, on="customer_id", how="left", maintain_order="left"
        ).with_columns(
            pl.col("margin_rate").fill_null(self.margin_rate),
            p_alive=pl.Series(counts.p_alive(features), dtype=pl.Float64),
            **{name: pl.lit(None, SCORES.schema[name]) for name in NOT_SCORED},
        )
        lost = predicted.select(
            "customer_id",
            horizon_days=pl.lit(days, pl.Int32),
            churn_probability=pl.Series(silent),
        )
        contractual = self.study.churn.kind == "contractual"
        return value_at_stake(rated, lost, horizon_days=days, contractual=contractual)

    def _features(
        self, activity: pl.DataFrame, attributes: pl.DataFrame | None, cutoff_day: int
    ) -> pl.DataFrame:
        features = self.plan.features(activity, cutoff_day=cutoff_day)
        attribute_values = self._read_attributes(attributes, cutoff_day)
        return (
            features.join(attribute_values, on="customer_id", how="left")
            .select(self.kinds.names())
            .sort("customer_id")
        )

    def _read_attributes(self, attributes: pl.DataFrame | None, cutoff_day: int) -> pl.DataFrame:
        """The latest attributes known before the cutoff, one row per customer."""
        names = list(self.study.customers.attributes) if self.study.customers else []
        kinds = {name: self.kinds[name] for name in names}
        if attributes is None:
            return pl.DataFrame(schema={"customer_id": pl.String, **kinds})
        for name, kind in kinds.items():
            if attributes.schema.get(name) not in (kind, pl.Null):
                raise DataError(
                    f"the attribute '{name}' is {attributes.schema.get(name, 'missing')}, and in "
                    f"run {self.run_id} {kind}",
                    fix="give it as in the study's [customers], or run again",
                )
        return (
            attributes.filter(pl.col("known_from_day") < cutoff_day)
            .sort("known_from_day")
            .group_by("customer_id")
            .agg(pl.col(name).last().cast(kind) for name, kind in kinds.items())
        )
