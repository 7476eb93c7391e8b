"""Sizes, grids and times of every figure of carollo2021, at each scale. Numbers only."""

from __future__ import annotations

from typing import Any

from opendicke.papers.catalogue import Scale

# Fig. 3: rates in units of the loss, field Ω, frequencies Ω_μ = Ω(μ + 2) with μ = 1 … 4.
LOSS = 1.0
FIELD = 0.5
FREQUENCIES = (1.5, 2.0, 2.5, 3.0)
PHYSICS: dict[str, Any] = {"loss": LOSS, "field": FIELD, "frequencies": list(FREQUENCIES)}

# Ratios g₀/g_crit at which claims are tested; every scale holds them.
BELOW = (0.6, 0.8, 0.9, 0.95)
ABOVE = (1.02, 1.05, 1.1, 1.2, 1.5, 2.0)


def _grid(start: float, stop: float, count: int, always: tuple[float, ...] = ()) -> list[float]:
    """Equally spaced numbers, with some that are always among them."""
    step = (stop - start) / (count - 1)
    return sorted({round(start + step * k, 10) for k in range(count)} | set(always))


def _mapping(large: int, draws: int) -> dict[str, dict[str, Any]]:
    sizes = [10**k for k in range(2, len(str(large)))]
    common = {"seed": 0, "sizes": sizes, "draws": draws}
    return {
        "fig2": common | {"modes": 3, "spins": 8},
        "figS1": common | {"modes": 3, "spins": 8},
        "figS2": common
        | {"modes": 2, "spins": 24, "values": [1.0, 0.4, -0.7], "probabilities": [0.5, 0.3, 0.2]},
    }


def _dynamics(ratios: list[float], longest: float, change: float = 1e-4) -> dict[str, Any]:
    """Runs start at the duration `shortest` and double until averages stop changing."""
    return PHYSICS | {
        "ratios": ratios,
        "shortest": 500.0,
        "longest": longest,
        "change": change,
        "tolerance": 1e-6,
    }


_ALWAYS = (*BELOW, *ABOVE)


def _theorem(
    below: list[list[int]],
    above: list[list[int]],
    equal: list[list[int]],
    unequal: list[list[int]],
    **more: Any,
) -> dict[str, Any]:
    """Each list of sizes: by density matrix; by quantum jumps; of these by density matrix up to the
    last fitted time. Numbers of all spins.

    `least` is the smallest number of spins per group that enters the fitted exponents, `sampled`
    the largest number of spins at which truncated Wigner makes `samples` trajectories.
    """
    rows = [
        ("one mode, below threshold", 0.8, [1], below),
        ("one mode, above threshold", 1.4, [1], above),
        ("two modes, equal groups", 0.8, [1, 1], equal),
        ("two modes, groups 2 : 1", 0.8, [2, 1], unequal),
    ]
    cases = [
        {"title": title, "ratio": ratio, "shares": shares}
        | dict(zip(("density", "jumps", "early"), sizes, strict=True))
        for title, ratio, shares, sizes in rows
    ]
    return PHYSICS | {"cases": cases, "seed": 2} | more


_SMOKE = _mapping(10**4, 3) | {
    "fig3a": _dynamics(list(_ALWAYS), 4000.0, 3e-4),
    "fig3b": _dynamics(list(_ALWAYS), 4000.0, 3e-4),
    "windows": PHYSICS | {"strengths": _grid(0.6, 1.2, 25)},
    "kick": PHYSICS
    | {"ratios": [1.02, 1.1, 1.25], "size": 1e-3, "seed": 0, "duration": 500.0, "tolerance": 1e-5},
    "finite": PHYSICS
    | {
        "spins": [100, 1000, 10_000],
        "realizations": 3,
        "seed": 1,
        "stable": {"pattern": 0, "ratio": 1.2},
        "window": {"pattern": 3, "ratio": 1.1},
        "dense": 80.0,
        "duration": 400.0,
        "tolerance": 1e-5,
    },
    "basin": _dynamics([1.2, 2.0], 4000.0, 3e-4) | {"pattern": 0, "flipped": _grid(0.0, 0.5, 6)},
    "diagram": PHYSICS
    | {
        "strengths": _grid(0.2, 2.0, 7),
        "fields": _grid(0.2, 1.4, 4),
        "modes": [1, 2, 4],
        "spins": 2000,
        "seed": 5,
        "duration": 300.0,
        "tolerance": 1e-4,
    },
    "theorem": _theorem(
        [[2, 4, 8], [], []],
        [[2, 4, 8], [], []],
        [[2, 4], [], []],
        [[3, 6], [], []],
        duration=3.0,
        steps=12,
        fit=[0.5, 1.0, 2.0],
        least=[2.0, 2.0, 1.0, 1.0],
        tolerance=1e-4,
        trajectories=100,
        samples=4000,
        sampled=8,
        step=0.05,
    ),
}

