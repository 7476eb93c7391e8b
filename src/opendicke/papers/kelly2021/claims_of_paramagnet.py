"""Tests of what kelly2021 says about the dynamical paramagnet (Fig. 1; Fig. 2, right)."""

from __future__ import annotations

import numpy as np

from opendicke.analysis.response import FROZEN, PARAMAGNETIC
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve
from opendicke.papers.kelly2021.looking import exponent, numbers, ordered
from opendicke.physics.paramagnet import paramagnet_temperature

_CLOSE = 0.03
"""Within which a theory of the late polarisation is called right."""


@claim(
    "settling",
    "In the paramagnet the magnetisation settles swiftly, on times proportional to 1/ω.",
    "p. 4, Fig. 2, right",
)
def settling(findings: Findings) -> Outcome:
    """When the averaged σz last is a tenth of its late value away from it."""
    data = findings("fig2_right")
    frequency = data["frequency"].values
    stop = float(data["time"][-1])
    times, moving = [], []
    for number in range(data.sizes["curve"]):
        curve = mean_curve(data, number, "sz", smooth=float(data["period"][number]) < stop / 4)
        late = curve.times > 0.8 * stop
        before = (curve.times > 0.6 * stop) & ~late
        end = curve.mean[late].mean()
        away = np.abs(curve.mean - end) > np.maximum(0.1 * abs(end), 3 * curve.stderr)
        times.append(float(curve.times[away][-1]) if away.any() else float(curve.times[0]))
        gap = abs(curve.mean[before].mean() - end)
        moving.append(bool(gap > 3 * curve.stderr[late].mean()))
    slope = exponent(frequency, np.array(times))
    return Outcome(
        Verdict.CANNOT_TELL if not np.isfinite(slope) else judged(-1.5 < slope < -0.5),
        f"σz is last a tenth away from its late value at t = {numbers(times)} for ω = "
        f"{numbers(frequency)}; it still moves at t = {stop:g} for ω = "
        f"{numbers(frequency[moving]) or 'none'}. Value: the exponent of ω. The spins dephase "
        "within some 1/h, and exchange energy with the modes much more slowly.",
        value=slope,
        expected=-1.0,
        error=abs(slope + 1),
    )


@claim(
    "depolarised",
    "In the adiabatic limit ω ≫ h the steady state is completely depolarised.",
    "p. 4, Fig. 2, right",
)
def depolarised(findings: Findings) -> Outcome:
    """σz at the end of the run with the largest ω."""
    data = findings("fig2_right")
    number = int(data["frequency"].values.argmax())
    late = data["sz"].isel(curve=number)
    late = late.sel(time=slice(0.8 * float(data["time"][-1]), None)).mean("time")
    mean = float(late.mean())
    error = float(late.std(ddof=1)) / np.sqrt(late.size)
    return Outcome(
        judged(abs(mean) < max(3 * error, 0.05)),
        f"At ω = {float(data['frequency'][number]):g} σz is (value) ± {error:.2g} late, and σx and "
        "σy vanish. The paper's own thermal state has −tanh(h/T), "
        f"{float(-np.tanh(1 / paramagnet_temperature(10.0, data['frequency'][number], 1.0))):.2f}.",
        value=mean,
        expected=0.0,
        error=abs(mean),
    )


@claim(
    "polarisation_grows",
    "At smaller ω the spins relax to a finite σz, which grows as ω falls.",
    "p. 4, Fig. 2, right; Fig. 1",
)
def polarisation_grows(findings: Findings) -> Outcome:
    """Late σz over ω."""
    data = findings("paramagnet").sortby("frequency", ascending=False)
    late, error = data["late"].values, data["late_stderr"].values
    moving = np.abs(data["earlier"].values - late) > 3 * error
    settled = ~moving
    verdict = ordered(-late[settled], error[settled])
    return Outcome(
        verdict,
        f"σz = {numbers(late)} for ω = {numbers(data['frequency'].values)} (standard errors up to "
        f"{error.max():.2g}). Still moving at the end: ω = "
        f"{numbers(data['frequency'].values[moving]) or 'none'}; these do not count. Value: at "
        "the smallest ω that has settled.",
        value=float(late[settled][-1]) if settled.any() else None,
    )


