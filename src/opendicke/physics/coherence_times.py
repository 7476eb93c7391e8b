"""How fast bosons destroy coherence between configurations: where flip rates hold at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from opendicke.errors import InputError
from opendicke.model.checks import Array, non_negative, numeric_array, real, vector
from opendicke.model.dicke import check_gain

EQUAL = 1e-14
"""Rows that differ by less than this fraction of themselves count as equal."""

DOUBTFUL = 20.0
"""Λ/W below which populations deviate by about a hundredth (see `validity`)."""

_TREE = 8
"""Modes up to which a tree finds neighbours faster than a matrix product does."""

_MATRIX = 20_000
"""Spins up to which a matrix product is tried with more modes."""


class Validity(NamedTuple):
    """The numbers by which the rate equation is judged."""

    drive: Array
    """:math:`|h_i| t_{L,i}`, (N,), to be small; infinite for spins that keep their coherence."""
    decay: Array
    """Smallest :math:`\\Lambda_{ij}` of each spin i with any other, (N,), units of energy."""
    ratio: float
    """The smallest of them over the largest rate; infinite where there is one spin or no rate.

    Where more than 20,000 spins couple to more than 8 modes, ratios above 20 are not resolved:
    they, and the decays they come from, are given as infinite.
    """
    doubtful: int
    """Spins in pairs with Λ below 20 times the largest rate, protected ones included."""
    protected: int
    """Spins in pairs with Λ = 0: equal rows up to sign."""


def coherence_rates(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""Rate at which coherence between spin i up and spin i down decays.

    .. math::
        \frac1{t_{L,i}} = \sum_\lambda
            \frac{2 g_{i\lambda}^2(\mathrm{loss}_\lambda + \mathrm{gain}_\lambda)}
                 {\omega_\lambda^2 + \Gamma_\lambda^2/4}
          = \sum_\lambda 4 g_{i\lambda}^2 (2\bar n_\lambda + 1)\,\mathrm{Re}\frac1{z_\lambda},
        \qquad z = \Gamma/2 + i\omega

    With :math:`\nu = 4(1+\theta)\eta/[(\eta^2+4)(1-\theta)]` of fiorelli2020 it is
    :math:`\sum_\lambda 2g_{i\lambda}^2\nu_\lambda/\omega_\lambda`; the form above holds for
    frequencies of zero and of either sign, too.

    Parameters
    ----------
    couplings : array (N, M)
        :math:`g_{i\lambda}`, in units of energy.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy; :math:`\Gamma` = loss − gain.

    Returns
    -------
    array (N,)
        Zero for a spin without lossy modes.

    Raises
    ------
    InputError
        If shapes disagree, rates are negative or gain reaches the loss.

    Notes
    -----
    fiorelli2020, below Eq. (3), for any number of modes.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.coherence_rates([[2.0], [0.1]], 1.0, 11.0, 1.0).round(4))
    [3.6923 0.0092]
    """
    rows = _scaled(couplings, frequencies, loss, gain)
    return np.asarray((rows**2).sum(axis=1))


