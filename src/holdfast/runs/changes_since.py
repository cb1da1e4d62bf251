"""What changed since an earlier run: of a customer, of a segment, of all; in figures that add up,
and in sentences.

A run keeps its changes since the champion before it. Since a run further back, the changes of the
runs between are added up.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.errors import InputError, RunError
from holdfast.learners.link_functions import log_odds, logistic, mean_slope
from holdfast.report import formatting
from holdfast.runs.change_words import PARTS, REASON, SUMS, ChangeWords
from holdfast.serving.customer_search import (
    explain_absence,
    find_customer,
    read_rows,
    read_scores,
)
from holdfast.serving.load import load_study, read_table
from holdfast.storage.runs import Registry, Run
from holdfast.study import SEGMENT_NAMES
from holdfast.windows import date_of, parse_day


def customer_changes(
    registry: Registry, run: Run, customer_id: str, *, since: str | None = None
) -> dict[str, Any]:
    """Why the scores of a customer are not what they were.

    Returns
    -------
    dict
        run_id, since, not_told (sentences), customer_id, and tasks: of each before, after,
        change (log-odds of P(churned), or currency), parts in the order of `PARTS`, whose
        contributions add up to the change, and a sentence.

    Raises
    ------
    CustomerNotEligible, CustomerNotFound
        The run does not score the customer.
    InputError
        The run keeps no changes, or none since that run.
    """
    scores = read_scores(run)
    if find_customer(scores, customer_id) is None:
        raise explain_absence(run, load_study(run), scores, customer_id)
    links = _links(registry, run, since)
    rows = [_points(read_table_of(link, "changes", customer_id)) for link in links]
    changes = _add_up(rows, n_links=len(links))
    reasons = [_reasons(link, row, customer_id) for link, row in zip(links, rows, strict=True)]
    named = _join_reasons(reasons)
    head = _head(run, links)
    if changes.is_empty():
        head["not_told"].append(_explain_absence_before(links, rows, customer_id))
    words = ChangeWords.of(run)
    tasks = [words.task(row, named.filter(task=row["task"])) for row in changes.to_dicts()]
    return {**head, "customer_id": customer_id, "tasks": tasks}


def all_changes(
    registry: Registry, run: Run, *, since: str | None = None, segment: str | None = None
) -> dict[str, Any]:
    """Why the scores of all customers, and of each segment, are not what they were: the mean
    probability and log-odds of churn, and the sum of the money, over the customers of both runs.

    Returns
    -------
    dict
        As of a customer; with customers, new and gone (who is in one of the runs only), and
        segments: those of today, each with its customers and tasks.

    Raises
    ------
    InputError
        The run keeps no changes, or none since that run, or there is no such segment.
    """
    if segment is not None and segment not in SEGMENT_NAMES:
        fix = f"choose one of {', '.join(SEGMENT_NAMES)}"
        raise InputError(f"there is no segment '{segment[:80]}'", fix=fix)
    links = _links(registry, run, since)
    sums, reasons = _sum_customers(links, run), _sum_reasons(links)
    words = ChangeWords.of(run)
    named = [name for name in SEGMENT_NAMES if name in sums["segment"]]
    each = [
        {"segment": name, **words.group(sums.filter(segment=name), reasons.filter(segment=name))}
        for name in named
        if segment in (None, name)
    ]
    kept = run.summary["changes"] if len(links) == 1 else {}
    only = {name: kept.get(name) for name in ("new", "gone")}
    head = {**_head(run, links), **only}
    whole = words.group(sums, reasons) if segment is None else {}
    return {**head, **whole, "segments": each}


def _head(run: Run, links: Sequence[Run]) -> dict[str, Any]:
    kept = links[-1].summary["changes"]
    return {
        "run_id": run.run_id,
        "cutoff_date": run.summary["cutoff_date"],
        "since": {"run_id": kept["since"], "cutoff_date": kept["since_date"]},
        "not_told": [
            why for each in links for why in each.summary["changes"]["tasks_not_told"].values()
        ],
    }


def _links(registry: Registry, run: Run, since: str | None) -> list[Run]:
    """The run and those before it, each told since the next, back to the one that is asked for."""
    wanted = registry.open(since).run_id if since else None
    links, names = [run], [_since(run)]
    while wanted is not None and names[-1] != wanted:
        try:
            before = registry.open(names[-1])
            names.append(_since(before))
        except (RunError, InputError):
            raise InputError(
                f"nothing is kept of what changed from run {wanted} to run {run.run_id}",
                fix=f"ask since {formatting.listing(names)}",
            ) from None
        links.append(before)
    return links


def _since(run: Run) -> str:
    """The run that a run's changes are told since."""
    kept = run.summary.get("changes")
    if kept is None:
        raise InputError(
            f"run {run.run_id} keeps no changes: there was no run before it, or an older Holdfast "
            "made it",
            fix="run again when new orders have come in",
        )
    if "not_told" in kept:
        what = f"run {run.run_id} tells no changes: {kept['not_told']}"
        raise InputError(what, fix="put the runs side by side with `holdfast runs compare`")
    return str(kept["since"])