@claim(
    "thermal",
    "The late σz is that of the thermal state of free spins and photons with the energy of the "
    "start.",
    "p. 4; Suppl.",
)
def thermal(findings: Findings) -> Outcome:
    """The paper's temperature, and what is missing in it."""
    data = findings("paramagnet")
    late = data["late"].values
    settled = np.abs(data["earlier"].values - late) <= 3 * data["late_stderr"].values
    if not settled.any():
        return Outcome(Verdict.CANNOT_TELL, "No run has settled.")
    apart = {
        name: float(np.nanmax(np.abs(data[name].values - late)[settled], initial=0.0))
        for name in ("quantum", "bright", "classical", "coupled")
    }
    return Outcome(
        judged(apart["quantum"] < _CLOSE),
        "Of the modes of one frequency only as many combinations couple as there are spins; the "
        "others stay empty, but the paper counts them. Largest deviation from the settled runs: "
        f"{apart['quantum']:.2f} (value; all modes), {apart['bright']:.2f} (modes that couple), "
        f"{apart['classical']:.2f} (these, as truncated Wigner has them), {apart['coupled']:.3f} "
        "(and with the energy of the coupling). The state is thermal, but not that one.",
        value=apart["quantum"],
        expected=0.0,
        error=apart["coupled"],
    )


@claim(
    "linear_temperature",
    "The effective temperature decreases linearly with ω/h.",
    "p. 4",
)
def linear_temperature(_: Findings) -> Outcome:
    """The temperature that follows from the paper's own argument, α = 10."""
    low, high = (float(paramagnet_temperature(10.0, ratio, 1.0)) for ratio in (1.0, 10.0))
    slope = float(np.log10(high / low))
    return Outcome(
        judged(abs(slope - 1) < 0.1),
        f"T/h = {low:.4f} at ω = h and {high:.4f} at ω = 10 h, an exponent of (value). T is linear "
        "for αω ≪ h only, and then with an offset, T = h/α + ω/2.",
        value=slope,
        expected=1.0,
        error=abs(slope - 1),
    )


@claim(
    "critical_sigma",
    "The paramagnet ends at σ_c² ≈ h.",
    "p. 2 and p. 4, Fig. 1",
)
def critical_sigma(findings: Findings) -> Outcome:
    """Where the response over σ is no longer paramagnetic, at the largest ω of the map."""
    data = findings("fig1")
    column = data.isel(curve=data["frequency"].values == data["frequency"].values.max())
    column = column.sortby("sigma")
    kinds = [str(kind) for kind in column["kind"].values]
    sigma = column["sigma"].values
    inside = [s for s, kind in zip(sigma, kinds, strict=True) if kind == PARAMAGNETIC]
    beyond = [
        s
        for s, kind in zip(sigma, kinds, strict=True)
        if kind not in (PARAMAGNETIC, "cannot tell") and (not inside or s > max(inside))
    ]
    texts = "; ".join(f"σ = {s:g}: {kind}" for s, kind in zip(sigma, kinds, strict=True))
    if not inside or not beyond:
        return Outcome(Verdict.CANNOT_TELL, f"{texts}.")
    bracket = (max(inside) ** 2, min(beyond) ** 2)
    return Outcome(
        judged(bracket[0] <= 1.5 and bracket[1] >= 0.67),
        f"At ω = {float(column['frequency'][0]):g}, α = {float(column['alpha'][0]):g}: {texts}. "
        f"σ_c²/h lies between {bracket[0]:.2g} and {bracket[1]:.2g} (value: their geometric mean).",
        value=float(np.sqrt(bracket[0] * bracket[1])),
        expected=1.0,
    )


@claim(
    "frozen",
    "Large σ freezes the spins: relaxation becomes critically slow.",
    "Fig. 1",
)
def frozen(findings: Findings) -> Outcome:
    """Kinds at the largest σ of the map, and what is left at the end."""
    data = findings("fig1")
    row = data.isel(curve=data["sigma"].values == data["sigma"].values.max()).sortby("frequency")
    kinds = [str(kind) for kind in row["kind"].values]
    stop = float(row["time"][-1])
    left = row["sx"].sel(time=slice(0.9 * stop, None)).mean(("time", "realization")).values
    return Outcome(
        judged(any(kind == FROZEN for kind in kinds))
        if "cannot tell" not in kinds
        else Verdict.CANNOT_TELL,
        f"At σ = {float(row['sigma'][0]):g}: "
        + "; ".join(
            f"ω = {w:g}: {kind}" for w, kind in zip(row["frequency"].values, kinds, strict=True)
        )
        + f". Near t = {stop:g} σx is {numbers(left)} (value: the most). Relaxation is slow, and "
        "does not stop.",
        value=float(left.max()),
    )


CLAIMS = (
    critical_sigma,
    frozen,
    settling,
    depolarised,
    polarisation_grows,
    thermal,
    linear_temperature,
)
