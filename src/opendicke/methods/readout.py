"""Observables of the classical flow: terms contracted with the reduction, then evaluated in JAX.

Contraction happens once per problem, in NumPy; evaluation happens at every saved time, inside the
compiled program, on K groups and L modes only. A term that asks for single spins or modes is lifted
there. Products are read as products of expectation values: mean field's closure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from opendicke.measure.observables import Observable
from opendicke.measure.terms import (
    InteractionTerm,
    IsingTerm,
    PhotonTerm,
    QuadratureTerm,
    SpinTerm,
    Term,
)
from opendicke.methods.flow import Parameters, State
from opendicke.model.checks import Array, frozen
from opendicke.model.dicke import AXES, DickeModel, triad
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem


class Moment(NamedTuple):
    """What terms are evaluated from: one trajectory, or a batch of them, at one time."""

    time: Any
    spins: Any
    """Components X, Y, Z of the carried vectors, (3, V, K, …)."""
    amplitude: Any
    """(L, …), complex."""
    force: Any
    """Sum over spins of coupling × z, (L, …); of an Ising model, of J × z, (K, …)."""
    pull: Any
    """Sum over the spins of each group of z, (K, …)."""


ALONG_BATCH = Moment(None, -1, -1, -1, -1)
"""Where the trajectories of a batch stand in a moment."""


def moment_of(time: Any, parameters: Parameters, state: State) -> Moment:
    """A state with its groups in one row."""
    spins = jnp.stack(state[1:])
    batch = spins.shape[2 + parameters.couplings.axes :]
    flat = spins.reshape(*spins.shape[:2], -1, *batch)
    pull = parameters.pull(state.z).reshape(-1, *batch)
    return Moment(time, flat, state.amplitude, parameters.force(state.z), pull)


class SpinSum(NamedTuple):
    """Weighted sums of one spin component."""

    component: Any
    """Which of X, Y, Z, as weights (3,) that carry the sign of the axis."""
    coefficients: Any
    """(…, V, K)"""

    def __call__(self, moment: Moment) -> Any:
        chosen = jnp.tensordot(self.component, moment.spins, 1)
        return jnp.tensordot(self.coefficients, chosen, 2)


class SpinEach(NamedTuple):
    """One component of every spin."""

    component: Any
    group: Any
    """(N,)"""
    components: Any
    """(V, N), gauge sign included."""

    def __call__(self, moment: Moment) -> Any:
        chosen = jnp.tensordot(self.component, moment.spins, 1)
        return (self.components * chosen[:, self.group]).sum(axis=0)


class Occupation(NamedTuple):
    """Thermal part of the occupation of the original modes: n(t) = settled + start e^{−Γt}."""

    settled: Any
    start: Any
    damping: Any

    def at(self, time: Any) -> Any:
        """(M,)"""
        return self.settled + self.start * jnp.exp(-self.damping * time)


class ModeAmplitudes(NamedTuple):
    """Amplitudes of the original modes from the bright ones."""

    rotation: Any
    """(M, L) or None."""
    dark: Any
    """(M,)"""
    rate: Any
    """(M,)"""

    def at(self, moment: Moment) -> Any:
        """(M,), complex."""
        if self.rotation is None:
            return moment.amplitude[: len(self.dark)]
        return self.rotation @ moment.amplitude + self.dark * jnp.exp(-self.rate * moment.time)


class ModeSum(NamedTuple):
    """Weighted sums over modes of a†a or of a quadrature, or each mode."""

    weights: Any
    """(…, M), or None for each mode."""
    amplitudes: ModeAmplitudes
    thermal: Occupation | None
    """For a†a; None for a quadrature."""
    direction: Any = None
    """Of a quadrature, (2,): (cos θ, sin θ) of a e^{−iθ} + a† e^{iθ}."""

    def __call__(self, moment: Moment) -> Any:
        a = self.amplitudes.at(moment)
        if self.thermal is None:
            value = 2.0 * (self.direction[0] * a.real + self.direction[1] * a.imag)
        else:
            value = a.real**2 + a.imag**2 + self.thermal.at(moment.time)
        return value if self.weights is None else self.weights @ value


class Interaction(NamedTuple):
    """Scale times the coupling energy."""

    scale: Any

    def __call__(self, moment: Moment) -> Any:
        return self.scale * 2.0 * (moment.force @ moment.amplitude.real)


class Ising(NamedTuple):
    """Scale times the Ising energy, without the terms i = j."""

    strength: Any
    """−scale ω/(ω² + Γ²/4), (L,); of an Ising model −scale."""
    own: Any
    """(K, V, V): sum over members of components ⊗ components × own coupling strength."""

    def __call__(self, moment: Moment) -> Any:
        z = moment.spins[2]
        own = jnp.einsum("kvw,vk,wk->", self.own, z, z)
        if not self.strength.ndim:
            return self.strength * (moment.pull @ moment.force) - own
        return self.strength @ moment.force**2 - own


def contract(observables: tuple[Observable, ...], problem: Problem) -> dict[str, Any]:
    """For each observable its parts, tuples of terms contracted with one problem (NumPy arrays)."""
    return {
        item.name: tuple(
            tuple(_contract(term, problem) for term in part) for part in item.parts(problem.model)
        )
        for item in observables
    }


def evaluate(readout: dict[str, Any], moment: Moment) -> Any:
    """All observables of one trajectory at one time: a dictionary of arrays (parts, …)."""
    return {
        name: jnp.stack([sum(term(moment) for term in part) for part in parts])
        for name, parts in readout.items()
    }


def combined(values: Array, observable: Observable) -> Array:
    """The answer of an observable from its parts (member, T, parts, …)."""
    parts = np.moveaxis(values, 2, 0)
    if observable.combine is None:
        return np.asarray(parts[0])
    return np.asarray(observable.combine(*parts))


def _contract(term: Term, problem: Problem) -> Any:
    match term:
        case SpinTerm(axis, None):
            component = component_along(axis, problem)
            lift = problem.spin_lift
            sign = gauge_sign(component, lift.sign)
            return SpinEach(component, lift.group, (lift.components * sign[:, None]).T.copy())
        case SpinTerm(axis, weights):
            component = component_along(axis, problem)
            return SpinSum(component, _group_weights(np.asarray(weights), component, problem))
        case PhotonTerm(weights) | QuadratureTerm(weights):
            chosen = None if weights is None else np.asarray(weights, float)
            if isinstance(term, PhotonTerm):
                return ModeSum(chosen, _amplitudes(problem), _thermal(problem))
            return ModeSum(chosen, _amplitudes(problem), None, np.array(term.direction))
        case InteractionTerm(scale):
            return Interaction(np.asarray(scale, float))
        case IsingTerm():
            return _ising(term, problem)
    raise TypeError(f"no rule to evaluate {term!r} along the classical flow")


def component_along(axis: str, problem: Problem) -> Array:
    """Components (3,) along (X, Y, Z) of a unit vector along a laboratory axis."""
    return frame_of(problem.model)[:, AXES.index(axis)].copy()


def frame_of(model: DickeModel | IsingModel) -> Array:
    """The model's frame, (3, 3), made once for each pair of axes."""
    return _frame(model.coupling_axis, model.field_axis)


