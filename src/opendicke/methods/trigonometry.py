"""Cosine and sine of many angles, several times faster than the compiler's own on a CPU."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

# π in three parts; the first has 33 bits, so that its multiples are exact up to 2^20 of them.
_PARTS = (
    float.fromhex("0x1.921fb544p+1"),
    float.fromhex("0x1.0b4611a626331p-33"),
    float.fromhex("0x1.1701b839a2520p-87"),
)
# On |r| ≤ π/2, q = r²: sin r = r + r q S(q) and cos r = 1 − q/2 + q² C(q), with S and C
# interpolated at the Chebyshev nodes of [0, 2.4675] in 45 digits. Lowest power first.
_SINE = (
    -0.16666666666666666,
    0.008333333333333316,
    -0.00019841269841254971,
    2.7557319219162273e-06,
    -2.5052107616873647e-08,
    1.6058977304519656e-10,
    -7.643970043159376e-13,
    2.731441604451164e-15,
)
_COSINE = (
    0.041666666666666664,
    -0.001388888888888888,
    2.480158730157985e-05,
    -2.755731922156908e-07,
    2.0876756602814044e-09,
    -1.147071226876723e-11,
    4.777877798104801e-14,
    -1.5218622516323635e-16,
)

# The same in single precision: parts of 12 bits, and shorter polynomials.
_PARTS_SINGLE = tuple(map(float.fromhex, ("0x1.92p+1", "0x1.fb4p-11", "0x1.4442dp-23")))
_SINE_SINGLE = (
    -0.1666666567325592,
    0.008333242498338223,
    -0.00019822738249786198,
    2.6347515813540667e-06,
)
_COSINE_SINGLE = (
    0.0416666679084301,
    -0.0013888812391087413,
    2.4786080757621676e-05,
    -2.6546027243057324e-07,
)


def cosine_sine(angle: Any) -> tuple[Any, Any]:
    """Cosine and sine, each within 2e-16 and with cos² + sin² = 1 to round-off.

    The angle is reduced to |r| ≤ π/2 by multiples of π and two polynomials are evaluated, which
    vector units do for several angles at once. Angles above 1e15 are beyond double precision.
    In single precision both are within 2e-7.
    """
    single = angle.dtype == jnp.float32
    parts, sines, cosines = (
        (_PARTS_SINGLE, _SINE_SINGLE, _COSINE_SINGLE) if single else (_PARTS, _SINE, _COSINE)
    )
    turns = jnp.round(angle * (1 / math.pi))
    r = angle
    for part in parts:
        r = r - turns * part
    q = r * r
    sign = 1.0 - 2.0 * (turns - 2.0 * jnp.floor(0.5 * turns))
    sine = sign * (r + r * q * _polynomial(sines, q))
    cosine = sign * (1.0 - 0.5 * q + q * q * _polynomial(cosines, q))
    return cosine, sine


def _polynomial(coefficients: tuple[float, ...], q: Any) -> Any:
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * q + coefficient
    return value


def computed_once(function: Any, angle: Any) -> tuple[Any, Any]:
    """`function(angle)`, a pair like `angle`, kept in memory rather than computed where it is used.

    `function` acts on every element by itself. On a CPU the compiler repeats cheap-looking
    operations for every element that needs them, and splits dear-looking ones over threads, which
    costs more than it gains for small arrays and where threads have work of their own.
    """

    @custom_vmap
    def kept(argument: Any) -> tuple[Any, Any]:
        return _kept(function, argument)

    @kept.def_vmap
    def _(size: int, batched: Any, argument: Any) -> Any:
        return kept(argument), (True, True)

    result: tuple[Any, Any] = jax.lax.platform_dependent(angle, cpu=kept, default=function)
    return result


_SMALL = 2**16
"""Numbers that are not worth splitting over threads."""


def _kept(function: Any, argument: Any) -> tuple[Any, Any]:
    # Never true and unknown to the compiler: angles that are not numbers count as well.
    never = argument.ravel()[0] > jnp.inf
    result: tuple[Any, Any]
    if argument.size > _SMALL:
        # A loop whose length the compiler cannot know is computed before it is used.
        once = jnp.where(never, 0, 1)
        result = jax.lax.fori_loop(0, once, lambda _, __: function(argument), (argument, argument))
        return result
    # So is what is written to a place it cannot know, by one thread besides.
    rows = argument.shape[0]
    place: Any = (jnp.where(never, 1, 0), *[0] * (argument.ndim - 1))
    room = jnp.zeros((rows + 1, *argument.shape[1:]), argument.dtype)
    first, second = (
        jax.lax.dynamic_update_slice(room, each, place)[:rows] for each in function(argument)
    )
    return first, second
