"""A live score is the batch's: the same customers, features, models, segments and reasons."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.stream.live_run import Live

from holdfast.errors import DataError, StudyError
from holdfast.storage.runs import Registry, Run
from holdfast.stream.scoring import NOT_SCORED, LiveModels


def test_at_the_runs_cutoff_the_scores_are_those_of_the_run(live: Live) -> None:
    got = live.models.score(live.activity, live.attributes, cutoff_day=live.cutoff_day)
    columns = [name for name in live.run.table("scores").columns if name not in NOT_SCORED]
    assert got.scores.height > 300
    assert_frame_equal(
        got.scores.select(columns), live.run.table("scores").select(columns), rel_tol=1e-9
    )
    assert_frame_equal(got.features, live.run.table("features"), rel_tol=1e-12)


def test_a_customer_alone_is_scored_as_among_others(live: Live) -> None:
    day = live.cutoff_day + 9
    everyone = live.models.score(live.activity, live.attributes, cutoff_day=day).scores
    for name in everyone["customer_id"].gather_every(60):
        days = live.activity.filter(customer_id=name)
        alone = live.models.score(days, live.attributes, cutoff_day=day).scores
        assert_frame_equal(alone, everyone.filter(customer_id=name), rel_tol=1e-9)


def test_silence_grows_with_the_days_and_a_purchase_of_today_ends_it(live: Live) -> None:
    name = live.run.table("features").sort("days_since_last_purchase")["customer_id"][-40]
    days, today = live.activity.filter(customer_id=name), live.cutoff_day + 4
    last = days.filter(pl.col("n_orders") > 0)["day"].to_numpy().max()
    silent = live.models.score(days, live.attributes, cutoff_day=today + 1)
    assert silent.features["days_since_last_purchase"].to_list() == [today + 1 - last]
    bought = days.filter(pl.col("day") == last).with_columns(
        day=pl.lit(today, pl.Int32), purchase_gap=pl.lit(today - last, pl.Int32)
    )
    back = live.models.score(pl.concat([days, bought]), live.attributes, cutoff_day=today + 1)
    assert back.features["days_since_last_purchase"].to_list() == [1]
    assert back.scores["churn_probability"][0] < silent.scores["churn_probability"][0]


def test_what_became_known_on_the_cutoff_day_is_not_seen(live: Live) -> None:
    name, cutoff = live.run.table("features")["customer_id"][0], live.cutoff_day
    row = live.attributes.filter(customer_id=name).tail(1)
    later = pl.concat(
        row.with_columns(known_from_day=pl.lit(day, pl.Int32), channel=pl.lit(channel))
        for day, channel in ((cutoff, "told too late"), (cutoff - 1, "told in time"))
    )
    days = live.activity.filter(customer_id=name)
    got = live.models.score(days, pl.concat([row, later]), cutoff_day=cutoff)
    assert got.features["channel"].to_list() == ["told in time"]


def test_a_customer_whom_the_run_had_not_seen_has_the_margin_of_all(live: Live) -> None:
    name = live.run.table("features")["customer_id"][0]
    stranger = live.activity.filter(customer_id=name).with_columns(customer_id=pl.lit("NEW"))
    got = live.models.score(stranger, None, cutoff_day=live.cutoff_day)
    assert got.scores.select("customer_id", "margin_rate").rows() == [("NEW", 0.4)]
    assert got.features["channel"].to_list() == [None]


def test_nobody_is_scored_who_is_not_eligible(live: Live) -> None:
    got = live.models.score(live.activity, live.attributes, cutoff_day=live.cutoff_day + 366)
    assert got.scores.is_empty()
    assert got.features.is_empty()


def test_contributions_are_those_that_the_run_publishes(live: Live) -> None:
    features = live.run.table("features")
    published = live.run.table("contributions").filter(task="churn")
    wide = live.models.contributions(features)
    got = wide.unpivot(index="customer_id", variable_name="feature", value_name="contribution")
    order = ["customer_id", "feature"]
    assert_frame_equal(
        got.sort(order), published.select(got.columns).sort(order), rel_tol=1e-9, abs_tol=1e-9
    )


def test_the_three_reasons_are_those_of_the_run_that_raise_the_risk(live: Live) -> None:
    published = live.run.table("reasons").filter(pl.col("contribution") > 0, task="churn")
    got = live.models.reasons(live.run.table("features"))
    # Whom less than three facts put at risk has fewer.
    assert got["rank"].unique().sort().to_list() == [1, 2, 3]
    assert (got["contribution"] > 0).all()
    for name in published["customer_id"].unique().sort().gather_every(20):
        told = published.filter(customer_id=name).sort("rank").head(3)
        same = got.filter(customer_id=name).head(told.height)
        assert same["sentence"].to_list() == told["sentence"].to_list()
        assert same["rank"].to_list() == list(range(1, told.height + 1))


def test_an_attribute_that_is_missing_is_named(live: Live) -> None:
    with pytest.raises(DataError, match="the attribute 'channel' is missing"):
        live.models.score(
            live.activity, live.attributes.drop("channel"), cutoff_day=live.cutoff_day
        )


def test_a_run_of_a_snapshot_has_no_events_to_follow(older_runs: Path) -> None:
    run = Registry(older_runs / "snapshot" / "runs").open("latest")
    with pytest.raises(StudyError, match="was made from a \\[snapshot\\]"):
        LiveModels.load(run)


def test_models_that_are_loaded_need_the_runs_folder_no_more(live: Live, tmp_path: Path) -> None:
    shutil.copytree(live.run.path, folder := tmp_path / live.run.run_id)
    models = LiveModels.load(Run(folder, live.run.manifest))
    shutil.rmtree(folder)
    got = models.score(live.activity, live.attributes, cutoff_day=live.cutoff_day)
    assert got.scores.height == live.run.table("scores").height
