"""Quantum jumps against density matrices by hand, and what every stochastic method promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qutip
import xarray as xr

import opendicke as od
from opendicke.experiment.reading import METHODS
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.measure.raw import Status
from opendicke.methods.jump_starts import Start, Starts
from opendicke.methods.quantum_jumps import QuantumJumps
from opendicke.model.collective import SpinSpace

MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons."""
AXES = "xyz"
NAMES = ["sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode", "energy"]
DOWN = od.ProductState.polarized("-z")


def by_hand(model: Any, state: Any, times: Any, levels: list[int]) -> dict[str, np.ndarray]:
    """The Lindblad equation of N qubits and M oscillators, by `mesolve`, times first."""
    spins, modes = model.spins, len(levels)
    whole = [qutip.qeye(2)] * spins + [qutip.qeye(size) for size in levels]

    def place(at: int, operator: Any) -> Any:
        return qutip.tensor([*whole[:at], operator, *whole[at + 1 :]])

    pauli = dict(zip(AXES, (qutip.sigmax(), qutip.sigmay(), qutip.sigmaz()), strict=True))
    sigma = {axis: [place(j, pauli[axis]) for j in range(spins)] for axis in AXES}
    a = [place(spins + m, qutip.destroy(size)) for m, size in enumerate(levels)]
    along, across = sigma[model.coupling_axis], sigma[model.field_axis]
    energy = sum(w * b.dag() * b for w, b in zip(model.frequencies, a, strict=True))
    energy += sum(h * x for h, x in zip(model.field, across, strict=True))
    energy += sum(
        model.couplings[j, m] * along[j] * (a[m] + a[m].dag())
        for j in range(spins)
        for m in range(modes)
    )
    jumps = [np.sqrt(rate) * b for rate, b in zip(model.loss, a, strict=True) if rate]
    jumps += [np.sqrt(rate) * b.dag() for rate, b in zip(model.gain, a, strict=True) if rate]
    resolved = state.resolve(model)
    bloch = resolved.bloch @ model.frame()
    factors = [
        (qutip.qeye(2) + sum(r * pauli[axis] for r, axis in zip(row, AXES, strict=True))) / 2
        for row in bloch
    ]
    for size, alpha, hot in zip(levels, resolved.displacement, resolved.occupation, strict=True):
        large = size + 40
        shift = qutip.displace(large, complex(alpha))
        matrix = (shift * qutip.thermal_dm(large, float(hot)) * shift.dag()).full()[:size, :size]
        factors.append(qutip.Qobj(matrix / np.trace(matrix)))
    asked = {f"s{axis}_spin": sigma[axis] for axis in AXES}
    asked["photons_mode"] = [b.dag() * b for b in a]
    asked["quadrature_mode"] = [b + b.dag() for b in a]
    asked["energy"] = [energy]
    flat = [operator for group in asked.values() for operator in group]
    options = {"atol": 1e-9, "rtol": 1e-7, "nsteps": 10**6, "progress_bar": ""}
    found = qutip.mesolve(
        energy, qutip.tensor(factors), list(times), jumps, e_ops=flat, options=options
    )
    columns = iter(found.expect)
    made = {name: np.stack([next(columns) for _ in group], -1) for name, group in asked.items()}
    made["energy"] = made["energy"][:, 0]
    return made


def solve(
    model: Any, state: Any, times: Any, names: Any = NAMES, seed: int = 0, **more: Any
) -> Any:
    return od.solve(model, state, times, QuantumJumps(**more), names, seed)


def z_scores(ds: xr.Dataset, exact: dict[str, np.ndarray]) -> np.ndarray:
    """All (value − exact)/error after the start."""
    scores = []
    for name, wanted in exact.items():
        apart, error = ds[name].values - wanted, ds[f"{name}_stderr"].values
        scores.append((apart[1:] / error[1:]).ravel())
    return np.concatenate(scores)


