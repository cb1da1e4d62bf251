"""How predictions are proved, grouped and acted upon."""

import re
from itertools import pairwise
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import ByteSize, Field

from holdfast.errors import StudyError
from holdfast.study.sections import (
    Amount,
    DayText,
    Section,
    Share,
)
from holdfast.windows import parse_day

SEGMENT_NAMES = (
    "Champion", "At-Risk VIP", "Promising", "Vulnerable", "Hibernating", "Losing Customer",
)  # fmt: skip
AT_RISK_SEGMENTS = ("At-Risk VIP", "Vulnerable", "Losing Customer")


class Segments(Section):
    """Value tier x risk.

    `risk` weighs signals (columns of the features, or churn_probability), each scaled to 0..1 over
    the customer base.
    """

    value_tiers: tuple[Share, Share] = (0.33, 0.67)
    """Percentiles of expected revenue between low, mid and high."""
    high_risk_rank: Share = 0.75
    """Percentile rank of the risk score within the tier from which a customer's risk is high."""
    risk: dict[str, Annotated[float, Field(ge=0)]] = {
        "churn_probability": 0.4,
        "days_since_last_purchase": 0.3,
        "cart_abandon_rate": 0.3,
    }
    """Signal -> weight."""


class Recovery(Section):
    """What keeping one segment would cost and bring: an assumption until an experiment says
    otherwise.
    """

    cost: Amount
    """Per customer contacted, in the currency."""
    rate: Share
    """Share of those who would be lost that a contact keeps."""
    of: Literal["lost", "everyone"] = "lost"
    """Whom the rate is a share of; `everyone` counts all as lost, as the original system does."""
    acceptance: Share = 0.0
    """Share of those contacted who take the offer up."""
    cost_if_accepted: Amount = 0.0
    """More for each who takes it up, in the currency: a voucher's value, say."""

    @property
    def cost_per_contact(self) -> float:
        """All that a contact is expected to cost, in the currency."""
        return self.cost + self.acceptance * self.cost_if_accepted


class Promotion(Section):
    """Days of one sale, both ends included; past and planned ones of the same name are held to be
    alike.
    """

    name: str = Field(min_length=1, max_length=80)
    """What it is called, the same each time."""
    first_day: DayText
    """YYYY-MM-DD."""
    last_day: DayText
    """YYYY-MM-DD."""

    @property
    def first(self) -> int:
        """First day, as a number."""
        return parse_day(self.first_day)

    @property
    def end(self) -> int:
        """First day after it, as a number."""
        return parse_day(self.last_day) + 1

    def _check(self) -> None:
        if self.end <= self.first:
            raise StudyError(
                f"'{self.name}' ends on {self.last_day}, before {self.first_day}",
                fix="swap its days",
            )


class Calendar(Section):
    """The shop's own calendar: its promotions, past and planned, which may not overlap.

    `promotions = [{ name = "Black Friday", first_day = 2024-11-25, last_day = 2024-12-02 }]`
    """

    promotions: list[Promotion] = []

    def _check(self) -> None:
        for one, other in pairwise(sorted(self.promotions, key=lambda promotion: promotion.first)):
            if other.first < one.end:
                raise StudyError(
                    f"'{one.name}' from {one.first_day} and '{other.name}' from {other.first_day} "
                    "overlap",
                    fix="give the days that they share to one of them, or to a third name",
                )


class Campaigns(Section):
    """What holds for every campaign."""

    global_holdout: float = Field(0.0, ge=0, le=0.5)
    """Share of all customers whom no campaign contacts, the same ones in every campaign and run, so
    that the effect of all campaigns together can be measured. A larger share keeps those of the
    smaller.
    """
    read_exports: bool = True
    """Whether the exports that the project recorded count as campaigns, beside those of
    [treatments]. Where both have a campaign of one name, [treatments] wins; false: only it counts.
    """


class Webhook(Section):
    """Where the dashboard may push an audience: this address and no other."""

    url: str
    """https, or http on this machine. `${VAR}` is filled in from the environment."""
    token: str = ""
    """Sent as `Authorization: Bearer ...`; write "${VAR}" and keep the secret in the environment.
    """
    allow: list[str] = []
    """Names or addresses of receivers inside your own network; any other private address is
    refused.
    """

    def _check(self) -> None:
        if "${" not in self.url:
            read_push_url(self.url)
        if self.token and not re.fullmatch(r"\$\{\w+\}", self.token):
            raise StudyError("webhook.token is written out", fix='write "${NAME}" and export NAME')


class Schedule(Section):
    """What `holdfast schedule` keeps after each run, and `holdfast runs prune` by itself: one of
    the two, or everything. The published run always stays.
    """

    keep: int | None = Field(None, ge=1)
    """The last so many runs."""
    older_than_days: int | None = Field(None, ge=1)
    """Runs made more than so many days ago are removed."""

    @property
    def prunes(self) -> bool:
        """Whether anything is removed."""
        return self.keep is not None or self.older_than_days is not None

    def _check(self) -> None:
        if self.keep is not None and self.older_than_days is not None:
            raise StudyError(
                "[schedule] has two rules for what to keep",
                fix="write keep or older_than_days, not both",
            )


