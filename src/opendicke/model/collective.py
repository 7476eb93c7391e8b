r"""Exact reduction 3, for quantum states: equal spins in equal states are one collective spin.

Spins with equal rows of couplings, equal field and equal Bloch vector are symmetric under
permutation, at the start and ever after. Where the vector has length 1 they are one spin of length
J = n/2. Where it is shorter, :math:`\rho^{\otimes n}` is a mixture over all J, each with the weight

.. math::
    p_J = d_J\sum_{m=-J}^{J} p_+^{n/2+m}\,p_-^{n/2-m},\qquad
    d_J = \binom{n}{n/2-J} - \binom{n}{n/2-J-1},\qquad p_\pm = \frac{1\pm|r|}{2},

and the dynamics, which knows sums of spins only, keeps every J apart. A space of
:math:`\sum_J (2J+1)` states, or n + 1, takes the place of 2^n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import gammaln

from opendicke.model.checks import Array
from opendicke.model.reduce import Problem

_PURE = 1e-12
"""Bloch vectors are of length 1 up to this."""
_NO_WEIGHT = 1e-18
"""Sectors of less weight are left out."""


class Sector(NamedTuple):
    """States of one total spin J of a collective spin."""

    double: int
    """2J, so that the sector has 2J + 1 states."""
    state: Array
    """Density matrix in the basis of Z, from J down to −J; its trace is the sector's weight."""
    vector: Array | None
    """The state vector, where the state is pure."""


@dataclass(frozen=True, eq=False)
class CollectiveSpin:
    """Equal spins in equal states, in the frame (X, Y, Z) of their group."""

    count: int
    couplings: Array
    """Of each of its spins, (L,)."""
    field: float
    bloch: Array
    """Of each of its spins, (3,)."""

    @property
    def pure(self) -> bool:
        """Whether its state is a vector."""
        return float(np.linalg.norm(self.bloch)) >= 1 - _PURE

    @cached_property
    def sectors(self) -> tuple[Sector, ...]:
        """Total spins that occur, from the largest down."""
        length = float(np.linalg.norm(self.bloch))
        if self.pure:
            vector = coherent_spin(self.count, self.bloch / length)
            return (Sector(self.count, np.outer(vector, vector.conj()), vector),)
        found = []
        for double in range(self.count, -1, -2):
            state = _mixed(self.count, double, self.bloch, length)
            if np.trace(state).real > _NO_WEIGHT:
                found.append(Sector(double, state, None))
        return tuple(found)

    @property
    def size(self) -> int:
        """States of all sectors."""
        return sum(sector.double + 1 for sector in self.sectors)

    @property
    def most(self) -> tuple[int, int]:
        """States, and entries of the density matrix, at most; known without making any."""
        if self.pure:
            return self.count + 1, (self.count + 1) ** 2
        sizes = range(self.count + 1, 0, -2)
        return sum(sizes), sum(size**2 for size in sizes)


