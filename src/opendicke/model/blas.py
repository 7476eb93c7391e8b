"""Linear algebra of small matrices on one thread: others would spin long after it is done."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

_LARGE = 3e9
"""Multiplications that are worth several threads."""


def threads_for(rows: int, columns: int) -> AbstractContextManager[Any]:
    """In this context NumPy decomposes (rows, columns) on as many threads as it is worth."""
    if float(rows) * columns * min(rows, columns) > _LARGE:
        return nullcontext()
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
