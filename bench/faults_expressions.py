"""Expressions: 300 ways past the list of what a study may compute, and 60 that people write.

None of the first may pass, and each of the second has its value, worked out by hand.
"""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from typing import Any

from bench._figures import Figure, at_least, at_most, show
from holdfast.errors import StudyError
from holdfast.expressions import DEEPEST, LONGEST, parse
from holdfast.ingest import sql

PAYLOADS = (
    "(SELECT count(*) FROM read_text('/etc/passwd'))",
    "repeat('a', 100000000)",
    "current_setting('home_directory')",
    "getenv('HOME')",
    "read_blob('/etc/passwd')",
    "list_transform([1, 2], y -> y + 1)",
)
"""SQL that must not run."""
WRAPPERS = (
    # As it is, and where a value is expected.
    "{}",
    "x > {}",
    "x + {}",
    "-({})",
    "NOT ({})",
    "x IN (1, {})",
    "x BETWEEN {} AND 2",
    "CASE WHEN x > 1 THEN {} ELSE 1 END",
    "coalesce(x, {})",
    "greatest(x, {}, 1)",
    "ln(abs({}))",
    "lower(upper(trim({})))",
    "CAST({} AS VARCHAR) = 'a'",
    "TRY_CAST(CAST({} AS VARCHAR) AS DOUBLE)",
    "TRY({})",
    "x LIKE {}",
    # Type names that hide SQL: quoted, with a schema, in a parameter, nested, as an array.
    'CAST(x AS "main"."int) + {} + CAST(1 AS int")',
    'TRY_CAST(x AS "main"."int) + {} + CAST(1 AS int")',
    'x::"main"."int) + {} + (1::int"',
    'CAST(x AS "int) + {} --")',
    'CAST(x AS "memory"."main"."int) + {} + CAST(1 AS int")',
    "CAST(x AS DECIMAL(10, {}))",
    "CAST(x AS ENUM({}))",
    'CAST(x AS STRUCT("a) + {} --" INT))',
    'CAST(x AS MAP(INT, "main"."int) + {} + CAST(1 AS int"))',
    'CAST(x AS "main"."int[]) + {} + CAST(1 AS int"[])',
    "CAST(x AS UNION(a INT, b INT)) + {}",
    'CAST(x AS VARCHAR COLLATE "de) + {} --")',
    # Comments, unicode and names that only look harmless.
    "x /* */ + {}",
    "x --\n + {}",
    "x + /*+ hint */ {}",
    "\uff58 + {}",
    "x\u00a0+ {}",
    '"x"" + 1" + {}',
    "main.ln({})",
    'system."main".abs({})',
    # What is besides a value.
    "{} OVER ()",
    "ln(x) FILTER (WHERE {})",
    "[x, {}][1]",
    "{{'a': {}}}.a",
    "struct_pack(a := {})",
    "MAP {{'a': {}}}",
    "(x, {}) IN ((1, 2))",
    "x COLLATE de = {}",
    "x AS y, {}",
    "x; SELECT {}",
    "x FROM (SELECT 1 AS x) UNION SELECT {}",
)
OTHERS = (
    "EXISTS (SELECT 1)", "x = ANY (SELECT 1)", "x IN (FROM t)", "COLUMNS(*)", "*", "t.x", "x.y",
    "a.b.c", "$1", "?", ":name", "current_date", "now()", "random()", "uuid()",
    "nextval('s')", "sum(x)", "row_number() OVER ()", "x -> 1", "INTERVAL 1 DAY", "x::regclass",
    "CAST(x AS JSON)", "CAST(x AS BLOB)", "CAST(x AS BIT)", "CAST(x AS VARIANT)",
    "CAST(x AS nothing)", "x || 'a'", "x ~ 'a'", "regexp_matches(x, 'a')", "x SIMILAR TO 'a'",
    "x GLOB 'a'", "e'\\x41'", "$$a$$", "PRAGMA version", "SET threads = 1", "ATTACH 'a.db'",
    "INSTALL httpfs", "LOAD httpfs", "COPY t TO 'a'", "CALL pragma_version()", "EXPLAIN SELECT 1",
    "VALUES (1)", "TABLE t", "lambda y: y", "list_value(1)", "unnest([1])", "x[1:2]",
    "ln(DISTINCT x)", "ceil(x TO DAY)", "x IS DISTINCT FROM 1",
    "(" * 3000 + "x" + ")" * 3000, "NOT " * 3000 + "x", " OR ".join(["x = 1"] * 4000),
    "x" + " + 1" * (DEEPEST + 1), "'" + "a" * LONGEST + "' = x",
)  # fmt: skip

