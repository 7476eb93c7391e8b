r"""Exact reductions: from a model and a state to the smaller `Problem` that methods solve.

Three steps, none of them an approximation:

1. Spins with equal rows of couplings and equal field (up to the gauge Z → −Z, Y → −Y) turn by one
   common rotation, whatever their states (carollo2021, Figs. 2, S1, S2). A group carries the few
   vectors that its members' Bloch vectors are made of; the sum that drives the bosons and every
   single spin follow linearly.
2. Degenerate modes are rotated so that at most as many couple as there are groups. The others are
   dark and have closed forms.
3. Groups that nearly form a grid (all combinations of signs, say) are completed to one, others
   padded to a few standard sizes, with groups of no weight in both cases, so that another draw of
   the same ensemble runs the same compiled program.

Of an Ising model, spins turn together only if they keep the field of themselves: without it each
feels the others of its group, not itself. In place of modes there are factors, at most as many as
groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.blas import threads_for
from opendicke.model.bright import Modes, bright_modes, unrotated
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.factors import Factors, factorise
from opendicke.model.groups import Groups, each_alone, group_spins
from opendicke.model.ising import IsingModel, assembled, decomposed
from opendicke.model.state import ProductState, ResolvedState


@dataclass(frozen=True, eq=False)
class SpinLift:
    """How single spins follow from the vectors of their groups.

    In the frame (X, Y, Z), spin `j` has
    ``s_j = (1, sign_j, sign_j) * sum_v components[j, v] * vectors[group[j], v]``.
    """

    group: Array
    """Group of each spin, (N,)."""
    sign: Array
    """Gauge sign of each spin, (N,), ±1."""
    components: Array
    """Coefficients of each spin in the vectors of its group, (N, V)."""


@dataclass(frozen=True, eq=False)
class ModeLift:
    """How the original modes follow from the bright ones: a = Q b + dark."""

    rotation: Array | None
    """Q, (M, L); None if the modes are the original ones (padding aside)."""
    dark: Array
    """Initial amplitude of the dark part of every original mode, (M,) complex."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A reduced model and state: K groups of spins (V vectors each) and L modes, bare arrays.

    Of an Ising model the L columns are factors instead: in the field of group `k` the sum of
    ``J = couplings @ diag(strengths) @ couplings.T`` over all spins, less `own` of the spin itself.
    """

    model: DickeModel | IsingModel
    """What was reduced."""
    state: ProductState | Ensemble
    """From where it starts."""
    weights: Array
    """Spins of each group (their fraction, in the thermodynamic limit), (K,)."""
    couplings: Array
    """Couplings to the modes, or factors, (K, L)."""
    field: Array
    """(K,)."""
    vectors: Array
    """Initial vectors of each group, (K, V, 3), components along (X, Y, Z)."""
    mean: Array
    """Mean spin of group k = sum_v mean[k, v] vectors[k, v], (K, V)."""
    frequencies: Array
    """Of the L modes, (L,), in units of energy."""
    loss: Array
    """(L,)."""
    gain: Array
    """(L,)."""
    displacement: Array
    """Initial amplitudes of the L modes, complex."""
    occupation: Array
    """Initial thermal occupations of the L modes."""
    source: Array
    """For each of the L modes an original one of equal frequency and rates; −1 for padding."""
    factors: Factors | None
    """The couplings as a grid, if they form one."""
    groups: int
    """Groups that are not padding."""
    spin_lift: SpinLift
    """From groups to the original N spins."""
    mode_lift: ModeLift
    """From the L modes to the original M, dark ones included."""
    initial: ResolvedState
    """The full, unreduced state."""
    strengths: Array | None = None
    """Strengths of the factors of an Ising model, (L,); None where there are modes."""
    own: Array | None = None
    """J_kk of each group, (K,), which the flow subtracts; None where nothing is to be subtracted:
    it stays, or the factors are those of a J without diagonal."""

    @property
    def ising_strengths(self) -> Array:
        """Interaction that each mode, or factor, mediates: ω/(ω² + Γ²/4), (L,)."""
        if self.strengths is not None:
            return self.strengths
        size = self.frequencies**2 + (self.loss - self.gain) ** 2 / 4
        mediated = np.divide(self.frequencies, size, out=np.zeros_like(size), where=size > 0)
        return np.asarray(mediated)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, V, L): problems of one shape run in one compiled program."""
        groups, vectors, _ = self.vectors.shape
        return groups, vectors, self.couplings.shape[1]


