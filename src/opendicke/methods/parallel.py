"""Independent pieces of work, several at a time, their results in order.

`limit_threads` bounds how many threads the library starts; no result depends on it. Threads of the
libraries below are bounded by their own settings, before they load: JAX's by
`XLA_FLAGS=--xla_cpu_multi_thread_eigen=false` or by the processor cores that the process may use
(their number changed no bit where we looked), those of linear algebra by `OMP_NUM_THREADS`,
`OPENBLAS_NUM_THREADS` or `MKL_NUM_THREADS`, which may change results by round-off.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from opendicke.model.checks import integer

T = TypeVar("T")
_limit: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def limit_threads(count: int | None) -> Iterator[None]:
    """Let the library start at most so many threads at a time in this context; None: as outside.

    It holds for this thread and for those that the library starts from it, so that several threads
    of one process, such as those of a Dask worker, have limits of their own. Limits inside others
    are the smaller of both.

    Raises
    ------
    InputError
        If the count is not a positive integer.
    """
    outer = _limit.get()
    if count is not None:
        count = integer("count", count, least=1)
    token = _limit.set(min((each for each in (count, outer) if each is not None), default=None))
    try:
        yield
    finally:
        _limit.reset(token)


def cores() -> int:
    """Pieces at a time that the processor computes: its cores, or fewer by `limit_threads`."""
    present, limit = os.cpu_count() or 1, _limit.get()
    return present if limit is None else min(present, limit)


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
            waiting.append(pool.submit(copy_context().run, task, part))
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
