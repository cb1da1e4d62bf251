"""What decisions are worth: measured uplift, plans and experiments, on real trials and on simulated
shops whose truth is known.

Parameters come from elsewhere (the shop's from another seed), with two exceptions: rankings are
weighed rather than picked, and a learnt ranking needs more evidence than a named rule, since what
was done before did worse on the trials printed here (decision 63). Real trials: Hillstrom's e-mails
(64,000 customers) and the social-pressure mailing of Gerber, Green and Larimer (344,084 voters).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    _decisions_allocation,
    _decisions_experiments,
    _decisions_history,
    _decisions_persistence,
    _decisions_plan,
    _decisions_uplift,
    require_data,
)
from bench._figures import Figure, show

Part = Callable[[Path], Iterator[Figure]]

PARTS: tuple[tuple[str, Part], ...] = (
    *_decisions_uplift.PARTS,
    *_decisions_plan.PARTS,
    *_decisions_allocation.PARTS,
    *_decisions_experiments.PARTS,
    *_decisions_history.PARTS,
    *_decisions_persistence.PARTS,
)
"""Name and figures, given the folder of the data sets; in the order in which they are printed."""


def main() -> None:
    """Print the table."""
    parts = dict(PARTS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a list of figures")
    parser.add_argument(
        "--only", nargs="+", choices=list(parts), default=list(parts), help="parts to measure"
    )
    asked = parser.parse_args()
    folder = require_data()
    show([figure for name in asked.only for figure in parts[name](folder)], as_json=asked.json)


if __name__ == "__main__":
    main()
