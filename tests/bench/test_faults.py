"""The bench of faults, in small."""

from contextlib import suppress
from pathlib import Path

import pytest
from bench._failures import commands, try_command
from bench._kills import promotion_figures
from bench._mutants import mutant_figures

from holdfast.runs.run import write_json
from holdfast.storage.runs import Registry


@pytest.mark.slow
def test_mutants_are_refused_or_change_nothing() -> None:
    figures = list(mutant_figures(count=25, seed=1, verbose=True))
    assert [figure for figure in figures if figure.holds is False] == []
    assert figures[0].value > 0


@pytest.mark.slow
def test_promotions_at_once_lose_nothing() -> None:
    assert [figure for figure in promotion_figures() if not figure.holds] == []


@pytest.mark.parametrize("name", ["runs promote", "keys create"])
def test_every_call_of_a_command_may_fail_once(name: str, older_runs: Path) -> None:
    n_sites, n_trials, wrong = try_command(older_runs / "log", commands("")[name], verbose=True)
    assert wrong == []
    assert n_sites > 10
    assert n_trials > 3 * n_sites


def test_a_file_that_is_half_written_in_place_is_noticed(older_runs: Path) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    summary = dict(run.summary)

    def careless(project: Path) -> int:
        with suppress(OSError):
            write_json(project / "runs" / run.run_id / "summary.json", summary)
        return 0

    n_sites, _, wrong = try_command(older_runs / "log", careless, verbose=True)
    assert n_sites == 2
    # The opening, which empties the file, and the writing, with three errors.
    assert [kind for kind, _ in wrong if kind == "torn"] == ["torn"] * 3
