"""The rate equation of strong coupling: probabilities of all configurations (fiorelli2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from opendicke.errors import InputError
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.measure.terms import EntropyTerm
from opendicke.methods.base import AbstractMethod, Assessment, Progress, one_by_one
from opendicke.methods.populations import OF_CONFIGURATIONS, Population, Readout, check_along
from opendicke.model.checks import Array, affordable, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState

MOST_SPINS = 26
_FEW_NUMBERS = 10_000
"""Averages that are taken of every polynomial of the expansion rather than at every time."""
_MANY_PRODUCTS = 1e5
_VECTORS = 10
"""Probability vectors besides the rates, at most."""


@dataclass(frozen=True)
class RateEquation(AbstractMethod):
    r"""Rate equation for the probabilities of all :math:`2^N` configurations along Z.

    Where coherences between configurations die faster than the field drives, single spins flip at
    the rates :math:`W_i` that the bosons leave (fiorelli2020 Eq. (3); `flip_rates`),

    .. math::
        \dot p_\sigma = \sum_i W_i(\sigma^i\to\sigma)\,p_{\sigma^i} - W_i(\sigma)\,p_\sigma,

    with :math:`\sigma^i` the configuration with spin i flipped. Bosons are stationary for every
    configuration, at the start as well.

    Parameters
    ----------
    tolerance : float
        Largest admitted error of probabilities at every time, summed over configurations, and of
        the stationary state's flows relative to the flows themselves.

    Raises
    ------
    InputError
        If the tolerance is out of its range; what a method admits is seen when it meets a model.
    """

    tolerance: float = 1e-8

    kind: ClassVar[str] = "rate-equation"
    offers: ClassVar[tuple[type, ...]] = (*OF_CONFIGURATIONS, EntropyTerm)
    stochastic: ClassVar[bool] = False

    def __post_init__(self) -> None:
        tolerance = real("tolerance", self.tolerance, least=1e-12, most=0.1)
        object.__setattr__(self, "tolerance", tolerance)

    def asks(self, coupling_axis: str) -> tuple[str, ...]:
        """The mean spin along the coupling axis, the energy and the photons."""
        return f"s{coupling_axis}", "ising_energy", "photons"

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Models of at most 26 spins, memory permitting, whose coupled modes lose."""
        from opendicke.methods.strong_coupling import check_admission

        check_admission(model, state, type(self).__name__)
        if model.spins > MOST_SPINS:
            raise InputError(
                "model",
                f"have at most {MOST_SPINS} spins for RateEquation, which follows all 2^N "
                "configurations (KineticMonteCarlo follows trajectories of them)",
                f"had {model.spins}",
            )
        what = f"rates of {model.spins} spins in all configurations"
        affordable("model", what, _memory(model.spins))

    def check_observables(
        self, observables: tuple[Observable, ...], model: DickeModel | IsingModel
    ) -> None:
        """Refuse what populations do not know: photons' coherences, spins across the axis."""
        super().check_observables(observables, model)
        if isinstance(model, DickeModel):
            check_along(observables, model, type(self).__name__)

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Judge by how fast coherences die beside the rates of flips."""
        from opendicke.methods.strong_coupling import Exits, assessed

        span = float(times[-1] - times[0])

        def cost(exits: Exits) -> tuple[float, float]:
            spins = problem.model.spins
            products = 20.0 + 2 * math.sqrt(20.0 * exits.largest * span)
            return products * _seconds(spins), _memory(spins)

        made = assessed(problem, cost, tolerance=_of_rates(self.tolerance))
        products = made.seconds / _seconds(problem.model.spins)
        if products <= _MANY_PRODUCTS:
            return made
        remark = (
            f"it may take {products:.1g} products with the generator to follow so long a time "
            "(od.stationary finds the end directly)"
        )
        return replace(made, remarks=(*made.remarks, remark))

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
            return self._followed(problems[number], times, observables, report)

        return one_by_one(one, len(problems), progress, before)

    def stationary(
        self, problem: Problem, observables: tuple[Observable, ...], report: Progress
    ) -> Raw:
        """The stationary state, whatever the initial one; arrays of one time.

        Parameters
        ----------
        problem : Problem
            The reduced model and state.
        observables : tuple of Observable
            What is asked.
        report : callable
            Called with the fraction done and a short description.

        Returns
        -------
        Raw
            Arrays of one time.
        """
        from opendicke.methods.steady import stationary

        model = _dicke(problem)
        generator, numerics = _generator(model, self.tolerance)
        readout = Readout(model, observables)
        found = stationary(generator, self.tolerance, report)
        population = Population(model).at(found.probabilities)
        answers = readout.answers(readout.averages(population)[None])
        status, message = Status.OK, ""
        if not found.converged:
            status = Status.NOT_CONVERGED
            message = (
                f"the stationary state was found to a relative imbalance of flows of "
                f"{found.residual:.2g}, above the tolerance {self.tolerance:.2g}"
            )
        numerics |= {"products": found.products, "residual": found.residual}
        return Raw(answers, status, message, numerics, readout.labels())

    def _followed(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        report: Progress,
    ) -> Raw:
        from opendicke.methods.propagation import expectations, propagate

        model = _dicke(problem)
        generator, numerics = _generator(model, self.tolerance)
        readout, population = Readout(model, observables), Population(model)

        def measure(probabilities: Array) -> Array:
            # With their sum, which truncation leaves near 1.
            averages = readout.averages(population.at(probabilities))
            return np.append(averages, probabilities.sum())

        elapsed, start = times - times[0], initial_probabilities(problem)
        if readout.linear and readout.numbers <= _FEW_NUMBERS:
            averages, done = expectations(
                generator, start, elapsed, self.tolerance, measure, report
            )
        else:
            averages = np.empty((len(times), readout.numbers + 1))

            def visit(number: int, probabilities: Array) -> None:
                averages[number] = measure(probabilities)

            done = propagate(generator, start, elapsed, self.tolerance, visit, report)
        averages = averages[:, :-1] / averages[:, -1:]
        values = readout.answers(averages)
        status, message = Status.OK, ""
        if not np.isfinite(averages).all():
            status, message = Status.NOT_FINITE, "probabilities are not finite"
        elif done.error > self.tolerance:
            status = Status.NOT_CONVERGED
            message = (
                f"probabilities have an estimated error of {done.error:.2g}, above the tolerance "
                f"{self.tolerance:.2g}"
            )
        numerics |= {"products": done.products, "estimated_error": done.error}
        return Raw(values, status, message, numerics, readout.labels())


def _seconds(spins: int) -> float:
    """About the time of one product with the generator."""
    return 1e-4 + 2e-9 * spins * 2.0 ** (spins - 1)


def _of_rates(tolerance: float) -> float:
    """Relative error of tabulated rates that goes with an error of probabilities."""
    return min(1e-9, tolerance)


def _dicke(problem: Problem) -> DickeModel:
    assert isinstance(problem.model, DickeModel)
    return problem.model


def _memory(spins: int) -> int:
    """Bytes of the rates, half of them stored, and of the vectors."""
    return 8 * (spins + 2 * _VECTORS) << (spins - 1)


def _generator(model: DickeModel, tolerance: float) -> tuple[Any, dict[str, Any]]:
    from opendicke.methods.generator import Generator
    from opendicke.methods.strong_coupling import rates_of
    from opendicke.physics.configuration_rates import energy_weights

    rates = rates_of(model, _of_rates(tolerance))
    generator = Generator.tabulated(rates, model.couplings, energy_weights(model))
    return generator, dict(rates.report)


def initial_probabilities(problem: Problem) -> Array:
    """Probability of each configuration in the initial product state, (2^N,)."""
    from opendicke.methods.strong_coupling import initial_up

    probabilities = np.ones(1)
    for up in initial_up(problem):
        probabilities = np.multiply.outer(probabilities, [up, 1 - up]).ravel()
    return probabilities
