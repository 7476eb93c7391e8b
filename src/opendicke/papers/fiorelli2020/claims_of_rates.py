"""Tests of what fiorelli2020 says about single rates at small η, and of its closed forms."""

from __future__ import annotations

import numpy as np

from opendicke.papers.catalogue import Findings, Outcome, claim, judged

_STRONG = 20.0
"""8πg² from which the coherence does not revive after a period of the mode."""
_SMALL = 0.1
"""η that counts as small."""


@claim(
    "peak",
    "For small η a spin flips fastest where the flip gains its own energy: ΔE = −g².",
    "p. 4, below Eq. (5)",
)
def peak(findings: Findings) -> Outcome:
    data = findings("fig2c")
    small = data["scan_eta"].values <= _SMALL
    strong = 8 * np.pi * data["scan_coupling"].values ** 2 >= _STRONG
    places = data["peak"].transpose("scan_coupling", "scan_eta").values
    chosen = places[np.ix_(strong, small)]
    weak = places[np.ix_(data["scan_coupling"].values < 0.3, small)]
    worst = float(np.abs(chosen - 1).max())
    return Outcome(
        judged(worst < 0.02),
        f"Value and error: the largest deviation of −ΔE/g² from 1 at the peak, {chosen.size} pairs "
        f"of g ≥ {data['scan_coupling'].values[strong].min():.2f} and η ≤ {_SMALL:g}. It needs "
        "8πg² ≫ 1, besides small η: else the coherence revives after each period of the mode and "
        f"the rate is a row of lines. For g < 0.3 the highest is the one at ΔE = 0 (−ΔE/g² = "
        f"{weak.max():.3f} at most), however small η is.",
        value=float(chosen.flat[np.abs(chosen - 1).argmax()]),
        expected=1.0,
        error=worst,
    )


@claim(
    "asymmetry",
    "A flip that lowers the energy is likelier than its reverse: W(|ΔE|) < W(−|ΔE|), also between "
    "the regimes.",
    "p. 4, below Eq. (5)",
)
def asymmetry(findings: Findings) -> Outcome:
    data = findings("fig2c")
    wrong, undecided = (int(data[name].sum()) for name in ("wrong", "undecided"))
    g, eta, jumps = (data[f"scan_{name}"].values for name in ("coupling", "eta", "jump"))
    return Outcome(
        judged(wrong == 0 and undecided == 0),
        f"{data['margin'].size * len(jumps):,} triples: g from {g[0]:g} to {g[-1]:g}, η from "
        f"{eta[0]:g} to {eta[-1]:g}, |ΔE| from {jumps[0]:g} to {jumps[-1]:g} of the width of the "
        f"rate's curve. Against the sentence: {wrong}, undecided: {undecided}. Value: the least "
        "W(−|ΔE|)/W(|ΔE|) − 1; error: what rounding can make of it.",
        value=float(data["margin"].min()),
        error=float(data["accuracy"]),
    )


@claim(
    "gaussian",
    "Regime (i), Γ² ≪ 4g²/η: the rate is the Gaussian (S14), and to leading order Eq. (5).",
    "Eqs. (5), (S14)",
)
def gaussian(findings: Findings) -> Outcome:
    data = findings("appendix")
    g, field = float(data["coupling"]), float(data["field"])
    errors, leading = [], []
    for number, eta in enumerate(data["eta"].values):
        one = data.isel(eta=number)
        inside = one["distance"].values ** 2 < 4 * g**2 / eta
        exact = one["exact"].values[inside]
        errors.append(np.abs(one["gaussian"].values[inside] / exact - 1).max())
        shifted = (one["jump"].values[inside] + g**2) ** 2
        five = field**2 / 2 * np.sqrt(np.pi * eta / g**2) * np.exp(-eta / g**2 * shifted)
        leading.append(np.abs(five / exact - 1).max())
    return Outcome(
        judged(errors[-1] < 0.02 and errors[0] < 0.2),
        f"g = {g:g}, Γ² < 4g²/η, largest relative error of (S14): "
        + ", ".join(
            f"{e:.2g} at η = {eta:g}" for e, eta in zip(errors, data["eta"].values, strict=True)
        )
        + "; of Eq. (5): "
        + ", ".join(f"{e:.2g}" for e in leading)
        + ". Value and error: (S14) at the smaller η.",
        value=float(errors[-1]),
        expected=0.0,
        error=float(errors[-1]),
    )


@claim(
    "power_law",
    "Regime (ii), Γ² ≫ 4g²/η: W ≈ 8Ω²g²Γ⁻⁴ at ω = κ = 1.",
    "p. 4; Eq. (S21)",
)
def power_law(findings: Findings) -> Outcome:
    data = findings("appendix").isel(eta=-1)
    g, field, eta = float(data["coupling"]), float(data["field"]), float(data["eta"])
    away = data["distance"].values
    scaled = data["exact"].values * away**4 / (field**2 * g**2)
    last = scaled[np.argmax(away)]
    expected = 4 * (2 * float(data["gain"]) + eta)
    far = np.abs(away) >= 2 * float(data["mark"])
    worst = float(np.abs(scaled[far] / expected - 1).max())
    return Outcome(
        judged(worst < 0.1 and abs(float(last) / 8 - 1) < 0.05),
        f"W Γ⁴/(Ω²g²) at g = {g:g}, η = {eta:g} and {away.max() / float(data['mark']):g} times the "
        "crossing of both closed forms (value). Error: the largest relative deviation from "
        f"4(2κ + η) = {expected:g} beyond twice the crossing; it falls with the distance.",
        value=float(last),
        expected=8.0,
        error=worst,
    )


@claim(
    "crossing_constant",
    "The closed forms cross where Γ² is 4g²(2κ+η)/η times a logarithm of A = 32πg²(2κ+η)η⁻³.",
    "Eqs. (S22), (S23)",
)
def crossing_constant(findings: Findings) -> Outcome:
    data = findings("appendix")
    over, g, gain = data["over"].values, float(data["coupling"]), float(data["gain"])
    root = data["crossing"].values
    x = over * root**2 / (8 * g**2 * (2 * gain + over))
    constants = np.exp(2 * x) / x**4 * over**3 / (np.pi * g**2 * (2 * gain + over))
    off = {name: (data[name].values / root - 1)[0] for name in ("estimate", "printed")}
    return Outcome(
        judged(abs(float(constants[0]) - 32) < 0.5),
        "The constant that solves (S22), from its exact root (value), is 128, not 32, "
        f"at every η (error: its spread). The estimate of Γ is off by {off['printed']:.1%} with 32 "
        f"and by {off['estimate']:.1%} with 128 at η = {over[0]:g}.",
        value=float(constants[0]),
        expected=32.0,
        error=float(np.ptp(constants)),
    )


CLAIMS = (peak, asymmetry, gaussian, power_law, crossing_constant)
