"""Exact reductions: counts of groups, gauge, bright modes, padding, lifts at the start."""

from __future__ import annotations

import numpy as np
import pytest

import opendicke as od

UP = od.ProductState.polarized("+z")
ROWS = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]])


def grouped(counts: tuple[int, ...], signs: tuple[int, ...] | None = None) -> od.DickeModel:
    """Rows repeated the given number of times, interleaved, two different modes."""
    rows = np.repeat(ROWS[: len(counts)], counts, axis=0)
    if signs is not None:
        rows = rows * np.array(signs)[:, None]
    order = np.random.default_rng(0).permutation(len(rows))
    return od.DickeModel(rows[order], [1.0, 2.0], field=0.5)


def rebuilt_rows(problem: od.Problem) -> np.ndarray:
    """Couplings of single spins from those of the groups, bright modes turned back."""
    lift, rotation = problem.spin_lift, problem.mode_lift.rotation
    rows = problem.couplings if rotation is None else problem.couplings @ rotation.T
    return np.asarray(rows[lift.group] * lift.sign[:, None])


def rebuilt_bloch(problem: od.Problem) -> np.ndarray:
    """Bloch vectors (N, 3) of single spins from the vectors of their groups."""
    lift = problem.spin_lift
    bloch = np.einsum("jv,jvi->ji", lift.components, problem.vectors[lift.group])
    bloch[:, 1:] *= lift.sign[:, None]
    return np.asarray(bloch)


@pytest.mark.parametrize("counts", [(1, 1, 1), (5, 1, 3), (7, 2), (9,), (2, 2, 11)])
def test_groups_keep_their_true_counts(counts: tuple[int, ...]) -> None:
    """At finite N the groups are whatever the matrix says: unequal counts stay unequal."""
    model = grouped(counts)
    problem = od.reduce(model, UP)
    assert problem.groups == len(counts)
    assert sorted(problem.weights[problem.weights > 0]) == sorted(counts)
    np.testing.assert_allclose(rebuilt_rows(problem), model.couplings, atol=1e-15)


def test_gauge_merges_rows_of_opposite_sign() -> None:
    """Z → −Z, Y → −Y turns a row −g into g: 2 groups with the gauge, 4 without."""
    model = grouped((4, 3), signs=(1, -1, -1, 1, -1, 1, 1))
    with_gauge, without = od.reduce(model, UP), od.reduce(model, UP, gauge=False)
    assert sorted(with_gauge.weights[with_gauge.weights > 0]) == [3, 4]
    assert (with_gauge.groups, without.groups) == (2, 4)
    assert sorted(without.weights[without.weights > 0]) == [1, 2, 2, 2]
    for problem in (with_gauge, without):
        np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
        np.testing.assert_array_equal(rebuilt_bloch(problem), np.tile([0, 0, 1.0], (7, 1)))
    # The summed gauged spin drives the bosons: opposite members of a group cancel.
    total = (with_gauge.weights[:, None] * with_gauge.mean * with_gauge.vectors[:, :, 2]).sum(1)
    force = model.couplings.sum(axis=0)
    np.testing.assert_allclose(total @ with_gauge.couplings, force, atol=1e-15)


def test_fields_separate_groups() -> None:
    """Equal rows with different fields turn differently; h → −h is no symmetry of the gauge."""
    field = [0.5, 0.5, -0.5, 0.7]
    model = od.DickeModel(np.tile(ROWS[0], (4, 1)), 1.0, field=field)
    assert od.reduce(model, UP).groups == 3


def test_zero_rows_and_signed_zeros_are_one_group() -> None:
    """−0.0 equals 0.0, with the gauge and without."""
    model = od.DickeModel([[0.0, -0.0], [-0.0, 0.0], [0.0, 0.3], [-0.0, 0.3]], [1.0, 2.0])
    for gauge in (True, False):
        assert od.reduce(model, UP, gauge=gauge).groups == 2


