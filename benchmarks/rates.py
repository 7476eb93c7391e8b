"""Flip rates against adaptive quadrature, interpreted and compiled."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Iterator
from math import exp
from typing import Any

import numpy as np
from numba import cfunc, njit, types
from scipy import LowLevelCallable
from scipy.integrate import IntegrationWarning, quad
from table import Finding, Row, duration
from timing import pair_of, seconds, size, wall

import opendicke.physics.flip_rates as rates

ROWS, ENERGIES = size((1000, 4096), (3, 16))
SAMPLED = size({"interpreted": 12, "compiled": 120}, {"interpreted": 1, "compiled": 2})
REPEATS = size(5, 1)

Integrand = Callable[[float, tuple[float, ...]], float]


def _parameters(spectrum: rates.Spectrum, energy: float) -> tuple[float, ...]:
    """Of the integrand for one mode: γ_φ, c₊, c₋, Γ/2, ω, ε."""
    bath = spectrum.bath
    plus, minus = (complex(c[0]) for c in bath.amplitudes)
    constants = (bath.dephasing, plus.real, plus.imag, minus.real, minus.imag)
    return (*constants, float(bath.decay[0]), float(bath.frequency[0]), energy)


def _integrand(
    t: float,
    dephasing: float,
    a: float,
    b: float,
    c: float,
    d: float,
    decay: float,
    omega: float,
    energy: float,
) -> float:
    """Real part of C(t) e^{iεt}, c₊ = a + ib, c₋ = c + id."""
    left = exp(-decay * t)
    x, y = left * np.cos(omega * t), left * np.sin(omega * t)
    fading = -dephasing * t + (a + c) * (1 - x) - (b - d) * y
    phase = (b + d) * (1 - x) + (a - c) * y
    return exp(fading) * float(np.cos(energy * t + phase))


_compiled = njit(_integrand)


@cfunc(types.double(types.intc, types.CPointer(types.double)))
def _called(_: int, p: Any) -> float:
    return float(_compiled(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]))


INTEGRANDS = {"interpreted": _integrand, "compiled": LowLevelCallable(_called.ctypes)}


def _quad(kind: str, spectrum: rates.Spectrum, energy: float, allowed: float, end: float) -> float:
    """One rate by quadrature to the allowed error, from 0 to where C is nothing.

    It is told where each turn of the mode ends. Without that it misses the error now and then,
    at no gain: its extrapolation takes oscillations for convergence.
    """
    turns = np.linspace(0, end, int(np.ceil(end * spectrum.bath.frequency[0] / (2 * np.pi))) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)
        found = quad(
            INTEGRANDS[kind],
            0,
            end,
            args=_parameters(spectrum, energy),
            epsabs=allowed / 2,
            epsrel=0,
            limit=20_000 + 3 * len(turns),
            points=turns[1:-1],
        )
    return 2 * float(found[0])


def _case(damping: float, occupation: float, strength: float) -> tuple[str, Any, Any]:
    """What, couplings (R, 1) with their mode, and energies (R, E)."""
    rng = np.random.default_rng(1)
    couplings = rng.uniform(0.1, 1, (ROWS, 1)) * strength
    mode = (1.0, damping * (1 + occupation), damping * occupation)
    energies = np.sort(rng.uniform(-1, 1, (ROWS, ENERGIES)), axis=1)
    reach = 4 * strength**2 + 4 * strength * np.sqrt(2 * occupation + 1)
    return (
        f"η = {damping:g}, n̄ = {occupation:g}, g ≤ {strength:g}",
        (couplings, mode),
        (energies * reach),
    )


def compare(damping: float, occupation: float, strength: float) -> Iterator[Row]:
    """Rows of the table for one mode."""
    what, (couplings, mode), energies = _case(damping, occupation, strength)
    rates.flip_rates(couplings[:3], *mode, 1.0, energies[:3])
    rng = np.random.default_rng(2)
    ours = []
    peers: dict[str, list[float]] = {kind: [] for kind in SAMPLED}
    error = 0.0
    for _ in range(REPEATS):
        start = wall()
        made = rates.flip_rates(couplings, *mode, 1.0, energies)
        ours.append(wall() - start)
        for kind, count in SAMPLED.items():
            spent = 0.0
            for _ in range(count):
                row, column = rng.integers(ROWS), rng.integers(ENERGIES)
                spectrum = rates.Spectrum(couplings[row], *mode)
                rate = float(made[row, column])
                allowed = max(1e-8 * rate, 1e-14 * spectrum.peak)
                end = spectrum.bath.end(38.0)
                start = wall()
                value = _quad(kind, spectrum, float(energies[row, column]), allowed, end)
                spent += wall() - start
                error = max(error, abs(value - rate) / allowed)
            peers[kind].append(spent / count * ROWS * ENERGIES)
    what = (
        f"{ROWS:,} rows × {ENERGIES:,} energies, {what}; largest difference {error:.1e} of the "
        "allowed error"
    )
    for kind, count in SAMPLED.items():
        pair = pair_of(list(zip(ours, peers[kind], strict=True)))
        yield Row(what, "flip_rates", f"quad, {kind}, {count} rates scaled up", pair, "scipy")


def each_row() -> Finding:
    """Time of one row with 4,096 energies over the domain."""
    spent: dict[tuple[float, float, float], float] = {}
    for damping in size((1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3), (1.0, 10.0)):
        for coupling in size((1e-3, 0.03, 0.3, 1.0, 3.0, 10.0), (0.3,)):
            for occupation in size((0.0, 1.0, 30.0, 1e3), (1.0,)):
                row = ([coupling], 1.0, damping * (1 + occupation), damping * occupation)
                bath = rates.Spectrum(*row).bath
                energies = np.linspace(-4, 4, ENERGIES) * bath.spread - bath.shift
                times = [
                    seconds(lambda r=row, e=energies: rates.Spectrum(*r).at(e))
                    for _ in range(size(3, 1))
                ]
                spent[damping, coupling, occupation] = statistics.median(times)
    worst = max(spent, key=lambda case: spent[case])
    return Finding(
        f"one row of {ENERGIES:,} energies, η from 1e-3 to 1e3, g/ω from 1e-3 to 10, n̄ from 0 "
        f"to 1,000 ({len(spent)} cases)",
        f"median {duration(statistics.median(spent.values()))}, longest {duration(spent[worst])} "
        f"(η = {worst[0]:g}, g = {worst[1]:g}, n̄ = {worst[2]:g})",
    )


def rows() -> Iterator[Row | Finding]:
    """Lines of the tables."""
    # fiorelli2020 Fig. 2a, Fig. 2b, and resolved sidebands.
    yield from compare(10.0, 0.1, 3.0)
    yield from compare(0.1, 10.0, 3.0)
    yield from compare(0.1, 0.5, 0.5)
    yield each_row()
