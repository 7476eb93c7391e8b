"""Open, disordered, multimode Dicke (spin-boson) models: one model object, every method."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opendicke.analysis.ensemble import disorder_distribution, ensemble_statistics
    from opendicke.analysis.relaxation import Fit, Relaxation, fit_relaxation
    from opendicke.analysis.relaxation_crossover import Crossover, crossover
    from opendicke.analysis.relaxation_frequency import Frequency, locked_frequency
    from opendicke.analysis.relaxation_laws import Law
    from opendicke.analysis.relaxation_map import relaxation_fits
    from opendicke.analysis.relaxation_window import period_average
    from opendicke.analysis.response import Response, classify_response, response_map
    from opendicke.analysis.self_averaging import self_averaging
    from opendicke.comparing import compare
    from opendicke.errors import InputError, StoreError, ValidityError, ValidityWarning
    from opendicke.experiment.experiment import Experiment
    from opendicke.experiment.phase_diagram import phase_diagram
    from opendicke.experiment.run import estimate, resume, run
    from opendicke.interop.qutip import to_qutip
    from opendicke.measure.moments import JointMoments, Moments
    from opendicke.measure.observables import find_observables, known_observables, observable
    from opendicke.measure.terms import (
        CorrelationTerm,
        EntropyTerm,
        InteractionTerm,
        IsingDistributionTerm,
        IsingTerm,
        PhotonPairTerm,
        PhotonTerm,
        ProbabilityTerm,
        QuadratureTerm,
        SpinPairTerm,
        SpinTerm,
    )
    from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
    from opendicke.methods.lindblad import Lindblad
    from opendicke.methods.mean_field import MeanField
    from opendicke.methods.quantum_jumps import QuantumJumps
    from opendicke.methods.rate_equation import RateEquation
    from opendicke.methods.truncated_wigner import TruncatedWigner
    from opendicke.model.configurations import (
        configuration_index,
        configurations,
        energy_scale,
        model_energies,
    )
    from opendicke.model.couplings import Binary, Discrete, Fixed, Gaussian, Uniform
    from opendicke.model.dicke import DickeModel
    from opendicke.model.disorder import RandomDicke
    from opendicke.model.ensemble import Ensemble
    from opendicke.model.ground_states import GroundStates, ground_states
    from opendicke.model.ising import IsingModel, eliminate
    from opendicke.model.reduce import Problem, reduce
    from opendicke.model.state import ProductState
    from opendicke.physics.balance import (
        Temperature,
        balance_residual,
        entropy_production,
        kolmogorov_ratio,
        shannon_entropy,
        square_loops,
        temperature_of_distribution,
        temperature_of_rates,
        two_spin_ratio,
    )
    from opendicke.physics.coherence import coherence
    from opendicke.physics.coherence_times import coherence_rates, coherence_times, pair_decays
    from opendicke.physics.configuration_rates import configuration_rates, flip_rate
    from opendicke.physics.coupled_paramagnet import CoupledParamagnet, coupled_paramagnet
    from opendicke.physics.flip_rates import flip_rates
    from opendicke.physics.motion import Motion
    from opendicke.physics.paramagnet import (
        classical_paramagnet_polarization,
        classical_paramagnet_temperature,
        paramagnet_polarization,
        paramagnet_temperature,
    )
    from opendicke.physics.rate_limits import (
        Dephasing,
        crossing,
        crossing_estimate,
        dephasing_model,
        gaussian_rates,
        inverse_temperature,
        lorentzian_rates,
        power_law_rates,
    )
    from opendicke.physics.retrieval import (
        critical_coupling,
        retrieval_occupation,
        retrieval_overlap,
    )
    from opendicke.physics.search import stationary_states
    from opendicke.physics.stability import (
        Spectrum,
        is_stable,
        jacobian,
        spectrum,
        stable_intervals,
    )
    from opendicke.physics.stationary import StationaryState, retrieval_state
    from opendicke.physics.theorem import TheoremConstants, theorem_constants
    from opendicke.physics.thermodynamics import (
        IMPLIED_ALPHA,
        STATED_ALPHA,
        GlassWindow,
        critical_alpha,
        glass_temperature,
        glass_window,
        hopfield_energy,
        hopfield_temperature_scale,
        initial_temperature,
        printed_glass_temperature,
        printed_initial_temperature,
    )
    from opendicke.physics.timescales import PhotonTime, perturbative_time, photon_time
    from opendicke.physics.windows import (
        IntermediateRegime,
        KeptPatterns,
        instability_windows,
        intermediate_regime,
        kept_patterns,
        retrieval_growth,
    )
    from opendicke.results.comparison import comparison_table
    from opendicke.results.store import load, save
    from opendicke.solving import assess, solve, stationary, trajectories

__version__ = _version("opendicke")

# Names are imported when first used, so that `import opendicke` is quick and loads neither JAX
# nor QuTiP.
_HOME = {
    "Binary": "model.couplings",
    "CorrelationTerm": "measure.terms",
    "CoupledParamagnet": "physics.coupled_paramagnet",
    "Crossover": "analysis.relaxation_crossover",
    "Dephasing": "physics.rate_limits",
    "DickeModel": "model.dicke",
    "Discrete": "model.couplings",
    "Ensemble": "model.ensemble",
    "EntropyTerm": "measure.terms",
    "Experiment": "experiment.experiment",
    "Fit": "analysis.relaxation",
    "Fixed": "model.couplings",
    "Frequency": "analysis.relaxation_frequency",
    "Gaussian": "model.couplings",
    "GlassWindow": "physics.thermodynamics",
    "GroundStates": "model.ground_states",
    "IMPLIED_ALPHA": "physics.thermodynamics",
    "InputError": "errors",
    "InteractionTerm": "measure.terms",
    "IntermediateRegime": "physics.windows",
    "IsingDistributionTerm": "measure.terms",
    "IsingModel": "model.ising",
    "IsingTerm": "measure.terms",
    "JointMoments": "measure.moments",
    "KeptPatterns": "physics.windows",
    "KineticMonteCarlo": "methods.kinetic_monte_carlo",
    "Law": "analysis.relaxation_laws",
    "Lindblad": "methods.lindblad",
    "MeanField": "methods.mean_field",
    "Moments": "measure.moments",
    "Motion": "physics.motion",
    "PhotonPairTerm": "measure.terms",
    "PhotonTerm": "measure.terms",
    "PhotonTime": "physics.timescales",
    "ProbabilityTerm": "measure.terms",
    "Problem": "model.reduce",
    "ProductState": "model.state",
    "QuadratureTerm": "measure.terms",
    "QuantumJumps": "methods.quantum_jumps",
    "RandomDicke": "model.disorder",
    "RateEquation": "methods.rate_equation",
    "Relaxation": "analysis.relaxation",
    "Response": "analysis.response",
    "STATED_ALPHA": "physics.thermodynamics",
    "Spectrum": "physics.stability",
    "SpinPairTerm": "measure.terms",
    "SpinTerm": "measure.terms",
    "StationaryState": "physics.stationary",
    "StoreError": "errors",
    "Temperature": "physics.balance",
    "TheoremConstants": "physics.theorem",
    "TruncatedWigner": "methods.truncated_wigner",
    "Uniform": "model.couplings",
    "ValidityError": "errors",
    "ValidityWarning": "errors",
    "assess": "solving",
    "balance_residual": "physics.balance",
    "classical_paramagnet_polarization": "physics.paramagnet",
    "classical_paramagnet_temperature": "physics.paramagnet",
    "classify_response": "analysis.response",
    "coherence": "physics.coherence",
    "coherence_rates": "physics.coherence_times",
    "coherence_times": "physics.coherence_times",
    "compare": "comparing",
    "comparison_table": "results.comparison",
    "configuration_index": "model.configurations",
    "configuration_rates": "physics.configuration_rates",
    "configurations": "model.configurations",
    "coupled_paramagnet": "physics.coupled_paramagnet",
    "critical_alpha": "physics.thermodynamics",
    "critical_coupling": "physics.retrieval",
    "crossing": "physics.rate_limits",
    "crossing_estimate": "physics.rate_limits",
    "crossover": "analysis.relaxation_crossover",
    "dephasing_model": "physics.rate_limits",
    "disorder_distribution": "analysis.ensemble",
    "eliminate": "model.ising",
    "energy_scale": "model.configurations",
    "ensemble_statistics": "analysis.ensemble",
    "entropy_production": "physics.balance",
    "estimate": "experiment.run",
    "find_observables": "measure.observables",
    "fit_relaxation": "analysis.relaxation",
    "flip_rate": "physics.configuration_rates",
    "flip_rates": "physics.flip_rates",
    "gaussian_rates": "physics.rate_limits",
    "glass_temperature": "physics.thermodynamics",
    "glass_window": "physics.thermodynamics",
    "ground_states": "model.ground_states",
    "hopfield_energy": "physics.thermodynamics",
    "hopfield_temperature_scale": "physics.thermodynamics",
    "initial_temperature": "physics.thermodynamics",
    "instability_windows": "physics.windows",
    "intermediate_regime": "physics.windows",
    "inverse_temperature": "physics.rate_limits",
    "is_stable": "physics.stability",
    "jacobian": "physics.stability",
    "kept_patterns": "physics.windows",
    "known_observables": "measure.observables",
    "kolmogorov_ratio": "physics.balance",
    "load": "results.store",
    "locked_frequency": "analysis.relaxation_frequency",
    "lorentzian_rates": "physics.rate_limits",
    "model_energies": "model.configurations",
    "observable": "measure.observables",
    "pair_decays": "physics.coherence_times",
    "paramagnet_polarization": "physics.paramagnet",
    "paramagnet_temperature": "physics.paramagnet",
    "period_average": "analysis.relaxation_window",
    "perturbative_time": "physics.timescales",
    "phase_diagram": "experiment.phase_diagram",
    "photon_time": "physics.timescales",
    "power_law_rates": "physics.rate_limits",
    "printed_glass_temperature": "physics.thermodynamics",
    "printed_initial_temperature": "physics.thermodynamics",
    "reduce": "model.reduce",
    "relaxation_fits": "analysis.relaxation_map",
    "response_map": "analysis.response",
    "resume": "experiment.run",
    "retrieval_growth": "physics.windows",
    "retrieval_occupation": "physics.retrieval",
    "retrieval_overlap": "physics.retrieval",
    "retrieval_state": "physics.stationary",
    "run": "experiment.run",
    "save": "results.store",
    "self_averaging": "analysis.self_averaging",
    "shannon_entropy": "physics.balance",
    "solve": "solving",
    "spectrum": "physics.stability",
    "square_loops": "physics.balance",
    "stable_intervals": "physics.stability",
    "stationary": "solving",
    "stationary_states": "physics.search",
    "temperature_of_distribution": "physics.balance",
    "temperature_of_rates": "physics.balance",
    "theorem_constants": "physics.theorem",
    "to_qutip": "interop.qutip",
    "trajectories": "solving",
    "two_spin_ratio": "physics.balance",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opendicke' has no attribute {name!r}")
    value = getattr(import_module(f"opendicke.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
