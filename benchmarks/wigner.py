"""Truncated Wigner against batched integrators, against matrix products, and its cost by size."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from table import Finding, Row, duration
from timing import QUICK, Task, cpu, paired, seconds, size

import opendicke as od
from opendicke.methods.runtime import device_kind

COST_FIGURE = Path(__file__).parent / "wigner_cost.png"
TIMES = np.linspace(0, size(10, 1), 101)
SPINS, MODES, SAMPLES = size((50, 500, 200), (5, 10, 20))
ALLOWED = 1e-4
LARGE, COUNT = size(((91, 909), 1000), ((6, 8), 50))
UP = od.ProductState.polarized("+z")


def _dicke(spins: int, modes: int, seed: int = 0) -> od.DickeModel:
    """Gaussian couplings of variance σ²ω/(2(N + M)), σ = 2, ω = h = 1 (kelly2021)."""
    random = od.RandomDicke(od.Gaussian(2.0), spins=spins, modes=modes, frequencies=1.0, field=1.0)
    return random.draw(seed=seed)


def _solve(model: od.DickeModel, state: Any, method: od.TruncatedWigner, *asked: str) -> Any:
    return od.solve(model, state, TIMES, method, list(asked), seed=1, validity="ignore")


class Batched:
    """All trajectories of an ensemble as one system of equations, written as matrix products."""

    def __init__(self, model: od.DickeModel, start: od.Ensemble) -> None:
        self.couplings = np.asarray(model.couplings)
        self.transposed = self.couplings.T.copy()
        self.frequency, self.field = float(model.frequencies[0]), float(model.field[0])
        x, y, z = (start.vectors(model)[..., axis].T for axis in range(3))
        self.start = np.concatenate([start.amplitudes.real.T, start.amplitudes.imag.T, x, y, z])
        self.spins, self.modes = model.spins, model.modes

    def slope(self, now: Any, into: Any) -> None:
        """The right-hand side, written into an array."""
        m, n = self.modes, self.spins
        re, im = now[:m], now[m : 2 * m]
        x, y, z = now[2 * m : 2 * m + n], now[2 * m + n : 2 * m + 2 * n], now[2 * m + 2 * n :]
        turn = 4.0 * (self.couplings @ re)
        into[:m] = self.frequency * im
        into[m : 2 * m] = -self.frequency * re - self.transposed @ z
        into[2 * m : 2 * m + n] = -turn * y
        into[2 * m + n : 2 * m + 2 * n] = turn * x - 2 * self.field * z
        into[2 * m + 2 * n :] = 2 * self.field * y

    def dop853(self, tolerance: float) -> np.ndarray:
        """Mean z over spins and trajectories, (T,)."""
        shape = self.start.shape

        def slope(_: float, now: np.ndarray) -> np.ndarray:
            into = np.empty(shape)
            self.slope(now.reshape(shape), into)
            return into.ravel()

        span = (TIMES[0], TIMES[-1])
        solution = solve_ivp(
            slope,
            span,
            self.start.ravel(),
            "DOP853",
            t_eval=TIMES,
            rtol=tolerance,
            atol=tolerance,
        )
        z = solution.y.reshape(*shape, -1)[-self.spins :]
        return np.asarray(z.mean(axis=(0, 1)))

    def tsit5(self, tolerance: float) -> Callable[[], np.ndarray]:
        """The same by diffrax, compiled; a function that solves it."""
        import diffrax
        import jax
        import jax.numpy as jnp

        g, gt = jnp.asarray(self.couplings), jnp.asarray(self.transposed)
        w, h, m, n = self.frequency, self.field, self.modes, self.spins

        def slope(_: Any, now: Any, __: Any) -> Any:
            re, im = now[:m], now[m : 2 * m]
            x, y, z = now[2 * m : 2 * m + n], now[2 * m + n : 2 * m + 2 * n], now[2 * m + 2 * n :]
            turn = 4.0 * (g @ re)
            return jnp.concatenate(
                [w * im, -w * re - gt @ z, -turn * y, turn * x - 2 * h * z, 2 * h * y]
            )

        @jax.jit
        def solve(start: Any) -> Any:
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(slope),
                diffrax.Tsit5(),
                TIMES[0],
                TIMES[-1],
                None,
                start,
                saveat=diffrax.SaveAt(ts=jnp.asarray(TIMES), fn=lambda _, y, __: y[-n:].mean()),
                stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
                max_steps=10**6,
            )
            return solution.ys

        start = jnp.asarray(self.start)
        return lambda: np.asarray(solve(start))


def integrators() -> Iterator[Row]:
    """A: 50 × 500, 200 trajectories, to an ensemble mean within 1e-4 of the converged one."""
    import jax

    model = _dicke(SPINS, MODES)
    sampled = od.TruncatedWigner(SAMPLES, step=1.0)
    _, start = od.trajectories(model, UP, [0.0], sampled, ["sz"], seed=1, validity="ignore")
    batched = Batched(model, start)
    converged = batched.dop853(1e-10)
    methods = {
        "step by pilots": od.TruncatedWigner(SAMPLES, tolerance=ALLOWED),
        "step 0.05 given": od.TruncatedWigner(SAMPLES, step=0.05),
    }
    what = f"{SPINS} × {MODES}, {SAMPLES} trajectories, t = {TIMES[-1]:g}"
    with jax.enable_x64(True):
        peers: dict[str, tuple[str, Task]] = {
            "scipy": ("batched DOP853, rtol 1e-6", lambda: batched.dop853(1e-6)),
            "diffrax": ("batched Tsit5, rtol 1e-6", batched.tsit5(1e-6)),
        }
        for package, (peer, task) in peers.items():
            peer_error = float(np.abs(task() - converged).max())
            for chosen, method in methods.items():
                made = _solve(model, start, method, "sz").sz.values
                error = float(np.abs(made - converged).max())
                pair = paired(lambda m=method: _solve(model, UP, m, "sz"), task, 5, cpu)
                yield Row(what, f"solve, {chosen}", peer, pair, package, error, peer_error, "CPU")


def products() -> Row:
    """B: 91 × 909, 1,000 trajectories, 200 steps, against the products of a textbook step."""
    (spins, modes), count = LARGE, COUNT
    model = _dicke(spins, modes)
    fast = od.TruncatedWigner(count, step=TIMES[-1] / 200, order=2, precision="single")
    asked = ("sx", "sz", "photons")
    exact = _solve(model, UP, od.TruncatedWigner(count, step=TIMES[-1] / 1000), *asked)
    made = _solve(model, UP, fast, *asked)
    error = max(float(np.abs(made[name] - exact[name]).max()) for name in ("sx", "sz"))
    stderr = max(float(exact[f"{name}_stderr"].max()) for name in ("sx", "sz"))
    rng = np.random.default_rng(0)
    g = np.asarray(model.couplings, np.float32)
    back = g.T.copy()
    z = rng.normal(size=(spins, count)).astype(np.float32)
    a = rng.normal(size=(modes, count)).astype(np.float32)

    def textbook() -> None:
        for _ in range(200):
            back @ z
            g @ a

    pair = paired(lambda: _solve(model, UP, fast, *asked), textbook, 9)
    what = (
        f"{spins} × {modes}, {count:,} trajectories, 200 steps of order 2, single precision "
        f"(error of mean spins {error:.1e}, standard error {stderr:.1e})"
    )
    return Row(what, "whole run", "two products a step by NumPy", pair)


def growth() -> Iterator[Finding]:
    """C: time and memory for each trajectory, from 1,000 to 1,000,000 of them.

    The largest memory of a process never falls: this comes first, and by rising numbers.
    """
    model = _dicke(20, 200)
    few = od.TruncatedWigner(1000, step=0.1, order=2, precision="single", block=500)
    _solve(model, UP, few, "sz")
    for count in size((10**3, 10**4, 10**5, 10**6), (10**3, 2 * 10**3)):
        method = od.TruncatedWigner(count, step=0.1, order=2, precision="single", block=500)
        repeats = size(3 if count < 10**5 else 1, 1)
        spent = statistics.median(
            seconds(lambda m=method: _solve(model, UP, m, "sz")) for _ in range(repeats)
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield Finding(
            f"20 × 200, {count:,} trajectories, 100 steps of order 2: time of one trajectory, "
            "largest memory of the process",
            f"{duration(spent / count)}, {memory:.0f} MiB",
        )


def cost_by_size() -> Finding:
    """C: time of a step of one trajectory against N and M, fitted by what a step does."""
    numbers = size(((10, 30, 100, 300), (3, 10, 30, 100, 300, 1000)), ((4, 8), (3, 6)))
    sizes = [(n, m) for n in numbers[0] for m in numbers[1]]
    rows, spent = [], []
    for spins, modes in sizes:
        model = _dicke(spins, modes, seed=2)
        count, steps = size((512, 400), (32, 20))
        method = od.TruncatedWigner(count, step=TIMES[-1] / steps, order=2, block=128)
        _solve(model, UP, method, "sz")
        times = [
            seconds(lambda m=model, k=method: _solve(m, UP, k, "sz"), cpu)
            for _ in range(size(5, 1))
        ]
        spent.append(statistics.median(times) / (count * steps))
        rank = min(spins, modes)
        gram = spins < 1.6 * rank  # else products with the couplings, there and back
        rows.append([1.0, spins + (0 if gram else rank), spins**2 if gram else 2 * spins * rank])
    design, measured = np.array(rows), np.array(spent)
    weights = 1 / measured[:, None]
    from scipy.optimize import nnls

    fit, _ = nnls(design * weights, measured * weights[:, 0])
    predicted = design @ fit
    if not QUICK:
        _draw_cost(sizes, measured, predicted)
    worst = float(np.abs(predicted / measured - 1).max())
    return Finding(
        f"one step of order 2 of one trajectory, {len(sizes)} sizes: CPU time",
        f"{1e9 * fit[0]:.3g} ns + {1e9 * fit[1]:.3g} ns × (spins and modes followed) + "
        f"{1e12 * fit[2]:.3g} ps × multiplications, within {worst:.0%}",
    )


def _draw_cost(sizes: list[tuple[int, int]], measured: np.ndarray, predicted: np.ndarray) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    for spins in sorted({n for n, _ in sizes}):
        here = [i for i, (n, _) in enumerate(sizes) if n == spins]
        modes = [sizes[i][1] for i in here]
        (line,) = axes.loglog(modes, 1e6 * predicted[here], "-")
        axes.loglog(modes, 1e6 * measured[here], "o", color=line.get_color(), label=f"N = {spins}")
    axes.set_xlabel("modes M")
    axes.set_ylabel("CPU time of a step of one trajectory (µs)")
    place = {"loc": "outside upper center", "ncols": 4}  # on the axes it hides points
    figure.legend(title="points: measured, lines: model", fontsize=8, title_fontsize=8, **place)
    figure.savefig(COST_FIGURE, dpi=150)
    plt.close(figure)


def compilation() -> Finding:
    """D: the first run of a process, without compiled programs on disk, and another draw."""
    script = (
        "import sys, time, warnings; sys.path.insert(0, sys.argv[1]); import wigner as w\n"
        "from opendicke.methods.trajectories import trajectory_program as made\n"
        "for seed in (0, 1):\n"
        "    model = w._dicke(*w.LARGE, seed)\n"
        "    start = time.perf_counter()\n"
        "    method = w.od.TruncatedWigner(w.COUNT, step=0.05, order=2)\n"
        "    w._solve(model, w.UP, method, 'sx', 'sz', 'photons')\n"
        "    print(time.perf_counter() - start, made.compilations, made.compile_seconds)\n"
    )
    folder = str(Path(__file__).parent)
    result = subprocess.run(
        [sys.executable, "-c", script, folder],
        env=os.environ | {"OPENDICKE_CACHE": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = (list(map(float, line.split())) for line in result.stdout.splitlines())
    more = int(second[1] - first[1])
    return Finding(
        f"{LARGE[0]} × {LARGE[1]}, {COUNT:,} trajectories: first run of a process with nothing "
        "compiled before, then another draw",
        f"{duration(first[0])} ({duration(first[2])} of it compiling the trajectories), then "
        f"{duration(second[0])} with {more} programs compiled",
    )


def device() -> Iterator[Row]:
    """E: on an accelerator, A and B at 10⁵ trajectories, against its own products."""
    if device_kind() == "cpu":
        return
    import jax

    for spins, modes, single in ((50, 500, False), (91, 909, True)):
        model = _dicke(spins, modes)
        order, step = (2, 0.05) if single else (4, 0.05)
        kind = "single" if single else "double"
        method = od.TruncatedWigner(10**5, step=step, order=order, precision=kind)
        dtype = np.float32 if single else np.float64
        with jax.enable_x64(True):
            key = jax.random.key(0)
            g = jax.random.normal(key, (spins, modes), dtype)
            z = jax.random.normal(key, (spins, 10**5), dtype)

            @jax.jit
            def textbook(g: Any, z: Any) -> Any:
                return jax.lax.fori_loop(0, 200, lambda _, z: z + 1e-6 * (g @ (g.T @ z)), z)

            def floor(g: Any = g, z: Any = z, run: Any = textbook) -> None:
                run(g, z).block_until_ready()

            pair = paired(lambda m=model, k=method: _solve(m, UP, k, "sz"), floor)
        what = (
            f"{device_kind()}: {spins} × {modes}, 100,000 trajectories, 200 steps of order "
            f"{order}, {kind} precision"
        )
        yield Row(what, "whole run", "two products a step", pair)


def rows() -> Iterator[Row | Finding]:
    """Lines of the tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from growth()
        yield from integrators()
        yield products()
        yield cost_by_size()
        yield compilation()
        yield from device()
