"""A progress bar with time left that shows itself only when the work takes a while."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

_PATIENCE = 2.0


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
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("left:"),
                TimeRemainingColumn(),
                TextColumn("[dim]{task.fields[text]}"),
                console=Console(stderr=True),
                transient=True,
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
