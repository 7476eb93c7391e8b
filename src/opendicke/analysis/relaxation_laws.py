"""The laws of relaxation, and fits of them to many curves at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from opendicke.analysis.relaxation_window import Window
from opendicke.model.checks import Array


class Law(StrEnum):
    """How a magnetisation may decay; t in units of the times, h the field."""

    LOGARITHMIC = "logarithmic"
    """a − b ln(h t)."""
    POWER = "power law"
    """A t^(−γ)."""
    STRETCHED = "stretched exponential"
    """A exp(−(t/τ)^β), 0 < β < 1."""
    EXPONENTIAL = "exponential"
    """A exp(−t/τ)."""


PARAMETERS = {
    Law.LOGARITHMIC: ("a", "b"),
    Law.POWER: ("amplitude", "gamma"),
    Law.STRETCHED: ("amplitude", "tau", "beta"),
    Law.EXPONENTIAL: ("amplitude", "tau"),
}
APART = (0.2, 0.9)
"""β of a stretched exponential that is neither called a power law nor an exponential."""
WHOLE = (0.05, 1.0)
"""β that is looked for when its value is asked."""
_EXPONENTS = np.geomspace(1e-3, 30.0, 60)
_BETAS = 12
_STEPS = 10
_SETTLED = 1e-6
"""Gain of χ², relative to 1 + χ², below which a fit is done."""
_DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class Fitted:
    """A law fitted to B curves."""

    coefficients: Array
    """(B, p): a and b, or ln A, ln γ and β of the common form, see `shape`."""
    chi2: Array
    """(B,)."""


def shape(times: Array, middle: float, gamma: Array, beta: Array) -> Array:
    r"""The form that power law, stretched and plain exponential share.

    .. math::
        g(t) = \exp\left(-\gamma\,\frac{(t/t_0)^\beta - 1}{\beta}\right) ,

    a power law at β → 0 and an exponential at β = 1; γ is the slope of the logarithms at t₀.
    """
    log = np.log(times / middle)
    width = beta * log
    with np.errstate(all="ignore"):
        rise = np.where(np.abs(beta) > 1e-9, np.expm1(width) / np.where(beta == 0, 1, beta), log)
    return np.asarray(np.exp(-gamma * rise))


class Fitter:
    """Least squares in the metric of one covariance, on the averages of one window."""

    def __init__(self, window: Window, covariance: Array, field: float) -> None:
        self.window = window
        self.field = field
        self.middle = float(np.sqrt(window.points[0] * window.points[-1]))
        root = np.linalg.cholesky(covariance)
        self.whiten = np.linalg.inv(root)
        self._average = self.whiten @ window.weights
        """From values at the times of the grid to whitened averages."""
        self._grids: dict[tuple[float, float], tuple[Array, Array]] = {}

    def curves(self, law: Law, coefficients: Array, times: Array) -> Array:
        """Values (B, T) at any times."""
        if law is Law.LOGARITHMIC:
            log = np.log(self.field * times)
            return np.asarray(coefficients[:, :1] - coefficients[:, 1:] * log)
        gamma, beta = self._nonlinear(law, coefficients)
        form = shape(times, self.middle, gamma[:, None], beta[:, None])
        return np.asarray(coefficients[:, :1] * form)

    def averages(self, law: Law, coefficients: Array) -> Array:
        """What the averages of the window would be, (B, K)."""
        return np.asarray(self.curves(law, coefficients, self.window.grid) @ self.window.weights.T)

    def parameters(self, law: Law, coefficients: Array) -> Array:
        """In the order of `PARAMETERS`, (B, p)."""
        if law is Law.LOGARITHMIC:
            return coefficients
        gamma, beta = self._nonlinear(law, coefficients)
        with np.errstate(all="ignore"):
            if law is Law.POWER:
                found = [coefficients[:, 0] * self.middle**gamma, gamma]
            else:
                lead = coefficients[:, 0] * np.exp(gamma / beta)
                found = [lead, self.middle * (beta / gamma) ** (1 / beta), beta]
        return np.stack(found[: len(PARAMETERS[law])], axis=1)

    @staticmethod
    def _nonlinear(law: Law, coefficients: Array) -> tuple[Array, Array]:
        gamma = np.exp(coefficients[:, 1])
        if law is Law.STRETCHED:
            return gamma, coefficients[:, 2]
        return gamma, np.full_like(gamma, 0.0 if law is Law.POWER else 1.0)

    def fit(self, law: Law, data: Array, betas: tuple[float, float] = WHOLE) -> Fitted:
        """The law closest to each of the averages, data (B, K)."""
        white = data @ self.whiten.T
        if law is Law.LOGARITHMIC:
            grid = self.window.grid
            design = self._average @ np.stack([np.ones_like(grid), -np.log(self.field * grid)], 1)
            found = np.linalg.lstsq(design, white.T, rcond=None)[0]
            rest = white - (design @ found).T
            return Fitted(found.T, (rest**2).sum(axis=1))
        limits = {Law.POWER: (0.0, 0.0), Law.EXPONENTIAL: (1.0, 1.0), Law.STRETCHED: betas}[law]
        return self._decaying(law, white, limits)

    def _decaying(self, law: Law, white: Array, betas: tuple[float, float]) -> Fitted:
        """Search on a grid, the amplitude eliminated, then damped Gauss–Newton steps."""
        free = betas[1] > betas[0]
        starts, forms = self._grid(betas)
        place = starts[np.maximum(forms @ white.T, 0.0).argmax(axis=0)]
        bounds = np.array([[np.log(_EXPONENTS[0]), betas[0]], [np.log(_EXPONENTS[-1]), betas[1]]])
        amplitude, chi2, basis = self._profiled(place, white)
        damping = np.full(len(white), 1e-3)
        for _ in range(_STEPS):
            step = self._step(place, amplitude, basis, white, damping, free)
            trial = np.clip(place + step, *bounds)
            new_amplitude, new_chi2, new_basis = self._profiled(trial, white)
            better = new_chi2 < chi2
            gained = np.where(better, chi2 - new_chi2, 0.0)
            place = np.where(better[:, None], trial, place)
            basis = np.where(better[:, None], new_basis, basis)
            amplitude = np.where(better, new_amplitude, amplitude)
            chi2 = np.where(better, new_chi2, chi2)
            damping = np.where(better, damping / 8, damping * 8)
            if (gained <= _SETTLED * (1 + chi2)).all():
                break
        columns = [amplitude, place[:, 0], place[:, 1]]
        return Fitted(np.stack(columns[: len(PARAMETERS[law])], axis=1), chi2)

    def _grid(self, betas: tuple[float, float]) -> tuple[Array, Array]:
        """Pairs of ln γ and β, and their whitened averages (…, K) at length one."""
        if betas not in self._grids:
            axis = np.linspace(*betas, _BETAS) if betas[1] > betas[0] else np.array(betas[:1])
            gamma, beta = (part.ravel() for part in np.meshgrid(_EXPONENTS, axis, indexing="ij"))
            form = shape(self.window.grid, self.middle, gamma[:, None], beta[:, None])
            basis = form @ self._average.T
            norms = np.maximum(np.sqrt((basis**2).sum(axis=1, keepdims=True)), 1e-300)
            self._grids[betas] = np.stack([np.log(gamma), beta], axis=1), basis / norms
        return self._grids[betas]

    def _profiled(self, place: Array, white: Array) -> tuple[Array, Array, Array]:
        """Best amplitude, misfit and whitened basis (B, K) at given γ and β."""
        gamma, beta = np.exp(place[:, :1]), place[:, 1:]
        basis = shape(self.window.grid, self.middle, gamma, beta) @ self._average.T
        amplitude = (basis * white).sum(axis=1) / np.maximum((basis**2).sum(axis=1), 1e-300)
        chi2 = ((white - amplitude[:, None] * basis) ** 2).sum(axis=1)
        return amplitude, chi2, basis

    def _step(
        self,
        place: Array,
        amplitude: Array,
        basis: Array,
        white: Array,
        damping: Array,
        free_beta: bool,
    ) -> Array:
        """Change of ln γ and, where it is free, of β."""
        free = [0, 1] if free_beta else [0]
        columns = [basis]
        for k in free:
            ahead = self._profiled(place + _DIFFERENCE * np.eye(2)[k], white)[2]
            columns.append((ahead - basis) * (amplitude[:, None] / _DIFFERENCE))
        slopes = np.stack(columns, axis=2)
        normal = np.einsum("bki,bkj->bij", slopes, slopes)
        scale = np.einsum("bii->bi", normal)
        extra = damping[:, None] * scale + 1e-12 * scale.max(axis=1, keepdims=True) + 1e-300
        normal = normal + extra[:, :, None] * np.eye(len(columns))
        rest = white - amplitude[:, None] * basis
        aim = np.einsum("bki,bk->bi", slopes, rest)
        step = np.zeros_like(place)
        step[:, free] = np.linalg.solve(normal, aim[..., None])[..., 1:, 0]
        return np.asarray(np.clip(step, -1.0, 1.0))
