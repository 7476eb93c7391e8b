"""A random Dicke model: a distribution of couplings, sizes and parameters."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from opendicke.display import brief, card
from opendicke.errors import InputError, shown
from opendicke.model.checks import (
    TRANSPOSED,
    affordable,
    frozen,
    integer,
    non_negative,
    sized,
    vector,
)
from opendicke.model.couplings import Couplings, Drawn, Fixed, scaled
from opendicke.model.dicke import HAMILTONIAN, DickeModel, check_axes, check_gain, energies
from opendicke.model.keys import disorder_variates

BYTES_PER_COUPLING = 24
"""Variates, couplings and their copy in a model, in double precision."""


def affordable_couplings(spins: int, modes: int) -> None:
    """Refuse more couplings than the memory of this machine holds."""
    what = f"couplings of {spins} spins and {modes} modes"
    affordable("spins", what, BYTES_PER_COUPLING * spins * modes)


@dataclass(frozen=True, eq=False)
class RandomDicke:
    """A distribution of Dicke models, drawn reproducibly.

    Couplings come from standard variates keyed by (seed, realization, spin, mode): the same seed
    gives the same numbers on every machine, a larger system contains the smaller one, and every
    point of a sweep sees the same disorder.

    Parameters
    ----------
    couplings : Gaussian, Uniform, Binary, Discrete or Fixed
        The distribution.
    spins, modes : int
        Sizes N and M; `Fixed` couplings bring their own, and need none.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy.
    field : float or array (N,)
        In units of energy.
    coupling_axis, field_axis : {"x", "y", "z"}
        As in `DickeModel`.

    Raises
    ------
    InputError
        If sizes are missing or do not fit, or anything that `DickeModel` refuses.

    Examples
    --------
    >>> import opendicke as od
    >>> ensemble = od.RandomDicke(
    ...     couplings=od.Binary(strength=1.2), spins=1000, modes=3, frequencies=1.0, loss=1.0
    ... )
    >>> print(ensemble.draw(seed=0, realization=4))
    DickeModel(1000 spins, 3 modes, coupling_axis='z', field_axis='x')
    >>> larger = od.RandomDicke(
    ...     couplings=od.Binary(strength=1.2), spins=4000, modes=3, frequencies=1.0, loss=1.0
    ... )
    >>> same = larger.draw().pattern_matrix[:, :1000] == ensemble.draw().pattern_matrix
    >>> bool(same.all())
    True
    """

    couplings: Couplings
    spins: int | None = None
    modes: int | None = None
    frequencies: Any = None
    loss: Any = 0.0
    gain: Any = 0.0
    field: Any = 0.0
    coupling_axis: str = "z"
    field_axis: str = "x"

    def __post_init__(self) -> None:
        if not isinstance(self.couplings, Couplings):
            raise InputError(
                "couplings",
                "be a distribution (Gaussian, Uniform, Binary, Discrete, or Fixed for a table)",
                f"was {shown(self.couplings)}",
            )
        for name, axis in (("spins", 0), ("modes", 1)):
            given = getattr(self, name)
            if isinstance(self.couplings, Fixed):
                own, across = self.couplings.array.shape[axis], self.couplings.array.shape[1 - axis]
                if given is not None and integer(name, given, least=1) != own:
                    suspicion = f"; {TRANSPOSED}" if given == across else ""
                    received = f"was {given}{suspicion}"
                    raise InputError(name, f"agree with the couplings ({own})", received)
                object.__setattr__(self, name, own)
            elif given is None:
                raise InputError(name, "be given for random couplings", "was missing")
            else:
                object.__setattr__(self, name, integer(name, given, least=1))
        if self.frequencies is None:
            raise InputError("frequencies", "be given", "was missing")
        assert self.spins is not None
        assert self.modes is not None
        for name in ("frequencies", "loss", "gain", "field"):
            what, size, across = "mode", self.modes, self.spins
            if name == "field":
                what, size, across = "spin", self.spins, self.modes
            array = frozen(sized(name, getattr(self, name), size, what, across=across))
            if name in ("loss", "gain"):
                non_negative(name, array, "mode")
            object.__setattr__(self, name, array if array.ndim else float(array))
        check_gain(*np.broadcast_arrays(np.atleast_1d(self.loss), np.atleast_1d(self.gain)))
        check_axes(self.coupling_axis, self.field_axis)

    def __repr__(self) -> str:
        given = (f"{item.name}={brief(getattr(self, item.name))}" for item in fields(self))
        return f"RandomDicke({', '.join(given)})"

    def _repr_html_(self) -> str:
        rows = (
            ("couplings g", repr(self.couplings)),
            ("spins", f"{self.spins:,}"),
            ("modes", f"{self.modes:,}"),
            *energies(self.frequencies, self.loss, self.gain, self.field),
            ("axes", f"coupling Z = {self.coupling_axis}, field X = {self.field_axis}"),
        )
        return card("RandomDicke", rows, HAMILTONIAN)

    def draw(self, seed: int = 0, realization: int = 0) -> DickeModel:
        """One model of the ensemble.

        Parameters
        ----------
        seed : int
            Any non-negative integer.
        realization : int
            Which member of the ensemble, from 0.

        Returns
        -------
        DickeModel
            With couplings (N, M), and patterns where the distribution has some.
        """
        seed, realization = integer("seed", seed), integer("realization", realization)
        assert self.spins is not None
        assert self.modes is not None
        matrix = self.couplings.matrix()
        affordable_couplings(self.spins, self.modes)
        if self.couplings.random:
            variates = disorder_variates(seed, realization, self.spins, self.modes)
        else:
            variates = np.empty((self.modes, self.spins))
        frequencies = vector("frequencies", self.frequencies, self.modes, "mode")
        return self._model(
            self.couplings.draw(variates, frequencies),
            field=self.field,
            pattern_names=matrix.names if matrix else None,
            lattice=matrix.lattice if matrix else None,
        )

    def thermodynamic(self) -> DickeModel:
        r"""The limit N → ∞: one row for every possible set of couplings, with its weight.

        Each of the d^M rows (2^M for `Binary`) carries :math:`\sqrt N g` and the fraction of
        spins that have it; `Fixed` couplings keep the fractions they have. Amplitudes count in
        units of √N, so photons and energies are per spin (carollo2021, Figs. 2, S1, S2). Rows that
        differ by a global sign are merged later by every method (2^{M−1} groups), which is exact.

        Returns
        -------
        DickeModel
            A row for each set of couplings, with `weights`.

        Raises
        ------
        InputError
            If the couplings have no such limit or the field differs between spins.
        """
        assert self.modes is not None
        if np.ndim(self.field) and len(np.unique(self.field)) > 1:
            raise InputError("field", "be the same for all spins in the limit", "it varied")
        field = float(np.ravel(self.field)[0])
        if isinstance(self.couplings, Fixed):
            strength = self.couplings.strength
            if strength is None or self.couplings.random:
                raise self.couplings.no_limit()
            values, inverse = np.unique(self.couplings.array, axis=0, return_inverse=True)
            counts = np.bincount(np.ravel(inverse))
            rows = scaled(values, strength)
            names = self.couplings.matrix().names
            return self._model(
                rows, field=field, weights=counts / counts.sum(), pattern_names=names
            )
        rows, weights = self.couplings.levels().grid(self.modes)
        return self._model(rows, field=field, weights=weights)

    def _model(self, drawn: Drawn, **more: Any) -> DickeModel:
        return DickeModel(
            couplings=drawn.couplings,
            patterns=drawn.patterns,
            frequencies=self.frequencies,
            loss=self.loss,
            gain=self.gain,
            coupling_axis=self.coupling_axis,
            field_axis=self.field_axis,
            **more,
        )
