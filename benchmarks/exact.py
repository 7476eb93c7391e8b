"""Exact dynamics with the cutoff found, against QuTiP's mesolve with one chosen by hand.

Times are processor time of all threads, imports left out on both sides; the search for the cutoff
and the check of the steps are counted.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import qutip
from table import Finding, Row, duration
from timing import QUICK, Pair, Task, cpu, paired, seconds, size

import opendicke as od

DOWN = od.ProductState.polarized("-z")
REPEATS = size(3, 1)


def pair(ours: Task, peer: Task) -> Pair:
    """Processor time of both in turn, after a warm-up of ours; a slow peer is its own."""
    return paired(ours, peer, REPEATS, cpu, warm=False)


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


def two_spins() -> Row:
    """⟨σz⟩ of the first spin at t = 200 is −0.0150143102."""
    g, errors = [1.7, -0.9], [0.0, 0.0]
    times = size([0, 50, 100, 150, 200], [0, 1])

    def theirs() -> None:
        errors[0] = abs(by_qutip(g, 15, times).expect[0][-1] + 0.0150143102)

    def ours() -> None:
        ds = od.solve(model(g), DOWN, times, od.Lindblad(1e-6), ["sz_spin"])
        errors[1] = abs(float(ds.sz_spin[-1, 0]) + 0.0150143102)

    made = pair(ours, theirs)
    assert QUICK or errors[1] < 1e-6
    what = f"2 spins, g = (1.7, −0.9), η = 10, t = {times[-1]}"
    ours_named, peer = "Lindblad(1e-6), cutoff found", "mesolve, 15 Fock states"
    return Row(what, ours_named, peer, made, "qutip", errors[1], errors[0], "CPU")


def four_spins() -> Iterator[Row]:
    """To t = 10 at 1e-6: QuTiP in the laboratory's Fock basis, then ours."""
    g = size([2.0, 1.7, 1.9, 1.5], [1.0, 0.5])
    times, levels = size([0, 5, 10.0], [0, 0.5]), size(16, 8)
    exact = od.solve(
        model(g), DOWN, times, od.Lindblad(1e-9, way="hierarchy", cutoff=levels), ["sz_spin"]
    ).sz_spin.values
    errors: dict[str, float] = {}

    def lindblad(way: str) -> Task:
        def run() -> None:
            ds = od.solve(model(g), DOWN, times, od.Lindblad(1e-6, way=way), ["sz_spin"])
            errors[way] = float(np.abs(ds.sz_spin.values - exact).max())

        return run

    def theirs() -> None:
        found = by_qutip(g, levels, times, rtol=1e-7, atol=1e-9)
        errors["qutip"] = float(np.abs(np.array(found.expect).T - exact).max())

    what = (
        f"{len(g)} spins, g = ({', '.join(f'{each:g}' for each in g)}), η = 10, t = {times[-1]:g}"
    )
    ours_named = "Lindblad(1e-6), cutoff found"
    made = pair(lindblad("auto"), theirs)
    named = f"mesolve, {levels} Fock states"
    yield Row(what, ours_named, named, made, "qutip", errors["auto"], errors["qutip"], "CPU")
    made = pair(lindblad("auto"), lindblad("fock"))
    yield Row(what, ours_named, "way fock", made, "", errors["auto"], errors["fock"], "CPU")


def small() -> Row:
    """What QuTiP does at once, with a cutoff that one knows beforehand: here we lose."""
    g, times = [0.3], [0.0, 1.0, 2.0]

    def ours() -> None:
        od.solve(model(g), DOWN, times, od.Lindblad(1e-6), ["sz_spin"])

    what = "one spin, g = 0.3, η = 10, t = 2: a small question"
    made = paired(ours, lambda: by_qutip(g, 8, times), 11, cpu)
    return Row(what, "Lindblad(1e-6)", "mesolve, 8 Fock states", made, "qutip", clock="CPU")


def many_modes() -> Finding:
    """Gaussian couplings at α = 10, σ = 2, ω = 10: kelly2021's regime."""
    ensemble = od.RandomDicke(
        od.Gaussian(2.0), 3, 30, frequencies=10.0, field=1.0, coupling_axis="x", field_axis="z"
    )
    drawn, state = ensemble.draw(0), od.ProductState.polarized("+x")
    kept: list[Any] = []
    end = size(10.0, 0.1)

    def run() -> None:
        kept.append(od.solve(drawn, state, np.linspace(0, end, 51), od.Lindblad(1e-6), ["sx"]))

    spent = statistics.median(seconds(run, cpu) for _ in range(REPEATS))
    numerics = kept[-1].attrs["numerics"]
    cutoff = json.loads(numerics)["cutoff"]
    level = max(int(each) for each in cutoff.split(" × "))
    exponent = np.log10(8.0) + 30 * np.log10(level)
    return Finding(
        f"3 spins × 30 degenerate modes, no loss, t = {end:g} to 1e-6 by Lindblad; CPU time",
        f"{duration(spent)}, {cutoff} Fock states of 3 bright modes "
        f"(unreduced: 10^{exponent:.0f} amplitudes)",
    )


def hot_mode() -> Finding:
    """n̄ = 10 and strong coupling: 200 Fock states and more."""
    end = size(20.0, 0.1)
    hot = od.DickeModel([[3.0], [-1.5]], 1.0, loss=1.1, gain=1.0, field=0.1)
    state = od.ProductState.polarized("-z", bosons="stationary")
    kept: list[Any] = []

    def run() -> None:
        kept.append(od.solve(hot, state, [0, end], od.Lindblad(1e-4), ["sz_spin"]))

    spent = statistics.median(seconds(run, cpu) for _ in range(REPEATS))
    told = json.loads(kept[-1].attrs["numerics"])
    values = ", ".join(f"{each:.4f}" for each in kept[-1].sz_spin.values[-1])
    return Finding(
        f"2 spins, g = (3, −1.5), η = 0.1, n̄ = 10, t = {end:g} to 1e-4 by Lindblad; CPU time",
        f"{duration(spent)}, {told['unknowns']:,} unknowns (640,000 in 200 Fock states); "
        f"mean of z: {values}",
    )


def rows() -> Iterator[Row | Finding]:
    """All of them."""
    yield small()
    yield two_spins()
    yield from four_spins()
    yield many_modes()
    yield hot_mode()
