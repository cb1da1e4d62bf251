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


_KINDS = {
    "day": "cutoff_day first_day last_day latest_cutoff_day week_start_day",
    "money": "at_stake average_ltv clv cost expected_margin expected_revenue from_revenue "
    "interval_80 invested median median_revenue net net_range nine_tenths quarter recovered "
    "revenue revenue_each tenth_value three_quarters total_ltv width_80",
    "percent": "actual average_churn_probability break_even_rate churn_probability churned_share "
    "gap high incidence interval_95 left lost_share low predicted relative return_probability "
    "returns_later share share_at_risk still_there survival",
    "whole_percent": "certainty coverage_80 coverage_95 held_80 idle roi",
    "ratio": "area average_precision risk_score",
    "score": "average_risk_score purchase_index",
    "number": "expected_purchases", "effect": "contribution", "algorithm": "algorithm",
    "feature": "feature", "metric_name": "metric", "month": "month", "sentence": "sentence",
}  # fmt: skip
_HEADINGS = {
    "area": "ROC-AUC", "at_stake": "Revenue at stake", "average_ltv": "Per customer",
    "average_churn_probability": "Mean churn probability", "average_risk_score": "Mean risk score",
    "band": "Churn probability", "baseline": "Naive baseline", "better": "Better is",
    "break_even_rate": "Break-even rate", "certainty": "Sure that they are lost",
    "churned_share": "Share", "clv": "CLV", "contribution": "Effect on the raw score",
    "cost": "Cost each", "coverage_80": "In the 80% interval", "coverage_95": "In the 95% interval",
    "customer_id": "Customer", "cutoff_day": "Cutoff", "earliest": "At the earliest",
    "expected_margin": "Margin", "expected_purchases": "Purchases", "first_day": "From",
    "from_revenue": "Expected revenue from", "gap": "Off at a cutoff",
    "gap_median_days": "Half return within, days",
    "held_80": "In the 80% interval", "horizon_days": "Days ahead", "idle": "Brought nothing",
    "incidence": "Share that left", "interval_80": "80% interval", "interval_95": "95% interval",
    "last_day": "To", "latest": "At the latest", "latest_cutoff_day": "Latest cutoff",
    "lost_share": "Share lost", "median_revenue": "Median", "months_since": "Months after",
    "net_range": "Net, range", "nine_tenths": "90%", "purchase_index": "Purchases a day, mean 1",
    "quarter": "25%", "relative": "Share of the strongest", "revenue": "Net revenue",
    "return_probability": "Chance of a return", "returns_later": "Returns that come later",
    "revenue_each": "Expected revenue each", "roi": "ROI", "sentence": "Why",
    "share_at_risk": "Likely to leave", "survival": "Still buying", "task": "Prediction",
    "tenth_value": "10% are below", "three_quarters": "75%", "total_ltv": "Expected revenue",
    "verdict": "The model is",
    "week_start_day": "Week from", "width_80": "Its width", "window_days": "Window, days",
}  # fmt: skip
_PATTERNS = {
    "interval_80": "{low_80} to {high_80}", "interval_95": "{low} to {high}",
    "net_range": "{net_low} to {net_high}", "revenue_each": "{least} to {most}",
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
COLUMNS = {
    name: Col(name, _HEADINGS.get(name, ""), _KIND_OF.get(name, ""), _PATTERNS.get(name, ""))
    for name in _KIND_OF | _HEADINGS
} | {
    name: Col(name, metric.label, metric.unit, f"{{{name}}} ({{naive_{name}}})")
    for name, metric in METRICS.items()
}
