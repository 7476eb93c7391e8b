"""Experiments at strong coupling: the cooling example, its figure and stores, times, spreads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

import opendicke as od
from opendicke.cli import main
from opendicke.experiment.reading import parse_parts
from opendicke.model.dicke import DickeModel
from opendicke.plots.energy import energies, shows_energies
from opendicke.plots.overview import overview

EXAMPLE = Path(__file__).parents[2] / "examples" / "cooling.toml"
DOWN = od.ProductState.polarized("-z", bosons="stationary")


@pytest.fixture(scope="module")
def cooling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with fewer and earlier times, run by the command line into a Zarr store."""
    folder = tmp_path_factory.mktemp("cooling")
    text = EXAMPLE.read_text()
    for before, after in (("points = 121", "points = 9"), ("stop = 1e7", "stop = 3e3")):
        assert before in text
        text = text.replace(before, after)
    (folder / "cooling.toml").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        store, figure = folder / "cooling.zarr", folder / "cooling.png"
        words = ["run", str(folder / "cooling.toml"), "--store", str(store)]
        assert main([*words, "--figure", str(figure)]) == 0
    return folder


@pytest.fixture(scope="module")
def cooled(cooling: Path) -> xr.Dataset:
    return od.load(cooling / "cooling.zarr")


@pytest.fixture(scope="module")
def drawn() -> Any:
    """The ten spins of the example."""
    return od.Experiment.from_toml(EXAMPLE).model.draw(5)


def test_the_example_cools(cooled: xr.Dataset, drawn: DickeModel, cooling: Path) -> None:
    member = cooled.isel(realization=0)
    assert dict(member.sizes) == {"time": 9, "energy_bin": 100}
    assert member.status == 1
    energy = member.ising_energy.values
    down = od.solve(
        drawn, DOWN, [0.0], od.RateEquation(), ["ising_energy"], validity="ignore"
    ).ising_energy
    assert energy[0] == pytest.approx(float(down[0]), abs=1e-9)
    assert energy[-1] < 0.2 * float(member.lowest_energy) < 0
    assert energy[-1] < energy[0]
    assert member.entropy[0] == 0.0
    assert 0 < float(member.entropy[-1]) < 10 * np.log(2)
    np.testing.assert_allclose(member.time[:2], [0.0, 10.0], rtol=1e-12)
    assert (cooling / "cooling.png").stat().st_size > 10_000


def test_labels_of_the_distribution(cooled: xr.Dataset, drawn: DickeModel) -> None:
    """Middles of intervals between the extreme energies; averages agree within half of one."""
    member = cooled.isel(realization=0)
    assert cooled.bin_energy.dims == ("realization", "energy_bin")
    assert cooled.lowest_energy.dims == ("realization",)
    assert cooled.bin_energy.attrs["units"] == cooled.lowest_energy.attrs["units"] == "energy"
    ground = od.ground_states(drawn).energy
    assert float(member.lowest_energy) == pytest.approx(ground, rel=1e-12)
    middles = member.bin_energy.values
    width = np.diff(middles)
    np.testing.assert_allclose(width, width[0], rtol=1e-9)
    assert middles[0] - width[0] / 2 == pytest.approx(ground, rel=1e-12)
    shares = member.ising_energy_distribution.values
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-7)
    assert (np.abs(shares @ middles - member.ising_energy.values) < width[0] / 2).all()
    # At first all probability is in one interval, that of all spins down.
    assert shares[0].max() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_round_trip_through_a_store(cooled: xr.Dataset, suffix: str, tmp_path: Path) -> None:
    again = od.load(od.save(cooled, tmp_path / f"again{suffix}"))
    assert set(again.coords) == set(cooled.coords)
    assert {"bin_energy", "lowest_energy"} <= set(again.coords)
    for name in (*cooled.data_vars, *cooled.coords):
        xr.testing.assert_equal(again[name], cooled[name])
        for key in ("units", "long_name"):
            assert again[name].attrs.get(key) == cooled[name].attrs.get(key)
    assert again.attrs["experiment"] == cooled.attrs["experiment"]
    assert shows_energies(again)


def lines(axes: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in axes.get_lines()}


