"""The unmodified mlflow client against the built server."""
import math
import os
import threading
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import eventually, on_every_store
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient


pytestmark = on_every_store


@pytest.fixture
def client(shared_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shared_server.url)
    mlflow.set_tracking_uri(shared_server.url)
    mlflow.set_registry_uri(shared_server.url)
    return MlflowClient(shared_server.url)


@pytest.fixture
def experiment(client, request):
    return client.create_experiment(f"{request.node.name}-{time.time_ns()}")


def test_fluent_run_with_everything(client, experiment, tmp_path):
    with mlflow.start_run(experiment_id=experiment, run_name="first") as parent:
        mlflow.log_params({"depth": 6, "eta": 0.1})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.9, "nan": float("nan"), "inf": float("inf")})
        mlflow.set_tag("team", "red")
        with mlflow.start_run(nested=True, experiment_id=experiment) as child:
            mlflow.log_metric("x", 1)
        (tmp_path / "notes.txt").write_text("hello")
        mlflow.log_artifact(str(tmp_path / "notes.txt"), "docs")
        mlflow.log_text("abc", "a.txt")
    run = client.get_run(parent.info.run_id)
    assert run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time
    assert run.info.run_name == "first"
    assert run.data.params == {"depth": "6", "eta": "0.1"}
    assert run.data.metrics["loss"] == pytest.approx(0.2)
    assert math.isnan(run.data.metrics["nan"]) and run.data.metrics["inf"] > 1e308
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss")] == [0, 1, 2, 3, 4]
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == run.info.run_id
    assert sorted(f.path for f in client.list_artifacts(run.info.run_id)) == ["a.txt", "docs"]
    assert client.list_artifacts(run.info.run_id, "docs")[0].file_size == 5
    local = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="docs/notes.txt", dst_path=str(tmp_path / "down"))
    assert open(local).read() == "hello"


def test_log_batch_and_long_history(client, experiment):
    run = client.create_run(experiment)
    for start in range(0, 3000, 1000):
        client.log_batch(run.info.run_id, metrics=[Metric("m", i * 0.5, 1000 + i, i) for i in range(start, start + 1000)])
    client.log_batch(run.info.run_id, params=[Param("p", "1")], tags=[RunTag("t", "v")])
    history = client.get_metric_history(run.info.run_id, "m")
    assert [m.value for m in history] == [i * 0.5 for i in range(3000)]
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run.info.run_id, "p", "2")


def test_search_filters_orders_and_pages(client, experiment):
    for i in range(25):
        run = client.create_run(experiment, tags={"parity": "even" if i % 2 == 0 else "odd"})
        client.log_metric(run.info.run_id, "score", i / 10)
        client.log_param(run.info.run_id, "i", i)
    found = client.search_runs([experiment], "metrics.score > 1.05 and tags.parity = 'even'", order_by=["metrics.score DESC"])
    assert [r.data.params["i"] for r in found] == ["24", "22", "20", "18", "16", "14", "12"]
    seen, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=10, page_token=token)
        seen += [r.info.run_id for r in page]
        token = page.token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 25
    with pytest.raises(MlflowException, match="Invalid"):
        client.search_runs([experiment], "metrics.score > 1 or metrics.score < 0")


def test_lifecycle_of_experiments_and_runs(client, experiment):
    run = client.create_run(experiment)
    client.delete_run(run.info.run_id)
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.set_tag(run.info.run_id, "a", "b")
    assert client.search_runs([experiment]) == []
    client.restore_run(run.info.run_id)
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_experiment(experiment)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
    client.rename_experiment(experiment, f"renamed-{experiment}")
    assert client.get_experiment_by_name(f"renamed-{experiment}").experiment_id == experiment
    assert client.get_experiment_by_name("no such experiment") is None
    with pytest.raises(RestException) as error:
        client.create_experiment(f"renamed-{experiment}")
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_xgboost_model_from_training_to_alias(client, experiment, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    label = (frame.a + frame.b > 0).astype(int)
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, label), 5)
    expected = booster.predict(xgboost.DMatrix(frame))
    name = f"model-{time.time_ns()}"
    with mlflow.start_run(experiment_id=experiment):
        info = mlflow.xgboost.log_model(booster, name="model", signature=infer_signature(frame, expected), registered_model_name=name, model_format="json")
    version = client.get_model_version(name, "1")
    assert version.status == "READY" and version.run_id == info.run_id
    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version in ("1", 1)
    loaded = mlflow.xgboost.load_model(f"models:/{name}@champion")
    np.testing.assert_array_equal(loaded.predict(xgboost.DMatrix(frame)), expected)
    again = mlflow.pyfunc.load_model(info.model_uri)
    np.testing.assert_allclose(again.predict(frame), expected)


