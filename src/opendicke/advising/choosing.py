"""What `method = "auto"` takes of an advice, and how it says so."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any, NamedTuple

from opendicke.advising.opinions import Advice, python_of
from opendicke.errors import ValidityError, ValidityWarning
from opendicke.methods.base import AbstractMethod, Verdict


class Choice(NamedTuple):
    """The method that is taken."""

    method: AbstractMethod
    sentence: str
    """What it is and why."""
    target_error: float
    """The largest error that it was to have."""

    @property
    def attributes(self) -> dict[str, Any]:
        """What a result keeps of the choice."""
        return {CHOICE: self.sentence, CHOSEN_FOR: self.target_error}


CHOICE, CHOSEN_FOR = "method_choice", "method_target_error"
"""Attributes of results whose method was chosen: words, and the error that it was to have."""


def choice_of(advice: Advice, validity: str, progress: bool | None) -> Choice:
    """The suggested method; where there is none, the least doubtful if the user does not mind.

    Parameters
    ----------
    advice : Advice
    validity : {"refuse", "warn", "ignore"}
        As in `solve`.
    progress : bool, optional
        False: do not say on standard error what was chosen.

    Raises
    ------
    ValidityError
        If nothing is valid and the user wants nothing else, or nothing answers at all.
    """
    method = advice.suggestion
    if method is not None:
        sentence = advice.sentence.removeprefix("Suggestion: ")
    else:
        known = [each for each in advice.opinions if each.seconds is not None and each.offered]
        known = [each for each in known if each.verdict is not Verdict.VALID]
        if validity == "refuse" or not known:
            raise ValidityError(
                f'{advice.sentence} (method = "auto"; `advise` says more, and validity="warn" '
                "takes it)."
            )
        least = min(known, key=lambda each: (each.verdict, _size(each.number)))
        method = least.method
        sentence = f"{python_of(method)}, {least.verdict.name.lower()} here: {least.reason}"
        if validity == "warn":
            warnings.warn(f"{sentence}.", ValidityWarning, stacklevel=4)
    told(sentence, progress)
    return Choice(method, sentence, advice.target_error)


def told(sentence: str, progress: bool | None) -> None:
    """Say the method on standard error, unless the user wants no word."""
    if progress is not False:
        sys.stderr.write(f"Method: {sentence}.\n")


def _size(number: float) -> float:
    return number if math.isfinite(number) else math.inf
