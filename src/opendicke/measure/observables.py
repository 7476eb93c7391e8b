"""Observables as data: operators written as sums of terms that every method knows how to lift.

An observable is a function of the model that returns terms. It names no solver: a classical flow
contracts the terms with its groups and modes once and evaluates them along trajectories, an exact
method turns them into matrices. Register your own with the decorator `observable`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.errors import InputError, nearest, shown
from opendicke.measure.moments import Combine
from opendicke.measure.terms import (
    OF_MODES,
    SCALARS,
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
from opendicke.model.checks import Array, choice, numeric_array
from opendicke.model.configurations import check_enumerable
from opendicke.model.dicke import AXES, DickeModel
from opendicke.model.ising import IsingModel

Builder = Callable[[Any], Any]


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
    combine: Combine | None = None
    """If given, the answer is this function of the expectation values of the parts, in order."""

    def parts(self, model: DickeModel | IsingModel) -> tuple[tuple[Term, ...], ...]:
        """The terms of every part for one model, checked; one part where nothing is combined.

        Raises
        ------
        InputError
            If the registered function returns something that is not terms of this model.
        """
        return self._checked(model)[0]

    def terms(self, model: DickeModel | IsingModel) -> tuple[Term, ...]:
        """The terms of all parts."""
        return tuple(term for part in self.parts(model) for term in part)

    def _checked(
        self, model: DickeModel | IsingModel
    ) -> tuple[tuple[tuple[Term, ...], ...], tuple[int, ...]]:
        """The parts and the shape that all terms share, built and checked once."""
        made = self.build(model)
        given = made if self.combine is not None else [made]
        if not isinstance(given, (tuple, list)) or not given:
            raise InputError(
                f"observable {self.name}", "return a list of parts", f"gave {shown(made)}"
            )
        parts = []
        for part in given:
            terms = (part,) if isinstance(part, Term) else part
            if not isinstance(terms, (tuple, list)) or not terms:
                raise InputError(
                    f"observable {self.name}",
                    "return a term or a list of terms",
                    f"gave {shown(part)}",
                )
            parts.append(tuple(terms))
        flat = [term for part in parts for term in part]
        return tuple(parts), self._common_shape(flat, model)

    def check_combine(self, model: DickeModel | IsingModel) -> None:
        """Refuse, before anything is computed, a `combine` that does not keep the shape.

        Raises
        ------
        InputError
            If arrays (2, …) of the parts do not give one of the same shape.
        """
        if self.combine is None:
            return
        parts, shape = self._checked(model)
        # Times of distinct extents in distinct values: a transposed or cut answer shows.
        size = math.prod(shape)
        tries = [
            0.1 + 0.8 * np.modf(np.arange(3.0 * size).reshape(3, *shape) * 0.618 + 0.3 * k)[0]
            for k in range(len(parts))
        ]
        where, wanted = f"combine of observable {self.name}", (3, *shape)
        requirement = f"give real numbers of the shape of its {len(parts)} arguments"
        try:
            with np.errstate(all="ignore"):
                made = np.asarray(self.combine(*tries))
                last = np.asarray(self.combine(*(each[2:] for each in tries)))
        except Exception as error:
            raise InputError(where, requirement, f"raised {error!r}") from None
        if made.shape != wanted or made.dtype.kind not in "fiub":
            raise InputError(
                where, requirement, f"gave {made.dtype} of shape {made.shape} for {wanted}"
            )
        if last.shape != (1, *shape) or not np.allclose(last[0], made[2], equal_nan=True):
            raise InputError(where, "act at each time by itself", "did not")

    def shape(self, model: DickeModel | IsingModel) -> tuple[int, ...]:
        """Sizes of the dimensions besides time."""
        return self._checked(model)[1]

    def _common_shape(
        self, terms: Sequence[object], model: DickeModel | IsingModel
    ) -> tuple[int, ...]:
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

    def _shape(self, term: object, model: DickeModel | IsingModel) -> tuple[int, ...]:
        """Dimensions of a term's answer besides time."""
        if not isinstance(term, Term):
            raise InputError(f"observable {self.name}", "be made of terms", f"gave {shown(term)}")
        if isinstance(term, OF_MODES) and not model.modes:
            raise InputError(
                "observables",
                "ask only for spins of an Ising model",
                f"`{self.name}` asks for modes",
            )
        if isinstance(term, SCALARS):
            return ()
        if isinstance(term, IsingDistributionTerm):
            return (term.bins,)
        if isinstance(term, ProbabilityTerm):
            check_enumerable(model.spins, f"`{self.name}` is asked for")
            return (2**model.spins,)
        if isinstance(term, CorrelationTerm):
            return (model.spins, model.spins)
        if isinstance(term, SpinPairTerm):
            if term.weights is None:
                raise InputError(f"observable {self.name}", "give its pairs weights", "gave none")
            first, second = (self._shape(each, model) for each in term.sums)
            if first != second:
                raise InputError(
                    f"observable {self.name}",
                    "give pairs with weights of one shape",
                    f"gave the shapes {first} and {second}",
                )
            return first
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
    "time", "spin", "mode", "pattern", "pattern_name", "realization", "status", "step",
    "estimated_error", "trajectories", "largest_stderr", "record", "times_done", "asked_stderr",
    "energy_bin", "bin_energy", "lowest_energy", "configuration",
)  # fmt: skip
"""Names that datasets use themselves."""


