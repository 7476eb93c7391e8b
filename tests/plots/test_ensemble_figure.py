"""Figures of ensembles: means with their intervals, quantiles, and what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection

import opendicke as od
from opendicke.plots.curves import curve_names, curves
from opendicke.plots.overview import overview
from opendicke.plots.style import COLORS, save_figure


def ensemble(points: int = 2, realizations: int = 20, seed: int = 0) -> xr.Dataset:
    """Noisy decays: one observable of all spins with errors, one of each spin without."""
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 1, 6)
    dims = ("loss", "realization", "time")
    shape = (points, realizations, 6)
    return xr.Dataset(
        {
            "sx": (dims, 1 - times + rng.normal(size=shape), {"long_name": "mean σx"}),
            "sx_stderr": (dims, np.full(shape, 0.25)),
            "sz_spin": ((*dims, "spin"), rng.normal(size=(*shape, 3)), {"long_name": "σz"}),
            "status": (dims[:2], np.ones(shape[:2], np.int8)),
        },
        {
            "loss": np.linspace(0.5, 1.0, points),
            "realization": np.arange(realizations),
            "time": times,
            "spin": np.arange(3),
        },
        {"format": 1, "experiment": json.dumps({})},
    )


def bands(axes: Any) -> list[PolyCollection]:
    return [item for item in axes.collections if isinstance(item, PolyCollection)]


def ends(band: PolyCollection, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper border of a band at all times."""
    corners = band.get_paths()[0].vertices
    at = [corners[np.isclose(corners[:, 0], t), 1] for t in times]
    return np.array([a.min() for a in at]), np.array([a.max() for a in at])


def test_many_realizations_are_a_mean_with_its_interval_and_quantiles() -> None:
    """Line, t interval, 5–95 % and 25–75 %, in the colour of the sweep point, by NumPy's own."""
    dataset = ensemble()
    (axes,) = curves(dataset, ["sx"]).axes
    assert len(axes.get_lines()) == 2
    assert len(bands(axes)) == 6
    times = dataset["time"].values
    for k, line in enumerate(axes.get_lines()):
        values = dataset["sx"].values[k]
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
        assert line.get_color() == COLORS[k]
        half = 2.0930 * values.std(axis=0, ddof=1) / np.sqrt(20)  # Student's t, 19 degrees
        expected = [(values.mean(axis=0) - half, values.mean(axis=0) + half)]
        expected += [np.quantile(values, q, axis=0) for q in ((0.05, 0.95), (0.25, 0.75))]
        own = mpl.colors.to_rgb(COLORS[k])
        mine = [b for b in bands(axes) if np.allclose(b.get_facecolor()[0][:3], own)]
        for band, (low, high) in zip(mine, expected, strict=True):
            found = ends(band, times)
            np.testing.assert_allclose(found[0], low, rtol=1e-4)
            np.testing.assert_allclose(found[1], high, rtol=1e-4)


def test_what_the_bands_are_is_said() -> None:
    figure = curves(ensemble(), ["sx"])
    (legend,) = figure.legends
    assert [label.get_text() for label in legend.get_texts()] == ["loss 0.5", "loss 1"]
    said = " ".join(legend.get_title().get_text().split())
    assert said == (
        "lines: mean over realizations; bands: 95 % interval of the mean; "
        "light: 5–95 % and 25–75 % of realizations"
    )
    alone = curves(ensemble(points=1), ["sx"])
    assert " ".join(alone.get_supxlabel().split()) == said


def test_twelve_realizations_are_lines_and_thirteen_are_not() -> None:
    for realizations, lines in ((12, 12), (13, 1)):
        (axes,) = curves(ensemble(1, realizations), ["sx"]).axes
        assert len(axes.get_lines()) == lines


def test_many_sweep_points_have_no_fans() -> None:
    (axes,) = curves(ensemble(points=4), ["sx"]).axes
    assert len(axes.get_lines()) == len(bands(axes)) == 4


