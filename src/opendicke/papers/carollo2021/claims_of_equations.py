"""Tests of what carollo2021 says about the mean-field equations and their constants of motion."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from opendicke.model.checks import Array
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import follow, limit
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.physics.theorem import theorem_constants

_TIMES = np.linspace(0, 30, 61)
_STRENGTH = 0.9


def _start(patterns: Array) -> Array:
    """Bloch vectors of different lengths and directions, (spins, 3), from patterns (M, spins)."""
    x = np.full(patterns.shape[1], 0.4)
    return np.stack([x, 0.3 * patterns[2], 0.6 * patterns[1] + 0.25 * patterns[0]], axis=1)


def _equations_of_paper(parameters: Mapping[str, Any]) -> tuple[Array, Array]:
    """Eq. (7) as printed, in the paper's scaling, by an independent integrator.

    Returns
    -------
    overlap, amplitude : arrays (time, M)
    """
    frequencies = np.array(parameters["frequencies"])
    modes, field, loss = len(frequencies), parameters["field"], parameters["loss"]
    signs = itertools.product((1.0, -1.0), repeat=modes - 1)
    f = np.array([(1.0, *row) for row in signs])
    groups = len(f)
    g = _STRENGTH / np.sqrt(groups)

    def flow(_: float, u: Array) -> Array:
        x, y, z = u[: 3 * groups].reshape(3, groups)
        real, imag = u[3 * groups :].reshape(2, modes)
        turn = 2 * g * f @ (2 * real)
        return np.concatenate(
            [
                -turn * y,
                -2 * field * z + turn * x,
                2 * field * y,
                frequencies * imag - loss / 2 * real,
                -frequencies * real - loss / 2 * imag - g * (f.T @ z),
            ]
        )

    initial = np.concatenate([_start(f.T).T.ravel(), np.zeros(2 * modes)])
    span = (0.0, float(_TIMES[-1]))
    found = solve_ivp(flow, span, initial, "DOP853", _TIMES, rtol=1e-11, atol=1e-12).y
    z, real, imag = np.split(found[2 * groups :], [groups, groups + modes])
    return (f.T @ z / groups).T, (real + 1j * imag).T


def _library(parameters: Mapping[str, Any], names: list[str]) -> dict[str, Array]:
    """The same start in the library."""
    model = limit(parameters, _STRENGTH)
    state = ProductState.bloch(_start(model.pattern_matrix))
    raw = follow([(model, state)], _TIMES, names, 1e-9)[0]
    return {name: np.asarray(raw.values[name]) for name in names}


@claim(
    "equations",
    "The macroscopic operators obey Eqs. (7), with g = g₀/√2^(M−1) and amplitudes in units of "
    "the root of the spins per group.",
    "p. 3, Eqs. (3), (5)–(7)",
)
def equations(findings: Findings) -> Outcome:
    parameters = findings.scale.parameters["fig3a"]
    overlap, amplitude = _equations_of_paper(parameters)
    ours = _library(parameters, ["overlap", "photons_mode"])
    groups = 2 ** (overlap.shape[1] - 1)
    apart = max(
        float(np.abs(ours["overlap"] - overlap).max()),
        float(np.abs(ours["photons_mode"] * groups - np.abs(amplitude) ** 2).max()),
    )
    return Outcome(
        judged(apart < 1e-6),
        "Eqs. (7) as printed, by another integrator (DOP853), against the library from a start "
        f"of mixed spins to t = {_TIMES[-1]:g}; error: largest difference of overlaps and of "
        f"|α|², the library's times {groups}.",
        value=apart,
        expected=0.0,
        error=apart,
    )


@claim(
    "lengths",
    "The length of every large spin is a constant of motion.",
    "p. 4, above Eq. (12); Suppl., proof of Lemma 3",
)
def lengths(findings: Findings) -> Outcome:
    parameters = findings.scale.parameters["fig3a"]
    names = ["sx_spin", "sy_spin", "sz_spin"]
    ours = _library(parameters, names)
    length = np.sqrt(sum(ours[name] ** 2 for name in names))
    drift = float(np.abs(length - length[0]).max())
    return Outcome(
        judged(drift < 1e-10),
        f"Spins of lengths {length[0].min():.2f} to {length[0].max():.2f}, followed to t = "
        f"{_TIMES[-1]:g}; error: largest drift.",
        value=drift,
        expected=0.0,
        error=drift,
    )


@claim(
    "beta",
    "|α + α†| stays below β̄ = 2 max(|α(0)| + √3 2^M |g|/κ) at all times.",
    "Suppl., proof of Lemma 3",
)
def beta(findings: Findings) -> Outcome:
    parameters = findings.scale.parameters["fig3a"]
    _, amplitude = _equations_of_paper(parameters)
    largest = float(np.abs(2 * amplitude.real).max())
    rates = (parameters[name] for name in ("field", "frequencies", "loss"))
    bound = theorem_constants(_STRENGTH, *rates).beta
    return Outcome(
        judged(largest <= bound),
        f"Largest value on one trajectory to t = {_TIMES[-1]:g}, amplitudes as in the paper. The "
        f"bound is loose by a factor {bound / largest:.0f}.",
        value=largest,
        expected=bound,
    )


CLAIMS = (equations, lengths, beta)
