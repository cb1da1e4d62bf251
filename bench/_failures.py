"""Commands of which one system call fails: what they say, and what is there afterwards."""

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from bench._calls import Calls, Site, trials
from bench._figures import Figure, at_least, at_most
from holdfast.campaigns.audience import Rule, build_audience
from holdfast.campaigns.export_journal import record_export
from holdfast.cli.main import _explain, main
from holdfast.errors import HoldfastError
from holdfast.report.exports.customer_rows import first_customers
from holdfast.setup.simulate import simulate_to
from holdfast.storage import audit_log
from holdfast.storage.export_records import read_exports
from holdfast.storage.keys import KeyFile
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop

CUSTOMERS, SEED, RUNS = 60, 3, 3
QUICK = ("--set", "backtest.count=1")
SIZES = (200, 400, 700, 1100, 1800, 2800, 4500, 7000, 11000, 18000, 28000)
Command = Callable[[Path], int]
"""Works in a project; returns the exit code."""


@dataclass(frozen=True)
class State:
    """What must not be lost, in order; runs by the id under which they were first published."""

    champions: tuple[str, ...]
    published: tuple[str, ...]
    keys: tuple[str, ...]
    revoked: tuple[str, ...]
    exports: tuple[str, ...]
    audited: tuple[str, ...]
    erased: tuple[str, ...]

    @classmethod
    def read(cls, project: Path) -> "State":
        """Read everything, whole.

        Raises
        ------
        HoldfastError
            Something is damaged.
        """
        registry = Registry(project / "runs")
        for run_id in registry.run_ids():
            registry.open(run_id).verify()
        if registry.champions():
            registry.open()
        audit_log.verify(project)
        erased, keys = project / "erased.txt", KeyFile(project).keys()
        return cls(
            champions=_unify(entry.run_id for entry in registry.champions()),
            published=_unify(reversed(registry.run_ids())),
            keys=tuple(keys),
            revoked=tuple(key for key, facts in keys.items() if facts.revoked_at is not None),
            exports=tuple(entry["export_id"] for entry in reversed(read_exports(project))),
            audited=tuple(str(entry["before"]) for entry in audit_log.entries(project)),
            erased=tuple(erased.read_text().splitlines()) if erased.exists() else (),
        )


def _unify(run_ids: Any) -> tuple[str, ...]:
    """A run that follows an erased one, `<id>-2`, is that one."""
    return tuple(dict.fromkeys("-".join(each.split("-")[:2]) for each in run_ids))


def call_figures(*, verbose: bool) -> Iterator[Figure]:
    """Let every call fail once, of every command that writes."""
    sites = tried = 0
    faults = dict.fromkeys(("surprise", "torn", "lost", "again", "left", "missed"), 0)
    with TemporaryDirectory(prefix="calls-") as folder, _publish_only() as reuse:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            project, customer = make_project(Path(folder), reuse)
        for name, command in commands(customer).items():
            if name == "erase":
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    _must(_cli("runs", "prune", "--keep", "2")(project))
            n_sites, n_trials, wrong = try_command(project, command, verbose=verbose)
            sites, tried = sites + n_sites, tried + n_trials
            if verbose:
                print(f"{name}: {n_sites} sites, {n_trials} trials, {len(wrong)} wrong", flush=True)
            for kind, _ in wrong:
                faults[kind] += 1
    yield at_least("calls: sites", sites, 100)
    yield at_least("calls: trials", tried, 500)
    yield at_most("calls: half-written files seen", faults["torn"], 0)
    yield at_most("calls: history lost", faults["lost"], 0)
    yield at_most("calls: not a sentence", faults["surprise"], 0)
    yield at_most("calls: the same command fails afterwards", faults["again"], 0)
    yield at_most("calls: files left after it", faults["left"], 0)
    yield at_most("calls: trials in which nothing failed", faults["missed"], 0)


