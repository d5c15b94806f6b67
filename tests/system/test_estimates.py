"""How good a model will turn out to be, before labels come: as NannyML's CBPE says, at the end of the day; and later, how far off that was.

NannyML lives in an environment of its own (../monitor_clients/requirements.txt).
"""
import json
import os
import pathlib
import subprocess
import sys

import pandas as pd
import pytest
import small_project
from conftest import ROOT, Server

CLIENTS = ROOT / "tests" / "monitor_clients"
PYTHON = ROOT / ".deps" / "monitor-clients" / "bin" / "python3"
NAMES = {"roc_auc": "auc"}  # else one name

ESTIMATE = """    estimate: {rows: 400}
    alerts:
      early: {metric: estimated_accuracy, window: day, under: 0.99, min_rows: 50}
      blind: {metric: estimate_error_accuracy, window: day, under: -0.25, min_rows: 50}
"""


def nannyml(folder: pathlib.Path, reference: pd.DataFrame, analysis: pd.DataFrame, calibrated: bool) -> dict:
    for name, rows in (("reference", reference), ("analysis", analysis)):
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    done = subprocess.run([str(PYTHON), str(CLIENTS / "cbpe.py"), str(folder / "reference.parquet"), str(folder / "analysis.parquet"), "yes" if calibrated else "no"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_estimates_are_nannymls_and_early(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        folder = tmp_path / "shop"
        file = small_project.write(folder)
        file.write_text(file.read_text().replace("    alerts:\n", ESTIMATE).replace(", action: retrain}", "}").replace("share: 0.95", "share: 1"))
        server.cli("apply", str(file))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-07T00:00:00Z"))
        windows = json.loads(server.cli("--json", "monitors", "windows", "sale-health", "--window", "day").stdout)["windows"]
        alerts = json.loads(server.cli("--json", "alerts").stdout)["alerts"]
    finally:
        server.stop()

    # What was asked and answered, and what came out.
    log = pd.concat([pd.read_parquet(part) for part in sorted((tmp_path / "data" / "requests" / "sale").rglob("*.parquet"))])
    log = log[log.role == "live"].drop_duplicates("request_id").merge(small_project.visits()[["visit", "sold"]], left_on="request_id", right_on="visit")
    rows = pd.DataFrame({"day": log.event_time.dt.strftime("%Y-%m-%d"), "score": log.prediction, "said": (log.prediction >= 0.5).astype(int), "label": log.sold.astype(int)})
    learned = [w for w in windows if w["judged"] and "estimates" not in w]
    is_learned = rows.day.isin([w["start"][:10] for w in learned])
    reference = rows[is_learned]
    assert len(learned) == 3 and len(reference) == sum(w["labels"] for w in learned) == 432
    estimated = [w for w in windows if "estimates" in w]
    expected = nannyml(tmp_path, reference, rows[~is_learned], estimated[0]["estimates"]["calibrated"])
    assert [w["start"][:10] for w in estimated] == sorted(expected)
    for window in estimated:
        for name, said in expected[window["start"][:10]].items():
            ours = window["estimates"]["metrics"][NAMES.get(name, name)]
            # NannyML rounds the curves to five digits, and walks rows of one score one by one.
            tolerance = {"roc_auc": 1e-5, "average_precision": 0.02}.get(name, 1e-9)
            assert ours["value"] == pytest.approx(said["value"], abs=tolerance), (window["start"], name)
            if name != "average_precision":
                assert ours["sampling_error"] == pytest.approx(said["sampling_error"], rel=0.001), name
        if window["judged"]:
            accuracy = window["estimates"]["metrics"]["accuracy"]
            assert accuracy["realised"] == window["metrics"]["accuracy"]
            assert accuracy["error"] == pytest.approx(accuracy["realised"] - accuracy["value"])
    quiet = [w for w in estimated if w["judged"] and w["end"] <= "2024-02-05T00:00:00Z"]
    assert quiet and all(abs(w["metrics"]["estimate_error_accuracy"]) < 0.15 for w in quiet)

    # The alert on the estimate opened when its day was over, before labels made the day complete.
    by_name = {a["alert"]: a for a in alerts}
    assert by_name["early"]["time"] == by_name["early"]["window_end"] == estimated[0]["end"] < estimated[0]["judged_at"]
    # What is asked turned around on the fifth of February: scores look as ever, only the estimate's error can tell.
    assert by_name["blind"]["window_start"] == "2024-02-05T00:00:00Z"
