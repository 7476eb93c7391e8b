"""Cells of an ensemble solved: what a worker does, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from opendicke.errors import InputError, ValidityError
from opendicke.experiment.plan import Cell, Place, Plan
from opendicke.experiment.reading import as_in_files
from opendicke.measure.observables import Observable, find_observables, register_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import AbstractMethod, Verdict, refusal
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem, reduce
from opendicke.results.frames import raw_of, unpacked_frames
from opendicke.results.transport import packed
from opendicke.solving import check_question

Report = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Job:
    """What all cells of a run share."""

    plan: Plan
    validity: str
    own: tuple[Observable, ...] = ()
    """Observables that the user registered: other processes do not know them."""


@dataclass(frozen=True, eq=False)
class Group:
    """Cells that are solved in one call and recorded together."""

    cells: tuple[Place, ...]
    before: bytes | None = None
    """What there is of these cells already, to go on from."""


def solve_groups(job: Job, groups: Sequence[Group], progress: Report | None = None) -> list[bytes]:
    """The answers of the cells of every group, as bytes."""
    register_observables(job.own)
    made = []
    for number, group in enumerate(groups):

        def share(part: float, text: str, number: int = number) -> None:
            if progress is not None:
                progress((number + part) / len(groups), text)

        made.append(packed(solve_group(job, group, share)))
    return made


def solve_group(job: Job, group: Group, report: Report) -> list[Raw]:
    """The answers of the cells of one group; one that fails is recorded and spoils no other."""
    asked = find_observables(job.plan.experiment.observables)
    frames: Sequence[Any] = [None] * len(group.cells)
    if group.before is not None:
        frames = unpacked_frames(group.before)
    raws: dict[int, Raw] = {}
    ready: dict[AbstractMethod, list[_Ready]] = {}
    for number, (place, frame) in enumerate(zip(group.cells, frames, strict=True)):
        try:
            made = _prepared(job, place, number, asked, frame)
        except (InputError, ValidityError) as error:
            raws[number] = Raw({}, Status.REFUSED, str(error).rstrip("."))
        except Exception as error:
            raws[number] = _failed(error)
        else:
            ready.setdefault(made.cell.method, []).append(made)
    solved = 0
    for method, members in ready.items():

        def share(part: float, text: str, begun: int = solved, size: int = len(members)) -> None:
            report((begun + part * size) / len(group.cells), text)

        times = job.plan.experiment.times
        for member, raw in zip(members, _solved(method, members, times, asked, share), strict=True):
            raws[member.number] = raw
        solved += len(members)
    return [raws[number] for number in range(len(group.cells))]


@dataclass(frozen=True, eq=False)
class _Ready:
    number: int
    cell: Cell
    problem: Problem
    before: Raw | None


def _prepared(
    job: Job, place: Place, number: int, asked: tuple[Observable, ...], frame: Any
) -> _Ready:
    """Draw, check and reduce one cell.

    Raises
    ------
    InputError, ValidityError
        If the question makes no sense for this draw.
    """
    cell = job.plan.cell(place)
    names = [item.name for item in asked]
    as_in_files(check_question, cell.model, cell.state, cell.method, names)
    problem = as_in_files(reduce, cell.model, cell.state)
    if job.validity == "refuse":
        assessment = cell.method.assess(problem, job.plan.experiment.times)
        if assessment.verdict is Verdict.INVALID:
            raise ValidityError(refusal(cell.method, assessment))
    before = None
    if frame is not None:
        count = int(frame.get("times_done", len(job.plan.experiment.times)))
        shapes = {item.name: (count, *item.shape(cell.model)) for item in asked}
        before = raw_of(frame, asked, shapes, (cell.model.spins, cell.model.modes))
    return _Ready(number, cell, problem, before)


def _solved(
    method: AbstractMethod,
    members: Sequence[_Ready],
    times: Array,
    asked: tuple[Observable, ...],
    report: Report,
) -> list[Raw]:
    """All members in one call; if that fails, each by itself."""
    try:
        return _run(method, members, times, asked, report)
    except Exception as error:
        if len(members) == 1:
            return [_failed(error)]
    raws = []
    for number, member in enumerate(members):

        def share(part: float, text: str, number: int = number) -> None:
            report((number + part) / len(members), text)

        try:
            raws += _run(method, [member], times, asked, share)
        except Exception as error:
            raws.append(_failed(error))
    return raws


def _run(
    method: AbstractMethod,
    members: Sequence[_Ready],
    times: Array,
    asked: tuple[Observable, ...],
    report: Report,
) -> list[Raw]:
    problems = [member.problem for member in members]
    keys = [member.cell.key for member in members]
    if not method.continues:
        before = [member.before for member in members]
        return method.run_many(problems, times, asked, keys, report, before)
    raws: dict[int, Raw] = {}
    starts: dict[int, list[int]] = {}
    for k, member in enumerate(members):
        done = 0 if member.before is None else times_done(member.before)
        if member.before is not None and done == len(times):
            raws[k] = member.before
        elif member.before is not None and _can_go_on(method, member.before):
            starts.setdefault(done, []).append(k)
        else:
            starts.setdefault(0, []).append(k)
    for done, chosen in starts.items():
        if not done:
            made = method.run_many(
                [problems[k] for k in chosen], times, asked, [keys[k] for k in chosen], report
            )
        else:
            made = _later(method, [members[k] for k in chosen], times, done, asked, report)
        raws.update(zip(chosen, made, strict=True))
    return [raws[k] for k in range(len(members))]


def _can_go_on(method: AbstractMethod, raw: Raw) -> bool:
    """Whether the state in which a member ended is known, and as accurate as asked."""
    settings = method.settings()
    good = raw.numerics.get("end_error", np.inf) <= settings["tolerance"]
    return bool(raw.end) and raw.status is Status.OK and (good or settings["step"] is not None)


def times_done(raw: Raw) -> int:
    """Output times that a deterministic answer has."""
    return len(np.asarray(next(iter(raw.values.values()), ())))


def _later(
    method: AbstractMethod,
    members: Sequence[_Ready],
    times: Array,
    done: int,
    asked: tuple[Observable, ...],
    report: Report,
) -> list[Raw]:
    """Go on from the states in which members ended, to later times."""
    problems, befores = [], []
    for member in members:
        assert member.before is not None
        state = method.continued(member.cell.model, member.before.end)
        problems.append(reduce(member.cell.model, state))
        befores.append(member.before)
    keys = [member.cell.key for member in members]
    rest = method.run_many(problems, times[done - 1 :], asked, keys, report)
    raws = []
    for before, after in zip(befores, rest, strict=True):
        values = {
            name: np.concatenate([np.asarray(before.values[name]), np.asarray(more)[1:]])
            for name, more in after.values.items()
        }
        numerics = dict(after.numerics)
        for name in ("step", "estimated_error"):
            if name in numerics:
                numerics[name] = max(numerics[name], before.numerics.get(name, numerics[name]))
        worse = before if before.status > after.status else after
        raws.append(replace(after, values=values, numerics=numerics, status=worse.status))
    return raws


def _failed(error: Exception) -> Raw:
    text = " ".join(str(error).split())
    return Raw({}, Status.FAILED, f"{type(error).__name__}: {text}".rstrip(".: "))
