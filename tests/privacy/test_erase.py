"""An erased customer is in no file of a project, the others are as they were, and whatever moment a
process is killed at, the runs are whole and erasing again completes it.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.audience import Audience, Rule
from holdfast.campaigns.export_journal import CampaignList, record_export, recording
from holdfast.errors import HoldfastError, InputError, ProjectBusy, StudyError
from holdfast.ingest.read import Snapshot, read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.privacy.access import collect
from holdfast.privacy.erase import erase, find_places
from holdfast.report.exports.customer_rows import write_customer_segments
from holdfast.report.pages import to_html
from holdfast.report.table_format import make_table
from holdfast.runs.run import write_json
from holdfast.serving.predict import predict_customer
from holdfast.storage import audit_log
from holdfast.storage.run_log import RunLog
from holdfast.storage.runs import Registry
from holdfast.storage.serving_copy import keep
from holdfast.study import Study

IDS = ["C1", "C10", "C1-2", "\N{GRINNING FACE}", "\N{GRINNING FACE}" * 2, "O'Hara \"&\" Co, Ltd",
       "=1+1", "12", "12346", "churn", "\N{LATIN SMALL LETTER E WITH ACUTE}t\u00e9"]  # fmt: skip
AT = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three small runs that name every customer wherever a run may, two exports and a copy."""
    study = _study(tmp_path)
    pl.DataFrame({"who": [*IDS, *IDS], "when": ["2024-01-01"] * 22, "paid": range(22)}).write_csv(
        tmp_path / "orders.csv"
    )
    registry = Registry(tmp_path / "runs")
    for day in (1, 2, 3):
        run_id = f"2024010{day}T000000Z-0000000a"
        with registry.staging() as staging:
            _write_run(staging / "run", study, run_id)
            run = registry.publish(
                staging / "run",
                run_id=run_id,
                facts={
                    "created_at": f"2024-01-0{day}T00:00:00Z",
                    "study": "shop",
                    "cutoff_date": "2024-01-01",
                    "customers": len(IDS),
                },
            )
        if day < 3:
            registry.promote(run.run_id)
    keep(registry.open())
    rule = Rule(excluded=("C1", "C10"))
    customers = _scores().with_columns(arm=pl.lit("contact"))
    audience = Audience(
        rule=rule, run_id="r", cutoff_day=1, customers=customers, figures={"contacted": 11}
    )
    record_export(audience, tmp_path, at=AT, how="csv")
    with RunLog(registry.folder) as log:
        log.write("failed", problem="; ".join(f"customer {each}: 12 units" for each in IDS))
    arms = _scores().select(
        "customer_id", treated=True, propensity=0.9, offer=pl.lit("mail"), cost=1.0
    )
    listed = CampaignList(campaign="spring", made_by="plan", run_id="r", arms=arms)
    with recording(listed, tmp_path, at=AT, how="csv"):
        return tmp_path


def _study(project: Path, **more: Any) -> Study:
    columns = {"customer_id": "who", "occurred_at": "when", "amount": "paid"}
    log = {"path": "orders.csv", "columns": columns}
    return Study.from_dict(
        {"name": "shop", "transactions": log, "project_dir": str(project), **more}
    )


def _scores() -> pl.DataFrame:
    n = len(IDS)
    return pl.DataFrame(
        {
            "customer_id": IDS,
            "cutoff_day": pl.Series([19_723] * n, dtype=pl.Int32),
            "churn_probability": [i / n for i in range(n)],
            "expected_revenue": [100.0 * i for i in range(n)],
            "risk_score": [i / n for i in range(n)],
            "segment": ["Champion"] * n,
        }
    )


