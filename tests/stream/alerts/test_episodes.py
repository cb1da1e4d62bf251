"""Episodes open and close by each day's last evaluation, as a plain loop over days says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from holdfast.stream.alerts.episodes import EPISODES, EpisodeChanges, update_episodes
from holdfast.stream.alerts.rules import EVALUATIONS
from holdfast.study.alerts import Alert

PURCHASES = ("bought", "late purchase")


def alert(**given: Any) -> Alert:
    return Alert(**{"name": "risk", "open": 0.7, "close": 0.5, **given})


class Episodes:
    """What a database does with the changes: episodes by their id."""

    def __init__(self, *rules: Alert) -> None:
        self.rules, self.rows = rules, pl.DataFrame(schema=EPISODES)

    def evaluate(self, day: int, *rows: Mapping[str, Any]) -> EpisodeChanges:
        """Evaluate customers; what a row leaves out is usual."""
        usual = {
            "rule": "risk", "customer_id": "c", "anchor_day": 10, "eligible": True,
            "applies": True, "value": 0.6,
        }  # fmt: skip
        evaluations = pl.DataFrame([usual | row for row in rows], schema=EVALUATIONS)
        is_open = pl.col("closed_day").is_null()
        is_over = pl.col("close_reason").is_in(PURCHASES) & (pl.col("closed_day") < day)
        recent = self.rows.filter(~is_open & ~is_over)
        changes = update_episodes(
            self.rows.filter(is_open), recent, evaluations, self.rules, day=day
        )
        self._apply(changes)
        return changes

    def _apply(self, changes: EpisodeChanges) -> None:
        nothing = {"closed_day": None, "close_reason": None}
        kept = pl.concat([changes.updated, changes.reopened]).with_columns(
            closed_day=pl.lit(None, pl.Int32), close_reason=pl.lit(None, pl.String)
        )
        changed = pl.concat([kept, changes.closed]).drop("value_now")
        names = [name for name in changed.columns if name not in ("id", "rule", "customer_id")]
        old = self.rows.join(changed, on="id", how="anti")
        new = self.rows.drop(names).join(changed.select("id", *names), on="id")
        ids = pl.int_range(pl.len(), dtype=pl.Int64) + self.rows.height
        opened = changes.opened.with_columns(id=ids, **nothing).cast({"closed_day": pl.Int32})
        opened = opened.cast({"close_reason": pl.String})
        self.rows = pl.concat(each.select(EPISODES.names()) for each in (old, new, opened)).sort(
            "id"
        )
        alike = self.rows.filter(pl.col("closed_day").is_null()).select("rule", "customer_id")
        assert alike.is_unique().all(), "one open episode of a rule and customer"

    def close_by(self, name: str, day: int, ids: pl.Series) -> None:
        chosen = pl.col("id").is_in(ids.to_list()) & pl.col("closed_day").is_null()
        self.rows = self.rows.with_columns(
            closed_day=pl.when(chosen).then(pl.lit(day, pl.Int32)).otherwise("closed_day"),
            close_reason=pl.when(chosen).then(pl.lit(f"by {name}")).otherwise("close_reason"),
        )

    def seen(self) -> list[tuple[Any, ...]]:
        """Each episode: anchor, day of opening, day of closing and why."""
        return self.rows.select("anchor_day", "opened_day", "closed_day", "close_reason").rows()


def test_an_episode_opens_at_the_threshold_and_not_below_it() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"customer_id": "at", "value": 0.7}, {"customer_id": "under"})
    assert episodes.rows["customer_id"].to_list() == ["at"]
    assert episodes.seen() == [(10, 40, None, None)]


def test_a_low_value_alarms_where_the_rule_says_below() -> None:
    episodes = Episodes(alert(direction="below", open=-0.5, close=0.0))
    episodes.evaluate(40, {"customer_id": "low", "value": -0.6}, {"customer_id": "high"})
    assert episodes.rows["customer_id"].to_list() == ["low"]
    episodes.evaluate(41, {"customer_id": "low", "value": 0.1})
    assert episodes.seen() == [(10, 40, 41, "recovered")]


def test_between_close_and_open_an_episode_stays_and_none_begins() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"customer_id": "in", "value": 0.9}, {"customer_id": "out"})
    changes = episodes.evaluate(41, {"customer_id": "in"}, {"customer_id": "out"})
    assert changes.opened.is_empty()
    assert changes.closed.is_empty()
    assert changes.updated.select("customer_id", "value_now").rows() == [("in", 0.6)]


def test_a_purchase_after_the_opening_closes_as_bought() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(42, {"anchor_day": 42, "value": 0.2})
    assert episodes.seen() == [(10, 40, 42, "bought")]


def test_a_purchase_that_was_known_too_late_closes_as_that_and_the_next_silence_begins() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    changes = episodes.evaluate(42, {"anchor_day": 15, "value": 0.8})
    assert changes.closed["close_reason"].to_list() == ["late purchase"]
    assert changes.opened["anchor_day"].to_list() == [15]
    assert episodes.seen() == [(10, 40, 42, "late purchase"), (15, 42, None, None)]


def test_of_two_purchases_that_come_in_on_one_day_the_last_says_why_it_closed() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(42, {"anchor_day": 15, "value": 0.2})
    changes = episodes.evaluate(42, {"anchor_day": 42, "value": 0.2})
    assert changes.closed["close_reason"].to_list() == ["bought"]
    assert episodes.seen() == [(10, 40, 42, "bought")]


def test_whoever_is_eligible_no_more_has_lapsed() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(375, {"eligible": False, "applies": False, "value": None})
    assert episodes.seen() == [(10, 40, 375, "lapsed")]


def test_recovery_takes_so_many_days_in_a_row_and_a_day_is_its_last_evaluation() -> None:
    episodes = Episodes(alert(close_after=2))
    episodes.evaluate(40, {"value": 0.9})
    for value in (0.4, 0.4, 0.4):
        episodes.evaluate(41, {"value": value})
    assert episodes.seen() == [(10, 40, None, None)]
    episodes.evaluate(42, {"value": 0.4})
    episodes.evaluate(42, {"value": 0.6})
    assert episodes.seen() == [(10, 40, None, None)], "the day ended between close and open"
    episodes.evaluate(43, {"value": 0.4})
    episodes.evaluate(44, {"value": 0.4})
    assert episodes.seen() == [(10, 40, 44, "recovered")]


def test_a_close_that_the_day_takes_back_is_told_to_nobody() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    assert episodes.evaluate(41, {"value": 0.4}).closed.height == 1
    changes = episodes.evaluate(41, {"value": 0.8})
    assert changes.reopened["id"].to_list() == [0]
    assert changes.opened.is_empty()
    assert episodes.seen() == [(10, 40, None, None)]


def test_what_opened_too_early_in_the_day_is_taken_back_and_cools_nothing_down() -> None:
    episodes = Episodes(alert(cooldown_days=30))
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(40, {"value": 0.6})
    assert episodes.seen() == [(10, 40, 40, "recovered")]
    episodes.evaluate(41, {"value": 0.9})
    assert episodes.seen()[1:] == [(10, 41, None, None)]


def test_a_rule_is_quiet_for_its_cooldown_after_a_recovery() -> None:
    episodes = Episodes(alert(cooldown_days=2))
    for day, value in enumerate((0.9, 0.4, 0.9, 0.9, 0.9), start=40):
        episodes.evaluate(day, {"value": value})
    assert episodes.seen() == [(10, 40, 41, "recovered"), (10, 44, None, None)]


def test_a_purchase_cools_nothing_down() -> None:
    episodes = Episodes(alert(cooldown_days=100))
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(41, {"anchor_day": 41, "value": 0.1})
    episodes.evaluate(70, {"anchor_day": 41, "value": 0.9})
    assert episodes.seen()[1:] == [(41, 70, None, None)]


def test_what_a_person_closed_stays_closed_until_the_customer_has_bought() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    episodes.close_by("Ann", 40, episodes.rows["id"])
    for day, value in ((40, 0.9), (41, 0.9), (60, 0.4), (61, 0.95)):
        episodes.evaluate(day, {"value": value})
    assert episodes.seen() == [(10, 40, 40, "by Ann")]
    episodes.evaluate(70, {"anchor_day": 69, "value": 0.9})
    assert episodes.seen()[1:] == [(69, 70, None, None)]


def test_a_new_run_does_not_alert_twice_for_one_silence() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    # The models of another run say something else of the same day, and of the next.
    assert episodes.evaluate(40, {"value": 0.97}).opened.is_empty()
    assert episodes.evaluate(41, {"value": 0.99}).opened.is_empty()


def test_a_rule_that_is_not_for_the_customer_any_more_lets_the_episode_recover() -> None:
    episodes = Episodes(alert(close_after=2))
    episodes.evaluate(40, {"value": 0.9})
    for day in (41, 42):
        episodes.evaluate(day, {"applies": False, "value": 0.9})
    assert episodes.seen() == [(10, 40, 42, "recovered")]


def test_a_value_that_is_not_known_changes_nothing() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(39, {"customer_id": "never", "value": None})
    episodes.evaluate(40, {"value": 0.9})
    episodes.evaluate(41, {"value": None})
    assert episodes.seen() == [(10, 40, None, None)]


def test_an_episode_of_a_rule_that_was_removed_is_closed() -> None:
    episodes = Episodes(alert())
    episodes.evaluate(40, {"value": 0.9})
    episodes.rules = (alert(name="other"),)
    episodes.evaluate(41, {"rule": "other"})
    assert episodes.seen() == [(10, 40, 41, "rule removed")]


def test_rules_do_not_disturb_one_another() -> None:
    episodes = Episodes(alert(), alert(name="value", open=100.0, close=100.0))
    changes = episodes.evaluate(40, {"value": 0.9}, {"rule": "value", "value": 99.0})
    assert changes.opened["rule"].to_list() == ["risk"]
    episodes.evaluate(41, {"value": 0.9}, {"rule": "value", "value": 100.0})
    assert episodes.rows["rule"].to_list() == ["risk", "value"]


@dataclass
class Oracle:
    """One customer and rule, one day at a time: what the day's last evaluation makes of it."""

    rule: Alert
    episodes: list[list[Any]] = field(default_factory=list)
    is_open: bool = False
    below: int = 0

    def end_day(self, day: int, last: Mapping[str, Any]) -> None:
        anchor, value = last["anchor_day"], last["value"]
        is_over = last["eligible"] and last["applies"] and value is not None
        is_over = is_over and value >= self.rule.open
        if self.is_open:
            opened_anchor, opened_day = self.episodes[-1][:2]
            if anchor == opened_anchor:
                self._go_on(day, last)
                return
            self._close(day, "late purchase" if anchor < opened_day else "bought")
        if is_over and not self._is_quiet(day, anchor):
            self.episodes.append([anchor, day, None, None])
            self.is_open, self.below = True, 0

    def _go_on(self, day: int, last: Mapping[str, Any]) -> None:
        value = last["value"]
        is_below = not last["applies"] or (value is not None and value < self.rule.close)
        self.below = self.below + 1 if is_below else 0
        if not last["eligible"]:
            self._close(day, "lapsed")
        elif self.below >= self.rule.close_after:
            self._close(day, "recovered")

    def close(self, day: int) -> None:
        if self.is_open:
            self._close(day, "by Ann")

    def _close(self, day: int, reason: str) -> None:
        self.episodes[-1][2:] = [day, reason]
        self.is_open = False

    def _is_quiet(self, day: int, anchor: int) -> bool:
        for episode_anchor, _, closed, reason in self.episodes:
            if reason in ("bought", "late purchase"):
                continue
            if day - closed <= self.rule.cooldown_days:
                return True
            if episode_anchor == anchor and reason != "recovered":
                return True
        return False


