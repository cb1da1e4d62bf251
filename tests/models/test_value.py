"""Value: the mean, in totals that add up, and reasons in money."""

import numpy as np
import polars as pl
import pytest

from holdfast.arrays import Split
from holdfast.models.reference_spend import ReferenceSpend, Scale
from holdfast.models.value import ValueModel, learn_value
from holdfast.study import Value

N = 2_000


@pytest.fixture(scope="module")
def base() -> tuple[pl.DataFrame, np.ndarray]:
    """A value with a long tail whose mean is known: 40 or 400 by plan."""
    rng = np.random.default_rng(11)
    big = rng.random(N) < 0.3
    frame = pl.DataFrame({"plan": np.where(big, "firm", "home"), "noise": rng.normal(size=N)})
    return frame, rng.gamma(1.0, np.where(big, 400.0, 40.0))


def learnt(base: tuple[pl.DataFrame, np.ndarray], **settings: object) -> ValueModel:
    even, odd = np.arange(0, N, 2), np.arange(1, N, 2)
    return learn_value(
        base[0],
        base[1],
        columns=["plan", "noise"],
        settings=Value(**{"algorithm": "lightgbm", **settings}),
        seed=1,
        splits=[Split(even, odd), Split(odd, even)],
    )


@pytest.mark.parametrize(
    "algorithm", ["lightgbm", "random_forest", "hist_gradient_boosting", "ridge"]
)
def test_the_prediction_is_the_mean_of_a_long_tail_and_not_its_median(
    algorithm: str, base: tuple[pl.DataFrame, np.ndarray]
) -> None:
    said = learnt(base, algorithm=algorithm).predict(base[0])
    firm = (base[0]["plan"] == "firm").to_numpy()
    # The medians are 277 and 28.
    assert said[firm].mean() == pytest.approx(400, rel=0.08)
    assert said[~firm].mean() == pytest.approx(40, rel=0.15)
    assert said.sum() == pytest.approx(base[1].sum(), rel=0.01)


def test_reasons_are_money_and_add_up_to_the_prediction(
    base: tuple[pl.DataFrame, np.ndarray],
) -> None:
    model = learnt(base)
    found = model.contributions(base[0])
    np.testing.assert_allclose(found.total, model.predict(base[0]), atol=1e-6)
    np.testing.assert_allclose(found.base, base[1].mean(), rtol=0.01)


def test_what_comes_back_from_the_published_parts_says_the_same(
    base: tuple[pl.DataFrame, np.ndarray],
) -> None:
    model = learnt(base)
    again = ValueModel.from_parts(model.parts())
    np.testing.assert_array_equal(again.predict(base[0]), model.predict(base[0]))


def test_the_candidate_with_the_least_squared_error_becomes_the_champion() -> None:
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"plan": rng.normal(size=N), "noise": rng.normal(size=N)})
    line, valley = 3 * frame["plan"].to_numpy() + rng.normal(0, 9, N), frame["plan"].to_numpy() ** 2
    candidates = ["ridge", "lightgbm"]
    assert learnt((frame, line), algorithm="auto", candidates=candidates).algorithm == "ridge"
    assert learnt((frame, valley), algorithm="auto", candidates=candidates).algorithm == "lightgbm"


def test_the_yardstick_is_the_last_years_spend_over_the_horizon_and_a_floor() -> None:
    # 730 in 365 days is 2 a day; 90 days and a floor of 5.
    tenure = np.full(3, 400.0)
    assert ReferenceSpend(90, 5.0).of(np.array([730.0, 0.0, -80.0]), tenure, 365.0).tolist() == [
        185.0,
        5.0,
        5.0,
    ]
    # Seen for half a year only, the same spend is twice the rate.
    assert ReferenceSpend(90, 0.0).of(np.array([730.0]), tenure[:1], 182.5).tolist() == [360.0]


