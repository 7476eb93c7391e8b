"""What a block of chains carries from one call to the next, and one flip of a spin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from opendicke.model.checks import Array

LIFE = 4096
"""Flips after which sums are made anew from the spins: one by one, flips leave round-off."""


class Interactions(NamedTuple):
    """Couplings as chains use them.

    `couplings` (N, M) and `transposed` (M, N); `strengths` (M,): c_λ = 16ω/(4ω² + Γ²); `own` (N,):
    Σ_λ c_λ g_iλ², what the field of a spin on itself must give back; `pairs` (N, N):
    Σ_λ c_λ g_iλ g_lλ, or (0, 0) where there are too many.
    """

    couplings: Array
    transposed: Array
    strengths: Array
    own: Array
    pairs: Array


class Block(NamedTuple):
    """State of B chains.

    `spins` (B, N) of ±1; `sums` (B, M): S_λ; `fields` (B, N): Σ_λ c_λ g_iλ S_λ, or (B, 0) where
    it is not followed; `streams` (B, 4); `clock` (B,): time reached; `due` (B,): time of the next
    trial, nan where it is to be drawn; `age` (B,): flips since the sums were last made anew;
    `level`, `spent` (B,) and `centre` (B, M): the window and what it cost so far; `known`
    (B,) spins `known_spins` (B, K) that were rejected since the last flip, until which their rates
    `known_rates` (B, K) are constant; `counts` (B, 3): events, trials, windows or passes over all
    spins.
    """

    spins: Array
    sums: Array
    fields: Array
    streams: Array
    clock: Array
    due: Array
    age: Array
    level: Array
    spent: Array
    centre: Array
    known: Array
    known_spins: Array
    known_rates: Array
    counts: Array


class Log(NamedTuple):
    """Events of the chains: `times` and `flipped` (B, capacity), `filled` (B,) of them so far."""

    times: Array
    flipped: Array
    filled: Array


@njit(cache=True, nogil=True)
def refresh(model: Any, block: Any, chain: int) -> None:
    """The sums and fields of a chain from its spins: flip by flip they gather round-off."""
    spins, sums = block.spins[chain], block.sums[chain]
    count, modes = model.couplings.shape
    for mode in range(modes):
        total = 0.0
        for i in range(count):
            total += model.couplings[i, mode] * spins[i]
        sums[mode] = total
    if block.fields.shape[1] > 0:
        fields = block.fields[chain]
        fields[:] = 0.0
        for mode in range(modes):
            step, row = model.strengths[mode] * sums[mode], model.transposed[mode]
            for i in range(count):
                fields[i] += step * row[i]
    block.age[chain] = 0


def empty_log(chains: int, capacity: int) -> Log:
    """Room for `capacity` events of each chain; 0 for no record."""
    return Log(
        np.zeros((chains, capacity)),
        np.zeros((chains, capacity), dtype=np.int64),
        np.zeros(chains, dtype=np.int64),
    )
