"""Sizes, grids and times of every figure of fiorelli2020, at each scale. Numbers only."""

from __future__ import annotations

from math import log10
from typing import Any

from opendicke.papers.catalogue import Scale

# Fig. 2(a): κ = ω = 1, η = (γ − κ)/ω = 10, Ω = 0.1, couplings uniform in [−3, 3].
PHYSICS: dict[str, Any] = {
    "frequency": 1.0,
    "gain": 1.0,
    "loss": 11.0,
    "field": 0.1,
    "strength": 3.0,
    "seed": 0,
}
# Fig. 2(b): η = 0.1.
COLD: dict[str, Any] = PHYSICS | {"loss": 1.1}

# Couplings of two spins whose probabilities are shown; the last two are alike.
SHOWN = ([2.0, -1.5], [3.0, 2.5], [3.0, 2.8], [3.0, 3.0])

# Two draws of ten couplings, uniform in [−3, 3], of which stationary states are known to 1e-6.
TENS = (
    [
        0.8217701239287258,
        -1.3812797174167781,
        -2.7541588563828316,
        -2.9008341868288254,
        1.879621435201635,
        2.47653346366633,
        0.6398146546030792,
        1.3769793659039902,
        0.261749948792537,
        2.610434542726609,
    ],
    [
        0.0709297482015403,
        2.702782177955612,
        -2.135042323682198,
        2.6918966828234634,
        -1.1290112879370873,
        -0.4600413061645461,
        1.9662155629226508,
        -0.5448051817850326,
        0.29756212603835674,
        -2.83464532054159,
    ],
)

Table = dict[str, Any]


def _grid(first: float, last: float, per_decade: int) -> list[float]:
    """Numbers of even ratio, with every power of ten between the ends."""
    exponents = range(round(log10(first) * per_decade), round(log10(last) * per_decade) + 1)
    return [float(f"{10 ** (k / per_decade):.10g}") for k in exponents]


def _near(first: float, apart: list[float], sign: float) -> list[list[float]]:
    """Pairs of which the second coupling is smaller in size by a fraction of the first."""
    return [[first, sign * round(first * (1 - part), 10)] for part in apart]


def _inset(apart: list[float], draws: int, last: float, tolerance: float) -> Table:
    return PHYSICS | {
        "shown": [list(pair) for pair in SHOWN],
        "same": _near(3.0, apart, 1.0),
        "opposite": _near(2.0, apart, -1.0),
        "draws": draws,
        "at": [20.0, 50.0, 200.0],
        "first": 0.1,
        "last": last,
        "times_per_decade": 20,
        "tolerance": tolerance,
    }


def _ten(physics: Table, draws: int, last: float, per_decade: int, bins: int) -> Table:
    """Ten spins that start all down."""
    return physics | {
        "shown": [list(couplings) for couplings in TENS],
        "spins": 10,
        "draws": draws,
        "at": [],
        "first": 1.0,
        "last": last,
        "times_per_decade": per_decade,
        "bins": bins,
    }


def _hot(draws: int, sizes: list[int], etas: list[float], size_draws: int, bins: int) -> Table:
    return _ten(PHYSICS, draws, 1e3, 10, bins) | {
        "sizes": sizes,
        "etas": etas,
        "size_draws": size_draws,
    }


def _cold(draws: int, last: float, etas: list[float], bins: int) -> Table:
    return _ten(COLD, draws, last, 8, bins) | {"etas": etas, "gap_draws": 50 * draws}


def _jump_ratios(points: int, scanned: tuple[int, int, int]) -> Table:
    """Fig. 2(c), and a scan of all couplings, dampings and jumps."""
    return COLD | {
        "couplings": [1.0, 2.0, 3.0],
        "etas": [0.01, 0.1, 1.0, 10.0],
        "jumps": [round(20 * k / points, 10) for k in range(1, points + 1)],
        "scan": {
            "couplings": [0.03, 10.0, scanned[0]],
            "etas": [1e-3, 100.0, scanned[1]],
            "jumps": [0.02, 30.0, scanned[2]],
        },
    }


def _over_eta(draws: int, per_decade: int) -> Table:
    """Fig. 2(d) and (e): g₀ = 6."""
    return COLD | {
        "strength": 6.0,
        "draws": draws,
        "jumps": [0.02, 3.0, 8.0],
        "etas": _grid(1e-3, 100.0, per_decade),
        "single": {"coupling": 1.0, "jump": 0.5},
    }


def _loops(draws: int, per_decade: int, sizes: list[int], many: int) -> Table:
    """Fig. 3: g₀ = 4."""
    return COLD | {
        "strength": 4.0,
        "shown": [[3.0, 1.5], [2.0, -1.0], [3.5, 3.0]],
        "draws": draws,
        "etas": _grid(0.01, 100.0, per_decade),
        "sizes": sizes,
        "many_draws": many,
    }


