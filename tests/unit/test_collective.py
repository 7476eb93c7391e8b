"""Collective spins against the full product space of single spins."""

from __future__ import annotations

from functools import reduce as chained
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.model.collective import CollectiveSpin, SpinSpace
from opendicke.model.reduce import reduce

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
VECTORS = [
    [0.6, 0.0, 0.8], [0, 0, -1], [0, 0, 1], [1, 0, 0], [0, -1, 0], [-0.48, 0.6, -0.64],
    [0.3, -0.2, 0.5], [0, 0, 0], [0, 0, 0.999], [0, 0, -0.4],
]  # fmt: skip


def product(factors: list[Any]) -> Any:
    return chained(np.kron, factors)


@pytest.mark.parametrize("vector", VECTORS, ids=repr)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_moments_are_those_of_single_spins(vector: list[float], count: int) -> None:
    """Third moments of sums see the state, the matrices and the order of their products."""
    r = np.array(vector, float)
    space = SpinSpace(
        (CollectiveSpin(count, np.ones(1), 1.0, r),), np.zeros(count, int), np.ones(count)
    )
    rho, sums = space.density().toarray(), [each.toarray() for each in space.sums[0]]
    full = product([(np.eye(2) + np.tensordot(r, PAULI, 1)) / 2] * count)
    whole = [
        sum(
            product([PAULI[a] if k == j else np.eye(2) for k in range(count)]) for j in range(count)
        )
        for a in range(3)
    ]
    for a in range(3):
        for b in range(3):
            for c in range(3):
                expected = np.trace(whole[a] @ whole[b] @ whole[c] @ full)
                got = np.trace(sums[a] @ sums[b] @ sums[c] @ rho)
                assert abs(got - expected) < 1e-11
    assert abs(np.trace(rho) - 1) < 1e-13
    assert space.pure == (abs(np.linalg.norm(r) - 1) < 1e-12)
    if space.pure:
        vector_of = space.vector()
        np.testing.assert_allclose(np.outer(vector_of, vector_of.conj()), rho, atol=1e-14)


def test_sizes() -> None:
    """n + 1 states of a pure spin, all total spins of a mixed one, known beforehand."""
    pure = CollectiveSpin(64, np.ones(1), 1.0, np.array([0.0, 0.6, 0.8]))
    mixed = CollectiveSpin(6, np.ones(1), 1.0, np.array([0.0, 0.3, 0.4]))
    assert pure.most == (65, 65**2)
    assert mixed.most == (7 + 5 + 3 + 1, 49 + 25 + 9 + 1)
    assert mixed.size == mixed.most[0]
    assert CollectiveSpin(4000, np.ones(1), 1.0, np.array([0.6, 0.0, 0.8])).size == 4001


def test_large_spins_keep_their_moments() -> None:
    """⟨S⟩ and the variance of 3000 spins, where factorials overflow."""
    r, n = np.array([0.6, 0.0, 0.8]), 3000
    part = CollectiveSpin(n, np.ones(1), 1.0, r)
    space = SpinSpace((part,), np.zeros(n, int), np.ones(n))
    vector, (x, _, z) = space.vector(), space.sums[0]
    assert np.vdot(vector, x @ vector).real == pytest.approx(0.6 * n, rel=1e-12)
    mean = np.vdot(vector, z @ vector).real
    square = np.vdot(z @ vector, z @ vector).real
    assert square - mean**2 == pytest.approx(n * (1 - 0.64), rel=1e-9)


def test_only_equal_spins_in_equal_states_are_one() -> None:
    """Rows up to a sign, field and the (gauged) Bloch vector decide."""
    model = od.DickeModel(
        [[0.5], [-0.5], [0.5], [0.5], [0.7]], 1.0, field=[0.3, 0.3, 0.3, 0.2, 0.3]
    )
    # Spin 1 is the mirror image of spin 0: Y and Z with the other sign.
    state = od.ProductState.bloch(
        [[0.1, 0.2, 0.5], [0.1, -0.2, -0.5], [0.1, 0.2, 0.4], [0.1, 0.2, 0.5], [0.1, 0.2, 0.5]]
    )
    space = SpinSpace.of(reduce(model, state))
    assert space.member.tolist() == [0, 0, 1, 2, 3]
    assert space.counts.tolist() == [2, 1, 1, 1]
    forces = np.unique(np.round(space.forces[:, 0], 12))
    assert forces.max() == pytest.approx(0.5 * 4 + 0.7)
