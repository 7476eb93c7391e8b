"""The exceptions of the library and the one form in which bad input is reported."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: which argument, what it must be, what it was.

    Parameters
    ----------
    argument
        Name of the argument, as the user wrote it.
    requirement
        What it must do or be, to follow the word "must".
    received
        What it was instead, to follow the word "but".
    """

    def __init__(self, argument: str, requirement: str, received: str) -> None:
        self.argument = argument
        self.requirement = requirement
        self.received = received
        end = "" if received.endswith("?") else "."
        super().__init__(f"Argument `{argument}` must {requirement}, but {received}{end}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """Exceptions travel between processes; the sentence is made again from its parts."""
        return type(self), (self.argument, self.requirement, self.received)


class ValidityError(ValueError):
    """A method refuses a question whose answer would be meaningless."""


class ValidityWarning(UserWarning):
    """A method answers, but outside the domain where the answer can be trusted blindly."""


class StoreError(OSError):
    """A file or folder of results cannot be read or written as asked."""


def nearest(word: str, known: Iterable[str]) -> str:
    """End of a sentence that names the known word closest to `word`, and all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    listing = ", ".join(f"`{name}`" for name in names)
    return f"was `{word}` (known: {listing}){hint}" if names else f"was `{word}`{hint}"


def shown(value: object, limit: int = 60) -> str:
    """A short printable form of a received value."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
