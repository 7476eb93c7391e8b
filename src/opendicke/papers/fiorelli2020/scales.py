"""Sizes, grids and times of every figure of fiorelli2020, at each scale. Numbers only."""

from __future__ import annotations

from typing import Any

from opendicke.papers.catalogue import Scale

# Fig. 2(a): κ = ω = 1, η = (γ − κ)/ω = 10, Ω = 0.1, couplings uniform in [−3, 3].
PHYSICS: dict[str, Any] = {
    "frequency": 1.0,
    "gain": 1.0,
    "loss": 11.0,
    "field": 0.1,
    "strength": 3.0,
}

# Couplings of two spins whose probabilities are shown; the last two are alike.
SHOWN = ([2.0, -1.5], [3.0, 2.5], [3.0, 2.8], [3.0, 3.0])


def _near(first: float, apart: list[float], sign: float) -> list[list[float]]:
    """Pairs of which the second coupling is smaller in size by a fraction of the first."""
    return [[first, sign * round(first * (1 - part), 10)] for part in apart]


def _inset(apart: list[float], draws: int, last: float, tolerance: float) -> dict[str, Any]:
    return PHYSICS | {
        "shown": [list(pair) for pair in SHOWN],
        "same": _near(3.0, apart, 1.0),
        "opposite": _near(2.0, apart, -1.0),
        "draws": draws,
        "seed": 0,
        "at": [20.0, 50.0, 200.0],
        "first": 0.1,
        "last": last,
        "times_per_decade": 20,
        "tolerance": tolerance,
    }


_SMOKE = {"fig2a_inset": _inset([0.1], 3, 200.0, 1e-4)}

_PAPER = {
    "fig2a_inset": _inset(
        [0.003, 0.006, 0.012, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4],
        100,
        1000.0,
        1e-6,
    )
}

_BEYOND = {
    "fig2a_inset": _inset(
        [round(0.001 * 1.2**k, 6) for k in range(36)],
        1000,
        10_000.0,
        1e-7,
    )
}

SCALES = {
    "smoke": Scale("smoke", "few pairs of spins, seconds", _SMOKE),
    "paper": Scale("paper", "a hundred drawn pairs of spins, minutes", _PAPER),
    "beyond": Scale("beyond", "a thousand drawn pairs, longer runs", _BEYOND),
}
