"""Mean field: expectation values of products factorise (carollo2021 Eqs. (6)–(8))."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.measure.terms import (
    InteractionTerm,
    IsingTerm,
    PhotonTerm,
    QuadratureTerm,
    SpinTerm,
)
from opendicke.methods.base import AbstractMethod, Assessment, Progress, Verdict
from opendicke.methods.splitting import SCHEMES, checked
from opendicke.model.checks import Array, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import Pattern, ProductState
from opendicke.physics.hidden import hidden_instability


@dataclass(frozen=True)
class MeanField(AbstractMethod):
    r"""Mean-field dynamics of spins and boson amplitudes.

    .. math::
        \dot a_\lambda = -(i\omega_\lambda+\Gamma_\lambda/2)a_\lambda
                         - i\sum_j g_{j\lambda}\langle Z_j\rangle, \qquad
        \dot s_j = 2B_j\times s_j, \quad
        B_j = h_j\hat X + 2\sum_\lambda g_{j\lambda}\mathrm{Re}\,a_\lambda\,\hat Z

    It is exact as the number of spins that share each row of couplings grows, with an error of
    order 1/N (carollo2021, Theorem). Thermal occupation beside the amplitudes follows its own
    closed law and is part of `photons`. Spins of equal couplings turn together, so mean field
    keeps patterns but corrects no error.

    Parameters
    ----------
    tolerance : float
        Largest admitted error of any requested observable at any time, absolute for values below 1
        and relative to the largest value otherwise. The step is chosen from it.
    order : {2, 4}
        Order of the splitting.
    step : float, optional
        A fixed step instead; then no error is estimated.
    """

    tolerance: float = 1e-6
    order: int = 4
    step: float | None = None

    kind: ClassVar[str] = "mean-field"
    offers: ClassVar[tuple[type, ...]] = (
        SpinTerm,
        PhotonTerm,
        QuadratureTerm,
        InteractionTerm,
        IsingTerm,
    )
    stochastic: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "tolerance", real("tolerance", self.tolerance, least=1e-12, most=0.01)
        )
        order, step = checked(self.order, self.step)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "step", step)

    def device(self) -> str:
        """JAX's default device."""
        from opendicke.methods.runtime import device_name

        return device_name()

    def admits(self, model: DickeModel | IsingModel, state: ProductState | Ensemble) -> None:
        """Every model and every product state."""

    def assess(self, problem: Problem, times: Array) -> Assessment:
        """Judge by the mean number of spins that share a row of couplings."""
        groups, vectors, modes = problem.shape
        from opendicke.methods.stepping import coarse_step

        span = float(times[-1] - times[0])
        stages = len(SCHEMES[self.order].coupling)
        step = self.step or coarse_step([problem])
        steps = max(float(len(times)), 8 * span / step if step else math.inf)
        work = groups * (4.0 * modes + 40.0 * vectors)
        seconds = 0.5 + 2 * steps * stages * (work * 1e-9 + 3e-6)
        memory = 8.0 * (2 * problem.couplings.size + 12 * groups * vectors)
        remarks = _remarks(problem)
        if steps > _MOST_STEPS:
            reason = (
                f"it would need about {steps:.0e} steps, and at most {_MOST_STEPS:.0e} are made"
            )
            return Assessment(Verdict.INVALID, reason, steps, seconds, memory, remarks)
        if problem.model.thermodynamic or not problem.couplings.any():
            reason = "it is exact in this limit"
            return Assessment(Verdict.VALID, reason, 0.0, seconds, memory, remarks)
        share = problem.groups / problem.model.spins
        reason = (
            f"it is exact when many spins share each row of couplings, and here "
            f"{problem.model.spins} spins have {problem.groups} different rows"
        )
        verdict = Verdict.VALID if share <= _DOUBTFUL_SHARE else Verdict.DOUBTFUL
        return Assessment(verdict, reason, share, seconds, memory, remarks)

    def run_many(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        keys: Sequence[tuple[int, int]] = (),
        progress: Progress | None = None,
    ) -> list[Raw]:
        """Integrate all problems, those of one shape together in one compiled program."""
        from opendicke.methods.stepping import Batch

        results: dict[int, Raw] = {}
        batches = _batches(problems)
        for number, indices in enumerate(batches):

            def report(share: float, text: str, number: int = number) -> None:
                if progress is not None:
                    progress((number + share) / len(batches), text)

            batch = Batch([problems[i] for i in indices], times, observables, self.order)
            for i, raw in zip(indices, self._solve(batch, report), strict=True):
                results[i] = raw
        return [results[i] for i in range(len(problems))]

    def _solve(self, batch: Any, report: Progress) -> list[Raw]:
        if self.step is not None:
            counts = batch.counts(self.step)
            values = batch.integrate(batch.everyone, counts, report)
            step = batch.longest_step(counts)
            members = _members(values, len(batch.everyone))
            return [self._raw(member, batch, step) for member in members]
        return self._refine(batch, report)

    def _refine(self, batch: Any, report: Progress) -> list[Raw]:
        """Shorten the step until two successive solutions agree, member by member.

        If the error at step τ is C τ^p, solutions at r τ and τ differ by (r^p − 1) times the error
        of the better one. Twice that is the estimate where the difference agrees with the error
        that was estimated for the worse one and the step resolves the fastest mode; elsewhere
        the difference itself is, and while the mode is not resolved two in a row must pass.
        Numbers of steps are coprime from one solution to the next, so that no two of them share a
        resonance of the step with a fast mode. A member whose error repeatedly fails to fall,
        because its motion is chaotic or round-off is reached, is given up and marked.
        """
        results: dict[int, Raw] = {}
        active = batch.everyone
        span = float(batch.times[-1] - batch.times[0])
        counts = batch.counts(max(batch.first_step, span / _MOST_STEPS) or 1.0)
        done, ratio = _FIRST_SHARE, 2
        part = _scaled(report, 0.0, done)
        coarse = _members(batch.integrate(active, counts, part, "first step"), len(active))
        last = np.full((len(active), len(batch.times)), np.inf)
        stalls = np.zeros(len(active), dtype=int)
        agreed = np.zeros(len(active), dtype=bool)
        while len(active):
            finer = np.where(counts > 0, ratio * counts + 1, 0)
            shortened = float((finer[counts > 0] / counts[counts > 0]).min(initial=np.inf))
            counts = finer
            step, share = batch.longest_step(counts), done + (1 - done) * 0.6
            part, done = _scaled(report, done, share), share
            fine = _members(batch.integrate(active, counts, part, f"step {step:.3g}"), len(active))
            apart = np.array([_distance(a, b) for a, b in zip(coarse, fine, strict=True)])
            promised = min(shortened, 1e3) ** self.order
            guess = 2 * apart / (promised - 1)
            # The law predicts `apart` to be about half the last guess, the coarser one's error.
            kept = (apart <= last) & (last < _SATURATED)
            lawful = np.where(np.isinf(last), guess < _SMALL, kept)
            resolved = batch.fastest_mode * step <= 1
            lawful &= resolved
            course = np.where(lawful, guess, apart)
            error = course.max(axis=1)
            stalls = stalls + (resolved & (guess.max(axis=1) > last.max(axis=1) / 2))
            exhausted = 2 * counts.sum() > _MOST_STEPS
            before, agreed = agreed, error <= self.tolerance
            ended = (agreed & (resolved | before)) | (stalls >= _PATIENCE) | exhausted
            for k in np.flatnonzero(ended):
                results[int(active[k])] = self._raw(fine[k], batch, step, course[k], exhausted)
            rest = np.flatnonzero(~ended)
            trusted = (lawful | (apart <= self.tolerance))[rest].all() and not stalls[rest].any()
            active, stalls, last, agreed = active[rest], stalls[rest], guess[rest], agreed[rest]
            coarse = [fine[k] for k in rest]
            ratio = self._next_ratio(last, counts) if trusted and len(rest) else 2
        report(1.0, "done")
        return [results[int(k)] for k in batch.everyone]

    def _next_ratio(self, errors: Array, counts: Array) -> int:
        """How much shorter the next step is, if errors fall as the order promises."""
        wanted = math.ceil((float(errors.max()) / self.tolerance) ** (1 / self.order))
        affordable = int(_MOST_STEPS / counts.sum())
        return max(2, min(int(wanted), 8, affordable))

    def _raw(
        self,
        values: dict[str, Array],
        batch: Any,
        step: float,
        course: Array | None = None,
        exhausted: bool = False,
    ) -> Raw:
        """Label one solution; `course` is its estimated error at each time, if there is one."""
        error = math.nan if course is None else float(course.max())
        numerics = {"step": step, "order": self.order, "estimated_error": error}
        if not all(np.isfinite(array).all() for array in values.values()):
            return Raw(values, Status.NOT_FINITE, "the solution is not finite", numerics)
        if course is not None and error > self.tolerance:
            good = batch.times[max(int(np.argmax(course > self.tolerance)) - 1, 0)]
            why = (
                f"the limit of {_MOST_STEPS} steps is reached"
                if exhausted
                else "shorter steps do not help: the motion may be chaotic"
            )
            message = (
                f"the estimated error is {error:.2g} at step {step:.2g}, above the tolerance "
                f"{self.tolerance:.2g} (but below it up to time {good:g}), and {why}"
            )
            return Raw(values, Status.NOT_CONVERGED, message, numerics)
        return Raw(values, Status.OK, "", numerics)


