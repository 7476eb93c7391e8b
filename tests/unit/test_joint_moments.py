"""Moments of several expectation values at once, and the error of what is made of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import find_observables


def variance(square: Any, mean: Any) -> Any:
    return square - mean**2


def ratio(above: Any, below: Any) -> Any:
    return above / below**2


def samples(count: int, seed: int = 0, mean: float = 1e4) -> np.ndarray:
    """Correlated samples (3, count, 2), far from zero, where sums of squares would lose digits."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.0, 0.0], [0.7, 0.2, 0.0], [-0.4, 0.9, 0.5]])
    return np.einsum("ab,bnk->ank", mixing, rng.normal(size=(3, count, 2))) + mean


def test_counts_means_and_products_of_deviations() -> None:
    """Mean and products against NumPy's own mean and covariance, entry by entry."""
    data = samples(50)
    moments = JointMoments.of(data, max)
    assert moments.count == 50
    np.testing.assert_allclose(moments.mean, data.mean(axis=1), rtol=1e-14)
    for entry in range(2):
        expected = np.cov(data[:, :, entry]) * 49
        np.testing.assert_allclose(moments.m2[..., entry], expected, rtol=1e-9)


@pytest.mark.parametrize("cuts", [[1], [25], [3, 4, 40], [1, 2, 49]])
def test_merged_blocks_are_the_whole(cuts: list[int]) -> None:
    """Blocks of any size, merged from the left, from the right and in swapped order."""
    data = samples(50)
    whole = JointMoments.of(data, variance)
    parts = [JointMoments.of(block, variance) for block in np.split(data, cuts, axis=1)]
    left, right = parts[0], parts[-1]
    for part in parts[1:]:
        left = left.merge(part)
    for part in parts[-2::-1]:
        right = part.merge(right)
    for merged in (left, right, parts[-1].merge(parts[0]) if len(parts) == 2 else left):
        assert merged.count == 50
        assert merged.combine is variance
        np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-15)
        np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-8, atol=1e-8)


def test_merging_with_nothing() -> None:
    """Moments without samples change nothing, whichever stands first."""
    empty = JointMoments(0, np.zeros((3, 2)), np.zeros((3, 3, 2)), variance)
    some = JointMoments.of(samples(5), variance)
    for merged in (empty.merge(some), some.merge(empty)):
        assert merged.count == 5
        np.testing.assert_array_equal(merged.mean, some.mean)
        np.testing.assert_array_equal(merged.m2, some.m2)
    assert empty.merge(empty).count == 0


def test_one_expectation_value_is_a_mean() -> None:
    """The identity as function gives what `Moments` gives: mean and σ/√n."""
    data = samples(40)[:1]
    joint = JointMoments.of(data, lambda only: only)
    plain = Moments.of(data[0])
    np.testing.assert_allclose(joint.value, plain.value, rtol=1e-15)
    np.testing.assert_allclose(joint.stderr, plain.stderr, rtol=1e-9)


def test_a_linear_function_has_the_error_of_the_sum() -> None:
    """For 2u − 3v + w the error is that of the same sum taken sample by sample."""
    data = samples(60, mean=0.0)
    joint = JointMoments.of(data, lambda u, v, w: 2 * u - 3 * v + w)
    plain = Moments.of(2 * data[0] - 3 * data[1] + data[2])
    np.testing.assert_allclose(joint.value, plain.value, rtol=1e-12)
    np.testing.assert_allclose(joint.stderr, plain.stderr, rtol=1e-9)


def test_error_of_a_variance() -> None:
    """Of normal samples σ²√(2/n), however far their mean is from zero: ⟨x²⟩ and ⟨x⟩ correlate."""
    rng = np.random.default_rng(1)
    sigma, count = 0.5, 20000
    for mean in (0.0, 3.0):
        x = rng.normal(mean, sigma, count)
        moments = JointMoments.of(np.stack([x**2, x]), variance)
        assert moments.value == pytest.approx(x.var(), rel=1e-9)
        expected = sigma**2 * np.sqrt(2 / count)
        # The error rests on the fourth moment of the samples: to √(24/n)/2 or so.
        assert moments.stderr == pytest.approx(expected, rel=0.1)


def test_error_of_a_ratio() -> None:
    """y/x² of correlated normal samples against the derivative worked out by hand."""
    rng = np.random.default_rng(2)
    count = 40000
    x = rng.normal(2.0, 0.3, count)
    y = 5.0 + 0.8 * (x - 2.0) + rng.normal(0.0, 0.1, count)
    moments = JointMoments.of(np.stack([y, x]), ratio)
    slope_y, slope_x = 1 / 4, -2 * 5 / 8
    variance_x, covariance = 0.09, 0.8 * 0.09
    variance_y = 0.64 * 0.09 + 0.01
    one = slope_y**2 * variance_y + slope_x**2 * variance_x + 2 * slope_y * slope_x * covariance
    assert moments.stderr == pytest.approx(np.sqrt(one / count), rel=0.05)


def spins(rng: np.random.Generator, count: int, number: int = 6) -> np.ndarray:
    """The nine expectation values of `spin_squeezing` for sampled classical spins, (9, count)."""
    along = np.where(rng.uniform(size=(count, number)) < 0.9, 1.0, -1.0)
    across = rng.choice([-1.0, 1.0], size=(2, count, number))
    # Shear along y in proportion to the sum over x: a squeezed ellipse.
    across[1] += 0.1 * across[0].sum(axis=1, keepdims=True)
    vectors = np.stack([*across, along])
    total = vectors.sum(axis=2)
    pairs = [total[a] * total[b] / number for a in range(3) for b in range(a, 3)]
    return np.stack([*(total / number), *pairs])


