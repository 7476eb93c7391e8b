"""One question, with what is estimated of it once for all methods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from opendicke.advising.flips import Slips, slips
from opendicke.advising.fluctuations import Cluster, fluctuations
from opendicke.advising.large import short_times
from opendicke.advising.off import Off
from opendicke.errors import InputError
from opendicke.measure.observables import Observable, find_observables
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState

OF_SPINS = ("sx", "sy", "sz", "sx_spin", "sy_spin", "sz_spin", "overlap")
"""Observables that are means of single spins."""


@dataclass(frozen=True, eq=False)
class Question:
    """One model, one start, some times, and what is promised."""

    model: DickeModel
    state: ProductState
    problem: Problem
    times: Array
    asked: tuple[Observable, ...] | None
    target: float

    @property
    def span(self) -> float:
        """Time between the first and the last output."""
        return float(self.times[-1] - self.times[0])

    @property
    def photons(self) -> bool:
        """Whether modes are asked for."""
        if self.asked is None:
            return self.model.modes > 0
        return any(item.name not in OF_SPINS for item in self.asked)

    @property
    def spread(self) -> float:
        """Standard deviation of one trajectory of truncated Wigner, of spins 1.

        Of photons in all modes, over max(1, photons): in the Wigner function even empty ones
        fluctuate, each by 1/2.
        """
        if not self.photons:
            return 1.0
        model, state = self.model, self.problem.initial
        worst = 1.0
        for occupation in (state.occupation, model.stationary_occupation):
            width = occupation + 0.5
            coherent = np.abs(state.displacement) ** 2
            deviation = math.sqrt(float((width**2 + 2 * width * coherent).sum()))
            worst = max(worst, deviation / max(1.0, float((occupation + coherent).sum())))
        return worst

    @property
    def driven(self) -> bool:
        """Whether a field turns any spin."""
        return bool(self.model.field.any())

    def missing(self, method: AbstractMethod) -> list[str]:
        """What a method does not answer: of all that is asked, or of what is by default."""
        names = ["sx", "sy", "sz", *(["photons"] if self.model.modes else [])]
        found = []
        for item in find_observables(names) if self.asked is None else self.asked:
            try:
                method.check_observables((item,), self.model)
            except InputError:
                found.append(item.name)
        return found

    def refused(self, method: AbstractMethod) -> bool:
        """Whether a method cannot answer what the user asked."""
        return self.asked is not None and bool(self.missing(method))

    def worst(self, off: Off) -> float:
        """The deviation that counts for what is asked."""
        return max(off.spins, off.photons) if self.photons else off.spins

    @cached_property
    def cluster(self) -> Cluster:
        """Classes of equal spins."""
        return Cluster.of(self.problem, self.times)

    @cached_property
    def classical(self) -> tuple[Off, Off, str, bool]:
        """Deviations of mean field and truncated Wigner, how found, and whether to the end."""
        cluster = self.cluster
        closed = len(cluster.field) * cluster.variables <= _CLOSED
        if not self.driven and closed:
            field, wigner = cluster.free(self.times - self.times[0])
            return field, wigner, "in closed form, as there is no field", True
        if cluster.small:
            found = fluctuations(cluster, self.times)
            seen = found.mean_field.possible, found.wigner.possible
            # Until the field turns it, a classical spin turns in its own field.
            quarter = 0.5 / float(np.abs(cluster.field).max())
            early = cluster.free(np.linspace(0, min(self.span, quarter), _EARLY), alone=True)[1]
            wigner = seen[1]._replace(spins=max(seen[1].spins, early.spins))
            how = "by the equations for covariances"
            return seen[0], wigner, how, found.followed
        found_short = short_times(cluster, self.span)
        how = (
            f"by the loss of coherence in modes and other spins alone, as covariances of "
            f"{cluster.variables} variables are not followed"
        )
        return found_short.mean_field, found_short.wigner, how, found_short.short

    @cached_property
    def caution(self) -> float:
        """What estimates from covariances are multiplied by: third cumulants are of order S."""
        return 1.0 + (self.cluster.strength(self.span) if self.driven else 0.0)

    @cached_property
    def flips(self) -> Slips:
        """Deviations of rates of spin flips."""
        return slips(self.problem, self.times)

    @property
    def states(self) -> float:
        """Powers of ten of the states of spins, at least."""
        return float(np.log10(self.problem.weights + 1).sum())


_CLOSED = 4_000_000
"""Numbers from which on closed forms are left."""
_EARLY = 9