def test_in_a_young_shop_a_customer_is_measured_alike_in_its_first_year_and_later() -> None:
    yardstick, spent, tenure = (
        ReferenceSpend(90, 0.0, by_tenure=True),
        np.array([380.0, 380.0]),
        np.array([100.0, 700.0]),
    )
    # 90 days beside one's own 100: 380 / 190 a day, whether the shop is 100 or 365 days old.
    assert yardstick.of(spent, tenure, 100.0)[0] == yardstick.of(spent, tenure, 365.0)[0] == 180.0
    assert yardstick.of(spent, tenure, 365.0)[1] == pytest.approx(90 * 380 / 455)


def test_the_scale_is_shared_between_spending_and_tenure() -> None:
    scale = Scale(ReferenceSpend(90, 10.0, by_tenure=True), 365.0, usual=100.0, usual_tenure=110.0)
    spent, tenure = np.array([200.0, 200.0, 900.0]), np.array([110.0, 30.0, 210.0])
    of_spent, of_tenure = scale.shares(spent, tenure)
    # The usual scale of 100 is 10 and 90 days' share of 200 in 110 + 90 days.
    np.testing.assert_allclose([of_spent[0], of_tenure[0]], 0.0, atol=1e-9)
    assert of_spent[1] == pytest.approx(0.0)
    assert of_tenure[1] == pytest.approx(90 * 200 / 120 - 90)
    # From 200 to 900 at tenure 110 and at 210: 315 and 210, halved between the two orders.
    assert of_spent[2] == pytest.approx((315 + 210) / 2)
    np.testing.assert_allclose(100.0 + of_spent + of_tenure, scale.of_past(spent, tenure))


class Told:
    """A learner that says a number for each row and explains it by its first column."""

    algorithm = "told"
    link = "identity"

    def __init__(self, says: list[float], base: float) -> None:
        self.says, self.base = np.array(says), base

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return self.says

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        found = np.zeros((len(matrix), matrix.shape[1] + 1))
        found[:, 0], found[:, -1] = self.says - self.base, self.base
        return found


def product(frame: pl.DataFrame) -> ValueModel:
    from holdfast.learners.design import Design

    return ValueModel(
        Design.learn(frame, columns=["n", "spend_365d", "tenure_days"]),
        Told([3.0, 1.0], base=2.0),  # type: ignore[arg-type]
        Told([0.5, 0.25], base=0.5),  # type: ignore[arg-type]
        Scale(ReferenceSpend(365, 0.0), 365.0, usual=100.0, usual_tenure=400.0),
        level=2.0,
    )


def test_the_prediction_is_level_times_scale_times_chance_times_amount() -> None:
    frame = pl.DataFrame(
        {"n": [1.0, 2.0], "spend_365d": [100.0, 400.0], "tenure_days": [400.0, 500.0]}
    )
    assert product(frame).predict(frame).tolist() == [2 * 100 * 0.5 * 3, 2 * 400 * 0.25 * 1]


def test_a_product_is_shared_between_its_factors_by_their_shapley_values() -> None:
    frame = pl.DataFrame(
        {"n": [1.0, 2.0], "spend_365d": [100.0, 400.0], "tenure_days": [400.0, 500.0]}
    )
    found = product(frame).contributions(frame)
    # First customer: only the amount departs from its base, 3 instead of 2, at level 2, chance .5
    # and scale 100.
    assert found.values[0].tolist() == pytest.approx([2 * 0.5 * 100 * 1, 0.0, 0.0])
    # Second: amount 2 to 1, chance .5 to .25, scale 100 to 400. In each order of the three the
    # scale adds 300 x amount x chance as known by then: 2 x .5 in two of six, 1 x .5 and 2 x .25 in
    # one each, 1 x .25 in two.
    scale = 300 * (2 * 1.0 + 0.5 + 0.5 + 2 * 0.25) / 6
    assert found.values[1, 1] == pytest.approx(2 * scale)
    assert found.total.tolist() == pytest.approx([300.0, 200.0])
    assert found.base.tolist() == [200.0, 200.0]
