"""Long runs of many points of one shape, chunk by chunk, by one compiled program.

All points share the grouping of their spins and differ in parameters and initial state. Chunks fit
the processor's cache; several are computed at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.measure.observables import find_observables
from opendicke.methods.flow import Parameters, Rows, State, advance, initial
from opendicke.methods.readout import SpinSum, contract, moment_of
from opendicke.methods.runtime import Program, device_kind, double_precision
from opendicke.methods.splitting import SCHEMES
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem
from opendicke.physics.motion import Record

ORDER = 4
_CACHED = 4096
"""Numbers of one spin component that fit the cache beside the others."""
_CHUNKS = 8
"""Chunks at least, where points are many enough."""


@dataclass(frozen=True, eq=False)
class Points:
    """Many points of one family, the last axis of every array."""

    parameters: Parameters
    states: State
    overlap: Any
    """How overlaps are read: (P,) times the forces without scale, or coefficients (P, V, K)."""
    frequencies: Array
    """(L, points)"""
    damping: Array
    """(L, points)"""
    strength: Array
    """Sum over spins of the couplings squared, without scale, (L, 1)."""

    def __len__(self) -> int:
        return int(self.frequencies.shape[-1])

    def chosen(self, places: Array) -> tuple[Parameters, State]:
        """Parameters and states at some places."""

        def at(leaf: Array) -> Array:
            return leaf if leaf.shape[-1] == 1 else leaf[..., places]

        states: State = jax.tree.map(lambda leaf: leaf[..., places], self.states)
        couplings, *others = self.parameters  # all points share the couplings
        return Parameters(couplings, *map(at, others)), states

    def only(self, places: Array) -> Points:
        """Some of the points."""
        parameters, states = self.chosen(places)
        modes = self.frequencies[:, places], self.damping[:, places]
        return Points(parameters, states, self.overlap, *modes, self.strength)

    def rates(self, duration: float) -> Array:
        """Estimate of the fastest turning of a spin at every point, within a time."""
        p, state = self.parameters, self.states
        field = 2 * np.abs(p.field).max(axis=tuple(range(p.field.ndim - 1)))
        rate = np.maximum(np.abs(p.rate), 1 / duration)
        reach = p.scale**2 * self.strength / rate
        start = np.abs(p.scale) * np.sqrt(self.strength) * np.abs(state.amplitude)
        phi = 2 * (reach.max(axis=0) + start.sum(axis=0))
        return np.asarray(np.maximum(np.hypot(field, phi), 1 / duration) + np.zeros(len(self)))


class Stretch(NamedTuple):
    """How points are followed: first by long steps, then by shorter ones, then sampled.

    Steps are numbers or arrays (points,).
    """

    lead: Any = 0.0
    """Long step,"""
    leads: Any = 0
    """and how many of them."""
    step: Any = 0.0
    """Short step,"""
    bridge: Any = 0
    """how many of them before the samples,"""
    each: Any = 0
    """and how many to each sample."""


class Means(NamedTuple):
    """Averages over all steps of the sampled stretch; the last axis is that of the points."""

    overlap: Array
    """Of the magnitude of overlaps, (P, points)."""
    occupation: Array
    """Of |a|², (L, points)."""
    along_field: Array
    """Of the sum over spins along the field, (points,)."""


class Followed(NamedTuple):
    """What became of points; the last axis is theirs."""

    states: State
    before: Array
    """Overlaps at the end of the long steps, (P, points)."""
    means: Means
    record: Record


def _follow(
    parameters: Parameters,
    states: State,
    overlap: Any,
    stretch: Stretch,
    samples: int,
    order: int,
    average: bool,
) -> Any:
    scheme = SCHEMES[order]

    def overlaps(state: State, force: Any) -> Any:
        if overlap.ndim == 1:
            return overlap[:, None] * force[: len(overlap)]
        return jnp.tensordot(overlap, moment_of(0.0, parameters, state).spins[2], 2)

    def force_of(state: State) -> Any:
        return parameters.couplings.force(parameters.pull(state.z))

    def averaged(state: State) -> Any:
        along = (parameters.drive * state.x).sum(axis=tuple(range(state.x.ndim - 1)))
        a = state.amplitude
        return jnp.abs(overlaps(state, force_of(state))), a.real**2 + a.imag**2, along

    def one(_: Any, carried: Any) -> Any:
        state, sums = carried
        state = advance(parameters, state, stretch.step, 1, scheme)
        return state, jax.tree.map(jnp.add, sums, averaged(state))

    def sample(carried: Any, _: Any) -> Any:
        state, sums = carried
        if average:
            state, sums = jax.lax.fori_loop(0, stretch.each, one, carried)
        else:
            state = advance(parameters, state, stretch.step, stretch.each, scheme)
        force = force_of(state)
        return (state, sums), (overlaps(state, force), state.amplitude, parameters.scale * force)

    states = advance(parameters, states, stretch.lead, stretch.leads, scheme)
    before = overlaps(states, force_of(states))
    states = advance(parameters, states, stretch.step, stretch.bridge, scheme)
    first = averaged(states)
    sums = jax.tree.map(jnp.zeros_like, first)
    (states, sums), sampled = jax.lax.scan(sample, (states, sums), None, length=samples)
    means = jax.tree.map(  # by the trapezoidal rule: both ends count half
        lambda total, start, end: (total + (start - end) / 2) / (samples * stretch.each),
        *(sums, first, averaged(states)),
    )
    return states, before, means, sampled


follow_program = Program(_follow, static=("samples", "order", "average"))
"""The one compiled program of phase diagrams."""


def family(problem: Problem) -> tuple[Parameters, State, Any]:
    """Parameters, state and overlap reading of one problem, with a last axis of size 1."""
    bare = initial(problem)
    parameters, state = jax.tree.map(lambda leaf: np.asarray(leaf)[..., None], bare)
    if isinstance(bare[0].couplings, Rows):  # which have no axis of points
        parameters = parameters._replace(couplings=bare[0].couplings)
    drive = parameters.drive
    groups = tuple(range(1, drive.ndim - 1))
    if np.ptp(drive, axis=groups).max() == 0:  # all groups pull alike: one number will do
        drive = drive[(slice(None), *[slice(0, 1)] * len(groups))]
    parameters = parameters._replace(drive=drive)
    ((reading,),) = contract(find_observables(["overlap"]), problem)["overlap"]
    assert isinstance(reading, SpinSum)
    return parameters, state, _proportional(reading.coefficients, problem)


def _proportional(coefficients: Array, problem: Problem) -> Array:
    """Ratios (P,) of overlaps to forces if they are proportional, else coefficients (P, V, K)."""
    pull = (problem.mean * problem.weights[:, None]).T
    forces = problem.couplings.T[:, None, :] * pull
    if len(coefficients) <= len(forces):
        forces = forces[: len(coefficients)]
        own = (forces * forces).sum(axis=(1, 2))
        ratios = (coefficients * forces).sum(axis=(1, 2)) / np.where(own > 0, own, 1.0)
        apart = np.abs(coefficients - ratios[:, None, None] * forces).max()
        if apart <= 1e-14 * np.abs(coefficients).max() and (own > 0).all():
            return np.asarray(ratios)
    return coefficients


def follow(
    points: Points,
    places: Array,
    size: int,
    stretch: Stretch,
    samples: int,
    average: bool = False,
) -> Followed:
    """One chunk through the compiled program, padded to `size` by repeating its last point.

    Means are 0 unless `average` asks for them.
    """
    padded = np.concatenate([places, np.full(size - len(places), places[-1])])
    numbers = Stretch(*map(np.asarray, stretch))
    steps = {
        name: np.pad(np.broadcast_to(step, len(places)), (0, size - len(places)), mode="edge")
        for name, step in (("lead", numbers.lead), ("step", numbers.step))
    }
    numbers = numbers._replace(**steps)
    with double_precision():
        parameters, states = jax.tree.map(jnp.asarray, points.chosen(padded))
        result = follow_program(
            parameters,
            states,
            jnp.asarray(points.overlap),
            numbers,
            samples=samples,
            order=ORDER,
            average=average,
        )
    states, before, means, sampled = jax.tree.map(
        lambda leaf: np.asarray(leaf)[..., : len(places)], result
    )
    return Followed(states, before, Means(*means), Record(*sampled))


def chunk_size(points: Points) -> int:
    """Points in a chunk: what fits the cache, or on other devices everything."""
    numbers = int(np.prod(points.states.x.shape[:-1]))
    everyone = 1 << max(len(points) - 1, 0).bit_length()
    if device_kind() != "cpu":
        return int(min(everyone, max(64, 2**27 // numbers)))
    # The same on every machine: points of a chunk share their steps.
    return int(min(max(everyone // _CHUNKS, 8), max(8, min(256, _CACHED // numbers))))