def numerics(ds: xr.Dataset) -> dict[str, Any]:
    return dict(json.loads(ds.attrs["numerics"]))


TWO = od.DickeModel([[1.1], [-0.6]], 1.0, loss=1.3, gain=0.3, field=[0.4, 0.7])
FOUR = od.DickeModel(np.full((4, 1), 0.35), 1.0, loss=1.0, field=0.5)
PLANES = od.DickeModel(
    [[0.4, -0.2], [0.3, 0.3]], [1.0, 1.5], loss=[1.0, 0.3], gain=[0.2, 0.0], field=0.6,
    coupling_axis="x", field_axis="z",
)  # fmt: skip
SWAPPED = od.DickeModel([[0.9]], 1.0, loss=2.0, field=0.8, coupling_axis="y", field_axis="z")
CASES = {
    "gain": (TWO, DOWN, [20]),
    "thermal": (
        TWO,
        od.ProductState.bloch(
            [[0.3, 0.2, 0.5], [0, 0.1, -0.4]], displacement=1 - 0.5j, occupation=0.5
        ),
        [30],
    ),
    "collective": (FOUR, od.ProductState.bloch([0.2, 0.5, -0.3]), [12]),
    "two modes": (PLANES, od.ProductState.polarized("+y", displacement=[0.3, -0.2j]), [7, 6]),
    "y and z": (SWAPPED, od.ProductState.bloch([0.6, 0.3, 0.5], occupation=0.3), [20]),
}  # fmt: skip


def worst(ds: xr.Dataset, exact: dict[str, np.ndarray]) -> float:
    return float(np.abs(z_scores(ds, exact)).max())


@pytest.mark.parametrize("name", CASES)
def test_the_lindblad_equation(name: str) -> None:
    """Within errors of density matrices."""
    model, state, levels = CASES[name]
    times = [0.0, 1.0, 2.5]
    ds = solve(model, state, times, trajectories=240, cutoff=levels, tolerance=1e-3)
    assert ds.status == Status.OK
    assert worst(ds, by_hand(model, state, times, levels)) < MOST


def test_errors_are_honest() -> None:
    """z of independent runs has mean square 1, not so with another loss or field."""
    model, state, levels = CASES["y and z"]
    times = [0.0, 1.0, 3.0]
    runs = [
        solve(model, state, times, seed=seed, trajectories=40, cutoff=levels, tolerance=1e-3)
        for seed in range(12)
    ]

    def excess(law: Any) -> float:
        """Mean square of z, less 1, in units of its error."""
        exact = by_hand(law, state, times, levels)
        squares = (np.stack([z_scores(ds, exact) for ds in runs]) ** 2).mean(axis=1)
        error = squares.std(ddof=1) / np.sqrt(len(squares))
        assert error < 0.15 * squares.mean() + 0.15
        return float((squares.mean() - 1) / error)

    assert abs(excess(model)) < 4
    for loss, field in ((1.5, 1.0), (1.0, 0.8)):
        other = od.DickeModel(
            model.couplings, 1.0, loss=loss * model.loss, field=field * model.field,
            coupling_axis="y", field_axis="z",
        )  # fmt: skip
        assert excess(other) > 4


