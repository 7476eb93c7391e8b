"""Malformed experiment files, stores and arguments for the command line, each from its number."""

from __future__ import annotations

import copy
import datetime
import math
import random
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

import opendicke as od

EXAMPLES = Path(__file__).parents[1] / "examples"

SMALL: dict[str, Any] = {
    "seed": 1,
    "realizations": 2,
    "observables": ["sz", "sz_spin"],
    "model": {
        "couplings": {"kind": "gaussian", "sigma": 2.0},
        "spins": 3,
        "modes": 2,
        "frequencies": 1.0,
        "loss": 1.0,
        "field": 0.05,
    },
    "state": {"spins": "-z", "bosons": "stationary"},
    "times": {"stop": 1.0, "points": 3},
    "method": {"kind": "rate-equation"},
}
"""An experiment of a hundredth of a second."""

COUPLINGS: list[dict[str, Any]] = [
    {"kind": "uniform", "strength": 1.0},
    {"kind": "binary", "strength": 1.0, "spread": 0.1},
    {"kind": "discrete", "values": [0.0, 1.0], "probabilities": [0.5, 0.5]},
    {"kind": "fixed", "values": [[1.0, -1.0], [1.0, 1.0], [0.5, 1.0]], "strength": 0.5},
    {"kind": "fixed", "path": "couplings.csv"},
]
STATES: list[dict[str, Any]] = [
    {"pattern": 0, "flipped": 0.3, "seed": 1},
    {"bloch": [0.5, 0.0, 0.5]},
    {"configuration": [1, -1, 1], "axis": "z", "bosons": "stationary"},
    {"spins": "+x", "displacement": [[0.1, 0.2], [0.0, 1.0]], "occupation": 0.5},
]
METHODS: list[dict[str, Any]] = [
    {"kind": "mean-field", "tolerance": 1e-2, "order": 2},
    {"kind": "truncated-wigner", "trajectories": 4, "tolerance": 0.1, "precision": "single"},
    {"kind": "lindblad", "tolerance": 0.1, "way": "fock", "cutoff": 3},
    {"kind": "quantum-jumps", "trajectories": 4, "tolerance": 0.1, "cutoff": 3},
    {"kind": "kinetic-monte-carlo", "trajectories": 4, "sampler": "automatic"},
    {"kind": "kinetic-monte-carlo", "anneal_times": [0.0, 1.0], "anneal_field": [0.1, 0.05]},
]
PARTS: list[dict[str, Any]] = [
    {"sweep": {"model.field": [0.05, 0.1]}},
    {"sweep": {"model.spins": [2, 3], "model.couplings.sigma": [1.0, 2.0]}},
    {"sweep": {"model.frequencies": [[1.0, 2.0], [2.0, 2.0]], "method.tolerance": [1e-3, 1e-4]}},
    {"sweep": {"state.spins": ["+z", "-z"], "state.bosons": ["vacuum", "stationary"]}},
    {"target_stderr": 0.5, "most_realizations": 3, "most_trajectories": 8},
    {"thermodynamic": True},
    {"times": [0.0, 0.5, 1.0]},
    {"times": {"first": 0.1, "stop": 10.0, "points": 4}},
]
NUMBERS: list[Any] = [
    *[0, -1, 1, 2, 5, 64, 10**6, 10**9, 10**12, 2**63 - 1, 2**63, -(10**30), 10**400],
    *[0.0, -0.0, 0.5, -2.5, 1e-320, 1e-12, 1e154, 1e308, -1e308, math.nan, math.inf, -math.inf],
]
WORDS = [
    *["", ".", "..", "\n", "\t", "\x00", "a\x1b[31mb", "../..", "/", "+z", "x", "sx", "fixed"],
    *["ä" * 2000, "\u202e", "日本", "🎲", "nan", "1", "true", "auto", "mean-field", "stationary"],
    *["model.spins", "state.pattern", "method.kind", "sweep", "times.stop", "model.couplings"],
]


