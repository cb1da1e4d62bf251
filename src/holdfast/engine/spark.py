"""Buckets on Spark: one shuffle by bucket, and Holdfast's own code in every task.

The project's folder must be seen by the driver and by every executor under the same path; what a
task makes lies there, and a task that is done twice makes the same. Nothing that grows with
customers comes back to the driver.
"""

import json
import os
import platform
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from holdfast import errors
from holdfast.engine.engines import Arrive, Facts, Sent, identity
from holdfast.engine.splits import SplitSource
from holdfast.errors import HoldfastError, MachineError, MissingExtra, system_error
from holdfast.io.files import fill_variables
from holdfast.study.settings import Spark
from holdfast.study.sources import Source

_ANSWERS = pa.schema({"bucket": pa.int32(), "facts": pa.string()})
_MARK = "HOLDFAST-ERROR"
_ASKED, _SECONDS_ASKED = 32, 0.05
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
_CONF = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    **{f"spark.executorEnv.{name}": "1" for name in _ONE_THREAD},
}


class SparkEngine:
    """Works on splits and buckets in the tasks of a Spark session.

    Parameters
    ----------
    session
        Of pyspark 4, classic or Connect.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self._identity = identity()
        self._tables: dict[str, Any] = {}

    def open_table(self, name: str, source: Source) -> tuple[pa.Schema, int]:
        """As `Engine` says."""
        with _explaining():
            table = _read_table(self.session, source)
            self._tables[name] = table
            return table.limit(0).toArrow().schema, table.count()

    def shuffle(self, source: Sent, arrive: Arrive) -> list[Facts]:
        """As `Engine` says."""
        receive, wanted = self._guard(arrive), self._identity

        def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with _guarding(wanted):
                for number in _numbers(batches):
                    yield from source.judge_split(number)

        def keep(rows: pa.Table) -> pa.Table:
            bucket = rows.column("bucket")[0].as_py()
            return _as_table(bucket, receive(bucket, rows))

        with _explaining():
            self.session.conf.set("spark.sql.shuffle.partitions", str(source.n_buckets))
            rows = self._each(len(source.splits))
            judged = rows.mapInArrow(judge, _spark_schema(source.schema))
            if isinstance(source, SplitSource) and source.name in self._tables:
                judged = self._judge_table(source)
            return _collect(judged.groupBy("bucket").applyInArrow(keep, _spark_schema(_ANSWERS)))

    def _judge_table(self, source: SplitSource) -> Any:
        wanted = self._identity

        def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with _guarding(wanted):
                yield from source.judge(batches)

        rows = _number_rows(self._tables[source.name])
        return rows.mapInArrow(judge, _spark_schema(source.schema))

    def map(self, work: Callable[[int], Facts], buckets: Sequence[int]) -> list[Facts]:
        """As `Engine` says."""
        do, chosen = self._guard(work), list(buckets)

        def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for number in _numbers(batches):
                yield from _as_table(number, do(chosen[number])).to_batches()

        with _explaining():
            return _collect(self._each(len(chosen)).mapInArrow(each, _spark_schema(_ANSWERS)))

    def check(self, folder: Path) -> list[Facts]:
        """Ask whoever works what it is.

        Returns
        -------
        list
            Of each process that answered, once: host, versions and whether it can write into the
            project's folder.

        Raises
        ------
        MachineError
            One has other versions than the driver, or cannot write into the folder.
        """
        answers = self.map(partial(_describe_process, folder), range(_ASKED))
        processes = {json.dumps(each, sort_keys=True): each for each in answers}
        blind = [each["host"] for each in processes.values() if not each["writes"]]
        if blind:
            raise MachineError(
                f"{len(blind)} of {len(processes)} executors cannot write into {folder}: "
                f"{', '.join(sorted(set(blind))[:3])}",
                fix="keep the project on storage that every executor has under the same path",
            )
        return list(processes.values())

    def _each(self, n: int) -> Any:
        """A row and a task for each of n numbers."""
        return self.session.range(0, n, 1, max(n, 1))

    def _guard(self, work: Callable[..., Facts]) -> Callable[..., Facts]:
        wanted = self._identity

        def run_guarded(*given: Any) -> Facts:
            with _guarding(wanted):
                return work(*given)

        return run_guarded


@contextmanager
def _guarding(wanted: Mapping[str, str]) -> Iterator[None]:
    """Let a task work only where everything is of the driver's versions, and let its errors reach
    the driver as sentences.
    """
    try:
        _refuse_others(wanted)
        yield
    except Exception as error:
        cause = error if isinstance(error, HoldfastError) else system_error(error)
        if cause is None:
            raise
        parts = {"problem": cause.problem, "fix": cause.fix}
        text = json.dumps([type(cause).__name__, parts])
        raise RuntimeError(f"{_MARK}{text}{_MARK}") from None


def _read_table(session: Any, source: Source) -> Any:
    """What a source names, read by Spark's own readers."""
    reader = session.read
    if source.version is not None:
        kind = "version" if source.version.isdigit() else "timestamp"
        reader = reader.option(_AS_OF[str(source.format), kind], source.version)
    if source.table is not None:
        given = reader if source.format is None else reader.format(source.format)
        return given.table(source.table)
    path = fill_variables(str(source.path), where=f"the path {source.path!r}")
    form = source.format or ("csv" if path.endswith((".csv", ".csv.gz")) else "parquet")
    if form == "csv":
        csv = source.csv
        reader = reader.options(header=True, sep=csv.delimiter, quote=csv.quote, escape=csv.quote)
        reader = reader.option("encoding", csv.encoding)
    return reader.format(form).load(path)


