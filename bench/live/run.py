"""What monitoring costs a prediction: the request log is read, every input goes into its profile, and detectors take their rows.

An endpoint with 50 inputs is asked a few times, so that its log has a part; then the log is given as many rows as --seconds at --rate
bring, and the server is started again: its CPU seconds until all of them are profiled are the monitor's, as nobody asks for anything else.
Reported is the share of one core that the rate needs, without detectors and with three.
"""
import argparse
import contextlib
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import xgboost  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402

PROJECT = """
project: live
endpoints:
  live: {model: models:/live/1, output: score}
monitors:
  live:
    endpoint: live
    detectors: {%s}
"""
DETECTORS = "score: {method: adwin, of: prediction}, first: {method: page_hinkley, of: inputs.x00}, second: {method: mean_outside, of: inputs.x01, low: -1, high: 1}"
ROWS_A_PART = 50_000  # as the request log has it


def ask(url: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def register(url: str, inputs: list[str]) -> None:
    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(2000, len(inputs))), columns=inputs)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1}, xgboost.DMatrix(rows, (rows[inputs[0]] > 0).astype(int)), 5)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    with contextlib.redirect_stdout(sys.stderr), mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="live", model_format="json",
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))


def served_until(url: str) -> pd.Timestamp:
    until = ask(f"{url}/slipway/v1/endpoints/live/profile").get("profiled_until")
    return pd.Timestamp(until) if until else pd.Timestamp(0, tz="UTC")


def template(folder: pathlib.Path) -> pathlib.Path:
    """A part that the log has written."""
    deadline = time.monotonic() + 60
    while not (parts := sorted(folder.rglob("*.parquet"))):
        if time.monotonic() > deadline:
            raise SystemExit("the request log has written nothing")
        time.sleep(0.2)
    return parts[0]


def write_part(like: pathlib.Path, to: pathlib.Path, times: np.ndarray, first: int) -> None:
    """Requests number `first` and on at these times, in microseconds, as the part `like` has them."""
    schema, random, n = pq.read_schema(like), np.random.default_rng(first), len(times)
    columns = []
    for field in schema:
        if field.name == "request_id":
            columns.append(pa.array([f"r{first + i}" for i in range(n)]))
        elif field.name in ("event_time", "arrival_time"):
            columns.append(pa.array(times).cast(field.type))
        elif field.name == "error":
            columns.append(pa.nulls(n, field.type))
        elif pa.types.is_string(field.type):
            columns.append(pa.array(["" if field.name == "traffic" else "live"] * n))  # endpoint, variant, role
        elif pa.types.is_floating(field.type):
            columns.append(pa.array(random.random(n) if field.name == "prediction" else random.normal(size=n)))
        else:
            columns.append(pa.array(np.full(n, 1 if field.name != "latency_us" else 120), type=field.type))
    to.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns, schema=schema.remove_metadata()), to, compression="zstd", use_dictionary=False, column_encoding=None)


def write_log(folder: pathlib.Path, rows: int, seconds: float) -> pd.Timestamp:
    """Parts like those there are, with `rows` requests in the next `seconds`; when the last one came."""
    like = template(folder)
    begin = pd.Timestamp.now(tz="UTC").ceil("s")
    for first in range(0, rows, ROWS_A_PART):
        n = min(ROWS_A_PART, rows - first)
        times = (begin.value // 1000 + (first + np.arange(n)) * int(seconds * 1e6) // rows).astype("int64")
        write_part(like, like.with_name(f"part-{1000 + first // ROWS_A_PART}.parquet"), times, first)
    return begin + pd.Timedelta(seconds=seconds)


def measure(folder: pathlib.Path, args, detectors: str) -> dict:
    inputs = [f"x{i:02}" for i in range(args.inputs)]
    port = processes.free_port()
    command = [processes.BUILD / "slipway", "server", "--data", folder / "data", "--port", port, "--profile-delay-seconds", 1, "--profile-interval-seconds", 1]
    with processes.Process(command, port, folder / "server.log") as server:
        register(server.url, inputs)
        ask(server.url + "/slipway/v1/apply", {"yaml": PROJECT % detectors, "dir": str(folder)})
        ask(server.url + "/slipway/v1/endpoints/live/deploy", {"model": "models:/live/1", "reason": "bench"})
        body = {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [0.5]} for name in inputs]}
        for _ in range(3):
            ask(server.url + "/v2/models/live/infer", body)
        time.sleep(2)
    rows = int(args.rate * args.seconds)
    last = write_log(folder / "data" / "requests" / "live", rows, args.seconds)
    while pd.Timestamp.now(tz="UTC") < last + pd.Timedelta(seconds=3):
        time.sleep(0.2)
    with processes.Process(command, port, folder / "server.log") as server:
        began = time.perf_counter()
        while served_until(server.url) <= last:
            if time.perf_counter() - began > 300:
                raise SystemExit(f"not profiled after 300 s:\n{server.log.read_text()[-2000:]}")
            time.sleep(0.1)
        spent, wall = server.cpu_seconds(), time.perf_counter() - began
        found = ask(f"{server.url}/slipway/v1/endpoints/live/profile")
        counted = next(one for one in found["inputs"] if one["input"] == "x00")["rows"]
        if counted < rows:
            raise SystemExit(f"{counted} of {rows} rows were profiled")
        peak = server.peak_mb()
    with processes.Process(command, port, folder / "server.log") as server:
        time.sleep(wall)
        idle = server.cpu_seconds()  # a start, and asking for nothing
    cpu = max(spent - idle, 0)
    return {"rows": rows, "inputs": args.inputs, "cpu_s": cpu, "us_per_prediction": cpu / rows * 1e6, "ns_per_value": cpu / rows / args.inputs * 1e9,
            "share_of_a_core": cpu / rows * args.rate, "most_memory_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=50_000, help="predictions a second")
    parser.add_argument("--seconds", type=float, default=10, help="that the log holds")
    parser.add_argument("--inputs", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {}
    for name, detectors in (("profiles", ""), ("profiles and three detectors", DETECTORS)):
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
            found[name] = measure(pathlib.Path(folder), args, detectors)
    if args.json:
        print(json.dumps({"bench": "live", **processes.machine(), **vars(args), **found}, indent=1))
        return
    for name, one in found.items():
        print(f"{name}: {one['us_per_prediction']:.2f} us of CPU a prediction of {args.inputs} inputs ({one['ns_per_value']:.0f} ns a value); "
              f"{args.rate:,} a second take {one['share_of_a_core']:.0%} of a core; at most {one['most_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
