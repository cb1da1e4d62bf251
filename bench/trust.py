"""Trust at the door: whether the churn window is the one that is right where the truth is known."""

import argparse
from collections.abc import Iterator

import numpy as np

from bench._churn_logs import FIRST_DAY, HORIZON_DAYS, N_DAYS, activity, oracle_of, thirty_logs
from bench._figures import Figure, at_least, show
from holdfast.checks.churn_window import find_churn_window

TOLERANCE = 0.25


def churn_window_figures(*, verbose: bool) -> Iterator[Figure]:
    """Regime and window on 30 simulated logs with known dropout, against the oracle of decision record 10."""
    regimes, ratios = [], []
    for number, log in enumerate(thirty_logs()):
        bought, _ = log.drawn(n_days=N_DAYS)
        found = find_churn_window(
            activity(bought), end_day=FIRST_DAY + N_DAYS, horizon_days=HORIZON_DAYS, horizons_days=[],
            eligible_days=None, kind=log.regime,
        )  # fmt: skip
        oracle = oracle_of(log)
        days = found.window.days
        regimes.append(found.regime.name == log.regime)
        ratios.append(days / oracle.window_days if days else np.inf)
        if verbose:
            print(
                f"{number:2d}  {log.regime:<15} said {found.regime.name:<15} {found.regime.clock_share:4.0%} by the clock   "
                f"window {days} ({found.window.earliest}-{found.window.latest})  oracle {oracle.window_days}"
                f"  ratio {ratios[-1]:.3f}  gone {oracle.gone:.0%}",
                flush=True,
            )
    off = np.abs(np.array(ratios) - 1)
    yield at_least("churn window: regime right, of 30 logs", sum(regimes), 28)
    yield at_least("churn window: within 25 % of the oracle's, of 30 logs", int((off <= TOLERANCE).sum()), 28)
    yield Figure("churn window: median distance from the oracle's, share", float(np.median(off)))
    yield Figure("churn window: largest distance from the oracle's, share", float(off.max()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    as_json = parser.parse_args().json
    show(churn_window_figures(verbose=not as_json), as_json=as_json)


if __name__ == "__main__":
    main()
