"""Models in memory: how much they take, which leave when it is too much, that they come back; and where endpoints find models."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import threading

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import BINARY, eventually, free_port
from mlflow.models import infer_signature
from s3_server import S3Server


def train(seed=1, sign=1):
    rows = pd.DataFrame(np.random.default_rng(seed).normal(size=(300, 3)), columns=["a", "b", "c"])
    return xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": seed}, xgboost.DMatrix(rows, (sign * rows.a > 0).astype(float)), 10), rows


def ask(server, name):
    body = {"inputs": [{"name": n, "shape": [1], "datatype": "FP64", "data": [0.5]} for n in ("a", "b", "c")]}
    return requests.post(f"{server.url}/v2/models/{name}/infer", json=body, timeout=20)


def answer(server, name):
    return ask(server, name).json()["outputs"][0]["data"]


def metric(server, name, **labels):
    text = requests.get(f"{server.url}/metrics", timeout=60).text
    inside = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
    found = re.search(rf"^{name}{re.escape('{' + inside + '}') if labels else ''} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else None


def endpoints_yaml(models: dict) -> str:
    return "project: memory\nendpoints:\n" + "".join(f"  {name}: {{model: {json.dumps(uri)}}}\n" for name, uri in models.items())


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    train()[0].save_model(folder / "one.ubj")
    for name in ("two", "three", "four"):
        shutil.copy(folder / "one.ubj", folder / f"{name}.ubj")
    return folder


def apply(server, root, models):
    (root / "slipway.yaml").write_text(endpoints_yaml(models))
    server.cli("apply", str(root / "slipway.yaml"))


def test_the_least_recently_used_leave_and_come_back(start_server, root):
    server = start_server("probe", "--models-root", str(root))
    apply(server, root, {"one": "one.ubj"})
    assert ask(server, "one").status_code == 200
    one = metric(server, "slipway_model_bytes", endpoint="one", version="1")
    assert one > 0 and metric(server, "slipway_models_bytes") == one
    shown = requests.get(f"{server.url}/slipway/v1/endpoints/one", timeout=60).json()
    assert shown["memory_bytes"] == one and shown["models"][0]["in_memory"] and shown["models"][0]["requests"] == 1
    headings, row = [line for line in server.cli("endpoints", "show", "one").stdout.splitlines() if "IN MEMORY" in line or " true " in line]
    assert row.split() == ["live", "1", "true", str(int(one)), "1", "1", "0"], headings + row
    server.stop()

    server = start_server("small", "--models-root", str(root), "--models-bytes-max", str(int(2.5 * one)))
    apply(server, root, {n: f"{n}.ubj" for n in ("one", "two", "three")})
    for name in ("one", "two", "three", "one"):
        assert ask(server, name).status_code == 200, "whoever left comes back"
        assert metric(server, "slipway_models_bytes") <= 2.5 * one
    assert metric(server, "slipway_models_evicted_total") >= 2
    listed = {m["name"]: m for m in requests.post(f"{server.url}/v2/repository/index", timeout=60).json()}
    assert {m["state"] for m in listed.values()} == {"READY"}
    assert listed["one"]["reason"] == "" and sum("not in memory" in m["reason"] for m in listed.values()) == 1
    events = requests.get(f"{server.url}/slipway/v1/events?kind=model.evicted", timeout=60).json()["events"]
    assert events and "models-bytes-max" in json.dumps(events[0]["payload"])
    assert metric(server, "slipway_model_requests_total", endpoint="one", version="1") == 2
    assert metric(server, "slipway_model_rows_total", endpoint="one", version="1") == 2
    assert metric(server, "slipway_model_seconds_count", endpoint="one", version="1") == 2


def test_v2_unload_frees_memory_and_load_takes_it(start_server, root):
    server = start_server("unload", "--models-root", str(root))
    apply(server, root, {"one": "one.ubj"})
    assert ask(server, "one").status_code == 200
    assert requests.post(f"{server.url}/v2/repository/models/one/unload", timeout=60).status_code == 200
    assert metric(server, "slipway_models_bytes") == 0
    (listed,) = requests.post(f"{server.url}/v2/repository/index", timeout=60).json()
    assert "not in memory" in listed["reason"]
    assert requests.get(f"{server.url}/v2/models/one", timeout=60).json()["inputs"], "metadata loads it"
    assert requests.post(f"{server.url}/v2/repository/models/one/unload", timeout=60).status_code == 200
    assert requests.post(f"{server.url}/v2/repository/models/one/load", timeout=60).status_code == 200
    assert metric(server, "slipway_models_bytes") > 0
    assert requests.post(f"{server.url}/v2/repository/models/nobody/unload", timeout=60).status_code == 404


def test_models_by_every_address(start_server, root, tmp_path):
    server = start_server("addresses", "--models-root", str(root))
    mlflow.set_tracking_uri(server.url)
    booster, rows = train()
    with mlflow.start_run() as run:
        info = mlflow.xgboost.log_model(booster, name="model", registered_model_name="risk", pip_requirements=["xgboost-cpu"],
                                        signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    mlflow.MlflowClient().set_registered_model_alias("risk", "best", "1")
    expected = booster.predict(xgboost.DMatrix(pd.DataFrame({"a": [0.5], "b": [0.5], "c": [0.5]}))).tolist()
    addresses = {"alias": "models:/risk@best", "version": "models:/risk/1", "run": f"runs:/{run.info.run_id}/model", "logged": f"models:/{info.model_id}",
                 "path": "one.ubj", "absolute": str(root / "two.ubj")}
    apply(server, root, addresses)
    for name in addresses:
        reply = ask(server, name)
        assert reply.status_code == 200 and reply.json()["outputs"][0]["data"] == pytest.approx(expected), (name, reply.text)
    outside = tmp_path / "outside.ubj"
    shutil.copy(root / "one.ubj", outside)
    (root / "link.ubj").symlink_to(outside)
    for address, words in {str(outside): "models-root", "../outside.ubj": "models-root", "link.ubj": "models-root", "ftp://x/y": "a model is"}.items():
        (root / "slipway.yaml").write_text(endpoints_yaml({"bad": address}))
        refused = subprocess.run([BINARY, "--url", server.url, "apply", str(root / "slipway.yaml")], capture_output=True, text=True)
        assert refused.returncode != 0 and words in refused.stderr, (address, refused.stderr)


def test_what_is_deployed_by_path_is_the_bytes_that_were_there(start_server, root):
    """A file that is written over changes nothing until it is deployed, and then it does; what was deployed never becomes another model."""
    server = start_server("bytes", "--models-root", str(root))
    apply(server, root, {"one": "one.ubj"})
    old, before = (root / "one.ubj").read_bytes(), answer(server, "one")
    train(sign=-1)[0].save_model(root / "one.ubj")
    new = (root / "one.ubj").read_bytes()
    assert answer(server, "one") == before
    server.cli("endpoints", "deploy", "one", "one.ubj")
    after = answer(server, "one")
    assert after != before
    server.cli("endpoints", "rollback", "one")
    assert answer(server, "one") == before, "it was kept in memory"
    server.cli("endpoints", "deploy", "one", "one.ubj")
    (root / "one.ubj").write_bytes(old)
    server.stop()
    server.start()
    refused = ask(server, "one")
    assert refused.status_code == 503 and "not those that were deployed" in refused.text
    (root / "one.ubj").write_bytes(new)
    eventually(lambda: ask(server, "one").status_code == 200)
    assert answer(server, "one") == after


def test_a_model_in_a_bucket(start_server, root, tmp_path, monkeypatch):
    s3 = S3Server(tmp_path / "s3", free_port())
    try:
        for name, value in s3.variables.items():
            monkeypatch.setenv(name, value)
        folder = s3.objects / s3.bucket / "shared" / "one"
        folder.mkdir(parents=True)
        shutil.copy(root / "one.ubj", folder / "model.ubj")
        (folder / "MLmodel").write_text("flavors:\n  xgboost:\n    data: model.ubj\n")
        server = start_server("bucket")
        apply(server, root, {"one": f"s3://{s3.bucket}/shared/one"})
        assert ask(server, "one").status_code == 200
        shown = requests.get(f"{server.url}/slipway/v1/endpoints/one", timeout=60).json()
        first = shown["revision"]["variants"][0]["uri"]
        assert first.startswith(f"s3://{s3.bucket}/shared/one#sha256=") and shown["revision"]["variants"][0]["model"] == f"s3://{s3.bucket}/shared/one"
        # Overwritten and deployed: what is there now answers, and going back is to what was there then.
        before = answer(server, "one")
        train(sign=-1)[0].save_model(folder / "model.ubj")
        # Laid there without the S3 of this storage it has no ETag, and times of change have whole seconds.
        changed = (folder / "model.ubj").stat().st_mtime + 2
        os.utime(folder / "model.ubj", (changed, changed))
        server.cli("endpoints", "deploy", "one", f"s3://{s3.bucket}/shared/one")
        assert answer(server, "one") != before
        requests.post(f"{server.url}/v2/repository/models/one/unload", timeout=60)
        server.cli("endpoints", "rollback", "one")
        assert answer(server, "one") == before
    finally:
        s3.stop()


def test_gc_names_python_environments(start_server):
    server = start_server("gc")
    unused = server.data_dir / "python-models" / "environments" / "0123"
    unused.mkdir(parents=True)
    (unused / "ready").write_text("")
    (unused / "package").write_text("x" * 100)
    assert "1 environments that no model uses, 100 bytes" in server.cli("gc", "--dry-run").stdout
    assert unused.exists()
    server.cli("gc", "--older-than", "1h")
    assert unused.exists()
    server.cli("gc")
    assert not unused.exists()


def test_a_broken_model_disturbs_nobody(start_server, root):
    server = start_server("broken", "--models-root", str(root))
    (root / "cut.ubj").write_bytes((root / "one.ubj").read_bytes()[:500])
    apply(server, root, {"one": "one.ubj", "two": "two.ubj"})
    failures, done = [], threading.Event()

    def load():
        session = requests.Session()
        body = {"inputs": [{"name": n, "shape": [1], "datatype": "FP64", "data": [0.5]} for n in ("a", "b", "c")]}
        while not done.is_set():
            reply = session.post(f"{server.url}/v2/models/one/infer", json=body, timeout=20)
            if reply.status_code != 200:
                failures.append(reply.text)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(load) for _ in range(3)]
        for _ in range(20):
            refused = requests.post(f"{server.url}/slipway/v1/endpoints/two/deploy", json={"model": "cut.ubj", "reason": "test", "actor": "me"}, timeout=20)
            assert refused.status_code >= 400 and "the change was refused" in refused.text, refused.text
            assert ask(server, "two").status_code == 200
            assert requests.post(f"{server.url}/v2/repository/models/two/unload", timeout=60).status_code == 200
        done.set()
        for client in clients:
            client.result()
    assert failures == []


def test_a_file_that_breaks_while_nobody_looks(start_server, root):
    server = start_server("later", "--models-root", str(root))
    apply(server, root, {"one": "one.ubj", "two": "two.ubj"})
    good = (root / "two.ubj").read_bytes()
    (root / "two.ubj").write_bytes(good[:500])
    requests.post(f"{server.url}/v2/repository/models/two/unload", timeout=60)
    broken = ask(server, "two")
    assert broken.status_code == 503 and broken.headers["Retry-After"] and "not loaded" in broken.json()["error"]
    assert ask(server, "one").status_code == 200
    (root / "two.ubj").write_bytes(good)
    for _ in range(600):
        if ask(server, "two").status_code == 200:
            break
        threading.Event().wait(0.1)
    else:
        pytest.fail("it did not come back")