def _write_run(folder: Path, study: Study, run_id: str) -> None:
    (folder / "tables").mkdir(parents=True)
    scores = _scores()
    bought = {"customer_id": IDS * 2, "day": range(22), "revenue": [12.0] * 22}
    raw = [json.dumps({"who": f" {each} ", "paid": "12"}, ensure_ascii=False) for each in IDS]
    line = json.dumps({"line": "C10;2024;a;b"})
    for name, table in {
        "scores": scores,
        "purchases": pl.DataFrame(bought),
        "quarantine": pl.DataFrame({"source": "orders.csv", "raw": [*raw, line]}),
        "days": pl.DataFrame({"day": [1, 2], "purchases": [12, 12346]}),
    }.items():
        table.write_parquet(folder / "tables" / f"{name}.parquet")
    scores.write_ipc(folder / "scores.arrow", compression="uncompressed")
    with (folder / "customer_segments.csv").open("wb") as out:
        write_customer_segments(scores, out)
    evidence = "; ".join(f"order 12 of customer {each}: 12 units" for each in IDS)
    evidence += "; ".join(f"{each} (1,000 EUR, 12 orders)" for each in IDS)
    table = make_table("Riskiest", scores, "customer_id segment churn_probability risk_score")
    rows = make_table("Rows not used", [{"source": "12", "reason": "a", "rows": 12}])
    prose = to_html(make_table("", [{"about": "found", "the run": evidence}]))
    page = f"<p>12 customers may churn. Run {run_id}.</p>{to_html(table)}{to_html(rows)}{prose}"
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "model_card.md").write_text(f"{evidence}\n", encoding="utf-8")
    write_json(folder / "study.json", study.model_dump(mode="json"))
    summary = {"run_id": run_id, "findings": [{"name": "giant-orders", "evidence": evidence}]}
    write_json(folder / "summary.json", {**summary, "segments": ["churn", "12"], "customers": 11})


def _counts(project: Path, customer: str) -> dict[str, int]:
    """Where a customer is, the number of a followed run left out of the names."""
    places = find_places(_study(project), [customer], project=project)
    return {
        str(place.path.relative_to(project)).replace("0000000a-2", "0000000a"): place.count
        for place in places
        if ".serving" not in place.path.parts
    }


def _erase(project: Path, *customers: str) -> Any:
    return erase(_study(project), customers, registry=Registry(project / "runs"))


@pytest.mark.parametrize("customer", IDS)
def test_nothing_is_left_of_a_customer_and_everything_of_the_others(
    project: Path, customer: str
) -> None:
    registry = Registry(project / "runs")
    before = {each: _counts(project, each) for each in IDS}
    # 3 runs: 4 tables and lists, segments, report, model card, summary; an audience and a list.
    assert len(before[customer]) >= 3 * 8 + 2
    done = _erase(project, customer)
    assert find_places(_study(project), [customer], project=project) == []
    assert len(done.runs) == 3
    assert (done.exports, done.copies, done.unknown) == (2, 1, ())
    for other in IDS:
        if other != customer:
            # The broken line in quarantine names C10 alone.
            assert _counts(project, other) == before[other], other
    for run_id in registry.run_ids():
        run = registry.open(run_id)
        run.verify()
        assert run.scores.equals(_scores().filter(pl.col("customer_id") != customer))
        assert pl.read_ipc(run.file("scores.arrow")).equals(run.scores)
        assert run.table("days")["purchases"].to_list() == [12, 12346]
        assert run.summary["customers"] == 11
        assert run.summary["segments"] == ["churn", "12"]
        assert (run.manifest["erased"], run.summary["erased"]) == (1, 1)
        page = run.read("report.html").decode()
        assert f"<p>12 customers may churn. Run {run_id}.</p>" in page
        assert run.summary["run_id"] == run_id


def test_runs_keep_their_order_and_the_champion_stays_the_champion(project: Path) -> None:
    registry = Registry(project / "runs")
    before, champions = registry.run_ids(), [each.run_id for each in registry.champions()]
    _erase(project, "C1")
    assert registry.run_ids() == [f"{each}-2" for each in before]
    assert [each.run_id for each in registry.champions()] == [f"{each}-2" for each in champions]
    assert registry.open().run_id == "20240102T000000Z-0000000a-2"
    assert registry.open("latest").run_id == "20240103T000000Z-0000000a-2"
    assert registry.rollback().run_id == "20240101T000000Z-0000000a-2"
    registry.promote("latest")


