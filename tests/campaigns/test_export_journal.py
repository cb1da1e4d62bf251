"""The export journal: what is kept of an audience that was saved or given away, and when."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.campaigns.audiences import LOG, SCORES, STUDY, build

from holdfast.campaigns.audience import Rule, build_audience, keep_first_contacts
from holdfast.campaigns.export_journal import (
    find_resting,
    list_treatments,
    push_audience,
    record_export,
    record_hold_out,
    save_audience,
    saved_rules,
    withdraw_exports,
)
from holdfast.errors import HoldfastError, InputError, MachineError, StudyError
from holdfast.storage import audit_log
from holdfast.storage.export_records import campaign_of, read_exports, sent_exports
from holdfast.study import Study, Webhook
from holdfast.windows import day_of

AT = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)
TARGET = Webhook(url="https://crm.example.com/in")


def _crowd(n: int) -> pl.DataFrame:
    return SCORES.sample(n, with_replacement=True, seed=1).with_columns(
        customer_id=pl.format("c{}", pl.int_range(n))
    )


def test_every_export_is_kept_with_rule_run_and_both_arms(tmp_path: Path) -> None:
    given = build_audience(_crowd(300), Rule(rate=0.4, holdout_share=0.5), run_id="r1", study=STUDY)
    first, second = (
        record_export(given, tmp_path, at=AT.replace(minute=m), how=how)
        for m, how in ((1, "csv"), (2, "parquet"))
    )
    latest, earlier = read_exports(tmp_path)
    assert (earlier["export_id"], latest["export_id"]) == (first, second)
    assert (latest["how"], latest["run_id"], latest["rule"]["rate"], latest["day"]) == (
        "parquet",
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


def _receiver(
    monkeypatch: pytest.MonkeyPatch, *answers: str, look: Callable[[], None] = lambda: None
) -> None:
    """A webhook that takes four customers a request and answers so; `look` is called before."""
    waiting = iter(answers)

    def post(*_: Any, **__: Any) -> str:
        look()
        if trouble := next(waiting):
            raise HoldfastError(trouble)
        return "accepted"

    monkeypatch.setattr("holdfast.io.webhook.BATCH", 4)
    monkeypatch.setattr("holdfast.io.webhook.post_json", post)


def _whats(project: Path) -> list[str]:
    return [entry["what"] for entry in audit_log.entries(project)]


def test_a_push_is_recorded_before_its_first_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, Any]] = []

    def look() -> None:
        (entry,) = read_exports(tmp_path)
        kept = pl.read_parquet(tmp_path / "exports" / f"{entry['export_id']}.parquet")
        seen.append({"whats": _whats(tmp_path), "rows": kept.height, **entry})

    _receiver(monkeypatch, "", look=look)
    assert push_audience(build(rate=0.4), TARGET, tmp_path, at=AT) == 1
    assert [(each["whats"], each["rows"], each["batches"]) for each in seen] == [
        (["push"], 4, "not finished")
    ]
    (entry,) = read_exports(tmp_path)
    assert "batches" not in entry
    assert (entry["how"], entry["figures"]["contacted"]) == ("webhook", 4)


def test_a_push_that_the_receiver_stops_is_recorded_as_far_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _receiver(monkeypatch, "", "", "answered with HTTP 503")
    rule = Rule(rate=0.4, holdout_share=0.5, at_most=10)
    given = build_audience(_crowd(100), rule, run_id="r1", study=STUDY)
    with pytest.raises(HoldfastError, match="503"):
        push_audience(given, TARGET, tmp_path, at=AT)
    (entry,) = read_exports(tmp_path)
    assert (entry["batches"], entry["figures"]["contacted"]) == ("2 of 3", 8)
    kept = pl.read_parquet(tmp_path / "exports" / f"{entry['export_id']}.parquet")
    assert (kept["treated"].sum(), (~kept["treated"]).sum()) == (8, entry["figures"]["held_out"])
    assert _whats(tmp_path) == ["push", "push failed"]


def test_a_push_that_nobody_took_contacted_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _receiver(monkeypatch, "answered with HTTP 503")
    with pytest.raises(HoldfastError, match="503"):
        push_audience(build(rate=0.4), TARGET, tmp_path, at=AT)
    (entry,) = read_exports(tmp_path)
    assert (entry["batches"], entry["figures"]["contacted"]) == ("0 of 1", 0)
    assert list((tmp_path / "exports").iterdir()) == []
    assert find_resting(tmp_path, day=day_of(AT.date()), rest_days=10) == []


def test_what_cannot_be_recorded_is_not_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post(*_: Any, **__: Any) -> str:
        raise AssertionError("a request was sent")

    monkeypatch.setattr("holdfast.io.webhook.post_json", post)
    (tmp_path / "exports").write_text("no folder", encoding="utf-8")
    with pytest.raises(HoldfastError, match="exports cannot be written"):
        push_audience(build(rate=0.4), TARGET, tmp_path, at=AT)


def test_nobody_held_out_is_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def push(_: Webhook, head: Mapping[str, Any], rows: list[dict[str, Any]]) -> int:
        sent.extend(row["customer_id"] for row in rows)
        return 1

    monkeypatch.setattr("holdfast.io.webhook.push", push)
    study = Study.from_dict({**LOG, "campaigns": {"global_holdout": 0.3}})
    given = build_audience(_crowd(200), Rule(rate=0.4, holdout_share=0.4), run_id="r1", study=study)
    push_audience(given, TARGET, tmp_path, at=AT)
    assert sent == given.contacts["customer_id"].to_list()
    assert not set(sent) & set(given.held_out["customer_id"])


def test_those_held_out_of_every_campaign_are_in_no_comparison_of_one() -> None:
    study = Study.from_dict({**LOG, "campaigns": {"global_holdout": 0.3}})
    given = build_audience(_crowd(200), Rule(rate=0.4), run_id="r1", study=study)
    of_all = given.customers.filter(arm="global hold-out")["customer_id"]
    treated = list_treatments(given, at=AT, campaign="spring")
    assert of_all.len() > 20
    assert not set(of_all) & set(treated["customer_id"])
    assert treated.height == given.customers.height - of_all.len()


def test_the_list_of_those_held_out_leaves_a_line_in_the_audit_log(tmp_path: Path) -> None:
    given = build_audience(_crowd(300), Rule(rate=0.4), run_id="r1", study=STUDY)
    record_hold_out(given, tmp_path, who="operator")
    (entry,) = audit_log.entries(tmp_path)
    assert (entry["who"], entry["held_out"]) == ("operator", given.figures["held_out"])


def test_an_audience_is_opened_again_by_its_name_as_it_was_last_kept(tmp_path: Path) -> None:
    first = build(name="spring", rate=0.4, budget=100.0, cost=1.0)
    second = build(name="autumn", rate=0.2, excluded=("ann",))
    save_audience(first, tmp_path, at=AT)
    record_export(second, tmp_path, at=AT.replace(minute=40), how="csv")
    changed = build(name="spring", rate=0.5)
    save_audience(changed, tmp_path, at=AT.replace(minute=50))
    rules = saved_rules(tmp_path)
    assert list(rules) == ["spring", "autumn"]
    assert (rules["spring"], rules["autumn"]) == (changed.rule, second.rule)
    # What is only saved was given to nobody.
    assert [entry["how"] for entry in read_exports(tmp_path)] == ["csv"]
    assert find_resting(tmp_path, day=day_of(AT.date()), rest_days=5) == ["bob", "dot", "eve"]


def test_an_audience_without_a_name_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no name"):
        save_audience(build(rate=0.4), tmp_path, at=AT)


def test_the_treatments_of_a_named_audience_carry_its_name(tmp_path: Path) -> None:
    export_id = record_export(build(name="spring", rate=0.4), tmp_path, at=AT, how="csv")
    kept = pl.read_parquet(tmp_path / "exports" / f"{export_id}.parquet")
    assert kept["campaign"].unique().to_list() == ["spring"]


@pytest.mark.parametrize("kib", [8, 40])
def test_an_export_that_the_disk_has_no_room_for_leaves_no_half_of_it(
    kib: int, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(kib)
    given = build_audience(_crowd(20_000), Rule(rate=0.4), run_id="r1", study=STUDY)
    with pytest.raises(MachineError, match="the disk is full"):
        record_export(given, disk, at=AT, how="csv")
    files = {path.name for path in disk.rglob("*") if path.is_file()}
    assert files <= {"exports.jsonl", "audit.jsonl", "audit.end", ".audit.lock"}
    assert read_exports(disk) == []


def test_who_was_exported_lately_can_be_left_alone(tmp_path: Path) -> None:
    record_export(build(rate=0.4, at_most=1), tmp_path, at=AT, how="csv")
    today = day_of(AT.date())
    assert find_resting(tmp_path, day=today + 9, rest_days=10) == ["ann"]
    assert find_resting(tmp_path, day=today + 10, rest_days=10) == []
    assert find_resting(tmp_path, day=today, rest_days=0) == []
    tired = build_audience(
        SCORES, Rule(rate=0.4, holdout_share=0), run_id="r1", study=STUDY, resting=["ann"]
    )
    assert tired.customers["customer_id"].to_list() == ["eve", "bob", "dot"]


def test_treatments_say_what_was_done_at_what_cost() -> None:
    given = build_audience(
        _crowd(100), Rule(cost=3, rate=0.4, holdout_share=0.2), run_id="r1", study=STUDY
    )
    treatments = list_treatments(given, at=AT, campaign="spring")
    assert treatments["propensity"].unique().to_list() == [0.8]
    assert treatments["cost"].sum() == 3.0 * given.figures["contacted"]


def test_without_a_webhook_in_the_study_nothing_is_pushed(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"write \[webhook\]"):
        push_audience(build(rate=0.4), None, tmp_path, at=AT)
    assert list(tmp_path.iterdir()) == []


def test_what_was_given_away_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir(mode=0o755)
    export_id = record_export(build(rate=0.4, at_most=1), tmp_path, at=AT, how="csv")
    modes = [
        (tmp_path / name).stat().st_mode & 0o777
        for name in ("exports", f"exports/{export_id}.parquet", "exports.jsonl")
    ]
    assert modes == [0o700, 0o600, 0o600]


def test_a_named_audience_is_another_campaign_on_another_day(tmp_path: Path) -> None:
    # The windows differ, and who is held out does not.
    given = build(name="spring", rate=0.4)
    for at, how in ((AT, "csv"), (AT.replace(minute=31), "parquet"), (AT.replace(day=2), "csv")):
        record_export(given, tmp_path, at=at, how=how)
    campaigns = [entry["campaign"] for entry in sent_exports(tmp_path)]
    assert campaigns == ["spring 2024-07-02", "spring", "spring"]
    unnamed = build(rate=0.4)
    record_export(unnamed, tmp_path, at=AT.replace(hour=11), how="csv")
    assert sent_exports(tmp_path)[0]["campaign"] == f"2024-07-01 {unnamed.rule.fingerprint}"


def test_an_export_that_never_went_out_is_withdrawn_and_stays_on_record(tmp_path: Path) -> None:
    given = build(name="spring", rate=0.4)
    for minute, how in ((30, "csv"), (31, "parquet")):
        record_export(given, tmp_path, at=AT.replace(minute=minute), how=how)
    record_export(build(name="autumn", rate=0.2), tmp_path, at=AT, how="csv")
    with pytest.raises(InputError, match="'sprang'") as refused:
        withdraw_exports(tmp_path, "sprang", at=AT)
    assert "spring" in refused.value.fix
    assert len(withdraw_exports(tmp_path, "spring", at=AT, who="operator")) == 2
    assert [campaign_of(entry) for entry in sent_exports(tmp_path)] == ["autumn"]
    withdrawn = [entry for entry in read_exports(tmp_path) if "withdrawn_at" in entry]
    assert [entry["how"] for entry in withdrawn] == ["parquet", "csv"]
    log = audit_log.entries(tmp_path)[-1]
    assert (log["what"], log["who"], log["campaign"]) == ("withdraw", "operator", "spring")
    # Who never got it needs no rest from it.
    today = day_of(AT.date())
    assert find_resting(tmp_path, day=today, rest_days=5) == ["ann", "bob", "dot", "eve"]
    (entry,) = sent_exports(tmp_path)
    withdraw_exports(tmp_path, entry["export_id"], at=AT)
    assert find_resting(tmp_path, day=today, rest_days=5) == []
    with pytest.raises(InputError, match="nothing is recorded that could be withdrawn"):
        withdraw_exports(tmp_path, "spring", at=AT)
