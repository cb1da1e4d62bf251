"""How the columns of tables are headed and written, wherever they are shown; a column that is not
here is called and written as it is.
"""

from dataclasses import dataclass

from holdfast.report.formatting import METRICS


@dataclass(frozen=True)
class Col:
    """A column.

    Attributes
    ----------
    name
        Where its values stand in a row.
    heading
        By default the name in words.
    kind
        How a value is written: one of `table_format.WORDS` or `NUMBERS`, "money" (in the table's
        currency) or "metric" (in the unit of the metric that the row names); by default as the
        values are.
    pattern
        Several values in one cell, as in "{low} to {high}"; where one is missing, the first alone.
    """

    name: str
    heading: str = ""
    kind: str = ""
    pattern: str = ""


COLUMNS = {
    col.name: col
    for col in (
        Col("actual", kind="percent"),
        Col("algorithm", kind="algorithm"),
        Col("area", "ROC-AUC", "ratio"),
        Col("at_stake", "Revenue at stake", "money"),
        Col("average_churn_probability", "Mean churn probability", "percent"),
        Col("average_ltv", "Per customer", "money"),
        Col("average_precision", kind="ratio"),
        Col("average_risk_score", "Mean risk score", "score"),
        Col("band", "Churn probability"),
        Col("baseline", "Naive baseline"),
        Col("better", "Better is"),
        Col("break_even_rate", "Break-even rate", "percent"),
        Col("certainty", "Sure that they are lost", "whole_percent"),
        Col("churn_probability", kind="percent"),
        Col("churned_share", "Share", "percent"),
        Col("clv", "CLV", "money"),
        Col("contribution", "Effect on the raw score", "effect"),
        Col("cost", "Cost each", "money"),
        Col("coverage_80", "In the 80% interval", "whole_percent"),
        Col("coverage_95", "In the 95% interval", "whole_percent"),
        Col("customer_id", "Customer"),
        Col("cutoff_day", "Cutoff", "day"),
        Col("earliest", "At the earliest"),
        Col("expected_margin", "Margin", "money"),
        Col("expected_purchases", "Purchases", "number"),
        Col("expected_revenue", kind="money"),
        Col("feature", kind="feature"),
        Col("first_day", "From", "day"),
        Col("from_revenue", "Expected revenue from", "money"),
        Col("gap_median_days", "Half return within, days"),
        Col("held_80", "In the 80% interval", "whole_percent"),
        Col("high", kind="percent"),
        Col("horizon_days", "Days ahead"),
        Col("idle", "Brought nothing", "whole_percent"),
        Col("incidence", "Share that left", "percent"),
        Col("interval_80", "80% interval", "money", "{low_80} to {high_80}"),
        Col("interval_95", "95% interval", "percent", "{low} to {high}"),
        Col("invested", kind="money"),
        Col("last_day", "To", "day"),
        Col("latest", "At the latest"),
        Col("latest_cutoff_day", "Latest cutoff", "day"),
        Col("left", kind="percent"),
        Col("lost_share", "Share lost", "percent"),
        Col("low", kind="percent"),
        Col("median", kind="money"),
        Col("median_revenue", "Median", "money"),
        Col("metric", kind="metric_name"),
        Col("month", kind="month"),
        Col("months_since", "Months after"),
        Col("net", kind="money"),
        Col("net_range", "Net, range", "money", "{net_low} to {net_high}"),
        Col("nine_tenths", "90%", "money"),
        Col("predicted", kind="percent"),
        Col("purchase_index", "Purchases a day, mean 1", "score"),
        Col("quarter", "25%", "money"),
        Col("recovered", kind="money"),
        Col("relative", "Share of the strongest", "percent"),
        Col("return_probability", "Chance of a return", "percent"),
        Col("returns_later", "Returns that come later", "percent"),
        Col("revenue", "Net revenue", "money"),
        Col("revenue_at_risk", kind="money"),
        Col("revenue_each", "Expected revenue each", "money", "{least} to {most}"),
        Col("risk_score", kind="ratio"),
        Col("roi", "ROI", "whole_percent"),
        Col("sentence", "Why", "sentence"),
        Col("share", kind="percent"),
        Col("share_at_risk", "Likely to leave", "percent"),
        Col("still_there", kind="percent"),
        Col("survival", "Still buying", "percent"),
        Col("task", "Prediction"),
        Col("tenth_value", "10% are below", "money"),
        Col("three_quarters", "75%", "money"),
        Col("total_ltv", "Expected revenue", "money"),
        Col("week_start_day", "Week from", "day"),
        Col("width_80", "Its width", "money"),
        Col("window_days", "Window, days"),
        *(
            Col(name, metric.label, metric.unit, f"{{{name}}} ({{naive_{name}}})")
            for name, metric in METRICS.items()
        ),
    )
}
