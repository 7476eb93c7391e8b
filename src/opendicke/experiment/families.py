"""From a sweep to families of points that share one grouping of spins and one program. Pure.

Strengths, fields, frequencies and rates only scale a problem that is reduced once; other parameters
(states, sizes) make one problem for each of their values. In the thermodynamic limit fewer modes
are the largest number of modes with some couplings zero, so that all sizes run in one program.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.experiment.experiment import Experiment, replace_all, sweep_values
from opendicke.experiment.plan import axis_names
from opendicke.experiment.reading import as_in_files
from opendicke.measure.observables import RESERVED
from opendicke.model.checks import Array, numeric_array
from opendicke.model.couplings import Binary, Couplings, Discrete, Fixed, Gaussian, Uniform
from opendicke.model.dicke import check_gain
from opendicke.model.disorder import RandomDicke
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import Pattern, ProductState
from opendicke.physics.hidden import grows
from opendicke.physics.stationary import EQUAL
from opendicke.physics.windows import instability_windows, retrieval_growth

Axes = dict[str, dict[str, list[Any]]]
"""Name of an axis → path → values."""

_RATES = ("frequencies", "loss", "gain")
_STRENGTH = {
    Binary: "strength",
    Discrete: "strength",
    Uniform: "strength",
    Fixed: "strength",
    Gaussian: "sigma",
}


def sweep_axes(frame: Experiment, sweep: object) -> Axes:
    """Check the axes of a diagram; every value alone must make sense in the frame."""
    if not isinstance(sweep, Mapping) or not sweep:
        raise InputError("sweep", "map axes to lists of values", f"was {shown(sweep)}")
    plain = [path for path, values in sweep.items() if not isinstance(values, Mapping)]
    for path in sweep:
        if not isinstance(path, str):
            raise InputError("sweep", "have strings as names", f"had {shown(path)}")
    names = axis_names(plain)
    axes: Axes = {}
    for name, values in sweep.items():
        if not isinstance(values, Mapping):
            axes[names[name]] = {name: sweep_values(name, values)}
            continue
        if not name.isidentifier() or name in RESERVED or name in _TAKEN:
            raise InputError("sweep", "name its axes by free words", f"had {shown(name)}")
        if not values:
            raise InputError(f"sweep.{name}", "change at least one parameter", "was empty")
        for path in values:
            if not isinstance(path, str):
                raise InputError(f"sweep.{name}", "have strings as paths", f"had {shown(path)}")
        axes[name] = {path: sweep_values(path, listed) for path, listed in values.items()}
        lengths = {path: len(listed) for path, listed in axes[name].items()}
        if len(set(lengths.values())) != 1:
            raise InputError(
                f"sweep.{name}",
                "list as many values for each of its parameters",
                "had " + ", ".join(f"{count} for `{path}`" for path, count in lengths.items()),
            )
    if len(axes) != len(sweep):
        raise InputError("sweep", "name every axis once", f"had {', '.join(map(str, sweep))}")
    seen: set[str] = set()
    for paths in axes.values():
        for path in paths:
            if path.split(".")[0] not in ("model", "state"):
                wanted = "name parameters of model or state, such as `model.field`"
                raise InputError(f"sweep.{path}", wanted, f"was `{path}`")
            if path == "model.field_axis":
                wanted = "be the same for all points, as spins are read along it"
                raise InputError(f"sweep.{path}", wanted, "was swept")
            if path in seen:
                raise InputError("sweep", "change every parameter on one axis", f"repeats `{path}`")
            seen.add(path)
        for point in range(len(next(iter(paths.values())))):
            replace_all(frame, {path: values[point] for path, values in paths.items()})
    return axes


_TAKEN = (
    "overlap",
    "overlap_swing",
    "photons_mode",
    "motion",
    "period",
    "step",
    "hidden_instability",
    "sx",
    "sy",
    "sz",
)


@dataclass(frozen=True, eq=False)
class Family:
    """Points that share couplings up to scales."""

    problem: Problem
    """Reduced at unit strength."""
    places: Array
    """Points of the diagram, (n,)."""
    states: tuple[Problem, ...]
    """Reductions that differ in the initial state only."""
    state: Array
    """Which of them each point starts from, (n,)."""
    scale: Array
    """What the couplings are multiplied by, (L, n); 0 for modes that a point has not."""
    frequencies: Array
    """(L, n), and so are loss and gain."""
    loss: Array
    gain: Array
    field: Array | None
    """(n,), or None where the problem's own field holds."""
    modes: Array
    """How many modes a point has, (n,)."""

    @property
    def spins(self) -> float:
        """What sums over spins are divided by."""
        return float(self.problem.weights.sum())

    def present(self) -> Array:
        """Whether a point has a mode, (L, n)."""
        there = np.arange(len(self.scale))[:, None] < self.modes
        return np.asarray(there)

    def points(self) -> Any:
        """What the solver needs."""
        from opendicke.methods.long_time import Points, family

        made = [family(problem) for problem in self.states]
        parameters, _, reading = made[0]
        drives = [parts.drive for parts, _, _ in made]
        rate = (self.loss - self.gain) / 2 + 1j * self.frequencies
        picked = type(made[0][1])(
            *(
                np.concatenate([np.asarray(state[k]) for _, state, _ in made], axis=-1)[
                    ..., self.state
                ]
                for k in range(4)
            )
        )
        same = len(drives) == 1 or all(np.array_equal(drive, drives[0]) for drive in drives)
        drives = list(np.broadcast_arrays(*drives))  # a state may pull alike in all groups
        groups = parameters.field.ndim - 1
        unit = parameters.scale
        if reading.ndim == 1:  # forces are read in this unit
            reading = reading * unit[: len(reading), 0]
        parameters = parameters._replace(
            scale=self.scale * unit,
            rate=rate,
            drive=drives[0] if same else np.concatenate(drives, axis=-1)[..., self.state],
            field=parameters.field if self.field is None else self.field.reshape(*[1] * groups, -1),
        )
        amplitude = picked.amplitude
        if self._stationary:
            forces = [_initial_force(problem) for problem in self.states]
            force = self.scale * np.stack(forces, axis=-1)[:, self.state]
            if ((rate == 0) & (force != 0)).any():
                raise InputError(
                    "bosons",
                    'not be "stationary" where a mode has none',
                    "a mode has frequency 0 and no damping",
                )
            amplitude = np.divide(-1j * force, rate, out=np.zeros_like(rate), where=rate != 0)
        picked = picked._replace(amplitude=np.where(self.present(), amplitude, 0.0))
        pull = (self.problem.weights @ self.problem.couplings**2)[:, None] / unit**2
        return Points(parameters, picked, reading, self.frequencies, self.loss - self.gain, pull)

    @property
    def _stationary(self) -> bool:
        state = self.problem.state
        return isinstance(state, ProductState) and state.bosons == "stationary"

    def thermal_occupation(self, duration: float, window: float) -> Array:
        """Thermal photons besides |a|², averaged over the window, (L, n)."""
        if self.problem.model.thermodynamic:
            return np.zeros_like(self.scale)
        damping = self.loss - self.gain
        settled = np.divide(self.gain, damping, out=np.zeros_like(damping), where=damping > 0)
        starts = [
            settled[:, :1] * 0 + problem.initial.occupation[:, None] for problem in self.states
        ]
        start = np.concatenate(starts, axis=-1)[:, self.state]
        if self._stationary:
            start = settled
        elapsed = np.where(damping > 0, damping * window, 1.0)
        mean = np.where(damping > 0, -np.expm1(-elapsed) / elapsed, 1.0)
        decayed = np.exp(-damping * (duration - window)) * mean
        return np.asarray(settled + (start - settled) * decayed)

    def hidden_instability(self, overlap: Array) -> Array:
        """Where a point ended along its initial pattern, whose state is unstable, (n,) of bool.

        By the closed forms for the limit of `Binary` couplings; False where they do not apply.
        `overlap` holds the final magnitudes (P, n).
        """
        unstable = np.zeros(len(self.places), bool)
        model = self.problem.model
        signs = self.problem.couplings
        orthogonal = np.abs((signs.T * self.problem.weights) @ signs - np.eye(len(self.scale)))
        binary = model.thermodynamic and (np.abs(signs) == 1).all() and orthogonal.max() <= EQUAL
        if not binary or self.field is None:
            return unstable
        windows: dict[bytes, Array] = {}
        for k, count in enumerate(self.modes):
            spins = self.states[self.state[k]].state.spins
            if not isinstance(spins, Pattern) or not self.field[k] or spins.flipped == 0.5:
                continue
            frequencies = self.frequencies[:count, k]
            damping = (self.loss - self.gain)[:count, k]
            if not frequencies.all():
                continue
            length = abs(1 - 2 * spins.flipped)
            key = np.array([self.field[k], length, *frequencies, *damping]).tobytes()
            if key not in windows:
                windows[key] = instability_windows(self.field[k], frequencies, damping, length)
            lower, upper = windows[key][spins.index]
            strength = abs(self.scale[0, k])
            if not lower < strength < upper or overlap[spins.index, k] < overlap[:, k].max():
                continue
            given = (strength, self.field[k], frequencies, damping, length)
            unstable[k] = grows(retrieval_growth(*given)[spins.index], strength)
        return unstable


