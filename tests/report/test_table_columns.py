"""Every column is written in a way that tables know, and called by one name."""

from holdfast.report.formatting import METRICS
from holdfast.report.table_columns import COLUMNS
from holdfast.report.table_format import NUMBERS, WORDS, make_table


def test_every_column_is_written_in_a_way_that_tables_know() -> None:
    known = {"", "money", "metric", *WORDS, *NUMBERS}
    assert {col.kind for col in COLUMNS.values()} <= known


def test_every_metric_is_a_column_with_its_naive_rule_beside_it() -> None:
    for name, metric in METRICS.items():
        assert COLUMNS[name].heading == metric.label
        assert COLUMNS[name].pattern == f"{{{name}}} ({{naive_{name}}})"
    assert make_table("", [{"roc_auc": 0.8, "naive_roc_auc": 0.75}], "roc_auc").cells == [
        ["0.800 (0.750)"]
    ]
    assert make_table("", [{"roc_auc": 0.8, "naive_roc_auc": None}], "roc_auc").cells == [["0.800"]]


def test_a_range_is_one_cell() -> None:
    row = {"low_80": 4, "high_80": 1_200}
    assert make_table("", [row], "interval_80", currency="EUR").cells == [["€4 to €1,200"]]
