"""Model performance: what was predicted before, and what happened."""

from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from tests.dashboard.pages import show, tables, text

from holdfast.storage.runs import Registry


def test_the_ranking_is_that_of_the_predictions(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    churn = run.table("predictions").drop_nulls("churned")
    shown = show("performance", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = [row for row in tables(shown)["Ranking of leavers"] if row[1] == "Model"]
    assert len(listed) == churn["cutoff_day"].n_unique()
    last = churn.filter(pl.col("cutoff_day") == churn["cutoff_day"].max())
    assert listed[-1][0] == "28 Aug 2024"
    assert listed[-1][-2:] == [
        f"{roc_auc_score(last['churned'], last['churn_probability']):.3f}",
        f"{average_precision_score(last['churned'], last['churn_probability']):.3f}",
    ]


def test_past_cutoffs_show_what_was_predicted_and_who_left(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    churn = run.table("predictions").drop_nulls("churned")
    shown = show("performance", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = tables(shown)["Past cutoffs"]
    cutoffs = churn.sort("cutoff_day").partition_by("cutoff_day")
    for row, mine in zip(listed, cutoffs, strict=True):
        assert row[1:4] == [
            str(mine.height),
            f"{mine['churn_probability'].mean():.1%}",
            f"{mine['churned'].cast(pl.Float64).mean():.1%}",
        ]


def test_every_finding_is_told_with_its_evidence_meaning_and_fix(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Registry(older_runs / "log" / "runs").open().summary["findings"]
    study = older_runs / "log" / "holdfast.toml"
    said = text(show("performance", study, monkeypatch, part="Findings"))
    assert said.count("Evidence: ") == len(findings) == 13
    for finding in findings:
        title = finding["name"].replace("-", " ").capitalize()
        assert f"**{finding['severity'].capitalize()}: {title}**" in said
        assert finding["fix"][1:] in said


def test_a_snapshot_says_that_it_could_not_be_proved_on_later_time(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    said = text(show("performance", study, monkeypatch))
    assert "Measured on 20% of the customers, held out from learning" in said
    compared = show("performance", study, monkeypatch, part="Compared")
    assert "No other algorithm was tried in this run." in text(compared)


def test_whether_the_run_still_holds_is_told_with_what_is_expected(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Registry(simulated_shop / "runs").open().table("expected")
    study = simulated_shop / "holdfast.toml"
    shown = show("performance", study, monkeypatch, part="Does it still hold?")
    assert not shown.error
    assert "No outcome of an earlier published run is known yet." in text(shown)
    rows = [row for name, rows in tables(shown).items() if "To be expected" in name for row in rows]
    assert [row[0] for row in rows] == [str(days) for days in expected["horizon_days"]]


def test_a_run_older_than_monitoring_says_so(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "log" / "holdfast.toml"
    shown = show("performance", study, monkeypatch, part="Does it still hold?")
    assert "This run was not monitored." in text(shown)
