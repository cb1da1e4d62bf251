"""Silences, how many end when, and the window: by hand, by brute force and against closed forms."""

import numpy as np
import polars as pl
import pytest

from holdfast.quality.churn_definition.gaps import GROUPS, Chance, Returns, Window, find_silences
from holdfast.tables import ACTIVITY


def activity(purchases: dict[str, list[int]]) -> pl.DataFrame:
    """The ACTIVITY columns that are read, in disorder, with a day of browsing that is no
    purchase.
    """
    rows = [
        (customer, day, 1, day - days[i - 1] if i else None)
        for customer, days in purchases.items()
        for i, day in enumerate(sorted(days))
    ]
    rows.append(("a", 3, 0, None))
    names = ("customer_id", "day", "n_orders", "purchase_gap")
    frame = pl.DataFrame(rows, schema={name: ACTIVITY.schema[name] for name in names}, orient="row")
    return frame.sample(fraction=1, shuffle=True, seed=1)


def chance(*values: float, spread: float = 0.0) -> Chance:
    value = np.array(values)
    return Chance(value=value, low=value - spread, high=value + spread)


def test_a_silence_ends_with_the_next_purchase_or_stays_open_until_the_log_ends() -> None:
    found = find_silences(activity({"a": [10, 14, 20], "b": [18]}), end_day=21)
    assert found.select("customer_id", "start_day", "days", "returned").rows() == [
        ("a", 10, 4, True),
        ("a", 14, 6, True),
        ("a", 20, 0, False),
        ("b", 18, 2, False),
    ]


def test_a_group_is_what_was_known_on_the_day_of_the_purchase() -> None:
    slow = [0, 120, 240, 360, 480]
    dense = [0, 10, 30, 45, 70]
    found = find_silences(
        activity({"dense": dense, "regular": [0, 40, 100, 130], "slow": slow}), end_day=600
    )
    groups = {key[0]: rows["group"].to_list() for key, rows in found.group_by("customer_id")}
    assert groups["dense"] == ["one-time", "sparse", "sparse", "dense", "dense"]
    assert groups["regular"] == ["one-time", "sparse", "sparse", "regular"]
    assert groups["slow"] == ["one-time", "sparse", "sparse", "sparse", "sparse"]
    assert set(found["group"]) <= set(GROUPS)


def test_a_customer_is_on_the_clock_once_three_gaps_agree_and_not_after_a_skipped_one() -> None:
    found = find_silences(
        activity({"monthly": [0, 31, 61, 92, 152], "daily": [0, 1, 2, 3, 4]}), end_day=200
    )
    assert found.filter(pl.col("customer_id") == "monthly")["on_clock"].to_list() == [
        False,
        False,
        False,
        True,
        False,
    ]
    assert not found.filter(pl.col("customer_id") == "daily")["on_clock"].any()


def test_open_silences_are_censored_as_by_kaplan_and_meier() -> None:
    # The remission times of 21 leukaemia patients on 6-MP (Freireich and others 1963), a textbook's
    # worked example.
    ended, censored = (
        [6, 6, 6, 7, 10, 13, 16, 22, 23],
        [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35],
    )
    table = pl.DataFrame(
        {
            "days": ended + censored,
            "returned": [True] * len(ended) + [False] * len(censored),
        }
    )
    silent = Returns.of(table).still_there
    published = {
        6: 0.8571,
        7: 0.8067,
        10: 0.7529,
        13: 0.6902,
        16: 0.6275,
        22: 0.5378,
        23: 0.4482,
        35: 0.4482,
    }
    assert {day: round(float(silent[day]), 4) for day in published} == published


def test_the_chance_of_a_return_is_the_share_of_labels_when_nothing_is_censored() -> None:
    rng = np.random.default_rng(3)
    bought = {
        f"c{i}": sorted(rng.choice(60, size=rng.integers(1, 6), replace=False).tolist())
        for i in range(300)
    }
    # So long after the last purchase that every window is complete.
    found = Returns.of(find_silences(activity(bought), end_day=200)).within(20)
    for silent in (1, 7, 25):
        outcomes = []
        for days in bought.values():
            for day, following in zip(days, [*days[1:], None], strict=True):
                cutoff = day + silent
                if following is None or following >= cutoff:
                    outcomes.append(following is not None and following < cutoff + 20)
        assert found.at(silent) == pytest.approx(np.mean(outcomes))


