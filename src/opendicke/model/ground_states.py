"""Ground states of Ising models: of one mode in closed form, of few spins by looking at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.blas import threads_for
from opendicke.model.checks import Array
from opendicke.model.configurations import (
    ENUMERABLE,
    configuration_values,
    configurations,
    energy_blocks,
    halves,
    pair_terms,
)
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel

_MOST = 2**20
"""Ground states that are listed."""


class GroundStates(NamedTuple):
    """The lowest Ising energy and what reaches it."""

    energy: float
    """Lowest :math:`H_I`, in units of energy."""
    configurations: Array
    """All K configurations of this energy, (K, N) of ±1 (int8), in the order of their numbers."""


def ground_states(model: DickeModel | IsingModel) -> GroundStates:
    r"""Lowest Ising energy and all configurations that reach it within round-off.

    .. math::
        \min_\sigma H_I(\sigma), \qquad H_I = -\sum_{i\ne j} J_{ij}\sigma_i\sigma_j

    One factor of positive strength, :math:`J_{ij} = s\,g_i g_j` (one boson mode of positive
    frequency), is solved for any number of spins: :math:`\sigma_i = \pm\,\mathrm{sign}\,g_i`,
    where spins without coupling are free. With a negative strength the same J is number
    partitioning, and as hard as any other: then, and for all other models, all configurations
    are looked at, block by block.

    Parameters
    ----------
    model : DickeModel or IsingModel
        The bosons of a DickeModel are eliminated. Fields do not enter, nor do the terms i = j.

    Returns
    -------
    GroundStates
        A configuration and its reverse are both listed.

    Raises
    ------
    InputError
        If the model is something else or a thermodynamic limit, there are more than 30 spins
        without a closed form, or more than 2^20 ground states.

    Notes
    -----
    fiorelli2020 Eq. (4) times :math:`16/[\omega(\eta^2+4)]` for one mode (`energy_scale`).

    Examples
    --------
    >>> import opendicke as od
    >>> found = od.ground_states(od.DickeModel([[2.0], [-1.5]], frequencies=1.0))
    >>> found.energy, found.configurations.tolist()
    (-6.0, [[1, -1], [-1, 1]])
    """
    table, strengths = pair_terms(model)
    if strengths is not None:
        counts = (strengths != 0) & table.any(axis=0)
        table, strengths = table[:, counts], strengths[counts]
        if len(strengths) == 1 and strengths[0] > 0:
            return _aligned(table[:, 0], float(strengths[0]))
        if not len(strengths):
            _check_number(len(table), 2.0 ** min(len(table), 1000))
            return GroundStates(0.0, configurations(len(table)))
    spins = len(table)
    if spins > ENUMERABLE:
        raise InputError(
            "model",
            f"have at most {ENUMERABLE} spins, or one mode of positive frequency, for its ground "
            "states to be found by looking at every configuration",
            f"it has {spins} spins, about 2^{spins - ENUMERABLE} times the work of {ENUMERABLE}",
        )
    parts = halves(table, strengths)
    lowest, found, energies = np.inf, np.zeros(0, np.int64), np.zeros(0)
    # H_I is even: configurations with spin 0 down are the reverse of the others.
    for start, rows in energy_blocks(parts, reverse=False):
        with threads_for(len(rows), parts.right.shape[1]):
            block = (rows @ parts.right).ravel()
        least = float(block.min())
        if least > lowest + parts.rounding:
            continue
        lowest = min(least, lowest)
        places = np.flatnonzero(block <= lowest + parts.rounding)
        found = np.concatenate([found, start + places])
        energies = np.concatenate([energies, block[places]])
        kept = energies <= lowest + parts.rounding
        found, energies = found[kept], energies[kept]
        _check_number(spins, 2.0 * len(found))
    found = np.concatenate([found, (1 << spins) - 1 - found[::-1]])
    return GroundStates(lowest, configuration_values(found, spins))


def _aligned(couplings: Array, strength: float) -> GroundStates:
    """Both signs of the couplings (N,), with every choice for spins that do not couple."""
    size = np.abs(couplings)
    energy = -strength * float(size.sum() ** 2 - (size**2).sum())
    free = np.flatnonzero(couplings == 0)
    _check_number(len(couplings), 2.0 ** min(1 + len(free), 1000))
    choices = configurations(len(free))
    states = np.empty((2, len(choices), len(couplings)), np.int8)
    states[0], states[1] = np.sign(couplings), -np.sign(couplings)
    states[:, :, free] = choices
    listed = states.reshape(-1, len(couplings))
    return GroundStates(energy, listed[np.lexsort(-listed.T[::-1])])


def _check_number(spins: int, number: float) -> None:
    if number > _MOST:
        raise InputError(
            "model",
            f"have at most {_MOST} ground states for them to be listed",
            f"at least {number:.7g} of its 2^{spins} configurations share one energy",
        )
