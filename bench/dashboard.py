"""The dashboard at a million customers: the first page cold and warm, a look-up while typing, and
the memory; with --sheet instead, pictures of every page.

A run of a simulated shop is repeated under new names and published; the dashboard is started as a
user starts it and looked at in Chromium. Cold: nobody has looked since the server started.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from bench._contact_sheet import browser_of, opened, take_sheet
from bench._figures import Figure, at_most, show
from bench._tiled import tiled
from holdfast.runs.run import run as run_study
from holdfast.serving.customer_search import find_customers, read_scores
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop

QUICK = {"backtest.count": "1", "backtest.max_training_cutoffs": "3"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sheet", type=Path, help="folder for pictures of every page")
    parser.add_argument("--study", type=Path, help="whose pages; else a simulated shop's")
    given = parser.parse_args()
    if given.sheet:
        _photograph(given.sheet, given.study)
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-") as scratch:
        study = _project(Path(scratch) / "shop", given.customers)
        show(_figures(study, given.port or _free_port()), as_json=given.json)


def _photograph(folder: Path, study: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="holdfast-") as scratch:
        study = study or _shop(Path(scratch) / "shop")
        scores = read_scores(Registry(study.parent / "runs").open())
        customer, port = scores["customer_id"][scores["at_stake"].arg_max() or 0], _free_port()
        with _served(study, port):
            address = f"http://127.0.0.1:{port}"
            for name, wider, smallest in take_sheet(address, folder, customer=customer):
                print(f"{name:<26} {wider:>4} px too wide, smallest text {smallest} px", flush=True)


def _project(folder: Path, customers: int) -> Path:
    study, registry = _shop(folder), Registry(folder / "runs")
    tiled(registry.open(), registry, customers=customers)
    return study


def _shop(folder: Path) -> Path:
    simulate_to(folder, Shop(n_customers=2000, n_days=540, seed=3))
    run_study(Study.from_toml(folder / "holdfast.toml", overrides=QUICK))
    return folder / "holdfast.toml"


def _figures(study: Path, port: int) -> Iterator[Figure]:
    from playwright.sync_api import sync_playwright

    scores = read_scores(Registry(study.parent / "runs").open())
    middle = scores["customer_id"][scores.height // 2]
    yield Figure("customers", scores.height)
    yield at_most(
        "search among them, ms, worst of 5",
        max(_searched(scores, typed) for typed in (middle[:7], "-C0", middle, "zz", "9")),
        300,
    )
    with _served(study, port) as server, sync_playwright() as playwright:
        browser = browser_of(playwright)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        address = f"http://127.0.0.1:{port}"
        yield at_most("first page cold, s", _opened(page, address), 3)
        yield at_most(
            "first page warm, s, median of 5",
            sorted(_opened(page, address) for _ in range(5))[2],
            1,
        )
        _opened(page, f"{address}/customer")
        yield Figure(
            "matches shown after typing, ms, with 200 ms of waiting for the next letter",
            _typed(page, middle[:7]),
        )
        yield Figure(
            "a customer's page, first, s", _opened(page, f"{address}/customer?customer={middle}")
        )
        yield Figure(
            "a customer's page, again, s",
            _opened(page, f"{address}/customer?customer={scores['customer_id'][7]}"),
        )
        yield Figure("segments, first, s", _opened(page, f"{address}/segments"))
        yield Figure("action centre, first, s", _opened(page, f"{address}/actions"))
        yield at_most("peak memory of the server, GB", _peak(server.pid), 1.5)
        browser.close()


def _searched(scores: Any, typed: str) -> float:
    since = time.perf_counter()
    find_customers(scores, typed)
    return 1000 * (time.perf_counter() - since)


def _opened(page: Any, address: str) -> float:
    """Seconds from asking for the page until it is drawn."""
    since = time.perf_counter()
    opened(page, address)
    return time.perf_counter() - since


def _typed(page: Any, text: str) -> float:
    page.get_by_role("textbox", name="Customer").press_sequentially(text)
    since = time.perf_counter()
    page.get_by_role("button", name=text).first.wait_for()
    return 1000 * (time.perf_counter() - since)


@contextmanager
def _served(study: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "holdfast.cli",
        "dashboard",
        "-c",
        str(study),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        for _ in range(600):
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                    break
            except (URLError, OSError):
                time.sleep(0.1)
        yield server
        server.terminate()


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1e6
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
