r"""Single quantum-jump trajectories, by QuTiP's Monte-Carlo solver.

Between jumps the state moves by :math:`H - \tfrac i2\sum_k c_k^\dagger c_k`; it jumps to
:math:`c_k|\psi\rangle` when its squared norm has fallen to a random number, with k chosen in
proportion to :math:`\langle c_k^\dagger c_k\rangle`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from opendicke.interop.primitives import Primitive, Question, level_values
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.measure.moments import JointMoments, Moments, Statistic
from opendicke.methods.jump_starts import OneSpin, Start, Starts
from opendicke.model.checks import Array
from opendicke.model.collective import SpinSpace
from opendicke.model.reduce import Problem

_MOST_STATES = 2**21
"""States of all systems that are kept at a time."""
_MOST_ALIKE = 256
"""Trajectories of closed systems that are remembered, for others that begin alike."""
_GROWTH = 1.35
"""Of the levels of a mode that leaks."""
_SPARSE = 2.5
"""Entries on the diagonals for each that is not zero, up to which they are stored whole."""


class Sample(NamedTuple):
    """One trajectory."""

    values: Array
    """Of the primitives, (T, P) complex."""
    top: Array
    """Weight of the highest Fock state of every mode, (T, L)."""
    profile: tuple[Array, ...]
    """Largest weight at any time of each Fock state of every mode."""
    lost: Array
    """Weight of the initial state beyond the Fock states of every mode, (L,)."""
    jumps: int
    levels: tuple[int, ...]
    """Fock states of every mode."""

    def leaky(self, limit: float) -> Array:
        """Modes of which more than a limit is at the highest Fock state or was beyond, (L,)."""
        return np.asarray((self.top.max(axis=0) > limit) | (self.lost > limit))


def raised(levels: tuple[int, ...], leaky: Array) -> tuple[int, ...]:
    """More Fock states of some modes."""
    return tuple(
        math.ceil(size * _GROWTH) + 2 if each else size
        for size, each in zip(levels, leaky, strict=True)
    )


class Trajectories:
    """Numbered trajectories of one question, in one truncation and at one accuracy."""

    def __init__(
        self,
        question: Question,
        starts: Starts,
        levels: tuple[int, ...],
        accuracy: float,
        fits: Callable[[tuple[int, ...]], bool],
    ) -> None:
        self.question, self.starts = question, starts
        self.levels, self.accuracy = levels, accuracy
        self.fits = fits
        self.closed = starts.modes.closed
        self._levels_of_spins = level_values(starts.space) if _asks_levels(question) else None
        self._systems: OrderedDict[tuple[Any, ...], _System] = OrderedDict()
        self._same: dict[tuple[Any, ...], Sample] = {}
        self._kept: dict[int, Sample] = {}

    @property
    def deterministic(self) -> bool:
        """Whether all trajectories are one."""
        return self.closed and self.starts.single

    def sample(self, number: int, limit: float | None = None) -> Sample:
        """One trajectory, which depends on nothing but its number.

        With a limit it has as many more Fock states as it needs itself, so that no rare one is
        cut off by what is enough for others.
        """
        made = self._kept.get(number) or self._made(number, self.levels)
        while limit is not None and (leaky := made.leaky(limit)).any():
            more = raised(made.levels, leaky)
            if not self.fits(more):
                break
            made = self._made(number, more)
        return made

    def _made(
        self,
        number: int,
        levels: tuple[int, ...],
        tick: Callable[[float], None] | None = None,
    ) -> Sample:
        generator = self.starts.generator(number)
        start = self.starts.draw(generator)
        again = self.closed and not self.starts.modes.occupation.any()
        alike = (start.double, start.flipped, levels)
        if again and alike in self._same:
            return self._same[alike]
        made = self._system(start, levels).run(start, generator, tick)
        if again and len(self._same) < _MOST_ALIKE:
            self._same[alike] = made
        return made

    def keep(self, number: int, tick: Callable[[float], None]) -> None:
        """Compute a trajectory now and remember it."""
        self._kept[number] = self._made(number, self.levels, tick)

    @property
    def known(self) -> int:
        """Trajectories that are remembered: 0 … known − 1."""
        return len(self._kept)

    def kept(self, count: int) -> list[Sample]:
        """The first trajectories, which were remembered."""
        return [self._kept[number] for number in range(count)]

    def statistics(self, samples: Sequence[Sample]) -> dict[str, Statistic]:
        """Moments of the observables over some trajectories."""
        values = np.stack([each.values for each in samples])
        made: dict[str, Statistic] = {}
        for item in self.question.observables:
            parts = self.question.parts_of(values, item)
            made[item.name] = (
                Moments.of(parts[0])
                if item.combine is None
                else JointMoments.of(parts, item.combine)
            )
        return made

    def _system(self, start: Start, levels: tuple[int, ...]) -> _System:
        known = self._systems.pop((start.double, levels), None)
        if known is None:
            space = self.starts.restricted(start.double)
            room = _MOST_STATES - space.size * math.prod(levels)
            while self._systems and sum(each.size for each in self._systems.values()) > room:
                self._systems.popitem(last=False)
            known = _System(
                self.question, self.starts, space, self._levels_of_spins, levels, self.accuracy
            )
        self._systems[start.double, levels] = known
        return known


def _asks_levels(question: Question) -> bool:
    return any(item.level is not None for item in question.primitives)


class _System:
    """Operators and solver for one combination of total spins."""

    def __init__(
        self,
        question: Question,
        starts: Starts,
        space: SpinSpace,
        all_levels: Array | None,
        levels: tuple[int, ...],
        accuracy: float,
    ) -> None:
        self.starts, self.levels = starts, levels
        self.spins = space.size
        self.size = space.size * math.prod(levels)
        self._read = _Reader(question.primitives, space, all_levels, levels)
        # Small numbers are absolute in QuTiP: it drops elements below 1e−12 and jumps below 1e−10.
        unit = energy_unit(question.problem, starts.modes)
        hamiltonian, jumps = _operators(question.problem, space, starts.modes, levels, unit)
        largest = max([1.0, _largest(hamiltonian), *(_largest(each) ** 2 for each in jumps)])
        self.dims = hamiltonian.dims[0]
        self.times = question.elapsed * unit * largest
        self.solver = _solver(
            hamiltonian / largest,
            [each / math.sqrt(largest) for each in jumps],
            float(self.times[-1]),
            accuracy,
        )
        self.jumps = bool(jumps)

    def run(
        self, start: Start, generator: np.random.Generator, tick: Callable[[float], None] | None
    ) -> Sample:
        """One trajectory from a pure state."""
        import qutip

        vector, lost = self.starts.vector(start, self.levels)
        ket = qutip.Qobj(vector[:, None], dims=[self.dims, [1] * len(self.dims)])
        values: list[Array] = []
        tops: list[list[float]] = []
        profile = tuple(np.zeros(size) for size in self.levels)

        def record(_: float, state: Any) -> float:
            value, weights = self._read(state.full().reshape(self.spins, *self.levels))
            values.append(value)
            tops.append([each[-1] for each in weights])
            for largest, each in zip(profile, weights, strict=True):
                np.maximum(largest, each, out=largest)
            if tick is not None:
                tick(len(values) / len(self.times))
            return 0.0

        if not self.jumps:
            self.solver.run(ket, self.times, e_ops=[record])
            count = 0
        else:
            made = self.solver.run(ket, self.times, ntraj=1, e_ops=[record], seeds=[generator])
            count = len(made.collapse[0])
        return Sample(np.stack(values), np.array(tops), profile, lost, count, self.levels)


def energy_unit(problem: Problem, modes: QuantumModes) -> float:
    """The largest of all energies of a problem."""
    couplings = float(np.abs(problem.couplings).max(initial=0.0))
    energies = [np.abs(problem.field), np.abs(modes.frequencies), modes.loss, modes.gain]
    if problem.strengths is None:
        energies.append(np.array([couplings]))
    else:
        energies.append(np.abs(problem.strengths) * couplings**2)
    largest = max(float(each.max(initial=0.0)) for each in energies)
    return largest if largest > 0 else 1.0


def _operators(
    problem: Problem, space: SpinSpace, modes: QuantumModes, levels: tuple[int, ...], unit: float
) -> tuple[Any, list[Any]]:
    """Hamiltonian and collapse operators in a unit of energy."""
    from opendicke.interop.qutip import FockSpace

    if problem.strengths is None:
        size = 1 / unit
    else:  # couplings are the factors of an Ising model, in which the strengths are energies
        size = 1.0
        problem = replace(problem, strengths=problem.strengths / unit)
    parts = tuple(OneSpin(part, part.sectors[0].double, size, 1 / unit) for part in space.parts)
    modes = replace(
        modes,
        frequencies=modes.frequencies / unit,
        loss=modes.loss / unit,
        gain=modes.gain / unit,
    )
    scaled = SpinSpace(parts, space.member, space.sign)
    fock = FockSpace(problem, scaled, modes, levels, np.eye(3))
    return _stored(fock.hamiltonian()), [_stored(each) for each in fock.jumps()]


def _stored(operator: Any) -> Any:
    """As diagonals where these are full enough: QuTiP multiplies them faster."""
    sparse = operator.to("csr")
    entries = sparse.data.as_scipy().tocoo()
    diagonals = len(np.unique(entries.col - entries.row))
    few = diagonals * operator.shape[0] <= _SPARSE * max(entries.nnz, operator.shape[0])
    return sparse.to("dia") if few else sparse


def _largest(operator: Any) -> float:
    return float(np.abs(operator.to("csr").data.as_scipy().data).max(initial=0.0))


def _solver(hamiltonian: Any, jumps: list[Any], span: float, accuracy: float) -> Any:
    import qutip

    # Of explicit methods the one of order 5 is the cheapest where stability sets the step.
    method = "tsit5" if accuracy >= 1e-7 else "vern7" if accuracy >= 1e-10 else "vern9"
    options = {
        "method": method,
        "rtol": accuracy,
        "atol": accuracy / 10,
        "nsteps": 10**9,
        "progress_bar": "",
        "store_states": False,
        "store_final_state": False,
    }
    if not jumps:
        return qutip.SESolver(hamiltonian, options=options)
    options |= {
        "keep_runs_results": False,
        "improved_sampling": False,
        "map": "serial",
        "norm_tol": max(accuracy, 1e-12),
        "norm_t_tol": max(1e-12 * span, 1e-300),
        "norm_steps": 10_000,
    }
    return qutip.MCSolver(hamiltonian, jumps, options=options)


class _Reader:
    """Expectation values of primitives in one state vector."""

    def __init__(
        self,
        primitives: Sequence[Primitive],
        space: SpinSpace,
        all_levels: Array | None,
        levels: tuple[int, ...],
    ) -> None:
        self._primitives = tuple(primitives)
        self._roots = [
            np.sqrt(np.arange(1, size)).reshape([-1] + [1] * (len(levels) - 1 - place))
            for place, size in enumerate(levels)
        ]
        self._matrices: dict[Any, Any] = {}
        for item in self._primitives:
            if item.spins and item.spins not in self._matrices:
                sums = [space.sums[c][a] for c, a in item.spins]
                made = sums[0] if len(sums) == 1 else (sums[0] @ sums[1] + sums[1] @ sums[0]) / 2
                self._matrices[item.spins] = made.tocsr()
        self._level: Array | None = None
        if all_levels is not None:
            both = np.concatenate([all_levels, space.z])
            _, places = np.unique(both, axis=0, return_inverse=True)
            self._level = np.ravel(places)[len(all_levels) :]
            self._level_count = len(all_levels)

    def __call__(self, state: Array) -> tuple[Array, list[Array]]:
        """Values (P,), and weights of the Fock states of every mode, of a tensor (D, *levels)."""
        weight = np.abs(state) ** 2
        axes = range(state.ndim)
        marginals = [weight.sum(axis=(*axes[:own], *axes[own + 1 :])) for own in axes[1:]]
        by_level = None
        if self._level is not None:
            in_spins = weight.reshape(len(weight), -1).sum(axis=1)
            by_level = np.bincount(self._level, in_spins, self._level_count)
        lowered: dict[tuple[int, ...], Array] = {(): state.reshape(len(state), -1)}
        acted: dict[Any, Array] = {}
        values = np.empty(len(self._primitives), complex)
        for k, item in enumerate(self._primitives):
            if item.level is not None:
                assert by_level is not None
                values[k] = by_level[item.level]
                continue
            for names in (item.created, item.annihilated):
                if names not in lowered:
                    lowered[names] = self._lowered(state, names).reshape(len(state), -1)
            right = lowered[item.annihilated]
            if item.spins:
                place = (item.spins, item.annihilated)
                if place not in acted:
                    acted[place] = self._matrices[item.spins] @ right
                right = acted[place]
            values[k] = np.vdot(lowered[item.created], right)
        return values, marginals

    def _lowered(self, state: Array, names: tuple[int, ...]) -> Array:
        """b of some modes applied."""
        for mode in names:
            axis = 1 + mode
            moved = np.zeros_like(state)
            below = (slice(None),) * axis
            moved[(*below, slice(None, -1))] = self._roots[mode] * state[(*below, slice(1, None))]
            state = moved
        return state
