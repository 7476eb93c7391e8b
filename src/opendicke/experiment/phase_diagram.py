"""Phase diagrams: where every point of a grid of parameters ends up, in one compiled program."""

from __future__ import annotations

import math
import time as clock
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, ValidityError, ValidityWarning, shown
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.families import Axes, Family, families, sweep_axes
from opendicke.experiment.plan import coordinate
from opendicke.methods.mean_field import MeanField
from opendicke.model.checks import Array, affordable, integer, real
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import ProductState
from opendicke.physics.motion import Motion
from opendicke.progress import Bar
from opendicke.results.dataset import FORMAT, as_json, describe
from opendicke.solving import provenance_of


def phase_diagram(
    model: RandomDicke,
    state: ProductState,
    sweep: Mapping[str, Any],
    duration: float,
    *,
    window: float | None = None,
    tolerance: float = 1e-4,
    thermodynamic: bool = True,
    seed: int = 0,
    realization: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Follow mean field to a late time over a grid of parameters, and say where it ended.

    Every point starts in `state`, is followed for `duration` and averaged over the last `window`:

    .. math::
        \overline{|\xi_\mu|} = \frac1W\int_{T-W}^{T}\left|\frac1N\sum_j G_{\mu j}
                               \langle Z_j\rangle\right|\,dt

    (carollo2021, Fig. 3a). Each is judged: settled in a fixed point, settling, in a limit cycle,
    undamped, or moving otherwise (`motion`).

    Parameters
    ----------
    model : RandomDicke
        Its swept parameters are replaced; everything else holds for all points.
    state : ProductState
        The start of every point.
    sweep : dict
        Axes of the diagram, usually two. A dotted path with its values, such as
        ``"model.couplings.strength": [...]``, or a name of an axis along which several parameters
        change together: ``"field": {"model.field": [...], "model.frequencies": [[...], ...]}``
        (the first is the coordinate). Paths may lead into `model` or `state`; `model.modes` too.
    duration : float
        How long each point is followed, in units of 1/energy.
    window : float, optional
        Last part of it that is averaged; a quarter by default.
    tolerance : float
        Largest error of averaged overlaps where a point settles, and largest change of overlaps
        and amplitudes over the window at which it counts as settled.
    thermodynamic : bool
        The limit N → ∞, or else the draw (`seed`, `realization`) of the ensemble.
    seed, realization : int
    progress : bool, optional
        Show a progress bar; by default on terminals, after two seconds.

    Returns
    -------
    xarray.Dataset
        Dimensions of the sweep; `overlap` (pattern), `overlap_swing` (pattern), `photons_mode`
        (mode), the spin along the field axis, `motion` (with `flag_meanings`), `period`, `step`,
        and `hidden_instability`, where an aligned start settles in an unstable retrieval state.
        The attribute `numerics` holds the estimated error.

    Raises
    ------
    InputError
        If an argument is not what it must be.
    """
    if not isinstance(model, RandomDicke):
        raise InputError("model", "be a RandomDicke", f"was {shown(model)}")
    duration = real("duration", duration, above=0)
    window = duration / 4 if window is None else real("window", window, above=0, most=duration)
    tolerance = real("tolerance", tolerance, least=1e-9, most=0.01)
    frame = Experiment(
        model=model,
        state=state,
        times=[0.0, duration],
        method=MeanField(),
        observables=["overlap"],
        seed=seed,
        thermodynamic=thermodynamic,
    )
    axes = sweep_axes(frame, sweep)
    shape = tuple(len(next(iter(paths.values()))) for paths in axes.values())
    points = math.prod(shape)
    affordable("sweep", f"{points} points", points * _BYTES_PER_POINT)
    start = clock.perf_counter()
    with Bar("phase diagram", enabled=progress) as bar:
        bar(0.0, "reducing")
        parts = families(frame, axes, shape, integer("realization", realization))
        ends = [
            _solved(part, shape, (duration, window, tolerance), _share(bar, k, len(parts)))
            for k, part in enumerate(parts)
        ]
    dataset = _labelled(parts, ends, axes, shape, (duration, window))
    settings = {
        "model": model,
        "state": state,
        "sweep": axes,
        "duration": duration,
        "window": window,
        "tolerance": tolerance,
        "thermodynamic": thermodynamic,
        "realization": realization,
    }
    seconds = clock.perf_counter() - start
    provenance = provenance_of(describe(settings), seed=frame.seed, seconds=seconds)
    dataset.attrs |= {"format": FORMAT, "numerics": as_json(_numerics(ends))}
    for name, value in provenance.items():
        dataset.attrs[name] = value if isinstance(value, (str, int, float)) else as_json(value)
    _report(ends, tolerance, int(dataset["hidden_instability"].sum()))
    return dataset


_BYTES_PER_POINT = 40_000
_SAMPLES = 64
_MOST_STEPS = 1e7


def _solved(
    family: Family, shape: tuple[int, ...], extent: tuple[float, float, float], progress: Any
) -> Any:
    """Follow the points of one family."""
    from opendicke.methods.attractors import Attractors

    points = family.points()
    duration, window, _ = extent
    with np.errstate(over="ignore"):
        steps = duration * max(_SAMPLES / window, float(points.rates(duration).max()) / 4)
    if not steps <= _MOST_STEPS:
        raise ValidityError(
            f"phase_diagram: it would need about {steps:.0e} steps at a point, and at most "
            f"{_MOST_STEPS:.0e} are made."
        )
    if len(points) == math.prod(shape):
        sample, spread = _lattice(shape)
    else:
        sample = np.unique(np.linspace(0, len(points) - 1, _SAMPLES).astype(int))

        def spread(steps: Array) -> Array:
            return np.full(len(points), steps.min())

    return Attractors(points, *extent, sample, spread, progress).find()


def _lattice(shape: tuple[int, ...]) -> tuple[Array, Callable[[Array], Array]]:
    """Sample points on a coarse lattice; for every point the least value at corners around it."""
    each = max(2, int(_SAMPLES ** (1 / max(len(shape), 1)) + 1e-9))
    coarse = [np.unique(np.linspace(0, size - 1, each).round().astype(int)) for size in shape]
    sample = np.ravel_multi_index(np.meshgrid(*coarse, indexing="ij"), shape).ravel()

    def spread(values: Array) -> Array:
        table = values.reshape([len(places) for places in coarse])
        for axis, (size, places) in enumerate(zip(shape, coarse, strict=True)):
            above = np.searchsorted(places, np.arange(size))
            below = np.searchsorted(places, np.arange(size), side="right") - 1
            table = np.minimum(table.take(below, axis), table.take(above, axis))
        return np.asarray(table.ravel())

    return np.asarray(sample), spread


def _share(bar: Bar, number: int, total: int) -> Callable[[float, str], None]:
    return lambda share, text: bar((number + share) / total, text)


def _labelled(
    parts: list[Family],
    ends: list[Any],
    axes: Axes,
    shape: tuple[int, ...],
    extent: tuple[float, float],
) -> xr.Dataset:
    """One dataset from the ends of all families."""
    points = math.prod(shape)
    patterns = max(len(end.overlap) for end in ends)
    modes = max(len(end.occupation) for end in ends)
    overlap, swing = np.full((2, patterns, points), np.nan)
    photons = np.full((modes, points), np.nan)
    along, period, step = np.full((3, points), np.nan)
    motion = np.zeros(points, dtype=np.int8)
    hidden = np.zeros(points, dtype=bool)
    for part, end in zip(parts, ends, strict=True):
        there = part.places
        present = part.present()
        carried = np.ones_like(end.overlap, bool)
        if len(end.overlap) == len(present):  # a pattern for each mode, absent with it
            carried = present
        overlap[: len(end.overlap), there] = np.where(carried, end.overlap, np.nan)
        swing[: len(end.swing), there] = np.where(carried, end.swing, np.nan)
        thermal = part.thermal_occupation(*extent)
        photons[: len(present), there] = np.where(present, end.occupation + thermal, np.nan)
        along[there] = end.along_field / part.spins
        motion[there], period[there], step[there] = end.motion, end.period, end.step
        hidden[there] = part.hidden_instability(end.overlap) & (end.motion == Motion.SETTLED)
    dims = tuple(axes)
    model = parts[0].problem.model
    per_spin = " per spin" if model.thermodynamic else ""
    kinds = {
        "flag_values": [int(kind) for kind in Motion],
        "flag_meanings": " ".join(kind.name.lower() for kind in Motion),
    }

    def labelled(array: Array, attributes: Mapping[str, Any], *inner: str) -> Any:
        spread = np.moveaxis(array.reshape(*array.shape[:-1], *shape), 0, -1) if inner else array
        return ((*dims, *inner), spread.reshape(*shape, *array.shape[:-1]), attributes)

    field = model.field_axis
    return xr.Dataset(
        {
            "overlap": labelled(
                overlap, {"long_name": "time average of |overlap|", "units": "1"}, "pattern"
            ),
            "overlap_swing": labelled(
                swing, {"long_name": "largest change of the overlap", "units": "1"}, "pattern"
            ),
            "photons_mode": labelled(
                photons,
                {"long_name": f"time average of the photons{per_spin}", "units": "1"},
                "mode",
            ),
            f"s{field}": labelled(
                along, {"long_name": f"time average of ⟨σ{field}⟩", "units": "1"}
            ),
            "motion": labelled(motion, {"long_name": "kind of motion", **kinds}),
            "hidden_instability": labelled(
                hidden, {"long_name": "settled in a linearly unstable retrieval state"}
            ),
            "period": labelled(
                period, {"long_name": "period of limit cycles", "units": "1/energy"}
            ),
            "step": labelled(step, {"long_name": "longest step", "units": "1/energy"}),
        },
        {
            name: coordinate(name, next(iter(paths)), next(iter(paths.values())))
            for name, paths in axes.items()
        }
        | {"pattern": np.arange(patterns), "mode": np.arange(modes)},
    )


def _numerics(ends: list[Any]) -> dict[str, Any]:
    from opendicke.methods.long_time import ORDER

    return {
        "order": ORDER,
        "estimated_error": _largest_error(ends),
        "sensitive_share": max(end.sensitive for end in ends),
    }


def _largest_error(ends: list[Any]) -> float:
    """NaN if nothing settled, so that nothing was checked."""
    errors = [end.estimated_error for end in ends if np.isfinite(end.estimated_error)]
    return max(errors, default=math.nan)


def _report(ends: list[Any], tolerance: float, hidden: int) -> None:
    """Say what the user must know before reading the diagram."""
    error = _largest_error(ends)
    failed = sum(int((end.motion == Motion.FAILED).sum()) for end in ends)
    sensitive = max(end.sensitive for end in ends)
    notes = []
    if error > tolerance:
        notes.append(f"the estimated error is {error:.2g}, above the tolerance {tolerance:.2g}")
    if sensitive > 0:
        notes.append(
            f"{100 * sensitive:.2g} % of the settled points that were checked end in another "
            "state at another step: there the end depends on tiny changes of the start"
        )
    if failed:
        notes.append(f"{failed} points gave no finite number")
    if hidden:
        notes.append(
            f"{hidden} points settle in a retrieval state that is linearly unstable, which a start "
            "exactly along the pattern hides (`hidden_instability`)"
        )
    for note in notes:
        warnings.warn(f"phase diagram: {note}.", ValidityWarning, stacklevel=3)
