"""Trust at the door: whether the churn window is the one that is right where the truth is known."""

import argparse
from collections.abc import Iterator

import numpy as np
import polars as pl

from bench._churn_logs import FIRST_DAY, HORIZON_DAYS, N_DAYS, activity, oracle_of, thirty_logs
from bench._figures import Figure, at_least, show
from holdfast.checks.churn_window import ChurnWindow, find_churn_window

END_DAY = FIRST_DAY + N_DAYS
TOLERANCE = 0.25


def churn_window_figures(*, verbose: bool) -> Iterator[Figure]:
    """Regime and window on 30 simulated logs with known dropout, against the oracle of decision record 10."""
    regimes, ratios, mistakes = [], [], []
    for number, log in enumerate(thirty_logs()):
        bought, left = log.drawn(n_days=N_DAYS)
        found = find_churn_window(
            activity(bought), end_day=END_DAY, horizon_days=HORIZON_DAYS, horizons_days=[], eligible_days=None,
            kind=log.regime,
        )  # fmt: skip
        oracle = oracle_of(log)
        days = found.window.days
        regimes.append(found.regime.name == log.regime)
        ratios.append(days / oracle.window_days if days else np.inf)
        mistakes.append(_mistakes_over_fewest(bought, left, found))
        if verbose:
            said = f"{number:2d} {log.regime}: said {found.regime.name}, {found.regime.clock_share:.0%} by the clock;"
            window = f"window {days} ({found.window.earliest} to {found.window.latest}), oracle {oracle.window_days}"
            print(f"{said} {window}, {oracle.gone:.0%} gone there; mistakes {mistakes[-1]:.2f}", flush=True)
    off = np.abs(np.array(ratios) - 1)
    yield at_least("churn window: regime right, of 30 logs", sum(regimes), 28)
    yield at_least("churn window: within 25 % of the oracle's, of 30 logs", int((off <= TOLERANCE).sum()), 28)
    yield Figure("churn window: median distance from the oracle's, share", float(np.median(off)))
    yield Figure("churn window: largest distance from the oracle's, share", float(off.max()))
    yield Figure("churn window: mistakes about who has left over the fewest of any window, median", np.median(mistakes))
    yield Figure("churn window: mistakes about who has left over the fewest of any window, largest", max(mistakes))


def _mistakes_over_fewest(bought: pl.DataFrame, left: pl.DataFrame, found: ChurnWindow) -> float:
    """Customers wrongly taken as there or as gone on the log's last day, over the same for the best single window."""
    last = bought.group_by("customer_id").agg(silent=END_DAY - pl.col("day").max())
    now = last.join(left.select("customer_id", gone=pl.col("left_day") < END_DAY), on="customer_id")
    silent, gone = now["silent"].to_numpy(), now["gone"].fill_null(False).to_numpy()
    wrong = {days: int(((silent >= days) != gone).sum()) for days in range(1, N_DAYS)}
    return wrong[found.window.days or N_DAYS - 1] / max(min(wrong.values()), 1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    as_json = parser.parse_args().json
    show(churn_window_figures(verbose=not as_json), as_json=as_json)


if __name__ == "__main__":
    main()
