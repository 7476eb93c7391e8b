"""Commented experiment files to start from, one for each method.

Each is small enough to run in seconds as it stands. What is the same in all of them is written
once; of a method there are its example and what its settings mean.
"""

from __future__ import annotations

from typing import NamedTuple


class Template(NamedTuple):
    """What is particular to the file of one method."""

    title: str
    about: str
    observables: str
    couplings: str
    """The key `couplings` of the model, and sizes."""
    modes: str
    """Frequencies, loss, gain and field."""
    axes: tuple[str, str]
    state: str
    times: str
    settings: str
    """The table of the method below its kind; what is commented out are defaults."""
    sweep: str


_HEAD = """\
# {title}
#
#     opendicke run {file}              a dataset and a figure in results/
#     opendicke run {file} --dry-run    only what it would cost
#     opendicke advise {file}           which methods hold for these parameters
#
{about}
#
# The model: spins j and boson modes m, with Pauli matrices (spins are ±1) and ħ = 1,
#
#     H = Σ_m frequency_m a†_m a_m  +  Σ_jm g_jm Z_j (a_m + a†_m)  +  Σ_j field_j X_j ,
#
# where Z is the coupling axis and X the field axis. Mode m loses photons at the rate `loss` and
# gains them at the rate `gain`: their number decays at loss − gain, the amplitude at half of it.
# Units: couplings, frequencies, loss, gain and field are energies in one unit of your choice;
# times are in units of 1/energy. Spins, modes, patterns and realizations are counted from 0.
# What stands behind a # is a comment: remove the # to use it in place of what it replaces.

seed = 1                # of all that is random: the same seed gives the same numbers
realizations = {realizations}        # draws of the couplings
# target_stderr = 0.01  # more draws (from 4 on) until means over them are known so well
observables = {observables}
# Others, if the method offers them: "sx", "sy", "sz" (means over spins), "sx_spin", "sy_spin",
# "sz_spin", "photons" (of all modes), "photons_mode", "overlap" (with each pattern), "energy",
# "ising_energy".

[model]
{couplings}
# Other couplings:
#   {{ kind = "gaussian", sigma = 2.0 }}    normal, variance sigma² frequency / (2 (spins + modes))
#   {{ kind = "uniform", strength = 3.0 }}  uniform between ± strength
#   {{ kind = "binary", strength = 1.2 }}   ± strength / √spins; the signs are the patterns
#   {{ kind = "fixed", path = "g.csv" }}    your own: .csv, .npy or .nc, one row per spin, one
#       column per mode; the path is relative to this file; the lines `spins` and `modes` go
#   {{ kind = "fixed", values = [[0.5, 0.1], [0.2, -0.4]] }}    written here: two spins, two modes
{modes}
coupling_axis = "{coupling_axis}"     # "x", "y" or "z"
field_axis = "{field_axis}"        # another one of them

[state]
{state}
# Other spins: spins = "+x" (all along x; also "-x", "+y", …), pattern = 0 (along that pattern)
# with flipped = 0.1 (a tenth of the spins reversed), bloch = [0.6, 0.0, 0.8] (of every spin) or
# one sign for each, configuration = [1, -1, …]. Other bosons: bosons = "vacuum", or bosons =
# "stationary" (they have followed the spins), or besides the vacuum
# a displacement = 0.5 and an occupation = 0.1 (numbers, or lists with one for each mode).

[times]
{times}

[method]
kind = "{kind}"
{settings}

# One run for each value; several lines make a grid, and every point of it sees the same disorder.
[sweep]
{sweep}
"""

_TRAJECTORIES = """\
trajectories = {count}{space}# errors fall like 1/√trajectories; left out, 1000
# target_stderr = 0.01    # or as many as this standard error needs (relative above 1)"""

_VACUUM = """\
spins = "{spins}"           # every spin along this axis
bosons = "vacuum\""""

