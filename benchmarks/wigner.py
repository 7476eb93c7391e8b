"""Truncated Wigner against batched integrators, against matrix products, and its cost by size."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from timing import Pair, Task, paired

import opendicke as od
from opendicke.methods.runtime import device_kind

COST_FIGURE = Path(__file__).parent / "wigner_cost.png"
TIMES = np.linspace(0, 10, 101)
SPINS, MODES, SAMPLES = 50, 500, 200
ALLOWED = 1e-4
UP = od.ProductState.polarized("+z")


def _dicke(spins: int, modes: int, seed: int = 0) -> od.DickeModel:
    """Gaussian couplings of variance σ²ω/(2(N + M)), σ = 2, ω = h = 1 (kelly2021)."""
    random = od.RandomDicke(od.Gaussian(2.0), spins=spins, modes=modes, frequencies=1.0, field=1.0)
    return random.draw(seed=seed)


def _solve(model: od.DickeModel, state: Any, method: od.TruncatedWigner, *asked: str) -> Any:
    return od.solve(model, state, TIMES, method, list(asked), seed=1, validity="ignore")


def cpu_paired(first: Task, second: Task, repeats: int = 5) -> Pair:
    """As `paired`, in processor time of all threads."""
    first(), second()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        first()
        between = time.process_time()
        second()
        times.append((between - start, time.process_time() - between))
    ratios = [a / b for a, b in times]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return Pair(medians[0], medians[1], statistics.median(ratios), min(ratios), max(ratios))


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


def integrators() -> Iterator[str]:
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
    peers: dict[str, Task] = {"batched DOP853, rtol 1e-6": lambda: batched.dop853(1e-6)}
    with jax.enable_x64(True):
        peers["batched diffrax Tsit5, rtol 1e-6"] = batched.tsit5(1e-6)
        for peer, task in peers.items():
            peer_error = np.abs(task() - converged).max()
            for chosen, method in methods.items():
                error = np.abs(_solve(model, start, method, "sz").sz.values - converged).max()
                pair = cpu_paired(lambda m=method: _solve(model, UP, m, "sz"), task, 5)
                yield inverse(
                    pair,
                    f"{SPINS} × {MODES}, {SAMPLES} trajectories, t = 10, {chosen}; "
                    f"errors {error:.1e} and {peer_error:.1e}; CPU time",
                    "solve",
                    peer,
                )


def inverse(pair: Pair, what: str, first: str, second: str) -> str:
    """A row whose ratio is written as one over a number."""
    return (
        f"| {what} | {first}: {pair.first:.3g} s | {second}: {pair.second:.3g} s "
        f"| 1/{1 / pair.ratio:.3g} (1/{1 / pair.least:.3g}–1/{1 / pair.most:.3g}) |"
    )


def products() -> str:
    """B: 91 × 909, 1,000 trajectories, 200 steps, against the products of a textbook step."""
    model = _dicke(91, 909)
    fast = od.TruncatedWigner(1000, step=0.05, order=2, precision="single")
    asked = ("sx", "sz", "photons")
    exact = _solve(model, UP, od.TruncatedWigner(1000, step=0.01), *asked)
    made = _solve(model, UP, fast, *asked)
    error = max(float(np.abs(made[name] - exact[name]).max()) for name in ("sx", "sz"))
    stderr = max(float(exact[f"{name}_stderr"].max()) for name in ("sx", "sz"))
    rng = np.random.default_rng(0)
    g = np.asarray(model.couplings, np.float32)
    back = g.T.copy()
    z = rng.normal(size=(91, 1000)).astype(np.float32)
    a = rng.normal(size=(909, 1000)).astype(np.float32)

    def textbook() -> None:
        for _ in range(200):
            back @ z
            g @ a

    pair = paired(lambda: _solve(model, UP, fast, *asked), textbook, 9)
    what = (
        f"91 × 909, 1,000 trajectories, 200 steps of order 2, single precision "
        f"(error of mean spins {error:.1e}, standard error {stderr:.1e})"
    )
    return pair.row(what, "whole run", "two products a step")


def growth() -> Iterator[str]:
    """C: time and memory for each trajectory, from 1,000 to 1,000,000 of them."""
    model = _dicke(20, 200)
    each: dict[int, float] = {}
    memory: dict[int, float] = {}
    for count in (10**3, 10**4, 10**5, 10**6):
        method = od.TruncatedWigner(count, step=0.1, order=2, precision="single", block=500)
        _solve(model, UP, od.TruncatedWigner(500, step=0.1, order=2, precision="single"), "sz")
        times = []
        for _ in range(3 if count < 10**5 else 1):
            start = time.perf_counter()
            _solve(model, UP, method, "sz")
            times.append((time.perf_counter() - start) / count)
        each[count] = statistics.median(times)
        memory[count] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield (
            f"| 20 × 200, {count:,} trajectories, 100 steps of order 2: microseconds for each; "
            f"largest memory so far | {1e6 * each[count]:.3g} µs, {memory[count]:.0f} MiB "
            f"| 1,000 trajectories: {1e6 * each[1000]:.3g} µs, {memory[1000]:.0f} MiB "
            f"| {each[count] / each[1000]:.3g} |"
        )


def cost_by_size() -> str:
    """C: time of a step of one trajectory against N and M, fitted by what a step does."""
    sizes = [(n, m) for n in (10, 30, 100, 300) for m in (3, 10, 30, 100, 300, 1000)]
    rows, seconds = [], []
    for spins, modes in sizes:
        model = _dicke(spins, modes, seed=2)
        count, steps = 512, 400
        method = od.TruncatedWigner(count, step=TIMES[-1] / steps, order=2, block=128)
        _solve(model, UP, method, "sz")
        times = []
        for _ in range(5):
            start = time.process_time()
            _solve(model, UP, method, "sz")
            times.append(time.process_time() - start)
        seconds.append(statistics.median(times) / (count * steps))
        rank = min(spins, modes)
        gram = spins < 1.6 * rank  # else products with the couplings, there and back
        rows.append([1.0, spins + (0 if gram else rank), spins**2 if gram else 2 * spins * rank])
    design, measured = np.array(rows), np.array(seconds)
    weights = 1 / measured[:, None]
    from scipy.optimize import nnls

    fit, _ = nnls(design * weights, measured * weights[:, 0])
    predicted = design @ fit
    _draw_cost(sizes, measured, predicted)
    worst = float(np.abs(predicted / measured - 1).max())
    return (
        f"| one step of order 2 of one trajectory, {len(sizes)} sizes: CPU time = "
        f"{1e9 * fit[0]:.3g} ns + {1e9 * fit[1]:.3g} ns × (spins and modes followed) + "
        f"{1e12 * fit[2]:.3g} ps × multiplications | measured | this model | within {worst:.0%} |"
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
    axes.legend(title="points: measured, lines: model", fontsize=8, title_fontsize=8)
    figure.savefig(COST_FIGURE, dpi=150)
    plt.close(figure)


def compilation() -> str:
    """D: the first run of a process, without compiled programs on disk, and another draw."""
    script = (
        "import sys, time, warnings; sys.path.insert(0, sys.argv[1]); import wigner as w\n"
        "from opendicke.methods.trajectories import trajectory_program as made\n"
        "for seed in (0, 1):\n"
        "    model = w._dicke(91, 909, seed)\n"
        "    start = time.perf_counter()\n"
        "    method = w.od.TruncatedWigner(1000, step=0.05, order=2)\n"
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
    return (
        f"| 91 × 909, 1,000 trajectories: first run of a process, nothing compiled before "
        f"({first[2]:.2g} s of it compiling the trajectories) | first draw: {first[0]:.3g} s "
        f"| second draw: {second[0]:.3g} s, {more} programs compiled | {first[0] / second[0]:.3g} |"
    )


def device() -> Iterator[str]:
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
        yield pair.row(
            f"{device_kind()}: {spins} × {modes}, 100,000 trajectories, "
            f"200 steps of order {order}, {kind} precision",
            "whole run",
            "two products a step",
        )


def rows() -> Iterator[str]:
    """Lines of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from integrators()
        yield products()
        yield from growth()
        yield cost_by_size()
        yield compilation()
        yield from device()


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
