"""Trials in an order log: who is in, what is seen before, and what is watched after."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.treatments import read_treatments
from holdfast.campaigns.uplift import trials as module
from holdfast.campaigns.uplift.trials import LogTrials, Watch, read_trials
from holdfast.errors import DataError, InputError, NotEnoughData
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop

START = date(2024, 1, 1)
CUSTOMERS = [f"C{i}" for i in range(8)]
Row = tuple[str, int, float]


def dated(day: int) -> str:
    return str(START + timedelta(days=day))


def history(*more: Row) -> list[Row]:
    """Everybody buys for 10 on day 0 and day 40; the log goes to day 199."""
    return [*((c, day, 10.0) for c in CUSTOMERS for day in (0, 40)), *more, ("Z", 199, 1.0)]


def campaign(
    name: str, day: int, *, treated: str = "02468", **changes: Any
) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": c,
            "occurred_at": dated(day),
            "campaign": name,
            "treated": c[1] in treated,
            "propensity": 0.5,
            **changes,
        }
        for c in CUSTOMERS
    ]


Read = Callable[..., LogTrials]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(
        orders: list[Row], treatments: list[dict[str, Any]] | None, **watch: Any
    ) -> LogTrials:
        pl.DataFrame(
            [(c, dated(day), amount) for c, day, amount in orders],
            schema=["c", "t", "a"],
            orient="row",
        ).write_csv(tmp_path / "orders.csv")
        study: dict[str, Any] = {
            "study": {"name": "shop", "currency": "EUR"},
            "project_dir": str(tmp_path),
            "transactions": {
                "path": "orders.csv",
                "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
                "returns": {"when": "a < 0"},
            },
            "value": {"margin_rate": 0.4},
        }
        if treatments is not None:
            pl.DataFrame(treatments).write_csv(tmp_path / "treatments.csv")
            columns = {name: name for name in treatments[0]}
            study["treatments"] = {"path": "treatments.csv", "columns": columns}
        loaded = Study.from_dict(study)
        with Warehouse.temporary() as warehouse:
            log = read_order_log(loaded, warehouse)
            return read_trials(
                loaded, warehouse, read_treatments(warehouse), Watch(**watch), end_day=log.end_day
            )

    return build


def outcomes(trials: LogTrials) -> dict[str, float]:
    trial = trials.trials["contact"]
    return dict(zip(trial.customer_ids.to_list(), trial.outcome.tolist(), strict=True))


def test_the_window_starts_on_the_day_of_the_contact_and_ends_before_its_last(read: Read) -> None:
    orders = history(("C0", 100, 5.0), ("C1", 129, 7.0), ("C2", 130, 9.0), ("C3", 99, 9.0))
    seen = outcomes(read(orders, campaign("a", 100), days=30))
    assert seen == {"C0": 5.0, "C1": 7.0, **{c: 0.0 for c in CUSTOMERS[2:]}}
    bought = outcomes(read(orders, campaign("a", 100), days=30, outcome="purchase"))
    assert bought == {"C0": 1.0, "C1": 1.0, **{c: 0.0 for c in CUSTOMERS[2:]}}
    margin = outcomes(read(orders, campaign("a", 100), days=30, outcome="margin"))
    assert margin["C1"] == pytest.approx(2.8)


def test_what_comes_back_after_the_window_is_taken_off_until_returns_are_over(read: Read) -> None:
    orders = history(("C0", 110, 50.0), ("C0", 135, -20.0), ("C1", 135, 8.0))
    seen = outcomes(read(orders, campaign("a", 100), days=30, return_days=14))
    assert (seen["C0"], seen["C1"]) == (30.0, 0.0)


def test_no_later_order_changes_a_feature(read: Read) -> None:
    before = read(history(), campaign("a", 100)).trials["contact"]
    later = history(("C0", 100, 999.0), ("C1", 150, 999.0))
    after = read(later, campaign("a", 100)).trials["contact"]
    assert before.names == after.names
    np.testing.assert_array_equal(before.features, after.features)
    day_before = read(history(("C0", 99, 999.0)), campaign("a", 100)).trials["contact"]
    assert not np.array_equal(before.features, day_before.features, equal_nan=True)


def test_who_is_left_out_is_counted_by_the_reason(read: Read) -> None:
    rows = campaign("a", 100)
    twice = {**rows[1], "treated": not rows[1]["treated"]}
    stranger = {**rows[0], "customer_id": "nobody"}
    early = {**rows[0], "customer_id": "Z"}
    trials = read(history(), [*rows, twice, rows[2], stranger, early, *campaign("b", 190)])
    assert trials.left_out == {
        module.IN_BOTH_ARMS: 2,
        module.TWICE: 1,
        module.NEVER_BOUGHT: 1,
        module.NOT_YET: 1,
        module.NOT_MATURED: 8,
    }
    assert trials.trials["contact"].n == 7
    (finding,) = trials.findings
    assert "8 window not over yet" in finding.evidence


def test_a_campaign_within_the_window_of_another_is_left_out(read: Read) -> None:
    rows = [*campaign("a", 100), *campaign("b", 129, treated="1357"), *campaign("c", 160)]
    trials = read(history(), rows, days=30)
    assert trials.left_out == {module.OVERLAPPING: 8}
    trial = trials.trials["contact"]
    assert trial.n == 16
    assert trial.cluster is not None
    assert len(np.unique(trial.cluster)) == 8


def test_each_offer_is_held_against_the_held_out_of_its_own_campaigns(read: Read) -> None:
    first, second = campaign("a", 60), campaign("b", 120)
    trials = read(history(), [*first, *second])
    assert list(trials.trials) == ["contact"]
    assert trials.trials["contact"].n == 16


def offers(day: int = 100) -> list[dict[str, Any]]:
    """C0, C1 and C2 get a mail, C3 and C4 a call, the others nothing."""
    names = {"C0": "mail", "C1": "mail", "C2": "mail", "C3": "call", "C4": "call"}
    rows = campaign("a", day, treated="01234")
    return [row | {"offer": names.get(row["customer_id"], "")} for row in rows]


def test_of_several_offers_each_is_held_against_all_whom_the_campaign_held_out(read: Read) -> None:
    trials = read(history(), offers())
    assert list(trials.trials) == ["call", "mail"]
    call = trials.trials["call"]
    assert call.customer_ids.to_list() == ["C3", "C4", "C5", "C6", "C7"]
    assert call.offer.tolist() == [1, 1, 0, 0, 0]
    np.testing.assert_allclose(call.propensities[0], [3 / 5, 2 / 5])
    assert trials.trials["mail"].n == 6
    assert not trials.left_out
    assert not trials.findings


def test_a_held_out_customer_of_several_offers_is_left_out_once(read: Read) -> None:
    stranger = {**offers()[5], "customer_id": "nobody"}
    assert read(history(), [*offers(), stranger]).left_out == {module.NEVER_BOUGHT: 1}


def test_who_got_two_offers_of_a_campaign_is_in_neither(read: Read) -> None:
    both = {**offers()[0], "offer": "call"}
    trials = read(history(), [*offers(), both])
    assert trials.left_out == {module.IN_BOTH_ARMS: 2}
    assert "C0" not in trials.trials["mail"].customer_ids.to_list()


def test_a_trial_is_of_the_arms_as_drawn_whatever_was_done(read: Read) -> None:
    rows = [row | {"assigned": row["customer_id"] in ("C0", "C1")} for row in campaign("a", 100)]
    assert read(history(), rows).trials["contact"].offer.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_a_chance_that_is_not_given_is_the_share_that_was_contacted(read: Read) -> None:
    rows = [
        {name: value for name, value in row.items() if name != "propensity"}
        for row in campaign("a", 100, treated="012345")
    ]
    trials = read(history(), rows)
    np.testing.assert_allclose(trials.trials["contact"].propensities[0], [0.25, 0.75])
    assert [finding.name for finding in trials.findings] == ["propensity-estimated"]


def test_features_of_today_are_laid_out_as_in_the_trial(read: Read) -> None:
    trials = read(history(), campaign("a", 100))
    trial = trials.trials["contact"]
    assert trials.design.names == trial.names
    assert trial.features.shape == (8, len(trial.names))


REFUSED: list[tuple[list[dict[str, Any]] | None, type[InputError], str]] = [
    (None, NotEnoughData, "the study has no \\[treatments\\]"),
    (campaign("a", 100, treated="01234567"), NotEnoughData, "8 campaign without a control"),
    (campaign("a", 190), NotEnoughData, "8 window not over yet"),
    (campaign("a", 100, propensity=1.0), NotEnoughData, "8 propensity of 0 or 1"),
    (
        [row | {"customer_id": "X" + row["customer_id"]} for row in campaign("a", 100)],
        NotEnoughData,
        "8 not in the order log at all",
    ),
    (
        [row | {"occurred_at": dated(100 if row["treated"] else 60)} for row in campaign("a", 100)],
        DataError,
        "the arms are dated apart, in 'a' by 40 days",
    ),
]


@pytest.mark.parametrize(("treatments", "error", "words"), REFUSED)
def test_what_cannot_be_a_trial_is_refused_in_a_sentence_with_what_to_do(
    read: Read, treatments: list[dict[str, Any]] | None, error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        read(history(), treatments)
    assert raised.value.fix


def test_the_campaigns_of_a_simulated_shop_are_one_trial(tmp_path: Path) -> None:
    made = simulate_to(tmp_path / "shop", Shop(n_customers=150, seed=2, n_days=400))
    study = Study.from_toml(made.study)
    with Warehouse.temporary() as warehouse:
        log = read_order_log(study, warehouse)
        trials = read_trials(
            study, warehouse, read_treatments(warehouse), Watch(), end_day=log.end_day
        )
        today = feature_tables.features(study, warehouse, [log.end_day])
    rows = pl.read_parquet(made.tables["treatments"])
    trial = trials.trials["contact"]
    assert trial.n + sum(trials.left_out.values()) == rows.height
    assert trial.n > 0.9 * rows.height
    assert trial.offer.mean() == pytest.approx(0.5, abs=0.1)
    assert trials.matrix(today).shape == (today.height, len(trial.names))


def test_a_household_and_all_campaigns_of_its_members_are_one_cluster(read: Read) -> None:
    # C0 and C2 live together in the first campaign, C2 and C4 in the second.
    homes = (("a", 60, {"C0": "H", "C2": "H"}), ("b", 120, {"C2": "J", "C4": "J"}))
    first, second = (
        [{**row, "cluster": home.get(row["customer_id"])} for row in campaign(name, day)]
        for name, day, home in homes
    )
    trial = read(history(), [*first, *second]).trials["contact"]
    assert trial.cluster is not None
    of = pl.DataFrame({"customer": trial.customer_ids, "cluster": trial.cluster}).unique()
    together = of.group_by("cluster").agg(pl.col("customer").sort())["customer"].to_list()
    assert sorted(together) == [["C0", "C2", "C4"], ["C1"], ["C3"], ["C5"], ["C6"], ["C7"]]


def test_a_household_in_two_arms_is_refused(read: Read) -> None:
    rows = [{**row, "cluster": "H" if i < 2 else None} for i, row in enumerate(campaign("a", 60))]
    with pytest.raises(DataError, match="1 clusters are in two arms of one campaign, such as H"):
        read(history(), rows)


def test_an_offer_with_one_customer_held_out_is_left_out(read: Read) -> None:
    tiny = [{**row, "offer": "call"} for row in campaign("b", 120, treated="0123456")]
    trials = read(history(), [*[{**r, "offer": "mail"} for r in campaign("a", 60)], *tiny])
    assert list(trials.trials) == ["mail"]
    assert trials.left_out == {module.TOO_FEW: 8}
