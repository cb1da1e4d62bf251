"""The tables of two runs side by side."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from holdfast.report import formatting
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table

DRIFTED, MOVED = 10, 12
_FIGURES = {
    "customers": "Customers", "share_at_risk": "Likely to leave",
    "churn_probability": "Mean churn probability", "expected_revenue": "Expected revenue",
    "at_stake": "Revenue at stake",
}  # fmt: skip
_AMOUNTS = ("expected_revenue", "at_stake")
_PAIR = (Col("before", "Before"), Col("after", "After"))


def comparison(
    compared: Mapping[str, Any], *, currency: str, with_moves: bool = True
) -> Iterator[Table]:
    """Every table of a comparison that has rows; a page draws the moves."""
    tables = (
        figures(compared, currency=currency),
        drift(compared),
        *([segment_moves(compared, currency=currency)] if with_moves else []),
        *(evidence(compared, task, currency=currency) for task in ("churn", "value")),
        make_table("Models: what differs", compared["model"], Col("what"), *_PAIR),
        make_table("Settings: what differs", compared["settings"], Col("what", "Setting"), *_PAIR),
    )
    return (table for table in tables if table.rows)


def figures(compared: Mapping[str, Any], *, currency: str) -> Table:
    """The headline figures of both runs."""
    money = partial(formatting.money, currency=currency)
    rows = [
        {
            "figure": _FIGURES[row["figure"]],
            **{name: _write(row["figure"], row[name], money) for name in ("before", "after")},
            "change": _change(row, money),
        }
        for row in compared["figures"]
    ]
    return make_table("Customers, risk and value", rows, "figure", *_PAIR, "change")


_Money = Callable[[float | None], str]


def _write(figure: str, value: float | None, money: _Money) -> str:
    if figure == "customers":
        return formatting.count(value)
    return money(value) if figure in _AMOUNTS else formatting.percent(value)


def _change(row: Mapping[str, Any], money: _Money) -> str:
    change = row["change"]
    if change is None:
        return formatting.NONE
    sign = "+" if change >= 0 else formatting.MINUS
    if row["figure"] == "customers" or row["figure"] in _AMOUNTS:
        return f"{sign}{_write(row['figure'], abs(change), money)}"
    return f"{sign}{formatting.decimal(abs(100 * change), 1)} points"


def drift(compared: Mapping[str, Any]) -> Table:
    """The features whose customers differ most between the runs."""
    rows = compared["drift"][:DRIFTED]
    caption = "What is known of the customers: the largest differences"
    columns = (
        Col("feature", "Feature", "feature"),
        Col("stability_index", "Stability index", "ratio"),
        Col("drift", "Drift"),
        Col("mean_before", "Mean before", "number"),
        Col("mean_after", "Mean after", "number"),
    )
    return make_table(caption, rows, *columns)


def segment_moves(compared: Mapping[str, Any], *, currency: str) -> Table:
    """Who went from which segment to which, the largest groups first."""
    moved = [row for row in compared["moves"] if row["was"] != row["now"]][:MOVED]
    rows = [{**row, "is_now": row["now"]} for row in moved]
    columns = (Col("was", "Was in"), Col("is_now", "Is in"))
    names = "customers expected_revenue"
    return make_table("Who moved", rows, *columns, names, currency=currency)


def evidence(compared: Mapping[str, Any], task: str, *, currency: str) -> Table:
    """How good the models of both runs proved at one task."""
    rows = [row for row in compared["evidence"] if row["task"] == task]
    columns = (
        Col("metric", "Measure", "metric_name"),
        Col("before", "Before", "metric"),
        Col("after", "After", "metric"),
        Col("difference", "Difference", "metric", "{difference} ({low} to {high})"),
        Col("verdict", "After is"),
    )
    title = f"{formatting.capital(task)}: how good the models proved"
    caption = f"{title}, means of the tests with 95% intervals of the difference"
    return make_table(caption, rows, *columns, currency=currency)


def lead(compared: Mapping[str, Any]) -> str:
    """Which runs, and how many customers both have."""
    was, now, customers = compared["before"], compared["after"], compared["customers"]
    both = formatting.plural(customers["both"], "customer")
    return (
        f"Run {now['run_id']} ({now['cutoff_date']}) beside run {was['run_id']} "
        f"({was['cutoff_date']}): {both} in both, {formatting.count(customers['new'])} new, "
        f"{formatting.count(customers['gone'])} gone."
    )
