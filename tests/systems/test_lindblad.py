"""How the exact method searches, what it reports, and what it promises like all methods."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qutip
from qutip.solver.heom import BosonicBath, HEOMSolver

import opendicke as od
from opendicke.experiment.reading import parse_parts
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Status
from opendicke.model.reduce import reduce

TIMES = np.linspace(0.0, 2.0, 5)
NAMES = ["sx", "sy", "sz", "sz_spin", "photons", "photons_mode", "quadrature_mode", "energy"]
DAMPED: dict[str, Any] = {
    "couplings": [[0.5, 0.2], [-0.3, 0.4]], "frequencies": [1.0, 1.7], "loss": [1.5, 2.0],
    "gain": [0.3, 0.0], "field": [0.4, 0.7],
}  # fmt: skip
START: dict[str, Any] = {"displacement": [0.2 + 0.1j, 0.0], "occupation": [0.1, 0.0]}
VECTORS = np.array([[0.3, 0.2, 0.5], [0.0, 0.6, 0.8]])


def solve(model: Any, state: Any, names: Any = NAMES, times: Any = TIMES, **settings: Any) -> Any:
    return od.solve(model, state, times, od.Lindblad(**{"tolerance": 1e-8} | settings), names)


def numerics(ds: Any) -> dict[str, Any]:
    return dict(json.loads(ds.attrs["numerics"]))


def test_hierarchy_is_that_of_qutip() -> None:
    """An independent implementation: two exponents per mode, no gain in the start."""
    g, omega, loss, h = (0.9, -0.5), 1.0, 3.0, 0.4
    z = [qutip.tensor(qutip.sigmaz(), qutip.qeye(2)), qutip.tensor(qutip.qeye(2), qutip.sigmaz())]
    x = [qutip.tensor(qutip.sigmax(), qutip.qeye(2)), qutip.tensor(qutip.qeye(2), qutip.sigmax())]
    # C(t) = e^{−Γt/2 − iωt}, as real and imaginary part.
    half = loss / 2
    bath = BosonicBath(
        g[0] * z[0] + g[1] * z[1],
        ck_real=[0.5, 0.5], vk_real=[half + 1j * omega, half - 1j * omega],
        ck_imag=[-0.5j, 0.5j], vk_imag=[half + 1j * omega, half - 1j * omega],
    )  # fmt: skip
    options = {"atol": 1e-11, "rtol": 1e-9, "progress_bar": "", "nsteps": 10**6}
    solver = HEOMSolver(h * (x[0] + x[1]), bath, max_depth=12, options=options)
    down = qutip.ket2dm(qutip.tensor(qutip.basis(2, 1), qutip.basis(2, 1)))
    found = solver.run(down, [0, 1, 3], e_ops=[z[0], z[1], x[0] * x[1]])
    model = od.DickeModel([[g[0]], [g[1]]], omega, loss=loss, field=h)
    ds = solve(
        model, od.ProductState.polarized("-z"), ["sz_spin"], [0.0, 1.0, 3.0], way="hierarchy"
    )
    np.testing.assert_allclose(ds.sz_spin[:, 0], found.expect[0], atol=1e-7)
    np.testing.assert_allclose(ds.sz_spin[:, 1], found.expect[1], atol=1e-7)


def test_ways_agree_on_everything() -> None:
    """Two modes, heat, displacement, mixed and pure spins: three representations."""
    model = od.DickeModel(**DAMPED)
    state = od.ProductState.bloch(VECTORS, **START)
    times = [0.0, 0.4, 1.0]
    first = solve(model, state, NAMES, times, tolerance=1e-6, way="hierarchy")
    second = solve(model, state, NAMES, times, tolerance=1e-6, way="fock")
    for name in NAMES:
        np.testing.assert_allclose(first[name], second[name], atol=3e-6, err_msg=name)


def test_report_keeps_errors_apart() -> None:
    model = od.DickeModel([[1.7], [-0.9]], 1.0, loss=11.0, gain=1.0, field=0.1)
    ds = solve(model, od.ProductState.polarized("-z"), ["sz"], [0.0, 10.0], tolerance=1e-7)
    told = numerics(ds)
    assert told["way"] == "hierarchy"
    assert 0 < told["truncation_error"] <= 1e-7
    assert 0 <= told["integrator_error"] < 1e-11
    assert 0 < told["top_level_weight"] < 0.1
    assert int(told["cutoff"]) >= 5
    assert told["attempts"] >= 2
    assert told["unknowns"] == 16 * (int(told["cutoff"]) + 1) * (int(told["cutoff"]) + 2) // 2
    assert float(ds.estimated_error) == told["truncation_error"] + told["integrator_error"]


def test_reported_truncation_bounds_the_error() -> None:
    """Against twice the depth, over tolerances: the report is not smaller than what is missing."""
    model = od.DickeModel([[1.2], [0.7]], 1.0, loss=2.0, field=0.5)
    state = od.ProductState.polarized("+z")
    exact = solve(model, state, ["sz", "photons"], [0.0, 2.0], way="hierarchy", cutoff=40)
    for way in ("hierarchy", "fock"):
        for tolerance in (1e-2, 1e-4, 1e-6):
            ds = solve(model, state, ["sz", "photons"], [0, 2.0], way=way, tolerance=tolerance)
            error = max(abs(float((ds[n] - exact[n])[-1])) for n in ("sz", "photons"))
            assert error <= max(1e-12, 2 * numerics(ds)["truncation_error"]) <= 2 * tolerance


def test_a_cutoff_of_the_user_is_judged() -> None:
    model = od.DickeModel([[1.2], [0.7]], 1.0, loss=2.0, field=0.5)
    state = od.ProductState.polarized("+z")
    with pytest.warns(od.ValidityWarning, match="changes by .* with the cutoff 4 "):
        ds = solve(model, state, ["sz"], [0.0, 2.0], way="fock", cutoff=4)
    assert int(ds.status) == Status.NOT_CONVERGED
    ds = solve(model, state, ["sz"], [0.0, 2.0], way="fock", cutoff=(26,), tolerance=1e-6)
    assert int(ds.status) == Status.OK
    assert numerics(ds)["cutoff"] == "26"


def test_closed_systems_stay_vectors() -> None:
    """4 spins and 2 modes without loss: a state vector, energy conserved."""
    rng = np.random.default_rng(0)
    model = od.DickeModel(0.4 * rng.normal(size=(4, 2)), [1.0, 1.3], field=0.7)
    state = od.ProductState.polarized("+z")
    ds = solve(model, state, ["sz", "energy"], [0.0, 1.0, 5.0], tolerance=1e-6)
    told = numerics(ds)
    levels = np.prod([int(each) for each in told["cutoff"].split(" × ")])
    assert told["way"] in ("fock", "displaced")
    assert told["unknowns"] == 2 * 16 * levels
    np.testing.assert_allclose(ds.energy, ds.energy[0], atol=1e-5)


def test_closed_but_mixed() -> None:
    """Without loss a hot mode is a density matrix all the same: g = 0 keeps its photons."""
    model = od.DickeModel([[0.3], [0.2]], 1.0, field=0.5)
    state = od.ProductState.polarized("+z", occupation=0.2)
    one = solve(model, state, ["sz", "energy"], [0.0, 3.0], tolerance=1e-6, way="fock")
    two = solve(model, state, ["sz", "energy"], [0.0, 3.0], tolerance=1e-6, way="displaced")
    np.testing.assert_allclose(one.sz, two.sz, atol=3e-6)
    np.testing.assert_allclose(one.energy, one.energy[0], atol=1e-5)


def test_another_way_where_the_first_does_not_converge() -> None:
    """Little damping and strong coupling: the hierarchy is guessed too small, Fock states do it."""
    model = od.DickeModel(np.full((4, 1), 0.5), 1.0, loss=0.2, field=0.6)
    state = od.ProductState.polarized("-x")
    ds = solve(model, state, ["sx", "photons"], [0.0, 4.0], tolerance=1e-5)
    assert int(ds.status) == Status.OK
    made = od.to_qutip(model, state, 26, ["sx", "photons"], reduced=True)
    found = qutip.mesolve(
        made.H, made.rho0, [0, 4.0], made.c_ops, e_ops=made.e_ops,
        options={"atol": 1e-9, "rtol": 1e-7},
    )  # fmt: skip
    assert float(ds.sx[-1]) == pytest.approx(found.e_data["sx"][-1], abs=3e-5)
    assert float(ds.photons[-1]) == pytest.approx(found.e_data["photons"][-1], abs=3e-4)


def test_ising_models() -> None:
    """Eliminated modes: pure spins, against the exponential of H."""
    model = od.eliminate(od.DickeModel([[1.0], [0.7], [-0.4]], 5.0, field=[0.3, 0.4, 0.5]))
    state = od.ProductState.polarized("+z")
    ds = solve(model, state, ["sx_spin", "sz_spin", "energy", "correlation_spin"])
    made = od.to_qutip(model, state, observables=["sx_spin", "correlation_spin"])
    for number, time in enumerate(TIMES):
        ket = (-1j * made.H * time).expm() * made.rho0
        for j in range(3):
            expected = qutip.expect(made.e_ops[f"sx_spin[{j}]"], ket)
            assert float(ds.sx_spin[number, j]) == pytest.approx(expected, abs=1e-9)
        expected = qutip.expect(made.e_ops["correlation_spin[0,2]"], ket)
        assert float(ds.correlation_spin[number, 0, 2]) == pytest.approx(expected, abs=1e-9)


def test_relabelling_and_units() -> None:
    """Names of spins and modes, and the unit of energy, carry no physics."""
    state = od.ProductState.bloch(VECTORS, **START)
    base = solve(od.DickeModel(**DAMPED), state, tolerance=1e-7)
    swapped = {
        "couplings": np.array(DAMPED["couplings"])[::-1, ::-1], "frequencies": [1.7, 1.0],
        "loss": [2.0, 1.5], "gain": [0.0, 0.3], "field": [0.7, 0.4],
    }  # fmt: skip
    other = solve(
        od.DickeModel(**swapped),
        od.ProductState.bloch(
            VECTORS[::-1], displacement=START["displacement"][::-1], occupation=[0.0, 0.1]
        ),
        tolerance=1e-7,
    )
    fast = {name: 3 * np.array(value) for name, value in DAMPED.items()}
    scaled = solve(od.DickeModel(**fast), state, times=TIMES / 3, tolerance=1e-7)
    for name in NAMES:
        expected = base[name].values
        turned = expected[:, ::-1] if expected.ndim > 1 else expected
        unit = 3.0 if name == "energy" else 1.0
        np.testing.assert_allclose(other[name], turned, atol=3e-7, err_msg=name)
        np.testing.assert_allclose(scaled[name], unit * expected, atol=3e-6, err_msg=name)


def test_degenerate_modes_are_few() -> None:
    """2 spins and 30 equal modes in the vacuum: two bright ones, and the dark ones stay dark."""
    rng = np.random.default_rng(3)
    model = od.DickeModel(0.3 * rng.normal(size=(2, 30)), 2.0, field=1.0)
    state = od.ProductState.polarized("+z", displacement=0.05)
    ds = solve(model, state, ["photons", "photons_mode", "sz"], [0.0, 1.0], tolerance=1e-6)
    assert len(numerics(ds)["cutoff"].split(" × ")) == 2
    np.testing.assert_allclose(ds.photons_mode.sum("mode"), ds.photons, atol=1e-10)
    assert float(ds.photons[0]) == pytest.approx(30 * 0.05**2, rel=1e-6)


def test_assessment_knows_the_size() -> None:
    model = od.DickeModel([[1.7], [-0.9]], 1.0, loss=11.0, gain=1.0, field=0.1)
    told = od.assess(model, od.ProductState.polarized("-z"), [0.0, 200.0], od.Lindblad())
    assert told.verdict.name == "VALID"
    assert 300 < told.number < 3000
    assert told.memory > 0
    assert told.seconds > 0


def test_many_problems_and_progress() -> None:
    """`run_many` solves each as alone, and tells how far it is."""
    state, asked = od.ProductState.polarized("-z"), find_observables(["sz"])
    problems = [reduce(od.DickeModel([[g]], 1.0, loss=1.0, field=0.3), state) for g in (0.2, 0.4)]
    seen: list[float] = []
    method = od.Lindblad()
    both = method.run_many(
        problems, TIMES, asked, [(0, 0), (0, 1)], lambda share, _: seen.append(share)
    )
    assert max(seen) <= 1
    assert seen[0] < 0.5 < seen[-1]
    for problem, raw in zip(problems, both, strict=True):
        np.testing.assert_array_equal(
            raw.values["sz"], method.run(problem, TIMES, asked).values["sz"]
        )


def test_sudden_and_uneven_times() -> None:
    """A single time, and times of any spacing."""
    model = od.DickeModel([[0.5]], 1.0, loss=1.0, field=0.3)
    state = od.ProductState.polarized("-z")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        at_once = solve(model, state, ["sz"], [2.0])
        uneven = solve(model, state, ["sz"], [1.0, 1.001, 1.7, 4.0])
        even = solve(model, state, ["sz"], [0.0, 0.7, 3.0])
    assert float(at_once.sz[0]) == -1
    np.testing.assert_allclose(uneven.sz[[0, 2, 3]], even.sz, atol=1e-8)


def test_from_an_experiment_file() -> None:
    text = """
