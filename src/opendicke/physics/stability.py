"""Linear stability of stationary states: Jacobian, its spectrum, intervals of coupling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, frozen, numeric_array, real
from opendicke.model.dicke import DickeModel
from opendicke.physics.folded import Folded, derivative, fold
from opendicke.physics.stationary import StationaryState, checked_pattern, find_retrieval


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of the linearised mean-field flow about a stationary state, E = 3K + 2M."""

    eigenvalues: Array
    """(E,) complex, those of the largest real part first."""
    neutral: Array
    """(E,) booleans: it neither grows nor decays."""
    stable: Array
    """(E,) booleans: it decays."""
    unstable: Array
    """(E,) booleans: it grows."""

    @property
    def growth_rate(self) -> float:
        """Largest real part among eigenvalues that are not neutral; 0 if there are none."""
        counted = self.eigenvalues.real[~self.neutral]
        return float(counted.max()) if len(counted) else 0.0


def jacobian(model: DickeModel, state: StationaryState) -> Array:
    r"""Matrix of the mean-field flow, linearised about a state, in the K folded groups.

    With rows g of single spins times √N, weights w that sum to 1 and amplitudes
    :math:`p + iq` per √N (at finite N too),

    .. math::
        \delta\dot s_k &= 2B_k\times\delta s_k
                        + 4\sum_\mu g_{k\mu}\,\delta p_\mu\,\hat Z\times s_k, \\
        \delta\dot p_\mu &= -\tfrac12\Gamma_\mu\delta p_\mu + \omega_\mu\delta q_\mu, \\
        \delta\dot q_\mu &= -\omega_\mu\delta p_\mu - \tfrac12\Gamma_\mu\delta q_\mu
                            - \sum_k w_k g_{k\mu}\delta z_k .

    Parameters
    ----------
    model : DickeModel
    state : StationaryState
        Of this model.

    Returns
    -------
    array (3K + 2M, 3K + 2M)
        Order: (X, Y, Z) of each group, then (p, q) of each mode; in units of energy.

    Raises
    ------
    InputError
        If the state is not a stationary state of the model.
        Source: linearisation of carollo2021 Eqs. (7).
    """
    return _matrix(*_about(model, state))


def spectrum(model: DickeModel, state: StationaryState, tolerance: float = 1e-11) -> Spectrum:
    r"""Eigenvalues of `jacobian`, told apart into neutral, stable and unstable ones.

    Two kinds are neutral always, and are split off before anything is diagonalised, so that no
    round-off can make them seem to grow: changes of the lengths of the spins (K zeros), and
    precession of groups with equal :math:`|B|` in combinations that drive no mode
    (:math:`\pm 2i|B|`). About a retrieval state of M patterns (K = 2^{M−1}) these are 3K − 2M of
    3K + 2M. Others are neutral if \|Re λ\| is at most `tolerance` times the largest \|λ\|: undamped
    modes, or a state on the edge of a window.

    Parameters
    ----------
    model, state
        As in `jacobian`.
    tolerance : float
        Relative to the largest \|λ\|.

    Returns
    -------
    Spectrum
        Eigenvalues, in units of energy, and which are which.

    Raises
    ------
    InputError
        As `jacobian`.

    Notes
    -----
    Of carollo2021 Eq. (7), linearised.

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     od.Binary(strength=1.2), spins=16, modes=2, frequencies=1.5, loss=1.0, field=0.5
    ... )
    >>> model = ensemble.thermodynamic()
    >>> found = od.spectrum(model, od.retrieval_state(model, pattern=0))
    >>> print(found.neutral.sum(), found.stable.sum(), found.unstable.sum())
    2 8 0
    """
    tolerance = real("tolerance", tolerance, least=0)
    folded, spins, amplitudes = _about(model, state)
    matrix = _matrix(folded, spins, amplitudes)
    basis, silent = _split(folded, spins, amplitudes)
    rest = np.linalg.eigvals(basis.T @ matrix @ basis)
    known = np.concatenate([np.zeros(len(spins)), silent])
    values = np.concatenate([known, rest])
    neutral = np.abs(values.real) <= tolerance * np.abs(values).max()  # those known have Re λ = 0
    order = np.lexsort((values.imag, -np.where(neutral, 0.0, values.real)))
    values, neutral = values[order], neutral[order]
    grows = ~neutral & (values.real > 0)
    parts = (values, neutral, ~neutral & ~grows, grows)
    return Spectrum(*(frozen(part) for part in parts))


