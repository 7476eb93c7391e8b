"""From numbers of steps between output times to segments of a fixed shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Steps(NamedTuple):
    """From what numbers of steps were counted: exactly those numbers follow from it again.

    The longest step alone does not say them: where times are uneven, multiples of counts are more
    than the counts of a shorter step.
    """

    base: float
    factor: int = 1
    offset: int = 0

    def counts(self, elapsed: Array) -> Array:
        """Steps (T,) into each output time."""
        counts = step_counts(elapsed, self.base)
        return np.where(counts > 0, self.factor * counts + self.offset, 0)

    def refined(self, ratio: int, more: int) -> Steps:
        """`ratio` times as many steps and a few more into each time."""
        return Steps(self.base, ratio * self.factor, ratio * self.offset + more)

    def numerics(self) -> dict[str, Any]:
        """By name, to be kept with a result."""
        names = ("base_step", "step_factor", "step_offset")
        return dict(zip(names, self, strict=True))

    @classmethod
    def recorded(cls, numerics: Mapping[str, Any]) -> Steps:
        """As they were kept."""
        factor, offset = numerics.get("step_factor", 1), numerics.get("step_offset", 0)
        return cls(float(numerics["base_step"]), int(factor), int(offset))


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
