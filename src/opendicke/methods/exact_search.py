"""The search for the cutoff of exact methods, over the ways to solve a problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from opendicke.errors import InputError
from opendicke.interop.primitives import Primitive, Question
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import Progress
from opendicke.methods.exact_plans import Plan, raised, written
from opendicke.methods.exact_steady import FACTORISED, SMALL, factorised, iterated
from opendicke.methods.hierarchy import Hierarchy
from opendicke.methods.linear_system import Followed, LinearSystem, follow, in_real_numbers
from opendicke.model.checks import Array, machine_memory
from opendicke.model.collective import SpinSpace
from opendicke.model.reduce import Problem

_PATIENCE = 4.0
"""A way may cost this many times the next best one's estimate before that is tried."""
_STEADY = 0.3
"""Two changes of which the second is below this share of the first belong to a series."""
_LEAST_REST = 0.1
"""What is left is never taken to be below this share of the last change."""
_MOST_RAISES = 40


@dataclass(frozen=True, eq=False)
class Task:
    """A problem on collective spins and coupled modes, and what is asked."""

    problem: Problem
    space: SpinSpace
    modes: QuantumModes
    question: Question
    elapsed: Array

    @classmethod
    def of(
        cls,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...] = (),
        *,
        at_rest: bool = False,
    ) -> Task:
        """`at_rest` reads observables as they are long after the start."""
        space, modes = SpinSpace.of(problem), QuantumModes.of(problem)
        modes = modes.at_rest() if at_rest else modes
        elapsed = times - times[0]
        return cls(
            problem, space, modes, Question(problem, space, modes, observables, elapsed), elapsed
        )

    def system(self, way: str, cutoff: tuple[int, ...]) -> LinearSystem:
        """Equations of motion."""
        if way == "hierarchy":
            return Hierarchy(self.space, self.modes, cutoff[0]).system(self.question)
        from opendicke.methods.fock_system import fock_system

        return fock_system(
            self.problem,
            self.space,
            self.modes,
            cutoff,
            self.question,
            displaced=way == "displaced",
        )

    def follow(
        self,
        system: LinearSystem,
        report: Progress | None = None,
        text: str = "",
        *,
        halved: bool = False,
    ) -> Followed:
        told: Callable[[float], None] | None = None
        if report is not None:

            def told(share: float) -> None:
                report(0.99 * share, text)

        return follow(system, self.elapsed, told, halved=halved)


def followed(
    task: Task, plans: Sequence[Plan], tolerance: float, free: bool, report: Progress
) -> Raw:
    """Time evolution by the first way that converges, else the best answer there is.

    `free` says that cutoffs are to be found; otherwise those of the plans are kept, and compared
    with smaller ones.
    """
    best: _Found | None = None
    most = machine_memory()
    for number, plan in enumerate(plans):
        if best is not None and plan.cost(plan.cutoff).memory > most:
            continue
        others = [other.expected.seconds for other in plans[number + 1 :]]
        limit = _PATIENCE * min(others) if others else float("inf")
        found = _searched(task, plan, tolerance, free, limit, report)
        if best is None or not best.finite or found.truncation < best.truncation:
            best = found
        if best.converged(tolerance):
            break
    assert best is not None
    return best.raw(task, tolerance)


def _searched(
    task: Task, plan: Plan, tolerance: float, free: bool, limit: float, report: Progress
) -> _Found:
    """Raise the cutoff until observables agree, memory ends or another way is cheaper."""
    cutoffs = [plan.cutoff] if free else [lowered(plan.cutoff, plan.least), plan.cutoff]
    previous, change = None, float("inf")
    steps, attempts = float("nan"), 0
    most = machine_memory()
    while True:
        cutoff = cutoffs[min(attempts, len(cutoffs) - 1)]
        system = task.system(plan.way, cutoff)
        made = task.follow(system, report, f"{plan.way}, cutoff {written(cutoff)}")
        answers = task.question.answers(made.values)
        if attempts == 0:
            again = task.follow(system, halved=True)
            steps = difference(answers, task.question.answers(again.values))
        earlier, change = change, float("inf")
        if previous is not None:
            change = difference(previous, answers)
        attempts += 1
        rest = change
        if system.smooth and change < _STEADY * earlier < float("inf"):
            ratio = change / earlier
            rest = max(2 * ratio / (1 - ratio), _LEAST_REST) * change
        found = _Found(plan.way, cutoff, system.unknowns, answers, rest, steps, made, attempts)
        if found.converged(tolerance) or attempts > _MOST_RAISES:
            return found
        if not free and attempts == len(cutoffs):
            return found
        following = raised(cutoff)
        cost = plan.cost(following)
        if free:
            if cost.memory > most:
                return found._replace(stopped=cost.memory)
            if cost.seconds > limit and attempts > 1:
                return found
            cutoffs.append(following)
        previous = answers