def test_starts_make_up_the_state() -> None:
    """All pure starts of equal mixed spins, with their weights, are the density matrix."""
    state = od.ProductState.bloch([0.3, -0.4, 0.5], displacement=0.4, occupation=2.0)
    problem = od.reduce(FOUR, state)
    space = SpinSpace.of(problem)
    starts = Starts(space, QuantumModes.of(problem), (0, 0))
    ((doubles, flipped, cumulated),) = starts.tables
    weights = np.diff(cumulated, prepend=0.0)
    exact = space.density().toarray()
    made = np.zeros_like(exact)
    begins = {4: 0, 2: 5, 0: 8}
    amplitudes = np.zeros(0, complex)
    for double, below, weight in zip(doubles, flipped, weights, strict=True):
        vector, lost = starts.vector(Start((int(double),), (int(below),), amplitudes), ())
        first = begins[int(double)]
        own = slice(first, first + len(vector))
        made[own, own] += weight * np.outer(vector, vector.conj())
        assert lost.shape == (0,)
    np.testing.assert_allclose(made, exact, atol=1e-13)
    drawn = [starts.draw(starts.generator(number)) for number in range(4000)]
    alpha = np.array([each.amplitudes[0] for each in drawn])
    assert abs(alpha.mean() - 0.4) < MOST * np.sqrt(2 / 4000)
    assert abs(alpha.real.var() - 1.0) < MOST * np.sqrt(2 / 4000)
    assert abs(alpha.imag.var() - 1.0) < MOST * np.sqrt(2 / 4000)
    chosen = np.array([each.double[0] == 4 for each in drawn])
    five = weights[doubles == 4].sum()
    assert abs(chosen.mean() - five) < MOST * np.sqrt(five * (1 - five) / 4000)


def test_functions_of_means_and_all_terms() -> None:
    """Every offered kind of term, at the start, where all is known; entropy is refused."""
    names = [
        "sx", "spin_correlation", "correlation_spin", "probability", "ising_energy", "overlap",
        "overlap_variance", "spin_squeezing", "g2_mode", "photons", "energy_distribution",
    ]  # fmt: skip
    state = od.ProductState.polarized("+x", displacement=1.2)
    known = [name for name in names if name in od.known_observables()]
    ds = solve(FOUR, state, [0.0, 1.0], known, trajectories=12, cutoff=24).isel(time=0)
    assert float(ds.sx) == pytest.approx(1)
    np.testing.assert_allclose(ds.probability, np.full(16, 1 / 16), atol=1e-12)
    np.testing.assert_allclose(ds.correlation_spin, np.eye(4), atol=1e-12)
    assert float(ds.spin_correlation) == pytest.approx(0.25)
    assert float(ds.overlap_variance[0]) == pytest.approx(0.25)
    assert float(ds.spin_squeezing) == pytest.approx(1)
    assert float(ds.photons) == pytest.approx(1.44)
    assert float(ds.g2_mode[0]) == pytest.approx(1)
    with pytest.raises(od.InputError, match="`entropy` holds EntropyTerm"):
        solve(FOUR, state, [0.0, 1.0], ["entropy"])


def test_probabilities_of_mixed_spins() -> None:
    """Configurations of equal mixed spins, of which each trajectory has one total spin."""
    ds = solve(
        FOUR, od.ProductState.bloch([0.3, 0.0, 0.5]), [0.0], ["probability", "correlation_spin"],
        trajectories=400, cutoff=4,
    )  # fmt: skip
    ups = np.array([f"{number:04b}".count("0") for number in range(16)])
    exact = 0.75**ups * 0.25 ** (4 - ups)
    apart = (ds.probability[0] - exact) / ds.probability_stderr[0]
    assert np.abs(apart).max() < MOST
    assert float(ds.probability.sum()) == pytest.approx(1)
    pairs = ds.correlation_spin[0].values
    error = ds.correlation_spin_stderr[0].values
    apart = (pairs - 0.25)[~np.eye(4, dtype=bool)] / error[~np.eye(4, dtype=bool)]
    assert np.abs(apart).max() < MOST
    one = od.ProductState.configuration([1, -1, 1, 1])
    ds = solve(FOUR, one, [0.0], ["probability"], trajectories=2, cutoff=4)
    np.testing.assert_allclose(ds.probability[0], np.eye(16)[0b0100], atol=1e-12)


