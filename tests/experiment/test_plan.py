"""Plans: where cells stand, which go together, and what an extension leaves in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.experiment.identity import difference, essence, identity
from opendicke.experiment.plan import Plan, block_shape
from opendicke.experiment.rounds import Extents, Judged, next_extents


def experiment(**replaced: Any) -> od.Experiment:
    settings: dict[str, Any] = {
        "model": od.RandomDicke(
            couplings=od.Gaussian(1.0), spins=20, modes=3, frequencies=2.0, field=1.0
        ),
        "state": od.ProductState.polarized("+z"),
        "times": [0.0, 1.0],
        "method": od.MeanField(),
        "observables": ["sz"],
        "realizations": 3,
        "seed": 11,
        "sweep": {"model.frequencies": [1.0, 2.0], "model.field": [0.5, 1.0, 1.5]},
    }
    return od.Experiment(**settings | replaced)


def test_every_cell_stands_in_one_place() -> None:
    """The grid is the product of all axes, and a cell is what stands there."""
    plan = Plan.of(experiment())
    assert plan.shape == (2, 3, 3)
    assert plan.names == ("frequencies", "field", "realization")
    assert plan.asked().all()
    cell = plan.cell((1, 2, 0))
    assert cell.coordinates == {"model.frequencies": 2.0, "model.field": 1.5, "realization": 0}
    assert cell.model.frequencies[0] == 2.0
    assert cell.model.field[0] == 1.5
    assert cell.key == (11, 0)


def test_extension_keeps_places() -> None:
    """New values follow old ones, wherever they are asked, and realizations count on."""
    before = Plan.of(experiment())
    sweep = {"model.field": [0.25, 1.5, 0.5], "model.frequencies": [2.0]}
    plan = Plan.of(experiment(sweep=sweep, realizations=5), before)
    assert plan.sweep == {"model.frequencies": [1.0, 2.0], "model.field": [0.5, 1.0, 1.5, 0.25]}
    assert plan.shape == (2, 4, 5)
    assert plan.places() == ([1], [3, 2, 0], [0, 1, 2, 3, 4])
    assert plan.asked().sum() == 1 * 3 * 5
    for place in [(1, 2, 0), (1, 0, 2)]:
        old, new = before.cell(place), plan.cell(place)
        assert old.key == new.key
        np.testing.assert_array_equal(old.model.couplings, new.model.couplings)
    fewer = Plan.of(
        experiment(realizations=1, sweep={"model.frequencies": [1.0], "model.field": [1.0]}), plan
    )
    assert fewer.shape == (2, 4, 5)
    assert fewer.asked().sum() == 1


def test_keys_and_draws_do_not_depend_on_the_grid() -> None:
    """Every sweep point sees the same draws, and 20 spins contain 10."""
    given = experiment(sweep={"model.spins": [10, 20], "model.field": [1.0, 2.0]})
    couplings = {}
    plan = Plan.of(given)
    for place in np.ndindex(plan.shape):
        cell = plan.cell(place)
        assert cell.key == (11, place[-1])
        couplings[place] = cell.model.couplings
    for field, realization in np.ndindex(2, 3):
        np.testing.assert_array_equal(
            couplings[0, 0, realization], couplings[0, field, realization]
        )
        # Gaussian couplings carry 1/√(N + M): the standard variates are the same.
        small = couplings[0, field, realization] * np.sqrt(13)
        large = couplings[1, field, realization] * np.sqrt(23)
        np.testing.assert_allclose(small, large[:10], rtol=1e-14)
    assert not np.array_equal(couplings[0, 0, 0], couplings[0, 0, 1])


@pytest.mark.parametrize(
    ("shape", "size", "block"),
    [
        ((1000,), 32, (32,)),
        ((3, 1000), 32, (1, 32)),
        ((100, 4), 32, (8, 4)),
        ((7, 3), 32, (8, 4)),
        ((5, 5, 1), 32, (4, 8, 1)),
        ((9, 9), 1, (1, 1)),
    ],
)
def test_blocks(shape: tuple[int, ...], size: int, block: tuple[int, ...]) -> None:
    """Blocks of a size lie along the realizations first."""
    assert block_shape(shape, size) == block


def test_groups_do_not_depend_on_what_is_done() -> None:
    """What is pending of a block goes together, whatever of other blocks is done."""
    plan = Plan.of(experiment(realizations=100))
    everything = plan.groups(plan.asked())
    assert sorted(place for group in everything for place in group) == list(np.ndindex(2, 3, 100))
    assert max(map(len, everything)) == 32
    pending = plan.asked()
    for place in everything[3]:
        pending[place] = False
    assert plan.groups(pending) == [*everything[:3], *everything[4:]]


def test_identity_knows_extents_from_essence() -> None:
    """More of the same is the same; anything else is not, and is named."""
    one = experiment(method=od.TruncatedWigner(trajectories=10))
    same = [
        {"realizations": 50},
        {"method": od.TruncatedWigner(trajectories=20)},
        {"method": od.TruncatedWigner(target_stderr=0.1)},
        {"sweep": {"model.field": [7.0], "model.frequencies": [1.0]}},
        {"target_stderr": 0.1, "realizations": 10},
        {"model": od.RandomDicke(od.Gaussian(1.0), 20, 3, frequencies=9.0, field=4.0)},  # swept
    ]
    for change in same:
        other = experiment(**{"method": one.method} | change)
        assert identity(other) == identity(one), change
        assert difference(essence(one), essence(other)) == ""
    others = {
        "seed": {"seed": 12},
        "state.spins": {"state": od.ProductState.polarized("-z")},
        "method.tolerance": {"method": od.TruncatedWigner(tolerance=1e-4)},
        "method.kind": {"method": od.MeanField()},
        "observables": {"observables": ["sx"]},
        "model.couplings.sigma": {
            "model": od.RandomDicke(od.Gaussian(2.0), 20, 3, frequencies=2.0, field=1.0)
        },
        "model.loss": {
            "model": od.RandomDicke(od.Gaussian(1.0), 20, 3, frequencies=2.0, field=1.0, loss=1.0)
        },
        "sweep": {"sweep": {"model.frequencies": [1.0]}},
    }
    for name, change in others.items():
        other = experiment(**{"method": one.method} | change)
        assert identity(other) != identity(one), name
        assert f"`{name}`" in difference(essence(one), essence(other)), name


MOST = Extents(10_000, 100_000)


@pytest.mark.parametrize(
    ("total", "trajectory", "made", "random", "grows"),
    [
        (0.1, 0.0, (10, 100), True, "realizations"),  # disorder alone
        (0.1, 0.1, (10, 100), True, "trajectories"),  # trajectories alone
        (0.1, 0.1, (10, 100), False, "trajectories"),
        (0.1, 0.0, (10, 0), True, "realizations"),  # a method without trajectories
        (0.1, 0.1, (10_000, 100), True, "trajectories"),  # no more realizations are allowed
        (0.1, 0.1, (10, 100_000), True, "realizations"),
        (0.1, 0.03, (10, 100), True, "realizations"),
    ],
)
def test_rounds_buy_the_better_bargain(
    total: float, trajectory: float, made: tuple[int, int], random: bool, grows: str
) -> None:
    """More of what the error is made of."""
    worst = Judged(total, trajectory, "sz", {})
    wanted = next_extents(worst, 0.05, Extents(*made), MOST, random=random)
    assert wanted is not None
    before = Extents(*made)._asdict()
    grown = [name for name, value in wanted._asdict().items() if value > before[name]]
    assert grown == [grows]


@pytest.mark.parametrize("trajectories", [3, 6, 50, 100])
def test_few_trajectories_grow_by_what_is_needed(trajectories: int) -> None:
    """Half the variance takes twice the trajectories, and a margin, however few there are."""
    worst = Judged(0.1, 0.1, "sz", {})
    wanted = next_extents(worst, 0.1 / 2**0.5, Extents(200, trajectories), MOST, random=True)
    assert wanted is not None
    assert 2 * trajectories <= wanted.trajectories <= 3 * trajectories


def test_rounds_end() -> None:
    """At the target, or where nothing more is allowed."""
    worst = Judged(0.1, 0.05, "sz", {})
    assert next_extents(worst, 0.1, Extents(10, 100), MOST, random=True) is None
    assert next_extents(worst, 0.01, MOST, MOST, random=True) is None
    assert next_extents(worst, 0.01, Extents(1, 0), MOST, random=False) is None


def test_rounds_arrive() -> None:
    """With the law of errors as it is said to be, few rounds reach the target at a fair price."""
    for disorder, sampling in [(0.5, 1.0), (0.05, 2.0), (0.9, 0.1)]:
        made, target, rounds = Extents(8, 64), 0.01, 0
        while True:
            part = sampling**2 / made.realizations / made.trajectories
            total = disorder**2 / made.realizations + part
            worst = Judged(total**0.5, part**0.5, "sz", {})
            wanted = next_extents(worst, target, made, MOST, random=True)
            if wanted is None:
                break
            made, rounds = wanted, rounds + 1
        assert total**0.5 <= target
        assert rounds <= 14
        # The cheapest way there, each realization costing 32 trajectories besides.
        best = min(
            r * (n + 32)
            for r in range(8, 10_000, 4)
            for n in [max(64, np.ceil(sampling**2 / r / max(target**2 - disorder**2 / r, 1e-12)))]
            if disorder**2 / r < target**2 and n <= 100_000
        )
        assert made.realizations * (made.trajectories + 32) < 2.5 * best
