"""What a run keeps of past campaigns comes back as it was."""

from dataclasses import replace

import polars as pl
from polars.testing import assert_frame_equal

from holdfast.campaigns.past.campaign_record import CampaignRecord, recall
from holdfast.campaigns.past.persistence import learn_persistence
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.tables import EFFECTS, PAST_SEGMENTS, PERSISTENCE


def test_what_is_left_of_effects_and_who_accepted_come_back_from_a_run() -> None:
    effects = {
        "offer": ["mail"], "short_effect": [10.0], "short_error": [1.0],
        "long_effect": [4.0], "long_error": [2.0], "covariance": [0.5],
    }  # fmt: skip
    lasting = learn_persistence(
        pl.DataFrame(effects), offers=["mail"], short_days=30, long_days=365
    )
    accepted = pl.DataFrame(
        {"offer": ["mail"], "segment": ["Champion"], "contacted": [20], "accepted": [3]}
    )
    past = replace(PastCampaigns.none(), persistence=lasting, accepted=accepted)
    record = CampaignRecord(
        past=past, effects=EFFECTS.empty(), segments=PAST_SEGMENTS.empty(), worth="spend_30d"
    )
    back = recall(record.summary, record.tables)
    assert back.persistence is not None
    assert back.persistence.claim == lasting.claim
    assert_frame_equal(back.persistence.kappas, lasting.kappas)
    assert_frame_equal(back.accepted, accepted)
    # Where the plan's horizon is that in which effects are counted, there is nothing to keep.
    short = replace(record, past=PastCampaigns.none())
    assert "persistence" not in short.tables
    kept = {**short.tables, "persistence": PERSISTENCE.empty()}
    assert recall(short.summary, kept).persistence is None
