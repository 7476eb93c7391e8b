"""Ising models in motion: closed forms, independent integrations, modes that follow at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.methods.base import Verdict

MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some hundred of them."""
UNIT = dict(zip("xyz", np.eye(3), strict=True))
SPINS = ["sx_spin", "sy_spin", "sz_spin", "energy"]


def answers(
    model: Any, state: Any, times: Any, names: list[str], seed: int = 0, **settings: Any
) -> dict[str, Any]:
    """Statistics of every observable."""
    method = od.TruncatedWigner(**{"step": 100.0} | settings)
    problem, times = od.reduce(model, state), np.asarray(times, float)
    return method.run(problem, times, find_observables(names), (seed, 0)).values


def followed(
    model: Any, state: Any, times: Any, names: list[str], **settings: Any
) -> tuple[dict[str, np.ndarray], od.Ensemble]:
    """Values (n, T, …) along single trajectories, and where they end."""
    method = od.TruncatedWigner(**settings)
    ds, end = od.trajectories(model, state, times, method, names, 5, validity="ignore")
    return {name: ds[name].values for name in names}, end


def integrated(matrix: np.ndarray, model: od.IsingModel, spins: Any, times: Any) -> np.ndarray:
    """ṡ_i = 2 (h_i X − 2 Σ_j J_ij z_j Z) × s_i for spins (n, N, 3): (T, n, N, 3), by DOP853."""
    x, z = UNIT[model.field_axis], UNIT[model.coupling_axis]

    def rhs(_: float, packed: np.ndarray) -> np.ndarray:
        s = packed.reshape(spins.shape)
        turning = model.field[:, None] * x - 2 * ((s @ z) @ matrix)[..., None] * z
        return (2 * np.cross(turning, s)).ravel()

    span = (times[0], times[-1])
    found = solve_ivp(rhs, span, spins.ravel(), "DOP853", times, rtol=1e-11, atol=1e-12)
    return found.y.T.reshape(-1, *spins.shape)


def cases(kind: str, switch: str, axes: str = "zx") -> tuple[od.IsingModel, np.ndarray, Any]:
    """A model, its matrix J by its definition, and a state: dense, few factors, or groups."""
    rng = np.random.default_rng(4)
    spins = 7
    settings: dict[str, Any] = {
        "field": rng.uniform(0.3, 1.0, spins),
        "self_interaction": switch,
        "coupling_axis": axes[0],
        "field_axis": axes[1],
    }
    bloch = rng.normal(size=(spins, 3)) / 4
    if kind == "dense":
        matrix = rng.normal(size=(spins, spins)) * 0.2
        matrix = matrix + matrix.T
        model = od.IsingModel(matrix, **settings)
    else:
        factors, strengths = rng.normal(size=(spins, 2)) * 0.5, np.array([0.7, -0.4])
        if kind == "groups":
            factors = factors[[0, 1, 0, 0, 1, 2, 0]] * np.array([1, 1, -1, 1, -1, 1, 1])[:, None]
            settings["field"] = 0.7
        model = od.IsingModel(factors=factors, strengths=strengths, **settings)
        matrix = sum(s * np.outer(f, f) for s, f in zip(strengths, factors.T, strict=True))
    if switch == "drop":
        matrix = matrix - np.diag(np.diag(matrix))
    return model, matrix, od.ProductState.bloch(bloch)


KINDS = [("dense", "zx"), ("few", "xz"), ("groups", "zy")]


