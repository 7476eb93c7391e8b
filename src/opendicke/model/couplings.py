"""Distributions of the couplings: each turns standard uniform variates into `g` of (spin, mode)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from os import PathLike, fsdecode
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, frozen, numeric_array, real
from opendicke.model.files import Matrix, oriented, read_matrix


class Drawn(NamedTuple):
    """Couplings (spin, mode), and patterns (pattern, spin) of ±1 if they carry some."""

    couplings: Array
    patterns: Array | None = None


class Levels(NamedTuple):
    """√N g is `strength` times one of `values`, with its probability."""

    strength: float
    values: Array
    probabilities: Array

    def draw(self, variates: Array) -> Drawn:
        """One value for each variate (mode, spin)."""
        edges = np.cumsum(self.probabilities)[:-1]
        chosen = self.values[np.searchsorted(edges, variates, side="right")]
        return scaled(chosen.T, self.strength / np.sqrt(variates.shape[1]))

    def grid(self, modes: int) -> tuple[Drawn, Array]:
        """All d^M rows that d values can form, times √N, and the probability of each."""
        choices = len(self.values)
        count = choices ** min(modes, 1000)
        if count * modes > 2**27:
            raise InputError(
                "modes",
                "allow at most 2^27 couplings of groups (1 GB)",
                f"{choices}^{modes} groups with {modes} modes were asked for, which would need "
                f"{8e-9 * min(count * modes, 10**300):.3g} GB",
            )
        places = choices ** np.arange(modes)[::-1]
        index = np.arange(count)[:, None] // places % choices
        weights = np.prod(self.probabilities[index], axis=1)
        return scaled(self.values[index], self.strength), weights


def scaled(values: Array, scale: float) -> Drawn:
    """Couplings `values` times `scale`; values of ±1 are patterns, whatever the scale."""
    signs = (np.abs(values) == 1).all()
    return Drawn(values * scale, values.T if signs else None)


def spread_out(drawn: Drawn, spread: float, variates: Array) -> Drawn:
    """Every coupling times 1 + spread·u, u uniform in [−1, 1] from variates (mode, spin)."""
    return drawn._replace(couplings=drawn.couplings * (1 + spread * (2 * variates.T - 1)))


@dataclass(frozen=True)
class Couplings(ABC):
    """A distribution of couplings. A new one defines `draw`; it holds settings only."""

    @abstractmethod
    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        """Couplings from uniform variates (mode, spin) and frequencies (mode,).

        Parameters
        ----------
        variates : array (M, N)
            Standard uniform variates of every mode and spin.
        frequencies : array (M,)
            Of the modes, in units of energy.

        Returns
        -------
        Drawn
            Couplings (N, M), in units of energy, and patterns (P, N) of ±1 if they carry some.
        """

    def levels(self) -> Levels:
        """The values that couplings take, for distributions with a thermodynamic limit.

        Returns
        -------
        Levels
            Strength, values (d,) and probabilities (d,).

        Raises
        ------
        InputError
            If the couplings have no finite set of values that scale as 1/√N.
        """
        raise self.no_limit()

    def no_limit(self) -> InputError:
        """The complaint that there is no thermodynamic limit.

        Returns
        -------
        InputError
            To be raised.
        """
        return InputError(
            "couplings",
            "be Binary, Discrete or Fixed with a strength and without spread, for a "
            "thermodynamic limit in groups",
            f"was {self!r}",
        )

    def matrix(self) -> Matrix | None:
        """The fixed matrix behind the distribution, if there is one.

        Returns
        -------
        Matrix or None
            Numbers (N, M), with what a file said of their layout.
        """
        return None

    @property
    def random(self) -> bool:
        """Whether one draw differs from another."""
        return True


@dataclass(frozen=True)
class Gaussian(Couplings):
    r"""Normal couplings of mean 0 and variance :math:`\sigma^2\omega_\lambda/(2(N+M))`.

    kelly2021 Eq. (2).

    Parameters
    ----------
    sigma : float
        σ, in units of the root of energy.

    Raises
    ------
    InputError
        If it is negative or no number.

    Examples
    --------
    >>> import opendicke as od
    >>> couplings = od.Gaussian(sigma=2.0)
    >>> ensemble = od.RandomDicke(couplings=couplings, spins=91, modes=909, frequencies=10.0)
    >>> print(ensemble.draw(seed=0).couplings.std().round(3))  # 2 √(10/2000) = 0.141
    0.141
    """

    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", real("sigma", self.sigma, least=0))

    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        if (frequencies <= 0).any():
            mode = int(np.argmax(frequencies <= 0))
            raise InputError(
                "frequencies",
                "be positive for Gaussian couplings, whose variance is proportional to them",
                f"mode {mode} has {frequencies[mode]:g}",
            )
        scale = self.sigma * np.sqrt(frequencies / (2 * sum(variates.shape)))
        return Drawn((ndtri(variates) * scale[:, None]).T)


@dataclass(frozen=True)
class Uniform(Couplings):
    """Couplings uniform in [−strength, strength] (fiorelli2020, Fig. 2).

    Parameters
    ----------
    strength : float
        fiorelli2020's g₀, in units of energy.

    Raises
    ------
    InputError
        If it is negative or no number.

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     couplings=od.Uniform(strength=3.0), spins=10, modes=1, frequencies=1.0, loss=11.0
    ... )
    >>> bool(abs(ensemble.draw(seed=0).couplings).max() <= 3)
    True
    """

    strength: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength, least=0))

    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        return Drawn((self.strength * (2 * variates - 1)).T)


@dataclass(frozen=True)
class Binary(Couplings):
    r"""Couplings :math:`g_0 G_{\lambda j}/\sqrt N`, G = ±1 equally likely (carollo2021 Eq. (2)).

    The signs are the patterns.

    Parameters
    ----------
    strength : float
        g₀, in units of energy; N is the number of all spins.
    spread : float
        Below 1: each coupling is multiplied by a number uniform in [1 − spread, 1 + spread], so
        that no two spins are alike.

    Raises
    ------
    InputError
        If the strength is no number, or the spread not in [0, 1).

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     couplings=od.Binary(strength=1.2), spins=100, modes=3, frequencies=1.0
    ... )
    >>> print(abs(ensemble.draw().couplings).max().round(3))  # 1.2/√100
    0.12
    >>> ensemble.thermodynamic().spins  # one row for every combination of signs
    8
    """

    strength: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength))
        object.__setattr__(self, "spread", _spread(self.spread))

    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        drawn = self._signs().draw(variates)
        # The variate's half says the sign, its place within the half the size.
        return spread_out(drawn, self.spread, 2 * variates % 1) if self.spread else drawn

    def levels(self) -> Levels:
        if self.spread:
            raise self.no_limit()
        return self._signs()

    def _signs(self) -> Levels:
        return Levels(self.strength, np.array([1.0, -1.0]), np.array([0.5, 0.5]))


@dataclass(frozen=True)
class Discrete(Couplings):
    r"""Couplings :math:`g_0 x/\sqrt N`, x one of `values` with its probability.

    carollo2021, supplemental material, "general distributions" (Fig. S2).

    Parameters
    ----------
    values : list of d numbers
        Distinct.
    probabilities : list of d numbers
        Positive, of sum 1.
    strength : float
        g₀, in units of energy.

    Raises
    ------
    InputError
        If values repeat, probabilities do not sum to 1, or sizes differ.
    """

    values: Any
    probabilities: Any
    strength: float = 1.0

    def __post_init__(self) -> None:
        values = numeric_array("values", self.values)
        probabilities = numeric_array("probabilities", self.probabilities)
        if values.ndim != 1 or not len(values) or len(np.unique(values)) != len(values):
            raise InputError("values", "be distinct numbers in a list", f"was {shown(self.values)}")
        if probabilities.shape != values.shape:
            raise InputError(
                "probabilities",
                f"have one entry per value ({len(values)})",
                f"had shape {probabilities.shape}",
            )
        if (probabilities <= 0).any() or abs(probabilities.sum() - 1) > 1e-9:
            raise InputError(
                "probabilities",
                "be positive and sum to 1",
                f"was {shown(self.probabilities)}, with sum {probabilities.sum():g}",
            )
        object.__setattr__(self, "values", tuple(float(value) for value in values))
        object.__setattr__(self, "probabilities", tuple(float(p) for p in probabilities))
        object.__setattr__(self, "strength", real("strength", self.strength))

    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        return self.levels().draw(variates)

    def levels(self) -> Levels:
        return Levels(self.strength, np.array(self.values), np.array(self.probabilities))


@dataclass(frozen=True, eq=False)
class Fixed(Couplings):
    r"""Couplings as given: an array (spin, mode), or a path that holds one.

    Parameters
    ----------
    values : array (N, M) or path
        Numbers, in units of energy where there is no strength; a `.npy`, `.csv` or `.nc` file (one
        row per spin), or a folder of black-and-white images of one size: each is one pattern and
        one mode, dark pixels +1, light pixels −1. The first row of a `.csv` may name the modes. An
        `xarray.DataArray` or a `.nc` with dimensions called `spin` and `mode` may have them in
        either order.
    strength : float, optional
        If given, couplings are :math:`g_0\,\mathrm{values}/\sqrt N` (carollo2021 Eq. (2)).
    spread : float
        Below 1: every coupling is multiplied by a number uniform in [1 − spread, 1 + spread], the
        only thing that differs between draws.
    variable : str, optional
        Which one, of a `.nc`. By default the one called `couplings`, or the only table.

    Raises
    ------
    InputError
        If the table has not two dimensions, the file cannot be read, or the spread is not in [0,
        1).

    Examples
    --------
    >>> import opendicke as od
    >>> measured = od.Fixed([[0.3, 0.1], [0.2, -0.4]])
    >>> print(od.RandomDicke(couplings=measured, frequencies=1.0).draw())
    DickeModel(2 spins, 2 modes, coupling_axis='z', field_axis='x')
    """

    values: Any
    strength: float | None = None
    spread: float = 0.0
    variable: str | None = None

    def __post_init__(self) -> None:
        if self.variable is not None and not isinstance(self.variable, str):
            raise InputError("variable", "be a name", f"was {shown(self.variable)}")
        if isinstance(self.values, (str, bytes, PathLike)):
            path = fsdecode(self.values)
            object.__setattr__(self, "values", path)
            matrix = read_matrix(path, self.variable)
            array = numeric_array("path", matrix.values)
        else:
            if self.variable is not None:
                raise InputError("variable", "come with a .nc file", "came with numbers")
            array = frozen(numeric_array("values", oriented(self.values)))
            object.__setattr__(self, "values", array)
            matrix = Matrix(array)
        if array.ndim != 2 or 0 in array.shape:
            raise InputError(
                "values",
                "have two dimensions, (spin, mode), neither of them empty",
                f"had shape {array.shape}",
            )
        object.__setattr__(self, "_matrix", replace(matrix, values=frozen(array)))
        if self.strength is not None:
            object.__setattr__(self, "strength", real("strength", self.strength))
        object.__setattr__(self, "spread", _spread(self.spread))

    @property
    def random(self) -> bool:
        """Whether there is a spread."""
        return self.spread > 0

    @property
    def path(self) -> str | None:
        """Where the values were read, if they came from a file."""
        return self.values if isinstance(self.values, str) else None

    @property
    def units(self) -> str | None:
        """What the file says of units; numbers are taken as they are."""
        return self.matrix().units

    @property
    def array(self) -> Array:
        """The values as numbers, (N, M)."""
        return self.matrix().values

    def draw(self, variates: Array, frequencies: Array) -> Drawn:
        scale = 1.0 if self.strength is None else self.strength / np.sqrt(len(self.array))
        drawn = scaled(self.array, scale)
        return spread_out(drawn, self.spread, variates) if self.spread else drawn

    def matrix(self) -> Matrix:
        made: Matrix = vars(self)["_matrix"]
        return made

    def __repr__(self) -> str:
        what = repr(self.path) if self.path else f"array of shape {self.array.shape}"
        spread = f", spread={self.spread:g}" if self.spread else ""
        variable = f", variable={self.variable!r}" if self.variable else ""
        return f"Fixed({what}, strength={self.strength}{spread}{variable})"


def _spread(value: object) -> float:
    spread = real("spread", value, least=0)
    if spread >= 1:
        raise InputError(
            "spread", "be below 1, so that no coupling changes its sign", f"was {value}"
        )
    return spread
