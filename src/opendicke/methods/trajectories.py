"""Blocks of truncated Wigner trajectories of one problem, by two compiled programs.

One samples the starts, the other advances a block through output times and either gathers its
statistics on the device or hands out every trajectory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from opendicke.measure.moments import JointMoments, Moments, Statistic
from opendicke.measure.observables import Observable
from opendicke.methods import wigner
from opendicke.methods.flow import Gram, Grid, Parameters, Rows, State, advance, initial
from opendicke.methods.noise import draw, noise_step
from opendicke.methods.parallel import workers
from opendicke.methods.runtime import Program, device_kind, double_precision
from opendicke.methods.sampling import Classes, classes_of, trajectory_keys
from opendicke.methods.schedule import Schedule, step_counts
from opendicke.methods.splitting import SCHEMES
from opendicke.methods.starts import Sources, Starts, begin_program, cast, sample_program
from opendicke.methods.wigner import Setting, View
from opendicke.model.blas import threads_for
from opendicke.model.checks import Array, affordable
from opendicke.model.dicke import AXES
from opendicke.model.ensemble import Ensemble
from opendicke.model.keys import trajectory_words
from opendicke.model.reduce import Problem


class Run(NamedTuple):
    """What a block carries from segment to segment besides its state."""

    parameters: Parameters
    sums: Any
    """Of classes, where groups carry unit vectors; else None."""
    dark: Any
    """Initial dark amplitudes, (M, 1) or (M, B)."""
    noise: Any
    """(seed, numbers of the trajectories, (loss + gain)/2 of the modes), or None."""


def _segment(
    run: Run,
    state: State,
    setting: Setting,
    readout: Any,
    elapsed: Any,
    steps: Any,
    numbers: Any,
    first: Any,
    count: Any,
    fold: Any,
    order: int,
    apart: bool,
) -> Any:
    """Advance a block through the rows (time, step, number) and read it out after each.

    Gives the values of all trajectories if `apart`, else means and products of deviations over the
    first `count` of them.
    """
    parameters = run.parameters
    dtype = state.z.dtype
    keys = None
    if run.noise is not None:
        seed, members, strength = run.noise
        keys = trajectory_keys(seed, members)[:, 2]
        rate = parameters.rate.astype(jnp.complex128)

    def row(carried: Any, item: Any) -> Any:
        state, made = carried
        moment, step, number = item
        noise = None
        if keys is not None:
            law = noise_step(rate, strength, step / fold)

            def noise(done: Any) -> Any:
                return draw(keys, made + done, law, fold, dtype)

        state = advance(parameters, state, step.astype(dtype), number, SCHEMES[order], noise)
        view = View(setting, moment, parameters, state, run.sums, run.dark)
        values = wigner.evaluate(readout, view)
        if not apart:
            values = {name: _moments(value, count) for name, value in values.items()}
        return (state, made + number), values

    (state, _), values = jax.lax.scan(row, (state, first), (elapsed, steps, numbers))
    return state, values


def _moments(values: Any, count: Any) -> tuple[Any, Any]:
    """Mean (p, …) and products of deviations (p, p, …) over the first trajectories of (p, …, B)."""
    here = jnp.arange(values.shape[-1]) < count
    mean = jnp.where(here, values, 0.0).sum(axis=-1) / count
    apart = jnp.where(here, values - mean[..., None], 0.0)
    return mean, jnp.einsum("a...b,c...b->ac...", apart, apart)


trajectory_program = Program(_segment, static=("order", "apart"))
"""The compiled program of truncated Wigner; `.compilations` counts its versions."""


def _final(setting: Setting, run: Run, state: State, spins: Any, modes: Any, time: Any) -> Any:
    """Spins (3, N, B) along the laboratory's axes and amplitudes (M, B) of the original modes."""
    view = View(setting, time, run.parameters, state, run.sums, run.dark)
    components = jnp.stack([each(view) for each in spins])
    if modes is None:
        return components, jnp.zeros((0, components.shape[-1]), complex)
    mean = modes.mean(view)
    if modes.rotation is None:
        return components, mean
    seed, members = run.noise[:2]
    keys = trajectory_keys(seed, members)[:, 2]
    last = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, jnp.uint32(2**32 - 1))
    count = modes.rate.shape[0]
    normal = jax.vmap(lambda key: jax.random.normal(key, (2, count), jnp.float64), out_axes=-1)(
        last
    )
    # Noise of all modes alike, without the part of it that is bright.
    share = 1.0 - (modes.rotation**2).sum(axis=1, keepdims=True)
    some = share > 1e-13
    whole = jnp.where(some, modes.variance(view) / jnp.where(some, share, 1.0), 0.0)
    noise = jnp.sqrt(whole / 2) * (normal[0] + 1j * normal[1])
    bright = modes.rotation @ (modes.rotation.T @ noise)
    return components, mean + noise - bright


