"""Faults: nothing foreign, damaged, simultaneous or killed may change what is served.

`python -m bench.faults` runs every section; `--only NAME`, which may be repeated, one of them.
"""

import argparse
from collections.abc import Callable, Iterator

from bench._erasure import erasure_figures
from bench._failures import call_figures, disk_figures
from bench._figures import Figure, show
from bench._kills import kill_figures, promotion_figures
from bench._mutants import mutant_figures
from bench.faults_expressions import expressions

Section = Callable[[argparse.Namespace], Iterator[Figure]]
SECTIONS: dict[str, Section] = {
    "mutants": lambda chosen: mutant_figures(
        count=chosen.mutants, seed=chosen.seed, verbose=not chosen.json
    ),
    "calls": lambda chosen: call_figures(verbose=not chosen.json),
    "disk": lambda chosen: disk_figures(verbose=not chosen.json),
    "promotions": lambda _: promotion_figures(),
    "expressions": lambda _: (Figure(**row) for row in expressions()),
    "erasure": lambda _: erasure_figures(),
    "kills": lambda chosen: kill_figures(seed=chosen.seed, verbose=not chosen.json),
}
"""Name -> what it measures; the figures of the others do not depend on it."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one section")
    parser.add_argument("--seed", type=int, default=13, help="of the damage and the moments")
    parser.add_argument("--mutants", type=int, default=1000, help="how many")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    for name in chosen.only or SECTIONS:
        figures += SECTIONS[name](chosen)
    show(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
