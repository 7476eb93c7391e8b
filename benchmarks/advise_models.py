"""Random small models against which the verdicts of `od.advise` are judged: two generators.

`calibration` draws from families around the regimes of the papers and from general ones; it is
what thresholds were set on. `verification` shares nothing with it but the model: it draws
dimensionless numbers from broad distributions, one kind of model for everything, with fields, rates
and Bloch vectors that differ from spin to spin and from mode to mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import opendicke as od


@dataclass(frozen=True, eq=False)
class Case:
    """One question."""

    family: str
    model: od.DickeModel
    state: od.ProductState
    times: np.ndarray


def case(generator: str, number: int) -> Case:
    """The question with this number; always the same."""
    seed = {"calibration": 1, "verification": 2}[generator]
    rng = np.random.default_rng([seed, number])
    if generator == "verification":
        return _broad(rng) if number < 260 else _incoherent(rng)
    return _FAMILIES[number % len(_FAMILIES)](rng)


def _log(rng: np.random.Generator, low: float, high: float, size: int | None = None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def _times(stop: float) -> np.ndarray:
    return np.linspace(0.0, stop, 21)


def _rates(rng: np.random.Generator, least: float, most: float) -> tuple[float, float]:
    """Loss and gain."""
    if rng.random() < 0.25:
        return 0.0, 0.0
    loss = float(_log(rng, least, most))
    return loss, float(rng.choice([0.0, rng.uniform(0, 0.6) * loss]))


def _start(rng: np.random.Generator, lossy: bool) -> od.ProductState:
    """Spins along an axis or anywhere; modes at rest, displaced or hot."""
    which = rng.integers(4)
    bosons: dict[str, object] = {}
    if which == 1 and lossy:
        bosons = {"bosons": "stationary"}
    elif which == 2:
        bosons = {"displacement": complex(*rng.normal(0, 0.7, 2))}
    elif which == 3:
        bosons = {"occupation": float(rng.uniform(0, 1.0))}
    if rng.random() < 0.25:
        vector = rng.normal(size=3)
        vector *= rng.uniform(0.3, 1.0) / np.linalg.norm(vector)
        return od.ProductState.bloch(vector, **bosons)
    axis = str(rng.choice(["+x", "-x", "+y", "+z", "-z", "+z", "-z"]))
    return od.ProductState.polarized(axis, **bosons)


def _general(rng: np.random.Generator) -> Case:
    spins, modes = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    scale = float(_log(rng, 0.02, 1.0))
    loss, gain = _rates(rng, 0.05, 10)
    field = 0.0 if rng.random() < 0.1 else float(_log(rng, 0.03, 2))
    model = od.DickeModel(
        scale * rng.normal(size=(spins, modes)) / np.sqrt(modes),
        rng.uniform(0.3, 3.0, modes),
        loss,
        gain,
        field,
    )
    return Case("general", model, _start(rng, loss > 0), _times(float(_log(rng, 0.2, 20))))


def _dispersive(rng: np.random.Generator) -> Case:
    """Fast or fast decaying modes that couple weakly."""
    spins, modes = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    frequencies = _log(rng, 2.0, 10.0, modes)
    loss, gain = _rates(rng, 0.5, 10)
    scale = float(_log(rng, 0.05, 0.6))
    model = od.DickeModel(
        scale * rng.normal(size=(spins, modes)) / np.sqrt(modes),
        frequencies,
        loss,
        gain,
        float(_log(rng, 0.05, 1)),
    )
    return Case("dispersive", model, _start(rng, loss > 0), _times(float(_log(rng, 0.5, 15))))


def _strong(rng: np.random.Generator) -> Case:
    """fiorelli2020: strong coupling, weak field."""
    spins = int(rng.integers(1, 4))
    eta = float(_log(rng, 0.3, 10))
    gain = float(rng.choice([0.0, 1.0]))
    model = od.DickeModel(
        rng.uniform(-1, 1, (spins, 1)) * rng.uniform(1, 3),
        1.0,
        gain + eta,
        gain,
        float(_log(rng, 0.01, 0.3)),
    )
    bosons = "stationary" if rng.random() < 0.75 else "vacuum"
    state = od.ProductState.configuration(rng.choice([-1, 1], spins), bosons=bosons)
    return Case("strong", model, state, _times(float(_log(rng, 3, 200))))


def _closed(rng: np.random.Generator) -> Case:
    """kelly2021: many degenerate modes without loss, at most as many bright ones as spins."""
    spins, omega = int(rng.integers(1, 4)), float(_log(rng, 1, 10))
    modes = int(rng.integers(1, 5)) * spins
    sigma = float(_log(rng, 0.2, 2))
    size = sigma * np.sqrt(omega / (2 * (spins + modes)))
    model = od.DickeModel(
        size * rng.normal(size=(spins, modes)),
        omega,
        loss=float(rng.choice([0.0, 0.0, 0.3])),
        field=1.0,
        coupling_axis="x",
        field_axis="z",
    )
    state = od.ProductState.polarized(str(rng.choice(["+x", "+x", "+z", "+y"])))
    return Case("closed", model, state, _times(float(_log(rng, 0.3, 8))))


def _patterns(rng: np.random.Generator) -> Case:
    """carollo2021: couplings of either sign, some spins alike, one or two modes."""
    modes = int(rng.integers(1, 3))
    spins = int(rng.integers(2, 7)) * (2 if modes == 1 else 1)
    strength = rng.uniform(0.3, 1.3)
    model = od.DickeModel(
        strength * rng.choice([-1, 1], (spins, modes)) / np.sqrt(spins),
        0.5 * (2 + np.arange(modes)),
        loss=1.0,
        field=0.5,
    )
    state = od.ProductState.pattern(0)
    return Case("patterns", model, state, _times(float(_log(rng, 0.5, 15))))


def _alike(rng: np.random.Generator) -> Case:
    """Equal spins and one mode: a collective spin."""
    spins = int(rng.integers(2, 25))
    loss, gain = _rates(rng, 0.1, 4)
    model = od.DickeModel(
        np.full((spins, 1), float(_log(rng, 0.05, 1.0)) / np.sqrt(spins)),
        rng.uniform(0.3, 2),
        loss,
        gain,
        float(_log(rng, 0.05, 1.0)),
    )
    vector = rng.normal(size=3)
    state = od.ProductState.bloch(vector / np.linalg.norm(vector))
    if rng.random() < 0.5:
        state = od.ProductState.polarized(str(rng.choice(["+x", "-z", "+y"])))
    return Case("alike", model, state, _times(float(_log(rng, 0.3, 8))))


_FAMILIES = (_general, _strong, _closed, _dispersive, _patterns, _alike)


def _incoherent(rng: np.random.Generator) -> Case:
    """Fields that are weak beside the loss of coherence, so that spins flip at rates or nearly."""
    spins, modes = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    omega = rng.uniform(0.1, 2.0, modes)
    loss = rng.gamma(2.0, 1.5, modes) + 0.2
    gain = loss * rng.choice([0.0, 1.0]) * rng.uniform(0, 0.5, modes)
    size = np.hypot(omega, (loss - gain) / 2)
    couplings = size * rng.uniform(-1.5, 1.5, (spins, modes)) / np.sqrt(modes)
    dephasing = (2 * couplings**2 * (loss + gain) / size**2).sum(axis=1)
    ratio = _log(rng, 0.01, 0.4)
    field = ratio * np.minimum(dephasing, 10 * np.median(dephasing)) * rng.uniform(0.7, 1.3, spins)
    model = od.DickeModel(couplings, omega, loss, gain, field)
    bosons = {"bosons": "stationary"} if rng.random() < 0.8 else {}
    state = od.ProductState.configuration(rng.choice([-1, 1], spins), **bosons)
    pace = float((2 * field**2 / np.maximum(dephasing, 1e-6)).max())
    return Case("incoherent", model, state, np.linspace(0, _log(rng, 0.1, 5) / pace, 17))


def _broad(rng: np.random.Generator) -> Case:
    """Everything from broad distributions of dimensionless numbers."""
    spins, modes = int(rng.integers(1, 5)), int(rng.choice([1, 1, 2, 2, 3]))
    omega = np.abs(rng.normal(1.0, 0.8, modes)) + 0.2
    if rng.random() < 0.15:
        omega *= rng.choice([-1, 1], modes)
    loss = rng.choice([0.0, 1.0], p=[0.15, 0.85]) * rng.gamma(1.0, 2.0, modes)
    gain = loss * rng.choice([0.0, 1.0]) * rng.beta(1, 2, modes) * 0.8
    size = np.hypot(omega, (loss - gain) / 2)
    # Couplings in units of the size of their modes: weak to strong.
    ratio = rng.gamma(0.7, 0.5)
    couplings = ratio * size * rng.uniform(-1, 1, (spins, modes)) / np.sqrt(modes)
    if rng.random() < 0.2:
        couplings[:] = couplings[0]
    field = rng.exponential(0.4) * rng.uniform(0.5, 1.5, spins)
    if rng.random() < 0.1:
        field[:] = 0.0
    model = od.DickeModel(couplings, omega, loss, gain, field)
    bosons: dict[str, object] = {}
    if rng.random() < 0.35 and (loss > 0).all():
        bosons = {"bosons": "stationary"}
    elif rng.random() < 0.3:
        bosons = {
            "displacement": rng.normal(0, 0.5, modes) + 1j * rng.normal(0, 0.5, modes),
            "occupation": rng.exponential(0.3, modes),
        }
    if rng.random() < 0.5:
        state = od.ProductState.configuration(rng.choice([-1, 1], spins), **bosons)
    else:
        vectors = rng.normal(size=(spins, 3))
        vectors *= rng.uniform(0.5, 1, (spins, 1)) / np.linalg.norm(vectors, axis=1)[:, None]
        state = od.ProductState.bloch(vectors, **bosons)
    # Times in units of the largest rate at which a bare part of the model moves.
    pace = max(float(np.abs(field).max()), 0.05)
    stop = float(rng.gamma(1.2, 2.0)) / pace
    return Case("broad", model, state, np.linspace(0, min(max(stop, 0.05), 100), 17))
