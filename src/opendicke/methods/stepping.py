"""Batches of problems of one shape, integrated by one compiled program in short segments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.measure.observables import Observable
from opendicke.methods.base import Progress
from opendicke.methods.flow import Grid, Parameters, State, advance, initial, stacked
from opendicke.methods.readout import ALONG_BATCH, combined, contract, evaluate, moment_of
from opendicke.methods.runtime import Program, double_precision
from opendicke.methods.schedule import Schedule, longest_step, step_counts
from opendicke.methods.splitting import SCHEMES
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem

_SEGMENT_SECONDS = 0.3


def _segment(
    parameters: Parameters,
    states: State,
    readout: Any,
    elapsed: Any,
    steps: Any,
    counts: Any,
    order: int,
    layout: str,
) -> Any:
    """Advance every member through the rows (time, step, count) and read it out after each.

    Members stand innermost (layout "batch"), or outermost and are computed together ("rows") or
    one after the other ("turns").
    """

    def rows(p: Parameters, state: State, terms: Any) -> Any:
        def row(state: State, item: Any) -> Any:
            moment, step, count = item
            state = advance(p, state, step, count, SCHEMES[order])
            return state, read(terms, moment_of(moment, p, state))

        read = jax.vmap(evaluate, in_axes=(0, ALONG_BATCH)) if layout == "batch" else evaluate
        return jax.lax.scan(row, state, (elapsed, steps, counts))

    if layout == "batch":
        states, values = rows(parameters, states, readout)
        return states, jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), values)
    if layout == "turns":
        return jax.lax.map(lambda member: rows(*member), (parameters, states, readout))
    return jax.vmap(rows)(parameters, states, readout)


segment_program = Program(_segment, static=("order", "layout"))
"""The one compiled program of mean field; `segment_program.compilations` counts its versions."""


def coarse_step(problems: Sequence[Problem]) -> float:
    """A step at which splitting begins to make sense: one over the fastest turning of a spin.

    0 if that turning is too fast for a floating-point number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        fastest = max((_fastest_turning(problem) for problem in problems), default=0.0)
    if not np.isfinite(fastest):
        return 0.0
    return 1.0 / fastest if fastest > 0 else np.inf


def _fastest_turning(problem: Problem) -> float:
    """Estimate of the largest angular velocity of a spin; NaN or infinite if out of range."""
    if not problem.field.any() or not problem.couplings.any():
        return 0.0  # one of the two flows alone is exact at any step
    start_z = problem.mean * problem.vectors[:, :, 2]
    force = (problem.weights[:, None] * start_z).sum(axis=1) @ problem.couplings
    if problem.strengths is not None:
        pull = np.maximum(np.abs(force), np.sqrt(problem.weights @ problem.couplings**2))
        phi = 2 * np.sqrt(problem.couplings**2 @ (problem.strengths * pull) ** 2)
        return float(np.max([np.abs(2 * problem.field).max(), phi.max()]))
    spread = np.sqrt(problem.weights**2 @ problem.couplings**2)
    rate = np.abs((problem.loss - problem.gain) / 2 + 1j * problem.frequencies)
    pull = np.maximum(np.abs(force), spread)
    size = np.abs(problem.displacement) + np.divide(
        pull, rate, out=np.zeros_like(pull), where=rate > 0
    )
    phi = 2 * np.sqrt(problem.couplings**2 @ size**2)
    return float(np.max([np.abs(2 * problem.field).max(), phi.max()]))


def fastest_mode(problem: Problem) -> float:
    """Largest |Γ/2 + iω| of a coupled mode."""
    rate = np.abs((problem.loss - problem.gain) / 2 + 1j * problem.frequencies)
    return float(rate[problem.couplings.any(axis=0)].max(initial=0.0))


class Solution(NamedTuple):
    """Of one member, with some numbers of steps."""

    values: dict[str, Array]
    """By observable, (T, …)."""
    states: Any
    """Of all that were solved together, at the last time; None where they are not kept."""
    place: tuple[Any, ...]
    """Of this member among them."""

    @property
    def state(self) -> State | None:
        """At the last time, where it is kept."""
        if self.states is None:
            return None
        return State(*(None if each is None else each[self.place] for each in self.states))


