"""Mean-field runs of many members together, and averages over the end of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.mean_field import MeanField
from opendicke.model.checks import Array
from opendicke.model.couplings import Binary
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import ProductState
from opendicke.papers.catalogue import Progress

Member = tuple[DickeModel, ProductState]


def ensemble(parameters: Mapping[str, Any], strength: float, spins: int = 16) -> RandomDicke:
    """carollo2021 Eq. (2) with the rates in `parameters`."""
    return RandomDicke(
        Binary(strength),
        spins,
        len(parameters["frequencies"]),
        frequencies=parameters["frequencies"],
        loss=parameters["loss"],
        field=parameters["field"],
    )


def limit(parameters: Mapping[str, Any], strength: float) -> DickeModel:
    """The limit of infinitely many spins: 2^{M−1} large spins of equal weight."""
    return ensemble(parameters, strength).thermodynamic()


def silent(_: float, __: str) -> None:
    """No progress is shown."""


def follow(
    members: Sequence[Member],
    times: Array,
    names: Sequence[str],
    tolerance: float,
    progress: Progress = silent,
) -> list[Raw]:
    """Integrate members, those of one shape in one compiled program."""
    problems = [reduce(model, state) for model, state in members]
    return solved(problems, times, names, tolerance, progress)


def solved(
    problems: Sequence[Problem],
    times: Array,
    names: Sequence[str],
    tolerance: float,
    progress: Progress = silent,
) -> list[Raw]:
    """As `follow`, for members that have been reduced already."""
    keys = [(0, 0)] * len(problems)
    method = MeanField(tolerance=tolerance)
    return method.run_many(problems, times, find_observables(list(names)), keys, progress)


class Ending(NamedTuple):
    """What a run ends with; averages are over its last fifth."""

    overlap: Array
    """Mean of |ξ| for each pattern, (M,)."""
    change: float
    """Largest difference of that mean from the one over the fifth before."""
    swing: Array
    """Largest minus smallest |ξ| in the last fifth, (M,)."""
    occupation: Array
    """Mean photons of each mode, per spin in the limit, (M,)."""
    duration: float
    status: Status


_SAMPLES = 201


def endings(
    members: Sequence[Member], duration: float, tolerance: float, progress: Progress = silent
) -> list[Ending]:
    """Follow members for one duration and average over the end."""
    window = np.linspace(0.6 * duration, duration, 2 * _SAMPLES)
    times = np.concatenate([[0.0], window])
    names = ("overlap", "photons_mode")
    raws = follow(members, times, names, tolerance, progress)
    return [_ending(raw, duration) for raw in raws]


def _ending(raw: Raw, duration: float) -> Ending:
    overlap = np.abs(np.asarray(raw.values["overlap"]))[1:]
    before, last = overlap[:_SAMPLES], overlap[_SAMPLES:]
    return Ending(
        overlap=last.mean(axis=0),
        change=float(np.abs(last.mean(axis=0) - before.mean(axis=0)).max()),
        swing=np.ptp(last, axis=0),
        occupation=np.asarray(raw.values["photons_mode"])[1 + _SAMPLES :].mean(axis=0),
        duration=duration,
        status=raw.status,
    )
