"""A million spins with six binary patterns: the reduction, and the solution it makes cheap."""

from __future__ import annotations

import numpy as np
from timing import paired

import opendicke as od


def rows() -> list[str]:
    """Reduction against one pass of arithmetic over the couplings; solution against 32 spins."""
    random = od.RandomDicke(
        couplings=od.Binary(1.0),
        spins=10**6,
        modes=6,
        frequencies=[1.0, 1.2, 1.4, 1.6, 1.8, 2.0],
        loss=1.0,
        field=0.5,
    )
    model, limit = random.draw(seed=1), random.thermodynamic()
    state = od.ProductState.pattern(2, flipped=0.1, seed=1)
    times = np.linspace(0, 50, 101)
    asked = ["sx", "overlap", "photons", "energy"]
    method = od.MeanField(step=0.02)
    problem, small = od.reduce(model, state), od.reduce(limit, state)
    assert problem.groups == small.groups == 32
    observables = od.find_observables(asked)
    sort = paired(lambda: od.reduce(model, state), lambda: np.sort(model.couplings, axis=0))
    solve = paired(
        lambda: method.run(problem, times, observables),
        lambda: method.run(small, times, observables),
    )
    return [
        sort.row("10⁶ spins × 6 patterns, reduce", "reduce", "np.sort of the couplings"),
        solve.row("… then solve, 2,500 steps of order 4", "10⁶ spins", "32 groups alone"),
    ]
