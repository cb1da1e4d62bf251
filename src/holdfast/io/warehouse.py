"""The warehouse: one DuckDB database per run, in the run's scratch folder, with a bounded
memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import duckdb
import narwhals as nw
import polars as pl

from holdfast.errors import DataError, HoldfastError, first_line

_MB_TO_READ, _MB_TO_SUM = 300, 800
"""A thread, of two threads or more; beyond it DuckDB spills to disk."""


def too_little_memory(task: str, error: duckdb.Error) -> HoldfastError:
    """Say that the memory was too little: the data may be in order."""
    return HoldfastError(
        f"the database has too little memory to {task}: {first_line(error)}",
        fix="leave out columns that no model needs, read Parquet instead of CSV, or use a machine "
        "with more cores: each may use some memory",
    )


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
        The connection. Its time zone is UTC, it keeps the order of rows and it installs and loads
        no extension.
    """

    def __init__(self, scratch: Path, *, threads: int | None = None) -> None:
        self.scratch = scratch
        self._least_mb, self._mb_a_thread = 0, _MB_TO_READ
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": str(scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
        if threads is not None:
            config["threads"] = threads
        try:
            self.con = duckdb.connect(str(scratch / "warehouse.duckdb"), config=config)
            self.con.execute("SET TimeZone = 'UTC'")
            self._hold(_MB_TO_READ)
        except duckdb.Error as error:
            raise DataError(
                f"no database can be opened in {scratch}: {error}", fix="free the folder"
            ) from None

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Self]:
        """Open a warehouse in a scratch folder of its own, which is gone afterwards."""
        with TemporaryDirectory(prefix="holdfast-") as folder, cls(Path(folder)) as warehouse:
            yield warehouse

    def make_room(self) -> None:
        """Let features be summed up in twice the memory that sources are read in."""
        self._hold(_MB_TO_SUM)

    def hold_at_least(self, mb: int) -> None:
        """Raise the limit of memory for what needs more than others do."""
        self._least_mb = max(self._least_mb, mb)
        self._hold(self._mb_a_thread)

    def _hold(self, mb_a_thread: int) -> None:
        self._mb_a_thread = mb_a_thread
        (running,) = self.row("SELECT current_setting('threads')")
        mb = max(mb_a_thread * max(2, running), self._least_mb)
        self.con.execute(f"SET memory_limit = '{mb}MB'")

    def table(self, name: str) -> nw.LazyFrame[Any]:
        """A table as a lazy frame that computes in DuckDB."""
        return nw.from_native(self.con.table(name))

    def read(self, table: nw.LazyFrame[Any] | duckdb.DuckDBPyRelation) -> pl.DataFrame:
        """Compute a lazy frame or a relation and return its rows."""
        frame: pl.DataFrame = nw.to_native(table, pass_through=True).pl()
        return frame

    def query(self, sql: str, *values: object) -> pl.DataFrame:
        """The rows of an answer."""
        return self.read(self.con.sql(sql, params=list(values)))

    def has(self, name: str) -> bool:
        """Whether there is a table or view of that name."""
        return bool(
            self.row("SELECT count(*) FROM information_schema.tables WHERE table_name = ?", name)[0]
        )

    def row(self, sql: str, *values: object) -> tuple[Any, ...]:
        """The only row of an answer."""
        # To the end: DuckDB refuses other work on the connection while a result is not fetched out.
        (row,) = self.con.execute(sql, list(values)).fetchall()
        return row

    @contextmanager
    def working(self, task: str) -> Iterator[None]:
        """Turn what goes wrong in the database (a full disk, too little memory) into an error that
        names the task.
        """
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise too_little_memory(task, error) from None
        except duckdb.Error as error:
            raise HoldfastError(
                f"the database failed to {task}: {first_line(error)}",
                fix=f"free disk space at {self.scratch}",
            ) from None

    def close(self) -> None:
        """Close the connection; the scratch folder is the caller's to remove."""
        self.con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
