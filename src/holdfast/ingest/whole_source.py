"""What is decided over all rows of a source: which repeat others, which days are strays, and
whether all ids were written as floats.
"""

from holdfast.io.warehouse import Warehouse
from holdfast.windows import YEAR_DAYS

_STRAY_SHARE, _STRAY_LEAST = 0.001, 100

Kept = tuple[int | None, int | None]
"""The first day that is kept, and the first that is not any more; None: all are."""


def mark_duplicates(table: str, code: int, warehouse: Warehouse) -> None:
    """Set all but the first of equal rows aside."""
    place = "struct_pack(f := _file, r := _row)"
    warehouse.execute(f"""
        UPDATE {table} SET verdict = {code}
        FROM (
            SELECT _digest_1 AS _same_1, _digest_2 AS _same_2, min({place}) AS _first
            FROM {table} WHERE verdict = 0 OR verdict > {code}
            GROUP BY ALL HAVING count(*) > 1)
        WHERE _digest_1 = _same_1 AND _digest_2 = _same_2 AND {place} > _first
            AND (verdict = 0 OR verdict > {code})
    """)


def mark_repeated(table: str, code: int, warehouse: Warehouse) -> None:
    """Of accepted rows that share an event_id, set all but the first aside."""
    place = "struct_pack(f := _file, r := _row)"
    warehouse.execute(f"""
        UPDATE {table} SET verdict = {code}
        FROM (
            SELECT event_id AS _id, min({place}) AS _first FROM {table} WHERE verdict = 0
            GROUP BY event_id HAVING count(*) > 1)
        WHERE event_id = _id AND {place} > _first AND verdict = 0
    """)


def find_strays(days: str, warehouse: Warehouse, *, open_start: bool, open_end: bool) -> Kept:
    """Find the few rows beyond a year of silence: one mistyped year would move the end of
    everything.

    Of at least 100 rows, one in a thousand, and always one, may be so few.

    Parameters
    ----------
    days
        SQL of a relation: day, and n accepted rows.
    open_start, open_end
        Whether nobody said where the rows begin or end.

    Returns
    -------
    Kept
        The first day that is kept, and the first that is not any more; None: all are.
    """
    first, last = warehouse.row(f"""
        WITH walked AS (
            SELECT day, day - lag(day) OVER (ORDER BY day) > {YEAR_DAYS} AS after_silence,
                sum(n) OVER (ORDER BY day) - n AS before, sum(n) OVER () AS every
            FROM {days}),
        few AS (
            SELECT *, greatest(1, floor(every * {_STRAY_SHARE})) AS few FROM walked
            WHERE every >= {_STRAY_LEAST} AND after_silence)
        SELECT max(day) FILTER (before <= few AND {open_start}),
            min(day) FILTER (every - before <= few AND {open_end})
        FROM few
    """)
    return first, last


def set_strays_aside(table: str, code: int, kept: Kept, warehouse: Warehouse) -> None:
    """Set the rows before and after the days that are kept aside, as `find_strays` gives them."""
    for sign, day in zip(("<", ">="), kept, strict=True):
        if day is not None:
            warehouse.execute(
                f"UPDATE {table} SET verdict = {code} WHERE verdict = 0 AND day {sign} {day}"
            )


def have_points(table: str, warehouse: Warehouse) -> bool | None:
    """Whether all ids of a text source end in ".0": an export of floats, where Parquet has 12345.
    None where there is no id.
    """
    (pointed,) = warehouse.row(f"""
        SELECT bool_and(regexp_full_match(customer_id, '-?[0-9]+\\.0'))
        FROM {table} WHERE customer_id IS NOT NULL
    """)
    return None if pointed is None else bool(pointed)


def remove_points(table: str, warehouse: Warehouse) -> None:
    """Take ".0" off all ids."""
    warehouse.execute(
        f"UPDATE {table} SET customer_id = customer_id[:-3] WHERE customer_id IS NOT NULL"
    )


def count_blanks(table: str, warehouse: Warehouse) -> tuple[int, int]:
    """Count accepted rows whose id was trimmed, and customers both with and without blanks."""
    (trimmed,) = warehouse.row(f"SELECT count(*) FROM {table} WHERE verdict = 0 AND trimmed")
    if not trimmed:
        return 0, 0
    (merged,) = warehouse.row(f"""
        SELECT count(*) FROM (
            SELECT 1 FROM {table} WHERE verdict = 0
            GROUP BY customer_id HAVING bool_or(trimmed) AND bool_or(NOT trimmed))
    """)
    return trimmed, merged
