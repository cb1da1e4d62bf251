"""The palette: readable on both grounds, and to people who do not see all colours."""

from itertools import combinations

import numpy as np
import pytest

from holdfast.report.theme import (
    COLOURS,
    FIFTHS,
    SEGMENT_COLOURS,
    SEGMENT_SHAPES,
    as_variables,
    wrap_lines,
)

TEXT = ("ink", "muted")
SERIES = sorted({*SEGMENT_COLOURS.values(), *FIFTHS})
# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    dark, bright = sorted(float(XYZ[1] @ _linear(colour)) for colour in (one, other))
    return (bright + 0.05) / (dark + 0.05)


def _lab(linear: np.ndarray) -> np.ndarray:
    x, y, z = np.cbrt(np.maximum(XYZ @ linear / np.array([0.9505, 1.0, 1.089]), 1e-6))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("ground", ["ground", "panel"])
def test_text_and_links_have_the_contrast_that_aa_asks_for(theme: int, ground: str) -> None:
    for name in (*TEXT, "blue"):
        assert _contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= 4.5, name


@pytest.mark.parametrize("theme", [0, 1])
def test_marks_stand_out_from_their_ground(theme: int) -> None:
    for name in SERIES:
        assert _contrast(COLOURS[name][theme], COLOURS["panel"][theme]) >= 3, name


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_segments_can_be_told_apart_without_seeing_all_colours(theme: int, blindness: str) -> None:
    seen = {
        name: _lab(np.clip(np.array(BLINDNESS[blindness]) @ _linear(COLOURS[colour][theme]), 0, 1))
        for name, colour in SEGMENT_COLOURS.items()
    }
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 10, (one, other)


def test_segments_also_differ_by_shape() -> None:
    assert len(set(SEGMENT_SHAPES.values())) == len(SEGMENT_COLOURS)


def test_each_light_value_names_one_colour_so_that_a_drawing_can_change_its_theme() -> None:
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)
    assert (
        as_variables('<path fill="#D55E01" stroke="#0072B2"/>')
        == '<path fill="#D55E01" stroke="var(--blue)"/>'
    )


def test_headings_are_broken_into_lines_of_similar_length() -> None:
    lines = wrap_lines(
        "Given a leaver and a stayer, the model picks the leaver 78 times in a hundred cases of "
        "all",
        78,
    )
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) < 12
    assert wrap_lines("", 10) == []
