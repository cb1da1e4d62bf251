"""A later export that tells another past."""

import polars as pl

from holdfast.audits.rewritten_history import compare_features

THEN = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "cutoff_day": [19_723] * 3,
        "spend_total": [5.0, 7.0, None],
        "country": ["NL", "DE", None],
    }
)


def test_the_same_past_is_no_change_whatever_the_last_digit():
    now = THEN.with_columns(pl.col("spend_total") * (1 + 1e-12))
    assert list(compare_features(THEN, now, what="the later export")) == []


def test_every_change_is_told_with_a_customer():
    now = THEN.with_columns(spend_total=pl.Series([5.0, 3.0, 1.0]), country=pl.Series(["NL"] * 3))
    (finding,) = compare_features(THEN, now, what="the later export")
    assert (finding.name, finding.severity) == ("history-changes", "fatal")
    assert finding.evidence == (
        "at cutoff 2024-01-01, of 3 customers, the later export changes: "
        "spend_total of 2 (customer b: 7 then, 3 now); country of 2 (customer b: DE then, NL now)"
    )


def test_customers_who_are_gone_or_new_are_counted():
    (gone,) = compare_features(THEN, THEN.head(1), what="the later export")
    assert gone.evidence.endswith("changes: 2 customers are gone")
    (come,) = compare_features(THEN.head(1), THEN, what="the later export")
    assert come.evidence.endswith("of 1 customers, the later export changes: 2 customers are new")


def test_a_feature_that_only_one_export_has_is_not_compared():
    assert list(compare_features(THEN, THEN.drop("country"), what="the later export")) == []
