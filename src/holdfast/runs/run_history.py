"""The runs of a project: which there are and which counts; a run among those before it, and who
moved from segment to segment since.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import polars as pl

from holdfast.errors import DamagedRun, RunError
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry, Run

_LOOKED_BACK = 400
FIGURES = ("customers", "share_at_risk", "expected_revenue", "at_stake")


SHOWN = ("run_id", "created_at", "study", "kind", "cutoff_date", "customers", "refused")


def list_runs(registry: Registry) -> list[dict[str, Any]]:
    """Every published run, the newest first: what its manifest says, or why it is damaged, and
    whether it is the published one.
    """
    champion = registry.champion_id()
    return [
        {**_describe(registry, run_id), "champion": run_id == champion}
        for run_id in registry.run_ids()
    ]


def _describe(registry: Registry, run_id: str) -> dict[str, Any]:
    try:
        manifest = registry.open(run_id).manifest
    except DamagedRun as error:
        return {"run_id": run_id, "damaged": error.problem}
    return {name: manifest.get(name) for name in SHOWN}


def change_champion(
    registry: Registry,
    run_id: str | None,
    *,
    who: str = "",
    prepare: Callable[[Run], object] = lambda _: None,
) -> Run:
    """Promote a run or, without one, go back to the one published before. The run is prepared and
    the change recorded in the audit log first: if either fails, nothing has changed.
    """
    what = "rollback" if run_id is None else "promote"

    @contextmanager
    def around(run: Run) -> Iterator[None]:
        prepare(run)
        with audit_log.write_ahead(registry.folder.parent, what, who=who, run_id=run.run_id):
            yield

    if run_id is None:
        return registry.rollback(around=around)
    return registry.promote(run_id, around=around)


def runs_before(registry: Registry, run: Run) -> Iterator[Run]:
    """Yield earlier runs of the same study, the latest first; a damaged one is passed over."""
    run_ids = registry.run_ids()
    place = run_ids.index(run.run_id) if run.run_id in run_ids else -1
    for run_id in run_ids[place + 1 :]:
        try:
            other = registry.open(run_id)
            if other.manifest.get("study") == run.manifest.get("study") and other.summary:
                yield other
        except RunError:
            continue


def runs_published_before(registry: Registry, champion: Run) -> Iterator[Run]:
    """Yield the last runs that were published before the one that is, the latest first; a damaged
    one, and one that is no longer there, is passed over.
    """
    for entry in registry.champions()[:_LOOKED_BACK]:
        if entry.run_id != champion.run_id:
            try:
                yield registry.open(entry.run_id)
            except RunError:
                continue


def run_before(registry: Registry, run: Run) -> Run | None:
    """The run before it that stands at another cutoff, or else the run before it."""
    earlier = list(islice(runs_before(registry, run), 20))
    at_another = (
        other for other in earlier if other.summary["cutoff_day"] < run.summary["cutoff_day"]
    )
    return next(at_another, earlier[0] if earlier else None)


def trail(registry: Registry, run: Run, *, at_most: int = 12) -> pl.DataFrame:
    """The headline figures of a run and of those before it, oldest first.

    Columns: run_id, created_at, cutoff_day, customers, share_at_risk, expected_revenue,
    at_stake (missing in runs older than it).
    """
    seen = [run, *islice(runs_before(registry, run), at_most - 1)]
    names = ("run_id", "created_at", "cutoff_day", *FIGURES)
    return pl.DataFrame(
        [{name: each.summary.get(name) for name in names} for each in reversed(seen)]
    )


def moves(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Count who went from which segment to which between two runs.

    Parameters
    ----------
    before, after
        customer_id and segment; after also expected_revenue.

    Returns
    -------
    polars.DataFrame
        One row per pair: was and now (a segment, "new" or "gone"), customers, expected_revenue
        (after, currency).
    """
    both = (
        before.select("customer_id", was=pl.col("segment").cast(pl.String))
        .join(
            after.select("customer_id", "expected_revenue", now=pl.col("segment").cast(pl.String)),
            on="customer_id",
            how="full",
            coalesce=True,
        )
        .with_columns(pl.col("was").fill_null("new"), pl.col("now").fill_null("gone"))
    )
    counted = both.group_by("was", "now").agg(
        customers=pl.len().cast(pl.Int64), expected_revenue=pl.col("expected_revenue").sum()
    )
    return counted.sort("customers", "was", "now", descending=[True, False, False])
