"""Audience: whom to contact, whom to hold out, whom to leave alone, and what it costs and brings.

A customer's arm is a hash of a salt and the customer's name: whoever else is in the list, in this
run and in every other, the same customers are held out of the same campaign. Those whom no campaign
contacts are drawn first, by a salt of their own. Nobody who may not be contacted is in any arm.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import polars as pl

from holdfast.campaigns import economics
from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.errors import InputError
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES, Recovery, Study

GLOBAL_HOLD_OUT = "global hold-out"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who is in.

    Attributes
    ----------
    name
        Of the campaign; "": it has none. Under it the audience is saved and its effect read.
    segments
        Names; at least one.
    least_churn_probability, least_revenue
        Customers below either are out.
    cost, rate
        Currency per customer contacted; share kept of those contacted who would be lost, assumed.
    of
        Who would be lost: "lost" by their probability, or "everyone" whatever it is, as in
        [recovery].
    budget, at_most
        Limits of those contacted: currency, count. None: no limit.
    holdout_share
        Of the customers in the audience, from 0 to below 1, drawn at random and not contacted, so
        that the effect can be measured.
    only_paying
        Whether customers whose contact costs more than it is expected to bring are out.
    rest_days
        Customers who were in an audience in the last so many days are out; 0: nobody is.
    excluded
        Customers who are out.
    where
        What the scores were narrowed to before, by name: filters of the dashboard as its address
        has them.
    """

    name: str = ""
    segments: tuple[str, ...] = AT_RISK_SEGMENTS
    least_churn_probability: float = 0.0
    least_revenue: float = 0.0
    cost: float = 0.0
    rate: float = 0.0
    of: Literal["lost", "everyone"] = "lost"
    budget: float | None = None
    at_most: int | None = None
    holdout_share: float = 0.1
    only_paying: bool = True
    rest_days: int = 0
    excluded: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()

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
        """SHA-256 of the rule but for its name, 12 hex digits."""
        rule = asdict(self)
        del rule["name"]
        # A rule is what it was before there was any other.
        if self.of == "lost":
            del rule["of"]
        if not self.where:
            del rule["where"]
        return hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def salt(self) -> str:
        """Of the hold-out: a named campaign keeps its own, whatever else of the rule changes."""
        return f"holdfast campaign {self.name or self.fingerprint}"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who is in, and what it would come to.

    Attributes
    ----------
    customers
        Most revenue at stake first: customer_id, segment, churn_probability, expected_revenue,
        at_stake (as in SCORES; where everyone counts as lost, value_if_kept), arm ("contact"; "hold
        out" of this campaign; "global hold-out": of every campaign).
    figures
        candidates (before the limits), left_out (reason -> customers who meet the rule and may not
        be contacted; None where the run does not know who may), contacted, held_out,
        held_out_of_all, saves (contacted customers expected to stay because of it: those who would
        be lost x rate), invested, recovered, net (currency), roi_percent (None where nothing is
        invested), uplift_source.
    """

    rule: Rule
    run_id: str
    cutoff_day: int
    customers: pl.DataFrame
    figures: Mapping[str, Any]

    @property
    def contacts(self) -> pl.DataFrame:
        """Those to be contacted, without their arm."""
        return self.customers.filter(pl.col("arm") == CONTACT).drop("arm")

    @property
    def held_out(self) -> pl.DataFrame:
        """Those not to be contacted, of both hold-outs."""
        return self.customers.filter(pl.col("arm") != CONTACT)


def build_audience(
    scores: pl.DataFrame,
    rule: Rule,
    *,
    run_id: str,
    study: Study,
    permissions: pl.DataFrame | None = None,
    resting: Sequence[str] = (),
) -> Audience:
    """Choose the customers with the most revenue at stake, within the limits of the rule.

    Parameters
    ----------
    scores
        SCORES of the run.
    permissions
        PERMISSIONS of the run; None, or no row: it does not know who may be contacted, and nobody
        is left out for it.
    resting
        Customers of earlier audiences who are to be left alone.
    """
    matching = _find_candidates(scores, rule, study=study, out=[*rule.excluded, *resting])
    candidates, left_out = drop_forbidden(matching, permissions)
    arms = _draw_arms(candidates["customer_id"], rule, study.campaigns.global_holdout)
    ranked = candidates.with_columns(arm=arms).sort(
        "at_stake", "customer_id", descending=[True, False]
    )
    within = ranked.filter((pl.col("arm") == CONTACT).cum_sum() <= _contact_limit(rule))
    customers = within.drop("margin_at_stake")
    return Audience(
        rule=rule,
        run_id=run_id,
        cutoff_day=int(scores["cutoff_day"][0]) if scores.height else 0,
        customers=customers,
        figures={
            "candidates": candidates.height,
            "left_out": left_out,
            **_figures(within, rule),
        },
    )


def drop_forbidden(
    matching: pl.DataFrame, permissions: pl.DataFrame | None
) -> tuple[pl.DataFrame, dict[str, int] | None]:
    """Those who may be contacted, and how many may not, by why; None: nobody knows."""
    if permissions is None or permissions.is_empty():
        return matching, None
    permitted = matching.select("customer_id").join(
        permissions, on="customer_id", how="left", maintain_order="left"
    )
    may = permitted["may_contact"].fill_null(value=False)
    counts = permitted.filter(~may)["why_not"].fill_null("not in the run").value_counts(sort=True)
    return matching.filter(may), dict(counts.sort("count", "why_not", descending=True).iter_rows())


def drop_untouchable(
    customers: pl.DataFrame, permissions: pl.DataFrame | None, study: Study
) -> tuple[pl.DataFrame, list[str]]:
    """Drop who may not be contacted or is held out of every campaign.

    Returns
    -------
    tuple
        The others, and sentences on how many were dropped.
    """
    allowed, why_not = drop_forbidden(customers, permissions)
    held = hold_out(allowed["customer_id"], salt=GLOBAL_SALT, share=study.campaigns.global_holdout)
    notes = []
    if why_not:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in why_not.items())
        notes.append(f"{_count(sum(why_not.values()))} may not be contacted: {reasons}")
    if held.any():
        notes.append(f"{_count(int(held.sum()))} left out, held out of every campaign")
    return allowed.filter(~pl.Series(held)), notes


def _count(n: int) -> str:
    return "1 customer" if n == 1 else f"{n:,} customers"


def _draw_arms(customers: pl.Series, rule: Rule, global_share: float) -> pl.Series:
    """The arm of each customer: first the global hold-out is drawn, then the campaign's."""
    held = pl.Series(hold_out(customers, salt=rule.salt, share=rule.holdout_share))
    of_all = pl.Series(hold_out(customers, salt=GLOBAL_SALT, share=global_share))
    drawn = pl.when(of_all).then(pl.lit(GLOBAL_HOLD_OUT)).when(held).then(pl.lit(HOLD_OUT))
    return pl.select(arm=drawn.otherwise(pl.lit(CONTACT))).to_series()


def _find_candidates(
    scores: pl.DataFrame, rule: Rule, *, study: Study, out: Sequence[str]
) -> pl.DataFrame:
    stake = pl.col("value_if_kept" if rule.of == "everyone" else "at_stake")
    margin = stake * economics.margin_rate(scores, study)
    kept = scores.lazy().filter(
        pl.col("segment").cast(pl.String).is_in(rule.segments)
        & (pl.col("churn_probability") >= rule.least_churn_probability)
        & (pl.col("expected_revenue") >= rule.least_revenue)
        & (margin * rule.rate > rule.cost if rule.only_paying else pl.lit(True))
        & ~pl.col("customer_id").is_in(list(out))
    )
    names = ("customer_id", "segment", "churn_probability", "expected_revenue", "at_stake")
    return (
        kept.with_columns(at_stake=stake, margin_at_stake=margin)
        .select(*names, "margin_at_stake")
        .sort("customer_id")
        .collect()
    )


def _contact_limit(rule: Rule) -> int:
    """How many may be contacted."""
    limits = [2**62 if rule.at_most is None else rule.at_most]
    if rule.budget is not None and rule.cost > 0:
        limits.append(int(rule.budget // rule.cost))
    return min(limits)


def _figures(customers: pl.DataFrame, rule: Rule) -> dict[str, Any]:
    contacted = customers.filter(pl.col("arm") == CONTACT)
    terms = dict.fromkeys(AT_RISK_SEGMENTS, Recovery(cost=rule.cost, rate=rule.rate, of=rule.of))
    # The economics know at-risk segments only; a rule may reach into the others, on the same terms.
    as_one = contacted.select(
        segment=pl.lit(AT_RISK_SEGMENTS[0]),
        customers=pl.len().cast(pl.Int64),
        value_if_kept=pl.col("at_stake").sum(),
        at_stake=pl.col("at_stake").sum(),
        margin_if_kept=pl.col("margin_at_stake").sum(),
        margin_at_stake=pl.col("margin_at_stake").sum(),
    )
    lost = contacted.height if rule.of == "everyone" else contacted["churn_probability"].sum()
    plan = economics.recovery(as_one, terms)
    return {
        **_count_arms(customers),
        "saves": float(lost) * rule.rate,
        **economics.totals(plan),
        "uplift_source": str(plan["uplift_source"][0]),
    }


def _count_arms(customers: pl.DataFrame) -> dict[str, int]:
    arms = {"contacted": CONTACT, "held_out": HOLD_OUT, "held_out_of_all": GLOBAL_HOLD_OUT}
    return {name: int((customers["arm"] == arm).sum()) for name, arm in arms.items()}


def keep_first_contacts(audience: Audience, n: int) -> Audience:
    """The audience down to the n-th customer to be contacted, with those held out before that one:
    what a push that stopped came to, and still a fair comparison.
    """
    contacted = (pl.col("arm") == CONTACT).cum_sum()
    return keep_customers(audience, contacted.shift(1, fill_value=0) < n)


def keep_customers(audience: Audience, which: pl.Expr) -> Audience:
    """The audience of these of its customers, counted again."""
    customers = audience.customers.filter(which)
    figures = {**audience.figures, **_count_arms(customers)}
    return replace(audience, customers=customers, figures=figures)
