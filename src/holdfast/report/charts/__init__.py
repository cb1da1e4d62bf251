"""One pure function per chart: Polars tables in, an Altair chart out.

The same functions serve the HTML report, the PNGs, the notebooks and the dashboard. A title states what the chart
shows; a table without rows gives a chart that says why it is empty.
"""

from holdfast.report.charts.customers import customer_quadrant, revenue_recovery, segment_analysis
from holdfast.report.charts.door import causes, hours, reactivation, weeks
from holdfast.report.charts.evidence import backtest, calibration, gains, roc_pr
from holdfast.report.charts.explanations import shap_bar, shap_cross_model, shap_dependence, shap_summary

__all__ = [
    "backtest",
    "calibration",
    "causes",
    "customer_quadrant",
    "gains",
    "hours",
    "reactivation",
    "revenue_recovery",
    "roc_pr",
    "segment_analysis",
    "shap_bar",
    "shap_cross_model",
    "shap_dependence",
    "shap_summary",
    "weeks",
]
