"""A snapshot of many columns is read on two cores; where memory is short, that is what is said."""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from holdfast.errors import MachineError
from holdfast.ingest.snapshot import Snapshot, read_snapshot
from holdfast.ingest.sources import OpenSource
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

N = 10_000


def read(
    folder: Path, n_columns: int, *, threads: int = 2, memory: str | None = None
) -> tuple[pl.DataFrame, Snapshot]:
    rng = np.random.default_rng(1)
    given = pl.DataFrame(
        {"id": [f"c{i:05d}" for i in range(N)], "gone": rng.random(N) < 0.2}
        | {f"x{j}": rng.normal(size=N) for j in range(n_columns)}
    )
    # A cell that is no number, in the last column of one row.
    words = given.with_columns(pl.col(f"x{n_columns - 1}").cast(pl.String)).with_columns(
        pl.when(pl.col("id") == "c00007")
        .then(pl.lit("much"))
        .otherwise(pl.col(f"x{n_columns - 1}"))
        .alias(f"x{n_columns - 1}")
    )
    pl.concat([words, words.head(1)]).write_csv(folder / "base.csv")
    source = {
        "path": "base.csv",
        "as_of": "2024-12-31",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "gone"},
    }
    study = Study.from_dict(
        {
            "study": {"name": "t"},
            "project_dir": str(folder),
            "engine": {"memory": memory},
            "snapshot": source,
        }
    )
    with Warehouse(folder, threads=threads) as warehouse:
        return given, read_snapshot(study, warehouse)


def check(folder: Path, n_columns: int, *, threads: int = 2, memory: str | None = None) -> None:
    given, snapshot = read(folder, n_columns, threads=threads, memory=memory)
    assert snapshot.reasons == {
        "snapshot": {"exact duplicate": 1, f"x{n_columns - 1} is not a finite number": 1}
    }
    kept = given.filter(pl.col("id") != "c00007")
    names = [f"x{j}" for j in range(n_columns)]
    np.testing.assert_array_equal(
        snapshot.frame.select(names).to_numpy(), kept.select(names).to_numpy()
    )


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_64_columns_of_numbers_are_read_in_the_least_memory(threads: int, tmp_path: Path) -> None:
    check(tmp_path, 64, threads=threads, memory="500 MB")


@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [500, 2_000])
def test_very_many_columns_are_read_on_two_cores(n_columns: int, tmp_path: Path) -> None:
    check(tmp_path, n_columns)


def test_where_memory_is_short_the_source_is_not_blamed(tmp_path: Path) -> None:
    source = OpenSource("snapshot", "source_snapshot", {}, ["base.csv"], ".")
    with (
        Warehouse(tmp_path) as warehouse,
        pytest.raises(MachineError, match=r"too little memory to read base\.csv") as raised,
        source.reading(warehouse),
    ):
        raise duckdb.OutOfMemoryException("Out of Memory Error: 1 MiB")
    assert "leave out columns" in raised.value.fix
