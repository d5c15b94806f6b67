"""From data to a served model that is watched, corrected and rolled back: the built binary, its command line and real clients."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import small_project
import xgboost
from conftest import BINARY, Server


def cli_json(server, *words, **kwargs):
    return json.loads(server.cli("--json", *words, **kwargs).stdout)


def begin(folder: pathlib.Path, data: pathlib.Path) -> Server:
    """A server with the small project applied, its data in and nothing trained."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(data, "--python-path", str(pathlib.Path(sys.executable).parent))
    server.folder = folder
    server.cli("apply", str(small_project.write(folder)))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    return server


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The small project with its first model in charge. Tests here must not move the event clock."""
    folder = tmp_path_factory.mktemp("shop")
    server = begin(folder, tmp_path_factory.mktemp("server") / "data")
    server.first_run = cli_json(server, "run", "train")
    yield server
    server.stop()


def infer(server, body, **kwargs):
    return requests.post(f"{server.url}/v2/models/sale/infer", **({"json": body} if not isinstance(body, (str, bytes)) else {"data": body}), timeout=60, **kwargs)


def row(shop="north", pages=3.0, at="2024-01-29T01:00:00Z"):
    return {"inputs": [{"name": "shop", "shape": [1], "datatype": "BYTES", "data": [shop]}, {"name": "pages", "shape": [1], "datatype": "FP64", "data": [pages]},
                       {"name": "at", "shape": [1], "datatype": "BYTES", "data": [at]}], "parameters": {"event_time": at}}


# ---- data and features


def test_impossible_rows_are_in_quarantine_with_a_reason(trained):
    found = cli_json(trained, "data", "quarantine", "visits")
    assert found["quarantined"] == 1
    assert found["rows"][0]["visit"] == "v000005"
    assert found["rows"][0]["_reason"] == "pages max: 5000"
    assert found["violations"] == {"pages max": 1}


def test_the_same_file_is_the_same_version(trained):
    again = cli_json(trained, "data", "ingest", "visits")["snapshots"][0]
    assert (again["version"], again["new"]) == (1, False)


def test_a_file_that_is_no_parquet_is_refused_by_name(trained, tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and then nothing")
    done = trained.cli("data", "ingest", "visits", "--path", str(tmp_path / "x.parquet"), check=False)
    assert done.returncode == 1
    assert "x.parquet" in done.stderr
    assert cli_json(trained, "data", "show", "visits")["latest"]["version"] == 1


def test_training_set_is_the_brute_force_join(trained, tmp_path):
    out = tmp_path / "rows.parquet"
    trained.cli("features", "history", "sale", "--entities", "dataset:visits", "--label", "sold = sold > 0", "--as-of", small_project.START.isoformat(), "--out", str(out))
    rows = pd.read_parquet(out)
    source = small_project.visits().drop(index=5)
    assert len(rows) == ((source["at"] < small_project.START) & (source.known_at <= small_project.START)).sum()
    for _, r in rows.sample(40, random_state=1).iterrows():
        past = source[(source.shop == r.shop) & (source.known_at <= r["at"]) & (source.known_at > r["at"] - pd.Timedelta(hours=24))]
        assert r.shop_recent__visits_24h == len(past)
        if len(past):
            assert r.shop_recent__sale_share_24h == pytest.approx(past.sold.mean(), abs=1e-12)
        else:
            assert np.isnan(r.shop_recent__sale_share_24h)


def test_online_features_are_the_offline_ones(trained, tmp_path):
    """Rows of two hours after the clock's begin; what ended meanwhile is pushed, as it would come from a stream."""
    until, out = small_project.START + pd.Timedelta(hours=2), tmp_path / "rows.parquet"
    trained.cli("features", "history", "sale", "--entities", "dataset:visits", "--from", small_project.START.isoformat(), "--as-of", until.isoformat(), "--out", str(out))
    rows = pd.read_parquet(out)
    assert len(rows) == 12
    source = small_project.visits()
    ended = source[(source.known_at > small_project.START) & (source.known_at <= until)]
    pushed = [{**r, "at": r["at"].isoformat(), "known_at": r["known_at"].isoformat()} for r in ended.to_dict("records")]
    for _ in range(2):  # the same rows again change nothing
        reply = requests.post(f"{trained.url}/slipway/v1/features/push", json={"source": "ended", "rows": pushed}, timeout=60)
        assert reply.status_code == 200, reply.text
    assert reply.json()["added"] == 0
    sent = [{"shop": r.shop, "pages": r.pages, "at": r["at"].isoformat()} for _, r in rows.iterrows()]
    reply = requests.post(f"{trained.url}/slipway/v1/features/online", json={"service": "sale", "rows": sent}, timeout=60).json()
    for online, (_, offline) in zip(reply["rows"], rows.iterrows()):
        for name, value in zip(reply["names"], online):
            assert value == offline[name], name  # to the bit


