"""Coherence as a sum of exponentials: phonon sidebands, each a complex Lorentzian."""

from __future__ import annotations

from math import lgamma
from typing import NamedTuple

import numpy as np
from numba import njit

from opendicke.model.checks import Array
from opendicke.physics.coherence import Bath

# Terms whose share of the series is smaller are left out.
SHARE = 3e-18
_LANES = 64
# Quanta up to which the lines of a mode are summed one by one.
_FEW = 16.0


class Sidebands(NamedTuple):
    r"""Terms of :math:`C(T + t) = \sum_k a_k e^{-s_k t}`, t ≥ 0."""

    weights: Array
    """a_k, complex."""
    rates: Array
    """s_k, complex; all real parts are positive."""


def sidebands(bath: Bath, start: float, most: int) -> Sidebands | None:
    r"""The series from time T = `start` on, or None where it has more than `most` terms.

    .. math::
        C(T + t) = e^{-\gamma_\varphi(T + t) + \sum c}\prod_\lambda\sum_{k,l}
        \frac{(-c_+e^{-zT})^k}{k!}\frac{(-c_-e^{-z^*T})^l}{l!}e^{-(kz + lz^*)t}

    Each factor is a Poisson distribution with phases. It is computed outward from its largest
    term, so that nothing over- or underflows however many bosons there are.
    """
    lower, upper = bath.amplitudes
    first = np.exp(bath.excess(start) + 1j * float((lower + upper).imag.sum()))
    faded = np.exp(-bath.rate * start)
    sizes = np.concatenate([-lower * faded, -upper * faded.conj()])
    rates = np.concatenate([bath.rate, bath.rate.conj()])
    order = np.argsort(np.abs(sizes), kind="stable")
    made, weights, all_rates = _expand(first, bath.dephasing, sizes[order], rates[order], most)
    return Sidebands(weights, all_rates) if made else None


@njit(cache=True, nogil=True)
def _poisson(mean: float) -> tuple[Array, Array]:
    """Counts and probabilities of a Poisson distribution above `SHARE`, the largest first."""
    most = int(20 * np.sqrt(mean)) + 50
    count, share = np.empty(most, np.int64), np.empty(most)
    low = high = int(mean)
    # Ratios keep the relative error of neighbours small, and the sum is one.
    below = above = np.exp(low * np.log(mean) - mean - lgamma(low + 1.0))
    below *= low / mean
    low -= 1
    kept = 0
    while kept < most and max(below, above) >= SHARE:
        if above >= below:
            count[kept], share[kept] = high, above
            high += 1
            above *= mean / high
        else:
            count[kept], share[kept] = low, below
            below *= low / mean
            low -= 1
        kept += 1
    total = 0.0
    for k in range(kept - 1, -1, -1):
        total += share[k]
    return count[:kept], share[:kept] / total


@njit(cache=True, nogil=True)
def _expand(
    first: complex, dephasing: float, sizes: Array, exponents: Array, most: int
) -> tuple[bool, Array, Array]:
    """Products of one term from each factor, without those of too small a share."""
    weights, rates = np.full(1, first), np.full(1, complex(dephasing, 0.0))
    shares = np.ones(1)
    # At least so many terms does the largest factor have alone.
    if len(sizes) and 12 * np.sqrt(abs(sizes[-1])) > most + 20:
        return False, weights, rates
    for factor in range(len(sizes)):
        mean = abs(sizes[factor])
        if mean < SHARE:
            continue
        count, share = _poisson(mean)
        # (x/|x|)^k from the angle, which is exact to rounding for every k.
        angle = np.arctan2(sizes[factor].imag, sizes[factor].real)
        turned = np.empty(len(share), np.complex128)
        for k in range(len(share)):
            turned[k] = share[k] * complex(np.cos(angle * count[k]), np.sin(angle * count[k]))
        total = 0
        for i in range(len(shares)):
            for k in range(len(share)):
                if shares[i] * share[k] < SHARE:
                    break
                total += 1
            if total > most:
                return False, weights, rates
        new_weights = np.empty(total, np.complex128)
        new_rates = np.empty(total, np.complex128)
        new_shares = np.empty(total)
        place = 0
        for i in range(len(shares)):
            for k in range(len(share)):
                product = shares[i] * share[k]
                if product < SHARE:
                    break
                new_shares[place] = product
                new_weights[place] = weights[i] * turned[k]
                new_rates[place] = rates[i] + count[k] * exponents[factor]
                place += 1
        weights, rates, shares = new_weights, new_rates, new_shares
    return True, weights, rates


