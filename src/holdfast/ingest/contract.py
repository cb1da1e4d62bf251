"""Contracts: read the file that a study names, and hold the rows of each input to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import yaml

from holdfast.errors import DataError, StudyError, nearest
from holdfast.ingest.contract_formats import read_contract
from holdfast.ingest.data_contract import (
    Bound,
    ColumnRule,
    DataContract,
    InputContract,
    Kind,
    reason,
    reasons_of,
)
from holdfast.ingest.row_mappings import yes_no_sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field, calculator, number_sql, text_sql
from holdfast.ingest.timestamps import blank_sql, moment
from holdfast.ingest.validation import RowMapping, Rows, ValidatedSource, literal
from holdfast.io.files import expanded
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

SHOWN = 3
"""Examples told of each violation."""


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
    path = Path(expanded(study.check.contract, project_dir=study.project_dir))
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise StudyError(
            f"check.contract: {path} cannot be read: {said}", fix="write ODCS as YAML or JSON"
        ) from None
    return read_contract(raw, where=path.name)


def kinds_of(fields: Mapping[str, Field]) -> dict[str, Kind]:
    """What a source says its columns are."""
    return {name: _kind(found) for name, found in fields.items()}


def _kind(found: Field) -> Kind:
    if found.is_time:
        return "timestamp"
    if found.type == "BOOLEAN":
        return "boolean"
    if found.is_number:
        return (
            "number"
            if found.type in ("FLOAT", "DOUBLE") or found.type.startswith("DECIMAL")
            else "integer"
        )
    return "string"


def with_contract(
    reading: RowMapping,
    source: OpenSource,
    study: Study,
    given: InputContract | None,
    warehouse: Warehouse,
) -> RowMapping:
    """Add a contract to what is quarantined.

    Raises
    ------
    StudyError
        It names a column that is not there, or a pattern that is none.
    """
    if given is None:
        return reading
    keys = {" and ".join(key): [_field(source, column) for column in key] for key in given.keys}
    keys |= {rule.name: [_field(source, rule.name)] for rule in given.columns if rule.unique}
    repeats = {f"_again_{i}": _again(fields) for i, fields in enumerate(keys.values())}
    broken = {
        reason(rule.name, promise): sql
        for rule in given.columns
        for promise, sql in _promises(rule, source, study, warehouse).items()
    }
    broken |= {reason(name, "repeats"): column for name, column in zip(keys, repeats, strict=True)}
    return replace(
        reading,
        layers=[*reading.layers, repeats] if repeats else reading.layers,
        quarantine={**reading.quarantine, **broken},
    )


def _field(source: OpenSource, column: str) -> Field:
    if column not in source.fields:
        raise StudyError(
            f"the contract names a column '{column}' that {source.labels[0]} does not have",
            fix=nearest(column, list(source.fields)),
            column=column,
        )
    return source.fields[column]


def _again(fields: Sequence[Field]) -> str:
    key = ", ".join(text_sql(found) for found in fields)
    known = " AND ".join(f"NOT {blank_sql(found)}" for found in fields)
    return f"({known}) AND row_number() OVER (PARTITION BY {key} ORDER BY _file, _row) > 1"


def _promises(
    rule: ColumnRule, source: OpenSource, study: Study, warehouse: Warehouse
) -> dict[str, str]:
    """Return what a column promises -> SQL of the rows that break it."""
    found = _field(source, rule.name)
    blank, text = _blank(rule, found), text_sql(found)
    broken: dict[str, str] = {}
    if rule.required:
        broken["is missing"] = blank
    value = _typed(rule, found, source, study)
    if rule.kind != "string" and rule.role is None:
        broken[f"is no {rule.kind}"] = f"NOT {blank} AND {value} IS NULL"
    for bound, sign, word in (
        (rule.minimum, "<", "below"),
        (rule.maximum, ">", "above"),
        (rule.above, "<=", "not above"),
        (rule.below, ">=", "not below"),
    ):
        if bound is not None:
            broken[f"is {word} {bound}"] = f"coalesce({value} {sign} {_bound(rule, bound)}, false)"
    if rule.min_length is not None:
        broken[f"is shorter than {rule.min_length}"] = (
            f"NOT {blank} AND length({text}) < {int(rule.min_length)}"
        )
    if rule.max_length is not None:
        broken[f"is longer than {rule.max_length}"] = (
            f"NOT {blank} AND length({text}) > {int(rule.max_length)}"
        )
    if rule.pattern is not None:
        broken["does not match"] = f"NOT {blank} AND NOT regexp_matches({text}, {_pattern(rule)})"
    if rule.one_of:
        words = ", ".join(map(literal, rule.one_of))
        broken[f"is not one of {len(rule.one_of)} words"] = (
            f"NOT {blank} AND {text} NOT IN ({words})"
        )
    if rule.refers_to and rule.is_enforced:
        broken[f"is not in {rule.refers_to}"] = (
            f"NOT {blank} AND {_unknown(rule, text, study, warehouse)}"
        )
    return broken


def _blank(rule: ColumnRule, found: Field) -> str:
    words = ", ".join(literal(word) for word in rule.missing_words)
    return f"({blank_sql(found)} OR {text_sql(found)} IN ({words}))" if words else blank_sql(found)


def _typed(rule: ColumnRule, found: Field, source: OpenSource, study: Study) -> str:
    if rule.kind == "boolean":
        return yes_no_sql(found)
    if rule.kind == "timestamp":
        form = getattr(study, source.name).csv.timestamp_format if rule.role else None
        return moment(
            source, rule.name, role=rule.name, zone=study.time_zone, timestamp_format=form
        ).local
    if rule.kind == "string":
        return text_sql(found)
    number = number_sql(found, decimal=source.decimal)
    return (
        f"CASE WHEN {number} = floor({number}) THEN {number} END"
        if rule.kind == "integer"
        else number
    )


def _bound(rule: ColumnRule, bound: Bound) -> str:
    if rule.kind in ("number", "integer"):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise StudyError(f"the contract bounds {rule.name} by {bound!r}", fix="write a number")
        return repr(float(bound))
    return (
        f"CAST({literal(str(bound))} AS {'TIMESTAMP' if rule.kind == 'timestamp' else 'VARCHAR'})"
    )


def _pattern(rule: ColumnRule) -> str:
    pattern = literal(str(rule.pattern))
    try:
        with calculator() as connection:
            connection.execute(f"SELECT regexp_matches('', {pattern})").fetchall()
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise StudyError(
            f"the contract's pattern of {rule.name} is none: {said}", fix="correct it"
        ) from None
    return pattern


def _unknown(rule: ColumnRule, text: str, study: Study, warehouse: Warehouse) -> str:
    table, _, column = str(rule.refers_to).partition(".")
    log = study.transactions
    if log is None or (table, column) != ("transactions", log.columns.customer_id):
        raise StudyError(
            f"the contract lets {rule.name} refer to {rule.refers_to}",
            fix="refer to the customer_id of the transactions, or leave the relationship out",
        )
    assert warehouse.has("transactions")
    return f"trim({text}) NOT IN (SELECT customer_id FROM transactions)"


def violations(validated: Sequence[ValidatedSource]) -> tuple[Violation, ...]:
    """Everything that was quarantined, reason by reason, the commonest first."""
    found = []
    for each in validated:
        counts = (
            each.quarantined["reason"]
            .value_counts()
            .sort(["count", "reason"], descending=[True, False])
        )
        for why, rows in counts.iter_rows():
            shown = (
                each.quarantined.filter(pl.col("reason") == why)
                .head(SHOWN)
                .select("source", "row", "raw")
            )
            share = rows / each.rows.read
            found.append(
                Violation(
                    input=each.name,
                    reason=why,
                    rows=rows,
                    share=share,
                    examples=tuple(shown.to_dicts()),
                )
            )
    return tuple(found)


def broken_limits(
    validated: Sequence[ValidatedSource], contract: DataContract | None, study: Study
) -> tuple[str, ...]:
    """What fails: the study's threshold on each input, and the contract's own limits; with the
    numbers.
    """
    said = [broken for each in validated for broken in _over(each.name, each.rows, study)]
    for each in validated:
        given = contract.inputs.get(each.name) if contract else None
        if given is None:
            continue
        read = each.rows.read
        for limit in given.limits:
            rows = (
                read
                if limit.metric == "rowCount"
                else _count(each, [reason(" and ".join(k), "repeats") for k in given.keys])
            )
            said += (
                []
                if limit.holds(rows, of=read)
                else [f"{each.name}: {limit}, found {rows:,} of {read:,} rows"]
            )
        for rule in given.columns:
            for limit in rule.limits:
                rows = _count(each, reasons_of(rule, limit.metric))
                where = f"{each.name}.{rule.name}: {limit}"
                said += (
                    []
                    if limit.holds(rows, of=read)
                    else [f"{where}, found {rows:,} of {read:,} rows"]
                )
    return tuple(said)


def _count(validated: ValidatedSource, reasons: Sequence[str]) -> int:
    return sum(validated.reasons.get(why, 0) for why in reasons)


def _over(name: str, rows: Rows, study: Study) -> list[str]:
    allowed = study.check.violations_at_most
    if allowed is None or rows.quarantined <= allowed * rows.read:
        return []
    share = rows.quarantined / rows.read
    return [
        f"{name}: {rows.quarantined:,} of {rows.read:,} rows ({share:.2%}) are quarantined, "
        f"check.violations_at_most allows {allowed:.2%}"
    ]


def refuse(failures: Sequence[str]) -> None:
    """Raise DataError where a limit is exceeded."""
    if failures:
        raise DataError(
            "; ".join(failures),
            fix="see the examples with `holdfast check`, correct the source, or raise the limit",
            failures=list(failures),
        )
