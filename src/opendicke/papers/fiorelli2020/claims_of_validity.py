"""Tests of what fiorelli2020 says about where the rate equation holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.methods.strong_coupling import exit_rates, rates_of
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.papers.fiorelli2020.two_spins import drawn_couplings, model_of, validity_of
from opendicke.physics.coherence_times import DOUBTFUL, pair_decays

_GOOD = 0.02
"""Deviation of a probability that one hardly sees in a figure."""
_SMALL = 0.02
"""Field times coherence time that is far below 1."""
_SLOW = 0.1
"""Field times coherence time up to which the library does not warn."""
_SPINS = 10
"""Of Fig. 2(a)."""


def _group(findings: Findings, name: str) -> xr.Dataset:
    """Pairs of one group of the figure."""
    dataset = findings("fig2a_inset")
    return dataset.isel(pair=[str(group) == name for group in dataset["group"].values])


def _number_of_alike(findings: Findings) -> int:
    """Which of the pairs shown has equal couplings."""
    return int(np.argmin(_group(findings, "shown")["ratio"].values))


def _alike(findings: Findings) -> xr.Dataset:
    """The pair of equal couplings."""
    return _group(findings, "shown").isel(pair=_number_of_alike(findings))


@claim(
    "no_symmetries",
    "Because couplings are random and independent, no symmetry protects coherences between "
    "configurations: the stationary states without field are mixtures of configurations.",
    "p. 2",
)
def no_symmetries(findings: Findings) -> Outcome:
    """Where it fails, and how near to failing the paper's own draws are."""
    alike = _alike(findings)
    parameters: dict[str, Any] = dict(findings.scale.parameters["fig2a_inset"])
    settings = [parameters[name] for name in ("frequency", "loss", "gain")]
    decay = float(pair_decays(alike["couplings"].values[:, None], *settings).min())
    crowd = drawn_couplings(parameters, _SPINS, parameters["draws"])
    doubtful = [_doubtful(parameters, couplings) for couplings in crowd]
    two = _group(findings, "drawn")["ratio"].values
    return Outcome(
        judged(decay > 0),
        f"Two spins with g = {_listed(alike)}: the coherence of ↑↓ and ↓↑ decays at the rate "
        f"(value) zero. Draws from a continuous law hit this with probability zero, but come near: "
        f"of {len(two)} drawn pairs {(two < DOUBTFUL).mean():.0%} have a coherence that decays "
        f"less than {DOUBTFUL:g} times faster than spins flip; of {len(crowd)} draws of {_SPINS} "
        f"spins {np.mean([n > 0 for n in doubtful]):.0%} hold such pairs, on average "
        f"{np.mean(doubtful):.1f} spins. See the errata.",
        value=decay,
    )


def _doubtful(parameters: dict[str, Any], couplings: list[float]) -> int:
    """Spins in pairs whose coherence decays less than 20 times faster than spins flip."""
    model = model_of(parameters, couplings)
    rate = exit_rates(model, rates_of(model)).rate
    return validity_of(model, rate).doubtful


def _listed(pair: xr.Dataset) -> str:
    return "(" + ", ".join(f"{value:g}" for value in pair["couplings"].values) + ")"


@claim(
    "condition",
    "The expansion holds as long as Ω ≪ 1/t_L, with t_L ≈ ω/(2g²ν).",
    "p. 2, below Eq. (3)",
)
def condition(findings: Findings) -> Outcome:
    """Not sufficient: equal couplings satisfy it."""
    alike = _alike(findings)
    dataset = findings("fig2a_inset")
    end = dataset["exact"].isel(panel=_number_of_alike(findings), time=-1).values
    deviation = float(alike["deviation"])
    satisfied = float(alike["drive"]) < _SMALL
    return Outcome(
        judged(not (satisfied and deviation > _GOOD)),
        f"Not sufficient: at g = {_listed(alike)} Ω t_L is {float(alike['drive']):.3f}, and "
        "probabilities of the rate equation become wrong by (value) and stay so: two alike spins "
        "turn together. If all rates were equal the error would tend to 1/12 (expected). The "
        f"exact probabilities are {', '.join(f'{p:.3f}' for p in end)} at t = "
        f"{float(dataset['time'][-1]):g}. A second condition is needed, Λ ≫ W.",
        value=deviation,
        expected=1 / 12,
        error=abs(deviation - 1 / 12),
    )


@claim(
    "inset",
    "For two spins the rate equation agrees well with the exact solution of the full problem.",
    "Fig. 2(a), inset",
)
def inset(findings: Findings) -> Outcome:
    """Where both conditions are met; the pair of the paper's inset is not printed."""
    whole, drawn = findings("fig2a_inset"), _group(findings, "drawn")
    first = _group(findings, "shown").isel(pair=0)
    held = whole["deviation"].values[_silent(whole)]
    others = drawn["deviation"].values
    return Outcome(
        judged(len(held) > 0 and bool((held < _GOOD).all())),
        f"Value: the largest deviation of a probability at g = {_listed(first)}. It is below "
        f"{_GOOD:g} for all {len(held)} pairs that meet both conditions (Λ ≥ {DOUBTFUL:g} W, "
        f"Ω t_L ≤ {_SLOW:g}), {held.max():.3f} at most. The paper does not print its pair. Of "
        f"{len(others)} pairs drawn as it says, {_silent(drawn).mean():.0%} meet both, and "
        f"{(others < _GOOD).mean():.0%} deviate by less than {_GOOD:g}; {others.max():.2f} at "
        "most, where one spin hardly couples.",
        value=float(first["deviation"]),
        expected=0.0,
        error=float(first["deviation"]),
    )


def _silent(pairs: xr.Dataset) -> Array:
    """Pairs for which the library gives no warning."""
    met = (pairs["ratio"] >= DOUBTFUL) & (pairs["drive"] <= _SLOW)
    return np.asarray(met.values)


CLAIMS = (no_symmetries, condition, inset)
