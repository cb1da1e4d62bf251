"""Training: fit the network by PyTorch on random cutoffs of every customer.

At each step some customers are read once and asked at ten cutoffs, uniform in calendar time: drawn
from a customer's own time, newcomers and the last weeks would weigh too much. Batches have equally
many customers, not days, for the same reason. A bin counts from the cutoffs after which it had
ended, so that windows that have not ended still teach their first bins (right censoring). Revenue
is learnt from ended windows as a multiple of the reference spend, by the deviance of a Tweedie law
of power 1.5 for the mean and the pinball loss for the median, weighted by the reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from time import process_time
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Integers
from holdfast.errors import NotEnoughData
from holdfast.models.sequence.histories import QUERY, TOKEN, Histories, positions_of
from holdfast.models.sequence.model import EDGES, Scaling, SequenceModel
from holdfast.models.sequence.network import UNITS, Network, Numbers32, layers_of
from holdfast.models.sequence.targets import RevenueTargets, TrainingLog
from holdfast.models.sequence.torch_network import (
    answer,
    follow,
    import_torch,
    money_loss,
    one_thread,
    torch_network,
)
from holdfast.progress import Listener, Silence
from holdfast.study import SequenceParameters

_CUSTOMERS, _CUTOFFS = 160, 10
_RATE, _DECAY, _CLIP = 4e-3, 1e-2, 1.0  # decision 99
_TRIAL_STEPS = 5
_REPORT_STEPS, _CHECK_STEPS = 100, 25
_CHECKS_A_STEP = 1 / _REPORT_STEPS + 1 / _CHECK_STEPS
_HELD_OUT, _HELD_OUT_CUSTOMERS, _HELD_OUT_QUERIES = 10, 500, 6_000
"""One customer in ten is held out, and no more than so many."""
_SAMPLE = 20_000
"""Cutoffs by which columns are standardised."""


def fit_sequence(
    activity: pl.DataFrame,
    *,
    first_day: int,
    now: int,
    eligible_days: int | None,
    money_horizon_days: int | None,
    minor_digits: int,
    seed: int,
    settings: SequenceParameters | None = None,
    newly_opened: bool = False,
    listener: Listener | None = None,
) -> SequenceModel:
    """Fit a network on all days before `now`.

    Parameters
    ----------
    activity
        ACTIVITY of the customers to learn from; days from `now` on are not read.
    eligible_days
        As FEATURES chooses its customers: who bought in the last so many days; None: ever.
    money_horizon_days
        Over how many days revenue is learnt; None: not at all.
    newly_opened
        Whether the shop opened with its log; see `ReferenceSpend.by_tenure`.
    listener
        Hears every hundred steps how far it is.

    Raises
    ------
    MissingExtra
        PyTorch is not installed.
    NotEnoughData
        No customer bought before the first bin's end.
    """
    torch = import_torch()
    settings, begun = settings or SequenceParameters(), process_time()
    histories = Histories.of_activity(activity, now=now, minor_digits=minor_digits)
    log = TrainingLog(histories, first_day, now, eligible_days)
    revenue = (
        RevenueTargets.of(log, money_horizon_days, newly_opened=newly_opened)
        if money_horizon_days is not None
        else None
    )
    with one_thread(torch):
        training = _Training(torch, log, revenue, seed, settings, listener or Silence())
        return training.run(begun)


class _Training:
    """The training of one network."""

    def __init__(
        self,
        torch: Any,
        log: TrainingLog,
        revenue: RevenueTargets | None,
        seed: int,
        settings: SequenceParameters,
        listener: Listener,
    ) -> None:
        self.torch, self.log, self.revenue, self.seed = torch, log, revenue, seed
        self.settings, self.listener = settings, listener
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(log.histories))
        n_held_out = min(len(order) // _HELD_OUT, _HELD_OUT_CUSTOMERS)
        self.learning = np.sort(order[n_held_out:])
        unseen = order[:n_held_out] if n_held_out else order
        self.held_out = self._sample(rng, unseen, _HELD_OUT_QUERIES)
        sample = self._sample(rng, self.learning, _SAMPLE)
        tokens = log.histories.tokens
        self.tokens = Scaling.learn(tokens, TOKEN)
        self.queries = Scaling.learn(log.histories.queries(*sample), QUERY)
        self.days = torch.from_numpy(self.tokens.of(tokens, TOKEN))
        self.start = self._initial_weights(sample)

    @property
    def _first_cutoff(self) -> int:
        """The first cutoff that is drawn."""
        return min(self.log.first_day + EDGES[3], self.log.latest)

    def _sample(
        self, rng: np.random.Generator, customers: Integers, n: int
    ) -> tuple[Integers, Integers]:
        """Queries of about n cutoffs: the eligible among them."""
        each, some = ceil(n / max(len(customers), 1)), rng.permutation(customers)[:n]
        customer, cutoff = self.log.draw(rng, some, each, since=self._first_cutoff)
        if not len(customer):
            raise NotEnoughData(
                f"no customer bought before day {self.log.latest}, on which the network's first "
                f"window of {EDGES[0]} days begins",
                fix='use a longer log, or another algorithm than "sequence"',
            )
        return customer, cutoff

    def _initial_weights(self, sample: tuple[Integers, Integers]) -> dict[str, Numbers32]:
        """Random weights; biases of the outputs at the level of the sample, on whose learning a
        thousand steps would be spent otherwise.
        """
        rng = np.random.default_rng(self.seed)
        outputs = {"hazards": len(EDGES)} | ({"money": 2} if self.revenue is not None else {})
        shapes = layers_of(len(self.tokens.columns), len(self.queries.columns), outputs)
        weights = {
            name: rng.uniform(-1, 1, shape).astype(np.float32)
            / np.sqrt(np.float32(_fan_in(name, shapes)))
            for name, shape in shapes.items()
        }
        came, counts = self.log.bins(*sample)
        events, trials = (came * counts).sum(axis=0), counts.sum(axis=0)
        weights["hazards.4.bias"] = _mean_log_odds(events, trials)
        if self.revenue is not None:
            ratio, weight = self.revenue.targets(*sample)
            mean = float(np.average(ratio, weights=weight)) if weight.any() else 1.0
            level = np.log([max(mean, 1e-3), np.expm1(max(mean, 1e-3) / 2)])
            weights["money.4.bias"] = level.astype(np.float32)
        return weights

    def run(self, begun: float) -> SequenceModel:
        """Train, and give the network with what it needs; the budget runs from `begun` on."""
        steps = self._affordable_steps(begun)
        trained = self._train(steps, report=True)
        self.listener.advance("sequence", "trained", done=steps, total=steps)
        longest = max(edge for edge in EDGES if edge <= max(self._longest_window, EDGES[0]))
        return SequenceModel(
            network=Network(trained[0]),
            tokens=self.tokens,
            queries=self.queries,
            first_day=self.log.first_day,
            trained_until=self.log.now,
            eligible_days=self.log.eligible_days,
            minor_digits=self.log.histories.minor_digits,
            longest_horizon_days=longest,
            money=self.revenue.money if self.revenue is not None else None,
            steps=steps,
            seed=self.seed,
            late_loss=trained[1],
        )

    @property
    def _longest_window(self) -> int:
        return self.log.now - self._first_cutoff

    def _affordable_steps(self, begun: float) -> int:
        """As many steps as were asked for, or as what is left of the budget allows."""
        budget = self.settings.budget_cpu_seconds
        if budget is None:
            return self.settings.steps
        self._train(1, report=False)
        trial = process_time()
        self._train(_TRIAL_STEPS, report=False)
        check = process_time()
        self._judge(torch_network(self.torch, self.start).to(self.settings.device))
        now = process_time()
        a_step = (check - trial) / _TRIAL_STEPS + (now - check) * _CHECKS_A_STEP
        return int(np.clip((budget - (now - begun)) // a_step, 1, self.settings.steps))

    def _train(self, steps: int, *, report: bool) -> tuple[dict[str, Numbers32], float]:
        """Weights, and their loss on the last tenth of time.

        Of the running means of the weights, those are kept that say best what customers did who
        were held out: later ones know the others by heart.
        """
        torch, rng = self.torch, np.random.default_rng(self.seed)
        torch.manual_seed(self.seed)
        module = torch_network(torch, self.start).to(self.settings.device)
        mean = torch_network(torch, self.start).to(self.settings.device).train(mode=False)
        optimiser = torch.optim.AdamW(module.parameters(), lr=_RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1)
        best, begun = _Best(), process_time()
        for step, customers in enumerate(self._batches(rng, steps)):
            if report and step % _REPORT_STEPS == 0:
                left = (process_time() - begun) / max(step, 1) * (steps - step)
                self._tell(self._judge(mean)[1], step, steps, left)
            customer, cutoff = self.log.draw(rng, customers, _CUTOFFS, since=self._first_cutoff)
            if len(customer):
                optimiser.zero_grad()
                self._loss(module, customer, cutoff).backward()
                torch.nn.utils.clip_grad_norm_(module.parameters(), _CLIP)
                optimiser.step()
            schedule.step()
            follow(torch, mean, module)
            if report and ((step + 1) % _CHECK_STEPS == 0 or step + 1 == steps):
                best = best.or_better(*self._judge(mean), mean)
        return best.weights, best.late_loss

    def _judge(self, module: Any) -> tuple[float, float]:
        """Loss a query of the customers held out: of all time, and of its last tenth."""
        with self.torch.no_grad():
            log_odds = self._outputs(module, *self.held_out)["hazards"]
            each = self._hazard_losses(log_odds, self.held_out).cpu().numpy()
        since = self.log.latest - max((self.log.latest - self._first_cutoff) // 10, 1)
        late = self.held_out[1] >= since
        return float(each.mean()), float(each[late].mean()) if late.any() else float("nan")

    def _tell(self, late_loss: float, step: int, steps: int, left: float) -> None:
        known = f", about {left:.0f} s left" if step else ""
        what = f"step {step}: loss {late_loss:.4f} on the last tenth of time{known}"
        self.listener.advance("sequence", what, done=step, total=steps)

    def _batches(self, rng: np.random.Generator, steps: int) -> Iterator[Integers]:
        """Customers of each step: everyone once before anyone twice."""
        order = np.empty(0, dtype=np.int64)
        for _ in range(steps):
            if not len(order):
                order = rng.permutation(self.learning)
            yield order[:_CUSTOMERS]
            order = order[_CUSTOMERS:]

    def _loss(self, module: Any, customer: Integers, cutoff: Integers) -> Any:
        outputs = self._outputs(module, customer, cutoff)
        loss = self._hazard_losses(outputs["hazards"], (customer, cutoff)).mean()
        if self.revenue is None:
            return loss
        ratio, weight = map(self._tensor, self.revenue.targets(customer, cutoff))
        return loss + money_loss(self.torch, outputs["money"], ratio, weight)

    def _hazard_losses(self, log_odds: Any, asked: tuple[Integers, Integers]) -> Any:
        """Log loss of each query, over the bins that count."""
        came, counts = map(self._tensor, self.log.bins(*asked))
        loss = self.torch.nn.functional.binary_cross_entropy_with_logits
        return loss(log_odds, came, weight=counts, reduction="none").sum(dim=1)

    def _outputs(self, module: Any, customer: Integers, cutoff: Integers) -> Any:
        """Read each customer's days once, and answer at all cutoffs."""
        torch, histories = self.torch, self.log.histories
        of_query, row = np.unique(customer, return_inverse=True)
        lengths = np.diff(histories.start)[of_query]
        days = self.days[torch.from_numpy(positions_of(histories.start, of_query))]
        sequences = torch.split(days.to(self.settings.device), lengths.tolist())
        packed = torch.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        last = histories.before(customer, cutoff) - histories.start[customer] - 1
        place = torch.from_numpy(row), torch.from_numpy(last)
        queries = self.queries.of(histories.queries(customer, cutoff), QUERY)
        return answer(torch, module, packed, place, self._tensor(queries))

    def _tensor(self, array: Numbers32) -> Any:
        return self.torch.from_numpy(array).to(self.settings.device)


@dataclass(frozen=True)
class _Best:
    """The weights with the least loss so far."""

    loss: float = np.inf
    late_loss: float = np.nan
    weights: dict[str, Numbers32] = field(default_factory=dict)

    def or_better(self, loss: float, late_loss: float, module: Any) -> "_Best":
        if loss >= self.loss:
            return self
        weights = {name: value.cpu().numpy().copy() for name, value in module.state_dict().items()}
        return _Best(loss, late_loss, weights)


def _fan_in(name: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """How many numbers enter a unit."""
    if name.startswith("gru."):
        return UNITS
    return shapes[name.replace("bias", "weight")][1]


def _mean_log_odds(events: Numbers32, trials: Numbers32) -> Numbers32:
    """Log-odds of each bin's mean hazard; a bin that never ended has the one before it."""
    mean = np.clip((events + 0.5) / (trials + 1), 1e-3, 1 - 1e-3)
    known = np.maximum.accumulate(np.where(trials > 0, np.arange(len(trials)), 0))
    return np.asarray(np.log(mean / (1 - mean))[known], dtype=np.float32)
