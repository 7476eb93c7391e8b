r"""Discrete sampling of the Wigner function of a product state (kelly2021, Methods).

A spin of Bloch vector r starts at ±1 along r, +1 with probability (1 + |r|)/2, and at ±1 with equal
weights along two fixed axes across r: length √3, exact means and symmetrised second moments.
Members of a class, spins of one group with equal Bloch vectors that nothing asks to be told apart,
are sampled as their sum: one binomial number for each axis. A mode starts at
:math:`\alpha + \sqrt{(n + 1/2)/2}\,(\xi_1 + i\xi_2)` with normal ξ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.model.checks import Array
from opendicke.model.groups import group_spins
from opendicke.model.reduce import Problem


class Classes(NamedTuple):
    """Spins that are sampled together, by class (C,)."""

    group: Array
    """Group of each class."""
    size: Array
    """Spins of each class."""
    triad: Array
    """Directions along and across the Bloch vector, rows of (C, 3, 3)."""
    chance: Array
    """Probabilities of +1 along each of them, (C, 3)."""
    member: Array
    """Class of each spin, (N,)."""

    @property
    def single(self) -> bool:
        """Whether every spin is sampled by itself."""
        return len(self.size) == len(self.member)


def classes_of(problem: Problem, apart: Sequence[Array]) -> Classes:
    """Classes of a problem's spins.

    Parameters
    ----------
    apart : arrays (…, N)
        Properties, besides group and Bloch vector, that members of a class share.
    """
    lift = problem.spin_lift
    bloch = problem.initial.bloch * np.where([[True, False, False]], 1.0, lift.sign[:, None])
    rows = [np.reshape(each, (-1, len(bloch))).T for each in apart]
    table = np.concatenate([bloch + 0.0, *rows], axis=1)
    # Grouping by rows and a number does the same for properties and groups.
    found = group_spins(table, lift.group.astype(float), gauge=False)
    size = np.bincount(found.member).astype(float)
    triad, length = _triads(found.rows[:, :3])
    chance = np.full((len(size), 3), 0.5)
    chance[:, 0] = (1 + np.minimum(length, 1.0)) / 2
    return Classes(found.field.astype(np.intp), size, triad, chance, found.member)


def _triads(bloch: Array) -> tuple[Array, Array]:
    """Orthonormal (C, 3, 3) with rows along and across vectors (C, 3), and their lengths.

    The first axis across is the projection of the coordinate axis farthest from the vector, so that
    vectors along coordinate axes have coordinate axes across them.
    """
    length = np.linalg.norm(bloch, axis=1)
    zero = length == 0
    along = np.where(zero[:, None], [1.0, 0.0, 0.0], bloch / np.where(zero, 1.0, length)[:, None])
    farthest = np.eye(3)[np.argmin(np.abs(along), axis=1)]
    across = farthest - (farthest * along).sum(axis=1)[:, None] * along
    across /= np.linalg.norm(across, axis=1)[:, None]
    return np.stack([along, across, np.cross(along, across)], axis=1), length


def sample_spins(key: Any, size: Any, chance: Any, single: bool) -> Any:
    """Sum over the members of every class of the components along its triad, (C, 3)."""
    if single:
        uniform = jax.random.uniform(key, chance.shape, jnp.float64)
        return jnp.where(uniform < chance, 1.0, -1.0)
    count = size[:, None]
    up = jax.random.binomial(key, count, chance, chance.shape, jnp.float64)
    return 2.0 * up - count


def sample_modes(key: Any, displacement: Any, occupation: Any) -> Any:
    """Initial amplitudes (L,)."""
    normal = jax.random.normal(key, (2, *displacement.shape), jnp.float64)
    size = jnp.sqrt((occupation + 0.5) / 2)
    return displacement + size * (normal[0] + 1j * normal[1])


def trajectory_keys(seed: Any, numbers: Any) -> Any:
    """Three keys (B, 3) for every trajectory, for spins, modes and noise.

    They depend on the seed and the number of the trajectory alone.
    """
    base = jax.random.wrap_key_data(seed, impl="threefry2x32")
    each = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(base, numbers)
    return jax.vmap(lambda key: jax.random.split(key, 3))(each)
