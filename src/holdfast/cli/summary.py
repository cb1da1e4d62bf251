"""The summary a manager understands, and one customer's page, on a terminal."""

from typing import TYPE_CHECKING, Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from holdfast.cli.output import SEVERITY_STYLES

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.io.runs import Run
    from holdfast.study import Study


def print_summary(out: "Console", run: "Run", study: "Study") -> None:
    """Print what a run found, in the order a manager asks."""
    summary, money = run.summary, study.currency
    out.print()
    out.print(
        f"[bold]{study.name}[/bold], {summary['customers']:,} customers as of "
        f"{summary['cutoff_date']}"
    )
    for line in _headline(summary, money):
        out.print(line)
    out.print()
    out.print(_segments(summary, money))
    for reason in summary["top_reasons"]:
        out.print(f"  [dim]{reason['task']:<6}[/dim] {reason['sentence']}")
    out.print()
    for line in _proof(summary):
        out.print(line)
    for finding in summary["findings"]:
        known = ", acknowledged" if finding.get("acknowledged") else ""
        style = SEVERITY_STYLES[finding["severity"]]
        out.print(Text.assemble((f"{finding['severity']}{known}: ", style), finding["evidence"]))
        out.print(Text(f"  {finding['fix']}", style="dim"))
    out.print(f"\nReport: {run.report}")


def _headline(summary: dict[str, Any], money: str) -> list[str]:
    rows, recovery = summary["rows"], summary["recovery"]
    told = {
        "Rows": f"{rows['read']:,} read = {rows['accepted']:,} accepted + {rows['set_aside']:,} "
        "set aside "
        f"+ {rows['quarantined']:,} quarantined",
        "At risk": f"{summary['share_at_risk']:.1%} of customers",
    }
    if _knows_value(summary):
        told["Expected revenue"] = (
            f"{summary['expected_revenue']:,.0f} {money} ({_horizon(summary)})"
        )
        told["Revenue at risk"] = f"{summary['revenue_at_risk']:,.0f} {money}"
    if _knows_value(summary) and recovery["invested"]:
        brought = f"net {recovery['net']:,.0f} {money}, ROI {recovery['roi_percent']:,.0f} %"
        told["Recovery (assumed)"] = f"invest {recovery['invested']:,.0f}, {brought}"
    return [f"{label:<20}{text}" for label, text in told.items()]


def _knows_value(summary: dict[str, Any]) -> bool:
    return summary["value"]["algorithm"] is not None


def _horizon(summary: dict[str, Any]) -> str:
    days = summary["value"]["horizon_days"]
    return f"next {days} days" if days else "the snapshot's own value label"


def _segments(summary: dict[str, Any], money: str) -> Table:
    table = Table("segment", box=None, padding=(0, 2, 0, 0))
    names = {"customers": "customers"}
    if _knows_value(summary):
        names |= {f"mean {money}": "average_ltv", f"total {money}": "total_ltv"}
    for title in names:
        table.add_column(title, justify="right")
    for row in summary["segments"]:
        table.add_row(row["segment"], *(f"{row[name]:,.0f}" for name in names.values()))
    return table


def _proof(summary: dict[str, Any]) -> list[str]:
    """How good the predictions proved, always beside the naive baseline."""
    lines = []
    pairs = {
        "churn": {"roc_auc": "AUC", "brier": "Brier"},
        "value": {"wape": "WAPE", "spearman": "Spearman"},
    }
    for task, metrics in pairs.items():
        naive = summary[task]["baseline"] or {}
        for metric, name in metrics.items():
            if summary[task].get(metric) is not None and naive.get(metric) is not None:
                beside = f"{naive['name'].removeprefix('baseline: ')}: {naive[metric]:.3f}"
                lines.append(
                    f"Unseen {task:<6} {name:<9} {summary[task][metric]:.3f}   naive, {beside}"
                )
    return lines


def _worth(answer: dict[str, Any]) -> str:
    if answer["predicted_ltv"] is None:
        return f"not estimated: {answer['ltv_not_estimated']}"
    return f"{answer['predicted_ltv']:,.2f} {answer['currency']}   {answer['ltv_tier']} value"


def print_prediction(out: "Console", answer: dict[str, Any]) -> None:
    """Print one customer's page."""
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "Churn probability", f"{answer['churn_probability']:.1%}   {answer['churn_risk']}"
    )
    table.add_row("Predicted LTV", _worth(answer))
    table.add_row(
        "Composite risk",
        f"{answer['risk_score']:.3f}   higher than {answer['risk_rank']:.0%} of the tier",
    )
    table.add_row("Segment", f"[bold]{answer['segment']}[/bold]")
    out.print(
        Panel(table, title=f"Customer {answer['customer_id']}", title_align="left", expand=False)
    )
    why = [reason["sentence"] for reason in answer["reasons"]]
    for title, lines in (
        ("Check", answer.get("warnings")),
        ("Do", answer["actions"]),
        ("Why", why),
    ):
        if lines:
            out.print(f"[bold]{title}[/bold]")
        for line in lines or []:
            out.print(Text(f"  · {line}"))
    out.print(f"[bold]Evidence[/bold]\n  {answer['evidence']}")
    out.print(f"[dim]  run {answer['run_id']}, as of {answer['cutoff_date']}[/dim]")
