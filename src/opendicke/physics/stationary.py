"""Stationary states of the mean-field equations: retrieved patterns, mixtures, paramagnets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, frozen, integer, real, seed_of
from opendicke.model.dicke import DickeModel
from opendicke.model.state import ProductState
from opendicke.physics.folded import Folded, derivative, fold
from opendicke.physics.retrieval import critical_coupling, retrieval_overlap
from opendicke.physics.roots import Branch, amplitudes_at, polished, spins_at


@dataclass(frozen=True, eq=False)
class StationaryState:
    r"""A state at which the mean-field equations stand still.

    .. math::
        \dot s_j = 2 B_j\times s_j = 0 , \qquad
        \alpha_\lambda = \frac{-i\sum_j w_j g_{j\lambda} z_j}{\Gamma_\lambda/2 + i\omega_\lambda}

    Each spin is parallel or antiparallel to its field :math:`B_j = (h_j, 0, \phi_j)`.
    Made by `retrieval_state` and `stationary_states`. carollo2021 Eq. (7), standing still.
    """

    model: DickeModel = field(repr=False)
    """Whose state it is."""
    spins: Array = field(repr=False)
    """Bloch vectors (N, 3), components along (X, Y, Z) of the model."""
    amplitudes: Array = field(repr=False)
    """Complex amplitudes (M,); in units of √N in the thermodynamic limit."""
    overlap: Array
    """Overlap ξ with each pattern, (P,)."""
    patterns: tuple[tuple[int, int], ...]
    """Patterns in it with their signs, such as ((0, 1), (2, -1)); () in a paramagnet."""
    branch: int
    """−1: each spin is antiparallel to its field, as frequencies above 0 have it; +1: parallel."""
    length: float
    """Length s of all Bloch vectors."""
    residual: float
    """Largest component of the time derivative there, in units of energy."""

    def product_state(self) -> ProductState:
        """The state to start from in `solve`; modes with gain hold their thermal occupation.

        Returns
        -------
        ProductState
        """
        return self._started(self.spins)

    def kicked(self, size: float, seed: int = 0) -> ProductState:
        """As `product_state`, with a normal random vector added to each Bloch vector.

        The sum is brought back to the old length. The amplitudes of the modes are unchanged.

        Parameters
        ----------
        size : float
            Standard deviation of each component of the vector.
        seed : int
            Of the random numbers.

        Returns
        -------
        ProductState
        """
        size, seed = real("size", size, least=0), seed_of(seed)
        moved = self.spins + size * np.random.default_rng(seed).normal(size=self.spins.shape)
        old, new = (np.linalg.norm(s, axis=1, keepdims=True) for s in (self.spins, moved))
        return self._started(moved * (old / np.where(new > 0, new, 1.0)))

    def _started(self, spins: Array) -> ProductState:
        return ProductState.bloch(
            spins @ self.model.frame(),
            displacement=self.amplitudes,
            occupation=self.model.stationary_occupation,
        )


def retrieval_state(
    model: DickeModel, pattern: int, sign: int = 1, length: float = 1.0
) -> StationaryState:
    r"""The stationary state that is aligned with one pattern.

    .. math::
        z_j = \pm\xi\,G_{\nu j}, \quad y_j = 0, \quad
        x_j = \mp(g_\mathrm{crit}/g_0)^2, \quad \xi = \sqrt{s^2 - (g_\mathrm{crit}/g_0)^4}

    (x against the field for a frequency above 0, along it below 0). This closed form holds where
    all spins have the same field and \|coupling\| to the pattern's mode, and the pattern is
    orthogonal to the couplings of every other mode, as in the limit of `Binary` couplings.
    Elsewhere (unequal counts, correlated patterns) it is where a Newton search starts.

    Parameters
    ----------
    model : DickeModel
        Pattern ν refers to `model.pattern_matrix`; in the closed form its mode is mode ν.
    pattern : int
        From 0.
    sign : {1, -1}
        Along the pattern or opposite to it.
    length : float
        Length s of all Bloch vectors, in (0, 1]. Flipping a fraction f leaves s = 1 − 2f.

    Returns
    -------
    StationaryState

    Raises
    ------
    InputError
        If an argument is out of range, or the coupling is at or below the pattern's threshold
        g_crit/√s. Source: carollo2021 Eqs. (12), (S26)–(S28), the last as in the errata.

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     od.Binary(strength=1.2), spins=16, modes=2, frequencies=1.5, loss=1.0, field=0.5
    ... )
    >>> state = od.retrieval_state(ensemble.thermodynamic(), pattern=1)
    >>> print(abs(state.overlap).round(4))
    [0.     0.9572]
    """
    pattern = checked_pattern(model, pattern)
    length = real("length", length, above=0, most=1)
    if sign not in (1, -1):
        raise InputError("sign", "be 1 or -1", f"was {shown(sign)}")
    state = find_retrieval(model, pattern, sign, length)
    if state is not None:
        return state
    strength, threshold = pattern_strength(model, pattern), None
    if strength is not None and model.frequencies[pattern]:
        threshold = _threshold(model, pattern) / np.sqrt(length)
    if threshold is None:
        raise InputError("model", f"keep pattern {pattern}", "no stationary state near it exists")
    raise InputError(
        "model",
        f"couple above the threshold of pattern {pattern} (g₀ = {threshold:.6g})",
        f"had g₀ = {strength:.6g}",
    )


def find_retrieval(
    model: DickeModel, pattern: int, sign: int, length: float
) -> StationaryState | None:
    """As `retrieval_state`, or None where there is no such state; arguments are not checked."""
    folded = fold(model)
    signs = model.pattern_matrix[pattern].astype(float)
    spins = np.zeros((model.spins, 3))
    spins[:, 2] = sign * signs
    drive = (folded.weights * folded.means(spins, model.fractions)[:, 2]) @ folded.couplings
    push = folded.response * drive
    branch: Branch = -1 if push @ drive > 0 else 1
    strength = pattern_strength(model, pattern)
    if strength is not None:
        if not model.frequencies[pattern]:
            return None
        xi = retrieval_overlap(
            strength,
            model.field[0],
            model.frequencies[pattern],
            model.damping[pattern],
            length,
        )
        return make_state(model, folded, -push * xi, branch, length) if xi > 0 else None
    for share in _SHARES:
        found = polished(folded, branch, length, -push * share * length)
        if found is None:
            continue
        state = make_state(model, folded, found, branch, length)
        xi = state.overlap
        if np.argmax(np.abs(xi)) == pattern and sign * xi[pattern] > _PRESENT * length:
            return state
    return None


def pattern_strength(model: DickeModel, pattern: int) -> float | None:
    """g₀ of the mode of a pattern where the closed form holds, else None."""
    patterns, couplings = model.pattern_matrix, model.couplings
    if pattern >= model.modes or np.ptp(model.field):
        return None
    column, signs = couplings[:, pattern], patterns[pattern].astype(float)
    strength = float(np.abs(column).max())
    if not strength or np.abs(np.abs(column) - strength).max() > EQUAL * strength:
        return None
    if abs(float(np.mean(np.sign(column) * signs))) != 1:
        return None
    crossed = np.abs((model.fractions * signs) @ couplings)
    crossed[pattern] = 0
    if (crossed > EQUAL * np.abs(couplings).max(axis=0)).any():
        return None
    return strength * (1.0 if model.thermodynamic else float(np.sqrt(model.spins)))


def make_state(
    model: DickeModel, folded: Folded, forces: Array, branch: Branch, length: float
) -> StationaryState:
    """The stationary state with Re α = `forces` (M,), per √N."""
    groups = spins_at(folded, branch, length, forces)
    amplitudes = amplitudes_at(folded, groups) * folded.scale
    spins = folded.unfold(groups)
    overlap = model.pattern_matrix @ (model.fractions * spins[:, 2])
    spin_rates, mode_rates = derivative(model, spins, amplitudes)
    residual = max(float(np.abs(spin_rates).max()), float(np.abs(mode_rates).max()))
    strongest = float(np.abs(overlap).max(initial=0))
    least = length * 1e-6 if folded.grid else max(strongest / 3, length * _PRESENT)
    present = tuple(
        (int(i), int(np.sign(overlap[i]))) for i in np.flatnonzero(abs(overlap) > least)
    )
    return StationaryState(
        model=model,
        spins=frozen(spins),
        amplitudes=frozen(amplitudes),
        overlap=frozen(overlap),
        patterns=present if np.abs(forces).max() > 0 else (),
        branch=branch,
        length=length,
        residual=residual,
    )


def checked_pattern(model: object, pattern: object) -> int:
    """A pattern of the model by its number."""
    if not isinstance(model, DickeModel):
        raise InputError("model", "be a DickeModel", f"was {shown(model)}")
    number, count = integer("pattern", pattern), len(model.pattern_matrix)
    if number >= count:
        raise InputError("pattern", f"be one of 0 … {count - 1}", f"was {number}")
    return number


def _threshold(model: DickeModel, pattern: int) -> float:
    frequency, damping = model.frequencies[pattern], model.damping[pattern]
    return float(critical_coupling(model.field[0], frequency, damping))


EQUAL = 1e-12
_PRESENT = 1e-4
_SHARES = (1.0, 0.6, 0.3, 0.1)
