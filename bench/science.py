"""Predictions that are true: what each model promised at a cutoff, held against what came, beside
the naive baseline.

Regime A only: nothing after a cutoff is used before it, and nothing was chosen on a test cutoff.
Intervals in brackets are 95 % bootstrap intervals over customers with the fitted model held fixed.
A floor is what a perfectly calibrated forecaster would score on as many customers: no goal below it
can be reached but by luck.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    _science_btyd,
    _science_cdnow,
    _science_counts,
    _science_horizons,
    _science_money,
    _science_portfolio,
    _science_promotions,
    _science_recovery,
    _science_telco,
    _science_young,
    require_data,
)
from bench._figures import Figure, show

Section = Callable[[Path], Iterator[Figure]]

SECTIONS: dict[str, Section] = {
    **_science_btyd.SECTIONS,
    **_science_counts.SECTIONS,
    **_science_cdnow.SECTIONS,
    **_science_recovery.SECTIONS,
    **_science_promotions.SECTIONS,
    **_science_money.SECTIONS,
    **_science_portfolio.SECTIONS,
    **_science_horizons.SECTIONS,
    **_science_telco.SECTIONS,
    **_science_young.SECTIONS,
}
"""Name -> figures, given the folder of the data sets; in the order in which they are printed."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print a list of {name, value, goal, holds}"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        default=list(SECTIONS),
        help="sections to measure",
    )
    asked = parser.parse_args()
    folder = require_data()
    show([figure for name in asked.only for figure in SECTIONS[name](folder)], as_json=asked.json)


if __name__ == "__main__":
    main()