def make_project(folder: Path, reuse: Callable[[], object] = lambda: None) -> tuple[Path, str]:
    """A shop with runs, keys, an export and an erasure; and a customer who is still there.

    Parameters
    ----------
    reuse
        Called once the first run was trained.
    """
    made = simulate_to(folder / "source", Shop(n_customers=CUSTOMERS, seed=SEED))
    project = folder / "project"
    project.mkdir()
    copy_study(made.study, project)
    _must(_cli("run", *QUICK)(project))
    reuse()
    for _ in range(RUNS - 1):
        time.sleep(1)  # two runs of one second differ in what an erasure changes
        _must(_cli("run", *QUICK)(project))
    _must(_cli("keys", "create", "--role", "reader", "--name", "a")(project))
    _must(export(project))
    scores = Registry(project / "runs").open().scores
    first, second = first_customers(scores, 2)["customer_id"]
    _must(_cli("erase", str(first), "--yes")(project))
    return project, str(second)


def copy_study(study: Path, project: Path) -> None:
    """The study, with its sources where they are."""
    text = study.read_text(encoding="utf-8")
    for source in study.parent.glob("*.parquet"):
        text = text.replace(f'"{source.name}"', f'"{source}"')
    (project / "holdfast.toml").write_text(text, encoding="utf-8")


def _must(code: int) -> None:
    if code:
        raise RuntimeError(f"a command that prepares failed with {code}")


def commands(customer: str) -> dict[str, Command]:
    """Every command that writes, of a project with runs."""
    return {
        "runs promote": _promote_oldest,
        "runs rollback": _cli("runs", "rollback"),
        "runs prune": _cli("runs", "prune", "--keep", "1"),
        "keys create": _cli("keys", "create", "--role", "reader"),
        "keys revoke": _revoke,
        "export": export,
        "erase": _cli("erase", customer, "--yes"),
        "run": _cli("run", *QUICK),
    }


def _cli(*arguments: str) -> Command:
    def command(project: Path) -> int:
        words = ["holdfast", *arguments, "-c", str(project / "holdfast.toml")]
        with patch.object(sys, "argv", words):
            try:
                main()
            except SystemExit as end:
                return int(end.code or 0)
        return 0

    return command


def _promote_oldest(project: Path) -> int:
    return _cli("runs", "promote", Registry(project / "runs").run_ids()[-1])(project)


def _revoke(project: Path) -> int:
    return _cli("keys", "revoke", next(iter(KeyFile(project).keys())))(project)


def export(project: Path) -> int:
    """Give an audience away, as the dashboard does."""
    try:
        study = Study.from_toml(project / "holdfast.toml")
        run = Registry(project / "runs").open()
        rule = Rule(only_paying=False, holdout_share=0.1)
        audience = build_audience(run.scores, rule, run_id=run.run_id, study=study)
        record_export(audience, project, at=datetime.now(UTC), how="csv")
    except Exception as error:
        return _explain(error)
    return 0


def try_command(
    project: Path, command: Command, *, verbose: bool
) -> tuple[int, int, list[tuple[str, str]]]:
    """Let every call of a command fail once, each in a project as it was; the number of sites and
    of trials, and what went wrong.
    """
    before = State.read(project)
    with _copy(project) as copy:
        calls = Calls()
        with _watch(calls) as said:
            code = command(copy)
        if code:
            raise RuntimeError(f"the command fails by itself: {said.getvalue()}")
        after = State.read(copy)
    wrong, tried, seen = [], 0, set[Any]()
    for fails in trials(calls.counts):
        tried += 1
        with _copy(project) as copy:
            for kind, what in _try(copy, command, fails, before, after, seen):
                wrong.append((kind, what))
                if verbose:
                    print(f"{kind}: {' '.join(fails[0])} {fails[1:]}: {what}", flush=True)
    return len(calls.counts), tried, wrong


def _try(
    project: Path,
    command: Command,
    fails: tuple[Site, int, int],
    before: State,
    after: State,
    seen: set[Any],
) -> Iterator[tuple[str, str]]:
    """What is wrong after one call failed, and after the same command was given again; the latter
    once, where every error leaves the same.
    """
    calls = Calls(fails)
    with _watch(calls) as said:
        code = command(project)
    text = said.getvalue()
    if not calls.happened:
        yield "missed", text
    if "did not expect" in text or "Traceback" in text or (code and not _is_sentence(text)):
        yield "surprise", text
    try:
        state = State.read(project)
    except (HoldfastError, OSError, ValueError) as error:
        yield "torn", str(error)
    else:
        for name, values in vars(state).items():
            was, will_be = getattr(before, name), getattr(after, name)
            if name == "audited" and code:
                # What failed is in the log too, before and after.
                if values[: len(was)] != was or len(values) > len(will_be) + 1:
                    yield "lost", f"exit {code}, {name}: {values}"
                continue
            if not _is_between(values, was, will_be) or (not code and len(values) != len(will_be)):
                yield "lost", f"exit {code}, {name}: {values}"
        left = (fails[:2], code, state)
        if left in seen:
            return
        seen.add(left)
    with _watch(Calls()) as said:
        code = command(project)
    if code:
        yield "again", said.getvalue()
        return
    for path in project.rglob(".*"):
        if path.name in (".staging", ".removed", ".part") or "-" in path.name:
            yield "left", str(path)


