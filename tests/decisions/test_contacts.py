"""Who may be contacted at all, and the two files of a campaign."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.decisions.contacts import write_arms
from holdfast.errors import InputError
from holdfast.storage import audit_log

CUSTOMERS = pl.DataFrame({"customer_id": [f"c{i}" for i in range(400)]})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_each_arm_is_a_file_of_its_own_and_on_record_before(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"spring{suffix}"
    other = write_arms(
        path, CUSTOMERS.head(3), CUSTOMERS.tail(1), project=tmp_path, deed="plan", run_id="r"
    )
    read = pl.read_csv if suffix == ".csv" else pl.read_parquet
    assert other.name == f"spring-holdout{suffix}"
    assert (read(path).height, read(other).height) == (3, 1)
    (line,) = audit_log.entries(tmp_path)
    assert (line["what"], line["contacted"], line["held_out"]) == ("plan", 3, 1)


def test_a_list_of_another_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no list"):
        write_arms(tmp_path / "a.xlsx", CUSTOMERS, CUSTOMERS, project=tmp_path, deed="plan")
    assert list(tmp_path.iterdir()) == []