def read_push_url(url: str, *, key: str = "webhook.url") -> SplitResult:
    """Read the address that something is posted to, its variables filled in.

    Raises
    ------
    StudyError
        It is not https (or http on this machine), names a user, or is no address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    on_this_machine = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    plain = "@" not in parts.netloc and not re.search(r"[\s\x00-\x1f\x7f\\]", url)
    if not (host and plain and (parts.scheme == "https" or on_this_machine)):
        raise StudyError(
            f"{key} is not an https address",
            fix="write it as https://host/path, without a user's name",
        )
    return parts


class Features(Section):
    """Which features there are besides those of every study."""

    last_purchases: bool = False
    """The last four gaps, values and numbers of order lines, one by one: for businesses in which
    the order of purchases says who leaves."""


class Backtest(Section):
    """Which cutoffs are learnt from and which are proved on."""

    cutoffs: list[DayText] = []
    """Test cutoffs; empty: the last `count`, a horizon apart, as far as the history allows."""
    count: int = Field(3, ge=1, le=52)
    """Number of test cutoffs."""
    step_days: int = Field(30, ge=1, le=365)
    """Days between training cutoffs."""
    min_history_days: int = Field(90, ge=1, le=3650)
    """Days of log before the first training cutoff."""
    max_training_cutoffs: int = Field(12, ge=1, le=60)
    """The latest so many are learnt from."""


class Needs(Section):
    """What a log, or a snapshot, should come to before its answers mean something; below it a
    finding says so.
    """

    customers: int = Field(500, ge=1)
    """Customers with an order."""
    span_days: int = Field(180, ge=1)
    """Length of the log, days."""
    span_horizons: int = Field(2, ge=1)
    """The same in horizons: one to learn from and one to prove on."""
    last_order_days: int = Field(30, ge=1)
    """The last order is at most so many days before the log's end, or before `check.as_of`."""
    rhythm_customers: int = Field(30, ge=1)
    """Customers with three purchases, on days of their own."""
    outcomes: int = Field(100, ge=1)
    """Customers who churned, and as many who were kept, at the latest cutoff whose label is mature.
    """


class Check(Section):
    """What may come in."""

    contract: str | None = None
    """A data contract (ODCS as YAML) to hold the inputs to: `holdfast check --contract`
    writes one.
    """
    violations_at_most: Share | None = None
    """Share of an input's rows that may break the contract or not be understood; above it `check`
    and `run` fail.
    """
    as_of: str | None = None
    """The day the data should reach up to, YYYY-MM-DD or "today"; without it, the log's own last
    day.
    """
    needs: Needs = Needs()

    def _check(self) -> None:
        if self.as_of not in (None, "today"):
            parse_day(str(self.as_of), name="check.as_of")


class Spark(Section):
    """How Spark is reached, and what it is told."""

    remote: str | None = None
    """A Spark Connect server, "sc://host:15002"; may hold ${VARIABLES}. None: the session that runs
    already (spark-submit, a notebook), or else one on this machine, "local[*]".
    """
    conf: dict[str, str] = {}
    """Settings of Spark, such as "spark.executor.memory" = "8g"."""


class Engine(Section):
    """What a run may use of the machine, and what works on it."""

    kind: Literal["memory", "buckets", "spark"] = "memory"
    """`memory`: everything in one warehouse. `buckets`: customers are worked on in buckets, one
    after the other, so that memory does not grow with them. `spark`: the same buckets on Spark.
    """
    sample_customers: int = Field(200_000, ge=1_000)
    """With buckets: the models are learnt from at most about so many customers, drawn by a hash of
    their names; the run's report says so. All are scored.
    """
    bucket_rows: int = Field(2_000_000, ge=1_000)
    """With buckets: rows of all sources for each bucket; results do not depend on it."""
    keep_rows: bool = False
    """With buckets: rows are kept in runs/.buckets once they were judged, so that the next run
    reads only files that are new. It holds what the log holds; `holdfast erase` empties it.
    """
    spark: Spark = Spark()

    memory: Annotated[ByteSize, Field(ge=500_000_000)] | None = None
    """Memory that a run aims to keep to, "2 GB" say: beyond it the database works on disk. Without
    it, four fifths of what the container, or the machine, has available.
    """


class Privacy(Section):
    """What a run may keep of a person."""

    pseudonymise: bool = False
    """Whether customers are known by keyed hashes of their ids (`p_` and 32 hex digits), from the
    door on.
    """
    key_env: str = ""
    """Environment variable that holds the key of the hashes; without it the key is made on first
    use in `privacy.key`, beside holdfast.toml.
    """
    drop: list[str] = []
    """Columns of the sources that are never kept: nothing reads them, not even the quarantine."""


class Explain(Section):
    """Up to `every_customer_up_to`, each customer is explained; above it, those of high risk."""

    every_customer_up_to: int = Field(100_000, ge=0)
    """Customers in the run up to which everyone is explained."""
    reasons: int = Field(5, ge=1, le=20)
    """Reasons kept per customer and task."""


DEFAULT_ACTIONS: dict[str, list[str]] = {
    "Champion": [
        "Invite to the loyalty programme",
        "Early access to new products",
        "Ask for a referral",
    ],
    "At-Risk VIP": [
        "Call or write personally this week",
        "Offer a reason to return",
        "Ask what went wrong",
    ],
    "Promising": [
        "Recommend what goes with the last order",
        "Offer free delivery above the usual basket",
    ],
    "Vulnerable": ["Send a time-limited offer", "Remind of saved items", "Ask for feedback"],
    "Hibernating": ["Keep in the newsletter", "Show new arrivals once a season"],
    "Losing Customer": ["One low-cost win-back mail", "Then stop spending"],
}
