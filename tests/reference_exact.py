"""Exact answers written out by hand; nothing here uses the library's own exact methods.

Everything is in the laboratory frame, with the usual Pauli matrices: the coupling is to σ of the
coupling axis, the field along σ of the field axis. No third axis is needed.

`without_field`
    The solution in closed form for h = 0. Each pair of configurations σ, σ' along the coupling
    axis keeps its weight, and its coherence is the mean of exp(−i Σ_λ d_λ ∫ q_λ dt) over the
    Wigner function of modes that feel the mean S of the forces G = Σ_j g_j σ_j of both sides,
    d their difference. The amplitude is a Gaussian process, so this is
    exp(−i Σ d_λ m_λ − ½ Σ d_λ² v_λ) with the mean m and the variance v of ∫ q dt.
`by_qutip`
    The Lindblad equation as one would write it in QuTiP: N qubits and M truncated oscillators.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

import opendicke as od

Array = Any
AXES = "xyz"
PAULI = {
    "x": np.array([[0, 1], [1, 0]], complex),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.array([[1, 0], [0, -1]], complex),
}
OF_SPINS = (
    *(f"s{axis}" for axis in AXES),
    *(f"s{axis}_spin" for axis in AXES),
    "overlap",
    "ising_energy",
    "spin_correlation",
    "correlation_spin",
    "probability",
    "entropy",
    "overlap_variance",
    "spin_squeezing",
)
OF_MODES = ("photons", "photons_mode", "quadrature_mode", "energy", "g2_mode")


@dataclass(frozen=True)
class Case:
    """A model and a product state, in numbers."""

    model: od.DickeModel
    bloch: Any
    """(N, 3) in laboratory components, or one for all."""
    displacement: Any = 0.0
    occupation: Any = 0.0
    levels: Any = field(default=())
    """Fock states of each mode in `by_qutip`."""

    @property
    def state(self) -> od.ProductState:
        """The same state in the library's words."""
        return od.ProductState.bloch(
            self.bloch, displacement=self.displacement, occupation=self.occupation
        )

    def spins_at_start(self) -> Array:
        """Density matrix of the spins, (2^N, 2^N), spin 0 first."""
        vectors = np.broadcast_to(np.atleast_2d(self.bloch), (self.model.spins, 3))
        each = [
            (np.eye(2) + sum(r * PAULI[axis] for r, axis in zip(row, AXES, strict=True))) / 2
            for row in vectors
        ]
        return reduce(np.kron, each)

    def modes_at_start(self) -> tuple[Array, Array]:
        """Amplitudes and thermal occupations, (M,)."""
        size = self.model.modes
        return (
            np.broadcast_to(np.asarray(self.displacement, complex), size),
            np.broadcast_to(np.asarray(self.occupation, float), size),
        )


def on(spin: int, matrix: Array, count: int) -> Array:
    """One spin's matrix among those of `count`, (2^N, 2^N)."""
    return np.kron(np.kron(np.eye(2**spin), matrix), np.eye(2 ** (count - spin - 1)))


def turned_to(axis: str, count: int) -> Array:
    """Columns: the configurations along an axis, +1 before −1 and spin 0 slowest."""
    values, vectors = np.linalg.eigh(PAULI[axis])
    return reduce(np.kron, [vectors[:, np.argsort(-values)]] * count)


def every_configuration(count: int) -> Array:
    """±1 of every spin in all configurations, (2^N, N), in the order of `turned_to`."""
    numbers = np.arange(2**count)[:, None]
    return 1 - 2 * ((numbers >> np.arange(count - 1, -1, -1)) & 1)


# Observables


