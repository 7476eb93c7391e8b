r"""The boson modes that a quantum state must hold, and the closed form of all others.

Of the bright modes those that couple are kept. An original mode is then
:math:`a_\lambda = \sum_l Q_{\lambda l} b_l + d_\lambda(t) + \delta_\lambda` with a known amplitude
d and thermal noise δ that no spin ever feels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from opendicke.errors import InputError
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem

_COUPLED = 1e-14
"""Couplings below this times the largest are none."""


def coherent_mode(size: int, alpha: complex) -> Array:
    """Amplitudes of a coherent state in the lowest Fock states, normalised, (size,)."""
    n = np.arange(size)
    if alpha == 0:
        return np.asarray(n == 0, complex)
    logs = n * math.log(abs(alpha)) - gammaln(n + 1) / 2
    vector = np.exp(logs - logs.max() + 1j * n * np.angle(alpha))
    return np.asarray(vector / np.linalg.norm(vector))


@dataclass(frozen=True, eq=False)
class QuantumModes:
    """The L coupled modes of a reduced problem, and how M original ones follow."""

    couplings: Array
    """Of each group to each kept mode, (K, L)."""
    frequencies: Array
    loss: Array
    gain: Array
    displacement: Array
    """Initial amplitudes, complex."""
    occupation: Array
    """Initial thermal occupations."""
    kept: Array
    """Columns of the problem that are kept, (L,)."""
    rotation: Array
    """Q, (M, L)."""
    dark: Array
    """d at the initial time, (M,) complex."""
    rate: Array
    """Γ/2 + iω of every original mode, (M,) complex."""
    settled: Array
    """Thermal occupation of δ that each original mode tends to, (M,)."""
    excess: Array
    """By how much it exceeds that at the start, (M,)."""

    @classmethod
    def of(cls, problem: Problem, *, coupled: bool = True) -> QuantumModes:
        """Modes of a reduced problem, or all and not only those that couple; none of Ising's."""
        real = problem.source >= 0
        size = np.abs(problem.couplings[:, real])
        chosen = size.max(axis=0, initial=0.0) > _COUPLED * size.max(initial=0.0)
        chosen |= not coupled
        kept = np.flatnonzero(real)[chosen]
        free = np.flatnonzero(real)[~chosen]
        model, lift = problem.model, problem.mode_lift
        if model.modes == 0:
            nothing = np.zeros(0)
            return cls(
                np.zeros((len(problem.couplings), 0)),
                *(nothing,) * 3,
                nothing.astype(complex),
                nothing,
                kept[:0],
                np.zeros((0, 0)),
                nothing.astype(complex),
                nothing.astype(complex),
                nothing,
                nothing,
            )
        rotation = np.eye(model.modes, len(real)) if lift.rotation is None else lift.rotation
        dark = lift.dark + rotation[:, free] @ problem.displacement[free]
        share = np.clip(1 - (rotation[:, kept] ** 2).sum(axis=1), 0.0, 1.0)
        share[share < 1e-14] = 0.0
        settled = model.stationary_occupation
        return cls(
            problem.couplings[:, kept],
            problem.frequencies[kept],
            problem.loss[kept],
            problem.gain[kept],
            problem.displacement[kept],
            problem.occupation[kept],
            kept,
            rotation[:, kept],
            dark,
            model.damping / 2 + 1j * model.frequencies,
            share * settled,
            share * (problem.initial.occupation - settled),
        )

    @property
    def count(self) -> int:
        """L."""
        return len(self.kept)

    @property
    def damping(self) -> Array:
        """Γ, (L,)."""
        return np.asarray(self.loss - self.gain)

    @property
    def thermal(self) -> Array:
        """Occupation gain/Γ into which each settles, (L,); 0 undamped."""
        damping = self.damping
        return np.divide(self.gain, damping, out=np.zeros(self.count), where=damping > 0)

    @property
    def closed(self) -> bool:
        """Whether no mode loses or gains anything."""
        return not (self.loss.any() or self.gain.any())

    def at_rest(self) -> QuantumModes:
        """The same long after the start: what is dark has settled.

        Raises
        ------
        InputError
            If an undamped mode holds photons for ever.
        """
        held = np.abs(self.dark) ** 2 + self.settled + self.excess
        forever = (self.rate.real == 0) & (held > 0)
        if forever.any():
            raise InputError(
                "state",
                "hold no photons in modes without loss, which keep them",
                f"mode {int(np.argmax(forever))} has {held[forever][0]:.3g}",
            )
        return replace(self, dark=0 * self.dark, excess=0 * self.excess)

    def dark_amplitude(self, elapsed: Array) -> Array:
        """d after some times, (T, M) complex."""
        return np.asarray(self.dark * np.exp(-np.multiply.outer(elapsed, self.rate)))

    def dark_photons(self, elapsed: Array) -> Array:
        """Thermal occupation of δ after some times, (T, M)."""
        damping = 2 * self.rate.real
        return np.asarray(self.settled + self.excess * np.exp(-np.multiply.outer(elapsed, damping)))

    def amplitudes(self, forces: Array) -> Array:
        """Largest amplitude of each mode that forces up to `forces` (L,) can drive it to."""
        rate = self.damping / 2 + 1j * self.frequencies
        size = np.abs(rate)
        still = np.divide(forces, size, out=np.zeros(self.count), where=size > 0)
        swing = np.ones(self.count)
        turning = self.frequencies != 0
        swing[turning] += np.exp(
            -math.pi / 2 * self.damping[turning] / np.abs(self.frequencies[turning])
        )
        return np.asarray(np.maximum(np.abs(self.displacement), still * swing))
