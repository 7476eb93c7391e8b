"""Reductions change no answer: reduced and full flow agree for random models and states."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.model.state import Pattern

NAMES = [
    "sx", "sy", "sz", "sx_spin", "sy_spin", "sz_spin", "photons", "photons_mode",
    "quadrature_mode", "overlap", "energy", "ising_energy",
]  # fmt: skip
TIMES = np.array([0.0, 0.4, 1.0, 2.5])
STEP = 0.05
FULL = {"group": False, "gauge": False, "bright": False, "pad": False}

# Few sizes keep the number of compiled programs down; N < M, N = M and N > M all occur.
SIZES = [(1, 1), (2, 6), (3, 9), (5, 3), (6, 6), (7, 2)]
PAIRS = [("z", "x"), ("x", "z"), ("y", "z"), ("z", "y"), ("x", "y"), ("y", "x")]


def choices(values: list[float], size: int) -> st.SearchStrategy[np.ndarray]:
    """Arrays of `size` entries from few values, so that equal entries are common."""
    return st.lists(st.sampled_from(values), min_size=size, max_size=size).map(np.array)


@st.composite
def models(draw: Any) -> od.DickeModel:
    """Repeated rows, opposite rows, zero rows, proportional columns, degenerate blocks."""
    spins, modes = draw(st.sampled_from(SIZES))
    palette = draw(st.lists(choices([0.0, 0.3, -0.3, 0.7], modes), min_size=1, max_size=3))
    rows = [
        draw(st.sampled_from(palette)) * draw(st.sampled_from([1.0, -1.0, 1.0, 0.0]))
        for _ in range(spins)
    ]
    if draw(st.booleans()):  # rows without any relation besides
        seed = draw(st.integers(0, 99))
        rows[-1] = np.random.default_rng(seed).normal(size=modes) / 2
    kinds = draw(choices([0, 0, 0, 1, 2], modes)).astype(int)
    coupling_axis, field_axis = draw(st.sampled_from(PAIRS))
    limit = draw(st.booleans())
    weights = None
    if limit:
        shares = draw(choices([1.0, 2.0, 5.0], spins))
        weights = shares / shares.sum()
    patterns = np.random.default_rng(spins).choice([-1, 1], (2, spins))
    return od.DickeModel(
        np.array(rows),
        frequencies=np.array([1.0, 2.3, -0.7])[kinds],
        loss=np.array([0.5, 0.0, 0.8])[kinds],
        gain=np.array([0.2, 0.0, 0.0])[kinds],
        field=draw(choices([0.6, 0.6, -0.6, 0.0], spins)),
        coupling_axis=coupling_axis,
        field_axis=field_axis,
        weights=weights,
        patterns=draw(st.sampled_from([patterns, None])),
    )


@st.composite
def states(draw: Any, model: od.DickeModel) -> od.ProductState:
    """Every kind of spins; vacuum, displaced, thermal and stationary modes."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    bosons: dict[str, Any] = {}
    kind = draw(st.sampled_from(["displaced", "both", "stationary", "thermal", "displaced"]))
    if kind == "stationary":
        bosons["bosons"] = "stationary"
    if kind in ("displaced", "both"):
        bosons["displacement"] = rng.normal(size=model.modes) + 1j * rng.normal(size=model.modes)
    if kind in ("thermal", "both"):
        bosons["occupation"] = draw(choices([0.0, 0.0, 1.5], model.modes))
    match draw(st.sampled_from(["pattern", "polarized", "one", "bloch", "lengths", "values"])):
        case "polarized":
            direction = draw(st.sampled_from(["+x", "-y", "+z", "-z"]))
            return od.ProductState.polarized(direction, **bosons)
        case "one":
            return od.ProductState.bloch(rng.normal(size=3) / 4, **bosons)
        case "bloch":
            return od.ProductState.bloch(rng.normal(size=(model.spins, 3)) / 5, **bosons)
        case "lengths":
            vectors = np.outer(rng.uniform(-1, 1, model.spins), [0.48, 0.64, 0.6])
            return od.ProductState.bloch(vectors, **bosons)
        case "pattern" if model.patterns is not None:
            flipped = draw(st.sampled_from([0.0, 0.3]))
            return od.ProductState.pattern(0, flipped, seed=1, **bosons)
    values = draw(choices([1.0, -1.0], model.spins))
    return od.ProductState.configuration(values, model.coupling_axis, **bosons)


@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(data=st.data(), order=st.sampled_from([2, 4]))
def test_reduced_flow_equals_the_full_flow(data: st.DataObject, order: int) -> None:
    """Grouping, gauge, bright modes and padding are exact at any step (carollo2021, S1, S2)."""
    model = data.draw(models())
    state = data.draw(states(model))
    method, asked = od.MeanField(step=STEP, order=order), find_observables(NAMES)
    reduced = method.run(od.reduce(model, state), TIMES, asked).values
    full = method.run(od.reduce(model, state, **FULL), TIMES, asked).values
    for name in NAMES:
        expected = full[name]
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(
            reduced[name] / scale, expected / scale, rtol=0, atol=1e-10, err_msg=name
        )


def test_the_random_models_exercise_every_reduction() -> None:
    """A property test over trivial cases would be empty: count what the strategy produces."""
    seen = {"groups": 0, "gauge": 0, "bright": 0, "dark": 0, "padded": 0, "vectors": 0}
    seen |= {"pattern": 0, "limit": 0}

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(data=st.data())
    def count(data: st.DataObject) -> None:
        model = data.draw(models())
        state = data.draw(states(model))
        problem = od.reduce(model, state)
        seen["groups"] += problem.groups < model.spins
        seen["gauge"] += bool((problem.spin_lift.sign < 0).any())
        seen["bright"] += problem.mode_lift.rotation is not None
        seen["dark"] += bool(problem.mode_lift.dark.any())
        seen["padded"] += len(problem.weights) > problem.groups
        seen["vectors"] += problem.shape[1] == 3
        seen["pattern"] += isinstance(state.spins, Pattern)
        seen["limit"] += model.thermodynamic

    count()
    assert min(seen.values()) >= 5, seen
