r"""Observables of truncated Wigner trajectories: terms with symmetric ordering undone.

A phase-space average stands for a symmetrised product. What users ask for is ordered as written:
:math:`\langle a^\dagger a\rangle = \overline{|\alpha|^2} - \tfrac12`,
:math:`\langle a^\dagger a^\dagger a a\rangle = \overline{|\alpha|^4} - 2\overline{|\alpha|^2}
+ \tfrac12`. Products of a spin with itself are 1 or vanish, as for Pauli matrices, and not what a
classical vector of length √3 makes of them. Dark parts of modes are Gaussian and independent of
all else: their averages are taken in closed form.

Every term is a function of a `View`, all trajectories of a block at one time, and has the shape
(…, B).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.measure.observables import Observable
from opendicke.measure.terms import (
    InteractionTerm,
    IsingTerm,
    PhotonPairTerm,
    PhotonTerm,
    QuadratureTerm,
    SpinPairTerm,
    SpinTerm,
    Term,
)
from opendicke.methods.flow import Gram, Parameters, State
from opendicke.methods.readout import component_along, gauge_sign
from opendicke.methods.sampling import Classes
from opendicke.model.checks import Array
from opendicke.model.ensemble import Ensemble
from opendicke.model.reduce import Problem


class Setting(NamedTuple):
    """What all terms need besides the trajectories."""

    group: Any
    """Group of each class (C,); None where classes are the groups, in order."""
    size: Any
    """Spins of each class, (C,)."""
    triad: Any
    """(C, 3, 3); None where every class is one spin."""
    modes: Any
    """From the amplitudes of `Gram` to those of the modes, (L, n K); None where they are those."""


class View:
    """All trajectories of a block at one time.

    Parameters
    ----------
    time
        Since the start.
    parameters, state
        Of the flow.
    sums
        Sums of the initial vectors of every class, (C, 3, B), where groups carry three unit
        vectors; None where each group carries the sum of its one class.
    dark
        Initial amplitudes of the dark parts, (M, B) or (M, 1).
    """

    def __init__(
        self,
        setting: Setting,
        time: Any,
        parameters: Parameters,
        state: State,
        sums: Any,
        dark: Any,
    ) -> None:
        self.setting, self.time, self.parameters, self.state = setting, time, parameters, state
        self.sums, self.dark = sums, dark

    def component(self, direction: Any) -> Any:
        """Of the sum over each class, the component along a direction (3,): (C, B)."""
        carried = [direction[axis] * each for axis, each in enumerate(self.state[1:])]
        along = self._by_class(carried[0] + carried[1] + carried[2])
        return along[0] if self.sums is None else (jnp.moveaxis(self.sums, 1, 0) * along).sum(0)

    def own(self, first: Any, second: Any) -> Any:
        """Sum over each class of products of components of one and the same spin, (C, B).

        Given the sums that trajectories depend on, the average over what they leave open.
        """
        if self.setting.triad is None:
            return self.component(first) * self.component(second)
        # Rows of the rotation of every class, seen along its triad, and the sums seen so.
        turned = []
        for direction in (first, second):
            carried = sum(direction[axis] * each for axis, each in enumerate(self.state[1:]))
            along = self._by_class(carried)  # (3, C, B)
            turned.append(jnp.einsum("cav,vcb->acb", self.setting.triad, along))
        sums = jnp.einsum("cav,cvb->acb", self.setting.triad, self.sums)
        product = turned[0] * turned[1]
        size = self.setting.size[:, None]
        total = (turned[0] * sums).sum(0) * (turned[1] * sums).sum(0)
        return size * product.sum(0) + (total - (product * sums**2).sum(0)) / size

    def _by_class(self, carried: Any) -> Any:
        """(V, *groups, B) to (V, C, B)."""
        flat = carried.reshape(len(carried), -1, carried.shape[-1])
        return flat if self.setting.group is None else flat[:, self.setting.group]

    @property
    def pull(self) -> Any:
        """Sum over the spins of each group of z, (*groups, B)."""
        return self.parameters.pull(self.state.z)

    @property
    def amplitude(self) -> Any:
        """Of the L modes, (L, B), complex."""
        if self.setting.modes is None:
            return self.state.amplitude
        return _rotated(self.setting.modes, self.state.amplitude)

    @property
    def interaction(self) -> Any:
        """The coupling energy, (B,)."""
        a = self.state.amplitude.real
        if isinstance(self.parameters.couplings, Gram):
            a = a.reshape(-1, *self.pull.shape).sum(axis=0)
            return 2.0 * (self.pull * a).sum(axis=0)
        return 2.0 * (self.parameters.force(self.state.z) * a).sum(axis=0)


def _rotated(matrix: Any, amplitude: Any) -> Any:
    """A real matrix times complex amplitudes, as two real products."""
    return jax.lax.complex(matrix @ amplitude.real, matrix @ amplitude.imag)


class SpinSum(NamedTuple):
    """Weighted sums of one spin component."""

    direction: Any
    """(3,)"""
    weights: Any
    """(…, C)"""

    def __call__(self, view: View) -> Any:
        return jnp.tensordot(self.weights, view.component(self.direction), 1)


class SpinEach(NamedTuple):
    """One component of every spin."""

    direction: Any
    member: Any
    """Class of each spin, (N,)."""
    sign: Any
    """Gauge sign, (N, 1)."""

    def __call__(self, view: View) -> Any:
        return self.sign * view.component(self.direction)[self.member]


class SpinPair(NamedTuple):
    """Products of two sums, those of a spin with itself exact."""

    first: SpinSum
    second: SpinSum
    own: Any
    """Product of both weights, (…, C)."""
    exact: Any
    """(…, 1)"""

    def __call__(self, view: View) -> Any:
        own = view.own(self.first.direction, self.second.direction)
        return self.first(view) * self.second(view) - jnp.tensordot(self.own, own, 1) + self.exact


class Modes(NamedTuple):
    """The original modes: a = Q b + dark part."""

    rotation: Any
    """Q (M, L); None if the modes are the original ones."""
    rate: Any
    """(M, 1), complex."""
    settled: Any
    """Variance of the dark part in the long run, (M, 1)."""
    start: Any
    """What is left to decay of it, (M, 1)."""

    def mean(self, view: View) -> Any:
        """Amplitudes with the dark part at its mean, (M, B)."""
        a = view.amplitude
        if self.rotation is None:
            return a[: len(self.rate)]
        return _rotated(self.rotation, a) + view.dark * jnp.exp(-self.rate * view.time)

    def variance(self, view: View) -> Any:
        """Of the dark part about it, ⟨|δ|²⟩ in symmetric order, (M, 1)."""
        return self.settled + self.start * jnp.exp(-2.0 * self.rate.real * view.time)


class PhotonEach(NamedTuple):
    """a†a of the modes, or weighted sums of it."""

    weights: Any
    """(…, M) or None."""
    modes: Modes

    def __call__(self, view: View) -> Any:
        a = self.modes.mean(view)
        number = a.real**2 + a.imag**2 + self.modes.variance(view) - 0.5
        return number if self.weights is None else jnp.tensordot(self.weights, number, 1)


class PhotonPairs(NamedTuple):
    """a†a†aa of the modes, or weighted sums of it."""

    weights: Any
    modes: Modes

    def __call__(self, view: View) -> Any:
        a, v = self.modes.mean(view), self.modes.variance(view)
        square = a.real**2 + a.imag**2
        pairs = square**2 + 4.0 * square * v + 2.0 * v**2 - 2.0 * (square + v) + 0.5
        return pairs if self.weights is None else jnp.tensordot(self.weights, pairs, 1)


class PhotonSum(NamedTuple):
    """Weighted sums of a†a whose weights agree within each block of degenerate modes."""

    bright: Any
    """Weights of the bright modes, (…, L)."""
    dark: Any
    """Weights of the original modes, (…, M)."""
    modes: Modes

    def __call__(self, view: View) -> Any:
        a = view.amplitude
        number = jnp.tensordot(self.bright, a.real**2 + a.imag**2, 1)
        decay = jnp.exp(-2.0 * self.modes.rate.real * view.time)
        dark = (view.dark.real**2 + view.dark.imag**2) * decay
        dark = dark + self.modes.variance(view) - 0.5
        return number + jnp.tensordot(self.dark, dark, 1)


class Quadrature(NamedTuple):
    """A quadrature of the modes, or weighted sums of it."""

    weights: Any
    modes: Modes
    direction: Any
    """(cos θ, sin θ) of a e^{−iθ} + a† e^{iθ}, (2,)."""

    def __call__(self, view: View) -> Any:
        a = self.modes.mean(view)
        value = 2.0 * (self.direction[0] * a.real + self.direction[1] * a.imag)
        return value if self.weights is None else jnp.tensordot(self.weights, value, 1)


class Interaction(NamedTuple):
    """Scale times the coupling energy."""

    scale: Any

    def __call__(self, view: View) -> Any:
        return self.scale * view.interaction


class Ising(NamedTuple):
    """Sum over factors of strength × (sum over spins of factor × z)², and what spins add alone."""

    factors: Any
    """(L, K)"""
    strength: Any
    """(L, 1)"""
    own: Any
    """What a spin's product with itself counts, (C,)."""

    def __call__(self, view: View) -> Any:
        pull = view.pull
        sums = self.factors @ pull.reshape(-1, pull.shape[-1])
        alone = view.own(*[jnp.asarray([0.0, 0.0, 1.0])] * 2)
        return (self.strength * sums**2).sum(axis=0) - jnp.tensordot(self.own, alone, 1)


