"""The churn window of small logs made by hand, and of the real ones."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.quality.churn_definition.window import ChurnWindow, find_churn_window

END_DAY = 1_000


def activity(purchases: pl.DataFrame) -> pl.DataFrame:
    """The ACTIVITY columns that are read, from customer_id and day."""
    ordered = (
        purchases.unique().sort("customer_id", "day").with_columns(pl.col("day").cast(pl.Int32))
    )
    gap = pl.col("day").diff().over("customer_id")
    return ordered.with_columns(n_orders=pl.lit(1, pl.Int32), purchase_gap=gap)


def found(
    purchases: pl.DataFrame, *, end_day: int = END_DAY, horizon_days: int = 90, **given: object
) -> ChurnWindow:
    asked = {"horizons_days": [30, 90], "eligible_days": None, "kind": "non-contractual"} | given
    return find_churn_window(
        activity(purchases), end_day=end_day, horizon_days=horizon_days, **asked
    )  # type: ignore[arg-type]


def buyers(
    n: int = 600, *, usual_gap: float = 30, leaves_after: float = 300, seed: int = 4
) -> pl.DataFrame:
    """Customers who buy at random until they leave."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        day = rng.uniform(0, END_DAY)
        leaves = day + rng.exponential(leaves_after)
        while day < min(leaves, END_DAY):
            rows.append((f"C{number}", int(day)))
            day += rng.exponential(usual_gap) + 1
    return pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Int64}, orient="row")


@pytest.fixture(scope="module")
def shop() -> ChurnWindow:
    return found(buyers())


def subscribers(n: int = 300, *, seed: int = 5) -> pl.DataFrame:
    """Customers who renew every 30 days and leave with one chance in ten."""
    rng = np.random.default_rng(seed)
    starts, renewals = rng.integers(0, END_DAY, n), rng.geometric(0.1, n)
    rows = [
        (f"S{i}", int(day + 30 * k)) for i, day in enumerate(starts) for k in range(renewals[i])
    ]
    frame = pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Int64}, orient="row")
    return frame.filter(pl.col("day") < END_DAY)


def test_a_subscriber_is_lost_the_day_after_the_missed_renewal() -> None:
    said = found(subscribers(), kind="contractual", horizon_days=60)
    assert said.regime.name == "contractual"
    assert said.window.days == 31
    assert said.active_days == 30
    assert said.findings == ()


def test_the_horizon_of_subscribers_follows_their_rhythm() -> None:
    def advice(horizon_days: int) -> list[str]:
        said = found(subscribers(), kind="contractual", horizon_days=horizon_days)
        return [each.fix for each in said.findings if each.name == "horizon-off-the-rhythm"]

    assert advice(90) == ["set churn.horizon_days to about 60: silent for two gaps"]
    assert advice(14) == advice(90)
    assert advice(60) == []


def test_subscribers_have_a_group_and_a_window_of_their_own_in_a_mixed_business() -> None:
    said = found(pl.concat([subscribers(), buyers(300)]))
    assert said.regime.name == "mixed"
    groups = dict(zip(said.groups["group"], said.groups["window_days"], strict=True))
    assert 31 <= groups["fixed intervals"] <= 40
    assert groups["one-time"] > 40
    assert [finding.name for finding in said.findings] == ["churn-kind", "rhythms-differ"]


def test_every_customer_is_active_or_lapsed_or_lost(shop: ChurnWindow) -> None:
    assert shop.counts.height == 3
    total = shop.counts["active"] + shop.counts["lapsed"] + shop.counts["lost"]
    assert total.to_list() == [shop.customers] * 3
    assert shop.groups["customers"].sum() == shop.customers
    assert shop.groups["silences"].sum() == activity(buyers()).height


def test_the_counts_are_those_of_the_silences_today(shop: ChurnWindow) -> None:
    days = shop.window.days
    assert days is not None
    assert shop.active_days is not None
    silent = END_DAY - buyers().group_by("customer_id").agg(pl.col("day").max())["day"]
    for row in shop.counts.iter_rows(named=True):
        assert row["lost"] == (silent >= row["window_days"]).sum()
        assert row["active"] == (silent <= shop.active_days).sum()
    assert shop.counts["window_days"].to_list() == [days - 30, days, days + 30]


def test_a_wider_window_calls_fewer_lost_and_is_more_certain(shop: ChurnWindow) -> None:
    reached = shop.tradeoff.drop_nulls()
    assert reached["window_days"].is_sorted()
    assert reached["customers_lost"].is_sorted(descending=True)
    assert reached["returns_later"].is_sorted(descending=True)
    at_window = shop.tradeoff.filter(pl.col("certainty") == 0.8)
    assert at_window["window_days"].item() == shop.window.days
    on_curve = shop.curve.filter(pl.col("silence_days") == shop.window.days)
    assert on_curve["return_probability"].item() <= 0.2
    assert on_curve["customers"].item() == at_window["customers_lost"].item()


def test_the_gaps_table_holds_every_gap(shop: ChurnWindow) -> None:
    gaps = activity(buyers())["purchase_gap"].drop_nulls()
    assert shop.gaps["gaps"].sum() == len(gaps)
    assert shop.gaps.filter(pl.col("gap_days") == 20)["gaps"].item() == (gaps == 20).sum()


