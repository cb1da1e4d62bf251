"""The tables about the data itself: what came in, whether it is enough, and what leaving means in
it.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from holdfast.report import formatting
from holdfast.report.table_format import Col, Table, make_table

COLUMNS = {
    col.name: col
    for col in (
        Col("certainty", "Sure that they are lost", "whole percent"),
        Col("churned_share", "Share", "percent"),
        Col("earliest", "At the earliest"),
        Col("gap_median_days", "Half return within, days"),
        Col("high", kind="percent"),
        Col("horizon_days", "Horizon, days"),
        Col("incidence", "Share that left", "percent"),
        Col("latest", "At the latest"),
        Col("latest_cutoff_day", "Latest cutoff", "day"),
        Col("low", kind="percent"),
        Col("lost_share", "Share lost", "percent"),
        Col("month", kind="month"),
        Col("purchase_index", "Purchases a day, mean 1", "score"),
        Col("return_probability", "Chance of a return", "percent"),
        Col("returns_later", "Returns that come later", "percent"),
        Col("share", kind="percent"),
        Col("still_there", kind="percent"),
        Col("window_days", "Window, days"),
    )
}
"""How a column is headed and written where not as it is."""
_table = partial(make_table, catalogue=COLUMNS)


def churn_window_tables(window: Mapping[str, Any]) -> dict[str, Table]:
    """Every table of a churn window, from its plain values, by name."""
    last = max((row["day"] for row in window["causes"]), default=0)
    return {
        "tradeoff": _table(
            "Early or certain: what each window would cost",
            window["tradeoff"],
            "certainty window_days earliest latest returns_later customers_lost",
        ),
        "groups": _table(
            "The window by rhythm",
            window["groups"],
            "group return_probability window_days earliest latest customers",
            Col("lost", "Lost today"),
        ),
        "counts": _table(
            "Customers today, and with a window 30 days shorter or longer",
            window["counts"],
            "window_days active lapsed lost lost_share",
        ),
        "labels": _table(
            "Up to which day outcomes are complete",
            window["labels"],
            "horizon_days latest_cutoff_day customers churned churned_share",
        ),
        "seasons": _table(
            "Silences by the month they begin in",
            window["seasons"],
            "month purchase_index silences gap_median_days return_probability",
        ),
        "causes": _table(
            f"Contracts that ended within {formatting.plural(last, 'day')} of the first purchase, "
            "by cause",
            [row for row in window["causes"] if row["day"] == last],
            "cause left incidence low high still_there",
        ),
    }


def input_rows(rows: Mapping[str, Mapping[str, int]]) -> Table:
    """What became of the rows of each input."""
    return _table(
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
    return _table("What the answers need", rows, "count enough withheld found needed")


def topic_rows(topic: Mapping[str, Any], *, at_most: int) -> Table:
    """The rows behind a topic of the data report."""
    rows = topic.get("rows") or []
    more = f", the first {at_most} of {len(rows):,}" if len(rows) > at_most else ""
    return _table(f"{topic['title']}{more}", rows[:at_most])


def set_aside(check: Mapping[str, Any]) -> Table:
    """Why rows were set aside, from a check's plain values."""
    quarantined = {(each["input"], each["reason"]) for each in check["violations"]}
    rows = [
        {"reason": reason, "input": name, "rows": n}
        for name, reasons in check["reasons"].items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
        if n and (name, reason) not in quarantined
    ]
    return _table("Set aside, and why", rows)


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
    return _table("Quarantined, and why", rows, "reason input examples rows share")
