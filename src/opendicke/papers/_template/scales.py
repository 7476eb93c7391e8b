"""Sizes, grids and times of every figure, at each scale. Numbers only."""

from __future__ import annotations

from typing import Any

from opendicke.papers.catalogue import Scale

# Two spins, one lossy mode: energies in units of its frequency.
PHYSICS: dict[str, Any] = {"couplings": [0.4, 0.7], "frequency": 1.0, "losses": [0.5, 2.0]}


def _decay(trajectories: int, steps: int) -> dict[str, Any]:
    return PHYSICS | {"trajectories": trajectories, "steps": steps, "duration": 5.0, "seed": 0}


SCALES = {
    "smoke": Scale("smoke", "few trajectories, seconds", {"decay": _decay(4000, 10)}),
    "paper": Scale("paper", "errors below .005", {"decay": _decay(100_000, 50)}),
    "beyond": Scale("beyond", "errors below .0005", {"decay": _decay(10_000_000, 100)}),
}
