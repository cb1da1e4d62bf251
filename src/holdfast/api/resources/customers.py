"""Customers: lists by filter, one page after the other, and everything about one of them."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from math import inf
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Header, Query, Response
from pydantic import TypeAdapter

from holdfast.api import fast_path
from holdfast.api.answers.customers import (
    CustomerAnswer,
    CustomersAnswer,
    DaysAnswer,
    ReasonsAnswer,
)
from holdfast.api.deps import CurrentRequest, CurrentRun, answer, describe, route
from holdfast.api.problems import Refused
from holdfast.api.resources.predict import CustomerId
from holdfast.api.schemas import CustomersQuery
from holdfast.api.served import Served
from holdfast.errors import nearest
from holdfast.report.exports.customer_rows import neutralise
from holdfast.segments import RISK_BANDS
from holdfast.serving.customer_search import read_rows
from holdfast.serving.day_effects import tell_days
from holdfast.serving.predict import read_reasons
from holdfast.tables import json_rows

router = APIRouter(tags=["customers"])
CSV, ARROW = "text/csv", "application/vnd.apache.arrow.stream"
_FORMS = {kind: {"schema": {"type": "string"}} for kind in (CSV, ARROW)}
_LIST = {200: {"content": _FORMS}, **describe(400, 406, 409, 422)}
_Cursor = TypeAdapter(tuple[str, str, float | str, str])
_RISK_RANGES = {
    level.split(maxsplit=1)[1]: (least, following)
    for (least, level), (following, _) in pairwise((*RISK_BANDS, (inf, "")))
}


@router.get("/customers", response_model=CustomersAnswer, responses=_LIST)
def customers(
    served: CurrentRun,
    query: Annotated[CustomersQuery, Query()],
    accept: Annotated[
        str, Header(description="application/json, text/csv or an Arrow stream")
    ] = "application/json",
) -> Response:
    """Customers by filter, those with the most revenue at stake first, one page at a time; as
    JSON, CSV or Arrow. In a run older than `at_stake` the risk score stands in for it.
    """
    query = _with_known_order(query, served)
    conditions = _conditions(query)
    chosen = served.frame.filter(*conditions) if conditions else served.frame
    column, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    page = _skip_to_cursor(chosen, query, served, column=column, descending=descending)
    page = page.sort(column, "customer_id", descending=[descending, False]).head(query.limit + 1)
    more = page.height > query.limit
    page = page.head(query.limit)
    following = _write_cursor(served, query, page.row(-1, named=True)) if more else None
    shown = served.hide_unknown_value(page, "expected_revenue", "value_tier").select(
        _choose_columns(query.fields, page.columns)
    )
    for kind, write in ((CSV, _csv), (ARROW, _arrow)):
        if kind in accept:
            headers = {"holdfast-next-cursor": following} if following else None
            return Response(write(shown), media_type=kind, headers=headers)
    return answer(
        served, {"customers": json_rows(shown), "total": chosen.height, "next_cursor": following}
    )


def _with_known_order(query: CustomersQuery, served: Served) -> CustomersQuery:
    """The query, by risk score where the run is older than what is at stake."""
    if "at_stake" in served.frame.columns:
        return query
    sort = query.sort.replace("at_stake", "risk_score")
    return query.model_copy(update={"sort": sort})


def _conditions(query: CustomersQuery) -> list[pl.Expr]:
    revenue = pl.col("expected_revenue")
    conditions: dict[str, Callable[[Any], pl.Expr]] = {
        "segment": pl.col("segment").eq,
        "tier": pl.col("value_tier").eq,
        "risk": _in_band,
        "min_value": revenue.ge,
        "max_value": revenue.le,
        "text": partial(pl.col("customer_id").str.contains, literal=True),
    }
    given = query.model_dump(include=set(conditions), exclude_none=True)
    return [conditions[name](value) for name, value in given.items()]


def _in_band(risk: str) -> pl.Expr:
    return pl.col("churn_probability").is_between(*_RISK_RANGES[risk], closed="left")


def _skip_to_cursor(
    chosen: pl.DataFrame, query: CustomersQuery, served: Served, *, column: str, descending: bool
) -> pl.DataFrame:
    """What follows the page before."""
    if query.cursor is None:
        return chosen
    run_id, sort, value, customer_id = _read_cursor(query.cursor)
    if run_id != served.run_id:
        what = f"the cursor is of run {run_id[:40]}, and {served.run_id} is served now"
        raise Refused(409, what, fix="start at the first page, without a cursor")
    if sort != query.sort:
        what = "the cursor belongs to a list in another order"
        raise Refused(422, what, fix="repeat the query of the first page")
    if isinstance(value, str) != (column == "customer_id"):
        raise _foreign_cursor()
    further = pl.col(column) < value if descending else pl.col(column) > value
    equal = (pl.col(column) == value) & (pl.col("customer_id") > customer_id)
    return chosen.filter(further | equal)


def _write_cursor(served: Served, query: CustomersQuery, last: dict[str, Any]) -> str:
    parts = [served.run_id, query.sort, last[query.sort.removeprefix("-")], last["customer_id"]]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _read_cursor(cursor: str) -> tuple[str, str, float | str, str]:
    try:
        return _Cursor.validate_json(base64.urlsafe_b64decode(cursor.encode("ascii")), strict=True)
    except ValueError:
        raise _foreign_cursor() from None


def _foreign_cursor() -> Refused:
    return Refused(
        422, "the cursor is not one that this server gave", fix="send `next_cursor` as it came"
    )


def _choose_columns(fields: str | None, columns: list[str]) -> list[str]:
    if fields is None:
        return columns
    wanted = list(dict.fromkeys(name.strip() for name in fields.split(",")))
    for name in wanted:
        if name not in columns:
            raise Refused(422, f"there is no column '{name[:80]}'", fix=nearest(name, columns))
    return wanted


def _csv(page: pl.DataFrame) -> bytes:
    words = [name for name, kind in page.schema.items() if kind == pl.String]
    return page.with_columns(neutralise(name) for name in words).write_csv().encode()


def _arrow(page: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    page.write_ipc_stream(out)
    return out.getvalue()


@route(router, "GET", "/customers/{customer_id:path}/reasons", 404, 422, model=ReasonsAnswer)
def customer_reasons(
    customer_id: CustomerId, request: CurrentRequest, served: CurrentRun
) -> Response:
    """Why the run says what it says of a customer."""
    fast_path.find_score(request, customer_id)
    reasons = read_reasons(served.run, customer_id, scorer=served.scorer)
    return answer(served, {"customer_id": customer_id, "reasons": reasons})


@route(router, "GET", "/customers/{customer_id:path}/days", 404, 422, model=DaysAnswer)
def customer_days(customer_id: CustomerId, request: CurrentRequest, served: CurrentRun) -> Response:
    """What each day of a customer adds to the risk, where a network reads them."""
    fast_path.find_score(request, customer_id)
    days = tell_days(served.run, customer_id, models=served.scorer.models)
    return answer(served, {"customer_id": customer_id, **asdict(days)})


@route(router, "GET", "/customers/{customer_id:path}", 404, 422, model=CustomerAnswer)
def customer(customer_id: CustomerId, request: CurrentRequest, served: CurrentRun) -> Response:
    """Everything about one customer: scores, all horizons with intervals, reasons, latest
    purchases, rank.
    """
    body = json.loads(fast_path.answer_by_id(request, customer_id))
    parts = {"horizons": "horizons", "history": "purchases"}
    tables = {part: read_rows(served.run, name, customer_id) for part, name in parts.items()}
    body |= {
        part: None if rows is None else json_rows(rows.drop("customer_id"))
        for part, rows in tables.items()
    }
    body |= {
        "reasons": read_reasons(served.run, customer_id, scorer=served.scorer),
        "rank": _rank(served, body),
        "not_told": {part: _WHY_NULL[part] for part, rows in tables.items() if rows is None},
    }
    return answer(served, body)


_WHY_NULL = {
    "horizons": "this run has no predictions for further horizons",
    "history": "this run keeps no purchases: a snapshot has none, or an older Holdfast made it",
}


def _rank(served: Served, body: dict[str, Any]) -> dict[str, int | None]:
    """The customer's place among all, 1 for the most valuable and for the likeliest to leave."""
    worth = body["predicted_ltv"]
    above = served.frame.select(
        by_value=None if worth is None else (pl.col("expected_revenue") > worth).sum() + 1,
        by_churn_probability=(pl.col("churn_probability") > body["churn_probability"]).sum() + 1,
    ).row(0, named=True)
    return {**above, "of": served.frame.height}