def test_more_points_than_a_legend_holds_have_a_colour_bar() -> None:
    """Thirteen values on one axis: neighbours look alike, and the bar spans all of them."""
    for realizations in (1, 20):
        figure = curves(ensemble(13, realizations), ["sx"])
        axes, bar = figure.axes
        assert not figure.legends
        assert bar.get_ylabel() == "loss"
        assert bar.get_ylim() == (0.5, 1.0)
        shades = np.array([mpl.colors.to_rgb(line.get_color()) for line in axes.get_lines()])
        steps = np.abs(np.diff(shades, axis=0)).sum(axis=1)
        assert steps.max() < 0.5 < np.abs(shades[-1] - shades[0]).sum()


def test_averages_over_spins_come_before_those_over_realizations() -> None:
    """The spread of the means over spins, not that of single spins."""
    dataset = ensemble()
    (axes,) = curves(dataset, ["sz_spin"]).axes
    means = dataset["sz_spin"].isel(loss=0).mean("spin").values
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), means.mean(axis=0))
    low, high = ends(bands(axes)[0], dataset["time"].values)
    half = 2.0930 * means.std(axis=0, ddof=1) / np.sqrt(20)
    np.testing.assert_allclose(high - low, 2 * half, rtol=1e-4)
    assert axes.get_title() == "σz, average"


def test_a_store_under_way_is_drawn_from_what_is_there() -> None:
    """Pending cells and such without finite numbers leave no mark but in the title."""
    dataset = ensemble()
    dataset["status"][1, 8:] = 0
    dataset["sx"][1, 8:] = np.nan
    dataset["status"][0, 0] = 3
    dataset["sx"][0, 0] = np.nan
    dataset["status"][0, 1] = 2
    figure = overview(dataset)
    assert figure.get_suptitle() == "28 of 40 cells, 1 not converged, 1 not finite"
    lines = figure.axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), dataset["sx"][0, 1:].mean("realization"))
    np.testing.assert_allclose(lines[1].get_ydata(), dataset["sx"][1, :8].mean("realization"))
    dataset["status"][1] = 0
    assert np.isnan(overview(dataset).axes[0].get_lines()[1].get_ydata()).all()


def test_titles_of_few_realizations() -> None:
    dataset = ensemble(realizations=4)
    assert overview(dataset).get_suptitle() == ""
    dataset["status"][0, 0] = 4
    assert overview(dataset).get_suptitle() == "8 cells, 1 failed"
    dataset["status"][1, 2:] = 0
    assert overview(dataset).get_suptitle() == "6 of 8 cells, 1 failed"


def test_statistics_are_drawn_as_the_ensemble_they_come_from() -> None:
    dataset = ensemble()
    found = od.ensemble_statistics(dataset)
    assert curve_names(found) == ["sx", "sz_spin"]
    first, second = (curves(d, ["sx"]).axes[0] for d in (dataset, found))
    for a, b in zip(first.get_lines(), second.get_lines(), strict=True):
        np.testing.assert_allclose(a.get_ydata(), b.get_ydata())
    for a, b in zip(bands(first), bands(second), strict=True):
        np.testing.assert_allclose(a.get_paths()[0].vertices, b.get_paths()[0].vertices)
    wide = od.ensemble_statistics(dataset, level=0.99, quantiles=[0.5])
    (axes,) = curves(wide, ["sx"]).axes
    assert len(bands(axes)) == 2
    assert len(overview(found).axes) == 2


def test_averages_of_averages_have_no_bands() -> None:
    """The interval of a mean over spins does not follow from those of single spins."""
    figure = curves(od.ensemble_statistics(ensemble()), ["sz_spin"])
    assert not bands(figure.axes[0])
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "lines: mean over realizations"


