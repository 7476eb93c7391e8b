"""Observables of trajectories: operators ordered as written, spins that square to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import find_observables

MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some hundred of them."""
PAIRS = [a + b for a in "xyz" for b in "xyz"]


@pytest.fixture
def pairs(registry: dict[str, Any]) -> list[str]:
    """Products of two weighted sums along every two axes, as observables of their own."""
    for pair in PAIRS:

        def build(model: Any, pair: str = pair) -> od.SpinPairTerm:
            weights, others = weights_of_spins(model.spins)
            return od.SpinPairTerm((pair[0], pair[1]), weights, others)

        od.observable(f"pair_{pair}", dims=("row",))(build)
    return [f"pair_{pair}" for pair in PAIRS]


def weights_of_spins(spins: int) -> tuple[np.ndarray, np.ndarray]:
    """Two rows of weights w and v, of few different values so that classes hold several spins."""
    kinds = np.arange(spins) % 4 // 2
    return (
        np.array([[0.3, -0.8], [0.5, 0.5]])[:, kinds] / np.sqrt(spins),
        np.array([[1.0, 0.4], [-0.6, 0.9]])[:, kinds] / np.sqrt(spins),
    )


def moments(
    model: Any, state: Any, names: list[str], count: int, times: Any = (0.0,), **reductions: Any
) -> dict[str, Any]:
    """Statistics of every observable over the trajectories of one run, a step to each time."""
    method = od.TruncatedWigner(trajectories=count, step=100.0, block=min(count, 2000))
    problem = od.reduce(model, state, **reductions)
    return method.run(problem, np.asarray(times, float), find_observables(names), (7, 0)).values


def scores(found: dict[str, Any], exact: dict[str, Any]) -> dict[str, float]:
    """Largest |z| of every observable; where nothing scatters, 0 if it is exact and else inf."""
    result = {}
    for name, wanted in exact.items():
        apart, error = found[name].value - wanted, found[name].stderr
        fixed = error < 1e-12
        close = np.where(np.abs(apart) < 1e-12 * (1 + np.abs(wanted)), 0.0, np.inf)
        z = np.where(fixed, close, np.abs(apart) / np.where(fixed, 1.0, error))
        result[name] = float(z.max())
    return result


def exact_pairs(bloch: np.ndarray) -> dict[str, np.ndarray]:
    """½⟨AB + BA⟩ of a product state, (1, 2) each: Σ_{j≠k} w_j v_k r_ja r_kb + δ_ab Σ w_j v_j."""
    weights, others = weights_of_spins(len(bloch))
    result = {}
    for pair in PAIRS:
        a, b = ("xyz".index(axis) for axis in pair)
        first, second = weights * bloch[:, a], others * bloch[:, b]
        own = (weights * others).sum(axis=1) * (a == b)
        total = first.sum(axis=1) * second.sum(axis=1) - (first * second).sum(axis=1) + own
        result[f"pair_{pair}"] = total[None]
    return result


def spin_models() -> dict[str, tuple[od.DickeModel, np.ndarray]]:
    """Single spins, and groups of two kinds with reversed rows and several Bloch vectors."""
    rng = np.random.default_rng(2)
    bloch = rng.normal(size=(12, 3))
    bloch *= rng.uniform(0.3, 1.0, (12, 1)) / np.linalg.norm(bloch, axis=1)[:, None]
    kinds = np.array([[0.5, -0.3], [-0.5, 0.3], [0.2, 0.9]])
    repeated = bloch[np.array([0, 1, 0, 2, 0, 1, 0, 2, 3, 3, 3, 0])]
    rows = kinds[np.array([0, 0, 0, 0, 1, 1, 0, 1, 2, 2, 2, 2])]
    return {
        "alone": (od.DickeModel(rng.normal(size=(12, 2)), [1.0, 2.0]), bloch),
        "groups": (od.DickeModel(rows, [1.0, 2.0], coupling_axis="x", field_axis="z"), repeated),
    }


@pytest.mark.parametrize("case", ["alone", "groups"])
def test_products_of_spins(case: str, pairs: list[str]) -> None:
    """Along all pairs of axes, members of one class and single spins, gauge signs included."""
    model, bloch = spin_models()[case]
    found = moments(model, od.ProductState.bloch(bloch), [*pairs, "sx", "sy", "sz"], 10_000)
    exact: dict[str, Any] = exact_pairs(bloch)
    exact |= {f"s{axis}": bloch[:, k].mean() for k, axis in enumerate("xyz")}
    assert max(scores(found, exact).values()) < MOST, scores(found, exact)
    # A rule that forgets that spins square to one is told from it.
    weights, others = weights_of_spins(12)
    wrong = {"pair_xx": exact["pair_xx"] + (weights * others).sum(axis=1)}
    assert scores(found, wrong)["pair_xx"] > 3 * MOST


