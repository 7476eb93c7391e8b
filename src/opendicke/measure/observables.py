"""Observables as data: operators written as sums of terms that every method knows how to lift.

An observable is a function of the model that returns terms. It names no solver: a classical flow
contracts the terms with its groups and modes once and evaluates them along trajectories, an exact
method turns them into matrices. Register your own with the decorator `observable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.errors import InputError, nearest, shown
from opendicke.model.checks import Array, choice, numeric_array, real
from opendicke.model.dicke import AXES, DickeModel


@dataclass(frozen=True, eq=False)
class SpinTerm:
    r""":math:`\sum_j w_j \sigma^{axis}_j`; weights (…, N), or None for every spin by itself.

    `axis` is one of the laboratory's "x", "y", "z".
    """

    axis: str
    weights: Any = None


@dataclass(frozen=True, eq=False)
class PhotonTerm:
    r""":math:`\sum_\lambda w_\lambda a^\dagger_\lambda a_\lambda`; weights (…, M) or None: each."""

    weights: Any = None


@dataclass(frozen=True, eq=False)
class QuadratureTerm:
    r""":math:`\sum_\lambda w_\lambda (a_\lambda + a^\dagger_\lambda)`; weights (…, M) or None."""

    weights: Any = None


@dataclass(frozen=True)
class InteractionTerm:
    r"""`scale` times :math:`\sum_{j\lambda} g_{j\lambda} Z_j (a_\lambda + a^\dagger_\lambda)`."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", real("scale", self.scale))


@dataclass(frozen=True)
class IsingTerm:
    r"""`scale` times :math:`H_I = -\sum_{i\ne j,\lambda} \frac{\omega_\lambda g_{i\lambda}
    g_{j\lambda}}{\omega_\lambda^2 + \Gamma_\lambda^2/4} Z_i Z_j`."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", real("scale", self.scale))


Term = SpinTerm | PhotonTerm | QuadratureTerm | InteractionTerm | IsingTerm
Builder = Callable[[DickeModel], Any]


@dataclass(frozen=True)
class Observable:
    """A named question: how it is built from a model, and how its answer is labelled."""

    name: str
    build: Builder
    dims: tuple[str, ...] = ()
    unit: str = "1"
    long_name: str = ""
    extensive: bool = False
    """Grows with the system, so that it is counted per spin in the thermodynamic limit."""

    def terms(self, model: DickeModel) -> tuple[Term, ...]:
        """The terms for one model, checked.

        Raises
        ------
        InputError
            If the registered function returns something that is not terms of this model.
        """
        return self._checked(model)[0]

    def _checked(self, model: DickeModel) -> tuple[tuple[Term, ...], tuple[int, ...]]:
        """The terms and the shape they share, built and checked once."""
        made = self.build(model)
        terms = (made,) if isinstance(made, Term) else made
        if not isinstance(terms, (tuple, list)) or not terms:
            raise InputError(
                f"observable {self.name}", "return a term or a list of terms", f"gave {shown(made)}"
            )
        return tuple(terms), self._common_shape(terms, model)

    def shape(self, model: DickeModel) -> tuple[int, ...]:
        """Sizes of the dimensions besides time."""
        return self._checked(model)[1]

    def _common_shape(self, terms: Sequence[object], model: DickeModel) -> tuple[int, ...]:
        shapes = [self._shape(term, model) for term in terms]
        for shape in shapes:
            if shape != shapes[0]:
                raise InputError(
                    f"observable {self.name}",
                    "give terms of one shape",
                    f"gave the shapes {shapes[0]} and {shape}",
                )
        if len(shapes[0]) != len(self.dims):
            raise InputError(
                f"observable {self.name}",
                f"give terms with the dimensions {self.dims}",
                f"gave one of shape {shapes[0]}",
            )
        extents = {"spin": model.spins, "mode": model.modes}
        for dim, size in zip(self.dims, shapes[0], strict=True):
            if size != extents.get(dim, size):
                raise InputError(
                    f"observable {self.name}",
                    f"have {extents[dim]} entries along `{dim}`",
                    f"had {size}",
                )
        return shapes[0]

    def _shape(self, term: object, model: DickeModel) -> tuple[int, ...]:
        """Dimensions of a term's answer besides time."""
        if not isinstance(term, Term):
            raise InputError(f"observable {self.name}", "be made of terms", f"gave {shown(term)}")
        if isinstance(term, (InteractionTerm, IsingTerm)):
            return ()
        if isinstance(term, SpinTerm):
            choice(f"axis of observable {self.name}", term.axis, AXES)
        size = model.spins if isinstance(term, SpinTerm) else model.modes
        if term.weights is None:
            return (size,)
        weights = numeric_array(f"weights of observable {self.name}", term.weights)
        if weights.shape[-1:] != (size,):
            raise InputError(
                f"weights of observable {self.name}",
                f"have {size} entries in the last dimension",
                f"had shape {weights.shape}",
            )
        return tuple(weights.shape[:-1])


_registry: dict[str, Observable] = {}

