"""The exact master equation, in the representation that is cheapest for the problem."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.interop.primitives import OFFERED
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict, one_by_one
from opendicke.model.checks import Array, choice, integer, machine_memory, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import ProductState

if TYPE_CHECKING:
    from opendicke.interop.primitives import Question
    from opendicke.interop.quantum_modes import QuantumModes
    from opendicke.methods.exact_plans import Plan
    from opendicke.methods.linear_system import Followed, LinearSystem
    from opendicke.model.collective import SpinSpace

_PATIENCE = 4.0
"""A way may cost this many times the next best one's estimate before that is tried."""
_STEADY = 0.3
"""Two changes of which the second is below this share of the first belong to a series."""
_LEAST_REST = 0.1
"""What is left is never taken to be below this share of the last change."""
_MOST_RAISES = 40


@dataclass(frozen=True)
class Lindblad(AbstractMethod):
    r"""The master equation of the whole system, exact up to a tolerance.

    .. math::
        \dot\rho = -i[H,\rho] + \sum_\lambda \mathrm{loss}_\lambda\,\mathcal D[a_\lambda]\rho
        + \mathrm{gain}_\lambda\,\mathcal D[a^\dagger_\lambda]\rho,\qquad
        \mathcal D[c]\rho = c\rho c^\dagger - \tfrac12\{c^\dagger c, \rho\}

    with H of `DickeModel`. Equal spins in equal states are one collective spin, of degenerate modes
    only the bright ones are held, and where nothing is lost a pure state stays one. What is left is
    solved in one of three ways:

    - "fock": Fock states of every mode, operators by QuTiP;
    - "displaced": the same in a frame where the modes of every configuration of the spins are
      counted from where they settle;
    - "hierarchy": damped modes integrated out exactly, in moments around the thermal state
      (hierarchical equations of motion).

    The cutoff is raised until observables agree within the tolerance.

    Parameters
    ----------
    tolerance : float
        Largest admitted change of any observable when the cutoff is raised, times the observable's
        largest value where that exceeds 1.
    way : {"auto", "fock", "displaced", "hierarchy"}
        "auto" takes the one with the least estimated cost, and the next if it does not converge.
    cutoff : int or sequence of ints, optional
        Fock states of each coupled mode, or the depth of the hierarchy; by default found. With a
        number the answer is compared with that of a smaller one.
    """

    tolerance: float = 1e-6
    way: str = "auto"
    cutoff: int | tuple[int, ...] | None = None

    kind: ClassVar[str] = "lindblad"
    offers: ClassVar[tuple[type, ...]] = OFFERED
    stochastic: ClassVar[bool] = False

    def __post_init__(self) -> None:
        tolerance = real("tolerance", self.tolerance, least=1e-11, most=0.1)
        object.__setattr__(self, "tolerance", tolerance)
        choice("way", self.way, ("auto", "fock", "displaced", "hierarchy"))
        if self.cutoff is not None:
            if self.way == "auto":
                raise InputError("way", "be named where `cutoff` is given", 'was "auto"')
            if np.ndim(self.cutoff):
                given = tuple(integer("cutoff", each, least=2) for each in self.cutoff)  # type: ignore[union-attr]
                object.__setattr__(self, "cutoff", given)
            else:
                object.__setattr__(self, "cutoff", integer("cutoff", self.cutoff, least=2))

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Models of finitely many spins that fit the memory after all reductions."""
        if model.thermodynamic:
            raise InputError(
                "model",
                f"have a finite number of spins for {type(self).__name__}",
                "was a thermodynamic limit",
            )
        problem = reduce(model, state)
        task = _Task.of(problem, np.zeros(1))
        chosen = self._plans(task, 0.0)
        smallest = min(chosen, key=lambda plan: plan.cost(plan.cutoff).memory)
        cost, most = smallest.cost(smallest.cutoff), machine_memory()
        if cost.memory > most:
            states, _ = task.space.most
            raise InputError(
                "model",
                f"fit the memory of this machine ({most / 1e9:.3g} GB) for "
                f"{type(self).__name__}, after all reductions",
                f"has {states} states of spins and {task.modes.count} coupled modes, which take "
                f"{cost.unknowns:.3g} numbers and about {cost.memory / 1e9:.3g} GB "
                f'(way "{smallest.way}", cutoff {_written(smallest.cutoff)})',
            )

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Always valid; says what it costs."""
        task = _Task.of(problem, times)
        best = self._plans(task, float(times[-1] - times[0]))[0]
        cost = best.expected
        size = float(cost.unknowns)
        remarks = ()
        if 3 * cost.seconds > 1800:
            remarks = (f"it may take about {3 * cost.seconds / 3600:.2g} hours",)
        return Assessment(
            Verdict.VALID,
            f'exact up to its tolerance; about {size:.2g} unknowns (way "{best.way}")',
            size,
            3 * cost.seconds,
            cost.memory,
            remarks,
        )

    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
    ) -> list[Raw]:
        """Solve problems one after the other."""

        def one(number: int, report: Progress) -> Raw:
            return self._solved(_Task.of(problems[number], times, observables), report)

        return one_by_one(one, len(problems), progress)

    def _plans(self, task: _Task, span: float) -> list[Plan]:
        """Ways to try, in order."""
        from opendicke.methods.exact_plans import plans

        made = plans(task.space, task.modes, span, self.tolerance)
        if self.way != "auto":
            made = [plan for plan in made if plan.way == self.way]
            if not made:
                raise InputError(
                    "way", 'be "fock" or "displaced" where a mode has no loss', 'was "hierarchy"'
                )
        if self.cutoff is None:
            return made
        return [_with_cutoff(made[0], self.cutoff, task.modes.count)]

    def _solved(self, task: _Task, report: Progress) -> Raw:
        """The first way that converges, else the best answer there is."""
        span = float(task.elapsed[-1])
        chosen = self._plans(task, span)
        best: _Found | None = None
        for number, plan in enumerate(chosen):
            others = [other.expected.seconds for other in chosen[number + 1 :]]
            limit = _PATIENCE * min(others) if others else float("inf")
            found = self._searched(task, plan, limit, report)
            if best is None or found.truncation < best.truncation:
                best = found
            if best.converged(self.tolerance):
                break
        assert best is not None
        return best.raw(task, self.tolerance)

    def _searched(self, task: _Task, plan: Plan, limit: float, report: Progress) -> _Found:
        """Raise the cutoff until observables agree, memory ends or another way is cheaper."""
        from opendicke.methods.exact_plans import raised

        cutoffs = [plan.cutoff] if self.cutoff is None else [_lowered(plan.cutoff), plan.cutoff]
        previous, change = None, float("inf")
        steps, spent, attempts = float("nan"), 0.0, 0
        most = machine_memory()
        while True:
            cutoff = cutoffs[min(attempts, len(cutoffs) - 1)]
            system = task.system(plan.way, cutoff)
            start = clock.perf_counter()
            made = task.follow(system, report, f"{plan.way}, cutoff {_written(cutoff)}")
            spent += clock.perf_counter() - start
            answers = task.question.answers(made.values)
            if attempts == 0:
                again = task.follow(system, halved=True)
                steps = _difference(answers, task.question.answers(again.values))
            earlier, change = change, float("inf")
            if previous is not None:
                change = _difference(previous, answers)
            attempts += 1
            rest = change
            if change < _STEADY * earlier < float("inf"):
                ratio = change / earlier
                rest = max(2 * ratio / (1 - ratio), _LEAST_REST) * change
            found = _Found(plan.way, cutoff, system.unknowns, answers, rest, steps, made, attempts)
            if found.converged(self.tolerance) or attempts > _MOST_RAISES:
                return found
            if self.cutoff is not None and attempts == len(cutoffs):
                return found
            following = raised(cutoff)
            cost = plan.cost(following)
            if self.cutoff is None:
                if cost.memory > most:
                    return found._replace(stopped=cost.memory)
                if cost.seconds > limit and spent > 1.0:
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

    def raw(self, task: _Task, tolerance: float) -> Raw:
        """Answers with how they were made."""
        numerics: dict[str, Any] = {
            "way": self.way,
            "cutoff": _written(self.cutoff),
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
                f'{_written(self.cutoff)} of way "{self.way}" and by {self.steps:.2g} with the '
                f"step, above the tolerance {tolerance:.2g}"
            )
            if self.stopped:
                message += f"; the next cutoff would need {self.stopped / 1e9:.3g} GB"
        return Raw(self.answers, status, message, numerics, task.question.labels())


