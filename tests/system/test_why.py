"""`slipway why` and `slipway changed`: what led to something, and what is different between two, in words."""
import json
import subprocess

import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput

import small_project
from conftest import BINARY
from test_reproduce import ask, last_run, shop  # noqa: F401: a fixture
from test_runs import environment, git


def said(server, *words: str, code: int = 0) -> dict:
    done = subprocess.run([BINARY, "--json", *words], env=environment(server), capture_output=True, text=True)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def links(report: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in report["links"]:
        found.setdefault(link["kind"], []).append(f"{link['id']}: {link['words']}")
    return found


@pytest.fixture
def changed_shop(shop):  # noqa: F811
    """A second model: other rows, other code with another parameter and package, after a week of requests; the gate refuses it."""
    server, folder = shop
    server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-03T00:00:00Z"))
    rows = pd.read_parquet(folder / "visits.parquet").iloc[5:].copy()
    rows.loc[rows.index[:2000], "pages"] += 8
    rows.to_parquet(folder / "visits.parquet", index=False)
    train = folder / "train.py"
    train.write_text(train.read_text().replace('"max_depth": 3', '"max_depth": 4').replace("booster = xgb", 'mlflow.log_param("depth", 4); booster = xgb')
                     .replace('pip_requirements=["xgboost-cpu"]', 'pip_requirements=["xgboost-cpu", "pandas==2.3.3"]'))
    env = environment(server)
    git(folder, "commit", "-qam", "deeper trees", env=env)
    server.cli("data", "ingest", "visits")
    server.cli("run", "train", "--reason", "to see", check=False)
    assert len(MlflowClient(server.url).search_model_versions("")) == 2
    return server, folder


def test_why_a_prediction_a_model_an_alias_and_a_step_are_so(changed_shop):
    server, folder = changed_shop
    head = git(folder, "rev-parse", "HEAD~1", env=environment(server))
    ask(server, "asked-1")
    why = links(said(server, "why", "asked-1"))
    assert "answered by models:/sale/1 of revision 1" in why["prediction"][0]
    assert "pages = 7.25 (" in why["inputs"][0] and "shop = north (" in why["inputs"][0]
    assert "alias champion of sale moved to version 1" in why["revision"][0]
    assert "Passed: " in why["gate"][0] and "in step train" in why["run"][0] and "train succeeded" in why["pipeline"][0]
    assert why["code"][0].startswith(f"{head}: as it is (") and "dataset:visits: version 1" in why["data"]

    why = links(said(server, "why", "models:/sale@champion"))
    assert "moved from nowhere to version 1" in why["alias"][0] and "the gate passed it" in why["alias"][0]
    assert why["protection"] == ["champion: only what a gate has passed may be there"]

    report = said(server, "why", "models:/sale/2")
    assert "Refused: " in links(report)["gate"][0]
    assert report["changes"]["before"] == "models:/sale/1"  # what made it another one is told with it

    run = last_run(server)
    step = links(said(server, "why", f"{run}/train"))["step"][0]
    assert " changed from `" in step and "; code/train.py changed" in step
    steps = links(said(server, "why", run))
    assert len(steps["step"]) == 4 and "to see" in steps["pipeline"][0] and "Refused" in steps["log"][0]
    shown = server.cli("why", "models:/sale/2").stdout
    assert "changed since models:/sale/1" in shown and "deeper trees" in shown

    for missing in ("nothing", "models:/sale/9", "models:/sale@nobody", f"{run}/nothing", "alert:77", "incident:77"):
        assert said(server, "why", missing, code=4)["error"]


def test_what_changed_between_two_models_runs_times_and_datasets(changed_shop):
    server, _ = changed_shop
    changes = said(server, "changed", "models:/sale/1", "models:/sale/2")
    assert [c["subject"] for c in changes["code"]["commits"]] == ["deeper trees"]
    assert [f["name"] for f in changes["code"]["files"]] == ["train.py"]
    assert [(r["dataset"], r["before"], r["after"], r["added"], r["removed"], r["changed"]) for r in changes["rows"]] == [("visits", 1, 2, 0, 5, 1999)]
    assert changes["statistics"][0]["column"] == "pages" and changes["statistics"][0]["after"] > changes["statistics"][0]["before"]
    assert {p["name"]: (p["before"], p["after"]) for p in changes["parameters"]}["depth"] == (None, "4")
    assert changes["environment"] == [{"name": "pandas", "before": None, "after": "==2.3.3"}]
    assert changes["inputs"] == [{"name": "model:sale@champion", "before": "none", "after": "models:/sale/1"}]
    # Backwards is told as such.
    back = said(server, "changed", "models:/sale/2", "models:/sale/1")
    assert [c["sign"] for c in back["code"]["commits"]] == ["-"] and back["rows"][0]["added"] == 5

    runs = [r.info.run_id for r in MlflowClient(server.url).search_runs(["1"], order_by=["attributes.start_time ASC"])]
    assert said(server, "changed", *runs)["rows"] == changes["rows"]

    # The same model at both times, and other visitors.
    times = said(server, "changed", "2024-01-30T00:00:00Z", "2024-02-02T00:00:00Z")
    assert times["code"]["commits"] == [] and times["rows"] == [] and times["before"].endswith("(models:/sale/1)")
    assert times["traffic"]["before"]["requests"] == times["traffic"]["after"]["requests"] == 144
    assert times["traffic"]["after"]["from"] == "2024-02-01T00:00:00Z"
    assert said(server, "changed", "dataset:visits@1", "dataset:visits@2")["rows"] == changes["rows"]
    assert "1999 changed" in server.cli("changed", "dataset:visits@1", "dataset:visits@2").stdout
    assert said(server, "changed", "dataset:visits@1", "dataset:visits@9", code=4)
    assert said(server, "changed", "2019-01-01T00:00:00Z", "2024-02-02T00:00:00Z", code=4)
    assert said(server, "changed", "models:/sale/1", "nothing", code=4)


def test_lineage_goes_up_and_down_from_models_and_runs(shop):  # noqa: F811
    server, _ = shop

    def walked(*words: str) -> list[tuple[str, str]]:
        return [(link["kind"], link["id"]) for link in said(server, "lineage", *words)["lineage"]]

    run = MlflowClient(server.url).get_model_version("sale", "1").run_id
    up = [("run", run), ("pipeline run", last_run(server))]
    assert walked("models:/sale@champion", "--walk", "down") == [("endpoint", "sale")]
    assert walked("models:/sale/1")[0] == ("model version", "models:/sale/1") and set(up) < set(walked("models:/sale/1", "--walk", "up"))
    assert walked(run, "--walk", "down") == [("model version", "models:/sale/1"), ("endpoint", "sale")]
    assert walked(run, "--walk", "up")[:2] == up and ("input", "dataset:visits") in walked(run)
    assert walked(last_run(server), "--walk", "down") == [("run", run), ("model version", "models:/sale/1"), ("endpoint", "sale")]
    assert walked(last_run(server))[0] == up[1]
    assert said(server, "lineage", "0123456789abcdef", code=4)


def test_lineage_begins_at_versions_of_data_commits_endpoints_and_features(shop):  # noqa: F811
    server, folder = shop

    def links_of(*words: str) -> dict[tuple[str, str], str]:
        lineage = said(server, "lineage", *words)["lineage"]
        told = [(link["kind"], link["id"]) for link in lineage if link["kind"] != "features"]  # what they are, and which step asked
        assert len(told) == len(set(told)), told
        return {(link["kind"], link["id"]): link["text"] for link in lineage}

    run, pipeline_run = MlflowClient(server.url).get_model_version("sale", "1").run_id, last_run(server)
    made = [("pipeline run", pipeline_run), ("run", run), ("model version", "models:/sale/1"), ("endpoint", "sale")]
    # Nobody has read the second version.
    pd.read_parquet(folder / "visits.parquet").iloc[5:].to_parquet(folder / "visits.parquet", index=False)
    server.cli("data", "ingest", "visits")
    assert list(links_of("dataset:visits@1", "--walk", "down")) == [("dataset version", "dataset:visits@1"), *made]
    assert list(links_of("dataset:visits@2")) == [("dataset version", "dataset:visits@2")]
    assert "visits.parquet" in links_of("dataset:visits@1", "--walk", "up")["dataset version", "dataset:visits@1"]

    # MLflow keeps the beginning of a digest.
    client, digest = MlflowClient(server.url), requests.get(f"{server.url}/slipway/v1/datasets/visits", timeout=20).json()["versions"][0]["digest"]
    logged = client.create_run("0", tags={"slipway.run_id": "0123456789abcdef", "slipway.batch.model": "models:/sale/77"}).info.run_id
    client.log_inputs(logged, [DatasetInput(Dataset("visits", digest[:36], "local", "{}"), [])])
    assert list(links_of("dataset:visits@2")) == [("dataset version", "dataset:visits@2"), ("run", logged)]
    # What isn't there any more doesn't hide the rest.
    up = links_of(logged, "--walk", "up")
    assert up["pipeline run", "0123456789abcdef"] == up["model version", "models:/sale/77"] == "isn't there any more"
    assert said(server, "lineage", "dataset:visits@2", "--walk", "down")["lineage"][1]["id"] == logged

    # Runs of two commits that begin alike, and a request whose id looks like one.
    for commit in ("abcdef01" + "0" * 32, "abcdef01" + "1" * 32):
        client.create_run("0", tags={"mlflow.source.git.commit": commit})
    told = said(server, "lineage", "abcdef01", code=1)["error"]
    assert "several commits begin so" in told and "abcdef01" + "0" * 32 + ", abcdef01" + "1" * 32 in told
    assert list(links_of("abcdef010", "--walk", "up")) == [("commit", "abcdef01" + "0" * 32)]
    ask(server, "abcdef02")
    client.create_run("0", tags={"mlflow.source.git.commit": "abcdef02" + "0" * 32})
    assert ("prediction", "sale/abcdef02") in links_of("abcdef02")

    head = git(folder, "rev-parse", "HEAD", env=environment(server))
    assert list(links_of(head)) == list(links_of(f"commit:{head[:8]}", "--walk", "down")) == [("commit", head), *made]
    assert list(links_of(head[:12], "--walk", "up")) == [("commit", head)]

    up = links_of("models:/sale/1", "--walk", "up")
    assert up["input", "dataset:visits"].startswith("version 1, ") and up["features", "features:sale"] == "asked by step rows" and ("commit", head) in up
    assert "xgboost-cpu" in up["environment", f"of run {run}"]

    up = links_of("endpoint:sale", "--walk", "up")
    assert list(up)[:3] == [("endpoint", "sale"), ("revision", "sale/1"), ("model version", "models:/sale/1")] and ("dataset", "dataset:visits") in up
    assert list(links_of("endpoint:sale", "--walk", "down")) == [("endpoint", "sale")]
    assert "shop_recent__sale_share_24h" in links_of("features:sale", "--walk", "up")["features", "features:sale"]
    assert list(links_of("features:sale")) == [("features", "features:sale"), ("dataset", "dataset:visits"), ("endpoint", "sale")]
    for missing in ("dataset:visits@9", "dataset:nothing@1", "endpoint:nothing", "features:nothing", "alert:77", "incident:77", "commit:0123456", "commit:visits", "0123456789"):
        assert said(server, "lineage", missing, code=4)["error"], missing


def test_what_changed_between_two_times_without_an_endpoint(server, tmp_path):
    yaml = "project: lake\ndatasets:\n  visits: {path: visits.parquet, key: [visit]}\n"
    rows = pd.DataFrame({"visit": range(10), "cost": 1.0})

    def ingested() -> str:
        rows.to_parquet(tmp_path / "visits.parquet", index=False)
        assert requests.post(f"{server.url}/slipway/v1/datasets/visits/ingest", json={"path": ""}, timeout=60).status_code == 200
        return pd.Timestamp.now("UTC").isoformat()

    assert requests.post(f"{server.url}/slipway/v1/apply", json={"yaml": yaml, "dir": str(tmp_path)}, timeout=60).status_code == 200
    first = ingested()
    rows.loc[:2, "cost"] = 2.0
    changes = said(server, "changed", first, ingested())
    assert [(r["dataset"], r["before"], r["after"], r["changed"]) for r in changes["rows"]] == [("visits", 1, 2, 3)]
    assert "no dataset had come" in said(server, "changed", "2019-01-01T00:00:00Z", first, code=4)["error"]


def test_why_an_alert_fired_and_an_incident_was_opened(shop):  # noqa: F811
    """The world turns around, the model is wrong, its alert retrains."""
    server, folder = shop
    server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-08T00:00:00Z"))
    alerts = requests.get(f"{server.url}/slipway/v1/alerts", timeout=20).json()["alerts"]
    alert = f"alert:{alerts[-1]['id']}"
    up = [(link["kind"], link["id"]) for link in said(server, "lineage", alert, "--walk", "up")["lineage"]]
    assert up[:2] == [("alert", alert), ("endpoint", "sale")] and ("model version", "models:/sale/1") in up and ("input", "dataset:visits") in up
    down = [(link["kind"], link["id"]) for link in said(server, "lineage", alert, "--walk", "down")["lineage"]]
    assert down[:2] == [("alert", alert), ("action", "retrain")]
    assert ("alert", alert) in [(link["kind"], link["id"]) for link in said(server, "lineage", "endpoint:sale", "--walk", "down")["lineage"]]
    why = links(said(server, "why", f"alert:{alerts[-1]['id']}"))
    assert "sale-health/log_loss fired at" in why["alert"][0] and "against 1" in why["alert"][0]
    assert "models:/sale/1" in why["in charge"][0] and why["action"]
    opened = json.loads(server.cli("--json", "incidents", "open", "sale", "wrong since Monday", "--since", "2024-02-05T00:00:00Z").stdout)
    why = links(said(server, "why", f"incident:{opened['id']}"))
    assert "wrong since Monday" in why["incident"][0] and why["suspect"]
    assert "incident" in links(said(server, "why", f"alert:{alerts[0]['id']}")) or alerts[0]["time"] < opened["opened"]
