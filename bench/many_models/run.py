#!/usr/bin/env python3
"""A server with many small models: memory with all of them loaded, the cost of a request beside one model and beside all, and the time from its
start until it answers the first request."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import pandas as pd
import xgboost

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

FEATURES, TREES, DEPTH = 10, 50, 4


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def save_model(folder: pathlib.Path) -> pathlib.Path:
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(rng.normal(size=(2000, FEATURES)), columns=[f"f{i}" for i in range(FEATURES)])
    label = (rows.sum(axis=1) > 0).astype(int)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": DEPTH, "nthread": 1, "seed": 7}, xgboost.DMatrix(rows, label), TREES)
    path = folder / "model.ubj"
    booster.save_model(path)
    return path


def body(features: int = FEATURES) -> dict:
    return {"inputs": [{"name": f"f{i}", "shape": [1], "datatype": "FP64", "data": [0.1 * i]} for i in range(features)]}


def declare(server, folder: pathlib.Path, models: int) -> None:
    """An endpoint for each model; every model is a file of its own."""
    file = save_model(folder).read_bytes()
    lines = ["project: many", "endpoints:"]
    for i in range(models):
        (folder / f"m{i}.ubj").write_bytes(file)
        lines.append(f"  m{i}: {{model: m{i}.ubj}}")
    post(server.url + "/slipway/v1/apply", {"yaml": "\n".join(lines), "dir": str(folder)})


def load(server, name: str, seconds: float, connections: int, request: pathlib.Path) -> float:
    """Requests a second."""
    script = pathlib.Path(__file__).parents[1] / "serving" / "infer.lua"
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, f"{server.url}/v2/models/{name}/infer"],
                          check=True, capture_output=True, text=True, env={**os.environ, "BENCH_BODY": str(request)})
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))
    if result["errors"]:
        raise SystemExit(f"requests failed:\n{done.stdout}")
    return round(result["requests"] / result["seconds"])


def wait_for_all(server, models: int) -> float:
    """Seconds until every model is in memory."""
    start = time.monotonic()
    while True:
        listed = post(server.url + "/v2/repository/index", {})
        if sum(m["reason"] == "" for m in listed) == models:
            return time.monotonic() - start
        time.sleep(0.05)


def first_answer(home: pathlib.Path, name: str, *flags: str) -> tuple[float, processes.Process]:
    """Milliseconds from the start of the process to the answer of `name`, whatever else is loaded by then."""
    port = processes.free_port()
    start = time.monotonic()
    server = processes.Process([processes.BUILD / "slipway", "server", "--port", port, "--grpc-port", 0, "--data", home / "slipway-data", *flags], port,
                               home / "slipway.log", health=None)
    post(f"{server.url}/v2/models/{name}/infer", body())
    return (time.monotonic() - start) * 1000, server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=2, help="of load")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    result = {"bench": "many_models", **processes.machine(), "models": args.models}
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = pathlib.Path(name)
        request = folder / "body.json"
        request.write_text(json.dumps(body()))
        flags = ("--models-root", str(folder))
        for models in (1, args.models):
            home = folder / f"server-{models}"
            home.mkdir()
            with processes.slipway(home, *flags) as server:
                start = time.monotonic()
                declare(server, folder, models)
                result[f"declare_seconds_{models}"] = round(time.monotonic() - start, 2)
                wait_for_all(server, models)
                load(server, "m0", 1, args.connections, request)
                result[f"requests_per_second_{models}"] = max(load(server, "m0", args.seconds, args.connections, request) for _ in range(3))
                result[f"pss_mib_{models}"] = round(server.memory_kib()["Pss"] / 1024, 1)
            times = []
            for _ in range(args.starts):
                ms, server = first_answer(home, f"m{models - 1}", *flags)
                with server:
                    times.append(ms)
                    result[f"all_loaded_seconds_{models}"] = round(wait_for_all(server, models), 2)
                    result[f"pss_mib_after_start_{models}"] = round(server.memory_kib()["Pss"] / 1024, 1)
            result[f"first_answer_ms_{models}"] = round(sorted(times)[len(times) // 2], 1)
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for key, value in result.items():
        print(f"{key:<32}{value:>12}" if isinstance(value, (int, float)) else f"{key:<32}{value}")


if __name__ == "__main__":
    main()
