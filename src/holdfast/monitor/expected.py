"""Expected performance: how good calibrated probabilities are, before anybody knows what came.

A probability p that holds says how often it is right: confidence-based performance estimation of
NannyML (CBPE; https://nannyml.readthedocs.io, "How it works"). It stands on one assumption, that
only the customers have changed and not what a customer like them does (covariate shift): a new
competitor shows in the labels alone. Every surface says so beside the figure.
"""

import numpy as np
import polars as pl

from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.metrics import Interval
from holdfast.tables import EXPECTED

_Z_95 = 1.96


def expect_churn_rate(probability: Vector) -> Interval:
    """The share who will churn, and the central 95 % of a Poisson-binomial count of them.

    The count has mean sum p and variance sum p (1 - p) (Wang 1993, equation 2), and by the central
    limit theorem its ends.

    >>> expect_churn_rate(np.array([0.5] * 100))
    Interval(value=0.5, low=0.402, high=0.598)
    """
    n = len(probability)
    mean = float(probability.mean())
    half = _Z_95 * float(np.sqrt(np.sum(probability * (1 - probability)))) / n
    return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0))


def expect_brier(probability: Vector) -> float:
    """The mean of p (1 - p): the error that is left when every probability holds.

    >>> expect_brier(np.array([0.5, 1.0]))
    0.125
    """
    return float(np.mean(probability * (1 - probability)))


def expect_roc_auc(probability: Vector) -> float:
    """The ROC-AUC of customers who count as p of a leaver and 1 - p of a stayer each.

    >>> round(expect_roc_auc(np.array([0.2, 0.8])), 2)
    0.8
    """
    return metrics.roc_auc(probability, probability)


def expect_performance(predictions: pl.DataFrame) -> pl.DataFrame:
    """The EXPECTED table of horizon_days and churn_probability, one row per customer and horizon
    given.
    """
    rows = []
    for (days,), part in predictions.group_by("horizon_days"):
        probability = part["churn_probability"].to_numpy()
        rate = expect_churn_rate(probability)
        rows.append(
            {
                "horizon_days": days,
                "customers": part.height,
                "churn_rate": rate.value,
                "churn_rate_low": rate.low,
                "churn_rate_high": rate.high,
                "roc_auc": expect_roc_auc(probability),
                "brier": expect_brier(probability),
            }
        )
    table = pl.DataFrame(rows, schema=EXPECTED.schema).with_columns(
        pl.col("roc_auc").fill_nan(None)
    )
    return EXPECTED.check(table.sort("horizon_days"))
