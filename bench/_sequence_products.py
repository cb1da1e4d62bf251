"""What the products of a day would tell the network: a prototype that is not in the product.

A product falls into a bucket by its hash; the mean of the buckets' eight learnt numbers joins the
day. Judged on Online Retail II ahead of the cutoffs that the product is tested on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from bench._figures import Figure
from bench._sequence_cases import Case, retail_cases
from bench._sequence_members import at_level_of
from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.metrics import paired_interval
from holdfast.models.sequence import training
from holdfast.models.sequence.histories import Histories
from holdfast.models.sequence.model import log_silence
from holdfast.models.sequence.network import UNITS
from holdfast.models.sequence.targets import TrainingLog
from holdfast.models.sequence.torch_network import one_thread, torch_network
from holdfast.progress import Silence
from holdfast.study import SequenceParameters
from holdfast.windows import date_of

_DAYS, _SEEDS = ("2010-09-01", "2010-12-01"), (1, 2)
_BUCKETS, _WIDTH = (512, 1_024), 8


def products(folder: Path) -> Iterator[Figure]:
    """The network with the products of each day minus the one without, two seeds each."""
    for case in retail_cases(horizon_days=90, days=_DAYS):
        name = f"{case.name} from {date_of(case.now)}"
        without = _silent(case, folder, 0)
        yield Figure(f"{name}, without products, AUC", metrics.roc_auc(case.silent, without))
        for buckets in _BUCKETS:
            silent, what = _silent(case, folder, buckets), f"products in {buckets} x {_WIDTH}"
            yield Figure(f"{name}, {what}, AUC", metrics.roc_auc(case.silent, silent))
            for level, one in (("", silent), (", at its level", at_level_of(silent, without))):
                for label, metric in (("Brier", metrics.brier), ("log loss", metrics.log_loss)):
                    off = paired_interval(metric, case.silent, one, without, seed=7, draws=300)
                    ends = f"{label} [{off.low:.4f}, {off.high:.4f}]"
                    yield Figure(f"{name}, {what} - without{level}, {ends}", off.value)


def _silent(case: Case, folder: Path, buckets: int) -> Vector:
    """P(no purchase) of the case's customers, mean of the seeds' chances."""
    activity = case.activity.filter(pl.col("day") < case.now)
    histories = Histories.of_activity(activity, now=case.now, minor_digits=2)
    names = activity.filter(pl.col("n_orders") > 0)["customer_id"].unique().sort()
    days = pl.DataFrame({"customer_id": names[histories.customer.tolist()], "day": histories.day})
    bags = torch.from_numpy(_bags(days, folder, buckets)) if buckets else torch.zeros(len(days), 0)
    log = TrainingLog(histories, case.data.first_day, case.now, None)
    place = names.search_sorted(case.frame["customer_id"]).to_numpy().astype(np.int64)
    each = [_Prototype(log, bags, seed).silent(place, case.horizon_days) for seed in _SEEDS]
    return np.mean(each, axis=0)


def _bags(days: pl.DataFrame, folder: Path, buckets: int) -> Any:
    """The share of each bucket among the products of each day, (n_days, buckets)."""
    rows = pl.read_parquet(folder / "online_retail_ii.parquet").unique()
    bought = rows.filter(pl.col("Customer ID").is_not_null(), pl.col("Quantity") > 0)
    lines = bought.select(
        customer_id=pl.col("Customer ID").cast(pl.Int64).cast(pl.String),
        day=pl.col("InvoiceDate").dt.date().cast(pl.Int32).cast(pl.Int64),
        bucket=pl.col("StockCode").cast(pl.String).hash(seed=1) % buckets,
    )
    found = days.with_row_index("row").join(lines, on=["customer_id", "day"])
    bags = np.zeros((len(days), buckets), dtype=np.float32)
    np.add.at(bags, (found["row"].to_numpy(), found["bucket"].to_numpy()), 1)
    return bags / np.maximum(bags.sum(axis=1, keepdims=True), 1)


class _Prototype(training._Training):
    """The product's own training, whose days have bags beside."""

    def __init__(self, log: TrainingLog, bags: Any, seed: int) -> None:
        super().__init__(torch, log, None, seed, SequenceParameters(), Silence())
        self.days = torch.cat([self.days, bags], dim=1)
        self.buckets = bags.shape[1]

    def network(self, torch: Any, start: Any) -> Any:
        """The product's network, whose embedding reads bags too."""
        module = torch_network(torch, start)
        module["embed"] = _Embedding(module["embed"], self.buckets)
        return module

    def silent(self, customers: Any, horizon_days: int) -> Vector:
        """Train, and answer at the end of the log."""
        product = training.torch_network
        training.torch_network = self.network
        try:
            with one_thread(torch):
                weights = self._train(self.settings.steps, report=True)[0]
                module = self.network(torch, self.start).train(mode=False)
        finally:
            training.torch_network = product
        module.load_state_dict({name: torch.from_numpy(each) for name, each in weights.items()})
        with torch.no_grad(), one_thread(torch):
            cutoffs = np.full(len(customers), self.log.now)
            log_odds = self._outputs(module, customers, cutoffs)["hazards"].numpy()
        return np.exp(log_silence(log_odds.astype(np.float64), horizon_days))


class _Embedding(torch.nn.Module):
    def __init__(self, of_tokens: Any, buckets: int) -> None:
        super().__init__()
        start = torch.Generator().manual_seed(3)
        self.of_tokens, self.buckets = of_tokens, buckets
        self.bag = torch.nn.Parameter(torch.randn(buckets, _WIDTH, generator=start))
        self.out = torch.nn.Parameter(0.1 * torch.randn(_WIDTH, UNITS, generator=start))

    def forward(self, days: Any) -> Any:
        tokens, bags = days.split([days.shape[1] - self.buckets, self.buckets], dim=1)
        return self.of_tokens(tokens) + bags @ self.bag @ self.out
