"""Buckets on Spark come to what they come to on this machine, to the byte, on one JVM, on a cluster
and behind a Connect server, and whatever is killed on the way.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench._spark_cluster import (
    EXECUTOR,
    PYTHON_WORKER,
    Cluster,
    cluster,
    connect_server,
    descendants,
    end,
    environment,
    kill,
    wait_until,
    why_not,
)
from tests.conftest import missing

import holdfast
from holdfast.storage.runs import Registry

pytestmark = pytest.mark.slow
BUCKET_ROWS = 4_000
STAGES = ("scratch/rows_transactions", "scratch/activity", "scratch/predicted", "made/scores")
"""What each stage of a scoring writes first."""


@pytest.fixture(scope="module", autouse=True)
def spark() -> None:
    if reason := why_not():
        missing(reason)


@pytest.fixture(scope="module")
def project(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a run."""
    return Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("spark") / "shop"))


@pytest.fixture(scope="module")
def expected(project: Path) -> dict[str, str]:
    """Everybody's scores as this machine makes them: file -> SHA-256."""
    done = score(project, "here", engine="buckets")
    assert done.wait() == 0, words_of(done)
    files = files_of(project / "here")
    assert len([name for name in files if name.startswith("scores/")]) > 4
    return files


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def score(
    project: Path, to: str, *, engine: str = "spark", **conf: str
) -> "subprocess.Popen[bytes]":
    """Start `holdfast score`, as a user would."""
    remote = conf.pop("remote", None)
    given = {name.replace("__", "."): value for name, value in conf.items()}
    settings = [
        "backtest.count=1",
        f"engine.bucket_rows={BUCKET_ROWS}",
        f"engine.spark.conf={inline(given)}",
    ]
    settings += [f'engine.spark.remote="{remote}"'] if remote else []
    command = [
        sys.executable, "-c", "from holdfast.cli import main; main()", "score", "--to",
        str(project / to), "--run", "latest", "--engine", engine, "--json", "-c",
        str(project / "holdfast.toml"), *(word for each in settings for word in ("--set", each)),
    ]  # fmt: skip
    path = project / f"{Path(to).name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(project))
    process.log = path  # type: ignore[attr-defined]
    return process


def inline(table: dict[str, str]) -> str:
    """A table of TOML on one line."""
    return "{" + ", ".join(f'"{name}" = "{value}"' for name, value in table.items()) + "}"


def words_of(process: "subprocess.Popen[bytes]") -> str:
    """What a process wrote."""
    return str(process.log.read_text())[-3000:]  # type: ignore[attr-defined]


def files_of(folder: Path) -> dict[str, str]:
    """File -> SHA-256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def reached(project: Path, to: str, stage: str) -> Callable[[], bool]:
    """Whether a scoring has written anything of a stage."""
    return lambda: any(project.glob(f".{to}.unfinished/{stage}/part-*.parquet"))


def test_one_jvm_makes_the_same_bytes(project: Path, expected: dict[str, str]) -> None:
    done = score(project, "one-jvm", spark__master="local[2]")
    assert done.wait() == 0, words_of(done)
    assert files_of(project / "one-jvm") == expected


def test_a_cluster_of_two_workers_makes_the_same_bytes(
    project: Path, expected: dict[str, str], two_workers: Cluster
) -> None:
    done = score(project, "cluster", spark__master=two_workers.url)
    assert done.wait() == 0, words_of(done)
    assert files_of(project / "cluster") == expected


def test_a_connect_server_makes_the_same_bytes(
    project: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    with connect_server(tmp_path) as address:
        done = score(project, "connect", remote=address)
        assert done.wait() == 0, words_of(done)
    assert files_of(project / "connect") == expected


def test_an_executor_that_is_killed_in_every_stage_changes_nothing(
    project: Path, expected: dict[str, str], two_workers: Cluster
) -> None:
    done, killed = score(project, "killed", spark__master=two_workers.url), 0
    for stage in STAGES:
        wait_until(reached(project, "killed", stage), while_=lambda: done.poll() is None)
        for executor in two_workers.processes(EXECUTOR)[:1]:
            kill(executor)
            killed += 1
    assert done.wait() == 0, words_of(done)
    assert killed == len(STAGES)
    assert files_of(project / "killed") == expected


def test_a_python_worker_that_is_killed_changes_nothing(
    project: Path, expected: dict[str, str], two_workers: Cluster
) -> None:
    done = score(project, "lost", spark__master=two_workers.url)
    stage = reached(project, "lost", STAGES[1])
    assert wait_until(stage, while_=lambda: done.poll() is None), words_of(done)
    workers = two_workers.processes(PYTHON_WORKER)
    for worker in workers[-1:]:
        kill(worker)
    assert done.wait() == 0, words_of(done)
    assert workers
    assert files_of(project / "lost") == expected


def test_a_driver_that_is_killed_leaves_no_half_folder_and_no_other_run(
    project: Path, two_workers: Cluster
) -> None:
    registry = Registry(project / "runs")
    before = registry.open().digest
    done = score(project, "gone", spark__master=two_workers.url)
    assert wait_until(reached(project, "gone", STAGES[1]), while_=lambda: done.poll() is None)
    below = descendants(done.pid)
    end(done)
    assert below
    assert not (project / "gone").exists()
    assert registry.open().digest == before
    registry.open().verify()


def test_an_executor_with_another_holdfast_is_refused(
    project: Path, two_workers: Cluster, tmp_path: Path
) -> None:
    package = Path(holdfast.__file__).parent
    shutil.copytree(package, tmp_path / "holdfast")
    with (tmp_path / "holdfast" / "windows.py").open("a") as file:
        file.write("# another line\n")
    other = {"spark.executorEnv.PYTHONPATH": str(tmp_path)}
    done = score(project, "other", spark__master=two_workers.url, **other)
    assert done.wait() == 1
    expected = r'"the executor on \S+ has holdfast \S+ \(\w{8}\), not \S+ \(\w{8}\)"'
    assert re.search(expected, words_of(done)), words_of(done)
    assert "Traceback" not in words_of(done)
    assert not (project / "other").exists()


def test_a_disk_that_fills_up_ends_in_a_sentence(
    project: Path, small_disk: Callable[[int], Path], expected: dict[str, str]
) -> None:
    assert expected
    disk = small_disk(600)
    done = score(project, str(disk / "made"), spark__master="local[2]")
    assert done.wait() == 1, words_of(done)
    assert "disk is full" in words_of(done)
    assert "Traceback" not in words_of(done)
    assert list(disk.iterdir()) == []