def asks_apart(observables: tuple[Observable, ...], problem: Problem) -> list[Array]:
    """Weights (…, N) of every spin that members of a class must share, gauge sign included."""
    sign = problem.spin_lift.sign
    found: list[Array] = []
    for item in observables:
        for term in item.terms(problem.model):
            for each in term.sums if isinstance(term, SpinPairTerm) else (term,):
                if not isinstance(each, SpinTerm):
                    continue
                weights = np.arange(len(sign)) if each.weights is None else np.asarray(each.weights)
                found.append(weights * gauge_sign(component_along(each.axis, problem), sign))
    return found


def asks_own(observables: tuple[Observable, ...], problem: Problem) -> bool:
    """Whether products of a spin with itself are needed."""
    return any(
        isinstance(term, (SpinPairTerm, IsingTerm))
        for item in observables
        for term in item.terms(problem.model)
    )


def contract(
    observables: tuple[Observable, ...], problem: Problem, classes: Classes
) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """For each observable its parts, each a tuple of contracted terms (NumPy arrays inside)."""
    return {
        item.name: tuple(
            tuple(_contract(term, problem, classes) for term in part)
            for part in item.parts(problem.model)
        )
        for item in observables
    }


def evaluate(readout: dict[str, tuple[tuple[Any, ...], ...]], view: View) -> dict[str, Any]:
    """All observables of a block at one time: by name (parts, …, B), in double precision."""
    return {
        name: jnp.stack([sum(term(view).astype(jnp.float64) for term in part) for part in parts])
        for name, parts in readout.items()
    }


