"""Paired timing: two things in turn, several times, and the median of their ratios."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

Task = Callable[[], Any]


class Pair(NamedTuple):
    """Seconds of both tasks (medians) and the ratio first/second (median, least, most)."""

    first: float
    second: float
    ratio: float
    least: float
    most: float

    def row(self, what: str, first: str, second: str) -> str:
        """A line of a Markdown table."""
        return (
            f"| {what} | {first}: {self.first:.3g} s | {second}: {self.second:.3g} s "
            f"| {self.ratio:.3g} ({self.least:.3g}–{self.most:.3g}) |"
        )


def seconds(task: Task) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def paired(first: Task, second: Task, repeats: int = 5) -> Pair:
    """Run both tasks in turn after a warm-up of each."""
    first(), second()
    times = [(seconds(first), seconds(second)) for _ in range(repeats)]
    ratios = [a / b for a, b in times]
    return Pair(
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )


def header() -> str:
    """What the figures were measured with."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "jax"))
    machine = f"{platform.machine()}, Python {platform.python_version()}, {packages}"
    table = "| what | first | second | ratio first/second (least–most) |\n|---|---|---|---|"
    return f"Machine: {machine}\n\n{table}"
