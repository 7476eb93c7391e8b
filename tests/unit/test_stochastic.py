"""The driver of stochastic methods: blocks, rounds, targets, order, memory, faults."""

from __future__ import annotations

import itertools
import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from opendicke.measure.moments import JointMoments, Moments
from opendicke.methods import parallel, stochastic
from opendicke.methods.stochastic import Extent, Gathered, Worst, gather, merge, worst_error

SAMPLES = np.random.default_rng(0).normal(1.0, 1.0, (40000, 3, 2))
Block = Callable[[int, int], dict[str, Any]]


def silent(share: float, text: str) -> None:
    """No report."""


def numbered(first: int, count: int) -> dict[str, Any]:
    """Two observables of the samples with these numbers, one of them joint."""
    chosen = SAMPLES[first : first + count]
    pairs = np.stack([chosen**2, chosen])
    return {
        "mean": Moments.of(chosen),
        "variance": JointMoments.of(pairs, lambda square, mean: square - mean**2),
    }


def unhurried(block: Block, longest: float = 0.004) -> Block:
    """The same block, after a pause that depends on its number in no regular way."""

    def slow(first: int, count: int) -> dict[str, Any]:
        time.sleep(longest * ((first * 2654435761) % 97) / 97)
        return block(first, count)

    return slow


