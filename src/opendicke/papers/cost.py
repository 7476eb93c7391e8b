"""What a paper costs before it is made: measured seconds, scaled to this machine."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Mapping, Sequence

import numpy as np

_REFERENCE = 0.06
"""Seconds of `_loop` on the machine where figures were measured; it has two cores."""


def _loop() -> float:
    """Fixed work of the kind that figures are made of: products of matrices, and functions."""
    start = clock.perf_counter()
    matrix = np.full((64, 64), 1 / 64)
    values = np.linspace(0.0, 1.0, 40_000)
    for _ in range(100):
        for _ in range(4):
            matrix = matrix @ matrix
        values = np.cos(values) * np.exp(-values)
    assert np.isfinite(values).all()
    assert np.isfinite(matrix).all()
    return clock.perf_counter() - start


def slowness() -> float:
    """How much longer this machine takes than the one on which figures were measured."""
    return min(_loop(), _loop()) / _REFERENCE


def cost_lines(names: Sequence[str], seconds: Mapping[str, float | None]) -> list[str]:
    """What is to be made and how long it takes, one line each, and the sum.

    Parameters
    ----------
    names : sequence of str
        What is to be made.
    seconds : mapping
        Seconds on this machine by name; None where nobody measured.
    """
    width = max(map(len, names))
    times = [seconds[name] for name in names]
    known = [time for time in times if time is not None]
    lines = [
        f"  {name:<{width}}  {_UNKNOWN if time is None else f'about {about(time)}'}"
        for name, time in zip(names, times, strict=True)
    ]
    if len(names) > 1 and known:
        more = "" if len(known) == len(names) else f", and those of which the {_UNKNOWN}"
        lines.append(f"  {'in all':<{width}}  about {about(sum(known))}{more}")
    return lines


_UNKNOWN = "time is unknown"


def about(seconds: float) -> str:
    """A span of time in one unit, to two digits at most."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{_two(seconds / size)} {unit}"
    return f"{_two(max(seconds, 1.0))} s"


def _two(number: float) -> str:
    digits = max(0, 1 - math.floor(math.log10(number)))
    rounded = round(number, 1 - math.floor(math.log10(number)))
    return f"{rounded:.{digits}f}".removesuffix(".0")