@pytest.mark.parametrize("name", ["spin_squeezing", "g2_mode", "overlap_variance"])
def test_errors_cover_the_spread_of_repetitions(name: str) -> None:
    """The spread over 600 repetitions is the error that each of them states, control included."""
    rng = np.random.default_rng(3)
    combine = find_observables(name)[0].combine
    assert combine is not None
    values, errors = [], []
    for _ in range(600):
        if name == "spin_squeezing":
            data = spins(rng, 400)
        elif name == "g2_mode":  # thermal light: intensities are exponential
            number = rng.exponential(2.0, 400)
            data = np.stack([number**2, number])
        else:
            x = rng.uniform(-1.0, 3.0, 400)
            data = np.stack([x**2, x])
        moments = JointMoments.of(data, combine)
        values.append(float(moments.value))
        errors.append(float(moments.stderr))
    spread, stated = np.std(values, ddof=1), np.sqrt(np.mean(np.square(errors)))
    # The spread of 600 is known to 1/√1200 = 3 %, the rest is what is beyond first order.
    assert abs(spread / stated - 1) < 0.15
    # The control: errors too small by √2 must be found out.
    assert abs(np.sqrt(2) * spread / stated - 1) > 0.15


def test_the_middle_of_repetitions_is_the_truth() -> None:
    """Values scatter about what the distribution says: a variance of 4/3, thermal g² = 2."""
    rng = np.random.default_rng(4)
    x, number = rng.uniform(-1.0, 3.0, 10**5), rng.exponential(2.0, 10**5)
    for name, data, truth in (
        ("overlap_variance", np.stack([x**2, x]), 4 / 3),
        ("g2_mode", np.stack([number**2, number]), 2.0),
    ):
        moments = JointMoments.of(data, find_observables(name)[0].combine)
        assert abs(moments.value - truth) < 6 * moments.stderr


def test_squeezing_of_known_moments() -> None:
    """A coherent state has ξ² = 1 along any direction; squeezed variances are found across it."""
    combine = find_observables("spin_squeezing")[0].combine
    rng = np.random.default_rng(5)
    for _ in range(5):
        basis = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        length = rng.uniform(0.5, 1.0)
        for least in (1.0, 0.3):
            # Across the mean spin the variances are `least` and 1.7, along it anything.
            second = basis @ np.diag([least, 1.7, 7.0]) @ basis.T
            pairs = [second[a, b] for a in range(3) for b in range(a, 3)]
            parts = [np.asarray(part) for part in (*(length * basis[:, 2]), *pairs)]
            assert combine(*parts) == pytest.approx(least / length**2, rel=1e-12)


def test_below_two_samples_there_is_no_error() -> None:
    """NaN, of the shape of the answer, for one sample and for none."""
    one = JointMoments.of(samples(1)[:2], variance)
    none = JointMoments(0, np.zeros((2, 2)), np.zeros((2, 2, 2)), variance)
    for moments in (one, none):
        assert moments.stderr.shape == (2,)
        assert np.isnan(moments.stderr).all()
    two = one.merge(JointMoments.of(samples(1, seed=9)[:2], variance))
    assert np.isfinite(two.stderr).all()


def test_constant_samples_have_no_error() -> None:
    """Parts that never vary add nothing and break nothing, alone or beside one that varies."""
    x = np.random.default_rng(6).normal(size=30)
    constant = np.full(30, 4.0)
    both = JointMoments.of(np.stack([constant, constant]), ratio)
    assert both.value == 0.25
    assert both.stderr == 0.0
    half = JointMoments.of(np.stack([x, constant]), ratio)
    assert half.stderr == pytest.approx(x.std(ddof=1) / np.sqrt(30) / 16, rel=1e-9)


def test_constant_parts_are_not_moved() -> None:
    """A denominator that is exactly 1 in all samples is no reason to divide by zero."""
    x = np.random.default_rng(9).normal(size=30)
    moments = JointMoments.of(np.stack([x, np.ones(30)]), ratio)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert moments.stderr == pytest.approx(x.std(ddof=1) / np.sqrt(30), rel=1e-9)


@pytest.mark.parametrize("name", ["spin_squeezing", "g2_mode"])
def test_where_the_function_is_undefined(name: str) -> None:
    """A mean spin or a number of exactly zero: infinite or NaN, never a warning of NumPy."""
    combine = find_observables(name)[0].combine
    parts = np.zeros((9, 4) if name == "spin_squeezing" else (2, 4))
    if name == "spin_squeezing":  # second moments that vary while the mean spin is zero
        parts[3:] = np.random.default_rng(7).normal(size=(6, 4))
    else:
        parts[0] = [1.0, 2.0, 3.0, 4.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moments = JointMoments.of(parts, combine)
        assert not np.isfinite(moments.value)
        assert moments.stderr.shape == ()


def test_shapes_of_answers() -> None:
    """Time and the dimensions of the observable pass through value and error."""
    data = np.random.default_rng(8).normal(size=(2, 25, 7, 3)) + 5
    moments = JointMoments.of(data, ratio)
    assert moments.value.shape == moments.stderr.shape == (7, 3)
    alone = JointMoments.of(data[:, :, 4, 1], ratio)
    assert moments.value[4, 1] == pytest.approx(float(alone.value), rel=1e-12)
    assert moments.stderr[4, 1] == pytest.approx(float(alone.stderr), rel=1e-9)
