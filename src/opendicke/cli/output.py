"""What commands say: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

_BOLD, _RED, _PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"


@dataclass
class _Call:
    """One call of the command line."""

    machine: bool = False
    """Whether it ends in one JSON object instead of sentences."""
    command: str | None = None
    """Its name, once it is known."""
    answer: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)


_call = _Call()


def begin(*, machine: bool) -> None:
    """Forget what the call before said."""
    global _call
    _call = _Call(machine)


def called(command: str | None) -> None:
    """The command whose call it is."""
    _call.command = command


def say(what: object) -> None:
    """Print a sentence for people, unless the answer goes to a machine.

    Characters that the terminal cannot show, such as those of a path, are escaped.
    """
    if _call.machine:
        return
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(str(what).encode(encoding, "backslashreplace").decode(encoding))


def answer(**parts: Any) -> None:
    """What the command found, for machines; parts of later calls are added."""
    _call.answer = (_call.answer or {}) | parts


def note(message: object, *_: Any, **__: Any) -> None:
    """A line on standard error about what the user should know; takes the place of warnings."""
    text = sentence(str(message))
    _call.notes.append(text)
    sys.stderr.write(f"{_marked('Note:', _BOLD)} {text}\n")


def complain(text: str, word: str = "Error: ") -> None:
    """A line on standard error about why nothing came of it."""
    typer.echo(_marked(word.rstrip(), _RED) + " " * word.endswith(" ") + sentence(text), err=True)


def finish(code: int, error: Mapping[str, Any] | None = None) -> int:
    """Print the JSON object, if one was asked for and there is anything to say."""
    if not _call.machine or (error is None and _call.answer is None):
        return code
    whole = dict(_call.answer or {})
    if error is not None:
        whole = {"command": _call.command, "error": dict(error)}
    whole |= {"notes": _call.notes, "exit_code": code}
    typer.echo(json.dumps(_strict(whole), indent=2, allow_nan=False))
    return code


def _strict(value: Any) -> Any:
    """What JSON can hold; numbers that are not finite are null."""
    if error_free(value):
        return value
    from opendicke.results.dataset import as_json

    return json.loads(as_json(value))


def error_free(value: Any) -> bool:
    """Whether there are only words, whole numbers and nothing below lists and tables."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and error_free(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(error_free, value))
    return value is None or type(value) in (str, int, bool)


def sentence(text: str) -> str:
    """A message on one line, with its full stop; paths may hold what breaks lines."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if line.endswith((".", "?")) else f"{line}."


def _marked(word: str, style: str) -> str:
    """A word that stands out on terminals that have styles."""
    return f"{style}{word}{_PLAIN}" if word and coloured(sys.stderr) else word


def coloured(stream: Any) -> bool:
    """Whether a stream is a terminal with styles, and the user has not turned them off.

    `NO_COLOR` with any value turns them off, and so does `TERM=dumb`.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(stream.isatty())
