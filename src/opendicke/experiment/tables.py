"""The tables of an experiment file, and the sentence for what does not fit them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from opendicke.errors import InputError, nearest, shown
from opendicke.methods.base import AbstractMethod

T = TypeVar("T", bound=BaseModel)
Number = float | list[float]


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
    spread: float = 0.0


class DiscreteTable(Table):
    kind: Literal["discrete"]
    values: list[float]
    probabilities: list[float]
    strength: float = 1.0


class FixedTable(Table):
    kind: Literal["fixed"]
    path: str | None = None
    variable: str | None = None
    values: list[list[float]] | None = None
    strength: float | None = None
    spread: float = 0.0


CouplingsTable = Annotated[
    GaussianTable | UniformTable | BinaryTable | DiscreteTable | FixedTable,
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
    first: float | None = None


def method_table(method: type[AbstractMethod]) -> type[Table]:
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
    target_stderr: float | None = None
    most_realizations: int = 10_000
    most_trajectories: int = 1_000_000
    sweep: dict[str, list[Any]] = {}


def validated(table: type[T], document: Any) -> T:
    """The document as a table, or an `InputError` about the first thing that does not fit."""
    try:
        return table.model_validate(document)
    except ValidationError as error:
        raise _sentence(error, table) from None


def _sentence(error: ValidationError, table: type[BaseModel]) -> InputError:
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
