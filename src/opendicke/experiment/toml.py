"""Experiment files: TOML that mirrors the Python names one to one."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_type_hints

import numpy as np
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from opendicke.errors import InputError, nearest, shown
from opendicke.experiment.experiment import Experiment, as_in_files
from opendicke.methods.base import AbstractMethod
from opendicke.methods.mean_field import MeanField
from opendicke.model import couplings as distributions
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import Bloch, Configuration, Pattern, Polarized, ProductState

METHODS: dict[str, type[AbstractMethod]] = {kind.kind: kind for kind in (MeanField,)}
"""Methods by their name in experiment files."""

Number = float | list[float]
_MOST_BYTES = 50_000_000
_DEEPEST = 16
_LONGEST = 1000


class Table(BaseModel):
    """A table of the file: no key beyond the declared ones, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=True)


class GaussianTable(Table):
    kind: Literal["gaussian"]
    sigma: float


class UniformTable(Table):
    kind: Literal["uniform"]
    strength: float


class BinaryTable(Table):
    kind: Literal["binary"]
    strength: float


class DiscreteTable(Table):
    kind: Literal["discrete"]
    values: list[float]
    probabilities: list[float]
    strength: float = 1.0


class FixedTable(Table):
    kind: Literal["fixed"]
    path: str | None = None
    values: list[list[float]] | None = None
    strength: float | None = None


CouplingsTable = Annotated[
    Union[GaussianTable, UniformTable, BinaryTable, DiscreteTable, FixedTable],  # noqa: UP007
    Field(discriminator="kind"),
]


class ModelTable(Table):
    couplings: CouplingsTable
    frequencies: Number
    spins: int | None = None
    modes: int | None = None
    loss: Number = 0.0
    gain: Number = 0.0
    field: Number = 0.0
    coupling_axis: str = "z"
    field_axis: str = "x"


class StateTable(Table):
    spins: str | None = None
    pattern: int | None = None
    flipped: float | None = None
    seed: int | None = None
    bloch: list[list[float]] | list[float] | None = None
    configuration: list[int] | None = None
    axis: str | None = None
    bosons: str = "vacuum"
    displacement: Number | list[list[float]] = 0.0
    occupation: Number = 0.0


class TimesTable(Table):
    start: float = 0.0
    stop: float
    points: int


def _method_table(method: type[AbstractMethod]) -> type[Table]:
    """The table of a method follows from the fields of its settings."""
    hints = get_type_hints(method)
    fields: dict[str, Any] = {
        item.name: (hints[item.name], item.default) for item in dataclasses.fields(method)
    }
    fields["kind"] = (Literal[method.kind], ...)
    return create_model(f"{method.__name__}Table", __base__=Table, **fields)


class ExperimentTable(Table):
    model: ModelTable
    state: StateTable
    times: TimesTable | list[float]
    method: dict[str, Any]
    observables: list[str]
    seed: int = 0
    realizations: int = 1
    thermodynamic: bool = False
    sweep: dict[str, list[Any]] = {}


def read_experiment(path: Path) -> Experiment:
    """Read, check and build; see `Experiment.from_toml`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError("file", f"have at most {_MOST_BYTES} bytes", f"`{path}` has more")
        text = content.decode("utf-8")
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError("file", "be text in UTF-8", f"`{path}` was not") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError("file", "be readable", f"`{path}` was not: {reason}") from None
    return parse_experiment(text, path.parent, str(path))


def parse_experiment(text: str, folder: Path, name: str = "experiment") -> Experiment:
    """Build an experiment from the text of a file in `folder`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = shown(str(error), 200)
        raise InputError("file", "be valid TOML", f"`{name}` was not: {reason}") from None
    _check_plain(document)
    try:
        table = ExperimentTable.model_validate(document)
    except ValidationError as error:
        raise _sentence(error, ExperimentTable, document) from None
    return Experiment(
        model=_within("model", _model, table.model, folder),
        state=_within("state", _state, table.state),
        times=_times(table.times),
        method=_within("method", _method, table.method),
        observables=table.observables,
        realizations=table.realizations,
        seed=table.seed,
        sweep={
            path: list(map(_complex, values)) if path == "state.displacement" else values
            for path, values in table.sweep.items()
        },
        thermodynamic=table.thermodynamic,
    )


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
        return distributions.Fixed(table.values, table.strength)
    return distributions.Fixed(str(folder / str(table.path)), table.strength)


