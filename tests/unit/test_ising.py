"""Ising models: elimination against closed forms, matrices against factors, exact reductions."""

from __future__ import annotations

import dataclasses
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import opendicke as od

UP = od.ProductState.polarized("+z")
SPINS = 5


def random_factors(spins: int = SPINS, count: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(spins, count))


def random_interactions(spins: int = SPINS, seed: int = 1) -> np.ndarray:
    half = np.random.default_rng(seed).normal(size=(spins, spins))
    return np.asarray(half + half.T)


def summed(factors: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """J by its definition, entry by entry."""
    spins, count = factors.shape
    matrix = np.zeros((spins, spins))
    for i in range(spins):
        for j in range(spins):
            for mode in range(count):
                matrix[i, j] += strengths[mode] * factors[i, mode] * factors[j, mode]
    return matrix


def without_diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix * (1 - np.eye(len(matrix))))


def felt(problem: od.Problem) -> np.ndarray:
    """sum_i J_ji Z_i for every spin j, (N,), from nothing but the reduced arrays."""
    z = np.einsum("kv,kv->k", problem.mean, problem.vectors[:, :, 2])
    rows = problem.couplings
    pull = rows @ (problem.strengths * (rows.T @ (problem.weights * z)))
    if problem.own is not None:
        pull = pull - problem.own * z
    return np.asarray(pull[problem.spin_lift.group] * problem.spin_lift.sign)


def start(spins: int = SPINS, seed: int = 3) -> od.ProductState:
    """Every spin in a direction of its own."""
    vectors = np.random.default_rng(seed).normal(size=(spins, 3))
    return od.ProductState.bloch(vectors / np.linalg.norm(vectors, axis=1)[:, None])


# Elimination


def test_two_spins_and_one_mode_by_hand() -> None:
    """ω = 3, loss 9, gain 1: ω/(ω² + Γ²/4) = 3/25, with g = (1/2, −5): J₁₂ = −0.3."""
    model = od.DickeModel([[0.5], [-5.0]], 3.0, loss=9.0, gain=1.0, field=[0.1, 0.2])
    ising = od.eliminate(model)
    np.testing.assert_allclose(ising.strengths, [0.12], rtol=1e-15)
    np.testing.assert_allclose(ising.matrix(), [[0, -0.3], [-0.3, 0]], rtol=1e-15)
    np.testing.assert_allclose(ising.own, [0.03, 3.0], rtol=1e-15)
    kept = od.eliminate(model, "keep")
    np.testing.assert_allclose(kept.matrix(), [[0.03, -0.3], [-0.3, 3.0]], rtol=1e-15)
    np.testing.assert_allclose(kept.own, ising.own, rtol=0)


def test_elimination_of_lossy_modes_entry_by_entry() -> None:
    """Several modes, of either sign of ω, damped and not, with ω = 0 among the damped ones."""
    omega = np.array([1.0, -2.0, 0.0, 0.7])
    loss = np.array([0.0, 1.5, 2.0, 0.4])
    gain = np.array([0.0, 0.5, 0.0, 0.1])
    model = od.DickeModel(random_factors(6, 4), omega, loss=loss, gain=gain, field=0.3)
    ising = od.eliminate(model, "keep")
    strengths = omega / (omega**2 + (loss - gain) ** 2 / 4)
    np.testing.assert_allclose(ising.strengths, strengths, rtol=1e-15)
    assert ising.strengths[2] == 0
    expected = summed(model.couplings, strengths)
    np.testing.assert_allclose(ising.matrix(), expected, rtol=1e-13, atol=1e-14)


def test_without_loss_it_is_the_energy_of_settled_modes() -> None:
    """kelly2021 Eq. (3), J = Σ g g/ω: the least energy of the modes at fixed spins."""
    model = od.DickeModel(random_factors(4, 2), [0.8, 1.7])
    ising = od.eliminate(model, "keep")
    np.testing.assert_array_equal(ising.strengths, [1 / 0.8, 1 / 1.7])
    for z in ([1, 1, 1, 1], [1, -1, 1, 1], [-1, 1, -1, 1]):
        force = np.array(z) @ model.couplings
        amplitudes = -force / model.frequencies
        energy = (model.frequencies * amplitudes**2 + 2 * force * amplitudes).sum()
        assert -np.array(z) @ ising.matrix() @ z == pytest.approx(energy, rel=1e-13)