def spin_answers(model: od.DickeModel, rho: Array) -> dict[str, Array]:
    """Observables of the spins in the state ρ, (2^N, 2^N)."""
    count = model.spins
    matrices = {axis: [on(j, PAULI[axis], count) for j in range(count)] for axis in AXES}

    def mean(matrix: Array) -> float:
        return float(np.einsum("ij,ji->", rho, matrix).real)

    answer: dict[str, Array] = {}
    for axis in AXES:
        answer[f"s{axis}_spin"] = np.array([mean(matrix) for matrix in matrices[axis]])
        answer[f"s{axis}"] = answer[f"s{axis}_spin"].mean()
    along = matrices[model.coupling_axis]
    pairs = np.array([[mean(a @ b) for b in along] for a in along])
    answer["correlation_spin"] = pairs
    answer["spin_correlation"] = pairs.mean()
    kets = turned_to(model.coupling_axis, count)
    chances = np.einsum("ik,ij,jk->k", kets.conj(), rho, kets).real
    answer["probability"] = chances
    answer["entropy"] = -sum(p * np.log(p) for p in chances if p > 0)
    energy = 0.0
    for mode in range(model.modes):
        g, omega = model.couplings[:, mode], model.frequencies[mode]
        damping = model.loss[mode] - model.gain[mode]
        others = g @ pairs @ g - g @ g
        energy -= omega * others / (omega**2 + damping**2 / 4)
    answer["ising_energy"] = energy
    patterns = np.sign(model.couplings.T) if model.patterns is None else np.array(model.patterns)
    z = answer[f"s{model.coupling_axis}_spin"]
    answer["overlap"] = patterns @ z / count
    answer["overlap_variance"] = (
        np.einsum("pi,ij,pj->p", patterns, pairs, patterns) / count**2 - answer["overlap"] ** 2
    )
    # Wineland: N times the least variance across the mean spin S = Σσ/2, over |⟨S⟩|².
    total = {axis: sum(matrices[axis]) / 2 for axis in AXES}
    spin = np.array([mean(total[axis]) for axis in AXES])
    length = np.linalg.norm(spin)
    if length > 1e-6:
        across = np.linalg.svd(spin[None])[2][1:]
        s1, s2 = (sum(c * total[axis] for c, axis in zip(row, AXES, strict=True)) for row in across)
        v1, v2, both = mean(s1 @ s1), mean(s2 @ s2), mean(s1 @ s2 + s2 @ s1) / 2
        least = (v1 + v2) / 2 - np.hypot((v1 - v2) / 2, both)
        answer["spin_squeezing"] = count * least / length**2
    return answer


def mode_answers(
    model: od.DickeModel,
    spins: dict[str, Array],
    number: Array,
    quadrature: Array,
    pairs: Array,
    interaction: float,
) -> dict[str, Array]:
    """Observables of the modes from ⟨a†a⟩, ⟨a + a†⟩, ⟨a†a†aa⟩, (M,), and the coupling energy."""
    field_energy = model.field @ spins[f"s{model.field_axis}_spin"]
    lit = number > 1e-6
    return {
        "photons": number.sum(),
        "photons_mode": number,
        "quadrature_mode": quadrature,
        "energy": model.frequencies @ number + interaction + field_energy,
        # Of an empty mode it is not defined, nor to be had from small differences.
        "g2_mode": np.where(lit, pairs / np.where(lit, number, 1.0) ** 2, np.nan),
    }


# Without field


@dataclass(frozen=True)
class Drifting:
    """One mode at a time t under a constant force S: everything is linear in S."""

    kept: Array
    """e^{−zt}: what is left of the first amplitude."""
    pushed: Array
    """Amplitude per force."""
    integral: Array
    """∫ q dt of the first amplitude alone."""
    phi: Array
    """∫ q dt per force."""
    variance: Array
    """Variance of ∫ q dt."""
    thermal: Array
    """Thermal photons."""


def drifting(case: Case, time: float) -> Drifting:
    """All modes at a time, (M,); damping may be 0, but not together with the frequency."""
    model = case.model
    gamma = model.loss - model.gain
    z = gamma / 2 + 1j * model.frequencies
    alpha, start = case.modes_at_start()
    kept = np.exp(-z * time)
    once = (1 - kept) / z
    damped = np.where(gamma > 0, gamma, 1.0)
    total = np.where(gamma > 0, -np.expm1(-gamma * time) / damped, time)
    # ∫₀ᵗ |(1 − e^{−zu})/z|² du, what noise adds to ∫ a dt
    noise = (time - 2 * once.real + total) / np.abs(z) ** 2
    return Drifting(
        kept=kept,
        pushed=-1j * once,
        integral=2 * (alpha * once).real,
        phi=2 * (-1j * (time - once) / z).real,
        variance=2 * ((start + 0.5) * np.abs(once) ** 2 + (model.loss + model.gain) / 2 * noise),
        thermal=start * np.exp(-gamma * time) + model.gain * total,
    )


def without_field(case: Case, times: Any) -> dict[str, Array]:
    """All observables for h = 0, times first."""
    model = case.model
    assert not model.field.any()
    start = case.spins_at_start()
    kets = turned_to(model.coupling_axis, model.spins)
    force = every_configuration(model.spins) @ model.couplings
    apart, mean = force[:, None] - force[None], (force[:, None] + force[None]) / 2
    answers = []
    for time in times:
        modes = drifting(case, time)
        turning = apart @ modes.integral + (apart * mean) @ modes.phi
        coherence = np.exp(-1j * turning - apart**2 @ modes.variance / 2)
        rho = kets @ (coherence * (kets.conj().T @ start @ kets)) @ kets.conj().T
        spins = spin_answers(model, rho)
        chances = spins["probability"]
        # Amplitudes of every configuration, (2^N, M)
        amplitude = case.modes_at_start()[0] * modes.kept + force * modes.pushed
        square = np.abs(amplitude) ** 2
        pairs = square**2 + 4 * square * modes.thermal + 2 * modes.thermal**2
        answers.append(
            spins
            | mode_answers(
                model,
                spins,
                chances @ square + modes.thermal,
                chances @ (2 * amplitude.real),
                chances @ pairs,
                float((chances @ (force * 2 * amplitude.real)).sum()),
            )
        )
    return stacked(answers)


