"""What kind of dynamics a magnetisation shows, at one point or over a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation import Relaxation, fit_relaxation
from opendicke.analysis.relaxation_averages import Averaging
from opendicke.analysis.relaxation_laws import Law
from opendicke.analysis.relaxation_map import WORDS, LawTable, Setting, Sweep, at_point
from opendicke.analysis.relaxation_selection import NONE, UNDECIDED
from opendicke.analysis.relaxation_window import Curves, checked_window
from opendicke.errors import InputError
from opendicke.model.checks import Array, integer, real, seed_of

PARAMAGNETIC = "paramagnetic"
FROZEN = "frozen"
KINDS = (
    PARAMAGNETIC,
    Law.EXPONENTIAL.value,
    Law.STRETCHED.value,
    Law.POWER.value,
    Law.LOGARITHMIC.value,
    FROZEN,
    NONE,
    UNDECIDED,
)
"""From fast to slow, then those that are no kind."""
_FLOOR = 3.0


@dataclass(frozen=True, eq=False)
class Response:
    """What kind of dynamics a curve shows.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    probabilities : dict
        Share of the resamples of each kind; they sum to one.
    relaxation : Relaxation or None
        The fits behind it; None where the kind is settled without them.
    reason : str
        One sentence.
    """

    kind: str
    probabilities: dict[str, float]
    relaxation: Relaxation | None
    reason: str


def classify_response(
    times: Array,
    curves: Array,
    errors: Array | None = None,
    *,
    frozen: float = 0.9,
    fast: float = 5.0,
    zero: float = 0.1,
    certain: float = 0.8,
    field: float = 1.0,
    period: float | None = None,
    start: float = 0.0,
    floor: float = _FLOOR,
    least: float = 0.0,
    resamples: int = 200,
    seed: int = 0,
    **settings: Any,
) -> Response:
    r"""Paramagnetic, exponential, stretched, power law, logarithmic or frozen, or "cannot tell".

    The curve is averaged over `period`, if there is one. m(0) is its first value. Then, in order,

    - **paramagnetic**: the average reaches zero within errors, m < max(`floor` · stderr, `least`),
      at a time t0 before `fast`/h or before the window of the fit begins, whichever is later, and
      stays about it: its mean from t0 to four times that limit, or to the end, is smaller in size
      than `zero` · m(0). Spins that precess about zero are paramagnetic, those that oscillate
      down to zero, or that turn over, are not. A curve that reaches zero at t0 must be known
      until 2 t0, and errors must be small, `floor` · stderr < `zero` · m(0);
    - **frozen**: the average over the last third of the window (in ln t) exceeds `frozen` times
      that over its first third, so that less than a tenth is lost while it is watched, the window
      spanning a factor 2 in time or more;
    - otherwise the law of `fit_relaxation`, or "none of these".

    All this is repeated for resamples of the realizations, for which errors count √2-fold, as they
    carry the chance of the data and their own. The kind is given if at least a share
    `certain` of them agrees, and, for a law, if `fit_relaxation` claims it. Otherwise it is
    "cannot tell".

    Parameters
    ----------
    times, curves, errors
        As for `fit_relaxation`; the curve begins at its largest value, at t = 0 or soon after.
    frozen, zero, certain : float
        Between 0 and 1, see above.
    fast : float
        In units of 1/`field`.
    field, period, start, floor, least, resamples, seed
        As for `fit_relaxation`.
    **settings
        Further settings of `fit_relaxation`.

    Returns
    -------
    Response

    Raises
    ------
    InputError
        As `fit_relaxation`; if a threshold is out of its range; if the curve does not begin above
        zero by `floor` standard errors.

    Notes
    -----
    The kinds are those of kelly2021 Figs. 1 and 3, which draw them without numbers.
    """
    share = real("frozen", frozen, above=0.0, most=1.0)
    small = real("zero", zero, above=0.0, most=1.0)
    needed = real("certain", certain, above=0.5, most=1.0)
    deadline = real("fast", fast, above=0.0) / real("field", field, above=0.0)
    count = integer("resamples", resamples, least=20)
    data = Curves.of(times, curves, errors)
    checked_window(data, period, start, floor, least)
    if not _begins_above_zero(data, floor):
        begun, error = _beginning(data)
        raise InputError(
            "curves",
            f"begin above zero by {floor:g} standard errors",
            f"began at {begun:.3g} with the error {error:.2g}",
        )
    averages = _Averages.of(data, period, count, seed_of(seed))
    begin = max(start, period or 0.0)
    gone = averages.vanish(max(deadline, begin), floor, least, small)
    kept = averages.hold(begin, floor, least, share) & ~gone
    shares = {PARAMAGNETIC: float(gone.mean()), FROZEN: float(kept.mean())}
    for kind, part in shares.items():
        if part == 1.0:
            return Response(kind, _complete(shares), None, f"{_WHY[kind]}.")
    found = fit_relaxation(
        times,
        curves,
        errors,
        field=field,
        period=period,
        start=start,
        floor=floor,
        least=least,
        resamples=resamples,
        seed=seed,
        **settings,
    )
    left = 1.0 - sum(shares.values())
    shares |= {name: left * part for name, part in (found.shares or {UNDECIDED: 1.0}).items()}
    kind = max(shares, key=lambda name: shares[name])
    if shares[kind] < needed:
        told = ", ".join(f"{name} {part:.2f}" for name, part in shares.items() if part >= 0.05)
        return Response(UNDECIDED, _complete(shares), found, f"resamples differ: {told}.")
    if kind in _WHY:
        return Response(kind, _complete(shares), found, f"{_WHY[kind]}.")
    if kind != found.verdict:
        return Response(UNDECIDED, _complete(shares), found, found.reason)
    return Response(kind, _complete(shares), found, found.reason)


_WHY = {
    PARAMAGNETIC: "the curve reaches zero within errors at once",
    FROZEN: "the curve hardly falls while it is watched",
}


def response_map(
    dataset: xr.Dataset,
    observable: str = "sx",
    *,
    statuses: Sequence[str] = ("ok",),
    **settings: Setting,
) -> xr.Dataset:
    """`classify_response` at every point of a sweep: a computed diagram of responses.

    Parameters
    ----------
    dataset, observable, statuses
        As for `relaxation_fits`.
    **settings
        Of `classify_response` and `fit_relaxation`. Each may be a value for all points, a
        DataArray along swept dimensions, or a function of the point.

    Returns
    -------
    xarray.Dataset
        Along the dimensions of the sweep ``kind``, ``certain`` (whether it is one), ``reason``,
        ``realizations_used``; ``probability`` with the further dimension ``kind_name``; and what
        `relaxation_fits` gives along ``law``, NaN where nothing had to be fitted.

        A curve that does not begin above zero is "cannot tell", and its reason says so.

    Raises
    ------
    InputError
        If the observable is not in the dataset, or a setting is wrong.

    Warns
    -----
    ValidityWarning
        If members are left out.
    """
    sweep = Sweep(dataset, observable, statuses)
    table = LawTable(sweep.shape)
    kinds = np.full(sweep.shape, UNDECIDED, dtype=WORDS)
    reasons = np.full(sweep.shape, "no realization ended well.", dtype=WORDS)
    chances = np.zeros((*sweep.shape, len(KINDS)))
    chances[..., -1] = 1.0
    for place, point, times, curves, errors in sweep:
        own = at_point(settings, point)
        if not _begins_above_zero(Curves.of(times, curves, errors), own.get("floor", _FLOOR)):
            reasons[place] = "the curve does not begin above zero."
            continue
        found = classify_response(times, curves, errors, **own)
        kinds[place], reasons[place] = found.kind, found.reason
        chances[place] = [found.probabilities[kind] for kind in KINDS]
        if found.relaxation is not None:
            table.enter(place, found.relaxation)
    along = (*sweep.dims, "kind_name")
    variables = {
        "kind": xr.Variable(sweep.dims, kinds, {"long_name": f"response of {observable}"}),
        "certain": xr.Variable(
            sweep.dims,
            ~np.isin(kinds, [NONE, UNDECIDED]),
            {"long_name": "whether the response is one of the kinds"},
        ),
        "reason": xr.Variable(sweep.dims, reasons, {"long_name": "why"}),
        "probability": xr.Variable(along, chances, {"long_name": "share of resamples"}),
        "kind_name": xr.Variable(("kind_name",), np.array(KINDS, dtype=WORDS), {}),
    }
    return sweep.dataset_of(variables | table.variables(sweep.dims), "response")


def _beginning(data: Curves) -> tuple[float, float]:
    """Mean and standard error of the first value."""
    only = np.zeros((1, len(data.times)))
    only[0, 0] = 1.0
    mean, stderr = data.averaged(only)
    return float(mean[0]), float(stderr[0])


def _begins_above_zero(data: Curves, floor: float) -> bool:
    begun, error = _beginning(data)
    return begun > real("floor", floor, above=0.0) * error


def _complete(shares: dict[str, float]) -> dict[str, float]:
    return {kind: shares.get(kind, 0.0) for kind in KINDS}


_WATCHED = 4
"""Times the deadline until which a curve that has reached zero must stay about it."""


@dataclass(frozen=True, eq=False)
class _Averages:
    """A curve averaged over the period, and resamples of it."""

    times: Array
    stderr: Array
    """(T',)."""
    resampled: Array
    """(B, T')."""
    initial: Array
    """m(0) of the resamples, (B,)."""

    @classmethod
    def of(cls, data: Curves, period: float | None, count: int, seed: int) -> _Averages:
        averaging = Averaging(data.times, period)
        _, stderr = data.running(averaging)
        rng = np.random.default_rng(seed)
        if data.errors is not None:
            curves = data.members + rng.normal(size=(count, len(data.times))) * data.errors
        else:
            number = len(data.members)
            picks = rng.multinomial(number, np.full(number, 1 / number), size=count) / number
            curves = picks @ data.members
        return cls(averaging.times, stderr, averaging.of(curves), curves[:, 0])

    def vanish(self, deadline: float, floor: float, least: float, zero: float) -> Array:
        """Which resamples reach zero, within small errors, in time, and stay about it."""
        if len(self.times) < 2:
            return np.zeros(len(self.resampled), dtype=bool)
        level = np.maximum(floor * self.stderr, least)
        reached = (self.resampled < level) & (level < zero * self.initial[:, None])
        slack = 1 + 1e-9
        end = min(_WATCHED * deadline, float(self.times[-1]))
        steps = np.diff(self.times)
        pieces = 0.5 * (self.resampled[:, 1:] + self.resampled[:, :-1]) * steps
        area = np.concatenate([np.zeros((len(pieces), 1)), np.cumsum(pieces, axis=1)], axis=1)
        last = int(np.searchsorted(self.times, end * slack, side="right")) - 1
        first = reached.argmax(axis=1)
        begun = self.times[first]
        known = (begun <= deadline * slack) & (2 * begun <= self.times[-1] * slack) & (first < last)
        length = np.where(known, self.times[last] - begun, 1.0)
        about = (area[:, last] - area[np.arange(len(area)), first]) / length
        return np.asarray(reached.any(axis=1) & known & (np.abs(about) < zero * self.initial))

    def hold(self, begin: float, floor: float, least: float, share: float) -> Array:
        """Which resamples hardly fall from `begin` on while they are above the floor."""
        late = (self.times >= begin * (1 - 1e-12)) & (self.times > 0)
        times, curves = self.times[late], self.resampled[:, late]
        low = curves.mean(axis=0) < np.maximum(floor * self.stderr[late], least)
        end = int(low.argmax()) if low.any() else len(times)
        if end < 3 or times[end - 1] < 2 * times[0]:
            return np.zeros(len(curves), dtype=bool)
        depth = np.log(times[:end] / times[0]) / np.log(times[end - 1] / times[0])
        early, after = depth <= 1 / 3, depth >= 2 / 3
        first, last = (curves[:, :end][:, part].mean(axis=1) for part in (early, after))
        return np.asarray(last >= share * first)
