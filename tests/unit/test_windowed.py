"""Classes of spins and windows of the force: bounds are bounds, close ones, and members add up."""

from __future__ import annotations

import numpy as np
import pytest

from opendicke.methods.chains import Chains
from opendicke.methods.windowed import Classes, _window, classes, members
from opendicke.physics.rate_table import FlipRates, tabulate


def made(
    spins: int, ratio: float, frequency: float = 1.0
) -> tuple[FlipRates, np.ndarray, float, Classes]:
    """Spins with couplings over three decades and two fields, one of them without a field."""
    rng = np.random.default_rng(5)
    couplings = rng.choice([-1, 1], spins) * 10 ** rng.uniform(-3, 0, spins)
    field = rng.choice([0.1, 0.3], spins)
    field[3] = 0.0
    rates = tabulate(
        couplings[:, None], frequency, 1.0 + ratio, 1.0, field, tolerance=1e-6, workers=1
    )
    strength = 16 * frequency / (4 * frequency**2 + ratio**2)
    return rates, couplings, strength, classes(rates.arrays, couplings, strength)


@pytest.mark.parametrize(
    ("spins", "ratio", "frequency", "loose"),
    [(40, 10.0, 1.0, 1.3), (40, 0.1, 1.0, 3.0), (30, 1.0, -0.7, 1.3), (25, 1.0, 0.0, 1.05)],
)
def test_bounds_hold_in_every_window(
    spins: int, ratio: float, frequency: float, loose: float
) -> None:
    """At forces of all sizes, signs and at edges the bound of the class covers every member."""
    rates, couplings, strength, found = made(spins, ratio, frequency)
    rng = np.random.default_rng(6)
    edges = 2.0 ** np.arange(-8, 4)
    forces = np.concatenate([10 ** rng.uniform(-6, 1.3, 400), edges, [0.0, 1e-12]])
    forces = np.concatenate([forces, -forces])
    shares = []
    for force in forces:
        for sign in (1, -1):  # of g σ
            place = _window(sign * force, found.lowest[0], found.parts[0], found.outer[0])
            spin = np.flatnonzero(found.member >= 0)
            g = np.abs(couplings[spin])
            rate = rates.evaluate(spin, strength * (g * sign * force - g**2))
            bound = found.bounds[place, found.member[spin]]
            assert (bound >= rate).all()
            shares.append((bound * (rate > 0)).sum() / rate.sum())
    assert np.median(shares) < loose
    assert found.member[3] == -1


def test_windows_are_numbered_as_their_edges_say() -> None:
    """A force belongs to the window whose edges enclose it, the largest one to the last."""
    lowest, parts, outer = -3, 4, 16
    assert _window(0.0, lowest, parts, outer) == 0
    assert _window(0.12, lowest, parts, outer) == 0  # below 2^-3
    for number in range(1, outer):
        octave, part = divmod(number - 1, parts)
        low = 2.0 ** (lowest + octave) * (1 + part / parts)
        assert _window(low, lowest, parts, outer) == number
        assert _window(-low, lowest, parts, outer) == outer + number
        assert _window(np.nextafter(low, 0), lowest, parts, outer) == number - 1
    assert _window(1e9, lowest, parts, outer) == outer


def test_members_follow_the_spins() -> None:
    """After many flips the lists still say who is in which direction."""
    rates, couplings, strength, _ = made(40, 10.0)
    chains = Chains(rates, couplings[:, None], np.array([strength]))
    start = np.random.default_rng(1).choice([-1, 1], (3, 40))
    state = chains.start(start, np.array([3, 4], dtype=np.uint32))
    chains.advance(state, 50.0)
    assert state.counts.events > 500
    kept, found = state.workspace, chains._classes
    assert found is not None
    again = members(found, couplings, state.spins)
    np.testing.assert_array_equal(kept.up, again.up)
    np.testing.assert_array_equal(kept.down, again.down)
    for chain in range(3):
        for k in range(len(found.starts) - 1):
            some = kept.order[chain, found.starts[k] : found.starts[k + 1]]
            up = state.spins[chain, some] * np.sign(couplings[some]) > 0
            assert (np.diff(up.astype(int)) <= 0).all()
            assert up.sum() == kept.up[chain, k]
        np.testing.assert_array_equal(
            kept.where[chain, kept.order[chain]], np.arange(len(found.order))
        )


def test_a_model_without_moving_spins() -> None:
    """No class, no rate: chains sit."""
    couplings = np.array([[0.5], [0.3]])
    rates = tabulate(couplings, 1.0, 2.0, 1.0, 0.0, tolerance=1e-4, workers=1)
    chains = Chains(rates, couplings, np.array([3.0]))
    state = chains.start(np.array([1, -1]), np.array([3, 4], dtype=np.uint32), 0, 2)
    assert chains.advance(state, 1e9)
    assert state.counts.events == 0