def classical_factor(case: Case, times: Any) -> Array:
    """What truncated Wigner multiplies ⟨X_i⟩ with at h = 0, (T, N): cos Σ_λ 2g_{iλ}² φ_λ.

    A spin that starts along X has z = ±1 with equal chances in its samples, conserved, and is
    turned by the field that it makes itself.
    """
    phi = np.array([drifting(case, time).phi for time in times])
    return np.cos(2 * phi @ (case.model.couplings**2).T)


def stacked(answers: list[dict[str, Array]]) -> dict[str, Array]:
    """Answers at single times as arrays; one that is undefined at some time is left out."""
    names = set.intersection(*(set(each) for each in answers))
    return {name: np.array([each[name] for each in answers]) for name in sorted(names)}


# With QuTiP


def displaced_thermal(alpha: complex, occupation: float, levels: int) -> Array:
    """Density matrix of a mode, cut out of a space so large that its edge is empty."""
    import qutip

    large = levels + 60
    thermal = qutip.thermal_dm(large, occupation) if occupation else qutip.fock_dm(large, 0)
    shift = qutip.displace(large, alpha)
    matrix = (shift * thermal * shift.dag()).full()[:levels, :levels]
    return qutip.Qobj(matrix / np.trace(matrix))


@dataclass(frozen=True)
class Written:
    """A case in QuTiP's words."""

    hamiltonian: Any
    jumps: list[Any]
    start: Any
    interaction: Any
    lowering: list[Any]


def written(case: Case) -> Written:
    """H, jump operators and state on N qubits and M oscillators."""
    import qutip

    model = case.model
    count = model.spins
    whole = [qutip.qeye(2)] * count + [qutip.qeye(levels) for levels in case.levels]

    def place(at: int, operator: Any) -> Any:
        return qutip.tensor([*whole[:at], operator, *whole[at + 1 :]])

    sigma = {"x": qutip.sigmax(), "y": qutip.sigmay(), "z": qutip.sigmaz()}
    along = [place(j, sigma[model.coupling_axis]) for j in range(count)]
    across = [place(j, sigma[model.field_axis]) for j in range(count)]
    lowering = [place(count + m, qutip.destroy(n)) for m, n in enumerate(case.levels)]
    free = sum(w * a.dag() * a for w, a in zip(model.frequencies, lowering, strict=True))
    coupling = sum(
        model.couplings[j, m] * along[j] * (a + a.dag())
        for j in range(count)
        for m, a in enumerate(lowering)
    )
    jumps = [np.sqrt(rate) * a for rate, a in zip(model.loss, lowering, strict=True) if rate]
    jumps += [np.sqrt(rate) * a.dag() for rate, a in zip(model.gain, lowering, strict=True) if rate]
    spins = [
        (qutip.qeye(2) + sum(r * sigma[axis] for r, axis in zip(row, AXES, strict=True))) / 2
        for row in np.broadcast_to(np.atleast_2d(case.bloch), (count, 3))
    ]
    modes = [
        displaced_thermal(alpha, occupation, levels)
        for alpha, occupation, levels in zip(*case.modes_at_start(), case.levels, strict=True)
    ]
    return Written(
        hamiltonian=free + coupling + sum(h * x for h, x in zip(model.field, across, strict=True)),
        jumps=jumps,
        start=qutip.tensor([*spins, *modes]),
        interaction=coupling,
        lowering=lowering,
    )


def by_qutip(case: Case, times: Any, accuracy: float = 1e-12) -> dict[str, Array]:
    """All observables by `mesolve`, times first."""
    import qutip

    system = written(case)
    count = case.model.spins
    options = {"atol": accuracy / 10, "rtol": accuracy, "nsteps": 10**6, "progress_bar": ""}
    options["store_states"] = True
    found = qutip.mesolve(
        system.hamiltonian, system.start, list(times), system.jumps, options=options
    )
    answers = []
    for state in found.states:
        rho = state if state.isoper else state.proj()
        spins = spin_answers(case.model, rho.ptrace(list(range(count))).full())
        numbers = [a.dag() * a for a in system.lowering]

        def means(operators: list[Any], rho: Any = rho) -> Array:
            return np.array([qutip.expect(operator, rho) for operator in operators])

        # n² − n of a product with ladder operators would lose the top level.
        answers.append(
            spins
            | mode_answers(
                case.model,
                spins,
                means(numbers),
                means([a + a.dag() for a in system.lowering]),
                means([n * n - n for n in numbers]),
                float(qutip.expect(system.interaction, rho)),
            )
        )
    return stacked(answers)


