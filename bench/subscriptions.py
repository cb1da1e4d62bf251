"""Simulated services that charge by the clock, beside the naive rule.

The naive rule is the share that paid again, by the silence at the start of the horizon before, and
the spending of that horizon. Both are held to proper scores: Brier and log loss of "pays at all",
Tweedie's deviance of the mean (as in `bench.bank`), and the absolute error of the median over what
was spent (WAPE), which is proper for a median and for no mean. "certainly" is a 95 % bootstrap
interval over customers, paired.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bench._bank_logs import Cut
from bench._bank_rivals import Prediction, customers_at, outcome, predict_naively
from bench._churn_logs import FIRST_DAY, Contracts, contract_log
from bench._figures import Figure, at_most, show
from bench.bank import SCORES, Loss, run_holdfast, verdict
from holdfast.arrays import Vector
from holdfast.windows import date_of

N_DAYS = 730
_CUTS = ((400, 30), (520, 90))
"""Day of the log, and the days to predict from there."""
_PRICES = (9.0, 15.0, 29.0)


def _priced(bought: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Charges of one price a customer."""
    names = bought["customer_id"].unique().sort()
    price = np.random.default_rng(seed).choice(_PRICES, len(names))
    return bought.join(pl.DataFrame({"customer_id": names, "amount": price}), on="customer_id")


def calendar_plans(*, n: int, seed: int) -> pl.DataFrame:
    """Two in three are charged on one day of the month, the others on one day of the year at ten
    times the price; one charge in 25 fails, and of these three in four are made up for within two
    weeks, while the others end the contract. The service is two years older than its log.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, int, float]] = []
    for customer in range(n):
        months = 12 if rng.random() < 1 / 3 else 1
        price = float(rng.choice(_PRICES)) * (10 if months == 12 else 1)
        leaves = rng.beta(1.0, 5.0 if months == 12 else 15.0)
        due = np.datetime64("2022-01", "M") + rng.integers(0, 48)
        day_of_month = int(rng.integers(0, 28))
        while due < np.datetime64("2026-01", "M"):
            failed = rng.random() < 0.04
            if failed and rng.random() < 0.25:
                break
            day = int(due.astype("datetime64[D]").astype(int)) + day_of_month
            rows.append((f"c{customer:05d}", day + failed * int(rng.integers(1, 15)), price))
            if rng.random() < leaves:
                break
            due += months
    log = pl.DataFrame(rows, schema=["customer_id", "day", "amount"], orient="row")
    return log.filter(pl.col("day").is_between(FIRST_DAY, FIRST_DAY + N_DAYS - 1))


def _contracts(contracts: Contracts) -> pl.DataFrame:
    return _priced(contract_log(contracts, n_days=N_DAYS)[0], seed=contracts.seed)


SERVICES = {
    "monthly and yearly by the calendar, payments late": lambda: calendar_plans(n=2_500, seed=1),
    "weekly boxes, 3 % skipped": lambda: _contracts(
        Contracts(n_customers=1_500, seed=2, period_days=7, leaves=0.03, missed=0.03)
    ),
    "every 30.4 days, 2 early or late": lambda: _contracts(
        Contracts(
            n_customers=1_500, seed=3, period_days=30.4375, leaves=0.06, jitter_days=2, missed=0.03
        )
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Losses:
    """Each customer's loss by one score, Holdfast's and the naive rule's."""

    name: str
    holdfast: Vector
    naive: Vector

    @property
    def ratio(self) -> float:
        """Below 1 where Holdfast's is the smaller."""
        return float(self.holdfast.mean() / self.naive.mean())


def measure(rows: pl.DataFrame, cut: Cut) -> list[Losses]:
    """Predict the customers of a cut, and look up what they paid."""
    seen = rows.filter(pl.col("day") < cut.now)
    customers = customers_at(seen, cut.now)
    scores = customers.select("customer_id").join(
        run_holdfast(rows, cut).tables["scores"], on="customer_id", maintain_order="left"
    )
    ours = Prediction(
        1 - scores["churn_probability"].to_numpy(), scores["expected_revenue"].to_numpy()
    )
    naive = predict_naively(seen, customers, cut)
    buys, revenue = outcome(rows, customers, cut.now, cut.horizon_days)
    assert ours.buys is not None and ours.revenue is not None  # noqa: PT018
    assert naive.buys is not None and naive.revenue is not None  # noqa: PT018
    losses: Mapping[str, Loss] = {score.name: score.loss for score in SCORES}
    pairs = {
        "Brier": (buys, ours.buys, naive.buys),
        "log loss": (buys, ours.buys, naive.buys),
        "deviance of money": (revenue, ours.revenue, naive.revenue),
    }
    each = [
        Losses(name, losses[name](truth, mine), losses[name](truth, theirs))
        for name, (truth, mine, theirs) in pairs.items()
    ]
    median = scores["median_revenue"].to_numpy()
    spent = float(revenue.mean())
    off = (np.abs(revenue - of) / spent for of in (median, naive.revenue))
    return [*each, Losses("WAPE of the median", *off)]


def figures(names: Sequence[str]) -> Iterator[Figure]:
    """Every service at every cut."""
    for service in names:
        rows = SERVICES[service]()
        results = []
        for since, days in _CUTS:
            last_day = str(date_of(FIRST_DAY + since - 1))
            results += measure(rows, Cut(service, last_day, days))
        for name in dict.fromkeys(each.name for each in results):
            cuts = [each for each in results if each.name == name]
            mean = float(np.mean([each.holdfast.mean() for each in cuts]))
            ratio = mean / float(np.mean([each.naive.mean() for each in cuts]))
            yield at_most(f"{service}: {name} over the naive rule's ({mean:.4f})", ratio, 1.0)
            verdicts = [verdict(each.holdfast, each.naive) for each in cuts]
            better = f"better at {verdicts.count('better')} of {len(cuts)}"
            worse = float(verdicts.count("worse"))
            yield at_most(f"{service}: {name}, certainly worse at ({better})", worse, 0.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a list of figures")
    asked = parser.parse_args()
    show(list(figures(list(SERVICES))), as_json=asked.json)


if __name__ == "__main__":
    main()
