"""The study's conditions and formulas: SQL over the row's own columns, and nothing else.

An expression is parsed, every node of it is held against a short list of what may occur, and it is
written out again from that tree with its identifiers quoted. What was written is parsed and held
against the list once more, and that tree is what a database is given: text that one reading takes
for a name and another for SQL never gets through. A subquery, a table function, an unknown function
or type never reaches a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType, exp, tokenize

from holdfast.errors import StudyError, nearest

LONGEST = 20_000
"""Characters of an expression."""
DEEPEST = 200
"""Levels of an expression: parentheses within parentheses, or terms of one chain of OR."""
_ALLOWED: tuple[type[exp.Expr], ...] = tuple(
    getattr(exp, name)
    for name in """
    Column Identifier Literal Boolean Null Paren Tuple And Or Not EQ NEQ GT GTE LT LTE Is In
    Between Like ILike Add Sub Mul Div Mod Neg Case If Coalesce Abs Ln Log Exp Sqrt Pow Round
    Floor Ceil Greatest Least Nullif Lower Upper Trim Length Cast TryCast DataType DataTypeParam
    """.split()
)
FUNCTIONS = tuple(
    """
    abs case cast ceil coalesce exp floor greatest least length ln log lower nullif pow round sqrt
    trim upper
""".split()
)
TYPES = tuple(
    """
    bigint boolean date decimal double float int int128 smallint text time timestamp timestamp_ms
    timestamp_ns timestamp_s timestampntz timestamptz timetz tinyint ubigint uint uint128 usmallint
    utinyint uuid varchar
""".split()
)
_SHOWN = 120
_OF_TYPE = ("this", "expressions")
_WORDS = {"Literal": {"this"}, "Identifier": {"this"}, "DataType": {"this"}, "Trim": {"position"}}
"""What of a node is no node but a word: anywhere else a word could be SQL."""


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
                    f"the expression {_shorten(self.text)} reads a column '{column}' that is not "
                    "there",
                    fix=nearest(column, names),
                    column=column,
                )
        return self

    def tree(self) -> exp.Expr:
        """What was written, parsed: a tree of one's own, to be worked on."""
        return sqlglot.parse_one(self.sql, dialect="duckdb")


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
    if len(text) > LONGEST:
        raise StudyError(
            f"the expression {_shorten(text)} has {len(text):,} characters, more than {LONGEST:,}",
            fix="shorten it, or write the column into the source",
        )
    tree = _read(text, original=text)
    _refuse_quoted_types(tree, text)
    quoted = tree.transform(
        lambda n: exp.to_identifier(n.name, quoted=True) if isinstance(n, exp.Identifier) else n
    )
    sql = quoted.sql(dialect="duckdb", comments=False)
    again = _read(sql, original=text)
    if again.sql(dialect="duckdb", comments=False) != sql:
        raise StudyError(
            f"the expression {_shorten(text)} reads in two ways", fix="write one SQL condition"
        )
    columns = tuple(dict.fromkeys(column.name for column in again.find_all(exp.Column)))
    return Expression(text=text, sql=sql, columns=columns)


def _read(sql: str, *, original: str) -> exp.Expr:
    """Parse SQL and hold every node of it against the list."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except RecursionError:
        raise _too_deep(original) from None
    # An operator without its operand, such as "@", is read, but what it is written as is not.
    except (sqlglot.errors.SqlglotError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(". ")
        raise StudyError(
            f"the expression {_shorten(original)} cannot be read: {reason}",
            fix="write one SQL condition",
        ) from None
    level = [tree]
    for _ in range(DEEPEST):
        for node in level:
            _refuse_foreign(node, _shorten(original))
        level = [child for node in level for child in node.iter_expressions()]
        if not level:
            return tree
    raise _too_deep(original)


def _too_deep(text: str) -> StudyError:
    return StudyError(
        f"the expression {_shorten(text)} is nested more than {DEEPEST} levels deep",
        fix="write IN (...) for a chain of OR, or write the column into the source",
    )


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def named_outcome(text: str) -> str | None:
    """The column that a label merely names, as it is or held against a constant; None for a
    formula.

    >>> named_outcome("NOT stayed"), named_outcome("Churn = 'Yes'"), named_outcome("Recency > 90")
    ('stayed', 'Churn', None)
    """
    tree = parse(text).tree()
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
            f"the expression {text} names a table '{node.table}'", fix="write the column alone"
        )
    if isinstance(node, exp.DataType):
        _refuse_foreign_type(node, text)
    if isinstance(node, _ALLOWED) and not _holds_words(node):
        return
    if isinstance(node, exp.Select | exp.Subquery | exp.Query):
        raise StudyError(
            f"the expression {text} holds a subquery",
            fix="write it with the row's own columns only",
        )
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        raise StudyError(
            f"the expression {text} calls '{name}'", fix=nearest(name.lower(), FUNCTIONS)
        )
    raise StudyError(
        f"the expression {text} holds {type(node).__name__.lower()}",
        fix="use comparisons, arithmetic, AND, OR, NOT, IN, LIKE, BETWEEN, CASE",
    )


def _refuse_quoted_types(tree: exp.Expr, text: str) -> None:
    """Refuse what stands in quotes and became no name: a type is read from the beginning of such a
    text, and the rest of it falls away.
    """
    quoted = sum(token.token_type == TokenType.IDENTIFIER for token in tokenize(text, "duckdb"))
    if quoted != sum(bool(name.args.get("quoted")) for name in tree.find_all(exp.Identifier)):
        raise StudyError(
            f"the expression {_shorten(text)} has a type in quotes", fix="write it without"
        )


def _refuse_foreign_type(node: exp.DataType, text: str) -> None:
    name = node.this.name.lower() if isinstance(node.this, exp.DType) else str(node.this).lower()
    numbers = all(isinstance(each, exp.DataTypeParam) for each in node.expressions)
    besides = [key for key, value in node.args.items() if value and key not in _OF_TYPE]
    if name not in TYPES or not numbers or besides:
        name = str(node.args.get("kind") or name).lower()
        raise StudyError(
            f"the expression {text} casts to '{name[:_SHOWN]}'", fix=nearest(name, TYPES)
        )


def _holds_words(node: exp.Expr) -> bool:
    """Whether a word stands in a node where only nodes, or yes and no, belong."""
    allowed = _WORDS.get(type(node).__name__, set())
    return any(
        key not in allowed and not isinstance(each, exp.Expr | bool | None)
        for key, value in node.args.items()
        for each in (value if isinstance(value, list) else [value])
    )
