"""Arguments of closed forms: arrays in their range, brought to one shape; and monotonic roots."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array


def positive_arrays(either_sign: Collection[str] = (), /, **values: object) -> tuple[Array, ...]:
    """The arguments in their order, as positive arrays that are broadcast to one shape.

    Those named in `either_sign` may also be negative, but not zero.

    Raises
    ------
    InputError
        If an entry is out of range or not finite, or shapes do not fit.
    """
    arrays: list[Array] = []
    shape: tuple[int, ...] = ()
    for name, value in values.items():
        array = numeric_array(name, value)
        signed = name in either_sign
        wrong = array == 0 if signed else array <= 0
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            where = f"entry {place} was" if place else "was"
            rule = "not be zero" if signed else "be positive"
            raise InputError(name, rule, f"{where} {array[place]:g}")
        try:
            shape = np.broadcast_shapes(shape, array.shape)
        except ValueError:
            raise InputError(
                name, f"fit the shape {shape} of the others", f"had shape {array.shape}"
            ) from None
        arrays.append(array)
    return tuple(np.broadcast_to(array, shape) for array in arrays)


def rising_root(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Where a function that rises from `low` to `high` passes 0, entry by entry, to round-off.

    Bisection: where the sign is the same at both ends, the end nearer to 0 comes out.
    """
    low, high = np.broadcast_arrays(low, high)
    while True:
        middle = low + (high - low) / 2
        if ((middle <= low) | (middle >= high)).all():
            return np.asarray(middle)
        above = function(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
