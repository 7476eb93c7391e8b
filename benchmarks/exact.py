"""Exact dynamics with the cutoff found, against QuTiP's mesolve with one chosen by hand.

Times are processor time of all threads, imports left out on both sides; the search for the cutoff
and the check of the steps are counted.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import qutip
from timing import Pair, Task

import opendicke as od

DOWN = od.ProductState.polarized("-z")
REPEATS = 3


def seconds(task: Task) -> float:
    """Processor time of one call."""
    start = time.process_time()
    task()
    return time.process_time() - start


def pair(first: Task, second: Task) -> Pair:
    """Both in turn after a short warm-up; a slow peer is its own."""
    second()
    times = [(seconds(first), seconds(second)) for _ in range(REPEATS)]
    ratios = [a / b for a, b in times]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return Pair(*medians, statistics.median(ratios), min(ratios), max(ratios))


def by_qutip(couplings: list[float], levels: int, times: Any, **options: Any) -> Any:
    """Written by hand: two-level spins and one mode, η = 10."""
    n = len(couplings)

    def at(place: int, operator: Any) -> Any:
        ones = [qutip.qeye(2)] * n + [qutip.qeye(levels)]
        return qutip.tensor([operator if k == place else one for k, one in enumerate(ones)])

    a = at(n, qutip.destroy(levels))
    z = [at(j, qutip.sigmaz()) for j in range(n)]
    h = a.dag() * a + sum(g * s for g, s in zip(couplings, z, strict=True)) * (a + a.dag())
    h += 0.1 * sum(at(j, qutip.sigmax()) for j in range(n))
    start = qutip.tensor(*[qutip.basis(2, 1)] * n, qutip.basis(levels, 0))
    jumps = [np.sqrt(11.0) * a, a.dag()]
    return qutip.mesolve(h, start, times, jumps, e_ops=z, options={"nsteps": 10**7} | options)


def model(couplings: list[float]) -> od.DickeModel:
    """The same for us."""
    table = np.array(couplings)[:, None]
    return od.DickeModel(table, frequencies=1.0, loss=11.0, gain=1.0, field=0.1)


def two_spins() -> str:
    """⟨σz⟩ of the first spin at t = 200 is −0.0150143102."""
    g, times, errors = [1.7, -0.9], [0, 50, 100, 150, 200], [0.0, 0.0]

    def theirs() -> None:
        errors[0] = abs(by_qutip(g, 15, times).expect[0][-1] + 0.0150143102)

    def ours() -> None:
        ds = od.solve(model(g), DOWN, times, od.Lindblad(1e-6), ["sz_spin"])
        errors[1] = abs(float(ds.sz_spin[-1, 0]) + 0.0150143102)

    made = pair(theirs, ours)
    assert errors[1] < 1e-6
    told = f"errors {errors[0]:.1e} and {errors[1]:.1e}; CPU time"
    return made.row(
        f"2 spins, g = (1.7, −0.9), η = 10, t = 200; {told}",
        "mesolve, 15 Fock states",
        "Lindblad(1e-6), cutoff found",
    )


def four_spins() -> Iterator[str]:
    """To t = 10 at 1e-6: QuTiP in the laboratory's Fock basis, then ours."""
    g, times = [2.0, 1.7, 1.9, 1.5], [0, 5, 10.0]
    exact = od.solve(
        model(g), DOWN, times, od.Lindblad(1e-9, way="hierarchy", cutoff=16), ["sz_spin"]
    ).sz_spin.values
    errors: dict[str, float] = {}

    def lindblad(way: str) -> Task:
        def run() -> None:
            ds = od.solve(model(g), DOWN, times, od.Lindblad(1e-6, way=way), ["sz_spin"])
            errors[way] = float(np.abs(ds.sz_spin.values - exact).max())

        return run

    def theirs() -> None:
        found = by_qutip(g, 16, times, rtol=1e-7, atol=1e-9)
        errors["qutip"] = float(np.abs(np.array(found.expect).T - exact).max())

    for first, name in ((theirs, "mesolve, 16 Fock states"), (lindblad("fock"), "way fock")):
        made = pair(first, lindblad("auto"))
        key = "qutip" if first is theirs else "fock"
        what = f"4 spins, g = (2, 1.7, 1.9, 1.5), η = 10, t = 10; errors {errors[key]:.1e} and "
        yield made.row(
            f"{what}{errors['auto']:.1e}; CPU time", name, "Lindblad(1e-6), cutoff found"
        )


def many_modes() -> str:
    """Gaussian couplings at α = 10, σ = 2, ω = 10: kelly2021's regime."""
    ensemble = od.RandomDicke(
        od.Gaussian(2.0), 3, 30, frequencies=10.0, field=1.0, coupling_axis="x", field_axis="z"
    )
    drawn, state = ensemble.draw(0), od.ProductState.polarized("+x")
    kept: list[Any] = []

    def run() -> None:
        kept.append(od.solve(drawn, state, np.linspace(0, 10, 51), od.Lindblad(1e-6), ["sx"]))

    spent = statistics.median(seconds(run) for _ in range(REPEATS))
    numerics = kept[-1].attrs["numerics"]
    cutoff = json.loads(numerics)["cutoff"]
    level = max(int(each) for each in cutoff.split(" × "))
    size = np.log10(8.0) + 30 * np.log10(level)
    return (
        f"| 3 spins × 30 degenerate modes, no loss, t = 10 to 1e-6; CPU time | Lindblad(1e-6): "
        f"{spent:.3g} s, {cutoff} Fock states of 3 bright modes "
        f"| unreduced: 10^{size:.0f} amplitudes | |"
    )


def hot_mode() -> str:
    """n̄ = 10 and strong coupling: 200 Fock states and more."""
    hot = od.DickeModel([[3.0], [-1.5]], 1.0, loss=1.1, gain=1.0, field=0.1)
    state = od.ProductState.polarized("-z", bosons="stationary")
    kept: list[Any] = []

    def run() -> None:
        kept.append(od.solve(hot, state, [0, 20.0], od.Lindblad(1e-4), ["sz_spin"]))

    spent = statistics.median(seconds(run) for _ in range(REPEATS))
    told = json.loads(kept[-1].attrs["numerics"])
    values = ", ".join(f"{each:.4f}" for each in kept[-1].sz_spin.values[-1])
    return (
        f"| 2 spins, g = (3, −1.5), η = 0.1, n̄ = 10, t = 20 to 1e-4: ({values}); CPU time | "
        f"Lindblad(1e-4): {spent:.3g} s, {told['unknowns']} unknowns | 200 Fock states: 640,000 | |"
    )


def rows() -> Iterator[str]:
    """All of them."""
    yield two_spins()
    yield from four_spins()
    yield many_modes()
    yield hot_mode()


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
