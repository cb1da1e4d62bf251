"""The story of a campaign, from plan to result: who gave the list away and what was expected, when
its window is over, what it did, and how the belief in its offers has moved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.storage import audit_log
from holdfast.storage.export_records import campaign_of, sent_exports
from holdfast.storage.run_folder import Run
from holdfast.study import Study


@dataclass(frozen=True, kw_only=True)
class CampaignStory:
    """One campaign.

    Attributes
    ----------
    export
        Its line of the export journal and `who` gave it away; None of a campaign that only
        [treatments] knows.
    first_day, over_day
        Days since 1970-01-01: when it began, and the first day on which its window and the days for
        returns are over; None where neither journal nor run knows.
    data_end_day
        First day that the run has not seen.
    results
        Rows of CAMPAIGNS: what it did, one an offer.
    refused
        Why the run cannot read it out; empty where it can or has not tried.
    beliefs
        Cells of the run's history of its offers: what was assumed of each segment before any data,
        and what is believed since. All campaigns have moved them, not this one alone.
    """

    campaign: str
    export: Mapping[str, Any] | None
    first_day: int | None
    over_day: int | None
    data_end_day: int
    results: pl.DataFrame
    refused: str = ""
    beliefs: pl.DataFrame

    @property
    def is_over(self) -> bool:
        """Whether the run has seen the whole window."""
        return self.over_day is not None and self.over_day <= self.data_end_day

    @property
    def is_unread(self) -> bool:
        """Whether the run has neither its result nor a reason why there is none."""
        return self.results.is_empty() and not self.refused

    @cached_property
    def expected(self) -> Mapping[str, float]:
        """What was expected when the list was given away, currency: cost, net, net_low and
        net_high, as far as the journal has them.
        """
        figures = (self.export or {}).get("figures", {})
        named = {"cost": figures.get("cost", figures.get("invested"))}
        named |= {name: figures.get(name) for name in ("net", "net_low", "net_high")}
        return {name: value for name, value in named.items() if value is not None}


def tell_campaigns(study: Study, run: Run, campaigns: pl.DataFrame) -> list[CampaignStory]:
    """Every campaign that the journal or the run knows, the latest first.

    Parameters
    ----------
    study
        As it stands today.
    campaigns
        CAMPAIGNS of the run.
    """
    project = Path(study.project_dir)
    exports = {campaign_of(entry): entry for entry in reversed(sent_exports(project))}
    refused = {
        each["campaign"]: f"{each['problem']}; {each['fix']}"
        for each in run.summary.get("campaigns", {}).get("refused", ())
    }
    cells = pl.DataFrame(run.summary.get("history", {}).get("cells", []), infer_schema_length=None)
    who = _exporters(project) if exports else {}
    parts = _Parts(study=study, end_day=int(run.summary["cutoff_day"]), cells=cells)
    stories = []
    for name in _names(exports, campaigns, refused):
        export = exports.get(name)
        exported_by = export and {**export, "who": who.get(export["export_id"], "")}
        rows = campaigns.filter(_is_of(pl.col("campaign"), name))
        why = next((text for each, text in refused.items() if _same(each, name)), "")
        stories.append(parts.tell(name, exported_by, rows, why))
    return sorted(stories, key=lambda each: -(each.first_day or 0))


def name_unread(stories: Sequence[CampaignStory], *, today: int) -> list[str]:
    """Campaigns whose window is over by now and which the run has not read out."""
    return [
        each.campaign
        for each in stories
        if each.is_unread and each.over_day is not None and each.over_day <= today
    ]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What every story of a run is told with."""

    study: Study
    end_day: int
    cells: pl.DataFrame

    def tell(
        self, name: str, export: Mapping[str, Any] | None, rows: pl.DataFrame, refused: str
    ) -> CampaignStory:
        first = int(export["day"]) if export else None
        if rows.height:
            first = int(rows["day"].min())  # type: ignore[arg-type]
        plan = self.study.plan
        days = int(rows["days"][0]) if rows.height else plan.days
        return CampaignStory(
            campaign=name,
            export=export,
            first_day=first,
            over_day=None if first is None else first + days + plan.return_days,
            data_end_day=self.end_day,
            results=rows,
            refused=refused,
            beliefs=self._beliefs(rows["offer"].unique().to_list()),
        )

    def _beliefs(self, offers: Sequence[str]) -> pl.DataFrame:
        if self.cells.is_empty():
            return self.cells
        return self.cells.filter(pl.col("offer").is_in(offers))


def _names(
    exports: Mapping[str, Any], campaigns: pl.DataFrame, refused: Mapping[str, str]
) -> list[str]:
    """Every campaign once; those of one list with several offers go by the list's name."""
    seen = [*campaigns["campaign"].unique(maintain_order=True), *refused]
    unexported = (name for name in seen if not any(_same(name, listed) for listed in exports))
    return list(dict.fromkeys([*exports, *unexported]))


def _same(campaign: str, listed: str) -> bool:
    """Whether a campaign is that of a list, or one of its offers."""
    return campaign == listed or campaign.startswith(f"{listed}: ")


def _is_of(campaign: pl.Expr, name: str) -> pl.Expr:
    return (campaign == name) | campaign.str.starts_with(f"{name}: ")


def _exporters(project: Path) -> dict[str, str]:
    """Export id -> who gave it away."""
    return {
        each["export_id"]: str(each.get("who", ""))
        for each in audit_log.entries(project)
        if "export_id" in each
    }
