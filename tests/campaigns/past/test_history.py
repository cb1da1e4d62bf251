"""What is believed of each cell, what a plan may bring, and how many accept."""

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.past.acceptance import learn_acceptance
from holdfast.campaigns.past.history import SPREADS, Assumed, History, learn_history
from holdfast.campaigns.planning.plan_return import simulate_plan
from holdfast.errors import DataError, InputError

SEGMENTS, OFFERS = ["new", "old", "gone"], ["voucher", "letter"]
ASSUMED = Assumed(uplift=1.0)


def readouts(*rows: tuple[str, str, float, float], source: str = "experiment") -> pl.DataFrame:
    schema = {"segment": pl.String, "offer": pl.String, "effect": pl.Float64,
              "standard_error": pl.Float64}  # fmt: skip
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.with_columns(uplift_source=pl.lit(source))


def learn(table: pl.DataFrame, assumed: Assumed = ASSUMED) -> History:
    return learn_history(table, segments=SEGMENTS, offers=OFFERS, assumed=assumed)


def of(history: History, segment: str, offer: str) -> dict[str, object]:
    return history.cells.row(
        by_predicate=(pl.col("segment") == segment) & (pl.col("offer") == offer), named=True
    )


def test_without_experiments_a_cell_is_what_was_assumed() -> None:
    cells = learn(readouts()).cells
    assert cells["mean"].to_list() == pytest.approx([1.0] * 6)
    assert set(cells["basis"]) == {"assumed"}
    assert cells["moved"].to_list() == pytest.approx([0.0] * 6)
    # Mean 1 with deviation 1, and three spreads of scale 1 around it.
    variance = 1 + 3 * float((SPREADS**2).mean())
    assert cells["deviation"][0] == pytest.approx(np.sqrt(variance))


def test_an_assumption_is_never_surer_than_its_own_size() -> None:
    assert Assumed(uplift=4.0, spread=0.5).deviation == 4.0
    assert Assumed(uplift=-4.0, spread=6.0).deviation == 6.0
    with pytest.raises(InputError, match="with certainty"):
        Assumed(uplift=0.0)


def test_a_single_cell_is_the_normal_posterior_averaged_over_the_spreads() -> None:
    history = learn_history(
        readouts(("new", "voucher", 3.0, 0.8)),
        segments=["new"],
        offers=["voucher"],
        assumed=ASSUMED,
    )
    scale = 3.0
    means, likelihoods = [], []
    for segment in SPREADS:
        for offer in SPREADS:
            for cell in SPREADS:
                prior = 1 + scale**2 * (segment**2 + offer**2 + cell**2)
                means.append(1 + prior / (prior + 0.64) * 2)
                likelihoods.append(np.exp(-0.5 * 4 / (prior + 0.64)) / np.sqrt(prior + 0.64))
    expected = np.average(means, weights=likelihoods)
    assert history.cells["mean"][0] == pytest.approx(expected)
    assert history.cells["basis"][0] == "measured"


def test_experiments_elsewhere_tell_of_a_cell_and_more_so_of_its_own_segment_and_offer() -> None:
    table = readouts(("new", "voucher", 4.0, 0.3), ("old", "voucher", 4.2, 0.3))
    history = learn(table)
    same, other = of(history, "gone", "voucher"), of(history, "gone", "letter")
    assert same["basis"] == "pooled"
    assert 1.0 < other["mean"] < same["mean"] < 4.2  # type: ignore[operator]
    assert other["deviation"] > same["deviation"]  # type: ignore[operator]


def test_the_best_looking_of_noisy_cells_is_drawn_back() -> None:
    rng = np.random.default_rng(2)
    noisy = [(s, o, 1.0 + 2 * rng.standard_normal(), 2.0) for s in SEGMENTS for o in OFFERS]
    cells = learn(readouts(*noisy)).cells
    best = cells.sort("measured_effect")[-1]
    assert best["mean"][0] < best["measured_effect"][0] - 0.5


def test_two_experiments_of_a_cell_count_by_their_precision() -> None:
    history = learn(readouts(("new", "voucher", 1.0, 1.0), ("new", "voucher", 4.0, 0.5)))
    cell = of(history, "new", "voucher")
    assert cell["experiments"] == 2
    assert cell["measured_effect"] == pytest.approx((1 + 4 * 4.0) / 5)
    assert cell["measured_error"] == pytest.approx(5**-0.5)


def test_draws_have_the_mean_and_spread_of_the_table() -> None:
    history = learn(readouts(("new", "voucher", 3.0, 0.5), ("old", "letter", 0.0, 0.5)))
    drawn = history.draw(40_000, seed=1)
    assert drawn.mean(axis=0) == pytest.approx(history.cells["mean"].to_numpy(), abs=0.05)
    assert drawn.std(axis=0) == pytest.approx(history.cells["deviation"].to_numpy(), rel=0.05)