def _state(table: StateTable) -> ProductState:
    kinds = ("spins", "pattern", "bloch", "configuration")
    given = [name for name in kinds if getattr(table, name) is not None]
    if len(given) != 1:
        received = ", ".join(f"`{name}`" for name in given) + " were" if given else "none was"
        raise InputError("spins", "be given, or `pattern`, `bloch`, `configuration`: one", received)
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
    return np.linspace(table.start, table.stop, table.points)


def _method(settings: dict[str, Any]) -> AbstractMethod:
    if "kind" not in settings:
        raise InputError("kind", "be given", "was missing")
    kind = settings["kind"]
    if not isinstance(kind, str) or kind not in METHODS:
        raise InputError("kind", "be a known method", nearest(str(kind), METHODS))
    method = METHODS[kind]
    table = _method_table(method)
    try:
        table.model_validate(settings)
    except ValidationError as error:
        raise _sentence(error, table, settings) from None
    return method(**{name: value for name, value in settings.items() if name != "kind"})


def _sentence(error: ValidationError, table: type[BaseModel], document: Any) -> InputError:
    """The first complaint of a validation as one sentence with the place in the file."""
    # Of the branches of a union, the one that went deepest is what the user meant; a key that is
    # unknown tells more than the one that is missing for it.
    first = max(
        error.errors(include_url=False),
        key=lambda complaint: (len(complaint["loc"]), complaint["type"] == "extra_forbidden"),
    )
    kind, place = first["type"], [str(part) for part in first["loc"]]
    if kind == "extra_forbidden":
        *parents, name = place
        keys = _keys_at(table, parents)
        return InputError(
            ".".join(part for part in parents if part not in _BRANCHES) or "file",
            "hold only known keys",
            nearest(name, keys) if keys else f"had `{name}`",
        )
    where = ".".join(part for part in place if part not in _BRANCHES) or "file"
    if kind in ("missing", "union_tag_not_found"):
        suffix = ".kind" if kind == "union_tag_not_found" else ""
        return InputError(where + suffix, "be given", "was missing")
    if kind == "union_tag_invalid":
        given = first["ctx"]["tag"]
        known = {name.strip(" '") for name in first["ctx"]["expected_tags"].split(",")}
        return InputError(f"{where}.kind", "be a known kind", nearest(given, known))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        wanted = "be a table or a list" if place[-1] == "TimesTable" else "be a table"
        return InputError(where, wanted, f"was {shown(first['input'])}")
    requirement = first["msg"].removeprefix("Input should ")
    return InputError(
        where, requirement[:1].lower() + requirement[1:], f"was {shown(first['input'])}"
    )


_BRANCHES = {
    "gaussian",
    "uniform",
    "binary",
    "discrete",
    "fixed",
    "float",
    "int",
    "TimesTable",
    "list[float]",
    "list[list[float]]",
}


def _keys_at(table: type[BaseModel], place: list[str]) -> list[str]:
    """Names of the keys that the table at `place` knows."""
    current: Any = table
    for part in place:
        if part in _BRANCHES:
            options = get_args(get_args(CouplingsTable)[0])
            named = {get_args(o.model_fields["kind"].annotation)[0]: o for o in options}
            current = named.get(part, TimesTable if part == "TimesTable" else current)
            continue
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            return []
        current = fields[part].annotation
    return list(getattr(current, "model_fields", {}))


def write_experiment(experiment: Experiment) -> str:
    """The text of a file that describes the experiment."""
    return tomli_w.dumps(experiment_table(experiment))