observables = ["sz", "photons"]
[model]
couplings = { kind = "uniform", strength = 0.5 }
spins = 2
modes = 1
frequencies = 1.0
loss = 1.0
field = 0.4
[state]
spins = "-z"
[times]
stop = 1.0
points = 3
[method]
kind = "lindblad"
tolerance = 1e-5
way = "hierarchy"
[sweep]
"model.field" = [0.1, 0.4]
"""
    experiment = od.Experiment(**parse_parts(text, Path()))
    assert experiment.method == od.Lindblad(1e-5, "hierarchy")
    ds = od.run(experiment)
    model = od.RandomDicke(od.Uniform(0.5), 2, 1, frequencies=1.0, loss=1.0, field=0.4).draw(0)
    alone = solve(model, od.ProductState.polarized("-z"), ["sz"], [0.0, 0.5, 1.0])
    found = ds.sel(field=0.4).sz.squeeze()
    np.testing.assert_allclose(found, alone.sz, atol=1e-5)


def test_tiny_units_of_energy() -> None:
    """Energies of 1e-20 are as good as any: QuTiP alone would drop them."""
    state = od.ProductState.polarized("+z")
    answers = []
    for unit in (1.0, 1e-20):
        model = od.DickeModel([[0.5 * unit]], unit, loss=unit, gain=0.1 * unit, field=0.4 * unit)
        answers.append(solve(model, state, ["sz"], TIMES / unit, way="fock", tolerance=1e-6).sz)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-9)


def test_depth_holds_what_is_asked() -> None:
    """g² needs moments of fourth order: a hierarchy that has none is refused or deepened."""
    model = od.DickeModel([[0.05]], 1.0, loss=1.0, field=0.3)
    state = od.ProductState.polarized("+x")
    with pytest.raises(od.InputError, match="`cutoff` must exceed 4"):
        solve(model, state, ["g2_mode"], [0.0, 1.0], way="hierarchy", cutoff=3)
    ds = solve(model, state, ["g2_mode"], [0.0, 1.0], way="hierarchy", tolerance=0.1)
    exact = solve(model, state, ["g2_mode"], [0.0, 1.0], way="hierarchy", cutoff=14)
    assert float(ds.g2_mode[-1, 0]) == pytest.approx(float(exact.g2_mode[-1, 0]), rel=0.1)
    assert np.isnan(ds.g2_mode[0, 0])


def test_very_long_times() -> None:
    """A million units of time, and the end is the stationary state."""
    model = od.DickeModel([[0.5], [0.3]], 1.0, loss=0.5, gain=0.1, field=0.3)
    ds = solve(model, od.ProductState.polarized("+x"), ["photons"], [0.0, 1e6], tolerance=1e-6)
    rest = od.stationary(model, od.Lindblad(1e-6), ["photons"])
    assert float(ds.photons[-1]) == pytest.approx(float(rest.photons), abs=1e-5)


def test_other_ways_are_not_built_beyond_the_memory(monkeypatch: Any) -> None:
    """A search that memory ends does not go on to a larger representation."""
    from opendicke.methods import exact_search

    model = od.DickeModel([[1.0], [0.6]], 1.0, loss=0.05, field=0.4)
    seen: list[str] = []
    build = exact_search.Task.system

    def watched(task: Any, way: str, cutoff: Any) -> Any:
        seen.append(way)
        return build(task, way, cutoff)

    monkeypatch.setattr(exact_search, "machine_memory", lambda: 6e5)
    monkeypatch.setattr(exact_search.Task, "system", watched)
    with pytest.warns(od.ValidityWarning, match="next cutoff would need"):
        solve(model, od.ProductState.polarized("-z"), ["sz"], [0.0, 1.0], tolerance=1e-9)
    assert set(seen) == {"hierarchy"}


def test_modes_without_spins_alone() -> None:
    """Nothing is left to solve: a displaced thermal mode in closed form, asked for by itself."""
    loss, gain, omega, start = 0.8, 0.2, 1.3, 2.0 - 0.5j
    model = od.DickeModel([[0.0]], frequencies=omega, loss=loss, gain=gain)
    state = od.ProductState.polarized("+x", displacement=start, occupation=0.4)
    ds = solve(model, state, ["photons", "quadrature_mode"])
    amplitude = start * np.exp(-(1j * omega + (loss - gain) / 2) * TIMES)
    rest = gain / (loss - gain)
    heat = rest + (0.4 - rest) * np.exp(-(loss - gain) * TIMES)
    np.testing.assert_allclose(ds.photons, abs(amplitude) ** 2 + heat, atol=1e-12)
    np.testing.assert_allclose(ds.quadrature_mode[:, 0], 2 * amplitude.real, atol=1e-12)
