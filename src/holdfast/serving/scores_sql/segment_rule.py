"""The segment rule: risk score, value tier, rank within the tier and segment."""

from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import exp

from holdfast.io.dialects import DOUBLE, name, number
from holdfast.segments import SCALE, SEGMENTS_OF_TIER, VALUE_TIERS, SegmentRule, Signal
from holdfast.serving.scores_sql.columns import Columns, Term
from holdfast.serving.scores_sql.inputs import Kinds, read_number
from holdfast.serving.scores_sql.members import CHURN, VALUE
from holdfast.serving.scores_sql.terms import add_up, clip, coalesce, over, when

RISK, TIER = "risk_points", "tier"
"""The risk score in ten-thousandths, and the tier by its place in VALUE_TIERS."""
_SAME = 1e-12
"""Boundaries are customers' own values, and the last bits of a logarithm differ by database: nobody
is above one by so little.
"""
_AT_ONCE = 100
"""Risk scores of one row of the rank tables: a row for each score would be thousands, which not
every warehouse takes in a query.
"""
_RANKS = """
    WITH hundreds AS (
        SELECT 10 * a.digit + b.digit AS hundred FROM digits AS a CROSS JOIN digits AS b
        UNION ALL SELECT 100 AS hundred
    ),
    places AS (
        SELECT tiers.digit AS tier, hundreds.hundred AS hundred, 10 * c.digit + d.digit AS rest
        FROM hundreds CROSS JOIN digits AS c CROSS JOIN digits AS d CROSS JOIN digits AS tiers
        WHERE tiers.digit < 3
    ),
    base AS (
        SELECT places.tier AS tier, 100 * places.hundred + places.rest AS points,
            CASE WHEN LENGTH(counted.customers) > 0 THEN
                CAST(SUBSTRING(counted.customers, 1 + WIDTH * places.rest, WIDTH) AS BIGINT)
            ELSE 0 END AS customers
        FROM places LEFT JOIN counted
        ON counted.tier = places.tier AND counted.hundred = places.hundred
    ),
    sums AS (
        SELECT base.tier, base.points, base.customers,
            COALESCE(SUM(base.customers) OVER (
                PARTITION BY base.tier ORDER BY base.points
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS lower,
            SUM(base.customers) OVER (PARTITION BY base.tier) AS total
        FROM base
    ),
    ranks AS (
        SELECT sums.tier, sums.points, (
            CAST(sums.lower AS DOUBLE) + CAST(sums.customers + 1 AS DOUBLE) / 2e0
        ) / CAST(sums.total AS DOUBLE) AS place
        FROM sums
    )
    SELECT tier, points, place FROM ranks
"""


def add_risk_and_tier(columns: Columns, rule: SegmentRule, kinds: Kinds) -> None:
    """Add RISK and TIER, as `SegmentRule.assign` has them."""
    scaled, weights = [], []
    for place, signal in enumerate(rule.signals):
        value = _signal(columns, signal, kinds)
        part = columns.add(f"signal_{place}", _scale(signal, value))
        scaled.append(coalesce(number(signal.weight) * part, 0.0))
        present = exp.not_(value.is_(exp.Null()))
        weights.append(when(present, number(signal.weight), number(0.0)))
    total = columns.add("risk_total", add_up(scaled))
    weight = columns.add("risk_weight", add_up(weights))
    mean = when(weight > number(0.0), over(total, weight), number(0.0))
    points = columns.add("risk_mean", exp.paren(mean) * number(float(SCALE)))
    columns.add(RISK, _round_half_even(columns, points))
    revenue = exp.Column(this=name(VALUE))
    mid, high = (number(each + abs(each) * _SAME) for each in (rule.mid_above, rule.high_above))
    tiers = [exp.If(this=revenue > edge, true=exp.Literal.number(code)) for edge, code in
             ((high, 2), (mid, 1))]  # fmt: skip
    columns.add(TIER, exp.Case(ifs=tiers, default=exp.Literal.number(0)))


