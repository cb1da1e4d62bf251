"""What a network costs: one on Online Retail II, one on 100,000 different customers, and one
customer after one event.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most, in_child
from bench._sequence_cases import Case, retail_cases, shop_log
from bench._sequence_members import fit_network, with_days
from holdfast.features.recent_days import RECENT_DAYS, add_recent_days
from holdfast.models.sequence.histories import DatedHistories
from holdfast.models.sequence.model import SequenceModel
from holdfast.models.sequence.training import fit_sequence
from holdfast.study import SequenceParameters
from holdfast.synthetic import Shop

_HORIZON_DAYS, _ELIGIBLE_DAYS, _BUDGET = 90, 365, 15.0
_MANY, _EVENTS = 20_000, 300


def cost(_: Path) -> Iterator[Figure]:
    """Processor seconds, and memory of a process of its own."""
    (case,) = retail_cases(horizon_days=_HORIZON_DAYS, days=["2011-06-01"])
    seconds, _network = _time_of(lambda: fit_network(case))
    yield at_most("Online Retail II: CPU seconds a network", seconds, 20)
    many = with_days(case).sample(_MANY, with_replacement=True, seed=7)
    seconds, _silent = _time_of(lambda: fit_network(case).silent(many, _HORIZON_DAYS))
    yield at_least("customers scored a CPU second", _MANY / seconds, 25e3)
    yield at_most("peak memory, GB", _peak(), 1.6)
    yield from _one_event(case)
    yield from _large()


def _one_event(case: Case) -> Iterator[Figure]:
    """Read the days of one customer and answer, through a frame and without one."""
    model = fit_network(case)
    frame = with_days(case).sample(_EVENTS, seed=7)
    rows = list(frame.select("cutoff_day", RECENT_DAYS).iter_rows())
    schema = {name: frame.schema[name] for name in ("cutoff_day", RECENT_DAYS)}
    digits = model.minor_digits

    def through_frames() -> list[float]:
        frames = (pl.DataFrame([row], schema=schema, orient="row") for row in rows)
        return [float(model.silent(one, _HORIZON_DAYS)[0]) for one in frames]

    def directly() -> list[float]:
        each = (DatedHistories.of_days(days, cutoff, minor_digits=digits) for cutoff, days in rows)
        return [float(model.silence_of(one, _HORIZON_DAYS)[0]) for one in each]

    framed, direct = _time_of(through_frames), _time_of(directly)
    days = frame[RECENT_DAYS].list.len().mean()
    name = f"one customer after one event, of {days:.1f} days in the mean, CPU ms"
    yield Figure(f"{name}, through a frame", 1e3 * framed[0] / _EVENTS)
    yield at_most(f"{name}, as the server reads them", 1e3 * direct[0] / _EVENTS, 0.2)
    off = np.abs(np.array(framed[1]) - np.array(direct[1])).max()
    yield at_most("the same: the two differ by", float(off), 1e-6)


def _large() -> Iterator[Figure]:
    """A simulated shop of 100,000 different customers."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "activity.parquet"
        activity, first_day, end_day = shop_log(Shop(n_customers=100_000, seed=11))
        activity.write_parquet(path)
        arguments = (str(path), str(first_day), str(end_day - _HORIZON_DAYS))
        measured, _peak_of_both = in_child("bench._sequence_cost", *arguments)
    name = f"100,000 different customers, {activity.height / 1e6:.2f} M days"
    yield at_most(f"{name}: CPU seconds a network", measured["seconds"], 40)
    yield at_most(f"{name}: peak memory, GB, trained and scored", measured["peak"], 1.6)
    yield at_least(f"{name}: scored a CPU second", measured["scored"], 25e3)
    yield at_most(f"{name}: CPU seconds of a budget of {_BUDGET:g}", measured["spent"],
                  1.1 * _BUDGET)  # fmt: skip
    yield Figure(f"{name}: steps in that budget, of {SequenceParameters().steps}",
                 measured["steps"])  # fmt: skip


def _measure_large(path: str, first_day: int, now: int) -> dict[str, float]:
    activity = pl.read_parquet(path)

    def fit(budget: float | None) -> SequenceModel:
        return fit_sequence(
            activity, first_day=first_day, now=now, eligible_days=_ELIGIBLE_DAYS,
            money_horizon_days=None, minor_digits=2, seed=42,
            settings=SequenceParameters(budget_cpu_seconds=budget),
        )  # fmt: skip

    seconds, model = _time_of(lambda: fit(None))
    recent = pl.col("day").is_between(now - _ELIGIBLE_DAYS, now - 1) & (pl.col("n_orders") > 0)
    names = activity.filter(recent).select(pl.col("customer_id").unique().sort())
    frame = add_recent_days(names.with_columns(cutoff_day=pl.lit(now, pl.Int32)), activity)
    scoring, _ = _time_of(lambda: model.silent(frame, _HORIZON_DAYS))
    peak = _peak()
    spent, short = _time_of(lambda: fit(_BUDGET))
    return {
        "seconds": seconds, "scored": frame.height / scoring, "peak": peak,
        "spent": spent, "steps": short.steps,
    }  # fmt: skip


def _peak() -> float:
    """GB of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _time_of(run: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came out."""
    begun = process_time()
    result = run()
    return process_time() - begun, result


if __name__ == "__main__":
    path, first_day, now = sys.argv[1:]
    print(json.dumps(_measure_large(path, int(first_day), int(now))))
