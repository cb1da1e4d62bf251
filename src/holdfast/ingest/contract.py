"""Contracts: read the file that a study names, and hold the rows of each input to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from holdfast.errors import DataError, StudyError, nearest
from holdfast.ingest import money, sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import local_time_sql
from holdfast.ingest.validation import RowMapping, ValidatedSource
from holdfast.io.files import expand_path
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.data_contract import (
    Bound,
    ColumnRule,
    DataContract,
    InputContract,
    Kind,
    from_odcs,
    reason,
)

SHOWN = 3
"""Examples shown of each violation."""
_BOUNDS = {
    "minimum": ("<", "below"),
    "maximum": (">", "above"),
    "exclusiveMinimum": ("<=", "not above"),
    "exclusiveMaximum": (">=", "not below"),
}
_LENGTHS = {"minLength": ("<", "shorter"), "maxLength": (">", "longer")}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """Rows that broke one promise.

    Attributes
    ----------
    rows, share
        How many, and of the rows read.
    examples
        The first few: source, row and the values as read.
    """

    input: str
    reason: str
    rows: int
    share: float
    examples: tuple[dict[str, Any], ...]


def named_contract(study: Study) -> DataContract | None:
    """Read the contract that the study names; None where it names none.

    Raises
    ------
    StudyError
        There is no such file, or it cannot be understood.
    """
    if study.check.contract is None:
        return None
    path = Path(expand_path(study.check.contract, project_dir=study.project_dir))
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(
            f"check.contract: {path} cannot be read: {' '.join(str(error).split())}",
            fix="write ODCS as YAML or JSON",
        ) from None
    return from_odcs(raw, where=path.name)


def kinds_of(fields: Mapping[str, sql.Field]) -> dict[str, Kind]:
    """What a source says its columns are."""
    return {name: _kind(column) for name, column in fields.items()}


def _kind(column: sql.Field) -> Kind:
    if column.is_time:
        return "timestamp"
    if column.type == "BOOLEAN":
        return "boolean"
    if column.is_integer:
        return "integer"
    return "number" if column.is_number else "string"


def with_contract(
    mapping: RowMapping,
    source: OpenSource,
    study: Study,
    promised: InputContract,
    warehouse: Warehouse,
) -> RowMapping:
    """Add a contract to what is quarantined.

    Raises
    ------
    StudyError
        It names a column that is not there, or a pattern that is none.
    """
    keys = {" and ".join(key): [_column(source, name) for name in key] for key in promised.keys}
    keys |= {rule.name: [_column(source, rule.name)] for rule in promised.columns if rule.unique}
    broken = {
        reason(rule.name, promise): condition
        for rule in promised.columns
        for promise, condition in _violation_conditions(rule, source, study, warehouse).items()
    }
    repeats = {f"_again_{i}": _repeats(columns) for i, columns in enumerate(keys.values())}
    broken |= {reason(name, "repeats"): column for name, column in zip(keys, repeats, strict=True)}
    return replace(
        mapping,
        layers=[*mapping.layers, repeats] if repeats else mapping.layers,
        quarantine={**mapping.quarantine, **broken},
    )


def _column(source: OpenSource, name: str) -> sql.Field:
    if name not in source.fields:
        raise StudyError(
            f"the contract names a column '{name}' that {source.labels[0]} does not have",
            fix=nearest(name, list(source.fields)),
            column=name,
        )
    return source.fields[name]


def _repeats(columns: Sequence[sql.Field]) -> str:
    key = ", ".join(map(sql.text, columns))
    filled = " AND ".join(f"NOT {sql.blank(column)}" for column in columns)
    return f"({filled}) AND row_number() OVER (PARTITION BY {key} ORDER BY _file, _row) > 1"


def _violation_conditions(
    rule: ColumnRule, source: OpenSource, study: Study, warehouse: Warehouse
) -> dict[str, str]:
    """Return what a column promises -> SQL of the rows that break it."""
    column = _column(source, rule.name)
    text, blank = sql.text(column), sql.blank(column)
    value = _typed_sql(rule, column, source, study)
    if rule.missing_words:
        blank = f"({blank} OR {text} IN {sql.literals(rule.missing_words)})"
    conditions = {"is missing": blank} if rule.required else {}
    if rule.kind != "string" and rule.role is None:
        conditions[f"is no {rule.kind}"] = f"NOT {blank} AND {value} IS NULL"
    for key, (sign, word) in _BOUNDS.items():
        if (bound := rule.options.get(key)) is not None:
            beyond = f"coalesce({value} {sign} {_bound_sql(rule, bound)}, false)"
            conditions[f"is {word} {bound}"] = beyond
    for promise, condition in _text_violations(rule, text, study, warehouse):
        conditions[promise] = f"NOT {blank} AND {condition}"
    return conditions


def _text_violations(
    rule: ColumnRule, text: str, study: Study, warehouse: Warehouse
) -> Iterator[tuple[str, str]]:
    """What a column promises of its text, and which texts that are not blank break it."""
    for key, (sign, word) in _LENGTHS.items():
        if (limit := rule.options.get(key)) is not None:
            yield f"is {word} than {limit}", f"length({text}) {sign} {_number(rule, limit)}"
    if rule.options.get("pattern") is not None:
        pattern = sql.literal(str(rule.options["pattern"]))
        problem = f"the contract's pattern of {rule.name} is none"
        sql.try_sql(f"SELECT regexp_matches('', {pattern})", problem=problem, fix="correct it")
        yield "does not match", f"NOT regexp_matches({text}, {pattern})"
    if rule.one_of:
        yield rule.is_not_listed, f"{text} NOT IN {sql.literals(rule.one_of)}"
    if rule.refers_to:
        yield f"is not in {rule.refers_to}", _unknown_sql(rule, text, study, warehouse)


def _typed_sql(rule: ColumnRule, column: sql.Field, source: OpenSource, study: Study) -> str:
    if rule.kind == "boolean":
        return sql.yes_no(column)
    if rule.kind == "timestamp":
        # The study's own format is that of the columns it names.
        written = source if rule.role else replace(source, timestamp_format=None)
        return local_time_sql(written, rule.name, role=rule.name, zone=study.time_zone)
    if rule.kind == "string":
        return sql.text(column)
    number = sql.number(column, decimal=source.decimal)
    if rule.role is not None:
        number = money.amount(column, decimal=source.decimal)
    whole = f"CASE WHEN {number} = floor({number}) THEN {number} END"
    return whole if rule.kind == "integer" else number


def _bound_sql(rule: ColumnRule, bound: Bound) -> str:
    if rule.kind in ("number", "integer"):
        return _number(rule, bound)
    kind = "TIMESTAMP" if rule.kind == "timestamp" else "VARCHAR"
    value, problem = f"CAST({sql.literal(str(bound))} AS {kind})", f"the bound of {rule.name}"
    sql.try_sql(f"SELECT {value}", problem=problem, fix="write it as YYYY-MM-DD")
    return value


def _number(rule: ColumnRule, bound: Bound) -> str:
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise StudyError(f"the contract bounds {rule.name} by {bound!r}", fix="write a number")
    return repr(float(bound))


def _unknown_sql(rule: ColumnRule, text: str, study: Study, warehouse: Warehouse) -> str:
    log = study.transactions
    named = f"transactions.{log.columns.customer_id}" if log else None
    if rule.refers_to != named or not warehouse.has("transactions"):
        raise StudyError(
            f"the contract lets {rule.name} refer to {rule.refers_to}",
            fix="refer to the customer_id of the transactions, or leave the relationship out",
        )
    return f"trim({text}) NOT IN (SELECT customer_id FROM transactions)"


def violations(sources: Sequence[ValidatedSource]) -> tuple[Violation, ...]:
    """Everything that was quarantined, source by source, the commonest reason first."""
    return tuple(
        Violation(
            input=source.name,
            reason=why,
            rows=rows,
            share=rows / source.rows.read,
            examples=tuple(
                source.quarantined.filter(pl.col("reason") == why)
                .head(SHOWN)
                .select("source", "row", "raw")
                .to_dicts()
            ),
        )
        for source in sources
        for why, rows in source.count_reasons()
    )


def broken_limits(
    sources: Sequence[ValidatedSource], contract: DataContract | None, study: Study
) -> tuple[str, ...]:
    """What fails: the study's threshold on each input, and the contract's own limits; with the
    numbers.
    """
    failures: list[str] = []
    for source in sources:
        rows, allowed = source.rows, study.check.violations_at_most
        if allowed is not None and rows.quarantined > allowed * rows.read:
            failures.append(
                f"{source.name}: {rows.quarantined:,} of {rows.read:,} rows "
                f"({rows.quarantined / rows.read:.2%}) are quarantined, "
                f"check.violations_at_most allows {allowed:.2%}"
            )
        if contract is not None and source.name in contract.inputs:
            failures += _broken_limits(source, contract.inputs[source.name])
    return tuple(failures)


def _broken_limits(source: ValidatedSource, promised: InputContract) -> Iterator[str]:
    read = source.rows.read
    repeated = [reason(" and ".join(key), "repeats") for key in promised.keys]
    limits = [(source.name, limit, repeated) for limit in promised.limits]
    limits += [
        (f"{source.name}.{rule.name}", limit, list(rule.reasons(limit.metric)))
        for rule in promised.columns
        for limit in rule.limits
    ]
    for where, limit, reasons in limits:
        rows = sum(source.reasons.get(why, 0) for why in reasons)
        if limit.metric == "rowCount":
            rows = read
        if not limit.holds(rows, of=read):
            yield f"{where}: {limit}, found {rows:,} of {read:,} rows"


def refuse(failures: Sequence[str]) -> None:
    """Raise DataError where a limit is exceeded."""
    if failures:
        raise DataError(
            "; ".join(failures),
            fix="see the examples with `holdfast check`, correct the source, or raise the limit",
            failures=list(failures),
        )