def random_days(
    rng: np.random.Generator, names: list[str], n_days: int
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Business days, each with up to three evaluations of some customers, in their order."""
    anchors = dict.fromkeys(names, 5)
    for day in range(20, 20 + n_days):
        rows = []
        for name in names:
            if rng.random() < 0.15:
                continue
            for _ in range(rng.integers(1, 4)):
                if rng.random() < 0.07:
                    anchors[name] = int(rng.integers(anchors[name], day + 1))
                eligible = bool(rng.random() > 0.03)
                value = None if rng.random() < 0.05 else float(rng.integers(0, 11)) / 10
                rows.append(
                    {
                        "customer_id": name, "anchor_day": anchors[name], "eligible": eligible,
                        "applies": eligible and bool(rng.random() > 0.1),
                        "value": value if eligible else None,
                    }
                )  # fmt: skip
        yield day, rows


def in_batches(
    rng: np.random.Generator, rows: list[dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """The rows in batches, one of a customer in each, a customer's in their order."""
    waiting = list(rows)
    while waiting:
        taken: dict[str, dict[str, Any]] = {}
        for row in waiting:
            if row["customer_id"] not in taken and rng.random() < 0.7:
                taken[row["customer_id"]] = row
            else:
                taken.setdefault(row["customer_id"], {})
        batch = [row for row in taken.values() if row]
        waiting = [row for row in waiting if not any(row is each for each in batch)]
        if batch:
            yield [batch[place] for place in rng.permutation(len(batch))]


# What fails is told as it was drawn: to make it smaller takes minutes.
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    seed=st.integers(0, 2**31),
    opens=st.integers(4, 10),
    width=st.integers(0, 3),
    close_after=st.integers(1, 3),
    cooldown_days=st.integers(0, 4),
)
def test_however_a_day_is_cut_into_batches_its_episodes_are_those_of_its_last_evaluations(
    seed: int, opens: int, width: int, close_after: int, cooldown_days: int
) -> None:
    rng = np.random.default_rng(seed)
    rule = alert(
        open=opens / 10,
        close=(opens - width) / 10,
        close_after=close_after,
        cooldown_days=cooldown_days,
    )
    names = [f"c{place:02d}" for place in range(25)]
    oracles = {name: Oracle(rule) for name in names}
    episodes = Episodes(rule)
    for day, rows in random_days(rng, names, n_days=14):
        for batch in in_batches(rng, rows):
            episodes.evaluate(day, *batch)
        for row in {row["customer_id"]: row for row in rows}.items():
            oracles[row[0]].end_day(day, row[1])
        for name in names:
            if rng.random() < 0.03:
                oracles[name].close(day)
                episodes.close_by("Ann", day, episodes.rows.filter(customer_id=name)["id"])
    for name in names:
        of_customer = episodes.rows.filter(customer_id=name)
        # What a day itself took back was never there at the day's end.
        lasted = of_customer.filter(
            (pl.col("closed_day") != pl.col("opened_day")).fill_null(value=True)
            | pl.col("close_reason").str.starts_with("by ").fill_null(value=False)
        )
        got = lasted.select("anchor_day", "opened_day", "closed_day", "close_reason").rows()
        assert got == [tuple(episode) for episode in oracles[name].episodes]


def test_the_oracle_is_not_empty() -> None:
    """The property above says something only where episodes open and end in every way."""
    rng = np.random.default_rng(1)
    names = [f"c{place:03d}" for place in range(150)]
    oracles = {name: Oracle(alert(close_after=2, cooldown_days=2)) for name in names}
    for day, rows in random_days(rng, names, n_days=20):
        for name, row in {row["customer_id"]: row for row in rows}.items():
            oracles[name].end_day(day, row)
    reasons = {each[3] for oracle in oracles.values() for each in oracle.episodes}
    assert reasons == {None, "bought", "late purchase", "lapsed", "recovered"}


@pytest.mark.parametrize("n_rules", [1, 2])
def test_nobody_evaluated_changes_nothing(n_rules: int) -> None:
    rules = [alert(name=f"rule-{place}") for place in range(n_rules)]
    nothing = pl.DataFrame(schema=EPISODES)
    changes = update_episodes(nothing, nothing, pl.DataFrame(schema=EVALUATIONS), rules, day=40)
    assert changes.opened.is_empty()
    assert changes.closed.is_empty()
