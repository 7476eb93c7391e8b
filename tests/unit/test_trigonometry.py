"""The kernels of the flow: sines and cosines, sums in pairs, rotations on a grid."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from opendicke.methods.flow import Grid, Rows, pairwise_sum
from opendicke.methods.runtime import double_precision
from opendicke.methods.trigonometry import computed_once, cosine_sine
from opendicke.model.factors import factorise


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 0.8, 10.0, 1e4, 1e9, 1e14])
def test_cosine_and_sine(scale: float) -> None:
    """Within two units of round-off of the C library, on the unit circle, exact symmetries."""
    angle = np.random.default_rng(1).uniform(-scale, scale, 20_001)
    with double_precision():
        c, s = map(np.asarray, jax.jit(cosine_sine)(jnp.asarray(angle)))
        mirrored = [np.asarray(part) for part in jax.jit(cosine_sine)(jnp.asarray(-angle))]
    # Above 2^20 quarter turns the reduction is as exact as the angle itself is.
    allowed = 2.3e-16 + (2.3e-16 * scale if scale > 1e6 else 0)
    np.testing.assert_allclose(c, np.cos(angle), rtol=0, atol=allowed)
    np.testing.assert_allclose(s, np.sin(angle), rtol=0, atol=allowed)
    assert np.abs(c**2 + s**2 - 1).max() < 5e-16
    np.testing.assert_array_equal(mirrored[0], c)
    np.testing.assert_array_equal(mirrored[1], -s)


def test_special_angles() -> None:
    """0 is exact, quarter turns are right to round-off, what is no number stays none."""
    angle = np.array([0.0, np.pi / 4, np.pi / 2, np.pi, -np.pi / 2, 5 * np.pi, np.nan, np.inf])
    with double_precision():
        c, s = map(np.asarray, cosine_sine(jnp.asarray(angle)))
    assert (c[0], s[0]) == (1.0, 0.0)
    np.testing.assert_allclose(c[:6], np.cos(angle[:6]), atol=2.3e-16)
    np.testing.assert_allclose(s[:6], np.sin(angle[:6]), atol=2.3e-16)
    assert np.isnan([*c[6:], *s[6:]]).all()


def test_single_precision_is_left_to_jax() -> None:
    angle = jnp.linspace(-3, 3, 11, dtype=jnp.float32)
    c, s = cosine_sine(angle)
    assert c.dtype == s.dtype == jnp.float32
    np.testing.assert_allclose(np.hypot(c, s), 1, rtol=3e-7)


def test_computed_once_changes_nothing() -> None:
    """Also where the first angle is not a number."""
    angle = np.array([[np.nan, 1.0], [-2.0, 30.0]])
    with double_precision():
        kept = jax.jit(lambda a: computed_once(cosine_sine, a))(jnp.asarray(angle))
        plain = jax.jit(cosine_sine)(jnp.asarray(angle))
    for first, second in zip(kept, plain, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 64])
@pytest.mark.parametrize("axis", [0, 1])
def test_sums_in_pairs(size: int, axis: int) -> None:
    """Sums agree with NumPy's; equal terms of opposite sign leave exactly nothing."""
    rng = np.random.default_rng(size)
    array = rng.normal(size=(size, 5) if axis == 0 else (5, size))
    with double_precision():
        found = np.asarray(pairwise_sum(jnp.asarray(array), axis))
        np.testing.assert_allclose(found, array.sum(axis), rtol=1e-13, atol=1e-14)
        if size == 64:
            signs = np.array([[(-1.0) ** (k >> bit & 1) for bit in range(6)] for k in range(64)])
            terms = signs[:, :, None] * rng.normal(size=1000)
            assert not np.asarray(pairwise_sum(jnp.asarray(terms), 0)).any()


@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_grid_is_its_rows(batch: tuple[int, ...]) -> None:
    """Forces and turning angles from two factors equal those from all rows."""
    rng = np.random.default_rng(3)
    rows = np.array([[a, b, c] for a in (1.0, 0.4, -2.0) for b in (0.3, -0.3) for c in (1.0, 5.0)])
    rows = rows[rng.permutation(12)]
    factors, place = factorise(rows, 12)
    np.testing.assert_array_equal(factors.rows()[place], rows)
    shape = (len(factors.first), len(factors.second))
    assert sorted(shape) == [3, 4]
    pull = rng.normal(size=(12, *batch))
    on_grid = np.empty_like(pull)
    on_grid[place] = pull
    angle = rng.normal(size=(3, *batch))
    more = tuple(1 for _ in batch)
    with double_precision():
        grid = Grid(*(jnp.asarray(f.reshape(*f.shape, *more)) for f in factors))
        plain = Rows(jnp.asarray(rows))
        force = grid.force(jnp.asarray(on_grid.reshape(*shape, *batch)))
        np.testing.assert_allclose(force, plain.force(jnp.asarray(pull)), rtol=1e-13, atol=1e-13)
        for first, second in zip(grid.cosine_sine(angle), plain.cosine_sine(angle), strict=True):
            flat = np.asarray(first).reshape(12, *batch)[place]
            np.testing.assert_allclose(flat, second, atol=1e-14)


def test_a_pattern_feels_nothing_of_the_others() -> None:
    """Spins along one sign pattern: the force on every other mode is exactly 0."""
    signs = np.array([[(-1.0) ** (k >> bit & 1) for bit in range(5)] for k in range(32)])
    factors, place = factorise(signs * np.array([0.1, 0.3, 0.7, 1.1, 1.3]), 32)
    for pattern in range(5):
        z = np.empty(32)
        z[place] = 0.1234567 * signs[:, pattern]
        with double_precision():
            grid = Grid(*(jnp.asarray(f) for f in factors))
            force = np.asarray(grid.force(jnp.asarray(z.reshape(len(factors.first), -1))))
        assert np.flatnonzero(force).tolist() == [pattern]
