"""Detectors, row by row, find what river's find: in a file, and in what an endpoint answered, across a kill.

river lives in an environment of its own (../monitor_clients/requirements.txt).
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import small_project
from conftest import BINARY, ROOT, Server

PYTHON = ROOT / ".deps" / "monitor-clients" / "bin" / "python3"


def river(folder: pathlib.Path, asked: list[dict]) -> list[list[int]]:
    file = folder / "asked.json"
    file.write_text(json.dumps(asked))
    done = subprocess.run([PYTHON, ROOT / "tests" / "monitor_clients" / "detectors.py", file], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_file_shows_the_changes_that_river_finds(tmp_path):
    random = np.random.default_rng(4)
    numbers = np.concatenate([random.normal(0, 1, 3000), random.normal(1, 1, 2000), random.normal(1, 3, 2000), random.normal(-2, 1, 2000)])
    errors = np.concatenate([random.random(3000) < 0.1, random.random(2000) < 0.3, random.random(2000) < 0.05, random.random(2000) < 0.5]).astype(float)
    file = tmp_path / "stream.parquet"
    pd.DataFrame({"number": numbers, "error": errors}).to_parquet(file, index=False)
    cases = [("adwin", "number", {}), ("adwin", "error", {"delta": 0.05, "clock": 7, "max_buckets": 3, "min_window_length": 9, "grace_period": 50}),
             ("page_hinkley", "number", {}), ("page_hinkley", "error", {"threshold": 10, "mode": "up", "delta": 0.02, "min_instances": 100}),
             ("page_hinkley", "number", {"threshold": 20, "mode": "down", "alpha": 0.999}), ("kswin", "number", {"seed": 9}),
             ("kswin", "number", {"seed": 7, "alpha": 0.0001, "window_size": 300, "stat_size": 60}), ("ddm", "error", {}),
             ("ddm", "error", {"warm_start": 100, "drift_threshold": 2.5}), ("eddm", "error", {}), ("eddm", "error", {"warm_start": 60, "beta": 0.75})]
    streams = {"number": numbers.tolist(), "error": errors.astype(int).tolist()}
    expected = river(tmp_path, [{"method": m, "parameters": p, "values": streams[column]} for m, column, p in cases])
    for (method, column, parameters), found in zip(cases, expected):
        flags = [flag for name, value in parameters.items() for flag in ("--set", f"{name}={value}")]
        done = subprocess.run([BINARY, "--json", "monitor", "detect", file, "--column", column, "--method", method, *flags], capture_output=True, text=True, check=True)
        assert [one["row"] for one in json.loads(done.stdout)["detections"]] == found, (method, parameters)
        assert found, (method, "finds nothing: the case says nothing")
    wrong = subprocess.run([BINARY, "monitor", "detect", file, "--column", "number", "--set", "threshold=1"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "no such parameter: threshold" in wrong.stderr
    absent = subprocess.run([BINARY, "monitor", "detect", file, "--column", "absent"], capture_output=True, text=True)
    assert absent.returncode != 0 and "absent" in absent.stderr


KILL = "2024-02-03T07:30:00Z"
DETECTORS = """    detectors:
      wrong: {method: adwin, of: error, delta: 0.01}
      worse: {method: ddm, of: error}
      pages: {method: kswin, of: inputs.pages, alpha: 0.02, seed: 3}
      score: {method: page_hinkley, of: prediction, threshold: 5}
    alerts:
"""


def test_what_was_answered_shows_them_too(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        folder = tmp_path / "shop"
        file = small_project.write(folder)
        file.write_text(file.read_text().replace("    alerts:\n", DETECTORS).replace(", action: retrain}", "}"))
        server.cli("apply", str(file))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(folder, KILL))
        server.kill()
        server.start()
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-08T00:00:00Z"))
        alerts = json.loads(server.cli("--json", "alerts").stdout)["alerts"]
    finally:
        server.stop()

    log = pd.concat([pd.read_parquet(part) for part in sorted((tmp_path / "data" / "requests" / "sale").rglob("*.parquet"))])
    log = log[log.role == "live"].drop_duplicates("request_id").sort_values(["event_time", "request_id"]).merge(
        small_project.visits()[["visit", "known_at", "sold"]], left_on="request_id", right_on="visit")
    log = log[log.event_time < pd.Timestamp("2024-02-07T22:00:00Z")]  # the last hours may not be passed yet
    # Nobody posted the labels that came while no replay ran: those rows have none.
    labelled = log[~((log.event_time < KILL) & (log.known_at > KILL))]
    labelled = labelled.assign(wrong=((labelled.prediction >= 0.5) != (labelled.sold > 0.5)).astype(int))
    asked = {"wrong": ("adwin", {"delta": 0.01}, labelled, "wrong"), "worse": ("ddm", {}, labelled, "wrong"),
             "pages": ("kswin", {"alpha": 0.02, "seed": 3}, log, "pages"), "score": ("page_hinkley", {"threshold": 5}, log, "prediction")}
    expected = river(tmp_path, [{"method": m, "parameters": p, "values": rows[column].tolist()} for m, p, rows, column in asked.values()])
    change = int((labelled.event_time < small_project.CHANGE).sum())
    assert any(change <= index < change + 144 for index in expected[0]) and all(expected), expected
    for (name, (_, _, rows, _)), indexes in zip(asked.items(), expected):
        ids, times = rows.request_id.tolist(), rows.event_time.tolist()
        # One alert stands for what follows within a day.
        firsts, last = [], None
        for index in indexes:
            if last is None or times[index] - last > pd.Timedelta(days=1):
                firsts.append(index)
            last = times[index]
        ours = [a["causes"][0] for a in reversed(alerts) if a["alert"] == name]
        ours = [cause for cause in ours if cause["index"] < len(rows)]
        assert [(cause["index"], cause["request_id"]) for cause in ours] == [(index, ids[index]) for index in firsts], name
    opened = next(a for a in alerts if a["alert"] == "score")
    assert pd.Timestamp(opened["time"]) - pd.Timestamp(opened["causes"][0]["event_time"]) <= pd.Timedelta(hours=1)
