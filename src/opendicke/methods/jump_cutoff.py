"""How many Fock states quantum jumps need, and how accurate the integrator must be: by pilots.

Pilots are the first trajectories, with the random numbers that they have in the run. In two
truncations they jump at almost the same times, so that their means show the truncation's error
long before they show the ensemble's mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from opendicke.interop.quantum_modes import QuantumModes
from opendicke.measure.moments import Statistic
from opendicke.methods.base import Progress
from opendicke.methods.jump_trajectories import Trajectories, raised
from opendicke.model.checks import Array
from opendicke.model.collective import SpinSpace

PILOTS = 16
_FEW = 4
"""Pilots that are repeated with a more accurate integrator."""
_FIRST = 0.6
"""Of the levels that the largest forces may need, those that are tried first."""
_COMPARED = 1.15
"""Growth of the levels when two truncations are compared."""
_SHARE = 0.1
"""Of the tolerance, what the highest level may hold before truncations are compared."""
_WORTH = 0.9
"""Of the states, what fewer levels must come down to for being tried."""
_MOST_RAISES = 8
_TOO_LARGE = "more Fock states do not fit the memory"
FINEST = 1e-13
"""Of the integrator's tolerances."""

Make = Callable[[tuple[int, ...], float], Trajectories]


@dataclass(frozen=True)
class Choice:
    """What the pilots found."""

    trajectories: Trajectories
    """In the truncation and with the accuracy that are enough, pilots remembered."""
    truncation: float
    """Change of the pilots' means in a larger truncation; NaN where none was tried."""
    integration: float
    """Change of the pilots' means with a more accurate integrator."""
    pilots: int
    reason: str = ""
    """Why the search ended early."""


def first_levels(space: SpinSpace, modes: QuantumModes, tolerance: float) -> tuple[int, ...]:
    """Fock states that hold the start, and a part of what the largest forces may ask for."""
    rows = np.stack([part.couplings[modes.kept] for part in space.parts])
    driven = modes.amplitudes(space.counts @ np.abs(rows))
    spread = math.sqrt(-math.log(_SHARE * tolerance))
    made = []
    for alpha, hot, reach in zip(modes.displacement, modes.occupation, driven, strict=True):
        start = _reach(abs(alpha), hot, spread)
        made.append(max(4, math.ceil(start), math.ceil(_FIRST * _reach(reach, 0.0, spread))))
    return tuple(made)


def _reach(amplitude: float, thermal: float, spread: float) -> float:
    """Levels below which a displaced thermal state has all its weight, about."""
    if amplitude == 0 and thermal == 0:
        return 2.0
    return float((amplitude + spread * math.sqrt(thermal + 0.3)) ** 2 + 2)


def choose(
    make: Make,
    levels: tuple[int, ...],
    tolerance: float,
    most: int,
    fits: Callable[[tuple[int, ...]], bool],
    report: Progress,
    given: bool,
) -> Choice:
    """Raise the levels until pilots no longer change, then check the integrator.

    Parameters
    ----------
    make
        Trajectories with so many levels and such an accuracy.
    levels
        What to begin with, or, if `given`, what stays.
    tolerance
        Admitted change of means, relative to values above 1.
    most
        Trajectories of the run.
    fits
        Whether so many levels fit the memory.
    """
    trials = _Trials(make, most, report)
    now = trials.run(levels, max(1e-3 * tolerance, FINEST), _FEW)
    truncation, reason = math.nan, ""
    if not levels:
        truncation = 0.0
    elif not given:
        now, truncation, reason = _raised(trials, now, tolerance, fits)
    now, integration = _refined(trials, now, tolerance)
    return Choice(now, truncation, integration, now.known, reason)


