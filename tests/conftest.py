"""Shared fixtures: a private cache of compiled programs, generic models, bare answers."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

# Set before any program is compiled: tests neither read nor fill the user's own cache.
if "OPENDICKE_CACHE" not in os.environ:
    _cache = tempfile.mkdtemp(prefix="opendicke-test-cache-")
    os.environ["OPENDICKE_CACHE"] = _cache
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)

import opendicke as od
from opendicke.measure import observables as registry_module
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw

MakeModel = Callable[..., od.DickeModel]
Ask = Callable[..., Raw]


@pytest.fixture
def make_model() -> MakeModel:
    """A model without any symmetry, from a seed; keywords replace single arguments."""

    def make(seed: int = 0, spins: int = 4, modes: int = 3, **replaced: Any) -> od.DickeModel:
        rng = np.random.default_rng(seed)
        settings: dict[str, Any] = {
            "couplings": rng.normal(size=(spins, modes)) / np.sqrt(spins),
            "frequencies": rng.uniform(0.5, 2.0, modes),
            "loss": rng.uniform(0.3, 0.8, modes),
            "gain": rng.uniform(0.0, 0.2, modes),
            "field": rng.uniform(0.3, 1.2, spins),
        }
        return od.DickeModel(**settings | replaced)

    return make


@pytest.fixture
def make_state() -> Callable[..., od.ProductState]:
    """Mixed spins in all directions, displaced and thermal modes, from a seed."""

    def make(model: od.DickeModel, seed: int = 1) -> od.ProductState:
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(model.spins, 3))
        vectors *= (rng.uniform(0.4, 1.0, model.spins) / np.linalg.norm(vectors, axis=1))[:, None]
        return od.ProductState.bloch(
            vectors,
            displacement=rng.normal(size=model.modes) + 1j * rng.normal(size=model.modes),
            occupation=rng.uniform(0.0, 1.0, model.modes),
        )

    return make


@pytest.fixture
def ask() -> Ask:
    """Reduce, run and return the bare answer: ask(model, state, times, names, method, …)."""

    def run(
        model: od.DickeModel,
        state: od.ProductState,
        times: Any,
        names: list[str],
        method: Any,
        **reductions: bool,
    ) -> Raw:
        problem = od.reduce(model, state, **reductions)
        answer: Raw = method.run(problem, np.asarray(times, float), find_observables(names))
        return answer

    return run


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A copy of the registry of observables, so that tests may register their own."""
    copy = dict(registry_module._registry)
    monkeypatch.setattr(registry_module, "_registry", copy)
    return copy
