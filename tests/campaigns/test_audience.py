"""Audiences: who is in, who is held out, what it comes to, and what is kept of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.audience import (
    Audience,
    Rule,
    build_audience,
    find_resting,
    keep_first_contacts,
    list_treatments,
    push_audience,
    read_exports,
    record_export,
)
from holdfast.errors import InputError, MachineError, StudyError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.windows import day_of

LOG = {
    "study": {"name": "shop", "currency": "GBP"},
    "transactions": {
        "path": "o.csv",
        "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
    },
    "value": {"margin_rate": 0.5},
}
STUDY = Study.from_dict(LOG)
AT = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)
SCORES = pl.DataFrame(
    {
        "customer_id": ["ann", "bob", "cid", "dot", "eve"],
        "cutoff_day": pl.Series([19_905] * 5, dtype=pl.Int32),
        "churn_probability": [0.5, 0.9, 0.2, 0.8, 0.9],
        "expected_revenue": [1000.0, 400.0, 3000.0, 20.0, 500.0],
        "segment": ["At-Risk VIP", "Vulnerable", "Champion", "Losing Customer", "At-Risk VIP"],
        "at_stake": [500.0, 360.0, 600.0, 16.0, 450.0],
    }
)


def _built(**rule: Any) -> Audience:
    return build_audience(SCORES, Rule(**{"holdout_share": 0.0, **rule}), run_id="r1", study=STUDY)


def test_those_with_most_revenue_at_stake_come_first() -> None:
    # At stake: ann 500, eve 450, bob 360, dot 16; cid is a Champion.
    found = _built(cost=10, rate=0.4)
    assert found.customers.select("customer_id", "at_stake").rows() == [
        ("ann", 500.0),
        ("eve", 450.0),
        ("bob", 360.0),
    ]


def test_a_contact_that_costs_more_than_it_brings_is_left_out_unless_asked_for() -> None:
    # dot would bring 20 x 0.5 x 0.4 = 4 and cost 10.
    assert "dot" not in _built(cost=10, rate=0.4).customers["customer_id"].to_list()
    assert "dot" in _built(cost=10, rate=0.4, only_paying=False).customers["customer_id"].to_list()


def test_the_figures_are_those_of_the_economics() -> None:
    figures = _built(cost=10, rate=0.4).figures
    # 1,310 at stake x 0.5 x 0.4 = 262 for 3 x 10; saves: (0.5 + 0.9 + 0.9) x 0.4.
    assert (figures["contacted"], figures["invested"], figures["recovered"]) == (3, 30.0, 262.0)
    assert figures["net"] == 232.0
    assert figures["saves"] == pytest.approx(0.92)
    assert figures["uplift_source"] == "assumed"


@pytest.mark.parametrize("limit", [{"budget": 29.99}, {"at_most": 2}])
def test_budget_and_size_limit_those_contacted(limit: dict[str, Any]) -> None:
    assert _built(cost=10, rate=0.4, **limit).customers["customer_id"].to_list() == ["ann", "eve"]


def test_a_threshold_of_risk_or_value_and_an_exclusion_leave_customers_out() -> None:
    assert _built(rate=0.4, least_churn_probability=0.85).customers["customer_id"].to_list() == [
        "eve",
        "bob",
    ]
    assert _built(rate=0.4, least_revenue=500).customers["customer_id"].to_list() == ["ann", "eve"]
    assert _built(rate=0.4, excluded=("ann",)).customers["customer_id"].to_list() == [
        "eve",
        "bob",
        "dot",
    ]


def _crowd(n: int) -> pl.DataFrame:
    return SCORES.sample(n, with_replacement=True, seed=1).with_columns(
        customer_id=pl.format("c{}", pl.int_range(n))
    )


def test_a_tenth_is_held_out_and_the_same_rule_draws_the_same_customers() -> None:
    rule = Rule(rate=0.4, holdout_share=0.1)
    first, second = (build_audience(_crowd(5000), rule, run_id="r1", study=STUDY) for _ in range(2))
    assert first.customers.equals(second.customers)
    share = first.figures["held_out"] / first.customers.height
    assert 0.08 < share < 0.12


def test_holding_out_costs_no_budget() -> None:
    rule = Rule(cost=10, rate=0.4, budget=1000, holdout_share=0.5)
    found = build_audience(_crowd(5000), rule, run_id="r1", study=STUDY)
    assert found.figures["contacted"] == 100
    assert found.figures["held_out"] > 60


def test_a_rule_that_means_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="choose from Champion"):
        Rule(segments=("Champignon",))
    with pytest.raises(InputError, match=r"holdout_share is 1\.5"):
        Rule(holdout_share=1.5)


def test_every_export_is_kept_with_rule_run_and_both_arms(tmp_path: Path) -> None:
    given = build_audience(_crowd(300), Rule(rate=0.4, holdout_share=0.5), run_id="r1", study=STUDY)
    first, second = (
        record_export(given, tmp_path, at=AT.replace(minute=m), how=how)
        for m, how in ((1, "csv"), (2, "webhook"))
    )
    latest, earlier = read_exports(tmp_path)
    assert (earlier["export_id"], latest["export_id"]) == (first, second)
    assert (latest["how"], latest["run_id"], latest["rule"]["rate"], latest["day"]) == (
        "webhook",
        "r1",
        0.4,
        19_905,
    )
    kept = pl.read_parquet(tmp_path / "exports" / f"{first}.parquet")
    assert kept["customer_id"].to_list() == given.customers["customer_id"].to_list()
    assert kept["treated"].sum() == given.figures["contacted"] == latest["figures"]["contacted"]


def test_a_push_that_stopped_is_kept_as_far_as_it_came_with_its_comparison(tmp_path: Path) -> None:
    whole = build_audience(_crowd(300), Rule(rate=0.4, holdout_share=0.5), run_id="r1", study=STUDY)
    done = keep_first_contacts(whole, 20)
    arms = done.customers["arm"].to_list()
    assert arms == whole.customers["arm"].to_list()[: len(arms)]
    assert arms.count("contact") == done.figures["contacted"] == 20
    assert arms.count("hold out") == done.figures["held_out"] > 5
    assert arms[-1] == "contact"  # who is held out further down is no comparison to those before
    record_export(done, tmp_path, at=AT, how="webhook", batches="2 of 3")
    (entry,) = read_exports(tmp_path)
    assert (entry["batches"], entry["figures"]["contacted"]) == ("2 of 3", 20)


@pytest.mark.parametrize("kib", [8, 40])
def test_an_export_that_the_disk_has_no_room_for_leaves_no_half_of_it(
    kib: int, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(kib)
    given = build_audience(_crowd(20_000), Rule(rate=0.4), run_id="r1", study=STUDY)
    with pytest.raises(MachineError, match="the disk is full"):
        record_export(given, disk, at=AT, how="csv")
    assert [path.name for path in disk.rglob("*") if path.is_file()] in ([], ["exports.jsonl"])
    assert read_exports(disk) == []


def test_who_was_exported_lately_can_be_left_alone(tmp_path: Path) -> None:
    record_export(_built(rate=0.4, at_most=1), tmp_path, at=AT, how="csv")
    today = day_of(AT.date())
    assert find_resting(tmp_path, day=today + 9, rest_days=10) == ["ann"]
    assert find_resting(tmp_path, day=today + 10, rest_days=10) == []
    assert find_resting(tmp_path, day=today, rest_days=0) == []
    tired = build_audience(
        SCORES, Rule(rate=0.4, holdout_share=0), run_id="r1", study=STUDY, resting=["ann"]
    )
    assert tired.customers["customer_id"].to_list() == ["eve", "bob", "dot"]


def test_an_export_is_a_source_of_treatments_that_the_next_run_reads(tmp_path: Path) -> None:
    record_export(_built(rate=0.4, cost=2.5), tmp_path, at=AT, how="csv")
    (tmp_path / "o.csv").write_text("c,t,a\nann,2024-07-02,10\n", encoding="utf-8")
    columns = {
        name: name
        for name in ("customer_id", "occurred_at", "campaign", "treated", "propensity", "cost")
    }
    study = Study.from_dict(
        {
            **LOG,
            "project_dir": str(tmp_path),
            "treatments": {"path": "exports/*.parquet", "columns": columns},
        }
    )
    with Warehouse(tmp_path) as warehouse:
        read_order_log(study, warehouse)
        kept = warehouse.con.execute(
            "SELECT customer_id, day, treated, propensity, cost_minor FROM treatments"
        ).fetchall()
    assert sorted(kept) == [(name, 19_905, True, 1.0, 250) for name in ("ann", "bob", "dot", "eve")]


def test_treatments_say_what_was_done_at_what_cost() -> None:
    given = build_audience(
        _crowd(100), Rule(cost=3, rate=0.4, holdout_share=0.2), run_id="r1", study=STUDY
    )
    told = list_treatments(given, at=AT, campaign="spring")
    assert told["propensity"].unique().to_list() == [0.8]
    assert told["cost"].sum() == 3.0 * given.figures["contacted"]


def test_without_a_webhook_in_the_study_nothing_is_pushed() -> None:
    with pytest.raises(StudyError, match=r"write \[webhook\]"):
        push_audience(_built(rate=0.4), None)


def test_what_was_given_away_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir(mode=0o755)
    export_id = record_export(_built(rate=0.4, at_most=1), tmp_path, at=AT, how="csv")
    modes = [
        (tmp_path / name).stat().st_mode & 0o777
        for name in ("exports", f"exports/{export_id}.parquet", "exports.jsonl")
    ]
    assert modes == [0o700, 0o600, 0o600]
