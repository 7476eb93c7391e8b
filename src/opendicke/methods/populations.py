r"""Observables of classical configurations: what single ones show, and averages over all of them.

Where spins are in configuration σ along the coupling axis and the bosons are stationary for it,
mode λ holds the amplitude :math:`\alpha_\lambda = -iS_\lambda/(\Gamma_\lambda/2+i\omega_\lambda)`
with :math:`S_\lambda = \sum_j g_{j\lambda}\sigma_j`, and thermal photons
:math:`\bar n_\lambda = \mathrm{gain}/\Gamma` around it. Every term of an observable is then a
polynomial in σ. Coherences between configurations are left out: spins across the coupling axis
have no value here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr

from opendicke.errors import InputError
from opendicke.measure.energy_labels import energy_labels
from opendicke.measure.observables import Observable
from opendicke.measure.terms import (
    CorrelationTerm,
    EntropyTerm,
    InteractionTerm,
    IsingDistributionTerm,
    IsingTerm,
    PhotonPairTerm,
    PhotonTerm,
    ProbabilityTerm,
    QuadratureTerm,
    SpinPairTerm,
    SpinTerm,
    Term,
)
from opendicke.model.checks import Array
from opendicke.model.configurations import configuration_index, configurations, model_energies
from opendicke.model.dicke import DickeModel
from opendicke.model.energies import EnergyBins, energy_bins

OF_CONFIGURATIONS: tuple[type, ...] = (
    SpinTerm,
    PhotonTerm,
    QuadratureTerm,
    InteractionTerm,
    IsingTerm,
    SpinPairTerm,
    PhotonPairTerm,
    CorrelationTerm,
    ProbabilityTerm,
    IsingDistributionTerm,
)
"""Terms that have a value in every configuration."""


def check_along(observables: Sequence[Observable], model: DickeModel, method: str) -> None:
    """Refuse spins across the coupling axis, which a method of populations does not know."""
    for item in observables:
        for term in item.terms(model):
            axes: tuple[str, ...] = ()
            if isinstance(term, SpinTerm):
                axes = (term.axis,)
            elif isinstance(term, SpinPairTerm):
                axes = term.axes
            if any(axis != model.coupling_axis for axis in axes):
                raise InputError(
                    "observables",
                    f'ask only for spins along the coupling axis "{model.coupling_axis}" of '
                    f"{method}, which follows probabilities and no coherences",
                    f"`{item.name}` asks for " + " and ".join(f'"{axis}"' for axis in axes),
                )


class Bosons(NamedTuple):
    """Stationary modes: photons and quadratures for the force S on them."""

    per_square: Array
    """1/|Γ/2 + iω|²: coherent photons for S = 1, (M,)."""
    pull: Array
    """a + a† for S = 1, (M,)."""
    across: Array
    """−i(a − a†) for S = 1, (M,)."""
    thermal: Array
    strengths: Array
    """ω/(ω² + Γ²/4), (M,)."""

    @classmethod
    def of(cls, model: DickeModel) -> Bosons:
        """Of every mode; one without frequency and damping, which couples to nothing, is empty."""
        size = model.frequencies**2 + model.damping**2 / 4
        per_square = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        strengths = model.frequencies * per_square
        across = -model.damping * per_square
        return cls(per_square, -2 * strengths, across, model.stationary_occupation, strengths)


class Readout:
    """The terms of some observables for one model, ready to be evaluated."""

    def __init__(
        self,
        model: DickeModel,
        observables: Sequence[Observable],
        stages: Sequence[DickeModel] = (),
    ) -> None:
        """`stages` are other models whose energies the intervals of the energy must hold, too."""
        self.model, self.observables = model, tuple(observables)
        self._stages = tuple(stages)
        self.bosons = Bosons.of(model)
        self._bins: dict[int, EnergyBins] = {}

    def bins(self, count: int) -> EnergyBins:
        """Intervals of the Ising energy."""
        if count not in self._bins:
            self._bins[count] = energy_bins((self.model, *self._stages), count)
        return self._bins[count]

    def labels(self) -> dict[str, tuple[tuple[str, ...], Array]]:
        """What belongs to a dataset besides: the energies of its intervals, and the lowest."""
        return energy_labels(self.observables, self.model, self.bins)

    def values(self, configurations: Array) -> dict[str, Array]:
        """Of single configurations (n, N): by observable (parts, n, …), or (n, …) of one part."""
        forces = configurations.astype(float) @ self.model.couplings
        made = {}
        for item in self.observables:
            parts = [
                sum(self._value(term, configurations, forces) for term in part)
                for part in item.parts(self.model)
            ]
            made[item.name] = np.asarray(parts[0] if item.combine is None else np.stack(parts))
        return made

    @property
    def linear(self) -> bool:
        """Whether all terms are averages over configurations, linear in the probabilities."""
        return all(
            isinstance(term, OF_CONFIGURATIONS)
            for item in self.observables
            for term in item.terms(self.model)
        )

    @property
    def numbers(self) -> int:
        """Numbers that `averages` returns."""
        return sum(
            len(item.parts(self.model)) * math.prod(item.shape(self.model))
            for item in self.observables
        )

    def averages(self, population: Population) -> Array:
        """Parts of all observables over all configurations with their probabilities, in a row."""
        parts = [
            np.ravel(sum(self._average(term, population) for term in part))
            for item in self.observables
            for part in item.parts(self.model)
        ]
        return np.concatenate(parts)

    def answers(self, averages: Array) -> dict[str, Array]:
        """By observable (T, …), from the averages (T, numbers) of all times."""
        made, place = {}, 0
        for item in self.observables:
            shape = item.shape(self.model)
            size, count = math.prod(shape), len(item.parts(self.model))
            taken = averages[:, place : place + count * size]
            place += count * size
            parts = np.moveaxis(taken.reshape(len(averages), count, *shape), 1, 0)
            if item.combine is None:
                made[item.name] = np.ascontiguousarray(parts[0])
            else:
                with np.errstate(all="ignore"):
                    made[item.name] = np.asarray(item.combine(*parts))
        return made

    def _value(self, term: Term, sigma: Array, forces: Array) -> Any:
        match term:
            case SpinTerm():
                return _contracted(sigma, term.weights)
            case SpinPairTerm():
                first, second = term.sums
                return _contracted(sigma, first.weights) * _contracted(sigma, second.weights)
            case CorrelationTerm():
                return sigma[:, :, None].astype(float) * sigma[:, None, :]
            case ProbabilityTerm():
                shown = np.zeros((len(sigma), 2**self.model.spins))
                shown[np.arange(len(sigma)), configuration_index(sigma)] = 1.0
                return shown
            case IsingDistributionTerm():
                bins = self.bins(term.bins)
                shown = np.zeros((len(sigma), term.bins))
                shown[np.arange(len(sigma)), bins.of(self._energy(forces**2))] = 1.0
                return shown
            case _:
                return self._of_forces(term, forces, forces**2, forces**4)

    def _average(self, term: Term, population: Population) -> Any:
        match term:
            case SpinTerm():
                return _contracted(population.spins, term.weights)
            case SpinPairTerm():
                first, second = (np.asarray(each.weights, float) for each in term.sums)
                return np.einsum("...i,ij,...j->...", first, population.pairs, second)
            case CorrelationTerm():
                return population.pairs
            case ProbabilityTerm():
                return population.probabilities
            case EntropyTerm():
                return entr(np.maximum(population.probabilities, 0.0)).sum()
            case IsingDistributionTerm():
                places = population.places(self.bins(term.bins))
                return np.bincount(places, population.probabilities, minlength=term.bins)
            case PhotonPairTerm():
                return self._of_forces(term, *population.forces(4))
            case _:
                return self._of_forces(term, *population.forces(2))

    def _energy(self, squares: Array) -> Array:
        """H_I from the squares of the forces, (…, M)."""
        alone = (self.model.couplings**2).sum(axis=0)
        return np.asarray(-((squares - alone) @ self.bosons.strengths))

    def _of_forces(self, term: Term, force: Array, square: Array, fourth: Array) -> Any:
        """Terms of modes from moments of the forces on them, (…, M)."""
        bosons = self.bosons
        match term:
            case PhotonTerm():
                return _contracted(bosons.thermal + bosons.per_square * square, term.weights)
            case QuadratureTerm():
                along, across = term.direction
                pull = along * bosons.pull + across * bosons.across
                return _contracted(pull * force, term.weights)
            case InteractionTerm():
                return term.scale * (square @ bosons.pull)
            case IsingTerm():
                own = (
                    (self.model.couplings**2).sum(axis=0) @ bosons.strengths if term.alone else 0.0
                )
                return term.scale * (self._energy(square) - own)
            case PhotonPairTerm():
                pairs = (
                    bosons.per_square**2 * fourth
                    + 4 * bosons.thermal * bosons.per_square * square
                    + 2 * bosons.thermal**2
                )
                return _contracted(pairs, term.weights)
            case _:
                raise TypeError(f"no rule for {type(term).__name__}")


def _contracted(values: Array, weights: Any) -> Array:
    """Σ over the last axis of values (…, N) with weights (w…, N); the values without weights."""
    if weights is None:
        return np.asarray(values, dtype=float)
    weights = np.asarray(weights, dtype=float)
    return np.asarray(np.tensordot(values.astype(float), weights, axes=(-1, -1)))


class Population:
    """Probabilities of all 2^N configurations, and their moments as far as they are asked for."""

    def __init__(self, model: DickeModel) -> None:
        spins = model.spins
        self.model = model
        self.probabilities = np.zeros(0)
        # The number of a configuration is split into its upper and its lower half.
        self._upper = configurations(spins // 2).astype(float)
        self._lower = configurations(spins - spins // 2).astype(float)
        self._places: dict[EnergyBins, Array] = {}

    def at(self, probabilities: Array) -> Population:
        """The population with these probabilities, (2^N,)."""
        made = Population.__new__(Population)
        made.model, made._upper, made._lower = self.model, self._upper, self._lower
        made._places = self._places
        made.probabilities = probabilities
        return made

    @property
    def _table(self) -> Array:
        return self.probabilities.reshape(len(self._upper), len(self._lower))

    @cached_property
    def spins(self) -> Array:
        """⟨σ_j⟩, (N,)."""
        table = self._table
        upper, lower = table.sum(axis=1) @ self._upper, table.sum(axis=0) @ self._lower
        return np.concatenate([upper, lower])

    @cached_property
    def pairs(self) -> Array:
        """⟨σ_i σ_j⟩, (N, N)."""
        table = self._table
        upper = self._upper.T @ (table.sum(axis=1)[:, None] * self._upper)
        lower = self._lower.T @ (table.sum(axis=0)[:, None] * self._lower)
        mixed = self._upper.T @ (table @ self._lower)
        return np.block([[upper, mixed], [mixed.T, lower]])

    def forces(self, order: int) -> tuple[Array, Array, Array]:
        """⟨S⟩, ⟨S²⟩ and, of order 4, ⟨S⁴⟩ of every mode, (M,)."""
        couplings = self.model.couplings
        first = self.spins @ couplings
        second = np.einsum("im,ij,jm->m", couplings, self.pairs, couplings)
        fourth = np.full(len(first), np.nan)
        if order == 4:
            # (u + v)⁴ of the upper and the lower half of the spins.
            cut = self._upper.shape[1]
            for mode, column in enumerate(couplings.T):
                upper, lower = self._upper @ column[:cut], self._lower @ column[cut:]
                ways = zip((1, 4, 6, 4, 1), range(5), strict=True)
                fourth[mode] = sum(
                    way * (upper**power @ (self._table @ lower ** (4 - power)))
                    for way, power in ways
                )
        return first, second, fourth

    def places(self, bins: EnergyBins) -> Array:
        """Interval of the energy of each configuration, (2^N,)."""
        if bins not in self._places:
            places = bins.of(model_energies(self.model))
            self._places[bins] = places.astype(np.int32)
        return self._places[bins]
