"""Tests of what kelly2021 says about displaced photons and about loss."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import Law
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve
from opendicke.papers.kelly2021.ensembles import displacement
from opendicke.papers.kelly2021.looking import (
    allowed,
    at,
    law_between,
    numbers,
    ordered,
    straight_stretch,
    verdicts,
)

_SEEN = 0.01
"""A deviation that one sees in a figure."""


def _displaced(findings: Findings) -> xr.Dataset:
    data = findings("displaced")
    return data.isel(curve=data["part"].values == 1.0)


@claim(
    "displaced",
    "From photons displaced by 2N_s/√(N_tω/h) all relaxation is exponential, if the energy of the "
    "start is sufficiently high.",
    "p. 4",
)
def displaced(findings: Findings) -> Outcome:
    """The law at every σ and ω."""
    data = _displaced(findings)
    found = verdicts(data)
    texts = "; ".join(
        f"σ = {s:g}, ω = {w:g}: {law}"
        for s, w, law in zip(data["sigma"].values, data["frequency"].values, found, strict=True)
    )
    open_still = [allowed(data, k, Law.EXPONENTIAL) for k in range(len(found))]
    if all(law == Law.EXPONENTIAL for law in found):
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.CANNOT_TELL if any(open_still) else Verdict.FAILS
    beta = data["law_beta"].sel(law=Law.STRETCHED.value).values
    point = {"alpha": 10.0, "frequency": 1.0, "part": 1.0}
    energies = [displacement(point, total) ** 2 for total in (1000, 2000)]
    return Outcome(
        verdict,
        f"{texts}. An exponential is not excluded in {sum(open_still)} of {len(found)}. Stretched "
        f"ones have β = {numbers(beta, 2)}; an exponential has 1 (value: the mean). The shift "
        f"puts {energies[0]:.0f} h into every mode at N_t = 1000 and {energies[1]:.0f} h at 2000: "
        "the energy per spin is not a property of the shift alone (errata).",
        value=float(np.nanmean(beta)) if np.isfinite(beta).any() else None,
        expected=1.0,
    )


def _open(data: xr.Dataset) -> np.ndarray:
    """Curves for which an exponential is not excluded, so that its time means something."""
    return np.array([allowed(data, k, Law.EXPONENTIAL) for k in range(data.sizes["curve"])])


def _tau(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Exponential time and its standard error."""
    fits = data.sel(law=Law.EXPONENTIAL.value)
    width = fits["law_tau_high"].values - fits["law_tau_low"].values
    return fits["law_tau"].values, width / 3.92


def _trend(data: xr.Dataset, along: str, fixed: str, symbols: tuple[str, str]) -> Outcome:
    """Whether τ rises along a parameter at every value of the other."""
    verdicts_found, texts, exponents = [], [], []
    for value in np.unique(data[fixed].values):
        row = data.isel(curve=(data[fixed].values == value) & _open(data)).sortby(along)
        tau, error = _tau(row)
        if len(tau) < 2 or not np.isfinite(tau).all():
            continue
        verdicts_found.append(ordered(tau, error))
        slope = np.polyfit(np.log(row[along].values), np.log(tau), 1)[0]
        exponents.append(float(slope))
        texts.append(
            f"{symbols[1]} = {value:g}: hτ = {numbers(tau)} for {symbols[0]} = "
            f"{numbers(row[along].values)}"
        )
    if not verdicts_found:
        words = "There are no two values at which an exponential is not excluded."
        return Outcome(Verdict.CANNOT_TELL, words)
    rising = all(found is Verdict.HOLDS for found in verdicts_found)
    falling = any(found is Verdict.FAILS for found in verdicts_found)
    verdict = Verdict.HOLDS if rising else Verdict.FAILS if falling else Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"Where an exponential is not excluded: {'; '.join(texts)}. Value: the mean exponent of "
        f"{symbols[0]}.",
        value=float(np.mean(exponents)),
    )


@claim("tau_sigma", "The exponential time τ increases with σ.", "p. 4")
def tau_sigma(findings: Findings) -> Outcome:
    """At every ω."""
    return _trend(_displaced(findings), "sigma", "frequency", ("σ", "ω"))


@claim("tau_frequency", "The exponential time τ decreases with ω.", "p. 4")
def tau_frequency(findings: Findings) -> Outcome:
    """At every σ: rising over 1/ω."""
    data = _displaced(findings)
    inverse = data.assign_coords(inverse=("curve", 1 / data["frequency"].values))
    return _trend(inverse, "inverse", "sigma", ("h/ω", "σ"))