def keys_of(table: Any) -> set[str]:
    """All keys of nested tables."""
    if isinstance(table, list):
        return set().union(*map(keys_of, table))
    if not isinstance(table, dict):
        return set()
    return set(table).union(*map(keys_of, table.values()))


KEYS = sorted(keys_of([SMALL, *COUPLINGS, *STATES, *METHODS, *PARTS]))


@dataclass
class Case:
    """One call of the command line and what it may touch."""

    arguments: list[str]
    outputs: set[str] = field(default_factory=set)
    """First parts of the paths that it may write if it succeeds."""
    damaged: str | None = None
    """A damaged copy of the good store, whose numbers may be missing, but not wrong."""


def junk(rng: random.Random, depth: int = 0) -> Any:
    """A value of any type that TOML has."""
    match rng.randrange(9 if depth < 3 else 6):
        case 0 | 1:
            return rng.choice(NUMBERS)
        case 2:
            return rng.choice(WORDS)
        case 3:
            return rng.choice(KEYS)
        case 4:
            return rng.choice([True, False, datetime.date(2026, 1, 1), datetime.time(1, 2)])
        case 5:
            return rng.uniform(-3, 3)
        case 6 | 7:
            return [junk(rng, depth + 1) for _ in range(rng.randrange(4))]
        case _:
            return {rng.choice(KEYS + WORDS): junk(rng, depth + 1) for _ in range(rng.randrange(3))}


def nested(rng: random.Random) -> Any:
    """Lists or tables in each other."""
    value: Any = 1
    for _ in range(rng.choice([5, 17, 60])):
        value = [value] if rng.random() < 0.5 else {rng.choice(KEYS): value}
    return value


def document(rng: random.Random) -> dict[str, Any]:
    """A valid experiment, most often a small one."""
    if rng.random() < 0.15:
        name = rng.choice(["cooling", "memory", "relaxation", "retrieval"])
        return tomllib.loads((EXAMPLES / f"{name}.toml").read_text())
    made = copy.deepcopy(SMALL)
    if rng.random() < 0.5:
        made["model"]["couplings"] = copy.deepcopy(rng.choice(COUPLINGS))
        if made["model"]["couplings"]["kind"] == "fixed":
            del made["model"]["spins"], made["model"]["modes"], made["realizations"]
    if rng.random() < 0.4:
        made["state"] = copy.deepcopy(rng.choice(STATES))
    if rng.random() < 0.5:
        made["method"] = copy.deepcopy(rng.choice(METHODS))
    while rng.random() < 0.4:
        made |= copy.deepcopy(rng.choice(PARTS))
    return made


def mutate(rng: random.Random, made: dict[str, Any]) -> None:
    """One thing wrong with a document."""
    table: Any = made
    while True:
        inner = [v for v in table.values() if isinstance(v, dict) and v]
        if not inner or rng.random() < 0.25:
            break
        table = rng.choice(inner)
    key = rng.choice(sorted(table)) if table else "x"
    changes: list[Callable[[], Any]] = [
        lambda: table.update({key: junk(rng)}),
        lambda: table.update({key: rng.choice(NUMBERS)}),
        lambda: table.pop(key, None),
        lambda: table.update({rng.choice(KEYS + WORDS): table.pop(key, 1)}),
        lambda: table.update({rng.choice(KEYS + WORDS): junk(rng)}),
        lambda: table.update({key: [table.get(key, 1)] * rng.randrange(4)}),
        lambda: table.update({key: copy.deepcopy(made.get(rng.choice(sorted(made) or ["x"]), 0))}),
        lambda: table.update({key: nested(rng)}),
        lambda: table.update({key: str(table.get(key))}),
    ]
    rng.choice(changes)()