_DOUBTFUL_SHARE = 0.05
_MOST_STEPS = 10**7
_FIRST_SHARE = 0.05
_SMALL = 1e-3
_SATURATED = 0.05
_PATIENCE = 3


def _remarks(problem: Problem) -> tuple[str, ...]:
    spins = getattr(problem.state, "spins", None)
    if not isinstance(spins, Pattern) or not isinstance(problem.model, DickeModel):
        return ()
    remarks: tuple[str, ...] = ()
    if 0 < spins.flipped < 1:
        remarks += (
            "spins with equal couplings turn together, so flipped spins stay opposite to their "
            "neighbours: it keeps patterns but corrects no error",
        )
    displaced = np.flatnonzero(problem.initial.displacement)
    hidden = hidden_instability(problem.model, spins.index, abs(1 - 2 * spins.flipped))
    if hidden is not None and set(displaced) <= {spins.index}:
        where = f"below {hidden.upper:.4g}" if hidden.upper < math.inf else "at every coupling"
        remarks += (
            f"the retrieval state of pattern {spins.index} is linearly unstable here "
            f"(g₀ = {hidden.strength:.4g}, unstable {where}): small perturbations grow at the "
            f"rate {hidden.growth:.3g}, which a start exactly along the pattern hides",
        )
    return remarks