@lru_cache(maxsize=16)
def _frame(coupling_axis: str, field_axis: str) -> Array:
    return frozen(triad(coupling_axis, field_axis))


def gauge_sign(component: Array, sign: Array) -> Array:
    """Signs (N,) by which a component of single spins differs from that of their groups."""
    return np.ones_like(sign) if component[0] else sign


def _group_weights(weights: Array, component: Array, problem: Problem) -> Array:
    """Contract weights (…, N) with the lift to (…, V, K)."""
    lift = problem.spin_lift
    groups, vectors, _ = problem.shape
    signed = weights * gauge_sign(component, lift.sign)
    flat = signed.reshape(-1, signed.shape[-1])
    result = np.empty((len(flat), vectors, groups))
    for row, target in zip(flat, result, strict=True):
        for v in range(vectors):
            contribution = row * lift.components[:, v]
            target[v] = np.bincount(lift.group, contribution, minlength=groups)
    return result.reshape(*weights.shape[:-1], vectors, groups)


def _amplitudes(problem: Problem) -> ModeAmplitudes:
    model, lift = problem.model, problem.mode_lift
    return ModeAmplitudes(lift.rotation, lift.dark, model.damping / 2 + 1j * model.frequencies)


def _thermal(problem: Problem) -> Occupation:
    """Thermal part; per spin it vanishes in the thermodynamic limit."""
    model = problem.model
    settled = model.stationary_occupation
    weight = 0.0 if model.thermodynamic else 1.0
    return Occupation(
        weight * settled, weight * (problem.initial.occupation - settled), model.damping
    )


def _ising(term: IsingTerm, problem: Problem) -> Ising:
    model, lift = problem.model, problem.spin_lift
    strength = -term.scale * problem.ising_strengths
    groups, vectors, _ = problem.shape
    own = np.zeros((groups, vectors, vectors))
    # An Ising model without self-interaction has none in its J either.
    alone = term.alone or problem.own is not None
    if not model.thermodynamic and not alone:
        for v in range(vectors):
            for w in range(vectors):
                product = lift.components[:, v] * lift.components[:, w]
                own[:, v, w] = np.bincount(lift.group, product, minlength=groups)
        own *= (problem.couplings**2 @ strength)[:, None, None]
    if problem.strengths is not None:
        strength = np.asarray(-term.scale)
    return Ising(strength, own)
