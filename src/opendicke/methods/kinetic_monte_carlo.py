"""Kinetic Monte Carlo: trajectories of single spin flips at strong coupling (fiorelli2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from opendicke.measure.moments import JointMoments, Moments, Statistic
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.methods.annealing import Annealing, Stage, damped
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict, one_by_one
from opendicke.methods.parallel import cores, side_by_side
from opendicke.methods.populations import OF_CONFIGURATIONS, Readout, check_along
from opendicke.methods.stochastic import (
    Extent,
    Followed,
    Gathered,
    as_it_is,
    check_extent,
    earlier,
    gather,
    settled,
)
from opendicke.model.checks import Array, choice
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.keys import trajectory_words
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState

SAMPLERS = ("automatic", "rejection-free", "windowed", "plain")
_LONGEST = 1e9
"""Seconds that no run may take by its estimate."""
_CHAINS = 64
"""Trajectories in a block, where the memory allows."""
_BYTES = 2**26
"""Memory for the answers of a block at one time."""


@dataclass(frozen=True)
class KineticMonteCarlo(AbstractMethod):
    r"""Kinetic Monte Carlo: trajectories of spins that flip at the rates of `RateEquation`.

    Every trajectory is a configuration along Z whose spin i flips after an exponentially
    distributed waiting time, at the rate

    .. math::
        W_i = 2h_i^2\,\mathrm{Re}\int_0^\infty C_i(t)\,e^{i\epsilon_i t}\,dt

    (fiorelli2020 Eq. (3); `flip_rate`). Time moves from event to event, without steps; averages
    over trajectories are those of the rate equation up to their standard errors. Bosons are
    stationary for every configuration, at the start as well.

    Parameters
    ----------
    trajectories : int, optional
        How many; with `target_stderr`, how many at most. By default 1,000, or 10⁶ with a target.
    target_stderr : float, optional
        Go on until every standard error of every observable at every time is at most this,
        absolute for values below 1 and relative to the largest value otherwise.
    sampler : {"automatic", "rejection-free", "windowed", "plain"}
        How the next event is found: from all rates anew after each event; from bounds that hold
        while the modes' forces stay within a window; or from bounds that hold always. All three
        are exact; "automatic" takes the one that needs the fewest operations.
    block : int, optional
        Trajectories computed together; by default 64, or what the memory allows.
    anneal_times : list of K times, optional
        Fields and damping change in steps: entry k of the tables below holds from
        `anneal_times[k]` to the next, the first one also before.
    anneal_field : list of K numbers, optional
        Factors of the model's field, h(t).
    anneal_damping : list of K numbers, optional
        Factors of loss − gain at equal gain: η(t) of fiorelli2020.

    Raises
    ------
    InputError
        If a setting is out of its range, or the lists of annealing do not fit; what a method admits
        is seen when it meets a model.
    """

    trajectories: int | None = None
    target_stderr: float | None = None
    sampler: str = "automatic"
    block: int | None = None
    anneal_times: list[float] | tuple[float, ...] | None = None
    anneal_field: list[float] | tuple[float, ...] | None = None
    anneal_damping: list[float] | tuple[float, ...] | None = None

    kind: ClassVar[str] = "kinetic-monte-carlo"
    offers: ClassVar[tuple[type, ...]] = OF_CONFIGURATIONS
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        extent = check_extent(self.trajectories, self.target_stderr, self.block)
        names = ("trajectories", "target_stderr", "block")
        for name, value in zip(names, extent, strict=True):
            object.__setattr__(self, name, value)
        choice("sampler", self.sampler, SAMPLERS)
        tables = ("anneal_times", "anneal_field", "anneal_damping")
        Annealing.of(*(getattr(self, name) for name in tables))
        for name in tables:
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(map(float, given)))

    @property
    def annealing(self) -> Annealing | None:
        """The tables of changing fields and damping, if there are any."""
        return Annealing.of(self.anneal_times, self.anneal_field, self.anneal_damping)

    def asks(self, coupling_axis: str) -> tuple[str, ...]:
        """The mean spin along the coupling axis, the energy and the photons."""
        return f"s{coupling_axis}", "ising_energy", "photons"

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Finite models whose coupled modes lose."""
        from opendicke.methods.strong_coupling import check_admission

        check_admission(model, state, type(self).__name__)

    def check_observables(
        self, observables: tuple[Observable, ...], model: DickeModel | IsingModel
    ) -> None:
        """Refuse spins across the coupling axis, and what single configurations do not show."""
        super().check_observables(observables, model)
        if isinstance(model, DickeModel):
            check_along(observables, model, type(self).__name__)

    def extent(self, state: ProductState | Ensemble, block: int = 1) -> Extent:
        """How many trajectories, in blocks of a size.

        Parameters
        ----------
        state : ProductState or Ensemble
            From where.
        block : int
            Trajectories computed together.

        Returns
        -------
        Extent
            Trajectories at most, target and block.
        """
        return Extent(self.trajectories, self.target_stderr, block)

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Judge by how fast coherences die beside the rates of flips, in the worst stage."""
        from opendicke.methods.strong_coupling import Exits, assessed

        extent = self.extent(problem.state)
        model = problem.model
        stages = list(self._stages(times))

        def cost(exits: Exits) -> tuple[float, float]:
            span = float(times[-1] - times[0])
            flips = exits.mean * span
            return cost_of_chains(extent.most, flips, len(times), model.spins)

        made = assessed(problem, cost, stages)
        if made.seconds <= _LONGEST:
            return made
        reason = f"it would follow so many flips that they take about {made.seconds:.1g} s"
        return replace(made, verdict=Verdict.INVALID, reason=reason, number=made.seconds)

    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]],
        progress: Progress | None = None,
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Solve problems one after the other, the blocks of each several at a time."""

        def one(number: int, report: Progress) -> Raw:
            question = problems[number], times, observables, keys[number]
            return self._solve(*question, report, None if before is None else before[number])

        return one_by_one(one, len(problems), progress)

    def follow(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int],
        report: Progress,
    ) -> Followed:
        """Single trajectories, with the configurations at the last time, (n, N) of ±1.

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
        report : callable
            Called with the fraction done and a short description.

        Returns
        -------
        Followed
            Values (T, …, n) of every observable, and the configurations (n, N) at the last time.
        """
        run = _Run(self, problem, times, observables, key)
        count = self.extent(problem.state).most
        size = run.block_size(count)

        def one(first: int) -> Any:
            return run.followed(first, min(size, count - first))

        parts = side_by_side(
            one,
            range(0, count, size),
            lambda share: report(share, "trajectories"),
            cores(),
        )
        values = {
            name: np.concatenate([part[0][name] for part in parts], axis=-1) for name in parts[0][0]
        }
        last = np.concatenate([part[1] for part in parts])
        return Followed(values, last, (Status.OK, "", run.numerics), run.labels)

    def _stages(self, times: Array) -> Sequence[tuple[float, float]]:
        """Distinct factors of field and damping between the first and the last time."""
        annealing = self.annealing
        if annealing is None:
            return [(1.0, 1.0)]
        found = [*annealing.stages(times[0], times[-1]), *annealing.stages(times[-1], times[-1])]
        return list(dict.fromkeys((stage.field, stage.damping) for stage in found))

    def _solve(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int],
        report: Progress,
        before: Raw | None,
    ) -> Raw:
        known = earlier(before, observables, problem.model, times)
        extent = self.extent(problem.state)
        if before is not None and (found := settled(known, extent)) is not None:
            return as_it_is(before, *self._status(found, times))
        method = self
        if before is not None and known is not None:
            method = replace(self, sampler=before.numerics["sampler"])
        run = _Run(method, problem, times, observables, key)
        size = run.block_size(extent.most)
        extent = self.extent(problem.state, size)
        gathered = gather(run.statistics, extent, report, at_once=cores(), before=known)
        numerics = run.numerics | {"block": size} | gathered.numerics(times)
        status, message = self._status(gathered, times)
        return Raw(gathered.values, status, message, numerics, run.labels)

    def _status(self, gathered: Gathered, times: Array) -> tuple[Status, str]:
        message = gathered.missed(times, self.target_stderr)
        return (Status.NOT_CONVERGED, message) if message else (Status.OK, "")