def is_stable(model: DickeModel, state: StationaryState, tolerance: float = 1e-11) -> bool:
    """Whether no small perturbation of a stationary state grows, by `spectrum`.

    Parameters
    ----------
    model, state, tolerance
        As in `spectrum`.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        As `spectrum`.
    """
    return not spectrum(model, state, tolerance).unstable.any()


def stable_intervals(
    model: DickeModel,
    pattern: int,
    factors: Any,
    length: float = 1.0,
    precision: float = 1e-6,
) -> Array:
    """Where a retrieval state exists and is stable as all couplings are scaled, by the Jacobian.

    For models to which `instability_windows` does not apply: drawn couplings of finite N,
    correlated patterns, strengths that differ between modes. The couplings are multiplied by each
    of `factors`; between two neighbours with different verdicts the edge is found by bisection. An
    interval that lies wholly between two neighbours is missed.

    Parameters
    ----------
    model : DickeModel
    pattern : int
        From 0.
    factors : array (F,)
        Increasing, above 0; dimensionless.
    length : float
        Length s of all Bloch vectors.
    precision : float
        Of the edges, relative.

    Returns
    -------
    array (I, 2)
        First and last factor of each stable interval, cut off at the ends of `factors`.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    pattern = checked_pattern(model, pattern)
    length = real("length", length, above=0, most=1)
    precision = real("precision", precision, above=0)
    grid = numeric_array("factors", factors)
    if grid.ndim != 1 or not len(grid) or grid[0] <= 0 or (np.diff(grid) <= 0).any():
        raise InputError("factors", "be positive and increasing", f"was {shown(grid.tolist())}")

    def verdict(factor: float) -> bool:
        scaled = replace(model, couplings=factor * model.couplings)
        state = find_retrieval(scaled, pattern, 1, length)
        return state is not None and is_stable(scaled, state)

    verdicts = [verdict(factor) for factor in grid]
    edges = [float(grid[0])] if verdicts[0] else []
    for i in np.flatnonzero(np.diff(np.array(verdicts, dtype=int))):
        low, high = float(grid[i]), float(grid[i + 1])
        while high - low > precision * high:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if verdict(middle) == verdicts[i] else (low, middle)
        edges.append(0.5 * (low + high))
    if verdicts[-1]:
        edges.append(float(grid[-1]))
    return np.array(edges).reshape(-1, 2)


def _about(model: DickeModel, state: StationaryState) -> tuple[Folded, Array, Array]:
    """The folded model, spins of the groups (K, 3) and amplitudes (M,) per √N of a state."""
    if not isinstance(model, DickeModel):
        raise InputError("model", "be a DickeModel", f"was {shown(model)}")
    if not isinstance(state, StationaryState):
        raise InputError("state", "be a StationaryState", f"was {shown(state)}")
    folded = fold(model)
    shape = (len(state.spins), len(state.amplitudes))
    if shape != (model.spins, model.modes):
        raise InputError(
            "state",
            f"belong to the model ({model.spins} spins, {model.modes} modes)",
            f"had {shape[0]} spins and {shape[1]} modes",
        )
    rates = derivative(model, state.spins, state.amplitudes)
    turn = np.hypot(model.field, 2 * model.couplings @ state.amplitudes.real).max()
    drive = np.abs(folded.rate * state.amplitudes).max()
    for rate, scale in zip(rates, (turn, max(drive, folded.scale)), strict=True):
        if np.abs(rate).max() > 1e-8 * scale:
            raise InputError(
                "state", "be stationary in this model", f"moves at {np.abs(rate).max():.3g}"
            )
    return folded, folded.means(state.spins, model.fractions), state.amplitudes / folded.scale


def _matrix(folded: Folded, spins: Array, amplitudes: Array) -> Array:
    """The Jacobian about spins (K, 3) and amplitudes (M,)."""
    groups, modes = folded.couplings.shape
    x, y, z, p, q = *(3 * np.arange(groups) + i for i in range(3)), *_quadratures(groups, modes)
    turn = 2 * folded.couplings @ amplitudes.real
    matrix = np.zeros((3 * groups + 2 * modes,) * 2)
    matrix[x, y], matrix[y, x] = -2 * turn, 2 * turn
    matrix[y, z], matrix[z, y] = -2 * folded.field, 2 * folded.field
    matrix[np.ix_(x, p)] = -4 * folded.couplings * spins[:, 1:2]
    matrix[np.ix_(y, p)] = 4 * folded.couplings * spins[:, 0:1]
    matrix[p, p] = matrix[q, q] = -folded.rate.real
    matrix[p, q], matrix[q, p] = folded.rate.imag, -folded.rate.imag
    matrix[np.ix_(q, z)] = -(folded.couplings * folded.weights[:, None]).T
    return matrix


def _quadratures(groups: int, modes: int) -> tuple[Array, Array]:
    first = 3 * groups + 2 * np.arange(modes)
    return first, first + 1


def _split(folded: Folded, spins: Array, amplitudes: Array) -> tuple[Array, Array]:
    """Orthonormal basis of what can grow or decay, (3K + 2M, R), and other rates ±2i|B|."""
    groups, modes = folded.couplings.shape
    turn = 2 * folded.couplings @ amplitudes.real
    norm = np.hypot(folded.field, turn)
    size = 3 * groups + 2 * modes
    columns = [np.eye(size)[:, 3 * groups :]]
    silent: list[complex] = []
    order = np.argsort(norm)
    gaps = np.flatnonzero(np.diff(norm[order]) > _EQUAL * norm.max())
    for alike in np.split(order, gaps + 1):
        length = norm[alike[0]]
        if length <= _EQUAL * norm.max():
            columns.append(_still(spins, alike, size))
            continue
        # Across the field: Y, and the direction (φ, 0, −h)/|B|; its Z part drives the modes.
        tilt = -folded.field[alike] / norm[alike]
        drive = (folded.weights[alike] * tilt)[:, None] * folded.couplings[alike]
        _, singular, right = np.linalg.svd(drive.T)
        rank = int((singular > 1e-10 * max(singular.max(), 1e-300)).sum())
        across = np.zeros((size, rank))
        along_y = np.zeros((size, rank))
        across[3 * alike] = (turn[alike] / norm[alike])[:, None] * right[:rank].T
        across[3 * alike + 2] = tilt[:, None] * right[:rank].T
        along_y[3 * alike + 1] = right[:rank].T
        columns += [across, along_y]
        silent += [2j * length, -2j * length] * (len(alike) - rank)
    return np.concatenate(columns, axis=1), np.array(silent, dtype=complex)


def _still(spins: Array, alike: Array, size: int) -> Array:
    """Two directions across each spin that feels no field, (size, 2n)."""
    block = np.zeros((size, 2 * len(alike)))
    for i, k in enumerate(alike):
        first = spins[k] if spins[k].any() else np.array([0.0, 0.0, 1.0])
        frame = np.linalg.qr(np.column_stack([first, np.eye(3)]))[0]
        block[3 * k : 3 * k + 3, 2 * i : 2 * i + 2] = frame[:, 1:3]
    return block


_EQUAL = 1e-9
