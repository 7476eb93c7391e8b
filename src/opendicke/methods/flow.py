r"""The classical spin-boson flow by exact splitting, shared by mean field and truncated Wigner.

.. math::
    \dot a_\lambda = -(i\omega_\lambda + \Gamma_\lambda/2) a_\lambda - i\sum_k w_k g_{k\lambda} z_k,
    \qquad \dot s_k = 2 B_k \times s_k,
    \qquad B_k = (h_k, 0, 2\textstyle\sum_\lambda g_{k\lambda} \mathrm{Re}\,a_\lambda)

(carollo2021 Eqs. (6)–(8) in our scaling; kelly2021's follow from its Eq. (1)). The flow is composed
of two parts with closed forms:

- *Coupling.* Bosons and coupling conserve every z. A mode is then a damped oscillator under a
  constant force, and a spin turns about Z by :math:`4\sum_\lambda g_{k\lambda}\int
  \mathrm{Re}\,a_\lambda\,dt`.
- *Field.* A spin turns about X by :math:`2 h_k t`.

Both turn spins rigidly, so that at any step the lengths of all spins are kept to the round-off of
a rotation (about 1e-16 a stage). Damping is exact.

Arrays of groups have the shape ``(*groups, *batch)``: `groups` is (K,), or (K1, K2) where the
couplings are a grid; `batch` is () for one trajectory or (B,) for several, whose parameters may
have the size 1 where they agree. The trajectories of a batch stand innermost, where vector units
reach them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.methods.splitting import Scheme
from opendicke.methods.trigonometry import computed_once, cosine_sine
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem


class Rows(NamedTuple):
    """Couplings of any kind, shared by all trajectories of a batch."""

    couplings: Any
    """(K, L)"""
    transposed: Any = None
    """(L, K), if the sums over groups are worth a copy in their own order."""

    @property
    def axes(self) -> int:
        """Axes of the groups."""
        return 1

    def force(self, pull: Any) -> Any:
        """Sum over groups of coupling × pull: (K, …) to (L, …)."""
        if self.transposed is None:
            return jnp.tensordot(self.couplings, pull, ((0,), (0,)))
        return jnp.tensordot(self.transposed, pull, 1)

    def cosine_sine(self, angle: Any) -> tuple[Any, Any]:
        """Of the angle of every group, the sum over modes of coupling × angle: (L, …) to (K, …)."""
        return computed_once(cosine_sine, jnp.tensordot(self.couplings, angle, 1))


class Grid(NamedTuple):
    """Couplings ``(first[k1], second[k2])`` of the group (k1, k2).

    Sums are taken in pairs, so that equal terms of opposite sign cancel exactly: a pattern feels
    nothing of the others, not even round-off.
    """

    first: Any
    """(K1, L1, …)"""
    second: Any
    """(K2, L2, …)"""

    @property
    def axes(self) -> int:
        """Axes of the groups."""
        return 2

    def force(self, pull: Any) -> Any:
        """Sum over groups of coupling × pull: (K1, K2, …) to (L, …)."""
        first = pairwise_sum(self.first * pairwise_sum(pull, 1)[:, None], 0)
        second = pairwise_sum(self.second * pairwise_sum(pull, 0)[:, None], 0)
        return jnp.concatenate([first, second])

    def cosine_sine(self, angle: Any) -> tuple[Any, Any]:
        """Of the sum of both factors' angles: (L, …) to (K1, K2, …)."""
        modes, rows = self.first.shape[1], self.first.shape[0]
        first = pairwise_sum(self.first * angle[:modes], 1)
        second = pairwise_sum(self.second * angle[modes:], 1)
        c, s = computed_once(cosine_sine, jnp.concatenate([first, second]))
        c1, s1, c2, s2 = c[:rows, None], s[:rows, None], c[rows:], s[rows:]
        return c1 * c2 - s1 * s2, s1 * c2 + c1 * s2