@pytest.mark.parametrize("modes", [1, 2, 3, 5])
def test_binary_limit_has_half_of_all_sign_patterns(modes: int) -> None:
    """carollo2021, Fig. 2: 2^M rows, 2^{M−1} groups of equal weight with the gauge."""
    limit = od.RandomDicke(od.Binary(0.8), 2, modes, frequencies=1.0).thermodynamic()
    state = od.ProductState.pattern(0)
    problem = od.reduce(limit, state)
    assert problem.groups == 2 ** (modes - 1)
    np.testing.assert_allclose(problem.weights[: problem.groups], 2.0 ** (1 - modes))
    assert od.reduce(limit, state, gauge=False).groups == 2**modes


def test_discrete_limit_groups() -> None:
    """d = 3 values −1, 0, 1 on two modes: 9 rows, of which (9 + 1)/2 differ up to sign."""
    discrete = od.Discrete([-1, 0, 1], [0.2, 0.3, 0.5])
    limit = od.RandomDicke(discrete, 9, 2, frequencies=1.0).thermodynamic()
    problem = od.reduce(limit, UP)
    assert problem.groups == 5
    assert od.reduce(limit, UP, gauge=False).groups == 9
    np.testing.assert_allclose(problem.weights.sum(), 1.0, rtol=1e-14)
    assert problem.weights.min(initial=1, where=problem.weights > 0) == pytest.approx(0.09)


def test_vectors_carried_by_groups() -> None:
    """One vector where members are parallel (mixed lengths too), three where they are not."""
    model = grouped((3, 2))
    lengths = np.random.default_rng(1).uniform(-1, 1, 5)
    parallel = od.ProductState.bloch(np.outer(lengths, [0.6, 0.0, 0.8]))
    other = np.random.default_rng(2).normal(size=(5, 3)) / 4
    for state, vectors in [(parallel, 1), (od.ProductState.bloch(other), 3)]:
        problem = od.reduce(model, state)
        assert problem.shape[1] == vectors
        bloch = state.resolve(model).bloch
        np.testing.assert_allclose(rebuilt_bloch(problem), bloch, atol=1e-15)
        mean = np.einsum("kv,kvi->ki", problem.mean, problem.vectors)
        total = problem.weights @ mean
        np.testing.assert_allclose(total[0], bloch[:, 0].sum(), atol=1e-14)
    # One vector serves a gauged group only if its members are parallel after the gauge.
    signed = grouped((3, 2), signs=(1, -1, 1, -1, 1))
    assert od.reduce(signed, UP).shape[1] == 1
    assert od.reduce(signed, od.ProductState.bloch([0.6, 0.0, 0.8])).shape[1] == 3


@pytest.mark.parametrize(("spins", "modes"), [(2, 7), (4, 4), (6, 3), (1, 9), (5, 1)])
def test_bright_modes_of_one_block(spins: int, modes: int) -> None:
    """Degenerate modes: min(N, M) couple, and the Gram matrix G Gᵀ is kept."""
    rng = np.random.default_rng(spins)
    model = od.DickeModel(rng.normal(size=(spins, modes)), 1.3, loss=0.2)
    displacement = rng.normal(size=modes) + 1j * rng.normal(size=modes)
    problem = od.reduce(model, od.ProductState.polarized("+x", displacement=displacement))
    assert problem.shape == (spins, 1, min(spins, modes))
    gram = model.couplings @ model.couplings.T
    lift = problem.spin_lift
    rows = problem.couplings[lift.group] * lift.sign[:, None]
    kept = rows @ rows.T
    np.testing.assert_allclose(kept, gram, rtol=1e-13, atol=1e-13)
    rotation, dark = problem.mode_lift.rotation, problem.mode_lift.dark
    if modes > spins:
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(spins), atol=1e-14)
        np.testing.assert_allclose(rotation @ problem.displacement + dark, displacement)
        np.testing.assert_allclose(model.couplings @ dark, 0, atol=1e-13)
    else:
        assert rotation is None