def test_products_of_turned_spins(pairs: list[str]) -> None:
    """g = 0: spins turn by their fields, exactly; grouped ones as single ones would."""
    field, time = 0.7, 0.8
    bloch = spin_models()["groups"][1]
    model = od.DickeModel(np.zeros((12, 1)), 1.0, field=field)
    found = moments(model, od.ProductState.bloch(bloch), pairs, 10_000, [0.0, time])
    c, s = np.cos(2 * field * time), np.sin(2 * field * time)
    turned = bloch @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T
    exact = {
        name: np.concatenate([first, second])
        for (name, first), second in zip(
            exact_pairs(bloch).items(), exact_pairs(turned).values(), strict=True
        )
    }
    assert max(scores(found, exact).values()) < MOST, scores(found, exact)


def test_one_spin_squares_to_one(pairs: list[str]) -> None:
    """σ² = 1 and ½{σ_a, σ_b} = 0 along every single trajectory, whatever its direction."""
    model = od.DickeModel([[0.4]], 1.0, field=0.6)
    state = od.ProductState.bloch([0.3, -0.5, 0.2])
    names = [*pairs, "spin_correlation", "ising_energy"]
    found = moments(model, state, names, 50, [0.0, 1.3])
    weights, others = weights_of_spins(1)
    for pair in PAIRS:
        wanted = (weights * others)[:, 0] * (pair[0] == pair[1])
        np.testing.assert_allclose(found[f"pair_{pair}"].value, [wanted] * 2, atol=1e-12)
        assert found[f"pair_{pair}"].stderr.max() < 1e-12
    np.testing.assert_allclose(found["spin_correlation"].value, 1.0, atol=1e-12)
    np.testing.assert_allclose(found["ising_energy"].value, 0.0, atol=1e-12)


@pytest.mark.parametrize("case", ["alone", "groups"])
def test_functions_of_spins(case: str) -> None:
    """Correlation, variances, squeezing and energies of a product state."""
    model, bloch = spin_models()[case]
    names = ["spin_correlation", "overlap", "overlap_variance", "spin_squeezing", "ising_energy"]
    found = moments(model, od.ProductState.bloch(bloch), [*names, "energy"], 10_000)
    z = bloch @ model.frame()[2]
    signs = np.sign(model.couplings).T
    mean = bloch.mean(axis=0)
    second = np.eye(3) - np.einsum("ja,jb->ab", bloch, bloch) / 12 + 12 * np.outer(mean, mean)
    along = mean / np.linalg.norm(mean)
    across = np.linalg.svd(along[None])[2][1:]
    least = np.linalg.eigvalsh(across @ second @ across.T)[0]
    pull = model.couplings.T @ z
    mediated = -(pull**2 - (model.couplings**2).T @ z**2) / model.frequencies
    exact = {
        "spin_correlation": (z.sum() ** 2 - (z**2).sum() + 12) / 144,
        "overlap": (signs @ z / 12)[None],
        "overlap_variance": ((1 - z**2).sum() / 144 * np.ones(2))[None],
        "spin_squeezing": least / (mean @ mean),
        "ising_energy": mediated.sum(),
        "energy": 0.0,  # vacuum without a field
    }
    assert max(scores(found, exact).values()) < MOST, scores(found, exact)


def test_a_coherent_spin_state_is_not_squeezed() -> None:
    """All along one direction: ξ² = 1 with an error bar, infinite without a mean spin."""
    model = od.DickeModel(np.full((30, 1), 0.2), 1.0)
    direction = np.array([2.0, -1.0, 2.0]) / 3
    found = moments(model, od.ProductState.bloch(direction), ["spin_squeezing"], 20_000)
    squeezing = found["spin_squeezing"]
    # The smaller of two eigenvalues that agree is low by about their error.
    assert abs(squeezing.value[0] - 1) < MOST * squeezing.stderr[0]
    assert 0.002 < squeezing.stderr[0] < 0.03


# Modes


def mode_state() -> tuple[np.ndarray, np.ndarray]:
    """Vacuum, coherent, thermal and displaced thermal: amplitudes and occupations."""
    return np.array([0.0, 1.5 - 0.5j, 0.0, 0.8j]), np.array([0.0, 0.0, 1.2, 0.7])


