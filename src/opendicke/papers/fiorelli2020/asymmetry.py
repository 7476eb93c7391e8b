"""Fig. 2(c) to (e): how much likelier a flip is than its reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.model.configurations import energy_scale
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.drawn import damped_to
from opendicke.papers.fiorelli2020.theory import beta_of_energy
from opendicke.papers.fiorelli2020.two_spins import drawn_couplings
from opendicke.physics.flip_rates import flip_rates
from opendicke.physics.rate_limits import short_times

_ACCURACY = 4e-8
"""Relative difference of two rates that is beyond their errors."""


def rates_at(parameters: Mapping[str, Any], coupling: float, eta: float, jumps: Any) -> Array:
    """Flip rates of a spin at jumps ΔE of the energy E of Eq. (4)."""
    known = damped_to(parameters, eta)
    three = known["frequency"], known["loss"], known["gain"]
    energies = np.asarray(jumps, dtype=float) / energy_scale(*three)
    return flip_rates(np.array([coupling]), *three, known["field"], energies)


def log_ratio(parameters: Mapping[str, Any], coupling: float, eta: float, jumps: Any) -> Array:
    """ln R(ΔE) = ln W(ΔE) − ln W(−ΔE) of one spin."""
    costs = np.asarray(jumps, dtype=float)
    both = rates_at(parameters, coupling, eta, np.concatenate([costs, -costs]))
    ahead, back = np.split(both, 2)
    return np.asarray(np.log(ahead) - np.log(back))


def make_fig2c(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(c): R(ΔE) over |ΔE|; and where rates are largest, on a wide grid."""
    parameters = scale.parameters["fig2c"]
    couplings, etas, jumps = (parameters[name] for name in ("couplings", "etas", "jumps"))
    logs = np.array([[log_ratio(parameters, g, eta, jumps) for eta in etas] for g in couplings])
    dims = ("coupling", "eta", "jump")
    figure = xr.Dataset(
        {
            "ratio": (dims, np.exp(logs), {"long_name": "W(ΔE)/W(−ΔE)"}),
            "beta": (("eta",), beta_of_energy(etas, parameters["gain"])),
        },
        {"coupling": couplings, "eta": etas, "jump": jumps},
    )
    return figure.merge(_scanned(parameters, progress))


def _scanned(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """The least W(−|ΔE|)/W(|ΔE|) − 1, and the peak, over couplings and η.

    Jumps are in units of the width of the rate's curve, √v + ω.
    """
    axes = {name: np.geomspace(*ends) for name, ends in parameters["scan"].items()}
    couplings, etas = axes["couplings"], axes["etas"]
    shape = (len(couplings), len(etas))
    margin, peak, rise = (np.empty(shape) for _ in range(3))
    wrong, open_ = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for place, g in enumerate(couplings):
        progress(place / len(couplings), f"rates of a spin with g = {g:.3g}")
        for number, eta in enumerate(etas):
            jumps = axes["jumps"] * width(parameters, g, eta)
            logs = log_ratio(parameters, g, eta, jumps)
            margin[place, number] = np.expm1(-logs).min()
            wrong[place, number] = (logs > _ACCURACY).sum()
            open_[place, number] = (np.abs(logs) <= _ACCURACY).sum()
            peak[place, number] = peak_of(parameters, g, eta)
            rise[place, number] = rise_of(parameters, g, eta)
    dims = ("scan_coupling", "scan_eta")
    return xr.Dataset(
        {
            "margin": (dims, margin, {"long_name": "least W(−|ΔE|)/W(|ΔE|) − 1"}),
            "wrong": (dims, wrong, {"long_name": "jumps with W(|ΔE|) > W(−|ΔE|)"}),
            "undecided": (dims, open_, {"long_name": "jumps with equal rates within errors"}),
            "peak": (dims, peak, {"long_name": "−ΔE/g² where the rate is largest"}),
            "rise": (dims, rise, {"long_name": "how many times W rises again with |ΔE + g²|"}),
            "accuracy": ((), _ACCURACY),
        },
        {
            "scan_coupling": couplings,
            "scan_eta": etas,
            "scan_jump": ("scan_jump", axes["jumps"], {"long_name": "|ΔE| over the width"}),
        },
    )


def width(parameters: Mapping[str, Any], coupling: float, eta: float) -> float:
    """Width of W(ΔE): root of the variance plus one quantum of the mode, in the units of E."""
    known = damped_to(parameters, eta)
    three = known["frequency"], known["loss"], known["gain"]
    variance = float(short_times([coupling], *three).variance)
    return float((variance**0.5 + known["frequency"]) * energy_scale(*three))


def peak_of(parameters: Mapping[str, Any], coupling: float, eta: float) -> float:
    """−ΔE/g² at the largest rate, by a grid that is refined around its best point."""
    low, high = -3.0, 1.0
    for _ in range(6):
        grid = np.linspace(low, high, 81)
        rates = rates_at(parameters, coupling, eta, grid * coupling**2)
        best, step = grid[int(np.argmax(rates))], grid[1] - grid[0]
        low, high = best - 2 * step, best + 2 * step
    return float(-best)


def rise_of(parameters: Mapping[str, Any], coupling: float, eta: float) -> float:
    """How many times larger a rate is, at most, than one nearer to ΔE = −g² on the same side.

    1 where the rate falls with |ΔE + g²|. Looked at are six quanta of the mode, where a weakly
    coupled spin has its lines, or three widths, if these are more.
    """
    known = damped_to(parameters, eta)
    quantum = known["frequency"] * energy_scale(known["frequency"], known["loss"], known["gain"])
    away = np.arange(0.0, max(6 * quantum, 3 * width(parameters, coupling, eta)), quantum / 20)
    both = [rates_at(parameters, coupling, eta, side * away - coupling**2) for side in (1, -1)]
    return float(max((rates / np.minimum.accumulate(rates)).max() for rates in both))


def make_fig2d(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(d): R over η for three jumps and drawn couplings."""
    return _over_eta(scale.parameters["fig2d"], progress)


def make_fig2e(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(e): ln R/ΔE over η, and −β_eff."""
    parameters = scale.parameters["fig2e"]
    found = _over_eta(parameters, progress)
    single, etas = parameters["single"], parameters["etas"]
    slopes = [
        float(log_ratio(parameters, single["coupling"], eta, [single["jump"]])[0]) / single["jump"]
        for eta in etas
    ]
    return found.assign(
        slope=found["log_ratio"] / found["jump"],
        single=(("eta",), slopes, {"long_name": "ln R/ΔE of one spin"}),
        single_coupling=((), float(single["coupling"])),
        single_jump=((), float(single["jump"])),
    )


def _over_eta(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """ln R of drawn spins over η."""
    etas, jumps = parameters["etas"], parameters["jumps"]
    couplings = np.array(drawn_couplings(parameters, 1, parameters["draws"]))[:, 0]
    logs = np.empty((len(etas), len(jumps), len(couplings)))
    for number, eta in enumerate(etas):
        progress(number / len(etas), f"rates at η = {eta:.3g}")
        for place, g in enumerate(couplings):
            logs[number, :, place] = log_ratio(parameters, float(g), eta, jumps)
    return xr.Dataset(
        {
            "log_ratio": (("eta", "jump", "draw"), logs, {"long_name": "ln R"}),
            "couplings": (("draw",), couplings),
            "beta": (("eta",), beta_of_energy(etas, parameters["gain"])),
        },
        {"eta": etas, "jump": jumps},
    )
