"""Chains of kinetic Monte Carlo against the master equation, and what a chain may depend on."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from opendicke.errors import InputError
from opendicke.methods.chain_sampler import sampling
from opendicke.methods.chain_state import empty_log
from opendicke.methods.chains import SAMPLERS, ChainBlock, Chains
from opendicke.methods.streams import streams
from opendicke.physics.rate_table import FlipRates, tabulate

SPINS, CHAINS, SEEDS = 4, 3000, 22
FIELD = 0.3
COUPLINGS = {
    1: np.array([[0.9], [-0.35], [0.6], [1.15]]),
    3: np.array([[0.9, 0.2, -0.4], [-0.3, 0.7, 0.1], [0.5, -0.5, 0.6], [1.1, 0.3, 0.2]]),
}
TIMES = (1.0, 4.0, 16.0, 60.0)
STARTED = np.array([1, 1, -1, 1])


def words(seed: int) -> np.ndarray:
    return np.array([seed, 99], dtype=np.uint32)


def model(couplings: np.ndarray, ratio: float = 1.0) -> tuple[FlipRates, np.ndarray]:
    """Rates, and the strengths c = 16ω/(4ω² + Γ²), with Γ = `ratio`."""
    frequencies = np.linspace(1.0, 1.6, couplings.shape[1])
    rates = tabulate(couplings, frequencies, 1.0 + ratio, 1.0, FIELD, tolerance=1e-6, workers=1)
    return rates, 16 * frequencies / (4 * frequencies**2 + ratio**2)


@cache
def problem(modes: int) -> tuple[FlipRates, np.ndarray, np.ndarray]:
    couplings = COUPLINGS[modes]
    return *model(couplings), couplings


@cache
def chains(modes: int, sampler: str) -> Chains:
    rates, strengths, couplings = problem(modes)
    return Chains(rates, couplings, strengths, sampler)


def configurations(spins: int) -> np.ndarray:
    """All of them, (2^N, N); spin 0 is the most significant bit, 0 for up."""
    numbers = np.arange(2**spins)[:, None]
    return 1 - 2 * ((numbers >> np.arange(spins - 1, -1, -1)) & 1)


def energies(spins: np.ndarray, couplings: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """ε_i of all spins of one configuration, pair by pair."""
    return np.array(
        [
            sum(
                strengths[m] * couplings[i, m] * spins[i] * couplings[k, m] * spins[k]
                for m in range(couplings.shape[1])
                for k in range(len(spins))
                if k != i
            )
            for i in range(len(spins))
        ]
    )


def occupations(rates: FlipRates, couplings: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Probabilities at `TIMES` from the exponential of the generator, (T, 2^N)."""
    every = configurations(SPINS)
    generator = np.zeros((len(every), len(every)))
    for a, spins in enumerate(every):
        flips = rates.evaluate(np.arange(SPINS), energies(spins, couplings, strengths))
        for i, rate in enumerate(flips):
            generator[a ^ (1 << (SPINS - 1 - i)), a] += rate
            generator[a, a] -= rate
    first = int((STARTED < 0) @ (1 << np.arange(SPINS - 1, -1, -1)))
    return np.array([expm(generator * time)[:, first] for time in TIMES])


def counted(made: Chains, seed: int) -> np.ndarray:
    """Shares of chains in each configuration at `TIMES`."""
    state = made.start(STARTED, words(seed), 0, CHAINS)
    shares = []
    for time in TIMES:
        assert made.advance(state, time)
        index = (state.spins < 0) @ (1 << np.arange(SPINS - 1, -1, -1))
        shares.append(np.bincount(index, minlength=2**SPINS) / CHAINS)
    return np.array(shares)