def _limits(points: int, per_decade: int) -> Table:
    return COLD | {
        "coupling": 2.0,
        "etas": [0.1, 0.01],
        "points": points,
        "reach": 4.0,
        "over": _grid(1e-4, 0.1, per_decade),
    }


def _fictitious(points: int, scales: list[float], bounded: list[float]) -> Table:
    return PHYSICS | {
        "systems": [[2.0, -1.5], [2.0, -1.5, 2.7]],
        "etas": [10.0, 100.0],
        "scale": 32.0,
        "scales": scales,
        "points": points,
        "bounded": bounded,
        # A spin of small |g| beside one of large |g|: here the energy of a flip matters.
        "costly": {"couplings": [0.05, 3.0], "eta": 100.0, "field": 1e-5},
    }


def _crowd(sizes: list[int], draws: int, trajectories: int, last: float) -> Table:
    return COLD | {
        "sizes": sizes,
        "draws": draws,
        "trajectories": trajectories,
        "times": [0.0, *_grid(1.0, last, 3)],
    }


def _jumps(draws: int, bins: int) -> Table:
    return COLD | {
        "shown": [list(couplings) for couplings in TENS],
        "spins": 10,
        "draws": draws,
        "bins": bins,
        "couplings": [1.0, 2.0, 3.0],
        "etas": [0.01, 0.1],
        "points": 40,
    }


_APART = [0.003, 0.006, 0.012, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4]

_SMOKE = {
    "fig2a_inset": _inset([0.1], 3, 200.0, 1e-4),
    "fig2a": _hot(5, [4, 10], [10.0, 100.0], 6, 40),
    "fig2b": _cold(4, 1e5, _grid(1e-3, 100.0, 1), 40),
    "fig2c": _jump_ratios(40, (6, 6, 8)),
    "fig2d": _over_eta(12, 2),
    "fig2e": _over_eta(12, 2),
    "fig3": _loops(8, 4, [2, 3], 3),
    "appendix": _limits(60, 2),
    "ising": _fictitious(13, [1.0, 8.0, 16.0, 32.0], [10.0, 40.0, 640.0]),
    "crowd": _crowd([10, 100], 6, 8, 1e4),
    "jumps": _jumps(4, 30),
}

_PAPER = {
    "fig2a_inset": _inset(_APART, 100, 1000.0, 1e-6),
    "fig2a": _hot(100, [3, 4, 5, 6, 7, 8, 9, 10], [10.0, 30.0, 100.0], 40, 100),
    "fig2b": _cold(60, 1e7, _grid(1e-3, 100.0, 4), 100),
    "fig2c": _jump_ratios(200, (20, 20, 40)),
    "fig2d": _over_eta(200, 10),
    "fig2e": _over_eta(200, 10),
    "fig3": _loops(60, 20, [2, 3, 4, 5], 20),
    "appendix": _limits(400, 6),
    "ising": _fictitious(
        61,
        [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0],
    ),
    "crowd": _crowd([10, 30, 100, 300, 1000], 40, 16, 1e7),
    "jumps": _jumps(100, 80),
}

_BEYOND = {
    "fig2a_inset": _inset(
        [round(0.001 * 1.2**k, 6) for k in range(36)],
        1000,
        10_000.0,
        1e-7,
    ),
    "fig2a": _hot(1000, [3, 4, 6, 8, 10, 12, 14], [10.0, 30.0, 100.0, 300.0], 200, 200),
    "fig2b": _cold(400, 1e8, _grid(1e-3, 100.0, 10), 200),
    "fig2c": _jump_ratios(1000, (60, 60, 120)),
    "fig2d": _over_eta(2000, 20),
    "fig2e": _over_eta(2000, 20),
    "fig3": _loops(400, 50, [2, 3, 4, 5, 6, 7], 100),
    "appendix": _limits(2000, 20),
    "ising": _fictitious(
        121,
        [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
        [10.0 * 2 ** (k / 2) for k in range(17)],
    ),
    "crowd": _crowd([10, 30, 100, 300, 1000, 3000, 10_000], 200, 16, 1e8),
    "jumps": _jumps(1000, 160),
}

SCALES = {
    "smoke": Scale("smoke", "few draws and coarse grids, seconds", _SMOKE),
    "paper": Scale("paper", "the paper's sizes, tens to hundreds of draws, minutes", _PAPER),
    "beyond": Scale("beyond", "thousands of draws, larger systems, longer times, hours", _BEYOND),
}
