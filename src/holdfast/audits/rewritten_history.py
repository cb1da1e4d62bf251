"""History changes: does a later export tell another past?

What is known of a customer at a cutoff must not depend on when it is asked. Where a later export
gives other features for the same cutoff, rows were overwritten, and models learn from what nobody
could see on the day.
"""

import polars as pl
import polars.selectors as cs

from holdfast.findings import Finding
from holdfast.windows import date_of

_RELATIVE = 1e-9


def history_changes(
    earlier: pl.DataFrame, later: pl.DataFrame, *, what: str
) -> tuple[Finding, ...]:
    """Compare the features of the same customers at the same cutoff.

    Parameters
    ----------
    earlier, later
        FEATURES at one cutoff: as they were known then, and as they are computed now.
    what
        Where `later` comes from, for the finding.

    Examples
    --------
    >>> then = pl.DataFrame({"customer_id": ["a", "b"], "cutoff_day": [10, 10],
    ...     "spend_total": [5.0, 7.0]})
    >>> now = then.with_columns(spend_total=pl.Series([5.0, 3.0]))
    >>> history_changes(then, now, what="the later export")[0].evidence.split(": ")[1]
    'spend_total of 1 (customer b'
    >>> history_changes(then, then, what="the later export")
    ()
    """
    shared = [
        name
        for name in earlier.columns
        if name in later.columns and name not in ("customer_id", "cutoff_day")
    ]
    both = earlier.join(later, on=["customer_id", "cutoff_day"], suffix=":now")
    lost, come = earlier.height - both.height, later.height - both.height
    changed = {name: rows for name in shared if (rows := both.filter(_differs(name, both))).height}
    if not changed and not lost and not come:
        return ()
    told = [
        _told(name, rows)
        for name, rows in sorted(changed.items(), key=lambda item: -item[1].height)[:4]
    ]
    told += [f"{lost:,} customers are gone"] if lost else []
    told += [f"{come:,} customers are new"] if come else []
    day = (
        date_of(int(earlier["cutoff_day"][0]))
        if earlier.height
        else date_of(int(later["cutoff_day"][0]))
    )
    return (
        Finding.fatal(
            "history-changes",
            evidence=f"at cutoff {day}, of {earlier.height:,} customers, {what} changes: "
            f"{'; '.join(told)}",
            meaning="Rows of the past were added, dropped or overwritten later. What is learnt "
            "from them was not known on the day of the cutoff, so the proof is better than the "
            "predictions will be.",
            fix="Keep corrections as rows of their own day (a return, a credit note); give "
            "customers.columns.known_from for attributes that change.",
        ),
    )


def _differs(name: str, both: pl.DataFrame) -> pl.Expr:
    then, now = pl.col(name), pl.col(f"{name}:now")
    if both.select(cs.by_name(name) & cs.float()).width:
        near = (then - now).abs() <= _RELATIVE * pl.max_horizontal(then.abs(), now.abs(), 1.0)
        return ~(near.fill_null(False) | (then.is_null() & now.is_null()))
    return then.ne_missing(now)


def _told(name: str, rows: pl.DataFrame) -> str:
    then, now = rows[name][0], rows[f"{name}:now"][0]
    return (
        f"{name} of {rows.height:,} (customer {rows['customer_id'][0]}: {_shown(then)} then, "
        f"{_shown(now)} now)"
    )


def _shown(value: object) -> str:
    return (
        f"{value:,.6g}" if isinstance(value, float) else "nothing" if value is None else str(value)
    )