def pairwise_sum(array: Any, axis: int) -> Any:
    """Sum over an axis, its halves first: adding k and −k anywhere gives exactly 0."""
    while (size := array.shape[axis]) > 1:
        half = size // 2
        low = jax.lax.slice_in_dim(array, 0, half, axis=axis)
        high = jax.lax.slice_in_dim(array, half, 2 * half, axis=axis)
        rest = jax.lax.slice_in_dim(array, 2 * half, size, axis=axis)
        array = low + high
        if size % 2:
            array = jnp.concatenate([array, rest], axis=axis)
    return array.sum(axis) if not array.shape[axis] else jnp.squeeze(array, axis)


class Gram(NamedTuple):
    r"""Undamped degenerate modes, seen from the spins; or an Ising model.

    All modes of one frequency reach a spin k only through
    :math:`A_k = \sum_\lambda g_{k\lambda} a_\lambda`, which obeys
    :math:`\dot A = -i\omega A - i\,gg^T z`: one product of a K × K matrix instead of two with
    the couplings. Amplitudes of a state are then the A of every spin, for each frequency in turn.
    """

    matrix: Any
    """g gᵀ for each of n frequencies, below each other, (n K, K)."""

    @property
    def axes(self) -> int:
        """Axes of the groups."""
        return 1

    def force(self, pull: Any) -> Any:
        """Sum over groups of matrix × pull: (K, …) to (n K, …)."""
        return jnp.tensordot(self.matrix, pull, 1)

    def cosine_sine(self, angle: Any) -> tuple[Any, Any]:
        """Of the angle of every group, the sum over frequencies: (n K, …) to (K, …)."""
        groups = self.matrix.shape[1]
        if len(angle) > groups:
            angle = angle.reshape(-1, groups, *angle.shape[1:]).sum(axis=0)
        return computed_once(cosine_sine, angle)


class LowRank(NamedTuple):
    """An Ising model of few factors: J = factors × strengths × factorsᵀ, less its diagonal."""

    factors: Any
    """(K, L)"""
    strengths: Any
    """(L,)"""
    own: Any
    """What is taken off the diagonal, (K,)."""

    @property
    def axes(self) -> int:
        """Axes of the groups."""
        return 1

    def force(self, pull: Any) -> Any:
        """J × pull: (K, …) to (K, …)."""
        axes = (slice(None), *[None] * (pull.ndim - 1))
        sums = jnp.tensordot(self.factors, pull, ((0,), (0,)))
        return jnp.tensordot(self.factors, self.strengths[axes] * sums, 1) - self.own[axes] * pull

    def cosine_sine(self, angle: Any) -> tuple[Any, Any]:
        """Of the angle of every group, (K, …)."""
        return computed_once(cosine_sine, angle)


class Parameters(NamedTuple):
    """What stays constant along a trajectory (V vectors for each group, L modes)."""

    couplings: Rows | Grid | Gram | LowRank
    scale: Any
    """What the couplings of every mode are multiplied by, (L, …) or of size 1."""
    drive: Any
    """Weight times mean: the bosons are driven by sum over v of drive × z, (V, *groups, …); None
    stands for 1."""
    field: Any
    """(*groups, …), of size 1 where all groups agree."""
    rate: Any
    """Γ/2 + iω, (L, …); None for an Ising model."""

    def pull(self, z: Any) -> Any:
        """Sum over the spins of each group of z, (*groups, …)."""
        return (z if self.drive is None else self.drive * z).sum(axis=0)

    def force(self, z: Any) -> Any:
        """Sum over spins of coupling × z, (L, …)."""
        return self.scale * self.couplings.force(self.pull(z))


class Parts(NamedTuple):
    """Real and imaginary parts of amplitudes in arrays of their own, for vector units."""

    real: Any
    imag: Any


class State(NamedTuple):
    """One trajectory, or a batch of them, at one time."""

    amplitude: Any
    """(L, …), complex or `Parts`; None for an Ising model."""
    x: Any
    """Components of the carried vectors, each (V, *groups, …)."""
    y: Any
    z: Any


