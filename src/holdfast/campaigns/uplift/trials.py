"""Trials in an order log: past campaigns with a hold-out become trials, one an offer.

Each customer of a campaign is seen as on its day, so that no later order changes a feature, and is
watched for a window of days from it. Whose window has not matured, or lies within an earlier one of
the same customer, is left out, and everybody who is left out is counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from holdfast.arrays import Integers, Matrix, Vector
from holdfast.campaigns.outcomes import sum_margins, sum_windows
from holdfast.campaigns.treatments import refuse_arms_apart, refuse_torn_clusters
from holdfast.errors import NotEnoughData
from holdfast.evaluation.trial import FEWEST_IN_AN_ARM, Trial
from holdfast.features import feature_tables
from holdfast.findings import Finding
from holdfast.io.warehouse import Warehouse
from holdfast.learners.design import Design
from holdfast.study import Study
from holdfast.windows import date_of

Outcome = Literal["purchase", "revenue", "margin"]
_KEYS = ("customer_id", "cutoff_day")
_MOST_CUTOFFS = 50
"""Beyond it, features are a few days older than the contact."""

IN_BOTH_ARMS = "in both arms of one campaign"
TWICE = "named twice in one campaign"
OVERLAPPING = "still in the window of an earlier campaign"
NOT_MATURED = "window not over yet"
NEVER_BOUGHT = "not in the order log at all"
NOT_YET = "no purchase before the campaign"
CERTAIN = "propensity of 0 or 1"
NO_ARM = "campaign without a control, or with nothing else"
TOO_FEW = "hardly anybody in an arm"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is watched of a customer after a contact.

    Parameters
    ----------
    days
        Length of the window of purchases, from the day of the contact.
    return_days
        Days more in which goods of the window may come back: a window is over after them.
    outcome
        "purchase": 1 for whoever bought. "revenue": net of what came back. "margin": revenue times
        the study's margin rate.
    """

    days: int = 30
    return_days: int = 0
    outcome: Outcome = "revenue"


