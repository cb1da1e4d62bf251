"""Erase: a customer is taken out of every run, export, journal and copy and out of the stream, and
does not come back.

A published folder never changes, so a run that names the customer is followed by one made from it
without: in the next free id, in the same place among champions and published runs; then the old one
goes. Whenever a process is killed, the old run or the new one is there and whole, and erasing again
completes what was begun. Counts, totals and evidence of a run stay what they were.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.engine.kept_rows import empty_folder, kept_folder
from holdfast.errors import DataError, HoldfastError, RunError, first_line, system_error
from holdfast.privacy.personal_data import ID, People, files_below
from holdfast.serving.load import load_study, mark_loaded
from holdfast.storage import audit_log, jsonl, run_log
from holdfast.storage.export_records import FOLDER, JOURNAL
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.storage.runs import Registry, Run
from holdfast.storage.safe_files import replace_file
from holdfast.storage.serving_copy import copy_folders, forget_copies
from holdfast.stream.state.personal import count_rows, remove_all, stream_of
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_UNREADABLE = (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Place:
    """A file that is about a customer, and in how many rows or words.

    Attributes
    ----------
    count
        0 where the file cannot be read, and nobody can say.
    """

    path: Path
    count: int


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was done.

    Attributes
    ----------
    runs
        Id of each run that was followed by another -> that one's id.
    exports
        Tables of treatments that were rewritten.
    copies
        Servers' copies that were removed.
    stream
        Rows of the stream's state that were removed.
    unknown
        Those of the customers who were in no file; they are kept out from now on all the same.
    damaged
        Runs that were left as they are because they cannot be read, and why.
    """

    runs: dict[str, str]
    exports: int
    copies: int
    stream: int
    unknown: tuple[str, ...]
    damaged: dict[str, str]


def erase(study: Study, customer_ids: Sequence[str], *, registry: Registry) -> Erased:
    """Take customers out of everything a project keeps of its runs, and keep them out.

    Raises
    ------
    ProjectBusy
        A run is at work, which may have read them already.
    HoldfastError
        The key of the project is gone, something cannot be written, or the stream's state cannot be
        reached.
    """
    with stream_of(study) as stream:
        return _erase(study, customer_ids, registry, stream)


def _erase(
    study: Study,
    customer_ids: Sequence[str],
    registry: Registry,
    stream: "Connection | None",
) -> Erased:
    project = registry.folder.parent
    pseudonyms = Pseudonyms.of(study, make_key=True)
    names = {each: pseudonyms.names(each) for each in customer_ids}
    everybody = [name for several in names.values() for name in several]
    hashes = [pseudonyms.digest(each)[:16] for each in customer_ids]
    with registry.staging() as staging, audit_log.write_ahead(project, "erase", customers=hashes):
        unknown = tuple(_find_unknown(names, study, project, stream))
        pseudonyms.suppress(everybody)
        _complete(registry)
        exports = _clean_exports(project, People.of(everybody, study))
        _clean_logs(registry.folder / run_log.FOLDER, People.of(everybody, study))
        empty_folder(kept_folder(study))
        rows = remove_all(stream, People.of(everybody, study)) if stream else 0
        runs, damaged = _clean_runs(registry, staging, everybody)
        copies = forget_copies(
            registry.folder, lambda folder: any(_look_through(folder, People.of(everybody, study)))
        )
    counts = {"runs": len(runs), "exports": exports, "copies": copies, "stream": rows}
    audit_log.record(project, "erase ended", customers=hashes, removed_from=counts)
    return Erased(
        runs=runs, exports=exports, copies=copies, stream=rows, unknown=unknown, damaged=damaged
    )


def find_places(study: Study, customer_ids: Iterable[str], *, project: Path) -> list[Place]:
    """Every file of a project's runs, exports, copies and journals that is about these customers,
    or cannot be read.
    """
    pseudonyms = Pseudonyms.of(study)
    people = People.of([name for each in customer_ids for name in pseudonyms.names(each)], study)
    with stream_of(study) as stream:
        counts = count_rows(stream, people) if stream else {}
    tables = [Place(Path(f"PostgreSQL {name}"), count) for name, count in counts.items()]
    return [*_look_through_project(project, people), *tables]


def _find_unknown(
    names: dict[str, list[str]], study: Study, project: Path, stream: "Connection | None"
) -> Iterator[str]:
    """Those who are in no file, and not in the stream."""
    rest = set(names)
    if stream is not None:
        rest = {each for each in rest if not count_rows(stream, People.of(names[each], study))}
    for path in (*files_below(project / "runs"), *files_below(project / FOLDER)):
        if path.suffix == ".parquet" and rest:
            seen = _read_ids(path)
            rest = {each for each in rest if seen.isdisjoint(names[each])}

    def are_named(several: Iterable[str]) -> bool:
        places = _look_through_project(project, People.of(several, study))
        return any(place.count for place in places)

    # Somebody who is in no table may still be in quarantine, or in a sentence.
    if rest and are_named(name for each in rest for name in names[each]):
        rest = {each for each in rest if not are_named(names[each])}
    yield from (each for each in names if each in rest)


