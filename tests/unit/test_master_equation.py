"""The rate equation of all configurations against dense linear algebra and reference numbers.

`cooling_n10.json` and `two_spins.json` name their origin: dense solutions with rates by quadrature.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply

from opendicke.errors import InputError
from opendicke.methods import steady
from opendicke.methods.aggregation import Hierarchy, log_weights
from opendicke.methods.generator import Generator, fold, unfold
from opendicke.methods.propagation import expectations, propagate, radius
from opendicke.methods.steady import stationary
from opendicke.model.checks import Array
from opendicke.physics.flip_rates import flip_rates
from opendicke.physics.rate_table import tabulate

HERE = Path(__file__).parent


def reference(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text())


def spins_of(count: int) -> Array:
    """All configurations, (2^N, N), spin 0 the most significant bit and 0 for +1."""
    bits = np.arange(2**count)[:, None] >> np.arange(count - 1, -1, -1)
    return np.asarray(1 - 2 * (bits & 1))


def both_halves(half: Array) -> Array:
    """Rates of all configurations from those with spin 0 up."""
    return np.concatenate([half, half[:, ::-1]], axis=1)


def wild(count: int, decades: float, seed: int = 0) -> Array:
    """Rates far from detailed balance."""
    random = np.random.default_rng(seed)
    return both_halves(10.0 ** random.uniform(-decades, 0, (count, 2 ** (count - 1))))


def thermal(count: int, beta: float, seed: int = 0) -> tuple[Array, Array]:
    """Rates in detailed balance (Glauber's, uneven from spin to spin) and ln of their weights."""
    random = np.random.default_rng(seed)
    sigma = spins_of(count)
    couplings = random.normal(size=(count, count))
    energy = -np.einsum("ci,ij,cj->c", sigma, couplings, sigma) / np.sqrt(count)
    rates = []
    for i in range(count):
        cost = energy[np.arange(2**count) ^ (1 << (count - 1 - i))] - energy
        rates.append(10.0 ** (-4 * i / count) / (1 + np.exp(beta * cost)))
    return np.array(rates), -beta * energy


def cooled(couplings: Any, eta: float) -> Generator:
    """One mode, ω = gain = 1, field 0.1."""
    g = np.array(couplings)[:, None]
    one = np.ones(1)
    table = tabulate(g, one, (1 + eta) * one, one, np.full(len(g), 0.1))
    return Generator.tabulated(table, g, 16 / (4 + eta**2) * one)


def matrix(rates: Array) -> Array:
    """The generator, dense: columns are where probability comes from."""
    count, size = rates.shape
    dense = np.zeros((size, size))
    for c in range(size):
        for i in range(count):
            dense[c ^ (1 << (count - 1 - i)), c] += rates[i, c]
            dense[c, c] -= rates[i, c]
    return dense


def sparse(rates: Array) -> Any:
    """The same as a sparse matrix."""
    count, size = rates.shape
    c = np.arange(size)
    rows = [c ^ (1 << (count - 1 - i)) for i in range(count)] + [c]
    values = [*rates, -rates.sum(axis=0)]
    columns = np.tile(c, count + 1)
    where = (np.concatenate(rows), columns)
    return csr_array((np.concatenate(values), where), shape=(size, size))


def null_vector(dense: Array) -> Array:
    """Stationary probabilities by elimination without differences (Grassmann, Taksar, Heyman)."""
    flows = dense.copy()
    np.fill_diagonal(flows, 0.0)
    size = len(flows)
    for n in range(size - 1, 0, -1):
        flows[n, n] = flows[:n, n].sum()
        flows[:n, :n] += np.outer(flows[:n, n] / flows[n, n], flows[n, :n])
    p = np.zeros(size)
    p[0] = 1.0
    for n in range(1, size):
        p[n] = flows[n, :n] @ p[:n] / flows[n, n]
    return np.asarray(p / p.sum())


def down(count: int) -> Array:
    p = np.zeros(2**count)
    p[-1] = 1.0
    return p


def path(generator: Generator, times: Any, tolerance: float = 1e-10) -> tuple[Array, Any]:
    """Probabilities at all times from all spins down, and how they were found."""
    states: list[Array] = []
    order: list[int] = []

    def visit(k: int, p: Array) -> None:
        order.append(k)
        states.append(p.copy())

    times = np.asarray(times, float)
    ended = propagate(generator, down(generator.spins), times, tolerance, visit)
    assert order == list(range(len(times)))
    return np.array(states), ended


@pytest.mark.parametrize("count", [1, 2, 3, 7, 11])
def test_product_is_that_of_the_matrix(count: int) -> None:
    rates = wild(count, 2)
    generator = Generator(rates)
    p = np.random.default_rng(1).random(2**count)
    exact = sparse(rates) @ p
    assert np.abs(generator.apply(p) - exact).max() < 1e-13
    assert np.abs(generator.exits - rates.sum(axis=0)[: 2 ** (count - 1)]).max() < 1e-13
    for i in range(count):
        assert np.array_equal(generator.rates(i), rates[i, : 2 ** (count - 1)])
    even = fold(p + p[::-1])[:1]
    product = generator.multiply(even, np.empty_like(even))
    assert np.abs(unfold(product) - exact - exact[::-1]).max() < 1e-13


def test_half_of_the_rates_suffices() -> None:
    rates = wild(5, 2)
    assert np.array_equal(Generator(rates).blocks, Generator(rates[:, :16]).blocks)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = wild(16, 1)[:, : 2**15]
    p = np.random.default_rng(0).random(2**16)
    results = []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        generator = Generator(rates)
        results.append((generator.exits, generator.apply(p)))
        assert (generator._pool is None) == (cores == 1)
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


def test_rates_of_all_configurations_are_those_of_their_energies() -> None:
    random = np.random.default_rng(3)
    count, g = 5, random.uniform(-1.5, 1.5, (5, 2))
    omega, loss, gain = np.array([1.0, -0.7]), np.array([1.5, 0.9]), np.array([0.5, 0.0])
    field = random.uniform(0.05, 0.2, count)
    strength = 16 * omega / (4 * omega**2 + (loss - gain) ** 2)
    generator = Generator.tabulated(tabulate(g, omega, loss, gain, field), g, strength)
    # H_I = −Σ_{i≠j} J_ij σ_iσ_j, and the energy of a flip is the difference.
    sigma = spins_of(count)
    j = (g * strength / 4) @ g.T
    np.fill_diagonal(j, 0.0)
    energy = -np.einsum("ci,ij,cj->c", sigma, j, sigma)
    for i in range(count):
        cost = (energy[np.arange(32) ^ (1 << (count - 1 - i))] - energy)[:16]
        exact = flip_rates(g[i], omega, loss, gain, field[i], cost)
        assert np.abs(generator.rates(i) / exact - 1).max() < 1e-7


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (np.ones((2, 3)), "2\\^N"),
        (np.ones(4), "2\\^N"),
        (-np.ones((2, 2)), "negative"),
        (np.array([[1.0, 2, 3, 4], [1, 1, 1, 1]]), "even under the global flip"),
    ],
)
def test_wrong_rates_are_refused(rates: Array, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Generator(rates)


def test_too_many_spins_are_refused_with_the_memory_they_need() -> None:
    table: Any = None
    with pytest.raises(InputError, match=r"rates of 2\^40 configurations would need 1\.8e\+05 GB"):
        Generator.tabulated(table, np.ones((40, 1)), np.ones(1))


def test_what_exceeds_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Generator(wild(10, 1))
    rates = 8 * 11 * 2**9
    for most, refused in ((rates + 9 * 8 * 2**10, True), (rates + 10 * 8 * 2**10, False)):
        monkeypatch.setattr("opendicke.model.checks.machine_memory", lambda most=most: most)
        if refused:
            with pytest.raises(InputError, match=r"evolution of 2\^10 .* would need 0\.000127 GB"):
                path(generator, [1.0])
        else:
            path(generator, [1.0])
    monkeypatch.setattr("opendicke.model.checks.machine_memory", lambda: 2 * rates)
    with pytest.raises(InputError, match="stationary state of"):
        stationary(generator)


@pytest.mark.parametrize("case", ["thermal", "wild"])
def test_bound_of_the_spectral_radius(case: str) -> None:
    rates = thermal(7, 2.0)[0] if case == "thermal" else wild(7, 3)
    largest = np.abs(np.linalg.eigvals(matrix(rates))).max()
    generator = Generator(rates)
    assert largest <= radius(generator, 8) < 1.05 * largest
    assert radius(generator, 60) <= radius(generator, 8) < 2 * generator.exits.max()


@pytest.mark.parametrize("case", ["cold", "hot", "wild", "wilder", "thermal"])
def test_propagation_from_short_to_long_times(case: str) -> None:
    couplings = np.random.default_rng(5).uniform(-3, 3, 6)
    rates = {
        "cold": lambda: all_rates(cooled(couplings, 0.1)),
        "hot": lambda: all_rates(cooled(couplings, 10.0)),
        "wild": lambda: wild(6, 1),
        "wilder": lambda: 30 * wild(6, 4),
        "thermal": lambda: thermal(6, 6.0)[0],
    }[case]()
    times = [0.0, 0.01, 1.0, 1.1, 1.2, 1.3, 7.0, 40.0, 1e3, 1e4, 1e6]
    states, ended = path(Generator(rates), times)
    dense = matrix(rates)
    # Scaling and squaring itself loses digits at long times; the last state is checked below.
    for t, p in zip(times[:-2], states[:-2], strict=True):
        assert np.abs(p - expm(dense * t)[:, -1]).sum() < 1e-10 + 1e-14 * t
    assert np.abs(states.sum(axis=1) - 1).max() < 1e-14
    assert states.min() >= 0
    assert ended.lowest > -1e-10
    values, vectors = np.linalg.eig(dense)
    slow = np.sort(values.real)[-2]
    if -slow * 1e6 > 40:
        assert np.abs(states[-1] - null_vector(dense)).sum() < 1e-9
    else:
        exact = vectors @ (np.exp(values * 1e6) * np.linalg.solve(vectors, down(6)))
        assert np.abs(states[-1] - exact.real).sum() < 1e-7


def all_rates(generator: Generator) -> Array:
    return both_halves(np.array([generator.rates(i) for i in range(generator.spins)]))


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-11])
def test_the_tolerance_is_kept_and_the_error_estimated(tolerance: float) -> None:
    rates = thermal(6, 1.0)[0]
    states, ended = path(Generator(rates), [3.0, 30.0], tolerance)
    error = np.abs(states[-1] - expm(30 * matrix(rates))[:, -1]).sum()
    assert error < ended.error + 1e-14 < tolerance + 1e-14