@claim(
    "hotter",
    "Raising the energy of the start turns subexponential relaxation into exponential.",
    "p. 4",
)
def hotter(findings: Findings) -> Outcome:
    """The law at rising parts of the displacement, first pair of σ and ω."""
    data = findings("displaced")
    same = (data["sigma"].values == data["sigma"].values[0]) & (
        data["frequency"].values == data["frequency"].values[0]
    )
    row = data.isel(curve=same).sortby("part")
    beta = row["law_beta"].sel(law=Law.STRETCHED.value).values
    found = verdicts(row)
    texts = "; ".join(
        f"{part:g}: {law}" for part, law in zip(row["part"].values, found, strict=True)
    )
    verdict = Verdict.CANNOT_TELL
    if found[-1] == Law.EXPONENTIAL and found[0] not in (Law.EXPONENTIAL, "cannot tell"):
        verdict = Verdict.HOLDS
    elif found[-1] not in (Law.EXPONENTIAL, "cannot tell"):
        verdict = Verdict.FAILS
    return Outcome(
        verdict,
        f"σ = {float(row['sigma'][0]):g}, ω = {float(row['frequency'][0]):g}, part of the "
        f"displacement: {texts}. Stretched β: {numbers(beta, 2)} (value: at the whole).",
        value=float(beta[-1]) if np.isfinite(beta[-1]) else None,
        expected=1.0,
    )


def _lossy(findings: Findings, *, fast: bool) -> xr.Dataset:
    data = findings("loss")
    frequency = data["frequency"].values
    chosen = frequency.max() if fast else frequency.min()
    return data.isel(curve=frequency == chosen).sortby("loss")


@claim(
    "loss_moderate",
    "The logarithm of the adiabatic limit remains for moderate loss.",
    "p. 4, Photon losses",
)
def loss_moderate(findings: Findings) -> Outcome:
    """Laws between t_h and the lower bound of t_ω, without loss and up to a loss of ω/3."""
    data = _lossy(findings, fast=True)
    rates = data["loss"].values
    moderate = (rates > 0) & (rates <= float(data["frequency"][0]) / 3)
    if not moderate.any() or rates[0] != 0:
        return Outcome(Verdict.CANNOT_TELL, "No moderate loss was computed.")
    last = min(float(data["photon_time_low"][0]), float(data["time"][-1]))
    found = [
        law_between(data, k, float(data["perturbative_time"][k]), last) for k in range(len(rates))
    ]
    kept = np.array([Law.LOGARITHMIC in one.possible for one in found])
    ends = [straight_stretch(mean_curve(data, k), _SEEN) for k in range(len(rates))]
    verdict = Verdict.CANNOT_TELL  # where there is no logarithm, none can remain
    if kept[0]:
        verdict = judged(bool(kept[moderate].all()))
    return Outcome(
        verdict,
        "Between t_h and the lower bound of t_ω: "
        + "; ".join(f"loss {r:g}: {one.verdict}" for r, one in zip(rates, found, strict=True))
        + f". Without loss a logarithm is {'not excluded' if kept[0] else 'excluded'} there. By "
        f"eye, within {_SEEN:g}, curves are straight over ln t for factors of "
        f"{numbers([b / a for a, b in ends])} in time.",
        value=float(kept[moderate].sum()),
        expected=float(moderate.sum()),
    )


@claim(
    "loss_large",
    "Larger loss accelerates relaxation.",
    "p. 4, Photon losses",
)
def loss_large(findings: Findings) -> Outcome:
    """The averaged σx at one time, from no loss to the largest."""
    return _faster(_lossy(findings, fast=True), "fast photons")


@claim(
    "loss_slow",
    "For smaller ω loss accelerates relaxation as well.",
    "p. 4, Photon losses",
)
def loss_slow(findings: Findings) -> Outcome:
    """The same at the smaller frequency."""
    data = _lossy(findings, fast=False)
    if data.sizes["curve"] < 2:
        return Outcome(Verdict.CANNOT_TELL, "Only one loss was computed.")
    return _faster(data, "slow photons")


def _faster(data: xr.Dataset, words: str) -> Outcome:
    """σx at half the times, without loss and at the largest loss."""
    time = 0.5 * float(data["time"][-1])
    found = np.array([at(data, k, time) for k in range(data.sizes["curve"])])
    ends = found[0, 0] - found[-1, 0]
    error = float(np.hypot(found[0, 1], found[-1, 1]))
    verdict = Verdict.CANNOT_TELL if abs(ends) <= 3 * error else judged(ends > 0)
    falling = bool((np.diff(found[:, 0]) < 2 * found[:, 1].max()).all())
    return Outcome(
        verdict,
        f"Averaged σx at t = {time:g} with {words}: {numbers(found[:, 0])} for loss = "
        f"{numbers(data['loss'].values)} (standard errors up to {found[:, 1].max():.2g}); "
        f"{'falling throughout' if falling else 'not falling throughout'}. Value: how much the "
        "largest loss takes away.",
        value=float(ends),
        error=error,
    )


CLAIMS = (
    displaced,
    hotter,
    tau_sigma,
    tau_frequency,
    loss_moderate,
    loss_large,
    loss_slow,
)
