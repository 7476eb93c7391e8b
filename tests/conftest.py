"""Shared fixtures: a private cache of compiled programs, generic models, bare answers."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

# Set before any program is compiled: tests neither read nor fill the user's own cache.
if "OPENDICKE_CACHE" not in os.environ:
    _cache = tempfile.mkdtemp(prefix="opendicke-test-cache-")
    os.environ["OPENDICKE_CACHE"] = _cache
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes of tests inherit

import opendicke as od
from opendicke.measure import observables as registry_module
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw

# Long beside what they add, mostly for compiling programs that others test in other words: these
# run with `make test-all`. Whole files and single tests mark themselves; here stand parameters.
SLOW = (
    "test_python_blocks_run_and_print_what_is_shown[docs/reductions.md]",
    "test_python_blocks_run_and_print_what_is_shown[docs/exact.md]",
    "test_ensemble_runs.py::test_ensemble_target",
    "test_ensemble_runs.py::test_workers_change_nothing",
    "test_ensemble_runs.py::test_single_cells[wigner]",
    "test_ensemble_runs.py::test_extension[mean field]",
    "test_ensemble_corners.py::test_later_times_of_a_sweep_of_sizes",
    "test_killed_runs.py::test_interrupted_and_resumed",
    "test_continuation.py::test_more_trajectories_equal_an_uninterrupted_run[truncated-wigner]",
    "test_batch_independence.py::test_members_do_not_change_each_other[disordered]",
    "test_truncated_wigner.py::test_noise_and_field_against_an_independent_integration",
    "test_truncated_wigner.py::test_relaxing_modes_have_honest_error_bars",
    "test_many_modes.py::test_two_spins_and_twenty_modes_by_hand[1]",
    "test_large_spins.py::test_exact_answers_are_what_qutip_finds[0.6-8-20]",
    "test_wigner_readout.py::test_modes_of_a_held_spin[different]",
    "test_ising_dynamics.py::test_verdicts_name_the_field_of_a_spin_on_itself",
    "test_kelly2021.py::test_displaced_photons_accelerate_late_relaxation",
    "test_runtime.py::test_disk_cache",
    "test_python_blocks_run_and_print_what_is_shown[docs/analysis.md]",
    "test_opendicke_lines_work[docs/cluster.md]",
    "test_ensemble_runs.py::test_more_trajectories[wigner]",
    "test_ensemble_runs.py::test_a_store_holds_what_memory_holds[wigner]",
    "test_ensemble_runs.py::test_order_and_groups_change_nothing[wigner]",
    "test_ensemble_runs.py::test_blocks_of_trajectories_change_nothing",
    "test_batch_independence.py::test_members_do_not_change_each_other[patterns]",
    "test_batch_independence.py::test_few_programs_serve_batches_of_all_sizes[rows]",
    "test_many_modes.py::test_two_spins_and_twenty_modes_by_hand[0]",
    "test_kelly2021.py::test_disorder_averages[1-sz]",
    "test_kelly2021.py::test_without_the_self_term_it_is_another_curve",
    "test_runtime.py::test_disk_cache_can_be_switched_off",
    "test_wigner_readout.py::test_modes_of_a_held_spin[alike]",
    "test_refinement.py::test_ok_means_below_the_tolerance[0.01-4]",
    "test_truncated_wigner.py::test_dephasing_without_field",
    "test_compare.py::test_differences_are_those_of_closed_forms[0]",
    "test_truncated_wigner.py::test_modes_seen_from_the_spins[frequencies0]",
    "test_ising_dynamics.py::test_one_axis_twisting[keep]",
    "test_python_blocks_run_and_print_what_is_shown[docs/agreement.md]",
    "test_python_blocks_run_and_print_what_is_shown[docs/phase_diagrams.md]",
    "test_python_blocks_run_and_print_what_is_shown[docs/truncated_wigner.md]",
    "test_opendicke_lines_work[docs/start.md]",
    "test_truncated_wigner.py::test_reduced_is_full[groups]",
    "test_truncated_wigner.py::test_modes_seen_from_the_spins[frequencies1]",
    "test_truncated_wigner.py::test_errors_fall_as_the_root_of_the_number",
    "test_truncated_wigner.py::test_order_with_noise",
    "test_reduction_property.py::test_reduced_flow_equals_the_full_flow",
    "test_sampling.py::test_a_trajectory_does_not_know_its_block",
    "test_two_spins.py::test_hot_mode",
    "test_large_spins.py::test_exact_answers_are_what_qutip_finds[0.6-4-16]",
    "test_many_modes.py::test_truncated_wigner_holds_what_is_lost[2]",
    "test_pilot.py::test_the_step_of_a_model_keeps_its_promise[4-0.6-double]",
    "test_wigner_readout.py::test_products_of_turned_spins",
    "test_wigner_readout.py::test_functions_of_spins[groups]",
    "test_quadratures.py::test_truncated_wigner",
    "test_kelly2021.py::test_moderate_loss_keeps_the_logarithm",
    "test_refinement.py::test_ok_means_below_the_tolerance[0.01-2]",
    "test_phase_diagram.py::test_settled_points_against_runge_kutta[random directions]",
    "test_phase_diagram.py::test_settled_points_against_runge_kutta[normal couplings]",
    "test_phase_diagram.py::test_settled_points_against_runge_kutta[unequal counts with gain]",
    "test_single_trajectories.py::test_dark_modes_are_sampled_in_the_ensemble",
    "test_strong_coupling_verdicts.py::test_three_pairs[rate-equation]",
    "test_wigner_readout.py::test_products_of_spins[groups]",
    "test_wigner_readout.py::test_an_ensemble_is_read_as_it_is",
    "test_pilot.py::test_the_step_of_a_model_keeps_its_promise[4-0.0-single]",
    "test_truncated_wigner.py::test_reduced_is_full[bright]",
    "test_phase_diagram.py::test_settled_points_against_runge_kutta[one pattern]",
    "test_trigonometry.py::test_a_grid_is_its_rows[batch0]",
    "test_lindblad.py::test_ways_agree_on_everything",
    "test_opendicke_lines_work[docs/experiments.md]",
    "test_exact_stationary.py::test_two_spins[displaced]",
    "test_kelly2021.py::test_disorder_averages[0-sx]",
    "test_single_trajectories.py::test_laboratory_axes_of_free_spins[x-z-start0]",
    "test_python_blocks_run_and_print_what_is_shown[docs/observables.md]",
    "test_killed_runs.py::test_a_dask_worker_and_then_the_scheduler_are_killed",
    "test_exact_stationary.py::test_two_spins[fock]",
    "test_python_blocks_run_and_print_what_is_shown[docs/comparing.md]",
    "test_python_blocks_run_and_print_what_is_shown[docs/ensembles.md]",
    "test_fuzzed_commands.py::test_malformed_input[1]",
    "test_refinement.py::test_ok_means_below_the_tolerance[0.0001-2]",
    "test_pilot.py::test_chaos_of_a_model_takes_no_tiny_steps",
    "test_population_conformance.py::test_same_seed_same_numbers[kinetic-monte-carlo]",
    "test_large_spins.py::test_exact_answers_are_what_qutip_finds[1.4-4-16]",
    "test_motion.py::test_limit_cycles_of_the_model",
    "test_compare.py::test_differences_are_those_of_closed_forms[1]",
    "test_continuation.py::test_more_trajectories_equal_an_uninterrupted_run[kinetic-monte-carlo]",
    "test_opendicke_lines_work[docs/kelly2021.md]",
    "test_commands.py::test_new_files_run_smaller[rate-equation]",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark those of the list above."""
    for item in items:
        if item.nodeid.endswith(SLOW):
            item.add_marker(pytest.mark.slow)


