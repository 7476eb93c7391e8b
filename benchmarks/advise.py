"""How good the verdicts of `od.advise` are: exact answers of random small models beside them.

    python benchmarks/advise.py compute calibration 420   # deviations of every method from exact
    python benchmarks/advise.py compute verification 260
    python benchmarks/advise.py sample verification 40    # and of those that are slow to sample
    python benchmarks/advise.py judge                     # the verdicts on all of them, anew
    python benchmarks/advise.py table

Everything is in `docs/data/advise.csv`, a row for each model and method; what is there is not
computed again, so that an interrupted run goes on. `compute` leaves out models whose exact
solution is estimated to take more than 2.5 s or 1 GB, and takes about two hours of one core for
all. Trajectories of truncated Wigner (10,240, in antithetic pairs) follow the equations of the
class `TruncatedWigner` by a splitting of order 2 in NumPy, as the compiled programs of the library
differ for each size of a model; `tests/unit/test_advise_table.py` compares the two.
"""

from __future__ import annotations

import csv
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from advise_models import Case, case
from scipy.integrate import solve_ivp

import opendicke as od

TABLE = Path(__file__).parents[1] / "docs" / "data" / "advise.csv"
COLUMNS = (
    "generator",
    "number",
    "family",
    "spins",
    "modes",
    "method",
    "deviation",
    "verdict",
    "error",
    "estimate",
)
SPINS = ["sx_spin", "sy_spin", "sz_spin"]
TRAJECTORIES = 10_240
_SECONDS, _BYTES = 2.5, 1e9
_TRAJECTORY_WORK = 4e8


def deviations(made: Case, number: int) -> dict[str, float] | None:
    """Largest deviations from exact of methods by name; None where exact is too expensive.

    Of spins along all axes that a method gives, and of photons over max(1, photons).
    """
    model, state, times = made.model, made.state, made.times
    exact = od.Lindblad(tolerance=1e-3)
    cost = od.assess(model, state, times, exact)
    if cost.seconds > _SECONDS or cost.memory > _BYTES:
        return None
    true = od.solve(model, state, times, exact, [*SPINS, "photons"], validity="ignore")
    spins = np.stack([true[name].values for name in SPINS], axis=-1)
    photons = true["photons"].values
    found = {"Lindblad": float(true.attrs.get("estimated_error", 0.0))}

    def off(other: tuple[np.ndarray, np.ndarray]) -> float:
        apart = np.abs(other[1] - photons) / np.maximum(1, photons)
        return max(float(np.abs(other[0] - spins).max()), float(apart.max()))

    found["MeanField"] = off(mean_field(model, state, times))
    sampled = wigner(model, state, times, TRAJECTORIES, number)
    if sampled is not None:
        found["TruncatedWigner"] = off(sampled)
    along = f"s{model.coupling_axis}_spin"
    try:
        rates = od.solve(
            model, state, times, od.RateEquation(), [along, "photons"], validity="ignore"
        )
    except od.InputError:
        return found
    apart = np.abs(rates["photons"].values - photons) / np.maximum(1, photons)
    found["RateEquation"] = max(
        float(np.abs(rates[along].values - true[along].values).max()), float(apart.max())
    )
    return found


