"""Tests of what kelly2021 says about the dynamical paramagnet (Fig. 1; Fig. 2, right)."""

from __future__ import annotations

import numpy as np

from opendicke.analysis.response import FROZEN, PARAMAGNETIC
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve, members_of
from opendicke.papers.kelly2021.looking import (
    drift_of,
    exponent,
    is_settled,
    near,
    numbers,
    ordered,
)
from opendicke.papers.kelly2021.scales import FIELD
from opendicke.physics.paramagnet import paramagnet_temperature

_CLOSE = 0.03
"""Within which a theory is called right."""
_SMALL = 0.05
"""Below which a mean is called zero in a figure."""


@claim(
    "settling",
    "In the paramagnet the magnetisation settles swiftly, on times proportional to 1/ω.",
    "p. 4, Fig. 2, right",
)
def settling(findings: Findings) -> Outcome:
    """When σz last is a tenth of its late value away from it, in runs that settle."""
    data = findings("fig2_right")
    frequency = data["frequency"].values
    stop = float(data["time"][-1])
    times, still = [], []
    for number in range(data.sizes["curve"]):
        curve = mean_curve(data, number, "sz", smooth=float(data["period"][number]) < stop / 4)
        end, drift, error = drift_of(data, number)
        if not is_settled(drift, error):
            still.append(float(frequency[number]))
            times.append(np.nan)
            continue
        away = np.abs(curve.mean - end) > np.maximum(0.1 * abs(end), 3 * curve.stderr)
        times.append(float(curve.times[away][-1]) if away.any() else float(curve.times[0]))
    slope, error = exponent(frequency, np.array(times))
    return Outcome(
        near(slope, error, -1.0, 0.5),
        f"σz is last a tenth away from its late value at t = {numbers(times)} for ω = "
        f"{numbers(frequency)} (nan: it still moves at t = {stop:g}, for ω = "
        f"{numbers(still) or 'none'}). Value: the exponent of ω among those that have settled.",
        value=slope if np.isfinite(slope) else None,
        expected=-1.0,
        error=error if np.isfinite(error) else None,
    )


@claim(
    "depolarised",
    "In the adiabatic limit ω ≫ h the steady state is completely depolarised.",
    "p. 4, Fig. 2, right",
)
def depolarised(findings: Findings) -> Outcome:
    """σz and σx at the end of the run with the largest ω."""
    data = findings("fig2_right")
    number = int(data["frequency"].values.argmax())
    late = data["time"].values > 0.8 * float(data["time"][-1])
    means = {}
    for name in ("sz", "sx"):
        each = members_of(data, number, name)[:, late].mean(axis=1)
        means[name] = (float(each.mean()), float(each.std(ddof=1)) / np.sqrt(len(each)))
    mean, error = means["sz"]
    most = max(abs(value) + 2 * width for value, width in means.values())
    thermal_one = -np.tanh(1 / paramagnet_temperature(10.0, data["frequency"][number], FIELD))
    return Outcome(
        judged(most < _SMALL),
        f"At ω = {float(data['frequency'][number]):g} σz is (value) and σx {means['sx'][0]:.4f} "
        f"late; zero is what is within {_SMALL:g} of it. The thermal state of the paper has σz = "
        f"{float(thermal_one):.2f}; spins that turn with 2h do not exchange their energy with "
        "modes so much faster.",
        value=mean,
        expected=0.0,
        error=error,
    )


@claim(
    "polarisation_grows",
    "At smaller ω the spins relax to a finite σz, which grows as ω falls.",
    "p. 4, Fig. 2, right; Fig. 1",
)
def polarisation_grows(findings: Findings) -> Outcome:
    """Late σz over ω, and which of the runs have settled."""
    data = findings("paramagnet").sortby("frequency", ascending=False)
    late, error = data["late"].values, data["late_stderr"].values
    drifts = [drift_of(data, k)[1:] for k in range(data.sizes["curve"])]
    moving = np.array([not is_settled(*drift) for drift in drifts])
    largest = int(np.argmax(np.abs(late)))
    return Outcome(
        ordered(-late, error),
        f"σz = {numbers(late)} for ω = {numbers(data['frequency'].values)} at t = "
        f"{float(data['time'][-1]):g} (standard errors up to {error.max():.2g}; still moving: ω = "
        f"{numbers(data['frequency'].values[moving]) or 'none'}). It is largest (value) at ω = "
        f"{float(data['frequency'][largest]):g}: spins turn with 2h, and modes far below or above "
        "exchange no energy with them within these times.",
        value=float(late[largest]),
        error=float(error[largest]),
    )


@claim(
    "thermal",
    "The late σz is that of the thermal state of free spins and photons with the energy of the "
    "start.",
    "p. 4; Suppl.",
)
def thermal(findings: Findings) -> Outcome:
    """The paper's temperature beside those in which only modes that couple take part."""
    data = findings("paramagnet")
    chosen = [
        k
        for k in range(data.sizes["curve"])
        if is_settled(*drift_of(data, k)[1:]) and 1 <= float(data["frequency"][k]) <= 4
    ]
    if not chosen:
        return Outcome(Verdict.CANNOT_TELL, "No run near the resonance ω = 2h has settled.")
    late = data["late"].values[chosen]
    names = ("quantum", "bright", "classical", "coupled")
    apart = {name: float(np.abs(data[name].values[chosen] - late).max()) for name in names}
    texts = "; ".join(
        f"ω = {float(data['frequency'][k]):g}: {float(data['late'][k]):.3f}, thermal "
        + ", ".join(f"{float(data[name][k]):.3f}" for name in names)
        for k in chosen
    )
    return Outcome(
        judged(apart["quantum"] < _CLOSE),
        "Late σz and thermal ones (all modes, as the paper; only the combinations of modes that "
        "couple; these as truncated Wigner has them; and with the energy of the coupling), of runs "
        f"that have settled and whose modes are near 2h: {texts}. Largest deviations: "
        f"{numbers([apart[name] for name in names], 2)} (value: the first). Of the modes of one "
        "frequency at most as many combinations couple as there are spins.",
        value=apart["quantum"],
        expected=0.0,
        error=float(data["late_stderr"].values[chosen].max()),
    )


@claim(
    "linear_temperature",
    "The effective temperature decreases linearly with ω/h.",
    "p. 4",
)
def linear_temperature(_: Findings) -> Outcome:
    """The temperature of the paper's own argument, α = 10, beside a straight line."""
    ratio = np.linspace(1.0, 10.0, 91)
    temperature = paramagnet_temperature(10.0, ratio, FIELD)
    line = np.polyval(np.polyfit(ratio, temperature, 1), ratio)
    worst = float(np.abs(line / temperature - 1).max())
    return Outcome(
        judged(worst < _CLOSE),
        f"T/h = {float(temperature[0]):.4f} at ω = h and {float(temperature[-1]):.4f} at ω = 10 h. "
        "The best straight line between them is off by up to (value) of T. T falls with ω, and is "
        "linear, T = h/α + ω/2, for αω ≪ h only.",
        value=worst,
        expected=0.0,
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
    if bracket[1] > 3 * bracket[0]:
        words = f"{texts}. Between σ² = {bracket[0]:.2g} h and {bracket[1]:.2g} h nothing was seen."
        return Outcome(Verdict.CANNOT_TELL, words, expected=1.0)
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
        + f". Near t = {stop:g} σx is {numbers(left)} (value: the most).",
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