MakeModel = Callable[..., od.DickeModel]
Ask = Callable[..., Raw]


@pytest.fixture
def make_model() -> MakeModel:
    """A model without any symmetry, from a seed; keywords replace single arguments."""

    def make(seed: int = 0, spins: int = 4, modes: int = 3, **replaced: Any) -> od.DickeModel:
        rng = np.random.default_rng(seed)
        settings: dict[str, Any] = {
            "couplings": rng.normal(size=(spins, modes)) / np.sqrt(spins),
            "frequencies": rng.uniform(0.5, 2.0, modes),
            "loss": rng.uniform(0.3, 0.8, modes),
            "gain": rng.uniform(0.0, 0.2, modes),
            "field": rng.uniform(0.3, 1.2, spins),
        }
        return od.DickeModel(**settings | replaced)

    return make


@pytest.fixture
def make_state() -> Callable[..., od.ProductState]:
    """Mixed spins in all directions, displaced and thermal modes, from a seed."""

    def make(model: od.DickeModel, seed: int = 1) -> od.ProductState:
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(model.spins, 3))
        vectors *= (rng.uniform(0.4, 1.0, model.spins) / np.linalg.norm(vectors, axis=1))[:, None]
        return od.ProductState.bloch(
            vectors,
            displacement=rng.normal(size=model.modes) + 1j * rng.normal(size=model.modes),
            occupation=rng.uniform(0.0, 1.0, model.modes),
        )

    return make


@pytest.fixture
def ask() -> Ask:
    """Reduce, run and return the bare answer: ask(model, state, times, names, method, …)."""

    def run(
        model: od.DickeModel,
        state: od.ProductState,
        times: Any,
        names: list[str],
        method: Any,
        **reductions: bool,
    ) -> Raw:
        problem = od.reduce(model, state, **reductions)
        answer: Raw = method.run(problem, np.asarray(times, float), find_observables(names))
        return answer

    return run


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A copy of the registry of observables, so that tests may register their own."""
    copy = dict(registry_module._registry)
    monkeypatch.setattr(registry_module, "_registry", copy)
    return copy