def scores(made: Chains, *laws: np.ndarray) -> list[np.ndarray]:
    """Deviations from each law over seeds, in units of the standard error, where not tiny."""
    shares = [counted(made, seed) for seed in range(SEEDS)]
    result = []
    for exact in laws:
        used = exact > 0.003
        errors = np.sqrt(exact * (1 - exact) / CHAINS)[used]
        result.append(np.concatenate([(share - exact)[used] / errors for share in shares]))
    return result


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_occupations_are_those_of_the_master_equation(modes: int, sampler: str) -> None:
    rates, strengths, couplings = problem(modes)
    exact = occupations(rates, couplings, strengths)
    assert np.allclose(exact.sum(axis=1), 1.0)
    wrong = couplings.copy()
    wrong[3] *= 1.05
    other, _ = model(wrong)
    z, off = scores(chains(modes, sampler), exact, occupations(other, wrong, strengths))
    assert len(z) >= 1000
    assert 0.9 < np.sqrt((z**2).mean()) < 1.1
    # One coupling changed by 5 % is another law.
    assert np.sqrt((off**2).mean()) > 1.1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_single_spin_waits_exponentially(sampler: str) -> None:
    couplings = np.array([[0.7]])
    rates, strengths = model(couplings)
    made = Chains(rates, couplings, strengths, sampler)
    log = empty_log(400, 5)
    state = made.start(np.array([1]), words(1), 0, 400)
    made.advance(state, 1e6, log=log)
    assert (log.filled == 5).all()
    waits = np.diff(log.times, axis=1, prepend=0.0).ravel()
    rate = float(rates.evaluate(0, 0.0))
    assert stats.kstest(waits * rate, "expon").pvalue > 1e-3
    assert stats.kstest(waits * rate * 1.15, "expon").pvalue < 1e-3
    assert (state.spins == -1).all()


def hundred(modes: int) -> tuple[FlipRates, np.ndarray, np.ndarray]:
    """A hundred spins, which share a few table rows; one of them has no field."""
    rng = np.random.default_rng(3)
    couplings = 0.3 * rng.choice([-1.0, 1.0], (100, modes)) * rng.choice([0.5, 1.0], (100, 1))
    frequencies = np.ones(modes)
    field = np.full(100, 1.5)
    field[17] = 0.0
    rates = tabulate(couplings, frequencies, 2.0, 1.0, field, tolerance=1e-4, workers=1)
    return rates, 16 / (4 + 1.0) * np.ones(modes), couplings


@cache
def large(modes: int, sampler: str) -> Chains:
    rates, strengths, couplings = hundred(modes)
    return Chains(rates, couplings, strengths, sampler)


def mixed(count: int) -> np.ndarray:
    return np.random.default_rng(8).choice([-1, 1], (count, 100))


def run(made: Chains, start: np.ndarray, first: int, times: Any) -> ChainBlock:
    state = made.start(start, words(5), first)
    for time in times:
        made.advance(state, time)
    return state


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_output_times_and_blocks_do_not_matter(modes: int, sampler: str) -> None:
    made, start = large(modes, sampler), mixed(6)
    whole = run(made, start, 0, [30.0])
    assert whole.counts.events > 500
    often = run(made, start, 0, np.linspace(0, 30.0, 71))
    assert np.array_equal(whole.spins, often.spins)
    assert np.array_equal(whole.arrays.due, often.arrays.due)
    assert whole.counts.trials == often.counts.trials
    apart = [run(made, start[k : k + 2], k, [30.0]) for k in (0, 2, 4)]
    assert np.array_equal(whole.spins, np.concatenate([part.spins for part in apart]))
    assert not np.array_equal(whole.spins, run(made, start, 1, [30.0]).spins)
    # The spin without field has never moved.
    assert np.array_equal(whole.spins[:, 17], start[:, 17])
    # Round-off of thousands of flips.
    exact = whole.spins @ made._model.couplings
    assert np.abs(whole.arrays.sums - exact).max() < 1e-11


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_record_holds_every_flip(sampler: str) -> None:
    made, start = large(1, sampler), mixed(2)
    state, log = made.start(start, words(5)), empty_log(2, 64)
    spins, events = start.copy(), 0
    while True:
        arrived = made.advance(state, 20.0, log=log)
        for chain in range(2):
            times = log.times[chain, : log.filled[chain]]
            assert (np.diff(times) >= 0).all()
            for spin in log.flipped[chain, : log.filled[chain]]:
                spins[chain, spin] *= -1
                events += 1
        log.filled[:] = 0
        if arrived:
            break
    assert np.array_equal(spins, state.spins)
    assert events == state.counts.events > 64
    assert np.array_equal(run(made, start, 0, [20.0]).spins, state.spins)


