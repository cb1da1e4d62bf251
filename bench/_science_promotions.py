"""A shop with a sale that moves through the year: what its customers will bring, with the study's
calendar and without.

Sales of seven days treble the purchase rate, in another season each year; the next is planned a few
weeks after the log's end. The truth is the exact expectation of every customer, day by day. Beside
it a calendar of days on which nothing happened, which should cost nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._figures import Figure, at_most
from holdfast.arrays import Matrix
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.models.revenue_forecast import COMPANY
from holdfast.runs.activity_tables import log_record
from holdfast.serving.score import score
from holdfast.setup.simulate import simulate_to
from holdfast.study import Promotion, Study
from holdfast.study.settings import Calendar
from holdfast.synthetic import Shop
from holdfast.synthetic.baskets import fill_baskets
from holdfast.synthetic.behaviour import draw_customers, draw_purchases
from holdfast.synthetic.truth import State
from holdfast.synthetic.truth import look_ahead as expected_of
from holdfast.tables import HORIZON_EVIDENCE
from holdfast.training.fit import fit_models
from holdfast.training.horizon_tables import forecast_company, look_ahead, sum_up_groups
from holdfast.training.training_data import read_training_data

SALE_DAYS, WEEKS = 7, 26
PAST = (date(2022, 11, 7), date(2024, 2, 5), date(2025, 4, 14))
PLANNED = (date(2025, 8, 4), date(2026, 3, 2))
PLAIN = replace(
    Shop.memoryless(4_000, seed=11),
    events_per_purchase=0.0,
    n_days=1_096,
    purchases_per_year=10.0,
    truncated_days=200,
)
SALES = replace(PLAIN, promotions=tuple((first, SALE_DAYS) for first in (*PAST, *PLANNED)))
HORIZONS = (30, 90, 180)
CALENDAR = Calendar(
    promotions=[
        Promotion(
            name="sale", first_day=f"{first}", last_day=f"{first + timedelta(days=SALE_DAYS - 1)}"
        )
        for first in (*PAST, *PLANNED)
    ]
)


def daily_truth(shop: Shop, customers: pl.Series) -> Matrix:
    """Expected revenue of some customers together, on each of the 365 days after the log,
    (365,).
    """
    lives, buys, fills, _ = (
        np.random.default_rng(seed)
        for seed in np.random.SeedSequence(shop.seed, spawn_key=(0,)).spawn(4)
    )
    drawn = draw_customers(shop, 0, lives)
    purchases, phase = draw_purchases(shop, drawn, buys)
    baskets = fill_baskets(shop, drawn, purchases.where(purchases.when < shop.n_days), fills)
    season = shop.season[shop.truncated_days + shop.n_days :]
    ahead = expected_of(
        State.at_end(shop, drawn, phase), season, nightly_dormancy=shop.nightly_dormancy
    )
    who = customers.str.slice(1).cast(pl.Int64).to_numpy()
    return np.asarray(ahead.purchases[:, who] @ baskets.mean_order_value[who])


def told(study: Study) -> Mapping[str, pl.DataFrame]:
    """SCORES, HORIZONS and FORECAST at the log's end."""
    with TemporaryDirectory() as scratch, Warehouse(Path(scratch)) as warehouse:
        got = read_order_log(study, warehouse)
        history = read_training_data(study, warehouse, first_day=got.first_day, end_day=got.end_day)
        models = fit_models(study, history, now=got.end_day)
        frame = feature_tables.features(study, warehouse, [got.end_day])
        record = log_record(
            study, warehouse, first_day=got.first_day, end_day=got.end_day, scored=frame
        )
        scores = score(study, models.tasks, frame).scores
        scores, horizons = look_ahead(study, models, frame, scores)
        sums = sum_up_groups(frame, scores, horizons)
        ahead = forecast_company(study, models, sums, HORIZON_EVIDENCE.empty(), record["days"])
        return {"scores": scores, "horizons": horizons, "forecast": ahead.weeks}


def errors(tables: Mapping[str, pl.DataFrame], truth: Matrix) -> dict[str, float]:
    """Relative error of the total of each horizon, and of the weeks of half a year, weighted by
    what came.
    """
    totals = tables["horizons"].group_by("horizon_days").agg(pl.col("expected_revenue").sum())
    expected = dict(totals.iter_rows())
    weeks = (
        tables["forecast"]
        .filter(group_kind=COMPANY)
        .sort("week_start_day")["expected_revenue"][:WEEKS]
        .to_numpy()
    )
    came = truth[: 7 * WEEKS].reshape(WEEKS, 7).sum(axis=1)
    found = {
        f"total of {days} days": abs(expected[days] / truth[:days].sum() - 1) for days in HORIZONS
    }
    return {**found, "WAPE of the weeks": float(np.abs(weeks - came).sum() / came.sum())}


def measured(shop: Shop) -> tuple[dict[str, float], dict[str, float]]:
    """`errors` without the calendar and with it."""
    with TemporaryDirectory() as place:
        study = Study.from_toml(simulate_to(Path(place) / "shop", shop).study)
        plain, planned = (
            told(study.model_copy(update={"calendar": given})) for given in (None, CALENDAR)
        )
    truth = daily_truth(shop, plain["scores"]["customer_id"])
    return errors(plain, truth), errors(planned, truth)


def promotions(folder: Path) -> Iterator[Figure]:
    """Both shops; with sales the weeks' error should be halved, without any nothing should
    be lost.
    """
    del folder
    for name, shop in {"a moving sale x 3": SALES, "days of nothing": PLAIN}.items():
        before, after = measured(shop)
        for what, error in before.items():
            yield Figure(f"shop, {name}: error, {what}, without a calendar", error)
            goal = error / 2 if shop is SALES and "weeks" in what else error + 0.01
            yield at_most(f"shop, {name}: error, {what}, with it", after[what], round(goal, 4))


SECTIONS = {"promotions": promotions}
