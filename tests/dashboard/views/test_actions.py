"""The action centre: an audience by rule, its sums, and the record of what was given away."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, show, tables, text

from holdfast.campaigns.audience import read_exports
from holdfast.report import formatting
from holdfast.storage.runs import Registry
from holdfast.study import AT_RISK_SEGMENTS

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
    assert told["Expected saves (assumed)"] == formatting.decimal(saves, 1)
    assert "this campaign can never be measured" in text(shown)


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
    (rows,) = tables(shown).values()
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
    assert [button.label for button in shown.button] == []
    assert len(shown.get("download_button")) == 0
    allowed = show("actions", study, monkeypatch, **EVERYONE)
    assert [button.label for button in allowed.button] == ["Push to the webhook"]
    assert len(allowed.get("download_button")) == 2


def test_a_push_that_stops_is_recorded_as_far_as_it_came(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    with study.open("a", encoding="utf-8") as handle:
        handle.write('\n[webhook]\nurl = "https://crm.example.com/in"\n')
    monkeypatch.setattr("holdfast.io.webhook.BATCH", 4)
    answers = iter(["", "", "answered with HTTP 503"])
    monkeypatch.setattr("holdfast.io.webhook._post", lambda *_, **__: next(answers))
    shown = show("actions", study, monkeypatch, **EVERYONE).button(key="push").click().run()
    assert "2 of 3 batches were accepted" in text(shown)
    (entry,) = read_exports(study.parent)
    assert (entry["batches"], entry["figures"]["contacted"]) == ("2 of 3", 8)


def test_before_the_first_export_there_is_no_record(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("actions", older_runs / "snapshot" / "holdfast.toml", monkeypatch, cost="1")
    assert "Nothing has been exported yet." in text(shown)
    assert "No webhook: the study names none under [webhook]." in text(shown)
