"""The live state, as a worker asks it: by the study's file as it is now, for [stream] may be newer
than the run that is served.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from holdfast.api.problems import Refused
from holdfast.api.store import Store
from holdfast.errors import StudyError
from holdfast.stream.state.connections import Connections, Unreachable
from holdfast.stream.state.postgres import NoState
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_RETRY = {"retry-after": "3"}


class Live:
    """Asks the state of the project's stream."""

    def __init__(self, project: Path, store: Store) -> None:
        self._file, self._store, self._lock = project / "holdfast.toml", store, Lock()
        self._read: tuple[tuple[int, int] | None, Study, Connections] | None = None

    @property
    def study(self) -> Study:
        """The study with its [stream].

        Raises
        ------
        Refused
            409 where it has none.
        """
        return self._open()[0]

    @property
    def is_followed(self) -> bool:
        """Whether the study has a stream."""
        try:
            return self.study.stream is not None
        except Refused:
            return False

    @contextmanager
    def read(self) -> "Iterator[Connection]":
        """One state of it, read-only.

        Raises
        ------
        Refused
            409 where nothing is followed, 503 where PostgreSQL does not answer.
        """
        with _refusing(), self._open()[1].read() as connection:
            yield connection

    @contextmanager
    def write(self) -> "Iterator[Connection]":
        """A transaction; raises as `read` does."""
        with _refusing(), self._open()[1].write() as connection:
            yield connection

    def close(self) -> None:
        """Hang up."""
        if self._read is not None:
            self._read[2].close()

    def _open(self) -> tuple[Study, Connections]:
        with self._lock:
            changed = _read_stamp(self._file)
            if self._read is None or self._read[0] != changed:
                study = self._find_study()
                if study.stream is None:
                    raise _refuse_without_stream("the study has no [stream]")
                self.close()
                self._read = changed, study, Connections(study.stream)
            return self._read[1:]

    def _find_study(self) -> Study:
        """As its file reads now; without one, as the served run has it."""
        try:
            if self._file.is_file():
                return Study.from_toml(self._file)
        except StudyError as error:
            raise _refuse_without_stream(error.problem) from None
        if self._store.current is None:
            raise _refuse_without_stream("there is neither a study nor a run")
        return self._store.current.scorer.study


@contextmanager
def _refusing() -> Iterator[None]:
    """Say in HTTP why the state cannot be asked."""
    try:
        yield
    except Unreachable as error:
        raise Refused(503, error.problem, fix=error.fix, headers=_RETRY) from None
    except NoState as error:
        raise Refused(409, error.problem, fix=error.fix) from None


def _refuse_without_stream(why: str) -> Refused:
    return Refused(
        409,
        f"no events are followed here: {why}",
        fix="add [stream] to the study, then `holdfast stream init` and `holdfast stream run`",
    )


def _read_stamp(file: Path) -> tuple[int, int] | None:
    """Size and time of change of a file; None where there is none."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
