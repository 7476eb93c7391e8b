r"""What observables are made of, for quantum states: expectation values of simple products.

Every term of an observable is a linear combination of `Primitive` operators, which are symmetrised
products of at most two sums of spins times normally ordered products of mode operators, or
projectors on the values of Z. A method evaluates the primitives; `Question` does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import gammaln

from opendicke.interop.quantum_modes import QuantumModes
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
from opendicke.model.collective import SpinSpace
from opendicke.model.configurations import configurations
from opendicke.model.dicke import AXES
from opendicke.model.energies import EnergyBins, energy_bins
from opendicke.model.reduce import Problem

OFFERED: tuple[type, ...] = (
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
    EntropyTerm,
)
"""Terms that quantum states have a value of."""


class Primitive(NamedTuple):
    """One operator on collective spins and coupled modes."""

    spins: tuple[tuple[int, int], ...] = ()
    """(part, component X Y Z as 0 1 2) of sums over a part; two are symmetrised, ½(AB + BA)."""
    created: tuple[int, ...] = ()
    """Modes of the b† in front, sorted."""
    annihilated: tuple[int, ...] = ()
    """Modes of the b behind, sorted."""
    level: int | None = None
    """Or the projector on the states of this number among the distinct values of Z."""


class Part(NamedTuple):
    """One part of an observable as a linear function of primitives."""

    matrix: sp.csr_array
    """Of entries by primitives, (E, P)."""
    moving: tuple[tuple[int, Array], ...]
    """Primitives whose coefficients change in time, (T, E) each."""
    constant: Array
    """(T, E)"""
    entropy: float
    """Times the entropy of the configurations is added."""

    def __call__(self, values: Array, entropy: Array | None) -> Array:
        """Real values (…, T, E) of primitives (…, T, P)."""
        # Sizes are given in full: of modes without spins nothing is left to know, and P is 0.
        flat = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
        made = (self.matrix @ flat.T).T.reshape(*values.shape[:-1], self.matrix.shape[0])
        for column, coefficients in self.moving:
            made = made + values[..., column, None] * coefficients
        made = made.real + self.constant
        if self.entropy:
            assert entropy is not None
            made = made + self.entropy * entropy[..., None]
        return np.asarray(made)


class Question:
    """Some observables of one problem, in terms of primitives."""

    def __init__(
        self,
        problem: Problem,
        space: SpinSpace,
        modes: QuantumModes,
        observables: Sequence[Observable],
        elapsed: Array,
    ) -> None:
        self.problem, self.space, self.modes = problem, space, modes
        self.observables, self.elapsed = tuple(observables), elapsed
        self._column: dict[Primitive, int] = {}
        self._bins: dict[int, EnergyBins] = {}
        tables = {
            item.name: [self._table(part, item) for part in item.parts(problem.model)]
            for item in self.observables
        }
        self.linear = {name: [table.finished() for table in made] for name, made in tables.items()}

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """All that must be known, in order."""
        return tuple(self._column)

    @property
    def highest(self) -> int:
        """Mode operators in the longest product."""
        orders = (len(item.created) + len(item.annihilated) for item in self._column)
        return max(orders, default=0)

    def answers(self, values: Array) -> dict[str, Array]:
        """By observable (T, shape) from primitives (T, P)."""
        made = {}
        for item in self.observables:
            parts = self.parts_of(values, item)
            if item.combine is None:
                made[item.name] = parts[0]
            else:
                with np.errstate(all="ignore"):
                    made[item.name] = np.asarray(item.combine(*parts))
        return made

    def parts_of(self, values: Array, item: Observable) -> Array:
        """Parts of one observable, (parts, …, T, shape)."""
        shape = item.shape(self.problem.model)
        entropy = self._entropy(values)
        parts = [part(values, entropy) for part in self.linear[item.name]]
        return np.stack([p.reshape(*p.shape[:-1], *shape) for p in parts])

    def labels(self) -> dict[str, tuple[tuple[str, ...], Array]]:
        """The energies of intervals of the Ising energy, and the lowest."""
        return energy_labels(self.observables, self.problem.model, self._energy_bins)

    # --- terms -----------------------------------------------------------------------------------

    def _table(self, terms: Sequence[Term], item: Observable) -> _Table:
        entries = math.prod(item.shape(self.problem.model))
        table = _Table(entries, len(self.elapsed), self._column)
        for term in terms:
            self._add(term, table)
        return table

    def _add(self, term: Term, table: _Table) -> None:
        match term:
            case SpinTerm(axis, None):
                part, comp, sign = self._along(axis)
                weights = sign / self.space.counts[part]
                for c in range(len(self.space.parts)):
                    own = np.flatnonzero(part == c)
                    table.add(Primitive(((c, comp),)), own, weights[own])
            case SpinTerm(axis, weights):
                comp, sums, _ = self._sums(axis, weights)
                for c, column in enumerate(sums.T):
                    table.add_column(Primitive(((c, comp),)), column / self.space.counts[c])
            case SpinPairTerm():
                self._add_pair(term, table)
            case CorrelationTerm():
                self._add_correlations(table)
            case PhotonTerm(weights):
                self._add_photons(weights, table)
            case QuadratureTerm(weights):
                self._add_quadratures(term, weights, table)
            case PhotonPairTerm(weights):
                self._add_photon_pairs(weights, table)
            case InteractionTerm(scale):
                for c, spins in enumerate(self.space.parts):
                    for place, mode in enumerate(self.modes.kept):
                        g = scale * spins.couplings[mode]
                        table.add(Primitive(((c, 2),), (), (place,)), [0], [g])
                        table.add(Primitive(((c, 2),), (place,), ()), [0], [g])
            case IsingTerm():
                self._add_ising(term, table)
            case ProbabilityTerm():
                self._add_probabilities(table)
            case IsingDistributionTerm(bins):
                for level, number, share in self._in_bins(self._energy_bins(bins)):
                    table.add(Primitive(level=level), [number], [share])
            case EntropyTerm():
                for level in range(len(self.levels)):
                    table.column(Primitive(level=level))
                table.entropy += 1.0
            case _:
                raise TypeError(f"no rule to evaluate {term!r} in a quantum state")

    def _along(self, axis: str) -> tuple[Array, int, Array]:
        """Part and sign of each spin, and the component, along a laboratory axis."""
        component = self.problem.model.frame()[:, AXES.index(axis)]
        comp = int(np.argmax(np.abs(component)))
        sign = np.full(len(self.space.member), component[comp])
        return self.space.member, comp, sign * (1.0 if comp == 0 else self.space.sign)

    def _sums(self, axis: str, weights: object) -> tuple[int, Array, Array]:
        """Component, sums of signed weights over each part (E, C), and signed weights (E, N)."""
        part, comp, sign = self._along(axis)
        table = np.asarray(weights, float)
        signed = table.reshape(-1, table.shape[-1]) * sign
        count = len(self.space.parts)
        sums = np.stack([np.bincount(part, row, minlength=count) for row in signed])
        return comp, sums, signed

    def _add_pair(self, term: SpinPairTerm, table: _Table) -> None:
        first, second = term.sums
        a, w, each_w = self._sums(first.axis, first.weights)
        b, v, each_v = self._sums(second.axis, second.weights)
        self._add_product(table, (a, b), (w, v), (each_w, each_v))

    def _add_product(
        self,
        table: _Table,
        components: tuple[int, int],
        sums: tuple[Array, Array],
        each: tuple[Array, Array],
    ) -> None:
        r"""Σ_jk w_j v_k ½⟨σᵃ_j σᵇ_k + σᵇ_k σᵃ_j⟩; averages over pairs of a part for j ≠ k."""
        (a, b), (w, v) = components, sums
        same = each[0] * each[1]
        if a == b:
            table.constant += same.sum(axis=1)
        parts, counts = range(len(self.space.parts)), self.space.counts
        for c, d in product(parts, parts):
            if c != d:
                weight = w[:, c] * v[:, d] / (counts[c] * counts[d])
            elif counts[c] < 2:
                continue
            else:
                own = self.space.member == c
                pairs = counts[c] * (counts[c] - 1)
                weight = (w[:, c] * v[:, c] - same[:, own].sum(axis=1)) / pairs
                if a == b:  # the sum over pairs is that of all less n
                    table.constant -= weight * counts[c]
            table.add_column(Primitive(tuple(sorted(((c, a), (d, b))))), weight)

    def _add_correlations(self, table: _Table) -> None:
        spins, member, sign = len(self.space.member), self.space.member, self.space.sign
        table.constant += np.eye(spins).ravel()
        counts = self.space.counts
        first, second = np.divmod(np.arange(spins**2), spins)
        for c, d in product(range(len(counts)), repeat=2):
            pairs = counts[c] * (counts[d] - (c == d))
            if not pairs:
                continue
            own = np.flatnonzero((member[first] == c) & (member[second] == d) & (first != second))
            weight = sign[first[own]] * sign[second[own]] / pairs
            table.add(Primitive(tuple(sorted(((c, 2), (d, 2))))), own, weight)
            if c == d:
                table.constant[:, own] -= weight * counts[c]

    def _add_ising(self, term: IsingTerm, table: _Table) -> None:
        strength = -term.scale * self.problem.ising_strengths
        rows = np.stack([part.couplings for part in self.space.parts])
        between = (rows * strength) @ rows.T
        counts = self.space.counts
        for c, d in product(range(len(counts)), repeat=2):
            table.add(Primitive(tuple(sorted(((c, 2), (d, 2))))), [0], [between[c, d]])
        if not term.alone or self.problem.own is not None:
            table.constant -= counts @ np.diag(between)

    # --- modes -----------------------------------------------------------------------------------

    def _weights(self, weights: object) -> Array:
        """(E, M), one row per mode if there are none."""
        if weights is None:
            return np.eye(self.problem.model.modes)
        table = np.asarray(weights, float)
        return table.reshape(-1, table.shape[-1])

    def _add_photons(self, weights: object, table: _Table) -> None:
        chosen, q = self._weights(weights), self.modes.rotation
        dark = self.modes.dark_amplitude(self.elapsed)
        thermal = self.modes.dark_photons(self.elapsed)
        table.constant += (np.abs(dark) ** 2 + thermal) @ chosen.T
        for k, bright in product(range(self.modes.count), repeat=2):
            table.add_column(Primitive((), (k,), (bright,)), chosen @ (q[:, k] * q[:, bright]))
        if dark.any():
            for bright in range(self.modes.count):
                moving = (dark.conj() * q[:, bright]) @ chosen.T
                table.add_moving(Primitive((), (), (bright,)), moving)
                table.add_moving(Primitive((), (bright,), ()), moving.conj())

    def _add_quadratures(self, term: QuadratureTerm, weights: object, table: _Table) -> None:
        chosen, q = self._weights(weights), self.modes.rotation
        turned = np.exp(-1j * getattr(term, "angle", 0.0))
        dark = self.modes.dark_amplitude(self.elapsed)
        table.constant += 2 * (turned * dark).real @ chosen.T
        for bright in range(self.modes.count):
            table.add_column(Primitive((), (), (bright,)), turned * (chosen @ q[:, bright]))
            table.add_column(Primitive((), (bright,), ()), turned.conj() * (chosen @ q[:, bright]))

    def _add_photon_pairs(self, weights: object, table: _Table) -> None:
        """c†c†cc + 4n c†c + 2n² of every mode, with c = Σ Q b + d and thermal photons n."""
        chosen = self._weights(weights)
        dark = self.modes.dark_amplitude(self.elapsed)
        thermal = self.modes.dark_photons(self.elapsed)
        table.constant += 2 * thermal**2 @ chosen.T
        for mode in range(chosen.shape[1]):
            column = chosen[:, mode]
            if not column.any():
                continue
            factors = [
                (bright, self.modes.rotation[mode, bright]) for bright in range(self.modes.count)
            ]
            factors = [(bright, value) for bright, value in factors if value]
            d, n = dark[:, mode], thermal[:, mode]
            for power, scale in ((2, np.ones_like(n)), (1, 4 * n)):
                if not scale.any():
                    continue
                for names, value in _expanded(factors, d, power):
                    created, annihilated = names
                    moving = np.multiply.outer(value * scale, column)
                    if not (created or annihilated):
                        table.constant += moving.real
                    elif np.ptp(moving, axis=0).any():
                        table.add_moving(Primitive((), created, annihilated), moving)
                    else:
                        table.add_column(Primitive((), created, annihilated), moving[0])

    # --- configurations --------------------------------------------------------------------------

    @property
    def levels(self) -> Array:
        """Distinct values of Z of all parts, (G, C)."""
        return level_values(self.space)

    def _copies(self) -> Array:
        """Configurations of single spins behind each level, as logarithms, (G,)."""
        counts = self.space.counts
        up = (counts + self.levels) / 2
        logs = gammaln(counts + 1) - gammaln(up + 1) - gammaln(counts - up + 1)
        return np.asarray(logs.sum(axis=1))

    def _add_probabilities(self, table: _Table) -> None:
        spins = len(self.space.member)
        sigma = configurations(spins) * self.space.sign
        count = len(self.space.parts)
        sums = np.stack(
            [sigma[:, self.space.member == c].sum(axis=1) for c in range(count)], axis=1
        )
        lookup = {tuple(row): g for g, row in enumerate(self.levels.astype(int).tolist())}
        share = np.exp(-self._copies())
        numbers = np.array([lookup[tuple(row)] for row in sums.astype(int).tolist()])
        for level in range(len(self.levels)):
            own = np.flatnonzero(numbers == level)
            table.add(Primitive(level=level), own, np.full(len(own), share[level]))

    def _in_bins(self, bins: EnergyBins) -> Iterator[tuple[int, int, float]]:
        rows = np.stack([part.couplings for part in self.space.parts])
        strength = self.problem.ising_strengths
        forces = self.levels @ rows
        own = self.space.counts @ (rows**2 @ strength)
        energies = -(forces**2 @ strength) + own
        for level, number in enumerate(bins.of(energies)):
            yield level, int(number), 1.0

    def _energy_bins(self, count: int) -> EnergyBins:
        if count not in self._bins:
            self._bins[count] = energy_bins((self.problem.model,), count)
        return self._bins[count]

    def _entropy(self, values: Array) -> Array | None:
        """−Σ p ln p of the configurations, (…, T)."""
        columns = [k for k, item in enumerate(self._column) if item.level is not None]
        if not any(part.entropy for parts in self.linear.values() for part in parts):
            return None
        level = np.array([item.level for item in self._column if item.level is not None])
        p = np.maximum(values[..., columns].real, 0.0)
        each = np.where(p > 0, np.log(np.where(p > 0, p, 1.0)), 0.0) - self._copies()[level]
        return np.asarray(-(p * each).sum(axis=-1))


def level_values(space: SpinSpace) -> Array:
    """Distinct values of Z of all parts, (G, C)."""
    return np.unique(space.z, axis=0)


def _expanded(
    factors: list[tuple[int, float]], dark: Array, power: int
) -> Iterator[tuple[tuple[tuple[int, ...], tuple[int, ...]], Array]]:
    """Monomials of (c†)^power c^power with c = Σ Q_l b_l + d, and their coefficients in time."""
    choices: list[tuple[int | None, Array]] = [
        (bright, np.full(len(dark), q, complex)) for bright, q in factors
    ]
    if dark.any():
        choices.append((None, dark))
    for left in product(choices, repeat=power):
        for right in product(choices, repeat=power):
            value = np.ones(len(dark), complex)
            for name, factor in left:
                value = value * (factor.conj() if name is None else factor)
            for _, factor in right:
                value = value * factor
            created = tuple(sorted(name for name, _ in left if name is not None))
            annihilated = tuple(sorted(name for name, _ in right if name is not None))
            yield (created, annihilated), value


class _Table:
    """Coefficients of one part while they are collected."""

    def __init__(self, entries: int, times: int, column: dict[Primitive, int]) -> None:
        self.entries, self._column = entries, column
        self.constant = np.zeros((times, entries))
        self.entropy = 0.0
        self._rows: list[Array] = []
        self._columns: list[Array] = []
        self._values: list[Array] = []
        self._moving: list[tuple[int, Array]] = []

    def column(self, primitive: Primitive) -> int:
        """Number of a primitive, new or known."""
        return self._column.setdefault(primitive, len(self._column))

    def add(self, primitive: Primitive, entries: object, values: object) -> None:
        """Coefficients of one primitive at some entries."""
        rows, chosen = np.atleast_1d(np.asarray(entries)), np.atleast_1d(np.asarray(values))
        present = chosen != 0
        if present.any():
            number = self.column(primitive)
            self._rows.append(rows[present])
            self._columns.append(np.full(int(present.sum()), number))
            self._values.append(chosen[present].astype(complex))

    def add_column(self, primitive: Primitive, values: Array) -> None:
        """Coefficients of one primitive at all entries."""
        self.add(primitive, np.arange(self.entries), values)

    def add_moving(self, primitive: Primitive, values: Array) -> None:
        """Coefficients that change in time, (T, E)."""
        self._moving.append((self.column(primitive), values))

    def finished(self) -> Part:
        """The part, once all terms are added."""
        empty = [np.zeros(0, int)]
        matrix = sp.csr_array(
            (
                np.concatenate(self._values or [np.zeros(0, complex)]),
                (np.concatenate(self._rows or empty), np.concatenate(self._columns or empty)),
            ),
            shape=(self.entries, len(self._column)),
        )
        return Part(matrix, tuple(self._moving), self.constant, self.entropy)
