"""What a message about a run says: figures a manager reads, or what failed; never a customer, so
that what a finding saw (which may name one) stays behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.decisions.next_steps import next_steps
from holdfast.evaluation.totals import Range, range_of
from holdfast.findings import count_findings
from holdfast.io.message import Lines, Message
from holdfast.report import formatting
from holdfast.report.plan_tables import plan_sentences
from holdfast.report.summary import finding_cards, likely_to_leave, order_warning
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.windows import date_of, day_of


def tell_run(run: Run, before: Run | None, study: Study) -> Message:
    """Tell a run in a few lines, and what changed since the run before."""
    summary = run.summary
    title = (
        f"{study.name}: {formatting.plural(summary['customers'], 'customer')}, "
        f"{formatting.percent(summary['share_at_risk'])} likely to leave"
    )
    knows_value = summary["value"]["algorithm"] is not None
    money = {name: summary.get(name) if knows_value else None for name in _MONEY}
    return Message.of(
        "run",
        title,
        _run_lines(run, before, study),
        study=study.name,
        run_id=run.run_id,
        created_at=summary["created_at"],
        cutoff_date=summary["cutoff_date"],
        customers=summary["customers"],
        share_at_risk=summary["share_at_risk"],
        share_at_risk_before=before.summary["share_at_risk"] if before else None,
        currency=study.currency,
        **money,
        expected_revenue_range=_range(run) if knows_value else None,
        findings={
            severity: sum(each["severity"] == severity for each in summary["findings"])
            for severity in ("fatal", "warning", "note")
        },
        report=str(run.report.resolve()),
    )


def tell_refused(run: Run, study: Study) -> Message:
    """Tell that a run was made and not published, by how much it is worse and what to do."""
    lost = [each for each in run.summary["challenger"]["contests"] if each["worse"]]
    worse = "; ".join(
        f"the {each['task']} model errs more than that of run {each['published']} on "
        f"{each['customers']:,} customers whose outcome is known: "
        f"{each['metric'].replace('_', ' ')} {each['loss']:.4f}, not {each['published_loss']:.4f}"
        for each in lost
    )
    lines = {
        "What happened": f"Run {run.run_id} is certainly worse than the published run, which still "
        "answers",
        "Why": worse,
        "What to do": "See what changed with `holdfast runs compare champion latest`; if it is "
        "meant, `holdfast runs promote latest`",
        "Report": str(run.report.resolve()),
    }
    facts = ((label, formatting.capital(text)) for label, text in lines.items())
    title = f"{study.name}: the new run was not published"
    return Message.of("refused", title, facts, study=study.name, run_id=run.run_id, contests=lost)


_MONEY = ("expected_revenue", "at_stake")


def comparable(run: Run, before: Run | None) -> Run | None:
    """The run before, if likely to leave meant the same in it."""
    if before is None or "share_at_risk" not in before.summary:
        return None
    days = [(each.summary.get("churn") or {}).get("horizon_days") for each in (run, before)]
    return before if days[0] == days[1] else None


def _run_lines(run: Run, before: Run | None, study: Study) -> Lines:
    summary, currency = run.summary, study.currency
    when = f"as of {formatting.day(summary['cutoff_day'])}"
    yield "Customers", f"{formatting.count(summary['customers'])}, {when}"
    yield "Likely to leave", "; ".join(_leaving(summary, before))
    if summary["value"]["algorithm"] is not None:
        total = formatting.money(summary["expected_revenue"], currency)
        ends = _range(run)
        within = formatting.total_range(*ends, currency) if ends else ""
        yield "Expected revenue", f"{total} {_window(summary, 'value')}. {within}"
        yield "Revenue at stake", formatting.money(summary["at_stake"], currency)
    yield "Findings", _findings(summary)
    age_days = day_of(datetime.now(UTC).date()) - summary["cutoff_day"] + 1
    for step in next_steps(summary, age_days=max(0, age_days))[:1]:
        # Why is what a finding saw, sometimes.
        yield "What to do first", f"{step.what}."
    if warning := order_warning(summary):
        yield "Mind", warning
    if plan := summary.get("plan"):
        yield "Plan", _plan(plan)
    yield "Report", str(run.report.resolve())


def _window(summary: Mapping[str, Any], task: str) -> str:
    days = summary[task]["horizon_days"]
    return f"over the next {days} days" if days else "by the snapshot's own label"


def _leaving(summary: Mapping[str, Any], before: Run | None) -> Iterator[str]:
    share = summary["share_at_risk"]
    yield f"{likely_to_leave(summary)} {_window(summary, 'churn')}"
    if before is not None:
        points = 100 * (share - before.summary["share_at_risk"])
        since = f"the run before, as of {date_of(before.summary['cutoff_day'])}"
        size = f"{abs(points):.1f} points"
        yield (
            f"{size} {'more' if points > 0 else 'less'} than in {since}"
            if round(points, 1)
            else f"as in {since}"
        )
    if error := formatting.past_error(summary["churn"].get("past_error")):
        yield error


def _range(run: Run) -> Range | None:
    """Between what expected revenue may come out, currency; None where no later time was tried."""
    if not run.summary["value"]["horizon_days"]:
        return None
    return range_of(run.summary["expected_revenue"], run.table("evidence"))


def _plan(plan: Mapping[str, Any]) -> str:
    if refused := plan.get("refused"):
        return f"There is none: {refused['problem']}; {refused['fix']}."
    return " ".join(list(plan_sentences(plan))[:2])


def _findings(summary: Mapping[str, Any]) -> str:
    findings = summary["findings"]
    cards = finding_cards(findings)
    gravest = "; the gravest: {title}. {meaning} {fix}".format_map(cards[0]) if cards else ""
    return f"{count_findings(findings)}{gravest}"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that failed: what was wrong and what to do, as the command line says it; `log` is the
    file with its steps, if it came so far.
    """

    problem: str
    fix: str
    exit_code: int
    at: str
    log: str = ""
    next_try: str = ""


def tell_failure(failure: Failure, study: Study) -> Message:
    """Tell what failed and what to do about it."""
    lines = {
        "What failed": failure.problem,
        "What to do": failure.fix,
        "Study": study.name,
        "When": failure.at,
        "Next try": failure.next_try,
        "Log": failure.log,
    }
    facts_in_words = ((label, formatting.capital(text)) for label, text in lines.items() if text)
    facts = {
        "study": study.name, "problem": failure.problem, "fix": failure.fix, "at": failure.at,
        "exit_code": failure.exit_code, "log": failure.log,
    }  # fmt: skip
    return Message.of("failed", f"{study.name}: the run failed", facts_in_words, **facts)


def tell_test(study: Study) -> Message:
    """Say that messages arrive."""
    text = "Messages of this study arrive here: one after each scheduled run that [messages] names."
    return Message.of("test", f"{study.name}: a test", iter([("Test", text)]), study=study.name)
