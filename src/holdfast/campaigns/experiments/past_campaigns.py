"""Past campaigns: what each campaign did, of [treatments] or a recorded export, read out of the
order log.

Each customer is watched from the day of the draw, for as many days in every arm. What they spent in
as many days before it is the known value whose share is taken out of the difference: of a campaign
of last year no prediction has to be kept for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from holdfast.campaigns.experiments.campaign_checks import check_matured, check_treatments
from holdfast.campaigns.experiments.readout import Readout, read_out
from holdfast.campaigns.outcomes import sum_margins, sum_windows
from holdfast.campaigns.treatments import (
    ARM,
    HOLD_OUT,
    UNIT,
    name_contacts,
    read_treatments,
    refuse_arms_apart,
    refuse_torn_clusters,
)
from holdfast.errors import DataError, InputError, nearest
from holdfast.findings import Finding
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import CAMPAIGNS, json_rows
from holdfast.windows import date_of

_ROUNDING = 1e-6
_KNOWN_FROM = ("transactions", "events", "customers")


@dataclass(frozen=True, kw_only=True)
class CampaignResult:
    """What a campaign did.

    Attributes
    ----------
    day
        The first day on which somebody was drawn.
    effects
        Of `Readout`: a row per offer and outcome; money in the study's currency. Where the log has
        no amounts, `bought` alone.
    costs
        Offer -> what its deliveries cost; None where that is not given.
    """

    campaign: str
    day: int
    days: int
    effects: pl.DataFrame
    checks: Mapping[str, float]
    costs: Mapping[str, float | None]
    findings: tuple[Finding, ...] = ()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per offer: campaign, date, offer, contacted, held_out; bought, revenue and margin
        (effects per head assigned) with _low and _high; cost, net (margin of all contacted less
        cost) with net_low and net_high, pays ("yes", "no", "not certain"), uplift_source.
        """
        return [self._sum_up(offer) for offer in self.costs]

    def _sum_up(self, offer: str) -> dict[str, Any]:
        of = {row["outcome"]: row for row in self.effects.filter(offer=offer).to_dicts()}
        row: dict[str, Any] = {
            "campaign": self.campaign, "date": str(date_of(self.day)), "offer": offer,
            "contacted": of["bought"]["assigned"], "held_out": of["bought"]["held_out"],
        }  # fmt: skip
        for outcome, effect in of.items():
            ends = {f"{outcome}_{end}": effect[end] for end in ("low", "high")}
            row |= {outcome: effect["effect"], **ends}
        cost = self.costs[offer]
        row["cost"] = cost
        if cost is not None and "margin" in of:
            for name, end in (("net", "effect"), ("net_low", "low"), ("net_high", "high")):
                row[name] = of["margin"][end] * row["contacted"] - cost
        return {**row, "pays": _pays(row), "uplift_source": of["bought"]["uplift_source"]}

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "campaign": self.campaign,
            "date": str(date_of(self.day)),
            "days": self.days,
            "offers": self.rows,
            "effects": json_rows(self.effects),
            "checks": dict(self.checks),
            "findings": [finding.as_dict() for finding in self.findings],
        }


def campaign_table(results: Sequence[CampaignResult]) -> pl.DataFrame:
    """The rows of all results, as CAMPAIGNS."""
    rows = [
        {**row, "day": result.day, "days": result.days} for result in results for row in result.rows
    ]
    return pl.DataFrame(rows, schema=CAMPAIGNS.schema)


def _pays(row: Mapping[str, Any]) -> str | None:
    """Whether it certainly brought more than it cost; None where the cost is not known."""
    if row.get("net") is None:
        return None
    if row["net_low"] > 0:
        return "yes"
    return "no" if row["net_high"] < 0 else "not certain"


