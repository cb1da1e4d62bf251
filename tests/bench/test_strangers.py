"""No stranger's file comes out wrong in silence: every case and every system's export."""

import os
from pathlib import Path

import pytest
from bench._stranger_exports import Export, all_exports, make_orders
from bench.strangers import CASES, judge

CASES_FOLDER = Path(os.environ.get("HOLDFAST_BENCH_DATA", ".")).resolve().parent / "cases"


@pytest.mark.parametrize("name", list(CASES))
def test_no_case_is_wrong(name: str, tmp_path: Path) -> None:
    if not (CASES_FOLDER / name).is_file():
        pytest.skip("the cases are not here")
    outcome = judge(CASES_FOLDER / name, CASES[name], tmp_path)
    assert outcome.verdict != "wrong", outcome.words


@pytest.mark.parametrize("export", list(all_exports()), ids=lambda export: export.name)
def test_no_export_is_wrong(export: Export, tmp_path: Path) -> None:
    orders = make_orders()
    export.write(tmp_path / "export.csv", orders)
    outcome = judge(tmp_path / "export.csv", export.truth(orders), tmp_path)
    assert outcome.verdict in ("right", "asked") or export.name == "Shopify", outcome.words
    assert outcome.verdict != "wrong", outcome.words
