"""Checks that turn what a user wrote into clean arrays, or into one clear sentence."""

from __future__ import annotations

import math
import os
from numbers import Integral, Real
from typing import Any

import numpy as np

from opendicke.errors import InputError, nearest, shown

Array = np.ndarray[Any, np.dtype[Any]]


def numeric_array(name: str, value: object, *, kind: type = float) -> Array:
    """`value` as a finite array of numbers (a copy), or an `InputError` about `name`."""
    if np.ma.is_masked(value):
        raise InputError(name, "have a value at every place", "was masked at some")
    try:
        array = np.asarray(value)
        if array.dtype.kind not in ("iufc" if kind is complex else "iuf"):
            raise TypeError
        array = np.array(array, dtype=kind)
    except (TypeError, ValueError, OverflowError):
        what = "complex numbers" if kind is complex else "real numbers"
        raise InputError(
            name, f"be made of {what} in a regular shape", f"was {shown(value)}"
        ) from None
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        where = f"entry {place} was" if place else "was"
        raise InputError(name, "be finite", f"{where} {array[place]}")
    return array


def vector(
    name: str,
    value: object,
    length: int,
    what: str,
    *,
    kind: type = float,
    across: int | None = None,
) -> Array:
    """A scalar or an array of `length` entries, broadcast to `(length,)` and read-only."""
    array = sized(name, value, length, what, kind=kind, across=across)
    return frozen(np.array(np.broadcast_to(array, (length,))))


def sized(
    name: str,
    value: object,
    length: int,
    what: str,
    *,
    kind: type = float,
    across: int | None = None,
) -> Array:
    """A scalar or an array of `length` entries, as it was given.

    An array as long as `across`, the other side of the couplings, suggests that these are
    transposed.
    """
    array = numeric_array(name, value, kind=kind)
    if array.shape not in ((), (length,)):
        suspicion = f"; {TRANSPOSED}" if array.shape == (across,) else ""
        raise InputError(
            name,
            f"be a number or have one entry per {what} ({length})",
            f"had shape {array.shape}{suspicion}",
        )
    return array


TRANSPOSED = "a table of couplings has a row per spin and a column per mode: is it transposed?"


def frozen(array: Array) -> Array:
    """The array, made read-only."""
    array.flags.writeable = False
    return array


def non_negative(name: str, array: Array, what: str) -> Array:
    """The array unchanged if no entry is negative."""
    if (array < 0).any():
        place = int(np.argmax(array < 0))
        raise InputError(name, "not be negative", f"{what} {place} has {array.flat[place]:g}")
    return array


def integer(name: str, value: object, *, least: int = 0) -> int:
    """An integer not below `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(name, "be an integer", f"was {shown(value)}")
    number = int(value)
    if number < least:
        raise InputError(name, f"be at least {least}", f"was {number}")
    return number


def seed_of(value: object) -> int:
    """A seed: an integer from 0 that every kind of store can hold."""
    seed = integer("seed", value)
    if seed >= 2**63:
        raise InputError("seed", "be below 2^63, as stores hold it", f"was {shown(value)}")
    return seed


def real(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> float:
    """A finite real number within the stated bounds."""
    scalar = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
    if isinstance(scalar, bool) or not isinstance(scalar, Real):
        raise InputError(name, "be a real number", f"was {shown(value)}")
    try:
        number = float(scalar)
    except OverflowError:
        raise InputError(name, "be finite", f"was {shown(value)}") from None
    if not math.isfinite(number):
        raise InputError(name, "be finite", f"was {number}")
    if above is not None and number <= above:
        raise InputError(name, f"be larger than {above:g}", f"was {number:g}")
    if least is not None and number < least:
        raise InputError(name, f"be at least {least:g}", f"was {number:g}")
    if most is not None and number > most:
        raise InputError(name, f"be at most {most:g}", f"was {number:g}")
    return number


def choice(name: str, value: object, known: tuple[str, ...]) -> str:
    """One of the known words."""
    if not isinstance(value, str):
        options = ", ".join(f"`{word}`" for word in known)
        raise InputError(name, f"be one of {options}", f"was {shown(value)}")
    if value not in known:
        raise InputError(name, "be a known word", nearest(value, known))
    return value


OF_MACHINE = "the memory of this machine"
"""Words of what is refused for want of it."""


def affordable(argument: str, what: str, size: int) -> None:
    """Refuse, before anything is allocated, `what` if its `size` in bytes exceeds the memory."""
    most = machine_memory()
    if size > most:
        raise InputError(
            argument,
            f"ask for no more than {OF_MACHINE} ({most / 1e9:.3g} GB)",
            f"{what} would need {min(size, 10**300) / 1e9:.3g} GB",
        )


def machine_memory() -> int:
    """Bytes of memory of this machine; 64 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**36