def mangle(rng: random.Random, content: bytes) -> bytes:
    """Bytes of a file with something wrong among them."""
    at = rng.randrange(len(content) + 1)
    lines = content.splitlines(keepends=True) or [b""]
    line = rng.choice(lines)
    old = rng.choice([b"=", b'"', b"[", b"]", b"\n", b"1", b".", b"{", b"e", b"_"])
    new = rng.choice(
        [b"", b"[", b"'", b'"""', b"=", b"{", b"9" * 5000, b"\xff", b"\r", b"\xef\xbb\xbf"]
    )
    match rng.randrange(8):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + rng.randbytes(rng.randrange(9)) + content[at:]
        case 2:  # a key, or a table, twice
            return content.replace(line, line * 2, 1)
        case 3:
            return content.replace(old, new, rng.randrange(1, 6))
        case 4:
            return b"".join(rng.sample(lines, len(lines)))
        case 5:
            return content + b"\nx = " + b"[" * 3000 + b"]" * 3000
        case 6:
            return content.decode().encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))
        case _:
            return rng.randbytes(rng.randrange(300))


QUICK = {"rate-equation", "kinetic-monte-carlo"}


def is_tiny(experiment: od.Experiment) -> bool:
    """Whether an experiment that is valid by chance surely takes less than a second."""
    table = experiment.to_table()
    method, model = table["method"], table["model"]
    cells = experiment.realizations * math.prod(map(len, experiment.sweep.values()))
    numbers = [table["model"], table["state"], table.get("sweep", {})]
    return (
        method["kind"] in QUICK
        and method.get("trajectories", 1) <= 16
        and set(method) <= {"kind", "trajectories", "sampler"}
        and experiment.target_stderr is None
        and cells <= 8
        and max(experiment.model.spins, experiment.model.modes) <= 6
        and len(experiment.times) <= 6
        and abs(float(experiment.times[-1])) <= 10
        and model["couplings"]["kind"] != "fixed"
        and all(abs(number) <= 20 for number in _numbers(numbers))
    )


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, (int, float)) else []


def file_case(rng: random.Random, folder: Path) -> Case:
    """`opendicke run` of a malformed experiment file."""
    (folder / "couplings.csv").write_text("1,2\n3,4\n0.5,0.1\n")
    (folder / "letters").symlink_to(EXAMPLES / "letters")
    made = document(rng)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        mutate(rng, made)
    try:
        content = tomli_w.dumps(made).encode()
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError):
        content = tomli_w.dumps(SMALL).encode()
    if rng.random() < 0.35:
        content = mangle(rng, content)
    if rng.random() < 0.1:
        rng.choice([_bad_csv, _bad_folder])(rng, folder)
    (folder / "x.toml").write_bytes(content)
    arguments = ["run", "x.toml", "--store", rng.choice(["x.zarr", "new/x.zarr", "x.nc"])]
    if rng.random() < 0.5:
        arguments += ["--validity", rng.choice(["ignore", "warn", "refuse"])]
    return Case([*arguments, *_cautious(folder / "x.toml")], {"x.zarr", "new", "x.nc", "x.png"})


def _cautious(file: Path) -> list[str]:
    """Nothing for a file that is refused or quick; `--dry-run` for what may take long."""
    try:
        return [] if is_tiny(od.Experiment.from_toml(file)) else ["--dry-run"]
    except od.InputError:
        return []


def _bad_csv(rng: random.Random, folder: Path) -> None:
    (folder / "couplings.csv").write_bytes(
        rng.choice([b"", b"1,2\n3\n", b"nan,1\n", b"\xff", b"1e400,1\n", b"x" * 10**5, b"1;2\n"])
    )


def _bad_folder(rng: random.Random, folder: Path) -> None:
    (folder / "couplings.csv").unlink()
    (folder / "couplings.csv").mkdir()
    if rng.random() < 0.5:
        (folder / "couplings.csv" / "a.png").write_bytes(b"\x89PNG\r\n" + rng.randbytes(50))


