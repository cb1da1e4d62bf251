"""One customer's raw orders and events become features in milliseconds, by the batch's own
definitions.

Rows are read by the SQL that reads the batch (times, amounts, returns, rules of the study) and
features are the same expressions on a Polars frame. Only the roll-up to days is written again,
without a database: for one customer DuckDB would need longer to plan it than all the rest takes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import polars as pl

from holdfast.errors import DataError, StudyError, nearest
from holdfast.ingest.row_mappings import event_mapping, transaction_mapping, treatment_mapping
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field, calculator
from holdfast.ingest.timestamps import is_iso
from holdfast.ingest.validation import DUPLICATE, REPEATED, RowMapping
from holdfast.serving.feature_plan import FeaturePlan
from holdfast.serving.scorer import Features
from holdfast.study import Study
from holdfast.tables import ACTIVITY
from holdfast.windows import date_of

Row = Mapping[str, Any]

_MOST_COLUMNS = 200
"""Different ones over all rows: each row is laid out with each."""
_SUMMED = tuple(
    name for name in ACTIVITY.schema if name not in ("customer_id", "day", "purchase_gap")
)
_KEPT = {
    "transactions": ("day", "order_id", "product_id", "amount_minor", "is_return"),
    "events": ("day", "kind", "n"),
    "treatments": ("day", "treated"),
}


_MAPPINGS: Mapping[str, Callable[[OpenSource, Study], RowMapping]] = {
    "transactions": transaction_mapping,
    "events": event_mapping,
    "treatments": treatment_mapping,
}


@dataclass(frozen=True, kw_only=True)
class RawHistory:
    """What a customer did, as the shop's systems tell it: one mapping per row, by role
    (occurred_at, order_id, ...).

    Attributes
    ----------
    orders
        A row may hold `raw`: further columns of the source that the study's rules read.
    attributes
        The columns of [customers], as known before the cutoff.
    """

    customer_id: str
    orders: Sequence[Row]
    events: Sequence[Row] = ()
    treatments: Sequence[Row] = ()
    attributes: Row = field(default_factory=dict)


class OnlineHistory:
    """Builds features of one customer for one study; may be called from any thread."""

    def __init__(self, study: Study) -> None:
        if study.transactions is None:
            raise StudyError(
                "this run was made from a [snapshot]", fix="give the snapshot's columns by name"
            )
        self.study = study
        self._plan = FeaturePlan(study)

    def features(self, history: RawHistory, *, cutoff_day: int) -> Features:
        """Compute the features at a cutoff.

        Raises
        ------
        DataError
            A row cannot be understood, or the customer is not eligible at the cutoff.
        """
        notes: list[str] = []
        activity = self._activity(history, notes)
        built = self._plan.features(activity, cutoff_day=cutoff_day)
        later = activity.filter(pl.col("day") >= cutoff_day).height
        if later:
            notes.append(f"{later} days on or after {date_of(cutoff_day)} were not looked at")
        if built.is_empty():
            raise DataError(
                f"the customer is not eligible on {date_of(cutoff_day)} "
                f"({self.study.churn.eligible})",
                fix="give the orders before that day, or nothing can be said of the customer",
            )
        return Features(
            {**built.row(0, named=True), **self._attributes(history.attributes, notes)},
            tuple(notes),
        )

    def prepare(self, *, cutoff_day: int) -> None:
        """Write the query of a cutoff before it is needed."""
        self._plan.prepare(cutoff_day=cutoff_day)

    def _attributes(self, given: Row, notes: list[str]) -> dict[str, Any]:
        names = self.study.customers.attributes if self.study.customers else []
        for name in given:
            if name not in names:
                raise DataError(f"there is no attribute '{name}'", fix=nearest(name, names))
        if missing := [name for name in names if name not in given]:
            notes.append(f"not given and taken as unknown: {', '.join(missing)}")
        return {name: given.get(name) for name in names}

    def _activity(self, history: RawHistory, notes: list[str]) -> pl.DataFrame:
        days: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_SUMMED, 0))
        _add_lines(days, self._read("transactions", history, history.orders, notes))
        for row in self._read("events", history, history.events, notes):
            days[row["day"]][f"n_{row['kind']}s"] += int(row["n"])
        for row in self._read("treatments", history, history.treatments, notes):
            # Who was held out did nothing on that day: it is no row of ACTIVITY.
            if row["treated"]:
                days[row["day"]]["n_treatments"] += 1
        rows: list[dict[str, Any]] = []
        before: int | None = None
        for day, sums in sorted(days.items()):
            gap = day - before if before is not None and sums["n_lines"] else None
            before = day if sums["n_lines"] else before
            rows.append(
                {"customer_id": history.customer_id, "day": day, "purchase_gap": gap, **sums}
            )
        return pl.DataFrame(rows, schema=ACTIVITY.schema)

    def _read(
        self, name: str, history: RawHistory, rows: Sequence[Row], notes: list[str]
    ) -> list[dict[str, Any]]:
        """Give each row its verdict and return the accepted ones as rows of the table."""
        if not rows:
            return []
        if name not in self._roles:
            raise DataError(f"the study has no [{name}]", fix=f"leave '{name}' out")
        roles = self._roles[name]
        raw, fields = _lay_out(rows, roles, customer_id=history.customer_id, what=name)
        columns = tuple((column, field.sql, field.type) for column, field in fields.items())
        iso = all(is_iso(time) for row in rows if isinstance(time := row.get("occurred_at"), str))
        sql, verdicts = _write_query(self, name, columns, iso_times=iso)
        with calculator() as connection:
            connection.register("given", raw.to_arrow())
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or []]
            validated = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return _accept(validated, verdicts, name, given=rows, notes=notes)

    @cached_property
    def _roles(self) -> dict[str, dict[str, str]]:
        """Source -> its columns by role."""
        sources = {name: getattr(self.study, name) for name in _MAPPINGS}
        return {
            name: source.columns.model_dump(exclude_none=True)
            for name, source in sources.items()
            if source is not None
        }


@lru_cache(maxsize=256)
def _write_query(
    owner: OnlineHistory,
    name: str,
    columns: tuple[tuple[str, str, str], ...],
    *,
    iso_times: bool,
) -> tuple[str, list[str]]:
    """Write the query that reads rows of these columns, and say what each verdict means."""
    fields = {column: Field(sql, kind) for column, sql, kind in columns}
    # Numbers are written as JSON writes them, whatever the study says of its files.
    source = OpenSource(
        name=name,
        view="given",
        fields=fields,
        labels=["the request"],
        decimal=".",
        timestamp_format=getattr(owner.study, name).csv.timestamp_format,
        iso_times=iso_times,
    )
    mapping = _MAPPINGS[name](source, _of_request(owner.study))
    digests = ["_digest_1", "_digest_2"] if mapping.compared else []
    # Only what is used is computed: the text of a row, or its time in UTC, is not.
    kept = ", ".join(["_row", "verdict", *_KEPT[name], *digests])
    return f"SELECT {kept} FROM ({mapping.sql(source)})", mapping.verdicts


def _of_request(study: Study) -> Study:
    """Return the study as one request is read by: a run keeps no table of rates, and who sends a
    history need not name its rows.
    """
    changed: dict[str, Any] = {}
    if study.conversion is not None:
        changed["conversion"] = study.conversion.model_copy(update={"rates": None})
    for name in _MAPPINGS:
        if (source := getattr(study, name)) is not None:
            columns = source.columns.model_copy(update={"event_id": None})
            changed[name] = source.model_copy(update={"columns": columns})
    return study.model_copy(update=changed)


def _lay_out(
    rows: Sequence[Row], roles: Mapping[str, str], *, customer_id: str, what: str
) -> tuple[pl.DataFrame, dict[str, Field]]:
    """Lay the rows out as the study's own source would have them."""
    for row in rows:
        for role in row:
            if role not in roles and role != "raw":
                raise DataError(
                    f"the study's [{what}.columns] has no '{role}'", fix=nearest(role, list(roles))
                )
    flat = [
        dict.fromkeys(roles.values())
        | (row.get("raw") or {})
        | {roles[role]: value for role, value in row.items() if role != "raw"}
        | {roles["customer_id"]: customer_id}
        for row in rows
    ]
    names = dict.fromkeys(name for row in flat for name in row)
    if len(names) > _MOST_COLUMNS:
        raise DataError(
            f"the {what} name {len(names):,} different columns, more than {_MOST_COLUMNS}",
            fix="give under 'raw' only what the study's rules read",
        )
    columns = {name: [row.get(name) for row in flat] for name in names}
    given = {
        "_file": pl.zeros(len(rows), pl.Int32, eager=True),
        "_row": pl.Series(range(1, len(rows) + 1)),
    }
    fields = {}
    for index, (name, values) in enumerate(columns.items()):
        series, kind = _column(values, name)
        given[f"c{index}"], fields[name] = series, Field(f"c{index}", kind)
    return pl.DataFrame(given), fields


