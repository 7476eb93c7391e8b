"""A million spins with six binary patterns: the reduction, and the solution it makes cheap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from table import Row
from timing import paired, size

import opendicke as od

SPINS = size(10**6, 10**4)


def rows() -> Iterator[Row]:
    """Reduction against one pass of arithmetic over the couplings; solution against 32 spins."""
    random = od.RandomDicke(
        couplings=od.Binary(1.0),
        spins=SPINS,
        modes=6,
        frequencies=[1.0, 1.2, 1.4, 1.6, 1.8, 2.0],
        loss=1.0,
        field=0.5,
    )
    model, limit = random.draw(seed=1), random.thermodynamic()
    state = od.ProductState.pattern(2, flipped=0.1, seed=1)
    times = np.linspace(0, size(50, 5), 101)
    asked = ["sx", "overlap", "photons", "energy"]
    method = od.MeanField(step=0.02)
    problem, small = od.reduce(model, state), od.reduce(limit, state)
    assert problem.groups == small.groups == 32
    observables = od.find_observables(asked)
    sort = paired(lambda: od.reduce(model, state), lambda: np.sort(model.couplings, axis=0))
    yield Row(
        f"{SPINS:,} spins × 6 patterns: reduction", "reduce", "np.sort of the couplings", sort
    )
    solve = paired(
        lambda: method.run(problem, times, observables),
        lambda: method.run(small, times, observables),
    )
    what = f"the same: solution, {size(2500, 250):,} steps of order 4"
    yield Row(what, f"{SPINS:,} spins", "32 groups alone", solve)
