"""One question, one answer: what campaigns bring, as the API, the dashboard and the terminal tell
it of one run.
"""

import re
from pathlib import Path

import pytest
from tests.api.conftest import client_of, posted

from holdfast.campaigns.recovery import Campaign, add_up, campaigns_of, simulate_recovery
from holdfast.errors import DataError
from holdfast.report import formatting
from holdfast.serving.load import load_study
from holdfast.storage.runs import Registry
from holdfast.tables import RECOVERY


def test_the_studys_own_campaigns_are_the_runs_recovery_table_everywhere(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(simulated_shop / "runs").open()
    study, table, summary = load_study(run), run.table("recovery"), run.summary["recovery"]
    plan = simulate_recovery(
        run.table("segments"),
        campaigns_of(study),
        run.table("evidence"),
        margin_rate=study.value.margin_rate,
    )
    with client_of(simulated_shop) as api:
        told = posted(api, "/simulate/recovery", {}).json()
    assert plan.select(RECOVERY.schema.names()).equals(table)
    assert told["segments"] == plan.to_dicts()
    assert told["total"] == add_up(plan)
    # What `holdfast run` prints.
    assert {name: told["total"][name] for name in summary if name != "segments"} == {
        name: value for name, value in summary.items() if name != "segments"
    }
    assert "past totals" in told["range"]

    testing = pytest.importorskip("streamlit.testing.v1")
    monkeypatch.setenv("HOLDFAST_STUDY", str(simulated_shop / "holdfast.toml"))
    page = testing.AppTest.from_string(
        "from holdfast.dashboard.views import recovery\nrecovery.PAGE.show()\n", default_timeout=120
    ).run()
    low, high = (
        formatting.money(told["total"][name], study.currency) for name in ("net_low", "net_high")
    )
    captions = [re.sub(r"\\(.)", r"\1", caption.value) for caption in page.caption]
    assert f"Net between {low} and {high}: {told['range']}." in captions


def test_other_campaigns_have_the_same_range_in_the_api_and_the_dashboard(
    simulated_shop: Path,
) -> None:
    run = Registry(simulated_shop / "runs").open()
    case = {"cost": 2.0, "rate": 0.2, "low_rate": 0.1, "high_rate": 0.4}
    plan = simulate_recovery(
        run.table("segments"),
        campaigns_of(load_study(run)) | {"Vulnerable": Campaign(**case)},
        run.table("evidence"),
        margin_rate=0.5,
    )
    with client_of(simulated_shop) as api:
        body = {"segments": {"Vulnerable": case}, "margin_rate": 0.5}
        told = posted(api, "/simulate/recovery", body).json()
    assert told["segments"] == plan.to_dicts()
    assert (told["total"], told["margin_rate"]) == (add_up(plan), 0.5)


def test_a_campaign_for_a_segment_that_is_not_at_risk_is_refused(simulated_shop: Path) -> None:
    run = Registry(simulated_shop / "runs").open()
    refused = r"'Champion' is no segment of high risk; known: At-Risk VIP"
    with pytest.raises(DataError, match=refused):
        simulate_recovery(
            run.table("segments"),
            {"Champion": Campaign(cost=1.0, rate=0.1)},
            run.table("evidence"),
            margin_rate=1.0,
        )
