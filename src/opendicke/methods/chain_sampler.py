"""Which sampler of kinetic Monte Carlo suits a problem: a pilot whose operations are counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.methods.chain_state import empty_log
from opendicke.methods.chains import Chains
from opendicke.model.checks import Array
from opendicke.physics.rate_table import FlipRates

_PILOT = 1
"""Purpose of the random numbers of the pilot: no chain has them."""
_EVENTS = 500
_ROUNDS = 40
_MOST_TRIALS = 100_000
# What operations cost relative to each other, in about nanoseconds.
_TRIAL, _BOUND, _PASS, _TERM = 80.0, 60.0, 1.5, 0.3


class Sampling(NamedTuple):
    """The sampler chosen, and what an event would cost with each, in units of a trial.

    `cost` has no entry for a sampler that was not considered.
    """

    sampler: str
    cost: dict[str, float]


def sampling(rates: FlipRates, couplings: Array, strengths: Array, start: Array) -> Sampling:
    """The sampler whose operations cost least, judged by one short chain from `start` (N,).

    The same problem always has the same answer: operations are counted, not timed. One mode has
    few windows, which recur, and there windows that adapt are best throughout.

    Parameters
    ----------
    rates, couplings, strengths
        As in `Chains`.
    start : array (N,) of ±1
        A configuration that chains start from.
    """
    spins, modes = couplings.shape
    if modes == 1:
        return Sampling("windowed", {})
    pilot = Chains(rates, couplings, strengths)
    words = np.zeros(2, dtype=np.uint32)
    state = pilot.start(start, words, purpose=_PILOT)
    pilot.advance(state, 0.0)
    total = pilot.largest_rate
    if total <= 0.0:
        return Sampling("windowed", {})
    log = empty_log(1, _EVENTS)
    horizon = 1.0 / total
    for _ in range(_ROUNDS):
        pilot.advance(state, horizon, log=log)
        if state.counts.events >= _EVENTS or state.counts.trials >= _MOST_TRIALS:
            break
        horizon *= 4.0
    events, trials, windows = (max(1, count) for count in state.counts)
    field = 1.0 if spins <= 1500 else float(modes)
    cost = {
        "windowed": (trials * _TRIAL + windows * spins * (_BOUND + modes * _TERM)) / events,
        "rejection-free": 2.0 * _TRIAL + spins * (_PASS + field * _TERM),
        "plain": total * float(state.clock[0]) * _TRIAL / events,
    }
    cost = {name: value / _TRIAL for name, value in cost.items()}
    return Sampling(min(cost, key=lambda name: cost[name]), cost)
