"""The summary on a terminal says nothing of money where nothing is known of it."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from holdfast.cli.run import print_summary
from holdfast.report.formatting import MINUS


def printed(channels: list[dict[str, Any]] | None = None, **value: Any) -> str:
    summary = {
        "customers": 400,
        "cutoff_date": "2024-12-31",
        "share_at_risk": 0.25,
        "top_reasons": [],
        "findings": [],
        "rows": {"read": 1000, "accepted": 980, "set_aside": 15, "quarantined": 5},
        "expected_revenue": 80_000.0,
        "at_stake": 9_000.0,
        "churn": {"baseline": None, "past_error": {"least": 0.031, "most": 0.128}},
        "value": {"baseline": None, "horizon_days": 180, **value},
        "segments": [
            {"segment": "Champion", "customers": 400, "average_ltv": 200.0, "total_ltv": 80_000.0}
        ],
        "recovery": {"invested": 500.0, "net": -500.0, "roi_percent": -100.0, "segments": []},
        **({"channels": channels} if channels else {}),
    }
    out = StringIO()
    run, study = (
        SimpleNamespace(summary=summary, report=Path("report.html")),
        SimpleNamespace(name="s", currency="EUR"),
    )
    print_summary(Console(file=out, width=120), run, study)  # type: ignore[arg-type]
    return out.getvalue()


def test_with_a_value_model_revenue_is_told_in_total_at_stake_and_by_segment() -> None:
    text = printed(algorithm="lightgbm")
    for said in (
        "€80,000 (next 180 days)",
        "€9,000",
        f"€500 spent, net {MINUS}€500, ROI {MINUS}100%",
        "Per customer",
        "€200   €80,000",
    ):
        assert said in text


def test_without_one_no_zero_is_shown_as_if_it_were_revenue() -> None:
    text = printed(algorithm=None)
    assert "EUR" not in text
    assert "€" not in text
    assert "Champion" in text
    assert "1,000 read = 980 accepted + 15 set aside + 5 quarantined" in text


def test_the_share_who_leave_carries_how_far_past_forecasts_were_off() -> None:
    assert "100 (25.0%) of the customers; past forecasts were off by 3 to 13 points" in printed(
        algorithm="lightgbm"
    )


def test_what_winning_a_customer_costs_and_when_it_pays_is_told() -> None:
    row = {
        "channel": "search", "customers": 40, "cost": 30.0, "margin": 20.0, "expected_margin": 55.0,
        "horizon_days": 365, "lifetime_value": 75.0, "value_to_cost": 2.5, "payback_months": 14,
        "payback_source": "expected", "months_observed": 9, "months_expected": 12,
    }  # fmt: skip
    never = row | {"channel": "tv", "payback_months": None, "payback_source": None}
    lines = printed([row, never], algorithm="lightgbm").splitlines()
    search, tv = (
        next(line for line in lines if line.startswith(name)) for name in ("search", "tv")
    )
    assert search.split()[:5] == ["search", "40", "€30", "€75", "2.50"]
    assert "within 14 months" in search
    assert "not within 21 months" in tv
