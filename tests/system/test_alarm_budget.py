"""Alerts without a threshold share one budget of false pages: they learn what is usual, tell once, and go on across a kill -9."""
import json
import pathlib
import sys

import pandas as pd
import small_project
from conftest import Server

DROP = pd.Timestamp("2024-02-21", tz="UTC")  # from then on a fifth of the visits
ALERTS = """    alerts:
      volume: {metric: requests, window: day, unusual: low, min_rows: 5, severity: critical}
      cheap: {metric: mean_prediction, window: day, unusual: both, min_rows: 5, severity: info}
"""


def test_alerts_without_a_threshold_learn_and_tell_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        folder = tmp_path / "shop"
        file = small_project.write(folder)
        visits = pd.read_parquet(folder / "visits.parquet")
        late = visits["at"] >= DROP
        visits[~late | (visits.index % 5 == 0)].to_parquet(folder / "visits.parquet", index=False)
        yaml = file.read_text().replace("    alerts:\n", ALERTS).replace(", action: retrain}", "}")
        file.write_text(yaml + "alarm_budget: {false_pages: 1, per: month}\n")
        changes = json.loads(server.cli("--json", "apply", str(file)).stdout)["changes"]
        assert {"kind": "alarm budget", "name": "pages", "change": "created"} in changes
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")

        def budget() -> dict:
            found = json.loads(server.cli("--json", "monitor", "budget").stdout)
            return found | {"rules": {rule["alert"]: rule for rule in found["rules"]}}

        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-10T12:00:00Z"))
        learning = budget()
        assert learning["declared"] and learning["shared_by"] == 1 and learning["budget"]["per"] == "month"
        assert learning["rules"]["volume"]["state"] == "learning: 12 of 21 windows", learning["rules"]
        assert not learning["rules"]["cheap"]["counts"], "who is only told is not paged"
        server.cli("endpoints", "request", "sale", "v004032")  # the request log is written behind, or when somebody reads it
        server.kill()
        server.start()
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-21T12:00:00Z"))
        usual = budget()["rules"]["volume"]
        assert usual["state"] == "usual" and 50 < usual["next"]["low"] < 144 < usual["next"]["expected"] + 10 and usual["next"]["high"] is None, usual
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-24T12:00:00Z"))
        alerts = json.loads(server.cli("--json", "alerts").stdout)["alerts"]
        told = [alert for alert in alerts if alert["alert"] == "volume"]
        assert len(told) == 1 and told[0]["window_start"] == "2024-02-21T00:00:00Z" and told[0]["state"] == "open", alerts
        assert "requests is lower than usual" in told[0]["why"]
        after = budget()
        assert after["rules"]["volume"]["state"] == "unusual" and after["pages"][0] >= 1
        threshold = after["rules"]["log_loss"]
        assert threshold["unusual"] is None and 0 <= threshold["chance_per_window"] <= 1, threshold

        rehearsed = json.loads(server.cli("--json", "monitor", "rehearse", "sale-health", "volume").stdout)
        assert rehearsed["fired"] == 1 and rehearsed["firings"][0]["window_start"] == told[0]["window_start"]
        assert rehearsed["strip"].startswith("?" * 21) and rehearsed["strip"].endswith("###"), rehearsed["strip"]
        shown = server.cli("monitor", "budget").stdout
        assert "at most 1 false page a month" in shown and "volume" in shown
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text(yaml + "alarm_budget: {false_pages: 1, route: [nobody]}\n")
        assert "nobody" in server.cli("plan", str(wrong), check=False).stderr
    finally:
        server.stop()
