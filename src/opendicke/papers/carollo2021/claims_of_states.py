"""Tests of what carollo2021 says about retrieval states as solutions: existence and threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import bisect

from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import follow, limit
from opendicke.papers.carollo2021.theory import critical
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.physics.retrieval import retrieval_overlap
from opendicke.physics.search import stationary_states
from opendicke.physics.stability import spectrum
from opendicke.physics.stationary import retrieval_state

# √(½ (Ω/Ω_ν)[Ω_ν² + (κ/2)²]) evaluated apart from this library, for Fig. 3.
_REFERENCE = (0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615)


def _parameters(findings: Findings) -> Mapping[str, Any]:
    return findings.scale.parameters["fig3a"]


@claim(
    "ansatz",
    "Spins aligned with a pattern, |z| of Eq. (12) and y = 0, solve the stationary equations; "
    "the other overlaps are 0.",
    "p. 4, Eq. (12)",
)
def ansatz(findings: Findings) -> Outcome:
    worst = _residual(_parameters(findings), sign=1)
    return Outcome(
        judged(worst < 1e-12),
        "Time derivative of every spin and mode in the retrieval state of each pattern, at "
        "g₀/g_crit = 1.02 … 3; error: its largest component, and the largest other overlap.",
        value=worst,
        expected=0.0,
        error=worst,
    )


@claim("branch", "The state opposite to the pattern is valid as well, with ξ = −|z|.", "p. 4")
def branch(findings: Findings) -> Outcome:
    parameters = _parameters(findings)
    worst = _residual(parameters, sign=-1)
    strength = 1.2 * float(critical(parameters)[0])
    state = retrieval_state(limit(parameters, strength), 0, -1)
    raw = follow([(state.model, state.product_state())], np.array([0.0, 100.0]), ["overlap"], 1e-6)
    kept = float(np.asarray(raw[0].values["overlap"])[-1, 0])
    expected = -float(np.sqrt(1 - 1.2**-4.0))
    return Outcome(
        judged(worst < 1e-12 and abs(kept - expected) < 1e-6),
        "As `ansatz` with the other sign (error); value: overlap 100 time units after a start in "
        "it, pattern 1 at 1.2 g_crit.",
        value=kept,
        expected=expected,
        error=worst,
    )


def _residual(parameters: Mapping[str, Any], sign: int) -> float:
    worst = 0.0
    for pattern, threshold in enumerate(critical(parameters)):
        for ratio in (1.02, 1.1, 1.5, 3.0):
            state = retrieval_state(limit(parameters, ratio * float(threshold)), pattern, sign)
            expected = np.zeros(len(parameters["frequencies"]))
            expected[pattern] = sign * np.sqrt(1 - ratio**-4.0)
            worst = max(worst, state.residual, float(np.abs(state.overlap - expected).max()))
    return worst


@claim(
    "s28",
    "In the stationary state x = ±√(s² − |z|).",
    "Suppl., Eq. (S28)",
)
def s28(findings: Findings) -> Outcome:
    parameters = _parameters(findings)
    strength = 1.2 * float(critical(parameters)[0])
    model, state = limit(parameters, strength), ProductState.pattern(0, flipped=0.1)
    times = np.array([0.0, 500.0, 1000.0])
    raw = follow([(model, state)], times, ["sx", "overlap"], 1e-6)[0]
    s = 0.8
    x = abs(float(np.asarray(raw.values["sx"])[-1]))
    z = abs(float(np.asarray(raw.values["overlap"])[-1, 0]))
    printed, right = np.sqrt(s**2 - z), np.sqrt(s**2 - z**2)
    return Outcome(
        judged(abs(x - printed) < 1e-3),
        "A misprint: |x| (value) from a start with s = 0.8, against the printed form (expected); "
        f"√(s² − |z|²) = {right:.6f} is right. Eq. (12) follows from the right form. See the "
        "errata.",
        value=x,
        expected=float(printed),
        error=float(abs(x - printed)),
    )


@claim(
    "threshold",
    "The retrieval state of pattern ν exists from g_crit = √(½(Ω/Ω_ν)[Ω_ν² + (κ_ν/2)²]) on.",
    "p. 4, below Eq. (12)",
)
def threshold(findings: Findings) -> Outcome:
    """The closed form against frozen numbers and two bisections that do not know it."""
    parameters = _parameters(findings)
    formula = critical(parameters)
    apart = [float(np.abs(formula - _REFERENCE).max())]
    field, loss = parameters["field"], parameters["loss"]
    for frequency, expected in zip(parameters["frequencies"], _REFERENCE, strict=True):
        numbers = (field, frequency, loss)
        unstable = bisect(_paramagnet_growth, 0.3, 1.5, args=numbers, xtol=1e-13)
        exists = bisect(_torque_of_small_overlap, 0.3, 1.5, args=numbers, xtol=1e-13)
        apart += [abs(unstable - expected), abs(exists - expected)]
    worst = max(apart)
    return Outcome(
        judged(worst < 1e-9),
        "All four patterns: the formula against frozen numbers, against the strength at which "
        "the unpolarised state turns unstable, and against that at which a small overlap is "
        "stationary (both by bisection). Value: the formula for pattern 4.",
        value=float(formula[-1]),
        expected=_REFERENCE[-1],
        error=worst,
    )


def _paramagnet_growth(strength: float, field: float, frequency: float, loss: float) -> float:
    """Largest growth rate about spins along −X and an empty mode, one pattern: (y, z, p, q)."""
    jacobian = np.array(
        [
            [0.0, -2 * field, -4 * strength, 0.0],
            [2 * field, 0.0, 0.0, 0.0],
            [0.0, 0.0, -loss / 2, frequency],
            [0.0, -strength, -frequency, -loss / 2],
        ]
    )
    return float(np.linalg.eigvals(jacobian).real.max()) - 1e-12


def _torque_of_small_overlap(strength: float, field: float, frequency: float, loss: float) -> float:
    """dy/dt at z = 1e-6, x = −√(1 − z²), with the mode settled: its sign says what z does."""
    z = 1e-6
    amplitude = -1j * strength * z / (loss / 2 + 1j * frequency)
    turn = 2 * strength * amplitude.real
    return float(2 * (-turn * np.sqrt(1 - z**2) - field * z)) / z


@claim(
    "no_state_below",
    "Below g_crit the overlap can only be zero.",
    "p. 4, below Eq. (12)",
)
def no_state_below(findings: Findings) -> Outcome:
    parameters = _parameters(findings)
    model = limit(parameters, 0.95 * float(critical(parameters)[0]))
    found = [float(np.abs(s.overlap).max()) for s in stationary_states(model, starts=200)]
    return Outcome(
        judged(max(found) < 1e-9),
        f"All {len(found)} stationary states that a root search from about 250 starts finds at "
        "0.95 of the lowest threshold; error: their largest overlap.",
        value=max(found),
        expected=0.0,
        error=max(found),
    )


@claim(
    "signs",
    "Taking all rates positive is no loss of generality.",
    "p. 4, above Eq. (12)",
)
def signs(findings: Findings) -> Outcome:
    """Other signs of the frequencies: the states exist alike, but are not stable alike."""
    parameters = dict(_parameters(findings))
    frequencies = np.array(parameters["frequencies"])
    strength = 2.0 * float(critical(parameters).max())
    growth, apart = [], 0.0
    for turned in (frequencies, -frequencies, frequencies * np.array([1, 1, 1, -1])):
        model = limit(parameters | {"frequencies": turned.tolist()}, strength)
        states = [retrieval_state(model, k) for k in range(len(turned))]
        expected = retrieval_overlap(strength, parameters["field"], frequencies, parameters["loss"])
        found = np.array([abs(state.overlap[k]) for k, state in enumerate(states)])
        apart = max(apart, float(np.abs(found - expected).max()))
        growth.append(max(spectrum(model, state).growth_rate for state in states))
    return Outcome(
        judged(apart < 1e-9),
        "For Eq. (12): frequencies all positive, all negative, or one negative, at g₀ = "
        f"{strength:.3f} (error: largest difference). Stability does depend on it: growth rates "
        f"are at most {growth[0]:.1g} and {growth[1]:.1g} where the signs agree, but "
        f"{growth[2]:.2g} with one negative frequency.",
        value=apart,
        expected=0.0,
        error=apart,
    )


CLAIMS = (ansatz, branch, s28, threshold, no_state_below, signs)
