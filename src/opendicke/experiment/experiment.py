"""Many models: an ensemble, a sweep over any parameters, one method, one question."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.display import card, plural
from opendicke.errors import InputError, nearest, shown
from opendicke.measure.observables import find_observables
from opendicke.methods.auto import named_method
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import integer, real, seed_of
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import DIRECTIONS, Pattern, Polarized, ProductState
from opendicke.results.dataset import as_json, describe
from opendicke.solving import check_times


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is to be simulated, complete: model × sweep × realizations × method.

    Parameters
    ----------
    model : RandomDicke or DickeModel
        An ensemble, or one given model.
    state : ProductState
        The initial state.
    times : array (T,)
        Output times, in units of 1/energy.
    method : AbstractMethod
        Or "auto", for `Auto()`: the method that `advise` suggests.
    observables : list of names
    realizations : int
        How many draws of the ensemble.
    seed : int
        Of the disorder and of everything random in the method.
    sweep : dict
        Dotted path → list of values, for instance
        ``{"model.frequencies": [3.6, 5, 10], "state.flipped": [0, 0.1]}``. All combinations are
        computed; every one sees the same disorder.
    thermodynamic : bool
        Use the ensemble's limit N → ∞ instead of draws.
    target_stderr : float, optional
        Go on in rounds, with more realizations or more trajectories, whichever buys more, until
        the standard error of every mean over the ensemble is at most this: absolute for values
        below 1, relative to the largest value otherwise. `realizations` and the `trajectories` of
        the method are those of the first round.
    most_realizations, most_trajectories : int
        Where rounds end in any case; the latter counts for each cell.

    Raises
    ------
    InputError
        If an argument is not what it must be, or a swept path is not known.

    Examples
    --------
    >>> import opendicke as od
    >>> experiment = od.Experiment(
    ...     model=od.RandomDicke(
    ...         couplings=od.Gaussian(sigma=1.0), spins=2, modes=1, frequencies=1.0, loss=0.5
    ...     ),
    ...     state=od.ProductState.polarized("+z"),
    ...     times=[0.0, 1.0],
    ...     method=od.Lindblad(tolerance=1e-3),
    ...     observables=["sz"],
    ...     realizations=3,
    ...     sweep={"model.field": [0.5, 1.0]},
    ... )
    >>> od.estimate(experiment).cells
    6
    >>> print(dict(od.run(experiment).sizes))
    {'field': 2, 'realization': 3, 'time': 2}
    """

    model: RandomDicke | DickeModel
    state: ProductState
    times: Any
    method: AbstractMethod
    observables: Sequence[str] | None = None
    realizations: int = 1
    seed: int = 0
    sweep: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    thermodynamic: bool = False
    target_stderr: float | None = None
    most_realizations: int = 10_000
    most_trajectories: int = 1_000_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", named_method(self.method))
        kinds: dict[str, tuple[type, ...]] = {
            "model": (RandomDicke, DickeModel),
            "state": (ProductState,),
            "method": (AbstractMethod,),
        }
        for name, allowed in kinds.items():
            if not isinstance(getattr(self, name), allowed):
                wanted = " or ".join(kind.__name__ for kind in allowed)
                if name == "method":
                    wanted = 'a method such as MeanField(), or "auto"'
                raise InputError(name, f"be {wanted}", f"was {shown(getattr(self, name))}")
        object.__setattr__(self, "times", check_times(self.times))
        names = self.observables
        if names is None:
            names = self.method.asks(self.model.coupling_axis)
        names = tuple(item.name for item in find_observables(names))
        object.__setattr__(self, "observables", names)
        realizations = integer("realizations", self.realizations, least=1)
        object.__setattr__(self, "realizations", realizations)
        object.__setattr__(self, "seed", seed_of(self.seed))
        if not isinstance(self.thermodynamic, bool):
            raise InputError("thermodynamic", "be true or false", f"was {self.thermodynamic!r}")
        if self.realizations > 1 and not self.random:
            raise InputError(
                "realizations", "be 1 where nothing is random", f"was {self.realizations}"
            )
        if self.thermodynamic and not isinstance(self.model, RandomDicke):
            raise InputError("thermodynamic", "be asked of a RandomDicke only", "model was fixed")
        self._check_target()
        if not isinstance(self.sweep, Mapping):
            raise InputError("sweep", "map paths to lists of values", f"was {shown(self.sweep)}")
        object.__setattr__(self, "sweep", {k: self._values(k, v) for k, v in self.sweep.items()})

    def _check_target(self) -> None:
        for name, least in (
            ("most_realizations", self.realizations),
            ("most_trajectories", 2),
        ):
            given = integer(name, getattr(self, name), least=1)
            if self.target_stderr is not None and given < least:
                raise InputError(name, f"be at least {least}, the first round", f"was {given}")
            object.__setattr__(self, name, given)
        if self.target_stderr is None:
            return
        object.__setattr__(
            self, "target_stderr", real("target_stderr", self.target_stderr, above=0)
        )
        if getattr(self.method, "target_stderr", None) is not None:
            raise InputError(
                "target_stderr", "be given to the experiment or to its method", "was given to both"
            )
        if not self.random and not self.method.stochastic:
            raise InputError(
                "target_stderr", "be left out where nothing is random", f"was {self.target_stderr}"
            )
        if self.random and self.realizations < _LEAST_REALIZATIONS:
            raise InputError(
                "realizations",
                f"be at least {_LEAST_REALIZATIONS} with `target_stderr`, to see how they differ",
                f"was {self.realizations}",
            )

    def __repr__(self) -> str:
        swept = "".join(f", {path} × {len(values)}" for path, values in self.sweep.items())
        return (
            f"Experiment({self.model!r}, {self.state!r}, {self.method!r}, "
            f"{plural(len(self.times), 'time')} to {self.times[-1]:g}, "
            f"{', '.join(self.observables or ())}; "
            f"{plural(self.realizations, 'realization')}{swept}, seed={self.seed})"
        )

    def _repr_html_(self) -> str:
        first, last = f"{self.times[0]:g}", f"{self.times[-1]:g}"
        cells = self.realizations * math.prod(map(len, self.sweep.values()))
        target = "" if self.target_stderr is None else f"{self.target_stderr:g}"
        rows = [
            ("model", repr(self.model) + (", N → ∞" if self.thermodynamic else "")),
            ("state", repr(self.state)),
            ("method", repr(self.method)),
            ("times", f"{first} … {last} 1/energy ({plural(len(self.times), 'time')})"),
            ("observables", ", ".join(self.observables or ())),
            *((f"sweep of {path}", shown(values, 80)) for path, values in self.sweep.items()),
            ("realizations", f"{self.realizations:,}"),
            ("until standard errors are", target),
            ("seed", f"{self.seed}"),
            ("cells", f"{cells:,}"),
        ]
        return card("Experiment", rows)

    @property
    def random(self) -> bool:
        """Whether realizations differ."""
        return (
            isinstance(self.model, RandomDicke)
            and self.model.couplings.random
            and not self.thermodynamic
        )

    def _values(self, path: object, values: object) -> list[Any]:
        """Check one axis of the sweep by building every point of it."""
        if not isinstance(path, str):
            raise InputError("sweep", "have strings as paths", f"had {shown(path)}")
        points = sweep_values(path, values)
        for value in points:
            replace_at(self, path, value)
        return points

    @classmethod
    def from_toml(cls, path: str | Path) -> Experiment:
        """Read an experiment file; paths inside it are relative to its folder.

        Parameters
        ----------
        path : str or path
            A TOML file.

        Returns
        -------
        Experiment

        Raises
        ------
        InputError
            For anything the file gets wrong, with the place in the file as argument name.
        """
        from opendicke.experiment.reading import read_parts

        if not isinstance(path, (str, Path)):
            raise InputError("file", "be a path", f"was {shown(path)}")
        return cls(**read_parts(Path(path)))

    def to_toml(self) -> str:
        """The experiment as text from which `from_toml` makes the same experiment again.

        Returns
        -------
        str
            TOML.
        """
        import tomli_w

        table = self.to_table()
        try:
            return tomli_w.dumps(table)
        except TypeError as error:
            raise InputError("sweep", "hold values that a file can hold", f"{error}") from None

    def to_table(self) -> dict[str, Any]:
        """The experiment as the nested tables of its file.

        Returns
        -------
        dict
            Tables, lists, numbers and text only.

        Raises
        ------
        InputError
            If the model is one that no file can hold.
        """
        from opendicke.experiment.writing import experiment_table

        parts = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return experiment_table(**parts)


