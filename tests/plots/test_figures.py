"""Figures: what they show, what they say, and that it is true."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection
from matplotlib.image import AxesImage
from PIL import Image

import opendicke as od
from opendicke.plots.curves import curve_names, curves
from opendicke.plots.overview import overview
from opendicke.plots.retrieval import retrieval, shows_retrieval
from opendicke.plots.style import COLORS, save_figure, style

CRITICAL = float(od.critical_coupling(0.5, 1.0, 2.0))


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two orthogonal patterns of 4×4 pixels, and an experiment file beside it."""
    folder = tmp_path_factory.mktemp("letters")
    (folder / "letters").mkdir()
    rows, columns = np.indices((4, 4))
    for name, dark in (("0_H", rows < 2), ("1_V", columns < 2)):
        Image.fromarray(np.where(dark, 0, 255).astype(np.uint8)).save(
            folder / "letters" / f"{name}.png"
        )
    return folder


def text(letters: Path, sweep: str, couplings: str = "strength = 1.2") -> od.Experiment:
    path = letters / "memory.toml"
    path.write_text(f"""
observables = ["overlap", "sz_spin"]
[model]
couplings = {{ kind = "fixed", path = "letters", {couplings} }}
frequencies = 1.0
loss = 2.0
field = 0.5
[state]
pattern = 0
flipped = 0.0
seed = 1
[times]
stop = 40.0
points = 41
[method]
kind = "mean-field"
tolerance = 1e-4
[sweep]
{sweep}
""")
    return od.Experiment.from_toml(path)


