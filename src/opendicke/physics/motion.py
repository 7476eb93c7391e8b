r"""What a long run has come to: a fixed point, a limit cycle, or motion that goes on.

Judged from the collective variables alone: overlaps, boson amplitudes, and the power that leaves
through the loss. In the units of `methods.flow` the energy changes by

.. math::
    \dot E = -\sum_\lambda \Gamma_\lambda
             \left[\omega_\lambda |a_\lambda|^2 + F_\lambda \mathrm{Re}\, a_\lambda\right],
    \qquad F_\lambda = \sum_j w_j g_{j\lambda} z_j ,

which follows from carollo2021 Eq. (7). Motion is followed on for as long again, as it is and after
kicks: it is settling if it keeps dying out, and a limit cycle if it repeats and forgets the kicks.
Motion that exchanges no energy with the loss is undamped. What is none of these is only said to be
moving.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from opendicke.model.checks import Array


class Motion(IntEnum):
    """How a long run behaves in its last stretch."""

    FAILED = -1
    """Not a finite number."""
    SETTLED = 0
    """A fixed point: nothing moves by more than the tolerance."""
    SETTLING = 1
    """Still moving, but dying out towards a fixed point."""
    LIMIT_CYCLE = 2
    """Periodic, kept up against the loss, and restored after a kick."""
    UNDAMPED = 3
    """Moving where no loss acts."""
    MOVING = 4
    """Still moving otherwise: irregular, growing, or too slow to tell."""


class Record(NamedTuple):
    """Collective variables of many points at equally spaced times."""

    overlap: Array
    """(T, P, points)"""
    amplitude: Array
    """Complex, (T, L, points)."""
    force: Array
    """(T, L, points)"""

    def signals(self) -> Array:
        """Overlaps, and amplitudes relative to the largest of them above 1, (T, S, points)."""
        largest = np.maximum(np.abs(self.amplitude).max(axis=(0, 1)), 1.0)
        with np.errstate(invalid="ignore"):  # of what is not finite
            scaled = self.amplitude / largest
        return np.concatenate([self.overlap, scaled.real, scaled.imag], axis=1)


def swing(record: Record) -> Array:
    """Largest change of any signal, (points,)."""
    size = np.maximum(np.abs(record.amplitude).max(axis=(0, 1), initial=0.0), 1.0)
    parts = (record.amplitude.real, record.amplitude.imag)
    modes = np.max([np.ptp(part, axis=0).max(axis=0, initial=0.0) for part in parts], axis=0)
    overlaps = np.ptp(record.overlap, axis=0).max(axis=0, initial=0.0)
    return np.asarray(np.maximum(overlaps, modes / size))


def power(record: Record, frequencies: Array, damping: Array) -> Array:
    """Rate of change of the energy, (T, points); `frequencies` and `damping` are (L, points)."""
    occupation = np.abs(record.amplitude) ** 2
    lost = damping * (frequencies * occupation + record.force * record.amplitude.real)
    return np.asarray(-lost.sum(axis=1))


class Judgement(NamedTuple):
    """What a finely sampled record says of every point; arrays (points,)."""

    motion: Array
    """Values of `Motion`. `LIMIT_CYCLE` (it repeats) and `MOVING` (it does not) are open cases."""
    period: Array
    """Of what repeats, else NaN."""
    drift: Array
    """Relative growth, over the record, of what repeats, else NaN."""
    orbit: Array
    """Size of what repeats, over whole periods at the end of the record, else NaN."""
    sizes: Array
    """Size of the motion in successive parts of the record, (4, points)."""


def judge(
    record: Record, spacing: Array, frequencies: Array, damping: Array, tolerance: float
) -> Judgement:
    """What kind of motion a record shows.

    Parameters
    ----------
    record : Record
        Sampled finely enough to follow the motion.
    spacing : array (points,)
        Time between samples.
    frequencies, damping : array (L, points)
        Of the modes; damping is loss − gain.
    tolerance : float
        Largest change at which a point counts as settled.
    """
    signals = record.signals()
    points = signals.shape[-1]
    motion = np.full(points, Motion.MOVING, dtype=np.int8)
    period, drift, orbit = np.full((3, points), np.nan)
    finite = np.isfinite(signals).all(axis=(0, 1))
    motion[~finite] = Motion.FAILED
    moves = swing(record)
    motion[finite & (moves <= tolerance)] = Motion.SETTLED
    with np.errstate(invalid="ignore"):
        sizes = sizes_in_parts(signals)
        growth = sizes[1:] / np.maximum(sizes[:-1], 1e-300)
        flow = np.abs(power(record, frequencies, damping)).max(axis=0)
        undamped = flow * spacing**2 <= _UNTOUCHED * moves**2
    going = finite & (moves > tolerance)
    dying = (growth < _DYING).all(axis=0)
    motion[going & dying] = Motion.SETTLING
    motion[going & undamped] = Motion.UNDAMPED
    for k in np.flatnonzero(going & ~dying & ~undamped):
        turns, first, orbit[k] = _orbit(signals[..., k])
        if not np.isfinite(turns):
            continue
        drift[k] = orbit[k] / first - 1
        period[k] = turns * spacing[k]
        motion[k] = Motion.SETTLING if drift[k] < _CLEAR else Motion.LIMIT_CYCLE
    return Judgement(motion, period, drift, orbit, sizes)


_UNTOUCHED = 1e-11
"""Power times the sampling time squared, relative to the motion, below which no loss acts."""
_CLOSED = 0.02
"""Distance at which an orbit counts as closed, relative to its size."""
_DYING = 0.75
"""Relative size from part to part below which a motion surely dies out."""
_CLEAR = -0.03
"""Drift of a repeating motion below which it surely dies out."""
_PARTS = 4


def falls(now: Array, later: Array) -> Array:
    """Whether the size of the motion decreases from part to part all through two records."""
    return np.asarray((np.diff(np.concatenate([now, later]), axis=0) < 0).all(axis=0))


def dies_out(judged: Judgement, later: Array, lapse: Array) -> Array:
    """Which open cases die out.

    Parameters
    ----------
    judged : Judgement
    later : array (4, points)
        Size of the motion in parts of a record much later.
    lapse : array (points,)
        Time between the two records, in lengths of the one that was judged.
    """
    now = judged.sizes
    change = np.log(later.mean(axis=0) / np.maximum(now.mean(axis=0), 1e-300))
    # What repeats is known precisely enough to see it shrink slowly, if it goes on shrinking.
    slowly = change < 0.5 * np.minimum(judged.drift, -_NOTICED) * lapse
    below = later.max(axis=0) < 0.9 * now.min(axis=0)
    return np.asarray(falls(now, later) | below | slowly)


def orbit_size(record: Record) -> Array:
    """Size of the motion over whole periods where it repeats, NaN elsewhere, (points,)."""
    signals = record.signals()
    result = np.full(signals.shape[-1], np.nan)
    for k in range(len(result)):
        _, first, last = _orbit(signals[..., k])
        if abs(last / first - 1) < _NOTICED:
            result[k] = last
    return result


def restored(moved: list[Array], before: Array, after: Array, kicked: list[Array]) -> Array:
    """Whether kicks were seen and forgotten: a limit cycle, (points,) of bool.

    Parameters
    ----------
    moved : list of arrays (points,)
        Relative change of size soon after each kick.
    before, after : array (points,)
        Size of the orbit now and much later, NaN where nothing repeats.
    kicked : list of arrays (points,)
        Size of the orbit much later, after each kick.
    """
    # A kick may lead elsewhere; but where two come back and none repeats at another size, the
    # orbit attracts.
    with np.errstate(invalid="ignore"):
        left = [np.abs(late / after - 1) for late in kicked]
        back = [
            (change > 10 * _NOTICED) & (gap < np.minimum(2 * _NOTICED, 0.2 * change))
            for change, gap in zip(moved, left, strict=True)
        ]
        family = np.any([(gap >= 2 * _NOTICED) & (gap < 0.5) for gap in left], axis=0)
        lasts = np.abs(after / before - 1) < 0.02
    return np.asarray((np.sum(back, axis=0) >= 2) & ~family & lasts)


_NOTICED = 1e-3
"""Relative change of size that is told from none."""


def sizes_in_parts(signals: Array) -> Array:
    """Size of the motion in successive overlapping parts, weighted smoothly, (parts, points)."""
    length = 2 * (len(signals) // (_PARTS + 1))
    weight = np.hanning(length + 2)[1:-1]
    weight /= weight.sum()
    sizes = []
    for part in range(_PARTS):
        piece = signals[part * length // 2 :][:length]
        mean = np.tensordot(weight, piece, 1)
        sizes.append(np.sqrt(np.tensordot(weight, (piece - mean) ** 2, 1).sum(axis=0)))
    return np.array(sizes)


def _orbit(signals: Array) -> tuple[float, float, float]:
    """Period in samples, and sizes over the first and last whole periods; NaN if none repeats."""
    course = _active(signals)
    turns, spline = _recurrence(course)
    if not np.isfinite(turns):
        return np.nan, np.nan, np.nan
    return turns, *_sizes_over_turns(spline, len(course), turns)


def _recurrence(signals: Array) -> tuple[float, Any]:
    """Samples after which the orbit repeats itself all along, else NaN; and its course."""
    from scipy.interpolate import CubicSpline

    apart = ((signals - signals[0]) ** 2).sum(axis=1)
    size = apart.max()
    left = np.flatnonzero(apart > 0.25 * size)
    if not len(left):
        return np.nan, None
    middle = apart[1:-1]
    lowest = (middle <= apart[:-2]) & (middle <= apart[2:]) & (middle <= 0.1 * size)
    # A parabola through three samples says roughly how close the orbit comes between them.
    bend = np.maximum(apart[:-2] - 2 * middle + apart[2:], 1e-300)
    lowest &= middle - (apart[:-2] - apart[2:]) ** 2 / (8 * bend) <= 0.02 * size
    candidates = np.flatnonzero(lowest) + 1
    candidates = candidates[candidates > left[0]]
    if not len(candidates):
        return np.nan, None
    course = CubicSpline(np.arange(len(signals)), signals)
    for k in candidates:
        near = k + np.linspace(-1.0, 1.0, 65)
        closeness = ((course(near) - signals[0]) ** 2).sum(axis=1)
        if closeness.min() > _CLOSED**2 * size:
            continue
        return _repeats(course, signals, float(near[closeness.argmin()]), size), course
    return np.nan, course


def _repeats(course: Any, signals: Array, turns: float, size: float) -> float:
    """The period at which the orbit is best the same throughout; NaN if it is not at any."""
    places = np.arange(len(signals))
    for _ in range(3):  # least squares, by Gauss and Newton
        later = places[places + turns <= len(signals) - 1]
        if len(later) < 2 * turns:
            return np.nan
        apart, slope = signals[later] - course(later + turns), course(later + turns, 1)
        turns += float((apart * slope).sum() / (slope**2).sum())
    apart = signals[later] - course(np.minimum(later + turns, places[-1]))
    return turns if (apart**2).sum(axis=1).max() <= (2 * _CLOSED) ** 2 * size else np.nan


def _sizes_over_turns(course: Any, length: int, turns: float) -> tuple[float, float]:
    """Size of a repeating motion over its first whole periods and over its last."""
    half = max(1, int((length - 1) / turns) // 2) * turns
    phase = np.linspace(0.0, half, 4 * length, endpoint=False)
    first, last = (course(start + phase).std(axis=0) for start in (0.0, length - 1 - half))
    return float(np.linalg.norm(first)), float(np.linalg.norm(last))


def _active(signals: Array) -> Array:
    """The signals of one point that move noticeably, (T, S')."""
    moves = np.ptp(signals, axis=0)
    return signals[:, moves > 1e-3 * moves.max()]