def test_rare_trajectories_have_room() -> None:
    """A hot mode: those that start high get more Fock states, and the mean is not cut off."""
    hot = od.DickeModel([[0.2]], 1.0, loss=1.0, gain=0.5)
    state = od.ProductState.polarized("+z", occupation=4.0)
    times = [0.0, 0.5]
    ds = solve(hot, state, times, ["photons"], trajectories=400, tolerance=1e-3)
    found = numerics(ds)
    assert int(found["largest_cutoff"]) > int(found["cutoff"])
    assert found["initial_weight_lost"] < 1e-3
    assert ds.status == Status.OK
    z = 0.25 + 1j
    exact = 1 + 3 * np.exp(-0.25) + abs(0.2 * (1 - np.exp(-0.5 * z)) / z) ** 2
    assert abs(float(ds.photons[1]) - exact) < MOST * float(ds.photons_stderr[1])
    few, many = (
        solve(hot, state, times, ["photons"], trajectories=60, tolerance=1e-3, block=block)
        for block in (3, 60)
    )
    np.testing.assert_allclose(few.photons, many.photons, rtol=1e-11)


def test_seeds_and_blocks() -> None:
    """A trajectory is its number: blocks change round-off, a longer run begins with the shorter."""
    model, state, _ = CASES["thermal"]
    times = [0.0, 1.0]

    def run(seed: int = 3, trajectories: int = 12, **more: Any) -> xr.Dataset:
        return solve(model, state, times, seed=seed, trajectories=trajectories, cutoff=30, **more)

    first = run()
    xr.testing.assert_equal(first.drop_attrs(), run().drop_attrs())
    for block in (1, 5):
        for name, values in run(block=block).data_vars.items():
            np.testing.assert_allclose(values, first[name], rtol=1e-11, atol=1e-12, err_msg=name)
    assert np.abs(run(seed=4).photons_mode - first.photons_mode).max() > 1e-3
    each = [run(trajectories=n).photons_mode.values * n for n in (1, 2, 7, 8)]
    # The eighth trajectory is what it adds, also beside its neighbours in another block.
    wide = run(trajectories=8, block=3).photons_mode.values * 8
    np.testing.assert_allclose(wide, each[3], rtol=1e-11)
    alone = (each[3] - each[2])[1, 0]
    assert alone == pytest.approx((wide - run(trajectories=7, block=1).photons_mode * 7)[1, 0])


def test_experiments_in_files(tmp_path: Path) -> None:
    """Read, run over realizations and swept settings, and each member as if alone."""
    (tmp_path / "jumps.toml").write_text(TEXT)
    experiment = od.Experiment.from_toml(tmp_path / "jumps.toml")
    assert METHODS["quantum-jumps"] is QuantumJumps
    assert experiment.method == QuantumJumps(trajectories=6, cutoff=(14,))
    ds = od.run(experiment)
    assert (ds.status == Status.OK).all()
    (tmp_path / "again.toml").write_text(experiment.to_toml())
    again = od.Experiment.from_toml(tmp_path / "again.toml")
    assert again.method == experiment.method
    xr.testing.assert_equal(ds.drop_attrs(), od.run(again).drop_attrs())
    assert np.abs(ds.photons.diff("realization")).max() > 1e-3


def test_realizations_have_their_own_numbers() -> None:
    """The same model under two keys is two samples."""
    problem, asked = od.reduce(TWO, DOWN), od.find_observables(["photons"])
    method, times = QuantumJumps(trajectories=5, cutoff=16), np.array([0.0, 1.0])
    keys = [(0, 0), (0, 1), (1, 0), (0, 0)]
    raws = method.run_many([problem] * 4, times, asked, keys)
    means = [float(raw.values["photons"].value[1]) for raw in raws]  # type: ignore[union-attr]
    assert len(set(means)) == 3
    assert means[0] == means[3]


TEXT = """
observables = ["sz", "photons"]
realizations = 2
times = { stop = 1.0, points = 2 }

[model]
couplings = { kind = "gaussian", sigma = 0.7 }
spins = 2
modes = 1
frequencies = 1.0
loss = 1.3
field = 0.4

[state]
spins = "-z"

[method]
kind = "quantum-jumps"
trajectories = 6
cutoff = [14]

[sweep]
"method.tolerance" = [1e-2, 1e-3]
"""


