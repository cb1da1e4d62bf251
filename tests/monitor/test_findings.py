"""What drifted is told fact by fact, and what nobody had before is told by itself."""

import polars as pl

from holdfast.monitor.findings import describe_drift, strongest_of_each_fact
from holdfast.tables import DRIFT

Row = dict[str, float | str | bool | int | None]


def drift(*rows: Row) -> pl.DataFrame:
    usual: Row = {
        "group": "recent buyers", "customers_before": 900, "customers": 1_000,
        "stability_index": 0.4, "index_limit": 0.1, "distance": 0.2, "distance_limit": 0.1,
        "missing_before": 0.0, "missing": 0.0, "unseen": 0.0, "times": 4.0, "has_drifted": True,
    }  # fmt: skip
    filled = [usual | row for row in rows]
    return DRIFT.check(pl.DataFrame(filled, schema=DRIFT.schema))


def test_of_features_that_tell_one_fact_the_farthest_speaks() -> None:
    table = drift(
        {"feature": "spend_30d", "times": 2.0},
        {"feature": "purchase_value_last", "times": 5.0},
        {"feature": "n_sessions_30d", "times": 3.0},
        {"feature": "channel", "times": 1.5},
        {"feature": "n_purchases_7d", "times": 9.0, "has_drifted": False},
    )
    told = strongest_of_each_fact(table).select("fact", "feature").rows()
    assert told == [
        ("spend", "purchase_value_last"),
        ("engagement", "n_sessions_30d"),
        ("channel", "channel"),
    ]


def test_the_finding_names_them_with_the_group_and_the_day() -> None:
    (finding,) = describe_drift(drift({"feature": "spend_30d"}), since="2024-01-01")
    assert finding.name == "customers-have-drifted"
    assert "since 2024-01-01" in finding.evidence
    assert "spend_30d of recent buyers (4.0 times the usual" in finding.evidence
    assert "missing" not in finding.evidence


def test_a_column_that_went_missing_is_told_with_both_shares() -> None:
    gone = {"feature": "n_sessions_30d", "missing_before": 0.02, "missing": 0.4}
    (finding,) = describe_drift(drift(gone), since="2024-01-01")
    assert "missing 2% then and 40% now" in finding.evidence


def test_calm_customers_are_no_finding() -> None:
    assert list(describe_drift(drift({"feature": "a", "has_drifted": False}), since="x")) == []


def test_a_word_that_twenty_customers_have_and_nobody_had_is_told_and_fewer_are_not() -> None:
    calm: Row = {"feature": "channel", "has_drifted": False, "times": 0.5}
    (finding,) = describe_drift(drift({**calm, "unseen": 0.02}), since="x")
    assert (finding.name, finding.evidence) == (
        "words-never-seen",
        "channel (2% of recent buyers)",
    )
    assert list(describe_drift(drift({**calm, "unseen": 0.019}), since="x")) == []