def test_twelve_spins_against_a_sparse_matrix() -> None:
    couplings = np.random.default_rng(2).uniform(-3, 3, 12)
    generator = cooled(couplings, 10.0)
    exact = expm_multiply(sparse(all_rates(generator)) * 20.0, down(12), traceA=-1.0)
    states, _ = path(generator, [20.0])
    assert np.abs(states[0] - exact).sum() < 1e-10


def test_two_spins() -> None:
    truth = reference("two_spins")
    states, _ = path(cooled(truth["g"], 10.0), [20.0, 50.0, 200.0])
    for p, time in zip(states, ("20", "50", "200"), strict=True):
        assert np.abs(p - truth["rate_equation"][time]).max() < 1e-8
        # The rate equation is not exact; this is how far it is off in the same file.
        assert np.abs(p - truth["exact"][time]).max() < 0.01


def test_cost_grows_as_the_root_of_time() -> None:
    """Slow relaxation, so that the end of change does not come earlier."""
    rates = thermal(8, 12.0)[0]
    cost = [path(Generator(rates), [t])[1].products for t in (1e3, 1.6e4, 2.56e5)]
    assert cost[1] < 5.5 * cost[0]
    assert cost[2] < 5.5 * cost[1]
    assert cost[2] < 6000


def test_nothing_is_computed_after_the_end_of_change() -> None:
    generator = Generator(wild(6, 1))
    _, early = path(generator, [1e3])
    states, late = path(generator, [1e3, 2e3, 1e9, 1e12])
    assert late.products < early.products + 5
    assert np.array_equal(states[2], states[3])


