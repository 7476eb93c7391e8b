"""How far a method is off."""

from __future__ import annotations

import math
from typing import NamedTuple


class Off(NamedTuple):
    """Deviations of one method from exact."""

    spins: float
    """Of single-spin Pauli expectation values."""
    photons: float
    """Relative to max(1, photons)."""

    @property
    def possible(self) -> Off:
        """With spins off by 2 at most, unless nothing is known: others are none that exist."""
        return self._replace(spins=min(self.spins, 2.0)) if math.isfinite(self.spins) else self