@dataclass(frozen=True)
class LogTrials:
    """The trials of a log.

    Attributes
    ----------
    trials
        Offer -> trial; the cluster is the customer, with all who were drawn together.
    design
        How a frame of features becomes a trial's matrix.
    left_out
        Reason -> rows of past campaigns.
    """

    trials: Mapping[str, Trial]
    design: Design
    left_out: Mapping[str, int]
    estimated: int = 0

    @property
    def rows(self) -> int:
        """Customers and campaigns, of all offers."""
        return sum(trial.n for trial in self.trials.values())

    def matrix(self, features: pl.DataFrame) -> Matrix:
        """Features of other customers, as of today, laid out as in the trials."""
        return self.design.matrix(features)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the reader must know."""
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        reasons = (f"{n:,} {reason}" for reason, n in self.left_out.items())
        yield from Finding.listing("treatments-left-out", reasons)
        if self.estimated:
            yield Finding.of("propensity-estimated", rows=self.estimated)


def read_trials(
    study: Study, warehouse: Warehouse, treatments: pl.DataFrame, watch: Watch, *, end_day: int
) -> LogTrials:
    """Read every past campaign that held somebody out.

    Parameters
    ----------
    warehouse
        Holds the study's order log, as `read_order_log` leaves it.
    treatments
        As `read_treatments` gives them, or some of them, under other names of the offers.
    end_day
        First day that is not seen.

    Raises
    ------
    NotEnoughData
        There is no control, or no window is over.
    DataError
        The arms of a campaign are dated apart, nobody could have got either arm, or a cluster is in
        two.
    """
    refuse_torn_clusters(treatments)
    estimated = treatments["propensity"].null_count()
    rows = _share_control(treatments)
    refuse_arms_apart(rows)
    rows = rows.with_columns(
        pl.col("propensity").fill_null(pl.col("treated").mean().over("campaign", "offer"))
    )
    marked = _mark_small(_mark_unknown(_mark(rows, watch, end_day=end_day), warehouse))
    left_out = _count(marked)
    kept = marked.filter(pl.col("reason").is_null()).drop("reason")
    if kept.is_empty():
        raise _explain_nothing(marked, left_out, watch)
    kept = _with_cutoff(kept).sort("customer_id", "day")
    kept = kept.with_columns(cluster=pl.Series(_number_clusters(kept)))
    features = _features(study, warehouse, kept)
    design = Design.learn(features, columns=_feature_names(features))
    outcome = _outcomes(study, warehouse, kept, watch)
    trials = {
        name: _trial(kept, features, design, outcome, offer=name)
        for name in kept["offer"].unique().sort()
    }
    return LogTrials(trials, design, left_out, estimated)


def _share_control(rows: pl.DataFrame) -> pl.DataFrame:
    """Hold every offer of a campaign against all whom the campaign held out.

    Of several offers the chance is taken among one of them and the control, from their sizes.
    """
    offers = rows.filter("treated").select("campaign", "offer").unique()
    several = pl.col("offer").n_unique().over("campaign") > 1
    held_out = rows.filter(~pl.col("treated")).join(
        offers, on="campaign", how="left", suffix="_of_campaign"
    )
    held_out = held_out.with_columns(offer=pl.coalesce("offer_of_campaign", "offer"))
    both = pl.concat([rows.filter("treated"), held_out.select(rows.columns)])
    return both.with_columns(propensity=pl.when(several).then(None).otherwise("propensity")).sort(
        "customer_id", "day", "campaign", "treated", "offer"
    )


def _mark(rows: pl.DataFrame, watch: Watch, *, end_day: int) -> pl.DataFrame:
    """Give each row the first reason for leaving it out; null where there is none."""
    of_campaign = pl.col("treated").n_unique().over("campaign", "offer")
    arm = pl.when("treated").then("offer")
    of_customer = arm.n_unique().over("campaign", "customer_id")
    first = pl.int_range(pl.len()).over("campaign", "offer", "customer_id") == 0
    chance = pl.col("propensity")
    marked = rows.with_columns(
        reason=pl.when(of_customer > 1)
        .then(pl.lit(IN_BOTH_ARMS))
        .when(~first)
        .then(pl.lit(TWICE))
        .when(of_campaign < 2)
        .then(pl.lit(NO_ARM))
        .when((chance <= 0) | (chance >= 1))
        .then(pl.lit(CERTAIN))
        .when(pl.col("day") + watch.days + watch.return_days > end_day)
        .then(pl.lit(NOT_MATURED))
        .otherwise(None)
    )
    overlapping = _overlapping(marked, watch.days)
    return marked.with_columns(
        reason=pl.when(pl.col("reason").is_null() & overlapping)
        .then(pl.lit(OVERLAPPING))
        .otherwise("reason")
    )


def _overlapping(rows: pl.DataFrame, days: int) -> pl.Series:
    """Whether a row starts in the window of another campaign of the customer.

    Every earlier contact counts, also one that is left out: it may still move the customer. Of two
    on one day neither can be told from the other.
    """
    by_day = rows.group_by("customer_id", "day").agg(pl.col("campaign").n_unique())
    earlier = pl.col("day").shift().over("customer_id", order_by="day")
    marked = by_day.sort("customer_id", "day").select(
        "customer_id",
        "day",
        overlapping=(pl.col("day") - earlier < days).fill_null(False) | (pl.col("campaign") > 1),
    )
    joined = rows.join(marked, on=["customer_id", "day"], how="left", maintain_order="left")
    return joined["overlapping"]


def _mark_unknown(rows: pl.DataFrame, warehouse: Warehouse) -> pl.DataFrame:
    """Mark who had not bought before the campaign, or never did."""
    bought = warehouse.query(
        "SELECT customer_id, min(day) AS first_day FROM activity WHERE n_orders > 0 GROUP BY 1"
    )
    first = pl.col("first_day")
    unknown = (
        pl.when(first.is_null())
        .then(pl.lit(NEVER_BOUGHT))
        .when(first >= pl.col("day"))
        .then(pl.lit(NOT_YET))
        .otherwise(None)
    )
    joined = rows.join(bought, on="customer_id", how="left", maintain_order="left")
    return joined.with_columns(reason=pl.coalesce("reason", unknown)).drop("first_day")


def _mark_small(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark the rest of an offer of which an arm has fewer than two rows."""
    is_left = pl.col("reason").is_null()
    sizes = [(is_left & (pl.col("treated") == arm)).sum().over("offer") for arm in (True, False)]
    few = pl.when(is_left & (pl.min_horizontal(sizes) < FEWEST_IN_AN_ARM)).then(pl.lit(TOO_FEW))
    return rows.with_columns(reason=pl.coalesce("reason", few))


