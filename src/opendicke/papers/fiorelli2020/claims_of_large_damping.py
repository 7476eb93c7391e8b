"""Tests of what fiorelli2020 says about large η."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.papers.fiorelli2020.drawn import averaged

_WIDE = 16.0
"""λ that is large at η = 100 and the paper's field."""
_GOOD = 0.02
"""Deviation of a probability that one hardly sees in a figure."""


def _drawn(findings: Findings, name: str) -> Array:
    """A number of every drawn system of Fig. 2(a), without the given draws."""
    data = findings("fig2a")
    return np.asarray(data[name].values[data.sizes["shown"] :])


@claim(
    "uniform",
    "At η = 10 (Fig. 2a) ten spins end with all configurations equally likely.",
    "p. 3, Fig. 2(a)",
)
def uniform(findings: Findings) -> Outcome:
    """How far from uniform, over draws."""
    data = findings("fig2a")
    mean, error = averaged(_drawn(findings, "variation"))
    given = data["variation"].values[: data.sizes["shown"]]
    weight = averaged(_drawn(findings, "ground_weight"))[0] * 2 ** data.sizes["spin"]
    over = data["size_variation"].isel(size=-1).mean("size_draw")
    falls = ", ".join(f"{float(over.sel(eta=e)):.2g} at η = {e:g}" for e in over["eta"].values)
    return Outcome(
        judged(float(mean) < _GOOD),
        "Nearly, not quite. Value: total variation distance of the stationary state from uniform, "
        f"mean over {len(_drawn(findings, 'variation'))} draws with its standard error; "
        f"{', '.join(f'{v:.4f}' for v in given)} for the two given draws. Ground states are "
        f"{float(weight) / 2:.1f} times likelier than in a uniform distribution. It is "
        f"uniform in the limit of large η: {falls} (N = {int(data['size'][-1])}).",
        value=float(mean),
        expected=0.0,
        error=float(error),
    )


@claim(
    "finite_size",
    "What is left of the mean energy at η = 10 is a correction due to finite size.",
    "p. 3",
)
def finite_size(findings: Findings) -> Outcome:
    """It is due to finite η: it grows with the size and falls with η."""
    data = findings("fig2a")
    end, error = averaged(_drawn(findings, "stationary_energy"))
    share = data["size_share"].isel(eta=0).transpose("size", "size_draw").values
    means, errors = averaged(share, axis=1)
    falls = data["size_share"].isel(size=-1).mean("size_draw")
    table = ", ".join(
        f"{m:.3f} ± {e:.3f} (N = {n})"
        for m, e, n in zip(means, errors, data["size"].values, strict=True)
    )
    grows = bool(means[-1] - means[0] > -2 * np.hypot(errors[0], errors[-1]))
    return Outcome(
        judged(not grows),
        f"Value: stationary mean of E at η = 10, over draws of ten spins. As a share of the lowest "
        f"energy it does not fall with the size: {table}. It falls with η: "
        + ", ".join(f"{float(falls.sel(eta=e)):.2g} at η = {e:g}" for e in falls["eta"].values)
        + ". The bosons' memory, s(τ) of order 1/η, makes it.",
        value=float(end),
        expected=0.0,
        error=float(error),
    )


@claim(
    "upper_bound",
    "The expansion bounds η from above: 1 ≪ η ≪ 4g²(1+θ)/[ωΩ(1−θ)].",
    "p. 3",
)
def upper_bound(findings: Findings) -> Outcome:
    """Two spins with their boson, exactly, below and beyond the bound."""
    data = findings("ising")
    etas, errors, bound = data["bounded"].values, data["bounded_error"].values, float(data["bound"])
    drives = data["bounded_drive"].values
    table = ", ".join(
        f"{e:.2g} at η = {eta:g} (Ω t_L = {d:.2g})"
        for e, eta, d in zip(errors, etas, drives, strict=True)
    )
    beyond = errors[etas > bound]
    return Outcome(
        judged(
            bool(len(beyond)) and bool((beyond > 0.1).all()) and bool((np.diff(errors) > 0).all())
        ),
        f"g = (2, −1.5), exact against rates, largest error of a probability: {table}. The smaller "
        f"|g| gives the bound {bound:.0f} (expected), beyond which rates are useless (value: the "
        "least error there). Ω t_L is about η over twice the bound, so ≪ means a tenth at most, "
        "and of 1 ≪ η little is left at the paper's Ω = 0.1.",
        value=float(beyond.min()) if len(beyond) else None,
        expected=None,
        error=float(errors[0]),
    )


@claim(
    "fictitious_field",
    "At large η the rates are those of a dephased transverse-field Ising model with Ω_eff = Ωλ.",
    "p. 3",
)
def fictitious_field(findings: Findings) -> Outcome:
    """The field as printed makes rates twice too large; Ωλ/√2 is right."""
    data = findings("ising")
    last = data.isel(panel=np.flatnonzero(data["eta"].values == data["eta"].values.max()))
    first = data.isel(panel=np.flatnonzero(data["eta"].values == data["eta"].values.min()))
    printed = last["printed_speed"].values
    corrected = last["corrected_speed"].values
    return Outcome(
        judged(bool((np.abs(printed - 1) < 0.1).all())),
        f"Value: how many times faster than the rate equation the printed model moves, at η = "
        f"{float(last['eta'][0]):g}, two spins. Printed: "
        f"{', '.join(f'{v:.2f}' for v in printed)} for {_sizes(last['spins'].values)} spins; with "
        f"Ωλ/√2: {', '.join(f'{v:.3f}' for v in corrected)}, and probabilities differ by "
        f"{float(last['corrected_apart'].max()):.2g} at most. At η = {float(first['eta'][0]):g} "
        f"the corrected model moves at {float(first['corrected_speed'][0]):.2f} of the speed: f(τ) "
        "and s(τ) do not vanish yet.",
        value=float(printed[0]),
        expected=1.0,
        error=abs(float(printed[0]) - 1),
    )


@claim(
    "fictitious_scale",
    "The scale λ is arbitrary, as long as Ω_eff ≪ γ_eff.",
    "p. 3",
)
def fictitious_scale(findings: Findings) -> Outcome:
    """Differences settle once λ is large: what remains is due to finite η."""
    data = findings("ising")
    scales, apart = data["lambda"].values, data["over_scale"].values
    spread = float(np.ptp(apart[scales >= _WIDE]))
    table = ", ".join(f"{a:.4f} at {s:g}" for a, s in zip(apart, scales, strict=True))
    return Outcome(
        judged(spread < 0.005),
        f"Corrected field, two spins, η = {float(data['scale_eta']):g}: largest difference of a "
        f"probability from the rate equation for each λ: {table}. Value and error: "
        "by how much it changes from λ = 16 on.",
        value=spread,
        expected=0.0,
        error=spread,
    )


def _sizes(spins: Array) -> str:
    return " and ".join(str(int(n)) for n in spins)


CLAIMS = (uniform, finite_size, upper_bound, fictitious_field, fictitious_scale)