RESERVED = (
    "time",
    "spin",
    "mode",
    "pattern",
    "pattern_name",
    "realization",
    "status",
    "step",
    "estimated_error",
)
"""Names that datasets use themselves."""


def observable(
    name: str | None = None,
    *,
    dims: tuple[str, ...] = (),
    unit: str = "1",
    long_name: str = "",
    extensive: bool = False,
    replace: bool = False,
) -> Callable[[Builder], Builder]:
    """Register an observable: a function from a `DickeModel` to one term or a list of terms.

    Parameters
    ----------
    name : str, optional
        What users ask for; the function's name if left out.
    dims : tuple of str
        Dimensions of the answer besides time: the leading dimensions of the terms' weights.
        "spin", "mode" and "pattern" are the library's own.
    unit, long_name : str
        Labels for datasets and figures.
    extensive : bool
        Grows with the system: labelled "per spin" in the thermodynamic limit.
    replace : bool
        Allow an existing name to be overwritten.

    Examples
    --------
    >>> import numpy as np, opendicke as od
    >>> @od.observable(dims=("half",), long_name="mean spin of each half", replace=True)
    ... def halves(model):
    ...     weights = np.zeros((2, model.spins))
    ...     weights[0, : model.spins // 2] = 2 / model.spins
    ...     weights[1, model.spins // 2 :] = 2 / model.spins
    ...     return od.SpinTerm("z", weights)
    """

    taken = {"time", "realization"} & set(dims)
    if not isinstance(dims, tuple) or taken or len(set(dims)) != len(dims):
        raise InputError(
            "dims",
            "be a tuple of distinct names other than time and realization",
            f"was {shown(dims)}",
        )

    def register(build: Builder) -> Builder:
        label = str(name or getattr(build, "__name__", ""))
        if not label.isidentifier():
            raise InputError("name", "be a Python identifier", f"was {shown(label)}")
        if label in RESERVED or label.endswith("_stderr"):
            raise InputError("name", "be free for an observable", f"`{label}` is used in datasets")
        if label in _registry and not replace:
            raise InputError("name", "not be taken (or give replace=True)", f"`{label}` is")
        _registry[label] = Observable(
            label, build, tuple(dims), unit, long_name or label, extensive
        )
        return build

    return register


def find_observables(names: object) -> tuple[Observable, ...]:
    """The registered observables of the given names, in order, each once."""
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Iterable):
        raise InputError("observables", "be a list of names", f"was {shown(names)}")
    found: dict[str, Observable] = {}
    for name in names:
        if not isinstance(name, str) or name not in _registry:
            received = nearest(name, _registry) if isinstance(name, str) else f"had {shown(name)}"
            raise InputError("observables", "be names of registered observables", received)
        found[name] = _registry[name]
    if not found:
        raise InputError("observables", "name at least one observable", "was empty")
    return tuple(found.values())


def known_observables() -> tuple[str, ...]:
    """Names of all registered observables."""
    return tuple(_registry)


def _spins(model: DickeModel) -> Array:
    return np.asarray(model.weights) if model.thermodynamic else np.ones(model.spins)


for _axis in AXES:

    def _mean_spin(model: DickeModel, axis: str = _axis) -> SpinTerm:
        return SpinTerm(axis, model.fractions)

    def _each_spin(model: DickeModel, axis: str = _axis) -> SpinTerm:
        return SpinTerm(axis)

    observable(f"s{_axis}", long_name=f"mean σ{_axis} of the spins")(_mean_spin)
    observable(f"s{_axis}_spin", dims=("spin",), long_name=f"σ{_axis} of each spin")(_each_spin)


@observable(long_name="number of photons", extensive=True)
def photons(model: DickeModel) -> PhotonTerm:
    """Sum over modes of a†a."""
    return PhotonTerm(np.ones(model.modes))


@observable(dims=("mode",), long_name="number of photons in each mode", extensive=True)
def photons_mode(model: DickeModel) -> PhotonTerm:
    """a†a of every mode."""
    return PhotonTerm()


@observable(dims=("mode",), long_name="quadrature a + a† of each mode")
def quadrature_mode(model: DickeModel) -> QuadratureTerm:
    """a + a† of every mode."""
    return QuadratureTerm()


@observable(dims=("pattern",), long_name="overlap with each pattern")
def overlap(model: DickeModel) -> SpinTerm:
    """(1/N) sum of pattern times Z (carollo2021, Fig. 1a)."""
    return SpinTerm(model.coupling_axis, model.pattern_matrix * model.fractions)


@observable(unit="energy", long_name="energy", extensive=True)
def energy(model: DickeModel) -> list[Term]:
    """Expectation value of the Hamiltonian."""
    return [
        PhotonTerm(model.frequencies),
        InteractionTerm(),
        SpinTerm(model.field_axis, model.field * _spins(model)),
    ]


@observable(unit="energy", long_name="Ising energy H_I", extensive=True)
def ising_energy(model: DickeModel) -> IsingTerm:
    """Energy of the Ising model that the bosons mediate."""
    return IsingTerm()
