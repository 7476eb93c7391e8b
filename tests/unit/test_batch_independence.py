"""Answers do not depend on what is solved beside them: other members, threads, programs."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.flow import State
from opendicke.methods.parallel import cores, in_order, limit_threads, side_by_side
from opendicke.methods.refinement import refine
from opendicke.methods.schedule import longest_step, step_counts
from opendicke.methods.stepping import Solution, segment_program
from opendicke.methods.trajectories import trajectory_program

TIMES = np.linspace(0, 4, 9)
NAMES = ["sx", "sz_spin", "photons"]


def silent(share: float, text: str) -> None:
    """No report."""


def disordered() -> list[od.Problem]:
    """Members of one shape that need very different steps; one is chaotic, one stands still."""
    rng = np.random.default_rng(2)
    state = od.ProductState.bloch([0.6, 0.0, 0.7], displacement=0.5)
    made = []
    for strength, frequency, field in [
        (0.1, 1.0, 0.3),
        (0.3, 1.0, 0.5),
        (1.0, 2.0, 0.5),
        (0.2, 1.0, 4.0),
        (2.5, 3.0, 1.0),  # chaotic within the time
        (0.4, 60.0, 0.4),
        (0.3, 1.0, 0.0),  # one flow alone, exact at any step
        (0.35, 1.1, 0.5),
        (0.9, 1.9, 0.45),
    ]:
        couplings = strength * rng.normal(size=(5, 2))
        made.append(
            od.reduce(od.DickeModel(couplings, [frequency, 1.3], loss=0.2, field=field), state)
        )
    return made


def patterns() -> list[od.Problem]:
    """Large spins of sign patterns, whose couplings are a grid."""
    state = od.ProductState.pattern(0, flipped=0.1)
    return [
        od.reduce(
            od.RandomDicke(
                od.Binary(strength), 200, 4, [1.0, 1.2, 1.4, 1.6], loss=1.0, field=0.5
            ).draw(1),
            state,
        )
        for strength in (0.2, 0.5, 0.9, 1.4, 2.0, 3.0, 0.6, 0.7, 0.8)
    ]


@pytest.mark.parametrize("make", [disordered, patterns])
def test_members_do_not_change_each_other(make: Any) -> None:
    """Alone, with one other, all together, in another order: equal steps, statuses and values."""
    problems, asked = make(), find_observables(["sx", "photons"])
    method = od.MeanField(1e-6)
    keys = [(0, k) for k in range(len(problems))]

    def solved(chosen: list[int]) -> dict[int, Raw]:
        some = [problems[k] for k in chosen]
        made = method.run_many(some, TIMES, asked, [keys[k] for k in chosen])
        return dict(zip(chosen, made, strict=True))

    everyone = list(range(len(problems)))
    alone = {k: method.run(problems[k], TIMES, asked) for k in everyone}
    assert len({raw.numerics["step"] for raw in alone.values()}) >= 3
    companies = [everyone, everyone[::-1], [2, 5], [4, 0], everyone[:3], [*everyone[3:], 1]]
    for company in companies:
        for k, raw in solved(company).items():
            assert raw.status is alone[k].status
            assert raw.numerics["step"] == alone[k].numerics["step"]
            if raw.status is not Status.OK:
                continue  # chaos carries round-off to any size
            for name, values in alone[k].values.items():
                np.testing.assert_allclose(raw.values[name], values, atol=1e-10, err_msg=name)
            for name, end in alone[k].end.items():
                np.testing.assert_allclose(raw.end[name], end, atol=1e-10, err_msg=name)


class Invented:
    """A batch whose errors are size × step⁴ instead of a model's."""

    order = 4

    def __init__(self, sizes: list[float], first_steps: list[float], span: float) -> None:
        self.problems: list[Any] = list(sizes)
        self.everyone = np.arange(len(sizes))
        self.first_steps, self.fastest_modes = np.array(first_steps), np.zeros(len(sizes))
        self.times = np.array([0.0, span])
        self.made: list[tuple[int, list[int]]] = []

    def counts(self, step: float) -> np.ndarray:
        return step_counts(self.times, step)

    def longest_step(self, counts: np.ndarray) -> float:
        return longest_step(self.times, counts)

    def integrate(self, active: Any, counts: Any, report: Any, text: str = "") -> list[Solution]:
        self.made.append((int(counts.sum()), [int(k) for k in active]))
        step = self.longest_step(counts)
        report(1.0, text)
        return [Solution(self.answer(k, step), None, ()) for k in active]

    def answer(self, k: int, step: float) -> dict[str, np.ndarray]:
        return {"sz": np.array([0.1, 0.2 + self.problems[k] * step**4])}