class Batch:
    """Problems of one shape with their contracted observables.

    Parameters
    ----------
    problems
        All of one shape.
    times
        Output times (T,); the state is given at the first.
    observables
        What is read out at every time.
    order
        Of the splitting.
    ends : bool
        Keep states at the last time.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        times: Array,
        observables: tuple[Observable, ...],
        order: int,
        ends: bool = False,
    ) -> None:
        self.problems = problems
        self.everyone = np.arange(len(problems))
        self.first_steps = np.array([coarse_step([problem]) for problem in problems])
        self.fastest_modes = np.array([fastest_mode(problem) for problem in problems])
        self.times = times
        self.order = order
        self._elapsed = times - times[0]
        self._ends = ends
        self._observables = observables
        pairs = [initial(problem) for problem in problems]
        readouts = [contract(observables, problem) for problem in problems]
        self._layout = _layout(pairs)
        if self._layout == "batch":
            flows = stacked(pairs)
        else:
            flows = jax.tree.map(lambda *leaves: np.stack(leaves), *pairs)
        self._members: Any = (*flows, jax.tree.map(lambda *leaves: np.stack(leaves), *readouts))
        self._rows_at_once = self._affordable_rows()
        self._light = problems[0].couplings.size <= _LIGHT

    def counts(self, step: float) -> Array:
        """Steps (T,) into each output time, none longer than `step`; 0 into the first."""
        return step_counts(self._elapsed, step)

    def longest_step(self, counts: Array) -> float:
        """The longest step that counts stand for."""
        return longest_step(self._elapsed, counts)

    def integrate(
        self, active: Array, counts: Array, report: Progress, text: str = ""
    ) -> list[Solution]:
        """Solve the members `active` with `counts` steps into each time."""
        solutions: list[Solution] = []
        with double_precision():
            for piece in self._pieces(active):
                done, more = len(solutions), len(piece)

                def part(share: float, text: str, done: int = done, more: int = more) -> None:
                    report((done + more * share) / len(active), text)

                solutions += self._integrate(piece, counts, part, text)
        return solutions

    def _pieces(self, active: Array) -> list[Array]:
        """Members in pieces that are worth filling up to a power of two."""
        if self._layout == "turns":
            return list(active[:, None])
        few = _FEW if self._layout == "batch" or self._light else 1
        pieces = []
        while len(active):
            padded = _padded(len(active))
            waste = 4 / 3 if self._light and padded <= _MANY else 8 / 7
            size = len(active) if padded <= max(few, waste * len(active)) else padded // 2
            pieces.append(active[:size])
            active = active[size:]
        return pieces

    def _integrate(
        self, active: Array, counts: Array, report: Progress, text: str
    ) -> list[Solution]:
        filling = np.full(_padded(len(active)) - len(active), active[-1])
        chosen = np.concatenate([active, filling])
        axis = -1 if self._layout == "batch" else 0
        flows = jax.tree.map(
            lambda leaf: (
                jnp.asarray(leaf[..., chosen] if axis else leaf[chosen])
                if leaf.shape[axis] > 1
                else jnp.asarray(leaf)
            ),
            self._members[:2],
        )
        parameters, states = flows
        readout = jax.tree.map(lambda leaf: jnp.asarray(leaf[chosen]), self._members[2])
        schedule = Schedule(self._elapsed, counts, self._rows_at_once)
        collected: list[Any] = []
        budget = 256
        while not schedule.finished:
            segment = schedule.next(budget)
            start, made = time.perf_counter(), segment_program.compile_seconds
            states, values = segment_program(
                parameters,
                states,
                readout,
                *segment[:3],
                order=self.order,
                layout=self._layout,
            )
            values = jax.tree.map(lambda leaf: np.asarray(leaf)[: len(active)], values)
            spent = time.perf_counter() - start - (segment_program.compile_seconds - made)
            collected.append(jax.tree.map(lambda leaf, kept=segment.saved: leaf[:, kept], values))
            pace = _SEGMENT_SECONDS / max(spent, 1e-4)
            budget = int(np.clip(segment.numbers.sum() * pace, budget / 4, budget * 8) + 1)
            report(schedule.made / max(1, schedule.total), text)
        values = {
            item.name: combined(
                np.concatenate([part[item.name] for part in collected], axis=1), item
            )
            for item in self._observables
        }
        last = jax.tree.map(np.asarray, states) if self._ends else None
        return [
            Solution(
                {name: array[k] for name, array in values.items()},
                last,
                (..., k) if axis else (k,),
            )
            for k in range(len(active))
        ]

    def _affordable_rows(self) -> int:
        """Rows in a segment, a fixed shape: fewer where single spins or modes are read out."""
        _, _, readout = self._members
        each = sum(leaf.nbytes for leaf in jax.tree.leaves(readout))
        for rows in (32, 8):
            if rows * each < 4e8:
                return rows
        return 1


def _layout(pairs: list[tuple[Parameters, State]]) -> str:
    """How members are laid out; see `_segment`."""
    parameters, state = pairs[0]
    if not isinstance(parameters.couplings, Grid):
        return "rows"
    if len(pairs) > 1 and (len(pairs) >= _VECTOR or state.x.size <= _FEW_GROUPS):
        return "batch"
    return "turns"


_VECTOR = 8
"""Members that fill the vector units of a processor."""
_FEW_GROUPS = 256


_FEW = 16
"""Members that cost little more than one, where systems are small."""
_MANY = 64
"""Members of which more than a few are not worth adding."""
_LIGHT = 1024
"""Couplings of a small system."""


def _padded(count: int) -> int:
    """The next power of two: programs are made for these numbers of members only."""
    return 1 << (count - 1).bit_length()
