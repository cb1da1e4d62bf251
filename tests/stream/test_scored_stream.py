"""A stream with a published run scores everybody as the batch would, and alerts are episodes."""

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.stream.shops import SimulatedShop
from tests.stream.test_exactly_once import Crash, crash_at

from holdfast.storage.runs import Registry
from holdfast.stream import published
from holdfast.stream.clock import Clock
from holdfast.stream.evaluation import Evaluator
from holdfast.stream.sweep import Rolling
from holdfast.stream.verify import verify_stream
from holdfast.stream.worker import one_stepper


def registry(shop: SimulatedShop) -> Registry:
    return Registry(shop.folder / "runs")


def scores(shop: SimulatedShop) -> pl.DataFrame:
    columns = ("customer_id", "churn_probability", "expected_revenue", "at_stake", "segment")
    rows = shop.rows(f"SELECT {', '.join(columns)} FROM scores ORDER BY customer_id")
    return pl.DataFrame(rows, schema=list(columns), orient="row", infer_schema_length=None)


def open_episodes(shop: SimulatedShop) -> dict[str, int]:
    return dict(shop.rows("SELECT customer_id, opened_day FROM episodes WHERE state = 'open'"))


def test_a_sweep_on_the_last_day_of_the_log_scores_as_the_run_did(
    scored_shop: SimulatedShop,
) -> None:
    assert scored_shop.sweep(today=scored_shop.last_day) == 500
    run = registry(scored_shop).open()
    stored = scores(scored_shop)
    assert_frame_equal(
        stored, run.table("scores").select(stored.columns), rel_tol=1e-9, abs_tol=1e-9
    )
    done = verify_stream(scored_shop.study, registry(scored_shop))
    assert (done.scores, done.differing) == (stored.height, {})


def test_verify_counts_what_differs_from_the_batch(scored_shop: SimulatedShop) -> None:
    scored_shop.sweep(today=scored_shop.last_day)
    with scored_shop.connect() as connection:
        one = "(SELECT customer_id FROM scores ORDER BY customer_id LIMIT 1)"
        connection.execute(f"UPDATE scores SET segment = 'x' WHERE customer_id = {one}")
        connection.execute(
            "UPDATE customer_days SET n_lines = n_lines + 1 WHERE ctid IN "
            "(SELECT ctid FROM customer_days WHERE n_lines > 0 LIMIT 3)"
        )
    done = verify_stream(scored_shop.study, registry(scored_shop))
    assert done.differing == {"segment": 1, "n_lines": 3}


def test_verify_misses_a_score_that_is_gone(scored_shop: SimulatedShop) -> None:
    scored_shop.sweep(today=scored_shop.last_day)
    with scored_shop.connect() as connection:
        one = "(SELECT customer_id FROM scores ORDER BY customer_id LIMIT 1)"
        connection.execute(f"DELETE FROM scores WHERE customer_id = {one}")
    done = verify_stream(scored_shop.study, registry(scored_shop))
    assert done.differing["churn_probability"] == 1


def test_silence_opens_an_episode_and_a_purchase_ends_it_with_a_message_each(
    scored_shop: SimulatedShop,
) -> None:
    day = scored_shop.last_day
    scored_shop.sweep(today=day)
    before = open_episodes(scored_shop)
    scored_shop.sweep(today=day + 40)
    silent = open_episodes(scored_shop)
    opened = {who for who, since in silent.items() if since == day + 40}
    assert opened
    assert set(before) & set(silent)
    assert not opened & set(before)
    told = scored_shop.value(
        "SELECT customer_id FROM episodes JOIN deliveries ON episode_id = episodes.id "
        "WHERE state = 'open' AND transition = 'opened' ORDER BY customer_id LIMIT 1"
    )
    scored_shop.send([scored_shop.buy(1, told, day + 40)])
    scored_shop.run(today=day + 40)
    assert told not in open_episodes(scored_shop)
    closed = scored_shop.rows(
        "SELECT close_reason, transition FROM episodes JOIN deliveries ON episode_id = episodes.id "
        "WHERE customer_id = %s ORDER BY deliveries.id",
        told,
    )
    assert closed == [("bought", "opened"), ("bought", "closed")]
    assert verify_stream(scored_shop.study, registry(scored_shop)).differing == {}


