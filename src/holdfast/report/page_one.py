"""What page one of the report says besides the headline: who first, what to do, what that would
bring, and how sure it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from holdfast.campaigns.score_totals import ScoreTotals
from holdfast.report.exports.customer_rows import first_customers
from holdfast.report.formatting import chance, listing, money, percent, plural, verb
from holdfast.report.report_data import Report
from holdfast.report.summary import likely_to_leave, when


def cards(report: Report) -> Iterator[tuple[str, str, str]]:
    """The headline figures: name, figure and what it says."""
    summary, threshold = report.summary, percent(report.study.churn.threshold, 0)
    leaving, note = likely_to_leave(summary), f"a churn probability of {threshold} or more"
    if not report.knows_value:
        yield "Likely to leave", leaving, note
        return
    yield "Likely to leave", leaving, f"{note}; {_held_by_likely_to_leave(report)}"
    expected = money(summary["expected_revenue"], report.currency)
    yield "Expected revenue", expected, when(report, "value")
    at_stake = money(summary.get("at_stake"), report.currency)
    yield "Revenue at stake", at_stake, "what keeping all who have not left yet would add"


def _held_by_likely_to_leave(report: Report) -> str:
    at_stake = money(_total(report, "leaving_at_stake"), report.currency)
    return f"{at_stake} of the revenue at stake is theirs"


def _total(report: Report, name: str) -> float:
    """A total over all customers; worked out where the run is older than it."""
    totals = report.summary
    if name not in totals:
        totals = ScoreTotals.of(report.scores, threshold=report.study.churn.threshold).headline()
    return float(totals[name])


def who_first(report: Report, n: int) -> str:
    """How much of the revenue at stake the first customers account for."""
    first, at_stake = first_customers(report.scores, n), _total(report, "at_stake")
    if not report.knows_value or not at_stake:
        return "Ranked by risk score, for no revenue at stake is known."
    held, who = float(first["at_stake"].sum()), plural(first.height, "customer")
    return (
        f"The {who} with the most revenue at stake {verb(first.height, 'accounts', 'account')} for "
        f"{money(held, report.currency)} of it ({percent(held / at_stake, 0)})."
    )


def what_to_do(report: Report) -> list[str]:
    """The plan or, without one, a recovery campaign, with what it would bring; without both, what
    the study lacks.
    """
    plan = report.summary.get("plan") or {}
    if "total" in plan:
        return _plan_in_short(plan)
    spent = report.recovery.filter(pl.col("invested") > 0)
    if spent.is_empty():
        return [
            "The study names no offer and no cost of a campaign, so that nothing can be said of "
            "what keeping customers would bring: add [offers] to it and run again."
        ]
    best = spent.sort("net", descending=True, nulls_last=True).row(0, named=True)
    return [_recovery_in_short(spent, report.currency), _break_even(best)]


def _plan_in_short(plan: Mapping[str, Any]) -> list[str]:
    currency, total = plan["currency"], plan["total"]
    if not plan["contacted"]:
        return ["Contact nobody: no offer of the study is expected to bring more than it costs."]
    given = [each for each in plan["offers"] if each["contacts"]]
    offers = listing([each["offer"] for each in given])
    cost, net, low, high = (
        money(total[name], currency) for name in ("cost", "net", "net_low", "net_high")
    )
    sources = listing(sorted({each["uplift_source"] for each in given}))
    return [
        f"Contact {plural(plan['contacted'], 'customer')} ({offers}) for {cost}.",
        f"Expected net return: {net}, between {low} and {high} in nine cases of ten; it pays with "
        f"a chance of {chance(total['p_net_above_0'])} (effect of the offer: {sources}).",
        "The list of contacts: holdfast plan --list contacts.csv.",
    ]


def _recovery_in_short(spent: pl.DataFrame, currency: str) -> str:
    invested, recovered, net = (
        money(float(spent[name].sum()), currency) for name in ("invested", "recovered", "net")
    )
    who, segments = plural(int(spent["customers"].sum()), "customer"), spent["segment"].to_list()
    sources = listing(sorted(spent["uplift_source"].unique()))
    return (
        f"Contact {listing(segments)} ({who}) for {invested}: at the recovery rates of the study "
        f"({sources}) they bring back {recovered}, {net} net."
    )


def _break_even(row: Mapping[str, Any]) -> str:
    rate, even = percent(row["rate"]), row["break_even_rate"]
    if even is None or even > 1:
        return f"{row['segment']}, the best of them, pays at no recovery rate."
    return (
        f"{row['segment']}, the best of them, pays from a recovery rate of {percent(even)} on; "
        f"{rate} is {row['uplift_source']}."
    )


def how_sure(report: Report) -> str:
    """The evidence in a sentence."""
    churn, value = (report.summary.get(task) or {} for task in ("churn", "value"))
    auc, naive = churn.get("roc_auc"), (churn.get("baseline") or {}).get("roc_auc")
    if auc is None:
        return "Nothing could be proved: see what to know before using the figures."
    tests = plural(len(churn.get("test_cutoffs") or [None]), "test")
    where = "On customers held out" if report.is_snapshot else f"In {tests} on later data"
    beside = "" if naive is None else f"; a naive rule does in {100 * naive:.0f}"
    error = value.get("total_error")
    total = "" if error is None else f". Total revenue came out {percent(error, 0)} off"
    return (
        f"{where}, of a customer who left and one who stayed the model ranks the leaver higher in "
        f"{100 * auc:.0f} cases of 100{beside}{total}."
    )


def list_assumptions(report: Report) -> str:
    """What is assumed and not measured; empty where nothing is."""
    offers = [
        each["offer"]
        for each in (report.summary.get("plan") or {}).get("offers", [])
        if each["uplift_source"] == "assumed"
    ]
    brings = f"what {listing(offers)} {verb(len(offers), 'brings', 'bring')}"
    return listing([brings] * bool(offers) + ["the recovery rates"] * report.is_assumed)