final_program = Program(_final)


@dataclass(frozen=True)
class Numerics:
    """How trajectories are computed."""

    order: int
    block: int
    single: bool

    @property
    def dtype(self) -> str:
        """Of the flow; observables and statistics are in double precision always."""
        return "float32" if self.single else "float64"


class Trajectories:
    """The trajectories of one problem, addressed by their numbers.

    Parameters
    ----------
    problem : Problem
    times : array (T,)
        Output times; the state is given at the first.
    observables
        What is read out at every time.
    numerics : Numerics
    key : (seed, realization)
    each_spin : bool
        Keep every spin apart, so that `followed` can be asked for.

    Raises
    ------
    InputError
        If a block does not fit the memory of the machine.
    """

    def __init__(
        self,
        problem: Problem,
        times: Array,
        observables: tuple[Observable, ...],
        numerics: Numerics,
        key: tuple[int, int],
        each_spin: bool = False,
    ) -> None:
        self.problem, self.numerics, self.observables = problem, numerics, observables
        self.key = key
        self.elapsed = times - times[0]
        apart = wigner.asks_apart(observables, problem)
        # What members of a class do by themselves follows from their sum only as they are sampled.
        asks_own = wigner.asks_own(observables, problem)
        if each_spin or (isinstance(problem.state, Ensemble) and asks_own):
            apart.append(np.arange(len(problem.spin_lift.group)))
        classes = classes_of(problem, apart)
        size = block_memory(problem, numerics.block, len(classes.size)) * workers()
        affordable(
            "block",
            f"{workers()} at a time of {numerics.block} trajectories of {len(classes.size)} spins "
            f"or sums of them and {problem.shape[2]} modes (choose a smaller block)",
            size,
        )
        groups = np.bincount(classes.group, minlength=1)
        self._given = self._given_starts(classes) if isinstance(problem.state, Ensemble) else None
        grouped = not classes.single and (asks_own or self._given is not None)
        self._frame = bool(groups.max() > 1 or grouped)
        self._classes = classes
        self._seed = trajectory_words(*key, getattr(problem.state, "generation", 0))
        with double_precision(), threads_for(*problem.couplings.shape):
            self._prepare(classes, observables)

    def _prepare(self, classes: Classes, observables: tuple[Observable, ...]) -> None:
        problem, dtype = self.problem, self.numerics.dtype
        bare, _ = initial(problem)
        noisy = bool((problem.loss + problem.gain).any())
        gram, back = (None, None) if noisy else _gram(problem, self.numerics.single)
        couplings = bare.couplings
        if isinstance(couplings, Grid):
            couplings = Grid(couplings.first[..., None], couplings.second[..., None])
        elif isinstance(couplings, Rows):
            couplings = Rows(couplings.couplings, np.ascontiguousarray(couplings.couplings.T))
        scale, rate = bare.scale[:, None], bare.rate
        if gram is not None:
            frequencies = np.unique(problem.frequencies)
            groups = len(problem.weights)
            stacked = gram.reshape(len(frequencies), groups, -1)
            couplings = Gram(np.concatenate([each @ each.T for each in stacked]))
            rate = 1j * np.repeat(frequencies, groups if len(frequencies) > 1 else 1)
        self._groups = (
            (len(problem.weights),) if problem.factors is None else tuple(map(len, problem.factors))
        )
        field = np.asarray(bare.field)
        if np.ptp(field) == 0:
            field = field.reshape(-1)[:1].reshape([1] * len(self._groups))
        ordered = np.array_equal(classes.group, np.arange(int(np.prod(self._groups))))
        place = None if ordered else classes.group
        self._parameters = jax.tree.map(
            jnp.asarray,
            Parameters(
                couplings,
                scale,
                None,
                field[..., None],
                None if rate is None else rate[:, None],
            ),
        )
        self._place = None if place is None else jnp.asarray(place)
        self._gram: Any = None if gram is None else jnp.asarray(gram)
        self._sources = jax.tree.map(
            jnp.asarray,
            Sources(*classes[:4], np.asarray(problem.displacement, complex), problem.occupation),
        )
        triad = None if classes.single else classes.triad
        self._setting, self._readout = cast(
            (
                Setting(place, classes.size, triad, back),
                wigner.contract(observables, problem, classes),
            ),
            dtype,
        )
        self._setting, self._readout = jax.tree.map(jnp.asarray, (self._setting, self._readout))
        dark = problem.mode_lift.dark[:, None]
        self._dark = cast(jnp.asarray(dark, complex), dtype)
        strength = (problem.loss + problem.gain)[:, None] / 2
        self._strength = jnp.asarray(strength) if noisy else None

    def _given_starts(self, classes: Classes) -> Any:
        """Sums of classes, bright amplitudes and dark amplitudes of an ensemble's trajectories."""
        problem, ensemble = self.problem, self.problem.state
        assert isinstance(ensemble, Ensemble)
        vectors = np.moveaxis(ensemble.vectors(problem.model), 0, -1).copy()  # (N, 3, n)
        vectors[:, 1:] *= problem.spin_lift.sign[:, None, None]
        sums = vectors
        if not classes.single or not np.array_equal(classes.member, np.arange(len(vectors))):
            sums = np.zeros((len(classes.size), *vectors.shape[1:]))
            np.add.at(sums, classes.member, vectors)
        amplitude = np.asarray(ensemble.amplitudes).T
        rotation = problem.mode_lift.rotation
        bright = amplitude if rotation is None else rotation.T @ amplitude
        dark = np.zeros_like(amplitude) if rotation is None else amplitude - rotation @ bright
        extra = len(problem.frequencies) - len(bright)
        return sums, np.pad(bright, ((0, extra), (0, 0))), dark

    def counts(self, step: float) -> Array:
        """Steps (T,) into each output time, none longer than `step`."""
        return step_counts(self.elapsed, step)

    def statistics(self, first: int, count: int, counts: Array) -> dict[str, Statistic]:
        """Statistics over the trajectories `first` to `first + count`, at most a block of them."""
        _, values = self._run(first, count, counts, 1, apart=False)
        result: dict[str, Statistic] = {}
        for item in self.observables:
            mean, m2 = values[item.name]  # (T, p, …), (T, p, p, …)
            if item.combine is None:
                result[item.name] = Moments(count, mean[:, 0], m2[:, 0, 0])
            else:
                mean, m2 = np.moveaxis(mean, 1, 0), np.moveaxis(m2, (1, 2), (0, 1))
                result[item.name] = JointMoments(count, mean, m2, item.combine)
        return result

    def values(self, first: int, count: int, counts: Array, fold: int = 1) -> dict[str, Array]:
        """Parts of observables along trajectories, by name (T, p, …, count).

        With `fold` the noise of each step is that of so many shorter ones.
        """
        _, values = self._run(first, count, counts, fold, apart=True)
        return {name: array[..., :count] for name, array in values.items()}

    def followed(self, first: int, count: int, counts: Array) -> tuple[dict[str, Array], Any]:
        """As `values`, and the spins (count, N, 3) and amplitudes (count, M) at the last time."""
        with double_precision():
            (run, state), values = self._run(first, count, counts, 1, apart=True)
            problem = self.problem
            spins = [wigner.each_spin(axis, problem, self._classes) for axis in AXES]
            modes = wigner.lifted_modes(problem) if problem.model.modes else None
            spins, modes = jax.tree.map(jnp.asarray, (spins, modes))
            numbers = jnp.asarray(self._numbers(first), jnp.uint32)
            run = run._replace(noise=(jnp.asarray(self._seed), numbers, None))
            final = final_program(
                self._setting, run, state, spins, modes, jnp.asarray(self.elapsed[-1])
            )
        components, amplitudes = (np.asarray(each)[..., :count] for each in final)
        return (
            {name: array[..., :count] for name, array in values.items()},
            (components.transpose(2, 1, 0), amplitudes.T),
        )

    def _numbers(self, first: int) -> Array:
        return first + np.arange(self.numerics.block)

    def _run(
        self,
        first: int,
        count: int,
        counts: Array,
        fold: int,
        apart: bool,
    ) -> tuple[tuple[Run, State], dict[str, Any]]:
        with double_precision():
            run, state = self._start(first)
            schedule = Schedule(self.elapsed, counts, self._rows(apart))
            collected: list[Any] = []
            budget = self.budget
            while not schedule.finished:
                segment = schedule.next(budget)
                state, values = trajectory_program(
                    run,
                    state,
                    self._setting,
                    self._readout,
                    *segment[:3],
                    np.asarray(segment.first),
                    np.asarray(count),
                    np.asarray(fold),
                    order=self.numerics.order,
                    apart=apart,
                )
                saved = segment.saved
                collected.append(
                    jax.tree.map(lambda leaf, kept=saved: np.asarray(leaf)[kept], values)
                )
            joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *collected)
        return (run, state), joined

    def _start(self, first: int) -> tuple[Run, State]:
        numbers = jnp.asarray(self._numbers(first), jnp.uint32)
        seed = jnp.asarray(self._seed)
        dark = self._dark
        if self._given is None:
            starts = sample_program(seed, numbers, self._sources, single=self._classes.single)
        else:
            chosen = np.minimum(self._numbers(first), self._given[0].shape[-1] - 1)
            starts = Starts(*(jnp.asarray(each[..., chosen]) for each in self._given[:2]))
            dark = cast(jnp.asarray(self._given[2][:, chosen]), self.numerics.dtype)
        parameters, state = begin_program(
            starts,
            self._place,
            self._parameters,
            self._gram,
            groups=self._groups,
            frame=self._frame,
            dtype=self.numerics.dtype,
        )
        sums = cast(starts.sums, self.numerics.dtype) if self._frame else None
        noise = None if self._strength is None else (seed, numbers, self._strength)
        return Run(parameters, sums, dark, noise), state

    @property
    def budget(self) -> int:
        """Steps of a segment, for about a third of a second; the same on every machine."""
        groups = int(np.prod(self._groups))
        modes = len(self.problem.frequencies)
        products = 2.0 * groups * (groups if self._gram is not None else 2 * modes)
        each = (products / 20 + 20.0 * groups + 100.0 * modes * (self._strength is not None)) * 1e-9
        stages = len(SCHEMES[self.numerics.order].coupling)
        return int(np.clip(0.3 / (each * stages * self.numerics.block), 8, 10**6))

    def _rows(self, apart: bool) -> int:
        """Output times of a segment: fewer where answers are large."""
        numbers = sum(int(np.prod(item.shape(self.problem.model))) for item in self.observables)
        each = 8.0 * numbers * (self.numerics.block if apart else 2)
        return int(np.clip(min(len(self.elapsed), 5e7 / each), 1, 128))