_PAPER = _mapping(10**6, 20) | {
    "fig3a": _dynamics(_grid(0.5, 2.0, 31, _ALWAYS), 8000.0),
    "fig3b": _dynamics(_grid(0.5, 2.0, 31, _ALWAYS), 8000.0),
    "windows": PHYSICS | {"strengths": _grid(0.6, 1.2, 241)},
    "kick": PHYSICS
    | {
        "ratios": _grid(1.01, 1.31, 31, (1.02, 1.1, 1.25)),
        "size": 1e-3,
        "seed": 0,
        "duration": 2000.0,
        "tolerance": 1e-5,
    },
    "finite": PHYSICS
    | {
        "spins": [100, 316, 1000, 3162, 10_000, 31_623, 100_000, 316_228, 1_000_000],
        "realizations": 8,
        "seed": 1,
        "stable": {"pattern": 0, "ratio": 1.2},
        "window": {"pattern": 3, "ratio": 1.1},
        "dense": 80.0,
        "duration": 1000.0,
        "tolerance": 1e-6,
    },
    "basin": _dynamics([1.05, 1.2, 1.5, 2.0, 2.5], 8000.0)
    | {"pattern": 0, "flipped": _grid(0.0, 0.5, 26)},
    "diagram": PHYSICS
    | {
        "strengths": _grid(0.1, 2.4, 47),
        "fields": _grid(0.1, 1.6, 31),
        "modes": [1, 2, 3, 4, 5, 6],
        "spins": 20_000,
        "seed": 5,
        "duration": 4000.0,
        "tolerance": 1e-4,
    },
    "theorem": _theorem(
        [[2, 4, 8, 16, 32, 64], [], []],
        [[2, 4, 8, 16], [32, 64], [32, 64]],
        [[2, 4, 8], [16], []],
        [[3, 6, 9], [24], []],
        duration=4.0,
        steps=40,
        fit=[0.5, 1.0, 2.0],
        least=[4.0, 4.0, 2.0, 1.5],
        tolerance=1e-5,
        trajectories=160,
        samples=200_000,
        sampled=16,
        step=0.05,
    ),
}

_BEYOND = {name: dict(values) for name, values in _PAPER.items()}
for _name in ("fig3a", "fig3b"):
    _BEYOND[_name] |= {"ratios": _grid(0.5, 3.0, 126, _ALWAYS), "longest": 32_000.0}
_BEYOND["kick"] |= {"ratios": _grid(1.005, 1.405, 81, (1.02, 1.1, 1.25)), "duration": 8000.0}
_BEYOND["finite"] |= {"realizations": 32, "duration": 2000.0}
_BEYOND["theorem"] |= {"trajectories": 4000, "samples": 10_000_000, "duration": 8.0, "steps": 80}
_BEYOND["diagram"] |= {
    "strengths": _grid(0.05, 3.0, 119),
    "fields": _grid(0.05, 2.0, 79),
    "duration": 16_000.0,
}

SCALES = {
    "smoke": Scale("smoke", "coarse grids and short runs, under a minute", _SMOKE),
    "paper": Scale("paper", "the paper's figures and denser grids, minutes", _PAPER),
    "beyond": Scale("beyond", "fine grids, long runs, many draws", _BEYOND),
}