def _count(rows: pl.DataFrame) -> dict[str, int]:
    left_out = rows.filter(pl.col("reason").is_not_null())
    counts = left_out.group_by("reason").agg(pl.col("row").n_unique())
    return dict(counts.sort("row", "reason", descending=[True, False]).iter_rows())


def _explain_nothing(
    rows: pl.DataFrame, left_out: Mapping[str, int], watch: Watch
) -> NotEnoughData:
    """Say why no row is left, by the reason of most."""
    waiting = rows.filter(reason=NOT_MATURED)["day"].to_list()
    over = min(waiting, default=0) + watch.days + watch.return_days - 1
    reason = max(left_out, key=lambda each: left_out[each])
    fixes = {
        NO_ARM: "hold some customers of each campaign out, drawn at random",
        NOT_MATURED: f"wait until {date_of(over)}, when the first window is over, or watch fewer "
        "days",
        TOO_FEW: "wait for more customers",
        CERTAIN: "give the chance of the draw, not the arm",
        NEVER_BOUGHT: "name customers in [treatments] as in [transactions]",
    }
    counts = "; ".join(f"{n:,} {each}" for each, n in left_out.items())
    return NotEnoughData(
        f"no contact of a past campaign can be used: {counts}",
        fix=fixes.get(reason, "correct the table of treatments"),
    )


def _with_cutoff(rows: pl.DataFrame) -> pl.DataFrame:
    """The day as of which a row's features are known: its own, or a few days before."""
    step = ceil(rows["day"].n_unique() / _MOST_CUTOFFS)
    age = (pl.col("day") - pl.col("day").min()) % step
    return rows.with_columns(cutoff_day=(pl.col("day") - age).cast(pl.Int32))


def features_on_contact(study: Study, warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Features of each row's customer as of its day, or a few days before, in the rows' order."""
    return _features(study, warehouse, _with_cutoff(rows))


def _features(study: Study, warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Features of each row, in the rows' order; whoever bought at any time is eligible."""
    everyone = study.model_copy(
        update={"churn": study.churn.model_copy(update={"eligible": "ever bought"})}
    )
    cutoffs = rows["cutoff_day"].unique().sort().to_list()
    wanted = rows.select(_KEYS)
    parts = [
        wanted.unique().join(part, on=_KEYS)
        for part in feature_tables.features_in_ranges(everyone, warehouse, cutoffs)
    ]
    return wanted.join(pl.concat(parts), on=_KEYS, how="left", maintain_order="left")


def _feature_names(features: pl.DataFrame) -> list[str]:
    return [name for name in features.columns if name not in _KEYS]


def _outcomes(study: Study, warehouse: Warehouse, rows: pl.DataFrame, watch: Watch) -> Vector:
    """What each row did in its window, (n_rows,)."""
    window = {"days": watch.days, "return_days": watch.return_days}
    if watch.outcome == "margin":
        minor = sum_margins(warehouse, rows, **window)
    else:
        did = sum_windows(warehouse, rows, **window)
        if watch.outcome == "purchase":
            return did["bought"].gt(0).cast(pl.Float64).to_numpy()
        minor = did["net_minor"]
    return np.asarray(minor.to_numpy() / 10**study.minor_digits)


def _trial(
    rows: pl.DataFrame, features: pl.DataFrame, design: Design, outcome: Vector, *, offer: str
) -> Trial:
    """The rows of one offer and of the control in its campaigns."""
    of_offer = rows["offer"] == offer
    mask = of_offer.to_numpy()
    part = rows.filter(of_offer)
    chance = part["propensity"].to_numpy()
    return Trial(
        customer_ids=part["customer_id"],
        features=design.matrix(features.filter(of_offer)),
        names=design.names,
        offer=part["treated"].cast(pl.Int64).to_numpy(),
        offers=(offer,),
        outcome=outcome[mask],
        propensities=np.column_stack([1 - chance, chance]),
        cluster=part["cluster"].to_numpy(),
    )


def _number_clusters(rows: pl.DataFrame) -> Integers:
    """What happened to one customer, in whatever campaign, or was drawn together, (n_rows,)."""
    customer, cluster = (
        rows[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        for name in ("customer_id", "cluster")
    )
    n, is_named = customer.max() + 1, cluster > 0
    links = (np.ones(is_named.sum()), (customer[is_named], n + cluster[is_named]))
    size = n + cluster.max() + 1
    _, part = connected_components(coo_array(links, shape=(size, size)), directed=False)
    return np.asarray(part[customer], dtype=np.int64)