def _initial_force(problem: Problem) -> Array:
    """Sum over spins of unit coupling times initial Z, (L,)."""
    z = (problem.mean * problem.vectors[:, :, 2]).sum(axis=1)
    return np.asarray((problem.weights * z) @ problem.couplings)


def families(
    frame: Experiment, axes: Axes, shape: tuple[int, ...], realization: int
) -> list[Family]:
    """The points of a diagram, in as few families as their couplings allow."""
    index = np.unravel_index(np.arange(math.prod(shape)), shape)
    structural = [
        number
        for number, paths in enumerate(axes.values())
        if any(not _smooth(frame, path, values) for path, values in paths.items())
    ]
    tables = list(axes.values())
    groups: dict[Any, list[tuple[Problem, Array, Experiment]]] = {}
    for combination in itertools.product(*(range(shape[number]) for number in structural)):
        changed = {
            path: values[place]
            for number, place in zip(structural, combination, strict=True)
            for path, values in tables[number].items()
            if not _smooth(frame, path, values) or path.removeprefix("model.") in _RATES
        }
        point = replace_all(frame, changed)
        problem = _unit_problem(point, axes, realization)
        there = np.flatnonzero(
            np.all(
                [index[n] == place for n, place in zip(structural, combination, strict=True)],
                axis=0,
            )
            if structural
            else np.ones(math.prod(shape), bool)
        )
        groups.setdefault(_likeness(problem, point), []).append((problem, there, point))
    return [_family(members, frame, axes, index) for members in groups.values()]


