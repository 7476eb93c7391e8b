"""Tests of what carollo2021 says about the exactness of mean field and the constants of its proof.

What needs exact dynamics looks at the dataset of the figure `theorem`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import limit
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.physics.theorem import theorem_constants

_STRENGTH = 0.9


@claim(
    "theorem",
    "For states with 𝓔_N(0) → 0 mean field is exact at every finite time as N → ∞.",
    "Theorem, p. 3; Eq. (8)",
)
def theorem(findings: Findings) -> Outcome:
    """The order of 𝓔_N in N, from exact solutions at several N and from the limit N → ∞."""
    d = findings("theorem")
    early = d["fit_time"].values <= _EARLY
    slopes = d["error_exponent"].values
    first, last = slopes[:, early], slopes[:, -1]
    worst = float(first.ravel()[np.abs(first + 1).argmax()])
    apart = _from_limit(d)
    seen = ", ".join(f"{share:.0%}" for share in apart)
    return Outcome(
        judged(abs(worst + 1) < _ORDER and bool(apart[-1] < apart[0])),
        "Exponents of N in 𝓔_N(t) of exact solutions (one large spin below and above threshold; "
        f"two large spins, equal and unequal; up to {_most(d)} spins): {_listed(first)} at t ≤ "
        f"{_EARLY:g} (value: the one furthest from −1). At t = {float(d['fit_time'][-1]):g} they "
        f"are {_listed(last)}: above threshold deviations grow at first, and the more spins the "
        f"longer. There N 𝓔_N lies below its limit for N → ∞, which linear fluctuations give, by "
        f"{seen} for {_sizes(d)} spins. The proof is for all N and t; this is for some.",
        value=worst,
        expected=-1.0,
        error=abs(worst + 1),
    )


_EARLY = 1.0
"""Times up to which exponents are asymptotic at the sizes that are computed."""
_ORDER = 0.1
"""Largest distance of an exponent from −1."""


def _listed(slopes: Array) -> str:
    return f"{slopes.min():.3f} … {slopes.max():.3f}".replace("-", "−")


def _most(dataset: xr.Dataset) -> int:
    return int(dataset["spins"].max())


def _sizes(dataset: xr.Dataset) -> str:
    """Numbers of spins of the case above threshold."""
    spins = dataset["spins"].values[1]
    return ", ".join(f"{number:.0f}" for number in spins[np.isfinite(spins)])


def _from_limit(dataset: xr.Dataset) -> Array:
    """1 − N 𝓔_N/limit at the last fitted time above threshold, over N."""
    case = dataset.isel(case=1).sel(time=float(dataset["fit_time"].max()), method="nearest")
    scaled = (case["per_group"] * case["error"]).values
    return np.asarray(1 - scaled[np.isfinite(scaled)] / float(case["limit"]))


@claim(
    "quantum",
    "A full quantum treatment gives nothing else than the semi-classical equations.",
    "p. 2",
)
def quantum(findings: Findings) -> Outcome:
    """What mean field misses of the exact means, over N."""
    d = findings("theorem")
    early = d["fit_time"].values <= _EARLY
    slopes = d["missed_exponent"].values[:, early]
    slopes = slopes[np.isfinite(slopes)]  # not where sampling hides all but one size
    worst = float(slopes[np.abs(slopes + 1).argmax()])
    missed = d["missed"].isel(case=1).sel(time=_EARLY, method="nearest").values
    missed = missed[np.isfinite(missed)]
    return Outcome(
        judged(abs(worst + 1) < 2 * _ORDER),
        "As N → ∞: group means and amplitudes of the exact solution differ from mean field in "
        f"order 1/N, with exponents {_listed(slopes)} at t ≤ {_EARLY:g} (value: the one furthest "
        f"from −1). Few spins do differ: at t = {_EARLY:g} above threshold, all means together, by "
        f"{missed[0]:.2g} of {int(d['spins'][1, 0])} spins and {missed[-1]:.2g} of "
        f"{int(d['spins'].isel(case=1).max())}.",
        value=worst,
        expected=-1.0,
        error=abs(worst + 1),
    )


@claim(
    "several_modes",
    "The theorem holds for any number M of modes and their 2^(M−1) large spins.",
    "Theorem, p. 3",
)
def several_modes(findings: Findings) -> Outcome:
    """One large spin and one mode beside two large spins and two modes, below threshold."""
    return _alike(findings, (0, 2), "M = 1 and M = 2, below threshold, with equal groups")


@claim(
    "unequal_groups",
    "The proof applies to groups of unequal size as well, with N_sp in the place of N.",
    "Suppl., below Fig. S2",
)
def unequal_groups(findings: Findings) -> Outcome:
    """Two large spins of sizes 2 : 1."""
    return _alike(findings, (3,), "Groups of sizes 2 : 1, M = 2")


def _alike(findings: Findings, cases: tuple[int, ...], what: str) -> Outcome:
    """𝓔_N of some cases: its order at early times, its bound, and how near its limit it is."""
    d = findings("theorem").isel(case=list(cases))
    slopes = d["error_exponent"].values[:, d["fit_time"].values <= _EARLY]
    worst = float(slopes.ravel()[np.abs(slopes + 1).argmax()])
    bounded = bool((np.nanmax(d["growth"].values, axis=1) <= d["constant"].values).all())
    most = [int(np.nanmax(d["spins"].values[k])) for k in range(len(cases))]
    return Outcome(
        judged(abs(worst + 1) < _ORDER and bounded),
        f"{what}: exact solutions of up to {' and '.join(map(str, most))} spins have 𝓔_N(t) of "
        f"order 1/N, with exponents {_listed(slopes)} at t ≤ {_EARLY:g} (value: the one furthest "
        "from −1), and stay below the bound at all times. More modes than two were not solved "
        "exactly.",
        value=worst,
        expected=-1.0,
        error=abs(worst + 1),
    )


@claim(
    "extensions",
    "The proof extends to spin decay, time-dependent rates and other all-to-all models.",
    "p. 2",
)
def extensions(_: Findings) -> Outcome:
    return Outcome(
        Verdict.CANNOT_TELL,
        "Statements about a proof; spin decay and schedules are not modelled.",
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
    """The bound beside 𝓔_N(t) of exact solutions."""
    d = findings("theorem")
    growth, constant = d["growth"].values, d["constant"].values
    seen = np.nanmax(growth, axis=1)
    parameters = findings.scale.parameters["fig3a"]
    rates = [parameters[name] for name in ("field", "frequencies", "loss")]
    largest = theorem_constants(_STRENGTH, *rates).C
    return Outcome(
        judged(bool((seen <= constant).all())),
        "With C as proven (2M d₀ + 3·2^(M−1) c₀, corrected d₀): "
        f"{', '.join(f'{c:.0f}' for c in constant)} in the four cases of the figure. The least "
        f"constant that bounds the exact 𝓔_N(t) at all N computed is "
        f"{', '.join(f'{c:.2g}' for c in seen)} (value: the largest; expected: at most the "
        "smallest C). The bound is a proof, not an estimate: from t = 0.1 on it is too large by "
        f"orders of magnitude. At the four modes of Fig. 3 and g₀ = {_STRENGTH}, C = "
        f"{largest:.4g}.",
        value=float(seen.max()),
        expected=float(constant.min()),
        error=float(np.maximum(seen - constant, 0).max()),
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
    several_modes,
    unequal_groups,
    quantum,
    gronwall,
    lemma2,
    lemma4,
    extensions,
)
