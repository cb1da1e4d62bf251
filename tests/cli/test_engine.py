"""`holdfast engine` and `score`: what they say, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from holdfast.cli.main import app
from holdfast.engine import score_run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.safe_files import hold
from holdfast.synthetic import Shop

CLI = CliRunner()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a published run, which was made in buckets."""
    made = simulate_to(tmp_path_factory.mktemp("shop"), Shop(n_customers=250, seed=5)).study
    done = _run("run", "-c", made, "--engine", "buckets", *_SMALL, "--json")
    assert done.exit_code == 0, done.output
    return made


_SMALL = ("--set", "engine.bucket_rows=2000", "--set", "backtest.count=1")


def _run(*arguments: str | Path) -> Result:
    return CLI.invoke(app, [str(each) for each in arguments])


def test_a_plan_names_each_source_and_reads_no_row(study: Path) -> None:
    (study.parent / "orders.parquet").rename(study.parent / "kept.parquet")
    try:
        lines = pl.read_parquet(study.parent / "kept.parquet")
        lines.write_parquet(study.parent / "orders.parquet", row_group_size=500)
        done = _run("engine", "plan", "-c", study, *_SMALL, "--json")
    finally:
        (study.parent / "kept.parquet").replace(study.parent / "orders.parquet")
    plan = json.loads(done.output)
    assert {each["source"]: each["files"] for each in plan["sources"]} == {
        "transactions": 1, "events": 1, "treatments": 1,
    }  # fmt: skip
    assert plan["buckets"] > 3
    assert "customers; all are scored" in _run("engine", "plan", "-c", study).output


@pytest.mark.parametrize("platform", ["spark-submit", "databricks", "emr", "dataproc"])
def test_a_command_for_a_cluster_starts_the_run_of_this_study(study: Path, platform: str) -> None:
    done = json.loads(_run("engine", "submit", "--print", platform, "-c", study, "--json").output)
    command = done["command"]
    assert "holdfast_run.py" in command
    for word in ("run", "-c", str(study), "--engine", "spark"):
        assert word in command
    if platform in ("databricks", "emr"):
        quoted = command[command.index("'") + 1 : command.rindex("'")]
        assert str(study) in json.dumps(json.loads(quoted))
    compile(done["holdfast_run.py"], "holdfast_run.py", "exec")


def test_this_machine_is_not_asked_for_versions(study: Path) -> None:
    assert "is this machine" in _run("engine", "check", "-c", study).output


def test_scores_by_a_published_run_are_those_of_the_run(study: Path, tmp_path: Path) -> None:
    to = tmp_path / "scores"
    done = _run("score", "--to", to, "--engine", "buckets", "-c", study, *_SMALL)
    assert done.exit_code == 0, done.output
    run = max(study.parent.glob("runs/2*"))
    for table in ("scores", "horizons", "reasons", "features"):
        made, published = (
            pl.read_parquet(folder / table).sort(pl.all()) for folder in (to, run / "tables")
        )
        assert made.equals(published), table
    summary = json.loads((to / "summary.json").read_text())
    assert summary["customers"] == json.loads((run / "summary.json").read_text())["customers"]
    assert f"scored by run {run.name}" in " ".join(done.output.split())

    again = _run("score", "--to", to, "--engine", "buckets", "-c", study, *_SMALL)
    assert "is there already" in str(again.exception)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["scores"]


def test_a_score_leaves_the_rows_that_runs_keep_alone(study: Path, tmp_path: Path) -> None:
    ledger = study.parent / "runs" / ".buckets" / "ledger.json"
    ledger.parent.mkdir()
    ledger.write_text("{}")
    keep = ("--set", "engine.keep_rows=true")
    done = _run("score", "--to", tmp_path / "scores", "-c", study, *_SMALL, *keep)
    assert done.exit_code == 0
    assert [each.name for each in ledger.parent.iterdir()] == ["ledger.json"]


def test_what_a_killed_score_left_is_removed_by_the_next(study: Path, tmp_path: Path) -> None:
    left = tmp_path / ".scores.unfinished"
    (left / "made").mkdir(parents=True)
    (left / "made" / "part.parquet").write_text("customers")
    (tmp_path / ".scores.lock").touch()
    with hold(tmp_path / ".scores.lock"):
        busy = _run("score", "--to", tmp_path / "scores", "-c", study, *_SMALL)
        assert "another process writes" in str(busy.exception)
        assert left.exists()
    done = _run("score", "--to", tmp_path / "scores", "-c", study, *_SMALL)
    assert done.exit_code == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["scores"]


def test_a_folder_that_appears_meanwhile_is_not_touched(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, write = tmp_path / "scores", score_run.add_segments

    def appear(*given: Any) -> Any:
        to.mkdir()
        (to / "theirs").touch()
        return write(*given)

    monkeypatch.setattr(score_run, "add_segments", appear)
    done = _run("score", "--to", to, "-c", study, *_SMALL)
    assert "was made by somebody else" in str(done.exception)
    assert [each.name for each in to.iterdir()] == ["theirs"]
    assert list(tmp_path.iterdir()) == [to]


def test_scores_of_another_study_are_refused(study: Path, tmp_path: Path) -> None:
    other = ("--set", "churn.horizon_days=60")
    done = _run("score", "--to", tmp_path / "scores", "-c", study, *_SMALL, *other)
    assert "differs from that of run" in str(done.exception)
    assert "in churn" in str(done.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ('transactions.table="main.orders"', "exactly one of"),
        ("transactions.amount_of=order", "amount_of"),
    ],
)
def test_what_is_not_done_in_buckets_is_refused_with_a_sentence(
    study: Path, override: str, words: str
) -> None:
    done = _run("run", "-c", study, "--engine", "buckets", "--set", override)
    assert words in str(done.exception)


def test_a_table_of_a_catalogue_is_read_by_spark_alone(study: Path) -> None:
    text = study.read_text().replace('path = "orders.parquet"', 'table = "main.crm.orders"')
    other = study.parent / "table.toml"
    other.write_text(text)
    for engine in ("memory", "buckets"):
        done = _run("run", "-c", other, "--engine", engine)
        assert "main.crm.orders, which only Spark reads" in str(done.exception)