@njit(cache=True, nogil=True, error_model="numpy")
def lorentzians(
    energies: Array,
    weights: Array,
    rates: Array,
    into: Array,
) -> None:
    r"""Add :math:`2\,\mathrm{Re}\sum_k a_k/(s_k - i\varepsilon)` to `into` at each energy."""
    total = np.empty(_LANES)
    for first in range(0, len(energies), _LANES):
        lanes = min(_LANES, len(energies) - first)
        total[:] = 0.0
        for k in range(len(weights)):
            a, b = 2 * weights[k].real, 2 * weights[k].imag
            width, centre = rates[k].real, rates[k].imag
            for lane in range(lanes):
                # ε and the centre are subtracted before anything is rounded: narrow lines.
                distance = energies[first + lane] - centre
                total[lane] += (a * width - b * distance) / (width * width + distance * distance)
        for lane in range(lanes):
            into[first + lane] += total[lane]


def lines_of(bath: Bath, least: float = 1e-8, most: int = 4000) -> tuple[Array, Array, Array]:
    """Centres, half-widths and weights of the lines; see `Spectrum.lines`."""
    each = bath.noise * (1 / bath.rate).real
    merged = np.array([_merged(bath, mode) for mode in range(len(each))])
    # √(2 ln 2) σ of a Gaussian, but a Lorentzian of modes that move faster than C decays.
    fast = np.abs(bath.rate) > np.sqrt(bath.noise[merged].sum())
    blurred = 1.18 * float(np.sqrt(bath.noise[merged & ~fast].sum()))
    narrowed = float(each[~merged | fast].sum())
    mean = (bath.raising - bath.lowering)[merged]
    centres = np.array([float((mean * (1 / bath.rate[merged]).imag).sum())])
    widths = np.array([blurred + narrowed])
    weights = np.ones(1)
    for mode in np.flatnonzero(~merged):
        steps, extra, share = _ladder(bath, int(mode), float(widths.min()), least)
        centres = (centres[:, None] + steps).ravel()
        widths = (widths[:, None] + extra).ravel()
        weights = (weights[:, None] * share).ravel()
        height = weights / widths
        order = np.argsort(-height, kind="stable")[:most]
        order = order[height[order] >= least * height[order[0]]]
        centres, widths, weights = centres[order], widths[order], weights[order]
    order = np.argsort(centres, kind="stable")
    return centres[order], widths[order], weights[order]


def _merged(bath: Bath, mode: int) -> bool:
    """The sidebands of a mode overlap so much that they are one smooth curve."""
    omega, decay = abs(float(bath.frequency[mode])), float(bath.decay[mode])
    lower, upper = (float(abs(c[mode])) for c in bath.amplitudes)
    # −ln|C| after one period; beyond 25 nothing of the ripple is left.
    if omega and bath.excess(2 * np.pi / omega) < -25:
        return True
    lost = 2 * np.pi * float(bath.noise[mode]) * decay / (omega**2 + decay**2)
    return lower + upper > 1 and (omega < decay or lost > 25 * omega)


def _ladder(bath: Bath, mode: int, dephasing: float, least: float) -> tuple[Array, Array, Array]:
    """Energies, half-widths and shares that one mode gives to every line of the others."""
    omega, decay = float(bath.frequency[mode]), float(bath.decay[mode])
    lower, upper = (float(abs(c[mode])) for c in bath.amplitudes)
    if lower + upper < _FEW:
        (k, p), (j, q) = _poisson(max(lower, SHARE)), _poisson(max(upper, SHARE))
        steps = (j[:, None] - k).ravel()
        origin = int(steps.min())
        both = (q[:, None] * p).ravel()
        share: Array = np.bincount(steps - origin, both)
        # Half-widths so that the height Σ p/(γ + nΓ/2) of all with the same k − l is right.
        height = both / (dephasing + (j[:, None] + k).ravel() * decay)
        extra = np.asarray(share / np.bincount(steps - origin, height) - dephasing)
        steps = np.arange(origin, origin + len(share))
    else:
        half = int(9 * np.sqrt(lower + upper) + abs(upper - lower) + 16)
        angle = np.pi * np.arange(2 * half) / half
        # Σ_d share_d e^{idθ} is the generating function of the difference of two Poisson
        # numbers; its derivative gives the mean of their sum, which widens the line.
        quanta = lower * np.exp(-1j * angle) + upper * np.exp(1j * angle)
        generating = np.exp(quanta - lower - upper)
        share = np.fft.fft(generating).real / (2 * half)
        number = np.fft.fft(generating * quanta).real / (2 * half)
        steps = np.arange(2 * half)
        steps[half:] -= 2 * half
        share = np.maximum(share, 1e-15 * share.max())
        extra = np.maximum(number / share, np.abs(steps)) * decay
    kept = share >= max(least, 1e-13) * share.max()
    return -steps[kept] * omega, np.maximum(extra[kept], 0), share[kept]
