"""The two hottest answers, as bytes: one customer of the run, and one customer by features.

The gate calls them before any routing; the application's documented routes call the same functions.
"""

import json
from typing import Any

from holdfast.api.context import Asked
from holdfast.api.problems import Refused, encoded
from holdfast.serving.requests import Features

_DEEPEST = 8
_LONGEST_NAME = 256


def known(asked: Asked, customer_id: str) -> bytes:
    """The published answer for a customer of the run.

    Raises
    ------
    Refused
        404: the run has no such customer.
    """
    served = asked.run()
    score = served.score_of(customer_id)
    if score is None:
        raise stranger(asked, customer_id)
    asked.context.metrics.scored(score["churn_probability"])
    return served.answers.answer_json(score)


def stranger(asked: Asked, customer_id: str) -> Refused:
    """Say that the run does not know a customer."""
    return Refused(
        404,
        f"run {asked.run().run_id} has no customer {customer_id[:_LONGEST_NAME]!r}",
        fix="look names up with GET /customers?text=..., or POST /predict with orders or features",
    )


def from_features(asked: Asked) -> bytes:
    """Score one customer by features.

    Raises
    ------
    Refused, DataError
        The body is no customer, or lacks something.
    """
    return encoded(features_answer(asked, parsed(asked.body)))


def features_answer(asked: Asked, body: Any) -> dict[str, Any]:
    """Score a customer given as an object of columns, or as {"customer_id": ..., "features":
    {...}}.
    """
    customer_id, columns = named_columns(asked, body)
    given = asked.run().scorer.given(columns)
    return scored(asked, customer_id, given)[0]


def scored(
    asked: Asked, customer_id: str, given: Features
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score a customer by features: the answer, and the score it was made of."""
    served = asked.run()
    score = served.scorer.score(given.values)
    asked.context.metrics.scored(score["churn_probability"])
    return {**served.answers.answer_now(customer_id, score), "warnings": list(given.notes)}, score


def named_columns(asked: Asked, body: Any) -> tuple[str, dict[str, Any]]:
    """Take a customer's name off the columns."""
    if not isinstance(body, dict):
        raise Refused(422, "the body is no JSON object", fix='send {"Frequency": 13, ...}')
    columns = dict(body)
    snapshot = asked.run().scorer.study.snapshot
    names = ("customer_id", snapshot.columns.customer_id) if snapshot else ("customer_id",)
    found = [columns.pop(name) for name in names if name in columns]
    customer_id = found[0] if found else "new"
    if not isinstance(customer_id, str) or not 0 < len(customer_id) <= _LONGEST_NAME:
        raise Refused(
            422, f"customer_id is no text of 1 to {_LONGEST_NAME} characters", fix="send it as text"
        )
    if "features" in columns and isinstance(columns["features"], dict):
        inner = columns.pop("features")
        columns = {**inner, **columns}
    for name, value in columns.items():
        if isinstance(value, dict | list):
            raise Refused(
                422,
                f"'{name[:80]}' is not a plain value",
                fix="give numbers, words, true, false or null",
            )
    return customer_id, columns


def parsed(body: bytes) -> Any:
    """Read JSON strictly: no NaN, no lone surrogates, no integer beyond 64 bits, not deeper than
    eight levels.

    Raises
    ------
    Refused
        400 where it is no JSON, 422 where it holds what cannot be meant.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refused(
            422, f"the body is nested deeper than {_DEEPEST} levels", fix="send a flat object"
        ) from None
    except ValueError as error:
        raise Refused(
            400, f"the body is no JSON: {str(error)[:200]}", fix="send UTF-8 JSON"
        ) from None
    _check(value, 1)
    return value


def _refuse_constant(constant: str) -> None:
    raise Refused(
        422, f"{constant} is no number of JSON", fix="send null where a value is not known"
    )


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            _check_text(value)
    elif kind is int:
        if not -(2**63) <= value < 2**63:
            raise Refused(422, "an integer is beyond 64 bits", fix="send a smaller number")
    elif kind is float:
        if value - value != 0:
            raise Refused(422, "a number is too large for a double", fix="send a smaller number")
    elif kind is dict or kind is list:
        if depth > _DEEPEST:
            raise Refused(
                422, f"the body is nested deeper than {_DEEPEST} levels", fix="send a flat object"
            )
        if kind is dict:
            for name, inner in value.items():
                _check(name, depth)
                _check(inner, depth + 1)
        else:
            for inner in value:
                _check(inner, depth + 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            422, "a text holds half a character (a lone surrogate)", fix="send valid Unicode"
        ) from None
