r"""Quantum noise of loss and gain: exact Ornstein–Uhlenbeck steps of the modes.

.. math::
    da = -r a\,dt + d\xi, \qquad r = \Gamma/2 + i\omega, \qquad
    \langle |d\xi|^2\rangle = \tfrac12(\mathrm{loss} + \mathrm{gain})\,dt

Over a time τ noise adds ν to the amplitude and I to its integral, jointly Gaussian and circular:

.. math::
    \nu = \int_0^\tau e^{-r(\tau-s)}d\xi_s, \qquad I = \int_0^\tau \frac{1-e^{-r(\tau-s)}}{r}d\xi_s

so that :math:`I = \kappa\nu + \rho` with ρ independent of ν. Steps compose: the noise of a long
step can be built from that of the short steps it is made of, whose path it then follows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.methods.flow import Parts

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


class Step(NamedTuple):
    """Coefficients of one step, each (L, 1)."""

    decay: Any
    """e^{−rτ}"""
    response: Any
    """(1 − e^{−rτ})/r"""
    size: Any
    """Standard deviation of Re ν and of Im ν."""
    lean: Any
    """κ = ⟨I ν*⟩/⟨|ν|²⟩"""
    rest: Any
    """Standard deviation of Re ρ."""


def noise_step(rate: Any, strength: Any, tau: Any) -> Step:
    """Coefficients for a step τ; `strength` (L, 1) is (loss + gain)/2."""
    u = rate * tau
    damping = 2.0 * rate.real
    variance = strength * _over(damping, tau)  # ⟨|ν|²⟩
    response = _over(rate, tau)
    # ⟨I ν*⟩ and ⟨|I|²⟩ by closed forms where these do not cancel, else by quadrature.
    large = jnp.abs(u) > 2.0
    safe = jnp.where(large, rate, 1.0)
    decay_total = _over(damping, tau)
    cross = (_over(jnp.conj(rate), tau) - decay_total) / safe
    square = (tau - 2.0 * response.real + decay_total) / jnp.abs(safe) ** 2
    nodes = jnp.asarray((_NODES + 1) / 2)[:, None, None] * tau
    weights = jnp.asarray(_WEIGHTS / 2)[:, None, None] * tau
    at = _over(rate, nodes)
    cross_small = (weights * at * jnp.exp(-jnp.conj(rate) * nodes)).sum(axis=0)
    cross = strength * jnp.where(large, cross, cross_small)
    noisy = variance > 0
    lean = jnp.where(noisy, cross / jnp.where(noisy, variance, 1.0), 0.0)
    rest_large = strength * square - jnp.abs(cross) ** 2 / jnp.where(noisy, variance, 1.0)
    apart = jnp.abs(at - lean * jnp.exp(-rate * nodes)) ** 2
    rest_small = strength * (weights * apart).sum(axis=0)
    rest = jnp.maximum(jnp.where(large, rest_large, rest_small), 0.0)
    return Step(jnp.exp(-u), response, jnp.sqrt(variance / 2), lean, jnp.sqrt(rest / 2))


def _over(rate: Any, tau: Any) -> Any:
    """(1 − e^{−rτ})/r, τ where r = 0."""
    zero = rate == 0
    return jnp.where(zero, tau, -jnp.expm1(-rate * tau) / jnp.where(zero, 1.0, rate))


def draw(keys: Any, number: Any, step: Step, fold: Any, dtype: Any) -> tuple[Parts, Any]:
    """Noise of step `number` of every trajectory, made of `fold` shorter ones of equal length.

    Parameters
    ----------
    keys : array (B,) of keys
        One for each trajectory.
    number, fold : integers
        May be traced.
    step : Step
        Coefficients of one of the shorter steps.

    Returns
    -------
    Parts of (L, B), array (L, B)
        What is added to the amplitude, and to the integral of its real part.
    """
    modes = step.size.shape[0]
    size, rest = step.size.astype(dtype), step.rest.astype(dtype)
    lean, response, decay = (
        (each.real.astype(dtype), each.imag.astype(dtype))
        for each in (step.lean, step.response, step.decay)
    )

    def one(key: Any, index: Any) -> Any:
        return jax.random.normal(jax.random.fold_in(key, index), (3, modes), dtype)

    def add(part: Any, sums: Any) -> Any:
        re, im, integral = sums
        index = (number * fold + part).astype(jnp.uint32)
        normal = jax.vmap(one, in_axes=(0, None), out_axes=-1)(keys, index)
        more_re, more_im = size * normal[0], size * normal[1]
        more = lean[0] * more_re - lean[1] * more_im + rest * normal[2]
        return (
            decay[0] * re - decay[1] * im + more_re,
            decay[0] * im + decay[1] * re + more_im,
            integral + response[0] * re - response[1] * im + more,
        )

    nothing = jnp.zeros((modes, len(keys)), dtype)
    re, im, integral = jax.lax.fori_loop(0, fold, add, (nothing, nothing, nothing))
    return Parts(re, im), integral