def test_the_chance_is_told_only_as_far_as_thirty_silences_were_watched() -> None:
    table = pl.DataFrame({"days": [50] * 30 + [80] * 29, "returned": [True] * 30 + [False] * 29})
    found = Returns.of(table).within(10)
    # A silence of w days is followed up to day w + 9, and 59 silences were watched on day 50.
    assert len(found) == 41
    assert found.at(41) == pytest.approx(30 / 59)
    assert found.at(42) is None


def test_the_limits_are_those_of_greenwood() -> None:
    table = pl.DataFrame({"days": [1] * 40 + [9] * 60, "returned": [True] * 40 + [False] * 60})
    found = Returns.of(table).within(5)
    error = np.exp(1.959964 * np.sqrt(40 / (100 * 60)))
    assert found.value[0] == pytest.approx(0.4)
    assert found.low[0] == pytest.approx(1 - 0.6 * error)
    assert found.high[0] == pytest.approx(1 - 0.6 / error)


def test_where_all_return_the_chance_is_one_and_no_warning_is_given() -> None:
    table = pl.DataFrame({"days": [5] * 40, "returned": [True] * 40})
    assert Returns.of(table).within(5).value[0] == 1.0


def test_returns_later_is_the_share_of_returns_that_a_window_cuts_off() -> None:
    table = pl.DataFrame(
        {"days": [1] * 10 + [3] * 30 + [8] * 60, "returned": [True] * 40 + [False] * 60}
    )
    later = Returns.of(table).returns_later
    assert later[:4].tolist() == pytest.approx([1.0, 0.75, 0.75, 0.0])


def test_no_silences_leave_nothing_to_say() -> None:
    returns = Returns.of(find_silences(activity({}), end_day=10))
    assert len(returns.within(5)) == 0
    assert returns.median_gap() is None
    assert len(returns.returns_later) == 0


def test_the_window_begins_where_the_chance_falls_for_good() -> None:
    # Annual buyers: unlikely at first, likely after three days, then never again.
    assert Window.of(chance(0.1, 0.1, 0.9, 0.15, 0.1), unlikely=0.2) == Window(
        4, earliest=4, latest=4
    )


def test_a_rise_within_its_own_error_does_not_move_the_window() -> None:
    assert Window.of(chance(0.5, 0.19, 0.21, 0.1, spread=0.05), unlikely=0.2) == Window(
        2, earliest=2, latest=4
    )


def test_there_is_no_window_where_the_chance_stays_high() -> None:
    assert Window.of(chance(0.5, 0.4, 0.3), unlikely=0.2) == Window(None)


@pytest.mark.parametrize(("buys", "leaves"), [(10.0, 1.0), (25.0, 2.0)])
def test_the_window_of_equal_memoryless_customers_is_the_one_of_the_closed_form(
    buys: float, leaves: float
) -> None:
    """Next purchase and death compete: P(silent for t) = (m + l exp(-(l + m) t)) / (l + m)."""
    rng = np.random.default_rng(8)
    bought: dict[str, list[int]] = {}
    for number in range(2_000):
        now, days = float(rng.uniform(0, 700)), []
        dies = now + rng.exponential(365 / leaves)
        while now < min(dies, 730):
            days.append(int(now))
            now += rng.exponential(365 / buys)
        bought[f"c{number}"] = sorted(set(days))

    t = np.arange(0, 800)
    total = (buys + leaves) / 365
    silent = (leaves + buys * np.exp(-total * t)) / (buys + leaves)
    closed = next(w for w in range(1, 700) if 1 - silent[w + 89] / silent[w - 1] <= 0.2)

    found = Window.of(
        Returns.of(find_silences(activity(bought), end_day=730)).within(90), unlikely=0.2
    )
    assert found.days == pytest.approx(closed, rel=0.1)
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest <= found.days <= found.latest