def _is_sentence(text: str) -> bool:
    return "Error: " in text and "Fix: " in text


def _is_between(now: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Whether it is as before or as after but for the names of what was made, or has lost only part
    of what goes.
    """
    kept = [each for each in before if each in after]
    if set(before) == set(after):
        return now in (before, after)
    return [each for each in now if each in kept] == kept and (
        set(now) <= set(before) or len(now) <= len(after)
    )


@contextmanager
def _copy(project: Path) -> Iterator[Path]:
    with TemporaryDirectory(prefix="project-") as folder:
        yield Path(shutil.copytree(project, Path(folder) / "project"))


@contextmanager
def _watch(calls: Calls) -> Iterator[io.StringIO]:
    """What is said, while the calls are watched."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), calls.watch():
        yield said


@contextmanager
def _publish_only() -> Iterator[Callable[[], object]]:
    """Once what is given out is called, runs publish again what the first has learnt, written and
    drawn: the calls that are to fail come afterwards.
    """
    from holdfast.report import charts, pages
    from holdfast.runs import run

    kept: dict[str, Any] = {}

    def keep(name: str, work: Callable[..., Any], pack: Callable[[Any], Any] = lambda x: x) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            if name not in kept:
                kept[name] = pack(work(*args, **options))
            return kept[name]

        return call

    with ExitStack() as patches:

        def reuse() -> None:
            patches.enter_context(patch.object(run, "load_in_child", lambda _: None))

        for module, name in ((run, "train_and_score"), (pages, "report_page")):
            patches.enter_context(patch.object(module, name, keep(name, getattr(module, name))))
        drawn = keep("drawings", charts.drawings, lambda made: [_Drawn(each) for each in made])
        patches.enter_context(patch.object(charts, "drawings", drawn))
        yield reuse


class _Drawn:
    """A chart that is drawn once."""

    def __init__(self, drawing: Any) -> None:
        self._drawing, self._content = drawing, drawing.png()

    def png(self) -> bytes:
        return self._content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drawing, name)


def disk_figures(*, verbose: bool) -> Iterator[Figure]:
    """Run on disks of growing size, until there is room."""
    faults = dict.fromkeys(("surprise", "published", "left"), 0)
    too_small, room = 0, 0
    with TemporaryDirectory(prefix="disks-") as folder:
        made = simulate_to(Path(folder) / "source", Shop(n_customers=CUSTOMERS, seed=SEED))
        for kib in SIZES:
            with _disk(Path(folder), kib) as disk:
                if disk is None:
                    yield Figure("disk: skipped, for a disk can be mounted by root only", 1)
                    return
                copy_study(made.study, disk)
                words = [sys.executable, "-m", "holdfast.cli", "run", *QUICK]
                done = subprocess.run(words, cwd=disk, capture_output=True, text=True, check=False)
                if verbose:
                    last = " ".join(done.stderr.splitlines()[-2:])
                    print(f"{kib} KiB: exit {done.returncode}: {last}", flush=True)
                if not done.returncode:
                    room = kib
                    break
                too_small += 1
                is_said = "disk is full" in done.stderr and "Fix: " in done.stderr
                faults["surprise"] += done.returncode != 1 or not is_said
                faults["published"] += bool(Registry(disk / "runs").run_ids())
                faults["left"] += (disk / "runs" / ".staging").exists()
    yield at_least("disk: sizes too small for a run", too_small, 3)
    yield Figure("disk: KiB that are enough", room)
    yield at_most("disk: not a sentence", faults["surprise"], 0)
    yield at_most("disk: runs published", faults["published"], 0)
    yield at_most("disk: files left", faults["left"], 0)


@contextmanager
def _disk(folder: Path, kib: int) -> Iterator[Path | None]:
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
