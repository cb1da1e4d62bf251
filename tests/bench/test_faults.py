"""The bench of faults, in small."""

import pytest
from bench._kills import promotion_figures
from bench._mutants import mutant_figures


@pytest.mark.slow
def test_mutants_are_refused_or_change_nothing() -> None:
    figures = list(mutant_figures(count=25, seed=1, verbose=True))
    assert [figure for figure in figures if figure.holds is False] == []
    assert figures[0].value > 0


@pytest.mark.slow
def test_promotions_at_once_lose_nothing() -> None:
    assert [figure for figure in promotion_figures() if not figure.holds] == []
