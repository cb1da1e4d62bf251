"""Pictures: PNGs under the original's names, and SVG that is safe inside a page."""

import re
import struct
from collections.abc import Sequence

import pytest

from holdfast.report.charts import CHARTS
from holdfast.report.render import Drawing

ORIGINAL = {
    "shap_churn_summary.png",
    "shap_churn_bar.png",
    "shap_churn_dependence.png",
    "shap_ltv_summary.png",
    "shap_ltv_bar.png",
    "shap_ltv_dependence.png",
    "shap_cross_model.png",
    "customer_quadrant.png",
    "segment_analysis.png",
    "revenue_recovery.png",
}


def test_the_pngs_have_the_names_of_the_original_system_and_six_more(
    drawn: Sequence[Drawing],
) -> None:
    more = {
        "roc_pr.png",
        "calibration.png",
        "gains.png",
        "backtest.png",
        "promises.png",
        "forecast.png",
    }
    assert {f"{each.name}.png" for each in drawn} == ORIGINAL | more


def test_a_png_has_its_heading_and_twice_the_size(drawn: Sequence[Drawing]) -> None:
    assert drawn[0].name == "shap_churn_summary"
    content = drawn[0].png()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == pytest.approx(2 * (drawn[0].size[0] + 40), abs=2)
    assert height > 2 * drawn[0].size[1] + 80


def test_text_is_drawn_in_the_png(drawn: Sequence[Drawing]) -> None:
    silent, said = (
        Drawing(name="one", title=title, subtitle="", svg=drawn[0].svg)
        for title in ("\N{NO-BREAK SPACE}", "Words that need a font")
    )
    assert said.png() != silent.png()


def test_no_drawing_refers_to_anything_outside(drawn: Sequence[Drawing]) -> None:
    for each in drawn:
        assert not re.search(r"(?:href|src|@import|url\((?!#))", each.inline()), each.name
        assert set(re.findall(r"https?://[^\"]+", each.inline())) <= {"http://www.w3.org/2000/svg"}


def test_a_features_name_cannot_become_markup(drawn: Sequence[Drawing]) -> None:
    drawings = {each.name: each.inline() for each in drawn}
    assert "<b>" not in "".join(drawings.values())
    assert "&lt;b&gt;n&lt;/b&gt;" in drawings["shap_churn_bar"]


def test_each_drawing_says_what_it_shows_to_those_who_do_not_see_it(
    drawn: Sequence[Drawing],
) -> None:
    for each in drawn:
        assert f'role="img" aria-label="{each.title.split()[0]}' in each.inline()


def test_identifiers_of_two_drawings_do_not_clash(drawn: Sequence[Drawing]) -> None:
    found = [name for each in drawn for name in set(re.findall(r' id="([^"]+)"', each.inline()))]
    assert len(found) == len(set(found))
    assert len(drawn) == len(CHARTS)
