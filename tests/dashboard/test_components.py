"""What pages are made of: text that is only text, tables, empty states and errors."""

from pathlib import Path

import pytest
from tests.dashboard.pages import testing, text

from holdfast.dashboard.components import plain


def test_text_from_a_file_is_never_markdown() -> None:
    assert plain("*a* [b](c) <d> $1 #2: ~e") == r"\*a\* \[b\](c) \<d\> \$1 \#2\: \~e"
    assert plain("3 orders, 12.5%") == "3 orders, 12.5%"


def _errors() -> None:
    from holdfast.dashboard import components
    from holdfast.errors import DataError

    components.fail(DataError("no column '*'", fix="name one"))
    components.explain("Nothing.", "Give [transactions].", "holdfast run")


def test_errors_and_empty_states_say_what_to_do() -> None:
    shown = testing.AppTest.from_function(_errors, default_timeout=60).run()
    assert shown.error[0].value == "**No column '\\*'.**\n\nName one."
    assert shown.info[0].value == "**Nothing.** Give \\[transactions\\]."
    assert shown.code[0].value == "holdfast run"


def _cards() -> None:
    from holdfast.dashboard import components

    components.cards(*(components.card(f"Figure {k}", str(k)) for k in range(5)))


def test_five_cards_lie_in_rows_of_three() -> None:
    shown = testing.AppTest.from_function(_cards, default_timeout=60).run()
    assert [metric.value for metric in shown.metric] == ["0", "1", "2", "3", "4"]
    # Two rows of three places; the last place stays empty.
    assert len(shown.columns) == 6


def _pages_head() -> None:
    import streamlit as st

    from holdfast.dashboard.components import Page

    Page("A page", "home", "page", lambda run: st.write(f"{run.scores.height} scored")).show()


def test_a_page_begins_with_the_run_it_is_about(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(older_runs / "log" / "holdfast.toml"))
    shown = testing.AppTest.from_function(_pages_head, default_timeout=60).run()
    assert shown.title[0].value == "A page"
    assert "tiny-log, scored as of 27 Sep 2024: 27 customers" in text(shown)
    assert "Run 20261129T190558Z-6406a92a." in text(shown)
    assert "27 scored" in text(shown)
