"""Open, disordered, multimode Dicke (spin-boson) models: one model object, every method."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opendicke.advising.asking import advise as advise
    from opendicke.advising.opinions import Advice as Advice
    from opendicke.advising.opinions import Opinion as Opinion
    from opendicke.analysis.ensemble import disorder_distribution as disorder_distribution
    from opendicke.analysis.ensemble import ensemble_statistics as ensemble_statistics
    from opendicke.analysis.relaxation import Fit as Fit
    from opendicke.analysis.relaxation import Relaxation as Relaxation
    from opendicke.analysis.relaxation import fit_relaxation as fit_relaxation
    from opendicke.analysis.relaxation_crossover import Crossover as Crossover
    from opendicke.analysis.relaxation_crossover import crossover as crossover
    from opendicke.analysis.relaxation_frequency import Frequency as Frequency
    from opendicke.analysis.relaxation_frequency import locked_frequency as locked_frequency
    from opendicke.analysis.relaxation_laws import Law as Law
    from opendicke.analysis.relaxation_map import relaxation_fits as relaxation_fits
    from opendicke.analysis.relaxation_window import period_average as period_average
    from opendicke.analysis.response import Response as Response
    from opendicke.analysis.response import classify_response as classify_response
    from opendicke.analysis.response import response_map as response_map
    from opendicke.analysis.self_averaging import self_averaging as self_averaging
    from opendicke.comparing import compare as compare
    from opendicke.errors import InputError as InputError
    from opendicke.errors import StoreError as StoreError
    from opendicke.errors import ValidityError as ValidityError
    from opendicke.errors import ValidityWarning as ValidityWarning
    from opendicke.experiment.experiment import Experiment as Experiment
    from opendicke.experiment.phase_diagram import phase_diagram as phase_diagram
    from opendicke.experiment.run import estimate as estimate
    from opendicke.experiment.run import resume as resume
    from opendicke.experiment.run import run as run
    from opendicke.interop.qutip import to_qutip as to_qutip
    from opendicke.measure.moments import JointMoments as JointMoments
    from opendicke.measure.moments import Moments as Moments
    from opendicke.measure.observables import find_observables as find_observables
    from opendicke.measure.observables import known_observables as known_observables
    from opendicke.measure.observables import observable as observable
    from opendicke.measure.terms import CorrelationTerm as CorrelationTerm
    from opendicke.measure.terms import EntropyTerm as EntropyTerm
    from opendicke.measure.terms import InteractionTerm as InteractionTerm
    from opendicke.measure.terms import IsingDistributionTerm as IsingDistributionTerm
    from opendicke.measure.terms import IsingTerm as IsingTerm
    from opendicke.measure.terms import PhotonPairTerm as PhotonPairTerm
    from opendicke.measure.terms import PhotonTerm as PhotonTerm
    from opendicke.measure.terms import ProbabilityTerm as ProbabilityTerm
    from opendicke.measure.terms import QuadratureTerm as QuadratureTerm
    from opendicke.measure.terms import SpinPairTerm as SpinPairTerm
    from opendicke.measure.terms import SpinTerm as SpinTerm
    from opendicke.methods.auto import Auto as Auto
    from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo as KineticMonteCarlo
    from opendicke.methods.lindblad import Lindblad as Lindblad
    from opendicke.methods.mean_field import MeanField as MeanField
    from opendicke.methods.quantum_jumps import QuantumJumps as QuantumJumps
    from opendicke.methods.rate_equation import RateEquation as RateEquation
    from opendicke.methods.truncated_wigner import TruncatedWigner as TruncatedWigner
    from opendicke.model.configurations import configuration_index as configuration_index
    from opendicke.model.configurations import configurations as configurations
    from opendicke.model.configurations import energy_scale as energy_scale
    from opendicke.model.configurations import model_energies as model_energies
    from opendicke.model.couplings import Binary as Binary
    from opendicke.model.couplings import Discrete as Discrete
    from opendicke.model.couplings import Fixed as Fixed
    from opendicke.model.couplings import Gaussian as Gaussian
    from opendicke.model.couplings import Uniform as Uniform
    from opendicke.model.dicke import DickeModel as DickeModel
    from opendicke.model.disorder import RandomDicke as RandomDicke
    from opendicke.model.ensemble import Ensemble as Ensemble
    from opendicke.model.ground_states import GroundStates as GroundStates
    from opendicke.model.ground_states import ground_states as ground_states
    from opendicke.model.ising import IsingModel as IsingModel
    from opendicke.model.ising import eliminate as eliminate
    from opendicke.model.reduce import Problem as Problem
    from opendicke.model.reduce import reduce as reduce
    from opendicke.model.state import ProductState as ProductState
    from opendicke.physics.balance import Temperature as Temperature
    from opendicke.physics.balance import balance_residual as balance_residual
    from opendicke.physics.balance import entropy_production as entropy_production
    from opendicke.physics.balance import kolmogorov_ratio as kolmogorov_ratio
    from opendicke.physics.balance import shannon_entropy as shannon_entropy
    from opendicke.physics.balance import square_loops as square_loops
    from opendicke.physics.balance import temperature_of_distribution as temperature_of_distribution
    from opendicke.physics.balance import temperature_of_rates as temperature_of_rates
    from opendicke.physics.balance import two_spin_ratio as two_spin_ratio
    from opendicke.physics.coherence import coherence as coherence
    from opendicke.physics.coherence_times import coherence_rates as coherence_rates
    from opendicke.physics.coherence_times import coherence_times as coherence_times
    from opendicke.physics.coherence_times import pair_decays as pair_decays
    from opendicke.physics.configuration_rates import configuration_rates as configuration_rates
    from opendicke.physics.configuration_rates import flip_rate as flip_rate
    from opendicke.physics.coupled_paramagnet import CoupledParamagnet as CoupledParamagnet
    from opendicke.physics.coupled_paramagnet import coupled_paramagnet as coupled_paramagnet
    from opendicke.physics.flip_rates import flip_rates as flip_rates
    from opendicke.physics.motion import Motion as Motion
    from opendicke.physics.paramagnet import (
        classical_paramagnet_polarization as classical_paramagnet_polarization,
    )
    from opendicke.physics.paramagnet import (
        classical_paramagnet_temperature as classical_paramagnet_temperature,
    )
    from opendicke.physics.paramagnet import paramagnet_polarization as paramagnet_polarization
    from opendicke.physics.paramagnet import paramagnet_temperature as paramagnet_temperature
    from opendicke.physics.rate_limits import Dephasing as Dephasing
    from opendicke.physics.rate_limits import crossing as crossing
    from opendicke.physics.rate_limits import crossing_estimate as crossing_estimate
    from opendicke.physics.rate_limits import dephasing_model as dephasing_model
    from opendicke.physics.rate_limits import gaussian_rates as gaussian_rates
    from opendicke.physics.rate_limits import inverse_temperature as inverse_temperature
    from opendicke.physics.rate_limits import lorentzian_rates as lorentzian_rates
    from opendicke.physics.rate_limits import power_law_rates as power_law_rates
    from opendicke.physics.retrieval import critical_coupling as critical_coupling
    from opendicke.physics.retrieval import retrieval_occupation as retrieval_occupation
    from opendicke.physics.retrieval import retrieval_overlap as retrieval_overlap
    from opendicke.physics.search import stationary_states as stationary_states
    from opendicke.physics.stability import Spectrum as Spectrum
    from opendicke.physics.stability import is_stable as is_stable
    from opendicke.physics.stability import jacobian as jacobian
    from opendicke.physics.stability import spectrum as spectrum
    from opendicke.physics.stability import stable_intervals as stable_intervals
    from opendicke.physics.stationary import StationaryState as StationaryState
    from opendicke.physics.stationary import retrieval_state as retrieval_state
    from opendicke.physics.theorem import TheoremConstants as TheoremConstants
    from opendicke.physics.theorem import theorem_constants as theorem_constants
    from opendicke.physics.thermodynamics import IMPLIED_ALPHA as IMPLIED_ALPHA
    from opendicke.physics.thermodynamics import STATED_ALPHA as STATED_ALPHA
    from opendicke.physics.thermodynamics import GlassWindow as GlassWindow
    from opendicke.physics.thermodynamics import critical_alpha as critical_alpha
    from opendicke.physics.thermodynamics import glass_temperature as glass_temperature
    from opendicke.physics.thermodynamics import glass_window as glass_window
    from opendicke.physics.thermodynamics import hopfield_energy as hopfield_energy
    from opendicke.physics.thermodynamics import (
        hopfield_temperature_scale as hopfield_temperature_scale,
    )
    from opendicke.physics.thermodynamics import initial_temperature as initial_temperature
    from opendicke.physics.thermodynamics import (
        printed_glass_temperature as printed_glass_temperature,
    )
    from opendicke.physics.thermodynamics import (
        printed_initial_temperature as printed_initial_temperature,
    )
    from opendicke.physics.timescales import PhotonTime as PhotonTime
    from opendicke.physics.timescales import perturbative_time as perturbative_time
    from opendicke.physics.timescales import photon_time as photon_time
    from opendicke.physics.windows import IntermediateRegime as IntermediateRegime
    from opendicke.physics.windows import KeptPatterns as KeptPatterns
    from opendicke.physics.windows import instability_windows as instability_windows
    from opendicke.physics.windows import intermediate_regime as intermediate_regime
    from opendicke.physics.windows import kept_patterns as kept_patterns
    from opendicke.physics.windows import retrieval_growth as retrieval_growth
    from opendicke.results.comparison import comparison_table as comparison_table
    from opendicke.results.comparison_stored import compare_results as compare_results
    from opendicke.results.store import load as load
    from opendicke.results.store import save as save
    from opendicke.solving import assess as assess
    from opendicke.solving import solve as solve
    from opendicke.solving import stationary as stationary
    from opendicke.solving import trajectories as trajectories

__version__ = _version("opendicke")

# Names are imported when first used, so that `import opendicke` is quick and loads neither JAX
# nor QuTiP.
_HOME = {
    "Advice": "advising.opinions",
    "Opinion": "advising.opinions",
    "advise": "advising.asking",
    "Auto": "methods.auto",
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
    "compare_results": "results.comparison_stored",
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
