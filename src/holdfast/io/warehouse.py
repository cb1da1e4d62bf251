"""The warehouse: one DuckDB database per run, in the run's scratch folder, with a bounded
memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

import duckdb
import narwhals as nw
import polars as pl

from holdfast.errors import DataError, HoldfastError, MachineError, first_line, system_error
from holdfast.io.memory import available_bytes, write_size

Result = TypeVar("Result")

_OF_ALL, _OF_BUDGET = 0.8, 0.4
"""A process may take so much of what is available, and of that the database: the rest is for the
tables that are learnt from.
"""
_FOR_RANGES = 2e9
"""What works on a range of customers at a time needs no more."""
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    # What may still be set once the configuration is locked: no door is among them.
    "allowed_configs": ["memory_limit", "threads", "ieee_floating_point_ops"],
}
"""Of every database that is opened: it loads no extension."""


def memory_database(**settings: str | bool | int) -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory, in UTC, that reaches no file and no network."""
    connection = duckdb.connect(config={**SETTINGS, "enable_external_access": False, **settings})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


class Warehouse:
    """The tables of one run.

    Parameters
    ----------
    scratch
        An existing folder that only this run writes to; the database and its spill files lie there.
    threads
        None: one per core.

    Attributes
    ----------
    con
        The connection. Its time zone is UTC, it keeps the order of rows, it installs and loads no
        extension, and once it is confined it reads no file but those it was shown.
    """

    def __init__(self, scratch: Path, *, threads: int | None = None) -> None:
        self.scratch, self._task = scratch, "work on its tables"
        self._budget, self._held, self._limit = 0, 0.0, 0.0
        config = {**SETTINGS, "temp_directory": str(scratch / "spill")}
        if threads is not None:
            config["threads"] = threads
        try:
            self.con = duckdb.connect(str(scratch / "warehouse.duckdb"), config=config)
            self.con.execute("SET TimeZone = 'UTC'")
            self.limit_memory(None)
        except duckdb.Error as error:
            raise system_error(error) or DataError(
                f"no database can be opened in {scratch}: {error}", fix="free the folder"
            ) from None

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Self]:
        """Open a warehouse in a scratch folder of its own, which is gone afterwards."""
        with TemporaryDirectory(prefix="holdfast-") as folder, cls(Path(folder)) as warehouse:
            yield warehouse

    def limit_memory(self, budget: int | None) -> None:
        """Hold the database to its share of what the whole process may use, in bytes; beyond it
        the database spills to disk. None: most of what is available.
        """
        self._budget = budget or 0
        self._limit = (budget or _OF_ALL * available_bytes()) * _OF_BUDGET
        self._hold(self._limit)

    def give_back(self) -> None:
        """Let memory go that only the reading of whole sources needed."""
        self._hold(min(self._limit, _FOR_RANGES))

    def confine(self, readable: Sequence[Path]) -> None:
        """Let the database read these files and its own, and nothing else, from now on."""
        if self.row("SELECT current_setting('lock_configuration')")[0]:
            return
        self.con.execute(f"SET allowed_paths = {_literals(map(str, map(Path.resolve, readable)))}")
        self.con.execute("SET enable_external_access = false")
        self.con.execute("SET lock_configuration = true")

    def _hold(self, n_bytes: float) -> None:
        # Where more is in use than can be let go, the limit stays until the next time.
        with suppress(duckdb.OutOfMemoryException):
            self.con.execute(f"SET memory_limit = '{int(n_bytes / 1e6)}MB'")
            self._held = n_bytes

    def execute(
        self, sql: str, *values: object, again: Callable[[], object] = lambda: None
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement, with more room where it needs more.

        Parameters
        ----------
        again
            What to do before it is run a second time.
        """
        return self._with_room(lambda: self.con.execute(sql, list(values)), again)

    def _with_room(
        self, work: Callable[[], Result], again: Callable[[], object] = lambda: None
    ) -> Result:
        """Do a piece of work, and say in a sentence what the machine refuses."""
        try:
            return self._in_more_room(work, again)
        except duckdb.Error as error:
            if system_error(error) is None:
                raise
            raise self._explain(error) from None

    def _in_more_room(self, work: Callable[[], Result], again: Callable[[], object]) -> Result:
        """Do a piece of work; where the memory is too little, on one thread, which needs less at
        once, and then with all memory that there is.
        """
        try:
            return work()
        except duckdb.OutOfMemoryException:
            (threads,) = self.row("SELECT current_setting('threads')")
        limit = self._held
        try:
            self.con.execute("SET threads = 1")
            again()
            try:
                return work()
            except duckdb.OutOfMemoryException:
                if self._budget:
                    raise
            (used,) = self.row("SELECT sum(memory_usage_bytes) FROM duckdb_memory()")
            self._hold(_OF_ALL * available_bytes() + used)
            again()
            return work()
        finally:
            self.con.execute(f"SET threads = {threads}")
            self._hold(limit)

    def table(self, name: str) -> nw.LazyFrame[Any]:
        """A table as a lazy frame that computes in DuckDB."""
        return nw.from_native(self.con.table(name))

    def read(self, table: nw.LazyFrame[Any] | duckdb.DuckDBPyRelation) -> pl.DataFrame:
        """Compute a lazy frame or a relation and return its rows."""
        relation = nw.to_native(table, pass_through=True)
        frame: pl.DataFrame = self._with_room(relation.pl)
        return frame

    def query(self, sql: str, *values: object) -> pl.DataFrame:
        """The rows of an answer."""
        frame: pl.DataFrame = self._with_room(lambda: self.con.sql(sql, params=list(values)).pl())
        return frame

    def has(self, name: str) -> bool:
        """Whether there is a table or view of that name."""
        return bool(
            self.row("SELECT count(*) FROM information_schema.tables WHERE table_name = ?", name)[0]
        )

    def row(self, sql: str, *values: object) -> tuple[Any, ...]:
        """The only row of an answer."""
        # To the end: DuckDB refuses other work on the connection while a result is not fetched out.
        (row,) = self._with_room(lambda: self.con.execute(sql, list(values)).fetchall())
        return row

    @contextmanager
    def working(self, task: str) -> Iterator[None]:
        """Turn what goes wrong in the database (a full disk, too little memory) into an error that
        names the task.
        """
        before, self._task = self._task, task
        try:
            yield
        except duckdb.Error as error:
            raise self._explain(error) from None
        finally:
            self._task = before

    def _explain(self, error: duckdb.Error) -> HoldfastError:
        machine, task = system_error(error), self._task
        if machine is None:
            return HoldfastError(
                f"the database failed to {task}: {first_line(error)}",
                fix="report this, with the study",
            )
        problem, fix = f"{machine.problem}, so the database could not {task}", machine.fix
        if machine.parts["cause"] == "disk full":
            fix = f"free some space at {self.scratch}, and try again"
        if machine.parts["cause"] == "memory":
            problem = f"the database has too little memory to {task}: {first_line(error)}"
            fix = "leave out columns that no model needs, read fewer rows, or use a machine with "
            fix += "more memory"
            if self._budget:
                fix = f"raise [engine] memory, now {write_size(self._budget)}; or {fix}"
        return MachineError(problem, fix=fix, **machine.parts)

    def close(self) -> None:
        """Close the connection; the scratch folder is the caller's to remove."""
        self.con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _literals(texts: Iterable[str]) -> str:
    """Write texts as a list in SQL."""
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"