@pytest.mark.parametrize("switch", ["drop", "keep"])
@pytest.mark.parametrize(("kind", "axes"), KINDS)
def test_every_trajectory_against_runge_kutta(kind: str, axes: str, switch: str) -> None:
    """Dense, of low rank, in groups; with and without i = j; and energy is conserved."""
    model, matrix, state = cases(kind, switch, axes)
    times = [0.0, 0.8, 2.5]
    start = followed(model, state, times[:1], SPINS, trajectories=8, step=1.0)[1]
    found, end = followed(model, state, times, SPINS, trajectories=8, step=0.01)
    s = integrated(matrix, model, start.spins, times)
    for k, axis in enumerate("xyz"):
        expected = s[..., k].swapaxes(0, 1)
        np.testing.assert_allclose(found[f"s{axis}_spin"], expected, atol=1e-6)
    np.testing.assert_allclose(end.spins, s[-1], atol=1e-6)
    np.testing.assert_allclose((end.spins**2).sum(axis=-1), 3.0, atol=1e-12)
    assert end.amplitudes.shape == (8, 0)
    if kind == "groups" and switch == "keep":
        return  # products within a class are averages over what its sum leaves open
    np.testing.assert_allclose(found["energy"], found["energy"][:, :1] * np.ones(3), atol=1e-6)
    z, x = s[0] @ UNIT[model.coupling_axis], s[0] @ UNIT[model.field_axis]
    energy = -np.einsum("ni,ij,nj->n", z, matrix, z) + x @ model.field
    np.testing.assert_allclose(found["energy"][:, 0], energy, atol=1e-12)


@pytest.mark.parametrize("switch", ["drop", "keep"])
@pytest.mark.parametrize(("kind", "axes"), KINDS)
def test_mean_field_against_runge_kutta(kind: str, axes: str, switch: str) -> None:
    """The same equations for Bloch vectors."""
    model, matrix, state = cases(kind, switch, axes)
    times = np.array([0.0, 0.8, 2.5])
    found = od.solve(model, state, times, od.MeanField(tolerance=1e-7), SPINS, validity="ignore")
    s = integrated(matrix, model, np.array(state.spins.vectors)[None], times)[:, 0]
    for k, axis in enumerate("xyz"):
        np.testing.assert_allclose(found[f"s{axis}_spin"], s[..., k], atol=1e-6)
    energy = found["energy"].values
    np.testing.assert_allclose(energy, energy[0], atol=1e-6)
    z, x = s[0] @ UNIT[model.coupling_axis], s[0] @ UNIT[model.field_axis]
    np.testing.assert_allclose(energy[0], -z @ matrix @ z + x @ model.field, atol=1e-12)


def twisted(spins: int, angle: float, own: bool) -> dict[str, float]:
    """One-axis twisting of spins along X by the rotation `angle` = 4Jt per unit of Σz.

    Classical z_k = ±1 and y_k = ±1, all independent: θ_i = −angle Σ z_k over k ≠ i, or all k,
    x_i → cos θ_i − y_i sin θ_i, y_i → sin θ_i + y_i cos θ_i.
    """
    one, two = np.cos(angle), np.cos(2 * angle)
    if own:
        mean, pair, crossed = one**spins, two**spins, one ** (spins - 1) * np.sin(angle)
        same = 1.0
    else:
        mean, pair = one ** (spins - 1), two ** (spins - 2) * one**2
        crossed, same = one ** (spins - 2) * np.sin(angle), one**2
    yy, yz = (same - pair) / 2, -crossed
    second = np.array([[1 + (spins - 1) * yy, (spins - 1) * yz], [(spins - 1) * yz, 1.0]])
    return {
        "sx": mean,
        "spin_correlation": 1 / spins,
        "spin_squeezing": np.linalg.eigvalsh(second)[0] / mean**2,
    }


def kitagawa_ueda(spins: int, angle: float) -> dict[str, float]:
    """Exact one-axis twisting (Kitagawa and Ueda, Phys. Rev. A 47 (1993) 5138, Eq. (5))."""
    mean = np.cos(angle) ** (spins - 1)
    a = 1 - np.cos(2 * angle) ** (spins - 2)
    b = 4 * np.sin(angle) * np.cos(angle) ** (spins - 2)
    least = 1 + (spins - 1) / 4 * (a - np.hypot(a, b))
    return {"sx": mean, "spin_correlation": 1 / spins, "spin_squeezing": least / mean**2}