HONEST: tuple[tuple[str, Any], ...] = (
    ("x", 7.0), ("x + 1", 8.0), ("x - 10", -3.0), ("x * 3", 21.0), ("x / 2", 3.5), ("x % 4", 3.0),
    ("-x", -7.0), ("(x + 1) * 2", 16.0), ("2 * (x - (y + 1))", 8.0), ("x / 0", None),
    ("x > 6", True), ("x >= 7", True), ("x < 7", False), ("x <= 7", True), ("x = 7", True),
    ("x <> 7", False), ("x != 8", True), ("x > 6 AND y < 3", True), ("x > 9 OR y = 2", True),
    ("NOT x > 6", False), ("NOT (x > 6 AND y > 6)", True), ("x IN (1, 7)", True),
    ("x NOT IN (1, 7)", False), ("x BETWEEN 7 AND 9", True), ("x NOT BETWEEN 1 AND 3", True),
    ("z IS NULL", True), ("x IS NOT NULL", True), ("z + 1", None), ("z > 1", None),
    ("coalesce(z, 4)", 4.0), ("coalesce(z, x)", 7.0), ("nullif(x, 7)", None),
    ("greatest(x, y, 3)", 7.0), ("least(x, y, 3)", 2.0), ("abs(y - x)", 5.0), ("floor(x / 2)", 3.0),
    ("ceil(x / 2)", 4.0), ("round(x / 3, 2)", 2.33), ("sqrt(x + y)", 3.0), ("pow(y, 3)", 8.0),
    ("x ** 2", 49.0), ("ln(exp(2))", 2.0), ("exp(0)", 1.0), ("log(100)", 2.0), ("ln(x - 8)", None),
    ("w = 'Sale 10%'", True), ("lower(w) = 'sale 10%'", True), ("upper(w) LIKE 'SALE%'", True),
    ("w ILIKE '%SALE%'", True), ("w NOT LIKE 'C%'", True), ("length(w)", 8),
    ("trim(' a ') = 'a'", True), ("\"two words\" = 'it''s'", True),
    ("CASE WHEN x > 6 THEN 'hi' ELSE 'lo' END", "hi"), ("CASE x WHEN 7 THEN 1 END", 1),
    ("IF(x > 6, y, z)", 2.0), ("CAST(x AS INTEGER) + 1", 8), ("x::DECIMAL(10, 2) = 7.00", True),
    ("TRY_CAST(w AS DOUBLE)", None), ("CAST('2024-02-29' AS DATE) < DATE '2024-03-01'", True),
    ("x > 6 -- many", True), ("x /* of all */ > 6", True), ("true AND NOT false", True),
)  # fmt: skip
"""Expression -> value, where x = 7, y = 2, z is missing, w = 'Sale 10%', "two words" = 'it's'."""
_ROW = {
    "x": ("DOUBLE", "7"),
    "y": ("DOUBLE", "2"),
    "z": ("DOUBLE", "NULL"),
    "w": ("VARCHAR", "'Sale 10%'"),
    "two words": ("VARCHAR", "'it''s'"),
}


def hostile() -> list[str]:
    """Every way past the list, each once."""
    made = (wrapper.format(payload) for wrapper, payload in product(WRAPPERS, PAYLOADS))
    return list(dict.fromkeys([*made, *OTHERS]))


def passing() -> Iterator[str]:
    """Hostile expressions that pass."""
    for text in hostile():
        try:
            parse(text)
        except StudyError:
            continue
        yield text


def wrong() -> Iterator[str]:
    """Honest expressions that are refused or have another value."""
    fields = {name: sql.Field(f"c{i}", kind) for i, (name, (kind, _)) in enumerate(_ROW.items())}
    cells = ", ".join(f"CAST({v} AS {k}) AS c{i}" for i, (k, v) in enumerate(_ROW.values()))
    for text, value in HONEST:
        try:
            query = f"SELECT {sql.expression(text, fields)} FROM (SELECT {cells})"
            ((got,),) = sql.try_sql(query, problem=text, fix="")
        except StudyError as error:
            yield f"{text}: {error}"
            continue
        if not _same(got, value):
            yield f"{text}: {got}"


def _same(got: Any, value: Any) -> bool:
    if isinstance(got, int | float) and isinstance(value, float):
        return abs(got - value) < 1e-9
    return bool(got == value)


def expressions() -> list[dict[str, Any]]:
    """The section's rows: name, value, goal, holds."""
    rows = [
        at_least("expressions: hostile, tried", len(hostile()), 300),
        at_most("expressions: hostile, passed", len(list(passing())), 0),
        at_least("expressions: honest, tried", len(HONEST), 60),
        at_most("expressions: honest, refused or wrong", len(list(wrong())), 0),
    ]
    return [asdict(row) for row in rows]


if __name__ == "__main__":
    for each in (*passing(), *wrong()):
        print("FAILS", each[:200])
    show([Figure(**row) for row in expressions()], as_json=False)