def reduce(
    model: DickeModel | IsingModel,
    state: ProductState | Ensemble,
    *,
    group: bool = True,
    gauge: bool = True,
    bright: bool = True,
    pad: bool = True,
) -> Problem:
    """Reduce a model and a state exactly.

    Parameters
    ----------
    model, state
        What is simulated, and from where.
    group : bool
        Merge spins with equal couplings and field (of an Ising model, where it keeps the terms
        i = j).
    gauge : bool
        Merge rows that differ by a global sign as well.
    bright : bool
        Rotate degenerate modes into bright and dark ones; of an Ising model, make no more factors
        than there are groups.
    pad : bool
        Complete the groups to a grid, or pad them to standard sizes.

    Returns
    -------
    Problem
        The reduced arrays and the lift back to single spins and modes.

    Raises
    ------
    InputError
        If model or state is something else, or they do not fit each other.

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     couplings=od.Binary(strength=1.2), spins=1000, modes=3, frequencies=1.0
    ... )
    >>> problem = od.reduce(ensemble.draw(), od.ProductState.pattern(0))
    >>> problem.groups, problem.weights.astype(int).tolist()
    (4, [241, 269, 261, 229])
    """
    if not isinstance(model, (DickeModel, IsingModel)):
        raise InputError("model", "be a DickeModel or an IsingModel", f"was {shown(model)}")
    if not isinstance(state, (ProductState, Ensemble)):
        raise InputError("state", "be a ProductState or an Ensemble", f"was {shown(state)}")
    resolved = state.resolve(model)
    if isinstance(model, IsingModel):
        together = group and model.self_interaction == "keep"
        table = model.matrix() if model.factors is None else model.factors
        grouping = _grouped(table, model.field, together, gauge)
        return _reduced_ising(model, state, resolved, grouping, bright=bright, pad=pad)
    grouping = _grouped(model.couplings, model.field, group, gauge)
    alike = np.stack([model.frequencies, model.loss, model.gain, resolved.occupation], axis=1)
    with threads_for(*grouping.rows.shape):
        modes = bright_modes(grouping.rows, alike) if bright else unrotated(grouping.rows)
        displacement, mode_lift = _split_modes(modes, resolved.displacement)
    groups = len(grouping.field)
    members = model.weights if model.thermodynamic else np.ones(model.spins)
    spins = _spin_part(grouping, members, resolved.bloch)
    layout = _layout(grouping, modes, model.spins) if pad else _Layout(groups, np.arange(groups))
    more_modes = sum(min(block - groups, layout.size - groups) for block in modes.wide)
    source = modes.source

    def pad_modes(array: Array, value: float = 0.0) -> Array:
        return np.pad(array, (0, more_modes), constant_values=value)

    if mode_lift.rotation is not None:
        wide = np.pad(mode_lift.rotation, ((0, 0), (0, more_modes)))
        mode_lift = ModeLift(wide, mode_lift.dark)
    couplings = layout.spread(np.pad(modes.couplings, ((0, 0), (0, more_modes))))
    field = layout.spread(grouping.field)
    if layout.factors is not None:
        couplings, field = layout.factors.rows(), np.full(layout.size, grouping.field[0])
    return Problem(
        model=model,
        state=state,
        weights=layout.spread(spins.weights),
        couplings=couplings,
        field=field,
        vectors=layout.spread(spins.vectors),
        mean=layout.spread(spins.mean),
        frequencies=pad_modes(model.frequencies[source], 1.0),
        loss=pad_modes(model.loss[source]),
        gain=pad_modes(model.gain[source]),
        displacement=pad_modes(displacement),
        occupation=pad_modes(resolved.occupation[source]),
        source=np.pad(source, (0, more_modes), constant_values=-1),
        factors=layout.factors,
        groups=groups,
        spin_lift=spins.lift(grouping, layout),
        mode_lift=mode_lift,
        initial=resolved,
    )


class _Layout(NamedTuple):
    """Where the groups stand among rows of which some may be empty."""

    size: int
    place: Array
    """Row of each group, (K,)."""
    factors: Factors | None = None

    def spread(self, array: Array) -> Array:
        """Values of the groups (K, …) at their rows, 0 at empty ones."""
        result = np.zeros((self.size, *array.shape[1:]), array.dtype)
        result[self.place] = array
        return result


_LARGEST_COMPLETION = 2
"""Rows of a grid for each group, at most; they cost far less than half of other rows."""


def _layout(grouping: Groups, modes: Modes, spins: int) -> _Layout:
    """A grid if one holds the groups, else a standard size."""
    groups = len(grouping.field)
    if modes.rotation is None and (grouping.field == grouping.field[0]).all():
        found = factorise(modes.couplings, _LARGEST_COMPLETION * groups)
        if found is not None:
            factors, place = found
            return _Layout(len(factors.first) * len(factors.second), place, factors)
    return _Layout(_padded_groups(groups, spins), np.arange(groups))


def _grouped(table: Array, field: Array, together: bool, gauge: bool) -> Groups:
    """Spins of equal rows and fields in groups, or each alone."""
    return group_spins(table, field, gauge=gauge) if together else each_alone(table, field)


class _Spins(NamedTuple):
    """What the groups carry: their sizes, vectors and means."""

    weights: Array
    vectors: Array
    mean: Array
    components: Array

    def lift(self, grouping: Groups, layout: _Layout) -> SpinLift:
        """How single spins follow from the vectors."""
        return SpinLift(layout.place[grouping.member], grouping.sign, self.components)


