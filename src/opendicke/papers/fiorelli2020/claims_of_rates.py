"""Tests of what fiorelli2020 says about single rates at small η, and of its closed forms."""

from __future__ import annotations

import numpy as np

from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.papers.fiorelli2020.standards import SMALL, STRONG, is_strong


@claim(
    "peak",
    "For small η a spin flips fastest where the flip gains its own energy: ΔE = −g² (tested for "
    "8πg² ≫ 1, which the paper does not ask for).",
    "p. 4, below Eq. (5)",
)
def peak(findings: Findings) -> Outcome:
    data = findings("fig2c")
    small = data["scan_eta"].values <= SMALL
    strong = is_strong(data["scan_coupling"].values)
    places = data["peak"].transpose("scan_coupling", "scan_eta").values
    chosen = places[np.ix_(strong, small)]
    weak = places[np.ix_(data["scan_coupling"].values < 0.3, small)]
    worst = float(np.abs(chosen - 1).max())
    return Outcome(
        judged(worst < 0.02),
        f"Value: −ΔE/g² at the peak, where it is farthest from 1, of {chosen.size} pairs of g ≥ "
        f"{data['scan_coupling'].values[strong].min():.2f} (8πg² ≥ {STRONG:g}) and η ≤ {SMALL:g}. "
        f"For g < 0.3 it lies between {weak.min():.3f} and {weak.max():.3f} at these η: there the "
        "coherence revives after each period of the mode.",
        value=float(chosen.flat[np.abs(chosen - 1).argmax()]),
        expected=1.0,
    )


@claim(
    "falling_rates",
    "At small η the rates are decreasing functions of |ΔE + g²|.",
    "p. 4",
)
def falling_rates(findings: Findings) -> Outcome:
    """The largest rise with |ΔE + g²| on either side, over couplings and small η."""
    data = findings("fig2c")
    small = data["scan_eta"].values <= SMALL
    g = data["scan_coupling"].values
    rise = data["rise"].transpose("scan_coupling", "scan_eta").values[:, small]
    falls = (rise < 1 + 1e-6).all(axis=1)
    strong = is_strong(g)
    rising = f"up to g = {g[~falls].max():.3g}" if (~falls).any() else "at no g"
    return Outcome(
        judged(bool(falls.all())),
        f"{len(g)} couplings from {g[0]:g} to {g[-1]:g}, {int(small.sum())} η ≤ {SMALL:g}. Value: "
        "how many times larger a rate is, at most, than one nearer to ΔE = −g² on the same side. "
        f"It is above 1 {rising}; for 8πg² ≥ {STRONG:g} (g ≥ {g[strong].min():.3g}) it is "
        f"{rise[strong].max():.4g} at most.",
        value=float(rise.max()),
        expected=1.0,
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
        judged(max(errors[-1], leading[-1]) < 0.02 and max(errors[0], leading[0]) < 0.2),
        f"g = {g:g}, Γ² < 4g²/η, largest relative error of (S14): "
        + ", ".join(
            f"{e:.2g} at η = {eta:g}" for e, eta in zip(errors, data["eta"].values, strict=True)
        )
        + "; of Eq. (5): "
        + ", ".join(f"{e:.2g}" for e in leading)
        + ". Value: Eq. (5) at the smaller η.",
        value=float(leading[-1]),
        expected=0.0,
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
        "crossing of both closed forms (value). Beyond twice the crossing it deviates by "
        f"{worst:.1%} at most from 4(2κ + η) = {expected:g}.",
        value=float(last),
        expected=8.0,
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
        "The constant that solves (S22), from its exact root (value: at the least η; error: its "
        f"spread over η), is {constants[0] / 32:.4g} times the printed one. The estimate of Γ is "
        f"off by {off['printed']:.1%} with 32 "
        f"and by {off['estimate']:.1%} with 128 at η = {over[0]:g}.",
        value=float(constants[0]),
        expected=32.0,
        error=float(np.ptp(constants)),
    )


CLAIMS = (peak, falling_rates, asymmetry, gaussian, power_law, crossing_constant)
