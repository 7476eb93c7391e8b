"""A systematic search for all stationary states of a model."""

from __future__ import annotations

from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, integer, real, seed_of
from opendicke.model.dicke import DickeModel
from opendicke.physics.folded import Folded, fold
from opendicke.physics.roots import Branch, polished, units
from opendicke.physics.stationary import StationaryState, make_state

MOST_STARTS = 20_000
"""More starts than this are refused."""


def stationary_states(
    model: DickeModel,
    length: float = 1.0,
    mixtures: Any = "all",
    seed: int = 0,
    starts: int = 1000,
) -> list[StationaryState]:
    r"""Stationary states reached by root finding from systematic and random starts.

    Searched are those with all spins antiparallel to their fields (`branch` −1: the ones that
    frequencies above 0 stabilise) and those with all parallel (`branch` 1: the same for
    frequencies below 0, as H → −H shows); see `StationaryState`. Starts are both paramagnets,
    every pattern, mixtures of modes in all signs, and random amplitudes. States with some groups
    of spins parallel and others antiparallel to their fields, of which there are many, are not
    searched. A search may miss states: none that it lists is wrong, each has its `residual`.

    Parameters
    ----------
    model : DickeModel
        With a field other than 0 at every spin.
    length : float
        Length s of all Bloch vectors, in (0, 1].
    mixtures : "all" or int
        Largest number of patterns mixed in a start.
    seed : int
        Of the random starts.
    starts : int
        How many random starts.

    Returns
    -------
    list of StationaryState
        Without duplicates: paramagnets first, then by the number of patterns in them. Where all
        rows of signs occur equally often (`Binary` in the limit), reversing a pattern maps
        stationary states onto such, and all these copies are listed.

    Raises
    ------
    InputError
        If an argument is out of range, the field is 0 at a spin, or more than 20 000 starts
        would be made.
    """
    if not isinstance(model, DickeModel):
        raise InputError("model", "be a DickeModel", f"was {shown(model)}")
    length = real("length", length, above=0, most=1)
    most = model.modes if mixtures == "all" else min(integer("mixtures", mixtures), model.modes)
    starts, seed = integer("starts", starts), seed_of(seed)
    if not model.field.all():
        spin = int(np.argmax(model.field == 0))
        raise InputError("model", "have a field at every spin", f"spin {spin} has none")
    folded = fold(model)
    systematic = _systematic(model, folded, most)
    tried = np.concatenate([systematic, _random(seed, starts, model.modes)])
    tried *= units(folded) * length
    branches: tuple[Branch, Branch] = (-1, 1)
    states = []
    for branch in branches:
        roots = _distinct(folded, branch, length, tried)
        states += [make_state(model, folded, forces, branch, length) for forces in roots]
    return sorted(states, key=_rank)


def _rank(state: StationaryState) -> tuple[Any, ...]:
    patterns = tuple((index, -sign) for index, sign in state.patterns)
    return len(patterns), patterns, state.branch, *(-np.abs(state.overlap).round(9))


def _systematic(model: DickeModel, folded: Folded, most: int) -> Array:
    """Starts (S, M) in units of the largest forces: zero, patterns, mixtures of modes."""
    modes, rows = model.modes, [np.zeros(model.modes)]
    signs = (1,) if folded.grid else (1, -1)
    kinds = {n: len(_SIZES) + (4 if n == 4 else 0) for n in range(1, most + 1)}
    count = sum(kinds[n] * len(signs) ** n * comb(modes, n) for n in kinds)
    if count > MOST_STARTS:
        raise InputError(
            "mixtures",
            f"lead to at most {MOST_STARTS} starts",
            f"{count} would follow; give a small integer",
        )
    for n in range(1, most + 1):
        # Overlap of each of n random signs with the sign of their sum, as n grows.
        share = 1.0 if n == 1 else np.sqrt(2 / (np.pi * n))
        for chosen in combinations(range(modes), n):
            for choice in product(signs, repeat=n):
                row = np.zeros(modes)
                row[list(chosen)] = np.array(choice) * share
                rows += [size * row for size in _SIZES]
                if n == 4:  # one of four may lead: at strong coupling by ¾ to ¼
                    lead = 0.25 + 0.5 * np.eye(modes)[list(chosen)]
                    rows += list(lead * row / share)
    spins = np.zeros((model.spins, 3))
    for pattern in model.pattern_matrix:
        spins[:, 2] = pattern
        z = folded.means(spins, model.fractions)[:, 2]
        drive = folded.response * ((folded.weights * z) @ folded.couplings) / units(folded)
        rows += [drive, -drive]
    return np.array(rows)


def _random(seed: int, count: int, modes: int) -> Array:
    """Random starts (count, M) between −1 and 1, of random modes only."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (count, modes))
    places = rng.permuted(np.tile(np.arange(modes), (count, 1)), axis=1)
    return np.asarray(np.where(places <= rng.integers(modes, size=(count, 1)), values, 0.0))


def _distinct(folded: Folded, branch: Branch, length: float, tried: Array) -> list[Array]:
    """Different roots among those reached from the starts `tried` (S, M)."""
    unit, grid = units(folded), folded.grid
    kept = np.empty((0, tried.shape[1]))
    # Where V is convex (all spins parallel, frequencies above 0) only the paramagnet stands still.
    convex = (branch * folded.response >= 0).all()
    for start in tried[:1] if convex else _settled(folded, branch, length, tried):
        found = polished(folded, branch, length, start)
        if found is None:
            continue
        scaled = found / unit
        # Reversing all amplitudes and all z is a symmetry of every model.
        images = [np.abs(scaled)] if grid else [scaled, -scaled] if scaled.any() else [scaled]
        for image in images:
            if not (np.abs(kept - image).max(axis=1, initial=0) < _SAME * length).any():
                kept = np.concatenate([kept, image[None]])
    if grid:
        kept = np.array([copy for row in kept for copy in _copies(row)])
    return list(unit * kept)


def _settled(folded: Folded, branch: Branch, length: float, tried: Array) -> Array:
    """The starts, and where they go if modes and spins settle in turn (downhill in V)."""
    unit = units(folded)
    weighted = folded.couplings * folded.weights[:, None] * branch * length
    forces = tried
    for _ in range(_TURNS):
        turn = 2 * forces @ folded.couplings.T
        forces = -folded.response * ((turn / np.hypot(folded.field, turn)) @ weighted)
    ends = np.unique((forces / unit).round(4), axis=0) * unit
    return np.concatenate([tried, ends])


def _copies(row: Array) -> list[Array]:
    """All choices of signs of the entries that are not 0."""
    places = np.flatnonzero(row)
    copies = []
    for choice in product((1, -1), repeat=len(places)):
        copy = row.copy()
        copy[places] *= choice
        copies.append(copy)
    return copies


_SIZES = (1.0, 0.5)
_TURNS = 100
_SAME = 1e-6
