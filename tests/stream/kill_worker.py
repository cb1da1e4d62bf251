"""A worker that kills itself, as no exception could be, when it reaches a point of a step for the
second time: `python kill_worker.py FOLDER SCHEMA POINT`.
"""

import os
import signal
import sys
from pathlib import Path

from tests.stream.shops import Shop


def work(folder: str, schema: str, fatal: str) -> None:
    reached: list[str] = []

    def watch(point: str) -> None:
        reached.append(point)
        if reached.count(fatal) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    Shop(Path(folder), schema, {"batch_events": 5}).run(reached=watch)


if __name__ == "__main__":
    work(*sys.argv[1:])
