"""What a shell completes: commands, options and the ids of the runs that the line's study has
published.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ONE, TWO = "20260101T000000Z-aaaaaaaa", "20260102T000000Z-bbbbbbbb"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    study = '[study]\nname = "t"\n[transactions]\npath = "o.csv"\n[transactions.columns]\n'
    (tmp_path / "holdfast.toml").write_text(
        study + 'customer_id = "who"\noccurred_at = "at"\n', encoding="utf-8"
    )
    for name in (ONE, TWO):
        (tmp_path / "runs" / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("holdfast ru", ["run", "runs"]),
        ("holdfast runs pro", ["promote"]),
        ("holdfast runs promote 2026", [TWO, ONE]),
        ("holdfast runs promote -c nowhere.toml 2026", []),
        ("holdfast predict --run l", ["latest"]),
        ("holdfast predict --fe", ["--features"]),
    ],
)
def test_bash_is_offered(shop: Path, line: str, offered: list[str]) -> None:
    asked = {
        "_HOLDFAST_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("holdfast"))],
        cwd=shop,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == offered
