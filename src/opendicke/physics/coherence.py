"""What a spin's bosons remember of its state: coherence between spin up and down (fiorelli2020)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from numba import njit

from opendicke.errors import InputError
from opendicke.model.checks import Array, non_negative, numeric_array, vector
from opendicke.model.dicke import check_gain

# Below this |zt| the exponent is summed as a power series, which loses no digits.
SHORT = 0.5


@dataclass(frozen=True)
class Bath:
    r"""All modes that one row of couplings feels, and the constants of its coherence.

    With :math:`z = \Gamma/2 + i\omega`, Γ = loss − gain and n̄ = gain/Γ of each mode

    .. math::
        C(t) = \exp\left\{-\gamma_\varphi t + \sum_\lambda\left[c_+(1 - e^{-zt})
               + c_-(1 - e^{-z^*t})\right]\right\},\quad
        c_+ = \frac{4g^2\bar n}{z^2},\quad c_- = \frac{4g^2(\bar n + 1)}{z^{*2}}

    Modes with equal frequency and damping are one, for they enter through Σ g² alone.
    """

    lowering: Array
    """4g²n̄ of each mode, (M,): its sidebands lie below the line."""
    raising: Array
    """4g²(n̄ + 1) of each mode, (M,)."""
    decay: Array
    """Half the damping, Γ/2 (M,)."""
    frequency: Array
    """ω (M,)."""

    @cached_property
    def noise(self) -> Array:
        """4g²(2n̄ + 1) of each mode, (M,)."""
        return np.asarray(self.lowering + self.raising)

    @cached_property
    def rate(self) -> Array:
        """z = Γ/2 + iω of each mode, (M,), complex."""
        return np.asarray(self.decay + 1j * self.frequency)

    @cached_property
    def amplitudes(self) -> tuple[Array, Array]:
        """c₊ and c₋ of each mode."""
        square = self.rate**2
        return self.lowering / square, self.raising / square.conj()

    @cached_property
    def dephasing(self) -> float:
        """γ_φ, at which the coherence decays at last; half-width of the line at energy zero."""
        return float(np.sum(self.noise * (1 / self.rate).real))

    @cached_property
    def shift(self) -> float:
        """Reorganisation energy Σ 4g²ω/(ω² + Γ²/4): rates are centred on minus this."""
        return float(np.sum(-(self.raising - self.lowering) * (1 / self.rate).imag))

    @cached_property
    def spread(self) -> float:
        """Root mean square of the energies that the bosons supply, √Σ 4g²(2n̄ + 1)."""
        return float(np.sqrt(np.sum(self.noise)))

    def taylor(self, order: int, unit: float) -> Array:
        r"""Derivatives of :math:`C(t)e^{-i\,\mathrm{shift}\,t}` at t = 0 in units of `unit`ⁿ.

        From zero to `order`, complex. They are those of
        :math:`\exp\{-\sum_k (-t)^k/k!\,\sum_\lambda 4g^2[\bar n z^{k-2}
        + (\bar n+1) z^{*\,k-2}]\}`, k ≥ 2.
        """
        return np.asarray(_derivatives(self.lowering, self.raising, self.rate, unit, order))

    def excess(self, start: float) -> float:
        """Logarithm of Σ|a| over the exponentials whose sum C is from `start` on.

        It bounds ln|C| then and later, falls with time, and where it exceeds zero the sum
        cancels.
        """
        lower, upper = self.amplitudes
        total = lower + upper
        return float(_excess(lower, upper, self.decay, total.real.sum(), self.dephasing, start))

    def end(self, gone: float) -> float:
        """A time after which |C| < e^{−gone}."""
        lower, upper = self.amplitudes
        total = float((lower + upper).real.sum())
        return float(_end(lower, upper, self.decay, total, self.dephasing, gone))


@njit(cache=True, nogil=True)
def _derivatives(lowering: Array, raising: Array, rate: Array, unit: float, order: int) -> Array:
    exponent = np.zeros(order + 1, np.complex128)
    for m in range(len(rate)):
        lower = complex(lowering[m] / unit**2, 0.0)
        upper = complex(raising[m] / unit**2, 0.0)
        z = -rate[m] / unit
        factorial_ = 1.0
        for k in range(2, order + 1):
            factorial_ *= k
            exponent[k] -= (lower + upper) / factorial_
            lower *= z
            upper *= z.conjugate()
    series = np.zeros(order + 1, np.complex128)
    series[0] = 1.0
    # exp of a power series: n s_n = Σ k e_k s_{n−k}
    for n in range(1, order + 1):
        for k in range(2, n + 1):
            series[n] += k * exponent[k] * series[n - k] / n
    factorial_ = 1.0
    for n in range(1, order + 1):
        factorial_ *= n
        series[n] *= factorial_
    return series


@njit(cache=True, nogil=True)
def _excess(
    lower: Array, upper: Array, decay: Array, total: float, dephasing: float, start: float
) -> float:
    logarithm = total - dephasing * start
    for m in range(len(decay)):
        logarithm += np.exp(-decay[m] * start) * (abs(lower[m]) + abs(upper[m]))
    return logarithm


@njit(cache=True, nogil=True)
def _end(
    lower: Array, upper: Array, decay: Array, total: float, dephasing: float, gone: float
) -> float:
    low, high = 0.0, 1 / dephasing
    while _excess(lower, upper, decay, total, dephasing, high) > -gone:
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        if _excess(lower, upper, decay, total, dephasing, middle) > -gone:
            low = middle
        else:
            high = middle
    return high


def bath_of(couplings: Array, frequencies: Array, loss: Array, gain: Array) -> Bath:
    """The bath of one checked row (M,); modes that do not couple or are equal are merged."""
    coupled = 4 * couplings**2 >= np.finfo(float).tiny
    strength = 4 * couplings[coupled] ** 2
    distinct = np.stack([frequencies[coupled], loss[coupled], gain[coupled]], axis=1)
    if len(distinct) > 1:
        distinct, place = np.unique(distinct, axis=0, return_inverse=True)
        strength = np.bincount(place.ravel(), strength, len(distinct))
    net = distinct[:, 1] - distinct[:, 2]
    occupation = distinct[:, 2] / net
    return Bath(
        lowering=strength * occupation,
        raising=strength * (occupation + 1),
        decay=net / 2,
        frequency=distinct[:, 0].copy(),
    )


def checked_rows(
    couplings: object, frequencies: object, loss: object, gain: object
) -> tuple[Array, Array, Array, Array]:
    """Couplings (M,) or (R, M) and the modes (M,) each, or an `InputError`."""
    rows = numeric_array("couplings", couplings)
    if rows.ndim not in (1, 2) or not rows.size:
        raise InputError(
            "couplings", "be a row (M,) or rows (R, M) of numbers", f"had shape {rows.shape}"
        )
    count = rows.shape[-1]
    omega = vector("frequencies", frequencies, count, "mode")
    down = non_negative("loss", vector("loss", loss, count, "mode"), "mode")
    up = non_negative("gain", vector("gain", gain, count, "mode"), "mode")
    check_gain(down, up)
    coupled = 4 * rows.reshape(-1, count) ** 2 >= np.finfo(float).tiny
    undamped = coupled.any(axis=0) & (down == 0)
    if undamped.any():
        mode = int(np.argmax(undamped))
        raise InputError(
            "loss", "be positive in every mode that couples", f"mode {mode} has loss=0"
        )
    dark = ~coupled.any(axis=1)
    if dark.any():
        raise InputError(
            "couplings",
            "couple every spin to a mode, for else its coherence never decays",
            f"row {int(np.argmax(dark))} was zero",
        )
    return rows, omega, down, up


def coherence(
    times: Array | float,
    couplings: Array | float,
    frequencies: Array | float,
    loss: Array | float,
    gain: Array | float = 0.0,
) -> Array:
    r"""Coherence of a spin between its two states on the coupling axis, at zero field.

    .. math::
        C(t) = \exp\left\{-\gamma_\varphi t + \sum_\lambda\left[c_+(1 - e^{-zt})
               + c_-(1 - e^{-z^*t})\right]\right\},\qquad
        \gamma_\varphi = \sum_\lambda 4g_\lambda^2(2\bar n_\lambda + 1)\,\mathrm{Re}\frac1z

    with :math:`z = \Gamma/2 + i\omega`, Γ = loss − gain, n̄ = gain/Γ,
    :math:`c_+ = 4g^2\bar n/z^2` and :math:`c_- = 4g^2(\bar n + 1)/z^{*2}`. The bosons start in
    the stationary state of the spin's own configuration; the phase that the other spins give is
    left out (it is :math:`e^{i\varepsilon t}` in `flip_rates`).

    Parameters
    ----------
    times : array, any shape
        t ≥ 0, in inverse units of energy.
    couplings : array (M,)
        Couplings of the spin to the modes, in units of energy.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy.

    Returns
    -------
    array of complex, of the shape of the times
        C at these times, of modulus 1 at most.

    Raises
    ------
    InputError
        If shapes do not fit, a time, a loss or a gain is negative, gain reaches the loss, no
        mode or an undamped mode couples.

    Notes
    -----
    fiorelli2020 Eqs. (S3) to (S8) with their misprints removed, summed over the modes.
    In (S3) the term :math:`e^{\eta\tau}` must be :math:`e^{-\eta\tau}`, the sine term has the sign
    +, the prefactor is :math:`2g^2\nu/\omega^2` and the imaginary part lacks a factor 16; (S7)
    has one :math:`g_i` too many. Eq. (3) as printed is right, and for one mode
    :math:`-\ln|C| = (2g^2\nu/\omega^2)[f(\tau) + \tau]`, τ = ωt.

    Examples
    --------
    >>> import opendicke as od
    >>> print(abs(od.coherence([0.0, 1.0], [0.4], 1.0, 1.3, 0.3)).round(4))
    [1.     0.6666]
    """
    when = non_negative("times", numeric_array("times", times), "entry")
    rows, omega, down, up = checked_rows(couplings, frequencies, loss, gain)
    if rows.ndim != 1:
        raise InputError("couplings", "be one row (M,)", f"had shape {rows.shape}")
    bath = bath_of(rows, omega, down, up)
    total = np.zeros(when.shape, complex)
    for mode in range(len(bath.decay)):
        total -= _exponent(when, bath, mode)
    return np.exp(total)


def _exponent(when: Array, bath: Bath, mode: int) -> Array:
    """Minus the logarithm of one mode's factor of C, with all its digits at short times."""
    z = complex(bath.rate[mode])
    mean = bath.raising[mode] - bath.lowering[mode]
    scaled = z * when
    short = np.abs(scaled) < SHORT
    x = np.where(short, scaled, 0)
    series = sum((-x) ** j / factorial(j + 2) for j in range(14)) * when**2
    # (e^{−x} − 1 + x)/z², whose imaginary part turns into that of (e^{−x} − 1)/z² by the shift.
    ended = np.where(short, 0, (np.expm1(-scaled)) / z**2)
    real = np.where(short, series.real, ended.real + when * (1 / z).real)
    imaginary = np.where(short, series.imag - when * (1 / z).imag, ended.imag)
    return np.asarray(bath.noise[mode] * real - 1j * mean * imaginary)
