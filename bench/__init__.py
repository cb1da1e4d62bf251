"""What is measured, against whom: each module prints one table, and with --json a list of
figures.
"""

import os
from pathlib import Path

if _data := os.environ.get("HOLDFAST_BENCH_DATA"):
    # A study's paths start at its own folder, wherever the bench is run.
    os.environ["HOLDFAST_BENCH_DATA"] = str(Path(_data).resolve())