def test_erasing_twice_changes_nothing_more_and_somebody_unknown_is_said(project: Path) -> None:
    _erase(project, "C1")
    run_ids = Registry(project / "runs").run_ids()
    done = _erase(project, "C1", "nobody")
    assert (done.runs, done.exports, done.copies) == ({}, 0, 0)
    assert done.unknown == ("C1", "nobody")
    assert Registry(project / "runs").run_ids() == run_ids


def test_two_at_once_and_one_after_another_leave_the_same(project: Path) -> None:
    _erase(project, "C1", "C10")
    _erase(project, "12")
    run = Registry(project / "runs").open()
    assert run.run_id == "20240102T000000Z-0000000a-3"
    assert run.manifest["erased"] == 3
    assert run.scores["customer_id"].to_list() == [e for e in IDS if e not in ("C1", "C10", "12")]


def test_the_rule_of_an_export_names_them_no_more(project: Path) -> None:
    _erase(project, "C1")
    first, _ = (project / "exports.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(first)
    assert entry["rule"]["excluded"] == ["C10"]
    assert (project / "exports.jsonl").stat().st_mode & 0o777 == 0o600


def test_neither_list_nor_audit_log_holds_a_name(project: Path) -> None:
    _erase(project, "12346")
    for name in ("erased.txt", "audit.jsonl"):
        assert "12346" not in (project / name).read_text(encoding="utf-8")
    for name in ("privacy.key", "erased.txt", "audit.jsonl"):
        assert (project / name).stat().st_mode & 0o777 == 0o600
    last = audit_log.entries(project)[-1]
    listed = (project / "erased.txt").read_text(encoding="utf-8").split("\n")[1]
    assert [entry["what"] for entry in audit_log.entries(project)] == [
        "export",
        "plan",
        "erase",
        "erase ended",
    ]
    assert (last["what"], last["customers"]) == ("erase ended", [listed[:16]])
    assert audit_log.verify(project) == 4


def test_a_customer_does_not_come_back_and_the_rows_add_up(project: Path) -> None:
    with (project / "orders.csv").open("a", encoding="utf-8") as orders:
        orders.write("C1,not a day,5\nC1,2024-01-01,5,too,many\nC10,not a day,5\n")
    _erase(project, "C1")
    with Warehouse.temporary() as warehouse:
        data = read_sources(_study(project), warehouse)
        ids = warehouse.query("SELECT DISTINCT customer_id AS id FROM transactions")["id"]
    assert sorted(ids) == sorted(each for each in IDS if each != "C1")
    rows = data.sources[0].rows
    # Three of C1's lines can be read and one cannot; a day of C10's is none.
    assert data.reasons["transactions"]["erased on request"] == 3
    assert (rows.read, rows.set_aside, rows.quarantined) == (25, 3, 2)
    assert rows.read == rows.accepted + rows.set_aside + rows.quarantined
    kept = data.quarantine["raw"].to_list()
    assert any("C10" in raw for raw in kept)
    assert not any("C1," in raw or '"C1"' in raw for raw in kept)


@pytest.mark.parametrize("what", ["gone", "another", "open"])
def test_without_the_key_nothing_is_read_since_they_would_come_back(
    project: Path, what: str
) -> None:
    _erase(project, "C1")
    key = project / "privacy.key"
    if what == "gone":
        key.unlink()
    elif what == "another":
        key.write_text("0" * 64, encoding="ascii")
    else:
        key.chmod(0o644)
    with Warehouse.temporary() as warehouse, pytest.raises(StudyError, match=r"come back|chmod"):
        read_sources(_study(project), warehouse)
    assert not key.exists() or what != "gone"


def test_nothing_is_erased_while_a_run_is_at_work(project: Path) -> None:
    with Registry(project / "runs").staging(), pytest.raises(ProjectBusy):
        _erase(project, "C1")
    assert _counts(project, "C1")


def test_a_damaged_run_is_left_and_said(project: Path) -> None:
    first = Registry(project / "runs").run_ids()[-1]
    (project / "runs" / first / "scores.arrow").write_bytes(b"x")
    done = _erase(project, "C1")
    assert list(done.damaged) == [first]
    assert len(done.runs) == 2
    unreadable = [p for p in find_places(_study(project), ["C1"], project=project) if not p.count]
    assert [place.path.name for place in unreadable] == ["scores.arrow"]


class Killed(BaseException):
    """The process is gone: nothing that catches errors may catch it."""


def _kill_at(nth: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """End the process at the nth file that is renamed, replaced, removed or made."""
    calls = 0

    def kill(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth:
                raise Killed
            return original(*args, **more)

        return call

    for name in ("rename", "replace", "mkdir"):
        monkeypatch.setattr(os, name, kill(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", kill(shutil.rmtree))
    return lambda: calls


def _kills(project: Path, tmp_path: Path, *, step: int = 1) -> Iterator[Path]:
    """A copy of the project for each moment at which erasing C1 may be killed, just after."""
    for nth in range(1, 200, step):
        place = tmp_path / f"killed-{nth}"
        shutil.copytree(project, place, ignore=shutil.ignore_patterns("killed-*"))
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(nth, patch)
            try:
                _erase(place, "C1")
            except Killed:
                pass
            else:
                return
        yield place
        shutil.rmtree(place)
    pytest.fail("erasing never came to its end")


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_moment_it_is_killed_at_the_runs_are_whole_and_the_next_completes_it(
    project: Path, tmp_path: Path, step: int
) -> None:
    kills = 0
    for place in _kills(project, tmp_path, step=step):
        kills += 1
        registry = Registry(place / "runs")
        for run_id in registry.run_ids():
            run = registry.open(run_id)
            run.verify()
            assert run.scores.height in (10, 11)
        assert registry.open().run_id.startswith("20240102T000000Z-0000000a")
        assert registry.open("latest").run_id.startswith("20240103T000000Z-0000000a")
        _erase(place, "C1")
        assert find_places(_study(place), ["C1"], project=place) == []
        days = [run_id[:8] for run_id in registry.run_ids()]
        assert days == ["20240103", "20240102", "20240101"]
        assert registry.open().run_id.startswith("20240102T000000Z-0000000a-")
        assert registry.rollback().run_id.startswith("20240101T000000Z-0000000a-")
        assert registry.open().scores.height == 10
        assert audit_log.entries(place)[-1]["what"] == "erase ended"
        assert audit_log.verify(place) >= 2
    # At least: key, list, journal, export, and for each of three runs four renames.
    assert kills > 20 // step


def test_another_customer_may_be_erased_after_a_kill(project: Path, tmp_path: Path) -> None:
    for place in _kills(project, tmp_path, step=7):
        _erase(place, "C10", "C1")
        assert find_places(_study(place), ["C1", "C10"], project=place) == []
        assert len(Registry(place / "runs").run_ids()) == 3


def test_runs_of_an_older_holdfast_are_followed_too(older_runs: Path) -> None:
    project = older_runs / "log"
    study, registry = Study.from_toml(project / "holdfast.toml"), Registry(project / "runs")
    before = registry.run_ids()
    scores = {run_id: registry.open(run_id).scores for run_id in before}
    gone, other = scores[before[0]]["customer_id"].to_list()[:2]
    answer = predict_customer(registry.open(), other)
    done = erase(study, [gone], registry=registry)
    assert find_places(study, [gone], project=project) == []
    assert registry.run_ids() == [done.runs[run_id] for run_id in before]
    for old, new in done.runs.items():
        registry.open(new).verify()
        rest = scores[old].filter(pl.col("customer_id") != gone)
        assert registry.open(new).scores.equals(rest)
    again = predict_customer(registry.open(), other)
    assert {**again, "run_id": ""} == {**answer, "run_id": ""}
    with pytest.raises(InputError):
        predict_customer(registry.open(), gone)
    registry.rollback()
    registry.promote(registry.run_ids()[0])


@pytest.mark.parametrize("split", [False, True])
def test_a_snapshot_does_not_bring_the_customer_back_either(older_runs: Path, split: bool) -> None:
    project = older_runs / "snapshot"
    path, toml = project / "customers.csv", project / "holdfast.toml"
    if split:
        table = pl.read_csv(path)
        parts = pl.Series("part", ["test", "train"] * (table.height // 2))
        table.with_columns(parts).write_csv(path)
        text = toml.read_text(encoding="utf-8").replace("as_of", 'split = "part"\nas_of')
        toml.write_text(text, encoding="utf-8")
    study = Study.from_toml(toml)
    erase(study, ["C05"], registry=Registry(project / "runs"))
    with Warehouse.temporary() as warehouse:
        data = read_sources(study, warehouse)
    assert isinstance(data, Snapshot)
    assert (data.rows.read, data.rows.accepted, data.rows.set_aside) == (40, 39, 1)
    for frame in (data.frame, data.prepared):
        assert frame is None or (frame.height == 39 and "C05" not in frame["customer_id"])


def test_everything_held_about_a_customer_is_given(project: Path) -> None:
    registry = Registry(project / "runs")
    held = collect(_study(project), "C1", registry=registry)
    assert len(held["runs"]) == 3
    run = held["runs"][0]
    assert [row["customer_id"] for row in run["tables"]["purchases"]] == ["C1", "C1"]
    assert run["tables"]["scores"][0]["cutoff_date"] == "2024-01-01"
    assert json.loads(run["quarantine"][0]["raw"])["who"] == " C1 "
    assert len(run["sentences"]) == 1
    listed, export = held["exports"]
    assert (export["excluded_by_rule"], len(export["treatments"])) == (True, 1)
    assert (listed["campaign"], len(listed["treatments"])) == ("spring", 1)
    _erase(project, "C1")
    held = collect(_study(project), "C1", registry=registry)
    assert (held["erased"], held["runs"], held["exports"]) == (True, [], [])
    assert [line["what"] for line in held["audit_log"]] == ["erase", "erase ended"]
    with pytest.raises(InputError, match="nothing is held"):
        collect(_study(project), "nobody", registry=registry)


def test_pseudonyms_stand_for_ids_from_the_door_on(project: Path) -> None:
    study = _study(project, privacy={"pseudonymise": True})
    with (project / "orders.csv").open("a", encoding="utf-8") as orders:
        orders.write("C1,not a day,5\nC10,2024-01-01,5,too,many\n")
    with Warehouse.temporary() as warehouse:
        data = read_sources(study, warehouse)
        ids = warehouse.query("SELECT DISTINCT customer_id AS id FROM transactions")["id"]
    assert ids.len() == len(IDS)
    assert ids.str.contains("^p_[0-9a-f]{32}$").all()
    assert not any("C1" in raw for raw in data.quarantine["raw"])
    assert data.rows.quarantined == 2


def test_a_column_that_is_dropped_is_read_by_nothing(project: Path) -> None:
    path = project / "orders.csv"
    lines = [f"{line},a@b.example" for line in path.read_text(encoding="utf-8").splitlines()]
    lines[0] = lines[0].replace("a@b.example", "mail")
    path.write_text("\n".join([*lines, "C1,not a day,5,c@d.example"]), encoding="utf-8")
    study = _study(project, privacy={"drop": ["mail"]})
    with Warehouse.temporary() as warehouse:
        raw = read_sources(study, warehouse).quarantine["raw"]
    assert json.loads(raw[0]) == {"who": "C1", "when": "not a day", "paid": "5"}
    wrong = _study(project, privacy={"drop": ["mial"]})
    with Warehouse.temporary() as warehouse, pytest.raises(StudyError, match="no source has"):
        read_sources(wrong, warehouse)


def test_with_pseudonyms_both_the_id_and_the_pseudonym_are_erased(project: Path) -> None:
    study = _study(project, privacy={"pseudonymise": True})
    done = erase(study, ["C1"], registry=Registry(project / "runs"))
    assert len(done.runs) == 3
    with Warehouse.temporary() as warehouse:
        data = read_sources(study, warehouse)
    assert data.reasons["transactions"] == {"erased on request": 2}
    with pytest.raises(HoldfastError, match="nothing is held"):
        collect(study, "nobody", registry=Registry(project / "runs"))
