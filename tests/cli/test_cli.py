"""The command line, as a user meets it: real runs, exit codes, JSON, no traceback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.conftest import ONE_TEST

QUICK = [part for key, value in ONE_TEST.items() for part in ("--set", f"{key}={value}")]


def holdfast(*arguments: str, cwd: Path, code: int = 0) -> str:
    """Run a command; return what it printed, and fail if its exit code is another or a traceback
    shows.
    """
    done = subprocess.run(
        [sys.executable, "-c", "from holdfast.cli import main; main()", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def shop(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated shop with one published run."""
    return Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("cli") / "shop"))


def test_help_shows_every_command_and_an_example(tmp_path: Path) -> None:
    text = holdfast("--help", cwd=tmp_path)
    for command in (
        "init",
        "run",
        "predict",
        "compare",
        "backtest",
        "features",
        "simulate",
        "runs",
        "datasets",
    ):
        assert command in text
        assert "Usage" in holdfast(command, "--help", cwd=tmp_path)
    assert "Example" in holdfast("run", "--help", cwd=tmp_path)


def test_the_version_is_told(tmp_path: Path) -> None:
    import holdfast as package

    assert holdfast("--version", cwd=tmp_path).strip() == package.__version__


@pytest.fixture(scope="module")
def summary(shop: Path) -> dict[str, Any]:
    """What a second run of the same study prints for machines."""
    return dict(json.loads(holdfast("run", "--json", *QUICK, cwd=shop)))


def test_run_prints_one_object_for_machines(summary: dict[str, Any]) -> None:
    assert summary["rows"]["read"] == sum(
        summary["rows"][key] for key in ("accepted", "set_aside", "quarantined")
    )
    assert Path(summary["report"]).is_file()
    assert summary["churn"]["roc_auc"] > summary["churn"]["baseline"]["roc_auc"] - 0.05
    assert {row["segment"] for row in summary["segments"]} >= {"Champion", "Losing Customer"}
    assert sum(row["customers"] for row in summary["segments"]) == summary["customers"]
    assert set(summary["seconds"]) >= {"Read the sources", "Learn", "Explain"}


def test_the_same_study_and_data_give_the_same_tables_byte_for_byte(
    shop: Path, summary: dict[str, Any]
) -> None:
    second = Path(summary["path"])
    first = min(
        path for path in (shop / "runs").iterdir() if path.is_dir() and path.name[0].isdigit()
    )
    assert first.name != second.name
    names = sorted(
        path.relative_to(first) for path in [*first.glob("tables/*"), *first.glob("models/*/*")]
    )
    assert len(names) >= 14
    for name in [*names, Path("segments.json"), Path("customer_segments.csv")]:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_predict_answers_what_the_batch_said(shop: Path) -> None:
    answer = json.loads(holdfast("predict", "--random", "--json", cwd=shop))
    run = shop / "runs" / answer["run_id"]
    row = pl.read_parquet(run / "tables" / "scores.parquet").filter(
        pl.col("customer_id") == answer["customer_id"]
    )
    assert row["churn_probability"][0] == answer["churn_probability"]
    assert row["segment"][0] == answer["segment"]
    assert answer["reasons"]
    assert answer["customer_id"] in holdfast("predict", answer["customer_id"], cwd=shop)


def test_predict_from_features_gives_the_published_score(shop: Path, tmp_path: Path) -> None:
    run_id = json.loads(holdfast("predict", "--random", "--json", cwd=shop))["run_id"]
    tables = shop / "runs" / run_id / "tables"
    row = pl.read_parquet(tables / "features.parquet").sort("customer_id").row(5, named=True)
    (tmp_path / "one.json").write_text(json.dumps(row), encoding="utf-8")
    answer = json.loads(
        holdfast("predict", "--features", str(tmp_path / "one.json"), "--json", cwd=shop)
    )
    score = (
        pl.read_parquet(tables / "scores.parquet")
        .filter(pl.col("customer_id") == row["customer_id"])
        .row(0, named=True)
    )
    for ours, published in (
        ("churn_probability",) * 2,
        ("predicted_ltv", "expected_revenue"),
        ("segment",) * 2,
    ):
        assert answer[ours] == score[published]


def test_an_unknown_customer_exits_2_and_says_so(shop: Path) -> None:
    assert "has no customer 'nobody'" in holdfast("predict", "nobody", cwd=shop, code=2)
    error = json.loads(holdfast("predict", "nobody", "--json", cwd=shop, code=2))
    assert error["error"]["code"] == "CustomerNotFound"