def coherent_spin(count: int, direction: Array) -> Array:
    """All spins along a unit vector: amplitudes in the basis of Z, from all up to all down."""
    x, y, z = direction
    up, down = math.sqrt(max(0.0, (1 + z) / 2)), math.sqrt(max(0.0, (1 - z) / 2))
    flipped = np.arange(count + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = 0.5 * _log_binomial(count, flipped)
        for size, power in ((up, count - flipped), (down, flipped)):
            logarithm += np.where(power > 0, power * np.log(size), 0.0)
    vector = np.exp(logarithm + 1j * flipped * math.atan2(y, x))
    return np.asarray(vector / np.linalg.norm(vector))


def _log_binomial(count: int, chosen: Array) -> Array:
    return np.asarray(gammaln(count + 1) - gammaln(chosen + 1) - gammaln(count - chosen + 1))


def log_copies(count: int, double: Array) -> Array:
    """ln d_J for 2J = `double`: the difference of its two binomials, as one product."""
    below = (count - double) // 2
    return np.asarray(_log_binomial(count, below) + np.log((double + 1) / (count - below + 1)))


def _mixed(count: int, double: int, bloch: Array, length: float) -> Array:
    """Part of total spin J of equal mixed spins."""
    copies = float(log_copies(count, np.array(double)))
    if length == 0:
        return np.asarray(np.exp(copies - count * math.log(2)) * np.eye(double + 1), complex)
    x, y, z = spin_matrices(double)
    along = (bloch[0] * x + bloch[1] * y + bloch[2] * z).toarray() / length
    values, vectors = np.linalg.eigh(along)
    plus = np.rint((count + values) / 2)
    more, less = math.log((1 + length) / 2), math.log((1 - length) / 2)
    weights = np.exp(copies + plus * more + (count - plus) * less)
    return np.asarray((vectors * weights) @ vectors.conj().T)


def spin_matrices(double: int) -> tuple[sp.csr_array, sp.csr_array, sp.csr_array]:
    """X, Y, Z of a spin J as sums of Pauli matrices, 2J_x, 2J_y, 2J_z, from all up down."""
    z = double - 2.0 * np.arange(double + 1)
    lower = np.arange(1, double + 1)
    raising = np.sqrt(lower * (double + 1.0 - lower))  # J₊ from state k to k − 1
    plus = sp.diags_array(raising, offsets=1, shape=(double + 1, double + 1)) if double else None
    if plus is None:
        none = sp.csr_array((1, 1), dtype=complex)
        return none, none, sp.csr_array(np.zeros((1, 1), complex))
    x = (plus + plus.T).astype(complex)
    y = (-1j * plus + 1j * plus.T).astype(complex)
    return x.tocsr(), y.tocsr(), sp.diags_array(z.astype(complex)).tocsr()


@dataclass(frozen=True, eq=False)
class SpinSpace:
    """The product of collective spins: its states, and where single spins are found in it."""

    parts: tuple[CollectiveSpin, ...]
    member: Array
    """Collective spin of each spin, (N,)."""
    sign: Array
    """Gauge sign of each spin, (N,): ±1 of its Y and Z."""

    @classmethod
    def of(cls, problem: Problem) -> SpinSpace:
        """Collective spins of a reduced problem."""
        lift = problem.spin_lift
        gauged = problem.initial.bloch.copy()
        gauged[:, 1:] *= lift.sign[:, None]
        keyed = np.concatenate([lift.group[:, None], np.round(gauged, 13) + 0.0], axis=1)
        _, first, member = np.unique(keyed, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        member = rank[np.ravel(member)]
        parts = tuple(
            CollectiveSpin(
                int((member == k).sum()),
                problem.couplings[lift.group[j]],
                float(problem.field[lift.group[j]]),
                gauged[j],
            )
            for k, j in enumerate(first[order])
        )
        return cls(parts, member, lift.sign)

    @classmethod
    def alone(cls, problem: Problem) -> SpinSpace:
        """Every spin by itself, of a problem that was made without grouping."""
        parts = tuple(
            CollectiveSpin(1, problem.couplings[j], float(problem.field[j]), bloch)
            for j, bloch in enumerate(problem.initial.bloch)
        )
        return cls(parts, np.arange(len(parts)), np.ones(len(parts)))

    @property
    def counts(self) -> Array:
        """Spins of each part, (C,)."""
        return np.array([part.count for part in self.parts])

    @property
    def size(self) -> int:
        """Number of states D."""
        return math.prod(part.size for part in self.parts)

    @property
    def most(self) -> tuple[int, int]:
        """States, and entries of the density matrix, at most; known without making any."""
        sizes = [part.most for part in self.parts]
        return math.prod(size for size, _ in sizes), math.prod(pairs for _, pairs in sizes)

    @property
    def pure(self) -> bool:
        """Whether the initial state is a vector."""
        return all(part.pure for part in self.parts)

    @cached_property
    def sector(self) -> Array:
        """Number of the combination of total spins to which each state belongs, (D,)."""
        code = np.zeros(1, int)
        for part in self.parts:
            own = np.repeat(
                np.arange(len(part.sectors)), [sector.double + 1 for sector in part.sectors]
            )
            code = (code[:, None] * len(part.sectors) + own).ravel()
        return code

    @cached_property
    def z(self) -> Array:
        """Sum of Z over each part in each state, (D, C)."""
        columns: list[Array] = []
        for k, part in enumerate(self.parts):
            own = np.concatenate(
                [sector.double - 2.0 * np.arange(sector.double + 1) for sector in part.sectors]
            )
            before = math.prod(other.size for other in self.parts[:k])
            after = math.prod(other.size for other in self.parts[k + 1 :])
            columns.append(np.tile(np.repeat(own, after), before))
        return np.stack(columns, axis=1)

    @property
    def forces(self) -> Array:
        """Σ_j g_jl Z_j in each state, (D, L)."""
        return np.asarray(self.z @ np.stack([part.couplings for part in self.parts]))

    @cached_property
    def sums(self) -> tuple[tuple[sp.csr_array, sp.csr_array, sp.csr_array], ...]:
        """Sums of X, Y, Z over each part, as sparse matrices (D, D)."""
        made = []
        for k, part in enumerate(self.parts):
            own = [spin_matrices(sector.double) for sector in part.sectors]
            before = sp.eye_array(math.prod(other.size for other in self.parts[:k]))
            after = sp.eye_array(math.prod(other.size for other in self.parts[k + 1 :]))
            x, y, z = (
                sp.csr_array(sp.kron(sp.kron(before, _blocks([m[a] for m in own])), after))
                for a in range(3)
            )
            made.append((x, y, z))
        return tuple(made)

    @property
    def field(self) -> sp.csr_array:
        """Σ_j h_j X_j, (D, D)."""
        total = sp.csr_array((self.size, self.size), dtype=complex)
        for part, (x, _, _) in zip(self.parts, self.sums, strict=True):
            total = total + part.field * x
        return total.tocsr()

    def vector(self) -> Array:
        """The initial state vector (D,) of a pure state."""
        made = np.ones(1, complex)
        for part in self.parts:
            vector = part.sectors[0].vector
            assert vector is not None
            made = np.multiply.outer(made, vector).ravel()
        return made

    def density(self) -> sp.csr_array:
        """The initial density matrix (D, D)."""
        made = sp.csr_array(np.ones((1, 1), complex))
        for part in self.parts:
            own = _blocks([sector.state for sector in part.sectors])
            made = sp.csr_array(sp.kron(made, own))
        return made


def _blocks(matrices: Sequence[Any]) -> sp.csr_array:
    """Matrices along the diagonal."""
    return sp.csr_array(sp.block_diag([sp.coo_array(m) for m in matrices], format="csr"))