def test_labels_are_mature_up_to_a_horizon_before_the_end() -> None:
    purchases = pl.DataFrame(
        {"customer_id": ["a", "a", "b", "c", "d"], "day": [0, 950, 800, 905, 915]}
    )
    labels = found(purchases, eligible_days=200).labels
    # Cutoff 910: b was there 110 days before, c 5, neither came back; a's last purchase lay 910
    # days back, d is new.
    assert labels.filter(pl.col("horizon_days") == 90).row(0) == (90, 910, 2, 2, 1.0)
    # Cutoff 970: all but the first of a's purchases lie within 200 days before.
    assert labels.filter(pl.col("horizon_days") == 30).row(0) == (30, 970, 4, 4, 1.0)
    # The customer who comes back on the last day of the window is kept.
    kept = pl.concat([purchases, pl.DataFrame({"customer_id": ["c"], "day": [999]})])
    assert found(kept, eligible_days=200).labels.filter(pl.col("horizon_days") == 90).row(0) == (
        90,
        910,
        2,
        1,
        0.5,
    )


def test_seasons_compare_the_days_of_each_month() -> None:
    # Days 0 to 58 are January and February 1970: one purchase a day in the one, two in the other.
    days = [*range(31), *range(31, 59), *range(31, 59)]
    purchases = pl.DataFrame({"customer_id": [f"C{i}" for i in range(len(days))], "day": days})
    seasons = found(purchases, end_day=59).seasons
    assert seasons["month"].to_list() == [1, 2]
    assert seasons["silences"].to_list() == [31, 56]
    assert seasons["purchase_index"].to_list() == pytest.approx([59 / 87, 2 * 59 / 87])


def test_nobody_is_lost_where_the_log_is_too_short_to_see_it() -> None:
    said = found(buyers(usual_gap=10, leaves_after=1e6).filter(pl.col("day") < 100), end_day=100)
    assert said.window.days is None
    assert said.active_days is None
    assert said.counts.is_empty()
    assert said.groups["lost"].null_count() == said.groups.height
    assert [finding.name for finding in said.findings] == ["churn-window-open"]


def test_a_shop_whose_customers_buy_once_has_no_window() -> None:
    said = found(buyers(2_000, leaves_after=3))
    assert said.window.days is None
    assert [finding.name for finding in said.findings] == ["returns-are-rare"]


def test_annual_buyers_raise_a_wave_that_moves_the_window_beyond_the_year() -> None:
    rng = np.random.default_rng(6)
    first = enumerate(rng.integers(0, 500, 300).tolist())
    yearly = [
        (f"Y{i}", day + 365 * k + int(rng.integers(-90, 90))) for i, day in first for k in (0, 1)
    ]
    annual = pl.DataFrame(yearly, schema={"customer_id": pl.String, "day": pl.Int64}, orient="row")
    said = found(pl.concat([buyers(), annual.filter(pl.col("day").is_between(0, END_DAY - 1))]))
    assert said.window.days is not None
    assert said.window.days > 365
    assert "return-wave" in [finding.name for finding in said.findings]


def test_a_silence_as_long_as_a_short_horizon_is_said_to_be_a_pause() -> None:
    names = [
        finding.name
        for finding in found(buyers(usual_gap=60, leaves_after=2_000), horizon_days=30).findings
    ]
    assert names == ["churn-is-a-pause"]


def test_the_order_of_the_rows_does_not_matter(shop: ChurnWindow) -> None:
    shuffled = activity(buyers()).sample(fraction=1, shuffle=True, seed=9)
    again = find_churn_window(
        shuffled,
        end_day=END_DAY,
        horizon_days=90,
        horizons_days=[30, 90],
        eligible_days=None,
        kind="non-contractual",
    )
    assert again.as_dict() == shop.as_dict()


def test_it_is_json_throughout(shop: ChurnWindow) -> None:
    told = json.loads(json.dumps(shop.as_dict(), allow_nan=False))
    assert (told["first_date"], told["last_date"]) == ("1970-01-02", "1972-09-26")
    assert told["window"]["days"] == shop.window.days
    assert len(told["curve"]) == shop.curve.height


def test_a_log_without_purchases_cannot_be_asked() -> None:
    with pytest.raises(NotEnoughData, match="no purchase"):
        found(pl.DataFrame(schema={"customer_id": pl.String, "day": pl.Int64}))


@pytest.mark.parametrize("n_customers", [1, 3, 30])
def test_a_few_customers_are_no_reason_to_fail(n_customers: int) -> None:
    json.dumps(found(buyers(n_customers)).as_dict(), allow_nan=False)


def test_the_real_logs_are_no_contracts_and_their_windows_are_known(bench_data: Path) -> None:
    cdnow = pl.read_parquet(bench_data / "cdnow_master.parquet").select(
        pl.col("customer_id").cast(pl.String), day=pl.col("date").dt.date().cast(pl.Int32)
    )
    grocery = pl.read_parquet(bench_data / "groceryElog.parquet").select(
        customer_id=pl.col("cust").cast(pl.String), day=pl.col("date").dt.date().cast(pl.Int32)
    )
    for log, low, high in ((cdnow, 90, 100), (grocery, 98, 120)):
        said = found(log, end_day=int(log["day"].to_numpy().max()) + 1)
        assert said.regime.name == "non-contractual"
        assert said.window.days is not None
        assert low <= said.window.days <= high
        assert [finding.name for finding in said.findings] == ["rhythms-differ"]