def test_a_customer_who_is_not_eligible_gets_the_reason_and_nobody_elses_name(shop: Path) -> None:
    orders = pl.read_parquet(shop / "orders.parquet")
    last = (
        orders.group_by("customer_id")
        .agg(pl.col("occurred_at").max().dt.date())
        .sort("occurred_at", "customer_id")
    )
    name, day = last.row(0)
    said = holdfast("predict", name, cwd=shop, code=2)
    assert f"last bought {day}, outside 'bought in the last 365 days'" in said
    assert "near" not in said
    assert "did you mean" not in said
    error = json.loads(holdfast("predict", name, "--json", cwd=shop, code=2))
    assert error["error"]["code"] == "CustomerNotEligible"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "-c", "none.toml"), "there is no none.toml"),
        (("run", "--set", "churn.horizn_days=3"), "did you mean 'horizon_days'"),
        (("run", "--set", "seed"), "--set seed has no value"),
        (("run", "--set", "transactions.path=nowhere.parquet"), "nowhere.parquet"),
        (("predict",), "no customer is named"),
        (("predict", "--random", "C1"), "named in more than one way"),
        (("predict", "--features", "nowhere.json"), "there is no nowhere.json"),
        (("runs", "promote", "x"), "no run 'x'"),
        (("simulate", "."), "not empty"),
        (("simulate", "new", "--ends", "2024-06-31"), "--ends 2024-06-31 is not a date"),
        (("init", "again"), "holdfast.toml here already"),
        (("datasets", "fetch", "nothing"), "nothing"),
    ],
)
def test_wrong_input_exits_2_with_what_to_do(
    shop: Path, arguments: tuple[str, ...], message: str
) -> None:
    said = holdfast(*arguments, cwd=shop, code=2)
    assert message in said.replace("\n", " ")
    assert "Fix" in said


@pytest.mark.usefixtures("summary")
def test_runs_are_listed_and_rolled_back(shop: Path) -> None:
    rows = json.loads(holdfast("runs", "list", "--json", cwd=shop))
    champion = next(row["run_id"] for row in rows if row["champion"])
    assert f"{rows[-1]['run_id']} (was {champion})" in holdfast(
        "runs", "promote", rows[-1]["run_id"], cwd=shop
    )
    assert json.loads(holdfast("runs", "rollback", "--json", cwd=shop)) == {"champion": champion}
    assert "all as they were written" in holdfast("runs", "show", cwd=shop)


def test_a_damaged_run_is_listed_as_such_and_old_runs_are_pruned(
    shop: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(shop, tmp_path / "shop"))
    rows = json.loads(holdfast("runs", "list", "--json", cwd=copy))
    (champion,) = (row["run_id"] for row in rows if row["champion"])
    old = "20200101T000000Z-00000001"
    (copy / "runs" / old).mkdir()
    (copy / "runs" / old / "manifest.json").write_text("{}", encoding="utf-8")
    rows = json.loads(holdfast("runs", "list", "--json", cwd=copy))
    assert rows[-1]["run_id"] == old
    assert "'run_id': Field required" in rows[-1]["damaged"]
    assert f"Warning: the manifest of run {old} cannot be" in holdfast("runs", "list", cwd=copy)
    assert "give --keep N" in holdfast("runs", "prune", cwd=copy, code=2)
    with (copy / "holdfast.toml").open("a", encoding="utf-8") as study:
        study.write("\n[schedule]\nkeep = 1\n")
    assert f"{old} (0.0 MB)" in holdfast("runs", "prune", "--dry-run", cwd=copy)
    pruned = json.loads(holdfast("runs", "prune", "--older-than", "30", "--json", cwd=copy))
    assert [run["run_id"] for run in pruned["runs"]][-1] == old
    assert champion in holdfast("runs", "list", cwd=copy)
    (copy / "runs" / "champion").unlink()
    assert "runs promote latest" in holdfast("runs", "list", cwd=copy)
    assert "is the published one" in holdfast("predict", "--random", cwd=copy, code=2)


def test_features_are_listed_and_their_query_printed(shop: Path) -> None:
    names = [row["name"] for row in json.loads(holdfast("features", "--json", cwd=shop))]
    assert {"n_purchases", "days_since_last_purchase", "tenure_days", "channel"} <= set(names)
    assert "SELECT" in holdfast("features", "--sql", "duckdb", cwd=shop)
