"""The step of mean field: shortened for each member of a batch until two solutions agree.

If the error at step τ is C τ^p, solutions at r τ and τ differ by (r^p − 1) times the error of the
better one. Twice that is the estimate where the difference agrees with the error that was estimated
for the worse one and the step resolves the fastest mode; elsewhere the difference itself is, and
while the mode is not resolved two in a row must pass. Numbers of steps are coprime from one
solution to the next, so that no two of them share a resonance of the step with a fast mode. A
member whose error repeatedly fails to fall, because its motion is chaotic or round-off is reached,
is given up and marked.

Every member has a path of its own through the numbers of steps, which others do not change. First
steps and ratios take few values, so that paths meet: members with equal numbers are solved
together.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from opendicke.methods.base import Progress
from opendicke.methods.flow import State
from opendicke.methods.stepping import Batch, Solution
from opendicke.model.checks import Array

MOST_STEPS = 10**7
_FIRST_SHARE = 0.05
_SHARE = 0.6
"""Of the progress that is left, what one more solution counts for."""
_SMALL = 1e-3
_SATURATED = 0.05
_PATIENCE = 3
_RATIOS = (2, 3, 4, 6, 8)


class Refined(NamedTuple):
    """The solution of one member at the step that was enough, or the last one tried."""

    solution: Solution
    step: float
    course: Array
    """Estimated error at each time, (T,)."""
    exhausted: bool
    """Whether the limit of steps ended the search."""
    end_error: float
    """Estimated error of the state at the last time; NaN where it is not kept."""


class _Paths:
    """All members on their ways to shorter steps, as arrays over members."""

    def __init__(self, batch: Batch, tolerance: float) -> None:
        count, times = len(batch.problems), len(batch.times)
        self._batch, self._tolerance, self._order = batch, tolerance, batch.order
        self._coarse: list[Solution | None] = [None] * count
        self._counts = np.zeros((count, times), np.int64)
        self._last = np.full((count, times), np.inf)
        self._stalls = np.zeros(count, int)
        self._agreed = np.zeros(count, bool)
        self.done = np.zeros(count)
        self.ended: dict[int, Refined] = {}

    def after(self, counts: Array, members: Array, fine: list[Solution]) -> Array:
        """Take one more solution of some members: ratios to the next steps, 0 where it is enough.

        All of them made `counts` steps (T,) into each time.
        """
        ratios = np.full(len(members), 2)
        known = np.array([self._coarse[k] is not None for k in members])
        self.done[members[~known]] = _FIRST_SHARE
        if known.any():
            some = [each for each, old in zip(fine, known, strict=True) if old]
            ratios[known] = self._judged(counts, members[known], some)
        for k, solution in zip(members, fine, strict=True):
            self._coarse[k] = solution
        self._counts[members] = counts
        return ratios

    def _judged(self, counts: Array, members: Array, fine: list[Solution]) -> Array:
        step, moves = self._batch.longest_step(counts), counts > 0
        coarse = [each for k in members if (each := self._coarse[k]) is not None]
        shortened = (counts[moves] / self._counts[members][:, moves]).min(axis=1, initial=np.inf)
        apart = distances([each.values for each in coarse], [each.values for each in fine])
        promised = np.minimum(shortened, 1e3)[:, None] ** self._order
        guess = 2 * apart / (promised - 1)
        # The law predicts `apart` to be about half the last guess, the coarser one's error.
        last = self._last[members]
        kept = (apart <= last) & (last < _SATURATED)
        lawful = np.where(np.isinf(last), guess < _SMALL, kept)
        resolved = self._batch.fastest_modes[members] * step <= 1
        lawful &= resolved[:, None]
        course = np.where(lawful, guess, apart)
        stalls = self._stalls[members]
        stalls = stalls + (resolved & (guess.max(axis=1) > last.max(axis=1) / 2))
        exhausted = bool(2 * counts.sum() > MOST_STEPS)
        before, agreed = self._agreed[members], course.max(axis=1) <= self._tolerance
        enough = (agreed & (resolved | before)) | (stalls >= _PATIENCE) | exhausted
        trusted = (lawful | (apart <= self._tolerance)).all(axis=1) & (stalls == 0)
        self._last[members], self._stalls[members] = guess, stalls
        self._agreed[members] = agreed
        self.done[members] += (1 - self.done[members]) * _SHARE
        ratios = np.full(len(members), 2)
        for place, k in enumerate(members):
            if enough[place]:
                ratios[place], self.done[k] = 0, 1.0
                end = _end_distance(coarse[place].state, fine[place].state)
                end *= 2 / (promised[place, 0] - 1) if lawful[place, -1] else 1.0
                found = Refined(fine[place], step, course[place], exhausted, float(end))
                self.ended[int(k)] = found
            elif trusted[place]:
                ratios[place] = self._ratio(float(guess[place].max()), counts)
        return ratios

    def _ratio(self, error: float, counts: Array) -> int:
        """How much shorter the next step is, if errors fall as the order promises."""
        wanted = min(math.ceil((error / self._tolerance) ** (1 / self._order)), _RATIOS[-1])
        affordable = int(MOST_STEPS / counts.sum())
        return max(2, min(next(each for each in _RATIOS if each >= wanted), affordable))


def refine(batch: Batch, tolerance: float, report: Progress) -> list[Refined]:
    """Shorten steps until two successive solutions agree, member by member."""
    paths = _Paths(batch, tolerance)
    waiting: dict[bytes, tuple[Array, list[int]]] = {}
    steps = [_first_step(batch, k) for k in batch.everyone]
    first = {step: batch.counts(step) for step in set(steps)}
    for k, step in enumerate(steps):
        _join(waiting, first[step], k)
    while waiting:
        # The fewest steps first: members that come to the same numbers later find them waiting.
        chosen = min(waiting, key=lambda each: int(waiting[each][0].sum()))
        counts, found = waiting.pop(chosen)
        members = np.sort(found)
        done = float(paths.done.sum())
        gain = float((1 - paths.done[members]).sum()) * _SHARE

        def part(share: float, text: str, done: float = done, gain: float = gain) -> None:
            report((done + gain * share) / len(paths.done), text)

        step = batch.longest_step(counts)
        solutions = batch.integrate(members, counts, part, f"step {step:.3g}")
        for k, ratio in zip(members, paths.after(counts, members, solutions), strict=True):
            if ratio:
                _join(waiting, np.where(counts > 0, ratio * counts + 1, 0), k)
    report(1.0, "done")
    return [paths.ended[int(k)] for k in batch.everyone]


def _join(waiting: dict[bytes, tuple[Array, list[int]]], counts: Array, member: Any) -> None:
    """Let a member wait with those that make as many steps."""
    waiting.setdefault(counts.tobytes(), (counts, []))[1].append(int(member))


def _first_step(batch: Batch, number: Any) -> float:
    """A power of two at which splitting begins to make sense, or what the limit admits."""
    step = float(batch.first_steps[number])
    if 0 < step < math.inf:
        step = 2.0 ** math.floor(math.log2(step))
    return max(step, float(batch.times[-1] - batch.times[0]) / MOST_STEPS) or 1.0


def distances(first: list[dict[str, Array]], second: list[dict[str, Array]]) -> Array:
    """Largest difference over observables of each member at each time (m, T), relative to values
    above 1.

    A difference that is not a number counts as infinite.
    """
    differences = []
    for name in second[0]:
        one, two = (np.stack([each[name] for each in side]) for side in (first, second))
        one, two = (each.reshape(*each.shape[:2], -1) for each in (one, two))
        scale = np.maximum(1.0, np.abs(two).max(axis=(1, 2), initial=0))
        differences.append(np.abs(two - one).max(axis=2) / scale[:, None])
    return np.asarray(np.nan_to_num(np.max(differences, axis=0), nan=np.inf))


def _end_distance(first: State | None, second: State | None) -> float:
    """Largest difference of spins, and of amplitudes relative to those above 1."""
    if first is None or second is None:
        return math.nan
    largest = 0.0
    for one, two in zip(first, second, strict=True):
        if two is not None and two.size:
            scale = max(1.0, float(np.abs(two).max()))
            apart = float(np.abs(two - one).max()) / scale
            largest = max(largest, apart if math.isfinite(apart) else math.inf)
    return largest
