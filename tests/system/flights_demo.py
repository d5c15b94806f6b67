"""The flights demo as the page's tests look at it: steps of the demo's own script, from raw data to a canary in July.

Left out is what it plays for its numbers alone: the rest of the year, the challenger, and the load beside a bad model. Added is what it
doesn't show: a rollback under no load, a search of parameters, another version of a dataset, an incident, a drill.
"""
import importlib.util
import json
import pathlib
import shutil
import sys

import pandas as pd
import requests
from conftest import BINARY, ROOT, Server

MODEL = ENDPOINT = "flight-delay"
MONITOR = "flight-delay-health"
ROLLED_BACK = "2013-06-20T04:00:00Z"
UNTIL = "2013-07-04T04:00:00Z"  # June is judged, an alert is open, its new model answers half of the requests
DRILLED = ["--from", "2013-06-03T04:00:00Z", "--start", "2013-06-04T04:00:00Z", "--until", "2013-06-05T16:00:00Z", "--label", "arr_delay > 15", "--label-time", "known_at"]

TUNE = """
  tune:
    params: {as_of: "{now}"}
    steps:
      - name: rows
        run: >-
          slipway features history flight_delay --entities dataset:flights --label 'late = arr_delay > 15'
          --as-of {as_of} --out {out}/rows.parquet
        inputs: ["dataset:flights"]
        outputs: [rows.parquet]
      - name: fit
        run: python3 train.py candidate --rows {rows}/rows.parquet --as-of {as_of} --holdout-days 3 --train-days {train_days} --rounds {rounds} --out {out}
        code: [train.py]
        search:
          {method: grid, trials: 4, parallel: 2, experiment: flight-delay, metric: holdout_log_loss, goal: minimize,
           space: {train_days: {choices: [7, 14]}, rounds: {choices: [4, 12]}}}
"""


def load(folder: pathlib.Path):
    """The demo's script, at work in a copy of its folder: nothing is written among the sources."""
    shutil.copytree(ROOT / "examples" / "flights", folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "slipway.yaml"
    file.write_text(file.read_text().replace("\nendpoints:\n", f"{TUNE}\nendpoints:\n"))
    spec = importlib.util.spec_from_file_location("flights_demo_script", folder / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    return demo


def play(server: Server, folder: pathlib.Path):
    demo = load(folder)
    if not (folder / "data" / "planes.parquet").exists():
        demo.subprocess.run([sys.executable, folder / "prepare.py"], check=True, capture_output=True)
    slipway = demo.Slipway(str(BINARY), server.url)
    demo.declare(slipway)
    demo.first_training(slipway)
    demo.replay(slipway, ROLLED_BACK)
    slipway.run("endpoints", "deploy", ENDPOINT, f"models:/{MODEL}/1", "--reason", "by hand, past the gate")
    slipway.run("endpoints", "rollback", ENDPOINT, "--reason", "the first model knows no summer")
    slipway.run("endpoints", "follow", ENDPOINT, "--reason", "the way back was tried")
    demo.replay(slipway, UNTIL)
    slipway.run("run", "tune")
    slipway.run("drill", ENDPOINT, *demo.REPLAY[:8], *DRILLED, "--push", "landings=data/flights.parquet:landed_at", "--faults", "typed:distance,labels:none")
    planes = pd.read_parquet(folder / "data" / "planes.parquet")
    planes.loc[:2, "seats"] = 7.0
    planes.drop(index=5).to_parquet(folder / "data" / "planes.parquet")
    slipway.run("data", "ingest", "planes")
    slipway.run("incidents", "open", ENDPOINT, "arrivals of July are told wrong")
    return demo


def serve(folder: pathlib.Path) -> Server:
    server = Server(folder / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        play(server, folder / "flights")
    except BaseException:
        server.stop()
        raise
    return server


class Ask:
    """What the API says, asked in Python."""

    def __init__(self, url: str, folder: pathlib.Path):
        self.url, self.folder = url, folder

    def __call__(self, path: str) -> dict:
        return self._answer(requests.get(f"{self.url}/slipway/v1/{path}", timeout=60))

    def mlflow(self, path: str, body: dict | None = None) -> dict:
        url = f"{self.url}/api/2.0/mlflow/{path}"
        return self._answer(requests.get(url, timeout=60) if body is None else requests.post(url, json=body, timeout=60))

    def experiment(self, name: str) -> str:
        return self.mlflow(f"experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"]

    def runs(self, experiment: str, filter: str = "", order: list[str] = ()) -> list[dict]:
        return self.mlflow("runs/search", {"experiment_ids": [experiment], "filter": filter, "order_by": list(order), "max_results": 100})["runs"]

    def versions(self) -> list[dict]:
        """The newest first."""
        found = self.mlflow(f"model-versions/search?filter=name%3D'{MODEL}'")["model_versions"]
        return sorted(found, key=lambda version: -int(version["version"]))

    def flight(self, since: str) -> dict:
        """The first with a label that departs from then on."""
        rows = pd.read_parquet(self.folder / "flights" / "data" / "flights.parquet")
        rows = rows[(rows.sched_dep_at >= since) & rows.arr_delay.notna() & rows.tailnum.notna()].sort_values(["sched_dep_at", "flight_id"])
        return json.loads(rows.iloc[0].to_json(date_format="iso"))

    @staticmethod
    def _answer(reply: requests.Response) -> dict:
        assert reply.ok, f"{reply.url}: {reply.text}"
        return reply.json()
