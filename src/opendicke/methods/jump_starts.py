r"""Pure states whose mixture is a product state, one for each trajectory.

A group of n equal spins with Bloch vectors of length r < 1 has total spin J and component m along
the vector with the probability

.. math::
    d_J\,p_+^{n/2+m}\,p_-^{n/2-m},\qquad d_J = \binom{n}{n/2-J} - \binom{n}{n/2-J-1},\qquad
    p_\pm = \tfrac12(1\pm r);

a thermal mode is a mixture of coherent states whose amplitudes are Gaussian around the
displacement, :math:`\langle|\xi|^2\rangle = n` (Glauber's P function). Both are drawn as they
stand, nothing is left out.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy.special import gammainc

from opendicke.interop.quantum_modes import QuantumModes, coherent_mode
from opendicke.model.checks import Array
from opendicke.model.collective import (
    CollectiveSpin,
    Sector,
    SpinSpace,
    coherent_spin,
    log_copies,
    spin_matrices,
)
from opendicke.model.keys import trajectory_words


class Start(NamedTuple):
    """One pure product state."""

    double: tuple[int, ...]
    """2J of every collective spin."""
    flipped: tuple[int, ...]
    """J − m of every collective spin, m along its Bloch vector."""
    amplitudes: Array
    """Coherent amplitudes of the modes, (L,)."""


class OneSpin(CollectiveSpin):
    """A collective spin of which one total spin J is kept, its energies in some unit."""

    def __init__(
        self, part: CollectiveSpin, double: int, coupling: float = 1.0, field: float = 1.0
    ) -> None:
        super().__init__(part.count, part.couplings * coupling, part.field * field, part.bloch)
        self.__dict__["sectors"] = (Sector(double, np.eye(double + 1) / (double + 1), None),)


class Starts:
    """The initial states of numbered trajectories, and their random numbers."""

    def __init__(self, space: SpinSpace, modes: QuantumModes, key: tuple[int, int]) -> None:
        self.space, self.modes = space, modes
        words = trajectory_words(*key)
        self._run = (int(words[0]) << 32) | int(words[1])

    def generator(self, number: int) -> np.random.Generator:
        """Random numbers of one trajectory: of its start first, then of its jumps."""
        key = np.array([self._run, number], np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    @cached_property
    def tables(self) -> list[tuple[Array, Array, Array]]:
        """2J, J − m and cumulated probabilities of every collective spin."""
        return [_table(part) for part in self.space.parts]

    @property
    def single(self) -> bool:
        """Whether all trajectories begin alike."""
        return not self.modes.occupation.any() and all(len(each[0]) == 1 for each in self.tables)

    def draw(self, generator: np.random.Generator) -> Start:
        """One of the pure states, with its probability."""
        double, flipped = [], []
        for doubles, below, cumulated in self.tables:
            place = 0
            if len(doubles) > 1:
                place = int(np.searchsorted(cumulated, generator.random(), side="right"))
                place = min(place, len(doubles) - 1)
            double.append(int(doubles[place]))
            flipped.append(int(below[place]))
        amplitudes = self.modes.displacement.astype(complex)
        hot = self.modes.occupation > 0
        if hot.any():
            real, imaginary = generator.standard_normal((2, len(hot)))
            amplitudes = amplitudes + np.sqrt(self.modes.occupation / 2) * (real + 1j * imaginary)
        return Start(tuple(double), tuple(flipped), amplitudes)

    def restricted(self, double: tuple[int, ...]) -> SpinSpace:
        """The spins with one total spin of each collective spin."""
        parts = tuple(
            OneSpin(part, own) for part, own in zip(self.space.parts, double, strict=True)
        )
        return SpinSpace(parts, self.space.member, self.space.sign)

    def vector(self, start: Start, levels: tuple[int, ...]) -> tuple[Array, Array]:
        """State vector in truncated modes, normalised, and the weight beyond each, (L,)."""
        made = np.ones(1, complex)
        for part, double, flipped in zip(
            self.space.parts, start.double, start.flipped, strict=True
        ):
            made = np.multiply.outer(made, _along(part, double, flipped)).ravel()
        for size, alpha in zip(levels, start.amplitudes, strict=True):
            made = np.multiply.outer(made, coherent_mode(size, complex(alpha))).ravel()
        lost = gammainc(np.array(levels, float), np.abs(start.amplitudes) ** 2)
        return made, np.asarray(lost)


def _table(part: CollectiveSpin) -> tuple[Array, Array, Array]:
    """2J, J − m and cumulated probabilities, from the most probable J down."""
    count, length = part.count, float(np.linalg.norm(part.bloch))
    if part.pure:
        return np.array([count]), np.zeros(1, int), np.ones(1)
    double = np.concatenate([np.full(d + 1, d) for d in range(count, -1, -2)])
    flipped = np.concatenate([np.arange(d + 1) for d in range(count, -1, -2)])
    plus = (count + double) // 2 - flipped
    logs = (
        log_copies(count, double)
        + plus * math.log((1 + length) / 2)
        + (count - plus) * math.log((1 - length) / 2)
    )
    order = np.argsort(-logs, kind="stable")
    chance = np.exp(logs[order])
    return double[order], flipped[order], np.cumsum(chance) / chance.sum()


def _along(part: CollectiveSpin, double: int, flipped: int) -> Array:
    """The state |J, m⟩ along the Bloch vector, in the basis of Z."""
    length = float(np.linalg.norm(part.bloch))
    if part.pure:
        return np.asarray(coherent_spin(part.count, part.bloch / length))
    direction = part.bloch / length if length > 0 else np.array([0.0, 0.0, 1.0])
    made: Array = _eigenvector(tuple(map(float, direction)), double, flipped)
    return made


@lru_cache(maxsize=256)
def _eigenvector(direction: tuple[float, ...], double: int, flipped: int) -> Array:
    """Of the component along a unit vector, for its eigenvalue 2(J − flipped)."""
    axes = zip(direction, spin_matrices(double), strict=True)
    along: Any = sum(c * matrix for c, matrix in axes)
    place = double - flipped  # eigenvalues ascend
    _, vectors = scipy.linalg.eigh(along.toarray(), subset_by_index=[place, place])
    return np.asarray(vectors[:, 0], complex)