def _contract(term: Term, problem: Problem, classes: Classes) -> Any:
    model = problem.model
    match term:
        case SpinTerm(axis, None):
            return each_spin(axis, problem, classes)
        case SpinTerm():
            return _spin_sum(term, problem, classes)
        case SpinPairTerm():
            first, second = (_spin_sum(each, problem, classes) for each in term.sums)
            # The directions are orthogonal or equal, and a gauge sign squares to 1.
            same = abs(float(first.direction @ second.direction))
            own = first.weights * second.weights * classes.size
            return SpinPair(
                first,
                second,
                first.weights * second.weights,
                (same * own.sum(axis=-1))[..., None],
            )
        case PhotonTerm(weights):
            return _photons(weights, problem)
        case PhotonPairTerm(weights):
            return PhotonPairs(_floats(weights), lifted_modes(problem))
        case QuadratureTerm(weights):
            return Quadrature(_floats(weights), lifted_modes(problem), np.array(term.direction))
        case InteractionTerm(scale):
            return Interaction(np.asarray(scale, float))
        case IsingTerm():
            return _ising(term, problem, classes)
    raise TypeError(f"no rule to evaluate {term!r} along trajectories of {model!r}")


def _floats(weights: Any) -> Array | None:
    return None if weights is None else np.asarray(weights, float)


def each_spin(axis: str, problem: Problem, classes: Classes) -> SpinEach:
    """One laboratory component of every spin."""
    direction = component_along(axis, problem)
    sign = gauge_sign(direction, problem.spin_lift.sign)
    return SpinEach(direction, classes.member, sign[:, None])


def _spin_sum(term: SpinTerm, problem: Problem, classes: Classes) -> SpinSum:
    """Weights of the classes: those of any one member, all members agree."""
    direction = component_along(term.axis, problem)
    weights = np.asarray(term.weights, float) * gauge_sign(direction, problem.spin_lift.sign)
    one = np.zeros(len(classes.size), dtype=np.intp)
    one[classes.member] = np.arange(len(classes.member))
    return SpinSum(direction, weights[..., one])


def lifted_modes(problem: Problem) -> Modes:
    """The original modes of a problem, with the variances of their dark parts."""
    model, rotation = problem.model, problem.mode_lift.rotation
    rate = model.damping / 2 + 1j * model.frequencies
    share = np.zeros(model.modes) if rotation is None else 1 - (rotation**2).sum(axis=1)
    share = np.where(share > 1e-13, share, 0.0)
    settled = np.where(model.damping > 0, model.stationary_occupation, 0.0) + 0.5
    start = problem.initial.occupation + 0.5 - settled
    if isinstance(problem.state, Ensemble):  # whose dark parts are known
        start = -settled
    columns = (rate, share * settled, share * start)
    return Modes(rotation, *(each[:, None] for each in columns))


def _photons(weights: Any, problem: Problem) -> Any:
    modes = lifted_modes(problem)
    chosen = _floats(weights)
    if modes.rotation is None or chosen is None:
        return PhotonEach(chosen, modes)
    flat = chosen.reshape(-1, chosen.shape[-1])
    bright = np.einsum("ml,rm->rl", modes.rotation**2, flat)
    # Whether diag(w) acts on the bright modes as a number in each block: Q diag(b) = diag(w) Q.
    apart = [
        np.abs(modes.rotation * row - modes.rotation * w[:, None]).max(initial=0)
        for row, w in zip(bright, flat, strict=True)
    ]
    if max(apart, default=0.0) > 1e-12 * max(float(np.abs(flat).max(initial=0)), 1e-300):
        return PhotonEach(chosen, modes)
    return PhotonSum(bright.reshape(*chosen.shape[:-1], -1), chosen, modes)


def _ising(term: IsingTerm, problem: Problem, classes: Classes) -> Ising:
    strength = -term.scale * problem.ising_strengths
    own = (problem.couplings**2 @ strength)[classes.group] * (not term.alone)
    return Ising(problem.couplings.T.copy(), strength[:, None], own)
