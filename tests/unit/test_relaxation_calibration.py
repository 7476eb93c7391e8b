"""How often the verdict on a decay is right, wrong and withheld, over many synthetic curves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from opendicke.analysis.relaxation import Law, Relaxation, fit_relaxation
from opendicke.analysis.relaxation_selection import NONE, UNDECIDED
from relaxation_curves import PERIOD, TRUTHS, curves

START = 2.0


@dataclass
class Tally:
    """What happened over the curves of one kind."""

    right: int = 0
    wrong: int = 0
    withheld: int = 0
    misfit: int = 0
    naive_wrong: int = 0
    """Where the law of least AICc, claimed without further ado, is another one."""
    total: int = 0
    covered: Counter[str] = field(default_factory=Counter)

    def enter(self, law: Law, found: Relaxation) -> None:
        self.total += 1
        self.right += found.verdict == law
        self.withheld += found.verdict == UNDECIDED
        self.misfit += found.verdict == NONE
        self.wrong += found.law is not None and found.law is not law
        if not found.fits:
            return
        least = min(found.fits.values(), key=lambda fit: fit.aicc)
        self.naive_wrong += least.law is not law
        for name, (low, high) in found.fits[law].intervals.items():
            self.covered[name] += low <= TRUTHS[law][name] <= high


def tally(
    law: Law, count: int, error: float, stop: float, realizations: int = 40, first: int = 0
) -> Tally:
    result = Tally()
    for seed in range(first, first + count):
        times, members = curves(law, seed, realizations, error, stop)
        found = fit_relaxation(times, members, period=PERIOD, start=START, resamples=60)
        result.enter(law, found)
    return result


@pytest.mark.parametrize("law", list(Law))
def test_long_precise_curves_are_told(law: Law) -> None:
    """All of eight, at errors of .002 over a factor 20 in time."""
    found = tally(law, 8, error=0.002, stop=40.0)
    assert found.right == 8


def test_short_noisy_curves_are_not() -> None:
    """Nor by chance wrong; the law of least AICc alone would often be wrong: the rule matters."""
    found = [tally(law, 6, error=0.02, stop=10.0) for law in Law]
    assert sum(one.withheld for one in found) >= 22
    assert sum(one.wrong for one in found) <= 1
    assert sum(one.naive_wrong for one in found) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("realizations", [8, 40])
@pytest.mark.parametrize("law", list(Law))
def test_right_where_it_can_be_known(law: Law, realizations: int) -> None:
    """In 95 of 100 curves; and the intervals hold the truth in 90 to 99 of 100, within chance."""
    count = 100
    found = tally(law, count, error=0.002, stop=40.0, realizations=realizations)
    assert found.right >= 0.95 * count
    assert found.wrong <= 0.01 * count
    for name, held in found.covered.items():
        assert 0.88 * count <= held <= 0.995 * count, name


@pytest.mark.slow
@pytest.mark.parametrize("law", list(Law))
def test_withheld_where_it_cannot(law: Law) -> None:
    """In 80 of 100 curves, short and noisy; wrong in five at most."""
    count = 100
    found = tally(law, count, error=0.02, stop=10.0)
    assert found.withheld >= 0.8 * count
    assert found.wrong <= 0.05 * count


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.002, 0.007, 0.03])
@pytest.mark.parametrize("stop", [6.0, 12.0, 40.0])
def test_seldom_wrong_anywhere(error: float, stop: float) -> None:
    """In between, too: wrong claims, and refusals of the true law, in five of 100 at most."""
    for law in Law:
        found = [tally(law, 20, error, stop, realizations, 1000) for realizations in (8, 40)]
        assert sum(one.wrong for one in found) <= 2, law
        assert sum(one.misfit for one in found) <= 2, law


@pytest.mark.slow
def test_a_wrong_rule_is_noticed() -> None:
    """The law of least AICc, without a margin, fails where the rule of this library does not."""
    found = [tally(law, 40, error=0.02, stop=10.0) for law in Law]
    assert max(one.naive_wrong for one in found) > 0.05 * 40
    assert np.sum([one.wrong for one in found]) <= 0.05 * 160
