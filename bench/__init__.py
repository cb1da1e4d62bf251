"""What is measured, against whom: each module prints one table, and with --json a list of
figures.
"""

import os
import sys
from pathlib import Path

if _data := os.environ.get("HOLDFAST_BENCH_DATA"):
    # A study's paths start at its own folder, wherever the bench is run.
    os.environ["HOLDFAST_BENCH_DATA"] = str(Path(_data).resolve())


def find_data() -> Path | None:
    """The folder of the data sets, absolute; None where none is named."""
    folder = os.environ.get("HOLDFAST_BENCH_DATA")
    return Path(folder) if folder else None


def require_data(holding: str = "") -> Path:
    """The folder of the data sets; without it, or without what it is to hold, the bench ends."""
    folder = find_data()
    if folder is None or not (folder / holding).exists():
        sys.exit("set HOLDFAST_BENCH_DATA to the folder of the data sets")
    return folder
