"""One pure function per chart: Polars tables in, an Altair chart out.

The same functions serve the HTML report, the PNGs, the notebooks and the dashboard. A title states
what the chart shows; a table without rows gives a chart that says why it is empty.
"""

from holdfast.report.charts.campaigns import net_by_rate
from holdfast.report.charts.churn_window import causes, hours, reactivation, weeks
from holdfast.report.charts.cohorts import (
    cohort_value,
    retention,
    revenue_forecast,
    survival_curves,
)
from holdfast.report.charts.customer import (
    order_timeline,
    profile_radar,
    reason_bars,
    risk_gauge,
    value_by_horizon,
)
from holdfast.report.charts.customers import customer_quadrant, revenue_recovery, segment_analysis
from holdfast.report.charts.evidence import backtest, calibration, gains, roc_pr
from holdfast.report.charts.explanations import (
    shap_bar,
    shap_cross_model,
    shap_dependence,
    shap_summary,
)
from holdfast.report.charts.interval_coverage import promises
from holdfast.report.charts.orders import purchases_by_week
from holdfast.report.charts.portfolio import (
    quarantined,
    revenue_distribution,
    risk_bands,
    segment_moves,
    value_against_risk,
    value_by_segment,
)
from holdfast.report.charts.ranking import candidates, churn_at_cutoffs, decile_chart, lift_curve

__all__ = [
    "backtest",
    "calibration",
    "candidates",
    "causes",
    "churn_at_cutoffs",
    "cohort_value",
    "customer_quadrant",
    "decile_chart",
    "gains",
    "hours",
    "lift_curve",
    "net_by_rate",
    "order_timeline",
    "profile_radar",
    "promises",
    "purchases_by_week",
    "quarantined",
    "reactivation",
    "reason_bars",
    "retention",
    "revenue_distribution",
    "revenue_forecast",
    "revenue_recovery",
    "risk_bands",
    "risk_gauge",
    "roc_pr",
    "segment_analysis",
    "segment_moves",
    "shap_bar",
    "shap_cross_model",
    "shap_dependence",
    "shap_summary",
    "survival_curves",
    "value_against_risk",
    "value_by_horizon",
    "value_by_segment",
    "weeks",
]
