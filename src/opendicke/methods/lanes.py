"""Sums over neighbours within a block, eight configurations at a time.

Compilers do not see that configurations which differ in a low bit are a shuffle of a register
apart. Here the shuffle is written down, in the intermediate language that Numba itself speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

from opendicke.model.checks import Array

WIDTH = 8


def _shuffled(order: list[int]) -> Callable[..., Any]:
    """into[k + j] += w[k + j] · p[source + order[j]] for the eight j."""

    @intrinsic  # type: ignore[misc, unused-ignore]
    def add(typing: Any, w: Any, p: Any, into: Any, k: Any, source: Any) -> Any:
        arrays = (w, p, into)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(ir.DoubleType(), WIDTH)

            def place(number: int, offset: Any) -> Any:
                proxy = cgutils.create_struct_proxy(arrays[number])  # type: ignore[no-untyped-call]
                data = proxy(context, builder, value=arguments[number]).data
                return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())

            here, there = arguments[3], arguments[4]
            rates = builder.load(place(0, here), align=8)
            given = builder.load(place(1, there), align=8)
            if order != list(range(WIDTH)):
                mask = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), order)
                given = builder.shuffle_vector(given, given, mask)
            target = place(2, here)
            total = builder.fadd(builder.load(target, align=8), builder.fmul(rates, given))
            builder.store(total, target, align=8)
            return context.get_dummy_value()

        return types.void(w, p, into, types.intp, types.intp), generate

    return add  # type: ignore[no-any-return, unused-ignore]


_straight = _shuffled(list(range(WIDTH)))
_by_one = _shuffled([j ^ 1 for j in range(WIDTH)])
_by_two = _shuffled([j ^ 2 for j in range(WIDTH)])
_by_four = _shuffled([j ^ 4 for j in range(WIDTH)])
_backwards = _shuffled(list(range(WIDTH))[::-1])


@njit(cache=True, nogil=True)
def add_neighbours(w: Array, p: Array, into: Array, bit: int) -> None:
    """into[k] += w[k] p[k ^ bit], all of one length, a power of 2 (contiguous double precision)."""
    size = len(into)
    if size < WIDTH:
        for k in range(size):
            into[k] += w[k] * p[k ^ bit]
    elif bit == 1:
        for k in range(0, size, WIDTH):
            _by_one(w, p, into, k, k)
    elif bit == 2:
        for k in range(0, size, WIDTH):
            _by_two(w, p, into, k, k)
    elif bit == 4:
        for k in range(0, size, WIDTH):
            _by_four(w, p, into, k, k)
    else:
        for k in range(0, size, WIDTH):
            _straight(w, p, into, k, k ^ bit)


@njit(cache=True, nogil=True)
def add_mirrored(w: Array, p: Array, into: Array) -> None:
    """into[k] += w[k] p[n − 1 − k], as `add_neighbours`."""
    size = len(into)
    if size < WIDTH:
        for k in range(size):
            into[k] += w[k] * p[size - 1 - k]
    else:
        for k in range(0, size, WIDTH):
            _backwards(w, p, into, k, size - WIDTH - k)
