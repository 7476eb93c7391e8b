"""What every method is: settings, a verdict on its own validity, and a run."""

from __future__ import annotations

import os
import platform
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, ClassVar

from opendicke.errors import InputError, ValidityError, ValidityWarning
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw
from opendicke.model.checks import Array, choice
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState

Progress = Callable[[float, str], None]
"""Called with the fraction done and a short description."""


class Verdict(IntEnum):
    """Whether a method's answer can be trusted."""

    VALID = 0
    DOUBTFUL = 1
    INVALID = 2


@dataclass(frozen=True)
class Assessment:
    """A method's verdict on one problem, with the number that decided it and the cost."""

    verdict: Verdict
    reason: str
    number: float
    """The deciding number; `reason` says what it is."""
    seconds: float
    """Rough estimate of the time on one core."""
    memory: float
    """Rough estimate of the memory in bytes."""
    remarks: tuple[str, ...] = ()
    """What the user should know besides, valid or not."""


@dataclass(frozen=True)
class AbstractMethod(ABC):
    """Settings of a way to solve the model; holds no state. Final classes only derive from it."""

    kind: ClassVar[str]
    """The name in experiment files."""
    offers: ClassVar[tuple[type, ...]]
    """Kinds of observable terms that the method evaluates."""
    stochastic: ClassVar[bool]
    together: ClassVar[int] = 1
    """How many problems gain from being solved in one call."""
    starts: ClassVar[tuple[type, ...]] = (ProductState,)
    """Kinds of states from which the method can start."""
    continues: ClassVar[bool] = False
    """Whether answers hold the state at the last time, from which `continued` goes on."""

    def asks(self, coupling_axis: str) -> tuple[str, ...]:
        """Observables where the user names none, for a model with modes.

        Parameters
        ----------
        coupling_axis : {"x", "y", "z"}
            Of the model.

        Returns
        -------
        tuple of str
            Names of observables.
        """
        return "sx", "sy", "sz", "photons"

    def device(self) -> str:
        """What computes, for provenance.

        Returns
        -------
        str
            Kind of processor.
        """
        return f"cpu ({os.cpu_count()} cores, {platform.machine()})"

    @abstractmethod
    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Raise `InputError` if the method has no meaning for this model or state.

        Parameters
        ----------
        model : DickeModel or IsingModel
            What would be simulated.
        state : ProductState or Ensemble
            From where.

        Raises
        ------
        InputError
            With the argument that rules it out.
        """

    @abstractmethod
    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Verdict, deciding number and cost, without solving.

        Parameters
        ----------
        problem : Problem
            The reduced model and state.
        times : array (T,)
            Output times, in units of 1/energy.

        Returns
        -------
        Assessment
            `verdict`, `reason`, the deciding `number`, estimated `seconds` and `memory` (bytes),
            and `remarks`.
        """

    @abstractmethod
    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Solve problems together.

        Parameters
        ----------
        problems
            One or more, of any shapes.
        times : array (T,)
            Output times, in units of 1/energy; states are given at the first.
        observables
            What is asked of every problem.
        keys
            (seed, realization) of each problem.
        progress : optional
            Called with the fraction done.
        before : optional
            What an earlier run with the same settings, extents aside, answered to each problem, or
            None. Stochastic methods add the trajectories that are missing, with the numerics that
            were resolved then; others return it as it is.

        Returns
        -------
        list of Raw
            One for each problem, in their order.
        """

    def continued(self, model: DickeModel | IsingModel, end: Mapping[str, Array]) -> ProductState:
        """The state from which to go on where an answer ended, from its `Raw.end`.

        Parameters
        ----------
        model : DickeModel or IsingModel
            Of the sizes of the answer.
        end : dict of arrays
            `Raw.end` of the answer.

        Returns
        -------
        ProductState
            At the last time of the answer.

        Raises
        ------
        InputError
            If the method keeps no such states.
        """
        raise InputError(
            "method", "be one that goes on from where it ended", f"was {type(self).__name__}"
        )

    def run(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int] = (0, 0),
    ) -> Raw:
        """Solve one problem.

        Parameters
        ----------
        problem : Problem
            The reduced model and state.
        times : array (T,)
            Output times, in units of 1/energy.
        observables : tuple of Observable
            What is asked.
        key : (int, int)
            (seed, realization).

        Returns
        -------
        Raw
            Bare arrays, their status, and the numerics that were resolved.
        """
        return self.run_many([problem], times, observables, [key])[0]

    def settings(self) -> dict[str, Any]:
        """The settings by name, as in an experiment file.

        Returns
        -------
        dict
            Name → value.
        """
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def check_observables(
        self, observables: tuple[Observable, ...], model: DickeModel | IsingModel
    ) -> None:
        """Refuse observables whose terms the method does not evaluate.

        Parameters
        ----------
        observables : tuple of Observable
            What is asked.
        model : DickeModel or IsingModel
            Whose terms they are.

        Raises
        ------
        InputError
            With the first observable that the method cannot answer.
        """
        for item in observables:
            for term in item.terms(model):
                if not isinstance(term, self.offers):
                    offered = ", ".join(kind.__name__ for kind in self.offers)
                    raise InputError(
                        "observables",
                        f"be made of terms that {type(self).__name__} offers ({offered})",
                        f"`{item.name}` holds {type(term).__name__}",
                    )


def one_by_one(
    solve: Callable[[int, Progress], Raw],
    count: int,
    progress: Progress | None,
    done: Sequence[Raw | None] | None = None,
) -> list[Raw]:
    """Problems 0 … count − 1 solved one after the other, their progress that of them all.

    Those that are done already are left out.
    """
    results = []
    for number in range(count):
        if done is not None and (known := done[number]) is not None:
            results.append(known)
            continue

        def report(share: float, text: str, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / count, text)

        results.append(solve(number, report))
    return results


VALIDITY = ("refuse", "warn", "ignore")


def enforce(method: AbstractMethod, assessment: Assessment, validity: str) -> None:
    """Turn an assessment into an exception or a warning, as the user wishes.

    "refuse" raises where the result would be meaningless and warns where it is doubtful, "warn"
    only warns, "ignore" is silent.
    """
    choice("validity", validity, VALIDITY)
    if validity == "ignore":
        return
    name = type(method).__name__
    if assessment.verdict is Verdict.INVALID and validity == "refuse":
        raise ValidityError(refusal(method, assessment))
    if assessment.verdict is not Verdict.VALID:
        word = assessment.verdict.name.lower()
        warnings.warn(f"{name} is {word} here: {assessment.reason}.", ValidityWarning, stacklevel=3)
    for remark in assessment.remarks:
        warnings.warn(f"{name}: {remark}.", ValidityWarning, stacklevel=3)


def refusal(method: AbstractMethod, assessment: Assessment) -> str:
    """Why a method does not answer."""
    return (
        f"{type(method).__name__} is not valid here: {assessment.reason} "
        '(validity="warn" asks anyway).'
    )