def _raised(
    trials: _Trials, now: Trajectories, tolerance: float, fits: Callable[[tuple[int, ...]], bool]
) -> tuple[Trajectories, float, str]:
    """Levels at which pilots do not leak, and the change of their means beyond them."""
    limit = _SHARE * tolerance
    while (leaky := trials.leaky(now, limit)).any():
        more = raised(now.levels, leaky)
        if not fits(more):
            return now, math.nan, _TOO_LARGE
        now = trials.run(more, now.accuracy, _FEW)
    less = trials.enough(now, limit)
    if math.prod(less) <= _WORTH * math.prod(now.levels):
        small = trials.run(less, now.accuracy, PILOTS)
        truncation = trials.difference(small, now)
        if truncation <= tolerance and not trials.leaky(small, limit).any():
            return small, truncation, ""
    truncation = math.nan
    for _ in range(_MOST_RAISES):
        more = tuple(math.ceil(size * _COMPARED) + 2 for size in now.levels)
        if not fits(more):
            return now, truncation, _TOO_LARGE
        after = trials.run(more, now.accuracy, PILOTS)
        truncation = trials.difference(now, after)
        if truncation <= tolerance:
            return now, truncation, ""
        now = after
    return now, truncation, "pilots change in every larger truncation"


def _refined(trials: _Trials, now: Trajectories, tolerance: float) -> tuple[Trajectories, float]:
    while True:
        finer = trials.run(now.levels, max(now.accuracy / 100, FINEST / 10), _FEW)
        error = trials.difference(now, finer)
        if error <= tolerance or now.accuracy <= FINEST:
            return now, error
        now = finer


class _Trials:
    """Runs of the same pilots."""

    def __init__(self, make: Make, most: int, report: Progress) -> None:
        self._make, self._most, self._report = make, most, report
        self._done = 0.0

    def run(self, levels: tuple[int, ...], accuracy: float, count: int) -> Trajectories:
        """Some pilots with so many levels."""
        return self.extended(self._make(levels, accuracy), count)

    def extended(self, trajectories: Trajectories, count: int) -> Trajectories:
        """With so many pilots, where the run has as many."""
        count = 1 if trajectories.deterministic else min(count, self._most)
        levels = " × ".join(map(str, trajectories.levels))
        text = f"pilots with {levels} Fock states" if levels else "pilots"
        before, part, first = self._done, (1 - self._done) / 6, trajectories.known
        for number in range(first, count):

            def tick(share: float, number: int = number) -> None:
                self._done = before + part * (number - first + share) / (count - first)
                self._report(self._done, text)

            trajectories.keep(number, tick)
        return trajectories

    def leaky(self, trajectories: Trajectories, limit: float) -> Array:
        """Modes whose highest Fock state holds more than a limit on average at any time, (L,)."""
        for count in (_FEW, PILOTS):
            self.extended(trajectories, count)
            samples = trajectories.kept(trajectories.known)
            top = np.mean([each.top for each in samples], axis=0).max(axis=0)
            if (top > limit).any():
                break
        return np.asarray(top > limit)

    def enough(self, trajectories: Trajectories, limit: float) -> tuple[int, ...]:
        """Levels of which the highest, and all above, would hold less than a limit."""
        samples = trajectories.kept(trajectories.known)
        made = []
        for profiles in zip(*(each.profile for each in samples), strict=True):
            above = np.cumsum(np.mean(profiles, axis=0)[::-1])[::-1]
            # A weight at the edge bounds that of a space which ends there up to its own echo.
            made.append(min(len(above), max(4, int((above > limit / 2).sum()) + 2)))
        return tuple(made)

    def difference(self, first: Trajectories, second: Trajectories) -> float:
        """Largest difference of the means of the pilots of both."""
        count = min(first.known, second.known)
        one, two = (each.statistics(each.kept(count)) for each in (first, second))
        return largest_difference(one, two)


def largest_difference(one: Mapping[str, Statistic], two: Mapping[str, Statistic]) -> float:
    """In units of the larger of 1 and the largest value of each observable."""
    largest = 0.0
    for name, first in one.items():
        a, b = first.value, two[name].value
        known = np.isfinite(a) & np.isfinite(b)
        if known.any():
            scale = max(1.0, float(np.abs(a[known]).max()))
            largest = max(largest, float(np.abs(a - b)[known].max()) / scale)
    return largest
