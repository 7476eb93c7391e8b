"""The tally of an ensemble: what it says, when, and when it is quiet."""

from __future__ import annotations

import io
import re
import sys

import pytest

from opendicke import progress
from opendicke.progress import Tally


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress.time, "monotonic", made)
    return made


def test_quiet_when_not_a_terminal(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Tally("MeanField", 10) as tally:
        for done in range(11):
            clock.now += 10
            tally.update(done, 0, 0.1)
    assert capsys.readouterr() == ("", "")


def test_a_line_at_every_tenth(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Tally("MeanField", 200, enabled=True) as tally:
        for done in range(201):
            tally.update(done, failed=min(done, 3), worst=2.5e-3)
            clock.now += 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == [f"{tenth}0%," for tenth in range(1, 10)]
    assert lines[4] == (
        "MeanField:  50%, about 1 min 40 s left; "
        "100 of 200 cells, 3 failed, 1 cells/s, worst error 0.0025"
    )


def test_it_waits_two_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Tally("MeanField", 100, enabled=True) as tally:
        clock.now += 1.9
        tally.update(50)
        assert capsys.readouterr().err == ""
        clock.now += 0.2
        tally.update(50)
        assert "50 of 100 cells" in capsys.readouterr().err


def test_cells_that_were_there_are_no_speed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Tally("MeanField", 1000, enabled=True) as tally:
        tally.update(800)
        clock.now += 100
        tally.update(900)
    assert "about 1 min 40 s left; 900 of 1000 cells, 1 cells/s\n" in capsys.readouterr().err


def test_the_part_under_way_counts(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of one of four cells after ten seconds: seventy more."""
    with Tally("Lindblad", 4, enabled=True) as tally:
        tally.update(0)
        clock.now += 10
        tally.update(0, share=0.5)
    assert capsys.readouterr().err == (
        "Lindblad:  12%, about 1 min 10 s left; 0 of 4 cells, 3 cells/min\n"
    )


def test_a_total_that_grows(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Tally("MeanField", 10, enabled=True) as tally:
        tally.update(0)
        clock.now += 10
        tally.update(5)
        tally.total = 20
        tally.update(5)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("MeanField:  50%, about 10 s left; 5 of 10 cells")
    assert second.startswith("MeanField:  25%, about 30 s left; 5 of 20 cells")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (59, "59 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
        (90000, "1 d 01 h"),
    ],
)
def test_spans(seconds: int, words: str) -> None:
    assert progress._span(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [(12.34, "12.3 cells/s"), (0.1, "6 cells/min"), (0.001, "3.6 cells/h")],
)
def test_rates(rate: float, words: str) -> None:
    assert progress._rate(rate) == words


def test_nothing_is_divided_by_zero(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Tally("MeanField", 0, enabled=True) as tally:
        clock.now += 5
        tally.update(0)
    with Tally("MeanField", 10, enabled=True) as tally:
        tally.update(3)
        clock.now += 5
        tally.update(3)
    assert "about unknown left; 3 of 10 cells\n" in capsys.readouterr().err


def test_on_a_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with Tally("MeanField", 40) as tally:
        tally.update(0)
        assert stream.getvalue() == ""
        clock.now += 10
        tally.update(10, 2, 0.5)
        tally._bar.console.width = 160
        tally._bar.refresh()
    shown = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", stream.getvalue())
    assert "MeanField" in shown
    assert "25%" in shown
    assert "left: 30 s" in shown
    assert "10 of 40 cells, 2 failed, 1 cells/s, worst error 0.5" in shown
