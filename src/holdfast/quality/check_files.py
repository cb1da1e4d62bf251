"""Papers of a check: the data contract as files, and the data report as a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from holdfast.errors import InputError
from holdfast.quality.check import Check

ODCS_FILE = "contract.odcs.yaml"
_HEAD = """\
# What the study takes for granted of its inputs (Open Data Contract Standard 3.1). Tighten it, and
# name it there: [check] contract = "contract.odcs.yaml". Ranges, patterns and `required` quarantine
# the rows that break them; `quality` limits make the check fail.
"""


def write_contract(contract: Mapping[str, Any], folder: Path) -> Path:
    """Write the contract.

    Raises
    ------
    InputError
        One is there already, maybe tightened by hand.
    """
    path = folder / ODCS_FILE
    if path.exists():
        raise InputError(f"there is a {path} already", fix="move it away, or name another folder")
    odcs = yaml.safe_dump(dict(contract), sort_keys=False, allow_unicode=True, width=110)
    return _write(path, _HEAD + odcs)


def write_page(check: Check, path: Path) -> Path:
    """Write the data report as one HTML file that loads nothing."""
    from holdfast.report.pages import data_page

    return _write(path, data_page(check.study, check.as_dict()))


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}", fix="name a folder you may write to"
        ) from None
    return path
