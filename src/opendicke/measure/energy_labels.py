"""What a dataset says beside a distribution of the Ising energy: its intervals, and the lowest."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from opendicke.measure.observables import Observable
from opendicke.measure.terms import IsingDistributionTerm
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.energies import EnergyBins
from opendicke.model.ising import IsingModel


def energy_labels(
    observables: Iterable[Observable],
    model: DickeModel | IsingModel,
    bins_of: Callable[[int], EnergyBins],
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """What belongs to a dataset besides: the energies of its intervals, and the lowest."""
    counts = {
        term.bins
        for item in observables
        for term in item.terms(model)
        if isinstance(term, IsingDistributionTerm) and item.dims == ("energy_bin",)
    }
    if len(counts) != 1:
        return {}
    bins = bins_of(counts.pop())
    made: dict[str, tuple[tuple[str, ...], Array]] = {"bin_energy": (("energy_bin",), bins.centres)}
    if bins.exact:
        made["lowest_energy"] = ((), np.array(bins.lowest))
    return made