def _batches(problems: Sequence[Problem], most_bytes: float = 5e8) -> list[list[int]]:
    """Indices of problems of one shape, in batches that fit the memory comfortably."""
    by_shape: dict[Any, list[int]] = {}
    for i, problem in enumerate(problems):
        key = (
            problem.shape,
            problem.factors is None or tuple(factor.shape for factor in problem.factors),
            problem.mode_lift.rotation is None,
            problem.strengths is None,
            problem.model.spins,
            problem.model.modes,
        )
        by_shape.setdefault(key, []).append(i)
    batches = []
    for indices in by_shape.values():
        problem = problems[indices[0]]
        lift = problem.spin_lift.components.size + problem.model.spins
        rotation = problem.mode_lift.rotation
        size = 8.0 * (
            problem.couplings.size * 2
            + problem.vectors.size * 8
            + lift
            + (0 if rotation is None else rotation.size)
        )
        most = max(1, int(most_bytes / size))
        pieces = -(-len(indices) // most)
        batches += [list(map(int, piece)) for piece in np.array_split(indices, pieces)]
    return batches


def _members(values: dict[str, Array], count: int) -> list[dict[str, Array]]:
    return [{name: array[k] for name, array in values.items()} for k in range(count)]


def _distance(first: dict[str, Array], second: dict[str, Array]) -> Array:
    """Largest difference over observables at each time (T,), relative to values above 1.

    A difference that is not a number counts as infinite.
    """
    differences = []
    for name, array in second.items():
        scale = max(1.0, float(np.abs(array).max(initial=0)))
        apart = np.abs(array - first[name]).reshape(len(array), -1).max(axis=1)
        differences.append(apart / scale)
    return np.asarray(np.nan_to_num(np.max(differences, axis=0), nan=np.inf))


def _scaled(report: Progress, start: float, end: float) -> Progress:
    return lambda share, text: report(start + (end - start) * share, text)