def test_the_figure_shows_mean_and_ground_states(cooled: xr.Dataset) -> None:
    member = cooled.isel(realization=0)
    figure = overview(cooled)
    axes = figure.axes[0]
    shown = lines(axes)
    assert set(shown) == {"mean energy", "ground states"}
    np.testing.assert_array_equal(shown["mean energy"].get_ydata(), member.ising_energy)
    np.testing.assert_array_equal(shown["mean energy"].get_xdata(), member.time)
    np.testing.assert_array_equal(
        shown["ground states"].get_ydata(), 2 * [float(member.lowest_energy)]
    )
    (mesh,) = (each for each in axes.collections if isinstance(each, QuadMesh))
    values = np.asarray(mesh.get_array()).reshape(100, 9)
    np.testing.assert_array_equal(values, member.ising_energy_distribution.values.T)
    assert mesh.norm.vmax == pytest.approx(1.0, abs=1e-7)
    low, high = axes.get_ylim()
    assert low < float(member.lowest_energy)
    assert high > float(member.bin_energy.max())
    assert axes.get_xscale() == "symlog"  # times that grow geometrically
    assert axes.get_xlabel() == "time"
    assert axes.get_title() == ""  # a single member needs no name
    assert "H_I" in axes.get_ylabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "mean energy", "ground states",
    ]  # fmt: skip


def test_the_figure_without_mean_or_ground_states(cooled: xr.Dataset) -> None:
    """The mean then comes from the distribution; nothing is drawn of what is not known."""
    less = cooled.drop_vars(["ising_energy", "lowest_energy"])
    shown = lines(overview(less).axes[0])
    assert set(shown) == {"mean energy"}
    width = float(np.diff(cooled.bin_energy.values[0])[0])
    mean = np.asarray(shown["mean energy"].get_ydata())
    assert (np.abs(mean - cooled.ising_energy.values[0]) < width / 2).all()
    late = less.assign_coords(time=np.append(0.0, np.geomspace(1e-3, 10.0, 8)))
    assert energies(late).axes[0].get_xscale() == "symlog"
    assert energies(less.isel(time=slice(1, None))).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("missing", ["ising_energy_distribution", "bin_energy", "time"])
def test_other_datasets_have_other_figures(cooled: xr.Dataset, missing: str) -> None:
    rest = cooled.isel(time=0, drop=True) if missing == "time" else cooled.drop_vars(missing)
    assert not shows_energies(rest)


TEXT = """
observables = ["ising_energy", "ising_energy_distribution", "probability"]
seed = 3
realizations = 2
[model]
couplings = { kind = "uniform", strength = 3.0 }
spins = 3
modes = 1
frequencies = 1.0
loss = 11.0
gain = 1.0
field = 0.1
[state]
spins = "-z"
bosons = "stationary"
[times]
stop = 40.0
points = 3
[method]
kind = "rate-equation"
[sweep]
"""


def run(text: str, **more: Any) -> xr.Dataset:
    return od.run(od.Experiment(**parse_parts(text, Path())), validity="ignore", **more)


def test_a_sweep_over_the_loss(tmp_path: Path) -> None:
    """Every member has energies of its own, as labels, in stores and in the figure."""
    ds = run(TEXT + '"model.loss" = [2.0, 11.0]')
    assert ds.bin_energy.dims == ("loss", "realization", "energy_bin")
    assert ds.lowest_energy.dims == ("loss", "realization")
    ensemble = od.RandomDicke(od.Uniform(3.0), 3, 1, frequencies=1.0, loss=2.0, gain=1.0, field=0.1)
    for r in range(2):
        g = ensemble.draw(3, r).couplings[:, 0]
        for loss in (2.0, 11.0):
            member = ds.sel(loss=loss).isel(realization=r)
            # All spins along the signs of g: E = −(Σ|g|)² + Σg².
            scale = 1 / (1 + (loss - 1.0) ** 2 / 4)
            lowest = scale * ((g**2).sum() - np.abs(g).sum() ** 2)
            assert float(member.lowest_energy) == pytest.approx(lowest, rel=1e-12)
            first = (3 * member.bin_energy[0] - member.bin_energy[1]) / 2
            assert float(first) == pytest.approx(lowest, rel=1e-9)
            alone = od.solve(
                DickeModel(g[:, None], 1.0, loss=loss, gain=1.0, field=0.1),
                DOWN, ds.time.values, od.RateEquation(), ["probability"], validity="ignore",
            )  # fmt: skip
            np.testing.assert_allclose(member.probability, alone.probability, atol=1e-8)
    again = od.load(od.save(ds, tmp_path / "sweep.nc"))
    xr.testing.assert_equal(again.bin_energy, ds.bin_energy)
    panels = overview(again).axes[:4]
    for axes, (loss, r) in zip(panels, ((2, 0), (2, 1), (11, 0), (11, 1)), strict=True):
        assert axes.get_title() == f"loss {loss}, realization {r}"
        member = ds.sel(loss=loss).isel(realization=r)
        assert lines(axes)["ground states"].get_ydata()[0] == float(member.lowest_energy)
        (mesh,) = (each for each in axes.collections if isinstance(each, QuadMesh))
        edges = np.asarray(mesh.get_coordinates())[:, 0, 1]
        np.testing.assert_allclose((edges[1:] + edges[:-1]) / 2, member.bin_energy, atol=1e-9)


