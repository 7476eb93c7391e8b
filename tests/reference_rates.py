"""Reference numbers of flip rates, by mpmath; makes `tests/unit/flip_rates.json`.

Run `python tests/reference_rates.py` (a few minutes). It uses none of the library. Each rate

    W(ε)/h² = 2 Re ∫₀^∞ exp{−γ_φ t + Σ [c₊(1 − e^{−zt}) + c₋(1 − e^{−z*t})]} e^{iεt} dt

is computed in one of two ways in 40 digits, and some in both, which must agree to 20 digits:

quadrature
    Gauss-Legendre rule of 48 points on panels so short that the integrand turns by a few radians
    on each, up to the time from which it is below 10^−45.
series
    both exponentials expanded in powers: a double series of 1/(γ_φ + kz + lz* − iε), with as
    many digits more as its terms cancel. For weak damping, where the integral is very long.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import mpmath as mp

FILE = Path(__file__).parent / "unit" / "flip_rates.json"
DIGITS = 40
POINTS = 48
ORIGIN = (
    "tests/reference_rates.py with mpmath, 40 digits: W/h^2 of fiorelli2020 Eq. (3) (modes added "
    "in the exponent) by Gauss-Legendre panels or by the double sideband series; rates and "
    "energies as decimals; energies are exact doubles."
)

Mode = tuple[Any, Any, Any, Any]


def constants(modes: list[tuple[float, float, float, float]]) -> list[Mode]:
    """z, c₊, c₋ and the part of γ_φ of each mode (coupling, frequency, loss, gain)."""
    made = []
    for coupling, frequency, loss, gain in modes:
        g, damping = mp.mpf(coupling), mp.mpf(loss) - mp.mpf(gain)
        occupation = mp.mpf(gain) / damping
        z = mp.mpc(damping / 2, frequency)
        made.append(
            (
                z,
                4 * g**2 * occupation / z**2,
                4 * g**2 * (occupation + 1) / mp.conj(z) ** 2,
                4 * g**2 * (2 * occupation + 1) * mp.re(1 / z),
            )
        )
    return made


def exponent(made: list[Mode], time: Any) -> Any:
    """Logarithm of the coherence."""
    total = mp.mpc(0)
    for z, plus, minus, dephasing in made:
        faded = mp.exp(-z * time)
        total += plus * (1 - faded) + minus * (1 - mp.conj(faded)) - dephasing * time
    return total


def panels(made: list[Mode], energies: list[float]) -> list[Any]:
    """All rates by one set of panels, short enough for the largest energy."""
    spread = mp.sqrt(sum(mp.re(p * z**2 + m * mp.conj(z) ** 2) for z, p, m, _ in made))
    shift = sum(mp.im(p * z + m * mp.conj(z)) for z, p, m, _ in made)
    swing = max(abs(e + shift) for e in energies) + 9 * spread + 2 * max(abs(m[0]) for m in made)
    width = 8 / swing
    nodes = _legendre()
    sums = [mp.mpf(0)] * len(energies)
    start = mp.mpf(0)
    # |C| < e^bound for ever after, with bound = Re Σc − γ t + Σ|c| e^{−Γt/2}.
    while _bound(made, start) > -105:
        edges = [exponent(made, start + width * k / 4) for k in range(5)]
        if max(mp.re(edge) for edge in edges) > -105:
            for node, weight in nodes:
                time = start + width * node
                value = weight * width * mp.exp(exponent(made, time))
                for i, energy in enumerate(energies):
                    sums[i] += 2 * mp.re(value * mp.expj(energy * time))
        start += width
    return sums


def _bound(made: list[Mode], time: Any) -> Any:
    return sum(
        mp.re(p + m) - g * time + (abs(p) + abs(m)) * mp.exp(-mp.re(z) * time)
        for z, p, m, g in made
    )


def _legendre() -> list[tuple[Any, Any]]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    rule = []
    for k in range(POINTS):
        x = mp.cos(mp.pi * (k + 0.75) / (POINTS + 0.5))
        for _ in range(8):  # Newton's steps, each doubling the digits
            before, value = mp.mpf(1), x
            for n in range(2, POINTS + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = POINTS * (x * value - before) / (x**2 - 1)
            x -= value / slope
        rule.append(((1 + x) / 2, 1 / ((1 - x**2) * slope**2)))
    return rule


def series(made: list[Mode], energies: list[float]) -> list[Any]:
    """All rates by the sidebands."""
    total = sum(p + m for _, p, m, _ in made)
    largest = sum(abs(p) + abs(m) for _, p, m, _ in made)
    with mp.workdps(DIGITS + int((largest + mp.re(total)) / 2)):
        terms = [(mp.exp(total), mp.mpc(sum(m[3] for m in made)))]
        least = mp.exp(mp.re(total) + largest) * mp.mpf(10) ** -(mp.mp.dps + 5)
        for z, plus, minus, _ in made:
            for c, rate in ((plus, z), (minus, mp.conj(z))):
                powers = [mp.mpc(1)]
                while c and (len(powers) < 2 * abs(c) or abs(powers[-1]) > least):
                    powers.append(-powers[-1] * c / len(powers))
                terms = [
                    (a * power, s + k * rate)
                    for a, s in terms
                    for k, power in enumerate(powers)
                    if abs(a * power) > least
                ]
        return [2 * mp.re(mp.fsum(a / (s - mp.mpc(0, e)) for a, s in terms)) for e in energies]


def cases() -> list[tuple[str, list[tuple[float, float, float, float]]]]:
    """Method and modes (coupling, frequency, loss, gain) of all cases."""
    chosen = []

    def add(how: str, *modes: tuple[float, float, float, float]) -> None:
        """Modes as coupling, frequency, net damping and occupation."""
        chosen.append((how, [(g, w, d * (1 + n), d * n) for g, w, d, n in modes]))

    for damping in (1e-3, 1e-2, 0.1):
        for coupling in (1e-3, 0.03, 0.5):
            add("series", (coupling, 1.0, damping, 0.0))
            add("series", (coupling / 2, 1.0, damping, 0.75))
    for damping in (1.0, 10.0, 1e3):
        for coupling in (1e-3, 0.1):
            add("series", (coupling, 1.0, damping, 0.0))
            add("series", (coupling, 1.0, damping, 20.0))
    add("series", (2.0, 1.0, 0.01, 0.0))
    add("series", (0.02, 1.0, 1e-3, 1000.0))
    add("series", (10.0, 1.0, 1e3, 0.0))
    add("both", (0.7, 1.0, 0.7, 0.4))
    add("both", (1.1, -1.0, 2.0, 0.2))
    add("both", (0.9, 0.0, 1.5, 0.3))
    for damping in (1e-3, 0.03, 0.5, 3.0, 50.0, 1e3):
        add("panels", (10.0, 1.0, damping, 1000.0))
    for damping in (0.1, 1.0, 10.0):
        add("panels", (10.0, 1.0, damping, 0.0))
        add("panels", (3.0, 1.0, damping, 5.0))
    add("panels", (10.0, 1.0, 0.02, 1.0))
    add("series", (0.4, 1.0, 0.05, 0.3), (0.2, 1.7, 0.02, 0.0))
    add("both", (0.6, 1.0, 1.05, 0.14), (-0.4, 1.7, 0.85, 0.06))
    add("series", (0.03, 1.0, 0.01, 1000.0))
    add("both", (1.15, 1.0, 3.9, 0.0))
    add("series", (0.037, 2.1, 7.0, 61.0), (0.077, 1.28, 0.037, 0.2))
    add("series", (0.013, 0.87, 3.0, 5.4), (1.2, 1.12, 0.008, 0.0))
    add("series", (0.15, 1.25, 2.4, 0.0), (2.05, 0.7, 0.0035, 0.0))
    add("series", (0.59, 2.5, 24.0, 4.2), (1.8, -2.4, 0.014, 0.0))
    add("series", (0.03, 1.2, 0.2, 0.0), (0.1, 1.6, 0.01, 0.2), (0.05, 0.3, 0.5, 0.0))
    add("panels", (4.0, 1.0, 0.8, 0.5), (2.0, 3.0, 9.0, 2.0), (0.1, 0.2, 0.6, 0.0))
    add("panels", (5.0, 1.0, 0.2, 10.0), (3.0, 2.3, 40.0, 0.0))
    return chosen


def spread_energies(made: list[Mode], draw: random.Random) -> list[float]:
    """Energies over peak, lines and tails."""
    spread = float(mp.sqrt(sum(mp.re(p * z**2 + m * mp.conj(z) ** 2) for z, p, m, _ in made)))
    shift = float(sum(mp.im(p * z + m * mp.conj(z)) for z, p, m, _ in made))
    width = float(sum(m[3] for m in made))
    frequency, size = float(mp.im(made[0][0])), float(max(abs(m[0]) for m in made))
    energies = [0.0, -shift, -frequency + 2 * width, frequency, width]
    energies += [spread * draw.uniform(-9, 9) - shift for _ in range(4)]
    energies += [(spread + size) * draw.choice((-1, 1)) * 10 ** draw.uniform(-2, 1.3) - shift]
    return energies


def main() -> None:
    """Compute all and write the file."""
    draw = random.Random(20)
    rows = []
    with mp.workdps(DIGITS):
        for how, modes in cases():
            made = constants(modes)
            energies = spread_energies(made, draw)
            rates = (panels if how == "panels" else series)(made, energies)
            if how == "both":
                for first, second in zip(rates, panels(made, energies), strict=True):
                    assert abs(first / second - 1) < mp.mpf(10) ** -20
            rows.append(
                {
                    "couplings": [m[0] for m in modes],
                    "frequencies": [m[1] for m in modes],
                    "loss": [m[2] for m in modes],
                    "gain": [m[3] for m in modes],
                    "energies": energies,
                    "rates": [mp.nstr(rate, 20) for rate in rates],
                }
            )
            print(how, modes, flush=True)
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    FILE.write_text(f'{{\n "origin": {json.dumps(ORIGIN)},\n "cases": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()
