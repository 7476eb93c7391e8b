"""The one driver of stochastic methods: fixed blocks of trajectories, merged in fixed order.

Trajectories are numbered and come in blocks of fixed size. Blocks are computed several at a time,
their statistics merged in the order of their numbers, and whether to go on is judged after complete
rounds, whose sizes are numbers of trajectories: neither the number of workers nor their pace
changes a result, and the size of a block only by round-off. Memory does not grow with the number of
trajectories. A run can begin with the statistics of an earlier one: then it makes the trajectories
that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.measure.moments import JointMoments, Moments, Statistic
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import Progress
from opendicke.methods.parallel import in_order
from opendicke.model.checks import Array, integer, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel

DEFAULT_TRAJECTORIES = 1000
MOST_TRAJECTORIES = 10**6
_FIRST_ROUND = 512
"""Trajectories before the error is judged for the first time."""
_ROUNDED = 64
"""Rounds end at multiples of this."""
_LARGEST_GROWTH = 4.0
"""A round asks for at most this many times the trajectories there are."""

Statistics = Mapping[str, Statistic]
Block = Callable[[int, int], Statistics]
"""Statistics of `count` trajectories from number `first` on."""


@dataclass(frozen=True)
class Extent:
    """How many trajectories are made.

    Parameters
    ----------
    trajectories : int, optional
        Their number; with `target_stderr`, the largest number. By default 1,000, and 10⁶ with a
        target.
    target_stderr : float, optional
        Go on until every standard error is at most this (times the largest value of its observable
        where that exceeds 1).
    block : int
        Trajectories that are computed together.
    """

    trajectories: int | None
    target_stderr: float | None
    block: int

    @property
    def most(self) -> int:
        """Trajectories at most."""
        if self.trajectories is not None:
            return self.trajectories
        return DEFAULT_TRAJECTORIES if self.target_stderr is None else MOST_TRAJECTORIES

    @property
    def least(self) -> int:
        """Trajectories before anything is judged."""
        return self.most if self.target_stderr is None else min(self.most, _FIRST_ROUND)


def check_extent(
    trajectories: object, target_stderr: object, block: object
) -> tuple[int | None, float | None, int | None]:
    """The three settings that stochastic methods share, checked."""
    if trajectories is not None:
        trajectories = integer("trajectories", trajectories, least=1)
        if trajectories > _NUMBERED:
            raise InputError("trajectories", f"be at most {_NUMBERED}", f"was {trajectories}")
    if target_stderr is not None:
        target_stderr = real("target_stderr", target_stderr, above=0)
        if trajectories is not None and trajectories < 2:
            raise InputError(
                "trajectories", "be at least 2 with `target_stderr`", f"was {trajectories}"
            )
    if block is not None:
        block = integer("block", block, least=1)
    return trajectories, target_stderr, block


_NUMBERED = 2**32 - 1


class Followed(NamedTuple):
    """Single trajectories of one problem."""

    values: dict[str, Array]
    """By observable, (T, …, n)."""
    last: Any
    """What another run can start from."""
    ending: tuple[Status, str, dict[str, Any]]
    """Status, message and numerics."""
    labels: Mapping[str, tuple[tuple[str, ...], Array]] = {}


class Worst(NamedTuple):
    """Where the standard error is largest, in units of the larger of 1 and the largest value."""

    error: float
    observable: str
    place: tuple[int, ...]
    """Index into the observable's answer, time first."""

    def described(self, times: Array) -> str:
        """In words."""
        where = f", entry {', '.join(map(str, self.place[1:]))}," if len(self.place) > 1 else ""
        return f"`{self.observable}`{where} at time {times[self.place[0]]:g}"


class Gathered(NamedTuple):
    """Statistics of all trajectories made."""

    values: Statistics
    trajectories: int
    worst: Worst
    reached: bool
    """Whether the target was reached; true where there is none."""

    def numerics(self, times: Array) -> dict[str, Any]:
        """How many trajectories, and the largest error."""
        return {
            "trajectories": self.trajectories,
            "largest_stderr": self.worst.error,
            "largest_stderr_of": self.worst.observable,
            "largest_stderr_at": float(times[self.worst.place[0]]),
        }

    def enough(self, extent: Extent) -> bool:
        """Whether no more trajectories are asked."""
        return self.trajectories >= extent.most or (
            extent.target_stderr is not None and self.reached
        )

    def missed(self, times: Array, target: float | None) -> str:
        """What to say of a target that was not reached, or nothing."""
        if self.reached or target is None:
            return ""
        return (
            f"after {self.trajectories} trajectories the standard error is {self.worst.error:.2g} "
            f"for {self.worst.described(times)}, above the target {target:.2g}"
        )