def test_a_target_is_reached_or_missed_and_told() -> None:
    """Mixed spins without modes: the spread is known, and the target decides the number."""
    twisting = od.IsingModel(factors=np.ones((3, 1)), strengths=0.2, field=0.5)
    state = od.ProductState.bloch([0, 0, 0.6])
    ds = solve(twisting, state, [0.0, 1.0], ["sz"], target_stderr=0.02)
    assert float(ds.sz_stderr.max()) <= 0.02
    assert ds.status == Status.OK
    made = numerics(ds)["trajectories"]
    # Projections of three spins of which each is ±1: variance (1 − 0.36)/3, less within pure states
    assert 64 <= made <= 0.64 / 3 / 0.02**2 * 1.5
    with pytest.warns(od.ValidityWarning, match="after 20 trajectories the standard error is"):
        ds = solve(twisting, state, [0.0, 1.0], ["sz"], target_stderr=1e-3, trajectories=20)
    assert ds.status == Status.NOT_CONVERGED


def test_without_jumps_one_pure_state_is_the_answer() -> None:
    """Closed models: no errors, one trajectory, the Schrödinger equation."""
    closed = od.DickeModel([[1.1], [-0.6]], 1.0, field=[0.4, 0.7])
    state = od.ProductState.polarized("-z", displacement=0.3j)
    times = np.linspace(0, 3, 7)
    ds = solve(closed, state, times)
    exact = by_hand(closed, state, times, [45])
    for name in NAMES:
        assert (ds[f"{name}_stderr"] == 0).all()
        scale = max(1.0, np.abs(exact[name]).max())
        np.testing.assert_allclose(ds[name], exact[name], atol=1e-4 * scale)
    found = numerics(ds)
    assert (found["trajectories"], found["jumps"], found["largest_stderr"]) == (1, 0, 0)
    assert found["truncation_error"] <= 1e-4
    assert found["integrator_error"] <= 1e-4
    with pytest.warns(od.ValidityWarning, match="the highest of 6 Fock states holds the weight"):
        short = solve(closed, state, times, cutoff=6)
    assert short.status == Status.NOT_CONVERGED


def test_ising_models_and_uncoupled_modes() -> None:
    """No modes to truncate: free precession, and the twisting of two spins in closed form."""
    times = np.linspace(0, 2, 5)
    twisting = od.IsingModel(factors=np.ones((2, 1)), strengths=0.3)
    ds = solve(twisting, od.ProductState.polarized("+x"), times, ["sx"])
    np.testing.assert_allclose(ds.sx, np.cos(4 * 0.3 * times), atol=1e-6)
    free = od.DickeModel(np.zeros((2, 1)), 1.0, loss=1.0, field=0.5)
    ds = solve(free, od.ProductState.polarized("+z", displacement=2.0), times, ["sz", "photons"])
    np.testing.assert_allclose(ds.sz, np.cos(times), atol=1e-5)
    np.testing.assert_allclose(ds.photons, 4 * np.exp(-times), atol=1e-9)
    assert numerics(ds)["cutoff"] == "none"


def test_fock_states_are_found() -> None:
    """Found levels are as good as many; few ones are told, for the start and for what follows."""
    model, state, _ = CASES["thermal"]
    times = np.linspace(0, 2, 3)
    ds = solve(model, state, times, trajectories=24)
    many = solve(model, state, times, trajectories=24, cutoff=60)
    levels = int(numerics(ds)["cutoff"])
    assert 12 < levels < 45
    for name in NAMES:
        scale = max(1.0, float(np.abs(many[name]).max()))
        # Three times: the error is that of the pilots' mean, and of the larger of two truncations.
        np.testing.assert_allclose(ds[name], many[name], atol=3e-4 * scale, err_msg=name)
    found = numerics(ds)
    errors = found["truncation_error"] + found["integrator_error"]
    assert found["estimated_error"] == float(ds.estimated_error) == pytest.approx(errors)
    assert found["states"] == 4 * levels
    assert found["top_level_weight"] < 1e-4
    assert ds.status == Status.OK
    with pytest.warns(od.ValidityWarning, match="Fock states"):
        few = solve(model, state, times, trajectories=24, cutoff=4)
    assert few.status == Status.NOT_CONVERGED
    assert numerics(few)["truncation_error"] is None
    far = od.ProductState.polarized("-z", displacement=3.0)
    quiet = od.DickeModel([[1e-3]], 1.0, loss=9.0)
    with pytest.warns(od.ValidityWarning, match="miss, of the initial state, the weight"):
        solve(quiet, far, [0.0, 1e-9], ["sz"], trajectories=2, cutoff=9)