def mean_field(
    model: od.DickeModel, state: od.ProductState, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spins (T, N, 3) and photons (T,)."""
    bloch, alpha, occupation = state.resolve(model)
    count, modes = model.couplings.shape
    g, rate = model.couplings, model.damping / 2 + 1j * model.frequencies

    def flow(_: float, y: np.ndarray) -> np.ndarray:
        s, a = y[: 3 * count].reshape(count, 3), y[3 * count :][:modes] + 1j * y[-modes:]
        field = np.zeros((count, 3))
        field[:, 0], field[:, 2] = model.field, 2 * g @ a.real
        moved = -rate * a - 1j * (g.T @ s[:, 2])
        return np.concatenate([(2 * np.cross(field, s)).ravel(), moved.real, moved.imag])

    start = np.concatenate([bloch.ravel(), alpha.real, alpha.imag]).astype(float)
    elapsed = times - times[0]
    y = solve_ivp(flow, (0, elapsed[-1]), start, "DOP853", t_eval=elapsed, rtol=1e-8, atol=1e-9).y.T
    kept = np.exp(-np.outer(elapsed, model.damping))
    thermal = occupation * kept + model.stationary_occupation * (1 - kept)
    photons = (y[:, 3 * count :] ** 2).sum(axis=1) + thermal.sum(axis=1)
    return y[:, : 3 * count].reshape(-1, count, 3) @ model.frame(), photons


def wigner(
    model: od.DickeModel, state: od.ProductState, times: np.ndarray, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Spins (T, N, 3) and photons (T,) of truncated Wigner; None where it would take long."""
    rng = np.random.default_rng(seed)
    bloch, alpha, occupation = state.resolve(model)
    count, modes = model.couplings.shape
    g, rate, h = model.couplings, model.damping / 2 + 1j * model.frequencies, model.field
    elapsed = times - times[0]
    reached = 2 * np.abs(g).sum(0) / np.maximum(np.abs(rate), 0.1) + np.abs(alpha)
    turning = 4 * np.abs(g) @ np.minimum(reached + np.sqrt(occupation), 50)
    pace = max(
        np.abs(h).max() * 2,
        np.abs(rate).max() * 0.6,
        2 * np.sqrt((g**2).sum(1).max()),
        turning.max() * 0.3,
    )
    steps = max(1, int(np.ceil((elapsed[1] - elapsed[0]) * pace / 0.12)))
    dt = (elapsed[1] - elapsed[0]) / steps
    if (len(elapsed) - 1) * steps * size * (count * 4 + modes * 6) > _TRAJECTORY_WORK:
        return None
    half = size // 2
    s = np.empty((size, count, 3))
    for j in range(count):
        length = np.linalg.norm(bloch[j])
        first = bloch[j] / length if length > 1e-12 else np.array([0, 0, 1.0])
        second = np.cross(first, [1, 0, 0] if abs(first[0]) < 0.9 else [0, 1, 0])
        second /= np.linalg.norm(second)
        third = np.cross(first, second)
        along = np.where(rng.random(size) < (1 + length) / 2, 1, -1)
        p, q = rng.choice([-1, 1], (2, half))
        p, q = np.concatenate([p, -p]), np.concatenate([q, -q])
        s[:, j] = along[:, None] * first + p[:, None] * second + q[:, None] * third
    w = rng.normal(size=(half, modes, 2))
    w = np.concatenate([w, -w]) * np.sqrt((occupation + 0.5) / 2)[:, None]
    a = alpha + w[..., 0] + 1j * w[..., 1]
    kept = np.exp(-rate * dt)
    safe = np.where(rate == 0, 1, rate)
    u = np.where(np.abs(rate) > 0, (1 - kept) / safe, dt)
    tiny = np.abs(rate) < 1e-9
    v = np.where(tiny, dt**2 / 2, (dt - u) / np.where(tiny, 1, rate))
    # Noise of the amplitude and of its integral over a step, together Gaussian.
    noise = (model.loss + model.gain) / 2
    x = np.linspace(0, dt, 201)
    falling = np.exp(-np.outer(rate, x))
    rising = np.where(np.abs(rate)[:, None] > 0, (1 - falling) / safe[:, None], x)
    caa = noise * np.trapezoid(np.abs(falling) ** 2, x, axis=1)
    cbb = noise * np.trapezoid(np.abs(rising) ** 2, x, axis=1)
    cba = noise * np.trapezoid(rising * falling.conj(), x, axis=1)
    root = np.sqrt(caa)
    shared = np.where(root > 0, cba / np.where(root > 0, root, 1), 0)
    own = np.sqrt(np.maximum(cbb - np.abs(shared) ** 2, 0))
    c, d = np.cos(h * dt), np.sin(h * dt)
    spins, photons = [s.mean(0)], [(np.abs(a) ** 2).sum(1).mean() - modes / 2]
    sx, sy, sz = (np.ascontiguousarray(s[..., i]) for i in range(3))
    for _ in range(len(elapsed) - 1):
        for _ in range(steps):
            sy, sz = c * sy - d * sz, d * sy + c * sz
            force = sz @ g
            total = u * a - 1j * v * force
            a = kept * a - 1j * u * force
            if noise.any():
                one = (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape)) / np.sqrt(2)
                two = (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape)) / np.sqrt(2)
                a = a + root * one
                total = total + shared * one + own * two
            angle = 4 * (total.real @ g.T)
            cos, sin = np.cos(angle), np.sin(angle)
            sx, sy = cos * sx - sin * sy, sin * sx + cos * sy
            sy, sz = c * sy - d * sz, d * sy + c * sz
        spins.append(np.stack([sx.mean(0), sy.mean(0), sz.mean(0)], -1))
        photons.append((np.abs(a) ** 2).sum(1).mean() - modes / 2)
    return np.array(spins) @ model.frame(), np.array(photons)


