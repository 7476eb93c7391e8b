"""Observables of configurations against sums over all of them, term by term as the model says.

Nothing of the library enters the expected values: amplitudes, energies and photons of every single
configuration are written out here, and averages are sums over the 2^N of them.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.errors import InputError
from opendicke.measure.observables import find_observables
from opendicke.methods.populations import OF_CONFIGURATIONS, Population, Readout
from opendicke.methods.rate_equation import RateEquation

SIZES = [1, 2, 5]
AXES = [("z", "x"), ("x", "z"), ("y", "x")]
NAMES = [
    "overlap", "ising_energy", "ising_energy_distribution", "probability", "correlation_spin",
    "spin_correlation", "overlap_variance", "photons", "photons_mode", "quadrature_mode", "g2_mode",
]  # fmt: skip


def model_of(spins: int, axes: tuple[str, str] = ("z", "x"), **more: Any) -> od.DickeModel:
    """Two modes that differ in everything, one of them detuned to the other side."""
    rng = np.random.default_rng(spins)
    return od.DickeModel(
        rng.uniform(-1.5, 1.5, (spins, 2)),
        [1.0, -0.7],
        loss=[1.5, 0.9],
        gain=[0.5, 0.0],
        field=rng.uniform(0.05, 0.2, spins),
        coupling_axis=axes[0],
        field_axis=axes[1],
        **{"patterns": rng.choice([-1, 1], (3, spins))} | more,
    )


def every_configuration(spins: int) -> Any:
    """Spin 0 changes last, up before down: the order in which numbers count."""
    return np.array(list(product((1, -1), repeat=spins)))


def probabilities(spins: int, seed: int = 0) -> Any:
    p = np.random.default_rng([spins, seed]).exponential(size=2**spins)
    return p / p.sum()


def energy_of(model: od.DickeModel, sigma: Any) -> float:
    """H_I = −Σ_{i≠j,λ} ω g_i g_j σ_i σ_j/(ω² + Γ²/4), pair by pair."""
    total = 0.0
    for mode, omega in enumerate(model.frequencies):
        damping = model.loss[mode] - model.gain[mode]
        for i, j in product(range(model.spins), repeat=2):
            if i != j:
                pair = model.couplings[i, mode] * model.couplings[j, mode] * sigma[i] * sigma[j]
                total -= omega * pair / (omega**2 + damping**2 / 4)
    return total


def amplitudes(model: od.DickeModel, sigma: Any) -> Any:
    """What da/dt = −(Γ/2 + iω)a − iS leads to."""
    return (
        -1j * (sigma @ model.couplings) / ((model.loss - model.gain) / 2 + 1j * model.frequencies)
    )


def photon_pairs(amplitude: complex, occupation: float) -> float:
    """⟨a†a†aa⟩ of a displaced thermal mode: |a|⁴ over the Gaussian P function, by quadrature."""
    nodes, weights = np.polynomial.hermite.hermgauss(6)
    x, y = np.meshgrid(*2 * [np.sqrt(occupation) * nodes])
    at = np.abs(amplitude + x + 1j * y) ** 4
    return float((np.outer(weights, weights) * at).sum() / np.pi)


def single_values(model: od.DickeModel) -> dict[str, Any]:
    """Every linear observable of every configuration, (2^N, …)."""
    n, axis = model.spins, model.coupling_axis
    sigma = every_configuration(n)
    alpha = np.array([amplitudes(model, s) for s in sigma])
    thermal = model.gain / (model.loss - model.gain)
    energies = np.array([energy_of(model, s) for s in sigma])
    patterns = np.array(model.patterns)
    width = np.ptp(energies) / 100
    # At the edges of intervals rounding decides; only the lowest and the highest energy lie there.
    bins = np.zeros(2**n, int)
    if n > 1:
        bins = np.minimum(((energies - energies.min()) / width).astype(int), 99)
    numbers = np.abs(alpha) ** 2 + thermal
    return {
        f"s{axis}": sigma.mean(axis=1),
        f"s{axis}_spin": sigma,
        "overlap": sigma @ patterns.T / n,
        "ising_energy": energies,
        "ising_energy_distribution": np.eye(100)[bins],
        "probability": np.eye(2**n),
        "correlation_spin": np.array([np.outer(s, s) for s in sigma]),
        "spin_correlation": sigma.mean(axis=1) ** 2,
        "overlap squared": (sigma @ patterns.T / n) ** 2,
        "photons": numbers.sum(axis=1),
        "photons_mode": numbers,
        "quadrature_mode": 2 * alpha.real,
        "pairs": np.array([[photon_pairs(a, t) for a, t in zip(at, thermal, strict=True)]
                           for at in alpha]),
    }  # fmt: skip


def averaged(readout: Readout, populations: list[Any]) -> dict[str, Any]:
    """Answers for several sets of probabilities, as if they were those of several times."""
    start = Population(readout.model)
    rows = [readout.averages(start.at(p)) for p in populations]
    assert all(row.shape == (readout.numbers,) for row in rows)
    return readout.answers(np.array(rows))


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("spins", SIZES)
def test_averages_are_sums_over_configurations(spins: int, axes: tuple[str, str]) -> None:
    model = model_of(spins, axes)
    names = [f"s{axes[0]}", f"s{axes[0]}_spin", *NAMES]
    readout = Readout(model, find_observables([*names, "entropy"]))
    given = [probabilities(spins, seed) for seed in (1, 2)]
    found = averaged(readout, given)
    values = single_values(model)
    for k, p in enumerate(given):
        means = {name: np.tensordot(p, value, axes=1) for name, value in values.items()}
        means["overlap_variance"] = means.pop("overlap squared") - means["overlap"] ** 2
        means["g2_mode"] = means.pop("pairs") / means["photons_mode"] ** 2
        means["entropy"] = sum(-x * np.log(x) for x in p)
        assert set(means) == set(found)
        for name, expected in means.items():
            np.testing.assert_allclose(
                found[name][k], expected, rtol=1e-12, atol=1e-13, err_msg=name
            )


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("spins", SIZES)
def test_single_configurations(spins: int, axes: tuple[str, str]) -> None:
    model = model_of(spins, axes)
    names = [f"s{axes[0]}", f"s{axes[0]}_spin", *NAMES]
    order = np.random.default_rng(0).permutation(2**spins)
    sigma = every_configuration(spins)[order].astype(np.int8)
    found = Readout(model, find_observables(names)).values(sigma)
    expected = single_values(model)
    squared, pairs = expected.pop("overlap squared"), expected.pop("pairs")
    expected = {name: value[order] for name, value in expected.items()}
    # Functions of several means: the parts come first, one after the other.
    expected["overlap_variance"] = np.stack([squared[order], expected["overlap"]])
    expected["g2_mode"] = np.stack([pairs[order], expected["photons_mode"]])
    assert set(expected) == set(found)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-13, err_msg=name)


def test_the_moments_of_a_thermal_mode() -> None:
    """g²(0) is 2 without force, 1 without heat, and in between for the bosons of this method."""
    assert photon_pairs(0.0, 0.7) == pytest.approx(2 * 0.7**2, rel=1e-12)
    assert photon_pairs(1.3j, 0.0) == pytest.approx(1.3**4, rel=1e-12)
    model = model_of(2)
    alone = od.DickeModel(
        [[0.0, 1.0], [0.0, 1.0]], model.frequencies, loss=model.loss, gain=model.gain, field=0.1
    )
    found = averaged(Readout(alone, find_observables(["g2_mode"])), [np.array([1.0, 0, 0, 0])])
    np.testing.assert_allclose(found["g2_mode"][0], [2.0, 1.0], rtol=1e-12)


def test_intervals_of_the_energy() -> None:
    """Their middles and the lowest energy are labels; both ends are energies of configurations."""
    model = model_of(5)
    energies = [energy_of(model, s) for s in every_configuration(5)]
    readout = Readout(model, find_observables(["ising_energy_distribution"]))
    labels = readout.labels()
    assert labels["bin_energy"][0] == ("energy_bin",)
    edges = np.linspace(min(energies), max(energies), 101)
    np.testing.assert_allclose(labels["bin_energy"][1], (edges[1:] + edges[:-1]) / 2, atol=1e-12)
    assert labels["lowest_energy"] == ((), pytest.approx(min(energies), rel=1e-12))
    p = probabilities(5)
    found = averaged(readout, [p])["ising_energy_distribution"][0]
    expected = np.histogram(energies, bins=100, range=(min(energies), max(energies)), weights=p)[0]
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert found.sum() == pytest.approx(1.0, abs=1e-14)
    # The mean by intervals is off by at most half of one.
    mean = found @ labels["bin_energy"][1]
    assert abs(mean - p @ energies) <= np.diff(edges)[0] / 2


def test_intervals_where_nothing_interacts() -> None:
    """A single spin has one energy, in the first interval, in averages and by itself."""
    model = model_of(1)
    readout = Readout(model, find_observables(["ising_energy_distribution"]))
    found = averaged(readout, [np.array([0.3, 0.7])])["ising_energy_distribution"][0]
    assert found[0] == 1.0
    single = readout.values(np.array([[1], [-1]]))["ising_energy_distribution"]
    np.testing.assert_array_equal(single[:, 0], 1.0)
    assert readout.labels()["lowest_energy"][1] == 0.0


def test_labels_are_for_the_distribution_alone(registry: dict[str, Any]) -> None:
    """No labels without it; two numbers of intervals would contradict each other."""
    model = model_of(2)
    assert Readout(model, find_observables(["sz", "ising_energy"])).labels() == {}

    @od.observable("coarse", dims=("energy_bin",))
    def _(model: od.DickeModel) -> od.IsingDistributionTerm:
        return od.IsingDistributionTerm(7)

    @od.observable("elsewhere", dims=("level",))
    def _(model: od.DickeModel) -> od.IsingDistributionTerm:
        return od.IsingDistributionTerm(3)

    both = Readout(model, find_observables(["coarse", "ising_energy_distribution"]))
    assert both.labels() == {}
    assert Readout(model, find_observables(["elsewhere"])).labels() == {}
    alone = Readout(model, find_observables(["coarse", "elsewhere"]))
    assert len(alone.labels()["bin_energy"][1]) == 7
    p = probabilities(2)
    shown = averaged(alone, [p])
    # Two energies: spins alike, spins opposed; the extreme intervals hold them.
    alike = p[0] + p[3]
    low = energy_of(model, [1, 1]) < energy_of(model, [1, -1])
    ends = [alike, 1 - alike] if low else [1 - alike, alike]
    for name in ("coarse", "elsewhere"):
        np.testing.assert_allclose(shown[name][0][[0, -1]], ends, atol=1e-14)


def test_users_own_sums(registry: dict[str, Any]) -> None:
    """Weights with dimensions, sums of terms, pairs of different sums, functions of means."""
    model = model_of(5)
    rng = np.random.default_rng(3)
    some, others, photon, field = (
        rng.normal(size=shape) for shape in ((2, 3, 5), (2, 3, 5), (4, 2), 2)
    )

    @od.observable("sums", dims=("row", "column"))
    def _(model: od.DickeModel) -> list[Any]:
        pair = od.SpinPairTerm(("z", "z"), some, others)
        return [od.SpinTerm("z", some), od.SpinTerm("z", others), pair]

    @od.observable("modes", dims=("row",))
    def _(model: od.DickeModel) -> list[Any]:
        return [od.PhotonTerm(photon), od.QuadratureTerm(2 * photon), od.PhotonPairTerm(-photon)]

    @od.observable("energies")
    def _(model: od.DickeModel) -> list[Any]:
        return [
            od.InteractionTerm(0.7),
            od.IsingTerm(-1.3),
            od.IsingTerm(0.4, alone=True),
            od.PhotonTerm(model.frequencies),
            od.QuadratureTerm(field),
        ]

    @od.observable("heat", combine=lambda square, mean: square - mean**2)
    def _(model: od.DickeModel) -> list[Any]:
        return [[od.SpinPairTerm(("z", "z"), np.ones(5)), od.PhotonTerm(field)], od.IsingTerm()]

    names = ["sums", "modes", "energies", "heat"]
    readout, p = Readout(model, find_observables(names)), probabilities(5)
    found, singles = averaged(readout, [p]), readout.values(every_configuration(5))
    values = single_values(model)
    sigma, photons = every_configuration(5), values["photons_mode"]
    quadrature, pairs = values["quadrature_mode"], values["pairs"]
    first, second = (np.einsum("rcj,kj->krc", w, sigma) for w in (some, others))
    # Self-terms: −Σ_j ω g²/(ω² + Γ²/4).
    size = model.frequencies**2 + (model.loss - model.gain) ** 2 / 4
    own = -(model.couplings**2 @ (model.frequencies / size)).sum()
    expected = {
        "sums": first + second + first * second,
        "modes": (photons + 2 * quadrature - pairs) @ photon.T,
        "energies": 0.7 * ((sigma @ model.couplings) * quadrature).sum(axis=1)
        - 1.3 * values["ising_energy"]
        + 0.4 * (values["ising_energy"] + own)
        + photons @ model.frequencies
        + quadrature @ field,
    }
    for name, value in expected.items():
        mean = np.tensordot(p, value, axes=1)
        np.testing.assert_allclose(found[name][0], mean, rtol=1e-12, atol=1e-13, err_msg=name)
        np.testing.assert_allclose(singles[name], value, rtol=1e-12, atol=1e-12, err_msg=name)
    parts = np.stack([sigma.sum(axis=1) ** 2 + photons @ field, values["ising_energy"]])
    square, mean = parts @ p
    np.testing.assert_allclose(found["heat"], [square - mean**2], rtol=1e-11)
    np.testing.assert_allclose(singles["heat"], parts, rtol=1e-12, atol=1e-12)


def test_which_observables_are_linear() -> None:
    """The entropy is the only one that no average over configurations gives."""
    model = model_of(2)
    assert Readout(model, find_observables(["sz_spin", *NAMES])).linear
    assert not Readout(model, find_observables(["sz", "entropy"])).linear
    offered = {kind.__name__ for kind in RateEquation.offers}
    assert offered - {kind.__name__ for kind in OF_CONFIGURATIONS} == {"EntropyTerm"}
    readout = Readout(model, find_observables(["entropy", "probability"]))
    sure, even = np.array([0.0, 1.0, 0.0, 0.0]), np.full(4, 0.25)
    found = averaged(readout, [sure, even])["entropy"]
    np.testing.assert_allclose(found, [0.0, 2 * np.log(2)], atol=1e-15)
    # Below zero by rounding counts as nothing.
    assert averaged(readout, [sure - np.array([1e-17, 0, 0, 0])])["entropy"] == 0.0


@pytest.mark.parametrize("method", [od.RateEquation(), od.KineticMonteCarlo()], ids=repr)
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", ["across", "energy", "spin_squeezing", "mixed"])
def test_spins_across_the_axis_are_refused(
    method: Any, axes: tuple[str, str], name: str, registry: dict[str, Any]
) -> None:
    """One sentence that names the axis, before anything is computed."""
    model = model_of(2, axes)
    across = next(axis for axis in "xyz" if axis != axes[0])

    @od.observable("mixed")
    def _(model: od.DickeModel) -> list[Any]:
        return [od.IsingTerm(), od.SpinPairTerm((axes[0], across), np.ones(2))]

    asked = f"s{across}" if name == "across" else name
    state = od.ProductState.polarized(f"+{axes[0]}", bosons="stationary")
    with pytest.raises(InputError) as caught:
        od.solve(model, state, [0.0, 1.0], method, [f"s{axes[0]}", asked])
    assert caught.value.argument == "observables"
    text = str(caught.value)
    assert f'the coupling axis "{axes[0]}" of {type(method).__name__}' in text
    assert f"`{asked}` asks for " in text
    wrong = axes[1] if name == "energy" else across
    assert f'"{wrong}"' in text.split("asks for")[1]


def test_single_configurations_have_no_entropy() -> None:
    """Kinetic Monte Carlo says so in one sentence."""
    state = od.ProductState.polarized("+z", bosons="stationary")
    with pytest.raises(InputError, match="`entropy` holds EntropyTerm"):
        od.solve(model_of(2), state, [0.0, 1.0], od.KineticMonteCarlo(), ["entropy"])