def furnish(folder: Path) -> None:
    """What odd paths lead to."""
    (folder / "file.txt").write_text("precious")
    (folder / "file.zarr").write_text("precious")
    (folder / "folder.zarr").mkdir()
    (folder / "folder.nc").mkdir()
    (folder / "folder.png").mkdir()
    (folder / "folder.toml").mkdir()
    (folder / "empty.nc").write_bytes(b"")
    (folder / "empty.toml").write_bytes(b"")
    for name in ("loop", "loop.zarr", "loop.nc", "loop.toml", "loop.png"):
        (folder / name).symlink_to(name)
    (folder / "dangling.toml").symlink_to("nowhere.toml")
    (folder / "dangling.nc").symlink_to("nowhere.nc")


STEMS = [
    *["none", "a b", "ä日本🎲", "a\nb", "a\x00b", "x" * 300, "x" * 5000, "", ".", "..", "-", "--x"],
    *["file.txt", "file.txt/x", "folder", "loop", "loop/x", "dangling", "empty", "file", "\udcff"],
    *["none/deep/x", "a\tb\x1b[1m", "%s{}", "~", "*", "\u202e", " ", "C:\\x", "http://x/y"],
    *["/dev/null", "/dev/null/x", "/proc/x", "folder.zarr/x", "file.zarr/x", "good.zarr/x"],
]


def odd_path(rng: random.Random, *suffixes: str) -> str:
    """A path of any kind, most often with one of these suffixes."""
    return rng.choice(STEMS) + rng.choice([*suffixes, *suffixes, "", ".txt", ".ZARR", "/"])


NOT_SCHEDULERS = [
    *["", " ", "nonsense", "tcp://", "ftp://x:1", "127.0.0.1", "tcp://[::1", "://", ":", "a\nb"],
    *["tcp://127.0.0.1:port", "\x00", "x" * 500, "inproc://1/2/3", "tcp://\udcff:1", "tls://x:1"],
]
NOT_WORKERS = ["0", "-1", "x", "1e3", "9" * 30, "1025", " ", "", "0x2", "nan", "1.5", "⅔", "None"]
VALIDITIES = ["maybe", "", "REFUSE", "a\nb", "refuse ", "warn,ignore", "1", "\udcff", "x" * 2000]
UNKNOWN = [
    *["--wrong", "--stor", "--", "-x", "-", "---", "--store=", "--=x", "--overwrite=1", "-store"],
    *["--wor\nk", "--\x00", "extra", "", "--no-such=1", "--ünï", "--figure", "--store", "--help=x"],
]


