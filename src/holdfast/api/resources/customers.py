"""Customers: lists by filter, one page after the other, and everything about one of them."""

import base64
import binascii
import io
import json
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Header, Query, Response

from holdfast.api import fast_path
from holdfast.api.deps import AskedNow, Current, answer, problems
from holdfast.api.problems import Refused
from holdfast.api.resources.predict import CustomerId, reasons_of
from holdfast.api.schemas import Anything, CustomersAnswer, CustomersQuery
from holdfast.api.served import Served
from holdfast.errors import nearest
from holdfast.report.exports import neutralised
from holdfast.serving.customer_search import read_rows
from holdfast.tables import json_rows

router = APIRouter(tags=["customers"])
CSV, ARROW = "text/csv", "application/vnd.apache.arrow.stream"
_LEVELS = {"LOW": (0.0, 0.1), "MODERATE": (0.1, 0.3), "HIGH": (0.3, 0.7), "VERY HIGH": (0.7, 1.01)}
_OTHER_FORMS: dict[str, Any] = {
    CSV: {"schema": {"type": "string"}},
    ARROW: {"schema": {"type": "string"}},
}


@router.get(
    "/customers",
    response_model=CustomersAnswer,
    responses={200: {"content": _OTHER_FORMS}, **problems(400, 406, 409, 422)},
)
def customers(
    served: Current,
    query: Annotated[CustomersQuery, Query()],
    accept: Annotated[
        str, Header(description="application/json, text/csv or an Arrow stream")
    ] = "application/json",
) -> Response:
    """Customers by filter, sorted, one page at a time; as JSON, CSV or Arrow."""
    chosen = _chosen(served.frame, query)
    column, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    page = _after(chosen, query, served, column=column, descending=descending)
    page = page.sort(column, "customer_id", descending=[descending, False]).head(query.limit + 1)
    more = page.height > query.limit
    page = page.head(query.limit)
    following = _cursor(served, query, page.row(-1, named=True)) if more else None
    shown = served.without_zeros(page, "expected_revenue", "value_tier").select(
        _fields(query.fields, page.columns)
    )
    if CSV in accept:
        return _table(_csv(shown), CSV, following)
    if ARROW in accept:
        return _table(_arrow(shown), ARROW, following)
    return answer(
        served, {"customers": json_rows(shown), "total": chosen.height, "next_cursor": following}
    )


def _chosen(frame: pl.DataFrame, query: CustomersQuery) -> pl.DataFrame:
    conditions = []
    if query.segment is not None:
        conditions.append(pl.col("segment") == query.segment)
    if query.tier is not None:
        conditions.append(pl.col("value_tier") == query.tier)
    if query.risk is not None:
        low, high = _LEVELS[query.risk]
        conditions.append(
            (pl.col("churn_probability") >= low) & (pl.col("churn_probability") < high)
        )
    if query.min_value is not None:
        conditions.append(pl.col("expected_revenue") >= query.min_value)
    if query.max_value is not None:
        conditions.append(pl.col("expected_revenue") <= query.max_value)
    if query.text is not None:
        conditions.append(pl.col("customer_id").str.contains(query.text, literal=True))
    return frame.filter(*conditions) if conditions else frame


def _after(
    chosen: pl.DataFrame, query: CustomersQuery, served: Served, *, column: str, descending: bool
) -> pl.DataFrame:
    """What follows the page before."""
    if query.cursor is None:
        return chosen
    run_id, sort, value, customer_id = _read_cursor(query.cursor)
    if run_id != served.run_id:
        raise Refused(
            409,
            f"the cursor is of run {run_id[:40]}, {served.run_id} is served now",
            fix="start at page one",
        )
    if sort != query.sort:
        raise Refused(
            422, "the cursor is of another order", fix="repeat the query of the first page"
        )
    if isinstance(value, str) != (column == "customer_id"):
        raise Refused(422, "the cursor is none of ours", fix="send `next_cursor` as it came")
    further = pl.col(column) < value if descending else pl.col(column) > value
    equal = (pl.col(column) == value) & (pl.col("customer_id") > customer_id)
    return chosen.filter(further | equal)


