"""From numbers of steps between output times to segments of a fixed shape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array

_MOST_STEPS = 10**9


def step_counts(elapsed: Array, step: float) -> Array:
    """Steps (T,) into each output time, none longer than `step`; 0 into the first."""
    spans = np.diff(elapsed, prepend=0.0)
    with np.errstate(over="ignore"):
        wanted = np.ceil(spans / step * (1 - 1e-12))
    if wanted.sum() > _MOST_STEPS:
        raise InputError("step", f"allow at most {_MOST_STEPS:.0e} steps", f"was {step:g}")
    return np.asarray(np.maximum(wanted.astype(np.int64), spans > 0))


def longest_step(elapsed: Array, counts: Array) -> float:
    """The longest step that counts stand for."""
    spans = np.diff(elapsed, prepend=0.0)
    return float((spans / np.maximum(counts, 1)).max())


class Segment(NamedTuple):
    """Rows of one run of a compiled program; unused ones at the end do no step."""

    elapsed: Array
    """Time of each row since the start."""
    steps: Array
    """Length of its steps."""
    numbers: Array
    """How many of them."""
    first: int
    """Steps made before this segment."""
    saved: list[int]
    """Rows that reach their output time."""


class Schedule:
    """Hands out the steps of a run segment by segment, a long way to one time in several."""

    def __init__(self, elapsed: Array, counts: Array, rows: int) -> None:
        self._elapsed, self._counts, self._rows = elapsed, counts, rows
        self._spans = np.diff(elapsed, prepend=0.0)
        self._row, self._into = 0, 0
        self.made = 0
        self.total = int(counts.sum())

    @property
    def finished(self) -> bool:
        """Whether all output times are reached."""
        return self._row == len(self._counts)

    def next(self, budget: int) -> Segment:
        """The next segment, of at most about `budget` steps."""
        rows = self._rows
        elapsed, steps, numbers = np.zeros(rows), np.zeros(rows), np.zeros(rows, int)
        saved: list[int] = []
        left, first = budget, self.made
        for slot in range(rows):
            if self.finished or (left <= 0 and self._counts[self._row] > 0):
                break
            count = int(self._counts[self._row])
            part = min(count - self._into, left)
            steps[slot] = self._spans[self._row] / max(count, 1)
            numbers[slot] = part
            elapsed[slot] = self._elapsed[self._row]
            left -= part
            self._into += part
            if self._into == count:
                saved.append(slot)
                self._row, self._into = self._row + 1, 0
        self.made += int(numbers.sum())
        return Segment(elapsed, steps, numbers, first, saved)
