"""Old runs are removed, but never one that counts or is being served."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.errors import InputError, RunNotFound
from holdfast.runs.prune import Pruned, prune
from holdfast.storage.audit_log import entries
from holdfast.storage.runs import Registry
from holdfast.storage.serving_copy import keep

FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "study": "shop",
    "cutoff_date": "2026-01-01",
    "customers": 1,
}
DAYS = range(1, 6)
IDS = [f"2026010{day}T000000Z-00000001" for day in DAYS]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Five runs of the first five days of 2026; the second is the champion, after the first."""
    registry = Registry(tmp_path / "runs")
    for run_id in IDS:
        with registry.staging() as staging:
            (staging / "run").mkdir()
            (staging / "run" / "scores.arrow").write_bytes(b"x" * 1000)
            registry.publish(staging / "run", run_id=run_id, facts=FACTS)
    for run_id in IDS[:2]:
        registry.promote(run_id)
    return registry


def removed(pruned: list[Pruned]) -> list[str]:
    return [each.run_id for each in pruned if each.outcome == "removed"]


def test_the_last_runs_and_the_champion_stay(registry: Registry) -> None:
    assert removed(prune(registry, keep=2)) == [IDS[2], IDS[0]]
    assert registry.run_ids() == [IDS[4], IDS[3], IDS[1]]
    assert [entry.run_id for entry in registry.champions()] == [IDS[1]]
    assert prune(registry, keep=2) == []
    (line,) = entries(registry.folder.parent)
    assert (line["what"], line["run_ids"]) == ("prune", [IDS[2], IDS[0]])


def test_what_a_killed_process_had_taken_away_goes_with_the_next_prune(registry: Registry) -> None:
    (registry.folder / ".removed").mkdir()
    (registry.folder / IDS[0]).rename(registry.folder / ".removed" / IDS[0])
    assert prune(registry, keep=4) == []
    assert not (registry.folder / ".removed").exists()


def test_runs_beyond_an_age_go(registry: Registry) -> None:
    now = datetime(2026, 1, 14, tzinfo=UTC)
    # Ten days ago is the fourth: the third and the first are older, and the second counts.
    assert removed(prune(registry, older_than_days=10, now=now)) == [IDS[2], IDS[0]]
    assert registry.run_ids() == [IDS[4], IDS[3], IDS[1]]


def test_a_dry_run_says_what_would_go_and_how_much_it_holds(registry: Registry) -> None:
    manifest = (registry.folder / IDS[0] / "manifest.json").stat().st_size
    (would,) = prune(registry, keep=4, dry_run=True)
    assert would == Pruned(IDS[0], 1000 + manifest, "removed")
    assert len(registry.run_ids()) == 5
    assert prune(registry, keep=4) == [would]


def test_a_run_that_a_server_has_loaded_stays_until_it_has_not(registry: Registry) -> None:
    used = keep(registry.open(IDS[3]))
    (registry.folder / ".loaded").mkdir()
    (registry.folder / ".loaded" / f"{IDS[3]}-ab").touch()
    assert [each.run_id for each in prune(registry, keep=1) if each.outcome == "in use"] == [IDS[3]]
    assert registry.run_ids() == [IDS[4], IDS[3], IDS[1]]
    assert used.is_untouched()
    del used
    assert removed(prune(registry, keep=1)) == [IDS[3]]
    assert not list(registry.folder.glob(f".*/{IDS[3]}*"))


def test_a_damaged_run_can_be_removed(registry: Registry) -> None:
    (registry.folder / IDS[0] / "manifest.json").write_text("{}", encoding="utf-8")
    assert removed(prune(registry, keep=4)) == [IDS[0]]


def test_without_a_champion_nothing_is_removed(registry: Registry) -> None:
    (registry.folder / "champion").unlink()
    with pytest.raises(RunNotFound, match="is the published one"):
        prune(registry, keep=1)
    assert len(registry.run_ids()) == 5


@pytest.mark.parametrize("rule", [{}, {"keep": 1, "older_than_days": 1}])
def test_one_rule_is_needed_and_not_two(registry: Registry, rule: dict[str, int]) -> None:
    with pytest.raises(InputError, match="no rule for what to keep, or there are two"):
        prune(registry, **rule)
