"""Truncated Wigner: classical trajectories from quantum initial fluctuations (kelly2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from opendicke.errors import InputError
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.measure.terms import (
    InteractionTerm,
    IsingTerm,
    PhotonPairTerm,
    PhotonTerm,
    QuadratureTerm,
    SpinPairTerm,
    SpinTerm,
)
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict, one_by_one
from opendicke.methods.splitting import SCHEMES, checked
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
from opendicke.model.blas import threads_for
from opendicke.model.checks import Array, choice, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState


@dataclass(frozen=True)
class TruncatedWigner(AbstractMethod):
    r"""Discrete truncated Wigner approximation: averages over classical trajectories.

    Spins start at ±1 along their Bloch vector and two axes across it, modes from their Wigner
    function, and follow

    .. math::
        da_\lambda = -(i\omega_\lambda+\Gamma_\lambda/2)a_\lambda dt
                     - i\sum_j g_{j\lambda} z_j dt + d\xi_\lambda, \qquad
        \dot s_j = 2B_j\times s_j, \quad
        B_j = h_j\hat X + 2\sum_\lambda g_{j\lambda}\mathrm{Re}\,a_\lambda\,\hat Z

    with complex white noise :math:`\langle|d\xi_\lambda|^2\rangle = \tfrac12(\mathrm{loss} +
    \mathrm{gain})dt` (kelly2021, Eq. (1) and Methods). Averages are symmetrised products;
    observables are given in the order in which they are written, so that vacuum has no photons.

    Parameters
    ----------
    trajectories : int, optional
        How many; with `target_stderr`, how many at most. By default 1,000, or 10⁶ with a target.
    target_stderr : float, optional
        Go on until every standard error of every observable at every time is at most this,
        absolute for values below 1 and relative to the largest value otherwise.
    tolerance : float
        Largest admitted error of ensemble means that comes from the time step, measured likewise.
        A few trajectories at two steps are compared, and the step chosen from them.
    order : {2, 4}, optional
        Order of the splitting; 4 by default. Noise of loss and gain enters exactly for each step
        and is of order 2 in its interplay with the field.
    step : float, optional
        A fixed step instead; then no error is estimated.
    block : int, optional
        Trajectories computed together; by default what fits the processor's cache. It changes
        results by round-off only.
    precision : {"double", "single"}
        Of the trajectories. Averages are taken in double precision always.

    Raises
    ------
    InputError
        If a setting is out of its range; what a method admits is seen when it meets a model.
    """

    trajectories: int | None = None
    target_stderr: float | None = None
    tolerance: float = 1e-3
    order: int = 4
    step: float | None = None
    block: int | None = None
    precision: str = "double"

    kind: ClassVar[str] = "truncated-wigner"
    offers: ClassVar[tuple[type, ...]] = (
        SpinTerm,
        PhotonTerm,
        QuadratureTerm,
        InteractionTerm,
        IsingTerm,
        SpinPairTerm,
        PhotonPairTerm,
    )
    stochastic: ClassVar[bool] = True
    starts: ClassVar[tuple[type, ...]] = (ProductState, Ensemble)

    def __post_init__(self) -> None:
        extent = check_extent(self.trajectories, self.target_stderr, self.block)
        names = ("trajectories", "target_stderr", "block")
        for name, value in zip(names, extent, strict=True):
            object.__setattr__(self, name, value)
        choice("precision", self.precision, ("double", "single"))
        tolerance = real("tolerance", self.tolerance, least=1e-12, most=0.1)
        if self.precision == "single" and self.step is None and tolerance < 1e-5:
            raise InputError(
                "tolerance", "be at least 1e-05 in single precision", f"was {tolerance:g}"
            )
        object.__setattr__(self, "tolerance", tolerance)
        order, step = checked(self.order, self.step)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "step", step)

    def device(self) -> str:
        """JAX's default device."""
        from opendicke.methods.runtime import device_name

        return device_name()

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Every finite model and every product state or ensemble."""
        if model.thermodynamic:
            raise InputError(
                "model",
                "have finitely many spins for TruncatedWigner (in the limit of infinitely many, "
                "where nothing fluctuates, MeanField is exact)",
                "was a thermodynamic limit",
            )
        if isinstance(state, Ensemble) and self.extent(state).most > state.trajectories:
            raise InputError(
                "trajectories",
                f"be at most the {state.trajectories} of the ensemble that the run starts from",
                f"was {self.extent(state).most}",
            )

    def extent(self, state: ProductState | Ensemble, block: int = 1) -> Extent:
        """How many trajectories, in blocks of a size; by default all of an ensemble.

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
        count = self.trajectories
        if count is None and isinstance(state, Ensemble):
            count = state.trajectories
        return Extent(count, self.target_stderr, block)

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Judge by how fast a classical spin turns in the field that it made itself."""
        from opendicke.methods.parallel import workers
        from opendicke.methods.stepping import coarse_step
        from opendicke.methods.trajectories import block_memory, default_block

        groups, _, modes = problem.shape
        span = float(times[-1] - times[0])
        extent = self.extent(problem.state)
        block = min(extent.most, self.block or default_block(problem, extent.most))
        coarse = self.step or coarse_step([problem])
        steps = max(float(len(times)), span / coarse if coarse else math.inf)
        stages = len(SCHEMES[self.order].coupling)
        noise = 100.0 * modes * bool((problem.loss + problem.gain).any())
        work = groups * (0.2 * modes + 15.0) + noise
        seconds = 0.5 + extent.most * steps * stages * work * 1e-9
        memory = float(workers() * block_memory(problem, block, groups))
        memory += 8.0 * (2 * problem.couplings.size + problem.model.modes * modes)
        if steps > _MOST_STEPS:
            reason = (
                f"it would need about {steps:.0e} steps, and at most {_MOST_STEPS:.0e} are made"
            )
            return Assessment(Verdict.INVALID, reason, steps, seconds, memory)
        if not problem.couplings.any():
            reason = "it is exact for uncoupled spins and modes"
            return Assessment(Verdict.VALID, reason, 0.0, seconds, memory)
        with threads_for(*problem.couplings.shape), np.errstate(over="ignore"):
            return _judged(problem, span, seconds, memory)

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
        """Single trajectories of one problem, with the ensemble they end in.

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
            Values (T, …, n) of every observable, and the ensemble at the last time.
        """
        from opendicke.methods.parallel import side_by_side

        trajectories = self.prepared(problem, times, observables, key, each_spin=True)
        choice = self.choose_step(trajectories, times, lambda share, text: report(share / 5, text))
        count, block = self.extent(problem.state).most, trajectories.numerics.block

        def one(first: int) -> Any:
            return trajectories.followed(first, min(block, count - first), choice.counts)

        firsts = range(0, count, block)
        parts = side_by_side(one, firsts, lambda share: report(0.2 + 0.8 * share, "trajectories"))
        values = {
            name: np.concatenate([part[0][name][:, 0] for part in parts], axis=-1)
            for name in parts[0][0]
        }
        spins, amplitudes = (
            np.concatenate([part[1][which] for part in parts]) for which in range(2)
        )
        finite = all(np.isfinite(each).all() for each in (*values.values(), spins, amplitudes))
        status, message = Status.OK, ""
        if not finite:
            status, message = Status.NOT_FINITE, "a trajectory is not finite"
        elif choice.error > self.tolerance and choice.certain:
            status = Status.NOT_CONVERGED
            message = f"the step changes means by an estimated {choice.error:.2g}: {choice.reason}"
        ending = status, message, self._numerics(trajectories, choice)
        before = problem.state.generation if isinstance(problem.state, Ensemble) else 0
        return Followed(values, Ensemble(spins, amplitudes, before + 1), ending)

    def prepared(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        key: tuple[int, int],
        each_spin: bool = False,
        made: int = 0,
        block: int = 0,
    ) -> Any:
        """The trajectories of a problem, ready to be computed.

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
        each_spin : bool
            Whether every spin is drawn by itself.
        made, block : int
            How many there are already, computed in blocks of this size; what is left may be worth
            larger ones.

        Returns
        -------
        Trajectories
        """
        from opendicke.methods.trajectories import Numerics, Trajectories, default_block

        most = self.extent(problem.state).most
        if self.block is not None:
            block = min(self.block, most)
        else:
            wanted = default_block(problem, max(1, most - made))
            block = wanted if wanted > 2 * block else block  # another size is another program
        numerics = Numerics(self.order, block, self.precision == "single")
        return Trajectories(problem, times, observables, numerics, key, each_spin)

    def choose_step(self, trajectories: Any, times: Array, report: Progress) -> Any:
        """The given step, or one that pilots find within the tolerance.

        They are the first trajectories, as many whatever the size of a block.

        Parameters
        ----------
        trajectories : Trajectories
            As prepared.
        times : array (T,)
            Output times, in units of 1/energy.
        report : callable
            Called with the fraction done and a short description.

        Returns
        -------
        Choice
            Steps, their number between output times, the estimated error and the pilots it took.
        """
        from opendicke.methods.pilot import Choice, choose, pilots
        from opendicke.methods.schedule import Steps
        from opendicke.methods.trajectories import Trajectories

        if self.step is not None:
            steps = Steps(self.step)
            return Choice(steps, steps.counts(trajectories.elapsed), math.nan, 0, "")
        most = self.extent(trajectories.problem.state).most
        made = Trajectories(
            trajectories.problem,
            times,
            trajectories.observables,
            replace(trajectories.numerics, block=pilots(trajectories, most)),
            trajectories.key,
        )
        return choose(made, self.tolerance, most, report)

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
        if before is None or known is None:
            known, made, size = None, 0, 0
        else:
            choice = _recorded(before.numerics, times)
            if (found := settled(known, self.extent(problem.state))) is not None:
                return as_it_is(before, *self._status(choice, found, times))
            made, size = int(before.numerics["trajectories"]), int(before.numerics["block"])
        trajectories = self.prepared(problem, times, observables, key, made=made, block=size)
        if known is None:
            choice = self.choose_step(
                trajectories, times, lambda share, text: report(share / 5, text)
            )

        def block(first: int, count: int) -> Any:
            return trajectories.statistics(first, count, choice.counts)

        begun = 0.0 if self.step is not None or known is not None else 0.2
        gathered = gather(
            block,
            self.extent(problem.state, trajectories.numerics.block),
            lambda share, text: report(begun + (1 - begun) * share, text),
            before=known,
        )
        numerics = self._numerics(trajectories, choice) | gathered.numerics(times)
        status, message = self._status(choice, gathered, times)
        return Raw(gathered.values, status, message, numerics)

    def _numerics(self, trajectories: Any, choice: Any) -> dict[str, Any]:
        from opendicke.methods.schedule import longest_step

        numerics: dict[str, Any] = {
            "step": longest_step(trajectories.elapsed, choice.counts),
            "order": self.order,
            "estimated_error": choice.error,
            "pilots": choice.pilots,
            "block": trajectories.numerics.block,
            "precision": self.precision,
        }
        numerics |= choice.steps.numerics()
        if choice.reason:
            numerics |= {"step_remark": choice.reason, "step_certain": choice.certain}
        return numerics

    def _status(self, choice: Any, gathered: Gathered, times: Array) -> tuple[Status, str]:
        if not all(np.isfinite(each.mean).all() for each in gathered.values.values()):
            return Status.NOT_FINITE, "a trajectory is not finite"
        sampling = gathered.worst.error
        if choice.error > max(self.tolerance, sampling) and choice.certain:
            return (
                Status.NOT_CONVERGED,
                f"the step changes ensemble means by an estimated {choice.error:.2g}, above the "
                f"tolerance {self.tolerance:.2g} and the standard error {sampling:.2g}: "
                f"{choice.reason}",
            )
        missed = gathered.missed(times, self.target_stderr)
        return (Status.NOT_CONVERGED, missed) if missed else (Status.OK, choice.reason)


def _recorded(numerics: Mapping[str, Any], times: Array) -> Any:
    """The step that an earlier run chose."""
    from opendicke.methods.pilot import Choice
    from opendicke.methods.schedule import Steps

    steps, error = Steps.recorded(numerics), numerics["estimated_error"]
    return Choice(
        steps,
        steps.counts(times - times[0]),
        math.nan if error is None else float(error),
        int(numerics["pilots"]),
        str(numerics.get("step_remark", "")),
        bool(numerics.get("step_certain", True)),
    )


_MOST_STEPS = 10**7
_LARGE_SELF_TERM = 0.1


def _judged(problem: Problem, span: float, seconds: float, memory: float) -> Assessment:
    """Compare the field that a spin feels of itself with those of the others and from outside.

    Once modes have adjusted, spin j turns in the field 2 Σ_k J_jk z_k along Z beside h_j along X,
    with J_jk = Σ_λ ω_λ g_jλ g_kλ/(ω_λ² + Γ_λ²/4). The term k = j is a constant for a quantum spin
    and turns a classical one.
    """
    strengths, own = problem.ising_strengths, problem.own
    alone = problem.couplings**2 @ strengths
    if own is not None:
        alone = alone - own
    members = problem.weights > 0
    if len(alone) <= _MOST_PAIRS:
        mutual = problem.couplings @ (strengths[:, None] * problem.couplings.T)
        squares = mutual**2 @ problem.weights - np.diag(mutual) ** 2
    else:  # as if factors were independent
        each = (problem.couplings * strengths) ** 2
        squares = each @ (problem.weights @ problem.couplings**2) - alone**2
    others = 2 * np.sqrt(np.maximum(squares, 0.0))
    ratio = 2 * np.abs(alone) / np.maximum(np.hypot(others, problem.field), 1e-300)
    count = problem.weights[members]
    typical = float(np.average(np.abs(alone[members]), weights=count))
    relative = float(np.average(np.minimum(ratio[members], 1e3), weights=count))
    if relative > _LARGE_SELF_TERM and typical * span > _LARGE_SELF_TERM:
        reason = (
            "a classical spin turns in the field that it made itself, which a quantum spin does "
            f"not feel: the self-interaction is about {typical:.1g}, its field "
            f"{relative:.1g} times the others"
        )
        if problem.strengths is None:
            reason += '; `eliminate(model, self_interaction="drop")` leaves it out'
        return Assessment(Verdict.DOUBTFUL, reason, relative, seconds, memory)
    reason = f"the field that a spin makes itself is small ({relative:.1g} times the others)"
    return Assessment(Verdict.VALID, reason, relative, seconds, memory)


_MOST_PAIRS = 4000
