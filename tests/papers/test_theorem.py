"""𝓔_N of carollo2021 from expectation values, against operators written by hand, and its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.raw import Status
from opendicke.papers import find_paper
from opendicke.papers.carollo2021.deviation import (
    Deviation,
    Means,
    deviation,
    distance,
    exponent,
    growth,
    initial_deviation,
    limit_of_deviation,
    means_of,
    per_group,
    questions,
    questions_of_means,
)
from opendicke.papers.catalogue import Scale, Verdict

Array = np.ndarray
TIMES = np.array([0.0, 0.6, 1.4])


def computed(
    model: od.DickeModel, state: od.ProductState, times: Array, tolerance: float = 1e-8
) -> Deviation:
    """By the library: exact solution and mean field."""
    problem, keys = od.reduce(model, state), [(0, 0)]
    means = questions_of_means(model)
    classical = od.MeanField(tolerance=1e-10).run_many([problem], times, means, keys)[0]
    exact = od.Lindblad(tolerance=tolerance).run_many([problem], times, questions(model), keys)[0]
    return deviation(exact, model, means_of(classical, model))


# By hand: every spin and mode a tensor factor of its own


@dataclass(frozen=True)
class ByHand:
    """A model in QuTiP's operators; `groups` lists (spin, sign) of every large spin."""

    model: od.DickeModel
    bloch: Array
    groups: Sequence[Sequence[tuple[int, int]]]
    levels: Sequence[int]

    def place(self, at: int, operator: Any) -> Any:
        import qutip

        whole = [qutip.qeye(2)] * self.model.spins + [qutip.qeye(n) for n in self.levels]
        return qutip.tensor([*whole[:at], operator, *whole[at + 1 :]])

    def sigma(self, spin: int, axis: str) -> Any:
        import qutip

        pauli = {"x": qutip.sigmax(), "y": qutip.sigmay(), "z": qutip.sigmaz()}
        return self.place(spin, pauli[axis])

    def lowering(self, mode: int) -> Any:
        import qutip

        return self.place(self.model.spins + mode, qutip.destroy(self.levels[mode]))

    def states(self, times: Array) -> list[Any]:
        import qutip

        m = self.model
        a = [self.lowering(mode) for mode in range(m.modes)]
        hamiltonian = sum(w * b.dag() * b for w, b in zip(m.frequencies, a, strict=True))
        for j in range(m.spins):
            hamiltonian += m.field[j] * self.sigma(j, m.field_axis)
            for mode, b in enumerate(a):
                coupling = m.couplings[j, mode] * (b + b.dag())
                hamiltonian += coupling * self.sigma(j, m.coupling_axis)
        pauli = [qutip.sigmax(), qutip.sigmay(), qutip.sigmaz()]
        spins = [
            (qutip.qeye(2) + sum(float(r) * s for r, s in zip(row, pauli, strict=True))) / 2
            for row in self.bloch
        ]
        start = qutip.tensor(*spins, *[qutip.fock_dm(n, 0) for n in self.levels])
        jumps = [np.sqrt(rate) * b for rate, b in zip(m.loss, a, strict=True)]
        options = {"atol": 1e-10, "rtol": 1e-9, "nsteps": 10**6, "progress_bar": ""}
        options["store_states"] = True
        return list(qutip.mesolve(hamiltonian, start, list(times), jumps, options=options).states)

    def mean_field(self, times: Array) -> tuple[Array, Array]:
        """Single spins (T, N, 3) in laboratory components, and amplitudes (T, M)."""
        m = self.model
        field = np.outer(m.field, np.eye(3)["xyz".index(m.field_axis)])
        along = np.eye(3)["xyz".index(m.coupling_axis)]

        def rates(_: float, y: Array) -> Array:
            s, a = y[: 3 * m.spins].real.reshape(-1, 3), y[3 * m.spins :]
            axis = field + np.outer(2 * m.couplings @ a.real, along)
            moved = -(1j * m.frequencies + m.loss / 2) * a - 1j * (s @ along) @ m.couplings
            return np.concatenate([2 * np.cross(axis, s).ravel(), moved])

        start = np.concatenate([np.ravel(self.bloch), np.zeros(m.modes)]).astype(complex)
        span = (0.0, times[-1])
        y = solve_ivp(rates, span, start, "DOP853", times, rtol=1e-11, atol=1e-12).y.T
        return y[:, : 3 * m.spins].real.reshape(len(y), -1, 3), y[:, 3 * m.spins :]

    def deviation(self, times: Array, number: float) -> Array:
        """⟨…⟩ of the squares of the operators themselves; `number` is N of A = a/√N."""
        spins, amplitudes = self.mean_field(times)
        answers = []
        for rho, s, alpha in zip(self.states(times), spins, amplitudes, strict=True):
            total = 0.0
            for group in self.groups:
                for b, axis in enumerate("xyz"):
                    signs = [1 if axis == self.model.field_axis else sign for _, sign in group]
                    members = list(zip(signs, (j for j, _ in group), strict=True))
                    mean = sum(sign * self.sigma(j, axis) for sign, j in members) / len(group)
                    apart = mean - sum(sign * s[j, b] for sign, j in members) / len(group)
                    total += (rho * apart * apart).tr().real
            for mode, value in enumerate(alpha):
                apart = (self.lowering(mode) - value) / np.sqrt(number)
                # AA† = A†A + 1/N: the product of cut-off operators would lose the top level.
                total += 2 * (rho * apart.dag() * apart).tr().real + 1 / number
            answers.append(total)
        return np.array(answers)


