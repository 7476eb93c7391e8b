"""Paired timing: ours and a peer in turn, several times, and the median of their ratios.

A ratio is always the peer's time over ours: above one we are faster.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

Task = Callable[[], Any]
Clock = Callable[[], float]

QUICK = os.environ.get("OPENDICKE_BENCH_QUICK") == "1"
"""Whether this is only a check that everything works, as small as it can be."""

wall: Clock = time.perf_counter
cpu: Clock = time.process_time
"""Of all threads of this process."""


def size(full: Any, quick: Any) -> Any:
    """A size of a benchmark, and the one that only shows that it works."""
    return quick if QUICK else full


class Pair(NamedTuple):
    """Seconds of both (medians), the ratio peer/ours (median, least, most), and of how many."""

    ours: float
    peer: float
    ratio: float
    least: float
    most: float
    repeats: int


def seconds(task: Task, clock: Clock = wall) -> float:
    """Time of one call."""
    start = clock()
    task()
    return clock() - start


def pair_of(times: list[tuple[float, float]]) -> Pair:
    """From seconds of ours and of the peer, taken in turn."""
    ratios = [peer / ours for ours, peer in times]
    return Pair(
        statistics.median(ours for ours, _ in times),
        statistics.median(peer for _, peer in times),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        len(times),
    )


def paired(
    ours: Task, peer: Task, repeats: int = 5, clock: Clock = wall, warm: bool = True
) -> Pair:
    """Run both tasks in turn, after a warm-up of ours and, unless it is long, of the peer."""
    ours()
    if warm:
        peer()
    count = size(repeats, 1)
    return pair_of([(seconds(ours, clock), seconds(peer, clock)) for _ in range(count)])