def _cursor(served: Served, query: CustomersQuery, last: dict[str, Any]) -> str:
    told = [served.run_id, query.sort, last[query.sort.removeprefix("-")], last["customer_id"]]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


def _read_cursor(cursor: str) -> tuple[str, str, float | str, str]:
    try:
        run_id, sort, value, customer_id = json.loads(
            base64.urlsafe_b64decode(cursor.encode("ascii"))
        )
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise Refused(
            422, "the cursor is none of ours", fix="send `next_cursor` as it came"
        ) from None
    plain = isinstance(value, str) or (
        isinstance(value, float | int) and not isinstance(value, bool)
    )
    if not plain or not all(isinstance(text, str) for text in (run_id, sort, customer_id)):
        raise Refused(422, "the cursor is none of ours", fix="send `next_cursor` as it came")
    return run_id, sort, value, customer_id


def _fields(fields: str | None, columns: list[str]) -> list[str]:
    if fields is None:
        return columns
    wanted = list(dict.fromkeys(name.strip() for name in fields.split(",")))
    for name in wanted:
        if name not in columns:
            raise Refused(422, f"there is no column '{name[:80]}'", fix=nearest(name, columns))
    return wanted


def _table(body: bytes, media_type: str, following: str | None) -> Response:
    headers = {"holdfast-next-cursor": following} if following else None
    return Response(body, media_type=media_type, headers=headers)


def _csv(page: pl.DataFrame) -> bytes:
    words = [name for name, kind in page.schema.items() if kind == pl.String]
    return page.with_columns(neutralised(name) for name in words).write_csv().encode()


def _arrow(page: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    page.write_ipc_stream(out)
    return out.getvalue()


@router.get(
    "/customers/{customer_id:path}/reasons", response_model=Anything, responses=problems(404, 422)
)
def customer_reasons(customer_id: CustomerId, asked: AskedNow, served: Current) -> Response:
    """Why the run says what it says of a customer."""
    if served.find(customer_id) is None:
        raise fast_path.stranger(asked, customer_id)
    return answer(served, {"customer_id": customer_id, "reasons": reasons_of(served, customer_id)})


@router.get("/customers/{customer_id:path}", response_model=Anything, responses=problems(404, 422))
def customer(customer_id: CustomerId, asked: AskedNow, served: Current) -> Response:
    """Everything about one customer: scores, all horizons with intervals, reasons, latest
    purchases, rank.
    """
    told = json.loads(fast_path.known(asked, customer_id))
    purchases, horizons = (
        read_rows(served.run, name, customer_id) for name in ("purchases", "horizons")
    )
    return answer(
        served,
        {
            **told,
            "horizons": None if horizons is None else json_rows(horizons.drop("customer_id")),
            "reasons": reasons_of(served, customer_id),
            "history": None if purchases is None else json_rows(purchases.drop("customer_id")),
            "rank": _rank(served, told),
            "not_told": _not_told(horizons, purchases),
        },
    )


def _rank(served: Served, told: dict[str, Any]) -> dict[str, int | None]:
    """The customer's place among all, 1 for the most valuable and for the likeliest to leave."""
    worth = told["predicted_ltv"]
    above = served.frame.select(
        by_value=None if worth is None else (pl.col("expected_revenue") > worth).sum() + 1,
        by_churn_probability=(pl.col("churn_probability") > told["churn_probability"]).sum() + 1,
    ).row(0, named=True)
    return {**above, "of": served.frame.height}


def _not_told(horizons: pl.DataFrame | None, purchases: pl.DataFrame | None) -> dict[str, str]:
    """Why a part is null."""
    missing = {}
    if horizons is None:
        missing["horizons"] = "this run has no predictions for further horizons"
    if purchases is None:
        missing["history"] = (
            "this run keeps no purchases: a snapshot has none, or an older Holdfast made it"
        )
    return missing
