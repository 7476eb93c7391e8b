"""Constants of the theorem that mean field is exact (carollo2021), in their corrected form."""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array, real, vector
from opendicke.model.dicke import DickeModel


class TheoremConstants(NamedTuple):
    """Constants of the bound on the error of mean field, in units of energy (`beta`: none)."""

    c0: float
    """Of Lemma 3: growth of the error of each spin component."""
    d0: float
    """Of Lemma 4, corrected: growth of the error of each mode."""
    beta: float
    """Bound on |α + α*| at all times, amplitudes per root of the spins per group."""
    C: float
    """Of the theorem: 2 M d₀ + 3·2^{M−1} c₀."""

    def bound(self, time: Array | float, initial_error: Array | float) -> Array:
        r""":math:`e^{Ct}\mathcal E(0)`, which 𝓔 does not exceed at any time, carollo2021 Eq. (11).

        Parameters
        ----------
        time : float or array
            t, in units of 1/energy.
        initial_error : float or array
            𝓔(0).

        Returns
        -------
        array
            Arguments broadcast; infinite where it overflows.
        """
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self.C * np.asarray(time)) * np.asarray(initial_error))


@overload
def theorem_constants(model: DickeModel, *, amplitudes: Any = 0.0) -> TheoremConstants: ...
@overload
def theorem_constants(
    model: float, field: float, frequencies: Any, loss: Any, *, amplitudes: Any = 0.0
) -> TheoremConstants: ...
def theorem_constants(
    model: DickeModel | float,
    field: float | None = None,
    frequencies: Any = None,
    loss: Any = None,
    *,
    amplitudes: Any = 0.0,
) -> TheoremConstants:
    r"""Constants of the theorem that bounds the error of mean field at finite N.

    .. math::
        \mathcal E_N(t) &\le e^{Ct}\mathcal E_N(0), \qquad
        C = 2 M d_0 + 3\cdot 2^{M-1} c_0, \\
        c_0 &= 12|\Omega| + 24 M|g| + 12|g|M\bar\beta, \qquad
        d_0 = 2\left[\max_\mu(|\Omega_\mu| + \mathrm{loss}_\mu/2) + 2^{M-1}|g|\right], \\
        \bar\beta &= 2\max_\mu\left(|\alpha_\mu(0)| + \sqrt3\,2^M|g|/\mathrm{loss}_\mu\right),
        \qquad g = g_0/\sqrt{2^{M-1}} .

    :math:`\mathcal E_N` is the sum of the mean square deviations of the 3·2^{M−1} group averages
    and (in both orders of operators) of the M amplitudes from their mean-field values. The terms of
    c₀ are twice those of Eq. (S19): the field; the fluctuation of α and of α†, M modes each; and
    the mean-field amplitude. The d₀ is what the proof of Lemma 4 gives, with the 2^{M−1} groups
    of its last sum; the printed 2^M − 1 is larger for M ≥ 2 (see the errata). 𝓔(0) = O(1/N) for
    product states, so the error of mean field is too, at every fixed time. The bound is a proof,
    not an estimate: C is large, and C t of order 1 means very short times.

    Parameters
    ----------
    model : DickeModel or float
        A model with couplings ± g₀/√N, or the number g₀; only in the latter case the next three.
    field : float
        Transverse field Ω.
    frequencies, loss : array (M,)
        Of the modes; M is the number of frequencies.
    amplitudes : complex or array (M,)
        Initial mean-field amplitudes, in our units of √N (N: all spins); they are turned into
        those of the paper, which are √2^{M−1} times as large.

    Returns
    -------
    TheoremConstants
        With the method `bound`.

    Raises
    ------
    InputError
        If a mode has no loss (the proof needs it) or gain (the proof has none), or the field or
        the size of the couplings varies. Source: carollo2021 Eqs. (S5), (S19), Lemmata 3 and 4.

    Examples
    --------
    >>> import opendicke as od
    >>> constants = od.theorem_constants(1.0, field=0.5, frequencies=[1.5], loss=1.0)
    >>> print(f"{constants.C:.1f} {constants.bound(0.01, 1e-3):.3f}")
    351.4 0.034
    """
    if isinstance(model, DickeModel):
        for name, value in (("field", field), ("frequencies", frequencies), ("loss", loss)):
            if value is not None:
                raise InputError(name, "be left out beside a model", "was given")
        strength, field, frequencies, loss = _of_model(model)
    else:
        for name, value in (("field", field), ("frequencies", frequencies), ("loss", loss)):
            if value is None:
                raise InputError(name, "be given beside a strength", "was missing")
        strength = abs(real("strength", model))
    field = abs(real("field", field))
    frequencies = np.atleast_1d(numeric_array("frequencies", frequencies))
    if frequencies.ndim > 1:
        raise InputError("frequencies", "have one entry per mode", f"had {frequencies.shape}")
    modes = len(frequencies)
    loss = vector("loss", loss, modes, "mode")
    if (loss <= 0).any():
        mode = int(np.argmin(loss))
        raise InputError("loss", "be above 0 in every mode", f"mode {mode} has {loss[mode]:g}")
    start = np.abs(vector("amplitudes", amplitudes, modes, "mode", kind=complex))
    groups = 2.0 ** (modes - 1)
    g = strength / np.sqrt(groups)
    beta = 2 * float((np.sqrt(groups) * start + np.sqrt(3) * 2 * groups * g / loss).max())
    c0 = 12 * field + 24 * modes * g + 12 * g * modes * beta
    d0 = 2 * (float((np.abs(frequencies) + loss / 2).max()) + groups * g)
    constants = (c0, d0, beta, 2 * modes * d0 + 3 * groups * c0)
    return TheoremConstants(*map(float, constants))


def _of_model(model: DickeModel) -> tuple[float, float, Array, Array]:
    """g₀, field, frequencies and loss of a model with couplings ± g₀/√N."""
    sizes = np.abs(model.couplings)
    if np.ptp(sizes) > 1e-12 * sizes.max():
        raise InputError(
            "model",
            "have couplings of one size",
            f"had sizes from {sizes.min():g} to {sizes.max():g}",
        )
    if np.ptp(model.field):
        raise InputError("model", "have the same field at all spins", "it varied")
    if model.gain.any():
        raise InputError("model", "have no gain", f"mode {int(np.argmax(model.gain > 0))} has some")
    scale = 1.0 if model.thermodynamic else float(np.sqrt(model.spins))
    return float(sizes.max() * scale), float(model.field[0]), model.frequencies, model.loss