def refined(sizes: list[float], firsts: list[float], span: float = 1.25) -> tuple[Any, Any]:
    batch = Invented(sizes, firsts, span)
    return refine(batch, 1e-6, silent), batch  # type: ignore[arg-type]


def test_paths_that_meet_stay_their_own() -> None:
    """Members that come to equal numbers of steps, one at first and one later, share solutions."""
    sizes = [0.3, 0.3, 0.002, 5.0, 0.3, 1e-9, 0.005]
    firsts = [1.0, 0.25, 0.6, 0.1, 1.3, 2.0, 1.0]
    together, batch = refined(sizes, firsts)
    # A step of 1 makes 2 steps, then 5; one of 0.25 makes 5 at once: solved in one go.
    assert any({0, 1} <= set(members) for count, members in batch.made if count == 5)
    assert [count for count, _ in batch.made] == sorted({count for count, _ in batch.made})
    for k in range(len(sizes)):
        (own,), lonely = refined([sizes[k]], [firsts[k]])
        assert together[k].step == own.step
        np.testing.assert_array_equal(together[k].course, own.course)
        mine = [count for count, members in batch.made if k in members]
        assert mine == [count for count, _ in lonely.made]
        assert sizes[k] * own.step**4 <= own.course.max() <= 1e-6
    # Not all the steps of the worst member are made by all.
    assert len({each.step for each in together}) > 2


def test_progress_of_paths_rises_to_one() -> None:
    """Shares never fall, and end at 1."""
    shares: list[float] = []
    batch = Invented([0.3, 5.0, 1e-9], [1.0, 0.1, 2.0], 1.25)
    refine(batch, 1e-6, lambda share, text: shares.append(share))  # type: ignore[arg-type]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    assert shares[-1] == 1.0


def test_the_error_of_the_end_is_that_of_its_state() -> None:
    """By the law of the order where it holds, from states that observables do not show."""

    class Ending(Invented):
        def integrate(
            self, active: Any, counts: Any, report: Any, text: str = ""
        ) -> list[Solution]:
            step = self.longest_step(counts)
            states = State(None, *(np.array([[1e-3 * step**4]]) for _ in range(3)))
            return [Solution(self.answer(k, step), states, (...,)) for k in active]

    batch = Ending([0.3], [1.0], 1.25)
    (found,) = refine(batch, 1e-6, silent)  # type: ignore[arg-type]
    true = 1e-3 * found.step**4
    assert true <= found.end_error <= 2.5 * true
    assert found.end_error < found.course.max()


@pytest.mark.parametrize("kind", ["rows", pytest.param("batch", marks=pytest.mark.slow)])
def test_few_programs_serve_batches_of_all_sizes(kind: str) -> None:
    """Sizes 1 … 16 compile programs for powers of two only; other draws compile none."""
    couplings = od.Gaussian(0.4) if kind == "rows" else od.Binary(0.8)
    # Sizes that no other test has: programs are kept for the whole process.
    spins, modes = (11, 3) if kind == "rows" else (90, 3)
    random = od.RandomDicke(couplings, spins, modes, [1.0, 1.2, 1.4], loss=0.5, field=0.5)
    state, asked = od.ProductState.polarized("+z"), find_observables(["sz"])
    problems = [od.reduce(random.draw(0, k), state) for k in range(32)]
    method = od.MeanField(1e-5)

    def compiled(sizes: Any, first: int = 0) -> int:
        before = segment_program.compilations
        for size in sizes:
            some = problems[first : first + size]
            assert len(method.run_many(some, TIMES, asked, [(0, 0)] * size)) == size
        return segment_program.compilations - before

    assert compiled([16, 8, 4, 2, 1]) <= 5 + (kind == "batch")  # one alone has its own layout
    assert compiled(range(1, 17), first=16) <= 1
    assert compiled([16, 11, 5], first=3) == 0