_AS_OF = {
    ("delta", "version"): "versionAsOf",
    ("delta", "timestamp"): "timestampAsOf",
    ("iceberg", "version"): "snapshot-id",
    ("iceberg", "timestamp"): "as-of-timestamp",
}


def _number_rows(table: Any) -> Any:
    """The columns of a table as c0, c1, ..., and a number for each row."""
    from pyspark.sql import functions

    number = functions.monotonically_increasing_id() + 1
    places = functions.lit(0).alias("_file"), number.alias("_row")
    return table.toDF(*(f"c{i}" for i in range(len(table.columns)))).select(*places, "*")


def open_session(settings: Spark) -> Any:
    """The session that the study names: a Connect server, the one that runs, or one on this
    machine.

    Raises
    ------
    MissingExtra
        PySpark is not installed.
    MachineError
        The session cannot be opened.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise MissingExtra("spark", needed_for="the engine 'spark'") from None
    # Only Arrow is exchanged, never pandas.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("holdfast")
    if settings.remote is not None:
        builder = builder.remote(fill_variables(settings.remote, where="engine.spark.remote"))
    for name, value in {**_CONF, **settings.conf}.items():
        builder = builder.config(name, value)
    with _explaining():
        return builder.getOrCreate()


def _refuse_others(wanted: Mapping[str, str]) -> None:
    here = identity()
    if here == wanted:
        return
    other = [
        f"{name} {here[name]}, not {wanted[name]}" for name in wanted if here[name] != wanted[name]
    ]
    raise MachineError(
        f"the executor on {platform.node()} has {'; '.join(other)}",
        fix="give every executor the driver's environment (`holdfast engine check`)",
    )


def _describe_process(folder: Path, _: int) -> Facts:
    time.sleep(_SECONDS_ASKED)  # so that others are asked, too
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            writes = True
    except OSError:
        writes = False
    return {"host": platform.node(), "process": os.getpid(), "writes": writes, **identity()}


def _numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        yield from batch.column("id").to_pylist()


def _as_table(bucket: int, facts: Facts) -> pa.Table:
    return pa.table({"bucket": [bucket], "facts": [json.dumps(facts)]}, schema=_ANSWERS)


def _collect(answers: Any) -> list[Facts]:
    """What was told, in order of the buckets."""
    rows = answers.toArrow().to_pylist()
    return [json.loads(row["facts"]) for row in sorted(rows, key=lambda row: int(row["bucket"]))]


def _spark_schema(schema: pa.Schema) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn what Spark throws into an error of Holdfast: the task's own, or that Spark failed."""
    from pyspark.errors import PySparkException

    try:
        yield
    except HoldfastError:
        raise
    except Exception as error:
        if not isinstance(error, PySparkException) and "py4j" not in type(error).__module__:
            raise
        raise _error_of(str(error)) from None


def _error_of(text: str) -> HoldfastError:
    if match := re.search(f"{_MARK}(.*?){_MARK}", text, re.DOTALL):
        name, facts = json.loads(match[1])
        kind = getattr(errors, name, HoldfastError)
        return HoldfastError(**facts) if kind is MissingExtra else kind(**facts)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "without a word")
    return MachineError(
        f"Spark failed: {first}",
        fix="look into the log of the driver and of the executors; nothing was published",
    )
