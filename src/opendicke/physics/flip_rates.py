"""Flip rates of strongly coupled spins, for any number of modes (fiorelli2020 Eq. 3)."""

from __future__ import annotations

from functools import cached_property
from math import ceil

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, affordable, numeric_array, sized
from opendicke.physics.coherence import Bath, bath_of, checked_rows
from opendicke.physics.sidebands import Sidebands, lines_of, lorentzians, sidebands
from opendicke.physics.transform import GONE, Transform, step_for, window

# Largest ln Σ|a| of a series that is used, for it costs as many powers of e in digits.
CANCELLATION = 1.5
# Nanoseconds: a term and energy of the series, the same after a transform, a point of the
# grid, a point and mode, an energy of the transform.
_TERM, _TAIL_TERM, _POINT, _MODE, _ENERGY = 0.7, 1.1, 60.0, 40.0, 200.0
_ENERGIES = 4096
# More terms than these are never tried.
_MOST = 10**6


class Spectrum:
    r"""Rates of one row of couplings at unit field, prepared once for any energies.

    .. math::
        \frac{W(\varepsilon)}{h^2} = 2\,\mathrm{Re}\int_0^\infty C(t)\,e^{i\varepsilon t}\,dt

    with C of `coherence`. It is computed in the cheaper of two ways, or in a mixture of both:
    a transform of C up to some time, and C as a sum of exponentials after that time (each of
    them a complex Lorentzian; from time zero on this is the series of sidebands). `way` says
    which: "transform", "series" or "both".

    Parameters
    ----------
    couplings : array (M,)
        Couplings of the spin to the modes, in units of energy. Only their squares matter.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy; a frequency may be zero or negative.

    Raises
    ------
    InputError
        As `flip_rates`.

    Notes
    -----
    fiorelli2020 Eq. (3), modes added in the exponent.
    """

    def __init__(
        self,
        couplings: Array | float,
        frequencies: Array | float,
        loss: Array | float,
        gain: Array | float = 0.0,
    ) -> None:
        rows, omega, down, up = checked_rows(couplings, frequencies, loss, gain)
        if rows.ndim != 1:
            raise InputError("couplings", "be one row (M,)", f"had shape {rows.shape}")
        self._prepare(bath_of(rows, omega, down, up))

    def _prepare(self, bath: Bath) -> None:
        self.bath = bath
        self._series, self._transform = _prepared(bath)

    @property
    def way(self) -> str:
        """How rates are computed: "transform", "series" or "both"."""
        if self._transform is None:
            return "series"
        return "both" if self._series is not None else "transform"

    @classmethod
    def _of(cls, bath: Bath) -> Spectrum:
        spectrum = cls.__new__(cls)
        spectrum._prepare(bath)
        return spectrum

    def at(self, energies: Array | float) -> Array:
        """W/h² at these energies (any shape), in inverse units of energy.

        The error is at most the larger of 1e-8 W and 1e-14 of the peak, and what the rounding of
        an energy makes where a line is narrow. No value is negative.
        """
        values = numeric_array("energies", energies)
        flat = values.ravel()
        rates = np.zeros(flat.shape)
        if self._transform is not None:
            self._transform.add(flat, rates)
        elif self._series is not None:
            lorentzians(flat, self._series.weights, self._series.rates, rates)
        return np.asarray(np.maximum(rates, 0.0).reshape(values.shape))

    @cached_property
    def lines(self) -> tuple[Array, Array, Array]:
        r"""Where rates vary fast: centres, half-widths and weights, each (L,), by energy.

        The rates resemble
        :math:`\sum_l 2\,\mathrm{weight}_l\,\mathrm{width}_l/[(\varepsilon - \mathrm{centre}_l)^2
        + \mathrm{width}_l^2]`, closely where the modes are weakly damped. The first line of
        weak coupling lies at zero and has half-width γ_φ; with k quanta taken from modes and l
        given to them the centre moves by (k − l)ω and the half-width grows by (k + l)Γ/2, its
        mean over all such k and l being given. Modes that are so strongly coupled or damped
        that their sidebands merge move all lines by their reorganisation energy and widen them
        by their Gaussian instead. Lines lower than 1e-8 of the highest are left out; 4,000 are
        given at most. They serve to grade a grid of energies, not to compute rates.
        """
        return lines_of(self.bath)

    @cached_property
    def peak(self) -> float:
        """About the largest rate, in inverse units of energy."""
        centres, widths, weights = self.lines
        strongest = centres[np.argsort(-weights / widths, kind="stable")[:64]]
        broad = -self.bath.shift + self.bath.spread * np.linspace(-2, 2, 41)
        return float(self.at(np.concatenate([strongest, broad])).max())


