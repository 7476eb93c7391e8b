"""Synthetic curves of known law, with errors like those of disorder averages."""

from __future__ import annotations

import numpy as np

from opendicke.analysis.relaxation import Law

FREQUENCY = 6.0
PERIOD = 2 * np.pi / FREQUENCY
TRUTHS = {
    Law.LOGARITHMIC: {"a": 0.75, "b": 0.16},
    Law.POWER: {"amplitude": 0.8, "gamma": 0.75},
    Law.STRETCHED: {"amplitude": 1.0, "tau": 6.0, "beta": 0.5},
    Law.EXPONENTIAL: {"amplitude": 0.9, "tau": 8.0},
}


def true_curve(law: Law, times: np.ndarray) -> np.ndarray:
    """The law with the parameters of `TRUTHS`, finite also at t = 0."""
    p, t = TRUTHS[law], np.maximum(times, 0.3)
    if law is Law.LOGARITHMIC:
        return np.asarray(p["a"] - p["b"] * np.log(t))
    if law is Law.POWER:
        return np.asarray(p["amplitude"] * t ** -p["gamma"])
    return np.asarray(p["amplitude"] * np.exp(-((times / p["tau"]) ** p.get("beta", 1.0))))


def curves(
    law: Law,
    seed: int,
    realizations: int = 40,
    error: float = 0.002,
    stop: float = 40.0,
    rough: float = 0.6,
    oscillation: float = 0.03,
) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and members (R, T) whose mean has about the standard error `error`.

    Members deviate by smooth random functions of ln(1 + t), as from disorder, and by noise that
    forgets after 0.7, as from a finite number of trajectories. All oscillate at `FREQUENCY`.
    """
    rng = np.random.default_rng([seed, list(Law).index(law), realizations])
    times = np.linspace(0.0, stop, round(4 * stop) + 1)
    size = error * np.sqrt(realizations)
    depth = np.log1p(times) / np.log1p(stop)
    members = np.zeros((realizations, len(times)))
    for k in range(4):
        amplitude = 0.5 * size / (1 + 0.3 * k) * rng.normal(size=(realizations, 1))
        members += amplitude * np.cos(k * np.pi * depth)
    kept = np.exp(-0.25 / 0.7)
    noise = rng.normal(size=members.shape)
    for k in range(1, len(times)):
        noise[:, k] = kept * noise[:, k - 1] + np.sqrt(1 - kept**2) * noise[:, k]
    phase = 0.3 * rng.normal(size=(realizations, 1))
    mean = true_curve(law, times)
    locked = oscillation * mean * np.exp(-times / 30) * np.cos(FREQUENCY * times + phase)
    return times, mean + members + rough * size * noise + locked
