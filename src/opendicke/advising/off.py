"""How far a method is off."""

from __future__ import annotations

from typing import NamedTuple


class Off(NamedTuple):
    """Deviations of one method from exact."""

    spins: float
    """Of single-spin Pauli expectation values."""
    photons: float
    """Relative to max(1, photons)."""
