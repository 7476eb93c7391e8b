"""The nested standard error: closed forms, its parts against known truth, coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from opendicke.errors import InputError
from opendicke.measure.nested import NestedError, nested_error, variance_after


def draw(
    rng: np.random.Generator, shape: tuple[int, ...], disorder: float, trajectories: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors of realizations (shape) around 2, from single trajectories."""
    truth = 2 + disorder * rng.normal(size=shape)
    samples = truth[..., None] + rng.normal(size=(*shape, trajectories))
    return samples.mean(axis=-1), samples.std(axis=-1, ddof=1) / np.sqrt(trajectories)


def test_the_formulas_by_hand() -> None:
    """m = 1, 3, 8 (variance 13), e² = 1, 4, 4: total² = 13/3, trajectory² = 1, the rest 10/3."""
    nested = nested_error(np.array([1.0, 3.0, 8.0]), np.array([1.0, 2.0, 2.0]))
    assert nested.mean == pytest.approx(4.0)
    assert nested.stderr**2 == pytest.approx(13 / 3)
    assert nested.trajectory**2 == pytest.approx(1.0)
    assert nested.disorder**2 == pytest.approx(10 / 3)
    assert nested.disorder_variance == pytest.approx(10.0)
    assert nested.realizations == 3
    assert nested.halfwidth == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(13 / 3))
    wider = nested_error(np.array([1.0, 3.0, 8.0]), level=0.99)
    assert wider.halfwidth == pytest.approx(stats.t.ppf(0.995, 2) * np.sqrt(13 / 3))


def test_exact_members_have_no_trajectory_part() -> None:
    nested = nested_error(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_array_equal(nested.trajectory, 0.0)
    np.testing.assert_array_equal(nested.disorder, nested.stderr)
    assert nested.stderr[0] == pytest.approx(1.0)
    assert nested.stderr[1] == 0.0


def test_equal_members_have_no_spread_at_all() -> None:
    """0.1 summed seven times is not 0.7; a target of any smallness must still be reached."""
    nested = nested_error(np.full(7, 0.1))
    assert (nested.mean, nested.stderr, nested.halfwidth) == (0.1, 0.0, 0.0)


def test_more_sampling_error_than_spread_leaves_no_disorder() -> None:
    nested = nested_error(np.array([1.0, 1.1]), np.array([1.0, 1.0]))
    assert nested.disorder == 0.0
    assert nested.disorder_variance == pytest.approx(0.005 - 1.0)


def test_one_realization_shows_its_trajectories_only() -> None:
    nested = nested_error(np.array([[2.0]]), np.array([[0.3]]))
    assert nested.stderr == pytest.approx(0.3)
    assert nested.trajectory == pytest.approx(0.3)
    assert np.isnan(nested.disorder).all()
    assert np.isnan(nested.halfwidth).all()


def test_single_trajectories_give_the_total_alone() -> None:
    """One trajectory for each realization has no standard error, and the mean still has one."""
    nested = nested_error(np.array([1.0, 3.0, 8.0]), np.full(3, np.nan))
    assert nested.stderr**2 == pytest.approx(13 / 3)
    assert np.isnan(nested.trajectory)
    assert np.isnan(nested.disorder)
    assert nested.halfwidth > 0


def test_members_left_out_count_nowhere() -> None:
    rng = np.random.default_rng(1)
    means, errors = draw(rng, (9, 4, 3), 0.5, 6)
    used = rng.random((9, 4)) < 0.6
    used[:, 1] = False
    used[:, 2] = np.arange(9) == 5
    spoiled = np.where(used[..., None], means, np.nan)
    nested = nested_error(spoiled, np.where(used[..., None], errors, np.inf), used)
    for point in (0, 3):
        keep = used[:, point]
        alone = nested_error(means[keep, point], errors[keep, point])
        for name in ("mean", "stderr", "trajectory", "disorder", "realizations", "halfwidth"):
            np.testing.assert_allclose(
                getattr(nested, name)[point], getattr(alone, name), rtol=1e-12, err_msg=name
            )
    assert np.isnan(nested.mean[1]).all()
    assert np.isnan(nested.stderr[1]).all()
    assert (nested.realizations[1] == 0).all()
    np.testing.assert_allclose(nested.mean[2], means[5, 2])
    np.testing.assert_allclose(nested.stderr[2], errors[5, 2])


def test_a_used_member_that_is_nan_shows() -> None:
    """NaN is never quietly left out: only the mask says who counts."""
    nested = nested_error(np.array([[1.0, 2.0], [np.nan, 3.0], [2.0, 4.0]]))
    for array in (nested.mean, nested.stderr, nested.trajectory, nested.disorder):
        np.testing.assert_array_equal(np.isnan(array), [True, False])


def test_any_axis() -> None:
    means, errors = draw(np.random.default_rng(2), (3, 7, 2), 1.0, 5)
    across = nested_error(means, errors, axis=1)
    first = nested_error(np.moveaxis(means, 1, 0), np.moveaxis(errors, 1, 0))
    np.testing.assert_array_equal(across.mean, first.mean)
    np.testing.assert_array_equal(across.disorder, first.disorder)
    np.testing.assert_array_equal(across.mean, nested_error(means, errors, axis=-2).mean)


def test_both_parts_are_unbiased() -> None:
    """Truth: disorder 0.5, 4 trajectories of spread 1, 6 realizations; 40,000 ensembles."""
    means, errors = draw(np.random.default_rng(3), (6, 40_000), 0.5, 4)
    nested = nested_error(means, errors)
    truths = {"stderr": (0.25 + 0.25) / 6, "trajectory": 0.25 / 6}
    for name, truth in truths.items():
        squares = getattr(nested, name) ** 2
        apart = squares.mean() - truth
        assert abs(apart) < 4 * squares.std() / 200, name
    apart = nested.disorder_variance.mean() - 0.25
    assert abs(apart) < 4 * nested.disorder_variance.std() / 200


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("disorder", "trajectories"), [(1.0, 100), (0.3, 10), (0.1, 5), (0.0, 20)])
def test_intervals_hold_the_truth_as_often_as_they_say(
    disorder: float, trajectories: int, seed: int
) -> None:
    """95 % intervals at 30 realizations, disorder from ten times the sampling error to none."""
    means, errors = draw(np.random.default_rng(seed), (30, 4000), disorder, trajectories)
    nested = nested_error(means, errors)
    covered = (np.abs(nested.mean - 2) <= nested.halfwidth).mean()
    assert 0.93 <= covered <= 0.97
    if disorder >= 0.3:  # the error bars of the trajectories alone miss the truth
        naive = np.abs(nested.mean - 2) <= 1.96 * nested.trajectory
        assert naive.mean() < 0.9