def test_registry_lifecycle(client, experiment):
    name = f"reg-{time.time_ns()}"
    client.create_registered_model(name, tags={"k": "v"}, description="d")
    run = client.create_run(experiment)
    for _ in range(2):
        client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_model_version_tag(name, "1", "a", "b")
    client.update_model_version(name, "1", "better")
    version = client.get_model_version(name, "1")
    assert version.tags == {"a": "b"} and version.description == "better" and version.run_id == run.info.run_id
    assert {int(v.version) for v in client.search_model_versions(f"name='{name}'")} == {1, 2}
    client.set_registered_model_alias(name, "best", "2")
    assert client.get_registered_model(name).aliases == {"best": "2"}
    client.delete_registered_model_alias(name, "best")
    client.delete_registered_model_alias(name, "best")
    with pytest.raises(MlflowException, match="alias best not found"):
        client.get_model_version_by_alias(name, "best")
    client.delete_model_version(name, "2")
    assert int(client.create_model_version(name, f"runs:/{run.info.run_id}/model").version) == 3
    client.rename_registered_model(name, name + "-new")
    assert [m.name for m in client.search_registered_models(f"name ILIKE '{name}%'")] == [name + "-new"]
    client.delete_registered_model(name + "-new")
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model(name + "-new")


def test_large_artifact_and_ranges(client, experiment, shared_server, tmp_path):
    data = os.urandom(50_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    run = client.create_run(experiment)
    client.log_artifact(run.info.run_id, str(tmp_path / "big.bin"))
    local = client.download_artifacts(run.info.run_id, "big.bin", str(tmp_path))
    assert open(local, "rb").read() == data
    url = f"{shared_server.url}/get-artifact?run_uuid={run.info.run_id}&path=big.bin"
    part = requests.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == data[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    assert requests.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416


def test_artifact_paths_do_not_escape(client, experiment, shared_server):
    base = f"{shared_server.url}/api/2.0/mlflow-artifacts/artifacts/"
    for path in ["%2e%2e/x", "a/%2e%2e/%2e%2e/x", "%252e%252e/x", "a%5cb", "%2fetc%2fpasswd"]:
        reply = requests.put(base + path, data=b"x")
        assert reply.status_code in (400, 404), path
    run = client.create_run(experiment)
    reply = requests.get(f"{shared_server.url}/get-artifact", params={"run_uuid": run.info.run_id, "path": "../../../slipway.db"})
    assert reply.status_code == 400 and reply.json()["message"] == "Invalid path"


def test_two_clients_write_one_run(client, experiment, shared_server):
    run = client.create_run(experiment)
    failures = []

    def write(worker):
        try:
            mine = MlflowClient(shared_server.url)
            for i in range(50):
                mine.log_metric(run.info.run_id, "shared", worker * 1000 + i, timestamp=1_000_000 + worker * 1000 + i, step=i)
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert failures == []
    assert len(client.get_metric_history(run.info.run_id, "shared")) == 200


def test_error_envelope_and_unknown_routes(shared_server):
    base = shared_server.url + "/api/2.0/mlflow"
    missing = requests.get(base + "/runs/get", params={"run_id": "nope"})
    assert missing.status_code == 404 and missing.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert requests.post(base + "/runs/create", data="x").status_code == 400
    empty = requests.post(base + "/experiments/create", json={})
    assert empty.status_code == 400 and "Missing value for required parameter 'name'" in empty.json()["message"]
    broken = requests.post(base + "/experiments/create", data="{", headers={"Content-Type": "application/json"})
    assert broken.json()["message"] == empty.json()["message"]
    assert requests.get(base + "/experiments/search").status_code == 400  # max_results is required
    unknown = requests.get(base + "/nope")
    assert unknown.status_code == 404 and "<title>404" in unknown.text
    assert requests.get(base + "/runs/create").status_code == 405


def test_bulk_interval_matches_the_original(client, experiment, shared_server):
    run = client.create_run(experiment)
    client.log_batch(run.info.run_id, metrics=[Metric("m", i, 1000 + i, i) for i in range(1000)])
    url = shared_server.url + "/api/2.0/mlflow/metrics/get-history-bulk-interval"
    ask = {"run_ids": [run.info.run_id], "metric_key": "m", "max_results": 8}
    steps = [m["step"] for m in requests.get(url, params=ask).json()["metrics"]]
    assert steps == [0, 125, 250, 375, 500, 625, 750, 999]
    steps = [m["step"] for m in requests.get(url, params={**ask, "start_step": 100, "end_step": 200}).json()["metrics"]]
    assert steps == [100, 113, 126, 139, 152, 165, 177, 200]


def test_acknowledged_writes_survive_a_kill(start_server, store_flags):
    server = start_server("killed", *store_flags)
    client = MlflowClient(server.url)
    experiment = client.create_experiment("e")
    run = client.create_run(experiment).info.run_id
    acknowledged, stop = [], threading.Event()

    def write(worker):
        session = requests.Session()
        for i in range(100_000):
            if stop.is_set():
                return
            point = {"run_id": run, "key": f"m{worker}", "value": i, "timestamp": 1000 + i, "step": i}
            try:
                if session.post(server.url + "/api/2.0/mlflow/runs/log-metric", json=point, timeout=60).status_code == 200:
                    acknowledged.append((worker, i))
            except requests.RequestException:
                return

    threads = [threading.Thread(target=write, args=(w,)) for w in range(8)]
    [t.start() for t in threads]
    time.sleep(1.0)
    eventually(lambda: len(acknowledged) > 100)
    server.kill()
    stop.set()
    [t.join() for t in threads]
    server.start()
    for worker in range(8):
        there = {m.step for m in client.get_metric_history(run, f"m{worker}")}
        assert {i for w, i in acknowledged if w == worker} <= there
    assert "intact" in server.cli("events", "verify").stdout