def exact_modes(alpha: np.ndarray, n: np.ndarray) -> dict[str, np.ndarray]:
    """⟨a†a⟩ = |α|² + n, ⟨a + a†⟩ = 2 Re α, ⟨a†a†aa⟩ = |α|⁴ + 4|α|²n + 2n²."""
    square = np.abs(alpha) ** 2
    return {
        "photons_mode": square + n,
        "quadrature_mode": 2 * alpha.real,
        "pairs_mode": square**2 + 4 * square * n + 2 * n**2,
        "weighed": np.array([(square + n) @ row for row in weights_of_modes(alpha.shape[-1])]).T,
    }


def weights_of_modes(modes: int) -> np.ndarray:
    """A row in which all agree and one in which none do."""
    return np.stack([np.full(modes, 0.5), np.linspace(-1.0, 2.0, modes)])


MODE_NAMES = ["photons_mode", "quadrature_mode", "pairs_mode", "weighed", "photons"]


@pytest.fixture
def modes(registry: dict[str, Any]) -> list[str]:
    """Observables of modes, two of them made here."""

    @od.observable("pairs_mode", dims=("mode",))
    def pairs_mode(model: Any) -> od.PhotonPairTerm:
        return od.PhotonPairTerm()

    @od.observable("weighed", dims=("row",))
    def weighed(model: Any) -> od.PhotonTerm:
        return od.PhotonTerm(weights_of_modes(model.modes))

    return MODE_NAMES


