"""Predict: what a published run says of one customer, whether it knows the customer or only the
features.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.errors import InputError
from holdfast.serving.answers import Answers
from holdfast.serving.customer_search import (
    explain_absence,
    find_customer,
    read_rows,
    read_scores,
)
from holdfast.serving.load import load_study
from holdfast.serving.scorer import Scorer
from holdfast.storage.runs import Run

_COMPARED = 10_000
"""Names before and after an unknown one that may be meant: a third of a second."""


def predict_customer(run: Run, customer_id: str) -> dict[str, Any]:
    """Answer for a customer of the run, from its published scores and reasons.

    Raises
    ------
    CustomerNotEligible
        The run knows the customer, who is outside `churn.eligible`.
    CustomerNotFound
        The run has no such customer.
    """
    scores, study = read_scores(run), load_study(run)
    score = find_customer(scores, customer_id)
    if score is None:
        raise explain_absence(run, study, scores, customer_id, reach=_COMPARED)
    answer = Answers(run, study).answer(score)
    return {**answer, "reasons": read_reasons(run, customer_id)}


def read_reasons(
    run: Run, customer_id: str, *, scorer: Scorer | None = None
) -> list[dict[str, Any]]:
    """The published reasons; where the run kept none for the customer, they are worked out from its
    features.

    Parameters
    ----------
    scorer
        The run's, where it is loaded already.
    """
    kept = read_rows(run, "reasons", customer_id)
    if kept is not None and kept.height:
        return kept.drop("customer_id").sort("task", "rank").to_dicts()
    features = read_rows(run, "features", customer_id)
    if features is None or features.is_empty():
        return []
    return (scorer or Scorer(run)).reasons(features.row(0, named=True))


def predict_features(run: Run, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Answer for a customer whom the run never saw.

    Parameters
    ----------
    raw
        A snapshot's given columns, or an order log's features, by name; may hold the customer's id
        and a cutoff_day, which is not read: the features are taken as those of the run's own day.

    Returns
    -------
    dict
        As `predict_customer`, and "warnings": what looks like another unit, or like nothing in the
        run.

    Raises
    ------
    DataError
        A column is unknown, or of another kind than in the run, or one that a model reads is
        missing.
    """
    scorer = Scorer(run)
    name = scorer.study.snapshot.columns.customer_id if scorer.study.snapshot else "customer_id"
    customer_id = str(raw.get(name, raw.get("customer_id", "new")))
    beside = (name, "customer_id", "cutoff_day")
    given = scorer.prepare_features({key: value for key, value in raw.items() if key not in beside})
    answer = Answers(run, scorer.study).answer_now(customer_id, scorer.score(given.values))
    reasons = scorer.reasons(given.values)
    return {**answer, "reasons": reasons, "warnings": list(given.notes)}


def pick_customer(run: Run) -> str:
    """Any customer of the run."""
    return str(random.choice(read_scores(run)["customer_id"]))


def read_features(path: Path) -> dict[str, Any]:
    """Read one customer's features from a JSON file.

    Raises
    ------
    InputError
        The file cannot be read, or holds anything but one object of plain values.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise InputError(
            f"there is no {path}", fix="name a JSON file with one customer's features"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", fix='write {"Frequency": 13, ...}'
        ) from None
    if not isinstance(raw, dict) or any(isinstance(value, dict | list) for value in raw.values()):
        raise InputError(f"{path} does not hold one customer", fix='write {"Frequency": 13, ...}')
    return raw


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")
