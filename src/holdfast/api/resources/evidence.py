"""What stands behind the predictions: proofs, features, the forecast of the whole."""

from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Response

from holdfast.api.deps import Current, answer, problems
from holdfast.api.problems import Refused
from holdfast.api.schemas import Anything
from holdfast.features.catalogue import FEATURES_BY_NAME
from holdfast.tables import json_rows

router = APIRouter(tags=["evidence"])


@router.get("/evidence", response_model=Anything, responses=problems())
def evidence(served: Current) -> Response:
    """How good the predictions proved: backtest and calibration beside naive baselines, and the
    model card.
    """
    summary = served.summary
    tables = {name: served.table(name) for name in ("evidence", "horizon_evidence")}
    card = "model_card.md"
    told = {
        "kind": summary["study"]["kind"],
        "churn": summary["churn"],
        "value": summary["value"],
        "findings": summary["findings"],
        **{name: [] if table is None else json_rows(table) for name, table in tables.items()},
        "model_card": served.run.read(card).decode()
        if card in served.run.manifest["files"]
        else None,
    }
    return answer(served, told)


@router.get("/features", response_model=Anything, responses=problems())
def features(served: Current) -> Response:
    """What the models read: unit and meaning of each column, and how much it counts."""
    counts: dict[str, dict[str, float]] = {}
    table = served.table("importance")
    for row in [] if table is None else json_rows(table):
        counts.setdefault(row["feature"], {})[row["task"]] = row["relative"]
    log = served.scorer.study.snapshot is None
    names = dict.fromkeys([*served.scorer.kinds, *served.scorer.formulas])
    told = [_feature(name, catalogued=log) | {"importance": counts.get(name, {})} for name in names]
    return answer(served, {"features": told})


def _feature(name: str, *, catalogued: bool) -> dict[str, Any]:
    known = FEATURES_BY_NAME.get(name) if catalogued else None
    if known is None:
        return {
            "name": name,
            "group": "given",
            "unit": "as given",
            "sentence": f"'{name}' of the business's own data",
        }
    return {"name": name, "group": known.group, "unit": known.unit, "sentence": known.sentence}


@router.get("/forecast", response_model=Anything, responses=problems(404, 422))
def forecast(
    served: Current, kind: Annotated[Literal["company", "cohort", "segment"], Query()] = "company"
) -> Response:
    """Expected revenue and purchases by week: of the company, of each cohort or of each segment;
    parts add up.
    """
    table = served.table("forecast")
    if table is None:
        raise Refused(
            404, f"run {served.run_id} has no forecast", fix="run the study again with this version"
        )
    rows = table.filter(pl.col("group_kind") == kind).sort("group", "week_start_day")
    told = {
        "kind": kind,
        "currency": served.scorer.study.currency,
        "weeks": json_rows(rows.drop("group_kind")),
    }
    return answer(served, {**told, "totals": served.summary.get("forecast")})
