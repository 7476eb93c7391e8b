"""The Ising model that is left when the bosons of a Dicke model are eliminated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.display import card, numbers
from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, choice, frozen, numeric_array, vector
from opendicke.model.dicke import (
    DickeModel,
    check_axes,
    clean_lattice,
    clean_names,
    clean_patterns,
    spin_table,
    triad,
)

SELF_INTERACTIONS = ("drop", "keep")


@dataclass(frozen=True, eq=False)
class IsingModel:
    r"""`N` spins that interact in pairs, without bosons.

    With Pauli matrices (eigenvalues ±1), the coupling axis `Z` and the field axis `X`,

    .. math::
        H = -\sum_{i,j} J_{ij} Z_i Z_j + \sum_j h_j X_j, \qquad
        J_{ij} = \sum_\lambda s_\lambda f_{i\lambda} f_{j\lambda},

    where the sum counts every pair twice (kelly2021 Eq. (3)). The terms `i = j` are a constant
    for spins of quantum mechanics. In methods that make spins classical vectors they turn every
    spin by the field of itself; `self_interaction` says whether they stay.

    Parameters
    ----------
    interactions : array (N, N), optional
        The symmetric :math:`J_{ij}`, in units of energy. Its diagonal counts only with
        `self_interaction="keep"`.
    factors : array (N, L), optional
        :math:`f_{j\lambda}`, instead of `interactions`: `J` of low rank is never formed.
        Either the factors or the strengths carry the unit.
    strengths : float or array (L,), optional
        :math:`s_\lambda`, of either sign; 1 if left out. Only `factors` have strengths.
    field : float or array (N,)
        :math:`h_j`, in units of energy.
    coupling_axis, field_axis : {"x", "y", "z"}
        The axes called Z and X above, two different ones.
    self_interaction : {"drop", "keep"}
        Whether the terms `i = j` are left out or stay.
    patterns : array (P, N) of ±1, optional
        The patterns of the observable `overlap` and of `ProductState.pattern`. Without them the
        signs of the factors serve, one pattern per factor.
    pattern_names : sequence of P strings, optional
        Labels of the patterns, for figures.
    lattice : (rows, columns), optional
        How the spins are laid out in pictures; `rows * columns == N`.

    Raises
    ------
    InputError
        If both or neither of `interactions` and `factors` are given, the interactions are not
        symmetric (rounding aside), shapes disagree, entries are not finite, or the axes are equal.

    Examples
    --------
    >>> import opendicke as od
    >>> chain = od.IsingModel([[0, 1, 0], [1, 0, 1], [0, 1, 0]], field=0.3)
    >>> chain.spins, chain.modes
    (3, 0)
    """

    interactions: Any = None
    factors: Any = None
    strengths: Any = None
    field: Any = 0.0
    coupling_axis: str = "z"
    field_axis: str = "x"
    self_interaction: str = "drop"
    patterns: Any = None
    pattern_names: tuple[str, ...] | None = None
    lattice: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.interactions is None and self.factors is None:
            raise InputError("interactions", "be given, or else `factors`", "neither was")
        clean: dict[str, Any] = {}
        if self.factors is not None:
            if self.interactions is not None:
                raise InputError(
                    "factors", "be left out where `interactions` are given", "both were given"
                )
            factors = spin_table("factors", self.factors, "factor")
            spins, count = factors.shape
            strengths = 1.0 if self.strengths is None else self.strengths
            clean["factors"] = factors
            clean["strengths"] = vector("strengths", strengths, count, "factor")
        else:
            if self.strengths is not None:
                raise InputError("strengths", "come with `factors`", "came with `interactions`")
            clean["interactions"] = _symmetric(self.interactions)
            spins, count = len(clean["interactions"]), None
        clean["field"] = vector("field", self.field, spins, "spin")
        check_axes(self.coupling_axis, self.field_axis)
        choice("self_interaction", self.self_interaction, SELF_INTERACTIONS)
        clean["patterns"] = clean_patterns(self.patterns, spins)
        if clean["patterns"] is not None:
            count = len(clean["patterns"])
        if self.pattern_names is not None:
            if count is None:
                raise InputError(
                    "pattern_names", "come with `patterns` or `factors`", "came with neither"
                )
            clean["pattern_names"] = clean_names(self.pattern_names, count)
        clean["lattice"] = clean_lattice(self.lattice, spins)
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    @property
    def spins(self) -> int:
        """Number of spins `N`."""
        return len(self.field)

    @property
    def modes(self) -> int:
        """Number of boson modes: none."""
        return 0

    @property
    def thermodynamic(self) -> bool:
        """Whether the model is a limit of infinitely many spins: it never is."""
        return False

    @property
    def weights(self) -> None:
        """Rows of an Ising model are single spins: None."""
        return None

    @property
    def fractions(self) -> Array:
        """Share of every spin in an average over spins, (N,), summing to 1."""
        return np.full(self.spins, 1.0 / self.spins)

    @property
    def couplings(self) -> Array:
        """Couplings to boson modes: none, (N, 0)."""
        return np.zeros((self.spins, 0))

    @property
    def frequencies(self) -> Array:
        """Frequencies of the boson modes: none, (0,)."""
        return np.zeros(0)

    @property
    def loss(self) -> Array:
        """Rates of loss of the boson modes: none, (0,)."""
        return np.zeros(0)

    @property
    def gain(self) -> Array:
        """Rates of gain of the boson modes: none, (0,)."""
        return np.zeros(0)

    @property
    def damping(self) -> Array:
        """`loss − gain` of the boson modes: none, (0,)."""
        return np.zeros(0)

    @property
    def stationary_occupation(self) -> Array:
        """Thermal occupations of the boson modes: none, (0,)."""
        return np.zeros(0)

    @property
    def pattern_matrix(self) -> Array:
        """Patterns (P, N), those the model carries or else the signs of its factors (L, N).

        Raises
        ------
        InputError
            If there are neither patterns nor factors.
        """
        if self.patterns is not None:
            return np.asarray(self.patterns)
        if self.factors is None:
            raise InputError(
                "patterns", "be given for an IsingModel without factors", "there were none"
            )
        return np.asarray(np.sign(self.factors).T)

    @property
    def own(self) -> Array:
        r"""Diagonal :math:`J_{jj}`, (N,), whether it counts (`self_interaction`) or not."""
        if self.factors is None:
            return np.array(np.diagonal(self.interactions))
        return np.asarray(self.factors**2 @ self.strengths)

    def matrix(self) -> Array:
        r"""All of :math:`J_{ij}`, (N, N), with a diagonal of zeros if it is dropped.

        Returns
        -------
        array (N, N)
            Symmetric, in units of energy.
        """
        if self.factors is None:
            matrix = np.array(self.interactions)
        else:
            matrix = assembled(self.factors, self.strengths)
        if self.self_interaction == "drop":
            np.fill_diagonal(matrix, 0.0)
        return matrix

    def frame(self) -> Array:
        """Orthogonal matrix (3, 3) whose rows are X, Y, Z in laboratory components (x, y, z).

        Returns
        -------
        array (3, 3)
            Row by row X, Y, Z.
        """
        return triad(self.coupling_axis, self.field_axis)

    def __repr__(self) -> str:
        rank = "" if self.factors is None else f"{self.factors.shape[1]} factors, "
        return (
            f"IsingModel({self.spins} spins, {rank}coupling_axis={self.coupling_axis!r}, "
            f"field_axis={self.field_axis!r}, self_interaction={self.self_interaction!r})"
        )

    def _repr_html_(self) -> str:
        given: tuple[tuple[str, str], ...]
        if self.factors is None:
            given = (("interactions J", numbers(self.interactions, "energy", "spins")),)
        else:
            given = (
                ("factors f", numbers(self.factors, what="factors")),
                ("strengths s", numbers(self.strengths, what="factors")),
            )
        diagonal = {"drop": "left out", "keep": "kept"}[self.self_interaction]
        rows = (
            ("spins", f"{self.spins:,}"),
            *given,
            ("field h", numbers(self.field, "energy", "spins")),
            ("terms i = j", diagonal),
            ("axes", f"coupling Z = {self.coupling_axis}, field X = {self.field_axis}"),
            ("patterns", ", ".join(self.pattern_names or ())),
        )
        return card("IsingModel", rows, "H = −Σ J Z Z + Σ h X, every pair twice, Pauli matrices")


def eliminate(model: DickeModel, self_interaction: str = "drop") -> IsingModel:
    r"""The Ising model of a Dicke model whose modes follow the spins at once.

    With :math:`\Gamma = \mathrm{loss} - \mathrm{gain}`, spins held at :math:`Z_i` draw each mode
    to :math:`a_\lambda + a_\lambda^\dagger = -2\omega_\lambda \sum_i g_{i\lambda} Z_i /
    (\omega_\lambda^2 + \Gamma_\lambda^2/4)`. Put back into the model this gives

    .. math::
        H = -\sum_{i,j} J_{ij} Z_i Z_j + \sum_j h_j X_j, \qquad
        J_{ij} = \sum_\lambda
          \frac{\omega_\lambda g_{i\lambda} g_{j\lambda}}{\omega_\lambda^2 + \Gamma_\lambda^2/4},

    the leading order in fields over frequencies and damping. What the modes' noise and delay do
    to the spins is left out.

    Parameters
    ----------
    model : DickeModel
        Of finitely many spins.
    self_interaction : {"drop", "keep"}
        Whether the terms `i = j` are left out or stay.

    Returns
    -------
    IsingModel
        Its factors are the couplings (N, M), its strengths ω/(ω² + Γ²/4), (M,), zero for damped
        modes of frequency zero. Field, axes, patterns, names and lattice are those of the model.
        Factors stay factors even where M exceeds N; `reduce` makes them no more than the spins.

    Raises
    ------
    InputError
        If the model is a thermodynamic limit, or a mode of frequency zero without damping
        couples to spins.

    Notes
    -----
    Without loss this is kelly2021 Eq. (3); with loss, the stationary state of carollo2021
    Eqs. (6)–(8) at fixed spins.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[0.5], [-5.0]], frequencies=3.0, loss=9.0, gain=1.0)
    >>> print(od.eliminate(model).matrix())  # -2.5 ω/(ω² + Γ²/4)
    [[ 0.  -0.3]
     [-0.3  0. ]]
    """
    if not isinstance(model, DickeModel):
        raise InputError("model", "be a DickeModel", f"was {shown(model)}")
    if model.thermodynamic:
        raise InputError(
            "model",
            "have finitely many spins for its modes to be eliminated",
            "was a thermodynamic limit",
        )
    size = np.hypot(model.frequencies, model.damping / 2)
    stuck = (size == 0) & model.couplings.any(axis=0)
    if stuck.any():
        raise InputError(
            "model",
            "have a frequency or damping in every mode that is eliminated",
            f"mode {int(np.argmax(stuck))} has neither",
        )
    # ω/size first: the square of a very small or large ω would be lost.
    safe = np.where(size == 0, 1.0, size)
    return IsingModel(
        factors=model.couplings,
        strengths=model.frequencies / safe / safe,
        field=model.field,
        coupling_axis=model.coupling_axis,
        field_axis=model.field_axis,
        self_interaction=self_interaction,
        patterns=model.patterns,
        pattern_names=model.pattern_names,
        lattice=model.lattice,
    )


def assembled(factors: Array, strengths: Array) -> Array:
    """F diag(strengths) Fᵀ from F (N, L), exactly symmetric, (N, N)."""
    matrix = (factors * strengths) @ factors.T
    return np.asarray((matrix + matrix.T) / 2)


def decomposed(matrix: Array) -> tuple[Array, Array]:
    """Factors (N, L) and strengths (L,) of a symmetric matrix (N, N), L its rank, at least 1."""
    values, vectors = np.linalg.eigh(matrix)
    size = np.abs(values)
    kept = size > 1e-14 * size.max()
    kept[np.argmax(size)] = True
    return np.ascontiguousarray(vectors[:, kept]), values[kept]


def _symmetric(value: object) -> Array:
    """Interactions (N, N), their two halves equal to the last bit."""
    matrix = numeric_array("interactions", value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(
            "interactions",
            "be a square table (spin, spin), not an empty one",
            f"had shape {matrix.shape}",
        )
    half = matrix / 2
    apart = np.abs(half - half.T) > 1e-12 * np.abs(matrix).max()
    if apart.any():
        i, j = (int(place) for place in np.argwhere(apart)[0])
        raise InputError(
            "interactions",
            "be symmetric",
            f"entry ({i}, {j}) was {matrix[i, j]} and entry ({j}, {i}) was {matrix[j, i]}",
        )
    return frozen(np.where(matrix == matrix.T, matrix, half + half.T))
