"""The last good run is served, whatever happens to the champion."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import client_of, posted, snapshot_study
from tests.api.harness import Api

from holdfast.privacy.erase import erase, find_places
from holdfast.storage import audit_log
from holdfast.storage.manifest import write_manifest
from holdfast.storage.runs import Registry
from holdfast.storage.serving_copy import keep

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


def test_a_running_server_stops_answering_for_who_was_erased(project: Path) -> None:
    study = snapshot_study(project)
    with client_of(project) as api:
        assert api.get("/predict/C0002").status_code == 200
        other = api.get("/predict/C0001").json()
        erase(study, ["C0002"], registry=Registry(project / "runs"))
        eventually(lambda: api.get("/predict/C0002").status_code, 404)
        again = api.get("/predict/C0001").json()
        assert again["run_id"] == f"{SECOND}-2"
        assert again["churn_probability"] == other["churn_probability"]
        eventually(lambda: api.get("/ready").json()["degraded"], None)
        assert find_places(study, ["C0002"], project=project) == []
        # What was ready to be served before is not kept for later.
        assert set(api.context.store._ready) == {f"{SECOND}-2"}


def test_promote_and_rollback_answer_with_the_run_that_is_served_from_then_on(
    project: Path,
) -> None:
    with client_of(project) as api:
        assert posted(api, f"/runs/{FIRST}/promote", b"").json()["champion"] == FIRST
        assert served(api) == FIRST
        assert posted(api, "/rollback", b"").json()["champion"] == SECOND
        assert served(api) == SECOND
        *_, promoted, back = audit_log.entries(project)
        assert (promoted["what"], promoted["run_id"]) == ("promote", FIRST)
        assert (back["what"], back["run_id"]) == ("rollback", SECOND)
        assert back["who"] == "key local (this machine)"
        assert posted(api, "/runs/20990101T000000Z-00000009/promote", b"").status_code == 404


@pytest.mark.parametrize("path", [f"/runs/{FIRST}/promote", "/rollback"])
def test_a_change_that_cannot_be_recorded_is_not_made(project: Path, path: str) -> None:
    with client_of(project) as api:
        assert posted(api, f"/runs/{FIRST}/promote", b"").status_code == 200
        assert posted(api, f"/runs/{SECOND}/promote", b"").status_code == 200
        (project / "audit.jsonl").rename(project / "kept.jsonl")
        (project / "audit.jsonl").mkdir()
        assert posted(api, path, b"").status_code >= 500
        assert Registry(project / "runs").champion_id() == SECOND == served(api)


def test_a_rollback_to_a_run_that_cannot_be_loaded_leaves_the_champion(project: Path) -> None:
    """Its files are as published, but what they hold is no model of ours."""
    registry = Registry(project / "runs")
    registry.promote(FIRST)
    registry.promote(SECOND)
    facts = dict(registry.open(FIRST).manifest)
    del facts["files"]
    (registry.folder / FIRST / "models" / "churn" / "trees.txt").write_bytes(b"no forest")
    write_manifest(registry.folder / FIRST, facts)
    for name in ("champion", "published"):
        (registry.folder / name).write_text(f"{SECOND}\n{FIRST}\n", encoding="utf-8")
    with client_of(project) as api:
        assert posted(api, "/rollback", b"").status_code == 503
        assert registry.champion_id() == SECOND == served(api)


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
        assert "there is no run in" in refused.json()["detail"]
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


def damage_copy(project: Path, name: str) -> Path:
    path = project / "runs" / ".serving" / SECOND / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["scores.arrow", "tables/segments.parquet", "summary.json"])
def test_a_copy_that_was_altered_while_no_server_ran_is_not_served(
    project: Path, name: str
) -> None:
    with client_of(project) as api:
        before = [api.get(path).json() for path in ("/customers/C0001", "/segments")]
    altered = damage_copy(project, name).read_bytes()
    with client_of(project) as api:
        assert [api.get(path).json() for path in ("/customers/C0001", "/segments")] == before
        assert api.get("/ready").json()["degraded"] is None
    assert (project / "runs" / ".serving" / SECOND / name).read_bytes() != altered


def test_a_copy_that_is_altered_or_vanishes_under_the_server_is_made_again(project: Path) -> None:
    with client_of(project) as api:
        before = api.get("/segments").json()
        damage_copy(project, "tables/segments.parquet")
        assert api.get("/segments").status_code == 503
        assert api.get("/ready").status_code == 503
        eventually(lambda: api.get("/ready").status_code, 200)
        assert api.get("/segments").json() == before
        shutil.rmtree(project / "runs" / ".serving" / SECOND)
        assert api.get("/segments").status_code == 503
        eventually(lambda: api.get("/ready").status_code, 200)
        assert api.get("/segments").json() == before


def test_failed_promotions_do_not_take_the_copy_of_the_run_that_is_served(project: Path) -> None:
    runs = project / "runs"
    others = [clone(runs, FIRST, f"2026020{n}T000000Z-0000000{n}") for n in range(1, 5)]
    with client_of(project) as api:
        before = api.get("/segments").json()
        for run_id in others:
            keep(Registry(runs).open(run_id))
            (runs / run_id / "study.json").write_text("{}", encoding="utf-8")
            shutil.rmtree(runs / ".serving" / run_id)
            assert posted(api, f"/runs/{run_id}/promote", b"").status_code == 503
        assert api.get("/segments").json() == before
        assert api.get("/ready").json()["degraded"] is None


def test_promotions_and_rollbacks_never_leave_a_run_without_its_copy(project: Path) -> None:
    runs = project / "runs"
    third = clone(runs, FIRST, "20260201T000000Z-00000001")
    fourth = clone(runs, FIRST, "20260202T000000Z-00000001")
    with client_of(project) as api:
        for run_id in (FIRST, third):
            assert posted(api, f"/runs/{run_id}/promote", b"").status_code == 200
        for _ in range(2):
            assert posted(api, "/rollback", b"").status_code == 200
        Registry(runs).promote(fourth)
        eventually(lambda: served(api), fourth)
        assert posted(api, "/rollback", b"").json()["champion"] == SECOND
        for path in ("/segments", "/features", "/evidence", "/customers/C0001", "/ready"):
            assert api.get(path).status_code == 200, path


def clone(runs: Path, run_id: str, name: str) -> str:
    """Publish a run again, under another name."""
    registry = Registry(runs)
    run = registry.open(run_id)
    facts = {key: value for key, value in run.manifest.items() if key not in ("run_id", "files")}
    with registry.staging() as staging:
        shutil.copytree(run.path, staging / "run")
        (staging / "run" / "manifest.json").unlink()
        return registry.publish(staging / "run", run_id=name, facts=facts).run_id


@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"run_id": 1}', "\ud800", ""])
def test_no_manifest_ends_the_following_of_the_champion(project: Path, content: str) -> None:
    with client_of(project) as api:
        manifest = project / "runs" / FIRST / "manifest.json"
        published = manifest.read_bytes()
        manifest.write_bytes(content.encode("utf-8", "surrogatepass"))
        (project / "runs" / "champion").write_text(f"{FIRST}\n{SECOND}\n", encoding="utf-8")
        eventually(lambda: "manifest" in (api.get("/ready").json().get("degraded") or ""), True)
        assert served(api) == SECOND
        manifest.write_bytes(published)
        eventually(lambda: served(api), FIRST)
        assert api.get("/ready").json()["degraded"] is None


def test_what_runs_beside_the_answers_is_journalled_reddens_readiness_and_starts_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with client_of(project) as api:
        with monkeypatch.context() as broken:
            broken.setattr(api.context.store, "refresh", fail)
            Registry(project / "runs").promote(FIRST)
            eventually(lambda: api.get("/ready").status_code, 503)
            refused = api.get("/ready").json()
            assert refused["detail"] == (
                "the server cannot follow the published run (RuntimeError); it keeps trying"
            )
            assert "holdfast_degraded 1.0" in api.get("/metrics").text
            assert api.get("/predict/C0001").status_code == 200
        Registry(project / "runs").promote(SECOND)
        Registry(project / "runs").promote(FIRST)
        eventually(lambda: served(api), FIRST)
        eventually(lambda: api.get("/ready").status_code, 200)
    lines = [line for line in capsys.readouterr().err.splitlines() if '"failure"' in line]
    assert len(lines) == 1
    assert "RuntimeError" in lines[0]
    assert "follow the published run" in lines[0]


def fail(*_: object) -> None:
    raise RuntimeError


def test_without_a_champion_nothing_is_served_and_the_reason_is_given(project: Path) -> None:
    (project / "runs" / "champion").unlink()
    with client_of(project) as api:
        refused = api.get("/ready")
        assert refused.status_code == 503
        assert "is the published one" in refused.json()["detail"]
        assert api.get("/predict/C0001").status_code == 503
        Registry(project / "runs").promote(FIRST)
        eventually(lambda: api.get("/ready").status_code, 200)
        (project / "runs" / "champion").unlink()
        eventually(
            lambda: "is the published one" in (api.get("/ready").json()["degraded"] or ""), True
        )
        assert served(api) == FIRST
