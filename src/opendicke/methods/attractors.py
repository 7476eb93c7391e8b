"""Where points end up: steps that keep the error within bounds, averages, and a verdict on motion.

A first guess of the steps comes from a sample of points that is solved at shorter and shorter ones.
Then every point is followed by steps that are longer than this in the beginning. If a point has
settled, what changes when the steps become shorter is an estimate of its error; points whose error
is too large are followed again by shorter steps. A random sample is checked at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from opendicke.methods.base import Progress
from opendicke.methods.flow import State
from opendicke.methods.long_time import (
    ORDER,
    Followed,
    Points,
    Stretch,
    chunk_size,
    follow,
)
from opendicke.methods.parallel import side_by_side
from opendicke.model.checks import Array
from opendicke.physics.motion import (
    Judgement,
    Motion,
    Record,
    dies_out,
    falls,
    judge,
    orbit_size,
    restored,
    sizes_in_parts,
    swing,
)

_SAMPLES = 64
"""Samples of the window that is averaged."""
_JUDGED = 256
"""Samples of the stretch on which motion is judged,"""
_PER_PERIOD = 8
"""and how many of the fastest period."""
_FINER = 1.5
"""Ratio of successive steps."""
_FALL = 1 - _FINER**-ORDER
"""Difference of two solutions over the error of the one with the longer step."""
_LEVELS = 14
_ATTEMPTS = 4
_FOLLOWED = 2.0
"""Angle by which a spin may turn in a step where nothing settles,"""
_LONGEST = 4.0
"""and anywhere."""


class Ends(NamedTuple):
    """What came of each point; arrays end in (points,)."""

    overlap: Array
    """Time average of the magnitude of the overlap, (P, points)."""
    swing: Array
    """Largest less smallest value of every overlap, (P, points)."""
    occupation: Array
    """Time average of |a|², (L, points)."""
    along_field: Array
    """Time average of the summed spin along the field, (points,)."""
    motion: Array
    """Values of `Motion`, (points,)."""
    period: Array
    """Of limit cycles, NaN elsewhere, (points,)."""
    step: Array
    """Longest step in the window."""
    estimated_error: float
    """Largest error of the averaged overlaps among settled points of a random sample, or NaN."""
    sensitive: float
    """Share of the sample that ends elsewhere at another step."""


class Attractors:
    """Points followed to a time, averaged over a last window and judged.

    Parameters
    ----------
    points : Points
    duration, window : float
        How long, and over which last part averages are taken.
    tolerance : float
        Of averaged overlaps where a point settles, and largest change over the window at which it
        counts as settled.
    sample : array of int
        Points on which steps are sought first.
    spread : callable
        From a step at each of these to one at every point.
    progress : callable
    """

    def __init__(
        self,
        points: Points,
        duration: float,
        window: float,
        tolerance: float,
        sample: Array,
        spread: Callable[[Array], Array],
        progress: Progress,
    ) -> None:
        self._points, self._duration, self._window = points, duration, window
        self._tolerance, self._progress = tolerance, progress
        self._sample, self._spread = sample, spread
        self._rates = points.rates(duration)
        self._chunk = chunk_size(points)

    def find(self) -> Ends:
        """Choose steps, follow all points, repeat where needed, check, judge."""
        longest = np.minimum(_LONGEST / self._rates, self._window / _SAMPLES)
        steps = np.minimum(self._spread(self._steps_at_sample()), longest)
        everyone = np.arange(len(self._points))
        found = self._followed(everyone, steps, self._bar(0.1, 0.55, "following all points"))
        found, steps = self._repeated(found, steps)
        error, sensitive = self._check(found, steps)
        record = found.record
        motion, period = self._judged(found, steps)
        spacing = self._window / _SAMPLES
        self._progress(1.0, "done")
        return Ends(
            overlap=found.means.overlap,
            swing=np.ptp(record.overlap, axis=0),
            occupation=found.means.occupation,
            along_field=found.means.along_field,
            motion=motion,
            period=period,
            step=spacing / _parts(spacing, steps),
            estimated_error=error,
            sensitive=sensitive,
        )

    def _bar(self, start: float, end: float, text: str) -> Callable[[float], None]:
        return lambda share: self._progress(start + (end - start) * share, text)

    def _steps_at_sample(self) -> Array:
        """The longest step at which the averages of each sample point are right."""
        sample, rates = self._sample, self._rates[self._sample]
        step = float(min(self._window / _SAMPLES, 4.0 / max(np.median(rates), 1e-300)))
        chosen = np.full(len(sample), np.nan)
        before, last = None, np.full(len(sample), np.inf)
        for level in range(_LEVELS):
            self._progress(0.1 * level / _LEVELS, "choosing steps")
            found = self._followed(sample, np.full(len(sample), step), leap=1.0)
            now = found.means.overlap
            if before is not None:
                calm = self._calm(found)
                longer = step * _FINER
                error = np.abs(now - before).max(axis=0, initial=0.0) / _FALL
                # Motion that goes on is only known to do so where each step follows it.
                followed = np.where(longer * rates <= _FOLLOWED, 0.0, np.inf)
                error = np.where(calm, error, followed)
                allowed = self._tolerance / 2
                # Two successive steps must do; the longer one may be longer still by the order.
                done = (error <= allowed) & (last <= allowed) & np.isnan(chosen)
                spare = (0.8 * allowed / np.maximum(last, 1e-300)) ** (1 / ORDER)
                chosen[done] = (longer * _FINER * np.clip(spare, 0.9, _FINER))[done]
                if not np.isnan(chosen).any():
                    break
                last = error
            before, step = now, step / _FINER
        return np.where(np.isnan(chosen), step * _FINER, chosen)

    def _followed(
        self,
        places: Array,
        steps: Array,
        done: Callable[[float], None] = lambda _: None,
        leap: float = _FINER,
    ) -> Followed:
        """Follow some points to the end, those of similar steps together.

        `steps` holds one for each of `places`; in the beginning they are `leap` times longer.
        """
        spacing = self._window / _SAMPLES
        bridge = min(self._window / 2, self._duration - self._window)
        lead = self._duration - self._window - bridge
        order = np.argsort(-steps, kind="stable")

        def one(start: int) -> Followed:
            part = order[start : start + self._chunk]
            each = int(_parts(spacing, steps[part].min()))
            step = spacing / each
            bridges = int(bridge / step * (1 + 1e-12))
            # What whole steps of the bridge leave, the lead gets.
            rest = max(lead + bridge - bridges * step, 0.0)
            leads = int(np.ceil(rest / (leap * step)))
            stretch = Stretch(rest / max(leads, 1), leads, step, bridges, each)
            return follow(self._points, places[part], self._chunk, stretch, _SAMPLES, average=True)

        parts = side_by_side(one, range(0, len(places), self._chunk), done)
        back = np.argsort(order)
        joined: Followed = jax.tree.map(
            lambda *leaves: np.concatenate(leaves, axis=-1)[..., back], *parts
        )
        return joined

    def _repeated(self, found: Followed, steps: Array) -> tuple[Followed, Array]:
        """Follow points again by shorter steps until their averages no longer change."""
        error = np.where(self._nearly_calm(found), self._own_error(found), 0.0)
        # Motion that goes on is followed again if the steps were too long to know that it does.
        long = ~self._calm(found) & (steps * self._rates > _FINER * _FOLLOWED)
        error[long] = np.inf
        wrong = np.flatnonzero(error > self._tolerance / 2)
        for attempt in range(_ATTEMPTS):
            if not len(wrong):
                break
            shrink = (0.4 * self._tolerance / error[wrong]) ** (1 / ORDER)
            shorter = steps[wrong] * np.clip(shrink, 0.25, 0.8)
            shorter[long[wrong]] = _FOLLOWED / self._rates[wrong[long[wrong]]]
            start = 0.55 + 0.05 * attempt
            report = self._bar(start, start + 0.05, "following again by shorter steps")
            again = self._followed(wrong, shorter, report)
            ratio = (steps[wrong] / shorter) ** ORDER
            apart = np.abs(again.means.overlap - found.means.overlap[:, wrong]).max(axis=0)
            apart /= ratio - 1
            # Ends that differ tell nothing of the error; the sample will tell how often they do.
            apart = np.where(long[wrong] | (apart > _ELSEWHERE), self._own_error(again), apart)
            jax.tree.map(lambda old, new, at=wrong: _put(old, at, new), found, again)
            steps = steps.copy()
            steps[wrong] = shorter
            error = np.zeros(len(steps))
            error[wrong] = np.where(self._nearly_calm(again), apart, 0.0)
            long = np.zeros(len(steps), bool)
            wrong = np.flatnonzero(error > self._tolerance)
        return found, steps

    def _own_error(self, found: Followed) -> Array:
        """Error of settled points, from what changed as their steps became shorter on the way."""
        if self._duration <= self._window:  # nothing is known before the window
            return np.zeros(found.before.shape[-1])
        change = np.abs(np.abs(found.before) - found.means.overlap).max(axis=0, initial=0.0)
        return np.asarray(change / (_FINER**ORDER - 1))

    def _calm(self, found: Followed) -> Array:
        return np.asarray(swing(found.record) <= self._tolerance)

    def _nearly_calm(self, found: Followed) -> Array:
        """Settled, or moving so little that it may only be for steps that are too long."""
        return np.asarray(swing(found.record) <= _NEARLY * self._tolerance)

    def _check(self, found: Followed, steps: Array) -> tuple[float, float]:
        """Largest error of a sample of settled points; share of it that ends elsewhere."""
        settled = np.flatnonzero(self._calm(found))
        if not len(settled):
            return np.nan, 0.0
        count = min(len(settled), self._chunk, _SAMPLES)
        places = np.random.default_rng(0).choice(settled, count, replace=False)
        finer = self._followed(places, steps[places] / _FINER)
        apart = np.abs(finer.means.overlap - found.means.overlap[:, places]).max(axis=0)
        elsewhere = apart > _ELSEWHERE
        return float(apart[~elsewhere].max(initial=0.0) / _FALL), float(elsewhere.mean())

    def _judged(self, found: Followed, steps: Array) -> tuple[Array, Array]:
        """Motion and period of every point; those that move are followed on, finely sampled."""
        points, moves = self._points, swing(found.record)
        motion = np.where(np.isfinite(moves), Motion.SETTLED, Motion.FAILED).astype(np.int8)
        period = np.full(len(points), np.nan)
        places = np.flatnonzero(moves > self._tolerance)
        if not len(places):
            return motion, period
        spacing = 2 * np.pi / (_PER_PERIOD * self._fastest(found.record, places))
        order = np.argsort(spacing)
        places, spacing = places[order], spacing[order]
        going = replace(points, states=found.states)
        steps = steps[places]

        def one(start: int) -> tuple[Judgement, _Open]:
            part = slice(start, start + self._chunk)
            at, gap = places[part], spacing[part]
            fine = _fine(gap, steps[part])
            ended = follow(going, at, self._chunk, fine, _JUDGED)
            modes = points.frequencies[:, at], points.damping[:, at]
            return judge(ended.record, gap, *modes, self._tolerance), _Open.of(ended, gap)

        starts = range(0, len(places), self._chunk)
        parts = side_by_side(one, starts, self._bar(0.75, 0.9, "judging what moves"))
        judged, ended = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=-1), *parts)
        window = jax.tree.map(lambda leaf: leaf[..., places], found.record)
        # Both records differ in length: only a steady decrease from part to part tells.
        shrunk = falls(sizes_in_parts(window.signals()), judged.sizes)
        judged.motion[(judged.motion == Motion.MOVING) & shrunk] = Motion.SETTLING
        # At rest now, but not in the window that was averaged.
        judged.motion[judged.motion == Motion.SETTLED] = Motion.SETTLING
        unclear = np.flatnonzero(np.isin(judged.motion, (Motion.LIMIT_CYCLE, Motion.MOVING)))
        if len(unclear):
            cases: tuple[Judgement, _Open] = jax.tree.map(
                lambda leaf: leaf[..., unclear], (judged, ended)
            )
            judged.motion[unclear] = self._decided(
                points.only(places[unclear]), *cases, steps[unclear]
            )
        motion[places] = judged.motion
        cycle = judged.motion == Motion.LIMIT_CYCLE
        period[places[cycle]] = judged.period[cycle]
        return motion, period

    def _decided(self, points: Points, judged: Judgement, ended: _Open, steps: Array) -> Array:
        """Motion of open cases after they were followed on, as they are and after kicks."""
        points = replace(points, states=ended.states)
        report = self._bar(0.9, 0.95, "following on what moves")
        everyone = np.arange(len(points))
        later = self._later(points, everyone, ended, self._duration, steps, report)
        dying = dies_out(judged, sizes_in_parts(later.signals()), self._duration / ended.length)
        motion = np.where(dying, Motion.SETTLING, Motion.MOVING).astype(np.int8)
        repeats = np.flatnonzero(~dying & np.isfinite(judged.drift))
        if not len(repeats):
            return motion
        now = judged.sizes[:, repeats].mean(axis=0)
        moved: list[Array] = []
        late: list[Array] = []
        for number, kick in enumerate(_KICKS):
            self._progress(0.95 + 0.05 * number / len(_KICKS), "kicking what repeats")
            amplitude = ended.states.amplitude + kick * ended.reach
            kicked = replace(points, states=ended.states._replace(amplitude=amplitude))
            soon = sizes_in_parts(self._later(kicked, repeats, ended, 0.0, steps).signals())
            moved.append(np.abs(soon.mean(axis=0) / now - 1))
            late.append(orbit_size(self._later(kicked, repeats, ended, self._duration, steps)))
        final = orbit_size(jax.tree.map(lambda leaf: leaf[..., repeats], later))
        motion[repeats[restored(moved, judged.orbit[repeats], final, late)]] = Motion.LIMIT_CYCLE
        return motion

    def _later(
        self,
        points: Points,
        places: Array,
        ended: _Open,
        lead: float,
        steps: Array,
        done: Callable[[float], None] = lambda _: None,
    ) -> Record:
        """A finely sampled record that begins some time later."""

        def one(start: int) -> Record:
            at = places[start : start + self._chunk]
            fine = _fine(ended.length[at] / _JUDGED, steps[at])
            leads = int(np.ceil(lead / steps[at].min()))
            stretch = fine._replace(lead=lead / max(leads, 1), leads=leads)
            return follow(points, at, self._chunk, stretch, _JUDGED).record

        parts = side_by_side(one, range(0, len(places), self._chunk), done)
        joined: Record = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=-1), *parts)
        return joined

    def _fastest(self, record: Record, places: Array) -> Array:
        """Angular frequency of the fastest of what moves at some points."""
        amplitude = record.amplitude[..., places]
        moving = _reach(amplitude)
        active = moving > 0.01 * moving.max(axis=0)
        parameters, _ = self._points.chosen(places)
        modes = np.where(active, np.abs(self._points.frequencies[:, places]), 0.0).max(axis=0)
        field = 2 * np.abs(parameters.field).max(axis=tuple(range(parameters.field.ndim - 1)))
        reach = np.abs(amplitude.real).max(axis=0) * np.sqrt(self._points.strength)
        phi = 4 * (np.abs(parameters.scale) * reach).sum(axis=0)
        # What turns once in more than the window is sampled as if it turned once in it.
        slowest = 2 * np.pi / self._window
        return np.asarray(np.maximum.reduce([np.hypot(field, phi), modes, slowest + 0 * modes]))


class _Open(NamedTuple):
    """Points at the end of a finely sampled stretch."""

    states: State
    reach: Array
    """Swing of every amplitude, (L, points)."""
    length: Array
    """Of the stretch, (points,)."""

    @classmethod
    def of(cls, followed: Followed, gap: Array) -> _Open:
        return cls(followed.states, _reach(followed.record.amplitude), gap * _JUDGED)


def _reach(amplitude: Array) -> Array:
    """Swing of every amplitude over its record, (L, points)."""
    return np.asarray(np.ptp(amplitude.real, axis=0) + np.ptp(amplitude.imag, axis=0))


def _parts(whole: Array | float, longest: Array | float) -> Array:
    """Into how many equal parts something is cut if none may be longer, but for round-off."""
    return np.asarray(np.ceil(np.asarray(whole) / longest * (1 - 1e-12)))


def _fine(spacing: Array, steps: Array) -> Stretch:
    """Samples `spacing` apart at each point, at no longer steps than `steps`."""
    each = int(_parts(spacing, steps).max())
    return Stretch(step=spacing / each, each=each)


_NEARLY = 30.0
"""Change over the window, in tolerances, below which the error is controlled as in rest."""
_KICKS = (0.4, -0.4, 0.4j)
_ELSEWHERE = 1e-2
"""Averages that differ by more belong to different ends."""


def _put(target: Array, places: Array, values: Array) -> Any:
    target[..., places] = values
