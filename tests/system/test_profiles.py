"""What was served, profiled: beside Apache DataSketches and the rows themselves, within the error that is stated, and once each across a kill.

DataSketches lives in an environment of its own (../monitor_clients/requirements.txt).
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_project
from conftest import BINARY, ROOT, Server

PYTHON = ROOT / ".deps" / "monitor-clients" / "bin" / "python3"


def rank_off(values: np.ndarray, quantiles: dict) -> float:
    """How far the worst of these quantiles is from the rank it was asked for; where values repeat, any of their ranks is right."""
    values, worst = np.sort(values), 0.0
    for share, value in quantiles.items():
        low, high = (np.searchsorted(values, value, side) / len(values) for side in ("left", "right"))
        worst = max(worst, low - float(share), float(share) - high)
    return worst


def test_a_file_is_profiled_as_datasketches_would(tmp_path):
    random = np.random.default_rng(3)
    rows = 60_000
    frame = pd.DataFrame({
        "normal": random.normal(size=rows), "heavy": random.pareto(1, rows), "whole": random.integers(0, 5000, rows), "constant": 1.5,
        "holes": np.where(random.random(rows) < 0.3, np.nan, random.random(rows)),
        "city": random.choice([f"city {i}" for i in range(20)], rows), "name": [f"n{int(x)}" for x in random.pareto(1.1, rows) * 3]})
    file = tmp_path / "rows.parquet"
    frame.to_parquet(file, index=False)
    done = subprocess.run([BINARY, "--json", "monitor", "profile", file], capture_output=True, text=True, check=True)
    ours = {one["input"]: one for one in json.loads(done.stdout)["inputs"]}
    theirs = json.loads(subprocess.run([PYTHON, ROOT / "tests" / "monitor_clients" / "sketches.py", file], capture_output=True, text=True, check=True, timeout=300).stdout)
    assert set(ours) == set(theirs) == set(frame)
    for name, one in ours.items():
        values, peer = frame[name].dropna(), theirs[name]
        assert one["rows"] == rows and one["missing"] == rows - len(values), name
        different = values.nunique()
        assert abs(one["distinct"]["estimate"] / different - 1) < 0.07 and peer["distinct"][0] <= different * 1.05, name
        assert one["bytes"] < 8000, name
        if "numbers" in one:
            numbers = one["numbers"]
            assert numbers["rank_error"] == pytest.approx(peer["rank_error"], rel=1e-6), "the same promise"
            assert rank_off(values.to_numpy(float), numbers["quantiles"]) <= 0.0165, name
            assert rank_off(values.to_numpy(float), peer["quantiles"]) <= 0.0165, name
            assert (numbers["min"], numbers["max"]) == (values.min(), values.max())
            assert numbers["mean"] == pytest.approx(values.mean(), rel=1e-12)
            assert numbers["deviation"] == pytest.approx(values.std(ddof=0), rel=1e-10, abs=1e-12)
        else:
            counts, texts = values.value_counts(), one["texts"]
            assert texts["count"] == len(values) and texts["count_error"] <= len(values) / 65
            for item in texts["frequent"]:
                assert item["count_min"] <= counts[item["text"]] <= item["count_max"], item
            assert {item["text"] for item in texts["frequent"][:5]} <= set(peer["frequent"]), name
    shown = subprocess.run([BINARY, "monitor", "profile", file, "--input", "city"], capture_output=True, text=True, check=True).stdout
    assert "city" in shown and "normal" not in shown
    missing = subprocess.run([BINARY, "monitor", "profile", tmp_path / "absent.parquet"], capture_output=True, text=True)
    assert missing.returncode != 0 and "absent.parquet" in missing.stderr


def test_what_was_served_is_profiled_once(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        folder = tmp_path / "shop"
        server.cli("apply", str(small_project.write(folder)))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-01-31T12:00:00Z"))
        server.kill()
        server.start()
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-03T00:00:00Z"))

        def profile(*flags) -> dict:
            return json.loads(server.cli("--json", "monitor", "profile", "sale", *flags).stdout)

        whole = profile("--from", "2024-01-29T00:00:00Z", "--to", "2024-02-03T00:00:00Z")
        hours = profile("--from", "2024-02-01T09:20:00Z", "--to", "2024-02-01T11:10:00Z", "--input", "pages")
        wrong = server.cli("monitor", "profile", "absent", check=False)
        turned = server.cli("monitor", "profile", "sale", "--from", "2024-02-03T00:00:00Z", "--to", "2024-02-01T00:00:00Z", check=False)
        assert "north" in server.cli("monitor", "profile", "sale").stdout
    finally:
        server.stop()
    assert wrong.returncode == 4 and turned.returncode == 1
    log = pd.concat([pd.read_parquet(part) for part in sorted((tmp_path / "data" / "requests" / "sale").rglob("*.parquet"))])
    log = log[log.event_time < pd.Timestamp(whole["profiled_until"])]
    assert whole["profiled_until"] >= "2024-02-02T00:00:00Z" and len(log) > 400
    inputs = {one["input"]: one for one in whole["inputs"]}
    assert {"pages", "shop", "prediction"} <= set(inputs)
    for name, one in inputs.items():
        values = log[name].dropna()
        assert one["rows"] == len(log) and one["missing"] == len(log) - len(values), name
        if "numbers" in one:
            assert rank_off(values.to_numpy(float), one["numbers"]["quantiles"]) <= 0.0165, name
            assert one["numbers"]["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert {i["text"]: i["count_min"] for i in inputs["shop"]["texts"]["frequent"]} == log["shop"].value_counts().to_dict()
    assert (hours["from"], hours["to"]) == ("2024-02-01T09:00:00Z", "2024-02-01T12:00:00Z")
    inside = log[(log.event_time >= hours["from"]) & (log.event_time < hours["to"])]
    assert [one["rows"] for one in hours["inputs"]] == [len(inside)] == [18]


def test_a_slice_that_is_no_longer_declared_makes_room(tmp_path):
    # Until the month was over it kept its place, and a new one had no profile.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent), "--profile-slices-max", "1")
    try:
        folder = tmp_path / "shop"
        declared = small_project.write(folder).read_text()
        watched = "    windows: [day]\n"
        assert watched in declared

        def declare(slices: str) -> None:
            (folder / "slipway.yaml").write_text(declared.replace(watched, watched + f"    slices: [{slices}]\n"))
            server.cli("apply", str(folder / "slipway.yaml"))

        declare("shop")
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-01-30T12:00:00Z"))
        declare('{name: long, when: "pages > 15"}')
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-01T00:00:00Z"))

        def rows(name: str, day: int) -> int:
            span = ("--from", f"2024-01-{day:02}T00:00:00Z", "--to", f"2024-01-{day:02}T23:59:00Z")
            found = json.loads(server.cli("--json", "monitor", "profile", "sale", "--slice", name, "--input", "pages", *span).stdout)
            return found["inputs"][0]["rows"] if found["inputs"] else 0

        kept = [name for name in ("shop=north", "shop=south") if rows(name, 29)]
        assert len(kept) == 1
        assert rows(kept[0], 31) == 0 and rows("long", 29) == 0
        assert 0 < rows("long", 31) < 144
    finally:
        server.stop()
