"""The time step of an ensemble: the same samples at two steps, judged by what ensembles differ.

For a pilot block the same trajectories, noise included, are followed at steps τ and τ/r. The
difference of an observable's mean estimates the error of the longer step, and its scatter says how
well. If the error at τ is C τ^p, that of the shorter step is 1/(r^p − 1) of the difference.
Trajectories can be chaotic: then pairs part whatever the step, the scatter stays large and the
means agree within it, which is all that can be known. Each halving of the step then keeps pairs
together for a fixed time more, while regular ones stay together many times as long. So the longest
step is taken that keeps them together for half as long as the shortest one tried.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from opendicke.methods.base import Progress
from opendicke.methods.parallel import in_order
from opendicke.methods.schedule import Steps, longest_step
from opendicke.methods.stepping import coarse_step, fastest_mode
from opendicke.model.checks import Array

_PILOT_BYTES = 5e8
_MOST_PILOTS = 32
_SAFETY = 2.5
_MARGIN = 1.3
"""Of a difference for the error of the longer step, of which it is most."""
_MOST_STEPS = 10**7
_PATIENCE = 3
_STALLS_OF_CHAOS = 2
_COARSEST = 0.02
"""Differences above this say nothing about the law by which they fall."""


class Choice(NamedTuple):
    """Steps to make, and what they cost in accuracy."""

    steps: Steps
    counts: Array
    """Steps into each output time, (T,), as `steps` counts them."""
    error: float
    """Estimated error of ensemble means, NaN if there was no pilot."""
    pilots: int
    """Trajectories compared."""
    reason: str
    """Why the error is not smaller, if it is above the tolerance."""
    certain: bool = True
    """Whether an error above the tolerance is one of the step; else trajectories are chaotic, and
    it is no more than the scatter of means over so many of them."""


class Difference(NamedTuple):
    """How far ensembles at two steps are apart, relative to values above 1."""

    bound: float
    """Largest root mean square difference expected of means over all trajectories of the run."""
    certain: bool
    """Whether somewhere the means differ by more than the tolerance and than the scatter of the
    pairs explains."""
    together: int
    """Output times before the first at which the bound is above the tolerance."""


class _Attempt(NamedTuple):
    """A step that was tried, and how far half of it (or less) is from it."""

    steps: Steps
    counts: Array
    apart: Difference


def choose(trajectories: Any, tolerance: float, most: int, report: Progress) -> Choice:
    """The longest step whose estimated error is within the tolerance.

    Parameters
    ----------
    trajectories : Trajectories
        A block of them serves as pilots.
    tolerance : float
        For ensemble means.
    most : int
        Trajectories of the run; no more serve as pilots.
    """
    elapsed, problem = trajectories.elapsed, trajectories.problem
    span = float(elapsed[-1])
    order = trajectories.numerics.order
    first = coarse_step([problem])
    noisy = bool((problem.loss + problem.gain).any())
    if noisy and problem.field.any() and problem.couplings.any():
        order = 2  # the interplay of noise and field
    if not math.isfinite(first) or span == 0:
        return _chosen(elapsed, Steps(max(span, 1.0)), 0.0, 0)
    count = min(most, trajectories.numerics.block)
    slowest = fastest_mode(problem)
    steps = Steps(max(first, span / _MOST_STEPS))
    counts = steps.counts(elapsed)
    ratio, last, stalls = 2, math.inf, 0
    coarse: Any = None
    attempts: list[_Attempt] = []
    for attempt in range(40):
        report(1 - 0.7 ** (attempt + 1), f"pilot, step {longest_step(elapsed, counts):.3g}")
        # Where a mode turns far in a step, numbers of steps without common factors share no
        # resonance with it; noise on a path of its own needs multiples.
        multiple = noisy or slowest * longest_step(elapsed, counts) <= 1
        shorter = steps.refined(ratio, 0 if multiple else 1)
        finer = shorter.counts(elapsed)
        runs = [(finer, 1)]
        if coarse is None or noisy:
            runs.append((counts, ratio if noisy else 1))
        made = list(in_order(lambda run: trajectories.values(0, count, *run), runs))
        fine, coarse = made[0], made[-1] if len(made) > 1 else coarse
        with np.errstate(all="ignore"):  # what is not finite counts as infinitely far
            apart = _difference(coarse, fine, most, tolerance)
        shortened = float((finer[counts > 0] / counts[counts > 0]).min(initial=math.inf))
        step = longest_step(elapsed, counts)
        lawful = slowest * step <= 2 and apart.bound < _COARSEST and apart.bound <= last
        gain = min(shortened, 1e3) ** order - 1 if lawful else 1.0
        error = _SAFETY * apart.bound / gain if lawful else apart.bound
        coarse_error = _MARGIN * apart.bound * (1 + 1 / (2**order - 1)) if lawful else math.inf
        if coarse_error <= tolerance:
            return Choice(steps, counts, coarse_error, count, "")
        if error <= tolerance * (2**order if lawful and not stalls else 1):
            return _between(elapsed, steps, shorter, error, tolerance, order, lawful, count)
        stalls = stalls + 1 if apart.bound > last / 2 else 0
        attempts.append(_Attempt(steps, counts, apart))
        unrelated = f"trajectories are chaotic, and {count} pairs at two steps cannot tell their "
        unrelated += "means apart"
        if stalls >= _STALLS_OF_CHAOS and (kept := _long_together(attempts, elapsed)):
            return Choice(kept.steps, kept.counts, kept.apart.bound, count, unrelated, False)
        exhausted = shortened * finer.sum() > _MOST_STEPS
        if stalls >= _PATIENCE or exhausted:
            reason = (
                f"the limit of {_MOST_STEPS} steps is reached"
                if exhausted
                else "shorter steps do not help"
            )
            if not apart.certain:
                reason = unrelated
            return Choice(shorter, finer, apart.bound, count, reason, apart.certain)
        last = apart.bound
        coarse, counts, steps = fine, finer, shorter
        ratio = 2
        if lawful:
            wanted = math.ceil((error / tolerance) ** (1 / order))
            ratio = int(np.clip(wanted, 2, 4 if noisy else 8))
    return Choice(shorter, finer, apart.bound, count, "shorter steps do not help")


def _long_together(attempts: list[_Attempt], elapsed: Array) -> _Attempt | None:
    """The longest step that keeps pairs together half as long as the shortest; None if unclear.

    Unclear is what is not chaotic: means that differ by more than their scatter, and pairs that
    stay together much longer with every step.
    """

    def kept(attempt: _Attempt) -> float:
        return float(elapsed[attempt.apart.together - 1]) if attempt.apart.together else 0.0

    *earlier, shortest = attempts
    enough = kept(shortest) / 2
    if shortest.apart.certain or enough == 0:
        return None
    good = (one for one in earlier if not one.apart.certain and kept(one) >= enough)
    return next(good, None)


def _chosen(elapsed: Array, steps: Steps, error: float, pilots: int) -> Choice:
    return Choice(steps, steps.counts(elapsed), error, pilots, "")


def _between(
    elapsed: Array,
    steps: Steps,
    shorter: Steps,
    error: float,
    tolerance: float,
    order: int,
    lawful: bool,
    pilots: int,
) -> Choice:
    """The longest step that the order promises to be good enough, up to the longer of two.

    Where it is shorter than both, the promise is not tried: the law is used as it is for the error.
    """
    if not lawful or error == 0:
        return _chosen(elapsed, shorter, error, pilots)
    stretch = (0.9 * tolerance / error) ** (1 / order)
    short = longest_step(elapsed, shorter.counts(elapsed))
    long = longest_step(elapsed, steps.counts(elapsed))
    step = min(short * stretch, long)
    return _chosen(elapsed, Steps(step), error * (step / short) ** order, pilots)


def pilots(trajectories: Any, most: int) -> int:
    """Trajectories that are compared: few where answers are large, never more than `most`."""
    problem = trajectories.problem
    model = problem.model
    numbers = sum(
        math.prod(item.shape(model)) * len(item.parts(model)) for item in trajectories.observables
    )
    each = 16 * numbers * len(trajectories.elapsed) + 150 * (len(problem.weights) + model.modes)
    return max(1, min(most, _MOST_PILOTS, max(2, int(_PILOT_BYTES / each))))


def _difference(
    first: dict[str, Array], second: dict[str, Array], most: int, tolerance: float
) -> Difference:
    """Between means over `most` trajectories, estimated from some of them (T, p, …, P).

    The mean difference of the pilots scatters about the true one by s/√P, that of the run by s/√n:
    their squares are added, none is taken off.
    """
    bound, certain = 0.0, False
    together = math.inf
    for name, after in second.items():
        pairs = after - first[name]
        count = pairs.shape[-1]
        shift = np.abs(pairs.mean(axis=-1))
        scatter = pairs.std(axis=-1) / math.sqrt(max(count - 1, 1))
        expected = np.sqrt(shift**2 + scatter**2 * min(1.0, count / most))
        mean = np.abs(after.mean(axis=-1))
        axes = (0, *range(2, mean.ndim))
        scale = np.maximum(1.0, mean.max(axis=axes, keepdims=True))
        relative = np.nan_to_num(expected / scale, nan=math.inf)
        bound = max(bound, float(relative.max()))
        late = (relative > tolerance).reshape(len(relative), -1).any(axis=1)
        together = min(together, int(late.argmax()) if late.any() else len(late))
        large = (shift > 5 * scatter) & (shift > tolerance * scale)
        certain = certain or bool(large.any())
    return Difference(bound, certain, int(together))
