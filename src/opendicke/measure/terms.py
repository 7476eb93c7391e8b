"""Terms: the pieces that observables are made of, operators that every method knows how to lift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from opendicke.errors import InputError, shown
from opendicke.model.checks import integer, real


@dataclass(frozen=True, eq=False)
class SpinTerm:
    r""":math:`\sum_j w_j \sigma^{axis}_j`.

    Parameters
    ----------
    axis : {"x", "y", "z"}
        Of the laboratory.
    weights : array (…, N), optional
        One for each spin; leading dimensions become those of the answer. None: every spin by
        itself.
    """

    axis: str
    weights: Any = None


@dataclass(frozen=True, eq=False)
class PhotonTerm:
    r""":math:`\sum_\lambda w_\lambda a^\dagger_\lambda a_\lambda`.

    Parameters
    ----------
    weights : array (…, M), optional
        One for each mode; leading dimensions become those of the answer. None: every mode by
        itself.
    """

    weights: Any = None


@dataclass(frozen=True, eq=False)
class QuadratureTerm:
    r""":math:`\sum_\lambda w_\lambda (a_\lambda e^{-i\theta} + a^\dagger_\lambda e^{i\theta})`.

    Parameters
    ----------
    weights : array (…, M), optional
        One for each mode; leading dimensions become those of the answer. None: every mode by
        itself.
    angle : float
        θ, in radians: 0 gives :math:`a + a^\dagger`, π/2 gives :math:`-i(a - a^\dagger)`, so that
        both together give the complex amplitude.

    Raises
    ------
    InputError
        If the angle is no number.
    """

    weights: Any = None
    angle: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "angle", real("angle", self.angle))

    @property
    def direction(self) -> tuple[float, float]:
        """(cos θ, sin θ): twice its product with (Re a, Im a) is the value for an amplitude a."""
        return math.cos(self.angle), math.sin(self.angle)


@dataclass(frozen=True)
class InteractionTerm:
    r"""`scale` times :math:`\sum_{j\lambda} g_{j\lambda} Z_j (a_\lambda + a^\dagger_\lambda)`.

    Parameters
    ----------
    scale : float
        A factor.

    Raises
    ------
    InputError
        If the scale is no number.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", real("scale", self.scale))


@dataclass(frozen=True)
class IsingTerm:
    r"""`scale` times :math:`H_I = -\sum_{i\ne j,\lambda} \frac{\omega_\lambda g_{i\lambda}
    g_{j\lambda}}{\omega_\lambda^2 + \Gamma_\lambda^2/4} Z_i Z_j`.

    Parameters
    ----------
    scale : float
        A factor.
    alone : bool
        Include terms i = j as products of classical spins, which for Pauli matrices would be
        constants: the energy that a classical flow with self-interaction conserves.

    Raises
    ------
    InputError
        If the scale is no number.
    """

    scale: float = 1.0
    alone: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", real("scale", self.scale))


@dataclass(frozen=True, eq=False)
class SpinPairTerm:
    r""":math:`\tfrac12\langle AB + BA\rangle` of two sums of spin components.

    :math:`A = \sum_j w_j\sigma^a_j` and :math:`B = \sum_j v_j\sigma^b_j`, pairs of a spin with
    itself included: :math:`(\sigma^a_j)^2 = 1`.

    Parameters
    ----------
    axes : (str, str)
        a and b, axes of the laboratory.
    weights : array (…, N)
        w; leading dimensions become those of the answer.
    others : array (…, N), optional
        v; w if left out.

    Raises
    ------
    InputError
        If the axes are not two of x, y and z.
    """

    axes: tuple[str, str]
    weights: Any
    others: Any = None

    def __post_init__(self) -> None:
        given = self.axes
        pair = tuple(given) if isinstance(given, (tuple, list, str)) else ()
        if len(pair) != 2 or any(axis not in ("x", "y", "z") for axis in pair):
            raise InputError("axes", 'be two of "x", "y", "z"', f"was {shown(given)}")
        object.__setattr__(self, "axes", pair)

    @property
    def sums(self) -> tuple[SpinTerm, SpinTerm]:
        """A and B."""
        others = self.weights if self.others is None else self.others
        return SpinTerm(self.axes[0], self.weights), SpinTerm(self.axes[1], others)


@dataclass(frozen=True, eq=False)
class PhotonPairTerm:
    r""":math:`\sum_\lambda w_\lambda a^\dagger_\lambda a^\dagger_\lambda a_\lambda a_\lambda`.

    Parameters
    ----------
    weights : array (…, M), optional
        One for each mode; leading dimensions become those of the answer. None: every mode by
        itself.
    """

    weights: Any = None


@dataclass(frozen=True)
class CorrelationTerm:
    r""":math:`\langle Z_i Z_j\rangle` of every pair of spins on the coupling axis, (N, N)."""


@dataclass(frozen=True)
class ProbabilityTerm:
    """Probability of every configuration of the spins along the coupling axis, (2^N,).

    Spin 0 is the most significant bit of a configuration's number, and a bit of 0 is a spin up.
    """


@dataclass(frozen=True)
class IsingDistributionTerm:
    r"""Probability that the Ising energy :math:`H_I` lies in each of `bins` equal intervals.

    They cover all energies that configurations have, or bounds of them where there are too many
    spins for all to be looked at; see `opendicke.model.configurations.energy_range`.

    Parameters
    ----------
    bins : int
        Number of intervals.

    Raises
    ------
    InputError
        If there is not at least one interval.
    """

    bins: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "bins", integer("bins", self.bins, least=1))


@dataclass(frozen=True)
class EntropyTerm:
    r""":math:`-\sum_\sigma p_\sigma\ln p_\sigma` of the probabilities of all configurations."""


Term = (
    SpinTerm
    | PhotonTerm
    | QuadratureTerm
    | InteractionTerm
    | IsingTerm
    | SpinPairTerm
    | PhotonPairTerm
    | CorrelationTerm
    | ProbabilityTerm
    | IsingDistributionTerm
    | EntropyTerm
)
OF_MODES = (PhotonTerm, QuadratureTerm, InteractionTerm, PhotonPairTerm)
"""Terms that need boson modes."""
SCALARS = (InteractionTerm, IsingTerm, EntropyTerm)
"""Terms whose answer is one number."""