def test_bright_modes_of_several_blocks() -> None:
    """Each block of equal (ω, loss, gain, occupation) is rotated by itself."""
    rng = np.random.default_rng(5)
    omega = np.array([1.0, 2.0, 1.0, 1.0, 2.0, 3.0, 1.0])
    loss = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6])
    model = od.DickeModel(rng.normal(size=(2, 7)), omega, loss=loss)
    problem = od.reduce(model, UP)
    assert sorted(problem.frequencies) == [1.0, 1.0, 1.0, 2.0, 2.0, 3.0]
    assert sorted(problem.loss) == [0.5] * 5 + [0.6]
    signs = np.outer(problem.spin_lift.sign, problem.spin_lift.sign)
    for key in {(1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (1.0, 0.6)}:
        full = model.couplings[:, (omega == key[0]) & (loss == key[1])]
        bright = problem.couplings[:, (problem.frequencies == key[0]) & (problem.loss == key[1])]
        np.testing.assert_allclose(bright @ bright.T * signs, full @ full.T, atol=1e-13)
    np.testing.assert_allclose(rebuilt_rows(problem), model.couplings, atol=1e-13)
    # Different occupations lift the degeneracy: nothing may be rotated.
    hot = od.ProductState.polarized("+z", occupation=np.arange(7.0))
    assert od.reduce(model, hot).mode_lift.rotation is None
    assert od.reduce(model, hot).shape[2] == 7


def test_parallel_columns_leave_one_bright_mode() -> None:
    """Rank decides, not size: three proportional columns of five spins are one mode."""
    column = np.random.default_rng(7).normal(size=5)
    model = od.DickeModel(np.outer(column, [1.0, -2.0, 0.5]), 1.0)
    problem = od.reduce(model, UP)
    assert problem.shape[2] == 1
    strength = np.sqrt(1 + 4 + 0.25) * np.abs(column)
    np.testing.assert_allclose(np.abs(problem.couplings[:, 0]), strength, rtol=1e-13)


def test_padding_gives_every_draw_one_shape() -> None:
    """9 to 12 rows of several columns occur among these draws; all become the same shape."""
    rng = np.random.default_rng(8)
    shapes = set()
    for groups in (9, 10, 12, 16):
        rows = rng.normal(size=(groups, 4))
        model = od.DickeModel(rows[np.arange(40) % groups], [1.0, 2.0, 3.0, 4.0])
        problem = od.reduce(model, UP)
        assert problem.groups == groups
        assert problem.factors is None
        assert not problem.weights[groups:].any()
        assert not problem.couplings[groups:].any()
        np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
        shapes.add(problem.shape)
    assert shapes == {(16, 1, 4)}


def test_sign_patterns_are_completed_to_a_grid() -> None:
    """7 and 8 sign groups occur among draws of 24 spins; both become the grid of 2³ rows."""
    random = od.RandomDicke(od.Binary(1.0), 24, 4, frequencies=[1.0, 2.0, 3.0, 4.0])
    problems = [od.reduce(random.draw(0, realization), UP) for realization in range(30)]
    assert {problem.groups for problem in problems} >= {7, 8}
    assert {problem.shape for problem in problems} == {(8, 1, 4)}
    for realization, problem in enumerate(problems):
        assert (problem.weights > 0).sum() == problem.groups
        assert problem.weights.sum() == 24
        assert len(np.unique(problem.couplings, axis=0)) == 8
        np.testing.assert_array_equal(problem.factors.rows(), problem.couplings)
        model = random.draw(0, realization)
        np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
        np.testing.assert_array_equal(rebuilt_bloch(problem), np.tile([0, 0, 1.0], (24, 1)))


def test_grids_of_unequal_values() -> None:
    """Three values for one mode, two for the other, one row missing: 6 rows, one of them empty."""
    rows = np.array([[a, b] for a in (0.3, 1.0, -2.0) for b in (0.5, 0.7)])[[5, 0, 3, 1, 4]]
    model = od.DickeModel(rows[[0, 1, 2, 3, 4, 4, 2]], [1.0, 2.0])
    problem = od.reduce(model, UP, gauge=False)
    assert (problem.groups, problem.shape) == (5, (6, 1, 2))
    np.testing.assert_array_equal(problem.factors.rows(), problem.couplings)
    np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
    assert sorted(problem.weights) == [0, 1, 1, 1, 2, 2]
    # Fields that differ make no grid: a group would need two of them.
    uneven = od.DickeModel(model.couplings, [1.0, 2.0], field=np.arange(7.0))
    assert od.reduce(uneven, UP).factors is None
    assert od.reduce(model, UP, pad=False).factors is None


def test_grids_stay_small() -> None:
    """Rows of random numbers are no grid worth completing."""
    rng = np.random.default_rng(4)
    assert od.reduce(od.DickeModel(rng.normal(size=(9, 2)), [1.0, 2.0]), UP).factors is None
    limit = od.RandomDicke(od.Binary(1.0), 1, 12, frequencies=np.arange(1.0, 13)).thermodynamic()
    factors = od.reduce(limit, UP).factors
    assert (len(factors.first), len(factors.second)) == (32, 64)


def test_padding_of_bright_modes() -> None:
    """With more degenerate modes than groups, padded groups bring padded modes along."""
    rows = np.random.default_rng(3).normal(size=(8, 12))
    shapes = set()
    for groups in (5, 7, 8):
        model = od.DickeModel(rows[np.arange(24) % groups], 1.0)
        problem = od.reduce(model, UP)
        assert problem.groups == groups
        assert (problem.source[groups:] == -1).all()
        assert not problem.couplings[:, groups:].any()
        np.testing.assert_allclose(rebuilt_rows(problem), model.couplings, atol=1e-13)
        shapes.add(problem.shape)
    assert shapes == {(8, 1, 8)}
    bare = od.reduce(model, UP, group=False, gauge=False, bright=False, pad=False)
    assert (bare.shape, bare.mode_lift.rotation) == ((24, 1, 12), None)


def test_a_million_spins_are_32_groups() -> None:
    """Six binary patterns: 2^5 groups whose counts follow the binomial law."""
    spins = 10**6
    model = od.RandomDicke(od.Binary(1.0), spins, 6, frequencies=np.arange(1.0, 7.0)).draw(1)
    problem = od.reduce(model, od.ProductState.pattern(2, flipped=0.1))
    assert problem.groups == 32
    assert problem.weights.sum() == spins
    spread = np.sqrt(spins * (1 / 32) * (31 / 32))
    assert (np.abs(problem.weights - spins / 32) < 5 * spread).all()
    np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
    assert problem.shape == (32, 1, 6)
    # A tenth is flipped: the summed overlap with the pattern is 0.8 N.
    z = rebuilt_bloch(problem)[:, 2]
    assert z @ model.pattern_matrix[2] == pytest.approx(0.8 * spins, rel=1e-12)


def test_equal_rows_left_apart_stay_apart() -> None:
    """Without grouping, spins of equal rows are no grid: each keeps its own place."""
    model = grouped((3, 2, 1))
    problem = od.reduce(model, UP, group=False)
    assert problem.factors is None
    assert problem.groups == 6
    np.testing.assert_array_equal(rebuilt_rows(problem), model.couplings)
    signs = od.RandomDicke(od.Binary(1.0), 9, 2, frequencies=[1.0, 2.0]).draw()
    problem = od.reduce(signs, UP, group=False)
    np.testing.assert_array_equal(problem.weights[:9], np.ones(9))
    np.testing.assert_array_equal(rebuilt_rows(problem), signs.couplings)
