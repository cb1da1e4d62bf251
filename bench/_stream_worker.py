"""One worker as a process of its own; its last line is a JSON object of what it did.

`python -m bench._stream_worker FOLDER SCHEMA --only 0 --set stream.batch_events=1000`; with
`--kill POINT SEED` it kills itself at that point of a step, every other time, and
with `--follow` it reads the source that the study names until SIGTERM.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench._stream_shop import StreamShop
from holdfast.stream.worker import Orders


def main() -> None:
    """Work until nothing waits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("schema")
    parser.add_argument("--only", type=int, action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--kill", nargs=2, metavar=("POINT", "SEED"))
    chosen = parser.parse_args()
    settings = tuple(tuple(each.split("=", 1)) for each in chosen.set)
    shop = StreamShop(chosen.folder, chosen.schema, settings)  # type: ignore[arg-type]
    began, first = time.monotonic(), [0.0]

    def watch(point: str) -> None:
        if point == "after commit" and not first[0]:
            first[0] = time.monotonic() - began
        if chosen.kill and chosen.kill[0] == point and draw.random() < 0.5:
            sys.stdout.write(point + "\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    draw = random.Random(int(chosen.kill[1]) if chosen.kill else 0)
    orders = Orders(until_caught_up=not chosen.follow, only=tuple(chosen.only))
    more = {} if chosen.follow else {"open_source": shop.open_files}
    worker = shop.worker(orders=orders, reached=watch, **more)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    cpu = time.process_time()
    done = worker.run()
    figures = {
        **asdict(done),
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - cpu,
        "first_commit_seconds": first[0],
        "peak_gb": _peak_gb(),
    }
    print(json.dumps(figures))


def _peak_gb() -> float:
    """The most memory this process had; getrusage tells that of whoever started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6  # type: ignore[index]


if __name__ == "__main__":
    main()
