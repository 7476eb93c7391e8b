"""Single trajectories of truncated Wigner, and ensembles of them to go on from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.measure.raw import Status
from opendicke.methods import pilot
from opendicke.methods.pilot import Choice
from opendicke.methods.schedule import Steps

TIMES = np.array([0.5, 1.0, 1.7, 3.0])
NUMBER = 300  # in blocks of 128, the last one partial
METHOD = od.TruncatedWigner(trajectories=NUMBER, block=128, step=0.1, order=2)
NAMES = ["sx", "sy", "sz", "sz_spin", "photons", "photons_mode", "quadrature_mode", "overlap"]


def dicke(**replaced: Any) -> od.DickeModel:
    """Three spins and two modes that share nothing; coupled along x in a field along z."""
    settings: dict[str, Any] = {
        "couplings": [[0.5, -0.2], [0.3, 0.4], [-0.6, 0.1]],
        "frequencies": [1.0, 1.7],
        "loss": [0.5, 0.3],
        "field": [0.4, 0.9, 0.6],
        "coupling_axis": "x",
        "field_axis": "z",
    }
    return od.DickeModel(**settings | replaced)


START = od.ProductState.bloch(
    [[0.0, 0.6, 0.8], [0.0, 0.0, -1.0], [0.3, -0.4, 0.5]], displacement=[0.5, 0.2 - 0.3j]
)


HALF = [0.0, 1.0]
FEW = ["sx", "sy", "sz", "photons", "quadrature_mode"]
SHORT = od.TruncatedWigner(trajectories=40, block=40, step=0.05, order=2)
LOSSLESS = dicke(loss=0.0)


class Answer(NamedTuple):
    """All trajectories, the ensemble they end in, and the averages of the same run."""

    single: xr.Dataset
    ensemble: od.Ensemble
    mean: xr.Dataset


@pytest.fixture(scope="module")
def answer() -> Answer:
    single, ensemble = od.trajectories(
        dicke(), START, TIMES, METHOD, NAMES, seed=4, validity="ignore"
    )
    mean = od.solve(dicke(), START, TIMES, METHOD, NAMES, seed=4, validity="ignore")
    return Answer(single, ensemble, mean)


def test_dimensions_and_labels(answer: Answer) -> None:
    """Trajectories are numbered first, then time, then what the observable has."""
    single = answer.single
    assert dict(single.sizes) == {
        "trajectory": NUMBER,
        "time": 4,
        "spin": 3,
        "mode": 2,
        "pattern": 2,
    }
    np.testing.assert_array_equal(single.trajectory, np.arange(NUMBER))
    np.testing.assert_array_equal(single.time, TIMES)
    for name in NAMES:
        assert single[name].dims[:2] == ("trajectory", "time")
        assert single[name].dims[1:] == answer.mean[name].dims
        assert single[name].attrs == answer.mean[name].attrs
        assert f"{name}_stderr" not in single
    assert single.status.dims == ("trajectory",)
    assert (single.status == Status.OK).all()
    assert single.attrs["seed"] == 4
    assert {"opendicke_version", "experiment", "numerics", "created"} <= set(single.attrs)


def test_the_mean_over_trajectories_is_the_answer_of_solve(answer: Answer) -> None:
    """Mean and standard error of the same seed, to round-off, partial block included."""
    for name in NAMES:
        values = answer.single[name]
        np.testing.assert_allclose(
            values.mean("trajectory"), answer.mean[name], rtol=1e-11, atol=1e-12, err_msg=name
        )
        error = values.std("trajectory", ddof=1) / np.sqrt(NUMBER)
        np.testing.assert_allclose(
            error, answer.mean[f"{name}_stderr"], rtol=1e-11, atol=1e-12, err_msg=name
        )


def test_parts_of_one_trajectory_belong_together(answer: Answer) -> None:
    """Means are means of the same spins, totals sums of the same modes."""
    single = answer.single
    np.testing.assert_allclose(single.sz, single.sz_spin.mean("spin"), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        single.photons, single.photons_mode.sum("mode"), rtol=1e-11, atol=1e-12
    )


def test_trajectories_differ(answer: Answer) -> None:
    """No two of them are the same, across blocks too."""
    last = answer.single.quadrature_mode[:, -1].values
    assert len(np.unique(last.round(9), axis=0)) == NUMBER


def test_spins_begin_at_one_of_two_ends(answer: Answer) -> None:
    """A spin along −z has σz = −1 in every trajectory; one of ⟨σz⟩ = 0.8 never has 0.8."""
    first = answer.single.sz_spin[:, 0]
    np.testing.assert_allclose(first[:, 1], -1.0, atol=1e-14)
    assert np.abs(first[:, 0] - 0.8).min() > 0.01


def test_single_photon_numbers_may_be_negative(answer: Answer) -> None:
    """|a|² − 1/2 of one trajectory is no count; its mean is, and no value is below −1/2."""
    first = answer.single.photons_mode[:, 0]
    assert (first < 0).any()
    assert (answer.single.photons_mode >= -0.5).all()
    # Coherent light: ⟨n⟩ = |α|², Wigner function of variance |α|² + 1/4 for |a|².
    intensity = np.abs([0.5, 0.2 - 0.3j]) ** 2
    scores = (first.mean("trajectory") - intensity) / np.sqrt((intensity + 0.25) / NUMBER)
    assert (np.abs(scores) < 5).all()


def test_the_ensemble_is_where_trajectories_end(answer: Answer) -> None:
    """Every trajectory's spins and amplitudes give its last values, in laboratory components."""
    single, ensemble = answer.single.isel(time=-1), answer.ensemble
    assert ensemble.trajectories == NUMBER
    assert ensemble.spins.shape == (NUMBER, 3, 3)
    assert ensemble.amplitudes.shape == (NUMBER, 2)
    assert np.iscomplexobj(ensemble.amplitudes)
    for k, name in enumerate(("sx", "sy", "sz")):
        np.testing.assert_allclose(
            ensemble.spins[:, :, k].mean(axis=1), single[name], rtol=1e-11, atol=1e-12
        )
    np.testing.assert_allclose(ensemble.spins[:, :, 2], single.sz_spin, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        2 * ensemble.amplitudes.real, single.quadrature_mode, rtol=1e-11, atol=1e-12
    )
    photons = np.abs(ensemble.amplitudes) ** 2 - 0.5
    np.testing.assert_allclose(photons, single.photons_mode, rtol=1e-11, atol=1e-12)
    means = answer.mean.isel(time=-1)
    np.testing.assert_allclose(
        ensemble.spins.mean(axis=(0, 1))[0], means.sx, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(photons.mean(axis=0).sum(), means.photons, rtol=1e-11, atol=1e-12)
    lengths = np.linalg.norm(ensemble.spins, axis=2)
    np.testing.assert_allclose(lengths, np.sqrt(3), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("coupling", "field", "start"),
    [("x", "z", [0.0, 1.0, 0.0]), ("z", "x", [0.0, 0.0, 1.0]), ("y", "z", [1.0, 0.0, 0.0])],
)
def test_laboratory_axes_of_free_spins(coupling: str, field: str, start: list[float]) -> None:
    """Uncoupled spins turn by 2ht about the field: turned back they are ±1 along x, y and z."""
    couplings = 1e-12 * LOSSLESS.couplings
    model = dicke(couplings=couplings, coupling_axis=coupling, field_axis=field, loss=0.0)
    state = od.ProductState.bloch(start)
    _, ensemble = od.trajectories(model, state, HALF, SHORT, FEW, validity="ignore")
    axis = np.eye(3)["xyz".index(field)]
    for spin, angle in enumerate(2 * HALF[1] * model.field):
        vectors = ensemble.spins[:, spin]
        along = np.outer(vectors @ axis, axis)
        back = along + np.cos(angle) * (vectors - along) - np.sin(angle) * np.cross(axis, vectors)
        np.testing.assert_allclose(np.abs(back), 1.0, atol=1e-9)
        np.testing.assert_allclose(back @ start, 1.0, atol=1e-9)
        assert (np.abs(back.mean(axis=0)[np.array(start) == 0]) < 0.9).all()
    vacuum = np.abs(ensemble.amplitudes) ** 2 - 0.5
    assert (np.abs(vacuum.mean(axis=0)) < 6 * 0.5 / np.sqrt(40)).all()


@pytest.mark.parametrize("axes", [("x", "z"), ("x", "y")])
def test_going_on_from_an_ensemble(axes: tuple[str, str]) -> None:
    """Half way and on from there is the whole way, trajectory by trajectory, without noise."""
    model = dicke(loss=0.0, coupling_axis=axes[0], field_axis=axes[1])
    names, half, method = FEW, HALF, SHORT
    _, middle = od.trajectories(model, START, half, method, names, validity="ignore")
    whole, end = od.trajectories(model, START, [0.0, 2.0], method, names, validity="ignore")
    rest, last = od.trajectories(model, middle, half, method, names, seed=9, validity="ignore")
    for name in names:
        np.testing.assert_allclose(
            rest[name][:, -1], whole[name][:, -1], rtol=1e-10, atol=1e-10, err_msg=name
        )
    np.testing.assert_allclose(last.spins, end.spins, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(last.amplitudes, end.amplitudes, rtol=1e-10, atol=1e-10)
    means = od.solve(model, middle, half, method, names, validity="ignore")
    for name in names:
        expected = whole[name][:, -1].mean()
        if means[name].ndim == 1:
            np.testing.assert_allclose(
                means[name][-1], expected, rtol=1e-10, atol=1e-10, err_msg=name
            )
    few = od.TruncatedWigner(trajectories=7, block=40, step=0.05, order=2)
    first, _ = od.trajectories(model, middle, half, few, names, validity="ignore")
    for name in names:
        np.testing.assert_allclose(
            first[name], rest[name][:7], rtol=1e-11, atol=1e-12, err_msg=name
        )


def test_dark_modes_are_sampled_in_the_ensemble() -> None:
    """Of three equal modes two are dark to one spin: photons at the end agree in distribution."""
    number = 4000
    model = od.DickeModel([[0.6, 0.3, -0.2]], 1.2, field=0.5)
    state = od.ProductState.polarized("+z", displacement=0.4, occupation=0.5)
    method = od.TruncatedWigner(trajectories=number, block=number, step=0.1, order=2)
    single, ensemble = od.trajectories(
        model, state, HALF, method, ["photons_mode"], seed=3, validity="ignore"
    )
    photons = np.abs(ensemble.amplitudes) ** 2 - 0.5
    # Averages over the dark parts are taken in closed form in the one, sampled in the other.
    expected = single.photons_mode[:, -1].values
    error = np.hypot(photons.std(axis=0), expected.std(axis=0)) / np.sqrt(number)
    apart = photons.mean(axis=0) - expected.mean(axis=0)
    assert (np.abs(apart) < 5 * error).all()
    # The control: without fluctuations of the dark parts, of variance 1/2 + 1/2, they would not be.
    share = 1 - model.couplings[0] ** 2 / (model.couplings**2).sum()
    assert (np.abs(apart - share) > 5 * error).all()


def test_a_step_that_was_not_found_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trajectories whose step misses the tolerance say so in status and by a warning."""
    steps = Steps(0.05)
    missed = lambda trajectories, *_: Choice(  # noqa: E731
        steps, steps.counts(trajectories.elapsed), 0.5, 8, "so it was"
    )
    monkeypatch.setattr(pilot, "choose", missed)
    method = od.TruncatedWigner(trajectories=40, block=40, order=2)
    with pytest.warns(od.ValidityWarning, match=r"estimated 0\.5: so it was\.$"):
        single, _ = od.trajectories(LOSSLESS, START, HALF, method, FEW, validity="ignore")
    assert (single.status == Status.NOT_CONVERGED).all()
    assert "so it was" in single.status.attrs["messages"]
    assert (single.estimated_error == 0.5).all()