# ---- declaring


def test_a_mistake_in_yaml_has_its_place(trained, tmp_path):
    file = tmp_path / "slipway.yaml"
    file.write_text("project: x\nendpoints:\n  e:\n    model: models:/m@champion\n    relase: {}\n")
    done = trained.cli("apply", str(file), check=False)
    assert done.returncode == 1
    assert "line 5" in done.stderr and "relase" in done.stderr
    file.write_text("project: [\n")
    assert "line" in trained.cli("plan", str(file), check=False).stderr
    file.write_text("")
    assert "line 1" in trained.cli("plan", str(file), check=False).stderr


def test_applying_again_changes_nothing(trained):
    changes = cli_json(trained, "apply", str(trained.folder / "slipway.yaml"))["changes"]
    assert {c["change"] for c in changes} == {"unchanged"}


def test_a_feature_that_a_model_in_charge_reads_cannot_go(trained):
    file = trained.folder / "slipway.yaml"
    declared = file.read_text()
    before = infer(trained, row()).json()["outputs"]
    try:
        file.write_text(declared.replace("sale_share: mean(sold)", "share: mean(sold)"))
        done = trained.cli("apply", str(file), check=False)
        assert done.returncode == 1 and "shop_recent__sale_share_24h" in done.stderr
        assert infer(trained, row()).json()["outputs"] == before
        # Another one in front of it moves its place, not its value.
        file.write_text(declared.replace("{sale_share: mean(sold)", "{pages: mean(pages), sale_share: mean(sold)"))
        trained.cli("apply", str(file))
        assert infer(trained, row()).json()["outputs"] == before
    finally:
        file.write_text(declared)
        trained.cli("apply", str(file))


def test_what_is_no_longer_declared_is_said_to_stay(trained, tmp_path):
    file = trained.folder / "slipway.yaml"
    declared = file.read_text()
    (trained.folder / "less.yaml").write_text(declared[: declared.index("monitors:")])
    left = [c for c in cli_json(trained, "plan", str(trained.folder / "less.yaml"))["changes"] if c["kind"] == "monitor"]
    assert left == [{"kind": "monitor", "name": "sale-health", "change": "not in the file"}]


# ---- pipelines


def test_first_run_put_a_model_in_charge(trained):
    assert trained.first_run["state"] == "succeeded"
    key = next(s for s in trained.first_run["steps"] if s["name"] == "train")["key"]
    assert "train.py" in json.dumps(key)  # what it depended on is on record
    assert cli_json(trained, "endpoints", "show", "sale")["revision"]["variants"][0]["version"] == 1


def test_steps_with_nothing_changed_come_from_the_cache(trained):
    """The first step has the same inputs; the second reads the champion, which is new, and then trains on the same rows."""
    run = cli_json(trained, "run", "train", "-p", "bad=1", check=False)
    assert {s["name"]: s["cached"] for s in run["steps"]}["rows"] is True
    again = cli_json(trained, "run", "train", "-p", "bad=1", check=False)
    assert {s["name"]: s["cached"] for s in again["steps"]}["train"] is True


def test_a_bad_challenger_is_refused_with_its_own_exit_code(trained):
    done = trained.cli("--json", "run", "train", "-p", "bad=1", check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout)["state"] == "refused"
    gate = cli_json(trained, "models", "gates", "sale")["gates"][0]
    assert gate["verdict"] == "refuse" and gate["promoted_version"] is None
    direct = requests.post(f"{trained.url}/api/2.0/mlflow/registered-models/alias", json={"name": "sale", "alias": "champion", "version": "2"}, timeout=60)
    assert direct.status_code == 403  # only the gate moves it