@pytest.fixture(scope="module")
def memory(letters: Path) -> xr.Dataset:
    """Two couplings, below and above the critical one; clean and with two flipped pixels."""
    given = text(
        letters, '"model.couplings.strength" = [0.55, 1.2]\n"state.flipped" = [0.0, 0.125]'
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return od.run(given)


def titles(figure: Any) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def images(figure: Any) -> list[AxesImage]:
    return [image for axes in figure.axes for image in axes.get_images()]


def test_overview_shows_a_memory_as_pictures(memory: xr.Dataset) -> None:
    """Overlaps, spins and a lattice make the figure of a memory: a row for each member."""
    assert shows_retrieval(memory)
    figure = overview(memory)
    assert len(titles(figure)) == 4
    assert len(images(figure)) == 4 * 7
    lines = figure.axes[0].get_lines()
    np.testing.assert_array_equal(
        lines[0].get_ydata(), memory["overlap"].isel(strength=0, flipped=0, pattern=0).squeeze()
    )
    (legend,) = figure.legends
    assert [label.get_text() for label in legend.get_texts()] == ["overlap with H", "V"]


@pytest.mark.parametrize("missing", ["overlap", "sz_spin", "lattice"])
def test_overview_shows_curves_where_no_picture_is_possible(
    memory: xr.Dataset, missing: str
) -> None:
    """Without overlaps, spins or layout there are curves of what is left."""
    if missing == "lattice":
        rest = memory.copy()
        del rest.attrs["lattice"]
    else:
        rest = memory.drop_vars(missing)
    assert not shows_retrieval(rest)
    figure = overview(rest)
    assert not images(figure)
    assert len([axes for axes in figure.axes if axes.get_visible()]) == len(curve_names(rest))


def test_titles_say_what_became_of_the_pattern(memory: xr.Dataset) -> None:
    """Below the critical coupling it is lost, above it is kept, with its errors if it has some."""
    assert 0.55 < CRITICAL < 1.2
    assert titles(retrieval(memory)) == [
        "g₀ = 0.55 = 0.78 g_crit, lost",
        "g₀ = 0.55 = 0.78 g_crit, 12% flipped, lost",
        "g₀ = 1.2 = 1.70 g_crit, kept",
        "g₀ = 1.2 = 1.70 g_crit, 12% flipped, kept, errors and all",
    ]


def test_titles_follow_the_data(memory: xr.Dataset) -> None:
    """The verdict is read from the overlaps, not from the parameters."""
    swapped = memory.assign(overlap=memory["overlap"].copy(data=memory["overlap"].values[::-1]))
    first = [title.rsplit(", ", 1)[-1] for title in titles(retrieval(swapped))]
    assert first == ["kept", "errors and all", "lost", "lost"]
    inverted = memory.assign(overlap=-memory["overlap"])  # a pattern and its negative are one
    assert titles(retrieval(inverted)) == titles(retrieval(memory))


def test_verdict_agrees_with_the_formula(memory: xr.Dataset) -> None:
    """Where the title says kept, the overlap is that of carollo2021 Eq. (12)."""
    late = np.abs(memory["overlap"].isel(realization=0, pattern=0, time=slice(-10, None)))
    late = late.mean("time")
    for strength in (0.55, 1.2):
        for flipped in (0.0, 0.125):
            expected = od.retrieval_overlap(strength, 0.5, 1.0, 2.0, 1 - 2 * flipped)
            found = late.sel(strength=strength, flipped=flipped)
            if flipped == 0.0:
                assert float(found) == pytest.approx(float(expected), abs=0.02)
            assert (float(found) > 0.1) == (strength > CRITICAL)


def test_no_critical_coupling_where_it_is_swept(letters: Path) -> None:
    """A title gives no ratio to a critical coupling that differs between members."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = od.run(text(letters, '"model.loss" = [1.0, 2.0]'))
    assert titles(retrieval(dataset)) == ["g₀ = 1.2, kept", "g₀ = 1.2, kept"]


def test_caption_admits_that_mean_field_corrects_nothing(memory: xr.Dataset) -> None:
    """Flipped pixels stay flipped; the figure says so, but only where there are any."""
    told = "corrects no error"
    assert told in retrieval(memory).get_supxlabel()
    clean = memory.sel(flipped=[0.0])
    assert told not in retrieval(clean).get_supxlabel()
    assert "kept above the critical coupling" in retrieval(clean).get_supxlabel()


def test_caption_knows_an_unswept_flip(letters: Path) -> None:
    """The same where the flipped fraction is part of the file and not of the sweep."""
    given = text(letters, '"model.couplings.strength" = [1.2]')
    flipped = od.Experiment(
        given.model,
        od.ProductState.pattern(0, 0.125, seed=1),
        given.times,
        given.method,
        given.observables,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = retrieval(od.run(flipped))
    assert "corrects no error" in figure.get_supxlabel()
    assert titles(figure) == ["g₀ = 1.2 = 1.70 g_crit, 12% flipped, kept, errors and all"]


def test_pictures_show_the_spins_where_they_are(memory: xr.Dataset) -> None:
    """The first picture is the stored image: dark pixels +1, light ones −1, in their places."""
    first = images(retrieval(memory.isel(strength=[1], flipped=[0])))[0]
    expected = np.where(np.indices((4, 4))[0] < 2, 1.0, -1.0)
    np.testing.assert_allclose(first.get_array(), expected)
    assert first.get_clim() == (-1, 1)


def test_flipped_pixels_stay_flipped(memory: xr.Dataset) -> None:
    """What the caption claims is what the data say."""
    spins = memory["sz_spin"].isel(realization=0).sel(strength=1.2, flipped=0.125)
    pattern = np.where(np.indices((4, 4))[0] < 2, 1.0, -1.0).ravel()
    start, end = spins.isel(time=0) * pattern, spins.isel(time=-1) * pattern
    assert int((start < 0).sum()) == 2
    np.testing.assert_array_equal(np.sign(start), np.sign(end))


def test_no_more_rows_than_fit(memory: xr.Dataset) -> None:
    """A figure of a large grid shows its first members."""
    assert len(titles(retrieval(memory, most_rows=3))) == 3


@pytest.fixture
def noisy() -> xr.Dataset:
    """A dataset with errors, as stochastic methods give: two sweep points, two realizations."""
    times = np.linspace(0, 1, 11)
    rng = np.random.default_rng(0)
    dims = ("loss", "realization", "time")
    return xr.Dataset(
        {
            "sx": (dims, rng.normal(size=(2, 2, 11)), {"long_name": "mean σx"}),
            "sx_stderr": (dims, np.full((2, 2, 11), 0.25)),
            "sz_spin": ((*dims, "spin"), rng.normal(size=(2, 2, 11, 5)), {"long_name": "σz"}),
            "status": (dims[:2], np.ones((2, 2), int)),
        },
        {"loss": [0.5, 1.0], "realization": [0, 1], "time": times, "spin": np.arange(5)},
        {"format": 1, "experiment": json.dumps({})},
    )


def test_curves_have_bands_of_their_standard_error(noisy: xr.Dataset) -> None:
    """Mean ± one standard error, in the colour of the line."""
    figure = curves(noisy, ["sx"])
    (axes,) = figure.axes
    bands = [item for item in axes.collections if isinstance(item, PolyCollection)]
    assert len(axes.get_lines()) == len(bands) == 4
    for k, (band, line) in enumerate(zip(bands, axes.get_lines(), strict=True)):
        values = noisy["sx"].values.reshape(4, 11)[k]
        np.testing.assert_array_equal(line.get_ydata(), values)
        corners = band.get_paths()[0].vertices
        for x, y in zip(noisy["time"].values, values, strict=True):
            at = corners[np.isclose(corners[:, 0], x), 1]
            assert at.min() == pytest.approx(y - 0.25)
            assert at.max() == pytest.approx(y + 0.25)
        np.testing.assert_allclose(
            band.get_facecolor()[0][:3], mpl.colors.to_rgb(line.get_color()), atol=1e-9
        )


def test_realizations_share_the_colour_of_their_point(noisy: xr.Dataset) -> None:
    """Colours tell sweep points apart, and the legend names each once."""
    figure = curves(noisy, ["sx"])
    colors = [line.get_color() for line in figure.axes[0].get_lines()]
    assert colors == [COLORS[0], COLORS[0], COLORS[1], COLORS[1]]
    (legend,) = figure.legends
    assert [label.get_text() for label in legend.get_texts()] == ["loss 0.5", "loss 1"]


def test_panels_of_all_observables(noisy: xr.Dataset) -> None:
    """One panel for each observable in time, errors and status are none; spins are averaged."""
    assert curve_names(noisy) == ["sx", "sz_spin"]
    figure = curves(noisy)
    assert [axes.get_title() for axes in figure.axes] == ["mean σx", "σz, average"]
    averaged = figure.axes[1].get_lines()[0].get_ydata()
    np.testing.assert_allclose(averaged, noisy["sz_spin"].isel(loss=0, realization=0).mean("spin"))
    assert not [c for c in figure.axes[1].collections if isinstance(c, PolyCollection)]


def test_curves_of_nothing(noisy: xr.Dataset) -> None:
    """An unknown observable is named, an empty dataset refused."""
    with pytest.raises(od.InputError, match=r"`observable` must be in the dataset.*mean `sx`"):
        curves(noisy, ["sxx"])
    with pytest.raises(od.InputError, match="`dataset` must hold an observable in time"):
        curves(noisy[["status"]])


def test_the_users_settings_are_left_alone(
    noisy: xr.Dataset, memory: xr.Dataset, tmp_path: Path
) -> None:
    """No figure changes matplotlib's settings, whatever they were; the style holds inside only."""
    with mpl.rc_context({"axes.grid": False, "font.size": 17.0, "savefig.dpi": 33}):
        before = dict(mpl.rcParams)
        for k, figure in enumerate((curves(noisy), retrieval(memory))):
            save_figure(figure, tmp_path / f"{k}.png")
            assert dict(mpl.rcParams) == before
        with style():
            assert mpl.rcParams["axes.grid"] is True
        assert dict(mpl.rcParams) == before


def test_saved_figures_do_not_depend_on_the_users_settings(
    noisy: xr.Dataset, tmp_path: Path
) -> None:
    """The same dataset gives the same picture."""
    pictures = []
    for k, settings in enumerate(({}, {"savefig.dpi": 33, "font.size": 17.0, "axes.grid": False})):
        with mpl.rc_context(settings):
            save_figure(curves(noisy), tmp_path / f"{k}.png")
        with Image.open(tmp_path / f"{k}.png") as image:
            pictures.append(np.asarray(image))
    np.testing.assert_array_equal(*pictures)
    assert pictures[0].std() > 5


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_formats(noisy: xr.Dataset, suffix: str, tmp_path: Path) -> None:
    """All three formats are written, into a folder that is made if need be, and nothing else."""
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[suffix]
    path = save_figure(curves(noisy), tmp_path / "new" / f"figure{suffix}")
    assert path.read_bytes().startswith(start)
    assert [item.name for item in path.parent.iterdir()] == [path.name]
