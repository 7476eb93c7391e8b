"""The two exponentials and the real form of exact equations, against dense matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

from opendicke.methods import linear_system
from opendicke.methods.linear_system import LinearSystem, follow, in_real_numbers
from opendicke.methods.rational_krylov import exponentials


def whole(state: Any) -> Any:
    return np.array(state)


def stiff(size: int, seed: int, kind: Any = float) -> Any:
    """Decays from 0.01 to 100, coupled at random."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(size, size)) * (rng.random((size, size)) < 0.1)
    if kind is complex:
        table = table * np.exp(2j * np.pi * rng.random((size, size)))
    return sp.csr_array(table - np.diag(np.geomspace(1.0, 100.0, size) + 2.0))


def system(generator: Any, start: Any) -> LinearSystem:
    return LinearSystem(generator, start, whole, lambda state: np.abs(state[-1:]))


def exact(generator: Any, start: Any, times: Any) -> Any:
    return np.array([scipy.linalg.expm(t * generator.toarray()) @ start for t in times])


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("halved", [False, True])
def test_short_and_long_times(kind: Any, halved: bool) -> None:
    """Times over five decades: steps first, then inverses."""
    generator = stiff(40, 0, kind)
    start = np.random.default_rng(1).normal(size=40).astype(kind)
    times = np.array([0.0, 1e-3, 2e-3, 0.05, 0.3, 0.31, 5.0, 30.0, 100.0])
    found = follow(system(generator, start), times, halved=halved)
    np.testing.assert_allclose(found.values, exact(generator, start, times), atol=1e-10)
    assert found.top[0] == pytest.approx(np.abs(found.values[:, -1]).max())


def test_long_times_go_by_inverses(monkeypatch: Any) -> None:
    """Not one product of the generator is needed where everything decays."""
    generator = stiff(60, 2)
    start = np.ones(60)

    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(linear_system, "_taylor", never)
    times = [50.0, 100.0, 150.0]
    found = follow(system(generator, start), np.array(times))
    np.testing.assert_allclose(found.values, exact(generator, start, times), atol=1e-11)


def test_undamped_oscillations_fall_back_to_steps() -> None:
    """A space of inverses does not hold them; the answer is right all the same."""
    rng = np.random.default_rng(3)
    table = rng.normal(size=(120, 120))
    table = sp.csr_array(20 * (table - table.T))
    start = rng.normal(size=120)
    assert exponentials(table, start, np.array([5.0])) is None
    found = follow(system(table, start), np.array([0.0, 2.0, 5.0]))
    np.testing.assert_allclose(found.values, exact(table, start, [0, 2.0, 5.0]), atol=1e-9)


def test_a_space_that_closes() -> None:
    """A start within an invariant subspace of two dimensions."""
    generator = sp.csr_array(np.diag([-1.0, -2.0, -300.0, -400.0]))
    start = np.array([1.0, 1.0, 0, 0])
    found = exponentials(generator, start, np.array([1.0, 4.0]))
    assert found is not None
    np.testing.assert_allclose(found, exact(generator, start, [1.0, 4.0]), atol=1e-13)


def test_what_grows_without_bound_is_seen() -> None:
    """Unstable truncations end as numbers that are not finite, at all later times."""
    generator = sp.csr_array(np.diag([5.0, -1.0]))
    with np.errstate(all="ignore"):
        found = follow(system(generator, np.ones(2)), np.array([0.0, 100.0, 400.0, 500.0]))
    assert not np.isfinite(found.values[2:]).all()
    assert found.values.shape == (4, 2)


def test_real_numbers_behind_hermitian_matrices() -> None:
    """A Liouvillian of random H and jump, its unknowns half as many numbers."""
    rng = np.random.default_rng(4)
    size = 4
    h = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    h, c = h + h.conj().T, rng.normal(size=(size, size)) + 0j
    one = np.eye(size)
    table = -1j * (np.kron(one, h) - np.kron(h.T, one)) + np.kron(c.conj(), c)
    table -= 0.5 * (np.kron(one, c.T @ c) + np.kron((c.T @ c).T, one))
    rho = np.diag([0.4, 0.3, 0.2, 0.1]) + 0.05 * (h - np.diag(np.diag(h)))
    right, left = np.divmod(np.arange(size**2), size)
    rows = sp.csr_array(rng.normal(size=(3, size**2)) + 0j)
    vector = rho.ravel(order="F")
    real, start, readers = in_real_numbers(sp.csr_array(table), vector, rows, left * size + right)
    assert real.dtype == start.dtype == float
    assert start.shape == (size**2,)
    expected = rows @ (scipy.linalg.expm(0.7 * table) @ vector)
    np.testing.assert_allclose(readers @ exact(real, start, [0.7])[0], expected, atol=1e-12)
