import sys

import numpy as np
import polars as pl
import pytest

from holdfast.errors import MissingExtra, NotEnoughData
from holdfast.features.recent_days import add_recent_days
from holdfast.models.sequence.histories import Histories
from holdfast.models.sequence.model import EDGES
from holdfast.models.sequence.targets import TrainingLog
from holdfast.models.sequence.torch_network import torch_network
from holdfast.models.sequence.training import fit_sequence
from holdfast.study import SequenceParameters

NOW = 1_000


class Heard:
    """A listener that keeps what is said of progress."""

    def __init__(self):
        self.said = []

    def start(self, step):
        """Nothing is kept of it."""

    def advance(self, step, what, *, done, total):
        self.said.append((what, done, total))

    def finish(self, step, *, seconds, detail):
        """Nothing is kept of it."""


@pytest.fixture
def torch():
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    return pytest.importorskip("torch", reason="PyTorch (the extra 'sequence') is not installed")


def fit(activity, *, steps=12, **settings):
    given = {
        "first_day": 600, "now": NOW, "eligible_days": None, "money_horizon_days": 60,
        "minor_digits": 2, "seed": 5,
    }  # fmt: skip
    chosen = SequenceParameters(steps=steps, budget_cpu_seconds=settings.pop("budget", None))
    return fit_sequence(activity, **(given | settings), settings=chosen)


def frame_at(activity, cutoff):
    rows = activity.select("customer_id").unique().sort("customer_id")
    return add_recent_days(rows.with_columns(cutoff_day=pl.lit(cutoff, pl.Int32)), activity)


def log_of(activity, now, eligible_days=None):
    histories = Histories.of_activity(activity, now=now, minor_digits=2)
    return TrainingLog(histories, 600, now, eligible_days)


def test_a_bin_counts_if_it_had_ended_and_no_purchase_came_before_it(activity):
    log = log_of(activity.filter(pl.col("customer_id") == "c01"), NOW)
    bought = log.histories.day[log.histories.bought > 0]
    gap = int(np.argmax(np.diff(bought)))
    cutoff, silence = bought[gap] + 1, bought[gap + 1] - bought[gap] - 1
    came, counts = log.bins(np.array([0]), np.array([cutoff]))
    in_bin = int(np.searchsorted(EDGES, silence, side="right"))
    assert counts[0].tolist() == [1.0] * (in_bin + 1) + [0.0] * (13 - in_bin)
    assert (came * counts)[0].tolist() == [0.0] * in_bin + [1.0] + [0.0] * (13 - in_bin)
    late = log.bins(np.array([0]), np.array([NOW - 15]))[1]
    assert late[0, 2:].tolist() == [0.0] * 12


def test_who_has_not_bought_lately_enough_is_not_trained_on(activity):
    log = log_of(activity.filter(pl.col("customer_id") == "c00"), NOW, eligible_days=90)
    last = int(log.histories.day[log.histories.bought > 0].max())
    cutoffs = np.array([599, last, last + 90, last + 91])
    assert log.is_eligible(np.zeros(4, dtype=np.int64), cutoffs).tolist() == [
        False, True, True, False,
    ]  # fmt: skip


def test_numpy_answers_what_pytorch_trained(activity, torch):
    model, frame = fit(activity), frame_at(activity, NOW)
    network = torch_network(torch, dict(model.network.weights))
    histories = Histories.of_frame(frame, minor_digits=2)
    tokens, queries = model.inputs(histories, np.full(frame.height, NOW))
    days = torch.split(torch.from_numpy(tokens), np.diff(histories.start).tolist())
    with torch.no_grad():
        states = torch.stack([network["gru"](torch.relu(network["embed"](d)))[0][-1] for d in days])
        raw = network["hazards"](torch.cat([states, torch.from_numpy(queries)], dim=1))
    assert model.hazards(frame) == pytest.approx(torch.sigmoid(raw).numpy(), abs=1e-5)


def test_equal_seeds_give_equal_bytes_and_others_do_not(activity, torch):
    once, again, other = fit(activity), fit(activity), fit(activity, seed=6)
    assert once.parts() == again.parts()
    assert once.parts() != other.parts()


def test_days_from_now_on_teach_nothing(activity, torch):
    before = activity.filter(pl.col("day") < NOW)
    assert fit(activity).parts() == fit(before).parts()


def test_a_budget_ends_at_a_number_of_steps_that_gives_the_same_bytes_again(activity, torch):
    short = fit(activity, steps=100_000, budget=1.0)
    assert 1 <= short.steps < 100_000
    assert fit(activity, steps=short.steps).parts() == short.parts()


def test_progress_says_the_step_the_loss_and_the_time_left(activity, torch):
    heard = Heard()
    fit(activity, steps=101, listener=heard)
    assert [(done, total) for _, done, total in heard.said] == [(0, 101), (100, 101), (101, 101)]
    assert "step 100: loss" in heard.said[1][0]
    assert "s left" in heard.said[1][0]


def test_without_an_ended_window_revenue_is_not_learnt(activity, torch):
    model = fit(activity, money_horizon_days=400)
    assert model.revenue(frame_at(activity, NOW)) is None
    assert model.longest_horizon_days == 365


def test_a_log_without_purchases_is_refused(activity, torch):
    visits = activity.filter(pl.col("n_orders") == 0)
    with pytest.raises(NotEnoughData, match="no customer bought before day"):
        fit(visits)


def test_without_pytorch_the_install_line_is_told(activity, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="holdfast-clv\\[sequence\\]"):
        fit(activity)


@pytest.mark.slow
def test_hazards_are_at_the_level_of_the_rows_trained_on(activity, torch):
    model, log = fit(activity, steps=700), log_of(activity, NOW)
    expected, seen = np.zeros(len(EDGES)), np.zeros(len(EDGES))
    for cutoff in range(630, NOW - 7, 10):
        customer = np.arange(len(log.histories))
        customer = customer[log.is_eligible(customer, np.full(len(customer), cutoff))]
        came, counts = log.bins(customer, np.full(len(customer), cutoff))
        hazards = model.hazards(frame_at(activity, cutoff)[customer.tolist()])
        expected += (hazards * counts).sum(axis=0)
        seen += (came * counts).sum(axis=0)
    enough = seen > 100
    assert enough.sum() >= 3
    # Batches of equally many days put every bin 20 to 30 % too high; 200 purchases say no more.
    assert expected[enough] == pytest.approx(seen[enough], rel=0.2)
    assert expected.sum() == pytest.approx(seen.sum(), rel=0.1)
