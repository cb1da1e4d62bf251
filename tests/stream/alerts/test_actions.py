"""What should be done: whoever is to be left alone comes before the plan, the plan before the
segment.
"""

from collections.abc import Mapping

import polars as pl
import pytest

from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.stream.alerts.actions import Actions
from holdfast.study import Study
from holdfast.tables import PERMISSIONS, PLAN


def planned(arms: Mapping[str, str]) -> pl.DataFrame:
    """A plan that gives everybody a voucher, and holds some out."""
    usual = {"segment": "Vulnerable", "offer": "voucher", "expected_uplift": 1.0, "cost": 1.0}
    rows = [
        {"customer_id": name, "arm": arm, "uplift_source": "assumed", **usual}
        for name, arm in arms.items()
    ]
    return pl.DataFrame(rows, schema=PLAN.schema)


def recommend(
    *names: str, study: Study, plan: pl.DataFrame | None = None, refusals: Mapping[str, str] = {}
) -> list[str]:
    permissions = pl.DataFrame(
        [(name, False, why) for name, why in refusals.items()],
        schema=PERMISSIONS.schema,
        orient="row",
    )
    actions = Actions(
        study=study, plan=PLAN.empty() if plan is None else plan, permissions=permissions
    )
    customers = pl.DataFrame({"customer_id": names, "segment": ["Vulnerable"] * len(names)})
    return actions.recommend(customers).to_list()


@pytest.fixture
def study() -> Study:
    return Study.from_dict(
        {
            "study": {"name": "shop"},
            "transactions": {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}},
            "actions": {"Vulnerable": ["Send an offer", "Ask for feedback"]},
        }
    )


def test_without_a_plan_it_is_the_first_action_of_the_segment(study: Study) -> None:
    assert recommend("a", study=study) == ["Send an offer"]


def test_the_plans_offer_goes_before_the_segments_action(study: Study) -> None:
    plan = planned({"a": "contact", "b": "hold out"})
    assert recommend("a", "b", "c", study=study, plan=plan) == [
        "Contact with the offer 'voucher', as the plan says",
        "Leave alone: held out of the plan, to prove what it does",
        "Send an offer",
    ]


def test_whoever_may_not_be_contacted_is_not_though_the_plan_would(study: Study) -> None:
    told = recommend("a", study=study, plan=planned({"a": "contact"}), refusals={"a": "no consent"})
    assert told == ["Do not contact: no consent"]


def test_who_is_held_out_of_every_campaign_is_left_alone(study: Study) -> None:
    held = study.model_copy(
        update={"campaigns": study.campaigns.model_copy(update={"global_holdout": 0.4})}
    )
    names = [f"c{place}" for place in range(30)]
    lots = hold_out(names, salt=GLOBAL_SALT, share=0.4)
    told = recommend(*names, study=held, plan=planned(dict.fromkeys(names, "contact")))
    alone = "Leave alone: held out of every campaign, to prove what they do"
    assert [sentence == alone for sentence in told] == lots.tolist()
    assert 0 < sum(lots) < 30