def argument_case(rng: random.Random, folder: Path) -> Case:
    """A list of arguments with at least one that is wrong, for any command."""
    furnish(folder)
    (folder / "good.toml").write_text(tomli_w.dumps(SMALL))
    often = ["run", "run", "run", "resume", "show", "plot", "paper", "none"]
    kind = rng.choice([*often, "new", "compare", "compare", "convert", "completion"])
    arguments = _OF_COMMAND[kind](rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        match rng.randrange(5):
            case 0 | 1:
                arguments.insert(rng.randrange(len(arguments) + 1), rng.choice(UNKNOWN))
            case 2 if len(arguments) > 1:
                arguments.pop(rng.randrange(1, len(arguments)))
            case 3:
                arguments += [rng.choice(arguments or ["x"])]
            case _:
                arguments.append(
                    rng.choice(["--help", "--overwrite", "--dry-run", "--retry-failed", "--json"])
                )
    if "paper" in arguments:  # what is left must not be the making of a paper
        arguments.append("--no-such-option")
    return Case(arguments, {"good.png", "good.zarr", "results", "x.zarr", "x.png", "x.nc"} | _NEW)


_NEW = {"good.toml", "empty.toml", "dangling.toml"}
"""What `opendicke new --overwrite` may replace."""


def _pair(rng: random.Random, option: str, values: list[str]) -> list[str]:
    value = rng.choice(values)
    return [f"{option}={value}"] if rng.random() < 0.3 else [option, value]


def _shared(rng: random.Random) -> list[str]:
    """Bad values of the options that `run` and `resume` share."""
    choices: list[Callable[[], list[str]]] = [
        lambda: ["--figure", odd_path(rng, ".png", ".pdf", ".svg", ".jpg", ".PNG")],
        lambda: _pair(rng, "--validity", VALIDITIES),
        lambda: _pair(rng, "--workers", NOT_WORKERS),
        lambda: _pair(rng, "--scheduler", NOT_SCHEDULERS),
        lambda: ["--workers", "2", "--scheduler", rng.choice(NOT_SCHEDULERS)],
        lambda: ["--validity", "ignore", "--validity", rng.choice(VALIDITIES)],
    ]
    return [word for _ in range(rng.choice([1, 1, 2])) for word in rng.choice(choices)()]


def _run(rng: random.Random) -> list[str]:
    match rng.randrange(4):
        case 0:
            return ["run", odd_path(rng, ".toml")]
        case 1:
            cautious = ["--dry-run"] if rng.random() < 0.7 else []
            return ["run", "good.toml", "--store", odd_path(rng, ".zarr", ".nc"), *cautious]
        case 2:
            return ["run", "good.toml", "--dry-run", *_shared(rng)]
        case _:
            return ["run", rng.choice(["good.toml", odd_path(rng, ".toml")]), *_shared(rng)]


def _paper(rng: random.Random) -> list[str]:
    name = rng.choice(["", "carollo", "carollo2021", "x\ny", "../x", "\udcff", "fiorelli2020"])
    figure = rng.choice([[], ["fig9"], [""], ["claims"], ["a\nb"], ["x" * 3000]])
    scale = rng.choice([[], ["--scale", "huge"], ["--scale", ""], ["--scale", "smoke"]])
    where = rng.choice([[], ["--store", "file.txt"], ["--store", odd_path(rng)]])
    return ["paper", name, *figure, *scale, *where]


def _new(rng: random.Random) -> list[str]:
    """Only below the working folder, where it may write."""
    path = odd_path(rng, ".toml")
    path = "x.toml" if path.startswith(("/", "../")) else path
    method = rng.choice([[], ["--method", rng.choice(["lindblad", "mean_field", *WORDS])]])
    return ["new", path, *method, *rng.choice([[], ["--overwrite"], ["--json"]])]


def _compare(rng: random.Random) -> list[str]:
    if rng.random() < 0.5:
        names = [odd_path(rng, ".zarr", ".nc", ".csv") for _ in range(rng.randrange(4))]
        options = [["--reference", rng.choice(WORDS)], ["--methods", "lindblad"], ["--json"], []]
        return ["compare", *names, *rng.choice(options)]
    kinds = [
        "rate-equation",
        "kinetic_monte_carlo:trajectories=4",
        "lindbald",
        "",
        ":",
        ",",
        *WORDS,
    ]
    settings = ["", ":tolerance", ":tolerance=", ":tolerance=x", ":a=[", ":cutoff=-3", ":kind=3"]
    methods = ",".join(rng.choice(kinds) + rng.choice(settings) for _ in range(rng.randrange(1, 4)))
    more = [[], ["--realization", "-1"], ["--observable", "sxx"], ["--reference", "x"], ["--json"]]
    figure = ["--figure", odd_path(rng, ".png", ".gif")] if rng.random() < 0.3 else []
    return ["compare", "good.toml", "--methods", methods, *rng.choice(more), *figure]


def _convert(rng: random.Random) -> list[str]:
    source, out = odd_path(rng, ".zarr", ".nc", ".csv"), odd_path(rng, ".zarr", ".nc", ".csv")
    return ["convert", source, out, *rng.choice([[], ["--observable", "sxx"], ["--json"]])]


_OF_COMMAND: dict[str, Callable[[random.Random], list[str]]] = {
    "run": _run,
    "resume": lambda rng: ["resume", odd_path(rng, ".zarr", ".nc"), *_shared(rng)],
    "show": lambda rng: ["show", odd_path(rng, ".zarr", ".nc")],
    "plot": lambda rng: [
        *["plot", odd_path(rng, ".zarr", ".nc")],
        *rng.choice([[], ["--observable", "sxx"], ["--figure", odd_path(rng, ".png", ".gif")]]),
    ],
    "paper": _paper,
    "new": _new,
    "compare": _compare,
    "convert": _convert,
    "completion": lambda rng: ["completion", rng.choice(["bash", "csh", *WORDS])],
    "none": lambda rng: rng.choice([[], ["--version"], ["draw"], [""], ["RUN"], ["--help"]]),
}


def store_case(rng: random.Random, folder: Path, good: Path, interrupted: Path) -> Case:
    """A command on a copy of a store with something wrong in it."""
    source = rng.choice([good, interrupted])
    store = folder / rng.choice(["good.zarr", "g\u00fc t.zarr"])
    shutil.copytree(source, store)
    (folder / "good.toml").write_text(tomli_w.dumps(SMALL))
    for _ in range(rng.choice([1, 1, 2, 4])):
        damage(rng, store)
    name = store.name
    command = rng.choice(
        [
            *[["show", name]] * 5,
            ["show", name, "--json"],
            ["convert", name, rng.choice(["x.csv", "x.nc"])],
            ["plot", name],
            ["plot", name, "--observable", "sz"],
            ["resume", name],
            ["run", "good.toml", "--store", name],
            *[["run", "good.toml", "--store", name, "--dry-run"]] * 3,
        ]
    )
    return Case(command, {name, store.with_suffix(".png").name, "x.csv", "x.nc"}, name)


def damage(rng: random.Random, store: Path) -> None:
    """Something wrong with one file or folder of a store."""
    if not store.is_dir():
        return
    paths = sorted(store.rglob("*"))
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    if not files:
        return
    kinds = sorted({_kind(path) for path in files})
    kind = rng.choice(kinds)
    path = rng.choice([path for path in files if _kind(path) == kind])
    content = path.read_bytes()
    match rng.randrange(10):
        case 0:
            path.unlink()
        case 1:
            path.write_bytes(content[: rng.randrange(len(content) + 1)])
        case 2 | 3 if content:
            at = rng.randrange(len(content))
            flipped = content[at] ^ (1 << rng.randrange(8))
            path.write_bytes(content[:at] + bytes([flipped]) + content[at + 1 :])
        case 4:
            path.write_bytes(rng.randbytes(rng.randrange(200)))
        case 5:
            path.unlink()
            path.mkdir()
        case 6:
            path.unlink()
            path.symlink_to(rng.choice([path.name, "nowhere"]))
        case 7:
            path.write_bytes(content + rng.randbytes(20))
        case 8:
            other = rng.choice([path for path in paths if path.is_dir()])
            shutil.rmtree(other)
            if rng.random() < 0.5:
                other.write_bytes(b"x")
        case _:
            words = [b'"shape"', b"null", b"1", b"{", b'"', b"float64", b"[", b"zarr", b":"]
            old, new = rng.choice(words), rng.choice([*words, b"-1", b"", b"1" * 40, b"{}"])
            path.write_bytes(content.replace(old, new, rng.randrange(1, 4)))


def _kind(path: Path) -> str:
    """Root and array metadata, chunks by variable, the journal's files: each equally often."""
    if path.parent.name == "journal":
        return f"journal/{path.name if path.name in ('lock', 'writer', 'zarr.json') else 'log'}"
    root = path.parent.suffix == ".zarr"
    return f"{'root' if root else 'array'}/{path.name if path.suffix else 'chunk'}"