def test_rates_that_go_round_a_cycle() -> None:
    """Eigenvalues far from the real axis: the polynomials grow, and steps become short."""
    count = 5
    rates = np.full((count, 2**count), 1e-6)
    # The Gray code of the first four spins, its mirror image following.
    for k in range(2 ** (count - 1)):
        here, there = k ^ (k >> 1), ((k + 1) % 16) ^ (((k + 1) % 16) >> 1)
        rates[count - 1 - int(np.log2(here ^ there)), here] = 1.0
    rates = both_halves(rates[:, : 2 ** (count - 1)])
    dense = matrix(rates)
    assert np.abs(np.linalg.eigvals(dense).imag).max() > 0.5
    states, ended = path(Generator(rates), [30.0, 300.0])
    assert ended.steps > 3
    for p, t in zip(states, (30.0, 300.0), strict=True):
        assert np.abs(p - expm(dense * t)[:, -1]).sum() < 1e-10


def test_expectations_are_those_of_the_probabilities() -> None:
    rates = 30 * wild(6, 2, seed=4)
    times = np.array([0.0, 0.3, 2.0, 2.1, 50.0, 1e4])
    forms = np.random.default_rng(0).normal(size=(3, 64))
    values, ended = expectations(
        Generator(rates), down(6), times, 1e-10, lambda p: np.asarray(forms @ p)
    )
    dense = matrix(rates)
    exact = np.array([forms @ expm(dense * t)[:, -1] for t in times])
    assert np.abs(values - exact).max() < 1e-9
    dense_times = np.linspace(0, 2, 200)
    few = expectations(Generator(rates), down(6), dense_times, 1e-10, lambda p: p[:1])[1]
    assert few.products < path(Generator(rates), dense_times)[1].products / 4
    assert ended.products > 0