def generic(count: int, seed: int) -> Array:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


ONE_MODE = {"frequencies": 1.5, "loss": 1.0, "field": 0.5}
SYSTEMS = {
    # Two equal spins in different states: group means, not single spins.
    "equal rows": ByHand(
        od.DickeModel([[0.5], [0.5]], **ONE_MODE), generic(2, 0), [[(0, 1), (1, 1)]], [14]
    ),
    # Rows of both signs are one group after the gauge; the axes are others.
    "gauge": ByHand(
        od.DickeModel([[0.4], [-0.4]], coupling_axis="x", field_axis="z", **ONE_MODE),
        generic(2, 1),
        [[(0, 1), (1, -1)]],
        [14],
    ),
    # Two modes, groups of two spins and of one.
    "two modes": ByHand(
        od.DickeModel(
            [[0.2, 0.2], [0.2, -0.2], [0.2, 0.2]],
            frequencies=[1.5, 2.0],
            loss=[1.0, 0.8],
            field=0.5,
        ),
        np.tile([0.48, -0.6, 0.64], (3, 1)),
        [[(0, 1), (2, 1)], [(1, 1)]],
        [7, 6],
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_deviation_against_its_operators(name: str) -> None:
    system = SYSTEMS[name]
    state = od.ProductState.bloch(system.bloch)
    number = system.model.spins / 2 ** (system.model.modes - 1)
    assert per_group(system.model) == number
    expected = system.deviation(TIMES, number)
    found = computed(system.model, state, TIMES)
    np.testing.assert_allclose(found.error, expected, rtol=3e-6)
    assert found.error[0] == pytest.approx(initial_deviation(system.model, state), rel=1e-9)
    assert not found.stderr.any()
    assert found.missed[0] < 1e-6
    assert (found.missed[1:] > 1e-3).all()


def collective(spins: int, strength: float = 0.5, **changed: Any) -> od.DickeModel:
    couplings = np.full((spins, 1), strength / np.sqrt(spins))
    return od.DickeModel(couplings, **ONE_MODE | changed)


def test_limit_without_field() -> None:
    """Where Z is conserved fluctuations are known in closed form.

    From +x: z keeps its variance 1/N, pushes the mode to −i(1 − e^{−ζt})/ζ per force, and y turns
    by 2g ∫(a + a†)dt, which the force and the vacuum make uncertain.
    """
    strength, zeta = 0.7, 0.5 + 1.5j
    times = np.array([0.0, 0.3, 1.0, 2.5])
    pushed = np.abs((1 - np.exp(-zeta * times)) / zeta)
    phi = 2 * (-1j * (times - (1 - np.exp(-zeta * times)) / zeta) / zeta).real
    # ⟨q(t)q(s)⟩ of the vacuum is e^{−Γ|t−s|/2} cos ω(t−s): its double integral.
    vacuum = 2 * (times / zeta - (1 - np.exp(-zeta * times)) / zeta**2).real
    turned = 1 + (1 + 4 * strength**2 * (vacuum + strength**2 * phi**2))
    model = collective(5, strength, field=0.0)
    spins, modes = limit_of_deviation(model, od.ProductState.polarized("+x"), times)
    np.testing.assert_allclose(spins, turned, rtol=1e-8)
    np.testing.assert_allclose(modes, 1 + 2 * strength**2 * pushed**2, rtol=1e-8)


def test_limit_from_exact_solutions() -> None:
    """N 𝓔_N = limit + c/N + …: two sizes give the limit up to order 1/N²."""
    state, times = od.ProductState.polarized("+z"), np.array([0.0, 1.0, 2.0])
    small, large = (n * computed(collective(n), state, times, 1e-6).error for n in (4, 8))
    limit = limit_of_deviation(collective(3), state, times).sum(axis=0)
    np.testing.assert_allclose(limit[0], 3.0, rtol=1e-12)
    np.testing.assert_allclose(2 * large - small, limit, rtol=3e-3)
    assert (abs(large - limit)[1:] > 3 * abs(2 * large - small - limit)[1:]).all()


def test_two_equal_modes_are_two_models() -> None:
    """Rotated by 45° each holds one group: 𝓔 is made of those of two separate models."""
    signs = np.repeat([[1.0, 1.0], [1.0, -1.0]], [3, 2], axis=0)
    state, times = od.ProductState.bloch([0.0, 0.6, 0.8]), np.linspace(0, 3, 4)
    spins, modes = limit_of_deviation(
        od.DickeModel(0.25 * signs, **ONE_MODE | {"frequencies": [1.5, 1.5]}), state, times
    )
    parts = [
        limit_of_deviation(
            od.DickeModel(np.full((n, 1), 0.25 * np.sqrt(2)), **ONE_MODE), state, times
        )
        for n in (3, 2)
    ]
    # N 𝓔 of a part counts its own number of spins, here N = 5/2.
    np.testing.assert_allclose(spins, 2.5 * (parts[0][0] / 3 + parts[1][0] / 2), rtol=1e-7)
    np.testing.assert_allclose(modes, parts[0][1] + parts[1][1], rtol=1e-7)


def test_exponents() -> None:
    """Those of a power law; the error of the slope is that of the textbook."""
    sizes = np.array([2.0, 4.0, 8.0, 16.0])
    slope, error = exponent(sizes, 3 * sizes**-0.9, np.zeros(4))
    assert slope == pytest.approx(-0.9, abs=1e-12)
    assert error < 1e-12
    rough = sizes**-1.0 * np.array([1.0, 1.1, 0.9, 1.05])
    fit, covariance = np.polyfit(np.log(sizes), np.log(rough), 1, cov=True)
    slope, error = exponent(sizes, rough, np.zeros(4))
    assert slope == pytest.approx(fit[0], rel=1e-10)
    assert error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-10)
    rng = np.random.default_rng(3)
    exact, noise = 1 / sizes, np.array([0.0, 0.0, 0.004, 0.004])
    slopes = [exponent(sizes, exact + noise * rng.normal(size=4), noise)[0] for _ in range(2000)]
    _, error = exponent(sizes, exact, noise)
    assert np.std(slopes) == pytest.approx(error, rel=0.1)
    assert np.isnan(exponent(sizes[:2], rough[:2], np.zeros(2))[1])


def test_distances_of_sampled_means() -> None:
    """Sampling does not lengthen them on average, and their error is their scatter."""
    rng = np.random.default_rng(5)
    exact, other, sigma = rng.normal(size=5), rng.normal(size=5), rng.uniform(0.05, 0.2, 5)
    draws = Means(exact + sigma * rng.normal(size=(20_000, 5)), np.tile(sigma, (20_000, 1)))
    norm, error = distance(draws, Means(np.tile(other, (20_000, 1)), np.zeros((20_000, 5))))
    true = ((exact - other) ** 2).sum()
    assert (norm**2).mean() == pytest.approx(true, abs=4 * (norm**2).std() / np.sqrt(20_000))
    assert np.abs((norm**2 + (sigma**2).sum()).mean() - true) > 10 * (norm**2).std() / 141
    assert np.std(norm) == pytest.approx(error.mean(), rel=0.03)
    nothing = distance(draws, draws)
    assert (nothing[0] == 0).all()
    assert (nothing[1] > 0).all()


def test_an_early_answer_goes_first() -> None:
    """Up to its last time the density matrix, then the jumps, each with its own errors."""
    from opendicke.papers.carollo2021.theorem import _joined, _Solved

    def filled(value: float, times: int, status: Status) -> _Solved:
        row, table = np.full(times, value), np.full((times, 5), value)
        return _Solved(None, Deviation(row, row, row, row), Means(table, table), status)

    one = _joined(filled(1.0, 3, Status.OK), filled(2.0, 5, Status.NOT_CONVERGED))
    for row in (*one.deviation, *one.means):
        assert row.reshape(5, -1)[:, 0].tolist() == [1, 1, 1, 2, 2]
    assert one.status is Status.NOT_CONVERGED


def test_growth_bounds_from_above() -> None:
    times = np.array([0.0, 0.5, 1.0, 2.0])
    errors = 0.3 * np.exp([0.0, 0.1, 0.9, 1.0])
    rate = growth(times, errors)
    assert rate == pytest.approx(0.9, rel=1e-12)


@pytest.fixture(scope="module")
def figure() -> xr.Dataset:
    paper = find_paper("carollo2021")
    return paper.figure("theorem").make(paper.scale("smoke"), lambda share, text: None)


@pytest.mark.slow
def test_figure(figure: xr.Dataset) -> None:
    """Exponents near −1, N 𝓔 below its limit and rising to it, 𝓔 below the bound."""
    d = figure
    there = np.isfinite(d["spins"].values)
    assert (d["status"].values[there] == 1).all()
    early = d["error_exponent"].sel(fit_time=[0.5, 1.0])
    assert early.shape == (4, 2)
    assert np.abs(early + 1).max() < 0.1
    assert np.abs(d["missed_exponent"].sel(fit_time=0.5) + 1).max() < 0.1
    np.testing.assert_allclose(d["error"].values[..., 0][there], d["initial"].values[there], 1e-9)
    # (3 − 1) of every group and 1/N of every mode, at N = 2, 4 and 8.
    np.testing.assert_allclose(d["initial"].values[0], [1.5, 0.75, 0.375], rtol=1e-12)
    np.testing.assert_allclose(d["initial"].values[2, :2], [6.0, 3.0], rtol=1e-12)
    at = d.sel(time=1.0, method="nearest")
    below = (at["limit"] - at["per_group"] * at["error"]).values
    assert (below[there] > 0).all()
    assert (np.diff(below, axis=1)[np.isfinite(np.diff(below, axis=1))] < 0).all()
    bound = np.exp(np.minimum(d["constant"] * d["time"], 700)) * d["initial"]
    assert (d["error"] <= bound * (1 + 1e-9)).where(d["spins"].notnull(), True).all()
    assert float(d["wigner_missed"].sel(time=1.0, method="nearest")[1, 0]) < 0.5 * float(
        at["missed"][1, 0]
    )


@pytest.mark.slow
def test_drawing(figure: xr.Dataset) -> None:
    drawn = find_paper("carollo2021").figure("theorem").draw(figure)
    assert len(drawn.axes) == 8
    assert all(axes.lines for axes in drawn.axes)


@dataclass
class Shown:
    """Findings of one figure."""

    dataset: xr.Dataset
    scale: Scale

    def __call__(self, name: str) -> xr.Dataset:
        assert name == "theorem"
        return self.dataset


@pytest.mark.slow
def test_claims(figure: xr.Dataset) -> None:
    """What needs exact dynamics is told, and would be denied if 𝓔 did not fall."""
    paper = find_paper("carollo2021")
    checks = {claim.name: claim.check for claim in paper.claims()}
    scale = paper.scale("smoke")
    for name in ("theorem", "quantum", "gronwall"):
        assert checks[name](Shown(figure, scale)).verdict is Verdict.HOLDS, name
    flat = figure.assign(
        error_exponent=figure["error_exponent"] + 0.5,
        missed_exponent=figure["missed_exponent"] + 0.5,
        growth=1000 * figure["growth"],
    )
    for name in ("theorem", "quantum", "gronwall"):
        assert checks[name](Shown(flat, scale)).verdict is Verdict.FAILS, name