class _Run:
    """Everything that the blocks of one problem share."""

    def __init__(
        self,
        method: KineticMonteCarlo,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int],
    ) -> None:
        from opendicke.methods.strong_coupling import initial_up, rates_of

        model = problem.model
        assert isinstance(model, DickeModel)
        self.method, self.model, self.times = method, model, times
        self.observables = observables
        self._words = trajectory_words(*key)
        self._up = initial_up(problem)
        factors = {damping for _, damping in method._stages(times)}
        models = {factor: damped(model, factor) for factor in factors}
        stages = tuple(models.values())
        self._readouts = {
            factor: Readout(each, observables, stages) for factor, each in models.items()
        }
        sampler = method.sampler
        self._chains, reports = {}, {}
        for factor, each in models.items():
            rates = rates_of(each)
            reports[factor] = rates.report
            self._chains[factor] = _chains(each, rates, sampler, self._up)
        first = self._damping_at(0)
        self.labels = self._readouts[first].labels()
        self.numerics: dict[str, Any] = dict(reports[first])
        self.numerics["sampler"] = self._chains[first].sampler

    def block_size(self, most: int) -> int:
        """Trajectories in a block: as asked, or what memory allows."""
        if self.method.block is not None:
            return min(self.method.block, most)
        numbers = sum(
            len(item.parts(self.model)) * math.prod(item.shape(self.model))
            for item in self.observables
        )
        each = 8 * (numbers + 4 * self.model.spins)
        return max(1, min(_CHAINS, most, _BYTES // each))

    def _start(self, first: int, count: int) -> Array:
        """Initial configurations of trajectories first … first + count − 1, (count, N)."""
        up = self._up
        if np.isin(up, (0.0, 1.0)).all():
            return np.tile(np.where(up > 0.5, 1, -1).astype(np.int8), (count, 1))
        run = (int(self._words[0]) << 32) | int(self._words[1])
        drawn = np.empty((count, len(up)), np.int8)
        for row, number in enumerate(range(first, first + count)):
            bits = np.random.Philox(key=np.array([run, number], np.uint64))
            drawn[row] = np.where(np.random.Generator(bits).random(len(up)) < up, 1, -1)
        return drawn

    def _stages_into(self, place: int) -> list[Stage]:
        """The stretches that lead to one output time."""
        annealing = self.method.annealing
        start, end = self.times[max(place - 1, 0)], self.times[place]
        if annealing is None:
            return [Stage(float(end), 1.0, 1.0)]
        return list(annealing.stages(float(start), float(end)))

    def _damping_at(self, place: int) -> float:
        """What holds from an output time on."""
        annealing, time = self.method.annealing, float(self.times[place])
        return 1.0 if annealing is None else next(annealing.stages(time, time)).damping

    def _visits(self, first: int, count: int) -> Any:
        """(k, configurations, readout) at every output time."""
        state = self._chains[self._damping_at(0)].start(
            self._start(first, count), self._words, first
        )
        for place in range(len(self.times)):
            for stage in self._stages_into(place):
                elapsed = stage.until - float(self.times[0])
                self._chains[stage.damping].advance(state, elapsed, factor=stage.field**2)
            yield place, state.spins, self._readouts[self._damping_at(place)]

    def statistics(self, first: int, count: int) -> dict[str, Statistic]:
        """Moments of the observables over a block of trajectories."""
        seen: dict[str, list[Statistic]] = {item.name: [] for item in self.observables}
        for _, spins, readout in self._visits(first, count):
            values = readout.values(spins)
            for item in self.observables:
                sample = values[item.name]
                made: Statistic = (
                    Moments.of(sample)
                    if item.combine is None
                    else JointMoments.of(sample, item.combine)
                )
                seen[item.name].append(made)
        return {name: _over_times(each) for name, each in seen.items()}

    def followed(self, first: int, count: int) -> tuple[dict[str, Array], Array]:
        """Observables of single trajectories (T, …, n), and their last configurations."""
        answers: dict[str, list[Array]] = {item.name: [] for item in self.observables}
        last = np.empty(0)
        for _, spins, readout in self._visits(first, count):
            for name, value in readout.values(spins).items():
                answers[name].append(np.moveaxis(value, 0, -1))
            last = np.array(spins)
        return {name: np.stack(each) for name, each in answers.items()}, last


def _chains(model: DickeModel, rates: Any, sampler: str, up: Array) -> Any:
    """Chains of a model by a sampler, or by the one that suits it."""
    from opendicke.methods.chains import Chains
    from opendicke.physics.configuration_rates import energy_weights

    weights = energy_weights(model)
    if sampler == "automatic":
        from opendicke.methods.chain_sampler import sampling

        likely = np.where(up >= 0.5, 1, -1).astype(np.int8)
        sampler = sampling(rates, model.couplings, weights, likely).sampler
    return Chains(rates, model.couplings, weights, sampler)


def _over_times(parts: list[Any]) -> Statistic:
    """Statistics of all times from those of each."""
    if isinstance(parts[0], JointMoments):
        mean = np.stack([part.mean for part in parts], axis=1)
        m2 = np.stack([part.m2 for part in parts], axis=2)
        return JointMoments(parts[0].count, mean, m2, parts[0].combine)
    mean, m2 = np.stack([part.mean for part in parts]), np.stack([part.m2 for part in parts])
    return Moments(parts[0].count, mean, m2)


def cost_of_chains(trajectories: int, flips: float, times: int, spins: int) -> tuple[float, float]:
    """About the seconds on one core, and the bytes, of so many flips and times each."""
    each = 2e-5 + 2e-6 * times + 1e-7 * flips * math.sqrt(spins)
    return trajectories * each, 64.0 * spins * 20 + 1e8