def equal_spins_by_qutip(model: od.DickeModel, bloch: Any, times: Any, levels: int) -> Array:
    """(4, T): x, y, z and photons per spin of N equal pure spins as one of length N/2."""
    import qutip

    count, g = model.spins, model.couplings[0, 0]
    assert (model.couplings == g).all()
    assert (model.coupling_axis, model.field_axis) == ("z", "x")
    j, one = count / 2, qutip.qeye(levels)
    jx, jy, jz = (qutip.tensor(qutip.jmat(j, axis), one) for axis in AXES)
    a = qutip.tensor(qutip.qeye(count + 1), qutip.destroy(levels))
    h = model.frequencies[0] * a.dag() * a + 2 * g * jz * (a + a.dag()) + 2 * model.field[0] * jx
    angles = np.arccos(bloch[2]), np.arctan2(bloch[1], bloch[0])
    psi = qutip.tensor(qutip.spin_coherent(j, *angles), qutip.basis(levels, 0))
    found = qutip.mesolve(
        h,
        psi * psi.dag(),
        list(times),
        [np.sqrt(model.loss[0]) * a],
        e_ops=[jx / j, jy / j, jz / j, a.dag() * a / count],
        options={"atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6, "progress_bar": ""},
    )
    return np.array(found.expect)


def undamped(model: od.DickeModel, times: Any, levels: int) -> dict[str, Array]:
    """Z of each spin (T, N) and photons of each mode (T, M) without loss, from |↑…↑⟩ ⊗ vacuum.

    Degenerate modes are rotated into as many as there are spins (the triangle of a QR
    decomposition), each with `levels` Fock states; ↑ is along the coupling axis.
    """
    from scipy.sparse import csr_array, diags_array, eye_array, kron
    from scipy.sparse.linalg import expm_multiply

    assert np.ptp(model.frequencies) == 0
    assert not model.loss.any()
    assert not model.gain.any()
    count = model.spins
    rotation, triangle = np.linalg.qr(model.couplings.T)  # g = triangleᵀ rotationᵀ
    bright = len(triangle)
    sizes = [2] * count + [levels] * bright
    lower = diags_array([np.sqrt(np.arange(1.0, levels))], offsets=[1])

    def place(at: int, operator: Any) -> Any:
        left, right = eye_array(int(np.prod(sizes[:at]))), eye_array(int(np.prod(sizes[at + 1 :])))
        return csr_array(kron(kron(left, csr_array(operator)), right))

    along = [place(j, PAULI["z"].real) for j in range(count)]
    lowering = [place(count + m, lower) for m in range(bright)]
    h = sum(model.field[j] * place(j, PAULI["x"].real) for j in range(count))
    for m, a in enumerate(lowering):
        h = h + model.frequencies[0] * (a.T @ a)
        h = h + sum(triangle[m, j] * along[j] for j in range(count)) @ (a + a.T)
    psi = np.zeros(h.shape[0], complex)
    psi[0] = 1
    states = expm_multiply(-1j * h, psi, times[0], times[-1], len(times), endpoint=True)
    weights = np.abs(states) ** 2
    flows = np.array([[a @ psi for a in lowering] for psi in states])
    # ⟨b†b⟩ of the bright modes, then that of the original ones.
    overlaps = np.einsum("tak,tbk->tab", flows.conj(), flows)
    return {
        "along": weights @ np.array([z.diagonal() for z in along]).T,
        "photons_mode": np.einsum("ma,tab,mb->tm", rotation, overlaps, rotation).real,
    }


# Comparison


def solved(case: Case, times: Any, method: Any, names: Any, seed: int = 0) -> Any:
    """The library's answer, whatever it thinks of its own validity."""
    return od.solve(case.model, case.state, times, method, list(names), seed, validity="ignore")


def check(ds: Any, exact: dict[str, Array], names: Any, tolerance: float) -> None:
    """All values of all observables within the tolerance, relative to the largest above 1."""
    for name in names:
        defined = np.isfinite(exact[name])
        wanted = exact[name][defined]
        assert wanted.size, name
        allowed = tolerance * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(
            ds[name].values[defined], wanted, rtol=0, atol=allowed, err_msg=name
        )


def scores(ds: Any, exact: dict[str, Array], names: Any) -> Array:
    """All (value − exact)/error, of what scatters; the rest must be exact to 1e−9."""
    found = []
    for name in names:
        apart, error = ds[name].values - exact[name], ds[f"{name}_stderr"].values
        fixed = error < 1e-12
        assert np.abs(apart[fixed]).max(initial=0) < 1e-9, name
        found.append((apart[~fixed] / error[~fixed]).ravel())
    return np.concatenate(found)
