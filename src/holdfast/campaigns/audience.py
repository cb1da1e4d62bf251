"""Audience: whom to contact, whom to hold out, what it costs and brings; and a record of every
audience given away.

The same rule over the same run names the same customers in the same arms. What was given away is
also kept as a table of treatments, so that the next runs can measure what it did.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.campaigns import economics
from holdfast.errors import HoldfastError, InputError, StudyError, first_line, system_error
from holdfast.io import webhook
from holdfast.storage import audit_log, jsonl
from holdfast.storage.safe_files import replace_file, write_parquet
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES, Recovery, Study, Webhook
from holdfast.windows import day_of

JOURNAL, FOLDER = "exports.jsonl", "exports"
ARMS = ("contact", "hold out")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who is in.

    Attributes
    ----------
    segments
        Names; at least one.
    least_churn_probability, least_revenue
        Customers below either are out.
    cost, rate
        Currency per customer contacted; share kept of those contacted who would be lost, assumed.
    budget, at_most
        Limits of those contacted: currency, count. None: no limit.
    holdout_share
        Of the customers in the audience, drawn at random and not contacted, so that the effect can
        be measured.
    only_paying
        Whether customers whose contact costs more than it is expected to bring are out.
    rest_days
        Customers who were in an audience in the last so many days are out; 0: nobody is.
    excluded
        Customers who are out.
    """

    segments: tuple[str, ...] = AT_RISK_SEGMENTS
    least_churn_probability: float = 0.0
    least_revenue: float = 0.0
    cost: float = 0.0
    rate: float = 0.0
    budget: float | None = None
    at_most: int | None = None
    holdout_share: float = 0.1
    only_paying: bool = True
    rest_days: int = 0
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.segments if name not in SEGMENT_NAMES]
        if unknown or not self.segments:
            raise InputError(
                f"no segment is called {unknown}", fix=f"choose from {', '.join(SEGMENT_NAMES)}"
            )
        for name in ("least_churn_probability", "rate", "holdout_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}", fix="give a share from 0 to 1")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the rule, 12 hex digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who is in, and what it would come to.

    Attributes
    ----------
    customers
        Most revenue at stake first: customer_id, segment, churn_probability, expected_revenue,
        at_stake (as in SCORES), arm ("contact" or "hold out").
    figures
        candidates (before the limits), contacted, held_out, saves (contacted customers expected to
        stay because of it: churn probability x rate), invested, recovered, net (currency),
        roi_percent (None where nothing is invested), uplift_source.
    """

    rule: Rule
    run_id: str
    cutoff_day: int
    customers: pl.DataFrame
    figures: Mapping[str, Any]


def build_audience(
    scores: pl.DataFrame, rule: Rule, *, run_id: str, study: Study, resting: Sequence[str] = ()
) -> Audience:
    """Choose the customers with the most revenue at stake, within the limits of the rule.

    Parameters
    ----------
    scores
        SCORES of the run.
    resting
        Customers of earlier audiences who are to be left alone.
    """
    candidates = _find_candidates(
        scores, rule, margin_rate=study.value.margin_rate, out=[*rule.excluded, *resting]
    )
    arms = (
        np.random.default_rng([study.seed, int(rule.fingerprint, 16)]).random(candidates.height)
        < rule.holdout_share
    )
    ranked = candidates.with_columns(held=pl.Series(arms)).sort(
        "at_stake", "customer_id", descending=[True, False]
    )
    within = ranked.filter((~pl.col("held")).cum_sum() <= _contact_limit(rule))
    customers = within.with_columns(
        arm=pl.when("held").then(pl.lit(ARMS[1])).otherwise(pl.lit(ARMS[0]))
    ).drop("held")
    return Audience(
        rule=rule,
        run_id=run_id,
        cutoff_day=int(scores["cutoff_day"][0]) if scores.height else 0,
        customers=customers,
        figures={"candidates": candidates.height, **_figures(customers, rule, study)},
    )


def _find_candidates(
    scores: pl.DataFrame, rule: Rule, *, margin_rate: float, out: Sequence[str]
) -> pl.DataFrame:
    worth = pl.col("at_stake") * margin_rate * rule.rate
    kept = scores.lazy().filter(
        pl.col("segment").cast(pl.String).is_in(rule.segments)
        & (pl.col("churn_probability") >= rule.least_churn_probability)
        & (pl.col("expected_revenue") >= rule.least_revenue)
        & (worth > rule.cost if rule.only_paying else pl.lit(True))
        & ~pl.col("customer_id").is_in(list(out))
    )
    names = ("customer_id", "segment", "churn_probability", "expected_revenue", "at_stake")
    return kept.select(*names).sort("customer_id").collect()


def _contact_limit(rule: Rule) -> int:
    """How many may be contacted."""
    limits = [2**62 if rule.at_most is None else rule.at_most]
    if rule.budget is not None and rule.cost > 0:
        limits.append(int(rule.budget // rule.cost))
    return min(limits)


def _figures(customers: pl.DataFrame, rule: Rule, study: Study) -> dict[str, Any]:
    contacted = customers.filter(pl.col("arm") == ARMS[0])
    terms = dict.fromkeys(AT_RISK_SEGMENTS, Recovery(cost=rule.cost, rate=rule.rate))
    # The economics know at-risk segments only; a rule may reach into the others, on the same terms.
    as_one = contacted.select(
        segment=pl.lit(AT_RISK_SEGMENTS[0]),
        customers=pl.len().cast(pl.Int64),
        value_if_kept=pl.lit(0.0),
        at_stake=pl.col("at_stake").sum(),
    )
    plan = economics.recovery(as_one, terms, margin_rate=study.value.margin_rate)
    return {
        "contacted": contacted.height,
        "held_out": customers.height - contacted.height,
        "saves": float(contacted["churn_probability"].sum()) * rule.rate,
        **economics.totals(plan),
        "uplift_source": str(plan["uplift_source"][0]),
    }


def find_resting(project: Path, *, day: int, rest_days: int) -> list[str]:
    """Customers of the audiences that were given away in the last so many days before `day`."""
    if not rest_days:
        return []
    audiences = [
        pl.read_parquet(project / FOLDER / f"{entry['export_id']}.parquet", columns=["customer_id"])
        for entry in jsonl.entries(project / JOURNAL)
        if entry["day"] > day - rest_days
    ]
    return pl.concat(audiences)["customer_id"].unique().sort().to_list() if audiences else []


def keep_first_contacts(audience: Audience, n: int) -> Audience:
    """The audience down to the n-th customer to be contacted, with those held out before that one:
    what a push that stopped came to, and still a fair comparison.
    """
    contacted = (pl.col("arm") == ARMS[0]).cum_sum()
    customers = audience.customers.filter(contacted.shift(1, fill_value=0) < n)
    done = customers.filter(pl.col("arm") == ARMS[0]).height
    counts = {"contacted": done, "held_out": customers.height - done}
    return replace(audience, customers=customers, figures={**audience.figures, **counts})


def record_export(
    audience: Audience,
    project: Path,
    *,
    at: datetime,
    how: str,
    batches: str = "",
    who: str = "",
) -> str:
    """Keep who was given away, in which arm and by which rule of which run.

    Parameters
    ----------
    at
        The moment of the export, in UTC.
    how
        csv, parquet or webhook.
    batches
        Of a push that stopped, how many were accepted: "2 of 3".
    who
        For the audit log; without it, the user of the operating system.

    Returns
    -------
    str
        The export's id: `exports/<id>.parquet` holds its treatments, a line of `exports.jsonl` its
        rule.

    Raises
    ------
    HoldfastError
        It cannot be written.
    """
    export_id = f"{at:%Y%m%dT%H%M%S%fZ}-{audience.rule.fingerprint}-{how}"
    folder = project / FOLDER
    treatments = list_treatments(audience, at=at, campaign=export_id)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        replace_file(folder / f"{export_id}.parquet", partial(write_parquet, treatments))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise system_error(error) or HoldfastError(
            f"{folder} cannot be written: {first_line(error)}", fix="free the folder or the disk"
        ) from None
    entry = {
        "export_id": export_id, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "day": day_of(at.date()),
        "how": how, "run_id": audience.run_id, "rule": asdict(audience.rule),
        "figures": dict(audience.figures), **({"batches": batches} if batches else {}),
    }  # fmt: skip
    try:
        jsonl.append(project / JOURNAL, entry)
    except HoldfastError:
        (folder / f"{export_id}.parquet").unlink(missing_ok=True)
        raise
    contacted = int(audience.figures["contacted"])
    what = "push" if how == "webhook" else "export"
    audit_log.record(project, what, who=who, export_id=export_id, contacted=contacted)
    return export_id


def list_treatments(audience: Audience, *, at: datetime, campaign: str) -> pl.DataFrame:
    """Who was contacted and who was held out, laid out as a study reads [treatments].

    Columns: customer_id, occurred_at (UTC), campaign, treated, propensity (chance of being
    contacted), cost (currency).
    """
    contacted = pl.col("arm") == ARMS[0]
    return audience.customers.select(
        "customer_id",
        occurred_at=pl.lit(at.replace(tzinfo=None), pl.Datetime("us")),
        campaign=pl.lit(campaign),
        treated=contacted,
        propensity=pl.lit(1 - audience.rule.holdout_share, pl.Float64),
        cost=pl.when(contacted).then(pl.lit(audience.rule.cost)).otherwise(pl.lit(0.0)),
    )


def read_exports(project: Path) -> list[dict[str, Any]]:
    """Every export so far, the latest first."""
    return jsonl.entries(project / JOURNAL)[::-1]


def push_audience(audience: Audience, target: Webhook | None) -> int:
    """Post the customers to be contacted to the study's webhook; the number of requests it took.

    Raises
    ------
    StudyError
        The study names no webhook.
    HoldfastError
        It was refused.
    """
    if target is None:
        raise StudyError(
            "the study names no webhook",
            fix='write [webhook] and url = "https://..." into holdfast.toml',
        )
    contacted = audience.customers.filter(pl.col("arm") == ARMS[0]).drop("arm", "at_stake")
    head = {
        "run_id": audience.run_id,
        "rule": asdict(audience.rule),
        "rule_id": audience.rule.fingerprint,
    }
    return webhook.push(target, head, contacted.to_dicts())
