"""Tests of what carollo2021 says about the exactness of mean field and the constants of its proof.

The theorem itself needs exact dynamics of finite systems, which the library does not do yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import follow, limit
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.physics.theorem import theorem_constants

_STRENGTH = 0.9


@claim(
    "theorem",
    "For states with 𝓔_N(0) → 0 mean field is exact at every finite time as N → ∞.",
    "Theorem, p. 3; Eq. (8)",
)
def theorem(_: Findings) -> Outcome:
    """Only where an exact solution is known: no field, one mode, equal spins."""
    sizes, scaled = (100, 1000, 10_000), []
    strength, frequency, loss, time = 0.8, 1.0, 1.0, 3.0
    z = loss / 2 + 1j * frequency
    u = time / z - (1 - np.exp(-z * time)) / z**2
    for spins in sizes:
        g2 = strength**2 / spins
        exact = np.exp(-4 * g2 * u.real) * np.cos(4 * g2 * u.imag) ** (spins - 1)
        couplings = np.full((spins, 1), strength / np.sqrt(spins))
        model = DickeModel(couplings, frequencies=frequency, loss=loss)
        raw = follow([(model, ProductState.polarized("+x"))], np.array([0.0, time]), ["sx"], 1e-8)
        scaled.append(spins * abs(float(np.asarray(raw[0].values["sx"])[-1]) - exact))
    listing = ", ".join(f"{value:.2f}" for value in scaled)
    return Outcome(
        Verdict.CANNOT_TELL,
        "Needs exact dynamics of finite systems, which the library does not offer yet. Seen so "
        "far, in the one case with a closed form (no field, one mode): the error of ⟨σx⟩ at t = "
        f"3 times N is {listing} for N = {', '.join(map(str, sizes))}; it tends to a constant.",
        value=scaled[-1],
    )


@claim(
    "quantum",
    "A full quantum treatment gives nothing else than the semi-classical equations.",
    "p. 2",
)
def quantum(_: Findings) -> Outcome:
    return Outcome(
        Verdict.CANNOT_TELL, "As `theorem`: exact dynamics of finite systems is not offered yet."
    )


@claim(
    "extensions",
    "The proof extends to spin decay, time-dependent rates, other all-to-all models and unequal "
    "groups.",
    "p. 2; Suppl., below Fig. S2",
)
def extensions(_: Findings) -> Outcome:
    return Outcome(
        Verdict.CANNOT_TELL, "Statements about a proof; spin decay and schedules are not modelled."
    )


@claim(
    "initial_error",
    "Physical initial states with short-ranged correlations have 𝓔_N(0) → 0.",
    "p. 3, below Eq. (10)",
)
def initial_error(_: Findings) -> Outcome:
    """Product states only: 𝓔_N(0) from the operators themselves, for small N."""
    vector = np.array([0.48, -0.6, 0.64])
    scaled = [spins * _initial_error(spins, vector, modes=1) for spins in (2, 4, 6)]
    expected = 2.0 + 1.0  # (3 − |s|²)/N of one group, and 1/N of one mode in a coherent state
    apart = max(abs(value - expected) for value in scaled)
    return Outcome(
        judged(apart < 1e-9),
        "For product states: N 𝓔_N(0) of one group and one mode, from the 2^N-dimensional "
        "operators for N = 2, 4, 6, does not depend on N. Correlated states were not tried.",
        value=scaled[-1],
        expected=expected,
        error=apart,
    )


def _initial_error(spins: int, vector: Array, modes: int) -> float:
    """𝓔_N(0) of Eq. (9), M = 1: equal pure spins along `vector`, modes in coherent states."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    one = (np.eye(2) + np.tensordot(vector, pauli, 1)) / 2
    rho = _product([one] * spins)
    total = modes / spins  # ⟨A†A + AA†⟩ = [a, a†]/N
    for axis in range(3):
        mean: Array = np.zeros_like(rho)
        for j in range(spins):
            factors = [np.eye(2)] * spins
            factors[j] = pauli[axis]
            mean = mean + _product(factors) / spins
        mean -= vector[axis] * np.eye(2**spins)
        total += float(np.trace(rho @ mean @ mean).real)
    return total


def _product(factors: Sequence[Array]) -> Array:
    """Kronecker product."""
    result: Array = np.eye(1)
    for factor in factors:
        result = np.kron(result, factor)
    return result


@claim(
    "gronwall",
    "A constant C that does not depend on N bounds the growth: 𝓔_N(t) ≤ e^(Ct) 𝓔_N(0).",
    "p. 3, Eq. (11); Suppl., Eq. (S5)",
)
def gronwall(findings: Findings) -> Outcome:
    parameters = findings.scale.parameters["fig3a"]
    rates = [parameters[name] for name in ("field", "frequencies", "loss")]
    constants = theorem_constants(_STRENGTH, *rates)
    return Outcome(
        Verdict.CANNOT_TELL,
        "C (value) is finite and has no N in it: 2M d₀ + 3·2^(M−1) c₀ with c₀ = "
        f"{constants.c0:.4g}, d₀ = {constants.d0:.4g} at g₀ = {_STRENGTH}. Whether 𝓔_N obeys the "
        "bound needs exact dynamics. The bound is a proof, not an estimate: e^(Ct) is e after t "
        f"= {1 / constants.C:.1g}.",
        value=constants.C,
    )


@claim(
    "lemma2",
    "In Lemma 2 the modes are driven by a sum over 2^M − 1 large spins.",
    "Suppl., Lemma 2",
)
def lemma2(_: Findings) -> Outcome:
    modes = 4
    problem = reduce(
        limit({"frequencies": [1.0] * modes, "loss": 1.0, "field": 0.5}, 1.0),
        ProductState.pattern(0),
    )
    return Outcome(
        judged(problem.groups == 2**modes - 1),
        f"A misprint: M = {modes} patterns have {problem.groups} large spins (expected: the "
        "printed number). Eq. (6) of the paper has 2^(M−1). See the errata.",
        value=problem.groups,
        expected=2**modes - 1,
        error=abs(problem.groups - (2**modes - 1)),
    )


@claim(
    "lemma4",
    "Lemma 4 holds with d₀ = 2[Γ + (2^M − 1)|g|].",
    "Suppl., Lemma 4",
)
def lemma4(findings: Findings) -> Outcome:
    parameters = findings.scale.parameters["fig3a"]
    rates = [parameters[name] for name in ("field", "frequencies", "loss")]
    proven = theorem_constants(_STRENGTH, *rates).d0
    frequencies, modes = np.array(rates[1]), len(rates[1])
    g = _STRENGTH / np.sqrt(2.0 ** (modes - 1))
    printed = 2 * (float((np.abs(frequencies) + rates[2] / 2).max()) + (2**modes - 1) * g)
    return Outcome(
        judged(printed >= proven),
        "The proof gives 2^(M−1) in place of 2^M − 1 (value: that constant; expected: the "
        "printed one). The printed constant is larger, so the lemma is true as stated, but not "
        "tight.",
        value=proven,
        expected=printed,
        error=printed - proven,
    )


CLAIMS = (
    initial_error,
    theorem,
    quantum,
    gronwall,
    lemma2,
    lemma4,
    extensions,
)
