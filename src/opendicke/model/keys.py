"""Random numbers addressed by their coordinates, so that batch size and order never matter."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array

_DISORDER, _FLIPS, _TRAJECTORIES = 0, 1, 2


def _key(stream: int, seed: int, realization: int) -> Array:
    return np.random.SeedSequence([stream, seed, realization]).generate_state(2, np.uint64)


def _uniform(key: Array, position: int, count: int) -> Array:
    # The generator is a counter: word 1 of the counter is the position, word 0 runs over the
    # numbers, so that number `i` at `position` never depends on how many are asked for.
    bits = np.random.Philox(key=key, counter=np.array([0, position, 0, 0], np.uint64))
    raw = bits.random_raw(count)
    return ((raw >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def disorder_variates(seed: int, realization: int, spins: int, modes: int) -> Array:
    """Uniform variates in (0, 1), one for each (seed, realization, spin, mode).

    Returns an array (modes, spins). A larger system contains the smaller one.
    """
    key = _key(_DISORDER, seed, realization)
    variates = np.empty((modes, spins))
    for mode in range(modes):
        variates[mode] = _uniform(key, mode, spins)
    return variates


def flip_variates(seed: int, spins: int) -> Array:
    """Uniform variates (spins,) that order the spins in which a pattern is corrupted."""
    return _uniform(_key(_FLIPS, seed, 0), 0, spins)


def trajectory_words(seed: int, realization: int, generation: int = 0) -> Array:
    """Two 32-bit words from which the random numbers of all trajectories of a run follow.

    `generation` counts the runs before it that the run goes on from: each has noise of its own.
    """
    sequence = np.random.SeedSequence([_TRAJECTORIES, seed, realization, generation])
    return sequence.generate_state(2, np.uint32)