def test_energies_of_the_members_that_are_there() -> None:
    """Pending ones have no panel, as they have no energies to place it by."""
    times, bins = np.linspace(0, 1, 4), np.arange(5.0)
    shares = np.full((3, 4, 5), 0.2)
    shares[1] = np.nan
    dataset = xr.Dataset(
        {
            "ising_energy_distribution": (("realization", "time", "energy_bin"), shares),
            "status": ("realization", np.array([1, 0, 1], np.int8)),
        },
        {
            "realization": np.arange(3),
            "time": times,
            "bin_energy": (("realization", "energy_bin"), [bins, np.full(5, np.nan), bins]),
        },
    )
    figure = overview(dataset)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["realization 0", "realization 2"]
    assert figure.get_suptitle() == "2 of 3 cells"
    with pytest.raises(od.InputError, match="must hold a member that is finished, but held none"):
        overview(dataset.isel(realization=[1]))


def memory(strengths: int, realizations: int) -> xr.Dataset:
    """Overlaps with two patterns that stay, on a lattice of 2×2 spins."""
    dims = ("strength", "realization", "time")
    shape = (strengths, realizations, 5)
    described = {"model": {"couplings": {"kind": "fixed"}, "coupling_axis": "z"}}
    return xr.Dataset(
        {
            "overlap": ((*dims, "pattern"), np.ones((*shape, 2))),
            "sz_spin": ((*dims, "spin"), np.ones((*shape, 4))),
            "status": (dims[:2], np.ones(shape[:2], np.int8)),
        },
        {
            "strength": 1.0 + np.arange(strengths),
            "realization": np.arange(realizations),
            "time": np.linspace(0, 4, 5),
            "pattern": np.arange(2),
            "spin": np.arange(4),
        },
        {"format": 1, "experiment": json.dumps(described), "lattice": [2, 2]},
    )


def test_nothing_is_said_of_a_memory_that_is_not_there() -> None:
    """A pending member has no overlap, and must not be called kept or lost."""
    dataset = memory(3, 1)
    dataset["status"][1] = 0
    dataset["overlap"][1] = np.nan
    dataset["sz_spin"][1] = np.nan
    figure = overview(dataset)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == ["g₀ = 1, kept", "g₀ = 3, kept"]
    assert figure.get_suptitle() == "2 of 3 cells"
    assert "members shown" not in figure.get_supxlabel()
    with pytest.raises(od.InputError, match="must hold a member that is finished, but held none"):
        overview(dataset.isel(strength=[1]))


def test_many_realizations_of_a_memory_are_curves() -> None:
    assert any(axes.images for axes in overview(memory(1, 12)).axes)
    assert not any(axes.images for axes in overview(memory(1, 13)).axes)


def test_self_averaging_is_drawn() -> None:
    """Relative variances with their errors; the words of the verdict are no curve."""
    dataset = ensemble(3).rename(loss="spins").assign_coords(spins=[10, 20, 40])
    found = od.self_averaging(dataset[["sx", "sx_stderr", "status"]])
    names = ["sx_relative_variance", "sx_exponent"]
    assert curve_names(found) == names
    assert len(overview(found).axes) == 2


@pytest.mark.parametrize("points", [1, 2, 6, 14])
@pytest.mark.parametrize("names", [["sx"], ["sx", "sz_spin"]])
def test_nothing_lies_over_anything_else(points: int, names: list[str], tmp_path: Path) -> None:
    """Panels, legend, colour bar, caption and title have places of their own."""
    dataset = ensemble(points)
    dataset["status"][0, 0] = 0
    figure = curves(dataset, names)
    save_figure(figure, tmp_path / "figure.png")
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.get_visible()]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    texts = [text for text in figure.texts if text.get_text()]
    boxes += [text.get_window_extent() for text in texts]
    for k, one in enumerate(boxes):
        for other in boxes[:k]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(width, height) < 3, (one, other)


def test_analysis_and_figures_load_no_solver() -> None:
    program = (
        "import sys, opendicke.plots.overview, opendicke.analysis.self_averaging\n"
        "print([m for m in ('jax', 'opendicke.methods', 'opendicke.solving') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
