"""What the rate equation and kinetic Monte Carlo share: admission, rates, and where they hold."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.methods.annealing import damped
from opendicke.methods.base import Assessment, Verdict
from opendicke.methods.parallel import cores
from opendicke.model.checks import Array, vector
from opendicke.model.configurations import configurations
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState
from opendicke.physics.coherence_times import DOUBTFUL, validity
from opendicke.physics.configuration_rates import flip_energies
from opendicke.physics.rate_table import FlipRates, tabulate

TABLE_TOLERANCE = 1e-9
"""Relative error of tabulated rates."""


def check_admission(
    model: DickeModel | IsingModel, state: ProductState | Ensemble, method: str
) -> None:
    """Refuse models without a rate of spin flips, and modes that never become stationary.

    Raises
    ------
    InputError
        For Ising models, limits of infinitely many spins, modes that couple but lose nothing, and
        photons in modes that lose nothing.
    """
    if isinstance(model, IsingModel):
        raise InputError(
            "model",
            f"have lossy modes for {method}: the rates of spin flips are made by them",
            "was an IsingModel",
        )
    if model.thermodynamic:
        raise InputError(
            "model", f"have finitely many spins for {method}", "was a thermodynamic limit"
        )
    still = (model.damping <= 0) & model.couplings.any(axis=0)
    if still.any():
        mode = int(np.argmax(still))
        raise InputError(
            "model",
            f"have loss in every mode that couples, for {method}",
            f"mode {mode} has loss={model.loss[mode]:g}",
        )
    if isinstance(state, ProductState):
        for name in ("displacement", "occupation"):
            kind = complex if name == "displacement" else float
            given = vector(name, getattr(state, name), model.modes, "mode", kind=kind)
            kept = (given != 0) & (model.damping <= 0)
            if kept.any():
                mode = int(np.argmax(kept))
                raise InputError(
                    name,
                    f"be 0 in modes without loss for {method}, whose modes are stationary",
                    f"was {given[mode]:g} in mode {mode}",
                )
    lone = ~model.couplings.any(axis=1) & (model.field != 0)
    if lone.any():
        spin = int(np.argmax(lone))
        raise InputError(
            "model",
            f"couple every spin in a field to a mode, for {method}: without it there is no rate",
            f"spin {spin} has field {model.field[spin]:g} and no coupling",
        )


class _Recent:
    """The rates of the last few models, so that verdict and solution share them."""

    def __init__(self, most: int) -> None:
        self._made: OrderedDict[str, FlipRates] = OrderedDict()
        self._most, self._lock = most, Lock()

    def of(self, model: DickeModel, tolerance: float) -> FlipRates:
        arrays = (model.couplings, model.frequencies, model.loss, model.gain, model.field)
        digest = hashlib.sha256(repr((tolerance, model.couplings.shape)).encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        key = digest.hexdigest()
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = tabulate(*arrays, tolerance=tolerance, workers=cores())
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        return made


_recent = _Recent(4)


def rates_of(model: DickeModel, tolerance: float = TABLE_TOLERANCE) -> FlipRates:
    """The flip rates of a model as tables; those of recent models are kept."""
    return _recent.of(model, tolerance)


_MOST_EXACT = 14
"""Spins of which all configurations are looked at for the largest exit rate."""
_MOST_LOOKED_UP = 2**21


class Exits(NamedTuple):
    """Exit rates of configurations."""

    rate: float
    """The largest rate of one spin."""
    largest: float
    """The largest rate of all spins together."""
    mean: float
    exact: bool
    """Whether all configurations were looked at."""

    def scaled(self, factor: float) -> Exits:
        """With all rates times a factor."""
        return Exits(self.rate * factor, self.largest * factor, self.mean * factor, self.exact)


def exit_rates(model: DickeModel, rates: FlipRates) -> Exits:
    """The largest and the mean exit rate of all configurations, or of some drawn at random."""
    spins = model.spins
    exact = spins <= _MOST_EXACT
    if exact:  # a global flip changes no energy
        sigma = configurations(spins)[: max(1, 2 ** (spins - 1))]
    else:
        count = max(1, min(1024, _MOST_LOOKED_UP // spins))
        sigma = np.where(np.random.default_rng(0).random((count, spins)) < 0.5, -1, 1)
    energies = flip_energies(model, sigma)
    places = np.broadcast_to(np.arange(spins), energies.shape)
    single = rates.evaluate(places, energies)
    exits = single.sum(axis=1)
    return Exits(float(single.max()), float(exits.max()), float(exits.mean()), exact)


_SLOW_COHERENCE = 0.1


class Judgement(NamedTuple):
    """A verdict with the number that decides it, and how bad that number is."""

    verdict: Verdict
    reason: str
    number: float
    severity: float
    """1 where doubt begins, larger where there is more of it."""


def judged(model: DickeModel, exits: Exits) -> Judgement:
    """Whether coherences die before rates act, with the number that decides it.

    Two rules (fiorelli2020, below Eq. (3), and an addition): the coherence of a single flip must
    die faster than the field drives, and so must that of two configurations that differ by two
    flips, which spins of equal |g| keep for ever.
    """
    driven = model.field != 0  # a spin without field never flips
    if not driven.any():
        return Judgement(Verdict.VALID, "no spin is driven", math.inf, 0.0)
    found = validity(
        model.couplings[driven],
        model.frequencies,
        model.loss,
        model.gain,
        model.field[driven],
        exits.rate,
    )
    frozen = int(found.protected)
    if frozen:
        reason = (
            f"{frozen} of {model.spins} spins have the couplings of another up to a common sign, "
            "and flipping both keeps a coherence that never decays, so that probabilities alone "
            "do not close (errors of .08 in probability where two spins are alike); "
            'validity="ignore" simulates the classical rate dynamics'
        )
        return Judgement(Verdict.INVALID, reason, 0.0, math.inf)
    doubts, numbers, severities = [], [], []
    if found.ratio < DOUBTFUL:
        numbers.append(found.ratio)
        severities.append(DOUBTFUL / found.ratio)
        doubts.append(
            f"coherences between configurations two flips apart decay only {found.ratio:.3g} "
            f"times faster than spins flip at most ({exits.rate:.3g}) for some pairs, which "
            f"hold {found.doubtful} of {model.spins} spins; {DOUBTFUL:g} times is safe"
        )
    slow = np.abs(found.drive) > _SLOW_COHERENCE
    if slow.any():
        numbers.append(float(np.abs(found.drive).max()))
        severities.append(numbers[-1] / _SLOW_COHERENCE)
        doubts.append(
            f"{int(slow.sum())} of {model.spins} spins are driven while their coherence lives: "
            f"field times coherence time is up to {numbers[-1]:.3g} and must be far below 1"
        )
    if not doubts:
        reason = "coherences decay far faster than spins flip"
        return Judgement(Verdict.VALID, reason, found.ratio, DOUBTFUL / found.ratio)
    return Judgement(Verdict.DOUBTFUL, "; ".join(doubts), numbers[0], max(severities))


def remarks_on(problem: Problem, exits: Exits) -> tuple[str, ...]:
    """What the state asks that a method of populations answers otherwise."""
    model, state = problem.model, problem.state
    assert isinstance(model, DickeModel)
    assert isinstance(state, ProductState)
    made = []
    damped_modes = model.damping > 0
    if state.bosons != "stationary" and damped_modes.any():
        settled = 2 / float(model.damping[damped_modes].min())
        # A mode at rest that nothing damps, coupled to nothing, has no stationary state to ask for.
        settles = ((model.damping > 0) | (model.frequencies != 0)).all()
        hint = ' (bosons="stationary" asks for what is solved)' if settles else ""
        made.append(
            "it takes the bosons as stationary for the initial configuration, while the state asks "
            f"for others, which would settle within a time of about {settled:.3g}, in which "
            f"{settled * exits.mean:.2g} flips happen in an average configuration{hint}"
        )
    across = np.abs(problem.initial.bloch[:, :2]).max()
    if across > 0:
        made.append(
            "spins across the coupling axis start as probabilities of their two directions along "
            "it; their coherence is left out"
        )
    return tuple(made)


def assessed(
    problem: Problem,
    cost: Callable[[Exits], tuple[float, float]],
    stages: Sequence[tuple[float, float]] = ((1.0, 1.0),),
    tolerance: float = TABLE_TOLERANCE,
) -> Assessment:
    """Verdict of a method of populations; `cost` gives seconds and bytes.

    Of several stages, factors of field and damping, the worst one decides.
    """
    found, seen = [], []
    for field, damping in stages:
        model = problem.model
        assert isinstance(model, DickeModel)
        model = damped(model, damping)
        exits = exit_rates(model, rates_of(model, tolerance)).scaled(field**2)
        model = model if field == 1 else replace(model, field=field * model.field)
        found.append(judged(model, exits))
        seen.append(exits)
    worst = max(found, key=lambda each: (each.verdict, each.severity))
    fastest = max(seen, key=lambda each: each.mean)
    seconds, memory = cost(fastest)
    remarks = remarks_on(problem, fastest)
    return Assessment(worst.verdict, worst.reason, worst.number, seconds, memory, remarks)


def initial_up(problem: Problem) -> Array:
    """Probability that each spin is up at the start, (N,)."""
    return np.clip((1 + problem.initial.bloch[:, 2]) / 2, 0.0, 1.0)