def _likeness(problem: Problem, point: Experiment) -> Any:
    """Equal for points of one family: what it takes from the first of them holds for all."""
    model = point.model
    assert isinstance(model, RandomDicke)
    couplings = problem.couplings
    # Overlaps are forces up to a factor where all spins pull a mode equally hard; elsewhere they
    # are read by weights of the groups.
    pull = np.ptp(np.abs(couplings), axis=0).max() == 0 and couplings.all()
    reading = () if pull else (problem.weights.tobytes(), problem.mean.tobytes())
    return (
        couplings.tobytes(),
        problem.field.tobytes(),
        np.ndim(model.field),
        problem.vectors.shape,
        reading,
        point.state.bosons,
        getattr(model.couplings, _STRENGTH[type(model.couplings)]),
    )


def _smooth(frame: Experiment, path: str, values: Sequence[Any]) -> bool:
    """Whether a parameter only scales one reduced problem."""
    assert isinstance(frame.model, RandomDicke)
    head, _, rest = path.partition(".")
    if head != "model":
        return False
    if rest in _RATES:
        return True
    if rest == "field":
        return not np.ndim(frame.model.field) and not any(map(np.ndim, values))
    if rest == "modes":
        return frame.thermodynamic and isinstance(frame.model.couplings, (Binary, Discrete))
    couplings = frame.model.couplings
    name = _STRENGTH[type(couplings)]
    return rest == f"couplings.{name}" and getattr(couplings, name) is not None


