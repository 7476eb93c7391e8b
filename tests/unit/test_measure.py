"""Moments merge exactly; observables are checked when registered and when built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.measure.observables import find_observables

MODEL = od.DickeModel(np.ones((3, 2)), 1.0)
pytestmark = pytest.mark.usefixtures("registry")


def samples(count: int, seed: int = 0) -> np.ndarray:
    """Samples with a mean far from zero, where a sum of squares would lose digits."""
    return np.random.default_rng(seed).normal(size=(count, 2, 3)) + 1e6


def test_moments_against_numpy() -> None:
    """Count, mean, variance with n − 1, standard error of the mean σ/√n."""
    data = samples(50)
    moments = od.Moments.of(data)
    assert moments.count == 50
    np.testing.assert_allclose(moments.mean, data.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, data.var(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(moments.stderr, data.std(axis=0, ddof=1) / np.sqrt(50), rtol=1e-9)


@pytest.mark.parametrize("cuts", [[1], [25], [3, 4, 40], [0, 10, 10, 49, 50]])
def test_merging_blocks_is_the_whole(cuts: list[int]) -> None:
    """Chan, Golub and LeVeque's update, for blocks of any size, empty ones included."""
    data = samples(50)
    whole = od.Moments.of(data)
    parts = [od.Moments.of(block) for block in np.split(data, cuts)]
    merged = od.Moments.merged(parts)
    assert merged.count == 50
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-15)
    np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-9)


def test_merging_is_associative() -> None:
    """(a + b) + c = a + (b + c) up to round-off, and the order of two does not matter."""
    a, b, c = (od.Moments.of(samples(n, seed=n)) for n in (7, 31, 2))
    left, right = a.merge(b).merge(c), a.merge(b.merge(c))
    np.testing.assert_allclose(left.mean, right.mean, rtol=1e-15)
    np.testing.assert_allclose(left.m2, right.m2, rtol=1e-9)
    np.testing.assert_allclose(a.merge(b).m2, b.merge(a).m2, rtol=1e-9)


def test_few_samples_have_no_error() -> None:
    """Below two samples variance and error are NaN, not zero; nothing is divided by zero."""
    empty = od.Moments.of(np.zeros((0, 2)))
    one = od.Moments.of(np.ones((1, 2)))
    for moments in (empty, one):
        assert np.isnan(moments.variance).all()
        assert np.isnan(moments.stderr).all()
    assert empty.merge(one).count == 1
    assert one.merge(empty).count == 1
    np.testing.assert_array_equal(empty.merge(one).mean, [1, 1])


def test_stderr_shrinks_as_the_root_of_the_count() -> None:
    """The error covers the truth: pooled z-scores of 200 means have variance 1."""
    rng = np.random.default_rng(3)
    scores = []
    for _ in range(200):
        moments = od.Moments.of(rng.exponential(size=400))
        scores.append((moments.mean - 1.0) / moments.stderr)
    spread = np.sqrt(2 / 200)
    assert abs(np.var(scores) - 1) < 4 * spread
    # The control: errors that are too small by √2 must be found out.
    assert abs(np.var(np.sqrt(2) * np.array(scores)) - 1) > 4 * spread


def test_names_are_registered_once() -> None:
    """A name is an identifier, taken names need replace=True, and lambdas need a name."""

    def build(model: od.DickeModel) -> od.SpinTerm:
        return od.SpinTerm("x", np.ones(3))

    od.observable("mine", unit="energy", long_name="my own")(build)
    found = find_observables(["mine"])[0]
    assert (found.name, found.dims, found.unit, found.long_name) == ("mine", (), "energy", "my own")
    with pytest.raises(od.InputError, match="replace=True"):
        od.observable("mine")(build)
    od.observable("mine", replace=True)(build)
    assert find_observables("mine")[0].long_name == "mine"
    for bad in ("two words", "1st"):
        with pytest.raises(od.InputError, match="identifier"):
            od.observable(bad)(build)
    with pytest.raises(od.InputError, match="identifier"):
        od.observable()(lambda model: od.SpinTerm("x"))


def test_find_observables() -> None:
    """Order is kept, doubles are dropped, an unknown name is answered by the nearest."""
    found = find_observables(["sz", "photons", "sz"])
    assert [item.name for item in found] == ["sz", "photons"]
    with pytest.raises(od.InputError, match="did you mean `photons_mode`"):
        find_observables(["photon_mode"])
    for nothing in ([], 3, [None]):
        with pytest.raises(od.InputError, match="observables"):
            find_observables(nothing)


@pytest.mark.parametrize(
    ("dims", "made"),
    [
        ((), od.SpinTerm("z")),  # single spins have a dimension
        (("spin",), od.SpinTerm("z", np.ones(3))),  # a sum has none
        ((), od.SpinTerm("z", np.ones((2, 3)))),
        (("half",), od.SpinTerm("z", np.ones((2, 2)))),  # three spins, not two
        (("mode",), od.PhotonTerm(np.ones((2, 3)))),  # two modes, not three
        ((), od.QuadratureTerm(np.ones(3))),
        ((), od.SpinTerm("w", np.ones(3))),
        ((), od.SpinTerm("z", [1.0, np.nan, 1.0])),
        ((), od.SpinTerm("z", ["a", "b", "c"])),
        (("mode",), od.InteractionTerm()),
        ((), [od.IsingTerm(), od.PhotonTerm()]),
        ((), [od.IsingTerm(), "photons"]),
        ((), []),
        ((), 1.0),
        ((), None),
    ],
)
def test_terms_are_checked_against_dims_and_model(dims: tuple[str, ...], made: Any) -> None:
    """What a registered function returns must be terms of this model with the stated dims."""
    od.observable("odd", dims=dims)(lambda model: made)
    with pytest.raises(od.InputError, match="observable odd"):
        find_observables("odd")[0].terms(MODEL)


@pytest.mark.parametrize(
    ("dims", "made"),
    [
        ((), od.SpinTerm("z", np.ones(3))),
        (("spin",), od.SpinTerm("z")),
        (("row", "column"), od.SpinTerm("z", np.ones((4, 5, 3)))),
        (("mode",), [od.PhotonTerm(), od.QuadratureTerm(np.eye(2))]),
        ((), (od.IsingTerm(2.0), od.InteractionTerm(), od.PhotonTerm([1, 2]))),
    ],
)
def test_good_terms_pass(dims: tuple[str, ...], made: Any) -> None:
    """The leading dimensions of the weights are those of the answer."""
    od.observable("fine", dims=dims)(lambda model: made)
    terms = find_observables("fine")[0].terms(MODEL)
    assert len(terms) == (len(made) if isinstance(made, (list, tuple)) else 1)


def test_library_observables_fit_every_model() -> None:
    """All registered names build checked terms, with sums as means over spins or totals."""
    limit = od.RandomDicke(od.Binary(1.0), 8, 2, frequencies=1.0, field=0.3).thermodynamic()
    for model in (MODEL, limit):
        for item in find_observables(od.known_observables()):
            assert item.terms(model)
            assert item.long_name
    weights = find_observables("sz")[0].terms(limit)[0].weights
    np.testing.assert_allclose(weights, 0.25)
