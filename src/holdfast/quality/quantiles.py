"""Quantiles of a log's lines, from how often each value occurs: the database's own hold every line
in memory.
"""


def quantile_sql(value: str, share: float, *, rows: str, by: str = "1") -> str:
    """Write the query of a quantile, interpolated between neighbours: period, lines, value; one row
    per period.

    Parameters
    ----------
    rows
        What stands behind FROM, with its conditions.
    by
        What parts the rows into periods.
    """
    place = f"CAST({share} AS DOUBLE) * (every - 1)"
    return f"""
        SELECT period, any_value(every) AS lines,
            min(value) FILTER (upto > floor({place})) * (1 - any_value({place} - floor({place})))
                + min(value) FILTER (upto > ceil({place})) * any_value({place} - floor({place}))
                AS value
        FROM (
            SELECT period, value,
                CAST(sum(n) OVER (PARTITION BY period ORDER BY value) AS BIGINT) AS upto,
                CAST(sum(n) OVER (PARTITION BY period) AS BIGINT) AS every
            FROM (
                SELECT {by} AS period, {value} AS value, count(*) AS n
                FROM {rows} AND {value} IS NOT NULL GROUP BY ALL))
        GROUP BY period
    """