def _column(values: list[Any], name: str) -> tuple[pl.Series, str]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(values, dtype=pl.Boolean), "BOOLEAN"
    if kinds and kinds <= {int, float}:
        return pl.Series(
            [None if v is None else float(v) for v in values], dtype=pl.Float64
        ), "DOUBLE"
    if kinds <= {str}:
        return pl.Series(values, dtype=pl.String), "VARCHAR"
    raise DataError(
        f"'{name}' is a number in one row and a word in another", fix="write it one way"
    )


def _accept(
    validated: list[dict[str, Any]],
    meanings: Sequence[str],
    name: str,
    *,
    given: Sequence[Row],
    notes: list[str],
) -> list[dict[str, Any]]:
    accepted: list[dict[str, Any]] = []
    seen: set[tuple[Any, Any]] = set()
    aside: dict[str, int] = defaultdict(int)
    broken = meanings.index(DUPLICATE)
    for row in validated:
        if 0 < row["verdict"] < broken:
            raise DataError(
                f"row {row['_row']} of {len(given)} in {name}: {meanings[row['verdict']]}",
                fix="correct or leave it out",
            )
        digest = (row.get("_digest_1"), row.get("_digest_2"))
        repeated = digest[0] is not None and digest in seen
        seen.add(digest)
        event_id = given[row["_row"] - 1].get("event_id")
        if row["verdict"] or repeated:
            aside[meanings[row["verdict"]] if row["verdict"] else DUPLICATE] += 1
        elif event_id is not None and ("id", event_id) in seen:
            aside[REPEATED] += 1
        else:
            accepted.append(row)
            seen.add(("id", event_id))
    notes += [f"{name}: {count} set aside, {reason}" for reason, count in aside.items()]
    return accepted


def _add_lines(days: dict[int, dict[str, int]], lines: Sequence[Row]) -> None:
    """Sum order lines up by day, as `ingest.daily_activity` does for all customers."""
    orders: dict[int, set[str | None]] = defaultdict(set)
    products: dict[int, set[str]] = defaultdict(set)
    first_bought: dict[str, int] = {}
    for line in lines:
        day, sums = line["day"], days[line["day"]]
        if line["is_return"]:
            sums["returns_minor"] += line["amount_minor"]
            continue
        sums["n_lines"] += 1
        sums["gross_minor"] += line["amount_minor"]
        orders[day].add(line["order_id"])
        if (product := line["product_id"]) is not None:
            products[day].add(product)
            first_bought[product] = min(day, first_bought.get(product, day))
    for day, names in orders.items():
        # Lines that name no order are one order together, unless the day has orders with names.
        days[day]["n_orders"] = max(len(names - {None}), 1)
        days[day]["n_products"] = len(products[day])
    for day in first_bought.values():
        days[day]["n_new_products"] += 1