def coherence_times(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""Times :math:`t_{L,i}` after which spins have lost their coherence.

    The inverse of `coherence_rates`. Flip rates need :math:`h_i t_{L,i} \ll 1` (fiorelli2020,
    below Eq. (3)).

    Parameters
    ----------
    couplings, frequencies, loss, gain
        As for `coherence_rates`, in units of energy.

    Returns
    -------
    array (N,)
        In units of 1/energy; infinite for a spin that keeps its coherence.

    Raises
    ------
    InputError
        As `coherence_rates`.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.coherence_times([[2.0], [0.1]], 1.0, 11.0, 1.0).round(3))
    [  0.271 108.333]
    """
    rates = coherence_rates(couplings, frequencies, loss, gain)
    times = np.full(len(rates), np.inf)
    np.divide(1.0, rates, out=times, where=rates > 0)
    return times


def pair_decays(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""Slowest decay of coherence between configurations that differ by the flips of two spins.

    .. math::
        \Lambda_{ij} = \min_\pm \sum_\lambda
            \frac{2 (g_{i\lambda} \pm g_{j\lambda})^2(\mathrm{loss}_\lambda+\mathrm{gain}_\lambda)}
                 {\omega_\lambda^2 + \Gamma_\lambda^2/4}

    The modes follow :math:`\sum_j g_{j\lambda}\sigma_j` alone. Where two flips leave it as it was,
    no photon tells the configurations apart, and their superposition lives for ever.

    Parameters
    ----------
    couplings : array (N, M)
    frequencies, loss, gain : float or array (M,)
        As for `coherence_rates`, in units of energy.

    Returns
    -------
    array (N, N)
        Symmetric, infinite on the diagonal. `closest_decays` gives the minimum of each row
        without the table.

    Raises
    ------
    InputError
        As `coherence_rates`.

    Notes
    -----
    Not in fiorelli2020, which assumes that there is "no additional symmetry"; see
    `docs/strong_coupling.md`.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.pair_decays([[3.0], [3.0], [2.5]], 1.0, 11.0, 1.0).round(3))
    [[  inf 0.    0.231]
     [0.      inf 0.231]
     [0.231 0.231   inf]]
    """
    rows = _scaled(couplings, frequencies, loss, gain)
    decays = np.empty((len(rows), len(rows)))
    for i, row in enumerate(rows):
        decays[i] = _distance(row, rows)
    np.fill_diagonal(decays, np.inf)
    return decays


