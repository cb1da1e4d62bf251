"""`holdfast monitor`, as a user meets it."""

import json
from pathlib import Path

from tests.cli.test_cli import holdfast

from holdfast.report.monitor_tables import ASSUMPTION
from holdfast.runs.monitoring import read_monitoring
from holdfast.storage.runs import Registry


def test_it_tells_what_is_expected_with_the_assumption_and_that_no_outcome_is_known(
    simulated_shop: Path,
) -> None:
    text = holdfast("monitor", cwd=simulated_shop)
    assert ASSUMPTION in " ".join(text.split())
    assert "No outcome of an earlier published run is known yet." in text


def test_for_machines_it_is_what_the_run_keeps(simulated_shop: Path) -> None:
    told = json.loads(holdfast("monitor", "--json", cwd=simulated_shop))
    assert told == read_monitoring(Registry(simulated_shop / "runs").open()).as_dict()
    assert [row["horizon_days"] for row in told["expected"]] == [30, 90, 180, 365]