class _Found(NamedTuple):
    """The answer of one way at its last cutoff."""

    way: str
    cutoff: tuple[int, ...]
    unknowns: int
    answers: dict[str, Array]
    truncation: float
    steps: float
    made: Followed
    attempts: int
    stopped: float = 0.0
    """Bytes that the next cutoff would have needed, where memory ended the search."""

    @property
    def finite(self) -> bool:
        """Whether the state is."""
        return bool(np.isfinite(self.made.values).all())

    def converged(self, tolerance: float) -> bool:
        """Whether the truncation is no more to be seen."""
        return self.finite and self.truncation <= tolerance

    def raw(self, task: Task, tolerance: float) -> Raw:
        """Answers with how they were made."""
        numerics: dict[str, Any] = {
            "way": self.way,
            "cutoff": written(self.cutoff),
            "unknowns": self.unknowns,
            "truncation_error": self.truncation,
            "integrator_error": self.steps,
            "top_level_weight": float(np.max(self.made.top, initial=0.0)),
            "attempts": self.attempts,
            "estimated_error": self.truncation + self.steps,
        }
        status, message = Status.OK, ""
        if not self.finite:
            status, message = Status.NOT_FINITE, "the state is not finite"
        elif self.truncation > tolerance or self.steps > tolerance:
            status = Status.NOT_CONVERGED
            message = (
                f"the answer changes by {self.truncation:.2g} with the cutoff "
                f'{written(self.cutoff)} of way "{self.way}" and by {self.steps:.2g} with the '
                f"step, above the tolerance {tolerance:.2g}"
            )
            if self.stopped:
                message += f"; the next cutoff would need {self.stopped / 1e9:.3g} GB"
        return Raw(self.answers, status, message, numerics, task.question.labels())


class _Balance(NamedTuple):
    """A stationary state at one cutoff."""

    values: Array | None
    """Primitives, (1, P); None where it is not unique."""
    residual: float
    slowest: float
    unknowns: int


def stationary(
    task: Task, plans: Sequence[Plan], tolerance: float, free: bool, report: Progress
) -> Raw:
    """The stationary state by the way with the fewest unknowns that converges."""
    ordered = sorted(plans, key=lambda plan: plan.expected.unknowns)
    best: tuple[float, Raw] | None = None
    most = machine_memory()
    for number, plan in enumerate(ordered):
        if best is not None and plan.cost(plan.cutoff).memory > most:
            continue
        others = [other.expected.unknowns for other in ordered[number + 1 :]]
        limit = max(FACTORISED, min(others)) if others else float("inf")
        change, raw = _settled(task, plan, tolerance, free, limit, report)
        if best is None or change < best[0]:
            best = change, raw
        if raw.status is Status.OK:
            break
    assert best is not None
    return best[1]


def _settled(
    task: Task, plan: Plan, tolerance: float, free: bool, limit: float, report: Progress
) -> tuple[float, Raw]:
    """Raise the cutoff until the stationary state stays."""
    cutoff, following = lowered(plan.cutoff, plan.least), plan.cutoff
    previous, change, attempts = None, float("inf"), 0
    while True:
        report(attempts / (attempts + 2), f"{plan.way}, cutoff {written(cutoff)}")
        found = _balance(task, plan.way, cutoff)
        if found.values is None:
            raise InputError(
                "model",
                "have one stationary state",
                f"has several, or approaches it at no rate above {found.slowest:.2g}",
            )
        answers = task.question.answers(found.values)
        attempts += 1
        if previous is not None:
            change = difference(previous, answers)
        needed = plan.cost(following)
        ended = attempts > _MOST_RAISES or needed.memory > machine_memory()
        ended |= needed.unknowns > limit or not free
        if change <= tolerance or (attempts >= 2 and ended):
            break
        cutoff, following = following, raised(following)
        previous = answers
    slow = found.slowest if np.isfinite(found.slowest) else 1.0
    rounding = found.residual / slow
    numerics: dict[str, Any] = {
        "way": plan.way,
        "cutoff": written(cutoff),
        "unknowns": found.unknowns,
        "truncation_error": change,
        "residual": found.residual,
        "slowest_rate": found.slowest,
        "attempts": attempts,
    }
    status, message = Status.OK, ""
    if change > tolerance or rounding > tolerance:
        status = Status.NOT_CONVERGED
        message = (
            f"the stationary state changes by {change:.2g} with the cutoff {written(cutoff)} of "
            f'way "{plan.way}" and may be off by {rounding:.2g} for its residual, above the '
            f"tolerance {tolerance:.2g}"
        )
    return change, Raw(answers, status, message, numerics, task.question.labels())


