"""The study's conditions and formulas: SQL over the row's own columns, and nothing else.

An expression is parsed, every node of it is held against a short list of what may occur, and only
then written out again by the parser with its identifiers quoted. A subquery, a table function or an
unknown function never reaches a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from holdfast.errors import StudyError, nearest

_ALLOWED: tuple[type[exp.Expr], ...] = tuple(
    getattr(exp, name)
    for name in """
    Column Identifier Literal Boolean Null Paren Tuple And Or Not EQ NEQ GT GTE LT LTE Is In
    Between Like ILike Add Sub Mul Div Mod Neg Case If Coalesce Abs Ln Log Exp Sqrt Pow Round
    Floor Ceil Greatest Least Nullif Lower Upper Trim Length Cast TryCast DataType
    """.split()
)
FUNCTIONS = tuple(
    """
    abs case cast ceil coalesce exp floor greatest least length ln log lower nullif pow round sqrt
    trim upper
""".split()
)


@dataclass(frozen=True)
class Expression:
    """A condition or formula that was found harmless.

    Attributes
    ----------
    text
        As the study has it.
    sql
        The same for DuckDB, identifiers quoted.
    columns
        The columns it reads, in order of appearance.
    """

    text: str
    sql: str
    columns: tuple[str, ...]

    def against(self, names: Sequence[str]) -> "Expression":
        """Return itself if every column is in `names`; raise StudyError naming the first that is
        not.
        """
        for column in self.columns:
            if column not in names:
                raise StudyError(
                    f"the expression {self.text!r} reads a column '{column}' that is not there",
                    fix=nearest(column, names),
                    column=column,
                )
        return self


def parse(text: str) -> Expression:
    """Read one SQL expression over a row's columns.

    Raises
    ------
    StudyError
        It cannot be parsed, or holds anything but columns, constants, comparisons, arithmetic and
        the listed functions.

    >>> parse("Recency > 90").sql
    '"Recency" > 90'
    >>> parse("getenv('HOME')")
    Traceback (most recent call last):
        ...
    holdfast.errors.StudyError: the expression "getenv('HOME')" calls 'getenv'; known: abs, ...
    """
    tree = _tree(text, original=text)
    for node in tree.walk():
        _refuse_foreign(node, text)
    quoted = tree.transform(
        lambda n: exp.to_identifier(n.name, quoted=True) if isinstance(n, exp.Identifier) else n
    )
    columns = tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column)))
    sql = quoted.sql(dialect="duckdb")
    # An operator without its operand, such as "@", is read, but what it is written as is not.
    _tree(sql, original=text)
    return Expression(text=text, sql=sql, columns=columns)


def _tree(sql: str, *, original: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(sql, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(". ")
        raise StudyError(
            f"the expression {original!r} cannot be read: {reason}", fix="write one SQL condition"
        ) from None


def named_outcome(text: str) -> str | None:
    """The column that a label merely names, as it is or held against a constant; None for a
    formula.

    >>> named_outcome("NOT stayed"), named_outcome("Churn = 'Yes'"), named_outcome("Recency > 90")
    ('stayed', 'Churn', None)
    """
    tree = sqlglot.parse_one(text, dialect="duckdb")
    while isinstance(tree, exp.Not | exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.EQ | exp.NEQ | exp.Is):
        sides = sorted((tree.left, tree.right), key=lambda side: not isinstance(side, exp.Column))
        tree = sides[0] if not list(sides[1].find_all(exp.Column)) else tree
    return tree.name if isinstance(tree, exp.Column) else None


def quote(name: str) -> str:
    """Write a column's or table's name so that it can only be a name.

    >>> quote('a"b')
    '"a""b"'
    """
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def _refuse_foreign(node: exp.Expr, text: str) -> None:
    if isinstance(node, exp.Column) and node.table:
        raise StudyError(
            f"the expression {text!r} names a table '{node.table}'", fix="write the column alone"
        )
    if isinstance(node, _ALLOWED):
        return
    if isinstance(node, exp.Select | exp.Subquery | exp.Query):
        raise StudyError(
            f"the expression {text!r} holds a subquery",
            fix="write it with the row's own columns only",
        )
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        raise StudyError(
            f"the expression {text!r} calls '{name}'", fix=nearest(name.lower(), FUNCTIONS)
        )
    raise StudyError(
        f"the expression {text!r} holds {type(node).__name__.lower()}",
        fix="use comparisons, arithmetic, AND, OR, NOT, IN, LIKE, BETWEEN, CASE",
    )