def test_what_was_only_observed_teaches_nothing_and_is_given_nothing() -> None:
    observed = readouts(("new", "voucher", 9.0, 0.1), source="observed")
    history = learn(observed)
    assert of(history, "new", "voucher")["basis"] == "observed"
    assert of(history, "new", "voucher")["mean"] == pytest.approx(1.0)
    plan = pl.DataFrame(
        {"segment": ["new"], "offer": ["voucher"], "contacts": [100], "cost": [0.1]}
    )
    result = simulate_plan(plan, history)
    assert result.cells["contacts"].sum() == 0
    assert (result.net, result.roi, result.cost) == ((0.0, 0.0, 0.0), None, 0.0)
    assert "had no hold-out" in result.notes[0]


@pytest.mark.parametrize(
    ("row", "says"),
    [(("nobody", "voucher", 1.0, 1.0), "segment nobody"), (("new", "gift", 1.0, 1.0), "offer gift"),
     (("new", "voucher", 1.0, 0.0), "not above 0")],
)  # fmt: skip
def test_readouts_that_cannot_be_used_are_refused(
    row: tuple[str, str, float, float], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        learn(readouts(row))


def surely(uplift: float) -> History:
    """One cell whose uplift is known."""
    table = readouts(("new", "voucher", uplift, 1e-6))
    return learn_history(table, segments=["new"], offers=["voucher"], assumed=ASSUMED)


def test_a_plan_of_known_uplift_brings_it_less_its_cost() -> None:
    plan = pl.DataFrame(
        {"segment": ["new"], "offer": ["voucher"], "contacts": [200], "cost": [1.5]}
    )
    result = simulate_plan(plan, surely(2.0))
    assert result.net == pytest.approx((100.0, 100.0, 100.0), abs=0.01)
    assert result.roi == pytest.approx((1 / 3,) * 3, abs=1e-4)
    assert (result.cost, result.p_net_above_0, result.expected_loss) == (300.0, 1.0, 0.0)
    assert result.cells["break_even"][0] == pytest.approx(1.5)


def test_a_plan_that_surely_loses_says_how_much() -> None:
    plan = pl.DataFrame(
        {"segment": ["new"], "offer": ["voucher"], "contacts": [200], "cost": [2.5]}
    )
    result = simulate_plan(plan, surely(2.0))
    assert result.p_net_above_0 == 0.0
    assert result.expected_loss == pytest.approx(100.0, abs=0.01)


def test_values_that_may_be_off_widen_what_a_plan_may_bring() -> None:
    plan = pl.DataFrame(
        {"segment": ["new"], "offer": ["voucher"], "contacts": [200], "cost": [1.5]}
    )
    result = simulate_plan(plan, surely(2.0), value_error=0.2)
    # 400 of value times a lognormal of mean 1: 5 and 95 % at exp(-.02 -+ 1.645 x .2).
    assert result.net[0] == pytest.approx(100.0, abs=6)
    assert result.net[1] == pytest.approx(400 * np.exp(-0.02 - 0.329) - 300, abs=10)
    assert result.net[2] == pytest.approx(400 * np.exp(-0.02 + 0.329) - 300, abs=10)


def test_an_offer_that_costs_when_taken_costs_by_its_acceptance() -> None:
    counts = pl.DataFrame({"segment": ["new"], "offer": ["voucher"], "contacted": [10**6],
                           "accepted": [200_000]})  # fmt: skip
    accepted = learn_acceptance(counts, segments=["new"], offers=["voucher"], assumed=0.1)
    plan = pl.DataFrame({"segment": ["new"], "offer": ["voucher"], "contacts": [200], "cost": [0.5],
                         "cost_if_accepted": [5.0]})  # fmt: skip
    result = simulate_plan(plan, surely(2.0), acceptance=accepted)
    # .5 and 5 times .2 each.
    assert result.cost == pytest.approx(300.0, rel=0.01)


def test_acceptance_is_its_own_rate_where_many_were_contacted_and_others_where_none_were() -> None:
    counts = pl.DataFrame({
        "segment": ["new", "old", "new"], "offer": ["voucher", "voucher", "letter"],
        "contacted": [50_000, 50_000, 50_000], "accepted": [5_000, 10_000, 1_000],
    })  # fmt: skip
    law = learn_acceptance(counts, segments=SEGMENTS, offers=OFFERS, assumed=0.1)
    rates = {
        (s, o): rate for s, o, rate in law.cells.select("segment", "offer", "rate").iter_rows()
    }
    assert rates["new", "voucher"] == pytest.approx(0.1, rel=0.02)
    assert rates["old", "letter"] < rates["old", "voucher"]
    row = law.cells.row(
        by_predicate=(pl.col("segment") == "gone") & (pl.col("offer") == "letter"), named=True
    )
    assert row["low"] < row["rate"] < row["high"]


def test_an_acceptance_that_cannot_be_is_refused() -> None:
    counts = pl.DataFrame(
        {"segment": ["new"], "offer": ["voucher"], "contacted": [5], "accepted": [6]}
    )
    with pytest.raises(DataError, match="more accepted"):
        learn_acceptance(counts, segments=SEGMENTS, offers=OFFERS, assumed=0.1)
    with pytest.raises(DataError, match="assumed rate"):
        learn_acceptance(counts, segments=SEGMENTS, offers=OFFERS, assumed=1.0)
