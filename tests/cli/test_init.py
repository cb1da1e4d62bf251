"""`holdfast init` shows what it takes each column for, asks where it doubts, and writes no study
that a run would refuse.
"""

import sys
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from holdfast.cli.setup import init
from holdfast.errors import NotEnoughData


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_orders(folder: Path, *, every_days: int) -> None:
    rows = "".join(
        f"K{i * i % 11},{date(2022, 1, 3) + timedelta(days=every_days * i)},{i},"
        f"{1000 + i * 37 % 91},{('cancelled', 'paid', 'stage 7')[i % 3]},{5.25 + i % 7}\n"
        for i in range(80)
    )
    header = "customer_id,order_date,order_id,the_amount,status,other\n"
    (folder / "orders.csv").write_text(header + rows, encoding="utf-8")


def study_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "holdfast.toml").read_text(encoding="utf-8"))


def answer(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> list[str]:
    """Sit at a terminal: answer a question about a key as given, all others with Enter."""
    questions: list[str] = []
    shown: list[str] = []

    def prompt(text: str, default: str) -> str:
        key = next((key for key in answers if shown and shown[-1].startswith(key)), "")
        questions.append(text)
        return answers[key].pop(0) if answers.get(key) else default

    class Recorder(Console):
        def print(self, *texts: Any, **_: Any) -> None:
            shown.extend(text for text in map(str, texts) if not text.startswith("  "))

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("holdfast.cli.setup.console", Recorder)
    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    return questions


def test_what_is_doubtful_is_asked_on_a_terminal_and_an_answer_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_orders(folder, every_days=5)
    answers = {
        "study.currency": ["EUR"],
        "transactions.columns.amount": ["amuont", "other"],
        "transactions.set_aside": ["-"],
    }
    questions = answer(monkeypatch, answers)
    init("shop")
    study = study_of(folder)
    assert study["study"]["currency"] == "EUR"
    assert study["transactions"]["columns"]["amount"] == "other"
    assert "set_aside" not in study["transactions"]
    assert "  no column is 'amuont'; value" in questions


def test_enter_keeps_every_guess(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_orders(folder, every_days=5)
    init("shop", yes=True)
    unasked = study_of(folder)
    (folder / "holdfast.toml").unlink()
    questions = answer(monkeypatch, {})
    init("shop")
    assert questions
    assert study_of(folder) == unasked


def test_columns_are_shown_with_examples_share_and_next_best(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_orders(folder, every_days=5)
    init("shop", yes=True)
    shown = capsys.readouterr().out
    (line,) = [each for each in shown.splitlines() if "the_amount" in each]
    for words in ("1000, 1037, 1074", "100%", "(?)"):
        assert words in line
    (line,) = [each for each in shown.splitlines() if each.startswith("customer_id")]
    assert line.split()[:5] == ["customer_id", "customer_id", "K0,", "K1,", "K4"]


@pytest.fixture
def too_short(folder: Path) -> Iterator[Path]:
    write_orders(folder, every_days=0)
    yield folder
    assert not (folder / "holdfast.toml").exists()


@pytest.mark.usefixtures("too_short")
def test_a_study_that_a_run_would_refuse_is_not_written() -> None:
    with pytest.raises(NotEnoughData, match=r"not written.*the log spans 1 days, and 28 are"):
        init("shop", yes=True)
