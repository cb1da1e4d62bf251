"""Revenue recovery: the study's campaigns, and what the reader's own assumptions make of them."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, show, tables

from holdfast.report import formatting
from holdfast.storage.runs import Registry


def money(value: float) -> str:
    return formatting.money(value, "USD")


def test_the_totals_are_those_of_the_runs_plan(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Registry(older_runs / "snapshot" / "runs").open().table("recovery")
    shown = show("recovery", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    invested, recovered = plan["invested"].sum(), plan["recovered"].sum()
    assert figures(shown) == {
        "Invested (assumed)": money(invested),
        "Recovered (assumed)": money(recovered),
        "Net (assumed)": money(recovered - invested),
        "ROI (assumed)": formatting.percent((recovered - invested) / invested, 0),
    }
    listed = {row[0]: row for row in tables(shown)["Revenue recovery by segment"]}
    for segment, net in plan.select("segment", "net").iter_rows():
        assert money(net) in listed[segment]


def test_half_the_reach_costs_half_and_brings_half(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Registry(older_runs / "snapshot" / "runs").open().table("recovery")
    shown = show("recovery", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    reach = next(slider for slider in shown.slider if slider.key == "reach_at-risk_vip")
    halved = figures(reach.set_value(50).run())
    factor = pl.when(pl.col("segment") == "At-Risk VIP").then(0.5).otherwise(1.0)
    sums = plan.select((pl.col("invested", "recovered") * factor).sum()).row(0, named=True)
    assert halved["Invested (assumed)"] == money(sums["invested"])
    assert halved["Recovered (assumed)"] == money(sums["recovered"])


def test_a_rate_of_nothing_brings_nothing(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {f"rate_{slug}": "0" for slug in ("at-risk_vip", "vulnerable", "losing_customer")}
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = figures(show("recovery", study, monkeypatch, **nothing))
    assert shown["Recovered (assumed)"] == "$0"
    assert shown["ROI (assumed)"] == f"{formatting.MINUS}100%"
