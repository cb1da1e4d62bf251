"""The model card."""

import re

from holdfast.report.pages import model_card
from holdfast.report.report_data import Report


def test_the_card_tells_data_cutoffs_metrics_calibration_limits_and_use(report: Report) -> None:
    card = model_card(report)
    for heading in (
        "Intended use",
        "Data",
        "How it was proved",
        "Calibration",
        "Limits",
        "Findings",
    ):
        assert f"\n## {heading}\n" in card
    assert "1 Jan 2024 and 1 Apr 2024" in card
    assert (
        "| 1 Apr 2024 | ROC-AUC | higher | 0.800 (0.780 to 0.820) | 0.700 (0.680 to 0.720) | "
        "better |" in card
    )
    assert "Naive baseline (recency rank)" in card
    assert "Costs and recovery rates of the recovery simulation are assumed" in card


def test_tables_have_as_many_cells_in_each_row(report: Report) -> None:
    for block in model_card(report).split("\n\n"):
        if block.startswith("|"):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1, block


def test_names_from_the_data_cannot_become_markup(report: Report) -> None:
    card = model_card(report)
    assert "<i>" not in card
    assert r"shop \<i\>&\</i\>" in card


def test_a_snapshot_without_proof_says_so(bare: Report) -> None:
    card = model_card(bare)
    assert "A snapshot has no later time" in card
    assert "No probability has met its outcome yet." in card
    assert "| Value | n/a" in card


def test_the_card_gives_the_mean_over_all_cutoffs_with_range_and_what_to_expect(
    report: Report,
) -> None:
    card = model_card(report)
    assert "**Churn, mean over 2 test cutoffs, with range**" in card
    assert "| ROC-AUC | higher | 0.800 (0.800 to 0.800) | 0.700 to 0.900 | 0.700 | better |" in card
    assert "| Brier score | lower | 0.150 (0.150 to 0.150) | n/a | 0.200 | worse |" in card
