"""Searches beside Optuna's TPESampler at its defaults: how good a value is found in as many trials, and how many proposals come in a second.

Functions whose best is known, each over many seeds, one trial at a time. Optuna keeps its trials in memory; what the functions themselves take is not counted."""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import optuna  # noqa: E402
import processes  # noqa: E402

A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
     [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]


def sphere(trial):
    x = [trial.suggest_float(name, -5, 5) for name in "abcd"]
    return lambda: sum((v - 1) ** 2 for v in x)


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    return lambda: (y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(trial):
    x = [trial.suggest_float(name, 0, 1) for name in "abcdef"]
    return lambda: -sum(alpha * math.exp(-sum(a * (v - p) ** 2 for a, p, v in zip(A[i], P[i], x))) for i, alpha in enumerate([1.0, 1.2, 3.0, 3.2]))


def learner(trial):
    rate, depth = trial.suggest_float("rate", 1e-5, 1, log=True), trial.suggest_int("depth", 1, 20)
    kind, share = trial.suggest_categorical("kind", ["a", "b", "c", "d"]), trial.suggest_float("share", 0, 1, step=0.1)
    return lambda: (math.log10(rate) + 2) ** 2 + 0.05 * (depth - 7) ** 2 + (0 if kind == "c" else 1) + 0.5 * share


FUNCTIONS = {"sphere": (sphere, 0), "branin": (branin, 0.397887), "hartmann6": (hartmann6, -3.32237), "learner": (learner, 0)}


def optunas(function, trials: int, seeds: int) -> dict:
    best, seconds = [], 0.0
    for seed in range(seeds):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        for _ in range(trials):
            began = time.perf_counter()
            trial = study.ask()
            value = function(trial)
            seconds += time.perf_counter() - began
            study.tell(trial, value())
        best.append(study.best_value)
    return {"seconds": seconds, "best": best}


def ours(name: str, method: str, trials: int, seeds: int) -> dict:
    return json.loads(subprocess.run([processes.BUILD / "bench" / "search_bench", name, method, str(trials), str(seeds)], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=20)
    flags = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for name, (function, least) in FUNCTIONS.items():
        for who, found in (("slipway tpe", ours(name, "tpe", flags.trials, flags.seeds)), ("slipway random", ours(name, "random", flags.trials, flags.seeds)),
                           (f"optuna {optuna.__version__} tpe", optunas(function, flags.trials, flags.seeds))):
            over = sorted(value - least for value in found["best"])
            rows.append({"function": name, "who": who, "over_the_best_median": statistics.median(over), "worst_quarter": over[len(over) * 3 // 4],
                         "proposals_per_second": flags.trials * flags.seeds / found["seconds"]})
    if flags.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{flags.trials} trials, {flags.seeds} seeds; how far over the best value there is\n{'function':12}{'who':20}{'median':>10}{'3rd quartile':>14}{'proposals/s':>13}")
    for row in rows:
        print(f"{row['function']:12}{row['who']:20}{row['over_the_best_median']:10.4g}{row['worst_quarter']:14.4g}{row['proposals_per_second']:13,.0f}")


if __name__ == "__main__":
    main()
