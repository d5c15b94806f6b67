#!/usr/bin/env python3
"""Microseconds per row of the tree engine beside XGBoost, LightGBM, ONNX Runtime, tl2cgen and lleaves: one thread each, in one run.

C calls into the libraries, processor time, by the rows of a call; of ONNX Runtime, whose wheel has no header, calls from Python, whose own cost of about
10 us is part of its first column. Rows differ, and 2 % of the values are missing: an engine that is asked the same row again and again learns its
branches by heart. What compiles a model (tl2cgen, lleaves) is asked for the small ones only: the large ones take it many minutes.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["OMP_WAIT_POLICY"] = "passive"  # training beside others: threads that spin keep each other from working
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402

import processes  # noqa: E402

# name, library, trees, depth or leaves, features
SHAPES = [("xgb_small", "xgboost", 100, 6, 30), ("xgb_big", "xgboost", 500, 8, 100), ("lgb_small", "lightgbm", 100, 31, 30), ("lgb_big", "lightgbm", 1000, 127, 100)]
ROWS, SEED = 20_000, 20130601


def train(name: str, library: str, trees: int, size: int, features: int, folder: pathlib.Path) -> tuple[pathlib.Path, np.ndarray, np.ndarray]:
    """The model's file, rows, and the library's own answers."""
    rng = np.random.default_rng(SEED)
    rows = rng.normal(size=(ROWS, features)).astype(np.float32)
    signal = rows @ rng.normal(size=features) + 2 * rows[:, 0] * rows[:, 1] + rng.normal(size=len(rows))
    rows[rng.random(rows.shape) < 0.02] = np.nan
    threads = os.cpu_count()
    if library == "xgboost":
        booster = xgboost.train({"objective": "binary:logistic", "max_depth": size, "eta": 0.1, "nthread": threads, "seed": SEED}, xgboost.DMatrix(rows, signal > 0), trees)
        file = folder / f"{name}.ubj"
        booster.save_model(file)
        return file, rows, booster.inplace_predict(rows)
    params = {"objective": "binary", "num_leaves": size, "learning_rate": 0.05, "num_threads": threads, "verbose": -1, "seed": SEED}
    booster = lightgbm.train(params, lightgbm.Dataset(rows, signal > 0), trees)
    file = folder / f"{name}.txt"
    booster.save_model(file)
    return file, rows, booster.predict(rows)


def timed(command: list) -> dict:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-300:])
    return json.loads(done.stdout)


def onnx_runtime(library: str, file: pathlib.Path, rows: np.ndarray) -> dict:
    import onnxruntime
    from onnxmltools import convert
    from onnxmltools.convert.common.data_types import FloatTensorType
    initial = [("X", FloatTensorType([None, rows.shape[1]]))]
    if library == "xgboost":
        model = convert.convert_xgboost(xgboost.Booster(model_file=file), initial_types=initial, target_opset=15)
    else:
        model = convert.convert_lightgbm(lightgbm.Booster(model_file=file), initial_types=initial, target_opset=15, zipmap=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    name, times = session.get_inputs()[0].name, {}
    for batch in (1, 32, 1024, len(rows)):
        passes = []
        for _ in range(5):
            start, done = time.thread_time(), 0
            while done < len(rows) and time.thread_time() - start < 0.3:
                session.run(None, {name: rows[done:done + batch]})
                done += batch
            passes.append((time.thread_time() - start) / min(done, len(rows)) * 1e6)
        times[str(batch)] = sorted(passes)[2]
    return times


def library_contributions(library: str, file: pathlib.Path, rows: np.ndarray) -> dict:
    """Microseconds of processor time per row of the library's own SHAP values, called from Python."""
    if library == "xgboost":
        booster = xgboost.Booster({"nthread": 1}, model_file=file)
        explain = lambda part: booster.predict(xgboost.DMatrix(part, nthread=1), pred_contribs=True)
    else:
        booster = lightgbm.Booster(model_file=file)
        explain = lambda part: booster.predict(part, pred_contrib=True, num_threads=1)
    times = {}
    for batch in (1, 32, 1024):
        passes = []
        for _ in range(3):
            start, done = time.process_time(), 0
            while done < len(rows) and time.process_time() - start < 0.5:
                explain(rows[done:done + batch])
                done += batch
            passes.append((time.process_time() - start) / done * 1e6)
        times[str(batch)] = sorted(passes)[1]
    return times


