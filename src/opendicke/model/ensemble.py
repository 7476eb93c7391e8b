"""An ensemble of classical trajectories at one time: from where a simulation can go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, frozen, integer, numeric_array
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel
from opendicke.model.state import ResolvedState


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Classical spins and amplitudes of many trajectories, a sample of a Wigner function.

    `opendicke.trajectories` returns one for the last time. Give it to `solve` or `trajectories`
    in place of a state to go on from there, with the same model or another one of equal sizes.

    Parameters
    ----------
    spins : array (n, N, 3)
        Vectors of every trajectory and spin in laboratory components (x, y, z).
    amplitudes : array (n, M) of complex
        Amplitudes of every trajectory and mode.
    generation : int
        Runs that led here, one after the other: with the same seed the next has other noise.

    Raises
    ------
    InputError
        If shapes do not fit.
    """

    spins: Any
    amplitudes: Any
    generation: int = 1

    def __post_init__(self) -> None:
        spins = numeric_array("spins", self.spins)
        if spins.ndim != 3 or spins.shape[2] != 3 or 0 in spins.shape:
            raise InputError(
                "spins", "have the shape (trajectory, spin, 3)", f"had shape {spins.shape}"
            )
        amplitudes = numeric_array("amplitudes", self.amplitudes, kind=complex)
        if amplitudes.ndim != 2 or len(amplitudes) != len(spins):
            raise InputError(
                "amplitudes",
                f"have the shape ({len(spins)} trajectories, mode)",
                f"had shape {amplitudes.shape}",
            )
        generation = integer("generation", self.generation, least=1)
        object.__setattr__(self, "generation", generation)
        object.__setattr__(self, "spins", frozen(spins))
        object.__setattr__(self, "amplitudes", frozen(amplitudes))

    @property
    def trajectories(self) -> int:
        """Number of trajectories n."""
        return len(self.spins)

    def vectors(self, model: DickeModel | IsingModel) -> Array:
        """Spins (n, N, 3) with components along (X, Y, Z) of a model.

        Parameters
        ----------
        model : DickeModel or IsingModel
            Whose axes are meant.

        Returns
        -------
        array (n, N, 3)
            Components X, Y, Z.
        """
        return np.asarray(self.spins @ model.frame().T)

    def resolve(self, model: DickeModel | IsingModel) -> ResolvedState:
        """Means over the ensemble.

        Parameters
        ----------
        model : DickeModel or IsingModel
            Of the sizes of the ensemble.

        Returns
        -------
        ResolvedState
            Mean vectors (N, 3), mean amplitudes (M,), and no occupation beside them.

        Raises
        ------
        InputError
            If the model has other sizes.
        """
        if self.spins.shape[1] != model.spins:
            raise InputError("state", f"hold {model.spins} spins", f"held {self.spins.shape[1]}")
        if self.amplitudes.shape[1] != model.modes:
            raise InputError(
                "state", f"hold {model.modes} modes", f"held {self.amplitudes.shape[1]}"
            )
        bloch = self.spins.mean(axis=0) @ model.frame().T
        # Lengths are those of classical vectors, up to √3; methods that start from here use the
        # vectors themselves.
        return ResolvedState(bloch, self.amplitudes.mean(axis=0), np.zeros(model.modes))

    def __repr__(self) -> str:
        count, spins, _ = self.spins.shape
        return f"Ensemble({count} trajectories, {spins} spins, {self.amplitudes.shape[1]} modes)"