def read() -> list[dict[str, Any]]:
    """All rows."""
    if not TABLE.exists():
        return []
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def write(rows: list[dict[str, Any]]) -> None:
    """Replace all rows."""
    rows = sorted(rows, key=lambda row: (row["generator"], int(row["number"]), row["method"]))
    new = TABLE.with_suffix(".new")
    with new.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    new.replace(TABLE)


def _row(generator: str, number: int, made: Case, method: str, deviation: float) -> dict[str, Any]:
    return {
        "generator": generator,
        "number": number,
        "family": made.family,
        "spins": made.model.spins,
        "modes": made.model.modes,
        "method": method,
        "deviation": f"{deviation:.4g}",
        "verdict": "",
        "error": "",
        "estimate": "",
    }


def compute(generator: str, count: int) -> None:
    """Deviations of the first so many questions of a generator."""
    rows = read()
    seen = {int(row["number"]) for row in rows if row["generator"] == generator}
    for number in range(count):
        if number in seen:
            continue
        made = case(generator, number)
        found = deviations(made, number) or {}
        rows += [_row(generator, number, made, *item) for item in found.items()]
        write(rows)


def sample(generator: str, count: int, most: float = 40.0) -> None:
    """Deviations of kinetic Monte Carlo and quantum jumps with the settings that are advised.

    Of the first so many questions of a generator for which the estimates of time allow it.
    """
    rows = read()
    for number in sorted({int(r["number"]) for r in rows if r["generator"] == generator}):
        there = {
            r["method"] for r in rows if (r["generator"], int(r["number"])) == (generator, number)
        }
        made = case(generator, number)
        advice = od.advise(made.model, made.state, made.times)
        for name in ("KineticMonteCarlo", "QuantumJumps"):
            opinion = advice[name]
            done = sum(r["method"] == name for r in rows if r["generator"] == generator)
            if name in there or done >= count or not (opinion.seconds or np.inf) <= most:
                continue
            true = od.solve(
                made.model,
                made.state,
                made.times,
                od.Lindblad(tolerance=1e-3),
                [*SPINS, "photons"],
                validity="ignore",
            )
            asked = [*SPINS, "photons"]
            if name == "KineticMonteCarlo":
                asked = [f"s{made.model.coupling_axis}_spin", "photons"]
            answer = od.solve(
                made.model, made.state, made.times, opinion.method, asked, validity="ignore"
            )
            worst = 0.0
            for each in asked:
                size = np.maximum(1, np.abs(true[each].values))
                apart = np.abs(answer[each].values - true[each].values) / size
                worst = max(worst, float(apart.max()))
            rows.append(_row(generator, number, made, name, worst))
            write(rows)


def judge() -> None:
    """Write the verdicts of `od.advise` beside all deviations."""
    rows = read()
    advised: dict[tuple[str, int], od.Advice] = {}
    for row in rows:
        key = row["generator"], int(row["number"])
        if key not in advised:
            made = case(*key)
            advised[key] = od.advise(made.model, made.state, made.times)
        opinion = advised[key][row["method"]]
        row["verdict"] = opinion.verdict.name.lower()
        row["error"] = "" if opinion.error is None else f"{opinion.error:.4g}"
        approximate = row["method"] not in ("Lindblad", "QuantumJumps")
        row["estimate"] = f"{opinion.number:.4g}" if approximate else ""
    write(rows)


def rates(rows: list[dict[str, Any]], target: float = 0.05) -> list[dict[str, Any]]:
    """For each generator and method: how often valid is said, kept, true and found."""
    made = []
    for generator in ("calibration", "verification"):
        for method in sorted({row["method"] for row in rows}):
            some = [r for r in rows if (r["generator"], r["method"]) == (generator, method)]
            if not some:
                continue
            said = [r for r in some if r["verdict"] == "valid"]
            kept = [r for r in said if float(r["deviation"]) <= float(r["error"])]
            true = [r for r in some if float(r["deviation"]) <= target]
            found = [r for r in true if r["verdict"] == "valid"]
            made.append(
                {
                    "generator": generator,
                    "method": method,
                    "models": len(some),
                    "said": len(said),
                    "kept": len(kept),
                    "true": len(true),
                    "found": len(found),
                }
            )
    return made


def main(arguments: list[str]) -> None:
    """One of the commands above."""
    warnings.simplefilter("ignore")
    command, *rest = arguments
    if command in ("compute", "sample"):
        {"compute": compute, "sample": sample}[command](rest[0], int(rest[1]))
    elif command == "judge":
        judge()
    for row in rates(read()):
        print(*(f"{value!s:<18}" for value in row.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
