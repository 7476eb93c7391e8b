"""Chains of kinetic Monte Carlo: configurations that follow one set of flip rates, in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.methods import plain_rejection, rejection_free, windowed, windowed_many
from opendicke.methods.chain_state import Block, Interactions, Log, empty_log, refresh
from opendicke.methods.rate_bounds import Peaks, peaks
from opendicke.methods.streams import streams
from opendicke.model.checks import Array, choice
from opendicke.physics.rate_table import FlipRates

SAMPLERS = ("windowed", "rejection-free", "plain")
_KNOWN = 32
"""Rejected spins of which a chain keeps the rate until the next flip."""
_MOST_PAIRS = 1500
"""Spins up to which the table of all pairs is kept (18 MB)."""


class Counts(NamedTuple):
    """What chains did: flips, trials of a flip, and windows (or passes over all spins)."""

    events: int
    trials: int
    windows: int


@dataclass
class ChainBlock:
    """B chains on their way; `Chains.advance` changes it.

    `spins` (B, N) of ±1, `clock` (B,) the times reached, in units of inverse energy.
    """

    arrays: Block
    first: int
    owner: Any = None
    workspace: Any = None
    factor: float = 1.0

    @property
    def spins(self) -> Array:
        """Configurations, (B, N) of ±1 as int8: a view that changes with the chains."""
        return self.arrays.spins

    @property
    def clock(self) -> Array:
        """Time that each chain has reached, (B,)."""
        return self.arrays.clock

    @property
    def counts(self) -> Counts:
        """What all chains of the block did so far."""
        return Counts(*map(int, self.arrays.counts.sum(axis=0)))


class Chains:
    r"""Chains in which spin i flips at the rate

    .. math::
        W_i(\epsilon_i), \qquad
        \epsilon_i = \sum_\lambda c_\lambda g_{i\lambda}\sigma_i
                     \sum_{l\ne i} g_{l\lambda}\sigma_l

    (fiorelli2020 Eqs. (2), (3)). All samplers draw from the same law, exactly; they use random
    numbers differently.

    Parameters
    ----------
    rates : FlipRates
        Rates of all spins.
    couplings : array (N, M)
        :math:`g_{i\lambda}`, in units of energy.
    strengths : array (M,)
        :math:`c_\lambda = 16\omega_\lambda/(4\omega_\lambda^2 + \Gamma_\lambda^2)`, in units of
        inverse energy.
    sampler : {"windowed", "rejection-free", "plain"}
        `sampling` in `chain_sampler` chooses the one that suits a problem.
    """

    def __init__(
        self, rates: FlipRates, couplings: Array, strengths: Array, sampler: str = "windowed"
    ) -> None:
        self.sampler = choice("sampler", sampler, SAMPLERS)
        couplings = np.ascontiguousarray(couplings, dtype=float)
        strengths = np.ascontiguousarray(strengths, dtype=float)
        self.spins, self.modes = couplings.shape
        keep = sampler == "rejection-free" and self.modes > 2 and self.spins <= _MOST_PAIRS
        weighted = couplings * strengths
        self._model = Interactions(
            couplings,
            np.ascontiguousarray(couplings.T),
            strengths,
            (weighted * couplings).sum(axis=1),
            weighted @ couplings.T if keep else np.zeros((0, 0)),
        )
        bounds = peaks(rates)
        # Rates in units of about the largest: bounds of single precision neither vanish nor
        # overflow. A power of two rounds nothing.
        largest = float(bounds.parts.max()) * float(np.abs(rates.arrays.weights).max())
        self._unit = 2.0 ** float(np.frexp(largest)[1]) if largest > 0 else 1.0
        self._arrays = rates.arrays._replace(weights=rates.arrays.weights / self._unit)
        self._peaks: Peaks = bounds
        self._cells: Any = None
        self._alias: Any = None
        self._classes: windowed.Classes | None = None
        if sampler == "rejection-free":
            self._cells = rejection_free.cells(self._arrays, bounds, self._model.own)
        elif sampler == "windowed" and self.modes == 1:
            self._classes = windowed.classes(self._arrays, couplings[:, 0], float(strengths[0]))
        elif sampler == "plain":
            self._alias = plain_rejection.alias(self._arrays, bounds)

    @property
    def largest_rate(self) -> float:
        """Sum of the largest rates of all spins, whatever the configuration: 1/time."""
        if self._alias is None:
            self._alias = plain_rejection.alias(self._arrays, self._peaks)
        return float(self._alias.total[0]) * self._unit

    def start(
        self,
        configurations: Array,
        words: Array,
        first: int = 0,
        count: int | None = None,
        *,
        time: float = 0.0,
        purpose: int = 0,
    ) -> ChainBlock:
        """A block of chains.

        Parameters
        ----------
        configurations : array (B, N) or (N,) of ±1
            Where they start; one for all with `count`.
        words : array (2,) of uint32
            From `trajectory_words`: what a chain does depends on them and on its number alone.
        first : int
            Number of the first chain.
        count : int, optional
            Number of chains where all start alike.
        time : float
            When they start, in units of inverse energy.
        """
        spins = np.asarray(configurations)
        if spins.ndim == 1:
            spins = np.broadcast_to(spins, (1 if count is None else count, len(spins)))
        if spins.ndim != 2 or spins.shape[1] != self.spins or not np.isin(spins, (-1, 1)).all():
            raise InputError(
                "configurations", f"be rows of {self.spins} spins ±1", f"had shape {spins.shape}"
            )
        many = len(spins)
        block = Block(
            spins=np.array(spins, dtype=np.int8, order="C"),
            sums=np.zeros((many, self.modes)),
            fields=np.zeros((many, 0)),
            streams=streams(words, first, many, purpose),
            clock=np.full(many, float(time)),
            due=np.full(many, np.nan),
            age=np.zeros(many, dtype=np.int64),
            level=np.zeros(many, dtype=np.int64),
            spent=np.zeros(many, dtype=np.int64),
            centre=np.zeros((many, self.modes)),
            known=np.zeros(many, dtype=np.int64),
            known_spins=np.zeros((many, _KNOWN), dtype=np.int64),
            known_rates=np.zeros((many, _KNOWN)),
            counts=np.zeros((many, 3), dtype=np.int64),
        )
        return ChainBlock(block, first)

    def advance(
        self, state: ChainBlock, until: float, *, factor: float = 1.0, log: Log | None = None
    ) -> bool:
        """Every chain goes on to the time `until`; whether all arrived.

        A chain stops before only where its record is full: take the record away (set `log.filled`
        to zero) and advance again. Configurations do not depend on the times at which chains stop
        in between.

        Parameters
        ----------
        state : ChainBlock
            Chains of this object, or of another with the same spins and modes, whose rates were
            valid up to now.
        until : float
            In units of inverse energy.
        factor : float
            All rates are multiplied by it: a field that changes between calls.
        log : Log, optional
            Where events are recorded, from `empty_log`.
        """
        if not 0.0 <= factor < np.inf:
            raise InputError("factor", "be finite and not negative", f"was {factor}")
        if state.owner is not self:
            self._adopt(state)
        elif state.factor != factor:
            # What is left of an exponential waiting time is rescaled.
            block = state.arrays
            left = block.due - block.clock
            with np.errstate(divide="ignore", invalid="ignore"):
                block.due[:] = block.clock + left * (state.factor / factor if factor else np.inf)
            block.due[np.isinf(left) | (state.factor == 0.0)] = np.nan
        state.factor = factor
        record = empty_log(len(state.clock), 0) if log is None else log
        self._run(state, float(until), factor * self._unit, record)
        return bool((state.clock >= until).all())

    def _adopt(self, state: ChainBlock) -> None:
        """Chains that followed other rates, or none: new sums, windows and waiting times."""
        block = state.arrays
        wanted = self.spins if self.sampler == "rejection-free" else 0
        if block.fields.shape[1] != wanted:
            block = block._replace(fields=np.zeros((len(block.clock), wanted)))
            state.arrays = block
        for chain in range(len(block.clock)):
            refresh(self._model, block, chain)
        block.due[:] = np.nan
        block.known[:] = 0
        block.spent[:] = 0
        if state.owner is None:
            # About an eighth of what the fields are in a random configuration.
            block.level[:] = 3 + max(1, round(0.5 * np.log2(self.spins)))
        block.centre[:] = block.sums
        if self.sampler == "rejection-free":
            state.workspace = rejection_free.workspace(self.spins)
        elif self.sampler == "windowed":
            if self.modes == 1:
                assert self._classes is not None
                state.workspace = windowed.members(
                    self._classes, self._model.couplings[:, 0], block.spins
                )
            else:
                nodes = self._arrays.weights.shape[1]
                state.workspace = windowed_many.workspace(self.spins, nodes)
        state.owner = self

    def _run(self, state: ChainBlock, until: float, factor: float, log: Log) -> None:
        arrays, model, block, work = self._arrays, self._model, state.arrays, state.workspace
        # Never at infinity: a chain without rates must come to an end, too.
        until = min(until, float(np.finfo(float).max))
        if self.sampler == "plain":
            plain_rejection.advance_plain(arrays, self._alias, model, block, log, until, factor)
        elif self.sampler == "rejection-free":
            rejection_free.advance_free(arrays, self._cells, model, block, work, log, until, factor)
        elif self.modes == 1:
            windowed.advance_single(arrays, self._classes, model, block, work, log, until, factor)
        else:
            windowed_many.advance_many(arrays, self._peaks, model, block, work, log, until, factor)