def _unit_problem(point: Experiment, axes: Axes, realization: int) -> Problem:
    """One reduction with couplings of unit strength; only couplings, grouping and state count."""
    model = point.model
    assert isinstance(model, RandomDicke)
    for paths in axes.values():
        if "model.modes" in paths and point.thermodynamic:
            most, least = max(paths["model.modes"]), min(paths["model.modes"])
            model = dataclasses.replace(model, modes=most, frequencies=1.0, loss=0.0, gain=0.0)
            start = point.state.spins
            if isinstance(start, Pattern) and start.index >= least:
                wanted = f"be one of 0 … {least - 1}, which every point has"
                raise InputError("pattern", wanted, f"was {start.index}")
    unit = dataclasses.replace(
        model,
        couplings=_unit(model.couplings),
        frequencies=1.0,
        loss=0.0,
        gain=0.0,
        field=model.field if np.ndim(model.field) else 1.0,
    )
    drawn = unit.thermodynamic() if point.thermodynamic else unit.draw(point.seed, realization)
    state = point.state
    if state.bosons == "stationary":  # needs the rates of each point
        problem: Problem = as_in_files(
            lambda: reduce(drawn, dataclasses.replace(state, bosons="vacuum"), bright=False)
        )
        return dataclasses.replace(problem, state=state)
    return as_in_files(lambda: reduce(drawn, state, bright=False))


def _unit(couplings: Couplings) -> Couplings:
    name = _STRENGTH[type(couplings)]
    if getattr(couplings, name) is None:
        return couplings
    made: Couplings = dataclasses.replace(couplings, **{name: 1.0})
    return made


def _family(
    members: list[tuple[Problem, Array, Experiment]],
    frame: Experiment,
    axes: Axes,
    index: tuple[Array, ...],
) -> Family:
    """Parameters of all points of one family."""
    problem = members[0][0]
    places = np.concatenate([there for _, there, _ in members])
    which = np.repeat(np.arange(len(members)), [len(there) for _, there, _ in members])
    order = np.argsort(places)
    places, which = places[order], which[order]
    size = problem.couplings.shape[1]
    model = members[0][2].model
    assert isinstance(model, RandomDicke)

    def everywhere(path: str, base: Any) -> list[tuple[Any, Array]]:
        """Values of a parameter with the points (positions in the family) that have them."""
        for paths, along in zip(axes.values(), index, strict=True):
            if path in paths:
                here = along[places]
                return [(value, np.flatnonzero(here == k)) for k, value in enumerate(paths[path])]
        return [(base, np.arange(len(places)))]

    modes = np.full(len(places), size)
    for value, there in everywhere("model.modes", size):
        if problem.model.thermodynamic:
            modes[there] = value
    rates = {name: np.zeros((size, len(places))) for name in _RATES}
    rates["frequencies"] += 1.0
    for name in _RATES:
        for value, there in everywhere(f"model.{name}", getattr(model, name)):
            given = numeric_array(name, value)
            for count in np.unique(modes[there]):
                if given.ndim and len(given) != count:
                    wanted = f"be a number or have one entry per mode ({count})"
                    raise InputError(f"sweep.{name}", wanted, f"had {len(given)} entries")
                chosen = there[modes[there] == count]
                rates[name][:count, chosen] = given[:, None] if given.ndim else given
    loss, gain = rates["loss"], rates["gain"]
    first = int(np.argmax(((gain > 0) & (loss <= gain)).any(axis=0)))
    check_gain(loss[:, first], gain[:, first])
    name = _STRENGTH[type(model.couplings)]
    scale = np.ones((size, len(places)))
    if getattr(model.couplings, name) is not None:
        for value, there in everywhere(f"model.couplings.{name}", getattr(model.couplings, name)):
            scale[:, there] = value
    if isinstance(model.couplings, Gaussian):
        if (rates["frequencies"] <= 0).any():
            raise InputError("frequencies", "be positive for Gaussian couplings", "were not")
        scale *= np.sqrt(rates["frequencies"])
    scale[np.arange(size)[:, None] >= modes] = 0.0
    field = None
    if not np.ndim(model.field):
        field = np.zeros(len(places))
        for value, there in everywhere("model.field", model.field):
            if len(there):
                field[there] = value
    return Family(
        problem=problem,
        places=places,
        states=tuple(member for member, _, _ in members),
        state=which,
        scale=scale,
        field=field,
        modes=modes,
        **rates,
    )