@pytest.mark.parametrize("switch", ["drop", "keep"])
def test_one_axis_twisting(switch: str) -> None:
    """Equal J without a field: exact means with i = j dropped, squeezing near the quantum one."""
    spins, strength = 12, 0.05
    model = od.IsingModel(factors=np.ones((spins, 1)), strengths=strength, self_interaction=switch)
    times = np.array([0.0, 0.3, 0.6, 1.2, 2.4])
    names = ["sx", "sy", "spin_correlation", "spin_squeezing"]
    state = od.ProductState.polarized("+x")
    found = answers(model, state, times, names, 2, trajectories=40_000, block=8000)
    expected = [twisted(spins, 4 * strength * t, switch == "keep") for t in times]
    quantum = [kitagawa_ueda(spins, 4 * strength * t) for t in times]
    for name in ("sx", "spin_correlation", "spin_squeezing"):
        wanted = np.array([each[name] for each in expected])
        # The smaller eigenvalue where both agree, at the start, is low by about its error.
        apart = np.abs(found[name].value - wanted)
        assert (apart < MOST * found[name].stderr + 1e-12).all(), name
    assert (np.abs(found["sy"].value) < MOST * found["sy"].stderr + 1e-12).all()
    exact_mean = np.array([each["sx"] for each in quantum])
    error = found["sx"].stderr
    off = np.abs(found["sx"].value - exact_mean) - MOST * error
    assert (off[1:] > 0).any() == (switch == "keep")
    best = quantum[2]["spin_squeezing"]
    assert best < 0.6
    near = abs(found["spin_squeezing"].value[2] - best) < 0.1 * best
    assert near == (switch == "drop")


def test_squeezing_of_one_axis_twisting_by_small_exact_states() -> None:
    """The closed form of Kitagawa and Ueda, from the state vector of five spins."""
    spins, strength, time = 5, 0.05, 1.1
    pauli = {
        "x": np.array([[0, 1], [1, 0]], complex),
        "y": np.array([[0, -1j], [1j, 0]]),
        "z": np.diag([1.0 + 0j, -1.0]),
    }

    def total(axis: str) -> np.ndarray:
        result = np.zeros((2**spins,) * 2, complex)
        for place in range(spins):
            left, right = np.eye(2**place), np.eye(2 ** (spins - place - 1))
            result += np.kron(np.kron(left, pauli[axis]), right)
        return result

    x, y, z = (total(axis) for axis in "xyz")
    energies = -strength * np.diag(z @ z).real
    psi = np.exp(-1j * energies * time) / 2 ** (spins / 2)

    def mean(operator: np.ndarray) -> float:
        return float((psi.conj() @ operator @ psi).real)

    second = np.array([[mean(y @ y), mean(y @ z + z @ y) / 2], [0, mean(z @ z)]]) / spins
    least = np.linalg.eigvalsh(second, UPLO="U")[0]
    closed = kitagawa_ueda(spins, 4 * strength * time)
    assert mean(x) / spins == pytest.approx(closed["sx"], abs=1e-12)
    squeezing = least / (mean(x) / spins) ** 2
    assert squeezing == pytest.approx(closed["spin_squeezing"], abs=1e-12)
    # The cross moment of the classical spins has the sign of the quantum one.
    assert np.sign(second[0, 1]) == np.sign(-np.sin(4 * strength * time))


