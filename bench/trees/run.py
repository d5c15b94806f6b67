#!/usr/bin/env python3
"""Microseconds per row of the tree engine beside XGBoost's own, one thread each, in turn, with the same answers to the bit.

Rows differ, and 2 % of the values are missing: an engine that is asked the same row again and again learns its branches by heart.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import numpy as np  # noqa: E402
import xgboost  # noqa: E402

import processes  # noqa: E402

SHAPES = [(100, 6, 30), (500, 8, 100)]  # trees, depth, features
ROWS, SEED = 4000, 20130601


def train(trees: int, depth: int, features: int) -> tuple[xgboost.Booster, np.ndarray]:
    rng = np.random.default_rng(SEED)
    rows = rng.normal(size=(20_000, features)).astype(np.float32)
    signal = rows @ rng.normal(size=features) + 2 * rows[:, 0] * rows[:, 1] + rng.normal(size=len(rows))
    rows[rng.random(rows.shape) < 0.02] = np.nan
    params = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "nthread": os.cpu_count(), "seed": SEED}
    booster = xgboost.train(params, xgboost.DMatrix(rows, signal > 0), trees)
    booster.set_param({"nthread": 1})
    return booster, np.ascontiguousarray(rows[:ROWS])


def xgboost_us(booster: xgboost.Booster, rows: np.ndarray) -> dict[str, float]:
    start = time.perf_counter()
    booster.inplace_predict(rows)
    batch = time.perf_counter() - start
    start = time.perf_counter()
    for row in rows[:200]:
        booster.inplace_predict(row[None])
    return {"xgboost_single_us": (time.perf_counter() - start) / 200 * 1e6, "xgboost_batch_us": batch / len(rows) * 1e6}


def measure(trees: int, depth: int, features: int, rounds: int, folder: pathlib.Path) -> dict:
    booster, rows = train(trees, depth, features)
    model, data, answers = (folder / f"{trees}.{end}" for end in ("ubj", "rows", "out"))
    booster.save_model(model)
    rows.tofile(data)
    samples = []
    for _ in range(rounds):
        done = subprocess.run([processes.BUILD / "bench/trees_engine", model, data, answers], check=True, capture_output=True, text=True)
        samples.append({"slipway_single_us": json.loads(done.stdout)["single_us"], **xgboost_us(booster, rows)})
    differing = int((np.fromfile(answers, dtype=np.float32) != booster.inplace_predict(rows)).sum())
    median = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
    return {"trees": trees, "depth": depth, "features": features, **{name: round(value, 2) for name, value in median.items()},
            "single_xgboost_by_slipway": round(median["xgboost_single_us"] / median["slipway_single_us"], 1),
            "xgboost_batch_by_slipway_single": round(median["xgboost_batch_us"] / median["slipway_single_us"], 2), "answers_that_differ": differing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        table = [measure(*shape, args.rounds, pathlib.Path(name)) for shape in SHAPES]
    result = {"bench": "trees", **processes.machine(), "rounds": args.rounds, "table": table}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for row in table:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    print("\n" + "  ".join(f"{k}={v}" for k, v in result.items() if k != "table"))


if __name__ == "__main__":
    main()
