"""One pure function per chart: Polars tables in, a chart and its sentence out.

The same functions serve the HTML report, the PNGs, the notebooks and the dashboard. A title states
what the chart shows; a table without rows gives a chart that says why it is empty.
"""

from collections.abc import Callable, Iterator, Mapping

import polars as pl

from holdfast.report.chart_data import weeks as past_weeks
from holdfast.report.charts.alerts import open_alerts
from holdfast.report.charts.beliefs import believed_before_and_after
from holdfast.report.charts.budgets import budget_against_return, profit_curve, qini
from holdfast.report.charts.campaigns import readout_forest
from holdfast.report.charts.changes import change_steps
from holdfast.report.charts.channels import channel_payback
from holdfast.report.charts.cohorts import (
    cohort_value,
    retention,
    revenue_forecast,
    survival_curves,
)
from holdfast.report.charts.customer import (
    day_timeline,
    order_timeline,
    profile_radar,
    reason_bars,
    risk_gauge,
    value_by_horizon,
)
from holdfast.report.charts.customers import (
    customer_quadrant,
    net_by_rate,
    revenue_recovery,
    segment_analysis,
)
from holdfast.report.charts.data_quality import (
    causes,
    hours,
    purchases_by_week,
    reactivation,
    unused_rows,
    weeks,
)
from holdfast.report.charts.evidence import backtest, calibration, gains, roc_pr
from holdfast.report.charts.explanations import (
    shap_bar,
    shap_cross_model,
    shap_dependence,
    shap_summary,
)
from holdfast.report.charts.monitoring import realised_churn
from holdfast.report.charts.portfolio import (
    revenue_distribution,
    risk_bands,
    segment_moves,
    value_against_risk,
    value_by_segment,
)
from holdfast.report.charts.ranking import (
    candidates,
    churn_at_cutoffs,
    decile_chart,
    lift_curve,
    promises,
)
from holdfast.report.render import Chart, Drawing, drawing
from holdfast.report.report_data import Report

__all__ = [
    "backtest", "believed_before_and_after", "budget_against_return", "calibration", "candidates",
    "causes", "change_steps", "channel_payback", "churn_at_cutoffs", "cohort_value",
    "customer_quadrant", "day_timeline", "decile_chart", "gains", "hours", "lift_curve",
    "net_by_rate", "open_alerts", "order_timeline", "profile_radar", "profit_curve", "promises",
    "purchases_by_week", "qini", "reactivation", "readout_forest", "realised_churn",
    "reason_bars", "retention", "revenue_distribution", "revenue_forecast", "revenue_recovery",
    "risk_bands", "risk_gauge", "roc_pr", "segment_analysis", "segment_moves", "shap_bar",
    "shap_cross_model", "shap_dependence", "shap_summary", "survival_curves", "unused_rows",
    "value_against_risk", "value_by_horizon", "value_by_segment", "weeks",
]  # fmt: skip

CHARTS: Mapping[str, Callable[[Report], Chart]] = {
    "shap_churn_summary": lambda r: shap_summary(r.contributions, r.importance, task="churn"),
    "shap_churn_bar": lambda r: shap_bar(r.importance, task="churn"),
    "shap_churn_dependence": lambda r: shap_dependence(r.contributions, r.importance, task="churn"),
    "shap_ltv_summary": lambda r: shap_summary(r.contributions, r.importance, task="value"),
    "shap_ltv_bar": lambda r: shap_bar(r.importance, task="value"),
    "shap_ltv_dependence": lambda r: shap_dependence(r.contributions, r.importance, task="value"),
    "shap_cross_model": lambda r: shap_cross_model(r.importance),
    "customer_quadrant": lambda r: customer_quadrant(r.scores, r.segments, currency=r.currency),
    "segment_analysis": lambda r: segment_analysis(r.segments, currency=r.currency),
    "revenue_recovery": lambda r: revenue_recovery(r.recovery, currency=r.currency),
    "forecast": lambda r: revenue_forecast(
        r.forecast.filter(group_kind="company"),
        past_weeks(r.days),
        r.horizon_evidence,
        currency=r.currency,
        promotions=r.promotions,
    ),
    "roc_pr": lambda r: roc_pr(r.steps),
    "calibration": lambda r: calibration(r.predictions),
    "gains": lambda r: gains(r.steps),
    "backtest": lambda r: backtest(r.evidence),
    "promises": lambda r: promises(r.predictions, currency=r.currency),
}
"""The report's charts, each made from the run: a name is the PNG's."""


def drawings(report: Report) -> Iterator[Drawing]:
    """Yield every chart of the report, laid out, in the order of `CHARTS`; then what the run has
    besides.
    """
    for name, make in CHARTS.items():
        yield drawing(name, make(report))
    if not report.channels.is_empty():
        chart = channel_payback(report.channels, report.channel_months, currency=report.currency)
        yield drawing("channel_payback", chart)
    yield from _campaign_drawings(report)
    window = report.summary.get("churn_window")
    if window:
        yield drawing("reactivation", reactivation(window))
    if window and window["causes"]:
        yield drawing("causes", causes(window))


def _campaign_drawings(report: Report) -> Iterator[Drawing]:
    currency, summary = report.currency, report.summary
    if report.campaigns.height:
        yield drawing("readout_forest", readout_forest(report.campaigns, currency=currency))
    past = summary.get("campaigns", {"verdicts": []})
    for k, verdict in enumerate(past["verdicts"], 1):
        if verdict["curve"]:
            unit = currency if past["outcome"] == "margin" else ""
            chart = qini(pl.DataFrame(verdict["curve"]), unit=unit, rule=verdict["best_rule"])
            yield drawing(f"qini_{k}", chart)
    if "history" in summary:
        cells = pl.DataFrame(summary["history"]["cells"], infer_schema_length=None)
        yield drawing("believed", believed_before_and_after(cells, currency=currency))
    if "total" in summary.get("plan", {}):
        chosen = summary["plan"]["total"]["cost"]
        chart = profit_curve(report.budget_curve, chosen=chosen, currency=currency)
        yield drawing("profit_curve", chart)