def experiment_table(experiment: Experiment) -> dict[str, Any]:
    """The experiment as nested tables of plain values."""
    table: dict[str, Any] = {
        "seed": experiment.seed,
        "realizations": experiment.realizations,
        "observables": list(experiment.observables),
    }
    if experiment.thermodynamic:
        table["thermodynamic"] = True
    table["model"] = _model_table(experiment.model)
    table["state"] = _state_table(experiment.state)
    table["times"] = _times_table(experiment.times)
    settings = experiment.method.settings().items()
    table["method"] = {"kind": experiment.method.kind} | {
        name: value for name, value in settings if value is not None
    }
    if experiment.sweep:
        table["sweep"] = {path: list(values) for path, values in experiment.sweep.items()}
    return table


def _model_table(model: RandomDicke | DickeModel) -> dict[str, Any]:
    if isinstance(model, DickeModel):
        if model.patterns is not None or model.weights is not None:
            raise InputError(
                "model",
                "be a RandomDicke, or a DickeModel without patterns and weights, to go into a file",
                f"was {model!r}",
            )
        couplings: dict[str, Any] = {"kind": "fixed", "values": model.couplings.tolist()}
        sizes: dict[str, Any] = {}
    else:
        couplings = _couplings_table(model.couplings)
        fixed = isinstance(model.couplings, distributions.Fixed)
        sizes = {} if fixed else {"spins": model.spins, "modes": model.modes}
    numbers = {
        name: _number(getattr(model, name)) for name in ("frequencies", "loss", "gain", "field")
    }
    axes = {"coupling_axis": model.coupling_axis, "field_axis": model.field_axis}
    return {"couplings": couplings} | sizes | numbers | axes


def _couplings_table(couplings: distributions.Couplings) -> dict[str, Any]:
    table: dict[str, Any] = {"kind": type(couplings).__name__.lower()}
    if isinstance(couplings, distributions.Fixed):
        if couplings.path is not None:
            table["path"] = str(Path(couplings.path).absolute())
        else:
            table["values"] = couplings.array.tolist()
        if couplings.strength is not None:
            table["strength"] = couplings.strength
        return table
    for item in dataclasses.fields(couplings):
        value = getattr(couplings, item.name)
        table[item.name] = list(value) if isinstance(value, tuple) else value
    return table


def _state_table(state: ProductState) -> dict[str, Any]:
    match state.spins:
        case Polarized(direction):
            table: dict[str, Any] = {"spins": direction}
        case Pattern(index, flipped, seed):
            table = {"pattern": index, "flipped": flipped, "seed": seed}
        case Bloch(vectors):
            table = {"bloch": vectors.tolist()}
        case Configuration(values, axis):
            table = {"configuration": [int(v) for v in values], "axis": axis}
    table["bosons"] = state.bosons
    displacement = np.asarray(state.displacement, dtype=complex)
    if displacement.any():
        pairs = [[z.real, z.imag] for z in np.atleast_1d(displacement).tolist()]
        if displacement.ndim == 0 and displacement.imag == 0:
            table["displacement"] = float(displacement.real)
        elif displacement.ndim == 0:
            raise InputError(
                "displacement", "be real or have one entry per mode, to go into a file", "was not"
            )
        else:
            table["displacement"] = pairs
    if np.any(state.occupation):
        table["occupation"] = _number(state.occupation)
    return table


def _times_table(times: Array) -> Any:
    if len(times) > 1:
        start, stop, points = float(times[0]), float(times[-1]), len(times)
        if np.array_equal(np.linspace(start, stop, points), times):
            return {"start": start, "stop": stop, "points": points}
    return times.tolist()


def _number(value: Any) -> Any:
    """A float, or a list of floats; an array of equal entries is one number."""
    array = np.asarray(value, dtype=float)
    if array.ndim == 0 or (array == array.flat[0]).all():
        return float(array.flat[0])
    return array.tolist()
