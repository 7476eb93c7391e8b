"""Independent pieces of work, several at a time, their results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from opendicke.methods.runtime import device_kind

T = TypeVar("T")


def workers() -> int:
    """Pieces at a time: as many as cores, where the processor computes them."""
    return (os.cpu_count() or 1) if device_kind() == "cpu" else 1


def in_order(task: Callable[[Any], T], parts: Iterable[Any]) -> Iterator[T]:
    """Results of a task for all parts, in order, each as soon as it and those before are there.

    No more than a few are under way or waiting at any time.
    """
    count = workers()
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(count)
    try:
        for part in parts:
            waiting.append(pool.submit(task, part))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def side_by_side(
    task: Callable[[Any], T], parts: Sequence[Any], done: Callable[[float], None]
) -> list[T]:
    """Results of a task for all parts, as many at a time as there are workers."""
    results: list[T] = []
    for result in in_order(task, parts):
        results.append(result)
        done(len(results) / len(parts))
    return results
