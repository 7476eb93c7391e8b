"""Beyond Fig. 2(b): which jumps of energy the stationary state makes, and where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.model.configurations import energy_scale, spin_flip_costs
from opendicke.model.dicke import DickeModel
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.asymmetry import log_ratio
from opendicke.papers.fiorelli2020.drawn import damped_to, stationary_of
from opendicke.papers.fiorelli2020.theory import large_jump_ratio
from opendicke.papers.fiorelli2020.two_spins import drawn_couplings, model_of
from opendicke.physics.configuration_rates import configuration_rates, energy_weights
from opendicke.physics.rate_limits import crossing, short_times
from opendicke.results.dataset import words

_ENDS = (1e-4, 1e5)
"""Of the axis of Γ²η/(4g²)."""
_COSTS = np.arange(-40.25, 40.5, 0.5)
"""Edges of the axis of ΔE; one interval is centred at zero."""


def make_jumps(scale: Scale, progress: Progress) -> xr.Dataset:
    """Share of jumps in the regimes (i) and (ii), exactly from probabilities and rates."""
    parameters = scale.parameters["jumps"]
    drawn = drawn_couplings(parameters, parameters["spins"], parameters["draws"])
    every = [*parameters["shown"], *drawn]
    edges = np.geomspace(*_ENDS, parameters["bins"] + 1)
    made = []
    for number, couplings in enumerate(every):
        progress(number / len(every), f"jumps of draw {number + 1}")
        made.append(_of(model_of(parameters, couplings), edges))
    groups = ["shown"] * len(parameters["shown"]) + ["drawn"] * len(drawn)
    whole = xr.concat(made, "draw").assign(group=words("draw", groups))
    whole = whole.assign_coords(
        place=np.sqrt(edges[1:] * edges[:-1]),
        cost=("cost", (_COSTS[1:] + _COSTS[:-1]) / 2, {"long_name": "ΔE"}),
    )
    return whole.merge(_ratios(parameters))


def _of(model: DickeModel, edges: Array) -> xr.Dataset:
    """Jumps of one draw: weights p W of all flips out of all configurations."""
    modes = model.frequencies, model.loss, model.gain
    scale = energy_scale(*modes)
    short = short_times(model.couplings, *modes)
    limit = crossing(model.couplings, *modes)
    rates, end = configuration_rates(model), stationary_of(model)
    costs = np.array(
        [
            spin_flip_costs(model.couplings, energy_weights(model) / 4, spin)
            for spin in range(model.spins)
        ]
    )
    away = np.abs(costs + short.reorganisation[:, None])
    eta = float((model.loss - model.gain)[0] / model.frequencies[0])
    place = away**2 * eta / (4 * model.couplings**2)
    flux = end.probability * rates
    flux = flux / flux.sum()
    beyond = away > limit[:, None]
    visits = np.broadcast_to(end.probability, rates.shape)
    far_rate, near_rate = (_mean_rate(rates, visits, some) for some in (beyond, ~beyond))
    strong = short.variance > modes[0][0] ** 2
    inside, outside = place < 1, place > 1
    shares = {
        "narrow": flux[inside].sum(),
        "wide": flux[beyond].sum(),
        "narrow_uniform": inside.mean(),
        "wide_uniform": beyond.mean(),
        "far_rate": far_rate,
        "near_rate": near_rate,
        "strong": flux[strong].sum(),
        "narrow_strong": flux[strong][inside[strong]].sum() / flux[strong].sum(),
        "wide_strong": flux[strong][beyond[strong]].sum() / flux[strong].sum(),
        "up": flux[(costs > 0) & outside].sum(),
        "mean_jump": (flux * np.abs(costs)).sum() * scale,
    }
    # What lies beyond an end counts at that end.
    shown = np.clip(place, edges[0], edges[-1])
    histogram = np.histogram(shown, edges, weights=flux)[0]
    plain = np.histogram(shown, edges)[0] / place.size
    # Jumps beyond the axis of ΔE, if any, are not shown: at an end they would look like a peak.
    energies = costs * scale
    costing = np.histogram(energies, _COSTS, weights=flux)[0]
    possible = np.histogram(energies, _COSTS)[0] / energies.size
    return xr.Dataset(
        {name: ((), float(value), {"long_name": _SHARES[name]}) for name, value in shares.items()}
        | {
            "cost_histogram": (("cost",), costing, {"long_name": "share of jumps"}),
            "cost_uniform": (("cost",), possible, {"long_name": "share of possible flips"}),
        }
        | {
            "histogram": (("place",), histogram, {"long_name": "share of jumps"}),
            "uniform": (("place",), plain, {"long_name": "share of flips, each counted once"}),
        }
    )


def _mean_rate(rates: Array, visits: Array, some: Array) -> float:
    """Mean rate of the flips of a kind, NaN if there are none."""
    weight = visits[some].sum()
    return float((rates * visits)[some].sum() / weight) if weight > 0 else float("nan")


_SHARES = {
    "narrow": "share of jumps with Γ² < 4g²/η",
    "wide": "share of jumps beyond the crossing of the closed forms",
    "narrow_uniform": "share of all possible flips with Γ² < 4g²/η",
    "wide_uniform": "share of all possible flips beyond the crossing",
    "far_rate": "mean rate of a flip beyond the crossing",
    "near_rate": "mean rate of a flip on this side of the crossing",
    "strong": "share of jumps of strongly coupled spins, variance above ω²",
    "narrow_strong": "of these, share with Γ² < 4g²/η",
    "wide_strong": "of these, share beyond the crossing",
    "up": "share of jumps with Γ² > 4g²/η that raise the energy",
    "mean_jump": "mean |ΔE| of a jump",
}


def _ratios(parameters: Mapping[str, Any]) -> xr.Dataset:
    """R beside its closed form, where both the jump and its reverse are beyond the crossing."""
    couplings, etas, points = (parameters[name] for name in ("couplings", "etas", "points"))
    shape = (len(couplings), len(etas), points)
    jumps, exact, closed, beyond = (np.empty(shape) for _ in range(4))
    for i, g in enumerate(couplings):
        for k, eta in enumerate(etas):
            known = damped_to(parameters, eta)
            modes = known["frequency"], known["loss"], known["gain"]
            scale = energy_scale(*modes)
            gap = float(crossing([g], *modes)) * scale
            shift = float(short_times([g], *modes).reorganisation) * scale
            # The reverse lies nearer to the peak: −ΔE + g² = −(ΔE − g²).
            factors = np.geomspace(0.3, 30.0, points)
            jumps[i, k] = factors * gap + shift
            beyond[i, k] = factors
            exact[i, k] = np.exp(log_ratio(parameters, g, eta, jumps[i, k]))
            closed[i, k] = large_jump_ratio(jumps[i, k], g)
    dims = ("coupling", "eta", "factor")
    return xr.Dataset(
        {
            "jump": (dims, jumps, {"long_name": "ΔE"}),
            "exact": (dims, exact, {"long_name": "R"}),
            "closed": (dims, closed, {"long_name": "((ΔE − g²)/(ΔE + g²))⁴"}),
            "far": (dims, beyond, {"long_name": "|Γ(−ΔE)| over the crossing"}),
        },
        {"coupling": couplings, "eta": etas},
    )
