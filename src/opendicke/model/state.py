"""Product states: a Bloch vector for every spin, a displaced thermal state for every mode."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from opendicke.display import brief, card, numbers
from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, choice, frozen, integer, numeric_array, real, vector
from opendicke.model.dicke import AXES, DickeModel
from opendicke.model.ising import IsingModel
from opendicke.model.keys import flip_variates

DIRECTIONS = tuple(sign + axis for axis in AXES for sign in "+-")


def _short(array: Array) -> str:
    """All of a short array, else its range and shape."""
    return repr(array.tolist()) if array.size <= 12 else brief(array)


class ResolvedState(NamedTuple):
    """A product state of one model, in numbers."""

    bloch: Array
    """Bloch vectors (N, 3), components along (X, Y, Z)."""
    displacement: Array
    """Complex amplitudes (M,)."""
    occupation: Array
    """Thermal occupations (M,), besides the displacement."""


@dataclass(frozen=True)
class Polarized:
    """All spins along one direction of the laboratory."""

    direction: str

    def __post_init__(self) -> None:
        choice("direction", self.direction, DIRECTIONS)

    def bloch(self, model: DickeModel | IsingModel) -> Array:
        unit = np.zeros(3)
        unit[AXES.index(self.direction[1])] = 1.0 if self.direction[0] == "+" else -1.0
        return np.tile(model.frame() @ unit, (model.spins, 1))


@dataclass(frozen=True, eq=False)
class Bloch:
    """Bloch vectors (N, 3) in laboratory components (x, y, z), of length at most 1."""

    vectors: Any

    def __post_init__(self) -> None:
        vectors = numeric_array("vectors", self.vectors)
        if vectors.ndim not in (1, 2) or vectors.shape[-1] != 3:
            raise InputError(
                "vectors", "have the shape (spin, 3) or (3,)", f"had shape {vectors.shape}"
            )
        lengths = np.atleast_1d(np.linalg.norm(vectors, axis=-1))
        if (lengths > 1 + 1e-12).any():
            spin = int(np.argmax(lengths))
            raise InputError(
                "vectors",
                "be at most 1 long",
                f"that of spin {spin} had length {lengths[spin]:.10g}",
            )
        object.__setattr__(self, "vectors", frozen(vectors))

    def __repr__(self) -> str:
        return f"Bloch({_short(self.vectors)})"

    def bloch(self, model: DickeModel | IsingModel) -> Array:
        vectors = np.atleast_2d(self.vectors)
        if len(vectors) not in (1, model.spins):
            raise InputError(
                "vectors", f"have one row per spin ({model.spins})", f"had {len(vectors)}"
            )
        return np.broadcast_to(vectors @ model.frame().T, (model.spins, 3))


@dataclass(frozen=True, eq=False)
class Configuration:
    """Every spin up or down (±1) along one axis of the laboratory."""

    values: Any
    axis: str = "z"

    def __post_init__(self) -> None:
        choice("axis", self.axis, AXES)
        values = numeric_array("values", self.values)
        if values.ndim != 1 or not (np.abs(values) == 1).all():
            raise InputError("values", "be a list of +1 and −1", f"was {shown(self.values)}")
        object.__setattr__(self, "values", frozen(values))

    def __repr__(self) -> str:
        return f"Configuration({_short(self.values.astype(int))}, axis={self.axis!r})"

    def bloch(self, model: DickeModel | IsingModel) -> Array:
        if len(self.values) != model.spins:
            raise InputError(
                "values", f"have one entry per spin ({model.spins})", f"had {len(self.values)}"
            )
        return np.outer(self.values, model.frame()[:, AXES.index(self.axis)])


@dataclass(frozen=True)
class Pattern:
    """Spins along ±Z as a pattern of the model says, a fraction of them flipped."""

    index: int
    flipped: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", integer("pattern", self.index))
        object.__setattr__(self, "flipped", real("flipped", self.flipped, least=0, most=1))
        object.__setattr__(self, "seed", integer("seed", self.seed))

    def bloch(self, model: DickeModel | IsingModel) -> Array:
        patterns = model.pattern_matrix
        if self.index >= len(patterns):
            last = len(patterns) - 1
            wanted = f"be one of 0 … {last}" if last else "be 0, as there is one pattern"
            raise InputError("pattern", wanted, f"was {self.index}")
        z = np.array(patterns[self.index], dtype=float)
        if not z.all():
            spin = int(np.argmax(z == 0))
            raise InputError(
                "pattern",
                "be ±1 at every spin",
                f"pattern {self.index}, the sign of zero coupling, is 0 at spin {spin}",
            )
        if model.thermodynamic:
            z *= 1 - 2 * self.flipped
        else:
            order = np.argsort(flip_variates(self.seed, model.spins), kind="stable")
            z[order[: round(self.flipped * model.spins)]] *= -1
        bloch = np.zeros((model.spins, 3))
        bloch[:, 2] = z
        return bloch


@dataclass(frozen=True, eq=False)
class ProductState:
    r"""Uncorrelated spins and modes: the state from which a simulation starts.

    Make one with `ProductState.polarized`, `.bloch`, `.configuration` or `.pattern`; each takes
    the settings of the bosons besides.

    Parameters
    ----------
    spins : Polarized, Bloch, Configuration or Pattern
    bosons : {"vacuum", "stationary"}
        "vacuum" is the reference that `displacement` and `occupation` modify. "stationary" is
        the state into which the modes settle if the spins keep their coupling-axis values
        :math:`\langle Z_j\rangle`: thermal occupation gain/(loss − gain), and amplitude
        :math:`-i\sum_j g_{j\lambda}\langle Z_j\rangle/(\Gamma_\lambda/2+i\omega_\lambda)`.
    displacement : complex or array (M,)
        Coherent amplitude of each mode (in the thermodynamic limit, divided by √N).
    occupation : float or array (M,)
        Thermal occupation of each mode, besides the displacement.

    Raises
    ------
    InputError
        If a setting is out of range; that sizes fit is seen when it meets a model.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0)
    >>> state = od.ProductState.polarized("+z", bosons="stationary").resolve(model)
    >>> print(state.occupation, abs(state.displacement).round(4))
    [0.1] [0.0981]
    """

    spins: Polarized | Bloch | Configuration | Pattern
    bosons: str = "vacuum"
    displacement: Any = field(default=0.0)
    occupation: Any = field(default=0.0)

    def __post_init__(self) -> None:
        if not isinstance(self.spins, (Polarized, Bloch, Configuration, Pattern)):
            raise InputError(
                "spins",
                "be Polarized, Bloch, Configuration or Pattern",
                f"was {shown(self.spins)}",
            )
        choice("bosons", self.bosons, ("vacuum", "stationary"))
        displacement = numeric_array("displacement", self.displacement, kind=complex)
        occupation = numeric_array("occupation", self.occupation)
        if (occupation < 0).any():
            raise InputError("occupation", "not be negative", f"was {occupation.min():g}")
        for name, array in (("displacement", displacement), ("occupation", occupation)):
            if array.ndim > 1:
                raise InputError(
                    name, "be a number or have one entry per mode", f"had shape {array.shape}"
                )
            if self.bosons == "stationary" and array.any():
                raise InputError(
                    name, 'be left out with bosons="stationary"', f"was {shown(array.tolist())}"
                )
            object.__setattr__(self, name, frozen(array) if array.ndim else array.item())

    def __repr__(self) -> str:
        given = (f"{item.name}={brief(getattr(self, item.name))}" for item in fields(self))
        return f"ProductState({', '.join(given)})"

    def _repr_html_(self) -> str:
        rows = [("spins", repr(self.spins)), ("bosons", self.bosons)]
        if self.bosons != "stationary":
            rows += [
                ("displacement", numbers(self.displacement, what="modes")),
                ("thermal occupation", numbers(self.occupation, what="modes")),
            ]
        return card("ProductState", rows)

    @classmethod
    def polarized(cls, direction: str, **bosons: Any) -> ProductState:
        """All spins along "+x", "-x", "+y", "-y", "+z" or "-z" of the laboratory.

        Parameters
        ----------
        direction : {"+x", "-x", "+y", "-y", "+z", "-z"}
            One for all.
        **bosons
            `bosons`, `displacement` and `occupation` of the modes.

        Returns
        -------
        ProductState
        """
        return cls(Polarized(direction), **bosons)

    @classmethod
    def bloch(cls, vectors: Any, **bosons: Any) -> ProductState:
        """Bloch vectors (N, 3), or one for all (3,), in laboratory components (x, y, z).

        Parameters
        ----------
        vectors : array (N, 3) or (3,)
            Of length at most 1; shorter ones are mixed spins.
        **bosons
            `bosons`, `displacement` and `occupation` of the modes.

        Returns
        -------
        ProductState
        """
        return cls(Bloch(vectors), **bosons)

    @classmethod
    def configuration(cls, values: Any, axis: str = "z", **bosons: Any) -> ProductState:
        """An array of ±1, one per spin, along the laboratory's `axis`.

        Parameters
        ----------
        values : array (N,) of ±1
            Up or down.
        axis : {"x", "y", "z"}
            Of the laboratory.
        **bosons
            `bosons`, `displacement` and `occupation` of the modes.

        Returns
        -------
        ProductState
        """
        return cls(Configuration(values, axis), **bosons)

    @classmethod
    def pattern(
        cls, index: int, flipped: float = 0.0, seed: int = 0, **bosons: Any
    ) -> ProductState:
        """Along pattern `index` on the coupling axis, a fraction of the spins reversed.

        Parameters
        ----------
        index : int
            Row of `model.pattern_matrix`, from 0.
        flipped : float
            Fraction of reversed spins, round(flipped · N) of them. In the thermodynamic limit every
            group holds the same fraction.
        seed : int
            Which spins are reversed.
        **bosons
            `bosons`, `displacement` and `occupation` of the modes.

        Returns
        -------
        ProductState
        """
        return cls(Pattern(index, flipped, seed), **bosons)

    def resolve(self, model: DickeModel | IsingModel) -> ResolvedState:
        """The state of a given model in numbers.

        Parameters
        ----------
        model : DickeModel or IsingModel
            Of the sizes of the state.

        Returns
        -------
        ResolvedState
            Bloch vectors (N, 3) along (X, Y, Z), complex displacements (M,) and occupations (M,).

        Raises
        ------
        InputError
            If sizes disagree, a mode has no stationary state (ω = 0 without damping), or the
            bosons of an IsingModel are asked for anything.
        """
        if isinstance(model, IsingModel):
            self._has_no_bosons()
        bloch = self.spins.bloch(model)
        if self.bosons == "vacuum":
            return ResolvedState(
                bloch,
                vector("displacement", self.displacement, model.modes, "mode", kind=complex),
                vector("occupation", self.occupation, model.modes, "mode"),
            )
        rate = model.damping / 2 + 1j * model.frequencies
        if (rate == 0).any():
            mode = int(np.argmax(rate == 0))
            raise InputError(
                "bosons",
                'not be "stationary" where a mode has none',
                f"mode {mode} has frequency 0 and no damping",
            )
        weights = model.weights if model.thermodynamic else 1.0
        force = (bloch[:, 2] * weights) @ model.couplings
        return ResolvedState(bloch, -1j * force / rate, model.stationary_occupation)

    def _has_no_bosons(self) -> None:
        """Refuse settings of modes where there are none."""
        none = "for an IsingModel, which has no modes"
        if self.bosons != "vacuum":
            raise InputError("bosons", f'be "vacuum" {none}', f'was "{self.bosons}"')
        for name in ("displacement", "occupation"):
            given = np.asarray(getattr(self, name))
            if given.any():
                raise InputError(name, f"be left out {none}", f"was {shown(given.tolist())}")
