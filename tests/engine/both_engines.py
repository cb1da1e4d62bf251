"""A log read in one warehouse and read in buckets: what both should agree on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import polars as pl

from holdfast.engine import bucket_log
from holdfast.engine.bucket_log import read_in_buckets
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import LocalEngine
from holdfast.errors import HoldfastError
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

TABLES = ("customers", "permissions", "addresses")


@dataclass(frozen=True)
class Log:
    """What a log comes to; `error` instead where it was refused."""

    error: tuple[str, str, str] | None = None
    rows: object = None
    reasons: object = None
    fingerprint: str = ""
    days: tuple[int, int] = (0, 0)
    n_customers: int = 0
    sources: object = None
    findings: object = None
    failures: object = None
    quarantine: pl.DataFrame | None = None
    activity: pl.DataFrame | None = None


def read_in_memory(study: Study) -> Log:
    """In one warehouse."""
    with Warehouse.temporary() as warehouse:
        return _sum_up(lambda: read_order_log(study, warehouse), warehouse)


def read_by_buckets(study: Study, n_buckets: int = 3, *, workers: int = 1) -> Log:
    """In buckets; the sample is everybody."""
    with Warehouse.temporary() as warehouse, buckets(n_buckets):
        engine = LocalEngine(warehouse.scratch, workers=workers)
        folder = BucketFolder(warehouse.scratch)
        return _sum_up(lambda: read_in_buckets(study, engine, folder, warehouse).sample, warehouse)


@contextmanager
def buckets(n: int) -> Iterator[None]:
    """Let there be so many buckets, however few the rows are."""
    with patch.object(bucket_log, "ceil", lambda _: n):
        yield


def _sum_up(read: Callable[[], OrderLog], warehouse: Warehouse) -> Log:
    try:
        log = read()
    except HoldfastError as error:
        scratch = str(warehouse.scratch)
        words = (error.problem.replace(scratch, ""), error.fix.replace(scratch, ""))
        return Log(error=(type(error).__name__, *words))
    return Log(
        rows=log.rows,
        reasons=log.reasons,
        fingerprint=log.fingerprint,
        days=(log.first_day, log.end_day),
        n_customers=log.n_customers,
        sources=[(s.name, s.rows, s.trimmed, s.merged, s.pointed) for s in log.sources],
        findings=sorted((f.name, f.evidence, f.severity) for f in log.findings),
        failures=log.failures,
        quarantine=log.quarantine.sort("source", "row", "reason", "raw"),
        activity=warehouse.query("FROM activity ORDER BY customer_id, day"),
    )


def differences(study: Study, n_buckets: int = 3, *, workers: int = 1) -> list[str]:
    """In what the two differ: nothing, it is hoped."""
    one, many = read_in_memory(study), read_by_buckets(study, n_buckets, workers=workers)
    return [
        f"{name}: {mine}\n  in buckets {theirs}"
        for name in Log.__dataclass_fields__
        if not _are_equal(mine := getattr(one, name), theirs := getattr(many, name))
    ]


def _are_equal(mine: object, theirs: object) -> bool:
    if isinstance(mine, pl.DataFrame) and isinstance(theirs, pl.DataFrame):
        return mine.equals(theirs)
    return type(mine) is type(theirs) and mine == theirs


def study_of(folder: Path, **sections: object) -> Study:
    """A study in a folder."""
    return Study.from_dict({"study": {"name": "t"}, "project_dir": str(folder), **sections})