def closest_decays(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""Smallest :math:`\Lambda_{ij}` of each spin i with any other spin j, (N,).

    Rows scaled by :math:`\sqrt{2(\mathrm{loss}+\mathrm{gain})/(\omega^2+\Gamma^2/4)}` are points
    whose squared distance to one another, or to one another's reverse, is :math:`\Lambda_{ij}`:
    the nearest neighbour is found by sorting (one mode), a tree (up to 8) or blocks of a matrix
    product (more). Arguments and errors are those of `pair_decays`; infinite for a single spin.
    """
    return _closest(_scaled(couplings, frequencies, loss, gain))


def validity(
    couplings: object,
    frequencies: object,
    loss: object,
    gain: object,
    field: object,
    largest_rate: float,
) -> Validity:
    r"""The two conditions under which spins follow a rate equation.

    First, :math:`|h_i| t_{L,i} \ll 1` for each spin (fiorelli2020, below Eq. (3)): a spin must
    lose its coherence before the field turns it. Second, and not in the paper, coherence between
    configurations that differ by *two* flips must decay faster than rates act, :math:`\Lambda_{ij}
    \gg W`. For two spins and one mode with ω = gain = 1, loss = 11, h = 0.1, exact evolution
    deviates from the rate equation by at most .081 in probability for g = (3, 3), where Λ/W = 0;
    by .019 for (3, 2.8), 7; by .0099 for (2, −1.5), 19; by .0046 for (3, 2.5), 38.

    Parameters
    ----------
    couplings : array (N, M)
    frequencies, loss, gain : float or array (M,)
        As for `coherence_rates`.
    field : float or array (N,)
        :math:`h_i`, in units of energy.
    largest_rate : float
        W, the largest rate at which any single spin flips out of any configuration.

    Returns
    -------
    Validity

    Raises
    ------
    InputError
        As `coherence_rates`, and if the rate is negative.
    """
    rows = _scaled(couplings, frequencies, loss, gain)
    field = vector("field", field, len(rows), "spin")
    rate = real("largest_rate", largest_rate, least=0.0)
    lost = (rows**2).sum(axis=1)
    drive = np.full(len(rows), np.inf)
    np.divide(np.abs(field), lost, out=drive, where=lost > 0)
    drive[field == 0] = 0.0
    many = rows.shape[1] > _TREE and len(rows) > _MATRIX
    # Rows that are equal but for rounding are found at any rate.
    enough = DOUBTFUL * rate + 4 * EQUAL**2 * float(lost.max())
    decay = _closest(rows, enough if many else np.inf)
    smallest = float(decay.min())
    return Validity(
        drive=drive,
        decay=decay,
        ratio=smallest / rate if rate > 0 else np.inf,
        doubtful=int((decay < DOUBTFUL * rate).sum()),
        protected=int((decay == 0).sum()),
    )


def checked_modes(
    frequencies: object, loss: object, gain: object, modes: int
) -> tuple[Array, Array, Array]:
    """Frequencies, loss and gain, (M,) each, checked as those of a DickeModel."""
    omega = vector("frequencies", frequencies, modes, "mode")
    down = non_negative("loss", vector("loss", loss, modes, "mode"), "mode")
    up = non_negative("gain", vector("gain", gain, modes, "mode"), "mode")
    check_gain(down, up)
    return omega, down, up


def _scaled(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    """Rows (N, M') whose squared distances are decay rates; modes without loss drop out."""
    table = numeric_array("couplings", couplings)
    if table.ndim != 2 or not len(table):
        raise InputError(
            "couplings", "have the shape (spin, mode), with a spin", f"had shape {table.shape}"
        )
    omega, down, up = checked_modes(frequencies, loss, gain, table.shape[1])
    lossy = (down > 0) & table.any(axis=0)
    size = np.hypot(omega[lossy], (down - up)[lossy] / 2)
    # Dividing by the size before squaring keeps very small and very large frequencies.
    return np.asarray(table[:, lossy] * (np.sqrt(2 * (down + up)[lossy]) / size))


def _distance(rows: Array, others: Array) -> Array:
    """Squared distance of rows (…, M) to others (…, M) or their reverse, 0 where they are equal."""
    squared = np.minimum(((others - rows) ** 2).sum(axis=-1), ((others + rows) ** 2).sum(axis=-1))
    size = (rows**2).sum(axis=-1)
    return np.asarray(np.where(squared <= EQUAL**2 * size, 0.0, squared))


def _closest(rows: Array, most: float = np.inf) -> Array:
    """Squared distance of each row (N, M) to the nearest other row or its reverse.

    A finite `most` makes the search cheap; what is further away counts as infinitely far.
    """
    count, modes = rows.shape
    if count == 1:
        return np.full(1, np.inf)
    if modes == 0:
        return np.zeros(count)
    if modes == 1:
        return _closest_number(np.abs(rows[:, 0]))
    # Equal rows are settled beforehand: a tree does not split them.
    leading = np.argmax(rows != 0, axis=1)
    sign = np.where(rows[np.arange(count), leading] < 0, -1.0, 1.0)
    distinct, member, number = np.unique(
        rows * sign[:, None] + 0.0, axis=0, return_inverse=True, return_counts=True
    )
    nearest = np.full(len(distinct), np.inf)
    if len(distinct) > 1:
        partner = _partners(distinct, most)
        found = partner >= 0
        nearest[found] = _distance(distinct[found], distinct[partner[found]])
    nearest[number > 1] = 0.0
    return np.asarray(nearest[np.ravel(member)])


def _closest_number(size: Array) -> Array:
    """For one mode the nearest other is a neighbour in the order of |g|."""
    order = np.argsort(size)
    ranked = size[order]
    gap = np.diff(ranked)
    gap[gap <= EQUAL * ranked[1:]] = 0.0
    least = np.empty(len(size))
    least[order] = np.minimum(np.append(np.inf, gap), np.append(gap, np.inf)) ** 2
    return least


def _partners(rows: Array, most: float) -> Array:
    """Index of the nearest other row or reversed row, for each of the distinct rows (K, M).

    It is −1 where none lies within the squared distance `most`.
    """
    count, modes = rows.shape
    if modes <= _TREE or np.isfinite(most):
        # Among the three nearest at most two are the row itself and its own reverse.
        tree = cKDTree(np.concatenate([rows, -rows]))
        apart, places = tree.query(rows, k=3, distance_upper_bound=np.sqrt(most))
        other = (places % count != np.arange(count)[:, None]) & np.isfinite(apart)
        first = np.argmax(other, axis=1)[:, None]
        near = np.take_along_axis(places % count, first, axis=1)[:, 0]
        return np.where(other.any(axis=1), near, -1)
    size = (rows**2).sum(axis=1)
    partner = np.empty(count, np.int64)
    block = max(1, 2**21 // count)
    for start in range(0, count, block):
        part = rows[start : start + block]
        # |a|² + |b|² ∓ 2 a·b, of which |a|² is the same along a row. Rounding may prefer a partner
        # that is further by 1e−15 |a|²; the distance to it is computed anew, from differences.
        gram = np.abs(part @ rows.T)
        gram *= -2
        gram += size
        gram[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        partner[start : start + block] = gram.argmin(axis=1)
    return partner
