"""The documentation says what the code says."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.study import Study

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_reference_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_examples_of_the_buying_models_give_what_the_page_says() -> None:
    page = ROOT / "docs" / "reference" / "btyd.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 20
    assert not failed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_examples_are_valid_studies() -> None:
    examples = sorted(ROOT.glob("examples/*/holdfast.toml"))
    assert examples
    for path in examples:
        assert Study.from_toml(path).name