def gather(
    block: Block,
    extent: Extent,
    report: Progress,
    at_once: int | None = None,
    before: Statistics | None = None,
) -> Gathered:
    """Make trajectories until there are enough of them.

    Parameters
    ----------
    block
        Computes one block.
    extent
        How many.
    report
        Progress: the share of the trajectories asked for, or of those that the target is expected
        to need.
    at_once
        Blocks at a time; by default as many as there are workers.
    before : optional
        Statistics of the trajectories that there are already, numbered from 0; later ones are
        merged into them.
    """
    merged, most = before, extent.most
    made = _count(before)
    goal = extent.least
    needed, shown = goal if extent.target_stderr is None else min(most, 4 * goal), 0.0
    while True:
        starts = range(made, goal, extent.block)
        parts = ((first, min(extent.block, goal - first)) for first in starts)
        for statistics in in_order(lambda part: block(*part), parts, at_once):
            merged = statistics if merged is None else merge(merged, statistics)
            made += _count(statistics)
            shown = max(shown, min(1.0, made / needed))
            report(shown, f"{made} trajectories")
        assert merged is not None
        found = judged(merged, extent)
        if found.enough(extent):
            return found
        assert extent.target_stderr is not None
        excess = found.worst.error / extent.target_stderr
        needed = max(needed, min(most, int(made * min(excess, 1e6) ** 2)))
        goal = min(most, _next_goal(made, excess))


def judged(values: Statistics, extent: Extent) -> Gathered:
    """Statistics with their largest standard error beside the target."""
    worst = worst_error(values)
    reached = extent.target_stderr is None or worst.error <= extent.target_stderr
    return Gathered(values, _count(values), worst, reached)


def settled(before: Statistics | None, extent: Extent) -> Gathered | None:
    """What an earlier run gathered, where it is all that is asked."""
    if before is None or _count(before) < extent.least:
        return None
    found = judged(before, extent)
    return found if found.enough(extent) else None


def earlier(
    raw: Raw | None,
    observables: tuple[Observable, ...],
    model: DickeModel | IsingModel,
    times: Array,
) -> Statistics | None:
    """Statistics of the trajectories of an earlier answer, or None where it holds none.

    Raises
    ------
    InputError
        If it answered another question.
    """
    if raw is None or not raw.values:
        return None
    made: dict[str, Statistic] = {}
    for item in observables:
        value = raw.values.get(item.name)
        shape = (len(times), *item.shape(model))
        kind = Moments if item.combine is None else JointMoments
        if not isinstance(value, kind) or value.mean.shape[-len(shape) :] != shape:
            raise InputError(
                "before",
                f"hold the statistics of `{item.name}`, in the shape {shape}",
                "held none" if value is None else f"held a {type(value).__name__} of another shape",
            )
        if isinstance(value, JointMoments) and item.combine is not None:
            value = replace(value, combine=item.combine)
        made[item.name] = value
    counts = {value.count for value in made.values()}
    if len(counts) > 1:
        raise InputError(
            "before", "hold as many trajectories of each observable", f"held {sorted(counts)}"
        )
    return made if counts.pop() else None


def as_it_is(before: Raw, status: Status, message: str) -> Raw:
    """An earlier answer to which nothing is added, judged anew."""
    if (before.status, before.message) == (status, message):
        return before
    return replace(before, status=status, message=message)


def _count(values: Statistics | None) -> int:
    """Trajectories in statistics."""
    return 0 if values is None else next(iter(values.values())).count


def _next_goal(made: int, excess: float) -> int:
    """Trajectories that bring the error, which falls as one over the root, to the target."""
    growth = min(excess**2 * 1.05, _LARGEST_GROWTH) if math.isfinite(excess) else 2.0
    return _ROUNDED * max(made // _ROUNDED + 1, math.ceil(made * growth / _ROUNDED))


def merge(first: Statistics, second: Statistics) -> Statistics:
    """Statistics of both sets of trajectories together."""
    # A pair under one name is of one kind, which mypy cannot know.
    return {name: value.merge(second[name]) for name, value in first.items()}  # type: ignore[arg-type]


def worst_error(values: Statistics) -> Worst:
    """The largest standard error of all observables and times.

    Entries that are no numbers where the value itself is none (a ratio of zeros) do not count.
    """
    worst = Worst(0.0, next(iter(values)), (0,))
    for name, value in values.items():
        error, answer = value.stderr, value.value
        defined = np.isfinite(answer)
        scale = max(1.0, float(np.abs(answer[defined]).max(initial=0.0)))
        relative = np.where(defined, np.nan_to_num(error, nan=np.inf) / scale, 0.0)
        place = np.unravel_index(int(np.argmax(relative)), relative.shape)
        largest = float(relative[place])
        if largest > worst.error:
            worst = Worst(largest, name, tuple(map(int, place)))
    return worst