def initial(problem: Problem) -> tuple[Parameters, State]:
    """Parameters and initial state of a problem's mean trajectory, as NumPy arrays."""
    grid = problem.factors
    groups = (len(problem.weights),) if grid is None else tuple(map(len, grid))

    def over_groups(array: Array) -> Array:
        return np.ascontiguousarray(array.T.reshape(*array.shape[:0:-1], *groups))

    couplings: Rows | Grid | Gram | LowRank = Rows(problem.couplings)
    if problem.strengths is not None:
        couplings = _ising(problem)
    scale, field = np.ones(1), problem.field
    if grid is not None:
        # Factors of exactly ±1 for sign patterns, so that their products add up to exactly 0.
        largest = [np.abs(factor).max(axis=0, initial=0.0) for factor in grid]
        units = [np.where(size > 0, size, 1.0) for size in largest]
        couplings = Grid(*(factor / unit for factor, unit in zip(grid, units, strict=True)))
        scale, field = np.concatenate(units), field[:1].reshape([1] * len(groups))
    parameters = Parameters(
        couplings=couplings,
        scale=scale,
        drive=over_groups(problem.mean * problem.weights[:, None]),
        field=field,
        rate=(problem.loss - problem.gain) / 2 + 1j * problem.frequencies,
    )
    amplitude: Any = np.asarray(problem.displacement, complex)
    if problem.strengths is not None:
        parameters, amplitude = parameters._replace(rate=None), None
    return parameters, State(amplitude, *over_groups(problem.vectors))


def _ising(problem: Problem) -> Gram | LowRank:
    """Interactions as a matrix or by their factors, whichever costs less."""
    factors, strengths = problem.couplings, problem.strengths
    assert strengths is not None
    groups, rank = factors.shape
    own = np.zeros(groups) if problem.own is None else problem.own
    if 2 * rank < groups:
        return LowRank(factors, strengths, own)
    return Gram((factors * strengths) @ factors.T - np.diag(own))


def stacked(pairs: list[tuple[Parameters, State]]) -> tuple[Parameters, State]:
    """Several trajectories as one batch; parameters in which all agree have the size 1 there."""

    def join(*leaves: Array) -> Array:
        agree = all(leaf is leaves[0] or np.array_equal(leaf, leaves[0]) for leaf in leaves)
        return leaves[0][..., None] if agree else np.stack(leaves, axis=-1)

    parameters, states = zip(*pairs, strict=True)
    together: Parameters = jax.tree.map(join, *parameters)
    state: State = jax.tree.map(lambda *leaves: np.stack(leaves, axis=-1), *states)
    return together, state


class Stage(NamedTuple):
    """Closed-form coefficients of the coupling flow over one stage, each (L, …) complex."""

    decay: Any
    """e^{−rτ}: amplitude to amplitude."""
    response: Any
    """(1 − e^{−rτ})/r: force to amplitude, and amplitude to its integral."""
    integral: Any
    """(τ − (1 − e^{−rτ})/r)/r: force to the integral of the amplitude; for Ising models −τ."""


def coupling_stage(rate: Any, tau: Any) -> Stage:
    """Coefficients of the coupling flow over time τ, accurate for small rτ as well."""
    if rate is None:
        return Stage(None, None, -tau)
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
    """Turn all vectors about X; `angle` holds cosine and sine, (*groups, …)."""
    y, z = turn(*angle, state.y, state.z)
    return State(state.amplitude, state.x, y, z)


def apply_coupling(parameters: Parameters, stage: Stage, state: State, more: Any = None) -> State:
    """The exact flow of bosons and coupling over one stage.

    `more` (L, …) adds to the integral of Re a: what noise contributes.
    """
    force = parameters.force(state.z)
    a = state.amplitude
    if a is None:
        integral = stage.integral * force
    else:
        decay, response = stage.decay, stage.response
        integral = response.real * a.real - response.imag * a.imag + stage.integral.imag * force
        a = Parts(
            decay.real * a.real - decay.imag * a.imag + response.imag * force,
            decay.real * a.imag + decay.imag * a.real - response.real * force,
        )
    if more is not None:
        integral = integral + more
    angle = 4.0 * parameters.scale * integral
    x, y = turn(*parameters.couplings.cosine_sine(angle), state.x, state.y)
    return State(a, x, y, state.z)