def sweep_values(path: str, values: object) -> list[Any]:
    """Distinct values of one swept parameter, as plain Python numbers and lists."""
    listed = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
    if not listed and not (isinstance(values, np.ndarray) and values.ndim):
        raise InputError(f"sweep.{path}", "be a list of values", f"was {shown(values)}")
    assert isinstance(values, (Sequence, np.ndarray))
    points = [
        value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value for value in values
    ]
    if not points:
        raise InputError(f"sweep.{path}", "hold at least one value", "was empty")
    seen = set()
    for value in points:
        if (key := value_key(value)) in seen:
            raise InputError(f"sweep.{path}", "hold distinct values", f"repeats {shown(value)}")
        seen.add(key)
    return points


_LEAST_REALIZATIONS = 4

_TARGETS = ("model", "state", "method")


def replace_at(experiment: Experiment, path: str, value: Any) -> Experiment:
    """The experiment with one parameter replaced, addressed by a dotted path."""
    return replace_all(experiment, {path: value})


def replace_all(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with several parameters replaced at once, addressed by dotted paths."""
    changed: dict[str, Any] = {}
    for path, value in values.items():
        head, *rest = path.split(".")
        if head not in _TARGETS or not rest:
            raise InputError(
                f"sweep.{path}",
                "name a parameter of model, state or method, such as `model.frequencies`",
                f"was `{path}`",
            )
        together = {
            other.partition(".")[2]: values[other]
            for other in values
            if other.startswith(f"{head}.") and other.count(".") == 1
        }
        try:
            before = changed.get(head, getattr(experiment, head))
            plain = together.keys() <= _parameters(before).keys()
            if len(together) > 1 and len(rest) == 1 and plain:
                changed[head] = dataclasses.replace(before, **together)
            else:
                changed[head] = _replaced(before, rest, value)
        except InputError as error:
            wanted = error.requirement
            if error.argument not in rest:  # it spoils another parameter
                wanted = f"keep `{error.argument}` valid, which must {wanted}"
            raise InputError(f"sweep.{path}", wanted, error.received) from None
    # No sweep here: the parts have been checked, and the sweep is being expanded.
    return dataclasses.replace(experiment, **changed, sweep={})


def _replaced(target: Any, path: list[str], value: Any) -> Any:
    name, *rest = path
    if isinstance(target, ProductState):
        spins = _replaced_spins(target, name, rest, value)
        if spins is not None:
            return dataclasses.replace(target, spins=spins)
    known = _parameters(target)
    if name not in known:
        raise InputError(name, "be a parameter", nearest(name, known))
    new = _replaced(known[name], rest, value) if rest else value
    return dataclasses.replace(target, **{name: new})


def _replaced_spins(state: ProductState, name: str, rest: list[str], value: Any) -> Any:
    """Parameters of the spins' state are named as in experiment files: state.flipped, …"""
    if name == "spins" and isinstance(value, str) and not rest:
        if value not in DIRECTIONS:
            raise InputError("spins", "be a direction", nearest(value, DIRECTIONS))
        return Polarized(value)
    if isinstance(state.spins, Pattern) and name in ("pattern", "flipped", "seed") and not rest:
        return dataclasses.replace(state.spins, **{"index" if name == "pattern" else name: value})
    return None


def _parameters(target: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(target) and not isinstance(target, type):
        return {item.name: getattr(target, item.name) for item in dataclasses.fields(target)}
    return {}


def value_key(value: Any) -> Any:
    """Equal for values of a sweep that are the same point: 1 and 1.0 are, 1 and True are not.

    An object and its description, as a store holds it, are the same as well.
    """
    if isinstance(value, np.ndarray):
        return value_key(value.tolist())
    if isinstance(value, (list, tuple)):
        return tuple(map(value_key, value))
    if isinstance(value, bool):
        return repr(value)
    if isinstance(value, (Real, str)):
        return value
    return as_json(describe(value))