def observable(
    name: str | None = None,
    *,
    dims: tuple[str, ...] = (),
    unit: str = "1",
    long_name: str = "",
    extensive: bool = False,
    combine: Combine | None = None,
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
    combine : callable, optional
        For functions of several expectation values, such as a variance: the registered function
        then returns a list of parts, each a term or a list of terms, and `combine` makes the
        answer of their expectation values, one array each.
    replace : bool
        Allow an existing name to be overwritten.

    Returns
    -------
    callable
        A decorator; it leaves the function as it is.

    Raises
    ------
    InputError
        If a name is taken or not free, or dimensions are not distinct names.

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

    words = isinstance(dims, tuple) and all(isinstance(item, str) for item in dims)
    if not words or {"time", "realization"} & set(dims) or len(set(dims)) != len(dims):
        raise InputError(
            "dims",
            "be a tuple of distinct names other than time and realization",
            f"was {shown(dims)}",
        )

    if combine is not None and not callable(combine):
        raise InputError("combine", "be a function", f"was {shown(combine)}")

    def register(build: Builder) -> Builder:
        label = str(name or getattr(build, "__name__", ""))
        if not label.isidentifier():
            raise InputError("name", "be a Python identifier", f"was {shown(label)}")
        if label in RESERVED or label.endswith("_stderr"):
            raise InputError("name", "be free for an observable", f"`{label}` is used in datasets")
        if label in _registry and not replace:
            raise InputError("name", "not be taken (or give replace=True)", f"`{label}` is")
        _registry[label] = Observable(
            label, build, tuple(dims), unit, long_name or label, extensive, combine
        )
        return build

    return register


def find_observables(names: object) -> tuple[Observable, ...]:
    """The registered observables of the given names, in order, each once.

    Parameters
    ----------
    names : str or list of str
        Registered names.

    Returns
    -------
    tuple of Observable
        With `name`, `dims`, `unit`, `long_name` and the terms of a model.

    Raises
    ------
    InputError
        If a name is not registered, or there is none.
    """
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


def register_observables(given: Iterable[Observable]) -> None:
    """Register observables made elsewhere, as they are."""
    _registry.update({item.name: item for item in given})


def known_observables() -> tuple[str, ...]:
    """Names of all registered observables.

    Returns
    -------
    tuple of str
        The built-in ones first.

    Examples
    --------
    >>> import opendicke as od
    >>> od.known_observables()[:3]
    ('sx', 'sx_spin', 'sy')
    """
    return tuple(_registry)


def _spins(model: DickeModel | IsingModel) -> Array:
    return np.asarray(model.weights) if model.thermodynamic else np.ones(model.spins)


for _axis in AXES:

    def _mean_spin(model: DickeModel | IsingModel, axis: str = _axis) -> SpinTerm:
        return SpinTerm(axis, model.fractions)

    def _each_spin(model: DickeModel | IsingModel, axis: str = _axis) -> SpinTerm:
        return SpinTerm(axis)

    observable(f"s{_axis}", long_name=f"mean σ{_axis} of the spins")(_mean_spin)
    observable(f"s{_axis}_spin", dims=("spin",), long_name=f"σ{_axis} of each spin")(_each_spin)


@observable(long_name="number of photons", extensive=True)
def photons(model: DickeModel | IsingModel) -> PhotonTerm:
    """Sum over modes of a†a."""
    return PhotonTerm(np.ones(model.modes))


@observable(dims=("mode",), long_name="number of photons in each mode", extensive=True)
def photons_mode(model: DickeModel | IsingModel) -> PhotonTerm:
    """a†a of every mode."""
    return PhotonTerm()


@observable(dims=("mode",), long_name="quadrature a + a† of each mode")
def quadrature_mode(model: DickeModel | IsingModel) -> QuadratureTerm:
    """a + a† of every mode."""
    return QuadratureTerm()


@observable(dims=("pattern",), long_name="overlap with each pattern")
def overlap(model: DickeModel | IsingModel) -> SpinTerm:
    """(1/N) sum of pattern times Z (carollo2021, Fig. 1a)."""
    return SpinTerm(model.coupling_axis, model.pattern_matrix * model.fractions)


@observable(unit="energy", long_name="energy", extensive=True)
def energy(model: DickeModel | IsingModel) -> list[Term]:
    """Expectation value of the Hamiltonian."""
    if isinstance(model, IsingModel):
        alone = model.self_interaction == "keep"
        field = SpinTerm(model.field_axis, model.field)
        return [IsingTerm(alone=alone), field]
    return [
        PhotonTerm(model.frequencies),
        InteractionTerm(),
        SpinTerm(model.field_axis, model.field * _spins(model)),
    ]


@observable(unit="energy", long_name="Ising energy H_I", extensive=True)
def ising_energy(model: DickeModel | IsingModel) -> IsingTerm:
    """Energy of the Ising model that the bosons mediate."""
    return IsingTerm()


@observable(long_name="mean of ZZ over all pairs of spins")
def spin_correlation(model: DickeModel | IsingModel) -> SpinPairTerm:
    """(1/N²) sum over j, k of ⟨Z_j Z_k⟩, j = k included, on the coupling axis."""
    axis = model.coupling_axis
    return SpinPairTerm((axis, axis), model.fractions)


@observable(dims=("spin", "other_spin"), long_name="⟨ZZ⟩ of every pair of spins")
def correlation_spin(model: DickeModel | IsingModel) -> CorrelationTerm:
    """⟨Z_i Z_j⟩ on the coupling axis, i = j included."""
    return CorrelationTerm()


@observable(dims=("configuration",), long_name="probability of each configuration")
def probability(model: DickeModel | IsingModel) -> ProbabilityTerm:
    """p of all 2^N configurations along the coupling axis."""
    return ProbabilityTerm()


@observable(dims=("energy_bin",), long_name="distribution of the Ising energy H_I")
def ising_energy_distribution(model: DickeModel | IsingModel) -> IsingDistributionTerm:
    """Probability of H_I in 100 equal intervals (fiorelli2020, Fig. 2a, b)."""
    return IsingDistributionTerm()


@observable(long_name="entropy of the configurations")
def entropy(model: DickeModel | IsingModel) -> EntropyTerm:
    """−Σ p ln p, in nats: N ln 2 where all configurations are alike."""
    return EntropyTerm()


def _variance(square: Array, mean: Array) -> Array:
    return np.asarray(square - mean**2)


@observable(dims=("pattern",), long_name="variance of the overlap", combine=_variance)
def overlap_variance(model: DickeModel | IsingModel) -> list[Term]:
    """⟨ξ²⟩ − ⟨ξ⟩² of the overlap with each pattern."""
    axis, weights = model.coupling_axis, model.pattern_matrix * model.fractions
    return [SpinPairTerm((axis, axis), weights), SpinTerm(axis, weights)]


_PAIRS = [(a, b) for a in range(3) for b in range(a, 3)]


def _squeezing(*expectations: Array) -> Array:
    """Wineland's ξ² per spin; infinite where the mean spin vanishes."""
    mean = np.moveaxis(np.asarray(expectations[:3]), 0, -1)
    second = np.empty((*mean.shape, 3))
    for (a, b), value in zip(_PAIRS, expectations[3:], strict=True):
        second[..., a, b] = second[..., b, a] = value
    length = np.linalg.norm(mean, axis=-1)
    along = mean / np.where(length > 0, length, 1.0)[..., None]
    # Two axes across the mean spin, by the QR decomposition of (mean, 1).
    basis = np.linalg.qr(
        np.concatenate([along[..., :, None], np.broadcast_to(np.eye(3), second.shape)], axis=-1)
    )[0][..., 1:]
    across = np.swapaxes(basis, -1, -2) @ second @ basis  # where the mean has no component
    least = np.linalg.eigvalsh(across)[..., 0]
    infinite = np.full_like(length, np.inf)
    return np.asarray(np.divide(least, length**2, out=infinite, where=length > 0))


@observable(long_name="spin squeezing (Wineland)", combine=_squeezing)
def spin_squeezing(model: DickeModel | IsingModel) -> list[Term]:
    r"""ξ² = N min Var(S⊥)/|⟨S⟩|² with S = Σσ/2: below 1, entangled and useful.

    Wineland et al., Phys. Rev. A 50 (1994) 67, Eq. (24).
    """
    weights = np.full(model.spins, 1 / np.sqrt(model.spins))
    means: list[Term] = [SpinTerm(axis, weights / np.sqrt(model.spins)) for axis in AXES]
    return means + [SpinPairTerm((AXES[a], AXES[b]), weights) for a, b in _PAIRS]


_NO_LIGHT = 1e-10
"""Photons that rounding leaves; their statistics are undefined."""


def _ratio_to_square(pairs: Array, number: Array) -> Array:
    square = number**2
    undefined = np.full_like(square, np.nan)
    return np.asarray(np.divide(pairs, square, out=undefined, where=np.abs(number) > _NO_LIGHT))


@observable(dims=("mode",), long_name="g²(0) of each mode", combine=_ratio_to_square)
def g2_mode(model: DickeModel | IsingModel) -> list[Term]:
    """⟨a†a†aa⟩/⟨a†a⟩² of every mode: 1 for coherent light, 2 for thermal."""
    return [PhotonPairTerm(), PhotonTerm()]
