"""The choice of the time step: on errors that are known, on chaos, and on models."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.methods.pilot import Choice, choose
from opendicke.methods.schedule import Steps, longest_step, step_counts
from opendicke.methods.trajectories import Numerics

TIMES = np.array([0.0, 0.5, 1.1, 3.0])
Law = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""What steps (T,) into each time do to the trajectories (T, P) with these numbers."""


def silent(share: float, text: str) -> None:
    """No report."""


def model(loss: float = 0.0, **replaced: Any) -> od.DickeModel:
    """Four spins, three modes, nothing equal to anything."""
    rng = np.random.default_rng(3)
    settings: dict[str, Any] = {
        "couplings": rng.normal(size=(4, 3)) / 2,
        "frequencies": rng.uniform(0.5, 2.0, 3),
        "loss": loss * rng.uniform(0.5, 1.0, 3),
        "field": rng.uniform(0.3, 1.2, 4),
    }
    return od.DickeModel(**settings | replaced)


class Invented:
    """Trajectories whose errors follow a law of the steps instead of a model."""

    def __init__(self, law: Law, order: int = 4, loss: float = 0.0, span: float = 1.0) -> None:
        state = od.ProductState.polarized("+z")
        self.problem = od.reduce(model(loss), state)
        self.elapsed = TIMES * span
        self.observables = find_observables(["sz"])
        self.numerics = Numerics(order, 64, False)
        self.law = law
        self.asked: list[tuple[int, int, int]] = []

    def counts(self, step: float) -> np.ndarray:
        return step_counts(self.elapsed, step)

    def values(
        self, first: int, count: int, counts: np.ndarray, fold: int = 1
    ) -> dict[str, np.ndarray]:
        self.asked.append((int(counts.sum()), fold, count))
        members = np.arange(first, first + count)
        true = np.cos(self.elapsed)[:, None] * np.cos(members)
        return {"sz": (true + self.law(counts, members))[:, None]}

    def error(self, counts: np.ndarray, most: int) -> float:
        """Of the means over the first `most` trajectories."""
        return float(np.abs(self.law(counts, np.arange(most)).mean(axis=-1)).max())


def power_law(size: float, power: int, scatter: float, seed: int = 1) -> Law:
    """Errors (size + scatter ξ_k) τ^power, growing in time, τ the longest step so far."""

    def law(counts: np.ndarray, members: np.ndarray) -> np.ndarray:
        spans = np.diff(TIMES, prepend=0.0)
        longest = np.maximum.accumulate(spans / np.maximum(counts, 1))
        xi = np.random.default_rng(seed).normal(size=10**4)[members]
        return (longest**power * TIMES / 3)[:, None] * (size + scatter * xi)

    return law


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
@pytest.mark.parametrize("scatter", [0.0, 1.0])
@pytest.mark.parametrize("size", [0.01, -0.5, 6.0])
@pytest.mark.parametrize(("power", "loss"), [(4, 0.0), (2, 0.0), (2, 0.7)])
def test_a_known_error_is_brought_within_the_tolerance(
    power: int, loss: float, size: float, scatter: float, tolerance: float
) -> None:
    """The error of the chosen step is within it, half of it at most unseen, and no step is lost."""
    order = 4 if loss else power  # noise brings order 2 of itself
    made = Invented(power_law(size, power, abs(size) * scatter), order, loss)
    choice = choose(made, tolerance, 1000, silent)
    true = made.error(choice.counts, 1000)
    assert choice.reason == ""
    assert choice.pilots == 64
    assert true <= tolerance
    assert true / 2 <= choice.error <= tolerance
    # How much longer a step could be: the error may be overestimated by the safety and the step
    # down from the last one tried, but not by orders of magnitude.
    possible = (tolerance / abs(size)) ** (1 / power)
    assert longest_step(made.elapsed, choice.counts) >= min(possible, 0.3) / 4


@pytest.mark.parametrize("scatter", [3.0, 8.0, 30.0])
def test_an_error_that_scatters_more_than_it_shifts(scatter: float) -> None:
    """Where 64 pairs scarcely see the mean difference, errors of 60 draws are right on average.

    The root of their mean square is within twice the tolerance, their estimates not below half.
    """
    true, estimated = [], []
    for seed in range(60):
        made = Invented(power_law(0.5, 4, 0.5 * scatter, seed))
        choice = choose(made, 1e-6, 1000, silent)
        true.append(made.error(choice.counts, 1000))
        estimated.append(choice.error)
    size = np.sqrt(np.mean(np.square(true)))
    assert size < 2e-6
    assert np.sqrt(np.mean(np.square(estimated))) > size / 2