def with_workers(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(parallel, "workers", lambda: number)


def equal(first: Gathered, second: Gathered) -> bool:
    """Whether all statistics agree bit for bit."""
    return first.trajectories == second.trajectories and all(
        (value.mean == second.values[name].mean).all()
        and (value.m2 == second.values[name].m2).all()
        for name, value in first.values.items()
    )


@pytest.mark.parametrize("number", [1, 2, 7, 8, 9, 64, 65, 1000])
def test_every_trajectory_once(number: int) -> None:
    """Exactly the numbers from 0 on, in blocks of 8 at most, the last one partial."""
    asked: list[tuple[int, int]] = []

    def block(first: int, count: int) -> dict[str, Any]:
        asked.append((first, count))
        return numbered(first, count)

    found = gather(block, Extent(number, None, 8), silent)
    made = sorted(k for first, count in asked for k in range(first, first + count))
    assert made == list(range(number))
    assert sorted(count for _, count in asked)[1:] == [8] * (math.ceil(number / 8) - 1)
    assert (found.trajectories, found.reached) == (number, True)
    np.testing.assert_allclose(found.values["mean"].mean, SAMPLES[:number].mean(axis=0), rtol=1e-12)
    if number > 1:
        direct = SAMPLES[:number].std(axis=0, ddof=1) / np.sqrt(number)
        np.testing.assert_allclose(found.values["mean"].stderr, direct, rtol=1e-10)
        spread = SAMPLES[:number].var(axis=0)
        np.testing.assert_allclose(found.values["variance"].value, spread, rtol=1e-10)


@pytest.mark.parametrize("target", [None, 0.02])
def test_workers_and_their_pace_change_no_bit(
    target: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks are merged in the order of their numbers, whoever comes first."""
    extent = Extent(1003 if target is None else None, target, 50)
    found = []
    for number in (1, 2, 5, 16):
        with_workers(monkeypatch, number)
        found += [gather(numbered, extent, silent), gather(unhurried(numbered), extent, silent)]
    assert all(equal(found[0], other) for other in found[1:])
    assert all(found[0].worst == other.worst for other in found[1:])
    # By hand, from left to right.
    asked: list[tuple[int, int]] = []

    def block(first: int, count: int) -> dict[str, Any]:
        asked.append((first, count))
        return numbered(first, count)

    made = gather(block, extent, silent).trajectories
    parts = [numbered(*part) for part in sorted(asked)]
    total = parts[0]
    for part in parts[1:]:
        total = {name: total[name].merge(part[name]) for name in total}
    assert equal(found[0], Gathered(total, made, found[0].worst, True))
    # The control: merged the other way round, bits differ.
    turned = parts[-1]
    for part in parts[-2::-1]:
        turned = merge(turned, part)
    assert not equal(found[0], Gathered(turned, made, found[0].worst, True))


def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of trajectories at which the error was judged, filled as it happens."""
    counts: list[int] = []

    def spy(values: Any) -> Worst:
        counts.append(next(iter(values.values())).count)
        return worst_error(values)

    monkeypatch.setattr(stochastic, "worst_error", spy)
    return counts


@pytest.mark.parametrize("target", [0.3, 0.1, 0.03, 0.012])
def test_a_target_is_judged_after_whole_rounds_and_met(
    target: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 512 on, at multiples of 64, the first round that meets the target is the last."""
    counts, block = judged(monkeypatch), 20
    samples = SAMPLES - 1.0  # values below 1, so that errors count as they are

    def centred(first: int, count: int) -> dict[str, Any]:
        return {"mean": Moments.of(samples[first : first + count])}

    def error(made: int) -> float:
        return float((samples[:made].std(axis=0, ddof=1) / np.sqrt(made)).max())

    found = gather(centred, Extent(None, target, block), silent)
    assert counts[0] == 512
    assert len(counts) <= 8  # rounds grow
    assert counts[-1] == found.trajectories
    assert all(made % 64 == 0 for made in counts)
    assert all(before < after <= 4 * before for before, after in itertools.pairwise(counts))
    assert all(error(made) > target for made in counts[:-1])
    assert error(counts[-1]) <= target
    assert found.reached
    assert found.worst.error == pytest.approx(error(counts[-1]), rel=1e-9)
    # No more than what is needed, first round and luck of the draw aside.
    assert found.trajectories <= max(512, 1.5 * (SAMPLES.std() / target) ** 2 + 64)


@pytest.mark.parametrize("needed", [600, 990, 1800, 2200, 7000])
def test_a_target_takes_no_more_than_it_needs(needed: int) -> None:
    """With errors of exactly 1/√(n − 1) the run ends within a tenth and 64 of the need."""

    def steady(first: int, count: int) -> dict[str, Any]:
        return {"mean": Moments(count, np.zeros(2), np.full(2, float(count)))}

    found = gather(steady, Extent(None, 1 / np.sqrt(needed - 1), 20), silent)
    assert found.reached
    assert needed <= found.trajectories <= 1.1 * needed + 64


@pytest.mark.parametrize("most", [30, 160, 161, 777])
def test_a_target_beyond_the_cap_is_not_reached(most: int) -> None:
    """All that is allowed is made, to the last trajectory, and the target reported as missed."""
    found = gather(numbered, Extent(most, 1e-4, 20), silent)
    assert (found.trajectories, found.reached) == (most, False)
    assert found.values["mean"].count == most
    assert found.worst.error > 1e-4


def test_numbers_of_trajectories_by_default() -> None:
    """A thousand without a target, a million at most with one."""
    assert Extent(None, None, 7).most == 1000
    assert Extent(None, 0.1, 7).most == 10**6
    assert Extent(12, 0.1, 7).most == 12


def test_the_cap_serves_where_the_error_stays_undefined() -> None:
    """A standard error that is no number never meets a target, and never ends in a loop."""

    def odd(first: int, count: int) -> dict[str, Any]:
        return {"mean": Moments(count, np.ones(1), np.full(1, np.nan))}

    found = gather(odd, Extent(100, 0.5, 4), silent)
    assert (found.trajectories, found.reached, found.worst.error) == (100, False, math.inf)


def made_of(value: Any, error: Any, count: int = 100) -> Moments:
    """Moments with a given value and standard error."""
    mean = np.array(value, dtype=float)
    return Moments(count, mean, np.array(error, dtype=float) ** 2 * count * (count - 1))


def test_the_worst_place_is_found() -> None:
    """By hand: the largest error of all observables, times and entries, with where it is."""
    values = {
        "first": made_of([0.1, 0.2, 0.3], [0.01, 0.04, 0.02]),
        "second": made_of([[0.1, 0.0], [-0.5, 0.9]], [[0.01, 0.02], [0.03, 0.05]]),
    }
    worst = worst_error(values)
    assert (worst.observable, worst.place) == ("second", (1, 1))
    assert worst.error == pytest.approx(0.05, rel=1e-12)
    times = np.array([0.0, 2.5])
    assert worst.described(times) == "`second`, entry 1, at time 2.5"
    assert worst_error({"first": values["first"]}).described(np.arange(3.0)) == "`first` at time 1"
    turned = worst_error(dict(reversed(values.items())))
    assert (turned.observable, turned.place) == ("second", (1, 1))


def test_errors_count_relative_to_values_above_one() -> None:
    """The scale is the largest value of the observable if that is above 1, of either sign."""
    large = made_of([0.5, -200.0, 20.0], [1.0, 2.0, 6.0])
    worst = worst_error({"photons": large, "sx": made_of([0.9, 0.1, 0.0], [0.02, 0.029, 0.01])})
    assert worst == Worst(pytest.approx(6.0 / 200.0, rel=1e-12), "photons", (2,))
    worst = worst_error({"photons": large, "sx": made_of([0.9, 0.1, 0.0], [0.02, 0.031, 0.01])})
    assert worst == Worst(pytest.approx(0.031, rel=1e-12), "sx", (1,))


def test_what_is_undefined_does_not_count() -> None:
    """Values that are NaN or infinite are left out; a value whose error is NaN is the worst."""
    errors = [0.1, np.nan, 5.0, 0.3]
    worst = worst_error({"ratio": made_of([0.5, np.nan, np.inf, 0.2], errors)})
    assert (worst.error, worst.place) == (pytest.approx(0.3, rel=1e-12), (3,))
    worst = worst_error({"ratio": made_of([0.5, 1e9, 0.1], [0.1, 0.2, np.nan])})
    assert (worst.error, worst.place) == (math.inf, (2,))
    nothing = worst_error({"ratio": made_of([np.nan, np.nan], [np.nan, 1.0])})
    assert nothing.error == 0.0
    single = worst_error({"sz": Moments(1, np.zeros(2), np.zeros(2))})
    assert single.error == math.inf


def test_memory_does_not_grow_with_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few results of blocks live at a time among 400, also while the first is waited for."""
    with_workers(monkeypatch, 4)
    lock, alive, most = threading.Lock(), 0, 0

    def gone() -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def block(first: int, count: int) -> dict[str, Any]:
        nonlocal alive, most
        time.sleep(0.0003 if first else 0.3)
        made = Moments.of(SAMPLES[first : first + count])
        weakref.finalize(made, gone)
        with lock:
            alive += 1
            most = max(most, alive)
        return {"mean": made}

    found = gather(block, Extent(1600, None, 4), silent)
    assert found.trajectories == 1600
    assert most <= 40


@pytest.mark.parametrize(
    "extent",
    [Extent(500, None, 7), Extent(1, None, 7), Extent(None, 0.02, 10), Extent(300, 1e-5, 10)],
    ids=str,
)
def test_progress_rises_to_at_most_one(extent: Extent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares never fall, never exceed 1, and count trajectories; all is 1 where all is made."""
    with_workers(monkeypatch, 3)
    shares: list[float] = []
    texts: list[str] = []

    def report(share: float, text: str) -> None:
        shares.append(share)
        texts.append(text)

    found = gather(unhurried(numbered, 0.0005), extent, report)
    assert len(shares) >= math.ceil(found.trajectories / extent.block)
    assert texts[-1] == f"{found.trajectories} trajectories"
    assert all(0 < share <= 1 for share in shares)
    if extent.trajectories is not None:
        assert shares[-1] == 1.0
    assert shares == sorted(shares)


class BrokenError(Exception):
    """What a block of these tests fails with."""


@pytest.mark.parametrize("kind", [BrokenError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("where", ["block", "report"])
def test_a_fault_ends_the_run(
    kind: type[BaseException], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a block or the report raises comes through, and blocks not yet begun are dropped."""
    with_workers(monkeypatch, 2)
    begun: list[int] = []

    def block(first: int, count: int) -> dict[str, Any]:
        begun.append(first)
        time.sleep(0.001)
        if where == "block" and first == 20:
            raise kind("in the middle")
        return numbered(first, count)

    def report(share: float, text: str) -> None:
        if where == "report" and share > 0.004:
            raise kind("in the middle")

    before = threading.active_count()
    with pytest.raises(kind, match="in the middle"):
        gather(block, Extent(4000, None, 4), report)
    time.sleep(0.02)
    seen = len(begun)
    assert seen < 900
    time.sleep(0.05)
    assert len(begun) == seen
    assert threading.active_count() <= before


def test_a_fault_before_others_are_merged_is_the_first_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two faults the one of the earlier block is reported, whichever happens first."""
    with_workers(monkeypatch, 4)

    def block(first: int, count: int) -> dict[str, Any]:
        if first == 4:
            time.sleep(0.05)
            raise BrokenError("block 1")
        if first == 8:
            raise BrokenError("block 2")
        return numbered(first, count)

    with pytest.raises(BrokenError, match="block 1"):
        gather(block, Extent(100, None, 4), silent)


def test_workers_are_as_many_as_cores() -> None:
    """On processors one piece for each core."""
    assert parallel.workers() >= 1


def test_results_side_by_side_stand_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is in the order of the parts, and the share done rises to 1."""
    with_workers(monkeypatch, 4)
    shares: list[float] = []

    def task(part: int) -> int:
        time.sleep(0.002 * (part % 3 == 0))
        return part**2

    found = parallel.side_by_side(task, range(12), shares.append)
    assert found == [part**2 for part in range(12)]
    assert shares == pytest.approx([(k + 1) / 12 for k in range(12)])
