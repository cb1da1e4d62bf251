"""What a stream folds is what the batch rolls up, whatever came when."""

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.stream.shops import HISTORY, WHO_AND_WHEN, Message, Shop, order, visit

from holdfast.errors import DataError


def messages_at_random(count: int, seed: int) -> list[Message]:
    """Orders with shared products and orders, returns, and visits, in a handful of customers."""
    draw = random.Random(seed)
    made: list[Message] = []
    for number in range(10, 10 + count):
        who, day = draw.choice("ABCDEFG"), f"2025-0{draw.randint(1, 6)}-{draw.randint(1, 28):02d}"
        if draw.random() < 0.3:
            made.append(visit(number, who, day))
        else:
            several = {"order": draw.choice([None, f"O{draw.randint(1, 40)}"])}
            amount = {"amount": draw.choice([10, 2.5, "7.25", 0, -4])}
            product = draw.choice(["P1", "P2", "P3", "P4", None])
            made.append(order(number, who, day, product, **several, **amount))
    return made


@pytest.mark.parametrize("batch_events", [1_000, 23])
def test_a_stream_that_is_shuffled_late_and_repeated_is_the_batch(
    shop: Shop, batch_events: int
) -> None:
    made = messages_at_random(300, seed=batch_events)
    shop.settings = {"batch_events": batch_events}
    shop.begin([*HISTORY, *made[:80]])
    sent = [*made, *made[:60], *HISTORY]
    random.Random(1).shuffle(sent)
    shop.send(sent)
    outcome = shop.run()
    assert (outcome.read, outcome.accepted, outcome.dead) == (363, 220, 0)
    assert_frame_equal(shop.folded(), shop.batch([*HISTORY, *made]))


def test_a_late_line_takes_the_novelty_of_a_product_from_a_later_day(shop: Shop) -> None:
    first, again = order(1, "A", "2025-03-01", "P1"), order(2, "A", "2025-04-01", "P1")
    shop.begin([first, again, visit(1, "A", "2025-01-09")])
    shop.send([order(3, "A", "2025-02-01", "P1")])
    shop.run()
    bought = shop.folded().filter(pl.col("n_lines") > 0)
    new = dict(bought.select("day", "n_new_products").iter_rows())
    # 2025-02-01, -03-01 and -04-01.
    assert new == {20120: 1, 20148: 0, 20179: 0}


def test_what_comes_back_is_no_purchase_of_its_product(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "C", "2025-02-01", "P1", amount=-5), order(4, "C", "2025-03-01", "P1")])
    shop.run()
    rows = shop.folded().filter(pl.col("customer_id") == "C")
    assert rows["n_new_products"].to_list() == [0, 1]
    assert rows["n_orders"].to_list() == [0, 1]
    assert rows["returns_minor"].to_list() == [-500, 0]


def test_taking_events_in_while_behind_and_rolling_them_up_afterwards_is_the_batch(
    shop: Shop,
) -> None:
    made = messages_at_random(200, seed=4)
    shop.settings = {"catch_up_events": 20, "batch_events": 10}
    shop.begin()
    shop.send(made)
    shop.run()
    assert shop.value("SELECT count(*) FROM customers WHERE dirty") == 0
    assert not shop.value("SELECT bool_or(catching_up) FROM positions")
    assert_frame_equal(shop.folded(), shop.batch([*HISTORY, *made]))


@pytest.mark.parametrize("batch_events", [1, 4])
def test_a_day_on_which_much_happens_is_added_up_step_by_step(
    shop: Shop, batch_events: int
) -> None:
    day = "2025-06-01"
    visits = [visit(number, "A", day, kind="cart_add" if number % 3 else "session")
              for number in range(10, 22)]  # fmt: skip
    made = [*visits[:5], order(9, "A", day), *visits[5:], order(8, "A", day, "P2")]
    shop.settings = {"batch_events": batch_events}
    shop.begin()
    shop.send([*made, *made[:7]])
    shop.run()
    assert_frame_equal(shop.folded(), shop.batch([*HISTORY, *made]))


def test_counts_that_no_day_can_hold_are_refused_with_a_sentence(shop: Shop) -> None:
    shop.more = {"events": {"path": "events.json", "columns": {**WHO_AND_WHEN, "kind": "kind",
                                                               "n": "n"}}}  # fmt: skip
    shop.settings = {"batch_events": 1}
    shop.begin([HISTORY[0], visit(1, "A", "2025-01-09", n=1)])
    shop.send([visit(number, "A", "2025-06-01", n=2**31 - 1) for number in (5, 6)])
    with pytest.raises(DataError, match="too much to count"):
        shop.run()
    assert shop.folded()["n_sessions"].max() == 2**31 - 1
