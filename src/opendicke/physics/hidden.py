"""Instabilities of retrieval states that a start exactly along the pattern does not show."""

from __future__ import annotations

from typing import NamedTuple

from opendicke.model.dicke import DickeModel
from opendicke.physics.stationary import EQUAL, pattern_strength
from opendicke.physics.windows import instability_windows, retrieval_growth


class Hidden(NamedTuple):
    """A retrieval state that is linearly unstable, though an aligned start ends in it."""

    strength: float
    upper: float
    """Where the state becomes stable; infinite if nowhere."""
    growth: float


def hidden_instability(model: DickeModel, pattern: int, length: float) -> Hidden | None:
    """Whether the closed forms call the retrieval state of a pattern unstable, and the numbers.

    None where the state is stable or not there, or where the closed forms do not apply: finite N
    with flipped spins, patterns that are not orthogonal, strengths that differ between modes.
    """
    if not length or pattern >= model.modes or not (model.field.all() and model.frequencies.all()):
        return None
    if length < 1 and not model.thermodynamic:
        return None
    strength = pattern_strength(model, pattern)
    for mode in range(model.modes):
        other = None if strength is None else pattern_strength(model, mode)
        if strength is None or other is None or abs(other - strength) > EQUAL * strength:
            return None
    assert strength is not None
    given = (float(model.field[0]), model.frequencies, model.damping, length)
    lower, upper = instability_windows(*given)[pattern]
    if not lower < strength < upper:
        return None
    growth = float(retrieval_growth(strength, *given)[pattern])
    return Hidden(strength, float(upper), growth) if grows(growth, strength) else None


def grows(rate: float, strength: float) -> bool:
    """Whether a growth rate is more than round-off: without loss, oscillations need a resonance."""
    return bool(rate > _ROUND_OFF * strength)


_ROUND_OFF = 1e-12
