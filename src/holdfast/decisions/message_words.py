"""What a message about a run says: figures a manager reads, or what failed; never a customer.

A message leaves for other programs. So each text in it is one short line, what a finding saw (which
may name a customer) stays behind, and each form of it escapes what means something there.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Literal

from holdfast.decisions.next_steps import next_steps
from holdfast.evaluation.totals import Range, range_of
from holdfast.findings import count_findings
from holdfast.report import formatting
from holdfast.report.plan_tables import plan_sentences
from holdfast.report.summary import finding_cards, likely_to_leave, order_warning
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.windows import date_of, day_of

_LONGEST = 1000
_TITLE = 140
_SLACK_TITLE, _SLACK_SECTION, _SLACK_TEXT = 150, 2800, 20_000
"""Characters that Slack takes, or fewer."""
Lines = Iterator[tuple[str, str]]


def one_line(text: object, *, at_most: int = _LONGEST) -> str:
    r"""Write a text of anybody's in one line, without what steers a terminal or a mail.

    >>> one_line("shop\r\nBcc: x@example.com\x1b[2J"), one_line("abcdef", at_most=3)
    ('shop Bcc: x@example.com [2J', 'ab…')
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = " ".join(printable.split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


@dataclass(frozen=True)
class Message:
    """One message, in the forms in which it leaves.

    Attributes
    ----------
    lines
        Heading -> sentence.
    facts
        The same as values, for the webhook.
    link
        Where more is to be seen; may be empty.
    """

    event: Literal["run", "failed", "test"]
    title: str
    lines: Mapping[str, str]
    facts: Mapping[str, Any]
    link: str = ""

    @classmethod
    def of(
        cls, event: Literal["run", "failed", "test"], title: str, lines: Lines, **facts: Any
    ) -> "Message":
        """Make one of texts that may hold anything."""
        plain = {label: one_line(text) for label, text in lines}
        values = {
            name: one_line(value) if isinstance(value, str) else value
            for name, value in facts.items()
        }
        return cls(event, one_line(title, at_most=_TITLE), plain, values)

    def text(self) -> str:
        """For a mail, or a terminal."""
        lines = [f"{label}: {text}" for label, text in self._linked()]
        return "\n".join([self.title, "", *lines, ""])

    def html(self) -> str:
        """For a mail."""
        rows = [
            f"<p><b>{escape(label)}</b><br>{escape(text)}</p>" for label, text in self.lines.items()
        ]
        if self.link:
            rows.append(f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>')
        head = f'<h1 style="font-size:1.2em">{escape(self.title)}</h1>'
        return "\n".join(
            ['<html><body style="font-family:sans-serif">', head, *rows, "</body></html>"]
        )

    def slack(self) -> bytes:
        """As Slack reads it, and those that read its `text` alone."""
        title = _escape_slack(self.title, at_most=_SLACK_TITLE)
        sections = [
            {"type": "mrkdwn", "text": f"*{label}*\n{_escape_slack(text)}", "verbatim": True}
            for label, text in self._linked()
        ]
        blocks = [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            *({"type": "section", "text": each} for each in sections),
        ]
        text = _escape_slack(self.text(), at_most=_SLACK_TEXT)
        return json.dumps({"text": text, "blocks": blocks}).encode()

    def webhook(self) -> bytes:
        """Its figures."""
        content = {"event": self.event, "title": self.title, **self.facts, "link": self.link}
        return json.dumps(content, allow_nan=False).encode()

    def _linked(self) -> list[tuple[str, str]]:
        return [*self.lines.items(), *([("See", self.link)] if self.link else [])]


def _escape_slack(text: str, *, at_most: int = _SLACK_SECTION) -> str:
    """Write what Slack would take for a mention or a link as the letters that it is.

    >>> _escape_slack("<!channel> & @here")
    '&lt;!channel&gt; &amp; @\\u200bhere'
    >>> _escape_slack("a<b", at_most=4)
    'a'
    """
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b")):
        text = text.replace(letter, written)
    # No letter is cut in two.
    return text if len(text) <= at_most else re.sub(r"&[a-z]*$", "", text[:at_most])


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
    told = ((label, formatting.capital(text)) for label, text in lines.items() if text)
    facts = {
        "study": study.name, "problem": failure.problem, "fix": failure.fix, "at": failure.at,
        "exit_code": failure.exit_code, "log": failure.log,
    }  # fmt: skip
    return Message.of("failed", f"{study.name}: the run failed", told, **facts)


def tell_test(study: Study) -> Message:
    """Say that messages arrive."""
    text = "Messages of this study arrive here: one after each scheduled run that [messages] names."
    return Message.of("test", f"{study.name}: a test", iter([("Test", text)]), study=study.name)
