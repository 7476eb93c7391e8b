"""Tests of what fiorelli2020 says about where the rate equation holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.methods.strong_coupling import exit_rates, rates_of
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.fiorelli2020.standards import GOOD, SLOW, binomial_error, of_group
from opendicke.papers.fiorelli2020.two_spins import drawn_couplings, model_of, validity_of
from opendicke.physics.coherence_times import DOUBTFUL, Validity, pair_decays

_SMALL = 0.02
"""Field times coherence time that is far below 1."""
_FEW = 5
"""Pairs below which nothing is concluded from their share."""
_SPINS = 10
"""Of Fig. 2(a)."""


def _group(findings: Findings, name: str) -> xr.Dataset:
    """Pairs of one group of the figure."""
    return of_group(findings("fig2a_inset"), "pair", name)


def _number_of_alike(findings: Findings) -> int:
    """Which of the pairs shown has equal couplings."""
    return int(np.argmin(_group(findings, "shown")["ratio"].values))


def _alike(findings: Findings) -> xr.Dataset:
    """The pair of equal couplings."""
    return _group(findings, "shown").isel(pair=_number_of_alike(findings))


@claim(
    "no_symmetries",
    "Because couplings are random and independent, no symmetry protects coherences between "
    "configurations (so that they are gone before spins flip, as is assumed from there on).",
    "p. 2",
)
def no_symmetries(findings: Findings) -> Outcome:
    """How fast the slowest coherence of each draw decays, beside the rate of flips."""
    alike = _alike(findings)
    parameters: dict[str, Any] = dict(findings.scale.parameters["fig2a_inset"])
    settings = [parameters[name] for name in ("frequency", "loss", "gain")]
    decay = float(pair_decays(alike["couplings"].values[:, None], *settings).min())
    crowd = drawn_couplings(parameters, _SPINS, parameters["draws"])
    found = [_judged(parameters, couplings) for couplings in crowd]
    ratios = np.array([one.ratio for one in found])
    two = _group(findings, "drawn")["ratio"].values
    slow = float((ratios < 1).mean())
    return Outcome(
        judged(slow < 0.05),
        f"Value: share of {len(crowd)} draws of {_SPINS} spins (Fig. 2a) in which a coherence of "
        f"two flips decays more slowly than spins flip, Λ < W. The smallest Λ/W is "
        f"{ratios.min():.1g}, never zero, its median {np.median(ratios):.1g}; "
        f"{(ratios < DOUBTFUL).mean():.0%} of the draws have Λ < {DOUBTFUL:g} W, on average for "
        f"{np.mean([one.doubtful for one in found]):.1f} spins; of {len(two)} drawn pairs "
        f"{(two < 1).mean():.0%} have Λ < W and {(two < DOUBTFUL).mean():.0%} Λ < {DOUBTFUL:g} W. "
        f"Given, not drawn: at g = {_listed(alike)} Λ is {decay:g}.",
        value=slow,
        expected=0.0,
        error=binomial_error(slow, len(crowd)),
    )


def _judged(parameters: dict[str, Any], couplings: list[float]) -> Validity:
    """What the library says about a draw."""
    model = model_of(parameters, couplings)
    return validity_of(model, exit_rates(model, rates_of(model)).rate)


def _listed(pair: xr.Dataset) -> str:
    return "(" + ", ".join(f"{value:g}" for value in pair["couplings"].values) + ")"


@claim(
    "condition",
    "The expansion holds as long as Ω ≪ 1/t_L, with t_L ≈ ω/(2g²ν).",
    "p. 2, below Eq. (3)",
)
def condition(findings: Findings) -> Outcome:
    """Not sufficient, if drawn pairs that satisfy it are wrong."""
    alike, drawn = _alike(findings), _group(findings, "drawn")
    dataset = findings("fig2a_inset")
    end = dataset["exact"].isel(panel=_number_of_alike(findings), time=-1).values
    met = drawn["drive"].values <= _SMALL
    wrong = drawn["deviation"].values[met]
    good = float((wrong < GOOD).mean()) if len(wrong) else float("nan")
    verdict = judged(good > 0.9) if len(wrong) >= _FEW else Verdict.CANNOT_TELL
    ratios, few = np.sort(drawn["ratio"].values[met]), 0 < len(wrong) <= 2 * _FEW
    largest = f", by {wrong.max():.3f} at most" if len(wrong) else ""
    return Outcome(
        verdict,
        f"Of {drawn.sizes['pair']} drawn pairs {len(wrong)} have Ω t_L ≤ {_SMALL:g} for both "
        f"spins; of these {int((wrong >= GOOD).sum())} deviate by {GOOD:g} or more from the exact "
        f"probabilities{largest} (value: share of those that do not). The given pair g = "
        f"{_listed(alike)} has Ω t_L = {float(alike['drive']):.3f}, and deviates by "
        f"{float(alike['deviation']):.3f}: its exact probabilities are "
        f"{', '.join(f'{p:.3f}' for p in end)} at t = {float(dataset['time'][-1]):g}."
        + (
            f" Λ/W is {', '.join(f'{r:.2g}' for r in ratios)} for these drawn pairs." if few else ""
        ),
        value=None if np.isnan(good) else good,
        expected=1.0,
        error=None if np.isnan(good) else binomial_error(good, len(wrong)),
    )


@claim(
    "inset",
    "For two spins the rate equation agrees well with the exact solution of the full problem.",
    "Fig. 2(a), inset",
)
def inset(findings: Findings) -> Outcome:
    """The pair of the paper's inset is not printed: what holds for most, for some, for none?"""
    whole, drawn = findings("fig2a_inset"), _group(findings, "drawn")
    first = _group(findings, "shown").isel(pair=0)
    held = whole["deviation"].values[_silent(whole)]
    others = drawn["deviation"].values
    good = float((others < GOOD).mean())
    same = good in (0.0, 1.0)
    most = f", {held.max():.3f} at most" if len(held) else ""
    return Outcome(
        judged(good == 1.0) if same else Verdict.CANNOT_TELL,
        f"The paper does not print its pair. Value: share of {len(others)} pairs drawn as it says "
        f"whose probabilities deviate by less than {GOOD:g}; {(others < 0.05).mean():.0%} deviate "
        f"by less than .05, the worst by {others.max():.2f}. {_silent(drawn).mean():.0%} meet both "
        f"conditions, Λ ≥ {DOUBTFUL:g} W and Ω t_L ≤ {SLOW:g}. Of all {len(held)} drawn and given "
        f"pairs that meet them {int((held < GOOD).sum())} stay below {GOOD:g}{most}. At g = "
        f"{_listed(first)} it is {float(first['deviation']):.4f}.",
        value=good,
        expected=1.0,
        error=binomial_error(good, len(others)),
    )


def _silent(pairs: xr.Dataset) -> Array:
    """Pairs for which the library gives no warning."""
    met = (pairs["ratio"] >= DOUBTFUL) & (pairs["drive"] <= SLOW)
    return np.asarray(met.values)


CLAIMS = (no_symmetries, condition, inset)
