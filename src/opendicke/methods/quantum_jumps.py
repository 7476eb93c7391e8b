"""Quantum jumps: pure-state trajectories that average to the Lindblad equation, by QuTiP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from opendicke.errors import InputError
from opendicke.interop.primitives import OFFERED, Question
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.measure.moments import JointMoments, Moments, Statistic
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.measure.terms import EntropyTerm
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict, one_by_one
from opendicke.methods.exact_plans import as_numbers, is_pure, written
from opendicke.methods.stochastic import (
    Extent,
    Gathered,
    as_it_is,
    check_extent,
    earlier,
    gather,
    settled,
)
from opendicke.model.checks import Array, affordable, integer, machine_memory, real
from opendicke.model.collective import SpinSpace
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import ProductState

if TYPE_CHECKING:
    from opendicke.methods.jump_cutoff import Choice
    from opendicke.methods.jump_trajectories import Trajectories

_BLOCK = 8
"""Trajectories in a block, where the memory allows."""
_BYTES = 2**26
"""Memory for the answers of a block."""
_LONGEST = 1e9
"""Seconds that no run may take by its estimate."""


@dataclass(frozen=True)
class QuantumJumps(AbstractMethod):
    r"""Quantum jumps: pure states that jump at random times, on average the Lindblad equation.

    Between jumps a trajectory follows

    .. math::
        i\,\partial_t|\psi\rangle = (H - \tfrac i2\sum_k c_k^\dagger c_k)|\psi\rangle,
        \qquad c_k \in \{\sqrt{\mathrm{loss}_\lambda}\,a_\lambda,\
        \sqrt{\mathrm{gain}_\lambda}\,a_\lambda^\dagger\},

    and jumps to :math:`c_k|\psi\rangle`, normalised, with the probability
    :math:`\langle c_k^\dagger c_k\rangle dt` (Dalibard, Castin and Mølmer, Phys. Rev. Lett. 68
    (1992) 580). QuTiP's `mcsolve` makes the trajectories. A state vector takes the place of a
    density matrix, so models fit that are too large for `Lindblad`; every number has a standard
    error. Equal spins in one collective spin, degenerate modes in few. Models without loss and gain
    have no jumps: from a pure state one trajectory is the answer, with errors of 0.

    Parameters
    ----------
    trajectories : int, optional
        How many; with `target_stderr`, how many at most. By default 1,000, or 10⁶ with a target.
    target_stderr : float, optional
        Go on until every standard error of every observable at every time is at most this,
        absolute for values below 1 and relative to the largest value otherwise.
    tolerance : float
        Admitted change of means by more Fock states, and by a more accurate integrator, in the same
        sense. It is measured on the first trajectories, which have the same random numbers.
    cutoff : int or list of ints, optional
        Fock states of each coupled mode. By default they are raised until means no longer change,
        and of single trajectories that need more, further.
    block : int, optional
        Trajectories between two reports of progress; by default 8, or what the memory allows.

    Raises
    ------
    InputError
        If a setting is out of its range; what a method admits is seen when it meets a model.
    """

    trajectories: int | None = None
    target_stderr: float | None = None
    tolerance: float = 1e-4
    cutoff: int | list[int] | tuple[int, ...] | None = None
    block: int | None = None

    kind: ClassVar[str] = "quantum-jumps"
    # Entropy is no average over trajectories, nor a function of few.
    offers: ClassVar[tuple[type, ...]] = tuple(each for each in OFFERED if each is not EntropyTerm)
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        extent = check_extent(self.trajectories, self.target_stderr, self.block)
        names = ("trajectories", "target_stderr", "block")
        for name, value in zip(names, extent, strict=True):
            object.__setattr__(self, name, value)
        tolerance = real("tolerance", self.tolerance, least=1e-10, most=0.1)
        object.__setattr__(self, "tolerance", tolerance)
        cutoff: Any = self.cutoff
        if isinstance(cutoff, (list, tuple)):
            cutoff = tuple(integer("cutoff", each, least=2) for each in cutoff)
        elif cutoff is not None:
            cutoff = integer("cutoff", cutoff, least=2)
        object.__setattr__(self, "cutoff", cutoff)

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Every finite model and product state whose state vector fits the memory."""
        if model.thermodynamic:
            raise InputError(
                "model",
                "have finitely many spins for QuantumJumps",
                "was a thermodynamic limit",
            )
        problem = reduce(model, state)
        space, modes = SpinSpace.of(problem), QuantumModes.of(problem)
        levels = self._levels(space, modes)
        size = _states(space, levels)
        shown = f"{size:,}" if size < 10**12 else f"10^{int(math.log10(size))}"
        large = _memory(space, (2,) * len(levels)) > machine_memory()
        affordable(
            "model" if self.cutoff is None or large else "cutoff",
            f"a state vector of {shown} states with its operators",
            _memory(space, levels),
        )

    def extent(self, state: ProductState | Ensemble, block: int = 1) -> Extent:
        """How many trajectories, in blocks of a size.

        Parameters
        ----------
        state : ProductState or Ensemble
            From where.
        block : int
            Trajectories computed together.

        Returns
        -------
        Extent
            Trajectories at most, target and block.
        """
        return Extent(self.trajectories, self.target_stderr, block)

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Valid wherever it fits; the number is that of the states to begin with."""
        space, modes = SpinSpace.of(problem), QuantumModes.of(problem)
        levels = self._levels(space, modes)
        states = _states(space, levels)
        span = float(times[-1] - times[0])
        largest, jumps = _rates(problem, space, modes, levels)
        entries = 2.0 + 2.0 * len(space.parts) + 2.0 * len(levels)
        each = 6 * span * largest * (states * entries * 4e-9 + 1e-5)
        each += span * jumps * 5e-4 + len(times) * (1e-4 + states * 5e-8)
        single = is_pure(space, modes)
        seconds = 0.5 + each * (4 if single else self.extent(problem.state).most + 40)
        memory = float(_memory(space, levels))
        if not seconds <= _LONGEST:
            reason = f"it would take about {seconds:.1g} s"
            return Assessment(Verdict.INVALID, reason, seconds, seconds, memory)
        reason = f"it is exact up to its errors, with at least {states:,} states"
        return Assessment(Verdict.VALID, reason, float(states), seconds, memory)

    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Solve problems one after the other."""

        def one(number: int, report: Progress) -> Raw:
            from qutip.solver.integrator import IntegratorException

            question = problems[number], times, observables
            try:
                known = None if before is None else before[number]
                return self._solve(*question, keys[number], report, known)
            except (IntegratorException, RuntimeError, FloatingPointError) as error:
                return _failed(*question, str(error))

        return one_by_one(one, len(problems), progress)

    def _levels(self, space: SpinSpace, modes: QuantumModes) -> tuple[int, ...]:
        """The given Fock states of the coupled modes, or those that are tried first."""
        from opendicke.methods.jump_cutoff import first_levels

        if self.cutoff is None:
            return first_levels(space, modes, self.tolerance)
        if not isinstance(self.cutoff, (list, tuple)):
            return (self.cutoff,) * modes.count
        if len(self.cutoff) != modes.count:
            raise InputError(
                "cutoff",
                f"be a number or have one entry per coupled mode ({modes.count})",
                f"had {len(self.cutoff)}",
            )
        return tuple(self.cutoff)

    def _solve(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int],
        report: Progress,
        before: Raw | None,
    ) -> Raw:
        from opendicke.methods.jump_cutoff import choose
        from opendicke.methods.jump_starts import Starts
        from opendicke.methods.jump_trajectories import Trajectories

        space, modes = SpinSpace.of(problem), QuantumModes.of(problem)
        question = Question(problem, space, modes, observables, times - times[0])
        starts = Starts(space, modes, key)
        most = self.extent(problem.state).most

        def fits(levels: tuple[int, ...]) -> bool:
            return _memory(space, levels) <= machine_memory()

        def make(levels: tuple[int, ...], accuracy: float) -> Trajectories:
            return Trajectories(question, starts, levels, accuracy, fits)

        known = earlier(before, observables, problem.model, times)
        if before is not None and known is not None:
            choice, totals = _recorded(before.numerics, make)
            if choice.trajectories.deterministic:
                return before
            if (found := settled(known, self.extent(problem.state))) is not None:
                return as_it_is(before, *self._status(choice, found, totals, times))
            begun = 0.0
        else:
            choice = choose(
                make,
                self._levels(space, modes),
                self.tolerance,
                most,
                fits,
                lambda share, text: report(share / 5, text),
                self.cutoff is not None,
            )
            totals, begun = _Totals(choice.trajectories.levels), 0.2
        chosen = choice.trajectories
        block = self._block(question, most)
        limit = self.tolerance if self.cutoff is None else None
        if chosen.deterministic:
            gathered = _alone(chosen, most)
            totals.add(chosen.kept(1))
            report(1.0, "1 trajectory")
        else:

            def one(first: int, count: int) -> dict[str, Statistic]:
                numbers = range(first, first + count)
                samples = [chosen.sample(number, limit) for number in numbers]
                totals.add(samples)
                return chosen.statistics(samples)

            gathered = gather(
                one,
                self.extent(problem.state, block),
                lambda share, text: report(begun + (1 - begun) * share, text),
                at_once=1,  # QuTiP's solvers hold the interpreter's lock, and their state
                before=known,
            )
        numerics = {
            "cutoff": written(chosen.levels),
            "largest_cutoff": written(totals.levels),
            "states": _states(space, chosen.levels),
            "truncation_error": choice.truncation,
            "integrator_error": choice.integration,
            "integrator_tolerance": chosen.accuracy,
            "estimated_error": float(np.nansum([choice.truncation, choice.integration])),
            "top_level_weight": totals.top,
            "initial_weight_lost": totals.lost,
            "jumps": totals.jumps,
            "pilots": choice.pilots,
            "block": block,
        } | gathered.numerics(times)
        if chosen.deterministic:
            numerics["trajectories"] = 1
        if choice.reason:
            numerics["cutoff_remark"] = choice.reason
        status, message = self._status(choice, gathered, totals, times)
        return Raw(gathered.values, status, message, numerics, question.labels())

    def _block(self, question: Question, most: int) -> int:
        """Trajectories in a block: as asked, or what memory allows."""
        if self.block is not None:
            return min(self.block, most)
        model, times = question.problem.model, len(question.elapsed)
        numbers = len(question.primitives) + sum(
            len(item.parts(model)) * math.prod(item.shape(model)) for item in question.observables
        )
        return max(1, min(_BLOCK, most, _BYTES // max(1, 32 * times * numbers)))

    def _status(
        self, choice: Choice, gathered: Gathered, totals: _Totals, times: Array
    ) -> tuple[Status, str]:
        if not all(np.isfinite(each.mean).all() for each in gathered.values.values()):
            return Status.NOT_FINITE, "a trajectory is not finite"
        sampling = gathered.worst.error
        allowed = max(self.tolerance, sampling)
        levels = written(totals.levels)
        for error, what in (
            (choice.truncation, f"more Fock states than {levels} change means"),
            (choice.integration, "a more accurate integrator changes means"),
        ):
            if error > allowed:
                return Status.NOT_CONVERGED, (
                    f"{what} by an estimated {error:.2g}, above the tolerance "
                    f"{self.tolerance:.2g} and the standard error {sampling:.2g}"
                    + (f": {choice.reason}" if choice.reason else "")
                )
        for weight, what in (
            (totals.lost, f"{levels} Fock states miss, of the initial state, the weight"),
            (totals.top, f"the highest of {levels} Fock states holds the weight"),
        ):
            if weight > self.tolerance:
                return Status.NOT_CONVERGED, (
                    f"{what} {weight:.2g}, above the tolerance {self.tolerance:.2g}"
                )
        missed = gathered.missed(times, self.target_stderr)
        return (Status.NOT_CONVERGED, missed) if missed else (Status.OK, choice.reason)


class _Totals:
    """What is summed up over trajectories beside the observables."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        self.levels = levels
        """The most Fock states of each mode."""
        self._count = 0
        self._jumps = 0.0
        self._lost: Array | float = 0.0
        self._top: Array | float = 0.0

    def add(self, samples: Sequence[Any]) -> None:
        """More trajectories."""
        for each in samples:
            self._count += 1
            self._jumps += each.jumps
            self._lost = self._lost + each.lost
            self._top = self._top + each.top
            self.levels = tuple(map(max, self.levels, each.levels))

    @property
    def top(self) -> float:
        """Largest mean weight of the highest Fock state of a mode at any time."""
        return float(np.max(self._top, initial=0.0)) / self._count

    @property
    def lost(self) -> float:
        """Mean weight of the initial state beyond the Fock states of a mode."""
        return float(np.max(self._lost, initial=0.0)) / self._count

    @property
    def jumps(self) -> float:
        """Mean number of jumps."""
        return self._jumps / self._count

    @classmethod
    def recorded(cls, numerics: Mapping[str, Any]) -> _Totals:
        """Of an earlier run; of its weights only the largest are known, which later ones add to."""
        made = cls(as_numbers(numerics["largest_cutoff"]))
        made._count = int(numerics["trajectories"])
        made._jumps = float(numerics["jumps"]) * made._count
        made._lost = float(numerics["initial_weight_lost"]) * made._count
        made._top = float(numerics["top_level_weight"]) * made._count
        return made


def _recorded(
    numerics: Mapping[str, Any], make: Callable[[tuple[int, ...], float], Trajectories]
) -> tuple[Choice, _Totals]:
    """The cutoff and the integrator that an earlier run chose, and what it summed up."""
    from opendicke.methods.jump_cutoff import Choice

    def number(name: str) -> float:
        return math.nan if numerics[name] is None else float(numerics[name])

    trajectories = make(as_numbers(numerics["cutoff"]), number("integrator_tolerance"))
    choice = Choice(
        trajectories,
        number("truncation_error"),
        number("integrator_error"),
        int(numerics["pilots"]),
        str(numerics.get("cutoff_remark", "")),
    )
    return choice, _Totals.recorded(numerics)


def _failed(
    problem: Problem, times: Array, observables: tuple[Observable, ...], reason: str
) -> Raw:
    """No answer, because QuTiP gave up."""
    values: dict[str, Statistic] = {}
    for item in observables:
        nothing = np.full((len(times), *item.shape(problem.model)), np.nan)
        values[item.name] = Moments(0, nothing, nothing)
    message = " ".join(f"QuTiP's solver stopped: {reason}".split()).rstrip(".")
    return Raw(values, Status.NOT_FINITE, message)


def _alone(trajectories: Trajectories, most: int) -> Gathered:
    """Statistics where all trajectories are the one that is known: they do not scatter."""
    from opendicke.methods.stochastic import worst_error

    count = max(2, most)
    values: dict[str, Statistic] = {}
    for name, one in trajectories.statistics(trajectories.kept(1)).items():
        if isinstance(one, JointMoments):
            values[name] = JointMoments(count, one.mean, one.m2, one.combine)
        else:
            values[name] = Moments(count, one.mean, one.m2)
    return Gathered(values, count, worst_error(values), True)


def _states(space: SpinSpace, levels: tuple[int, ...]) -> int:
    """States of a trajectory: of every collective spin one total spin, the largest."""
    return math.prod(part.count + 1 for part in space.parts) * math.prod(levels)


def _memory(space: SpinSpace, levels: tuple[int, ...]) -> int:
    """Bytes of state vectors, operators and what the solver makes of them."""
    entries = 1 + 2 * len(space.parts) + 2 * len(levels)
    return _states(space, levels) * (16 * 24 + 20 * (5 * entries + 6 * len(levels)))


def _rates(
    problem: Problem, space: SpinSpace, modes: QuantumModes, levels: tuple[int, ...]
) -> tuple[float, float]:
    """About the norm of the Hamiltonian, and the jumps per time."""
    counts = space.counts
    rows = np.abs(np.stack([part.couplings for part in space.parts]))
    sizes = np.array(levels, float)
    forces = counts @ rows[:, modes.kept]
    largest = float(counts @ np.abs([part.field for part in space.parts]))
    largest += float(np.abs(modes.frequencies) @ sizes + 2 * forces @ np.sqrt(sizes))
    largest += float((modes.loss + modes.gain) @ sizes) / 2
    if problem.strengths is not None:
        largest += float((counts @ rows) ** 2 @ np.abs(problem.strengths))
    photons = np.minimum(modes.amplitudes(forces) ** 2 / 2 + modes.occupation, sizes)
    return largest, float(modes.loss @ photons + modes.gain @ (photons + 1))
