"""Deleted things free their space: `slipway gc`, the background reclaimer, crashes in between."""
import hashlib
import json
import subprocess
import threading
import time

import mlflow
import pytest
import requests
from conftest import BINARY
from mlflow.exceptions import MlflowException
from test_artifacts import tiny_model, use  # noqa: F401


def gc(server, *flags):
    return json.loads(server.cli("gc", "--json", *flags).stdout)


def make_runs(client, count, experiment="0", bytes_=2000):
    ids = []
    for i in range(count):
        run = client.create_run(experiment).info.run_id
        client.log_metric(run, "loss", i)
        client.log_text(run, "x" * bytes_, "sub/data.txt")
        ids.append(run)
    return ids


def artifacts(server):
    return [p for p in (server.data_dir / "artifacts").rglob("*") if p.is_file()]


def test_gc_takes_away_what_was_deleted_and_says_so(start_server, use):  # noqa: F811
    server = start_server("data")
    client = use(server)
    kept, gone = make_runs(client, 2)
    client.delete_run(gone)
    assert gc(server, "--older-than", "1d")["gone"] == 0
    planned = gc(server, "--dry-run")
    assert (planned["gone"], planned["files"], planned["bytes"]) == (1, 1, 2000) and len(artifacts(server)) == 2
    done = gc(server, "--run-ids", gone)
    assert (done["gone"], done["files"], done["bytes"]) == (1, 1, 2000) and len(artifacts(server)) == 1
    assert [r.info.run_id for r in client.search_runs(["0"], run_view_type=mlflow.entities.ViewType.ALL)] == [kept]
    with pytest.raises(MlflowException, match="deleted for good: reclaimed_at=20"):
        client.restore_run(gone)
    refused = server.cli("gc", "--run-ids", kept, check=False)
    assert refused.returncode == 1 and "not in `deleted` lifecycle stage" in refused.stderr
    assert server.cli("gc", "--older-than", "yesterday", check=False).returncode != 0
    events = json.loads(server.cli("events", "list", "--json", "--subject", f"runs/{gone}", "--kind", "run.reclaimed").stdout)["events"]
    assert len(events) == 1
    assert "slipway_reclaimed_bytes_total 2000" in requests.get(server.url + "/metrics").text
    server.cli("events", "verify")


@pytest.mark.parametrize("what", ["gc", "gc/datasets", "gc/python-environments"])
def test_only_true_is_a_dry_run(start_server, use, what):  # noqa: F811
    """Whoever writes "true" as a text means to count, and must not lose anything."""
    server = start_server("data")
    client = use(server)
    client.delete_run(make_runs(client, 1)[0])
    refused = requests.post(f"{server.url}/slipway/v1/{what}", json={"dry_run": "true"})
    assert refused.status_code == 400 and "dry_run" in refused.text, refused.text
    assert len(artifacts(server)) == 1


def test_rows_of_no_dataset_version_go(start_server, use):  # noqa: F811
    server = start_server("data")
    orphan = b"what an ingest left that was killed before its version"
    digest = hashlib.sha256(orphan).hexdigest()
    blob = server.data_dir / "blobs" / digest[:2] / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(orphan)
    assert gc(server, "--dry-run")["datasets"] == {"blobs": 1, "bytes": len(orphan)}
    assert blob.exists()
    assert gc(server)["datasets"] == {"blobs": 1, "bytes": len(orphan)}
    assert not blob.exists()


def test_what_a_registered_version_was_made_from_stays(start_server, use):  # noqa: F811
    server = start_server("data")
    client = use(server)
    experiment = client.create_experiment("doomed")
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.xgboost.log_model(tiny_model(), name="model", registered_model_name="precious")
    client.delete_experiment(experiment)
    report = gc(server)
    assert report["gone"] == 0 and {t["kind"] for t in report["things"]} == {"run", "logged_model", "experiment"}
    assert all("kept" in t for t in report["things"])
    assert mlflow.xgboost.load_model("models:/precious/1").n_features_in_ == 2
    client.delete_model_version("precious", "1")
    report = gc(server)
    assert report["gone"] == 3 and artifacts(server) == []
    assert run.info.run_id in {t["id"] for t in report["things"]}


def test_the_background_reclaimer_keeps_to_the_retention(start_server, use):  # noqa: F811
    server = start_server("data", "--deleted-retention-days", "1", "--reclaim-interval-seconds", "1")
    client = use(server)
    old, fresh = make_runs(client, 2)
    client.delete_run(old)
    client.delete_run(fresh)
    server.stop()
    subprocess.run(["sqlite3", server.data_dir / "slipway.db",
                    f"UPDATE runs SET deleted_ms = deleted_ms - 86400000 - 1000 WHERE id = '{old}'"], check=True)
    server.start()
    deadline = time.monotonic() + 90
    while len(artifacts(server)) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(artifacts(server)) == 1
    client.restore_run(fresh)


def test_a_kill_in_the_middle_is_made_good(start_server, use):  # noqa: F811
    server = start_server("data")
    client = use(server)
    ids = make_runs(client, 150)
    for run in ids:
        client.delete_run(run)
    for pause in (0.05, 0.15):
        process = subprocess.Popen([BINARY, "--url", server.url, "gc"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        server.kill()
        process.wait(timeout=60)
        server.start()
        server.cli("events", "verify")
        # A run is there with its artifacts, or on its way out, or gone: never back without them.
        for run in ids[::10]:
            try:
                client.restore_run(run)
                assert client.list_artifacts(run, "sub")[0].file_size == 2000
                client.delete_run(run)
            except MlflowException as error:
                assert "deleted for good" in error.message
    gc(server)
    assert artifacts(server) == [] and client.search_runs(["0"], run_view_type=mlflow.entities.ViewType.ALL) == []


def test_writers_are_not_held_up(start_server, use):  # noqa: F811
    server = start_server("data")
    client = use(server)
    live = client.create_run("0").info.run_id

    def slowest_write() -> float:
        for run in make_runs(client, 200):
            client.delete_run(run)
        thread = threading.Thread(target=gc, args=(server,))
        thread.start()
        slowest, writes = 0.0, 0
        while thread.is_alive():
            before = time.monotonic()
            requests.post(f"{server.url}/api/2.0/mlflow/runs/log-metric",
                          json={"run_id": live, "key": "m", "value": 1, "timestamp": writes, "step": writes}).raise_for_status()
            slowest, writes = max(slowest, time.monotonic() - before), writes + 1
        thread.join()
        assert writes > 0
        return slowest

    # A machine may stand still for a second; a collection that held up writers would do so each time.
    assert any(slowest_write() < 1.0 for _ in range(4))
