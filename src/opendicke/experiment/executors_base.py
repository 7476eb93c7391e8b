"""What everything that solves groups of cells offers, and how groups share a message."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Any, Protocol, Self

Work = Callable[..., list[bytes]]
"""work(job, groups) -> one packed answer per group; a function of a module, found by its name."""


class Group(Protocol):
    """Cells that are solved in one call: small, frozen, hashable."""

    @property
    def cells(self) -> tuple[Any, ...]:
        """Positions of the cells."""
        ...


@dataclass(frozen=True)
class Failure:
    """Instead of an answer: why there is none."""

    message: str


Answer = bytes | Failure


class Executor(ABC):
    """Solves groups of cells, somewhere. A context manager that closes itself.

    Attributes
    ----------
    name : str
        What the provenance says.
    workers : int
        Groups, or bundles of them, that are solved at a time.
    """

    name: str
    workers: int

    @abstractmethod
    def run(
        self,
        job: Any,
        groups: Sequence[Any],
        work: Work,
        work_progress: Callable[..., None] | None = None,
    ) -> Iterator[tuple[Any, Answer]]:
        """Solve all groups; each with its answer as soon as that is there, in any order.

        Parameters
        ----------
        job : object
            What all groups have in common; sent to each worker once.
        groups : sequence of `Group`
        work : callable
            `work(job, groups)` gives one packed answer per group.
        work_progress : callable, optional
            Handed to `work` as `progress` where the work is done in this process.

        Yields
        ------
        tuple
            A group and its packed answer, or `Failure` if the work raised an error or its worker
            died three times.

        Raises
        ------
        InputError
            If the job cannot be sent.
        StoreError
            If the workers are lost for good.
        """

    def close(self) -> None:  # noqa: B027 - nothing to let go of, unless a class says so
        """End the workers at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def sentence(error: BaseException) -> str:
    """An error in one line that is not too long."""
    text = " ".join(str(error).split())
    text = text if len(text) <= _LINE else text[: _LINE - 1] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_LINE = 300


def solve_one(job: Any, group: Any, work: Work, **more: Any) -> Answer:
    """The answer for one group; an error is an answer, too."""
    try:
        (answer,) = work(job, [group], **more)
    except Exception as error:
        return Failure(sentence(error))
    return answer


WORTH = 0.2
"""Seconds of work that a message is worth."""
_LONG = 2.5 * WORTH
_LARGE = 32e6


def solve_some(job: Any, groups: Sequence[Any], work: Work) -> tuple[list[Answer], float]:
    """Answers for the first groups of a bundle and the seconds they took.

    All groups are solved unless they turn out to be slower, or their answers larger, than a
    message should hold; at least one is.
    """
    answers: list[Answer] = []
    size, start = 0, time.perf_counter()
    for group in groups:
        answers.append(solve_one(job, group, work))
        size += len(answers[-1]) if isinstance(answers[-1], bytes) else 0
        if time.perf_counter() - start > _LONG or size > _LARGE:
            break
    return answers, time.perf_counter() - start


class Bundles:
    """Groups, by their numbers, that wait to be handed out; as many at a time as are worth it."""

    def __init__(self, count: int) -> None:
        self._waiting = deque(range(count))
        self._suspects: deque[int] = deque()
        self._seconds: float | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects)

    def take(self, takers: int) -> list[int]:
        """The next bundle; small enough that all takers go on having work.

        The first groups go one by one, until the time they take is known; suspects always do.
        """
        if self._suspects:
            return [self._suspects.popleft()]
        size = 1 if self._seconds is None else int(WORTH / max(self._seconds, 1e-9))
        size = max(1, min(size, ceil(len(self._waiting) / (2 * takers))))
        return [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]

    def put_back(self, numbers: Iterable[int], *, alone: bool = False) -> None:
        """To be handed out again before all others; `alone` if one of them may kill its worker."""
        if alone:
            self._suspects.extend(numbers)
        else:
            self._waiting.extendleft(reversed(list(numbers)))

    def learn(self, seconds: float, count: int) -> None:
        """So long did so many groups take."""
        mean = seconds / count
        self._seconds = mean if self._seconds is None else (self._seconds + mean) / 2