@dataclass(frozen=True, eq=False)
class _Task:
    """A problem on collective spins and coupled modes, and what is asked."""

    problem: Problem
    space: SpinSpace
    modes: QuantumModes
    question: Question
    elapsed: Array

    @classmethod
    def of(
        cls, problem: Problem, times: Array, observables: tuple[Observable, ...] = ()
    ) -> _Task:
        from opendicke.interop.primitives import Question
        from opendicke.interop.quantum_modes import QuantumModes
        from opendicke.model.collective import SpinSpace

        space, modes = SpinSpace.of(problem), QuantumModes.of(problem)
        elapsed = times - times[0]
        return cls(problem, space, modes, Question(problem, space, modes, observables, elapsed), elapsed)

    def system(self, way: str, cutoff: tuple[int, ...]) -> LinearSystem:
        """Equations of motion."""
        if way == "hierarchy":
            from opendicke.methods.hierarchy import Hierarchy

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
        from opendicke.methods.linear_system import follow

        told: Callable[[float], None] | None = None
        if report is not None:

            def told(share: float) -> None:
                report(0.99 * share, text)

        return follow(system, self.elapsed, told, halved=halved)


def _difference(first: dict[str, Array], second: dict[str, Array]) -> float:
    """Largest change of an observable, relative to its largest value where that exceeds 1."""
    worst = 0.0
    for name, value in second.items():
        other = first[name]
        defined = np.isfinite(value) & np.isfinite(other)
        if (np.isfinite(value) != np.isfinite(other)).any():
            return float("inf")
        scale = max(1.0, float(np.abs(value[defined]).max(initial=0.0)))
        worst = max(worst, float(np.abs(value - other)[defined].max(initial=0.0)) / scale)
    return worst


def _with_cutoff(plan: Plan, cutoff: int | tuple[int, ...], modes: int) -> Plan:
    """The plan with the user's cutoff."""
    from dataclasses import replace

    wanted = 1 if plan.way == "hierarchy" else modes
    given = (cutoff,) * wanted if isinstance(cutoff, int) else cutoff
    if len(given) != wanted:
        raise InputError(
            "cutoff",
            f'be a number or have {wanted} entries for way "{plan.way}"',
            f"was {shown(list(given))}",
        )
    return replace(plan, cutoff=given)


def _lowered(cutoff: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, each - max(1, round(0.2 * each))) for each in cutoff)


def _written(cutoff: tuple[int, ...]) -> str:
    return " × ".join(map(str, cutoff)) or "none"
