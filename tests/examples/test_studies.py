"""Every study among the examples reads its data set, where that is there."""

from pathlib import Path

import pytest

from holdfast.ingest.read import read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

STUDIES = sorted((Path(__file__).parents[2] / "examples").glob("*/holdfast.toml"))
ACCEPTED = {
    "cdnow": (69_659, 69_659, 23_570),
    "gift-shop": (1_067_370, 794_517, 5_895),
    "grocery": (10_483, 10_483, 1_525),
    "original": (10_000, 10_000, 10_000),
    "telco": (7_043, 7_043, 7_043),
}


@pytest.mark.slow
@pytest.mark.usefixtures("bench_data")
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.parent.name)
def test_an_example_reads_every_row_of_its_data_set(path: Path, tmp_path: Path) -> None:
    study = Study.from_toml(path)
    with Warehouse(tmp_path) as warehouse:
        data = read_sources(study, warehouse)
    rows = data.rows
    assert rows.read == rows.accepted + rows.set_aside + rows.quarantined
    assert rows.quarantined == 0
    assert (rows.read, rows.accepted, data.n_customers) == ACCEPTED[study.name]