@pytest.mark.parametrize("factor", [0.01, 40.0, 1e-24])
def test_units_of_energy(factor: float) -> None:
    """Energies times c and times over c: the same trajectories."""
    model, state, _ = CASES["gain"]
    times = np.linspace(0, 2, 3)
    scaled = od.DickeModel(
        factor * model.couplings, factor * model.frequencies, loss=factor * model.loss,
        gain=factor * model.gain, field=factor * model.field,
    )  # fmt: skip
    names = ["sz_spin", "photons"]
    first = solve(model, state, times, names, trajectories=10, cutoff=20)
    second = solve(scaled, state, times / factor, names, trajectories=10, cutoff=20)
    assert numerics(first)["jumps"] == numerics(second)["jumps"] > 1
    for name in names:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-6, atol=1e-6)


def test_rates_of_jumps() -> None:
    """A held spin: photons leave at loss × n, and jumps are counted."""
    held = od.DickeModel([[1.0]], 1.0, loss=2.0)
    state = od.ProductState.polarized("+z", bosons="stationary")
    ds = solve(held, state, [0.0, 4.0], ["photons"], trajectories=200)
    photons = 1.0 / (1 + 1.0)
    np.testing.assert_allclose(ds.photons, photons, rtol=1e-4)
    # Poisson: a coherent state stays what it is when it loses a photon.
    expected = 2.0 * photons * 4.0
    assert abs(numerics(ds)["jumps"] - expected) < MOST * np.sqrt(expected / 200)


def test_progress_and_long_grids() -> None:
    """Progress rises to 1 also where one state is followed; many output times cost little."""
    closed = od.DickeModel([[0.3]], 1.0, field=0.4)
    seen: list[float] = []

    def progress(share: float, text: str) -> None:
        assert text
        seen.append(share)

    problem = od.reduce(closed, DOWN)
    times = np.linspace(0, 1, 2001)
    asked = od.find_observables(["sz"])
    method = QuantumJumps(cutoff=8)
    raw = method.run_many([problem, problem], times, asked, [(0, 0), (0, 1)], progress)[0]
    assert raw.values["sz"].value.shape == (2001,)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 2000
    lossy = od.reduce(TWO, DOWN)
    seen.clear()
    many = QuantumJumps(trajectories=60, cutoff=12, block=1)
    many.run_many([lossy], times[:3], asked, [(0, 0)], progress)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_verdict_and_cost() -> None:
    """Valid, with the states and an estimate that grows with trajectories and size."""
    small = od.assess(FOUR, DOWN, [0, 10], QuantumJumps(trajectories=100))
    more = od.assess(FOUR, DOWN, [0, 10], QuantumJumps(trajectories=1000))
    assert small.verdict == 0
    assert small.number % 5 == 0
    assert 3 < more.seconds / small.seconds < 10
    large = od.DickeModel(np.full((64, 1), 0.1), 1.0, loss=1.0, field=0.5)
    assert od.assess(large, DOWN, [0, 10], QuantumJumps(trajectories=100)).number > 65 * 20
    with pytest.raises(od.ValidityError, match="it would take about"):
        od.solve(FOUR, DOWN, [0, 1e15], QuantumJumps())