def test_the_force_is_that_of_the_settled_modes() -> None:
    """Amplitudes of bosons="stationary" pull the spins as the eliminated model does: −2 J Z."""
    model = od.DickeModel(random_factors(4, 3), [1.0, -0.6, 0.2], loss=[0.5, 2.0, 1.0], gain=0.3)
    state = od.ProductState.configuration([1, -1, -1, 1], bosons="stationary").resolve(model)
    force = model.couplings @ (2 * state.displacement.real)
    expected = -2 * od.eliminate(model, "keep").matrix() @ state.bloch[:, 2]
    np.testing.assert_allclose(force, expected, rtol=1e-13)


@pytest.mark.parametrize("omega", [1e-180, 1e180])
def test_frequencies_whose_squares_are_lost(omega: float) -> None:
    """ω/ω² is 1/ω even where ω² is no number."""
    assert od.eliminate(od.DickeModel([[1.0]], omega)).strengths[0] == 1 / omega


def test_what_an_eliminated_model_inherits() -> None:
    """Spins are as they were; the modes are gone."""
    model = od.DickeModel(
        random_factors(6, 2),
        [1.0, 0.0],
        loss=1.0,
        field=np.arange(6.0),
        coupling_axis="x",
        field_axis="y",
        pattern_names=("a", "b"),
        lattice=(2, 3),
    )
    ising = od.eliminate(model)
    assert (ising.coupling_axis, ising.field_axis) == ("x", "y")
    assert (ising.pattern_names, ising.lattice) == (("a", "b"), (2, 3))
    assert (ising.self_interaction, ising.patterns) == ("drop", None)
    np.testing.assert_array_equal(ising.field, model.field)
    np.testing.assert_array_equal(ising.frame(), [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(ising.pattern_matrix, model.pattern_matrix)
    np.testing.assert_array_equal(ising.factors, model.couplings)
    own = np.array([[1, -1, 1, 1, -1, -1]])
    named = dataclasses.replace(model, patterns=own, pattern_names=("c",))
    np.testing.assert_array_equal(od.eliminate(named).pattern_matrix, own)
    assert od.eliminate(named).pattern_names == ("c",)


def test_more_modes_than_spins_keep_their_patterns() -> None:
    """Couplings of zero leave patterns of zero, as in the model itself."""
    couplings = random_factors(2, 5)
    couplings[1, 3] = 0.0
    model = od.DickeModel(couplings, 1.0)
    ising = od.eliminate(model)
    np.testing.assert_array_equal(ising.pattern_matrix, model.pattern_matrix)
    assert ising.pattern_matrix[3, 1] == 0


def test_modes_without_couplings_need_no_frequency() -> None:
    """ω = 0 without damping is no obstacle where nothing couples."""
    ising = od.eliminate(od.DickeModel([[1.0, 0.0], [2.0, 0.0]], [0.5, 0.0]))
    np.testing.assert_array_equal(ising.strengths, [2.0, 0.0])
    np.testing.assert_array_equal(ising.matrix(), [[0, 4], [4, 0]])


# The model


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("switch", ["drop", "keep"])
def test_low_rank_is_the_dense_matrix(count: int, switch: str) -> None:
    """Factors and strengths of both signs, against J entry by entry."""
    factors = random_factors(SPINS, count)
    strengths = np.linspace(-1.0, 2.0, count)
    full = summed(factors, strengths)
    low = od.IsingModel(factors=factors, strengths=strengths, self_interaction=switch)
    dense = od.IsingModel(full, self_interaction=switch)
    expected = full if switch == "keep" else without_diagonal(full)
    for model in (low, dense):
        np.testing.assert_allclose(model.matrix(), expected, atol=1e-14)
        np.testing.assert_allclose(model.own, np.diagonal(full), atol=1e-14)
        np.testing.assert_array_equal(model.matrix(), model.matrix().T)
    if switch == "drop":
        assert not np.diagonal(low.matrix()).any()
        assert not np.diagonal(dense.matrix()).any()


def test_strengths_are_one_if_left_out() -> None:
    """J = F Fᵀ; a single number serves every factor."""
    factors = random_factors()
    plain = od.IsingModel(factors=factors, self_interaction="keep")
    np.testing.assert_array_equal(plain.strengths, [1.0, 1.0])
    np.testing.assert_allclose(plain.matrix(), summed(factors, np.ones(2)), rtol=1e-13)
    half = od.IsingModel(factors=factors, strengths=0.5)
    np.testing.assert_array_equal(half.strengths, [0.5, 0.5])


def test_generic_code_finds_no_modes() -> None:
    """Every question about modes has an empty answer of the right dimensions."""
    for model in (od.IsingModel(random_interactions()), od.IsingModel(factors=random_factors())):
        assert (model.spins, model.modes, model.thermodynamic) == (SPINS, 0, False)
        assert model.weights is None
        assert model.couplings.shape == (SPINS, 0)
        for name in ("frequencies", "loss", "gain", "damping", "stationary_occupation"):
            assert getattr(model, name).shape == (0,)
        np.testing.assert_array_equal(model.fractions, np.full(SPINS, 0.2))
        resolved = UP.resolve(model)
        assert (resolved.displacement.shape, resolved.occupation.shape) == ((0,), (0,))
        assert resolved.displacement.dtype == complex
        np.testing.assert_array_equal(resolved.bloch, np.tile([0, 0, 1], (SPINS, 1)))


def test_models_are_read_only_copies() -> None:
    """What the user does to the arrays later changes nothing; models travel and are replaced."""
    given, factors = random_interactions(), random_factors()
    model, low = od.IsingModel(given), od.IsingModel(factors=factors)
    before = model.matrix()
    given[:] = 7.0
    factors[:] = 7.0
    np.testing.assert_array_equal(model.matrix(), before)
    assert not (low.factors == 7).any()
    for array in (model.interactions, low.factors, low.strengths, low.field):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    model.matrix()[0, 1] = 5.0  # a copy
    np.testing.assert_array_equal(model.matrix(), before)
    for one in (model, low):
        again = dataclasses.replace(pickle.loads(pickle.dumps(one)), field=2.0)
        np.testing.assert_array_equal(again.matrix(), one.matrix())
    assert repr(low) == (
        "IsingModel(5 spins, 2 factors, coupling_axis='z', field_axis='x', self_interaction='drop')"
    )
    assert "5 spins, coupling_axis" in repr(model)


def test_patterns_of_ising_models() -> None:
    """Carried ones first, then signs of factors; states start from them."""
    factors = np.array([[1.0, -2.0], [-3.0, 0.0], [0.5, 1.0]])
    low = od.IsingModel(factors=factors, strengths=-1.0)
    np.testing.assert_array_equal(low.pattern_matrix, [[1, -1, 1], [-1, 0, 1]])
    start = od.ProductState.pattern(0).resolve(low).bloch
    np.testing.assert_array_equal(start[:, 2], [1, -1, 1])
    carried = od.IsingModel(factors=factors, patterns=[[1, 1, -1]], pattern_names=["a"])
    np.testing.assert_array_equal(carried.pattern_matrix, [[1, 1, -1]])
    dense = od.IsingModel(
        random_interactions(3), patterns=[[1, 1, -1]], pattern_names=["a"], lattice=[3, 1]
    )
    np.testing.assert_array_equal(dense.pattern_matrix, [[1, 1, -1]])
    assert (dense.pattern_names, dense.lattice) == (("a",), (3, 1))


def test_halves_that_differ_by_rounding_are_made_equal() -> None:
    """A product of matrices is symmetric to a rounding; more than that is an error."""
    matrix = random_interactions()
    skewed = matrix.copy()
    skewed[0, 1] *= 1 + 4e-16
    assert skewed[0, 1] != skewed[1, 0]
    kept = od.IsingModel(skewed, self_interaction="keep").matrix()
    np.testing.assert_array_equal(kept, kept.T)
    np.testing.assert_allclose(kept, matrix, rtol=1e-15)
    np.testing.assert_array_equal(od.IsingModel(matrix, self_interaction="keep").matrix(), matrix)
    skewed[0, 1] += 1e-9
    with pytest.raises(od.InputError, match="be symmetric"):
        od.IsingModel(skewed)


# Reduction


@pytest.mark.parametrize("switch", ["drop", "keep"])
@pytest.mark.parametrize("count", [None, 1, 3, 5, 9])
@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("pad", [True, False])
def test_a_reduced_spin_feels_what_the_matrix_says(
    switch: str, count: int | None, bright: bool, pad: bool
) -> None:
    """Σ J Z for every spin, from factors, strengths and own alone; dense J has no factors."""
    chosen: dict[str, Any] = {"self_interaction": switch, "field": np.arange(5.0)}
    if count is None:
        model = od.IsingModel(random_interactions(), **chosen)
    else:
        strengths = np.linspace(-1, 2, count)
        model = od.IsingModel(factors=random_factors(5, count), strengths=strengths, **chosen)
    state = start()
    problem = od.reduce(model, state, bright=bright, pad=pad)
    z = state.resolve(model).bloch[:, 2]
    np.testing.assert_allclose(felt(problem), model.matrix() @ z, atol=1e-13)
    own = count is not None and (count <= 5 or not bright) and switch == "drop"
    assert (problem.own is not None) == own
    if own:
        np.testing.assert_array_equal(problem.own, model.own)
        assert problem.own.any()
    few = 5 if count is None or (bright and count > 5) else count
    assert problem.shape == (5, 1, few)
    assert problem.groups == 5
    np.testing.assert_array_equal(problem.field, model.field)


def test_fields_of_a_problem_without_modes() -> None:
    """Factors as they are, modes at rest that are nobody's."""
    model = od.IsingModel(factors=random_factors(), strengths=[0.5, -1.5], field=0.4)
    problem = od.reduce(model, start())
    np.testing.assert_array_equal(problem.couplings, model.factors)
    np.testing.assert_array_equal(problem.strengths, model.strengths)
    for name in ("frequencies", "loss", "gain", "displacement", "occupation"):
        np.testing.assert_array_equal(getattr(problem, name), np.zeros(2))
    assert problem.displacement.dtype == complex
    np.testing.assert_array_equal(problem.source, [-1, -1])
    assert (problem.factors, problem.mode_lift.rotation) == (None, None)
    assert problem.mode_lift.dark.shape == (0,)
    assert problem.model is model
    np.testing.assert_array_equal(problem.weights, np.ones(5))
    np.testing.assert_array_equal(problem.spin_lift.group, np.arange(5))
    dicke = od.reduce(od.DickeModel(random_factors(), 1.0), UP)
    assert (dicke.strengths, dicke.own) == (None, None)


def test_dense_interactions_become_their_eigenvectors() -> None:
    """V diag(e) Vᵀ is J; a J of rank 2 has two factors, one of zeros a single one."""
    model = od.IsingModel(random_interactions(), self_interaction="keep")
    full = od.reduce(model, start(), gauge=False)
    rows = full.couplings
    np.testing.assert_allclose((rows * full.strengths) @ rows.T, model.matrix(), atol=1e-13)
    np.testing.assert_allclose(rows.T @ rows, np.eye(5), atol=1e-13)
    low = summed(random_factors(), np.array([2.0, -3.0]))
    problem = od.reduce(od.IsingModel(low, self_interaction="keep"), start())
    assert problem.shape == (5, 1, 2)
    assert sorted(np.sign(problem.strengths)) == [-1, 1]
    # A small eigenvalue is one as long as it is no rounding.
    faint = od.IsingModel(np.diag([1.0, 1e-12, 1e-16]), self_interaction="keep")
    assert sorted(od.reduce(faint, start(3)).strengths) == [1e-12, 1.0]
    none = od.reduce(od.IsingModel(np.zeros((3, 3))), start(3))
    assert none.shape == (3, 1, 1)
    assert not none.strengths.any()
    # The given diagonal does not matter where it is dropped.
    dropped = od.IsingModel(random_interactions() + np.diag(np.full(5, 1e6)))
    problem = od.reduce(dropped, start())
    again = (problem.couplings * problem.strengths) @ problem.couplings.T
    np.testing.assert_allclose(again, without_diagonal(random_interactions()), atol=1e-13)


def repeated(switch: str, count: int = 2, dense: bool = False) -> od.IsingModel:
    """Three rows, taken 4, 2 and 1 times with either sign; fields set one spin more apart."""
    place = np.array([0, 1, 0, 2, 0, 1, 0, 0])
    sign = np.array([1, 1, -1, -1, 1, -1, 1, -1])
    factors = random_factors(3, count)[place] * sign[:, None]
    strengths = np.linspace(1.0, -0.5, count)
    field = np.full(8, 0.3)
    field[-1] = 0.9
    if dense:
        # Entries of groups, not of products, so that equal spins have equal bits.
        entries = summed(random_factors(3, count), strengths)[np.ix_(place, place)]
        matrix = entries * np.outer(sign, sign)
        return od.IsingModel(matrix, field=field, self_interaction=switch)
    return od.IsingModel(factors=factors, strengths=strengths, field=field, self_interaction=switch)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("count", [2, 7])
def test_spins_turn_together_only_with_the_field_of_themselves(count: int, dense: bool) -> None:
    """Rows 4 + 2 + 1 + 1: groups where i = j is kept, eight single spins where it is dropped."""
    kept, dropped = repeated("keep", count, dense), repeated("drop", count, dense)
    state = start(8)
    z = state.resolve(kept).bloch[:, 2]
    grouped = od.reduce(kept, state, pad=False)
    assert sorted(grouped.weights) == [1, 1, 2, 4]
    assert grouped.shape[1] == 3
    np.testing.assert_allclose(felt(grouped), kept.matrix() @ z, atol=1e-13)
    assert grouped.couplings.shape[1] == {(2, False): 2, (2, True): 2}.get((count, dense), 3)
    assert od.reduce(kept, state, gauge=False, pad=False).groups == 6
    assert od.reduce(kept, state, group=False).groups == 8
    alone = od.reduce(dropped, state)
    assert (alone.groups, alone.shape[:2]) == (8, (8, 1))
    np.testing.assert_array_equal(alone.spin_lift.sign, np.ones(8))
    np.testing.assert_allclose(felt(alone), dropped.matrix() @ z, atol=1e-13)


def test_groups_and_factors_are_padded_to_standard_sizes() -> None:
    """3, 4 groups of sixteen spins fill four rows; with more factors, as many columns."""
    for count, columns in ((2, 2), (7, 4)):
        rows = random_factors(4, count)
        for groups in (3, 4):
            factors = rows[np.arange(16) % groups]
            model = od.IsingModel(factors=factors, self_interaction="keep")
            problem = od.reduce(model, start(16))
            assert problem.shape == (4, 3, columns)
            assert problem.groups == groups
            assert not problem.couplings[groups:].any()
            assert not problem.weights[groups:].any()
            z = start(16).resolve(model).bloch[:, 2]
            np.testing.assert_allclose(felt(problem), model.matrix() @ z, atol=1e-12)
    # Rank varies among draws, shapes do not: a column of zeros takes the place of what is missing.
    factors = np.array([[1.0, 1, 1], [1, 1, -1]])
    for switch in ("keep", "drop"):
        lost = od.IsingModel(factors=factors, strengths=[1, 1, 0], self_interaction=switch)
        problem = od.reduce(lost, start(2), gauge=False)
        assert problem.shape == (2, 1, 2)
        z = start(2).resolve(lost).bloch[:, 2]
        np.testing.assert_allclose(felt(problem), lost.matrix() @ z, atol=1e-14)


# Sentences

Call = Callable[[], Any]
J = [[0.0, 1.0], [1.0, 0.0]]


def ising(**chosen: Any) -> od.IsingModel:
    return od.IsingModel(**({"factors": [[1.0], [2.0]]} | chosen))


def dense(**chosen: Any) -> od.IsingModel:
    return od.IsingModel(**({"interactions": J} | chosen))


def moved(**bosons: Any) -> Any:
    return od.ProductState.polarized("+z", **bosons).resolve(ising())


LIMIT = od.DickeModel([[1.0], [2.0]], 1.0, weights=[0.5, 0.5])
J2, NAME2 = [[1, 1], [1, -1]], "name every pattern (2)"
SKEW = [[0.0, 1.0, 0.5], [1.0, 0.0, 2.0], [0.5, -2.0, 0.0]]
PAIR = "entry (1, 2) was 2.0 and entry (2, 1) was -2.0"
STUCK = od.DickeModel([[0.0, 1.0, 1.0]], [0.0, 1.0, 0.0])
DROPS = "was `drops` (known: `drop`, `keep`); did you mean `drop`?"
NONE = "was `none` (known: `drop`, `keep`)"
TWO = "have two dimensions, (spin, factor), neither of them empty"
SQUARE = "be a square table (spin, spin), not an empty one"
REAL = "be made of real numbers in a regular shape"
WORD = "be a known word"
ALONE = "be left out where `interactions` are given"
PER_FACTOR = "be a number or have one entry per factor (1)"
PER_SPIN = "be a number or have one entry per spin (2)"
SIGNED = "have the shape (pattern, 2 spins)"
NAMED = "come with `patterns` or `factors`"
GIVEN = "be given for an IsingModel without factors"
VACUUM = 'be "vacuum" for an IsingModel, which has no modes'
OUT = "be left out for an IsingModel, which has no modes"
FINITE_N = "have finitely many spins for its modes to be eliminated"
SETTLING = "have a frequency or damping in every mode that is eliminated"
EITHER = "be a DickeModel or an IsingModel"
SENTENCES: list[tuple[Call, str, str, str]] = [
    (lambda: od.IsingModel(), "interactions", "be given, or else `factors`", "neither was"),
    (lambda: ising(interactions=J), "factors", ALONE, "both were given"),
    (lambda: dense(strengths=1.0), "strengths", "come with `factors`", "came with `interactions`"),
    (lambda: dense(interactions=[[0.0, 1.0]]), "interactions", SQUARE, "had shape (1, 2)"),
    (lambda: dense(interactions=[0.0]), "interactions", SQUARE, "had shape (1,)"),
    (lambda: dense(interactions=np.zeros((0, 0))), "interactions", SQUARE, "had shape (0, 0)"),
    (lambda: dense(interactions=SKEW), "interactions", "be symmetric", PAIR),
    (lambda: dense(interactions=[[np.inf]]), "interactions", "be finite", "entry (0, 0) was inf"),
    (lambda: dense(interactions="J"), "interactions", REAL, "was 'J'"),
    (lambda: ising(factors=[1.0, 2.0]), "factors", TWO, "had shape (2,)"),
    (lambda: ising(factors=np.zeros((2, 0))), "factors", TWO, "had shape (2, 0)"),
    (lambda: ising(factors=[[1.0], [np.nan]]), "factors", "be finite", "entry (1, 0) was nan"),
    (lambda: ising(strengths=[1.0, 2.0]), "strengths", PER_FACTOR, "had shape (2,)"),
    (lambda: ising(strengths=np.nan), "strengths", "be finite", "was nan"),
    (lambda: ising(field=[1.0]), "field", PER_SPIN, "had shape (1,)"),
    (
        lambda: dense(coupling_axis="x"),
        "field_axis",
        "differ from `coupling_axis`",
        "both were 'x'",
    ),
    (lambda: dense(coupling_axis="w"), "coupling_axis", WORD, "was `w` (known: `x`, `y`, `z`)"),
    (lambda: ising(self_interaction="drops"), "self_interaction", WORD, DROPS),
    (lambda: ising(self_interaction=0), "self_interaction", "be one of `drop`, `keep`", "was 0"),
    (lambda: ising(patterns=[[1, -1, 1]]), "patterns", SIGNED, "had shape (1, 3)"),
    (lambda: dense(patterns=[[1, 2]]), "patterns", "be +1 or -1", "had an entry 2"),
    (lambda: ising(pattern_names="ab"), "pattern_names", "be a list", "was 'ab'"),
    (
        lambda: ising(pattern_names=["a", "b"]),
        "pattern_names",
        "name every pattern (1)",
        "had 2 names",
    ),
    (lambda: dense(patterns=J2, pattern_names=[*"abc"]), "pattern_names", NAME2, "had 3 names"),
    (lambda: dense(pattern_names=["a"]), "pattern_names", NAMED, "came with neither"),
    (lambda: ising(lattice=(2, 2)), "lattice", "be (rows, columns) of 2 spins", "was (2, 2)"),
    (lambda: dense().pattern_matrix, "patterns", GIVEN, "there were none"),
    (lambda: od.ProductState.pattern(0).resolve(dense()), "patterns", GIVEN, "there were none"),
    (lambda: moved(bosons="stationary"), "bosons", VACUUM, 'was "stationary"'),
    (lambda: moved(displacement=1j), "displacement", OUT, "was 1j"),
    (lambda: moved(occupation=[0.5]), "occupation", OUT, "was [0.5]"),
    (
        lambda: od.reduce(ising(), od.ProductState.polarized("+z", occupation=2)),
        "occupation",
        OUT,
        "was 2.0",
    ),
    (lambda: od.eliminate(STUCK), "model", SETTLING, "mode 2 has neither"),
    (lambda: od.eliminate(LIMIT), "model", FINITE_N, "was a thermodynamic limit"),
    (lambda: od.eliminate("dicke"), "model", "be a DickeModel", "was 'dicke'"),
    (lambda: od.eliminate(od.DickeModel([[1.0]], 1.0), "none"), "self_interaction", WORD, NONE),
    (lambda: od.reduce("ising", UP), "model", EITHER, "was 'ising'"),
]


@pytest.mark.parametrize("case", SENTENCES, ids=lambda case: f"{case[1]}-{case[3]}")
def test_the_whole_sentence(case: tuple[Call, str, str, str]) -> None:
    """Which argument, what it must be, what it was: to the letter."""
    call, argument, requirement, received = case
    with pytest.raises(od.InputError) as caught:
        call()
    end = "" if received.endswith("?") else "."
    assert str(caught.value) == f"Argument `{argument}` must {requirement}, but {received}{end}"
    assert not re.search(r"\s{2}|\n", str(caught.value))
