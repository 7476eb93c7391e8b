"""The deviation 𝓔_N from mean field that the theorem bounds, from expectation values.

For K = 2^{M−1} large spins of N = N_sp/K spins on average, with the group means m_k of Pauli
matrices and the amplitudes A_μ = a_μ/√N (carollo2021, Eqs. (9) and (S1)), it is a spread about the
exact means and the square of what mean field misses of these:

    𝓔_N = Σ_k Σ_b [⟨m²⟩ − ⟨m⟩²] + Σ_μ [2(⟨a†a⟩ − |⟨a⟩|²) + 1]/N
        + Σ_k Σ_b (⟨m⟩ − m_mf)² + 2 Σ_μ |⟨A⟩ − α|².
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw
from opendicke.measure.terms import PhotonTerm, QuadratureTerm, SpinPairTerm, SpinTerm, Term
from opendicke.model.checks import Array
from opendicke.model.dicke import AXES, DickeModel
from opendicke.model.state import ProductState
from opendicke.physics.folded import fold

_ACROSS = np.pi / 2


def per_group(model: DickeModel) -> float:
    """N of the paper, spins per large spin if all 2^{M−1} of them were equally large."""
    return float(model.spins / 2.0 ** (model.modes - 1))


def _weights(model: DickeModel, axis: str) -> Array:
    """Means over the spins of each group, gauge included, (K, N_sp)."""
    folded = fold(model)
    inside = folded.member == np.arange(len(folded.field))[:, None]
    sign = 1.0 if axis == model.field_axis else folded.sign
    return np.asarray(sign * inside / inside.sum(axis=1, keepdims=True))


def _spread_terms(model: DickeModel) -> list[Term]:
    """⟨m²⟩ and ⟨m⟩ of every group and axis, then a†a and both quadratures of every mode."""
    terms: list[Term] = []
    for axis in AXES:
        for row in _weights(model, axis):
            terms += [SpinPairTerm((axis, axis), row), SpinTerm(axis, row)]
    for row in np.eye(model.modes):
        terms += [PhotonTerm(row), QuadratureTerm(row), QuadratureTerm(row, _ACROSS)]
    return terms


def questions(model: DickeModel) -> tuple[Observable, ...]:
    """What an exact method is asked: the spread, the group means, the amplitudes."""
    split = 6 * len(fold(model).field)
    number = per_group(model)

    def spread(*values: Array) -> Array:
        total = sum(values[k] - values[k + 1] ** 2 for k in range(0, split, 2))
        for k in range(split, len(values), 3):
            photons, first, second = values[k : k + 3]
            total = total + (2 * photons - (first**2 + second**2) / 2 + 1) / number
        return np.asarray(total)

    return (Observable("spread", _spread_terms, combine=spread), *questions_of_means(model))


def questions_of_means(_: DickeModel) -> tuple[Observable, ...]:
    """The group means along every axis and both quadratures of the modes."""
    spins = tuple(Observable(f"mean_{axis}", partial(_mean, axis), ("group",)) for axis in AXES)
    modes = tuple(
        Observable(f"quadrature_{k}", partial(_quadrature, angle), ("mode",))
        for k, angle in enumerate((0.0, _ACROSS))
    )
    return spins + modes


def _mean(axis: str, model: DickeModel) -> SpinTerm:
    return SpinTerm(axis, _weights(model, axis))


def _quadrature(angle: float, _: DickeModel) -> QuadratureTerm:
    return QuadratureTerm(None, angle)


class Means(NamedTuple):
    """Expectation values of m and A, with standard errors."""

    values: Array
    """(T, 3K + 2M): m along x, y, z of each group; then √2 Re A and √2 Im A of each mode.

    The square of a difference is then what 𝓔_N counts.
    """
    stderr: Array


def _number(entry: Any) -> tuple[Array, Array]:
    """Value and standard error; none of methods that do not sample."""
    if isinstance(entry, (Moments, JointMoments)):
        return np.asarray(entry.value), np.asarray(entry.stderr)
    value = np.asarray(entry)
    return value, np.zeros_like(value)


def means_of(raw: Raw, model: DickeModel) -> Means:
    """From the answers to `questions_of_means`."""
    scale = 1 / np.sqrt(2 * per_group(model))  # a + a† = 2√N Re A
    scales = {
        item.name: 1.0 if "mean" in item.name else scale for item in questions_of_means(model)
    }
    found = [_number(raw.values[name]) for name in scales]
    columns = [
        np.concatenate(
            [s * pair[k] for s, pair in zip(scales.values(), found, strict=True)], axis=1
        )
        for k in range(2)
    ]
    return Means(*columns)


class Deviation(NamedTuple):
    """𝓔_N at all times, (T,)."""

    error: Array
    """𝓔_N."""
    stderr: Array
    """Its standard error; 0 of methods that do not sample."""
    missed: Array
    """What mean field misses of the means: root of the last two sums."""
    missed_stderr: Array


def distance(first: Means, second: Means) -> tuple[Array, Array]:
    """Norm of the difference, less what sampling adds to its square, and standard error, (T,)."""
    apart, variance = first.values - second.values, first.stderr**2 + second.stderr**2
    square = np.maximum((apart**2 - variance).sum(axis=1), 0.0)
    # The square of the difference holds its own variance once.
    noise = 2 * (variance**2).sum(axis=1)
    error = np.sqrt(np.maximum((4 * apart**2 * variance).sum(axis=1) - noise, noise))
    norm = np.sqrt(square)
    # Where nothing is seen, the norm is below the root of the error of its square.
    return norm, error / np.maximum(2 * norm, np.maximum(np.sqrt(error), 1e-300))


def deviation(raw: Raw, model: DickeModel, mean_field: Means) -> Deviation:
    """𝓔_N from the answers to `questions` and the means of mean field."""
    spread, spread_error = _number(raw.values["spread"])
    means = means_of(raw, model)
    apart = means.values - mean_field.values
    # Sampling adds as much to this square, on average, as it takes from the spread. To first order
    # in the errors the two are taken as if they erred together.
    error = spread + (apart**2).sum(axis=1)
    slope = 2 * np.sqrt(((apart * means.stderr) ** 2).sum(axis=1))
    return Deviation(error, spread_error + slope, *distance(means, mean_field))


def initial_deviation(model: DickeModel, state: ProductState) -> float:
    r"""𝓔_N(0) of a product state: Σ_k (3 − mean \|s\|²)/n_k + Σ_μ (2n_μ + 1)/N."""
    initial, folded = state.resolve(model), fold(model)
    square = (initial.bloch**2).sum(axis=1)
    counts = np.bincount(folded.member)
    spins = ((3 - np.bincount(folded.member, square) / counts) / counts).sum()
    return float(spins + (2 * initial.occupation + 1).sum() / per_group(model))


def limit_of_deviation(model: DickeModel, state: ProductState, times: Array) -> Array:
    r"""N 𝓔_N(t) for N → ∞ at fixed shares of the groups, from linear fluctuations.

    Deviations of order 1/√N from the mean-field solution are Gaussian and follow its Jacobian J(t).
    Their symmetrised covariance Σ, times N_sp, obeys

    .. math::
        \dot\Sigma = J\Sigma + \Sigma J^T + D, \qquad
        \Sigma_{ab}(0) = \frac{\delta_{ab} - \overline{s_as_b}}{w_k}
        \;\text{and}\; \frac{2n_\mu+1}{4},

    of the means of a group with the share :math:`w_k` and of both quadratures of a mode, where D
    is (loss + gain)/4 for quadratures and 0 for spins. What mean field misses of the means is of
    order 1/N, so that its square adds nothing in this limit.

    Parameters
    ----------
    model, state
        Of any number of spins: only couplings × √N_sp and shares enter.
    times : array (T,)
        In units of 1/energy, from 0 on.

    Returns
    -------
    array (2, T)
        What the group means add, and what the amplitudes add.
    """
    folded, initial = fold(model), state.resolve(model)
    couplings, shares = folded.couplings, folded.weights
    groups, modes = couplings.shape
    spins = folded.means(initial.bloch, model.fractions)
    amplitudes = initial.displacement / folded.scale
    size = 3 * groups + 2 * modes
    gauged = initial.bloch * np.stack([np.ones(model.spins), folded.sign, folded.sign], axis=1)
    covariance, noise = np.zeros((size, size)), np.zeros(size)
    for k in range(groups):
        own = gauged[folded.member == k]
        block = slice(3 * k, 3 * k + 3)
        covariance[block, block] = (np.eye(3) - own.T @ own / len(own)) / shares[k]
    for part in (slice(3 * groups, size, 2), slice(3 * groups + 1, size, 2)):
        np.fill_diagonal(covariance[part, part], (2 * initial.occupation + 1) / 4)
        noise[part] = (model.loss + model.gain) / 4

    def rates(_: float, y: Array) -> Array:
        s = y[: 3 * groups].reshape(groups, 3)
        a = y[3 * groups : 3 * groups + modes] + 1j * y[3 * groups + modes : size]
        turn = 2 * couplings @ a.real
        axis = np.stack([folded.field, np.zeros(groups), turn], axis=1)
        moved = -folded.rate * a - 1j * (shares * s[:, 2]) @ couplings
        jacobian = _jacobian(folded, s, turn)
        sigma = y[size:].reshape(size, size)
        flow = jacobian @ sigma
        change = flow + flow.T + np.diag(noise)
        return np.concatenate(
            [2 * np.cross(axis, s).ravel(), moved.real, moved.imag, change.ravel()]
        )

    start = np.concatenate([spins.ravel(), amplitudes.real, amplitudes.imag, covariance.ravel()])
    span = (0.0, max(float(times[-1]), 1e-12))
    found = solve_ivp(rates, span, start, "DOP853", np.asarray(times), rtol=1e-10, atol=1e-10)
    matrices = found.y[size:].T.reshape(-1, size, size)
    variances = np.einsum("tii->ti", matrices)
    means, modes_part = variances[:, : 3 * groups], variances[:, 3 * groups :]
    return np.stack([means.sum(axis=1) / 2.0 ** (modes - 1), 2 * modes_part.sum(axis=1)])


def _jacobian(folded: Any, spins: Array, turn: Array) -> Array:
    """Of the mean-field flow about spins (K, 3) that see the field `turn` of the modes.

    Order: (X, Y, Z) of each group, then (Re, Im) of each amplitude.
    """
    couplings = folded.couplings
    groups, modes = couplings.shape
    x, y, z = (3 * np.arange(groups) + axis for axis in range(3))
    re = 3 * groups + 2 * np.arange(modes)
    im = re + 1
    matrix = np.zeros((3 * groups + 2 * modes,) * 2)
    matrix[x, y], matrix[y, x] = -2 * turn, 2 * turn
    matrix[y, z], matrix[z, y] = -2 * folded.field, 2 * folded.field
    matrix[np.ix_(x, re)] = -4 * couplings * spins[:, 1:2]
    matrix[np.ix_(y, re)] = 4 * couplings * spins[:, 0:1]
    matrix[re, re] = matrix[im, im] = -folded.rate.real
    matrix[re, im], matrix[im, re] = folded.rate.imag, -folded.rate.imag
    matrix[np.ix_(im, z)] = -(couplings * folded.weights[:, None]).T
    return matrix


def exponent(sizes: Array, errors: Array, stderr: Array) -> tuple[float, float]:
    """Slope of ln 𝓔 over ln N and its error, from the scatter about the line and from sampling.

    Two sizes do not tell the error, and one tells nothing.
    """
    if len(sizes) < 2:
        return np.nan, np.nan
    x, y = np.log(sizes), np.log(errors)
    centred = x - x.mean()
    lever = (centred**2).sum()
    slope = float(centred @ y / lever)
    rest = y - y.mean() - slope * centred
    scatter = (rest**2).sum() / (len(x) - 2) / lever if len(x) > 2 else np.nan
    sampling = ((centred / lever) ** 2 * (stderr / errors) ** 2).sum()
    return slope, float(np.sqrt(scatter + sampling))


def growth(times: Array, errors: Array) -> float:
    """Least constant c for which 𝓔(t) ≤ e^{ct} 𝓔(0) at all given times, the first of them 0."""
    return float((np.log(errors[1:] / errors[0]) / times[1:]).max())
