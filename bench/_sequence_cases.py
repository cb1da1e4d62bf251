"""One question of churn each: a study, a cutoff, what was known before it and what came after."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._bank_logs import DESIGN, Cut, cuts, read_log
from bench.logs import CDNOW, CDNOW_DAY, RETAIL
from holdfast.arrays import Vector
from holdfast.features import feature_tables
from holdfast.features.last_purchases import FEATURES as LAST_PURCHASES
from holdfast.ingest.order_log import read_order_log
from holdfast.models.training_set import TrainingData
from holdfast.setup.simulate import simulate_business_to, simulate_to
from holdfast.study import Study
from holdfast.study.settings import Features
from holdfast.synthetic import Business, Shop, simulate_business
from holdfast.training.backtest import observe, scratch_warehouse
from holdfast.training.training_data import read_training_data
from holdfast.windows import parse_day

DENSE_EVERY_DAYS = 15
_DENSE_ROWS = 400_000
_LAGS = [feature.name for feature in LAST_PURCHASES]


@dataclass(frozen=True)
class Case:
    """A log seen up to a cutoff.

    Attributes
    ----------
    activity
        ACTIVITY of all its days, also those after the cutoff.
    lagged
        FEATURES as in `data`, with the last four gaps and baskets one by one.
    dense
        FEATURES at a cutoff every 15 days before `now`; empty where nobody asks for them.
    truth
        The exact chance of silence of each customer of `frame`, where a simulation knows it.
    """

    name: str
    study: Study
    data: TrainingData = field(repr=False)
    activity: pl.DataFrame = field(repr=False)
    lagged: pl.DataFrame = field(repr=False)
    now: int
    dense: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)
    truth: Vector | None = field(default=None, repr=False)

    @property
    def horizon_days(self) -> int:
        """Of churn."""
        return self.study.churn.horizon_days

    @property
    def frame(self) -> pl.DataFrame:
        """FEATURES of the eligible customers at the cutoff."""
        return self.data.customers_at(self.now)

    @property
    def silent(self) -> Vector:
        """Whether each customer of `frame` bought nothing in the horizon."""
        return observe(self.study, "churn", self.data, self.now)[1]


def read_cases(
    name: str, study: Study, days: Sequence[int], *, dense: bool = False
) -> Iterator[Case]:
    """Read a study's log once for several cutoffs."""
    asking = study.model_copy(update={"features": Features(last_purchases=True)})
    with scratch_warehouse() as warehouse:
        log = read_order_log(asking, warehouse)
        data = read_training_data(
            asking, warehouse, first_day=log.first_day, end_day=log.end_day, cutoffs=days
        )
        activity = warehouse.query("SELECT * FROM activity ORDER BY customer_id, day")
        often: list[int] = []
        if dense:
            first = log.first_day + study.backtest.min_history_days
            often = list(range(max(days) - DENSE_EVERY_DAYS, first, -DENSE_EVERY_DAYS))
        table = (
            feature_tables.features(
                study, warehouse, often, customers_at_most=_DENSE_ROWS // len(often)
            )
            if often
            else pl.DataFrame()
        )
    plain = replace(data, features=data.features.drop(_LAGS, strict=False))
    for day in days:
        yield Case(name, study, plain, activity, data.features, day, table)


def business_case(name: str, n_customers: int, seed: int, *, at_day: int = 600) -> Case:
    """A simulated business on its day 600, with the exact chances."""
    business = Business(name=name, n_customers=n_customers, seed=seed)
    now = parse_day(str(business.start)) + at_day
    with TemporaryDirectory() as folder:
        study = Study.from_toml(simulate_business_to(Path(folder), business).study)
        (case,) = read_cases(f"{name}, seed {seed}", study, [now])
    truths = pl.concat(truth for _, truth in simulate_business(business, at_day=at_day))
    known = case.frame.select("customer_id").join(
        truths, on="customer_id", how="left", maintain_order="left"
    )
    chance = known[f"probability_no_purchase_{business.law.horizon_days}"]
    assert chance.null_count() == 0
    return replace(case, truth=np.asarray(chance.to_numpy(), dtype=np.float64))


def retail_cases(*, horizon_days: int, days: Sequence[str], dense: bool = False) -> Iterator[Case]:
    """Online Retail II, everyone who ever bought."""
    study = Study.from_dict(
        {
            "study": {"name": "retail"},
            **RETAIL,
            "churn": {"eligible": "ever bought", "horizon_days": horizon_days},
        }
    )
    cutoffs = [parse_day(day) for day in days]
    yield from read_cases(f"Online Retail II, {horizon_days} d", study, cutoffs, dense=dense)


def shop_cases(n_customers: int, days: Sequence[str]) -> Iterator[Case]:
    """A simulated shop with events, 90 days."""
    with _shop_study(Shop(n_customers=n_customers, seed=11)) as study:
        yield from read_cases(f"shop of {n_customers:,}", study, [parse_day(day) for day in days])


def shop_log(shop: Shop) -> tuple[pl.DataFrame, int, int]:
    """ACTIVITY of a simulated shop, and the first day and the end of its log."""
    with _shop_study(shop) as study, scratch_warehouse() as warehouse:
        log = read_order_log(study, warehouse)
        activity = warehouse.query("SELECT * FROM activity ORDER BY customer_id, day")
    return activity, log.first_day, log.end_day


@contextmanager
def _shop_study(shop: Shop) -> Iterator[Study]:
    with TemporaryDirectory() as folder:
        yield Study.from_toml(simulate_to(Path(folder), shop).study)


def cdnow_case() -> Case:
    """CDNOW, all 23,570 customers, 39 weeks after 39 weeks."""
    study = Study.from_dict({"study": {"name": "cdnow"}, **CDNOW})
    (case,) = read_cases("CDNOW, 39 weeks", study, [CDNOW_DAY])
    return case


def grocery_case(folder: Path) -> Case:
    """The grocery's 1,525 customers, 26 weeks after 52."""
    return _bank_case(Cut("grocery", "2006-12-31", 182), folder, dense=False)


def bank_cases(
    folder: Path, *, chosen: bool, dense: bool = False, only: Sequence[str] = ()
) -> Iterator[Case]:
    """Every cutoff of the half of the bank that rules are chosen on, or of the other half."""
    for cut in cuts(folder):
        if (cut.log in DESIGN) == chosen and (not only or cut.log in only):
            yield _bank_case(cut, folder, dense=dense)


def _bank_case(cut: Cut, folder: Path, *, dense: bool) -> Case:
    rows = read_log(cut.log, folder)
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "log.parquet"
        rows.with_columns(pl.col("day").cast(pl.Date)).write_parquet(path)
        (case,) = read_cases(str(cut), _bank_study(path, cut), [cut.now], dense=dense)
    return case


def _bank_study(path: Path, cut: Cut) -> Study:
    columns = {"customer_id": "customer_id", "occurred_at": "day", "amount": "amount"}
    return Study.from_dict(
        {
            "study": {"name": "bank"},
            "transactions": {"path": str(path), "columns": columns},
            "churn": {"horizon_days": cut.horizon_days, "eligible": "ever bought"},
            "value": {"horizon_days": cut.horizon_days},
        }
    )