def evolved(
    alpha: np.ndarray, n: np.ndarray, model: od.DickeModel, force: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude and thermal occupation (T, M) of damped modes under constant forces."""
    rate, gamma = model.damping / 2 + 1j * model.frequencies, model.damping
    decay = np.exp(-rate * times[:, None])
    settled = np.where(gamma > 0, model.gain / np.where(gamma > 0, gamma, 1.0), 0.0)
    kept = np.exp(-gamma * times[:, None])
    return alpha * decay - 1j * force * (1 - decay) / rate, n * kept + settled * (1 - kept)


TIMES = np.array([0.0, 0.4, 1.1, 3.0])
DIFFERENT = {
    "frequencies": [1.0, 1.3, 0.7, -0.4],
    "loss": [0.5, 0, 0.9, 0.4],
    "gain": [0.2, 0, 0.3, 0],
}
ALIKE = {"frequencies": 1.3, "loss": 0.6, "gain": 0.25}
UNDAMPED: dict[str, Any] = {"frequencies": 0.9}


@pytest.mark.parametrize("case", ["different", "alike", "undamped"])
def test_modes_of_a_held_spin(case: str, modes: list[str]) -> None:
    """Z = +1, h = 0: modes are Gaussian at all times, dark parts of degenerate ones included."""
    setting = {"different": DIFFERENT, "alike": ALIKE, "undamped": UNDAMPED}[case]
    model = od.DickeModel([[0.5, -0.2, 0.3, 0.6]], **setting)
    alpha, n = mode_state()
    if case != "different":
        n = np.full(4, 0.6)  # or they would not be alike
    state = od.ProductState.polarized("+z", displacement=alpha, occupation=n)
    problem = od.reduce(model, state)
    assert problem.shape[2] == (4 if case == "different" else 1)
    found = moments(model, state, [*modes, "energy"], 20_000, TIMES)
    a, occupied = evolved(alpha, n, model, model.couplings[0], TIMES)
    exact = exact_modes(a, occupied)
    exact["photons"] = exact["photons_mode"].sum(axis=1)
    exact["energy"] = exact["photons_mode"] @ model.frequencies
    exact["energy"] = exact["energy"] + 2 * a.real @ model.couplings[0]
    assert max(scores(found, exact).values()) < MOST, scores(found, exact)
    # A missing half quantum, or a missing dark part, is seen.
    for name, shift in (("photons_mode", 0.5), ("pairs_mode", 0.5), ("photons", 2.0)):
        assert scores(found, {name: exact[name] + shift})[name] > 2 * MOST


def test_dark_modes_scatter_less_in_closed_form() -> None:
    """What no spin sees is not sampled: an uncoupled degenerate mode is exact."""
    model = od.DickeModel([[0.5, 0.0]], 1.3, loss=0.6, gain=0.25)
    state = od.ProductState.polarized("+z", displacement=[0.3, 0.9], occupation=0.4)
    names = ["photons_mode", "quadrature_mode"]
    found = moments(model, state, names, 30, TIMES)
    a, occupied = evolved(np.array([0.3, 0.9]), np.full(2, 0.4), model, model.couplings[0], TIMES)
    exact = exact_modes(a, occupied)
    for name in names:
        np.testing.assert_allclose(found[name].value[:, 1], exact[name][:, 1], atol=1e-12)
        assert found[name].stderr[:, 1].max() < 1e-12
        assert found[name].stderr[:, 0].min() > 0.01


def test_g2_of_light() -> None:
    """1 for coherent, 2 for thermal light, (|α|⁴ + 4|α|²n + 2n²)/(|α|² + n)² between."""
    alpha, n = np.array([1.5 - 0.5j, 0.0, 1.0j]), np.array([0.0, 1.5, 0.7])
    model = od.DickeModel([[0.5, -0.2, 0.3]], [1.0, 1.3, 0.7])
    state = od.ProductState.polarized("+z", displacement=alpha, occupation=n)
    found = moments(model, state, ["g2_mode"], 60_000)
    square = np.abs(alpha) ** 2
    exact = (square**2 + 4 * square * n + 2 * n**2) / (square + n) ** 2
    np.testing.assert_allclose(exact[:2], [1.0, 2.0])
    assert scores(found, {"g2_mode": exact[None]})["g2_mode"] < MOST
    assert found["g2_mode"].stderr.max() < 0.03
    assert scores(found, {"g2_mode": exact[None] + 0.2})["g2_mode"] > MOST


# Ensembles as given


def test_an_ensemble_is_read_as_it_is(pairs: list[str], modes: list[str]) -> None:
    """At time 0 every average is that of the given vectors and amplitudes, half quanta off."""
    rng = np.random.default_rng(4)
    count, model = 40, spin_models()["groups"][0]
    spins = rng.normal(size=(count, 12, 3))
    spins *= np.sqrt(3) / np.linalg.norm(spins, axis=2)[..., None]
    a = rng.normal(size=(count, 2)) + 1j * rng.normal(size=(count, 2))
    ensemble = od.Ensemble(spins, a)
    names = ["sx_spin", "sy_spin", "sz_spin", "spin_correlation", "ising_energy", "energy"]
    names = [*names, *pairs, *modes]
    found = moments(model, ensemble, names, count)
    z = spins @ model.frame()[2]
    square = np.abs(a) ** 2
    one: dict[str, Any] = {f"s{axis}_spin": spins[..., k] for k, axis in enumerate("xyz")}
    one["photons_mode"], one["quadrature_mode"] = square - 0.5, 2 * a.real
    one["photons"] = one["photons_mode"].sum(axis=1)
    one["pairs_mode"] = square**2 - 2 * square + 0.5
    one["weighed"] = one["photons_mode"] @ weights_of_modes(2).T
    interaction = np.einsum("nj,jm,nm->n", z, model.couplings, 2 * a.real)
    one["energy"] = one["photons_mode"] @ model.frequencies + interaction
    one["spin_correlation"] = (z.sum(axis=1) ** 2 - (z**2).sum(axis=1) + 12) / 144
    pull = z @ model.couplings
    apart = pull**2 - z**2 @ model.couplings**2
    one["ising_energy"] = -(apart / model.frequencies).sum(axis=1)
    weights, others = weights_of_spins(12)
    for pair in PAIRS:
        s, t = (spins[..., "xyz".index(axis)] for axis in pair)
        own = (s * t) @ (weights * others).T
        products = (s @ weights.T) * (t @ others.T) - own
        one[f"pair_{pair}"] = products + (weights * others).sum(axis=1) * (pair[0] == pair[1])
    for name, values in one.items():
        if name in ("spin_correlation", "ising_energy") or name.startswith("pair"):
            continue
        np.testing.assert_allclose(found[name].value[0], values.mean(axis=0), atol=1e-12)
        error = values.std(axis=0, ddof=1) / np.sqrt(count)
        np.testing.assert_allclose(found[name].stderr[0], error, rtol=1e-9, atol=1e-14)
    # Products of spins of one class are averaged over what their sum leaves open.
    alone = moments(model, ensemble, names, count, group=False, gauge=False)
    for name, values in one.items():
        np.testing.assert_allclose(alone[name].value[0], values.mean(axis=0), atol=1e-12)


def test_kinds_of_statistics() -> None:
    """Functions of means carry joint moments, all else plain ones; counts are those asked for."""
    model, bloch = spin_models()["alone"]
    found = moments(model, od.ProductState.bloch(bloch), ["sx", "overlap_variance"], 10)
    assert isinstance(found["sx"], Moments)
    assert isinstance(found["overlap_variance"], JointMoments)
    assert (found["sx"].count, found["overlap_variance"].count) == (10, 10)
