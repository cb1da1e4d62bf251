"""What reading and scoring on Spark costs: CPU seconds of every process that takes part, from
/proc, because the clock of a shared machine says nothing; and the driver's memory.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench._spark_cluster import Cluster, command_of, descendants, environment

_TICKS, _STEP = os.sysconf("SC_CLK_TCK"), 0.1
STAGES = ("scratch/rows_transactions", "scratch/activity", "scratch/predicted", "made/scores")
"""What each stage of a scoring writes first."""


@dataclass
class Watch:
    """Looks at processes, and at all that they start, from `with` to the end of it.

    Attributes
    ----------
    cpu
        Process -> CPU seconds of its own since it was first looked at.
    peak
        The most memory that the first of the processes had, without what it started (MB).
    """

    roots: Sequence[int]
    cpu: dict[int, float] = field(default_factory=dict)
    peak: float = 0.0
    peak_jvm: float = 0.0
    _before: dict[int, float] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        for pid in self._processes():
            self._before[pid] = _cpu_of(pid) or 0.0
        self._thread = threading.Thread(target=self._look_again, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """CPU seconds of all of them."""
        return sum(self.cpu.values())

    def _processes(self) -> list[int]:
        return [each for root in self.roots for each in (root, *descendants(root))]

    def _look_again(self) -> None:
        while not self._ended.wait(_STEP):
            for pid in self._processes():
                if (seconds := _cpu_of(pid)) is not None:
                    self.cpu[pid] = seconds - self._before.get(pid, 0.0)
            driver = self.roots[0]
            self.peak = max(self.peak, _peak_of(driver))
            below = [each for each in descendants(driver) if "java" in command_of(each)]
            self.peak_jvm = max([self.peak_jvm, *map(_peak_of, below)])


@dataclass(frozen=True)
class Scored:
    """What a scoring came to; `stages` are the seconds in which executors had work."""

    cpu: float
    wall: float
    stages: float
    peak: float
    peak_jvm: float
    files: dict[str, str]
    kills: int = 0


def score(
    config: Path,
    to: Path,
    *,
    run_folder: Path,
    engine: str = "spark",
    on: Cluster | None = None,
    bucket_rows: int = 20_000,
    meanwhile: Callable[["subprocess.Popen[bytes]"], int] = lambda _: 0,
) -> Scored:
    """Read and score by a published run, as `holdfast score` does; nothing is learnt.

    Parameters
    ----------
    run_folder
        The project of the run.
    on
        A cluster; without, two threads of one JVM.
    meanwhile
        Is done while it works, and says how many processes it killed.

    Raises
    ------
    RuntimeError
        It failed.
    """
    master = on.url if on else "local[2]"
    command = [
        sys.executable, "-m", "bench._spark_cost", str(config), str(run_folder), str(to), engine,
        master, str(bucket_rows),
    ]  # fmt: skip
    begun, log = time.monotonic(), to.with_suffix(".log")
    _events_of(to).mkdir()
    with log.open("wb") as out:
        driver = subprocess.Popen(command, stdout=out, stderr=out, env=environment(to.parent))
        with Watch([driver.pid, *(on.workers if on else ())]) as watch:
            kills = meanwhile(driver)
            if driver.wait():
                raise RuntimeError(log.read_text()[-3000:])
    wall = time.monotonic() - begun
    stages = _seconds_of_stages(_events_of(to))
    return Scored(watch.seconds, wall, stages, watch.peak, watch.peak_jvm, files_of(to), kills)


def _events_of(to: Path) -> Path:
    """Where Spark's driver writes what happened."""
    return to.with_suffix(".events")


def _seconds_of_stages(folder: Path) -> float:
    """How long at least one stage was under way, by Spark's event log."""
    lines = [line for path in folder.rglob("events_*") for line in path.read_text().splitlines()]
    ended = [line for line in lines if '"SparkListenerStageCompleted"' in line]
    infos = [json.loads(line)["Stage Info"] for line in ended]
    seconds, until = 0.0, 0
    for begin, end in sorted((each["Submission Time"], each["Completion Time"]) for each in infos):
        seconds += max(0, end - max(begin, until)) / 1000
        until = max(until, end)
    return seconds


def files_of(folder: Path) -> dict[str, str]:
    """File -> SHA-256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _cpu_of(pid: int) -> float | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) / _TICKS


def _peak_of(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(sizes[0]) / 1024 if sizes else 0.0


def main(config: str, run_folder: str, to: str, engine: str, master: str, bucket_rows: str) -> None:
    """Score, in a process of its own."""
    from holdfast.engine.score_run import score_by_run
    from holdfast.progress import Silence, Steps
    from holdfast.storage.runs import Registry
    from holdfast.study import Study

    spark = {
        "spark.master": master, "spark.executor.memory": "1g", "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false", "spark.eventLog.dir": _events_of(Path(to)).as_uri(),
    }  # fmt: skip
    conf = ", ".join(f'"{name}" = "{value}"' for name, value in spark.items())
    overrides = {
        "backtest.count": "1", "engine.kind": f'"{engine}"', "engine.bucket_rows": bucket_rows,
        "engine.spark.conf": f"{{{conf}}}",
    }  # fmt: skip
    study = Study.from_toml(Path(config), overrides=overrides)
    run = Registry(Path(run_folder) / "runs").open("latest")
    score_by_run(study, run, Path(to), Steps(Silence()))


if __name__ == "__main__":
    main(*sys.argv[1:])
