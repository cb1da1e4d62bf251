"""Each page, for each kind of project: it shows what the run holds, says what to do where there is
nothing, and never breaks. Expected figures are computed here from the run's own tables.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from tests.dashboard.pages import chart, charts, figures, show, tables, text

from holdfast.report import formatting
from holdfast.storage.runs import Registry

PAGES = (
    "overview",
    "customer",
    "segments",
    "plan",
    "campaigns",
    "recovery",
    "performance",
    "actions",
    "cohorts",
    "comparison",
    "health",
)
AT_RISK = ("At-Risk VIP", "Vulnerable", "Losing Customer")
PROJECTS = ("empty", "tiny", "snapshot", "log", pytest.param("large", marks=pytest.mark.slow))


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_every_kind_of_project(
    page: str, project: str, project_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show(page, project_of(project), monkeypatch)
    assert not shown.error
    assert len(shown.title) == 1
    if project == "empty":
        assert "No run is published yet." in text(shown)
        assert [code.value for code in shown.code] == ["holdfast run"]
    else:
        assert "scored as of" in text(shown)


def test_value_that_no_past_cutoff_could_prove_is_said_to_be_unproved(
    tiny_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("performance", tiny_project, monkeypatch, part="Value")
    assert "The value predictions could not be tested." in text(shown)


def test_nothing_left_out_offers_no_empty_table(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("health", log_project, monkeypatch)
    assert "No left-out rows to show" in text(shown)
    assert "nothing to list" not in text(shown)


def test_a_study_that_cannot_be_read_is_an_error_with_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("overview", tmp_path / "holdfast.toml", monkeypatch)
    assert "holdfast init" in shown.error[0].value


def _open(study: Path):  # type: ignore[no-untyped-def]
    return Registry(study.parent / "runs").open()


def test_a_customer_is_found_and_told_as_the_run_scored(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _open(log_project).scores.row(7, named=True)
    shown = show("customer", log_project, monkeypatch, customer=row["customer_id"])
    told = {metric.label: metric.value for metric in shown.metric}
    assert told["Churn probability"] == formatting.percent(row["churn_probability"])
    assert told["Segment"] == row["segment"]
    # Nothing is changed yet, so the run's own models give what was published.
    assert told["Churn probability, what if"] == told["Churn probability"]
    assert told["Expected revenue, what if"] == told["Expected revenue"]


def test_part_of_a_name_offers_customers_and_nonsense_says_what_to_do(
    snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = show("customer", snapshot_project, monkeypatch, customer="K00")
    matches = [button for button in offered.button if (button.key or "").startswith("pick-")]
    assert len(matches) == 8
    picked = matches[0].click().run()
    assert "Churn probability" in [metric.label for metric in picked.metric]
    assert "Type the beginning of a name" in text(
        show("customer", snapshot_project, monkeypatch, customer="zzz")
    )


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=1+1", "[x](https://example.com)"])
def test_a_name_that_is_markup_is_only_a_name(
    name: str, snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("customer", snapshot_project, monkeypatch, customer=name)
    assert "Churn probability" in [metric.label for metric in shown.metric]


def test_the_cost_slider_changes_what_is_invested_by_customers_times_cost(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _open(log_project)
    plan = run.table("recovery")
    n = plan.filter(pl.col("segment") == "At-Risk VIP")["customers"][0]
    shown = show("recovery", log_project, monkeypatch)
    cost = next(slider for slider in shown.slider if slider.key == "cost_at-risk_vip")
    moved = cost.set_value(cost.value + 2).run()
    invested = next(metric.value for metric in moved.metric if metric.label == "Invested (assumed)")
    assert invested == formatting.money(
        plan["invested"].sum() + 2 * n, run.summary["study"]["currency"]
    )


def test_every_figure_of_a_campaign_says_that_it_is_assumed(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("recovery", log_project, monkeypatch)
    assert {metric.label for metric in shown.metric} == {
        f"{name} (assumed)" for name in ("Invested", "Recovered", "Net", "ROI")
    }


def _table(study: Path, name: str) -> pl.DataFrame:
    """A table of the run as it lies on the disk."""
    return pl.read_parquet(_open(study).path / "tables" / f"{name}.parquet")


def _euro(amount: float) -> str:
    return formatting.money(amount, "EUR")


def test_the_overview_shows_how_many_what_is_at_stake_and_who_comes_first(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, scores = show("overview", log_project, monkeypatch), _table(log_project, "scores")
    leaving = scores.filter(pl.col("churn_probability") >= 0.5)
    share = formatting.percent(leaving.height / scores.height)
    money, held = (scores[name].sum() for name in ("expected_revenue", "at_stake"))
    assert figures(shown) == {
        "Customers": f"{scores.height:,}",
        "Likely to leave": share,
        "Expected revenue": _euro(money),
        "Revenue at stake": _euro(held),
    }
    lead = f"Of {scores.height:,} customers, {leaving.height:,} ({share}) are likely to leave"
    assert lead in text(shown)
    assert f"are expected to bring {_euro(money)} over the next" in text(shown)
    assert f"keeping all who have not left yet would add {_euro(held)}" in text(shown)
    top = scores.sort("expected_revenue", descending=True).head(scores.height // 10)
    tenth = formatting.percent(top["expected_revenue"].sum() / money, 0)
    assert f"A tenth of the customers accounts for {tenth} of the expected revenue" in text(shown)
    past = (
        _table(log_project, "predictions")
        .group_by("cutoff_day")
        .agg(pl.col("churn_probability").mean(), pl.col("churned").mean())
    )
    off = (past["churn_probability"] - past["churned"]).abs().mean()
    assert f"Predicted churn was {100 * off:.1f} points off actual churn" in text(shown)
    first = scores.sort("at_stake", descending=True).head(10)
    (rows,) = (rows for caption, rows in tables(shown).items() if "at stake" in caption)
    assert [row[0] for row in rows] == first["customer_id"].to_list()
    assert {row[0]: row[3] for row in rows} == {
        name: formatting.percent(risk, 0)
        for name, risk in first.select("customer_id", "churn_probability").iter_rows()
    }


def test_a_customers_page_shows_reasons_horizons_and_purchases_of_the_run(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _table(log_project, "purchases")["customer_id"][0]
    shown = show("customer", log_project, monkeypatch, customer=name)
    own = {
        table: _table(log_project, table).filter(customer_id=name)
        for table in ("scores", "reasons", "horizons", "purchases")
    }
    bars = [rows for title, rows in charts(shown).items() if " most: " in title]
    shown_effects = [row["contribution"] for marks in bars for row in marks[0]]
    effects = own["reasons"].sort("task", "rank")["contribution"].to_list()
    assert shown_effects == pytest.approx(effects)
    horizons = own["horizons"].drop_nulls("expected_revenue").sort("horizon_days")
    values = [row["text"] for row in chart(shown, "expected within")[0]]
    assert values == [_euro(value) for value in horizons["expected_revenue"]]
    days = chart(shown, "Last bought on")[0]
    assert [row["revenue"] for row in days] == own["purchases"]["revenue"].to_list()
    assert figures(shown)["Expected revenue"] == _euro(own["scores"]["expected_revenue"][0])


def test_the_segments_show_customers_and_revenue_of_each(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, scores = show("segments", log_project, monkeypatch), _table(log_project, "scores")
    by_segment = scores.group_by("segment").agg(pl.len(), pl.col("expected_revenue").sum())
    rows = tables(shown)["The six segments"]
    assert {row[0]: row[1:3] for row in rows} == {
        name: [f"{n:,}", _euro(money)] for name, n, money in by_segment.iter_rows()
    }
    cells = chart(shown, "high or very high risk")
    very_high = scores.filter(pl.col("churn_probability") >= 0.7, value_tier="high").height
    is_cell = {"value_tier": "high", "band": "very high"}.items()
    assert [row["n"] for row in cells[0] if is_cell <= row.items()] == [f"{very_high:,}"]
    riskiest = scores.filter(
        pl.col("segment").is_in(["At-Risk VIP", "Vulnerable", "Losing Customer"])
    )
    held = _euro(riskiest["expected_revenue"].sum())
    who = f"{riskiest.height:,} customers in the riskiest quarter of their value tier"
    assert f"{who} account for {held}" in text(shown)


def test_performance_shows_the_metrics_that_the_predictions_give(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = _table(log_project, "predictions").drop_nulls(["churned", "churn_probability"])
    shown = show("performance", log_project, monkeypatch)
    areas = [
        roc_auc_score(part["churned"], part["churn_probability"])
        for part in predictions.partition_by("cutoff_day")
    ]
    ranks = f"the model ranks the leaver higher in {100 * np.mean(areas):.0f} of 100 cases"
    assert ranks in text(shown)
    (caption,) = (name for name in tables(shown) if name.startswith("Churn"))
    (row,) = (row for row in tables(shown)[caption] if "ROC-AUC" in row)
    assert row[3].startswith(f"{areas[-1]:.3f} (")
    worst = predictions.with_columns(
        place=pl.col("churn_probability").rank("ordinal", descending=True).over("cutoff_day"),
        n=pl.len().over("cutoff_day"),
    ).filter(pl.col("place") - 1 < pl.col("n") / 10)
    left = formatting.percent(worst["churned"].mean(), 0)
    assert f"Of the riskiest tenth {left} left" in text(shown)

    value = show("performance", log_project, monkeypatch, part="Value")
    inside = pl.col("future_revenue").is_between("revenue_low_80", "revenue_high_80")
    came = _table(log_project, "predictions").drop_nulls(["future_revenue", "revenue_low_80"])
    held = formatting.percent(came.select(inside.mean()).item())
    assert f"Actual revenue was inside the 80% interval for {held} of customers" in text(value)

    reasons = show("performance", log_project, monkeypatch, part="Reasons")
    weights = _table(log_project, "importance").filter(task="churn")
    strongest = weights.sort("mean_abs_contribution", descending=True)["feature"][0]
    assert f"Who leaves depends most on {formatting.feature(strongest)}" in text(reasons)


def test_an_audience_is_the_customers_whose_campaign_pays(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("actions", log_project, monkeypatch, cost="5", rate="50", holdout="0")
    at_risk = pl.col("segment").is_in(AT_RISK)
    scores = _table(log_project, "scores").filter(at_risk, 0.4 * 0.5 * pl.col("at_stake") > 5)
    cards = figures(shown)
    assert (cards["Contacted"], cards["Held out"]) == (f"{scores.height:,}", "0")
    assert cards["Cost (assumed)"] == _euro(5.0 * scores.height)
    saves = 0.5 * float(scores["churn_probability"].sum())
    assert cards["Customers kept (assumed)"] == formatting.decimal(saves, 1)
    (rows,) = (rows for caption, rows in tables(shown).items() if caption.startswith("The first"))
    first = scores.sort("at_stake", descending=True).head(25)["customer_id"].to_list()
    assert [row[0] for row in rows] == first
    assert "Nobody is held out" in text(shown)


def test_cohorts_show_who_came_back_and_what_all_will_bring(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, cohorts = show("cohorts", log_project, monkeypatch), _table(log_project, "cohorts")
    latest = cohorts["cohort"].unique().sort().tail(18).to_list()
    at = cohorts.filter(pl.col("complete"), pl.col("cohort").is_in(latest), months_since=6)
    share = formatting.percent(at["active"].sum() / at["customers"].sum(), 0)
    forecast = _table(log_project, "forecast").filter(group_kind="company")
    total = _euro(float(forecast["expected_revenue"].sum()))
    days = forecast["days"].sum()
    assert f"{share} of customers buy in the sixth month" in text(shown)
    assert f"{total} expected in the next {days} days from today's customers" in text(shown)
    (totals,) = (rows for caption, rows in tables(shown).items() if "all customers" in caption)
    assert [row[1] for row in totals if row[0] == str(days)] == [total]
    rows = chart(shown, "sixth month")[0]
    later = cohorts.filter(pl.col("months_since") > 0)
    assert {(row["cohort"], row["months_since"]): row["active"] for row in rows}.items() <= {
        (cohort, month): active
        for cohort, month, active in later.select("cohort", "months_since", "active").iter_rows()
    }.items()


def test_data_health_shows_what_was_read_and_every_week_of_it(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, days = show("health", log_project, monkeypatch), _table(log_project, "days")
    rows = _open(log_project).summary["rows"]
    assert f"{rows['read']:,} rows read = {rows['accepted']:,} accepted" in text(shown)
    mapped = {row[0]: row[1] for row in tables(shown)["The contract: columns of the source"]}
    assert mapped["customer_id"] == "customer_id"
    weeks = max(chart(shown, "Shaded: two days or more"), key=len)
    drawn = [row["purchases"] for row in weeks]
    whole = days.sort("day").head(days.height // 7 * 7)["purchases"].to_numpy().reshape(-1, 7)
    assert drawn == whole.sum(axis=1).tolist()
    counts = tables(shown)["What the answers need"]
    assert f"{days.height:,}" in {cell for row in counts for cell in row}
