"""The last good run is served, whatever happens to the champion."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.api.conftest import client_of, posted
from tests.api.harness import Api

from holdfast.io.runs import Registry

FIRST, SECOND = "20260101T000000Z-00000001", "20260102T000000Z-00000002"


def eventually(found: Callable[[], Any], wanted: Any, *, seconds: float = 8.0) -> None:
    """Wait until something is so; servers look five times a second, at files every two seconds."""
    end = time.monotonic() + seconds
    while found() != wanted:
        assert time.monotonic() < end, (found(), wanted)
        time.sleep(0.05)


def served(api: Api) -> str:
    return str(api.get("/predict/C0001").json()["run_id"])


def test_a_promotion_by_another_process_is_followed(project: Path) -> None:
    with client_of(project) as api:
        assert served(api) == SECOND
        Registry(project / "runs").promote(FIRST)
        eventually(lambda: served(api), FIRST)
        Registry(project / "runs").rollback()
        eventually(lambda: served(api), SECOND)


def test_promote_and_rollback_answer_with_the_run_that_is_served_from_then_on(
    project: Path,
) -> None:
    with client_of(project) as api:
        assert posted(api, f"/runs/{FIRST}/promote", b"").json()["champion"] == FIRST
        assert served(api) == FIRST
        assert posted(api, "/rollback", b"").json()["champion"] == SECOND
        assert served(api) == SECOND
        assert posted(api, "/runs/20990101T000000Z-00000009/promote", b"").status_code == 404


def test_a_damaged_run_cannot_be_promoted(project: Path) -> None:
    with (project / "runs" / FIRST / "models" / "churn" / "trees.txt").open("ab") as file:
        file.write(b"x")
    with client_of(project) as api:
        assert posted(api, f"/runs/{FIRST}/promote", b"").status_code == 503
        assert served(api) == SECOND


def test_a_damaged_champion_leaves_the_last_good_run_serving_and_says_so(project: Path) -> None:
    with client_of(project) as api:
        scores = project / "runs" / FIRST / "scores.arrow"
        scores.write_bytes(scores.read_bytes()[:-100])
        (project / "runs" / "champion").write_text(f"{FIRST}\n{SECOND}\n", encoding="utf-8")
        eventually(
            lambda: "is not what was published" in (api.get("/ready").json()["degraded"] or ""),
            True,
        )
        assert served(api) == SECOND
        assert "holdfast_degraded 1.0" in api.get("/metrics").text


def test_a_run_that_vanishes_or_is_overwritten_goes_on_being_served(project: Path) -> None:
    with client_of(project) as api:
        before = api.get("/customers/C0001").json()
        (project / "runs" / SECOND / "scores.arrow").write_bytes(b"")
        eventually(lambda: "scores.arrow" in (api.get("/ready").json()["degraded"] or ""), True)
        shutil.rmtree(project / "runs" / SECOND)
        assert api.get("/customers/C0001").json() == before
        assert served(api) == SECOND


def test_a_half_copied_run_is_served_as_soon_as_it_is_whole(project: Path) -> None:
    late = project / "runs" / FIRST / "segments.json"
    content = late.read_bytes()
    late.unlink()
    with client_of(project) as api:
        (project / "runs" / "champion").write_text(f"{FIRST}\n{SECOND}\n", encoding="utf-8")
        eventually(lambda: "segments.json" in (api.get("/ready").json()["degraded"] or ""), True)
        late.write_bytes(content)
        eventually(lambda: served(api), FIRST)
        assert api.get("/ready").json()["degraded"] is None


def test_a_server_that_starts_beside_a_damaged_champion_serves_the_copy_of_an_earlier_one(
    project: Path,
) -> None:
    with client_of(project) as api:
        assert served(api) == SECOND
    shutil.rmtree(project / "runs" / SECOND)
    (project / "runs" / FIRST / "manifest.json").write_text("{", encoding="utf-8")
    with client_of(project) as api:
        assert served(api) == SECOND


def test_without_a_run_it_lives_waits_and_serves_the_first(project: Path) -> None:
    runs, away = project / "runs", project / "away"
    runs.rename(away)
    runs.mkdir()
    with client_of(project) as api:
        assert api.get("/health").json()["run_id"] is None
        refused = api.get("/ready")
        assert refused.status_code == 503
        assert "no run is published" in refused.json()["detail"]
        for entry in [e for e in away.iterdir() if e.name != ".serving"]:
            shutil.move(entry, runs / entry.name)
        eventually(lambda: api.get("/ready").status_code, 200)


def test_a_change_sent_twice_is_made_once(project: Path) -> None:
    with client_of(project) as api:
        token = {"idempotency-key": "one"}
        Registry(project / "runs").promote(FIRST)
        first = posted(api, "/rollback", b"", **token)
        again = posted(api, "/rollback", b"", **token)
        assert first.json() == again.json()
        assert first.json()["champion"] == SECOND
        assert posted(api, f"/runs/{FIRST}/promote", b"", **token).status_code == 422
        assert posted(api, "/rollback", b"", **{"idempotency-key": " " * 300}).status_code in (
            400,
            422,
        )


def test_a_change_that_is_still_at_work_is_a_conflict(project: Path) -> None:
    with client_of(project) as api:
        idempotency = api.context.idempotency
        statuses: list[int] = []

        def change() -> tuple[int, dict[str, Any]]:
            statuses.append(posted(api, "/rollback", b"", **{"idempotency-key": "two"}).status_code)
            return 200, {}

        idempotency.change_once("two", "rollback\n", holder="local", change=change)
    assert statuses == [409]
