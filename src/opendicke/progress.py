"""Progress with time left that shows itself only when the work takes a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

_PATIENCE = 2.0

_listener: ContextVar[Callable[[float, str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def told_to(listener: Callable[[float, str], None]) -> Iterator[None]:
    """Ensembles that are computed inside show no progress; they tell it to a larger work.

    Parameters
    ----------
    listener : callable
        Takes the fraction done and a short text.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def console(**settings: Any) -> Any:
    """A terminal on standard error whose styles are readable on white and on black.

    Rich turns colours off where `NO_COLOR` is set, and everything where `TERM` is dumb.
    """
    from rich.console import Console
    from rich.theme import Theme

    plain = ("elapsed", "remaining", "percentage", "description", "data.speed")
    styles = {f"progress.{name}": "none" for name in plain}
    bars = {"bar.complete": "blue", "bar.finished": "blue", "bar.pulse": "blue"}
    given: dict[str, Any] = {"stderr": True, "theme": Theme(styles | bars), **settings}
    return Console(**given)


class Bar:
    """Context manager; call it with the fraction done and a short text.

    It appears on standard error after two seconds, and only on a terminal unless `always`.
    """

    def __init__(self, title: str, *, enabled: bool | None = None) -> None:
        self._title = title
        self._enabled = sys.stderr.isatty() if enabled is None else enabled
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None
        self._lines = 0

    def __enter__(self) -> Bar:
        return self

    def __call__(self, fraction: float, text: str = "") -> None:
        elapsed = time.monotonic() - self._start
        if not self._enabled or (self._bar is None and elapsed < _PATIENCE):
            return
        if not sys.stderr.isatty():
            self._plain(fraction, text, elapsed)
            return
        if self._bar is None:
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.table import Column

            def fixed(width: int) -> Column:
                """What is not squeezed by a long text."""
                return Column(min_width=width, no_wrap=True)

            self._bar = Progress(
                TextColumn("{task.description}", table_column=fixed(min(len(self._title), 24))),
                BarColumn(bar_width=12, table_column=fixed(12)),
                TaskProgressColumn(table_column=fixed(4)),
                TimeElapsedColumn(table_column=fixed(7)),
                TextColumn("left:", table_column=fixed(5)),
                TimeRemainingColumn(table_column=fixed(7)),
                TextColumn("{task.fields[text]}", table_column=fixed(1)),
                console=console(),
                transient=True,
                speed_estimate_period=300.0,  # parts may take minutes each
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=1.0, text=text)
        self._bar.update(self._task, completed=fraction, text=text)

    def _plain(self, fraction: float, text: str, elapsed: float) -> None:
        """Without a terminal: a line at every tenth."""
        if fraction * 10 < self._lines + 1 or fraction >= 1:
            return
        self._lines = int(fraction * 10)
        left = elapsed * (1 - fraction) / max(fraction, 1e-3)
        sys.stderr.write(f"{self._title}: {fraction:4.0%}, about {left:.0f} s left; {text}\n")
        sys.stderr.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


class Tally:
    """Context manager that counts the cells of an ensemble: done, failed, rate, time left.

    It appears on standard error after two seconds, and only on a terminal unless `enabled`; without
    a terminal it is a line at every tenth.

    Parameters
    ----------
    title : str
    total : int
        Cells to be done in the end, with those that are there already; may be changed.
    enabled : bool, optional
        Whether to show anything; by default on terminals.
    """

    def __init__(self, title: str, total: int, *, enabled: bool | None = None) -> None:
        self.total = total
        self._title = title
        self._listener = _listener.get()
        self._enabled = sys.stderr.isatty() if enabled is None else enabled
        self._start = time.monotonic()
        self._there: int | None = None
        self._bar: Any = None
        self._task: Any = None
        self._lines = 0

    def __enter__(self) -> Tally:
        return self

    def update(
        self, done: int, failed: int = 0, worst: float | None = None, share: float = 0.0
    ) -> None:
        """Show where things stand.

        Parameters
        ----------
        done : int
            Cells that are there; those of the first call do not count for the rate.
        failed : int
            How many of these did not end well.
        worst : float, optional
            The largest error so far.
        share : float
            How many cells the part is worth that is done of those under way.
        """
        if self._there is None:
            self._there = done
        elapsed = time.monotonic() - self._start
        silent = not self._enabled or (self._bar is None and elapsed < _PATIENCE)
        if silent and self._listener is None:
            return
        reached = min(done + share, self.total)
        rate = (reached - self._there) / elapsed if elapsed > 0 else 0.0
        left = _span((self.total - reached) / rate) if rate > 0 else "unknown"
        text = f"{done} of {self.total} cells"
        text += f", {failed} failed" if failed else ""
        text += f", {_rate(rate)}" if rate > 0 else ""
        text += f", worst error {worst:.2g}" if worst is not None else ""
        if self._listener is not None:
            self._listener(reached / max(self.total, 1), text)
            return
        if sys.stderr.isatty():
            self._drawn(reached, text, left)
        else:
            self._plain(reached, text, left)

    def _drawn(self, reached: float, text: str, left: str) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("left: {task.fields[left]}"),
                TextColumn("{task.fields[text]}"),
                console=console(),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self.total, text=text, left=left)
        self._bar.update(self._task, completed=reached, total=self.total, text=text, left=left)

    def _plain(self, reached: float, text: str, left: str) -> None:
        """Without a terminal: a line at every tenth."""
        fraction = reached / max(self.total, 1)
        tenths = int(fraction * 10)
        if tenths == self._lines or fraction >= 1:
            return
        self._lines = tenths
        if tenths > 0:
            sys.stderr.write(f"{self._title}: {fraction:4.0%}, about {left} left; {text}\n")
            sys.stderr.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _rate(cells: float) -> str:
    """So many cells a second, in words that stay readable for slow ones."""
    units = {"s": 1, "min": 60, "h": 3600}
    unit = next((name for name in units if cells * units[name] >= 1), "h")
    return f"{cells * units[unit]:.3g} cells/{unit}"


def _span(seconds: float) -> str:
    """A span of time in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"
