"""The open, disordered, multimode Dicke (spin-boson) model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.display import card, numbers, plural
from opendicke.errors import InputError, shown
from opendicke.model.checks import (
    Array,
    choice,
    frozen,
    integer,
    non_negative,
    numeric_array,
    vector,
)
from opendicke.model.files import oriented

AXES = ("x", "y", "z")


@dataclass(frozen=True, eq=False)
class DickeModel:
    r"""`N` spins coupled to `M` lossy boson modes.

    With Pauli matrices (eigenvalues ±1), :math:`\hbar = 1`, the coupling axis `Z` and the field
    axis `X`,

    .. math::
        H = \sum_\lambda \omega_\lambda a^\dagger_\lambda a_\lambda
          + \sum_{j\lambda} g_{j\lambda} Z_j (a_\lambda + a^\dagger_\lambda)
          + \sum_j h_j X_j,

    and jump operators :math:`\sqrt{\mathrm{loss}_\lambda}\,a_\lambda`,
    :math:`\sqrt{\mathrm{gain}_\lambda}\,a^\dagger_\lambda`: the number of photons decays at rate
    `loss − gain`, the complex amplitude at half of it (carollo2021 Eqs. (1)–(2),
    fiorelli2020 Eq. (1), kelly2021 Eq. (1)). `Y` completes the right-handed triad (X, Y, Z).

    Parameters
    ----------
    couplings : array (N, M)
        :math:`g_{j\lambda}`, in units of energy.
    frequencies : float or array (M,)
        :math:`\omega_\lambda`, in units of energy. May be negative (a detuning) or zero.
    loss, gain : float or array (M,)
        Rates of loss and gain, in units of energy; `loss > gain` wherever there is gain.
    field : float or array (N,)
        :math:`h_j`, in units of energy.
    coupling_axis, field_axis : {"x", "y", "z"}
        The axes called Z and X above, two different ones.
    patterns : array (P, N) of ±1, optional
        The patterns that the observable `overlap` and `ProductState.pattern` refer to. Without
        them the signs of the couplings serve, one pattern per mode.
    weights : array (N,), optional
        If given, the model is a thermodynamic limit: row `j` stands for a fraction `weights[j]`
        of infinitely many spins, `couplings` are those of single spins times the root of their
        number, and extensive quantities (photons, energies) are counted per spin.
    pattern_names : sequence of P strings, optional
        Labels of the patterns, for figures.
    lattice : (rows, columns), optional
        How the spins are laid out in pictures; `rows * columns == N`.

    Raises
    ------
    InputError
        If shapes disagree, entries are not finite, rates are negative, gain reaches the loss, or
        the axes are equal.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> print(model)
    DickeModel(2 spins, 1 mode, coupling_axis='z', field_axis='x')
    >>> print(model.damping, model.stationary_occupation)
    [10.] [0.1]
    """

    couplings: Any
    frequencies: Any
    loss: Any = 0.0
    gain: Any = 0.0
    field: Any = 0.0
    coupling_axis: str = "z"
    field_axis: str = "x"
    patterns: Any = None
    weights: Any = None
    pattern_names: tuple[str, ...] | None = None
    lattice: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        couplings = spin_table("couplings", self.couplings, "mode")
        spins, modes = couplings.shape
        clean: dict[str, Any] = {"couplings": couplings}
        frequencies = vector("frequencies", self.frequencies, modes, "mode", across=spins)
        clean["frequencies"] = frequencies
        for name in ("loss", "gain"):
            rates = vector(name, getattr(self, name), modes, "mode", across=spins)
            clean[name] = non_negative(name, rates, "mode")
        check_gain(clean["loss"], clean["gain"])
        clean["field"] = vector("field", self.field, spins, "spin", across=modes)
        check_axes(self.coupling_axis, self.field_axis)
        clean["patterns"] = clean_patterns(self.patterns, spins)
        if self.weights is not None:
            weights = vector("weights", self.weights, spins, "spin")
            if (weights <= 0).any() or abs(weights.sum() - 1.0) > 1e-9:
                raise InputError(
                    "weights",
                    "be positive and sum to 1",
                    f"had least {weights.min():g} and sum {weights.sum():g}",
                )
            clean["weights"] = weights
        count = modes if self.patterns is None else len(clean["patterns"])
        clean["pattern_names"] = clean_names(self.pattern_names, count)
        clean["lattice"] = clean_lattice(self.lattice, spins)
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    @property
    def spins(self) -> int:
        """Number of spins `N` (of rows, in the thermodynamic limit)."""
        return int(self.couplings.shape[0])

    @property
    def modes(self) -> int:
        """Number of boson modes `M`."""
        return int(self.couplings.shape[1])

    @property
    def thermodynamic(self) -> bool:
        """Whether the model is a limit of infinitely many spins."""
        return self.weights is not None

    @property
    def damping(self) -> Array:
        """`loss − gain` per mode, (M,), twice the decay rate of the complex amplitude."""
        return np.asarray(self.loss - self.gain)

    @property
    def stationary_occupation(self) -> Array:
        """Thermal occupation gain/(loss − gain) into which each mode settles, (M,); 0 undamped."""
        damping = self.damping
        settled = np.divide(self.gain, damping, out=np.zeros(self.modes), where=damping > 0)
        return np.asarray(settled)

    @property
    def fractions(self) -> Array:
        """Share of every row in an average over spins, (N,), summing to 1."""
        if self.weights is not None:
            return np.asarray(self.weights)
        return np.full(self.spins, 1.0 / self.spins)

    @property
    def pattern_matrix(self) -> Array:
        """Patterns (P, N), those the model carries or else the signs of its couplings."""
        if self.patterns is not None:
            return np.asarray(self.patterns)
        return np.asarray(np.sign(self.couplings).T)

    def frame(self) -> Array:
        """Orthogonal matrix (3, 3) whose rows are X, Y, Z in laboratory components (x, y, z).

        Returns
        -------
        array (3, 3)
            Row by row X, Y, Z.
        """
        return triad(self.coupling_axis, self.field_axis)

    def __repr__(self) -> str:
        limit = ", thermodynamic limit" if self.thermodynamic else ""
        spins, modes = (
            f"{count} {word}{'s' * (count != 1)}"
            for count, word in ((self.spins, "spin"), (self.modes, "mode"))
        )
        return (
            f"DickeModel({spins}, {modes}, "
            f"coupling_axis={self.coupling_axis!r}, field_axis={self.field_axis!r}{limit})"
        )

    def _repr_html_(self) -> str:
        limit = " (groups of infinitely many)" if self.thermodynamic else ""
        patterns = "" if self.patterns is None else plural(len(self.patterns), "pattern")
        names = ", ".join(self.pattern_names or ())
        rows = (
            ("spins", f"{self.spins:,}{limit}"),
            ("modes", f"{self.modes:,}"),
            ("couplings g", numbers(self.couplings, "energy", "couplings")),
            *energies(self.frequencies, self.loss, self.gain, self.field),
            ("axes", f"coupling Z = {self.coupling_axis}, field X = {self.field_axis}"),
            ("patterns", f"{patterns}{': ' if patterns and names else ''}{names}"),
            ("lattice", " × ".join(map(str, self.lattice or ()))),
        )
        return card("DickeModel", rows, HAMILTONIAN)


HAMILTONIAN = "H = Σ ω a†a + Σ g Z (a + a†) + Σ h X, Pauli matrices, ħ = 1; jumps √loss a, √gain a†"


def energies(frequencies: Any, loss: Any, gain: Any, field: Any) -> tuple[tuple[str, str], ...]:
    """What the parameters of modes and spins are, in words."""
    modes = (("frequencies ω", frequencies), ("loss", loss), ("gain", gain))
    words = tuple((name, numbers(value, "energy", "modes")) for name, value in modes)
    return (*words, ("field h", numbers(field, "energy", "spins")))


def check_gain(loss: Array, gain: Array) -> None:
    """Refuse gain that is not exceeded by loss: such a mode has no stationary state."""
    bad = (gain > 0) & (loss <= gain)
    if bad.any():
        mode = int(np.argmax(bad))
        raise InputError(
            "loss",
            "exceed `gain` in every mode that has gain",
            f"mode {mode} has loss={loss[mode]:g}, gain={gain[mode]:g}",
        )


def check_axes(coupling_axis: object, field_axis: object) -> None:
    """Both axes are known and differ."""
    choice("coupling_axis", coupling_axis, AXES)
    choice("field_axis", field_axis, AXES)
    if coupling_axis == field_axis:
        raise InputError(
            "field_axis", "differ from `coupling_axis`", f"both were {shown(field_axis)}"
        )


def triad(coupling_axis: str, field_axis: str) -> Array:
    """Orthogonal matrix (3, 3) whose rows are X, Y, Z in laboratory components (x, y, z)."""
    unit = np.eye(3)
    x, z = unit[AXES.index(field_axis)], unit[AXES.index(coupling_axis)]
    return np.stack([x, np.cross(z, x), z])


def spin_table(name: str, value: object, what: str) -> Array:
    """A table (N, …) with a row per spin and a column per mode or factor, read-only."""
    table = numeric_array(name, oriented(value))
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(
            name,
            f"have two dimensions, (spin, {what}), neither of them empty",
            f"had shape {table.shape}",
        )
    return frozen(table)


def clean_patterns(value: object, spins: int) -> Array | None:
    """Patterns (P, N) of ±1, if there are any."""
    if value is None:
        return None
    patterns = numeric_array("patterns", value)
    if patterns.ndim != 2 or patterns.shape[1] != spins or not len(patterns):
        raise InputError(
            "patterns", f"have the shape (pattern, {spins} spins)", f"had shape {patterns.shape}"
        )
    if not (np.abs(patterns) == 1).all():
        bad = patterns.flat[int(np.argmax(np.abs(patterns) != 1))]
        raise InputError("patterns", "be +1 or -1", f"had an entry {bad:g}")
    return frozen(patterns.astype(np.int8))


def clean_names(value: object, count: int) -> tuple[str, ...] | None:
    """One name for each of `count` patterns, if they have any."""
    if value is None:
        return None
    names = tuple(str(name) for name in _items("pattern_names", value))
    if len(names) != count:
        raise InputError(
            "pattern_names", f"name every pattern ({count})", f"had {len(names)} names"
        )
    return names


def clean_lattice(value: object, spins: int) -> tuple[int, ...] | None:
    """(rows, columns) of all spins, if they have any."""
    if value is None:
        return None
    lattice = tuple(integer("lattice", extent, least=1) for extent in _items("lattice", value))
    if len(lattice) != 2 or lattice[0] * lattice[1] != spins:
        raise InputError("lattice", f"be (rows, columns) of {spins} spins", f"was {shown(value)}")
    return lattice


def _items(name: str, value: object) -> list[Any]:
    """The entries of a list, a tuple or an array."""
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        raise InputError(name, "be a list", f"was {shown(value)}")
    return list(value)
