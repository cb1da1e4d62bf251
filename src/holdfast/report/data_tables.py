"""The tables about the data itself: the inputs, whether they are enough, and what leaving means in
it.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from holdfast.report import formatting
from holdfast.report.table_format import Table, make_table

_OF_A_WINDOW = {
    "tradeoff": (
        "Early or certain: what each window would cost",
        "certainty window_days earliest latest returns_later customers_lost",
    ),
    "groups": (
        "The window by rhythm",
        "group return_probability window_days earliest latest customers lost",
    ),
    "counts": (
        "Customers today, and with a window 30 days shorter or longer",
        "window_days active lapsed lost lost_share",
    ),
    "labels": (
        "Up to which day outcomes are complete",
        "horizon_days latest_cutoff_day customers churned churned_share",
    ),
    "seasons": (
        "Silences by the month they begin in",
        "month purchase_index silences gap_median_days return_probability",
    ),
}


def churn_window_tables(window: Mapping[str, Any]) -> dict[str, Table]:
    """Every table of a churn window, from its plain values, by name."""
    tables = {
        name: make_table(caption, window[name], names)
        for name, (caption, names) in _OF_A_WINDOW.items()
    }
    return tables | {"causes": _causes(window["causes"])}


def _causes(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Why contracts ended, up to the last day that is known."""
    last = max((row["day"] for row in rows), default=0)
    return make_table(
        f"Contracts that ended within {formatting.plural(last, 'day')} of the first purchase, by "
        "cause",
        [row for row in rows if row["day"] == last],
        "cause left incidence low high still_there",
    )


def input_rows(rows: Mapping[str, Mapping[str, int]]) -> Table:
    """What became of the rows of each input."""
    return make_table(
        "Accepted + set aside + quarantined = read",
        [{"input": name, **counts} for name, counts in rows.items()],
        "input read accepted set_aside quarantined",
    )


def gate(counts: Sequence[Mapping[str, Any]]) -> Table:
    """What the answers need, and whether it is there."""
    rows = [
        {
            "count": formatting.capital(count["unit"]),
            "enough": count["holds"],
            "withheld": [] if count["holds"] else count["withheld"],
            "found": count["found"],
            "needed": f"{'at most' if count['name'] == 'stale-log' else 'at least'} "
            f"{formatting.count(count['needed'])}",
        }
        for count in counts
    ]
    return make_table("What the answers need", rows, "count enough withheld found needed")


def topic_rows(topic: Mapping[str, Any], *, at_most: int = 40) -> Table:
    """The rows behind a topic of the data report."""
    rows = topic.get("rows") or []
    more = f", the first {at_most} of {len(rows):,}" if len(rows) > at_most else ""
    return make_table(f"{topic['title']}{more}", rows[:at_most])


def set_aside(check: Mapping[str, Any]) -> Table:
    """Why rows were set aside, from a check's plain values."""
    quarantined = {(each["input"], each["reason"]) for each in check["violations"]}
    rows = [
        {"reason": reason, "input": name, "rows": n}
        for name, reasons in check["reasons"].items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
        if n and (name, reason) not in quarantined
    ]
    return make_table("Set aside, and why", rows)


def violations(check: Mapping[str, Any]) -> Table:
    """Why rows were quarantined, with examples, from a check's plain values."""
    rows = [
        each
        | {
            "examples": "\n".join(
                f"{PurePath(example['source']).name}, row {example['row']}: {example['raw'][:160]}"
                for example in each["examples"]
            )
        }
        for each in check["violations"]
    ]
    return make_table("Quarantined, and why", rows, "reason input examples rows share")