@pytest.mark.parametrize("case", ["cold", "hot", "wild", "wilder", "frozen valleys"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_stationary_probabilities_to_every_digit(case: str, count: int) -> None:
    couplings = np.random.default_rng(8).uniform(-3, 3, count) + 0.05
    rates = {
        "cold": lambda: all_rates(cooled(couplings, 0.1)),
        "hot": lambda: all_rates(cooled(couplings, 10.0)),
        "wild": lambda: wild(count, 1),
        "wilder": lambda: wild(count, 6),
        "frozen valleys": lambda: thermal(count, 8.0)[0],
    }[case]()
    found = stationary(Generator(rates))
    exact = null_vector(matrix(rates))
    assert found.converged
    assert found.residual <= 1e-10
    assert np.abs(found.probabilities / exact - 1).max() < 1e-7


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("eta", [0.1, 10.0])
def test_cooling_of_ten_spins(seed: int, eta: float) -> None:
    case = reference("cooling_n10")["cases"][seed]
    truth, g = case[f"eta{eta}"], np.array(case["g"])
    generator = cooled(g, eta)
    found = stationary(generator)
    p = found.probabilities
    total = spins_of(10) @ g
    energy = -(total**2 - (g**2).sum()) / 4
    assert abs(p @ energy - truth["meanE"]) < 1e-6
    assert abs(p[energy < truth["Emin"] + 1e-9].sum() - truth["p_ground"]) < 1e-7
    assert abs(np.abs(p - 1 / 1024).sum() / 2 - truth["tv_uniform"]) < 1e-7
    assert abs(p.min() / truth["pmin"] - 1) < 1e-6
    # The residual is what an independent look at the flows says.
    flows = sparse(all_rates(generator))
    exits = -flows.diagonal() * p
    assert np.abs(flows @ p / exits).max() < 1.1 * found.single + 1e-14
    assert found.single < 1e-10
    assert found.products < 72


def test_weights_of_detailed_balance_are_found_at_once() -> None:
    rates, logs = thermal(9, 5.0)
    # Couplings without field: the weights are even, over 40 decades here.
    weights = log_weights(Generator(rates))
    half = logs[:256] - logs[:256].mean()
    assert np.ptp(half) > 80
    assert np.abs(weights - weights.mean() - half).max() < 1e-10


@pytest.mark.parametrize(
    ("case", "most"), [("cold", 62), ("hot", 72), ("wild", 95), ("wilder", 220)]
)
def test_work_of_the_stationary_solution(case: str, most: float) -> None:
    couplings = np.random.default_rng(9).uniform(-3, 3, 12)
    generator = {
        "cold": lambda: cooled(couplings, 0.1),
        "hot": lambda: cooled(couplings, 10.0),
        "wild": lambda: Generator(wild(12, 1)),
        "wilder": lambda: Generator(wild(12, 6)),
    }[case]()
    found = stationary(generator)
    assert found.converged
    assert found.products < most


def test_what_has_not_converged_says_so() -> None:
    generator = Generator(wild(9, 6))
    found = stationary(generator, most=1)
    assert not found.converged
    assert found.residual > 1e-3
    assert abs(found.probabilities.sum() - 1) < 1e-12
    p = found.probabilities
    change = generator.apply(p)[:256] / (generator.exits * p[:256])
    assert np.abs(change).max() == pytest.approx(found.single, rel=1e-6)


def test_valleys_out_of_balance_are_seen() -> None:
    """Two blocks of four spins: every configuration is in balance but the valleys are not."""
    sigma, beta = spins_of(8), 3.0
    energy = -(sigma[:, :4].sum(axis=1) ** 2 + sigma[:, 4:].sum(axis=1) ** 2) / 2.0
    flipped = np.arange(256)[None] ^ (1 << np.arange(7, -1, -1))[:, None]
    # One spin of each block is slow.
    speed = np.where(np.arange(8) % 4 == 0, 0.01, 1.0)[:, None]
    rates = speed / (1 + np.exp(beta * (energy[flipped] - energy)))
    generator = Generator(rates)
    weights = np.exp(-beta * (energy - energy.min()))[:128]
    dense = matrix(rates)
    even = (dense[:128, :128] + dense[:128, 128:][:, ::-1]) * weights
    # A stationary flow from one valley, all up, to the other, the second block down.
    fixed, free = [0, 15], [c for c in range(128) if c not in (0, 15)]
    wrong = np.ones(128)
    wrong[15] = 1.5
    wrong[free] = np.linalg.solve(even[np.ix_(free, free)], -even[np.ix_(free, fixed)] @ [1.0, 1.5])
    for trial, least, most in ((weights, 0.0, 1e-9), (weights * wrong, 0.05, 1.0)):
        hierarchy = Hierarchy(generator, trial)
        r = hierarchy.residual(np.ones(128), np.zeros(128))
        single, worst, hidden = hierarchy.imbalance(r)
        assert single < 2e-3
        assert least <= worst <= most
        assert hidden < 1e-6


def test_a_few_configurations_are_solved_directly() -> None:
    hierarchy = Hierarchy(Generator(wild(6, 8)), np.ones(32))
    flows = np.random.default_rng(0).normal(size=32)
    flows -= flows.mean()
    y = hierarchy.cycle(flows)
    scale = hierarchy.levels[0].out * np.abs(y) + 1
    assert np.abs(hierarchy.residual(y, flows) / scale).max() < 1e-13


def test_a_spin_that_never_flips_has_no_single_answer() -> None:
    rates = wild(4, 1)
    rates[2] = 0.0
    with pytest.raises(InputError, match="spin 2"):
        stationary(Generator(rates))


def test_a_configuration_without_exits() -> None:
    """Where rates underflow, the answer may not be found, but nothing breaks."""
    rates = wild(8, 3)
    rates[:, [5, -6]] = 0.0
    found = stationary(Generator(rates))
    assert not found.converged
    assert np.isfinite(found.probabilities).all()
    states, _ = path(Generator(rates), [1e6])
    assert states[0][5] + states[0][-6] == pytest.approx(1.0, abs=1e-9)


def test_progress_is_reported() -> None:
    heard: list[float] = []
    generator = Generator(thermal(6, 6.0)[0])
    propagate(
        generator,
        down(6),
        np.array([1.0, 1e5]),
        1e-8,
        lambda k, p: None,
        lambda fraction, text: heard.append(fraction),
    )
    assert heard == sorted(heard)
    assert 0 < heard[0] < 1
    assert heard[-1] == 1.0
    heard.clear()
    stationary(generator, report=lambda fraction, text: heard.append(fraction))
    assert heard[-1] == 1.0
    assert steady.KEPT < steady.STEPS