def flip_rates(
    couplings: Array | float,
    frequencies: Array | float,
    loss: Array | float,
    gain: Array | float,
    field: Array | float,
    energies: Array | float,
) -> Array:
    r"""Rates at which strongly coupled spins flip.

    .. math::
        W(\varepsilon) = 2h^2\,\mathrm{Re}\int_0^\infty dt\,e^{i\varepsilon t}
        \exp\left\{-\gamma_\varphi t + \sum_\lambda\left[c_+(1 - e^{-zt})
        + c_-(1 - e^{-z^*t})\right]\right\}

    with the constants of `coherence`. For one mode, τ = ωt, and ε = 16ΔE/[ω(η² + 4)] this is
    fiorelli2020 Eq. (3),

    .. math::
        W = \frac{2h^2}{\omega}\int_0^\infty d\tau\,
        e^{-(2g^2\nu/\omega^2)[f(\tau) + \tau]}
        \cos\left[16\,\frac{\Delta E\,\tau - g^2 s(\tau)}{\omega^2(\eta^2 + 4)}\right]

    Parameters
    ----------
    couplings : array (M,) or (R, M)
        Couplings of one spin or of R spins to the modes, in units of energy.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy.
    field : float or array (R,)
        Field h of each spin, in units of energy.
    energies : array
        Energy cost ε of a flip, without the spin's own reorganisation energy, in units of
        energy. Any shape for one spin; for R spins a number, (E,) shared by all, or (R, E).

    Returns
    -------
    array
        W in units of energy; the shape of `energies` for one spin, for R spins (R,) for a number
        and (R, E) otherwise. The error is at most the larger of 1e-8 W and 1e-14 of the largest
        rate of the spin, and what the rounding of an energy makes where a line is narrow. No
        rate is negative.

    Raises
    ------
    InputError
        If shapes do not fit, a loss or a gain is negative, gain reaches the loss, a spin couples
        to no mode, or to one without loss.

    Notes
    -----
    fiorelli2020 Eq. (3), modes added in the exponent; see `coherence` for (S3), (S7).

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.flip_rates([2.0], 1.0, 11.0, 1.0, field=0.1, energies=[-1.0, 0.0, 1.0]).round(6))
    [0.007984 0.008246 0.007133]
    """
    rows, omega, down, up = checked_rows(couplings, frequencies, loss, gain)
    values = numeric_array("energies", energies)
    if rows.ndim == 1:
        squared = sized("field", field, 1, "spin").reshape(()) ** 2
        return np.asarray(squared * Spectrum._of(bath_of(rows, omega, down, up)).at(values))
    count = len(rows)
    squares = np.broadcast_to(sized("field", field, count, "spin") ** 2, (count,))
    if values.ndim > 2 or (values.ndim == 2 and len(values) != count):
        raise InputError(
            "energies",
            f"be a number, (E,) for all spins or ({count}, E)",
            f"had shape {values.shape}",
        )
    rates = np.empty((count, *values.shape[-1:]))
    # Rows of equal |g| share one spectrum.
    _, place, sizes = np.unique(np.abs(rows), axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(place.ravel(), kind="stable")
    for members in np.split(order, np.cumsum(sizes)[:-1]):
        spectrum = Spectrum._of(bath_of(rows[members[0]], omega, down, up))
        own = values[members] if values.ndim == 2 else values
        rates[members] = spectrum.at(own)
    return np.asarray(rates * squares.reshape(-1, *[1] * (rates.ndim - 1)))


def _prepared(bath: Bath) -> tuple[Sidebands | None, Transform | None]:
    """The cheaper way: the series alone, or a transform up to some time and the series after."""
    step = step_for(window(bath))
    end = bath.end(GONE)
    each = _POINT + _MODE * len(bath.decay)
    fixed = _ENERGY * _ENERGIES
    points = ceil(end / step)
    best, tail = fixed + points * each, None
    for time in [*(end * 2.0**-i for i in range(1, 12)), 0.0]:
        tried = ceil(time / step)
        # The excess falls with time.
        if bath.excess(tried * step) > CANCELLATION:
            break
        cost = fixed + tried * each if tried else 0.0
        term = _ENERGIES * (_TAIL_TERM if tried else _TERM)
        if best - cost < term:
            continue
        series = sidebands(bath, tried * step, int(min((best - cost) / term, _MOST)))
        if series is not None:
            best, points, tail = cost + len(series.rates) * term, tried, series
    if points:
        # Values, their transform and the rates on its grid; long only where damping is tiny.
        affordable("loss", "the transform of the coherence", 80 * points)
        return tail, Transform(bath, step, points, tail)
    return tail, None
