"""The action centre: an audience by rule, its sums, and the record of what was given away."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, show, tables, text

from holdfast.campaigns.audience import Audience, Rule, build_audience
from holdfast.campaigns.export_journal import (
    CampaignList,
    recording,
    saved_rules,
    withdraw_exports,
)
from holdfast.dashboard.exporting import Giver
from holdfast.dashboard.run_view import RunView
from holdfast.dashboard.views import actions
from holdfast.errors import HoldfastError
from holdfast.report import formatting
from holdfast.serving.customer_search import read_scores
from holdfast.storage import audit_log
from holdfast.storage.export_records import read_exports
from holdfast.storage.runs import Registry
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study

AT = datetime(2024, 7, 1, tzinfo=UTC)
EVERYONE = {"pays": "false", "holdout": "0"}


def test_without_limits_everyone_at_risk_is_contacted_at_the_cost_of_the_terms(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    # One customer's expected revenue is below 0, and the rule asks for 0 or more.
    risky = scores.filter(
        pl.col("segment").cast(pl.String).is_in(AT_RISK_SEGMENTS)
        & (pl.col("expected_revenue") >= 0)
    )
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("actions", study, monkeypatch, cost="10", rate="20", **EVERYONE)
    told = figures(shown)
    assert told["Contacted"] == str(risky.height) == "11"
    assert told["Held out"] == "0"
    assert told["Cost (assumed)"] == "$110"
    # A customer is saved who would have left (churn probability) and is won back (rate).
    saves = 0.2 * risky["churn_probability"].sum()
    assert told["Customers kept (assumed)"] == formatting.decimal(saves, 1)
    assert "this campaign can never be measured" in text(shown)


def test_everyone_counts_as_lost_where_the_study_says_so(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    lost = show("actions", study, monkeypatch, cost="10", rate="20", **EVERYONE)
    assert lost.toggle(key="everyone").value is False
    told = figures(lost.toggle(key="everyone").set_value(True).run())
    # A fifth of all 11, whatever their churn probability.
    assert told["Customers kept (assumed)"] == "2.2"
    everyone = Recovery(cost=1, rate=0.1, of="everyone")
    terms = dict.fromkeys(AT_RISK_SEGMENTS, everyone)
    given = actions.campaigns_of
    monkeypatch.setattr(
        actions, "campaigns_of", lambda s: given(s.model_copy(update={"recovery": terms}))
    )
    assert show("actions", study, monkeypatch).toggle(key="everyone").value is True


def test_a_list_of_the_command_line_stands_among_the_exports(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = older_runs / "snapshot"
    ids = Registry(project / "runs").open().scores.select("customer_id")
    arms = ids.with_columns(treated=True, propensity=0.9, offer=pl.lit("mail"), cost=pl.lit(1.0))
    listed = CampaignList(campaign="spring", made_by="plan", run_id="r", arms=arms)
    with recording(listed, project, at=AT, how="csv"):
        pass
    withdraw_exports(project, "spring", at=AT)
    rows = tables(show("actions", project / "holdfast.toml", monkeypatch))
    (exports,) = (cells for caption, cells in rows.items() if "from exports.jsonl" in caption)
    assert "csv, withdrawn" in exports[0]
    assert "spring: a list of the command line" in exports[0]


def test_a_budget_stops_where_it_is_spent(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    told = figures(show("actions", study, monkeypatch, cost="10", budget="35", **EVERYONE))
    assert (told["Contacted"], told["Cost (assumed)"]) == ("3", "$30")


def test_a_rule_that_nobody_meets_says_what_to_loosen(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("actions", study, monkeypatch, revenue="1000000")
    assert figures(shown) == {}
    assert "Nobody is in this audience." in text(shown)
    assert "0 customers match before the limits." in text(shown)


def test_who_is_named_is_left_out(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("actions", study, monkeypatch, **EVERYONE)
    (rows,) = (rows for caption, rows in tables(shown).items() if "The first" in caption)
    first = rows[0][0]
    without = shown.text_area(key="out").set_value(f"{first}\n").run()
    assert figures(without)["Contacted"] == "10"
    assert first not in [row[0] for row in next(iter(tables(without).values()))]


@pytest.mark.parametrize("role", ["reader", None])
def test_a_reader_sees_the_audience_and_has_nothing_to_give_it_away_with(
    role: str | None, older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    with study.open("a", encoding="utf-8") as handle:
        handle.write('\n[webhook]\nurl = "https://crm.example.com/in"\n')
    shown = show("actions", study, monkeypatch, role=role, **EVERYONE)
    assert figures(shown)["Contacted"] == "11"
    assert "You may not export." in text(shown)
    assert [button.key for button in shown.button if button.key] == []
    assert len(shown.get("download_button")) == 0
    allowed = show("actions", study, monkeypatch, **EVERYONE)
    assert [button.key for button in allowed.button if button.key] == ["save", "push"]
    assert len(allowed.get("download_button")) == 3


def test_a_push_that_stops_is_recorded_as_far_as_it_came(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    with study.open("a", encoding="utf-8") as handle:
        handle.write('\n[webhook]\nurl = "https://crm.example.com/in"\n')
    monkeypatch.setattr("holdfast.io.webhook.BATCH", 4)
    answers = iter(["", "", "answered with HTTP 503"])

    def post(*_: object, **__: object) -> str:
        if trouble := next(answers):
            raise HoldfastError(trouble)
        return "accepted"

    monkeypatch.setattr("holdfast.io.webhook.post_json", post)
    shown = show("actions", study, monkeypatch, **EVERYONE).button(key="push").click().run()
    assert "2 of 3 batches were accepted" in text(shown)
    (entry,) = read_exports(study.parent)
    assert (entry["batches"], entry["figures"]["contacted"]) == ("2 of 3", 8)


def test_a_saved_audience_is_opened_again_with_every_field(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    wanted = {"cost": "10", "rate": "20", "budget": "35", "risk": "5", **EVERYONE}
    first = show("actions", study, monkeypatch, name="spring", **wanted)
    first.text_area(key="out").set_value("C05").run()
    assert first.button(key="save").label == "Save as spring"
    first.button(key="save").click().run()
    assert read_exports(study.parent) == []
    again = show("actions", study, monkeypatch)
    assert figures(again) != figures(first)
    again.selectbox(key="saved").set_value("spring").run()
    assert figures(again) == figures(first)
    assert again.text_area(key="out").value == "C05"
    assert again.button(key="save").label == "Save as spring"


def test_without_a_name_nothing_is_saved_and_without_a_saved_one_none_is_offered(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("actions", older_runs / "snapshot" / "holdfast.toml", monkeypatch, **EVERYONE)
    assert shown.button(key="save").disabled
    assert [box.key for box in shown.selectbox if box.key == "saved"] == []


def test_who_may_not_be_contacted_is_left_out_and_counted_with_the_reason(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    unknown = show("actions", study, monkeypatch, **EVERYONE)
    assert "This run does not know who may be contacted" in text(unknown)
    scores = Registry(study.parent / "runs").open().scores
    named = pl.col("segment").cast(pl.String).is_in(AT_RISK_SEGMENTS).cum_sum().is_in([1, 2])
    refused = scores.select("customer_id", may_contact=~named).with_columns(
        why_not=pl.when("may_contact").then(None).otherwise(pl.lit("no consent"))
    )
    table = RunView.table
    monkeypatch.setattr(
        RunView, "table", lambda run, name: refused if name == "permissions" else table(run, name)
    )
    shown = show("actions", study, monkeypatch, **EVERYONE)
    n = int(figures(unknown)["Contacted"]) - int(figures(shown)["Contacted"])
    assert n > 0
    assert f"may not be contacted and are left out: {n} no consent." in text(shown)


def test_the_global_hold_out_is_the_studys_of_today_and_is_said(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    before = int(figures(show("actions", study, monkeypatch, **EVERYONE))["Contacted"])
    with study.open("a", encoding="utf-8") as handle:
        handle.write("\n[campaigns]\nglobal_holdout = 0.5\n")
    shown = show("actions", study, monkeypatch, **EVERYONE)
    held = before - int(figures(shown)["Contacted"])
    assert 0 < held < before
    assert f"{held} are held out of every campaign." in text(shown)


def _audience(project: Path) -> Audience:
    run = Registry(project / "runs").open()
    rule = Rule(holdout_share=0.4, only_paying=False)
    study = Study.from_toml(project / "holdfast.toml")
    return build_audience(read_scores(run), rule, run_id=run.run_id, study=study)


def _giver(project: Path) -> Giver:
    registry = Registry(project / "runs")
    return Giver(run=RunView(registry.open(), registry), project=project, who="operator")


def _column(content: bytes, name: str) -> list[str]:
    return [row[name] for row in csv.DictReader(io.StringIO(content.decode()))]


def test_contacts_and_hold_out_are_two_files_and_both_are_recorded(older_runs: Path) -> None:
    project = older_runs / "snapshot"
    audience = _audience(project)
    giver = _giver(project)
    contacts, held_out = giver.contacts(audience, "csv"), giver.write_held_out(audience)
    assert _column(contacts, "customer_id") == audience.contacts["customer_id"].to_list()
    assert b"arm" not in contacts.splitlines()[0]
    assert _column(held_out, "customer_id") == audience.held_out["customer_id"].to_list()
    assert set(_column(held_out, "arm")) == {"hold out"}
    assert [entry["what"] for entry in audit_log.entries(project)] == [
        "export",
        "export of a hold-out",
    ]
    (entry,) = read_exports(project)
    assert (entry["how"], entry["run_id"]) == ("csv", audience.run_id)


def test_what_cannot_be_recorded_is_no_file(older_runs: Path) -> None:
    project = older_runs / "snapshot"
    (project / "exports.jsonl").mkdir()
    with pytest.raises(HoldfastError, match="cannot be written"):
        _giver(project).contacts(_audience(project), "csv")
    assert [entry["what"] for entry in audit_log.entries(project)] == ["export", "export failed"]
    assert list((project / "exports").iterdir()) == []


def test_before_the_first_export_there_is_no_record(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("actions", older_runs / "snapshot" / "holdfast.toml", monkeypatch, cost="1")
    assert "Nothing has been exported yet." in text(shown)
    assert "No webhook: the study names none under [webhook]." in text(shown)


def test_two_saved_audiences_are_compared_customer_by_customer(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    terms = {"cost": "10", "rate": "20", **EVERYONE}
    for name, segments in (("all", None), ("vips", ["At-Risk VIP"])):
        shown = show("actions", study, monkeypatch, name=name, **terms)
        if segments:
            shown.multiselect(key="segments").set_value(segments).run()
        shown.button(key="save").click().run()
    shown = show("actions", study, monkeypatch, first="all", second="vips")
    scores = Registry(study.parent / "runs").open().scores
    paid = scores.filter(pl.col("expected_revenue") >= 0)
    vips = paid.filter(segment="At-Risk VIP").height
    told = figures(shown)
    assert told["Contacted in both"] == str(vips)
    assert told["Only in all"] == str(11 - vips)
    assert told["Only in vips"] == "0"
    rows = {row[0]: row for row in tables(shown)["Expected results"]}
    assert rows["all"][3] == "$110"
    assert rows["vips"][3] == f"${10 * vips}"


def test_an_exported_list_says_why_what_to_do_and_rounds_amounts(older_runs: Path) -> None:
    project = older_runs / "snapshot"
    content = _giver(project).contacts(_audience(project), "csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    actions_of = Study.from_toml(project / "holdfast.toml").actions
    assert [row["action"] for row in rows] == [actions_of[row["segment"]][0] for row in rows]
    assert all("\n" not in row["why"] for row in rows)
    assert any(row["why"] for row in rows)
    assert all(len(row["at_stake"].partition(".")[2]) <= 2 for row in rows)


def test_a_filtered_audience_is_recorded_with_its_filter_and_opened_with_it(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    plan = pl.read_csv(study.parent / "customers.csv")["plan"].mode()[0]
    first = show("actions", study, monkeypatch, name="some", in_plan=plan, **EVERYONE)
    everybody = show("actions", study, monkeypatch, **EVERYONE)
    assert int(figures(first)["Contacted"]) < int(figures(everybody)["Contacted"])
    first.button(key="save").click().run()
    rule = saved_rules(study.parent)["some"]
    assert rule.where == (("in_plan", (plan,)),)
    again = show("actions", study, monkeypatch)
    again.selectbox(key="saved").set_value("some").run()
    assert figures(again) == figures(first)


def test_files_are_laid_out_for_the_receiver_that_is_chosen_without_whom_it_cannot_reach(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    out = scores.filter(pl.col("segment").cast(pl.String).is_in(AT_RISK_SEGMENTS))
    unknown = out.filter(pl.col("expected_revenue") >= 0)["customer_id"][0]
    email = pl.when(pl.col("customer_id") != unknown).then(pl.format("{}@x.de", "customer_id"))
    addresses = scores.select("customer_id", email=email, phone=pl.lit(None, pl.String))
    table = RunView.table
    monkeypatch.setattr("holdfast.decisions.list_formats.read_table", lambda *_: addresses)
    monkeypatch.setattr(
        RunView, "table", lambda run, name: addresses if name == "addresses" else table(run, name)
    )
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("actions", study, monkeypatch, cost="10", rate="20", **EVERYONE)
    labels = [button.proto.label for button in shown.get("download_button")]
    assert labels[:2] == ["Contacts, 11 (CSV)", "Contacts, 11 (Parquet)"]
    shown.selectbox(key="download-for").select_index(1).run()
    labels = [button.proto.label for button in shown.get("download_button")]
    assert labels == ["Contacts, 10 (CSV)", "Hold-out list, 0 (CSV)"]
    assert "1 customer with no email or phone that can be used left out." in text(shown)
