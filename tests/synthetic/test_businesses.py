"""Businesses in which the order of orders decides: their truth against what happens next."""

import numpy as np
import polars as pl
import pytest

from holdfast.errors import InputError
from holdfast.synthetic import LAWS, Business, simulate_business
from holdfast.synthetic.businesses import draw_histories, order_lines, silence_table

AT_DAY = 600


def silences(name: str, *, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Chance of silence over the law's horizon, and whether it came, of those who are eligible."""
    business = Business(name=name, n_customers=10_000, seed=seed)
    law, histories = business.law, draw_histories(business, 0)
    truth = silence_table(business, histories, 0, at_day=AT_DAY)
    orders = pl.DataFrame({"who": histories.who, "when": histories.when})
    ahead = (pl.col("when") >= AT_DAY) & (pl.col("when") < AT_DAY + law.horizon_days)
    seen = pl.col("when") < AT_DAY
    each = (
        orders.group_by("who")
        .agg(last=pl.col("when").filter(seen).max(), buys=ahead.any())
        .filter(pl.col("last").is_not_null())
        .sort("who")
    )
    eligible = each["last"].to_numpy() >= AT_DAY - law.eligible_days
    chance = truth[f"probability_no_purchase_{law.horizon_days}"].to_numpy()
    return chance[eligible], ~each["buys"].to_numpy()[eligible]


@pytest.mark.parametrize("name", LAWS)
def test_the_truth_is_as_often_right_as_it_says(name: str) -> None:
    chance, silent = silences(name)
    assert len(chance) > 1_000
    for fifth in np.array_split(np.argsort(chance, kind="stable"), 5):
        expected, noise = chance[fifth].sum(), np.sqrt((chance * (1 - chance))[fifth].sum())
        assert abs(silent[fifth].sum() - expected) < 4 * noise


def test_only_y_after_x_switches_a_customer_and_orders_in_between_change_nothing() -> None:
    histories = draw_histories(Business(name="long-memory", n_customers=2_000, seed=3), 0)
    kinds = pl.DataFrame({"who": histories.who, "kind": histories.kind, "state": histories.state})
    for _, customer in kinds.group_by("who"):
        meant, switched = "", False
        for kind, state in customer.select("kind", "state").iter_rows():
            if kind:
                letter = " XY"[kind]
                switched = letter == "Y" and (switched or meant == "X")
                meant = letter
            assert (state == 2) == switched


def test_who_leaves_is_never_seen_again_and_as_many_leave_as_the_law_says() -> None:
    business = Business(name="downgrade", n_customers=10_000, seed=3)
    histories = draw_histories(business, 0)
    last_of_customer = np.append(histories.who[1:] != histories.who[:-1], True)
    assert last_of_customer[histories.leaves].all()
    for state, share in enumerate(business.law.leaves):
        left = histories.leaves[histories.state == state]
        assert abs(left.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(left))


def test_the_third_gap_of_a_refill_is_four_times_as_long() -> None:
    histories = draw_histories(Business(name="refill", n_customers=5_000, seed=3), 0)
    same = histories.who[1:] == histories.who[:-1]
    # Where a customer comes often, no gap is cut off by the end of the log.
    often = np.isin(histories.who[:-1], np.flatnonzero(np.bincount(histories.who) > 10))
    early = histories.when[:-1] < 560
    gaps = np.diff(histories.when)
    mean = [gaps[same & often & early & (histories.state[:-1] == k)].mean() for k in range(3)]
    assert mean[1] / mean[0] == pytest.approx(1.0, abs=0.02)
    assert mean[2] / mean[0] == pytest.approx(4.0, abs=0.15)


def test_lines_and_money_of_an_order_tell_its_kind() -> None:
    business = Business(name="downgrade", n_customers=3_000, seed=3)
    histories = draw_histories(business, 0)
    orders = (
        order_lines(business, histories, 0)
        .group_by("order_id", maintain_order=True)
        .agg(lines=pl.len(), worth=(pl.col("quantity") * pl.col("unit_price")).sum())
    )
    kind = pl.Series(histories.kind)
    assert orders["lines"].to_list() == pl.Series([6, 2]).gather(kind).to_list()
    for each, median in enumerate(business.law.worth):
        assert orders.filter(kind == each)["worth"].median() == pytest.approx(median, rel=0.02)


def test_customers_keep_their_fate_when_the_business_has_more_batches() -> None:
    one, more = (Business(name="refill", n_customers=n, seed=3) for n in (10_000, 10_050))
    first, *_ = simulate_business(one)
    same, rest = simulate_business(more)
    assert first[0].equals(same[0])
    assert first[1].equals(same[1])
    assert rest[1].height == 50
    assert set(rest[1]["customer_id"]).isdisjoint(same[1]["customer_id"])


def test_an_unknown_business_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="longmemory") as refused:
        Business(name="longmemory", n_customers=10)
    assert "long-memory" in str(refused.value.fix)