def test_unknown_pipeline_and_parameter_are_told(trained):
    assert trained.cli("run", "nothing", check=False).returncode == 4
    done = trained.cli("run", "train", "-p", "colour=red", check=False)
    assert done.returncode == 1 and "colour" in done.stderr


# ---- serving


def test_predictions_are_xgboosts_own(trained):
    booster = mlflow_model(trained)
    shops = pd.Categorical(["north", "south", "north"], categories=["north", "south"])
    frame = pd.DataFrame({"shop_recent__sale_share_24h": [0.5, np.nan, 0.1], "shop_recent__visits_24h": [70.0, 1.0, 5.0], "pages": [3.0, 20.0, 11.0], "shop": shops})
    expected = booster.predict(xgboost.DMatrix(frame[booster.feature_names], enable_categorical=True))
    sent = {"dataframe_split": {"columns": list(frame.columns), "data": json.loads(frame.to_json(orient="values"))}}
    reply = requests.post(f"{trained.url}/endpoints/sale/invocations", json=sent, timeout=60)
    assert reply.status_code == 200, reply.text
    got = [p["sold"] if isinstance(p, dict) else p for p in reply.json()["predictions"]]
    assert got == pytest.approx(expected.tolist(), abs=1e-6)


def mlflow_model(server):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    return mlflow.xgboost.load_model("models:/sale/1")


def test_looked_up_features_give_the_same_prediction(trained):
    looked_up = infer(trained, row()).json()
    online = requests.post(f"{trained.url}/slipway/v1/features/online", json={"service": "sale", "rows": [{"shop": "north", "pages": 3.0, "at": "2024-01-29T01:00:00Z"}]}, timeout=60).json()
    inputs = [{"name": n, "shape": [1], "datatype": "BYTES" if isinstance(v, str) else "FP64", "data": [v]} for n, v in zip(online["names"], online["rows"][0])]
    sent = infer(trained, {"inputs": inputs, "parameters": {"event_time": "2024-01-29T01:00:00Z"}}).json()
    assert looked_up["outputs"][0]["data"] == sent["outputs"][0]["data"]