def test_fast_modes_follow_at_once() -> None:
    """Explicit photons approach the eliminated model with i = j kept as 1/ω²; not dropped."""
    rng = np.random.default_rng(9)
    rows, times = rng.normal(size=(4, 2)), np.array([0.0, 0.7, 1.5])
    names = ["sx_spin", "sy_spin", "sz_spin"]
    state = od.ProductState.bloch(rng.normal(size=(4, 3)) / 4, bosons="stationary")
    still = od.ProductState.bloch(state.spins.vectors)
    apart: dict[str, list[float]] = {"keep": [], "drop": []}
    for omega in (50.0, 100.0, 200.0):
        # J = g²/ω is held at the same size.
        model = od.DickeModel(rows * 0.6 * np.sqrt(omega), omega * np.array([1, 1.5]), field=0.7)
        mean = od.solve(model, state, times, od.MeanField(1e-7), names, validity="ignore")
        for switch, distances in apart.items():
            fast = od.eliminate(model, switch)
            ising = od.solve(fast, still, times, od.MeanField(1e-7), names, validity="ignore")
            distances.append(max(float(np.abs(mean[n] - ising[n]).max()) for n in names))
    assert apart["keep"][-1] < 0.02
    assert apart["keep"][0] > 1.7 * apart["keep"][1] > 2.5 * apart["keep"][2]
    assert min(apart["drop"]) > 0.1


def test_fast_modes_of_ensembles_follow_at_once() -> None:
    """Truncated Wigner with fast photons is truncated Wigner of the model that keeps i = j."""
    rng = np.random.default_rng(9)
    omega, names, times = 300.0, ["sx_spin", "sz_spin"], [0.0, 0.5, 1.0]
    model = od.DickeModel(rng.normal(size=(4, 2)) * 0.5 * np.sqrt(omega), omega, field=0.7)
    state = od.ProductState.polarized("+x")
    count = 4000
    photons = answers(model, state, times, names, 1, trajectories=count, block=1000, step=0.01)
    scores = {}
    for switch in ("keep", "drop"):
        ising = od.eliminate(model, switch)
        found = answers(ising, state, times, names, 2, trajectories=count, block=1000, step=0.05)
        scores[switch] = max(
            float(
                (
                    np.abs(found[name].value - photons[name].value)[1:]
                    / np.hypot(found[name].stderr, photons[name].stderr)[1:]
                ).max()
            )
            for name in names
        )
    assert scores["keep"] < MOST + 1, scores
    assert scores["drop"] > 2 * MOST, scores


def test_verdicts_name_the_field_of_a_spin_on_itself() -> None:
    """A spin turns in 2 Σ J z along Z and h along X: the part of itself against all others."""
    g, omega, loss, field = np.array([[1.0], [0.5], [-0.8]]), 2.0, 1.0, 0.3
    model = od.DickeModel(g, omega, loss=loss, field=field)
    state = od.ProductState.polarized("+z")
    method, times = od.TruncatedWigner(trajectories=10), [0.0, 5.0]
    verdict = od.assess(model, state, times, method)
    matrix = omega / (omega**2 + loss**2 / 4) * g @ g.T
    own = np.diag(matrix)
    others = np.sqrt((matrix**2).sum(axis=1) - own**2)
    ratio = float(np.mean(2 * own / np.hypot(2 * others, field)))
    assert verdict.verdict is Verdict.DOUBTFUL
    assert verdict.number == pytest.approx(ratio, rel=1e-12)
    assert f"about {own.mean():.1g}, its field {ratio:.1g} times the others" in verdict.reason
    assert 'eliminate(model, self_interaction="drop")' in verdict.reason
    kept = od.assess(od.eliminate(model, "keep"), state, times, method)
    assert kept.verdict is Verdict.DOUBTFUL
    assert kept.number == pytest.approx(ratio, rel=1e-12)
    dropped = od.assess(od.eliminate(model, "drop"), state, times, method)
    assert (dropped.verdict, dropped.number) == (Verdict.VALID, pytest.approx(0.0, abs=1e-12))
    # A short time does not let it act; no coupling, nothing to act.
    short = od.assess(model, state, [0.0, 0.01], method)
    assert short.verdict is Verdict.VALID
    free = od.assess(od.DickeModel(0 * g, omega, field=field), state, times, method)
    assert (free.verdict, free.number) == (Verdict.VALID, 0.0)
    with pytest.warns(od.ValidityWarning, match="field that it made itself"):
        od.solve(model, state, [0.0, 5.0], od.TruncatedWigner(trajectories=10, step=5.0), ["sx"])
