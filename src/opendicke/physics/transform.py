"""Fourier transform of the coherence: one uniform trapezoid, one FFT, any energies."""

from __future__ import annotations

from functools import cache
from math import pi

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev
from scipy.fft import irfft, next_fast_len
from scipy.special import i0e, zeta

from opendicke.model.checks import Array
from opendicke.physics.coherence import SHORT, Bath
from opendicke.physics.sidebands import Sidebands

# Derivatives at t = 0 that are used for the power law of the rates.
ORDER = 40
# What the power law may lack at the edge of the window, as a part of the peak.
_EDGE = 1e-17
# −ln|C| from which the integrand counts as zero.
GONE = 44.0
# Kernel between the frequencies of the FFT, which are twice as dense as they must be: width in
# points, shape (Kaiser-Bessel) and degree of its pieces, so that it errs by 1e-15 of the peak.
_WIDTH = 16
_SHAPE = 2.34 * _WIDTH
_DEGREE = 18
# Chebyshev terms of the images.
_IMAGES = 44
_LANES = 64


class Transform:
    r"""Prepared trapezoid of the integral; `add` evaluates it.

    The trapezoid with step δ has, by Poisson's formula, the value
    :math:`\sum_m W(\varepsilon + 2\pi m/\delta)`. All terms with m ≠ 0 are known from the
    derivatives of C at t = 0 (its other end is at infinity), and are subtracted: these are the
    Euler-Maclaurin terms, summed over all orders. From `start` on the coherence is `tail`, a
    sum of exponentials, whose trapezoid is a geometric series.
    """

    def __init__(self, bath: Bath, step: float, points: int, tail: Sidebands | None) -> None:
        self.step = step
        self.shift = bath.shift
        values = np.zeros(points, complex)
        mean = bath.raising - bath.lowering
        leading, rest = _turns(bath, step)
        used = _fill(step, bath.noise, mean, bath.decay, bath.frequency, leading, rest, values)
        if tail is None:
            points = max(int(used), 1)
        size = int(next_fast_len(max(4 * points, 4 * _WIDTH), real=True))
        padded = np.zeros(size // 2 + 1, complex)
        kernel, flat = _kernel()
        _flatten(values[:points], step, size, flat, padded)
        self.grid = irfft(padded, size, norm="forward", overwrite_x=True)
        self.scale = step * size / (2 * pi)
        self.kernel = kernel
        self.start = points * step
        if tail is None:
            self.tail = np.empty(0, complex), np.empty(0, complex)
        else:
            self.tail = 2 * step * tail.weights, np.exp(-tail.rates * step)
        self.half = pi / step
        unit = _unit(bath)
        derivatives = bath.taylor(ORDER, unit)
        orders = np.arange(ORDER + 1)
        # ∫ C e^{iEt} dt = Σ C⁽ⁿ⁾(0) (i/E)ⁿ⁺¹; the first that is not imaginary is n = 3.
        law = 2 * (derivatives * 1j ** (orders + 1)).real / unit
        # In powers of half/E, which is 1 at most.
        self.law = (law * (unit / self.half) ** (orders + 1))[3:]
        self.images = _images() @ self.law

    def add(self, energies: Array, into: Array) -> None:
        """Add the rates at `energies` to `into`, both (n,)."""
        _evaluate(
            energies,
            self.grid,
            self.scale,
            self.kernel,
            self.start,
            self.step,
            self.tail[0],
            self.tail[1],
            self.shift,
            self.half,
            self.law,
            self.images,
            into,
        )


def window(bath: Bath) -> float:
    """Half the width of energies in which rates are not yet their power law, units of energy."""
    unit = _unit(bath)
    derivatives = np.abs(bath.taylor(ORDER, unit))
    last = np.arange(ORDER - 6, ORDER + 1)
    return float(unit * np.max((derivatives[last] / _EDGE) ** (1 / last)))


def step_for(half: float) -> float:
    """Step π/half, rounded down so that its multiples are exact."""
    mantissa, exponent = np.frexp(pi / half)
    return float(np.ldexp(np.floor(mantissa * 2**26) / 2**26, exponent))


def _unit(bath: Bath) -> float:
    return bath.spread + float(np.abs(bath.rate).max())


def _turns(bath: Bath, step: float) -> tuple[Array, Array]:
    """ω·step/2π of each mode as a leading part whose multiples are exact, and the rest.

    The rounding of the product is that of ω; but it must be the same at all times, for else it
    would be noise.
    """
    turns = bath.frequency * step / (2 * pi)
    mantissa, exponent = np.frexp(turns)
    leading = np.ldexp(np.round(mantissa * 2**25) / 2**25, exponent)
    return leading, turns - leading


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    step: float,
    noise: Array,
    mean: Array,
    decay: Array,
    omega: Array,
    leading: Array,
    rest: Array,
    values: Array,
) -> int:
    """Coherence at multiples of the step; returns how many points reach its last nonzero one."""
    modes = len(noise)
    size = decay * decay + omega * omega
    steepest = 0.0
    for m in range(modes):
        steepest += noise[m] * (decay[m] / size[m] + 1 / np.sqrt(size[m]))
    used = 0
    j = 0
    while j < len(values):
        t = j * step
        lost, phase = 0.0, 0.0
        for m in range(modes):
            a, w, norm = decay[m], omega[m], size[m]
            if t * t * norm < SHORT * SHORT:
                # (e^{−zt} − 1 + zt)/z² = t² Σ x^j/(j + 2)!, x = −zt, loses no digits.
                x = complex(-a * t, -w * t)
                series = complex(1.0, 0.0)
                for n in range(15, 2, -1):
                    series = 1.0 + series * x / n
                series *= 0.5 * t * t
                lost += noise[m] * series.real
                phase += mean[m] * (series.imag + t * w / norm)
            else:
                # Whole turns of ω t are removed before anything is rounded.
                turn = j * leading[m]
                turn -= np.round(turn)
                turn += j * rest[m]
                half_sine, half_cosine = np.sin(np.pi * turn), np.cos(np.pi * turn)
                faded = np.expm1(-a * t)
                left = 1 + faded
                ended = -faded + 2 * left * half_sine * half_sine
                swung = 2 * left * half_sine * half_cosine
                real = (a * a - w * w) / (norm * norm)
                imaginary = -2 * a * w / (norm * norm)
                lost += noise[m] * (t * a / norm - real * ended + imaginary * swung)
                phase -= mean[m] * (real * swung + imaginary * ended)
            if lost > GONE:
                break
        if lost > GONE:
            j += max(1, int((lost - GONE) / (steepest * step)))
            continue
        values[j] = np.exp(-lost) * complex(np.cos(phase), np.sin(phase))
        j += 1
        used = j
    return used


