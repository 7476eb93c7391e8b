"""Tests of what kelly2021 says about displaced photons and about loss."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import Law
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve
from opendicke.papers.kelly2021.ensembles import displacement
from opendicke.papers.kelly2021.looking import (
    all_follow,
    at,
    numbers,
    ordered,
    straight_factor,
    verdicts,
)

_SEEN = 0.01
"""A deviation that one sees in a figure."""


def _displaced(findings: Findings) -> xr.Dataset:
    data = findings("displaced")
    return data.isel(curve=data["part"].values == 1.0)


@claim(
    "displaced",
    "From photons displaced by 2N_s/√(N_tω/h) all relaxation is exponential.",
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
    beta = data["law_beta"].sel(law=Law.STRETCHED.value).values
    return Outcome(
        all_follow(found, Law.EXPONENTIAL),
        f"{texts}. As stretched exponentials these have β = {numbers(beta, 2)}; an exponential has "
        "1. Value: the mean of β.",
        value=float(np.nanmean(beta)) if np.isfinite(beta).any() else None,
        expected=1.0,
    )


def _tau(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Exponential time and its standard error."""
    fits = data.sel(law=Law.EXPONENTIAL.value)
    width = fits["law_tau_high"].values - fits["law_tau_low"].values
    return fits["law_tau"].values, width / 3.92


def _trend(data: xr.Dataset, along: str, fixed: str, symbols: tuple[str, str]) -> Outcome:
    """Whether τ rises along a parameter at every value of the other."""
    verdicts_found, texts, exponents = [], [], []
    for value in np.unique(data[fixed].values):
        row = data.isel(curve=data[fixed].values == value).sortby(along)
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
        return Outcome(Verdict.CANNOT_TELL, "No τ could be fitted.")
    rising = all(found is Verdict.HOLDS for found in verdicts_found)
    falling = any(found is Verdict.FAILS for found in verdicts_found)
    verdict = Verdict.HOLDS if rising else Verdict.FAILS if falling else Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"{'; '.join(texts)}. Value: the mean exponent of {symbols[0]}.",
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
    "displaced_energy",
    "The composite quench displaces all photons by ⟨a⟩ = 2N_s/√(N_tω/h), whatever the size.",
    "p. 4",
)
def displaced_energy(findings: Findings) -> Outcome:
    """The energy that it puts into a mode, for systems of two sizes."""
    point = {"alpha": 10.0, "sigma": 2.0, "frequency": 1.0, "part": 1.0}
    energies = [displacement(point, total) ** 2 for total in (1000, 2000)]
    ratio = energies[1] / energies[0]
    return Outcome(
        judged(abs(ratio - 1) < 0.05),
        f"Energy of each mode in units of h: {numbers(energies)} at N_t = 1000 and 2000 (value: "
        "their ratio; expected: that of an intensive energy). It grows with the system, and the "
        "total as its square. See the errata.",
        value=ratio,
        expected=1.0,
        error=abs(ratio - 1),
    )


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
    """How long the averaged curve is straight over ln t, without loss and up to a loss of ω."""
    data = _lossy(findings, fast=True)
    rates = data["loss"].values
    ends = [straight_factor(mean_curve(data, k), _SEEN) for k in range(len(rates))]
    factors = np.array([last / first for first, last in ends])
    moderate = (rates > 0) & (rates <= float(data["frequency"][0]))
    if not moderate.any() or rates[0] != 0:
        return Outcome(Verdict.CANNOT_TELL, "No moderate loss was computed.")
    most = float(factors[moderate].max())
    verdict = Verdict.HOLDS if most > factors[0] else Verdict.CANNOT_TELL
    if most < 0.8 * factors[0]:
        verdict = Verdict.FAILS
    texts = "; ".join(
        f"loss {rate:g}: {law}" for rate, law in zip(rates, verdicts(data), strict=True)
    )
    return Outcome(
        verdict,
        f"ω = {float(data['frequency'][0]):g}: within {_SEEN:g} the averaged σx is a straight line "
        f"over ln t for factors of {numbers(factors)} in time at loss = {numbers(rates)} (value: "
        "the most up to loss = ω; expected: without loss). Over longer times no curve is one; "
        f"from t_h on {texts}.",
        value=most,
        expected=float(factors[0]),
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
    time = 0.25 * float(data["time"][-1])
    if float(data["period"][0]) > time:
        time = 0.5 * float(data["time"][-1])
    found = np.array([at(data, k, time) for k in range(data.sizes["curve"])])
    ends = found[0, 0] - found[-1, 0]
    error = float(np.hypot(found[0, 1], found[-1, 1]))
    verdict = (
        Verdict.HOLDS
        if ends > 3 * error
        else Verdict.FAILS
        if ends < -3 * error
        else Verdict.CANNOT_TELL
    )
    monotone = bool((np.diff(found[:, 0]) < 2 * found[:, 1].max()).all())
    return Outcome(
        verdict,
        f"Averaged σx at t = {time:g} with {words}: {numbers(found[:, 0])} for loss = "
        f"{numbers(data['loss'].values)} (standard errors up to {found[:, 1].max():.2g}); "
        f"{'falling throughout' if monotone else 'not falling throughout'}. Value: how much the "
        "largest loss takes away.",
        value=float(ends),
        error=error,
    )


CLAIMS = (
    displaced,
    hotter,
    tau_sigma,
    tau_frequency,
    displaced_energy,
    loss_moderate,
    loss_large,
    loss_slow,
)