@pytest.mark.parametrize("point", ["scored", "episodes"])
def test_a_worker_that_dies_after_scoring_alerts_once(
    scored_shop: SimulatedShop, point: str
) -> None:
    day = scored_shop.last_day
    riskiest = registry(scored_shop).open().table("scores").sort("churn_probability")
    quiet = riskiest.row(-1, named=True)["customer_id"]
    visit = {"source": "events", "event_id": "v1", "customer_id": quiet, "kind": "click",
             "occurred_at": "2024-06-30T08:00:00"}  # fmt: skip
    scored_shop.send([visit])
    with pytest.raises(Crash):
        scored_shop.run(today=day + 90, reached=crash_at(point, second_time=False))
    assert scored_shop.value("SELECT count(*) FROM episodes") == 0
    scored_shop.run(today=day + 90)
    assert scored_shop.value("SELECT count(*) FROM episodes") == 1
    assert scored_shop.value("SELECT count(*) FROM deliveries") == 1


def test_a_flood_of_alerts_becomes_one_message_for_the_operator(
    scored_shop: SimulatedShop,
) -> None:
    study = scored_shop.folder / "holdfast.toml"
    limited = study.read_text().replace("close = 0.6", "close = 0.6\nmax_opened_per_hour = 4")
    study.write_text(limited)
    scored_shop.sweep(today=scored_shop.last_day + 60)
    assert scored_shop.value("SELECT count(*) FROM episodes WHERE state = 'open'") > 5
    sent = dict(scored_shop.rows("SELECT transition, count(*)::int FROM deliveries GROUP BY 1"))
    assert sent == {"opened": 4, "operator": 1}


def test_another_run_scores_everyone_again_and_alerts_nobody_twice(
    scored_shop: SimulatedShop,
) -> None:
    today = scored_shop.last_day + 60
    clock = Clock("UTC", today)
    scored_shop.sweep(today=today)
    before = scored_shop.rows("SELECT id, customer_id, state FROM episodes ORDER BY id")
    with one_stepper(scored_shop.study, clock, registry(scored_shop), say=print) as stepper:
        models, store = stepper.evaluator.models, stepper.evaluator.episodes
        assert models is not None
        other = replace(models, run_id="another")
        stepper.evaluator = Evaluator(other, store, stepper.evaluator.attributes)
        rolling = Rolling(stepper)
        rolling.advance("another")
    assert scored_shop.rows("SELECT DISTINCT run_id FROM scores") == [("another",)]
    assert scored_shop.rows("SELECT id, customer_id, state FROM episodes ORDER BY id") == before


def test_a_run_that_is_deleted_while_it_serves_goes_on_and_the_operator_hears_of_it(
    scored_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "_LOOK_SECONDS", 0.0)
    day = scored_shop.last_day
    scored_shop.send([scored_shop.buy(n, f"C0000000{n}", day + 1) for n in (1, 2, 3)])
    runs: Path = scored_shop.folder / "runs"

    def delete(point: str) -> None:
        for folder in runs.glob("2*"):
            shutil.rmtree(folder)

    study = scored_shop.folder / "holdfast.toml"
    study.write_text(study.read_text().replace("batch_ms", "batch_events = 1\nbatch_ms"))
    outcome = scored_shop.run(today=day + 1, reached=delete)
    assert (outcome.accepted, outcome.scored) == (3, 3)
    (trouble,) = scored_shop.rows("SELECT text FROM operator_log WHERE kind = 'trouble'")
    assert "goes on scoring" in trouble[0]
    assert scored_shop.value("SELECT count(*) FROM deliveries WHERE transition = 'operator'") == 1
