"""The study's rules over the rows of a log, which see what the study reads: an amount as the number
that it is, however it is written, and a date as the moment that it is.

A rule writes a date as '2024-01-31', or as the cells do. Any text beside a number is read as an
amount; a text held against a date by <, > or BETWEEN is read as a date. What a rule can never hold
for, such as a date that is later than a word, is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from holdfast.errors import StudyError
from holdfast.ingest import money, sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import time_sql

NUMBERS = ("amount", "unit_price", "quantity", "refunded")
_ORDERING = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
_COMPARISONS = (*_ORDERING, exp.EQ, exp.NEQ, exp.In)
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*|\d{1,2}.[A-Za-z]{3}.*\d{4}.*", re.S)
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMPNTZ", "TIMESTAMPTZ")


@dataclass(frozen=True)
class RuleReader:
    """Writes rules for DuckDB.

    Parameters
    ----------
    roles
        Role -> column, of the log.
    zone
        The business's time zone.
    """

    source: OpenSource
    roles: Mapping[str, str]
    zone: str

    def condition_sql(self, rule: str, *, where: str) -> str:
        """Write a condition on the raw row; false where it cannot be computed.

        Raises
        ------
        StudyError
            It reads a column that is not there, or can never hold.
        """
        fields, decimal = self.source.fields, self.source.decimal
        tree = sql.rule_tree(rule, fields)
        for node in list(tree.find_all(*_COMPARISONS)):
            self._compare(node, where=f"{where}: the rule {rule!r}")
        for cast in list(tree.find_all(exp.Cast)):
            if cast.to.this.name in _MOMENTS:
                self._replace([cast.this], self._time)
        written = sql.write_tree(
            tree, fields, number=lambda field: money.amount(field, decimal=decimal)
        )
        problem = f"{where}: the expression {rule!r} cannot be computed"
        sql.check_columns(written, fields, problem=problem)
        return f"coalesce(TRY_CAST({written} AS BOOLEAN), false)"

    def _compare(self, node: exp.Expr, *, where: str) -> None:
        """Let both sides of a comparison be numbers, or moments, where the study reads one so."""
        operands = [operand.unnest() for operand in node.iter_expressions()]
        columns = [operand for operand in operands if isinstance(operand, exp.Column)]
        literals = [each for each in operands if isinstance(each, exp.Literal)]
        texts = [each for each in literals if each.is_string]
        if any(self._is_time(column, node, literals) for column in columns):
            self._compare_times(node, columns, literals, where=where)
        elif number := next((each for each in columns if self._has_role(each, NUMBERS)), None):
            self._compare_numbers(node, number, columns, texts, where=where)

    def _compare_times(
        self,
        node: exp.Expr,
        columns: Sequence[exp.Expr],
        literals: Sequence[exp.Expr],
        *,
        where: str,
    ) -> None:
        moments = [self._moment(each.name) for each in literals]
        if None not in moments and (literals or len(columns) > 1):
            self._replace(columns, self._time)
            for each, moment in zip(literals, moments, strict=True):
                each.replace(exp.Var(this=f"(TIMESTAMP {sql.literal(str(moment))})"))
        elif isinstance(node, _ORDERING) and literals:
            word = literals[moments.index(None)].name
            raise StudyError(
                f"{where} can never hold: the study reads '{columns[0].name}' as a date, and "
                f"{word!r} is none",
                fix="write it as '2024-01-31'",
                column=columns[0].name,
            )

    def _compare_numbers(
        self,
        node: exp.Expr,
        number: exp.Expr,
        columns: Sequence[exp.Expr],
        texts: Sequence[exp.Expr],
        *,
        where: str,
    ) -> None:
        if all(_is_number(text.name) for text in texts):
            for text in texts:
                text.replace(exp.Literal.number(text.name.strip()))
            if len(columns) > 1 or texts:
                self._replace(columns, self._number)
        elif isinstance(node, _ORDERING):
            word = next(text.name for text in texts if not _is_number(text.name))
            raise StudyError(
                f"{where} can never hold: the study reads '{number.name}' as a number, and "
                f"{word!r} is none",
                fix="write a number, as in 12.50",
                column=number.name,
            )

    def _is_time(self, column: exp.Expr, node: exp.Expr, literals: Sequence[exp.Literal]) -> bool:
        field = self.source.fields[column.name]
        is_held_against_dates = (
            field.is_text
            and isinstance(node, _ORDERING)
            and bool(literals)
            and all(each.is_string and _LIKE_A_DATE.fullmatch(each.name) for each in literals)
        )
        return field.is_time or self._has_role(column, ("occurred_at",)) or is_held_against_dates

    def _has_role(self, column: exp.Expr, roles: tuple[str, ...]) -> bool:
        return column.name in [self.roles[role] for role in roles if role in self.roles]

    def _moment(self, text: str) -> object:
        """A text of the study as a moment; None where it is none."""
        time = time_sql(
            sql.Field(sql.literal(text), "VARCHAR"), self.source.timestamp_format, zone=self.zone
        )
        problem = f"{text!r} cannot be read as a date"
        ((moment,),) = sql.try_sql(f"SELECT {time}", problem=problem, fix="write '2024-01-31'")
        return moment

    def _time(self, field: sql.Field) -> str:
        if not (field.is_text or field.is_time or field.is_number):
            return field.sql
        return time_sql(field, self.source.timestamp_format, zone=self.zone)

    def _number(self, field: sql.Field) -> str:
        return money.amount(field, decimal=self.source.decimal)

    def _replace(self, columns: Sequence[exp.Expr], read: Callable[[sql.Field], str]) -> None:
        for column in columns:
            if isinstance(column, exp.Column):
                field = self.source.fields[column.name]
                column.replace(exp.Var(this=f"({read(field)})"))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[0-9]+([.][0-9]+)?\s*", text) is not None
