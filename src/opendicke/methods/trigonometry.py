"""Cosine and sine of many angles, several times faster than the compiler's own on a CPU."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

# π/2 in three parts; the first has 33 bits, so that its multiples are exact up to 2^20 of them.
_PARTS = (
    float.fromhex("0x1.921fb544p+0"),
    float.fromhex("0x1.0b4611a626331p-34"),
    float.fromhex("0x1.1701b839a2520p-88"),
)
# On |r| ≤ π/4, q = r²: sin r = r + r q S(q) and cos r = 1 − q/2 + q² C(q), with S and C
# interpolated at the Chebyshev nodes of [0, 0.62] in 40 digits. Lowest power first.
_SINE = (
    -0.16666666666666666,
    0.008333333333330887,
    -0.0001984126983666588,
    2.755731605459391e-06,
    -2.5051121875169608e-08,
    1.5917412836707387e-10,
)
_COSINE = (
    0.041666666666666664,
    -0.0013888888888887359,
    2.48015872987077e-05,
    -2.755731724172776e-07,
    2.0876140031390975e-09,
    -1.138218421447753e-11,
)

# The same in single precision: parts of 12 bits, and polynomials of three terms.
_PARTS_SINGLE = tuple(map(float.fromhex, ("0x1.92p+0", "0x1.fb4p-12", "0x1.4442dp-24")))
_SINE_SINGLE = (-0.166666641831398, 0.008332742378115654, -0.00019586605776567012)
_COSINE_SINGLE = (0.0416666641831398, -0.001388829667121172, 2.454665445839055e-05)


def cosine_sine(angle: Any) -> tuple[Any, Any]:
    """Cosine and sine, each within 2e-16 and with cos² + sin² = 1 to round-off.

    The angle is reduced to |r| ≤ π/4 by multiples of π/2 and two polynomials are evaluated, which
    vector units do for several angles at once. Angles above 1e15 are beyond double precision.
    In single precision both are within 2e-7.
    """
    single = angle.dtype == jnp.float32
    parts, sines, cosines = (
        (_PARTS_SINGLE, _SINE_SINGLE, _COSINE_SINGLE) if single else (_PARTS, _SINE, _COSINE)
    )
    turns = jnp.round(angle * (2 / math.pi))
    r = angle
    for part in parts:
        r = r - turns * part
    q = r * r
    sine = r + r * q * _polynomial(sines, q)
    cosine = 1.0 - 0.5 * q + q * q * _polynomial(cosines, q)
    quadrant = turns - 4.0 * jnp.floor(0.25 * turns)
    odd = (quadrant == 1.0) | (quadrant == 3.0)
    first, second = jnp.where(odd, sine, cosine), jnp.where(odd, cosine, sine)
    return (
        jnp.where((quadrant == 1.0) | (quadrant == 2.0), -first, first),
        jnp.where(quadrant >= 2.0, -second, second),
    )


def _polynomial(coefficients: tuple[float, ...], q: Any) -> Any:
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * q + coefficient
    return value


def computed_once(function: Any, angle: Any) -> tuple[Any, Any]:
    """`function(angle)`, a pair like `angle`, kept in memory rather than computed where it is used.

    On a CPU the compiler repeats cheap-looking operations for every element that needs them; a
    loop of one pass, whose length it cannot know, stops it from doing so.
    """

    def kept(argument: Any) -> tuple[Any, Any]:
        # Never 0 and unknown to the compiler: angles that are not numbers count as well.
        once = jnp.where(argument.ravel()[0] > jnp.inf, 0, 1)
        result: tuple[Any, Any] = jax.lax.fori_loop(
            0, once, lambda _, __: function(argument), (argument, argument)
        )
        return result

    result: tuple[Any, Any] = jax.lax.platform_dependent(angle, cpu=kept, default=function)
    return result