def test_a_factor_rescales_time() -> None:
    made, start = large(1, "windowed"), mixed(4)
    once = run(made, start, 0, [16.0])
    slow = made.start(start, words(5))
    made.advance(slow, 32.0, factor=0.5)
    assert np.array_equal(once.spins, slow.spins)
    part = made.start(start, words(5))
    made.advance(part, 4.0)
    made.advance(part, 10.0, factor=2.0)
    assert np.array_equal(once.spins, part.spins)
    still = part.spins.copy()
    made.advance(part, 1e9, factor=0.0)
    assert np.array_equal(still, part.spins)
    with pytest.raises(InputError, match="factor"):
        made.advance(part, 2e9, factor=-1.0)


def test_rates_may_change_between_calls() -> None:
    couplings = COUPLINGS[1]
    other, stronger = model(couplings, 3.0)
    made = {s: Chains(other, couplings, stronger, s) for s in ("windowed", "rejection-free")}
    shares = {}
    for name, then in made.items():
        z = []
        for seed in range(8):
            state = chains(1, "plain").start(STARTED, words(seed + 40), 0, CHAINS)
            chains(1, "plain").advance(state, 2.0)
            then.advance(state, 6.0)
            z.append((state.spins > 0).mean(axis=0))
        shares[name] = np.mean(z, axis=0)
    error = np.sqrt(0.5 / (8 * CHAINS))
    assert np.abs(shares["windowed"] - shares["rejection-free"]).max() < 4 * error


@pytest.mark.parametrize("modes", [1, 3])
def test_samplers_agree_for_many_spins(modes: int) -> None:
    values = []
    for sampler in SAMPLERS:
        made = large(modes, sampler)
        state = made.start(mixed(1)[0], words(7), 0, 300)
        made.advance(state, 12.0)
        couplings = made._model.couplings
        order = ((state.spins @ couplings) ** 2).sum(axis=1)
        values.append((order.mean(), order.std() / np.sqrt(300)))
    for (a, da), (b, db) in pairwise(values):
        assert abs(a - b) < 4.5 * np.hypot(da, db)


def test_the_choice_of_sampler_repeats() -> None:
    rates, strengths, couplings = hundred(3)
    chosen = [sampling(rates, couplings, strengths, mixed(1)[0]) for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert chosen[0].sampler == min(chosen[0].cost, key=lambda name: chosen[0].cost[name])
    assert sampling(*(problem(1)[0], COUPLINGS[1], problem(1)[1]), STARTED).sampler == "windowed"


def test_streams_are_addressed_by_number() -> None:
    assert np.array_equal(streams(words(3), 5, 4), streams(words(3), 0, 9)[5:])
    drawn = streams(words(3), 0, 4096)
    assert len(np.unique(drawn)) == drawn.size
    assert not np.intersect1d(drawn, streams(words(3), 0, 4096, purpose=1)).size
    assert not np.intersect1d(drawn, streams(words(4), 0, 4096)).size


def test_configurations_are_checked() -> None:
    with pytest.raises(InputError, match="configurations"):
        chains(1, "plain").start(np.array([1, 1, 0, 1]), words(0))
    with pytest.raises(InputError, match="sampler"):
        Chains(problem(1)[0], COUPLINGS[1], problem(1)[1], "fast")
