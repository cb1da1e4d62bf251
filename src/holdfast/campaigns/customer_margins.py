"""Each customer's margin on revenue: their own past one, as far as they bought enough to know it.

The share of a customer's own rate is the credibility of Buhlmann and Straub (1970): the more was
bought, and the more customers differ beside what one purchase differs from the next, the larger it
is. Where customers do not differ, everybody has the rate of all.
"""

from dataclasses import dataclass

import polars as pl

from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

_SUMS = """
SELECT customer_id, count(*) FILTER (revenue > 0) AS days,
    CAST(sum(revenue) AS DOUBLE) AS revenue, CAST(sum(margin) AS DOUBLE) AS margin,
    CAST(sum(CAST(CAST(margin AS DOUBLE) * CAST(margin AS DOUBLE) / revenue AS DECIMAL(38, 6)))
        FILTER (revenue > 0) AS DOUBLE) AS squares,
    CAST(sum(revenue) FILTER (revenue > 0) AS DOUBLE) AS bought,
    CAST(sum(margin) FILTER (revenue > 0) AS DOUBLE) AS bought_margin
FROM (
    SELECT customer_id, gross_minor + returns_minor AS revenue,
        bought_margin + returned_margin AS margin
    FROM activity JOIN daily_margins USING (customer_id, day))
GROUP BY customer_id ORDER BY customer_id
"""


@dataclass(frozen=True)
class MarginRates:
    """Margin on revenue, of all customers and of each: customer_id, margin_rate."""

    overall: float
    customers: pl.DataFrame

    def of(self, scores: pl.DataFrame) -> pl.DataFrame:
        """SCORES with the rate of each customer; that of all, of whom nothing is known."""
        rated = scores.drop("margin_rate").join(
            self.customers, on="customer_id", how="left", maintain_order="left"
        )
        filled = rated.with_columns(pl.col("margin_rate").fill_null(self.overall))
        return filled.select(scores.columns)


def study_rate(study: Study) -> MarginRates:
    """The study's rate for everybody."""
    nobody = pl.DataFrame(schema={"customer_id": pl.String, "margin_rate": pl.Float64})
    return MarginRates(study.value.margin_rate, nobody)


def read_margin_rates(study: Study, warehouse: Warehouse) -> MarginRates:
    """Learn the rates from an order log; where it says nothing of margins, the study's for all."""
    if not study.has_line_margins:
        return study_rate(study)
    return margin_rates(warehouse.query(_SUMS), otherwise=study.value.margin_rate)


def margin_rates(sums: pl.DataFrame, *, otherwise: float) -> MarginRates:
    """Weigh each customer's own rate against that of all.

    Parameters
    ----------
    sums
        One row per customer: revenue and margin in all; of the `days` with revenue above 0 also
        `bought`, `bought_margin` and `squares`, the sum of margin^2 / revenue.
    otherwise
        The rate where nothing was earned.
    """
    buyers = sums.filter((pl.col("revenue") > 0) & (pl.col("days") > 0))
    total, margin = float(sums["revenue"].sum()), float(sums["margin"].sum())
    if not total > 0 or buyers.is_empty():
        return MarginRates(otherwise, _one_row_each(sums, otherwise))
    overall = margin / total
    customer_rate = pl.col("margin") / pl.col("revenue")
    noise, between = _variances(buyers, overall)
    share = (
        pl.col("revenue") / (pl.col("revenue") + noise / between) if between > 0 else pl.lit(0.0)
    )
    rates = buyers.select("customer_id", margin_rate=overall + share * (customer_rate - overall))
    return MarginRates(overall, rates)


def _one_row_each(sums: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Every customer with one rate."""
    return sums.select("customer_id", margin_rate=pl.lit(rate, pl.Float64))


def _variances(buyers: pl.DataFrame, overall: float) -> tuple[float, float]:
    """Of a day's rate around its customer's, times the day's revenue; and of customers' rates."""
    weights, rates = buyers["revenue"].to_numpy(), (buyers["margin"] / buyers["revenue"]).to_numpy()
    within = buyers["squares"] - buyers["bought_margin"] ** 2 / buyers["bought"]
    freedom = float((buyers["days"] - 1).sum())
    noise = float(within.clip(0).sum()) / freedom if freedom > 0 else 0.0
    spread = float((weights * (rates - overall) ** 2).sum()) - (len(rates) - 1) * noise
    room = float(weights.sum() - (weights**2).sum() / weights.sum())
    return noise, spread / room if room > 0 else 0.0
