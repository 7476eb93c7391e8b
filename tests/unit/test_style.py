"""Figures can be told apart in print and in grey, and with every kind of colour vision."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from opendicke.plots.style import COLORS, DASHES, MARKERS, SEQUENTIAL, band, line_style, shades

FIRST = range(6)
# Linear light as seen without one kind of cone: Machado, Oliveira and Fernandes, IEEE Trans. Vis.
# Comput. Graph. 15, 1291 (2009), severity 1.
SEEN = {
    "all cones": np.eye(3),
    "no long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998]],
    "no medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                  [-0.01182, 0.04294, 0.968881]],
    "no short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                 [0.004733, 0.691367, 0.3039]],
}  # fmt: skip
# IEC 61966-2-1: linear sRGB to CIE XYZ.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: Any) -> np.ndarray:
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*, a*, b*."""
    x = XYZ @ np.clip(light, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness(color: Any) -> float:
    return float(lab(linear(color))[0])


def test_the_first_lines_differ_in_grey() -> None:
    """Every two of six differ in lightness, and those that are near in dashes, too."""
    for first, second in itertools.combinations(map(line_style, FIRST), 2):
        apart = abs(lightness(first["color"]) - lightness(second["color"]))
        assert apart > 5, (first, second)
        assert apart > 15 or first["linestyle"] != second["linestyle"], (first, second)


def test_markers_differ() -> None:
    assert len({line_style(k, marker=True)["marker"] for k in FIRST}) == len(FIRST)
    assert "marker" not in line_style(0)


def test_looks_repeat_after_all_are_used() -> None:
    looks = [str(line_style(k)) for k in range(40)]
    assert len(set(looks)) == 40
    assert line_style(40) == line_style(0)
    assert (len(COLORS), len(DASHES), len(MARKERS)) == (8, 5, 6)


@pytest.mark.parametrize("seen", SEEN)
def test_colours_differ_for_every_kind_of_vision(seen: str) -> None:
    places = [lab(np.array(SEEN[seen]) @ linear(color)) for color in COLORS[:6]]
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2)]
    assert min(apart) > 18  # 2.3 can just be seen side by side


def test_maps_read_in_grey() -> None:
    steps = np.diff([lightness(color) for color in colormaps[SEQUENTIAL](np.linspace(0, 1, 50))])
    assert (steps > 0.5).all()
    assert (np.diff([lightness(color) for color in shades(9)]) < 0).all()


def test_band() -> None:
    """The curve as it is, and its error to both sides in its colour, behind it."""
    axes = Figure().subplots()
    x, mean, error = np.arange(4.0), np.array([1.0, 2, np.nan, 4]), np.array([0.1, 0.2, 0.3, 0.4])
    line = band(axes, x, mean, error, **line_style(1), label="a")
    np.testing.assert_array_equal(line.get_xydata(), np.stack([x, mean], axis=1))
    assert line.get_label() == "a"
    (drawn,) = axes.collections
    corners = np.concatenate([path.vertices for path in drawn.get_paths()])
    for height in (0.9, 1.1, 1.8, 2.2, 3.6, 4.4):
        assert np.abs(corners[:, 1] - height).min() < 1e-12
    np.testing.assert_allclose(drawn.get_facecolor()[0][:3], to_rgb(COLORS[1]), atol=1e-9)
    assert drawn.get_zorder() < line.get_zorder()
    assert band(axes, x, mean).get_color() != line.get_color()
    assert len(axes.collections) == 1
