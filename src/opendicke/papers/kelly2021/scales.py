"""Sizes, grids and times of every figure of kelly2021, at each scale. Numbers only; h = 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opendicke.papers.catalogue import Scale

Points = list[dict[str, float]]
FIELD = 1.0
"""h, the unit of energy and of inverse time."""

# Figs. 2 and 3 print alpha = N_b/N_s, N_t = N_s + N_b, sigma and omega; the values between the ends
# of their colour scales, draws and trajectories are not printed.
LEFT = [3.6, 4.5, 5.5, 6.5, 7.5, 8.5, 10.0]
CENTER = [2.1, 2.7, 3.4, 4.2, 5.0]
RIGHT = [0.5, 1.0, 2.0, 5.0, 10.0]
ALPHAS_CENTER = [0.1, 0.2, 0.25, 0.3, 0.37, 0.5, 0.75, 1.0, 2.0]
ALPHAS_RIGHT = [0.3, 1.0, 2.0, 3.0, 5.0, 10.0]


def _point(alpha: float, sigma: float, frequency: float, **more: float) -> dict[str, float]:
    return {"alpha": alpha, "sigma": sigma, "frequency": frequency, **more}


def _curves(
    points: Points,
    total: int,
    draws: int,
    trajectories: int,
    stop: float,
    interval: float,
    **more: Any,
) -> dict[str, Any]:
    return {
        "points": points,
        "total": total,
        "draws": draws,
        "trajectories": trajectories,
        "stop": stop,
        "interval": interval,
        "precision": "double",
        "seed": 0,
        **more,
    }


def _displaced(sigmas: list[float], frequencies: list[float], parts: list[float]) -> Points:
    """All pairs with the displacement of the paper, and parts of it at the first pair."""
    whole = [_point(10.0, s, w, part=1.0) for s in sigmas for w in frequencies]
    return [_point(10.0, sigmas[0], frequencies[0], part=part) for part in parts] + whole


def _losses(fast: list[float], slow: list[float]) -> Points:
    return [_point(10.0, 2.0, 10.0, loss=rate) for rate in fast] + [
        _point(10.0, 5.0, 1.0, loss=rate) for rate in slow
    ]


def _corners(total: int) -> Points:
    """What is hardest to step in each figure."""
    return [
        _point(10.0, 2.0, 3.6),
        _point(10.0, 2.0, 10.0),
        _point(10.0, 5.0, 1.0),
        _point(10.0, 0.7, 10.0),
        _point(0.3, 5.0, 1.0),
        _point(10.0, 5.0, 10.0, part=1.0),
    ][: 6 if total > 100 else 3]


def _grid(**axes: list[float]) -> dict[str, list[float]]:
    return axes


def _scale(
    *,
    large: int,
    medium: int,
    map_size: int,
    draws: int,
    trajectories: int,
    target: float | None,
    map_draws: int,
    map_trajectories: int,
    stop: float,
    left: list[float],
    center: list[float],
    right: list[float],
    alphas_center: list[float],
    alphas_right: list[float],
    sigmas: list[float],
    frequencies: list[float],
    alphas: list[float],
    inverse: list[float],
    displaced: Points,
    losses: Points,
    few: list[int],
    few_draws: int,
    warm: list[float],
    slow: list[float],
) -> Mapping[str, Mapping[str, Any]]:
    def curves(points: Points, total: int, interval: float, **more: Any) -> dict[str, Any]:
        numbers = {"draws": draws, "trajectories": trajectories, "stop": stop}
        return _curves(points, total, interval=interval, **(numbers | more))

    shorter = max(0.6 * stop, 8.0)  # more than a period of ω = 1
    half = max(6, draws // 2)
    few_paths = max(20, trajectories // 2)  # draws differ more than trajectories
    small = {"draws": max(6, draws // 8), "trajectories": 2 * trajectories}
    # Draws of the first round; more follow until no standard error of the figure is above this.
    exact = {"target_stderr": target}
    narrow = {"draws": map_draws, "trajectories": map_trajectories, "stop": min(stop, 40.0)}
    single = {"precision": "single"}
    return {
        "fig1": curves([], map_size, 0.1, alpha=10.0, **narrow, **single)
        | {"grid": _grid(frequency=frequencies, sigma=sigmas)},
        "fig2_left": curves(
            [_point(10.0, 2.0, w) for w in left], large, 0.1, stop=shorter, **exact
        ),
        "fig2_center": curves([_point(10.0, s, 1.0) for s in center], large, 0.2, **exact),
        "fig2_right": curves(
            [_point(10.0, 0.7, w) for w in right], large, 0.1, draws=half, **exact
        ),
        "fig3_left": curves([], medium // 2, 0.1, sigma=5.0, **narrow, **single)
        | {"grid": _grid(alpha=alphas, inverse=inverse)},
        "fig3_center": curves(
            [_point(a, 5.0, 1.0) for a in alphas_center],
            medium,
            0.2,
            stop=shorter,
            **exact,
        ),
        "fig3_right": curves(
            [_point(a, 2.0, 10.0) for a in alphas_right],
            medium,
            0.1,
            stop=shorter,
            **exact,
        ),
        "displaced": curves(
            displaced,
            large,
            0.1,
            draws=half,
            trajectories=few_paths,
            stop=max(0.3 * stop, 8.0),
            **exact,
        ),
        "loss": curves(
            losses,
            large,
            0.1,
            draws=half,
            trajectories=few_paths,
            stop=max(0.4 * stop, 8.0),
            **exact,
        ),
        "elimination": {
            "points": [_point(10.0, 2.0, w) for w in slow],
            "total": large,
            "draws": max(2, few_draws // 4),
            "trajectories": 8,
            "stop": 4.0,
            "seed": 0,
            "curves": curves([], large, 0.1, stop=0.2 * stop, **small),
        },
        "locked": curves(
            [_point(10.0, 2.0, w) for w in left] + [_point(10.0, s, 1.0) for s in center[::2]],
            large,
            0.1,
            stop=min(stop, 20.0),
            **small,
        ),
        "paramagnet": curves(
            [_point(10.0, 0.7, w) for w in warm],
            large,
            0.2,
            stop=2 * stop,
            **small,
        ),
        "self_term": curves([_point(10.0, 2.0, 10.0)], large, 0.1, draws=half, stop=0.2 * stop)
        | {"few": few, "few_draws": few_draws, "few_stop": min(10.0, stop), "tolerance": 1e-4},
        "steps": curves(
            _corners(large),
            large,
            0.2,
            draws=max(2, few_draws // 4),
            trajectories=2 * trajectories,
            stop=min(stop, 20.0),
        ),
    }


_SMOKE = _scale(
    large=55,
    medium=44,
    map_size=55,
    draws=8,
    trajectories=40,
    target=None,
    map_draws=6,
    map_trajectories=20,
    stop=10.0,
    left=[4.5, 10.0],
    center=[2.1, 5.0],
    right=[1.0, 10.0],
    alphas_center=[0.1, 10.0],
    alphas_right=[0.1, 10.0],
    sigmas=[0.7, 4.0],
    frequencies=[1.0, 10.0],
    alphas=[0.1, 10.0],
    inverse=[0.1, 1.0],
    displaced=_displaced([2.0, 5.0], [1.0], [0.0]),
    losses=_losses([0.0, 5.0], [1.0]),
    few=[2],
    few_draws=4,
    warm=[1.0, 4.0],
    slow=[10.0, 40.0],
)

_PAPER = _scale(
    large=1000,
    medium=640,
    map_size=440,
    draws=200,
    trajectories=50,
    target=0.002,
    map_draws=24,
    map_trajectories=128,
    stop=100.0,
    left=LEFT,
    center=CENTER,
    right=RIGHT,
    alphas_center=ALPHAS_CENTER,
    alphas_right=ALPHAS_RIGHT,
    sigmas=[0.4, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6],
    frequencies=[0.4, 0.7, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0],
    alphas=[0.1, 0.2, 0.37, 0.7, 1.2, 2.5, 5.0],
    inverse=[0.1, 0.2, 0.4, 0.7, 1.0, 1.6],
    displaced=_displaced([2.0, 3.5, 5.0], [1.0, 3.0, 10.0], [0.0, 0.25, 0.5]),
    losses=_losses([0.0, 1.0, 3.0, 10.0, 30.0], [0.0, 0.1, 0.3, 1.0, 3.0]),
    few=[2, 3],
    few_draws=24,
    warm=[0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0],
    slow=[5.0, 10.0, 20.0, 40.0, 80.0],
)

_BEYOND = _scale(
    large=2200,
    medium=1280,
    map_size=880,
    draws=100,
    trajectories=24,
    target=0.002,
    map_draws=24,
    map_trajectories=64,
    stop=200.0,
    left=[3.0, *LEFT, 14.0],
    center=[1.7, *CENTER, 6.0],
    right=[0.25, *RIGHT, 20.0],
    alphas_center=[0.05, *ALPHAS_CENTER, 5.0],
    alphas_right=[0.1, *ALPHAS_RIGHT, 20.0],
    sigmas=[0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.1, 2.6, 3.2, 4.0, 5.0, 6.0, 8.0],
    frequencies=[0.25, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0],
    alphas=[0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.37, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0],
    inverse=[0.06, 0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0],
    displaced=_displaced([2.0, 3.0, 4.0, 5.0, 6.0], [0.5, 1.0, 3.0, 10.0], [0.0, 0.1, 0.25, 0.5]),
    losses=_losses(
        [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0], [0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0]
    ),
    few=[2, 3],
    few_draws=100,
    warm=[0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0],
    slow=[5.0, 10.0, 20.0, 40.0, 80.0, 160.0],
)

SCALES = {
    "smoke": Scale("smoke", "5 spins and 50 modes, seconds", _SMOKE),
    "paper": Scale("paper", "the paper's sizes, no standard error above .002", _PAPER),
    "beyond": Scale("beyond", "twice the spins, modes and times, finer grids", _BEYOND),
}

# On the machine of `papers.cost.slowness`, in one process.
SECONDS: Mapping[str, Mapping[str, float]] = {
    name: {"smoke": smoke, "paper": paper}
    for name, smoke, paper in (
        ("fig1", 4, 200),
        ("fig2_left", 3, 330),
        ("fig2_center", 2, 590),
        ("fig2_right", 2, 230),
        ("fig3_left", 4, 280),
        ("fig3_center", 4, 1130),
        ("fig3_right", 4, 240),
        ("displaced", 2, 520),
        ("loss", 5, 980),
        ("elimination", 3, 50),
        ("paramagnet", 2, 270),
        ("self_term", 5, 100),
        ("locked", 3, 60),
        ("steps", 2, 45),
        ("claims", 4, 22),
    )
}
