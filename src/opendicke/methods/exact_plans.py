"""What each exact way would cost, estimated before anything is built."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from opendicke.interop.quantum_modes import QuantumModes
from opendicke.methods.hierarchy import level_count
from opendicke.methods.linear_system import SMALL, STIFF
from opendicke.model.checks import Array
from opendicke.model.collective import SpinSpace

WAYS = ("fock", "displaced", "hierarchy")
_ENTRY = 1.6e-9
"""Seconds of one multiplication in a sparse product, about."""
_PRODUCT = 3e-5
"""Seconds of a product besides."""
_BYTES = 44
"""Bytes of an entry of the generator while it is built."""
_PER_NORM = 3.0
"""Products per unit of norm × time."""
_INVERSES = 600.0
"""Products that a Krylov space of inverses costs, per decade."""


@dataclass(frozen=True)
class Cost:
    """Of one solution at one cutoff."""

    unknowns: float
    entries: float
    products: float
    extra: float = 0.0
    """Bytes that are needed besides."""

    @property
    def seconds(self) -> float:
        """About the time on one core."""
        return self.products * (self.entries * _ENTRY + _PRODUCT)

    @property
    def memory(self) -> float:
        """About the bytes."""
        return self.entries * _BYTES + 64 * self.unknowns + self.extra


@dataclass(frozen=True)
class Plan:
    """A way to solve a problem, its first cutoff, and what a cutoff costs."""

    way: str
    cutoff: tuple[int, ...]
    """Fock states of every mode, or the depth of the hierarchy."""
    cost: Callable[[tuple[int, ...]], Cost]
    least: int = 2
    """No cutoff is below."""

    @property
    def expected(self) -> Cost:
        """At the cutoff that will probably do: searches end at about twice the first."""
        return self.cost(tuple(2 * each for each in self.cutoff))


def raised(cutoff: tuple[int, ...], least: int = 1) -> tuple[int, ...]:
    """The next cutoff: a quarter more."""
    return tuple(each + max(least, round(0.25 * each)) for each in cutoff)


def written(cutoff: tuple[int, ...]) -> str:
    """A cutoff in words."""
    return _TIMES.join(map(str, cutoff)) or _NONE


def as_numbers(text: str) -> tuple[int, ...]:
    """The cutoff that was written so."""
    return () if text == _NONE else tuple(map(int, text.split(_TIMES)))


_TIMES, _NONE = " × ", "none"


def plans(
    space: SpinSpace, modes: QuantumModes, span: float, tolerance: float, highest: int = 0
) -> list[Plan]:
    """All ways that apply, the cheapest first; products of up to `highest` mode operators."""
    made = [_fock(space, modes, span, tolerance), _displaced(space, modes, span, tolerance)]
    if modes.count and (modes.damping > 0).all():
        made.append(_hierarchy(space, modes, span, tolerance, highest))
    return sorted(made, key=lambda plan: plan.expected.seconds)


def _products(steps: float, unknowns: float) -> float:
    """About the products that norm × time `steps` takes, or what inverses cost instead."""
    made = 30 + _PER_NORM * steps
    if unknowns <= SMALL and steps > max(STIFF, 2 * unknowns):
        made = min(made, _INVERSES * math.log10(steps))
    return made


def _sizes(space: SpinSpace) -> tuple[float, float]:
    """States and entries of the density matrix, at most 1e100."""
    states, pairs = space.most
    return float(min(states, 10**100)), float(min(pairs, 10**100))


def _largest_forces(space: SpinSpace, modes: QuantumModes) -> Array:
    rows = np.stack([part.couplings[modes.kept] for part in space.parts])
    return np.asarray(space.counts @ np.abs(rows))


def _field(space: SpinSpace) -> float:
    return float(sum(part.count * abs(part.field) for part in space.parts))


def _parts(space: SpinSpace) -> int:
    return sum(part.field != 0 for part in space.parts)


def is_pure(space: SpinSpace, modes: QuantumModes) -> bool:
    """Whether a state vector suffices."""
    return space.pure and modes.closed and not modes.occupation.any()


def _thermal(modes: QuantumModes) -> Array:
    return np.asarray(np.maximum(modes.thermal, modes.occupation))


def _needed(amplitude: Array, thermal: Array, tolerance: float) -> tuple[int, ...]:
    """First guess of Fock states for amplitudes on top of thermal photons."""
    widths = 0.6 * math.sqrt(-math.log(tolerance))
    reach = amplitude + widths * np.sqrt(thermal + 0.3)
    return tuple(int(each) for each in np.maximum(3, np.ceil(reach**2 + 1)))


def _fock(space: SpinSpace, modes: QuantumModes, span: float, tolerance: float) -> Plan:
    states, pairs = _sizes(space)
    forces, pure = _largest_forces(space, modes), is_pure(space, modes)
    first = _needed(0.7 * modes.amplitudes(forces), _thermal(modes), tolerance)

    def cost(levels: tuple[int, ...]) -> Cost:
        size = np.array(levels, float)
        inside = float(np.prod(size, initial=1.0))
        turning = float((np.abs(modes.frequencies) * size + 4 * forces * np.sqrt(size)).sum())
        norm = turning + 2 * _field(space)
        each = 1 + 2 * modes.count + 2 * _parts(space)
        if pure:
            unknowns = 2 * states * inside
            return Cost(unknowns, 2 * unknowns * each, _products(0.5 * norm * span, unknowns))
        norm += float(((modes.loss + 2 * modes.gain) * size).sum())
        unknowns, whole = pairs * (inside * inside), (states * inside) * (states * inside)
        entries = unknowns * (2 * each + 2)
        extra = _BYTES * (whole - unknowns) * (2 * each + 2)  # before sectors are taken apart
        return Cost(unknowns, entries, _products(norm * span, unknowns), extra)

    return Plan("fock", first, cost)


def _displaced(space: SpinSpace, modes: QuantumModes, span: float, tolerance: float) -> Plan:
    states, pairs = _sizes(space)
    rate = np.abs(modes.damping / 2 + 1j * modes.frequencies)
    flips = np.stack([np.abs(part.couplings[modes.kept]) for part in space.parts]).max(axis=0)
    # The start is displaced by the forces of its configurations.
    rows = np.stack([part.couplings[modes.kept] for part in space.parts])
    z = np.array([part.bloch[2] for part in space.parts])
    spread = np.sqrt((space.counts * (1 - np.minimum(z**2, 1))) @ rows**2)
    typical = np.abs((space.counts * z) @ rows) + 2 * spread + 2 * flips * (_field(space) > 0)
    amplitude = np.divide(typical, rate, out=np.zeros(modes.count), where=rate > 0)
    amplitude = amplitude + np.abs(modes.displacement)
    first = _needed(amplitude, _thermal(modes), tolerance)
    pure = is_pure(space, modes)
    forces = _largest_forces(space, modes)

    def cost(levels: tuple[int, ...]) -> Cost:
        size = np.array(levels, float)
        inside = float(np.prod(size, initial=1.0))
        turns = 2 * _parts(space) * inside  # entries of a row of the field, displacements included
        roots = float(np.sqrt(inside))
        # Dense displacements of every mode, and flips of all parts for what is asked.
        extra = 100 * float((size**2).sum()) + 64 * len(space.parts) * states * (inside * inside)
        norm = float((np.abs(modes.frequencies) * size).sum()) + 2 * _field(space) * roots
        if pure:
            unknowns = 2 * states * inside
            entries = 2 * unknowns * (1 + modes.count + turns)
            return Cost(unknowns, entries, _products(norm * span, unknowns), extra)
        drive = 2 * forces * (modes.loss + modes.gain) / np.maximum(rate, 1e-300)
        norm += float(((modes.loss + 2 * modes.gain) * size + drive * np.sqrt(size)).sum())
        unknowns = pairs * (inside * inside)
        entries = unknowns * (2 + 6 * modes.count + 2 * turns)
        return Cost(unknowns, entries, _products(norm * span, unknowns), extra)

    return Plan("displaced", first, cost)


def _hierarchy(
    space: SpinSpace, modes: QuantumModes, span: float, tolerance: float, highest: int
) -> Plan:
    _, pairs = _sizes(space)
    forces = _largest_forces(space, modes)
    rate = np.abs(modes.damping / 2 + 1j * modes.frequencies)
    reach = 2 * forces * np.sqrt(2 * modes.thermal + 1) / rate
    start = np.abs(modes.displacement) ** 2 / (modes.thermal + 0.5)
    off = np.abs(modes.occupation - modes.thermal) / (modes.thermal + 0.5)
    first = 3 + 0.6 * reach.max(initial=0.0) + start.max(initial=0.0) + 6 * off.max(initial=0.0)
    first *= 0.6 + 0.4 * math.log(tolerance) / math.log(1e-6)
    scale = np.sqrt(modes.thermal + 0.5)

    def cost(depth: tuple[int, ...]) -> Cost:
        levels = float(min(level_count(modes.count, depth[0]), 10**100))
        unknowns = float(pairs * levels)
        each = 2 + 4 * modes.count + 4 * _parts(space)
        norm = depth[0] * float(rate.max(initial=0.0)) + 2 * _field(space)
        norm += float((8 * scale * forces * math.sqrt(depth[0])).sum())
        return Cost(unknowns, unknowns * each, _products(0.7 * norm * span, unknowns))

    return Plan("hierarchy", (max(3, highest + 1, math.ceil(first)),), cost, max(1, highest))
