"""From the text of an experiment file to the parts of an experiment."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from opendicke.errors import InputError, nearest, shown
from opendicke.experiment.tables import (
    ExperimentTable,
    FixedTable,
    ModelTable,
    StateTable,
    TimesTable,
    method_table,
    validated,
)
from opendicke.methods.auto import Auto
from opendicke.methods.base import AbstractMethod
from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
from opendicke.methods.lindblad import Lindblad
from opendicke.methods.mean_field import MeanField
from opendicke.methods.quantum_jumps import QuantumJumps
from opendicke.methods.rate_equation import RateEquation
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model import couplings as distributions
from opendicke.model.checks import Array
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import Bloch, Configuration, Pattern, Polarized, ProductState

T = TypeVar("T")

_KINDS: tuple[type[AbstractMethod], ...] = (
    MeanField,
    TruncatedWigner,
    RateEquation,
    KineticMonteCarlo,
    Lindblad,
    QuantumJumps,
)
METHODS = {kind.kind: kind for kind in _KINDS}
"""Methods by their name in experiment files."""

_MOST_BYTES = 50_000_000
_DEEPEST = 16
_LONGEST = 1000


def as_in_files(build: Callable[..., T], *args: Any) -> T:
    """Build something; a complaint names parameters of the state as experiment files do."""
    try:
        return build(*args)
    except InputError as error:
        names = {"direction": "spins", "vectors": "bloch", "values": "configuration"}
        name = names.get(error.argument, error.argument)
        raise InputError(name, error.requirement, error.received) from None


def read_parts(path: Path) -> dict[str, Any]:
    """Read, check and build what `Experiment.from_toml` is made of."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError("file", f"have at most {_MOST_BYTES} bytes", f"`{path}` has more")
        text = content.decode("utf-8-sig")  # some editors mark it
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError("file", "be text in UTF-8", f"`{path}` was not") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError("file", "be readable", f"`{path}` was not: {reason}") from None
    return parse_parts(text, path.parent, str(path))


