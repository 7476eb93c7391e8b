"""The method that is chosen when the question is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from opendicke.errors import InputError
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw
from opendicke.methods.base import AbstractMethod, Assessment, Progress
from opendicke.model.checks import Array, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState


@dataclass(frozen=True)
class Auto(AbstractMethod):
    """Take the method that `advise` suggests: the cheapest of those that hold.

    `solve` and `run` replace it before anything is computed, and say by what. The choice depends
    on the question alone, not on clocks or on how fast a machine is; only methods that do not fit
    the memory are left out. An experiment has one method for all its members, found from a few of
    them; a store keeps it when it is gone on with.

    Parameters
    ----------
    target_error : float
        The largest error that the method may have, from 0.001 to 0.1, as in `advise`.

    Raises
    ------
    InputError
        If the target is out of its range.
    """

    target_error: float = 0.05

    kind: ClassVar[str] = "auto"
    offers: ClassVar[tuple[type, ...]] = (object,)
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = real("target_error", self.target_error, least=1e-3, most=0.1)
        object.__setattr__(self, "target_error", given)

    def device(self) -> str:
        """Nothing is computed."""
        self._not_yet()

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Whatever one of the methods admits."""

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Not before it is chosen; `advise` judges all methods."""
        self._not_yet()

    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Not before it is chosen."""
        self._not_yet()

    def _not_yet(self) -> NoReturn:
        raise InputError("method", "be a named one here, such as MeanField()", 'was "auto"')


def named_method(method: object) -> object:
    """`Auto()` for "auto"; anything else as it is."""
    return Auto() if method == "auto" and isinstance(method, str) else method