def test_a_sweep_over_sizes_and_tolerances() -> None:
    """Configurations that a smaller system does not have are missing, not zero."""
    text = TEXT.replace("realizations = 2", "realizations = 1")
    ds = run(text + '"model.spins" = [2, 3]\n"method.tolerance" = [1e-9, 1e-5]')
    small, large = (ds.probability.sel(spins=n).isel(tolerance=0, realization=0) for n in (2, 3))
    assert ds.sizes["configuration"] == 8
    assert np.isnan(small[:, 4:]).all()
    np.testing.assert_allclose(small[:, :4].sum("configuration"), 1.0, atol=1e-8)
    np.testing.assert_allclose(large.sum("configuration"), 1.0, atol=1e-8)
    assert (ds.status == 1).all()
    np.testing.assert_allclose(
        ds.ising_energy.isel(tolerance=1), ds.ising_energy.isel(tolerance=0), atol=1e-3
    )


def test_many_members_fill_a_few_panels(cooled: xr.Dataset) -> None:
    many = xr.concat([cooled.isel(realization=0)] * 8, "realization").assign_coords(
        realization=np.arange(8)
    )
    figure = energies(many)
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_title()]
    assert len(shown) == 6
    assert figure.get_suptitle() == "6 of 8 members"


def times_of(table: str) -> Any:
    text = TEXT.replace("stop = 40.0\npoints = 3", table).replace("[sweep]", "")
    return od.Experiment(**parse_parts(text, Path())).times


def test_times_that_grow_geometrically() -> None:
    times = times_of("start = 2.0\nfirst = 0.1\nstop = 102.0\npoints = 5")
    np.testing.assert_allclose(times, [2.0, 2.1, 3.0, 12.0, 102.0], rtol=1e-14)
    np.testing.assert_allclose(times_of("first = 1.0\nstop = 9.0\npoints = 3"), [0, 1, 9])
    assert len(times_of("first = 1e-9\nstop = 1e9\npoints = 1000")) == 1000


@pytest.mark.parametrize(
    ("table", "argument", "words"),
    [
        ("first = 0.0\nstop = 1.0\npoints = 9", "times.first", "lie between 0 and"),
        ("first = -1.0\nstop = 1.0\npoints = 9", "times.first", "but was -1"),
        ("first = 1.0\nstop = 1.0\npoints = 9", "times.first", "but was 1"),
        ("start = 3.0\nfirst = 2.0\nstop = 4.0\npoints = 9", "times.first", "(1)"),
        ("first = nan\nstop = 1.0\npoints = 9", "times.first", "but was nan"),
        ("first = 0.1\nstop = 1.0\npoints = 2", "times.points", "at least 3 with `first`"),
        ('first = "early"\nstop = 1.0\npoints = 9', "times.first", "was 'early'"),
        ("firts = 0.1\nstop = 1.0\npoints = 9", "times", "did you mean `first`?"),
    ],
)
def test_bad_first_times(table: str, argument: str, words: str) -> None:
    with pytest.raises(od.InputError) as caught:
        times_of(table)
    assert caught.value.argument == argument
    assert words in str(caught.value)


BOTH = {"frequencies": [1.0, 2.0], "loss": 2.0, "field": 0.1}
SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], (60, 2))


@pytest.mark.parametrize(
    "kind",
    [
        lambda spread: od.RandomDicke(od.Binary(2.0, spread), 60, 2, **BOTH),
        lambda spread: od.RandomDicke(od.Fixed(SIGNS, 2.0, spread), **BOTH),
    ],
    ids=["binary", "fixed"],
)
def test_spread(kind: Any) -> None:
    """No two couplings alike, sizes within 1 ± spread and all over it, signs as without."""
    plain, made = kind(0.0).draw(1, 0), kind(0.2).draw(1, 0)
    ratio = made.couplings / plain.couplings
    assert len(np.unique(np.abs(made.couplings))) == 120
    assert (np.abs(ratio - 1) <= 0.2).all()
    assert ratio.min() < 0.82
    assert ratio.max() > 1.18
    assert abs(ratio.mean() - 1) < 4 * 0.2 / np.sqrt(3 * 120)
    # Signs say nothing about sizes.
    up = plain.couplings > 0
    assert abs(ratio[up].mean() - ratio[~up].mean()) < 4 * 0.4 / np.sqrt(3 * 120)
    np.testing.assert_array_equal(made.pattern_matrix, plain.pattern_matrix)
    np.testing.assert_array_equal(np.sign(made.couplings).T, made.pattern_matrix)
    np.testing.assert_array_equal(kind(0.2).draw(1, 0).couplings, made.couplings)
    other_seed, other_draw = kind(0.2).draw(2, 0), kind(0.2).draw(1, 1)
    for other in (other_seed, other_draw):
        assert (np.abs(other.couplings) != np.abs(made.couplings)).all()
    # Twice the spread, twice the deviation: the same disorder.
    np.testing.assert_allclose(
        kind(0.4).draw(1, 0).couplings / plain.couplings - 1, 2 * (ratio - 1)
    )
    with pytest.raises(od.InputError, match="without spread, for a thermodynamic limit"):
        kind(0.2).thermodynamic()
    assert kind(0.0).thermodynamic().thermodynamic