def read_table_of(run: Run, table: str, customer_id: str) -> pl.DataFrame:
    """One customer's rows of a table that the run has."""
    rows = read_rows(run, table, customer_id)
    assert rows is not None
    return rows


def _explain_absence_before(
    links: Sequence[Run], rows: Sequence[pl.DataFrame], customer_id: str
) -> str:
    """Why a customer of the run has no change."""
    run, kept = next(
        (link, link.summary["changes"])
        for link, row in zip(links, rows, strict=True)
        if row.is_empty()
    )
    features = read_rows(run, "features", customer_id)
    if features is None or features.is_empty():
        return f"the customer was not in run {run.run_id}, in between"
    since, tenure = kept["since"], features.get_column("tenure_days", default=None)
    bought_first = tenure is not None and features["cutoff_day"][0] - tenure[0]
    then = parse_day(kept["since_date"])
    if tenure is not None and bought_first >= then:
        return f"the customer is new: bought first on {date_of(bought_first)}, after run {since}"
    return f"the customer was not in run {since}: not known or not eligible then"


def _points(changes: pl.DataFrame) -> pl.DataFrame:
    """CHANGES with what each part is in points: of the probability, or the money itself."""
    is_churn = changes["task"].to_numpy() == "churn"
    score = _scores(changes)
    columns = []
    for part in PARTS:
        added = changes[part].to_numpy()
        points = np.where(is_churn, logistic(score + added) - logistic(score), added)
        columns.append(pl.Series(f"{part}_points", points, dtype=pl.Float64))
        score = score + added
    return changes.with_columns(columns)


def _scores(changes: pl.DataFrame) -> Vector:
    """What was before, in the unit in which changes add up."""
    before = changes["before"].to_numpy()
    is_churn = changes["task"].to_numpy() == "churn"
    return np.where(is_churn, log_odds(before), before)


def _add_up(rows: Sequence[pl.DataFrame], *, n_links: int) -> pl.DataFrame:
    """From the newest to the oldest: one row per customer and task that each has."""
    by_customer = pl.concat(rows).group_by("customer_id", "task", maintain_order=True)
    summed = by_customer.agg(
        pl.col("before").last(), pl.col("after").first(), pl.col(SUMS).sum(), n=pl.len()
    )
    return summed.filter(pl.col("n") == n_links).drop("n")


def _reasons(run: Run, changes: pl.DataFrame, customer_id: str) -> pl.DataFrame:
    """CHANGEREASONS of a customer, with points."""
    score = changes.select("task", time=_scores(changes)).with_columns(
        behaviour=pl.col("time") + changes["time"]
    )
    starts = score.unpivot(index="task", variable_name="part", value_name="start")
    moves = changes.select("task", "time", "behaviour")
    moved = moves.unpivot(index="task", variable_name="part", value_name="moved")
    reasons = read_table_of(run, "change_reasons", customer_id)
    for table in (starts, moved):
        reasons = reasons.join(table, on=["task", "part"], maintain_order="left")
    start, end = (reasons[name].to_numpy() for name in ("start", "moved"))
    slope = np.where(
        reasons["task"].to_numpy() == "churn", mean_slope(logistic, start, start + end), 1.0
    )
    return reasons.with_columns(points=pl.col("contribution") * pl.Series(slope)).select(REASON)


def _join_reasons(links: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """From the newest to the oldest; values are shown where each has the reason."""
    each = pl.col("n") == len(links)
    by_reason = pl.concat(links).group_by("task", "part", "feature", maintain_order=True)
    joined = by_reason.agg(
        pl.col("was").last(),
        pl.col("now").first(),
        pl.col("contribution", "points").sum(),
        n=pl.len(),
    )
    shown = (pl.when(each).then(name).otherwise(pl.lit("")).alias(name) for name in ("was", "now"))
    return joined.with_columns(*shown).drop("n")


def _sum_customers(links: Sequence[Run], run: Run) -> pl.DataFrame:
    """Sums by today's segment and task, over the customers who are in all of the runs."""
    changes = _add_up([_points(read_table(link, "changes")) for link in links], n_links=len(links))
    segments = read_scores(run).select("customer_id", "segment")
    sums = changes.join(segments, on="customer_id").group_by("segment", "task", maintain_order=True)
    return sums.agg(pl.col("before", "after", *SUMS).sum(), customers=pl.len())


def _sum_reasons(links: Sequence[Run]) -> pl.DataFrame:
    """What each feature adds, by segment; of one run only, for segments differ from run to run."""
    sums = read_table(links[0], "change_sums")
    if len(links) > 1:
        sums = sums.clear()
    reasons = sums.filter(pl.col("part").is_in(["time", "behaviour"]))
    return reasons.with_columns(was=pl.lit(""), now=pl.lit("")).select("segment", *REASON)
