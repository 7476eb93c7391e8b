"""What a method returns: bare numbers by observable, before any label is attached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from opendicke.measure.moments import Statistic
from opendicke.model.checks import Array


class Status(IntEnum):
    """How the computation of one member ended. 0 is left to mean "not yet computed"."""

    PENDING = 0
    OK = 1
    NOT_CONVERGED = 2
    NOT_FINITE = 3
    FAILED = 4
    """An error was raised, or the process that computed it died."""
    REFUSED = 5
    """The method refuses this member."""


@dataclass(frozen=True, eq=False)
class Raw:
    """Answers of one member (one model of an ensemble): moments or plain arrays.

    Every array has time as its first dimension, then those of its observable.
    """

    values: Mapping[str, Statistic | Array]
    status: Status = Status.OK
    message: str = ""
    numerics: dict[str, Any] = field(default_factory=dict)
    """Step, order, estimated error …: as resolved for this member."""
    labels: Mapping[str, tuple[tuple[str, ...], Array]] = field(default_factory=dict)
    """What labels this member's answers: dimensions and values, no time among them."""
    end: Mapping[str, Array] = field(default_factory=dict)
    """The state at the last time, of methods that can go on from it."""
