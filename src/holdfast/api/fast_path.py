"""The two hottest answers, as bytes: one customer of the run, and one customer by features.

The middleware calls them before any routing; the documented endpoints call the same functions.
"""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from holdfast.api.context import RequestContext
from holdfast.api.problems import Refused, encode, refuse_invalid
from holdfast.serving.customer_search import explain_absence, find_customer
from holdfast.serving.scorer import Features

_LONGEST_NAME = 256
_MOST_NAMES = 1_000
"""Names beyond those that the run knows; more are not looked at one by one."""
_FEATURE_BYTES = 512 * 1024
_MOST_PROBLEMS = 100
Body = TypeVar("Body", bound=BaseModel)


def answer_by_id(request: RequestContext, customer_id: str) -> bytes:
    """The published answer for a customer of the run.

    Raises
    ------
    CustomerNotFound, CustomerNotEligible
        404, each by its own type.
    """
    score = find_score(request, customer_id)
    request.context.metrics.count_score(score["churn_probability"])
    return request.run().answers.answer_json(score)


def find_score(request: RequestContext, customer_id: str) -> dict[str, Any]:
    """The published score of a customer.

    Raises
    ------
    CustomerNotFound, CustomerNotEligible
        404, each by its own type.
    """
    served = request.run()
    score = find_customer(served.frame, customer_id)
    if score is None:
        raise explain_absence(
            served.run,
            served.scorer.study,
            served.frame,
            customer_id[:_LONGEST_NAME],
            otherwise="look names up with GET /customers?text=...",
        )
    return score


def answer_features(
    request: RequestContext, *, reasons: bool = False, horizons: bool = False
) -> bytes:
    """Score one customer by features.

    Raises
    ------
    Refused, DataError
        The body is no customer, or lacks something.
    """
    if len(request.body) > _FEATURE_BYTES:
        raise Refused(
            413,
            f"one customer's features are larger than {_FEATURE_BYTES:,} bytes",
            fix="send one customer, by the columns that the run knows",
        )
    customer_id, columns = split_name(request, parse_json(request.body))
    features = request.run().scorer.prepare_features(columns)
    answer = score_features(request, customer_id, features, reasons=reasons, horizons=horizons)
    return encode(answer)


def score_features(
    request: RequestContext,
    customer_id: str,
    features: Features,
    *,
    reasons: bool = False,
    horizons: bool = False,
    cutoff_day: int | None = None,
) -> dict[str, Any]:
    """The answer for a customer whom the run need not know.

    Parameters
    ----------
    reasons, horizons
        What is said beside the score.
    cutoff_day
        The first day not seen; None: the run's.
    """
    served = request.run()
    score = served.scorer.score(features.values)
    request.context.metrics.count_score(score["churn_probability"])
    body = {**served.answers.answer_now(customer_id, score), "warnings": list(features.notes)}
    if reasons:
        body["reasons"] = served.scorer.reasons(features.values)
    if horizons:
        day = int(served.summary["cutoff_day"]) if cutoff_day is None else cutoff_day
        body |= served.scorer.predict_horizons([features.values], [score], cutoff_day=day)[0]
    return body


def split_name(request: RequestContext, body: Any) -> tuple[str, dict[str, Any]]:
    """Take a customer's name off the columns, which may lie in "features"."""
    if not isinstance(body, dict):
        raise Refused(422, "the body is not a JSON object", fix='send {"Frequency": 13, ...}')
    columns = dict(body)
    snapshot = request.run().scorer.study.snapshot
    names = ("customer_id", snapshot.columns.customer_id) if snapshot else ("customer_id",)
    given = [columns.pop(name) for name in names if name in columns]
    customer_id = given[0] if given else "new"
    if not isinstance(customer_id, str) or not 0 < len(customer_id) <= _LONGEST_NAME:
        raise Refused(
            422,
            f"customer_id is not a text of 1 to {_LONGEST_NAME} characters",
            fix="send it as text",
        )
    if isinstance(columns.get("features"), dict):
        columns = {**columns.pop("features"), **columns}
    if len(columns) > (most := len(request.run().scorer.kinds) + _MOST_NAMES):
        raise Refused(
            422,
            f"{len(columns):,} columns are given, which is more than {most:,}",
            fix="send only the columns that the run knows: see GET /features",
        )
    for name, value in columns.items():
        if isinstance(value, dict | list):
            raise Refused(
                422,
                f"'{name[:80]}' is not a plain value",
                fix="give a number, a text, true, false or null",
            )
    return customer_id, columns


def parse_json(body: bytes) -> Any:
    """Read JSON strictly: no lone surrogates, no endless nesting.

    Raises
    ------
    Refused
        400 where it is no JSON, 422 where it holds what cannot be meant.
    """
    try:
        return from_json(body)
    except ValueError as error:
        status = 422 if _is_loose_json(body) else 400
        raise Refused(
            status, f"the body cannot be read as JSON: {error}", fix="send UTF-8 JSON"
        ) from None


def validate(model: type[Body], body: Any) -> Body:
    """Hold a body against its model.

    Raises
    ------
    Refused
        422, by the first of what is wrong.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        if error.error_count() > _MOST_PROBLEMS:
            raise Refused(
                422, f"the body has {error.error_count():,} problems", fix="see GET /openapi.json"
            ) from None
        raise refuse_invalid(error.errors(include_input=False, include_url=False)) from None


def _is_loose_json(body: bytes) -> bool:
    """Whether it is JSON by the grammar: half a character or very deep, but complete."""
    try:
        json.loads(body)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