def measure_contributions(shape: tuple, folder: pathlib.Path) -> list[dict]:
    name, library, *_ = shape
    file, rows, _ = train(*shape, folder)
    rows = rows[:4096]
    data, out = folder / f"{name}.rows", folder / f"{name}.contributions"
    rows.tofile(data)
    engines = {"slipway": lambda: timed([processes.BUILD / "bench/trees_engine", library, file, data, out, "best", "explain"])["us"],
               "slipway (AVX2)": lambda: timed([processes.BUILD / "bench/trees_engine", library, file, data, folder / "avx2", "avx2", "explain"])["us"],
               f"{library} pred_contrib": lambda: library_contributions(library, file, rows)}
    table = [{"model": name, "engine": engine, **{f"us_{batch}": round(run()[str(batch)], 3) for batch in (1, 32, 1024)}} for engine, run in engines.items()]
    some = rows[:200]
    want = xgboost.Booster(model_file=file).predict(xgboost.DMatrix(some), pred_contribs=True) if library == "xgboost" else lightgbm.Booster(model_file=file).predict(some, pred_contrib=True)
    table[0]["furthest_answer"] = float(np.abs(np.fromfile(out).reshape(len(rows), -1)[:200] - want).max())
    return table


def compiled(peer: str, library: str, file: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The shared library that tl2cgen or lleaves makes of a model."""
    out = folder / f"{file.stem}-{peer}.so"
    if peer == "lleaves":
        import lleaves
        lleaves.Model(model_file=str(file)).compile(cache=folder / f"{file.stem}.o", raw_score=False)
        subprocess.run(["gcc", "-shared", "-o", out, folder / f"{file.stem}.o", "-lm"], check=True)
        return out
    import tl2cgen
    import treelite
    load = treelite.frontend.load_xgboost_model if library == "xgboost" else treelite.frontend.load_lightgbm_model
    tl2cgen.generate_c_code(load(str(file)), dirpath=str(folder / f"{file.stem}-c"), params={"parallel_comp": 4})
    sources = sorted((folder / f"{file.stem}-c").glob("*.c"))
    subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", out, *sources, "-lm"], check=True)
    return out


def measure(shape: tuple, folder: pathlib.Path) -> list[dict]:
    name, library, _, _, features = shape
    file, rows, want = train(*shape, folder)
    data, answers = folder / f"{name}.rows", folder / f"{name}.out"
    rows.tofile(data)
    site = pathlib.Path(xgboost.__file__).parents[1]
    number = "float" if library == "xgboost" else "double"
    peers = {"slipway": lambda: timed([processes.BUILD / "bench/trees_engine", library, file, data, answers])["us"],
             "slipway (AVX2)": lambda: timed([processes.BUILD / "bench/trees_engine", library, file, data, folder / "avx2", "avx2"])["us"]}
    peer = processes.BUILD / "bench/trees_peers"
    if library == "xgboost":
        peers["xgboost"] = lambda: timed([peer, "xgboost", site / "xgboost/lib/libxgboost.so", file, data, features])
    else:
        peers["lightgbm"] = lambda: timed([peer, "lightgbm", site / "lightgbm/lib/lib_lightgbm.so", file, data, features])
        peers["lightgbm (single-row call)"] = lambda: timed([peer, "lightgbm_fast", site / "lightgbm/lib/lib_lightgbm.so", file, data, features])
    peers["onnxruntime (from Python)"] = lambda: onnx_runtime(library, file, rows)
    if name.endswith("small"):
        peers["tl2cgen, gcc -O3"] = lambda: timed([peer, f"tl2cgen_{number}", compiled("tl2cgen", library, file, folder), "-", data, features])
        if library == "lightgbm":
            peers["lleaves"] = lambda: timed([peer, "lleaves", compiled("lleaves", library, file, folder), "-", data, features])
    table = []
    for engine, run in peers.items():
        try:
            us = list(run().values())
        except Exception as error:  # a peer that does not run here is told, and the others go on
            table.append({"model": name, "engine": engine, "error": str(error)[-200:]})
            continue
        table.append({"model": name, "engine": engine, **{f"us_{rows}": round(value, 3) for rows, value in zip((1, 32, 1024, ROWS), us)}})
    differing = float(np.abs(np.fromfile(answers) - want).max())
    table[0]["furthest_answer"] = differing
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", choices=[shape[0] for shape in SHAPES], help="only this one")
    parser.add_argument("--explain", action="store_true", help="SHAP values beside the library's own, instead of answers")
    args = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        for shape in SHAPES:
            if args.model in (None, shape[0]):
                table += (measure_contributions if args.explain else measure)(shape, pathlib.Path(folder))
    batches = (1, 32, 1024) if args.explain else (1, 32, 1024, ROWS)
    result = {"bench": "trees", **processes.machine(), "table": table}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'us per row, one thread':40}" + "".join(f"{f'b={rows}':>10}" for rows in batches))
    for row in table:
        shown = row.get("error") or "".join(f"{row[f'us_{rows}']:10.2f}" for rows in batches)
        print(f"{row['model']:10} {row['engine']:29}{shown}" + (f"   furthest from the library's answer: {row['furthest_answer']:g}" if "furthest_answer" in row else ""))
    print("\n" + "  ".join(f"{k}={v}" for k, v in result.items() if k != "table"))


if __name__ == "__main__":
    main()