@pytest.mark.parametrize(("order", "loss"), [(4, 0.0), (2, 0.0), (4, 0.7), (2, 0.7)])
def test_noise_is_folded_along_the_same_path(order: int, loss: float) -> None:
    """With noise both members of a pair take the same short steps of it; without there is none."""
    made = Invented(power_law(1.0, 2, 0.0), order, loss)
    choose(made, 1e-5, 1000, silent)
    if not loss:
        assert {fold for _, fold, _ in made.asked} == {1}
        assert len({steps for steps, _, _ in made.asked}) == len(made.asked)  # none twice
        return
    assert len(made.asked) % 2 == 0
    for (fine, once, _), (coarse, fold, _) in zip(made.asked[::2], made.asked[1::2], strict=True):
        assert (once, coarse * fold) == (1, fine)
        assert 2 <= fold <= 4


def test_no_more_pilots_than_trajectories() -> None:
    """A run of five compares five, a long one a block."""
    for most, pilots in ((5, 5), (64, 64), (10**6, 64)):
        made = Invented(power_law(0.1, 4, 1.0))
        assert choose(made, 1e-4, most, silent).pilots == pilots
        assert {count for _, _, count in made.asked} == {pilots}


def test_one_pilot_has_no_scatter() -> None:
    """A single trajectory is judged by its own difference."""
    made = Invented(power_law(0.5, 4, 0.0))
    choice = choose(made, 1e-4, 1, silent)
    assert made.error(choice.counts, 1) <= 1e-4
    assert np.isfinite(choice.error)