Noise = Callable[[Any], tuple[Parts, Any]]
"""From the number of a step to what noise adds to the amplitudes at its end, in `Parts`, and to the
integral of Re a over it, all (L, …)."""


def advance(
    parameters: Parameters,
    state: State,
    step: Any,
    count: Any,
    scheme: Scheme,
    noise: Noise | None = None,
) -> State:
    """`count` steps of length `step`; both may be traced, and no step returns the state as is.

    The integral that noise adds is shared by the central stages, and the amplitude it adds comes at
    the end of a step: order 2 in the noise, the order of the scheme in all else.
    """

    def field_angle(share: Any) -> tuple[Any, Any]:
        angle = 2.0 * share * step * parameters.field
        return jnp.cos(angle), jnp.sin(angle)

    # Neighbouring parts of the field, the last of one step and the first of the next, are merged.
    dtype = state.z.dtype
    shares = jnp.asarray((*scheme.field[1:-1], scheme.field[-1] + scheme.field[0]), dtype)
    stages = jax.vmap(lambda share: coupling_stage(parameters.rate, share * step))(
        jnp.asarray(scheme.coupling, dtype)
    )
    angles = jax.vmap(field_angle)(shares)
    opening = field_angle(scheme.field[0])

    stages = Stage(*(None if each is None else _parts(each) for each in stages))
    table = (stages, angles)

    def coefficients(number: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[number % len(shares)], table)

    # A loop over stages, not over steps: over a longer body the compiler would repeat each stage
    # in every later one that depends on it. Coefficients come from the stage before, or they would
    # be looked up again for every number that they act on.
    def one_stage(number: Any, carried: Any) -> Any:
        (stage, angle), inner = carried
        return coefficients(number + 1), apply_field(
            angle, apply_coupling(parameters, stage, inner)
        )

    def one_step(number: Any, carried: Any) -> Any:
        assert noise is not None
        amplitude, integral = noise(number)
        parts = jnp.asarray(_central(len(shares)), dtype)

        def noisy_stage(here: Any, carried: Any) -> Any:
            (stage, angle), part, inner = carried
            inner = apply_field(angle, apply_coupling(parameters, stage, inner, part * integral))
            return coefficients(here + 1), parts[(here + 1) % len(shares)], inner

        _, _, inner = jax.lax.fori_loop(
            0, len(shares), noisy_stage, (carried[0], parts[0], carried[1])
        )
        inner = inner._replace(amplitude=Parts(*map(jnp.add, inner.amplitude, amplitude)))
        return carried[0], inner

    def run(start: State) -> State:
        if start.amplitude is not None:
            start = start._replace(amplitude=_parts(start.amplitude))
        # Open with the first part of the field, which the last stage merges with, and undo it.
        opened = (coefficients(0), apply_field(opening, start))
        if noise is None:
            _, opened = jax.lax.fori_loop(0, count * len(shares), one_stage, opened)
        else:
            _, opened = jax.lax.fori_loop(0, count, one_step, opened)
        end = apply_field((opening[0], -opening[1]), opened)
        if end.amplitude is None:
            return end
        return end._replace(amplitude=jax.lax.complex(*end.amplitude))

    # Not a branch, for which other threads would be kept awake.
    result: State = jax.tree.map(lambda new, old: jnp.where(count > 0, new, old), run(state), state)
    return result


def _parts(array: Any) -> Any:
    """Complex arrays by their parts, real ones as they are."""
    return Parts(array.real, array.imag) if jnp.iscomplexobj(array) else array


def _central(stages: int) -> list[float]:
    """Shares of a step's noise for each stage: the middle one, or the two about the middle."""
    middle = {(stages - 1) // 2, stages // 2}
    return [1.0 / len(middle) if stage in middle else 0.0 for stage in range(stages)]