TEMPLATES = {
    "mean-field": Template(
        "Retrieval of a stored pattern, by mean field.",
        """\
# Mean field: products of expectation values, exact for many spins that share few modes, with
# errors of the order 1/spins otherwise. Three patterns are stored in the signs of the couplings;
# the state begins near one of them and is drawn to it above a critical strength, here between
# the two values.""",
        '["overlap", "sz", "photons"]',
        """\
couplings = { kind = "binary", strength = 1.2 }
spins = 200
modes = 3""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 2.0              # the same
gain = 0.0              # the same; below the loss
field = 0.5             # of all spins, or a list with one for each""",
        ("z", "x"),
        """\
pattern = 0             # the spins along pattern 0,
flipped = 0.1           # but for a tenth of them
bosons = "vacuum\"""",
        """\
stop = 30.0
points = 121            # equally spaced, both ends included
# start = 0.0
# first = 0.01          # then the first step is this long, and later ones grow geometrically""",
        """\
# tolerance = 1e-6      # largest error of any observable; the time step follows from it
# order = 4             # of the integrator, 4 or 2
# step = 0.01           # a fixed time step instead; then no error is estimated""",
        '"model.couplings.strength" = [0.55, 1.2]',
    ),
    "truncated-wigner": Template(
        "Relaxation of disordered spins, by truncated Wigner.",
        """\
# Truncated Wigner: averages over classical trajectories whose starts have the fluctuations of
# the quantum state. It sees what mean field leaves out at first order, and errs where few spins
# couple strongly: every classical spin feels the field that it made itself. A note says so where
# that matters.""",
        '["sx", "sz", "photons"]',
        """\
couplings = { kind = "gaussian", sigma = 1.0 }
spins = 40
modes = 4""",
        """\
frequencies = 10.0      # of all modes, or a list with one for each
loss = 0.0              # the same
gain = 0.0              # the same; below the loss
field = 1.0             # of all spins, or a list with one for each""",
        ("x", "z"),
        _VACUUM.format(spins="+x"),
        """\
stop = 3.0
points = 31             # equally spaced, both ends included
# start = 0.0
# first = 0.01          # then the first step is this long, and later ones grow geometrically""",
        f"""\
{_TRAJECTORIES.format(count=100, space="        ")}
tolerance = 0.02          # error by the time step; left out, 1e-3
# order = 4               # of the integrator, 4 or 2
# step = 0.01             # a fixed time step instead; then no error is estimated
# block = 64              # trajectories computed together; left out, what fits the machine
# precision = "double"    # or "single": faster, tolerances of 1e-5 and more""",
        '"model.frequencies" = [5.0, 10.0]',
    ),
    "rate-equation": Template(
        "Cooling of strongly coupled spins, by the rate equation.",
        """\
# Rate equation: spins so strongly coupled to their modes that they only flip now and then, at
# rates that depend on the energy of the flip. All 2^spins probabilities are followed, so spins
# are few (20 or less). It holds where the field is weak and no two spins have equal couplings;
# notes say where that is doubtful.""",
        '["ising_energy", "sz", "entropy"]',
        """\
couplings = { kind = "uniform", strength = 3.0 }
spins = 6
modes = 4""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 1.2              # the same; every mode must have some
gain = 1.0              # the same; below the loss. gain/(loss − gain) photons are thermal
field = 0.05            # of all spins, or a list with one for each; weak""",
        ("z", "x"),
        """\
spins = "-z"            # along the coupling axis
bosons = "stationary"   # the method knows no others""",
        """\
first = 10.0            # the first step; later ones grow geometrically
stop = 1e5
points = 61
# start = 0.0""",
        "# tolerance = 1e-8      # of the probabilities, summed over all configurations",
        '"model.gain" = [0.1, 1.0]',
    ),
    "kinetic-monte-carlo": Template(
        "Cooling of strongly coupled spins, by kinetic Monte Carlo.",
        """\
# Kinetic Monte Carlo: the jumps of the rate equation drawn one after the other, for up to
# thousands of spins. It holds where the rate equation does: strong coupling, weak field, no two
# spins with equal couplings; among many spins some nearly agree, and a note says so.""",
        '["ising_energy", "sz"]',
        """\
couplings = { kind = "uniform", strength = 1.5 }
spins = 40
modes = 8""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 1.2              # the same; every mode must have some
gain = 1.0              # the same; below the loss. gain/(loss − gain) photons are thermal
field = 0.05            # of all spins, or a list with one for each; weak""",
        ("z", "x"),
        """\
spins = "-z"            # along the coupling axis
bosons = "stationary"   # the method knows no others""",
        """\
first = 10.0            # the first step; later ones grow geometrically
stop = 1e5
points = 31
# start = 0.0""",
        f"""\
{_TRAJECTORIES.format(count=50, space="         ")}
# sampler = "automatic"   # the fastest of "rejection-free", "windowed", "plain": all are exact
# block = 64              # trajectories computed together
# anneal_times = [0.0, 1e3]      # from each of these times on
# anneal_field = [1.0, 0.1]      # the field is multiplied by this,
# anneal_damping = [1.0, 0.5]    # and loss − gain by this, at equal gain""",
        '"model.gain" = [0.1, 1.0]',
    ),
    "lindblad": Template(
        "A few spins and a lossy mode, exactly, by the master equation.",
        """\
# Lindblad: the density matrix, on as many Fock states as the tolerance needs. Equal spins count
# as one large spin, and equal modes as one bright mode; otherwise about six spins and one or two
# modes are the limit.""",
        '["sz", "sx", "photons"]',
        """\
couplings = { kind = "binary", strength = 0.5 }
spins = 4
modes = 1""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 1.0              # the same
gain = 0.0              # the same; below the loss
field = 0.5             # of all spins, or a list with one for each""",
        ("z", "x"),
        _VACUUM.format(spins="+z"),
        """\
stop = 10.0
points = 41             # equally spaced, both ends included
# start = 0.0
# first = 0.01          # then the first step is this long, and later ones grow geometrically""",
        """\
# tolerance = 1e-6      # change of any observable by more Fock states
# way = "auto"          # the cheapest of "fock", "displaced", "hierarchy"
# cutoff = 8            # with another way than "auto": so many Fock states of each mode, or the
#                         depth of the hierarchy; left out, found""",
        '"model.couplings.strength" = [0.25, 0.5]',
    ),
    "quantum-jumps": Template(
        "A few spins and a lossy mode, exactly, by quantum jumps.",
        """\
# Quantum jumps: trajectories of state vectors, whose average is the density matrix of the master
# equation. They need the root of its memory, and have statistical errors.""",
        '["sz", "sx", "photons"]',
        """\
couplings = { kind = "binary", strength = 0.5 }
spins = 4
modes = 1""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 1.0              # the same
gain = 0.0              # the same; below the loss
field = 0.5             # of all spins, or a list with one for each""",
        ("z", "x"),
        _VACUUM.format(spins="+z"),
        """\
stop = 4.0
points = 17             # equally spaced, both ends included
# start = 0.0
# first = 0.01          # then the first step is this long, and later ones grow geometrically""",
        f"""\
{_TRAJECTORIES.format(count=40, space="         ")}
tolerance = 1e-2          # error by Fock states and time steps; left out, 1e-4
# cutoff = 8              # so many Fock states of each mode; left out, found
# block = 8               # trajectories between two reports of progress""",
        '"model.couplings.strength" = [0.25, 0.5]',
    ),
    "auto": Template(
        "A few spins and a lossy mode, by the method that is advised.",
        """\
# The method is chosen when the experiment is run: the cheapest of those that hold for these
# parameters, to the error below. `opendicke advise` says of every method why it is one or not.""",
        '["sz", "sx", "photons"]',
        """\
couplings = { kind = "binary", strength = 0.5 }
spins = 4
modes = 1""",
        """\
frequencies = 1.0       # of all modes, or a list with one for each
loss = 1.0              # the same
gain = 0.0              # the same; below the loss
field = 0.5             # of all spins, or a list with one for each""",
        ("z", "x"),
        _VACUUM.format(spins="+z"),
        """\
stop = 10.0
points = 41             # equally spaced, both ends included
# start = 0.0
# first = 0.01          # then the first step is this long, and later ones grow geometrically""",
        "# target_error = 0.05   # the largest deviation from exact that it may have, 0.001 to 0.1",
        '"model.couplings.strength" = [0.25, 0.5]',
    ),
}
"""Templates by the names of methods in experiment files."""


def written(kind: str, file: str) -> str:
    """The text of the experiment file of a method.

    Parameters
    ----------
    kind : str
        Name of the method, a key of `TEMPLATES`.
    file : str
        Name of the file, for the commands in its head.
    """
    one = TEMPLATES[kind]
    return _HEAD.format(
        title=one.title,
        about=one.about,
        file=file,
        realizations=1,
        observables=one.observables,
        couplings=one.couplings,
        modes=one.modes,
        coupling_axis=one.axes[0],
        field_axis=one.axes[1],
        state=one.state,
        times=one.times,
        kind=kind,
        settings=one.settings,
        sweep=one.sweep,
    )
