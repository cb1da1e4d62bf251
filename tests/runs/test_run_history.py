"""Which runs there are, which counts, and that every change of it is on record."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from holdfast.runs.run_history import change_champion, list_runs
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry

OLD, NEW = "20260101T000000Z-00000001", "20260102T000000Z-00000002"


def test_a_run_that_cannot_be_opened_is_listed_with_why(tmp_path: Path) -> None:
    (tmp_path / "runs" / OLD).mkdir(parents=True)
    (row,) = list_runs(Registry(tmp_path / "runs"))
    assert (row["run_id"], row["champion"]) == (OLD, False)
    assert OLD in row["damaged"]


def _enter(around: Callable[[Any], AbstractContextManager[None]], run_id: str) -> Any:
    run = SimpleNamespace(run_id=run_id)
    with around(run):
        return run


def test_every_change_of_the_champion_is_in_the_audit_log_with_who_made_it(tmp_path: Path) -> None:
    registry = cast(
        Registry,
        SimpleNamespace(
            folder=tmp_path / "runs",
            promote=lambda run_id, around: _enter(around, run_id),
            rollback=lambda around: _enter(around, OLD),
        ),
    )
    assert change_champion(registry, NEW, who="key 1f2e3d4c").run_id == NEW
    assert change_champion(registry, None, who="Ann").run_id == OLD
    lines = audit_log.entries(tmp_path)
    assert [(line["what"], line["run_id"], line["who"]) for line in lines] == [
        ("promote", NEW, "key 1f2e3d4c"),
        ("rollback", OLD, "Ann"),
    ]
