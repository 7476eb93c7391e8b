"""Equal intervals of the Ising energy, for distributions over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from opendicke.model.checks import Array
from opendicke.model.configurations import RANGE, energy_range
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel


class EnergyBins(NamedTuple):
    """Equal intervals that hold the energies H_I of all configurations."""

    lowest: float
    highest: float
    number: int
    exact: bool
    """Whether both ends are energies of configurations, not bounds."""

    @property
    def centres(self) -> Array:
        """Middle of each interval, (count,)."""
        width = (self.highest - self.lowest) / self.number
        return self.lowest + (np.arange(self.number) + 0.5) * width

    def of(self, energies: Array) -> Array:
        """Number of the interval of each energy."""
        span = self.highest - self.lowest
        if span <= 0:
            return np.zeros(np.shape(energies), np.int64)
        # Levels at edges belong to the interval above, whatever rounding makes of them.
        places = ((energies - self.lowest) * (self.number / span) + 1e-9).astype(np.int64)
        return np.asarray(np.clip(places, 0, self.number - 1))


def energy_bins(models: Sequence[DickeModel | IsingModel], number: int) -> EnergyBins:
    """Intervals from the lowest to the highest Ising energy of some models, or bounds of them."""
    lowest, highest = zip(*map(energy_range, models), strict=True)
    exact = len(set(lowest)) == 1 and models[0].spins <= RANGE
    return EnergyBins(min(lowest), max(highest), number, exact)
