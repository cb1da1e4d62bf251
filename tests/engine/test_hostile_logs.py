"""Whatever a file is, it is read in buckets as it is read in one warehouse, or refused in the same
words.
"""

from pathlib import Path

import polars as pl
import pytest
from bench._hostile import CORPUS, Hostile
from tests.engine.both_engines import differences, read_by_buckets, study_of

from holdfast.ingest.validation import Rows
from holdfast.study import Study

# In buckets nobody reads the statistics of a file, which prove that its pages lie: the rows are
# quarantined as they stand.
OTHERWISE = "Parquet with a damaged page"


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile", [h for h in CORPUS if h.name != OTHERWISE], ids=lambda hostile: hostile.name
)
def test_a_hostile_file_comes_to_the_same(hostile: Hostile, tmp_path: Path) -> None:
    study = Study.from_toml(hostile.study(tmp_path / "shop"))
    assert differences(study) == []


def test_rows_of_a_damaged_page_are_quarantined(tmp_path: Path) -> None:
    damaged = next(hostile for hostile in CORPUS if hostile.name == OTHERWISE)
    log = read_by_buckets(Study.from_toml(damaged.study(tmp_path / "shop")))
    assert log.rows == Rows(read=5000, accepted=19, set_aside=0, quarantined=4981)


def test_a_page_that_cannot_be_unpacked_is_damage(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"who": ["a", "b"] * 500, "at": ["2024-01-01"] * 1000, "total": range(1000)}
    )
    table.write_parquet(tmp_path / "o.parquet")
    content = bytearray((tmp_path / "o.parquet").read_bytes())
    content[30:60] = b"\xaa" * 30
    (tmp_path / "o.parquet").write_bytes(bytes(content))
    columns = {"customer_id": "who", "occurred_at": "at", "amount": "total"}
    log = read_by_buckets(
        study_of(tmp_path, transactions={"path": "o.parquet", "columns": columns})
    )
    assert log.error is not None
    assert log.error[0] == "DataError"
    assert "o.parquet is a damaged Parquet file" in log.error[1]
