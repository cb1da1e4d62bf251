"""Every column that a run's models may be given, with its meaning and its weight."""

from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from holdfast.serving import feature_list
from holdfast.serving.feature_list import list_features
from holdfast.serving.scorer import Scorer


def scorer_of(*, snapshot: bool, kinds: dict[str, Any], **more: Any) -> Scorer:
    """A run's scorer, with nothing but what the list reads."""
    study = SimpleNamespace(snapshot=object() if snapshot else None)
    facts = {"formulas": {}, "needed": [], **more}
    return cast(Scorer, SimpleNamespace(run=None, study=study, kinds=kinds, **facts))


@pytest.fixture(autouse=True)
def importance(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("n_purchases", "churn", 0.4), ("n_purchases", "value", 1.0), ("Clicks", "churn", 0.2)]
    table = pl.DataFrame(rows, schema=["feature", "task", "relative"], orient="row")
    monkeypatch.setattr(feature_list, "read_table", lambda run, name: table)


def test_a_feature_of_a_log_is_described_by_the_catalogue_and_weighed_by_task() -> None:
    scorer = scorer_of(snapshot=False, kinds={"n_purchases": pl.Int64()}, needed=["n_purchases"])
    (row,) = list_features(scorer)
    assert (row["name"], row["group"], row["kind"]) == ("n_purchases", "purchases", "number")
    assert row["needed"]
    assert row["importance"] == {"churn": 0.4, "value": 1.0}


def test_a_column_of_a_snapshot_says_what_it_holds_and_whether_a_model_reads_it() -> None:
    kinds = {"Clicks": pl.Float64(), "Plan": pl.String(), "Gone": pl.Boolean()}
    rows = list_features(scorer_of(snapshot=True, kinds=kinds, needed=["Clicks", "Plan"]))
    assert [(row["kind"], row["needed"]) for row in rows] == [
        ("number", True),
        ("word", True),
        ("yes or no", False),
    ]
    assert rows[0]["sentence"] == "'Clicks' of the business's own data"
    assert rows[2]["sentence"] == "'Gone' of the business's own data, which no model reads"
    assert [row["importance"] for row in rows] == [{"churn": 0.2}, {}, {}]


def test_a_formula_of_the_study_is_a_number_that_need_not_be_given() -> None:
    scorer = scorer_of(snapshot=True, kinds={}, formulas={"Clicks_Per_Page": None})
    (row,) = list_features(scorer)
    assert (row["kind"], row["needed"]) == ("number", False)
    assert row["sentence"] == "the study's formula 'Clicks_Per_Page'"
