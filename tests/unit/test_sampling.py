"""Discrete sampling of spins and Gaussian sampling of modes, against exact moments."""

from __future__ import annotations

from itertools import pairwise
from math import comb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opendicke as od
from opendicke.methods.runtime import double_precision
from opendicke.methods.sampling import classes_of, sample_modes, sample_spins, trajectory_keys
from opendicke.model.keys import trajectory_words

DRAWS = 20_000
MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some thousand of them."""
BLOCH = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, -1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0],
        [0.36, 0.48, 0.8],
        [0.3, -0.2, 0.1],
        [0.0, 0.6, -0.8],
        [0.0, 0.0, -0.4],
        [-0.5, 0.5, np.sqrt(0.5)],
    ]
)
ALONG_AXES = [0, 1, 2, 3, 7]


def began(
    count: int = DRAWS, seed: int = 1, bloch: Any = BLOCH, axes: str = "zx", **bosons: Any
) -> od.Ensemble:
    """Where trajectories begin: the ensemble at the only time."""
    spins, modes = len(bloch), len(np.atleast_1d(bosons.get("displacement", 0.0)))
    model = od.DickeModel(
        np.arange(1.0, 1 + spins * modes).reshape(spins, modes),
        1.0 + np.arange(modes),
        coupling_axis=axes[0],
        field_axis=axes[1],
    )
    state = od.ProductState.bloch(bloch, **bosons)
    settings: dict[str, Any] = {"trajectories": count, "step": 1.0, "block": min(count, DRAWS)}
    method = od.TruncatedWigner(**settings)
    return od.trajectories(model, state, [0.0], method, ["sx"], seed, validity="ignore")[1]


@pytest.fixture(scope="module")
def ensemble() -> od.Ensemble:
    """Spins of all kinds with a vacuum, a displaced and a thermal mode."""
    return began(displacement=[0.0, 1.2 - 0.7j, 0.3j], occupation=[0.0, 0.0, 1.7])


def test_means_and_products_of_single_spins(ensemble: od.Ensemble) -> None:
    """⟨s⟩ = r and ½⟨s_a s_b + s_b s_a⟩ = δ_ab for each spin, r_a r_b between two."""
    flat = ensemble.spins.reshape(DRAWS, -1)
    exact = np.outer(BLOCH.ravel(), BLOCH.ravel())
    for spin in range(len(BLOCH)):
        exact[3 * spin : 3 * spin + 3, 3 * spin : 3 * spin + 3] = np.eye(3)
    products = np.einsum("na,nb->nab", flat, flat)
    for found, wanted in ((flat, BLOCH.ravel()), (products, exact)):
        error = found.std(axis=0) / np.sqrt(DRAWS)
        fixed = error < 1e-12
        apart = found.mean(axis=0) - wanted
        assert np.abs(apart[fixed]).max() < 1e-12
        assert np.abs(apart[~fixed] / error[~fixed]).max() < MOST
        assert fixed.any()


def test_lengths_and_directions(ensemble: od.Ensemble) -> None:
    """|s|² = 3, ±1 along r with the right odds; ±1, not ±√3, along axes of the laboratory."""
    np.testing.assert_allclose((ensemble.spins**2).sum(axis=-1), 3.0, atol=1e-14)
    for spin, vector in enumerate(BLOCH):
        length = np.linalg.norm(vector)
        if length:
            along = ensemble.spins[:, spin] @ vector / length
            np.testing.assert_allclose(np.abs(along), 1.0, atol=1e-14)
            chance, found = (1 + length) / 2, (along > 0).mean()
            error = np.sqrt(chance * (1 - chance) / DRAWS)
            assert abs(found - chance) <= MOST * error + 1e-12
    np.testing.assert_array_equal(np.abs(ensemble.spins[:, ALONG_AXES]), 1.0)
    # All eight corners of the cube, equally often, for a spin without direction.
    corner = (ensemble.spins[:, 3] > 0) @ [1, 2, 4]
    share = np.bincount(corner, minlength=8) / DRAWS
    assert np.abs(share - 1 / 8).max() < MOST * np.sqrt(7 / 64 / DRAWS)


def test_laboratory_axes_whatever_couples() -> None:
    """The Bloch vector is that of the laboratory for every pair of axes."""
    bloch = np.array([[0.0, 0.6, 0.0], [0.2, 0.3, -0.9]])
    for axes in ("zx", "xz", "yz", "zy"):
        found = began(2000, 3, bloch, axes).spins
        np.testing.assert_array_equal(np.abs(found[:, 0]), 1.0)
        error = found.std(axis=0) / np.sqrt(2000)
        assert np.abs((found.mean(axis=0) - bloch) / error).max() < MOST, axes


def test_amplitudes(ensemble: od.Ensemble) -> None:
    """Normal numbers: mean α, Var Re a = Var Im a = (n + ½)/2, independent of all else."""
    parts = np.stack([ensemble.amplitudes.real, ensemble.amplitudes.imag])
    mean = np.array([[0.0, 1.2, 0.0], [0.0, -0.7, 0.3]])
    variance = np.array([0.25, 0.25, 1.1])
    apart = parts - mean[:, None]
    assert np.abs(apart.mean(axis=1) / np.sqrt(variance / DRAWS)).max() < MOST
    unit = (apart / np.sqrt(variance)).transpose(0, 2, 1).reshape(6, DRAWS)
    assert np.abs((unit**2).mean(axis=1) - 1).max() < MOST * np.sqrt(2 / DRAWS)
    assert np.abs((unit**4).mean(axis=1) - 3).max() < MOST * np.sqrt(96 / DRAWS)
    others = ensemble.spins - ensemble.spins.mean(axis=0)
    rows = np.concatenate([unit, others.reshape(DRAWS, -1).T])
    crossed = unit @ rows.T / DRAWS - np.eye(6, len(rows))
    spread = np.maximum(rows.std(axis=1), 1e-12)
    np.fill_diagonal(crossed, 0.0)
    assert np.abs(crossed / spread).max() < MOST / np.sqrt(DRAWS)


def test_modes_by_number() -> None:
    """`sample_modes` alone: the occupation adds to the half quantum of the vacuum."""
    with double_precision():
        keys = jax.random.split(jax.random.wrap_key_data(jnp.asarray([1, 2], jnp.uint32)), DRAWS)
        alpha, occupation = jnp.asarray([0.5 + 2j, 0j]), jnp.asarray([3.0, 0.0])
        made = np.asarray(jax.vmap(lambda key: sample_modes(key, alpha, occupation))(keys))
    square = np.abs(made - np.asarray(alpha)) ** 2  # exponential: its spread is its mean
    assert np.abs(square.mean(axis=0) / [3.5, 0.5] - 1).max() < MOST / np.sqrt(DRAWS)
    assert made.dtype == np.complex128


# Sums


def grouped(sizes: list[int], bloch: np.ndarray) -> Any:
    """Classes of spins that stand together, `sizes` of each Bloch vector, in one group."""
    model = od.DickeModel(np.full((sum(sizes), 1), 0.5), 1.0)
    state = od.ProductState.bloch(np.repeat(bloch, sizes, axis=0))
    return classes_of(od.reduce(model, state, pad=False), [])


def sums_of(classes: Any, count: int) -> np.ndarray:
    """Sampled sums along (X, Y, Z), (count, C, 3)."""
    words = jnp.asarray(np.array([3, 4], np.uint32))
    with double_precision():
        keys = trajectory_keys(words, jnp.arange(count, dtype=jnp.uint32))[:, 0]
        size, chance = jnp.asarray(classes.size), jnp.asarray(classes.chance)
        local = jax.vmap(lambda key: sample_spins(key, size, chance, classes.single))(keys)
    return np.einsum("nca,cav->ncv", np.asarray(local), classes.triad)


def test_sums_of_grouped_spins() -> None:
    """Mean n r, covariance n(1 − r rᵀ), classes independent; sums along r are binomial."""
    sizes = [3, 5, 1, 40, 1000, 3]
    bloch = np.array(BLOCH[[2, 4, 5, 3, 6, 7]])
    classes = grouped(sizes, bloch)
    assert not classes.single
    np.testing.assert_array_equal(classes.size, sizes)
    np.testing.assert_array_equal(classes.group, 0)
    count = 8000
    sums = sums_of(classes, count)
    mean = bloch * np.array(sizes)[:, None]
    exact = np.zeros((18, 18))
    for k, (size, r) in enumerate(zip(sizes, bloch, strict=True)):
        exact[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = size * (np.eye(3) - np.outer(r, r))
    apart = (sums - mean).reshape(count, -1)
    products = np.einsum("na,nb->nab", apart, apart)
    for found, wanted in ((apart, np.zeros(18)), (products, exact)):
        error = np.maximum(found.std(axis=0) / np.sqrt(count), 1e-10)
        assert np.abs((found.mean(axis=0) - wanted) / error).max() < MOST
    np.testing.assert_array_equal(sums[:, 0] % 2, 1)
    # Three spins of r = −0.4 Z: each outcome as often as (1 ± |r|)/2 says; across r, coins.
    for axis, chance in ((0, 0.5), (1, 0.5), (2, 0.3)):
        for up in range(4):
            odds = comb(3, up) * chance**up * (1 - chance) ** (3 - up)
            share = (sums[:, 5, axis] == 2 * up - 3).mean()
            assert abs(share - odds) < MOST * np.sqrt(odds * (1 - odds) / count)


# Classes


def test_triads_are_right_handed_and_orthonormal() -> None:
    """First row along r; axes of the laboratory where r is one of them or 0."""
    rng = np.random.default_rng(5)
    more = rng.normal(size=(40, 3))
    more *= rng.uniform(0, 1, (40, 1)) / np.linalg.norm(more, axis=1)[:, None]
    tiny = 1e-9 * more[:1]
    bloch = np.concatenate([BLOCH, more, tiny])
    model = od.DickeModel(rng.normal(size=(len(bloch), 1)), 1.0)
    classes = classes_of(od.reduce(model, od.ProductState.bloch(bloch), gauge=False), [])
    assert classes.single
    np.testing.assert_array_equal(classes.member, np.arange(len(bloch)))
    triad, length = classes.triad, np.linalg.norm(bloch, axis=1)
    unit = np.einsum("cav,cbv->cab", triad, triad)
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(triad), 1.0, atol=1e-14)
    np.testing.assert_allclose(triad[:, 0] * length[:, None], bloch, atol=1e-15)
    np.testing.assert_allclose(classes.chance[:, 0], (1 + length) / 2, atol=1e-15)
    np.testing.assert_array_equal(classes.chance[:, 1:], 0.5)
    assert set(np.abs(triad[ALONG_AXES]).ravel()) == {0.0, 1.0}
    assert (classes.chance <= 1).all()


def test_lengths_that_rounding_takes_past_one() -> None:
    """A unit vector with |r| a rounding above 1 has the chance 1, not more."""
    bloch = np.array([[1 / 3, 2 / 3, -2 / 3]]) * (1 + 5e-13)
    model = od.DickeModel([[1.0]], 1.0)
    problem = od.reduce(model, od.ProductState.bloch(bloch))
    assert classes_of(problem, []).chance[0, 0] == 1.0


def test_classes_part_where_members_differ() -> None:
    """Same group and Bloch vector and nothing asked apart: one class, else several."""
    rows = np.array([[1.0], [1.0], [1.0], [-1.0], [2.0], [2.0]])
    model = od.DickeModel(rows, 1.0)
    # The fourth spin, seen with Z and Y reversed, is one of the first group.
    bloch = np.array([[0.6, 0.1, 0.3]] * 3 + [[0.6, -0.1, -0.3]] + [[0.6, 0.1, 0.3]] * 2)
    problem = od.reduce(model, od.ProductState.bloch(bloch))
    found = classes_of(problem, [])
    np.testing.assert_array_equal(found.member, [0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found.size, [4, 2])
    np.testing.assert_array_equal(found.group, problem.spin_lift.group[[0, 4]])
    np.testing.assert_allclose(found.triad[:, 0] * np.linalg.norm(bloch[0]), bloch[[0, 0]])
    weights = np.array([[1.0, 2, 1, 1, 1, 1], [0, 0, 0, 0, 0, 5]])
    apart = classes_of(problem, [weights])
    np.testing.assert_array_equal(apart.member, [0, 1, 0, 0, 2, 3])
    np.testing.assert_array_equal(apart.size, [3, 1, 1, 1])
    bloch[2] = [0.6, 0.1, -0.3]
    other = classes_of(od.reduce(model, od.ProductState.bloch(bloch)), [])
    np.testing.assert_array_equal(other.member, [0, 0, 1, 0, 2, 2])
    # A zero of either sign is the same number.
    flat = od.ProductState.bloch([[1.0, 0.0, 0.0]] * 3 + [[1.0, -0.0, -0.0]] * 3)
    assert len(classes_of(od.reduce(model, flat), []).size) == 2
    assert classes_of(problem, [np.arange(6)]).single


# Numbers of trajectories


def test_a_trajectory_does_not_know_its_block() -> None:
    """Number k is the same in every block and beside any number of others."""
    model = od.DickeModel(np.ones((3, 2)) * [0.3, -0.2], [1.0, 1.4], loss=0.4, field=0.5)
    state = od.ProductState.bloch([0.2, 0.3, 0.5], occupation=0.3)
    made = []
    for count, block in ((20, 20), (20, 7), (9, 7)):
        method = od.TruncatedWigner(trajectories=count, block=block, step=0.5)
        ds, ensemble = od.trajectories(
            model, state, [0.0, 1.0], method, ["sz_spin"], 4, validity="ignore"
        )
        made.append((ds.sz_spin.values, ensemble.spins, ensemble.amplitudes))
    for first, second in pairwise(made):
        count = min(len(first[0]), len(second[0]))
        for one, other in zip(first, second, strict=True):
            np.testing.assert_allclose(one[:count], other[:count], atol=1e-13)
    assert len(np.unique(made[0][2][:, 0])) == 20


def test_keys_of_trajectories() -> None:
    """Three streams for each number, all different, and different for every run."""
    found = []
    with double_precision():
        for seed, realization in ((0, 0), (1, 0), (0, 1)):
            words = jnp.asarray(trajectory_words(seed, realization))
            keys = trajectory_keys(words, jnp.asarray([0, 1, 2**31 + 5], jnp.uint32))
            found.append(np.asarray(jax.random.key_data(keys)).reshape(-1, 2))
            again = trajectory_keys(words, jnp.asarray([2**31 + 5], jnp.uint32))
            np.testing.assert_array_equal(jax.random.key_data(again)[0], found[-1][6:])
    assert len(np.unique(np.concatenate(found), axis=0)) == 27
