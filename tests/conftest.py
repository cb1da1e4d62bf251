"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


def missing(reason: str) -> None:
    """Skip for `reason`; under CI, where everything is meant to be there, fail instead."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("HOLDFAST_BENCH_DATA")
    if not folder:
        missing("HOLDFAST_BENCH_DATA is not set")
    path = Path(str(folder)).resolve()
    if not path.is_dir():
        missing("HOLDFAST_BENCH_DATA is not a folder")
    return path
