"""What `holdfast plan` itself earns in a simulated shop whose true uplift is known: the history by
segment alone, and shared out among customers by the effects that were learnt.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

import polars as pl

from bench._decisions_uplift import BUDGETS, COST, MARGIN, feature_oracle, profits
from bench._figures import Figure, at_least
from holdfast.arrays import Vector
from holdfast.campaigns.past.campaign_record import CampaignRecord, read_record
from holdfast.campaigns.planning.make_plan import CampaignPlan, Planning, make_plan
from holdfast.decisions.plans import change_terms
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.tables import EFFECTS, EVIDENCE

_SHOP, _SEED = 60_000, 11


class _Case(NamedTuple):
    """A shop's study, today's customers (with `uplift`) and what its campaigns say."""

    study: Study
    today: pl.DataFrame
    record: CampaignRecord

    @property
    def uplift(self) -> Vector:
        return self.today["uplift"].to_numpy()

    def plan(self, budget: float, effects: pl.DataFrame) -> CampaignPlan:
        terms = {"budget": budget, "holdout_share": 0.0}
        study = change_terms(self.study, plan=terms, offers={"reminder": {"cost": COST}})
        segment = self.record.segments["past_segment"]
        scores = self.today.select("customer_id", segment=segment, at_stake=pl.lit(1.0, pl.Float64))
        tables = {
            "scores": scores, "evidence": EVIDENCE.empty(), "effects": effects,
            "past_segments": self.record.segments,
        }  # fmt: skip
        return make_plan(Planning.prepare(study, tables, self.record.past))

    def profit(self, plan: CampaignPlan) -> float:
        chosen = self.today.join(plan.customers, on="customer_id", how="semi")
        return float((MARGIN * chosen["uplift"].to_numpy() - COST).sum())


def _read_shop() -> _Case:
    with TemporaryDirectory() as place, Warehouse.temporary() as warehouse:
        made = simulate_to(Path(place) / "shop", Shop(n_customers=_SHOP, seed=_SEED))
        study = Study.from_toml(made.study, overrides={"value.margin_rate": f"{MARGIN}"})
        end_day = read_order_log(study, warehouse).end_day
        today = feature_tables.features(study, warehouse, [end_day])
        record = read_record(study, warehouse, today, end_day=end_day)
        truth = pl.read_parquet(made.tables["truth"]).select("customer_id", "uplift")
    today = today.join(truth, on="customer_id", how="left", maintain_order="left")
    return _Case(study, today, record)


def planned(folder: Path) -> Iterator[Figure]:
    """The plan's true profit over that of trees fitted on the true uplift, and over its promise."""
    del folder
    start = process_time()
    case = _read_shop()
    yield Figure("plan: CPU s of reading past campaigns out", process_time() - start)
    assert case.record.past.trials is not None
    score = feature_oracle(case.record.past.trials, case.today, case.uplift)
    oracle = profits(score, case.uplift)
    ways = {"by segment alone": EFFECTS.empty(), "shared out by effects": case.record.effects}
    for name, effects in ways.items():
        for share, most in zip(BUDGETS, oracle, strict=True):
            plan = case.plan(share * len(case.uplift) * COST, effects)
            profit = case.profit(plan)
            what = f"plan {name}, budget {share:.0%}: profit over the feature oracle's"
            held = at_least(what, profit / most, 0.95)
            yield held if effects.height else Figure(what, profit / most)
            net, low, high = plan.total.net
            inside = f"[{low / profit:.2f}, {high / profit:.2f}]"
            yield Figure(f"{what[: what.index(':')]}: promised over true {inside}", net / profit)


PARTS = (("plan", planned),)