def test_students_t_matters() -> None:
    """At 4 realizations, normal quantiles would hold the truth in 85 % only."""
    means, errors = draw(np.random.default_rng(5), (4, 20_000), 1.0, 10)
    nested = nested_error(means, errors)
    apart = np.abs(nested.mean - 2)
    assert (apart <= nested.halfwidth).mean() == pytest.approx(0.95, abs=0.007)
    assert (apart <= 1.96 * nested.stderr).mean() < 0.88


@pytest.mark.parametrize(("realizations", "trajectories"), [(4, 1), (1, 4), (2, 3)])
def test_what_more_work_would_buy(realizations: int, trajectories: int) -> None:
    """Predicted variances, averaged, against those of ensembles that were so enlarged."""
    rng = np.random.default_rng(6)
    small = nested_error(*draw(rng, (10, 20_000), 0.6, 4))
    large = nested_error(*draw(rng, (10 * realizations, 20_000), 0.6, 4 * trajectories))
    predicted = variance_after(small, realizations, trajectories).mean()
    assert predicted == pytest.approx(large.mean.var(), rel=0.05)


def test_no_more_work_changes_nothing() -> None:
    for nested in (
        nested_error(np.array([1.0, 3.0]), np.array([0.1, 0.2])),
        nested_error(np.array([1.0, 1.1]), np.array([1.0, 1.0])),
        nested_error(np.array([1.0, 3.0]), np.full(2, np.nan)),
        nested_error(np.array([1.0, 3.0])),
        nested_error(np.array([1.0]), np.array([0.5])),
    ):
        assert variance_after(nested) == pytest.approx(nested.stderr**2)


def test_what_cannot_be_predicted() -> None:
    exact = nested_error(np.array([1.0, 3.0]))
    assert variance_after(exact, trajectories=100) == pytest.approx(exact.stderr**2)
    unknown = nested_error(np.array([1.0, 3.0]), np.full(2, np.nan))
    assert variance_after(unknown, trajectories=100) == pytest.approx(unknown.stderr**2)
    assert variance_after(unknown, realizations=4) == pytest.approx(unknown.stderr**2 / 4)
    clipped = nested_error(np.array([1.0, 1.1]), np.array([1.0, 1.0]))
    assert variance_after(clipped, trajectories=100) == pytest.approx(clipped.stderr**2 / 100)
    single = nested_error(np.array([1.0]), np.array([0.5]))
    assert variance_after(single, trajectories=4) == pytest.approx(0.0625)
    assert np.isnan(variance_after(single, realizations=4))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"level": 1.0}, "Argument `level` must be smaller than 1, but was 1."),
        ({"level": 0}, "Argument `level` must be larger than 0, but was 0."),
        (
            {"used": np.ones(2, bool)},
            "Argument `used` must have the leading dimensions of (3, 2), but had shape (2,).",
        ),
        (
            {"errors": np.ones(3)},
            "Argument `errors` must have the shape of the means, (3, 2), but had shape (3,).",
        ),
    ],
)
def test_bad_arguments(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        nested_error(np.ones((3, 2)), **settings)
    assert str(caught.value) == sentence


def test_nothing_at_all() -> None:
    nested = nested_error(np.ones((0, 2)), np.ones((0, 2)))
    assert isinstance(nested, NestedError)
    assert np.isnan(nested.mean).all()
    assert (nested.realizations == 0).all()
