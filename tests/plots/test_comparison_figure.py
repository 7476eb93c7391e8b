"""The figure of a comparison: what it shows, and that it is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection

import opendicke as od
from opendicke.cli import main
from opendicke.plots.comparison import plot_comparison
from opendicke.plots.overview import overview
from opendicke.plots.style import COLORS

TIMES = np.linspace(0.0, 1.0, 5)
LABELS = ["exact", "rough", "none"]


def question(times: Any = TIMES, modes: int = 2) -> xr.Dataset:
    """Three methods, of which the first is the reference, one samples and one gave nothing."""
    rng, count = np.random.default_rng(0), len(times)
    wide, narrow = ("solver", "time", "mode"), ("solver", "time")
    photons, spin = rng.normal(size=(3, count, modes)), rng.normal(size=(3, count))
    spin[2], photons[2] = np.nan, np.nan
    error = np.zeros((3, count))
    error[1] = 0.25
    names = {"long_name": "photons"}, {"long_name": "mean spin"}
    return xr.Dataset(
        {
            "photons_mode": (wide, photons, names[0]),
            "photons_mode_difference": (wide, photons - photons[0]),
            "photons_mode_difference_stderr": (wide, np.full(photons.shape, 0.5)),
            "sz": (narrow, spin, names[1]),
            "sz_stderr": (narrow, error),
            "sz_difference": (narrow, spin - spin[0]),
            "sz_difference_stderr": (narrow, 2 * error),
            "sz_z": (narrow, spin),
            "verdict": ("solver", ["valid", "doubtful", "invalid"]),
            "status": ("solver", [1, 1, 0]),
        },
        {"solver": LABELS, "time": times, "mode": np.arange(modes)},
        {"format": 1, "experiment": json.dumps({}), "reference": "exact"},
    )


def bands(axes: Any) -> list[Any]:
    return [item for item in axes.collections if isinstance(item, PolyCollection)]


def test_rows_show_answers_and_differences() -> None:
    """Single numbers first, then each entry; values on the left, differences on the right."""
    ds = question()
    figure = plot_comparison(ds)
    titles = [axes.get_title() for axes in figure.axes]
    difference = "difference from exact"
    expected = ["mean spin", "photons, mode 0", "photons, mode 1"]
    assert titles == [title for left in expected for title in (left, difference)]
    shown = [ds.sz, ds.photons_mode.isel(mode=0), ds.photons_mode.isel(mode=1)]
    for (left, right), values in zip(np.reshape(figure.axes, (3, 2)), shown, strict=True):
        exact, rough = left.get_lines()
        np.testing.assert_array_equal(exact.get_ydata(), values[0])
        np.testing.assert_array_equal(rough.get_ydata(), values[1])
        zero, apart = (line for line in right.get_lines())
        if len(zero.get_ydata()) != 2:
            zero, apart = apart, zero
        np.testing.assert_array_equal(zero.get_ydata(), 0)
        np.testing.assert_array_equal(apart.get_ydata(), values[1] - values[0])
        assert zero.get_color() == exact.get_color() == COLORS[6]
        assert rough.get_color() == apart.get_color() != COLORS[6]


def test_bands_are_errors() -> None:
    """Standard errors on the left, combined ones on the right, in the colour of the line."""
    ds = question()
    left, right, other, other_right = plot_comparison(ds).axes[:4]
    for axes, values, width in ((left, ds.sz, 0.25), (right, ds.sz_difference, 0.5)):
        band = bands(axes)[-1]
        corners = band.get_paths()[0].vertices
        for time, value in zip(TIMES, values[1].values, strict=True):
            at = corners[np.isclose(corners[:, 0], time), 1]
            assert at.min() == pytest.approx(value - width)
            assert at.max() == pytest.approx(value + width)
        colors = [mpl.colors.to_rgb(line.get_color()) for line in axes.get_lines()]
        assert tuple(band.get_facecolor()[0][:3]) in colors
    assert not bands(other), "no method sampled these"
    assert len(bands(other_right)) == 1


def test_legend_tells_reference_and_doubts() -> None:
    """A method without an answer is not in the picture."""
    (legend,) = plot_comparison(question()).legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["exact (reference)", "rough (doubtful)"]


@pytest.mark.parametrize(
    ("times", "scale"),
    [
        (TIMES, "linear"),
        (np.geomspace(0.1, 100, 7), "log"),
        (np.array([0.0, 0.1, 1.0, 10.0, 100.0]), "symlog"),
        (np.array([1.0, 2.0, 3.0, 40.0]), "linear"),
        (np.geomspace(1.0, 5.0, 7), "linear"),
        (np.array([2.0]), "linear"),
    ],
)
def test_axis_of_time(times: Any, scale: str) -> None:
    figure = plot_comparison(question(times))
    assert {axes.get_xscale() for axes in figure.axes} == {scale}


def test_a_single_time_can_be_seen() -> None:
    left, right = plot_comparison(question(np.array([2.0]))).axes[:2]
    assert {line.get_marker() for line in left.get_lines()} == {"o"}
    assert {line.get_marker() for line in right.get_lines()} == {"o", "None"}


@pytest.mark.parametrize(
    ("sizes", "linear"),
    [([0.04, 1.5], 0.1), ([0.1, 2.0], None), ([1e-9, 0.2], 1e-4), ([0.0, 1.0], None)],
)
def test_small_differences_show_beside_large_ones(sizes: Any, linear: float | None) -> None:
    """Where sizes differ much: linear up to the next decade from the best method's largest."""
    ds = question().isel(solver=[0, 1, 1]).assign_coords(solver=["exact", "near", "far"])
    ds["sz_difference"][:] = np.array([0.0, *sizes])[:, None] * np.cos(TIMES)
    axes = plot_comparison(ds).axes[1]
    assert axes.get_yscale() == ("linear" if linear is None else "symlog")
    if linear is not None:
        assert axes.yaxis.get_transform().linthresh == pytest.approx(linear)


def test_no_more_rows_than_fit() -> None:
    figure = plot_comparison(question(modes=7))
    assert len(figure.axes) == 8
    assert figure.get_suptitle() == "4 of 8 numbers are shown"
    assert not plot_comparison(question(modes=3)).get_suptitle()


def test_other_datasets_are_no_comparisons() -> None:
    with pytest.raises(od.InputError, match="`dataset` must come from `compare`"):
        plot_comparison(question().isel(solver=0))


def test_the_command_line_draws_comparisons(tmp_path: Path) -> None:
    """A stored comparison is known as one."""
    ds = question()
    titles = [[axes.get_title() for axes in draw(ds).axes] for draw in (overview, plot_comparison)]
    assert titles[0] == titles[1]
    store = od.save(ds, tmp_path / "both.nc")
    assert main(["plot", str(store)]) == 0
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert main(["plot", str(store), "--observable", "sz_difference"]) == 0
    assert main(["show", str(store)]) == 0