def _gram(problem: Problem, single: bool) -> tuple[Array | None, Array | None]:
    """Couplings (n K, L) from mode amplitudes to those of `Gram`, and back (L, n K); or None.

    Taken where it saves products and where the way back is well conditioned.
    """
    groups, _, modes = problem.shape
    frequencies = np.unique(problem.frequencies)
    if (
        problem.strengths is not None
        or problem.factors is not None
        or len(frequencies) * groups >= 1.6 * modes
    ):
        return None, None
    limit = 1e3 if single else 1e6
    forth = np.zeros((len(frequencies), groups, modes))
    back = np.zeros((modes, len(frequencies), groups))
    for number, frequency in enumerate(frequencies):
        here = problem.frequencies == frequency
        block = problem.couplings[:, here]
        singular = np.linalg.svd(block, compute_uv=False)
        if len(singular) < here.sum() or singular[-1] * limit <= singular[0]:
            return None, None
        forth[number][:, here] = block
        back[here, number] = np.linalg.pinv(block)
    return forth.reshape(-1, modes), back.reshape(modes, -1)


def block_memory(problem: Problem, block: int, classes: int) -> int:
    """Bytes that a block needs, its observables included."""
    groups, _, modes = problem.shape
    original = problem.model.modes
    return 8 * block * (9 * classes + 18 * groups + 10 * modes + 4 * original)


def default_block(problem: Problem, trajectories: int) -> int:
    """Trajectories in a block: what fits the cache; many on other devices.

    The same for every number of workers.
    """
    groups, _, modes = problem.shape
    if device_kind() != "cpu":
        most = 2**24 // max(groups, modes)
        return int(min(1 << max(trajectories - 1, 0).bit_length(), np.clip(most, 64, 2**16)))
    cached = int(np.clip(_CACHED // max(groups, 1), 32, 1024))
    wanted = min(cached, max(_LEAST, -(-trajectories // _BLOCKS)))
    return -(-trajectories // -(-trajectories // wanted))


_BLOCKS = 8
"""Blocks at least, where trajectories are many enough."""
_LEAST = 100
"""Trajectories of a block at least: a step takes a while whatever their number."""
_CACHED = 12000
"""Numbers of one spin component of a block that fit the cache beside the others."""
