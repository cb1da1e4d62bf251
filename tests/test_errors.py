"""What the machine refuses is a sentence, whichever library says it."""

import errno
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import DataError, first_line, nearest, system_error

FULL = Path("/dev/full")


def _raised(do: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each library has its own
        do()
    return raised.value


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "disk full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EPERM, "permission"),
        (errno.EIO, "damaged disk"),
        (errno.ENOMEM, "memory"),
        (errno.EMFILE, "open files"),
    ],
)
def test_each_refusal_of_the_system_has_a_sentence_and_what_to_do(number: int, cause: str) -> None:
    error = system_error(OSError(number, "whatever", "runs/x"))
    assert error is not None
    assert error.parts == {"cause": cause, "path": "runs/x"}
    assert "runs/x" in error.problem
    assert error.fix


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "write",
    [
        lambda: pl.DataFrame({"a": range(10)}).write_parquet(FULL),
        lambda: pl.DataFrame({"a": range(10)}).write_ipc(FULL),
        lambda: pl.DataFrame({"a": range(10)}).lazy().sink_parquet(FULL),
        lambda: pq.write_table(pa.table({"a": range(10)}), pa.OSFile(str(FULL), "wb")),
        lambda: FULL.write_text("some"),
    ],
    ids=["polars parquet", "polars ipc", "polars sink", "arrow", "python"],
)
def test_a_full_disk_is_recognised_whichever_library_meets_it(write: Callable[[], object]) -> None:
    error = system_error(_raised(write))
    assert error is not None
    assert error.parts["cause"] == "disk full"


def test_too_little_memory_is_recognised_whichever_library_meets_it() -> None:
    small = duckdb.connect(config={"memory_limit": "10MB", "threads": 1})
    small.execute("SET temp_directory = ''")
    errors = [
        _raised(lambda: small.execute("CREATE TABLE t AS SELECT hash(range) FROM range(9000000)")),
        _raised(lambda: np.zeros(2**60, dtype=np.int8)),
        MemoryError(),
    ]
    assert [getattr(system_error(e), "parts", {}).get("cause") for e in errors] == ["memory"] * 3


def test_a_full_disk_is_recognised_in_the_words_of_the_database() -> None:
    text = 'IO Error: Could not write file "scratch/warehouse.duckdb": No space left on device'
    error = system_error(duckdb.IOException(text))
    assert error is not None
    assert error.parts["cause"] == "disk full"


def test_spilling_onto_a_full_disk_is_no_lack_of_memory() -> None:
    text = (
        "Out of Memory Error: failed to offload data block of size 256.0 KiB. This limit was set "
        "by the 'max_temp_directory_size' setting."
    )
    error = system_error(duckdb.OutOfMemoryException(text))
    assert error is not None
    assert error.parts["cause"] == "disk full"


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file", "x"),
        ValueError("Permission denied"),
        DataError("the disk is full of No space left on device"),
        duckdb.ConversionException("Conversion Error: could not convert 'x'"),
    ],
)
def test_every_other_error_is_left_alone(error: Exception) -> None:
    assert system_error(error) is None


def test_a_list_of_a_thousand_known_names_is_cut_and_says_how_many_more() -> None:
    names = [f"column_{number:04d}" for number in range(2_000)]
    said = nearest("zzz", names)
    assert said.startswith("known: column_0000, column_0001, ")
    assert len(said) < 1_100
    listed = said.count("column_")
    assert said.endswith(f" and {2_000 - listed:,} more")


def test_an_error_without_words_is_called_by_its_name() -> None:
    assert first_line(TimeoutError()) == "TimeoutError"
    assert first_line(ValueError("one\ntwo")) == "one"