def rank_steps(rule: SegmentRule) -> dict[str, exp.Expr]:
    """Steps whose last, `ranks`, has the rank of every risk score in every tier."""
    width = max(len(str(max(table.customers))) for table in rule.ranks.values())
    query = sqlglot.parse_one(_RANKS.replace("WIDTH", str(width)), dialect="duckdb")
    counted = [row for code in range(3) for row in _counted(rule, code, width)]
    return {
        "digits": _listed([(digit,) for digit in range(10)], "digit"),
        "counted": _listed(counted, "tier", "hundred", "customers"),
        **{each.alias: each.this for each in query.find_all(exp.CTE)},
    }


def place_customers(rule: SegmentRule) -> dict[str, Term]:
    """What is told of a customer of `placed`, beside its row of `ranks`."""
    place = exp.column("place", table="ranks")
    rank = when(place > number(1.0), number(1.0), place)
    tier, points = (exp.column(each, table="placed") for each in (TIER, RISK))
    high = place >= number(rule.high_risk_rank)
    segments = [
        exp.If(
            this=tier.eq(exp.Literal.number(code)),
            true=when(high, exp.Literal.string(risky), exp.Literal.string(calm)),
        )
        for code, (calm, risky) in enumerate(SEGMENTS_OF_TIER[each] for each in VALUE_TIERS)
    ]
    tiers = [
        exp.If(this=tier.eq(exp.Literal.number(code)), true=exp.Literal.string(each))
        for code, each in enumerate(VALUE_TIERS)
    ]
    return {
        "risk_score": over(exp.cast(points, DOUBLE), number(float(SCALE))),
        "risk_rank": rank,
        "value_tier": exp.Case(ifs=tiers),
        "segment": exp.Case(ifs=segments),
    }


def _signal(columns: Columns, signal: Signal, kinds: Kinds) -> exp.Column:
    if signal.name in (CHURN, VALUE):
        return exp.Column(this=name(signal.name))
    return read_number(columns, signal.name, kinds)


def _scale(signal: Signal, value: exp.Column) -> Term:
    clipped = exp.paren(clip(value, signal.low, signal.high)) - number(signal.low)
    return over(clipped, number(signal.high - signal.low))


def _round_half_even(columns: Columns, points: exp.Column) -> Term:
    """As numpy.rint: of two equally near numbers the even one."""
    whole = columns.add("risk_whole", exp.Floor(this=points))
    half = columns.add("risk_half", exp.Floor(this=over(whole, number(2.0))))
    rest = points - whole
    is_odd = exp.EQ(this=whole - number(2.0) * half, expression=number(1.0))
    above = exp.or_(rest > number(0.5), exp.and_(exp.EQ(this=rest, expression=number(0.5)), is_odd))
    one = when(above, number(1.0), number(0.0))
    return exp.cast(whole + exp.paren(one), exp.DType.INT)


def _counted(rule: SegmentRule, code: int, width: int) -> Iterator[tuple[int | str, ...]]:
    """How many customers of the base have each score of a tier: a text of equally long numbers for
    each hundred scores of which anybody has one.
    """
    table = rule.ranks[VALUE_TIERS[code]]
    counts = dict(zip(table.scores, table.customers, strict=True))
    for hundred in sorted({points // _AT_ONCE for points in counts}):
        first = hundred * _AT_ONCE
        numbers = (counts.get(points, 0) for points in range(first, first + _AT_ONCE))
        yield code, hundred, "".join(f"{customers:0{width}d}" for customers in numbers)


def _listed(rows: Sequence[tuple[int | str, ...]], *labels: str) -> exp.Select:
    values = exp.Values(
        expressions=[exp.Tuple(expressions=[exp.convert(x) for x in row]) for row in rows],
        alias=exp.TableAlias(this=name("listed"), columns=[name(label) for label in labels]),
    )
    return exp.select(*(exp.column(label, table="listed") for label in labels)).from_(values)
