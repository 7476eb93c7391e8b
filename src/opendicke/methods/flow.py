r"""The classical spin-boson flow by exact splitting, shared by mean field and truncated Wigner.

.. math::
    \dot a_\lambda = -(i\omega_\lambda + \Gamma_\lambda/2) a_\lambda - i\sum_k w_k g_{k\lambda} z_k,
    \qquad \dot s_k = 2 B_k \times s_k,
    \qquad B_k = (h_k, 0, 2\textstyle\sum_\lambda g_{k\lambda} \mathrm{Re}\,a_\lambda)

(carollo2021 Eqs. (6)–(8) in our scaling, kelly2021 Eq. (2)). The flow is composed of two parts
with closed forms:

- *Coupling.* Bosons and coupling conserve every z. A mode is then a damped oscillator under a
  constant force, and a spin turns about Z by :math:`4\sum_\lambda g_{k\lambda}\int
  \mathrm{Re}\,a_\lambda\,dt`.
- *Field.* A spin turns about X by :math:`2 h_k t`.

Both turn spins rigidly, so that at any step the lengths of all spins are kept to the round-off of
a rotation (about 1e-17 a step). Damping is
exact. The functions describe one trajectory of one problem; batches are made by `vmap`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.methods.splitting import Scheme
from opendicke.model.reduce import Problem


class Parameters(NamedTuple):
    """What stays constant along a trajectory (K groups, V vectors, L modes)."""

    couplings: Any
    """(K, L)"""
    drive: Any
    """Weight times mean: the bosons are driven by sum over v of drive × z, (V, K)."""
    field: Any
    """(K,)"""
    rate: Any
    """Γ/2 + iω, (L,)."""


class State(NamedTuple):
    """One trajectory at one time."""

    amplitude: Any
    """(L,), complex."""
    x: Any
    """Components of the carried vectors, each (V, K)."""
    y: Any
    z: Any


def initial(problem: Problem) -> tuple[Parameters, State]:
    """Parameters and initial state of a problem's mean trajectory, as NumPy arrays."""
    vectors = np.ascontiguousarray(problem.vectors.transpose(2, 1, 0))
    parameters = Parameters(
        couplings=problem.couplings,
        drive=(problem.mean * problem.weights[:, None]).T.copy(),
        field=problem.field,
        rate=(problem.loss - problem.gain) / 2 + 1j * problem.frequencies,
    )
    return parameters, State(np.asarray(problem.displacement, complex), *vectors)


class Stage(NamedTuple):
    """Closed-form coefficients of the coupling flow over one stage, each (L,) complex."""

    decay: Any
    """e^{−rτ}: amplitude to amplitude."""
    response: Any
    """(1 − e^{−rτ})/r: force to amplitude, and amplitude to its integral."""
    integral: Any
    """(τ − (1 − e^{−rτ})/r)/r: force to the integral of the amplitude."""


def coupling_stage(rate: Any, tau: Any) -> Stage:
    """Coefficients of the coupling flow over time τ, accurate for small rτ as well."""
    u = rate * tau
    small = jnp.abs(u) < 0.5
    safe = jnp.where(small, 1.0, u)
    decay = jnp.exp(-u)
    # Taylor series of (1 − e^{−u})/u and of (1 − (1 − e^{−u})/u)/u; 14 terms reach round-off.
    series2 = jnp.zeros_like(u)
    for n in range(14, 0, -1):
        series2 = (1.0 - series2 * u) / (n + 1.0)
    # series2 = 1/2 − u/6 + u²/24 − …, and (1 − e^{−u})/u = 1 − u·series2.
    phi2 = jnp.where(small, series2, (1.0 - (1.0 - decay) / safe) / safe)
    return Stage(decay, tau * (1.0 - u * phi2), tau * tau * phi2)


def turn(cosine: Any, sine: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Rotate the plane (first, second) counterclockwise."""
    return cosine * first - sine * second, sine * first + cosine * second


def apply_field(angle: tuple[Any, Any], state: State) -> State:
    """Turn all vectors about X; `angle` holds cosine and sine, (K,)."""
    y, z = turn(*angle, state.y, state.z)
    return State(state.amplitude, state.x, y, z)


def apply_coupling(parameters: Parameters, stage: Stage, state: State) -> State:
    """The exact flow of bosons and coupling over one stage."""
    force = (parameters.drive * state.z).sum(axis=0) @ parameters.couplings
    a = state.amplitude
    integral = (stage.response * a - 1j * stage.integral * force).real
    a = stage.decay * a - 1j * stage.response * force
    angle = 4.0 * (parameters.couplings @ integral)
    x, y = turn(jnp.cos(angle), jnp.sin(angle), state.x, state.y)
    return State(a, x, y, state.z)


def advance(parameters: Parameters, state: State, step: Any, count: Any, scheme: Scheme) -> State:
    """`count` steps of length `step`; both may be traced, and no step returns the state as is."""

    def field_angle(share: float) -> tuple[Any, Any]:
        angle = 2.0 * share * step * parameters.field
        return jnp.cos(angle), jnp.sin(angle)

    stages = [coupling_stage(parameters.rate, share * step) for share in scheme.coupling]
    shares = (*scheme.field[1:-1], scheme.field[-1] + scheme.field[0])
    angles = [field_angle(share) for share in shares]
    opening = field_angle(scheme.field[0])

    def one_step(_: Any, inner: State) -> State:
        for stage, angle in zip(stages, angles, strict=True):
            inner = apply_field(angle, apply_coupling(parameters, stage, inner))
        return inner

    def run(start: State) -> State:
        # Neighbouring half turns of the field are merged: open with one, undo it at the end.
        opened = jax.lax.fori_loop(0, count, one_step, apply_field(opening, start))
        return apply_field((opening[0], -opening[1]), opened)

    result: State = jax.lax.cond(count > 0, run, lambda start: start, state)
    return result