def chaotic(counts: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Another draw for every step: pairs never agree."""
    rng = np.random.default_rng(zlib.crc32(counts.tobytes()))
    return rng.normal(size=(len(counts), 64))[:, members] * np.array([[0.0], [1.0], [1.0], [1.0]])


@pytest.mark.parametrize("loss", [0.0, 0.7])
def test_chaos_is_told(loss: float) -> None:
    """Pairs that never agree end the search soon, with the sampling error as all that is known."""
    made = Invented(chaotic, loss=loss)
    choice = choose(made, 1e-3, 1000, silent)
    assert choice.reason == (
        "trajectories are chaotic, and 64 pairs at two steps cannot tell their means apart"
    )
    # Differences of pairs have the variance 2, means over 1000 of them √(2/1000) = 0.045.
    assert 0.03 < choice.error < 0.45
    assert len(made.asked) < 30


def turned(growth: Callable[[np.ndarray], np.ndarray], size: float) -> Law:
    """Phases of size τ⁴ and random sign and size, that grow in time as a function says."""
    times = np.linspace(0.0, 20.0, 81)

    def law(counts: np.ndarray, members: np.ndarray) -> np.ndarray:
        step = longest_step(times, counts)
        rng = np.random.default_rng(zlib.crc32(counts.tobytes()))
        phase = size * step**4 * growth(times)[:, None] * rng.normal(size=10**4)[members]
        return np.asarray(np.cos(0.7 * members + phase) - np.cos(0.7 * members))

    return law


def phased(growth: Callable[[np.ndarray], np.ndarray], size: float) -> Invented:
    """Trajectories that lose their phase, seen 81 times."""
    made = Invented(turned(growth, size))
    made.elapsed = np.linspace(0.0, 20.0, 81)
    return made


@pytest.mark.parametrize("rate", [1.0, 2.5])
@pytest.mark.parametrize("size", [0.05, 3.0])
def test_chaos_takes_the_step_that_is_good_until_pairs_part(rate: float, size: float) -> None:
    """Errors τ⁴ exp(λt): the step is right to the tolerance for half the time that can be had."""
    made = phased(lambda times: np.exp(rate * times), size)
    choice = choose(made, 1e-3, 1000, silent)
    assert not choice.certain
    assert "chaotic" in choice.reason
    step = longest_step(made.elapsed, choice.counts)
    shortest = min(float(made.elapsed[-1]) / steps for steps, _, _ in made.asked)
    assert step >= 1.9 * shortest
    # A phase δ that scatters changes means over 1000 by δ/√1000.
    reach = np.log(1e-3 * 1000**0.5 / size / step**4) / rate
    farther = np.log(1e-3 * 1000**0.5 / size / shortest**4) / rate
    assert reach > 0.35 * farther
    early = made.elapsed < 0.9 * reach
    away = np.abs(made.law(choice.counts, np.arange(1000)).mean(axis=-1))
    assert away[early].max() <= 1e-3


def test_chaos_of_a_model_takes_no_tiny_steps() -> None:
    """Ten spins and 100 fast modes: means agree with those of steps eight times as short."""
    random = od.RandomDicke(od.Gaussian(2.0), 10, 100, frequencies=10.0, field=1.0)
    given, times = random.draw(seed=4), np.linspace(0.0, 20.0, 101)
    start = od.ProductState.polarized("+z")
    method = od.TruncatedWigner(trajectories=600)
    found = od.solve(given, start, times, method, ["sz"], seed=1, validity="ignore")
    numerics = json.loads(found.attrs["numerics"])
    assert not numerics["step_certain"]
    assert numerics["step"] > 0.02
    exact = od.TruncatedWigner(trajectories=600, step=numerics["step"] / 8)
    other = od.solve(given, start, times, exact, ["sz"], seed=1, validity="ignore")
    z = (found.sz - other.sz) / np.hypot(found.sz_stderr, other.sz_stderr)
    late = z[20::8]  # samples are the same, so early times agree far better
    assert abs(float(late.mean())) < 1.0
    assert float(abs(late).max()) < 4.0


@pytest.mark.parametrize("size", [1.0, 300.0])
def test_a_lost_phase_is_not_chaos(size: float) -> None:
    """Errors τ⁴ t that first exceed a period: shorter steps help, so they are taken."""
    made = phased(lambda times: times, size)
    choice = choose(made, 1e-3, 1000, silent)
    assert choice.reason == ""
    assert np.abs(made.law(choice.counts, np.arange(1000)).mean(axis=-1)).max() <= 1e-3


def test_a_difference_that_does_not_fall_is_told() -> None:
    """Means that differ for certain whatever the step: shorter steps do not help."""

    def stubborn(counts: np.ndarray, members: np.ndarray) -> np.ndarray:
        side = zlib.crc32(counts.tobytes()) % 1000 / 1000
        return np.full((len(counts), len(members)), side)

    choice = choose(Invented(stubborn), 1e-4, 1000, silent)
    assert choice.reason == "shorter steps do not help"
    assert choice.error > 1e-4


def test_the_number_of_steps_has_a_limit() -> None:
    """An error that falls too slowly ends at ten million steps, and says so."""
    law: Law = lambda counts, members: np.full((4, len(members)), 1e3 / counts.sum())  # noqa: E731
    made = Invented(law, order=2, span=1e5)
    choice = choose(made, 1e-9, 1000, silent)
    assert choice.reason == "the limit of 10000000 steps is reached"
    assert choice.error > 1e-9
    assert max(steps for steps, _, _ in made.asked) < 4e7


def test_differences_count_relative_to_values_above_one() -> None:
    """Where the mean is 500, the same relative error is 500 times larger."""

    class Large(Invented):
        def values(self, *args: Any) -> dict[str, np.ndarray]:
            return {name: 500.0 + 500.0 * each for name, each in super().values(*args).items()}

    small, large = (kind(power_law(0.5, 4, 0.0)) for kind in (Invented, Large))
    chosen = [
        longest_step(TIMES, choose(each, 1e-5, 1000, silent).counts) for each in (small, large)
    ]
    # The mean of cos(k) over 64 numbers is far below 1: the scale is 500 to a few per cent.
    assert chosen[1] == pytest.approx(chosen[0], rel=0.1)


def prepared(
    method: od.TruncatedWigner, given: od.DickeModel, times: Any = TIMES, **state: Any
) -> tuple[Any, Choice]:
    """The trajectories of a model and the step chosen for them."""
    start = od.ProductState.bloch([0.6, 0.0, 0.7], **state)
    problem = od.reduce(given, start)
    names = find_observables(["sx", "sz", "photons"])
    trajectories = method.prepared(problem, np.asarray(times, float), names, (5, 0))
    return trajectories, method.choose_step(trajectories, np.asarray(times, float), silent)


def apart(trajectories: Any, counts: np.ndarray, shorter: int, fold: bool) -> float:
    """Largest difference of means from those of steps `shorter` times as short, same samples."""
    number = trajectories.numerics.block
    coarse = trajectories.values(0, number, counts, shorter if fold else 1)
    fine = trajectories.values(0, number, counts * shorter)
    largest = 0.0
    for name, value in fine.items():
        mean = value.mean(axis=-1)
        difference = np.abs(coarse[name].mean(axis=-1) - mean).max()
        largest = max(largest, difference / max(1.0, np.abs(mean).max()))
    return largest


MODELS = [(4, 0.0, "double"), (2, 0.0, "double"), (4, 0.0, "single"), (4, 0.6, "double")]


@pytest.mark.parametrize(("order", "loss", "precision"), MODELS)
def test_the_step_of_a_model_keeps_its_promise(order: int, loss: float, precision: str) -> None:
    """Means of the chosen step differ from those of much shorter ones by the tolerance at most.

    With noise the shorter steps are half as long, so that a quarter of the error is not seen.
    """
    number, shorter = (512, 2) if loss else (128, 10)
    for tolerance in (1e-3,) if loss else (1e-3, 1e-4):
        method = od.TruncatedWigner(
            trajectories=number, block=number, order=order, tolerance=tolerance, precision=precision
        )
        trajectories, choice = prepared(method, model(loss))
        true = apart(trajectories, choice.counts, shorter, bool(loss))
        assert (choice.reason, choice.pilots) == ("", 32)
        assert true <= tolerance * (1 - shorter**-2.0)
        assert true / 2 <= choice.error <= tolerance
        # The control: far longer steps are not within the tolerance.
        longer = np.maximum(choice.counts // 5, TIMES > 0)
        assert apart(trajectories, longer, shorter, bool(loss)) > tolerance


@pytest.mark.parametrize("loss", [0.0, 0.6])
def test_nothing_is_compared_where_nothing_moves(loss: float) -> None:
    """A single time has no steps."""
    _, choice = prepared(od.TruncatedWigner(trajectories=32), model(loss), [2.0])
    assert choice == Choice(Steps(1.0), choice.counts, 0.0, 0, "")
    np.testing.assert_array_equal(choice.counts, [0])


@pytest.mark.parametrize("what", ["field", "couplings"])
def test_without_field_or_coupling_every_step_is_exact(what: str) -> None:
    """One step into each time, no pilot, error 0; steps ten times as short change round-off."""
    nothing = np.zeros((4, 3)) if what == "couplings" else 0.0
    method = od.TruncatedWigner(trajectories=32)
    trajectories, choice = prepared(method, model(**{what: nothing}), displacement=0.5)
    np.testing.assert_array_equal(choice.counts, [0, 1, 1, 1])
    assert (choice.error, choice.pilots, choice.reason) == (0.0, 0, "")
    assert apart(trajectories, choice.counts, 10, False) < 1e-12


def test_uneven_times_share_one_longest_step() -> None:
    """A short and a long way to the next time: steps of about one length on both."""
    times = [0.0, 0.001, 2.0, 2.05, 9.0]
    made = Invented(lambda counts, members: np.zeros((5, len(members))))
    made.elapsed = np.array(times)
    counts = choose(made, 1e-4, 100, silent).counts
    np.testing.assert_array_equal(counts > 0, np.array(times) > 0)
    assert counts[1] == 1
    steps = np.diff(times) / counts[1:]
    longest = steps.max()
    # No interval is cut finer than the longest step asks for.
    assert (np.diff(times) / np.maximum(counts[1:] - 1, 1) > longest * 0.999)[counts[1:] > 1].all()


def test_a_given_step_is_taken_without_question() -> None:
    """No pilot, no estimate: at least as fine as given, NaN as the error."""
    _, choice = prepared(od.TruncatedWigner(trajectories=8, step=0.4), model())
    np.testing.assert_array_equal(choice.counts, [0, 2, 2, 5])
    assert np.isnan(choice.error)
    assert (choice.pilots, choice.reason) == (0, "")


def test_progress_of_the_search_rises() -> None:
    """Shares rise below 1 and the text says which step is tried."""
    reports: list[tuple[float, str]] = []
    choose(
        Invented(power_law(6.0, 4, 1.0)),
        1e-8,
        1000,
        lambda share, text: reports.append((share, text)),
    )
    shares = [share for share, _ in reports]
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] < 1
    assert all(text.startswith("pilot, step ") for _, text in reports)