def test_triton_client_speaks_v2(trained):
    import tritonclient.http as triton

    client = triton.InferenceServerClient(trained.url.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("sale")
    assert {i["name"] for i in client.get_model_metadata("sale")["inputs"]} >= {"shop", "pages"}
    inputs = [triton.InferInput("shop", [2], "BYTES"), triton.InferInput("pages", [2], "FP64"), triton.InferInput("at", [2], "BYTES")]
    inputs[0].set_data_from_numpy(np.array(["north", "south"], dtype=object), binary_data=False)
    inputs[1].set_data_from_numpy(np.array([3.0, 25.0]), binary_data=False)
    inputs[2].set_data_from_numpy(np.array(["2024-01-29T01:00:00Z"] * 2, dtype=object), binary_data=False)
    result = client.infer("sale", inputs, outputs=[triton.InferRequestedOutput("sold", binary_data=False)], request_id="from-triton")
    assert result.as_numpy("sold").shape[0] == 2
    assert result.get_response()["id"] == "from-triton"


@pytest.mark.parametrize("body, status, words", [
    ("{\"inputs\": [", 400, "JSON"),
    ({"inputs": "all"}, 400, "inputs"),
    ({"inputs": [{"name": "shop", "shape": [1], "datatype": "BYTES", "data": [7]}]}, 400, "shop"),
    ({"inputs": [{"name": "shop", "shape": [1], "datatype": "BYTES", "data": ["north"]}]}, 400, "pages"),
    ({"inputs": [{"name": "pages", "shape": [3], "datatype": "FP64", "data": [1.0]}]}, 400, "shape"),
])
def test_bad_requests_name_what_is_wrong(trained, body, status, words):
    reply = infer(trained, body)
    assert reply.status_code == status
    assert words in reply.json()["error"]


def test_unknown_model_is_404_in_the_protocols_envelope(trained):
    reply = requests.post(f"{trained.url}/v2/models/nobody/infer", json=row(), timeout=60)
    assert reply.status_code == 404 and "nobody" in reply.json()["error"]
    assert requests.get(f"{trained.url}/v2/models/sale/versions/1/ready", timeout=60).status_code == 200
    assert requests.get(f"{trained.url}/v2/models/sale/versions/77/ready", timeout=60).status_code == 404


def test_oversized_body_is_413_and_the_server_goes_on(trained):
    reply = requests.post(f"{trained.url}/v2/models/sale/infer", data=b"x" * (80 << 20), timeout=30)
    assert reply.status_code == 413
    assert infer(trained, row()).status_code == 200


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_damaged_model_is_not_deployed(trained, tmp_path, damage):
    booster = mlflow_model(trained)
    with mlflow.start_run():
        info = mlflow.xgboost.log_model(booster, name="model", registered_model_name=f"sale-{damage}", model_format="json", pip_requirements=["xgboost-cpu"])
    file = next(f for f in trained.data_dir.rglob("model.json") if info.model_id in str(f))
    file.write_bytes(file.read_bytes()[:2000] if damage == "cut" else b"{\"not\": \"a model\"}")
    done = trained.cli("endpoints", "deploy", "sale", f"models:/sale-{damage}/1", check=False)
    assert done.returncode == 1 and "model" in done.stderr
    assert infer(trained, row()).status_code == 200
    assert cli_json(trained, "endpoints", "show", "sale")["revision"]["variants"][0]["model"] == "sale"


def test_a_prediction_leads_back_to_data_and_code(trained):
    asked = infer(trained, {**row(), "id": "asked-for"})
    assert asked.status_code == 200
    found = {link["kind"]: link for link in cli_json(trained, "lineage", "asked-for")["lineage"]}
    assert found["model version"]["id"] == "models:/sale/1"
    assert found["pipeline run"]["id"] == trained.first_run["id"]
    assert "Z: succeeded" in found["pipeline run"]["text"]
    assert found["code"]["id"] == "train.py" and len(found["code"]["text"]) == 64
    assert found["input"]["id"] in ("dataset:visits", "model:sale@champion")
    assert "gate" in found and "revision" in found
    assert trained.cli("lineage", "never-asked", check=False).returncode == 4


def test_page_and_health_are_there(trained):
    assert requests.get(f"{trained.url}/ui/", timeout=60).text.startswith("<!doctype html>")
    assert "slipway_" in requests.get(f"{trained.url}/metrics", timeout=60).text


# ---- the loop


def load(server, seconds):
    words = ["replay", "sale", *small_project.replay_flags(server.folder, "2024-02-01T00:00:00Z"), "--from", "2024-01-29T00:00:00Z", "--load", str(seconds)]
    return subprocess.Popen([BINARY, "--json", "--url", server.url, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_change_is_noticed_and_a_new_model_takes_charge_then_rollback_under_load(tmp_path):
    server = begin(tmp_path / "shop", tmp_path / "data")
    try:
        assert cli_json(server, "run", "train")["state"] == "succeeded"
        report = cli_json(server, "replay", "sale", *small_project.replay_flags(server.folder, "2024-02-13T00:00:00Z"))
        assert report["failed_requests"] == 0 and report["requests"] == 15 * 144
        fired = cli_json(server, "alerts")["alerts"]
        assert fired, "the turn of 5 February must be noticed"
        first = fired[-1]
        assert first["time"] > small_project.CHANGE.isoformat()[:10]
        assert first["action"]["state"] in ("done", "refused")
        kinds = [r["kind"] for r in cli_json(server, "endpoints", "revisions", "sale")["revisions"]]
        assert kinds[0] == "promote" and "canary-step" in kinds and kinds[-1] == "deploy"
        status = cli_json(server, "endpoints", "show", "sale")
        assert status["revision"]["variants"][0]["version"] > 1

        traffic = load(server, 4)
        time.sleep(1)
        done = cli_json(server, "endpoints", "rollback", "sale", "--reason", "a test")
        told = json.loads(traffic.communicate()[0])
        assert told["requests"] > 100 and told["failed_requests"] == 0
        assert done["seconds"] < 1
        assert cli_json(server, "endpoints", "show", "sale")["revision"]["kind"] == "rollback"
        request = cli_json(server, "endpoints", "request", "sale", "v004032")
        assert request["labels"][0]["value"] in (0, 1)
        server.cli("events", "verify")
    finally:
        server.stop()


def test_kill_in_mid_replay_loses_nothing_acknowledged(tmp_path):
    server = begin(tmp_path / "shop", tmp_path / "data")
    try:
        assert cli_json(server, "run", "train")["state"] == "succeeded"
        words = ["replay", "sale", *small_project.replay_flags(server.folder, "2024-02-20T00:00:00Z"), "--tick", "1h"]
        playing = subprocess.Popen([BINARY, "--url", server.url, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while cli_json(server, "clock")["now"] < "2024-01-31":
            time.sleep(0.05)
        revisions = cli_json(server, "endpoints", "revisions", "sale")["revisions"]
        acknowledged = cli_json(server, "clock")["now"]
        server.kill()
        assert playing.wait(timeout=120) != 0
        server.start()
        assert cli_json(server, "clock")["now"] >= acknowledged
        assert cli_json(server, "endpoints", "revisions", "sale")["revisions"][-len(revisions):] == revisions
        assert infer(server, row(at=acknowledged)).status_code == 200
        server.cli("events", "verify")
        # It goes on from where it stood, to the same end: pushes and labels that were in are in once.
        until = pd.Timestamp(cli_json(server, "clock")["now"]).ceil("D") + pd.Timedelta(days=1)  # one whole day after the kill
        report = cli_json(server, "replay", "sale", *small_project.replay_flags(server.folder, until.isoformat()))
        assert report["failed_requests"] == 0
        days = cli_json(server, "monitors", "windows", "sale-health", "--window", "day")["windows"]
        assert days and all(d["labels"] <= d["rows"] for d in days)
        drift = {one["feature"]: one for one in days[-1]["drift"]}
        assert drift["pages"]["method"] == "ks_effective" and drift["shop"]["method"] == "l_infinity"
        assert days[-1]["metrics"]["drifted_share"] == sum(one["drifted"] for one in drift.values()) / len(drift)
        # The newest window against the training rows, and a day against another.
        newest = cli_json(server, "monitor", "report", "monitor:sale-health", "monitor:sale-health")
        columns = {one["column"]: one for one in newest["columns"]}
        assert newest["current"]["rows"] == days[-1]["rows"] and columns["pages"]["score"] == pytest.approx(drift["pages"]["score"], rel=1e-9)
        assert set(columns) == set(drift) and newest["only_in_reference"] == newest["only_in_current"] == []
        between = "monitor:sale-health@2024-01-30T00:00:00Z..2024-01-31T00:00:00Z"
        assert "prediction" in {one["column"] for one in cli_json(server, "monitor", "report", between, "monitor:sale-health")["columns"]}
        same = cli_json(server, "monitor", "report", "dataset:visits", "dataset:visits@1", "--columns", "pages,shop", "--method", "evidently")
        assert same["columns_drifted"] == 0 and same["columns_compared"] == 2
        for refused, why in [(["dataset:visits", "dataset:visits@9"], "version"), (["dataset:visits", "dataset:visits@x"], "whole number"),
                             (["dataset:visits", "monitor:sale-health@monday"], "FROM..TO"), (["dataset:visits", "monitor:other"], "no such monitor")]:
            done = server.cli("monitor", "report", *refused, check=False)
            assert done.returncode != 0 and why in done.stderr, done.stderr
    finally:
        server.stop(signal.SIGKILL)


def test_a_full_disk_is_told_and_survived(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    server = None
    try:
        server = Server(folder / "data")
        run = requests.post(f"{server.url}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, timeout=60).json()["run"]["info"]["run_id"]
        kept, refused = 0, None
        for n in range(4000):
            reply = requests.post(f"{server.url}/api/2.0/mlflow/runs/set-tag", json={"run_id": run, "key": f"k{n}", "value": "v" * 4000}, timeout=60)
            if reply.status_code != 200:
                refused = reply
                break
            kept += 1
        assert refused is not None and refused.status_code == 507
        assert "full" in refused.text
        assert requests.get(f"{server.url}/health", timeout=60).status_code == 200
        server.kill()
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        server.start()
        tags = requests.get(f"{server.url}/api/2.0/mlflow/runs/get", params={"run_id": run}, timeout=60).json()["run"]["data"]["tags"]
        assert len([t for t in tags if t["key"].startswith("k")]) == kept
        server.cli("events", "verify")
    finally:
        if server:
            server.stop(signal.SIGKILL)
        subprocess.run(["umount", str(folder)])
