"""The exact master equation, in the representation that is cheapest for the problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from opendicke.display import rounded
from opendicke.errors import InputError, shown
from opendicke.interop.primitives import OFFERED
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict, one_by_one
from opendicke.model.checks import OF_MACHINE, Array, choice, integer, machine_memory, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import ProductState

if TYPE_CHECKING:
    from opendicke.methods.exact_plans import Plan
    from opendicke.methods.exact_search import Task


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
        Largest admitted change of any value of an observable when the cutoff is raised, times that
        value where it exceeds 1.
    way : {"auto", "fock", "displaced", "hierarchy"}
        "auto" takes the one with the least estimated cost, and the next if it does not converge.
    cutoff : int or sequence of ints, optional
        Fock states of each coupled mode, or the depth of the hierarchy; by default found. With a
        number the answer is compared with that of a smaller one.

    Raises
    ------
    InputError
        If a setting is out of its range; what a method admits is seen when it meets a model.
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
                given = tuple(integer("cutoff", each, least=3) for each in self.cutoff)  # type: ignore[union-attr]
                object.__setattr__(self, "cutoff", given)
            else:
                object.__setattr__(self, "cutoff", integer("cutoff", self.cutoff, least=3))

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Models of finitely many spins that fit the memory after all reductions."""
        if model.thermodynamic:
            raise InputError(
                "model",
                f"have a finite number of spins for {type(self).__name__}",
                "was a thermodynamic limit",
            )
        from opendicke.methods.exact_plans import written
        from opendicke.methods.exact_search import Task

        problem = reduce(model, state)
        task = Task.of(problem, np.zeros(1))
        chosen = self._plans(task, 0.0)
        smallest = min(chosen, key=lambda plan: plan.cost(plan.cutoff).memory)
        cost, most = smallest.cost(smallest.cutoff), machine_memory()
        if cost.memory > most:
            states, _ = task.space.most
            told = str(states) if states < 10**9 else _rounded(states)
            raise InputError(
                "model",
                f"fit {OF_MACHINE} ({most / 1e9:.3g} GB) for "
                f"{type(self).__name__}, after all reductions",
                f"has {told} states of spins and {task.modes.count} coupled modes, which take "
                f"{cost.unknowns:.3g} numbers and about {min(cost.memory, 1e300) / 1e9:.3g} GB "
                f'(way "{smallest.way}", cutoff {written(smallest.cutoff)})',
            )

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Always valid; says what it costs."""
        from opendicke.methods.exact_search import Task

        task = Task.of(problem, times)
        best = self._plans(task, float(times[-1] - times[0]))[0]
        cost = best.expected
        size = float(cost.unknowns)
        remarks: tuple[str, ...] = ()
        if 2 * cost.seconds > 1800:
            remarks = (f"it may take about {2 * cost.seconds / 3600:.2g} hours",)
        return Assessment(
            Verdict.VALID,
            f'exact up to its tolerance; about {rounded(size)} unknowns (way "{best.way}")',
            size,
            2 * cost.seconds,
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
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Solve problems one after the other."""

        from opendicke.methods.exact_search import Task, followed

        def one(number: int, report: Progress) -> Raw:
            task = Task.of(problems[number], times, observables)
            chosen = self._plans(task, float(task.elapsed[-1]))
            return followed(task, chosen, self.tolerance, self.cutoff is None, report)

        return one_by_one(one, len(problems), progress, before)

    def stationary(
        self,
        problem: Problem,
        observables: tuple[Observable, ...],
        report: Progress,
        *,
        chosen: bool = True,
    ) -> Raw:
        """The stationary state.

        Parameters
        ----------
        problem : Problem
            The reduced model and state.
        observables : tuple of Observable
            What is asked.
        report : callable
            Called with the fraction done and a short description.
        chosen : bool
            Whether the user gave the state that the system comes from.

        Returns
        -------
        Raw
            Arrays of one time.
        """
        from opendicke.methods.exact_search import Task, stationary

        task = Task.of(problem, np.zeros(1), observables, at_rest=True)
        _check_unique(task, chosen)
        plans = self._plans(task, 0.0)
        return stationary(task, plans, self.tolerance, self.cutoff is None, report)

    def _plans(self, task: Task, span: float) -> list[Plan]:
        """Ways to try, in order."""
        from opendicke.methods.exact_plans import plans

        made = plans(task.space, task.modes, span, self.tolerance, task.question.highest)
        if self.way != "auto":
            made = [plan for plan in made if plan.way == self.way]
            if not made:
                raise InputError(
                    "way",
                    'be "fock" or "displaced" where a mode has no loss, or none couples',
                    'was "hierarchy"',
                )
        if self.cutoff is None:
            return made
        return [_with_cutoff(made[0], self.cutoff, task.modes.count)]


def _rounded(number: int) -> str:
    """A large integer as a power of ten."""
    return f"about 10^{len(str(number)) - 1}"


def _check_unique(task: Task, chosen: bool) -> None:
    """Refuse, with the reason, what is known to have no single stationary state."""
    if (task.modes.damping <= 0).any() or not task.modes.count:
        raise InputError(
            "model",
            "lose in every mode that couples, or no stationary state is approached",
            f"has {int((task.modes.damping <= 0).sum())} coupled modes without loss"
            if task.modes.count
            else "has no coupled mode",
        )
    for part, spins in enumerate(task.space.parts):
        members = np.flatnonzero(task.space.member == part)
        if spins.field == 0:
            raise InputError(
                "model",
                "have a field on every spin: without it a spin keeps its coupling-axis value and "
                "the stationary state is not unique",
                f"spin {members[0]} has none",
            )
        if spins.count > 1 and not chosen:
            raise InputError(
                "state",
                "be given where spins are equal: their total spin is conserved and the "
                "stationary state is not unique",
                f"was left out, and spins {members[0]} and {members[1]} are equal",
            )


def _with_cutoff(plan: Plan, cutoff: int | tuple[int, ...], modes: int) -> Plan:
    """The plan with the user's cutoff."""
    wanted = 1 if plan.way == "hierarchy" else modes
    given = (cutoff,) * wanted if isinstance(cutoff, int) else cutoff
    if len(given) != wanted:
        raise InputError(
            "cutoff",
            f'be a number or have {wanted} entries for way "{plan.way}"',
            f"was {shown(list(given))}",
        )
    if min(given, default=plan.least + 1) <= plan.least:
        raise InputError(
            "cutoff",
            f'exceed {plan.least} for way "{plan.way}" and the observables asked',
            f"was {shown(list(given))}",
        )
    return replace(plan, cutoff=given)