def _balance(task: Task, way: str, cutoff: tuple[int, ...]) -> _Balance:
    if way == "hierarchy":
        return _balance_of_hierarchy(task, Hierarchy(task.space, task.modes, cutoff[0]))
    return _balance_in_fock_space(task, way, cutoff)


def _balance_of_hierarchy(task: Task, hierarchy: Hierarchy) -> _Balance:
    """Every combination of total spins with the weight that it has at the start."""
    items = [*task.question.primitives, Primitive()]
    rows = sp.vstack([hierarchy.row(item) for item in items], format="csr")
    generator, start, rows = in_real_numbers(
        hierarchy.generator(), hierarchy.start(), rows, hierarchy.partner
    )
    trace = np.asarray(rows[[len(items) - 1]].toarray().real).ravel()
    blocks = hierarchy.blocks
    state, residual, slowest = np.zeros(len(start)), 0.0, float("inf")
    for block in np.unique(blocks):
        own = np.flatnonzero(blocks == block)
        found = factorised(sp.csr_array(generator[own][:, own]), trace[own])
        if found.state is None:
            return _Balance(None, 0.0, found.slowest, len(start))
        state[own] = found.state * (trace[own] @ start[own])
        residual, slowest = max(residual, found.residual), min(slowest, found.slowest)
    values = np.asarray(rows @ state)[None, :-1]
    return _Balance(values, residual, slowest, len(start))


def _balance_in_fock_space(task: Task, way: str, levels: tuple[int, ...]) -> _Balance:
    """The same in Fock space, one combination of total spins after the other."""
    from opendicke.interop.qutip import exactly
    from opendicke.methods.fock_system import fock_space, master_equation, sparse

    fock = fock_space(task.problem, task.space, task.modes, levels, displaced=way == "displaced")
    with exactly():
        hamiltonian, jumps = sparse(fock.hamiltonian()), [sparse(c) for c in fock.jumps()]
        operators = [sparse(fock.operator(item)) for item in task.question.primitives]
    sector = np.repeat(task.space.sector, hamiltonian.shape[0] // task.space.size)
    weights = task.space.density().diagonal().real
    values = np.zeros(len(operators), complex)
    residual, slowest, unknowns = 0.0, float("inf"), 0
    for code in np.unique(sector):
        own = np.flatnonzero(sector == code)
        inside = [sp.csr_array(each[own][:, own]) for each in (hamiltonian, *jumps, *operators)]
        h, cs, asked = inside[0], inside[1 : 1 + len(jumps)], inside[1 + len(jumps) :]
        size = len(own)
        unknowns += size**2
        if size**2 <= SMALL:
            generator, partner = master_equation(h, cs)
            rows = sp.csr_array(np.eye(size).ravel(order="F")[None, :].astype(complex))
            real, _, rows = in_real_numbers(generator, np.zeros(size**2), rows, partner)
            found = factorised(real, np.asarray(rows.toarray().real).ravel())
            density = None if found.state is None else _matrix(found.state, partner, size)
        else:
            found = iterated(h, cs)
            density = found.state
        if density is None:
            return _Balance(None, 0.0, found.slowest, unknowns)
        share = weights[task.space.sector == code].sum()
        values += share * np.array([(each.T.multiply(density)).sum() for each in asked])
        residual = max(residual, found.residual)
        slowest = min(slowest, found.slowest) if found.slowest == found.slowest else found.slowest
    return _Balance(values[None], residual, slowest, unknowns)


def _matrix(state: Array, partner: Array, size: int) -> Array:
    """The density matrix behind its real numbers, columns one after the other."""
    own = np.flatnonzero(partner == np.arange(size**2))
    first = np.flatnonzero(np.arange(size**2) < partner)
    real = state[len(own) : len(own) + len(first)]
    imaginary = state[len(own) + len(first) :]
    vector = np.zeros(size**2, complex)
    vector[own] = state[: len(own)]
    vector[first] = (real + 1j * imaginary) * np.sqrt(0.5)
    vector[partner[first]] = vector[first].conj()
    return vector.reshape(size, size, order="F")


def difference(first: dict[str, Array], second: dict[str, Array]) -> float:
    """Largest change of a value, relative to it where it exceeds 1."""
    worst = 0.0
    for name, value in second.items():
        other = first[name]
        defined = np.isfinite(value) & np.isfinite(other)
        if (np.isfinite(value) != np.isfinite(other)).any():
            return float("inf")
        change = np.abs(value - other)[defined] / np.maximum(1.0, np.abs(value[defined]))
        worst = max(worst, float(change.max(initial=0.0)))
    return worst


def lowered(cutoff: tuple[int, ...], least: int) -> tuple[int, ...]:
    """A smaller cutoff to compare with: a fifth less."""
    return tuple(max(least, each - max(1, round(0.2 * each))) for each in cutoff)
