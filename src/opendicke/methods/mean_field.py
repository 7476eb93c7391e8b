"""Mean field: expectation values of products factorise (carollo2021 Eqs. (6)–(8))."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

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

if TYPE_CHECKING:
    from opendicke.methods.refinement import Refined
    from opendicke.methods.stepping import Batch


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

    Raises
    ------
    InputError
        If a setting is out of its range; what a method admits is seen when it meets a model.
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
    together: ClassVar[int] = 32
    stochastic: ClassVar[bool] = False
    continues: ClassVar[bool] = True

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
        before: Sequence[Raw | None] | None = None,
    ) -> list[Raw]:
        """Integrate all problems, those of one shape together in one compiled program.

        An answer depends on others in the same call by round-off alone.
        """
        from opendicke.methods.end_states import keeps_end
        from opendicke.methods.stepping import Batch

        known = [None] * len(problems) if before is None else before
        results = {i: raw for i, raw in enumerate(known) if raw is not None}
        batches = _batches(problems, [i for i, raw in enumerate(known) if raw is None])
        for number, indices in enumerate(batches):

            def report(share: float, text: str, number: int = number) -> None:
                if progress is not None:
                    progress((number + share) / len(batches), text)

            some = [problems[i] for i in indices]
            batch = Batch(some, times, observables, self.order, keeps_end(some[0]))
            for i, raw in zip(indices, self._solve(batch, report), strict=True):
                results[i] = raw
        return [results[i] for i in range(len(problems))]

    def continued(self, model: DickeModel | IsingModel, end: Mapping[str, Array]) -> ProductState:
        """The product state at the last time of an answer, to start from there."""
        from opendicke.methods.end_states import state_at

        return state_at(model, end)

    def _solve(self, batch: Batch, report: Progress) -> list[Raw]:
        from opendicke.methods.refinement import Refined, refine

        if self.step is None:
            refined = refine(batch, self.tolerance, report)
        else:
            counts = batch.counts(self.step)
            step, unknown = batch.longest_step(counts), np.full(1, np.nan)
            refined = [
                Refined(solution, step, unknown, False, math.nan)
                for solution in batch.integrate(batch.everyone, counts, report)
            ]
        return [self._raw(found, batch, k) for k, found in enumerate(refined)]

    def _raw(self, found: Refined, batch: Batch, number: int) -> Raw:
        """Say how one solution ended."""
        from opendicke.methods.end_states import end_state

        values, step, course = found.solution.values, found.step, found.course
        error = float(course.max())
        numerics = {"step": step, "order": self.order, "estimated_error": error}
        end: dict[str, Array] = {}
        if (state := found.solution.state) is not None:
            numerics["end_error"] = found.end_error
            end = end_state(batch.problems[number], state, float(batch.times[-1] - batch.times[0]))
        if not all(np.isfinite(array).all() for array in values.values()):
            return Raw(values, Status.NOT_FINITE, "the solution is not finite", numerics)
        if error > self.tolerance:
            good = batch.times[max(int(np.argmax(course > self.tolerance)) - 1, 0)]
            why = (
                f"the limit of {_MOST_STEPS} steps is reached"
                if found.exhausted
                else "shorter steps do not help: the motion may be chaotic"
            )
            message = (
                f"the estimated error is {error:.2g} at step {step:.2g}, above the tolerance "
                f"{self.tolerance:.2g} (but below it up to time {good:g}), and {why}"
            )
            return Raw(values, Status.NOT_CONVERGED, message, numerics, end=end)
        return Raw(values, Status.OK, "", numerics, end=end)


_DOUBTFUL_SHARE = 0.05
_MOST_STEPS = 10**7


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


def _batches(
    problems: Sequence[Problem], asked: Sequence[int], most_bytes: float = 5e8
) -> list[list[int]]:
    """Indices, of those asked, of one shape, in batches that fit the memory comfortably."""
    by_shape: dict[Any, list[int]] = {}
    for i in asked:
        problem = problems[i]
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