@cache
def _kernel() -> tuple[Array, Array]:
    """The kernel as polynomials on each of its intervals, and its inverse transform's."""
    nodes = np.cos(pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    pieces = np.empty((_DEGREE + 1, _WIDTH))
    for i in range(_WIDTH):
        # Distance of grid point i from the energy, in units of half the width.
        x = (i - _WIDTH / 2 + (nodes + 1) / 2) * 2 / _WIDTH
        root = np.sqrt(np.maximum(1 - x * x, 0))
        shape = i0e(_SHAPE * root) * np.exp(_SHAPE * (root - 1))
        coefficients = chebyshev.chebfit(nodes, shape, _DEGREE)
        pieces[:, i] = chebyshev.cheb2poly(coefficients)
    # Transform (w/2) 2 sinh(√(β² − ξ²))/√(β² − ξ²), ξ = π w j/n, over |j/n| < 1/4.
    order = 24
    nodes = np.cos(pi * (np.arange(2 * order) + 0.5) / (2 * order))
    ratio = np.sqrt((nodes + 1) / 2) / 4
    root = np.sqrt(_SHAPE**2 - (pi * _WIDTH * ratio) ** 2)
    transform = _WIDTH / 2 * (np.exp(root - _SHAPE) - np.exp(-root - _SHAPE)) / root
    flat = chebyshev.chebfit(nodes, 1 / transform, order)
    return pieces, flat


@njit(cache=True, nogil=True, error_model="numpy")
def _flatten(values: Array, step: float, size: int, flat: Array, into: Array) -> None:
    """Values times the step over the transform of the kernel (Clenshaw in (4j/n)²)."""
    x, now, before = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    for first in range(0, len(values), _LANES):
        lanes = min(_LANES, len(values) - first)
        for lane in range(lanes):
            x[lane] = 2 * (4.0 * (first + lane) / size) ** 2 - 1
        now[:] = 0.0
        before[:] = 0.0
        for n in range(len(flat) - 1, 0, -1):
            for lane in range(lanes):
                next_ = flat[n] + 2 * x[lane] * now[lane] - before[lane]
                before[lane] = now[lane]
                now[lane] = next_
        for lane in range(lanes):
            factor = flat[0] + x[lane] * now[lane] - before[lane]
            into[first + lane] = values[first + lane] * (step * factor)


@cache
def _images() -> Array:
    """From the power law to the Chebyshev series of Σ over m ≠ 0 of the law at E + 2m·half."""
    angle = pi * (np.arange(_IMAGES) + 0.5) / _IMAGES
    x = np.cos(angle) / 2
    powers = np.arange(4, ORDER + 2)
    # Σ_m (x + m)^{−p}; E + 2m·half = 2 half (x + m), the law is in powers of half.
    right = zeta(powers, 1 + x[:, None])
    left = zeta(powers, 1 - x[:, None])
    values = (right + (-1.0) ** powers * left) / 2.0**powers
    series = np.cos(np.arange(_IMAGES)[:, None] * angle) * 2 / _IMAGES
    series[0] /= 2
    return np.asarray(series @ values)


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(
    energies: Array,
    grid: Array,
    scale: float,
    kernel: Array,
    start: float,
    step: float,
    tail: Array,
    ratio: Array,
    shift: float,
    half: float,
    law: Array,
    images: Array,
    into: Array,
) -> None:
    size = len(grid)
    width, degree = kernel.shape[1], kernel.shape[0] - 1
    edge, now, before = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    cosine, sine = np.empty(_LANES), np.empty(_LANES)
    real, imaginary = np.empty(_LANES), np.empty(_LANES)
    weights = np.empty(width)
    for first in range(0, len(energies), _LANES):
        lanes = min(_LANES, len(energies) - first)
        # Images (Clenshaw).
        for lane in range(lanes):
            edge[lane] = (energies[first + lane] + shift) / half
        now[:] = 0.0
        before[:] = 0.0
        for n in range(len(images) - 1, 0, -1):
            for lane in range(lanes):
                next_ = images[n] + 2 * edge[lane] * now[lane] - before[lane]
                before[lane] = now[lane]
                now[lane] = next_
        for lane in range(lanes):
            energy = energies[first + lane]
            now[lane] = -(images[0] + edge[lane] * now[lane] - before[lane])
            if abs(edge[lane]) > 1:
                continue
            place = energy * scale
            place -= np.floor(place / size) * size
            left = int(np.floor(place)) - width // 2 + 1
            u = 1 - 2 * (place - np.floor(place))
            for i in range(width):
                weights[i] = kernel[degree, i]
            for n in range(degree - 1, -1, -1):
                for i in range(width):
                    weights[i] = weights[i] * u + kernel[n, i]
            if left < 0:
                left += size
            total = 0.0
            if left + width <= size:
                for i in range(width):
                    total += weights[i] * grid[left + i]
            else:
                for i in range(width):
                    total += weights[i] * grid[(left + i) % size]
            now[lane] += total
        if len(tail):
            for lane in range(lanes):
                turn = energies[first + lane] * step
                cosine[lane], sine[lane] = np.cos(turn), np.sin(turn)
            real[:] = 0.0
            imaginary[:] = 0.0
            for k in range(len(tail)):
                a, b, p, q = tail[k].real, tail[k].imag, ratio[k].real, ratio[k].imag
                for lane in range(lanes):
                    x = 1 - (p * cosine[lane] - q * sine[lane])
                    y = p * sine[lane] + q * cosine[lane]
                    inverse = 1 / (x * x + y * y)
                    # a/(1 − e^{(iε − s)δ})
                    real[lane] += (a * x - b * y) * inverse
                    imaginary[lane] += (b * x + a * y) * inverse
            for lane in range(lanes):
                turn = energies[first + lane] * start
                now[lane] += np.cos(turn) * real[lane] - np.sin(turn) * imaginary[lane]
        for lane in range(lanes):
            if abs(edge[lane]) > 1:
                # Beyond the window the power law holds alone.
                x = 1 / edge[lane]
                total = 0.0
                for n in range(len(law) - 1, -1, -1):
                    total = total * x + law[n]
                now[lane] = total * x**4
            into[first + lane] += now[lane]