def closed() -> list[od.Problem]:
    """Draws of seven spins and three modes without loss."""
    random = od.RandomDicke(od.Gaussian(0.4), 7, 3, [1.0, 1.2, 1.4], field=0.5)
    state = od.ProductState.polarized("+z")
    return [od.reduce(random.draw(0, k), state) for k in range(8)]


def test_realizations_and_extensions_share_the_programs_of_truncated_wigner() -> None:
    """Other draws, any number of them in a call, and more trajectories compile nothing."""
    problems, asked = closed(), find_observables(["sz"])

    def run(count: int, trajectories: int, **more: Any) -> list[Raw]:
        method = od.TruncatedWigner(trajectories, tolerance=0.02, block=16)
        return method.run_many(
            problems[:count], TIMES, asked, [(0, k) for k in range(count)], **more
        )

    raws = run(1, 64)
    first = trajectory_program.compilations
    for count in (2, 3, 8):
        raws = run(count, 64)
    assert trajectory_program.compilations == first
    more = run(8, 150, before=raws)
    assert trajectory_program.compilations == first
    assert [raw.values["sz"].count for raw in more] == [150] * 8


# ---- Threads ----


def test_a_limit_of_threads_holds_inside_only() -> None:
    """The smaller of nested limits, never more than the cores, and all cores outside."""
    present = os.cpu_count()
    assert cores() == present
    with limit_threads(1):
        assert cores() == 1
        with limit_threads(7):
            assert cores() == 1
        with limit_threads(None):
            assert cores() == 1
    assert cores() == present
    with limit_threads(10**6):
        assert cores() == present
    with pytest.raises(ZeroDivisionError), limit_threads(1):
        raise ZeroDivisionError
    assert cores() == present


@pytest.mark.parametrize("count", [0, -1, 1.5, "two"])
def test_limits_that_are_no_numbers_are_refused(count: Any) -> None:
    """One sentence."""
    with pytest.raises(od.InputError, match="Argument `count` must"), limit_threads(count):
        pass


def test_threads_have_limits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads with different limits at a time, as in a Dask worker; pieces inherit theirs."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    both, found = threading.Barrier(2, timeout=20), {}

    def one(limit: int) -> None:
        with limit_threads(limit):
            both.wait()
            found[limit] = [cores(), *in_order(lambda _: cores(), range(3))]
            both.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, [2, 5]))
    assert found == {2: [2] * 4, 5: [5] * 4}
    assert cores() == 8


def test_no_more_threads_than_the_limit_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces at a time, counted while they run."""
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    lock, running, most = threading.Lock(), 0, 0
    rest = threading.Event()

    def piece(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        rest.wait(0.01)
        with lock:
            running -= 1

    peaks = {}
    for limit in (1, 2, None):
        most = 0
        with limit_threads(limit):
            side_by_side(piece, range(24), lambda share: None)
        peaks[limit] = most
    assert peaks[1] == 1
    assert peaks[2] == 2
    assert peaks[None] > 2


@pytest.mark.parametrize(
    "method",
    [
        od.TruncatedWigner(70, step=0.1, block=16),
        od.KineticMonteCarlo(40, block=8),
        od.RateEquation(),
        od.MeanField(1e-5),
    ],
    ids=lambda method: method.kind,
)
def test_limits_of_threads_change_no_bit(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, two and eight give the same numbers."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    rng = np.random.default_rng(5)
    model = od.DickeModel(rng.normal(size=(6, 3)) / 3, [1.0, 1.5, 2.0], loss=1.0, field=0.1)
    problem = od.reduce(model, od.ProductState.bloch([0.0, 0.0, 0.4]))
    if isinstance(method, od.TruncatedWigner):
        problem = closed()[0]
    found = []
    for limit in (1, 2, None):
        with limit_threads(limit):
            (value,) = method.run(problem, TIMES, find_observables(["sz"])).values.values()
        found.append(value.mean if isinstance(value, od.Moments) else value)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