def _spin_part(grouping: Groups, members: Array, bloch: Array) -> _Spins:
    """Groups of spins that count as `members` says, (N,)."""
    groups = len(grouping.field)
    weights = np.bincount(grouping.member, members, minlength=groups)
    vectors, components = _carried_vectors(grouping, bloch)
    sums = [np.bincount(grouping.member, members * c, minlength=groups) for c in components.T]
    return _Spins(weights, vectors, np.stack(sums, axis=1) / weights[:, None], components)


def _reduced_ising(
    model: IsingModel,
    state: ProductState | Ensemble,
    resolved: ResolvedState,
    grouping: Groups,
    *,
    bright: bool,
    pad: bool,
) -> Problem:
    """The problem of an Ising model: factors and strengths in place of modes at rest."""
    groups = len(grouping.field)
    size = _padded_groups(groups, model.spins) if pad else groups
    layout = _Layout(size, np.arange(groups))
    spins = _spin_part(grouping, np.ones(model.spins), resolved.bloch)
    own = None
    if model.factors is None or (bright and model.factors.shape[1] > groups):
        rows, strengths = decomposed(_between_groups(model, grouping))
        if pad and model.factors is not None:  # other draws may have another rank
            more = min(model.factors.shape[1], size) - len(strengths)
            rows = np.pad(rows, ((0, 0), (0, more)))
            strengths = np.pad(strengths, (0, more))
    else:
        rows, strengths = grouping.rows, model.strengths
        if model.self_interaction == "drop":
            own = layout.spread(model.own)
    count = len(strengths)
    return Problem(
        model=model,
        state=state,
        weights=layout.spread(spins.weights),
        couplings=layout.spread(rows),
        field=layout.spread(grouping.field),
        vectors=layout.spread(spins.vectors),
        mean=layout.spread(spins.mean),
        frequencies=np.zeros(count),
        loss=np.zeros(count),
        gain=np.zeros(count),
        displacement=np.zeros(count, complex),
        occupation=np.zeros(count),
        source=np.full(count, -1),
        factors=None,
        groups=groups,
        spin_lift=spins.lift(grouping, layout),
        mode_lift=ModeLift(None, np.zeros(0, complex)),
        initial=resolved,
        strengths=strengths,
        own=own,
    )


def _between_groups(model: IsingModel, grouping: Groups) -> Array:
    """J between one spin of each group and one of another, gauged, (K, K)."""
    if model.factors is None:
        _, first = np.unique(grouping.member, return_index=True)
        sign = grouping.sign[first]
        return np.asarray(grouping.rows[:, first] * sign)
    matrix = assembled(grouping.rows, model.strengths)
    if model.self_interaction == "drop":
        np.fill_diagonal(matrix, 0.0)
    return matrix


def _carried_vectors(groups: Groups, bloch: Array) -> tuple[Array, Array]:
    """Vectors (K, V, 3) that span the members of every group, and coefficients (N, V).

    V = 1 where the members of each group are parallel (always, for groups of one), else the
    three unit vectors.
    """
    count = len(groups.field)
    gauged = np.array(bloch, dtype=float)
    if (groups.sign < 0).any():
        gauged[:, 1:] *= groups.sign[:, None]
    length2 = np.einsum("ji,ji->j", gauged, gauged)
    # One member of each group, the longest, gives the direction: the last written wins.
    order = np.argsort(length2, kind="stable") if np.ptp(length2) else slice(None)
    longest = np.zeros(count, dtype=np.intp)
    longest[groups.member[order]] = np.arange(len(bloch))[order]
    norm = np.sqrt(length2[longest])
    direction = gauged[longest] / np.where(norm > 0, norm, 1.0)[:, None]
    along = np.einsum("ji,ji->j", gauged, direction[groups.member])
    off = gauged - along[:, None] * direction[groups.member]
    if np.abs(off).max() <= 4 * np.finfo(float).eps:
        return direction[:, None, :], along[:, None]
    return np.broadcast_to(np.eye(3), (count, 3, 3)).copy(), gauged


def _split_modes(modes: Modes, displacement: Array) -> tuple[Array, ModeLift]:
    """Initial bright amplitudes (L,), and the lift with what is dark."""
    if modes.rotation is None:
        return displacement, ModeLift(None, np.zeros_like(displacement))
    bright = modes.rotation.T @ displacement
    dark = displacement - modes.rotation @ bright
    dark[np.abs(dark) <= 8 * np.finfo(float).eps * np.abs(displacement).max(initial=0)] = 0
    return bright, ModeLift(modes.rotation, dark)


def _padded_groups(groups: int, spins: int) -> int:
    """Groups after padding: unchanged where every spin is alone, else the next power of two."""
    return groups if groups == spins else min(spins, 1 << (groups - 1).bit_length())
