"""The budget curve on a few customers, by hand."""

import polars as pl
import pytest

from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.budget_curve import POINTS, budget_curve
from holdfast.campaigns.planning.make_plan import Planning
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.tables import EVIDENCE


def planning(effect: float, *, budget: float | None = None) -> Planning:
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    plan = {"holdout_share": 0.0, **({"budget": budget} if budget is not None else {})}
    study = Study.from_dict(
        {
            "study": {"name": "shop"},
            "transactions": {"path": "orders.csv", "columns": columns},
            "value": {"margin_rate": 1.0},
            "offers": {"mail": {"cost": 2.0}},
            "plan": plan,
        }
    )
    readouts = pl.DataFrame(
        {
            "offer": ["mail"] * 6, "segment": SEGMENT_NAMES, "contacted": [1000] * 6,
            "held_out": [1000] * 6, "mean_held_out": [10.0] * 6, "effect": [effect] * 6,
            "standard_error": [0.01] * 6, "uplift_source": ["experiment"] * 6,
        }
    )  # fmt: skip
    past = PastCampaigns(readouts=readouts, observed={}, offers={"spring": "mail"})
    scores = pl.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(50)],
            "segment": ["Champion"] * 50,
            "at_stake": [20.0] * 50,
        }
    )
    return Planning.prepare(study, {"scores": scores, "evidence": EVIDENCE.empty()}, past)


def test_a_curve_begins_at_nothing_and_ends_where_everyone_is_contacted() -> None:
    curve = budget_curve(planning(5.0))
    assert curve.height == POINTS + 1  # and one beyond, where no more is spent
    first, last = curve.row(0, named=True), curve.row(-1, named=True)
    assert (first["contacts"], first["cost"], first["net"]) == (0, 0.0, 0.0)
    assert (last["contacts"], last["cost"]) == (50, pytest.approx(100.0))
    assert last["budget"] == pytest.approx(115.0)
    assert last["net"] == pytest.approx(50 * (5.0 - 2.0), rel=0.1)


def test_the_budget_of_the_study_is_one_of_the_points() -> None:
    assert 37.0 in budget_curve(planning(5.0, budget=37.0))["budget"].to_list()


def test_where_nothing_pays_there_is_no_curve() -> None:
    assert budget_curve(planning(0.5)).is_empty()