def test_a_larger_system_contains_the_smaller_one() -> None:
    small, large = (
        od.RandomDicke(od.Binary(1.0, 0.3), n, m, frequencies=1.0).draw(4)
        for n, m in ((5, 1), (9, 3))
    )
    np.testing.assert_allclose(
        np.sqrt(9) * large.couplings[:5, :1], np.sqrt(5) * small.couplings, rtol=1e-14
    )


def test_spread_lifts_the_refusal() -> None:
    """Equal |g| is where flip rates fail; a small spread is enough to be asked."""
    state = od.ProductState.pattern(0, bosons="stationary")
    for spread, words in ((0.0, "invalid"), (0.1, None)):
        model = od.RandomDicke(
            od.Binary(9.0, spread), 8, 1, frequencies=1.0, loss=11.0, gain=1.0, field=0.01
        ).draw()
        verdict = od.assess(model, state, [0.0, 1.0], od.RateEquation()).verdict
        assert (verdict.name.lower() == "invalid") == (words == "invalid")


@pytest.mark.parametrize("kind", [lambda s: od.Binary(1.0, s), lambda s: od.Fixed([[1.0]], 1.0, s)])
@pytest.mark.parametrize("wrong", [1.0, 1.5, -0.1, np.nan, "some", None])
def test_bad_spreads(kind: Any, wrong: Any) -> None:
    with pytest.raises(od.InputError, match="Argument `spread` must "):
        kind(wrong)


def test_spread_goes_through_experiment_files(tmp_path: Path) -> None:
    signs = SIGNS[:4]
    for given, line in (
        (od.Binary(2.0, 0.25), "spread = 0.25"),
        (od.Fixed(signs, 2.0, 0.25), "spread = 0.25"),
        (od.Fixed(signs, None, 0.0), None),
        (od.Binary(2.0), None),
    ):
        sizes = {} if isinstance(given, od.Fixed) else {"spins": 4, "modes": 2}
        model = od.RandomDicke(given, **sizes, **BOTH)
        realizations = 2 if model.couplings.random else 1
        first = od.Experiment(
            model, DOWN, [0.0, 1.0], od.RateEquation(), ["sz"], realizations, seed=8
        )
        path = tmp_path / "spread.toml"
        path.write_text(first.to_toml())
        assert ("spread" in path.read_text()) == (line is not None)
        again = od.Experiment.from_toml(path)
        assert again.model.couplings.spread == given.spread
        for r in range(realizations):
            np.testing.assert_array_equal(
                again.model.draw(8, r).couplings, first.model.draw(8, r).couplings
            )
    assert "spread=0.25" in repr(od.Fixed(signs, 2.0, 0.25))
    with pytest.raises(od.InputError, match="where nothing is random"):
        od.Experiment(
            od.RandomDicke(od.Fixed(signs), **BOTH), DOWN, [0.0], od.RateEquation(), ["sz"], 2
        )


def test_a_sweep_over_the_spread() -> None:
    """Every point sees the same disorder."""
    text = TEXT.replace(
        '{ kind = "uniform", strength = 3.0 }', '{ kind = "binary", strength = 5.0 }'
    )
    ds = run(text + '"model.couplings.spread" = [0.1, 0.2]')
    assert ds.bin_energy.dims == ("spread", "realization", "energy_bin")
    g = {s: od.RandomDicke(od.Binary(5.0, s), 3, 1, frequencies=1.0).draw(3).couplings[:, 0]
         for s in (0.1, 0.2)}  # fmt: skip
    for spread, row in g.items():
        lowest = ((row**2).sum() - np.abs(row).sum() ** 2) / 26
        found = float(ds.lowest_energy.sel(spread=spread).isel(realization=0))
        assert found == pytest.approx(lowest, rel=1e-12)


def test_bad_spreads_in_files_name_their_place() -> None:
    for kind, place in (("binary", 'kind = "binary", strength = 1.0'),
                        ("fixed", 'kind = "fixed", values = [[1.0], [2.0], [3.0]]')):  # fmt: skip
        text = TEXT.replace('kind = "uniform", strength = 3.0', f"{place}, spread = 1.0")
        with pytest.raises(od.InputError, match="must be below 1") as caught:
            parse_parts(text, Path())
        assert caught.value.argument == "model.couplings.spread", kind
    with pytest.raises(od.InputError, match="hold only known keys"):
        parse_parts(TEXT.replace("strength = 3.0", "strength = 3.0, spread = 0.1"), Path())