class CampaignLog:
    """The campaigns that a study has a record of, each to be read by its name.

    Parameters
    ----------
    warehouse
        Holds the study's order log, as `read_order_log` leaves it.
    days, return_days
        Length of the window; days more in which goods may come back.
    end_day
        First day that is not seen.

    Raises
    ------
    NotEnoughData
        There is none.
    """

    def __init__(
        self, study: Study, warehouse: Warehouse, *, days: int, return_days: int, end_day: int
    ) -> None:
        self.study, self.warehouse, self.end_day = study, warehouse, end_day
        self.days, self.return_days = days, return_days
        self.rows = name_contacts(read_treatments(warehouse), study.offer_of_campaign)

    @property
    def names(self) -> list[str]:
        """The campaigns, in order of their first day."""
        first = self.rows.group_by("campaign").agg(pl.col("day").min())
        return first.sort("day", "campaign")["campaign"].to_list()

    @cached_property
    def _customers(self) -> pl.Series:
        """Everybody who is known by more than a campaign."""
        tables = [name for name in _KNOWN_FROM if self.warehouse.has(name)]
        union = " UNION ".join(f"SELECT customer_id FROM {name}" for name in tables)
        return self.warehouse.query(union)["customer_id"]

    def read(self, campaign: str) -> CampaignResult:
        """Read one campaign out.

        Raises
        ------
        InputError
            There is no such campaign, nobody was held out, a customer or cluster was in both arms,
            a customer never existed, the chances differ or do not fit the arms' sizes, or the
            window is not over.
        """
        rows = self.rows.filter(campaign=campaign)
        if rows.is_empty():
            raise InputError(
                f"there is no campaign '{campaign}'", fix=nearest(campaign, self.names)
            )
        check_treatments(_with_propensities(rows), self._customers)
        refuse_torn_clusters(rows)
        _refuse_unequal_chances(campaign, rows)
        refuse_arms_apart(rows.with_columns(offer=pl.lit("any")))
        check_matured(
            int(rows["day"].max()),  # type: ignore[arg-type]
            window_days=self.days,
            return_days=self.return_days,
            last_day=self.end_day - 1,
        )
        readout = read_out(self._watch(rows), _plan_shares(rows))
        return self._result(campaign, rows, readout)

    def read_all(self) -> tuple[tuple[CampaignResult, ...], dict[str, InputError]]:
        """Read every campaign out; of those that cannot be, why."""
        results, refused = [], {}
        for name in self.names:
            try:
                results.append(self.read(name))
            except InputError as error:
                refused[name] = error
        return tuple(results), refused

    def _result(self, campaign: str, rows: pl.DataFrame, readout: Readout) -> CampaignResult:
        offers = [name for name in _plan_shares(rows) if name != HOLD_OUT]
        missing = rows["propensity"].null_count()
        effects = readout.effects
        assert self.study.transactions is not None
        if not self.study.transactions.columns.has_amount:
            effects = effects.filter(outcome="bought")
        return CampaignResult(
            campaign=campaign,
            day=int(rows["day"].min()),  # type: ignore[arg-type]
            days=self.days,
            effects=effects,
            checks={} if missing else readout.checks,
            costs={offer: self._cost(rows, offer) for offer in offers},
            findings=(Finding.of("propensity-estimated", rows=missing),) if missing else (),
        )

    def _watch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row per customer and arm, as `read_out` takes them."""
        drawn = (
            rows.with_columns(assigned=ARM, household=UNIT)
            .group_by("customer_id", "assigned")
            .agg(pl.col("day").min(), pl.col("household").first())
            .sort("customer_id", "assigned")
        )
        after = sum_windows(self.warehouse, drawn, days=self.days, return_days=self.return_days)
        earlier = drawn.with_columns(pl.col("day") - self.days)
        before = sum_windows(self.warehouse, earlier, days=self.days)
        left = sum_margins(self.warehouse, drawn, days=self.days, return_days=self.return_days)
        has_clusters = rows["cluster"].is_not_null().any()
        return drawn.select(
            "customer_id",
            "assigned",
            *(["household"] if has_clusters else []),
            bought=(after["bought"] > 0).cast(pl.Float64),
            revenue=after["net_minor"] / 10**self.study.minor_digits,
            margin=left / 10**self.study.minor_digits,
            predicted=before["net_minor"] / 10**self.study.minor_digits,
        )

    def _cost(self, rows: pl.DataFrame, offer: str) -> float | None:
        minor = rows.filter("treated", pl.col("offer") == offer)["cost_minor"]
        return None if minor.null_count() else float(minor.sum()) / 10**self.study.minor_digits


def _with_propensities(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their chances where all have one, else without any."""
    return rows.drop("propensity") if rows["propensity"].null_count() else rows


def _refuse_unequal_chances(campaign: str, rows: pl.DataFrame) -> None:
    """Raise where some were more likely to be contacted than others: the arms are then different
    people, and the plain difference of their means is no effect.
    """
    chance = rows["propensity"].drop_nulls().to_list() or [0.0]
    least, most = min(chance), max(chance)
    if most - least > _ROUNDING:
        raise DataError(
            f"in '{campaign}' the chance of being contacted is {least:g} for some and {most:g} for"
            " others, so that the arms differ by more than the campaign",
            fix="give each group a campaign of its own, or read it with `holdfast uplift`, which"
            " weighs everybody by their chance",
        )


def _plan_shares(rows: pl.DataFrame) -> dict[str, float]:
    """Arm -> planned share of the customers, or of the clusters that were drawn.

    From the chance of being contacted, which several offers share by their sizes; where it is not
    given, the sizes are taken for planned, and nothing can be said of them.
    """
    sizes = rows.group_by(arm=ARM).agg(n=UNIT.n_unique()).sort("arm")
    counts = dict(sizes.iter_rows())
    held_out = counts.pop(HOLD_OUT)
    contacted = sum(counts.values())
    chance = rows["propensity"].mean()
    if rows["propensity"].null_count() or not isinstance(chance, float):
        chance = contacted / (contacted + held_out)
    shares = {offer: chance * n / contacted for offer, n in counts.items()}
    return {**shares, HOLD_OUT: 1 - chance}
