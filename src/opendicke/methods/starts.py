"""Where trajectories begin: from sampled vectors and amplitudes to states of the flow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from opendicke.methods.flow import Parameters, State
from opendicke.methods.runtime import Program
from opendicke.methods.sampling import sample_modes, sample_spins, trajectory_keys


class Sources(NamedTuple):
    """From what the starts of a problem are sampled."""

    group: Any
    """Group of each class, (C,)."""
    size: Any
    triad: Any
    chance: Any
    displacement: Any
    """(L,), complex."""
    occupation: Any
    """(L,)"""


class Starts(NamedTuple):
    """Where the trajectories of a block begin."""

    sums: Any
    """Sums of the vectors of every class, (C, 3, B)."""
    amplitude: Any
    """(L, B), complex."""


def _sampled(seed: Any, numbers: Any, sources: Sources, single: bool) -> Starts:
    keys = trajectory_keys(seed, numbers)
    local = jax.vmap(lambda key: sample_spins(key, sources.size, sources.chance, single))(
        keys[:, 0]
    )
    amplitude = jax.vmap(
        lambda key: sample_modes(key, sources.displacement, sources.occupation), out_axes=-1
    )(keys[:, 1])
    return Starts(jnp.einsum("bca,cav->cvb", local, sources.triad), amplitude)


def _begin(
    starts: Starts,
    group: Any,
    parameters: Parameters,
    gram: Any,
    groups: tuple[int, ...],
    frame: bool,
    dtype: str,
) -> tuple[Parameters, State]:
    """Parameters and state of the flow from sampled starts, in the precision of the flow."""
    sums = starts.sums
    batch = sums.shape[-1]
    size = math.prod(groups)
    if group is not None:
        sums = jnp.zeros((size, 3, batch)).at[group].add(sums)
    by_axis = jnp.moveaxis(sums, 1, 0).reshape(3, *groups, batch)
    if frame:
        unit = jnp.eye(3).reshape(3, 3, *[1] * (len(groups) + 1))
        spins = jnp.broadcast_to(unit, (3, 3, *groups, batch))
        parameters = parameters._replace(drive=by_axis)
    else:
        spins = by_axis[:, None]
    amplitude = starts.amplitude
    if gram is not None:
        amplitude = gram @ amplitude
    state = State(None if parameters.rate is None else amplitude, *spins)
    begun: tuple[Parameters, State] = cast((parameters, state), dtype)
    return begun


def cast(tree: Any, dtype: str) -> Any:
    """Floating-point numbers, real and complex, in another precision."""
    complex_dtype = jnp.result_type(dtype, jnp.complex64)

    def cast_one(leaf: Any) -> Any:
        kind = jnp.asarray(leaf).dtype
        if jnp.issubdtype(kind, jnp.complexfloating):
            return jnp.asarray(leaf, complex_dtype)
        return jnp.asarray(leaf, dtype) if jnp.issubdtype(kind, jnp.floating) else leaf

    return jax.tree.map(cast_one, tree)


begin_program = Program(_begin, static=("groups", "frame", "dtype"))
sample_program = Program(_sampled, static=("single",))
