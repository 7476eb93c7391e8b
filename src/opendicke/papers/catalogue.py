"""What a paper is made of: figures, claims, and the scales at which both are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from opendicke.errors import InputError, nearest

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[float, str], None]
"""Called with the fraction done and a short description."""


class Desk(Protocol):
    """Where a figure is computed: it is told how far the work is, and runs what shall survive.

    Figures whose work is short use the call alone, so that any `Progress` serves them.
    """

    def __call__(self, share: float, text: str) -> None:
        """The share of the figure that is done, and a short description."""

    def run(
        self, name: str, experiment: Any, share: tuple[float, float] = (0.0, 1.0)
    ) -> xr.Dataset:
        """The dataset of an experiment, run or gone on with in a store of the paper's folder.

        Parameters
        ----------
        name : str
            Of the store, `ensembles/NAME.zarr`; unique within the paper, but figures that show the
            same experiment share one.
        experiment : opendicke.experiment.experiment.Experiment
        share : (float, float)
            From where to where in the progress of the figure this experiment reaches.
        """


@dataclass(frozen=True)
class Scale:
    """How large everything is made: sizes, grids and times of every figure."""

    name: str
    title: str
    parameters: Mapping[str, Mapping[str, Any]]
    """Figure → its parameters, plain numbers, words and lists."""


@dataclass(frozen=True)
class Figure:
    """A figure of a paper, or one beyond it."""

    name: str
    title: str
    make: Callable[[Scale, Desk], xr.Dataset]
    """Computes what the figure shows."""
    draw: Callable[[xr.Dataset], Any]
    """Draws it, without a solver: dataset → matplotlib figure."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Scale → seconds that it took on the machine of `cost.slowness`, to tell the cost."""


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    METHOD_ONLY = "holds in the method only"
    FAILS = "fails"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Outcome:
    """The test of a claim: what was found, what was expected, and what follows."""

    verdict: Verdict
    evidence: str
    """What was done and seen, in a sentence or two."""
    value: float | None = None
    expected: float | None = None
    error: float | None = None
    """How far the value was found from what is expected, in the sense that `evidence` says."""


def judged(holds: bool) -> Verdict:
    """`HOLDS` or `FAILS`."""
    return Verdict.HOLDS if holds else Verdict.FAILS


class Findings(Protocol):
    """What a claim may look at: the scale, and the dataset of every figure."""

    @property
    def scale(self) -> Scale: ...

    def __call__(self, figure: str) -> xr.Dataset: ...


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper that can be tested, and its test."""

    name: str
    sentence: str
    """What the paper says, in our words."""
    where: str
    """Where it says so."""
    check: Callable[[Findings], Outcome]


def claim(name: str, sentence: str, where: str) -> Callable[[Callable[[Findings], Outcome]], Claim]:
    """Decorator: the function below tests this sentence of the paper."""

    def made(check: Callable[[Findings], Outcome]) -> Claim:
        return Claim(name, sentence, where, check)

    return made


@dataclass(frozen=True)
class Paper:
    """Everything about one paper."""

    name: str
    title: str
    reference: str
    scales: Mapping[str, Scale]
    figures: tuple[Figure, ...]
    claims: Callable[[], tuple[Claim, ...]]
    """The claims; loading them loads the simulations."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Scale → seconds that the claims took, given the figures."""

    def scale(self, name: str) -> Scale:
        """A scale by its name."""
        if name not in self.scales:
            raise InputError("scale", "be a known scale", nearest(name, self.scales))
        return self.scales[name]

    def figure(self, name: str) -> Figure:
        """A figure by its name."""
        known = {figure.name: figure for figure in self.figures}
        if name not in known:
            received = nearest(name, [*known, CLAIMS])
            raise InputError("figure", f"be a figure of {self.name}, or `{CLAIMS}`", received)
        return known[name]

    def measured(self, name: str, scale: Scale) -> float | None:
        """Seconds that a figure, or the claims, once took at a scale; None where unknown."""
        found = self.seconds if name == CLAIMS else self.figure(name).seconds
        return found.get(scale.name)


CLAIMS = "claims"
"""Stands for the table of claims where a figure is named."""


def later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when the function is first called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(module), name)(*args, **kwargs)

    call.__name__ = name
    return call
