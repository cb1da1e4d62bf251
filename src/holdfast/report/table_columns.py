"""How the columns of tables are headed and written, wherever they are shown; a column that is not
here is called and written as it is.
"""

from dataclasses import dataclass

from holdfast.report.formatting import METRICS, WORDS


@dataclass(frozen=True)
class Col:
    """A column.

    Attributes
    ----------
    name
        Where its values stand in a row.
    heading
        By default the name in words.
    kind
        How a value is written: one of `table_format.WORDS` or `NUMBERS`, "money" (in the table's
        currency) or "metric" (in the unit of the metric that the row names); by default as the
        values are.
    pattern
        Several values in one cell, as in "{low} to {high}"; where one is missing, the first alone.
    """

    name: str
    heading: str = ""
    kind: str = ""
    pattern: str = ""


_HEADINGS: dict[str, str] = WORDS["headings"]
_PATTERNS: dict[str, str] = WORDS["patterns"]
_KIND_OF = {name: kind for kind, names in WORDS["kinds"].items() for name in names.split()}
COLUMNS = {
    name: Col(name, _HEADINGS.get(name, ""), _KIND_OF.get(name, ""), _PATTERNS.get(name, ""))
    for name in _KIND_OF | _HEADINGS
} | {
    name: Col(name, metric.label, metric.unit, f"{{{name}}} ({{naive_{name}}})")
    for name, metric in METRICS.items()
}
