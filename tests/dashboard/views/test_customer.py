"""Customer lookup: one customer as scored, their own orders, and what would change the answer."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import chart, figures, show, tables, text

from holdfast.dashboard.views import customer
from holdfast.report import formatting
from holdfast.serving.customer_search import read_scores
from holdfast.serving.day_effects import CustomerDays
from holdfast.storage.runs import Registry
from holdfast.windows import date_of


def test_a_customer_is_shown_as_scored(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = read_scores(Registry(older_runs / "log" / "runs").open())
    score = scores.filter(customer_id="C05").row(0, named=True)
    shown = show("customer", older_runs / "log" / "holdfast.toml", monkeypatch, customer="C05")
    assert figures(shown) == {
        "Churn probability": formatting.percent(score["churn_probability"]),
        "Expected revenue": formatting.money(score["expected_revenue"], "USD"),
        "Segment": score["segment"],
        "Revenue at stake": formatting.money(score["at_stake"], "USD"),
        "Churn probability, what if": formatting.percent(score["churn_probability"]),
        "Expected revenue, what if": formatting.money(score["expected_revenue"], "USD"),
        "Segment, what if": score["segment"],
    }


def test_the_latest_purchases_are_the_customers_own(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = pl.read_csv(older_runs / "log" / "orders.csv", try_parse_dates=True)
    mine = orders.filter(customer_id="C05").sort("day", descending=True)
    shown = show("customer", older_runs / "log" / "holdfast.toml", monkeypatch, customer="C05")
    assert tables(shown)["Latest purchases"] == [
        [f"{day.day} {day:%b %Y}", formatting.money(amount, "USD")]
        for day, amount in mine.select("day", "amount").iter_rows()
    ]
    assert "Last bought on 25 Mar 2024, 186 days before scoring" in text(shown)
    assert "Triangle" not in text(shown)


def test_where_a_network_reads_the_days_each_says_what_it_makes_of_leaving(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [
        {"date": "2024-03-25", "against_usual": 0.4, "sentence": "the last order was small"},
        {"date": "2024-03-24", "against_usual": -0.1, "sentence": "on 24 March: 3 visits"},
    ]
    monkeypatch.setattr(customer, "tell_days", lambda *_: CustomerDays(days=days))
    shown = show("customer", older_runs / "log" / "holdfast.toml", monkeypatch, customer="C05")
    rows = tables(shown)["Latest days, and what each makes of leaving"]
    assert [rows[0][0], rows[0][2]] == ["25 Mar 2024", "much likelier"]
    assert ["24 Mar 2024", "$0", "less likely"] in rows
    drawn = [row for each in chart(shown, "Last bought on 25 Mar") for row in each]
    assert {"much likelier", "less likely"} <= {row.get("makes_leaving") for row in drawn}
    assert "the last order was small, which raises the risk" in text(shown)
    assert "Triangle up: the day makes leaving likelier" in text(shown)


def test_what_does_not_follow_a_change_is_said_where_changes_are_made(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "log" / "holdfast.toml"
    assert "does not follow" not in text(show("customer", study, monkeypatch, customer="C05"))
    monkeypatch.setattr(customer, "tell_what_stays", lambda _: "40% does not follow the change")
    shown = show("customer", study, monkeypatch, customer="C05")
    assert "40% does not follow the change." in text(shown)


def test_a_lever_changes_the_answer_and_shows_by_how_much(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("customer", study, monkeypatch, customer="C02")
    before = figures(shown)
    lever = next(slider for slider in shown.slider if slider.key == "if_n_orders")
    assert lever.value == 1
    after = lever.set_value(lever.max).run()
    changed = figures(after)
    assert changed["Churn probability"] == before["Churn probability"]
    low, high = (
        float(each["Churn probability, what if"].rstrip("%")) for each in (changed, before)
    )
    assert low < high
    (delta,) = (m.delta for m in after.metric if m.label == "Churn probability, what if")
    assert float(delta.removesuffix(" points")) == pytest.approx(low - high, abs=0.11)


def test_a_customer_who_is_not_eligible_gets_the_reason(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Registry(log_project.parent / "runs").open().table("unscored").row(0, named=True)
    shown = show("customer", log_project, monkeypatch, customer=row["customer_id"])
    (said,) = (each.value for each in shown.info)
    assert "has no prediction" in said
    assert f"last bought {date_of(row['last_purchase_day'])}, outside" in said.replace("\\", "")
    assert [button for button in shown.button if str(button.key).startswith("pick-")] == []


def test_a_random_customer_is_one_whom_the_filter_leaves(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("customer", study, monkeypatch, segment="At-Risk VIP")
    (button,) = (button for button in shown.button if button.label == "Random customer")
    assert figures(button.click().run())["Segment"] == "At-Risk VIP"


def test_those_with_the_most_at_stake_are_offered_first(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = read_scores(Registry(older_runs / "snapshot" / "runs").open())
    shown = show("customer", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    offered = [button.key for button in shown.button if str(button.key).startswith("pick-")]
    first = scores.sort("at_stake", descending=True).head(8)["customer_id"]
    assert offered == [f"pick-{name}" for name in first]
