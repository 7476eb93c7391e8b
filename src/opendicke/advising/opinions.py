"""What advice is made of: an opinion on every method, and a suggestion."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from opendicke.display import grid
from opendicke.errors import InputError, nearest
from opendicke.methods.base import AbstractMethod, Verdict

WIDTH = 79


@dataclass(frozen=True)
class Opinion:
    """Whether one method holds for a question, why, and what it costs."""

    method: AbstractMethod
    """With the settings that go with the verdict."""
    verdict: Verdict
    """VALID, DOUBTFUL or INVALID."""
    reason: str
    """Why, with the deciding number."""
    number: float
    """The deciding number; `number_name` says what it is."""
    number_name: str
    """In a few words."""
    error: float | None
    """The deviation from exact that is not exceeded where the verdict is valid: of Pauli
    expectation values of single spins and of their means, and of photons over max(1, photons).
    None where nothing is promised."""
    seconds: float | None
    """Rough estimate of the time on one core of a present machine; None if the method refuses."""
    memory: float | None
    """Rough estimate of the memory in bytes."""
    offered: bool = True
    """Whether it answers everything that is asked."""
    numbers: Mapping[str, float] | None = None
    """Other numbers that were looked at."""
    remarks: tuple[str, ...] = ()
    """What the user should know besides."""

    @property
    def name(self) -> str:
        """The class of the method."""
        return type(self.method).__name__

    @property
    def valid(self) -> bool:
        """Whether the verdict is valid."""
        return self.verdict is Verdict.VALID

    def to_dict(self) -> dict[str, Any]:
        """Plain data.

        Returns
        -------
        dict
            The fields by name; settings of the method besides.
        """
        return {
            "method": self.name,
            "kind": self.method.kind,
            "settings": settings_of(self.method),
            "verdict": self.verdict.name.lower(),
            "reason": self.reason,
            "number": _plain(self.number),
            "number_name": self.number_name,
            "error": _plain(self.error),
            "seconds": _plain(self.seconds),
            "memory": _plain(self.memory),
            "offered": self.offered,
            "numbers": {name: _plain(value) for name, value in (self.numbers or {}).items()},
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Advice:
    """Opinions on all methods for one question, and a suggestion.

    `print` shows a table; `advice["MeanField"]` is one opinion; `to_dict` is plain data.
    """

    question: str
    """What was looked at, in words."""
    opinions: tuple[Opinion, ...]
    """One for each method."""
    target_error: float
    """The deviation from exact that was to be promised."""
    suggestion: AbstractMethod | None
    """The cheapest valid method with its settings; None if none is valid."""
    sentence: str
    """The suggestion in words, or which method is the least doubtful."""
    notes: tuple[str, ...] = ()
    """What was looked at, and what was not."""

    def __getitem__(self, name: str) -> Opinion:
        """The opinion on a method, by the name of its class or its kind in experiment files.

        Raises
        ------
        InputError
            If there is no such method.
        """
        for each in self.opinions:
            if name in (each.name, each.method.kind):
                return each
        known = [each.name for each in self.opinions]
        raise InputError("name", "be one of the methods", nearest(str(name), known))

    @property
    def toml(self) -> str:
        """The suggestion as lines of an experiment file; empty if there is none."""
        if self.suggestion is None:
            return ""
        lines = ["[method]", f'kind = "{self.suggestion.kind}"']
        for name, value in settings_of(self.suggestion).items():
            shown = f'"{value}"' if isinstance(value, str) else f"{value}".lower()
            lines.append(f"{name} = {shown}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: text, numbers, truth values, None, lists and dicts alone.

        Numbers that are not finite are None.

        Returns
        -------
        dict
            For JSON.
        """
        chosen = self.suggestion
        return {
            "question": self.question,
            "target_error": self.target_error,
            "methods": [each.to_dict() for each in self.opinions],
            "suggestion": None
            if chosen is None
            else {
                "method": type(chosen).__name__,
                "kind": chosen.kind,
                "settings": settings_of(chosen),
                "python": python_of(chosen),
                "toml": self.toml,
            },
            "sentence": self.sentence,
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        rows = [
            (
                each.name,
                each.verdict.name.lower(),
                "; ".join([each.reason, *each.remarks]),
                "" if each.error is None else f"{each.error:.2g}",
                "" if each.seconds is None else duration(each.seconds),
                "" if each.memory is None else size(each.memory),
            )
            for each in self.opinions
        ]
        head = ("method", "verdict", "why", "error", "time", "memory")
        chosen = "" if self.suggestion is None else python_of(self.suggestion)
        return grid("Advice", head, rows, (self.question, *self.notes, self.sentence, chosen))

    def __str__(self) -> str:
        lines = _wrapped(self.question, "")
        lines += ["", f"{'method':<18}{'verdict':<10}{'error':<9}{'time':<14}memory"]
        for each in self.opinions:
            error = "-" if each.error is None else f"{each.error:.2g}"
            seconds = "-" if each.seconds is None else duration(each.seconds)
            memory = "-" if each.memory is None else size(each.memory)
            verdict = each.verdict.name.lower()
            lines.append(
                f"{each.name:<18}{verdict:<10}{error:<9}{seconds:<14}{memory:<10}".rstrip()
            )
            lines += _wrapped(each.reason, "    ")
            for remark in each.remarks:
                lines += _wrapped(remark, "    ")
        for note in self.notes:
            lines += ["", *_wrapped(note, "")]
        lines += ["", *_wrapped(self.sentence, "")]
        if self.suggestion is not None:
            lines += ["", *(f"    {line}" for line in self.toml.splitlines())]
        return "\n".join(lines)


def settings_of(method: AbstractMethod) -> dict[str, Any]:
    """Settings of a method that differ from its defaults, as plain data."""
    made: dict[str, Any] = {}
    for item in fields(method):
        value = getattr(method, item.name)
        if value != item.default:
            made[item.name] = list(value) if isinstance(value, tuple) else value
    return made


def python_of(method: AbstractMethod) -> str:
    """A method as it is written in Python."""
    inside = ", ".join(f"{name}={value!r}" for name, value in settings_of(method).items())
    return f"{type(method).__name__}({inside})"


def _wrapped(text: str, indent: str) -> list[str]:
    sentence = text if text.endswith(".") else f"{text}."
    if "_" not in sentence.split(maxsplit=1)[0]:  # names stay as they are written
        sentence = sentence[0].upper() + sentence[1:]
    return textwrap.wrap(
        sentence,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def duration(seconds: float) -> str:
    """A time in words."""
    if not seconds < 1e11:
        return "> 3000 years"
    for unit, each in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * each:
            return (
                f"{seconds / each:.2g} {unit}"
                if seconds < 99 * each
                else f"{seconds / each:.0f} {unit}"
            )
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes in words."""
    for unit, each in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= each:
            return (
                f"{count / each:.2g} {unit}" if count < 99 * each else f"{count / each:.3g} {unit}"
            )
    return f"{max(count / 1e3, 1):.0f} kB"
