"""What every method is: settings, a verdict on its own validity, and a run."""

from __future__ import annotations

import os
import platform
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
    starts: ClassVar[tuple[type, ...]] = (ProductState,)
    """Kinds of states from which the method can start."""

    def asks(self, coupling_axis: str) -> tuple[str, ...]:
        """Observables where the user names none, for a model with modes."""
        return "sx", "sy", "sz", "photons"

    def device(self) -> str:
        """What computes, for provenance."""
        return f"cpu ({os.cpu_count()} cores, {platform.machine()})"

    @abstractmethod
    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Raise `InputError` if the method has no meaning for this model or state."""

    @abstractmethod
    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Verdict, deciding number and cost, without solving."""

    @abstractmethod
    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
    ) -> list[Raw]:
        """Solve problems together; `keys` are (seed, realization) of each."""

    def run(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int] = (0, 0),
    ) -> Raw:
        """Solve one problem."""
        return self.run_many([problem], times, observables, [key])[0]

    def settings(self) -> dict[str, Any]:
        """The settings by name, as in an experiment file."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def check_observables(
        self, observables: tuple[Observable, ...], model: DickeModel | IsingModel
    ) -> None:
        """Refuse observables whose terms the method does not evaluate."""
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
    solve: Callable[[int, Progress], Raw], count: int, progress: Progress | None
) -> list[Raw]:
    """Problems 0 … count − 1 solved one after the other, their progress that of them all."""
    results = []
    for number in range(count):

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
        raise ValidityError(
            f'{name} is not valid here: {assessment.reason} (validity="warn" asks anyway).'
        )
    if assessment.verdict is not Verdict.VALID:
        word = assessment.verdict.name.lower()
        warnings.warn(f"{name} is {word} here: {assessment.reason}.", ValidityWarning, stacklevel=3)
    for remark in assessment.remarks:
        warnings.warn(f"{name}: {remark}.", ValidityWarning, stacklevel=3)