def parse_parts(text: str, folder: Path, name: str = "experiment") -> dict[str, Any]:
    """Arguments of an `Experiment` from the text of a file in `folder`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = shown(str(error), 200)
        raise InputError("file", "be valid TOML", f"`{name}` was not: {reason}") from None
    _check_plain(document)
    _check_quoted(document.get("sweep"))
    table = validated(ExperimentTable, document)
    return {
        "model": _within("model", _model, table.model, folder),
        "state": _within("state", _state, table.state),
        "times": _times(table.times),
        "method": _within("method", build_method, table.method),
        "observables": table.observables,
        "realizations": table.realizations,
        "seed": table.seed,
        "sweep": dict(_axis(path, values, table, folder) for path, values in table.sweep.items()),
        "thermodynamic": table.thermodynamic,
        "target_stderr": table.target_stderr,
        "most_realizations": table.most_realizations,
        "most_trajectories": table.most_trajectories,
    }


def _axis(
    path: str, values: list[Any], table: ExperimentTable, folder: Path
) -> tuple[str, list[Any]]:
    """One axis of the sweep, its values written as in the tables above it."""
    if path == "state.displacement":
        return path, [_complex(value) for value in values]
    if path == "model.couplings.path" and isinstance(table.model.couplings, FixedTable):
        return "model.couplings.values", [
            str(folder / value) if isinstance(value, str) else value for value in values
        ]
    return path, values


def _check_plain(document: dict[str, Any]) -> None:
    """Refuse what no experiment needs and no sentence could quote."""
    left: list[tuple[str, Any, int]] = [("file", document, 0)]
    while left:
        place, value, depth = left.pop()
        if depth > _DEEPEST:
            raise InputError(place, f"be nested at most {_DEEPEST} deep", "was nested deeper")
        if isinstance(value, dict):
            for key, item in value.items():
                if len(key) > _LONGEST or not _one_line(key):
                    raise InputError(
                        place,
                        f"have keys of one line, at most {_LONGEST} long",
                        f"had {shown(key)}",
                    )
                left.append((key if place == "file" else f"{place}.{key}", item, depth + 1))
        elif isinstance(value, list):
            left.extend((place, item, depth + 1) for item in value)
        elif isinstance(value, str) and (len(value) > _LONGEST or not _one_line(value)):
            raise InputError(
                place, f"be text of one line, at most {_LONGEST} long", f"was {shown(value)}"
            )
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InputError(place, "hold integers of at most 64 bits", "had a larger one")


def _check_quoted(sweep: Any) -> None:
    """Refuse paths of a sweep without quotes, which TOML takes for tables in tables."""
    for name, value in sweep.items() if isinstance(sweep, dict) else ():
        path = [name]
        while isinstance(value, dict) and value:
            name, value = next(iter(value.items()))
            path.append(name)
        if len(path) > 1:
            wanted = f'name parameters in quotes, such as "{".".join(path)}" = [1.0, 2.0]'
            raise InputError("sweep", wanted, f"had a table `{path[0]}`")


def _one_line(text: str) -> bool:
    return len(f"{text}.".splitlines()) == 1 and all(c >= " " and c != "\x7f" for c in text)


def _within(place: str, build: Any, *args: Any) -> Any:
    """Build a part; a complaint about its argument names the table too."""
    try:
        return build(*args)
    except InputError as error:
        where = place if error.argument == "file" else f"{place}.{error.argument}"
        raise InputError(where, error.requirement, error.received) from None


def _model(table: ModelTable, folder: Path) -> RandomDicke:
    couplings = _within("couplings", _couplings, table.couplings, folder)
    return RandomDicke(couplings=couplings, **table.model_dump(exclude={"couplings"}))


def _couplings(table: Any, folder: Path) -> distributions.Couplings:
    settings = table.model_dump(exclude={"kind"})
    if not isinstance(table, FixedTable):
        kind: Any = getattr(distributions, table.kind.capitalize())
        made: distributions.Couplings = kind(**settings)
        return made
    if (table.path is None) == (table.values is None):
        given = "both" if table.path is not None else "neither"
        raise InputError("path", "be given, or `values`, one of them", f"{given} was")
    if table.values is not None:
        return distributions.Fixed(table.values, table.strength, table.spread, table.variable)
    path = str(folder / str(table.path))
    return distributions.Fixed(path, table.strength, table.spread, table.variable)


def _state(table: StateTable) -> ProductState:
    kinds = ("spins", "pattern", "bloch", "configuration")
    given = [name for name in kinds if getattr(table, name) is not None]
    if len(given) != 1:
        others = "be given, or `pattern`, `bloch` or `configuration` instead"
        if given:
            others = "be given alone, as one of `spins`, `pattern`, `bloch`, `configuration`"
        received = " and ".join(f"`{name}`" for name in given) + " were" if given else "none was"
        raise InputError("spins", others, received)
    owners = {"flipped": "pattern", "seed": "pattern", "axis": "configuration"}
    for name, owner in owners.items():
        if getattr(table, name) is not None and given[0] != owner:
            raise InputError(name, f"be given with `{owner}` only", f"came with `{given[0]}`")
    return ProductState(
        as_in_files(_spins, table),
        bosons=table.bosons,
        displacement=_complex(table.displacement),
        occupation=table.occupation,
    )


def _spins(table: StateTable) -> Any:
    if table.spins is not None:
        return Polarized(table.spins)
    if table.pattern is not None:
        return Pattern(table.pattern, table.flipped or 0.0, table.seed or 0)
    if table.bloch is not None:
        return Bloch(table.bloch)
    return Configuration(table.configuration, table.axis or "z")


def _complex(value: Any) -> Any:
    """A number, a list of numbers, or a list of [real, imaginary] pairs."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        if any(len(pair) != 2 for pair in value):
            raise InputError("displacement", "hold [real, imaginary] pairs", f"was {shown(value)}")
        return [complex(*pair) for pair in value]
    return value


def _times(table: TimesTable | list[float]) -> Array:
    if isinstance(table, list):
        return np.array(table, dtype=float)
    if not 1 <= table.points <= 10_000_000:
        raise InputError("times.points", "be between 1 and 10000000", f"was {table.points}")
    if not table.stop > table.start:
        raise InputError(
            "times.stop", f"be larger than `start` ({table.start:g})", f"was {table.stop:g}"
        )
    if not np.isfinite(table.stop - table.start):
        raise InputError(
            "times.stop",
            f"be at a finite distance from `start` ({table.start:g})",
            f"was {table.stop:g}",
        )
    if table.first is None:
        return np.linspace(table.start, table.stop, table.points)
    span = table.stop - table.start
    if not 0 < table.first < span:
        raise InputError(
            "times.first", f"lie between 0 and `stop` − `start` ({span:g})", f"was {table.first:g}"
        )
    if table.points < 3:
        raise InputError("times.points", "be at least 3 with `first`", f"was {table.points}")
    later = np.geomspace(table.first, span, table.points - 1)
    return np.concatenate([[table.start], table.start + later])


def build_method(settings: dict[str, Any]) -> AbstractMethod:
    """A method from its table, its name under `kind`.

    Raises
    ------
    InputError
        If there is no such method, or a setting is not what it must be.
    """
    if "kind" not in settings:
        raise InputError("kind", "be given", "was missing")
    kind = settings["kind"]
    known: dict[str, type[AbstractMethod]] = {**METHODS, Auto.kind: Auto}
    if not isinstance(kind, str) or kind not in known:
        raise InputError("kind", "be a known method", nearest(str(kind), known))
    method = known[kind]
    validated(method_table(method), settings)
    return method(**{name: value for name, value in settings.items() if name != "kind"})
