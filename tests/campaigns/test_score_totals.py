"""What the scores of customers come to."""

import polars as pl

from holdfast.campaigns.score_totals import ScoreTotals


def test_headline_figures_of_a_few_customers() -> None:
    scores = pl.DataFrame(
        {
            "churn_probability": [0.5, 0.49, 0.9, 0.1],
            "expected_revenue": [10.0, 20.0, 30.0, 40.0],
            "at_stake": [5.0, 9.0, 27.0, 4.0],
        }
    )
    assert ScoreTotals.of(scores, threshold=0.5).headline() == {
        "customers": 4, "share_at_risk": 0.5, "expected_revenue": 100.0, "at_stake": 45.0,
        "leaving_at_stake": 32.0,
    }  # fmt: skip
    nobody = ScoreTotals.of(scores.head(0), threshold=0.5).headline()
    assert nobody["share_at_risk"] is None
