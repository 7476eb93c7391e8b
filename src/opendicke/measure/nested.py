"""Standard error of a mean over disorder whose members are themselves means over trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from opendicke.errors import InputError
from opendicke.model.checks import Array, real


@dataclass(frozen=True, eq=False)
class NestedError:
    """Mean over realizations and its standard error, in all and in two parts.

    All arrays have the shape of one realization.
    """

    mean: Array
    stderr: Array
    """Standard error of the mean, both parts; with one realization the part of trajectories."""
    trajectory: Array
    """Part from the finite number of trajectories: 0 without sampling, NaN where not known."""
    disorder: Array
    """Part from the finite number of realizations; NaN below two of them."""
    realizations: Array
    """Realizations used, integers."""
    halfwidth: Array
    """Half the confidence interval of the mean; NaN below two realizations."""

    @property
    def disorder_variance(self) -> Array:
        """Variance of the exact values of the realizations: what more trajectories leave.

        Unbiased, hence below zero now and then where the true one is small.
        """
        return np.asarray(self.realizations * (self.stderr**2 - self.trajectory**2))


def nested_error(
    means: Array,
    errors: Array | None = None,
    used: Array | None = None,
    axis: int = 0,
    level: float = 0.95,
) -> NestedError:
    r"""Mean over disorder with its standard error, split by where the error comes from.

    Realization r of R has the mean m over its trajectories, with the standard error e. The m
    scatter by disorder and by sampling together, so that

    .. math::
        \mathrm{total}^2 = \frac{1}{R(R-1)}\sum_r (m_r - \bar m)^2, \qquad
        \mathrm{trajectory}^2 = \frac{1}{R^2}\sum_r e_r^2, \qquad
        \mathrm{disorder}^2 = \max(\mathrm{total}^2 - \mathrm{trajectory}^2, 0).

    The first two are unbiased, whatever the sizes of the e. The confidence interval takes Student's
    t with R − 1 degrees of freedom for the total.

    Parameters
    ----------
    means : array (…, R, …)
        Means of the realizations along `axis`. NaN where a used one is NaN.
    errors : array of the same shape, optional
        Their standard errors. None: the values are exact. Where one that is used is NaN (a single
        trajectory tells none), the total stands and its parts are not known.
    used : array of bool, optional
        (R,), or the leading dimensions of `means` with `axis` moved to the front: what is False is
        left out, whatever it holds.
    axis : int
        Axis of the realizations.
    level : float
        Confidence of the interval, between 0 and 1.

    Returns
    -------
    NestedError
        With one realization the total is the trajectory part, and the disorder part is NaN; with
        none, all is NaN.

    Raises
    ------
    InputError
        If shapes do not fit or the level is not between 0 and 1.
    """
    values = np.moveaxis(np.asarray(means, dtype=float), axis, 0)
    quantile = (1 + check_level(level)) / 2
    chosen = _chosen(used, values)
    if not len(values):  # one that does not count, instead of none
        values, errors = np.full((1, *values.shape[1:]), np.nan), None
        chosen = np.zeros((1,) * values.ndim, dtype=bool)
    count = np.broadcast_to(chosen.sum(axis=0), values.shape[1:])
    with np.errstate(all="ignore"):  # none or one realization, and what is NaN
        # Deviations from one member, so that equal members have no spread at all.
        first = np.broadcast_to(chosen.argmax(axis=0), values.shape[1:])
        origin = np.take_along_axis(values, first[None], axis=0)[0]
        apart = np.where(chosen, values - origin, 0.0)
        shift = apart.sum(axis=0) / count
        squares = np.where(chosen, (apart - shift) ** 2, 0.0).sum(axis=0)
        total = squares / ((count - 1) * count)
        sampled = _sampled(errors, axis, chosen, values) / count**2
        stderr = np.sqrt(np.where(count == 1, sampled, total))
        return NestedError(
            mean=np.asarray(origin + shift),
            stderr=stderr,
            trajectory=np.asarray(np.sqrt(sampled)),
            disorder=np.sqrt(np.maximum(total - sampled, 0.0)),
            realizations=count,
            halfwidth=np.asarray(
                stdtrit(np.where(count > 1, count - 1, np.nan), quantile) * stderr
            ),
        )


def variance_after(
    nested: NestedError, realizations: float = 1.0, trajectories: float = 1.0
) -> Array:
    r"""Variance of the mean to expect after more work.

    .. math::
        \frac{\mathrm{disorder}^2}{\mathrm{realizations}}
        + \frac{\mathrm{trajectory}^2}{\mathrm{realizations}\cdot\mathrm{trajectories}}

    Parameters
    ----------
    nested : NestedError
        What is there.
    realizations, trajectories : float
        Factors by which the number of realizations, and that of trajectories in each of them, grow.

    Returns
    -------
    array
        Of the shape of `nested.mean`; ``nested.stderr**2`` for the factors 1. Where the parts are
        not known, trajectories buy nothing. With a single realization: NaN for more of them, whose
        spread is not known.
    """
    total = nested.stderr**2
    # By chance the part may exceed the whole.
    sampled = np.minimum(np.nan_to_num(nested.trajectory**2), total)
    after = (total - sampled + sampled / trajectories) / realizations
    if realizations != 1:
        after = np.where(nested.realizations < 2, np.nan, after)
    return np.asarray(after)


def check_level(level: float) -> float:
    """A confidence between 0 and 1."""
    value = real("level", level, above=0.0)
    if value >= 1:
        raise InputError("level", "be smaller than 1", f"was {value:g}")
    return value


def _chosen(used: Array | None, values: Array) -> Array:
    """What counts, with as many dimensions as the values."""
    if used is None:
        used = np.ones(len(values), dtype=bool)
    used = np.asarray(used, dtype=bool)
    if used.ndim < 1 or used.shape != values.shape[: used.ndim]:
        raise InputError(
            "used", f"have the leading dimensions of {values.shape}", f"had shape {used.shape}"
        )
    return used.reshape(used.shape + (1,) * (values.ndim - used.ndim))


def _sampled(errors: Array | None, axis: int, chosen: Array, values: Array) -> Array:
    """Sum of the squared standard errors of the members."""
    if errors is None:
        return np.where(np.isnan(np.where(chosen, values, 0.0)).any(axis=0), np.nan, 0.0)
    squares = np.moveaxis(np.asarray(errors, dtype=float), axis, 0) ** 2
    if squares.shape != values.shape:
        raise InputError(
            "errors", f"have the shape of the means, {values.shape}", f"had shape {squares.shape}"
        )
    return np.asarray(np.where(chosen, squares, 0.0).sum(axis=0))
