"""Independent pieces of work, several at a time, their results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def cores() -> int:
    """Processor cores: pieces at a time that the processor computes."""
    return os.cpu_count() or 1


def workers() -> int:
    """Pieces at a time of programs that may run on an accelerator: one there, else the cores."""
    from opendicke.methods.runtime import device_kind

    return cores() if device_kind() == "cpu" else 1


def in_order(
    task: Callable[[Any], T], parts: Iterable[Any], count: int | None = None
) -> Iterator[T]:
    """Results of a task for all parts, in order, each as soon as it and those before are there.

    No more than a few are under way or waiting at any time; `count` at a time, by default as many
    as there are `workers`.
    """
    count = workers() if count is None else count
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
    task: Callable[[Any], T],
    parts: Sequence[Any],
    done: Callable[[float], None],
    count: int | None = None,
) -> list[T]:
    """Results of a task for all parts, `count` at a time (by default, `workers`)."""
    results: list[T] = []
    for result in in_order(task, parts, count):
        results.append(result)
        done(len(results) / len(parts))
    return results