def _read_ids(path: Path) -> set[str]:
    try:
        table = pl.scan_parquet(path, glob=False)
        if ID not in table.collect_schema().names():
            return set()
        return set(table.select(pl.col(ID).unique()).collect().to_series().cast(pl.String))
    except _UNREADABLE:
        return set()


def _look_through_project(project: Path, people: People) -> Iterator[Place]:
    runs = project / "runs"
    # A server that may not write among the runs has its copies elsewhere.
    elsewhere = [each for each in copy_folders(runs) if each.parent != runs]
    for folder in (runs, project / FOLDER, *elsewhere):
        yield from _look_through(folder, people)
    for journal in (JOURNAL, audit_log.LOG):
        yield from _look_into(project / journal, people)


def _look_through(folder: Path, people: People) -> Iterator[Place]:
    for path in files_below(folder):
        yield from _look_into(path, people)


def _look_into(path: Path, people: People) -> Iterator[Place]:
    try:
        if count := people.find(path):
            yield Place(path, count)
    except FileNotFoundError:
        return
    except _UNREADABLE:
        yield Place(path, 0)


def _complete(registry: Registry) -> None:
    """Finish what a killed process began: a run whose follower is published goes, and so does what
    was taken away already.
    """
    runs = dict(_open_all(registry))
    by_digest = {run.digest: run for run in runs.values()}
    for new in runs.values():
        old = by_digest.get(new.manifest.get("replaces", ""))
        if old is not None:
            registry.supersede(old, new)
    registry.remove([])


def _open_all(registry: Registry) -> Iterator[tuple[str, Run]]:
    for run_id in registry.run_ids():
        try:
            yield run_id, registry.open(run_id)
        except RunError:
            continue


def _clean_runs(
    registry: Registry, staging: Path, names: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Follow every run that names them by one without; the ids of both, and which are damaged."""
    followed, damaged = dict[str, str](), dict[str, str]()
    for run_id in registry.run_ids():
        try:
            run = registry.open(run_id)
            run.verify()
            people = People.of(names, load_study(run))
        except HoldfastError as error:
            damaged[run_id] = str(error)
            continue
        if any(_look_through(run.path, people)):
            followed[run_id] = _follow(registry, staging, run, people).run_id
    return followed, damaged


def _follow(registry: Registry, staging: Path, run: Run, people: People) -> Run:
    folder = staging / "run"
    shutil.rmtree(folder, ignore_errors=True)
    new_id = registry.free_id(run.run_id)
    n_scored = _count_scored(run, people)
    erased = run.manifest.get("erased", 0) + n_scored
    for name in run.manifest["files"]:
        content = people.remove(name, run.read(name))
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(_rename(name, content, run.run_id, new_id))
    _note_in_summary(folder / "summary.json", erased)
    facts = {
        key: value
        for key, value in run.manifest.items()
        if key not in ("run_id", "files", "replaces", "erased")
    }
    new = registry.publish_beside(folder, run, facts={**facts, "erased": erased})
    registry.supersede(run, new)
    mark_loaded(new)
    return new


def _count_scored(run: Run, people: People) -> int:
    if not run.has_table("scores"):
        return 0
    return int(people.rows_about(run.table("scores")).sum())


def _rename(name: str, content: bytes, old_id: str, new_id: str) -> bytes:
    """The run says its own id in what people read."""
    if not name.endswith((".html", ".md")) and name != "summary.json":
        return content
    return content.replace(old_id.encode(), new_id.encode())


def _note_in_summary(path: Path, erased: int) -> None:
    summary: dict[str, Any] = json.loads(path.read_bytes())
    text = json.dumps({**summary, "erased": erased}, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")


def _clean_exports(project: Path, people: People) -> int:
    """Rewrite the tables of treatments, and the journal, that name them; how many tables did."""
    folder, count = project / FOLDER, 0
    # What a killed export left has no line in the journal.
    for leftover in folder.glob(".*.parquet-*"):
        leftover.unlink(missing_ok=True)
    for path in folder.glob("*.parquet"):
        with _refuse_damage(path):
            before = path.read_bytes()
            after = people.remove(path.name, before)
            if after != before:
                replace_file(path, partial(_write, content=after))
                count += 1
    with _refuse_damage(project / JOURNAL):
        jsonl.rewrite(
            project / JOURNAL, lambda text: people.remove(JOURNAL, text.encode()).decode()
        )
    return count


def _clean_logs(folder: Path, people: People) -> None:
    """Take them out of what runs wrote of their steps and errors."""
    for path in folder.glob("*.jsonl"):
        with _refuse_damage(path):
            jsonl.rewrite(path, lambda text: people.remove("log.jsonl", text.encode()).decode())


@contextmanager
def _refuse_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise system_error(error) or DataError(
            f"{path} cannot be read: {first_line(error)}", fix="restore it, or remove it"
        ) from None


def _write(path: Path, *, content: bytes) -> None:
    path.write_bytes(content)
