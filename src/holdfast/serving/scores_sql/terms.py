"""Terms: arithmetic on floats that every warehouse understands alike.

GREATEST and LEAST differ where something is missing, and PostgreSQL refuses an exponential that is
nearly zero: both are written as CASE.
"""

from collections.abc import Sequence

from sqlglot import exp

from holdfast.io.dialects import number
from holdfast.learners.link_functions import Link
from holdfast.serving.scores_sql.columns import Columns, Term

_FAR = 700.0
"""exp(-700) is 1e-304: beyond it nothing differs from 0, or from 1."""
_AT_ONCE = 20
"""Terms of a sum in one chain: no parser is asked to go deep."""


def when(condition: Term, then: Term, otherwise: Term | None = None) -> exp.Case:
    """CASE WHEN; null where nothing else is said."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def over(above: Term, below: Term) -> Term:
    """Divide one float by another."""
    quotient = exp.Div(this=exp.paren(above), expression=exp.paren(below))
    quotient.set("typed", True)
    quotient.set("safe", False)
    return exp.paren(quotient)


def clip(value: exp.Column, low: float, high: float) -> Term:
    """Hold a column within limits; missing stays missing."""
    return exp.Case(
        ifs=[
            exp.If(this=value < number(low), true=number(low)),
            exp.If(this=value > number(high), true=number(high)),
        ],
        default=value,
    )


def coalesce(value: Term, otherwise: float) -> Term:
    """The value, or a number where it is missing."""
    return exp.Coalesce(this=value, expressions=[number(otherwise)])


def add_up(terms: Sequence[Term]) -> Term:
    """Sum many terms, 0 of none."""
    if not terms:
        return number(0.0)
    if len(terms) <= _AT_ONCE:
        total = terms[0]
        for term in terms[1:]:
            total = exp.Add(this=total, expression=term)
        return exp.paren(total, copy=False)
    parts = [terms[start : start + _AT_ONCE] for start in range(0, len(terms), _AT_ONCE)]
    return add_up([add_up(part) for part in parts])


def logarithm(value: Term) -> Term:
    """The natural logarithm of what is above 0."""
    return exp.Ln(this=value)


def exponential(power: exp.Column) -> Term:
    """e to the power of a column."""
    return exp.Case(
        ifs=[exp.If(this=power < number(-_FAR), true=number(0.0))],
        default=exp.Exp(this=when(power > number(_FAR), number(_FAR), power)),
    )


def logistic(odds: exp.Column) -> Term:
    """1 / (1 + exp(-odds))."""
    return exp.Case(
        ifs=[
            exp.If(this=odds < number(-_FAR), true=number(0.0)),
            exp.If(this=odds > number(_FAR), true=number(1.0)),
        ],
        default=over(number(1.0), number(1.0) + exp.Exp(this=exp.Neg(this=odds))),
    )


def log_logistic(odds: exp.Column) -> Term:
    """The logarithm of the same."""
    return exp.Case(
        ifs=[
            exp.If(this=odds < number(-_FAR), true=odds),
            exp.If(this=odds > number(_FAR), true=number(0.0)),
        ],
        default=exp.Neg(this=logarithm(number(1.0) + exp.Exp(this=exp.Neg(this=odds)))),
    )


def arsinh(value: exp.Column) -> Term:
    """The inverse hyperbolic sine, which not every warehouse has."""
    root = exp.Sqrt(this=value * value + number(1.0))
    return when(
        value < number(0.0),
        exp.Neg(this=logarithm(root - value)),
        logarithm(value + root),
    )


def inverse(columns: Columns, label: str, link: Link, raw: Term) -> exp.Column:
    """The prediction of a raw score, as `link_functions.inverse`."""
    if link == "identity":
        return columns.add(label, raw)
    score = columns.add(f"{label}_raw", raw)
    if link == "logit":
        return columns.add(label, logistic(score))
    if link == "log":
        return columns.add(label, exponential(score))
    minus = columns.add(f"{label}_minus", exp.Neg(this=score))
    rate = columns.add(f"{label}_rate", exp.Neg(this=exp.paren(exponential(minus))))
    return columns.add(label, exponential(rate))
