"""`slipway serve`: one model and nothing else, as the clouds' containers run it."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import BINARY, free_port
from mlflow.models import infer_signature
from s3_server import S3Server
from sklearn.linear_model import LinearRegression

ROWS = [[0.5, -1.0], [2.0, 3.0]]


def tiny_model() -> xgboost.Booster:
    rows = np.random.default_rng(5).normal(size=(100, 2))
    return xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(rows, (rows[:, 0] > 0).astype(float), feature_names=["a", "b"]), 5)


@pytest.fixture(scope="module")
def booster():
    return tiny_model()


@pytest.fixture(scope="module")
def expected(booster):
    return pytest.approx(booster.predict(xgboost.DMatrix(np.array(ROWS), feature_names=["a", "b"])).tolist(), abs=1e-6)


@contextlib.contextmanager
def serving(*words, port=None, health="/ping", **environment):
    port = port or free_port()
    process = subprocess.Popen([BINARY, "serve", *map(str, words), *([] if "AIP_HTTP_PORT" in environment else ["--port", str(port)])],
                               env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if requests.get(url + health, timeout=5).status_code == 200:
                    break
            except requests.RequestException:  # nobody listens, or a slow answer
                assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_file_over_every_protocol(booster, expected, tmp_path):
    booster.save_model(tmp_path / "model.ubj")
    with serving(tmp_path / "model.ubj", "--name", "tiny") as url:
        assert requests.get(url + "/health").text == "\n" and requests.get(url + "/version").status_code == 200
        assert requests.post(url + "/invocations", json={"instances": ROWS}).json()["predictions"] == expected
        csv = requests.post(url + "/invocations", data="b,a\n-1,0.5\n3,2\n", headers={"Content-Type": "text/csv"})
        assert csv.json()["predictions"] == expected
        assert requests.post(url + "/invocations", data="x", headers={"Content-Type": "text/plain"}).status_code == 415
        assert requests.post(url + "/v1/models/tiny:predict", json={"instances": ROWS}).json()["predictions"] == expected
        body = {"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "FP32", "data": ROWS}]}
        assert requests.post(url + "/v2/models/tiny/infer", json=body).json()["outputs"][0]["data"] == expected


def test_its_temporary_folder_is_its_own(booster, tmp_path):
    """Nobody can make the folder first: no name is known before, and others may not look in."""
    booster.save_model(tmp_path / "model.ubj")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(tmp_path / "model.ubj", TMPDIR=str(temporary)):
        folder, = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not any(temporary.iterdir())
    port = free_port()
    with serving(tmp_path / "model.ubj", port=port, TMPDIR=str(temporary)):
        taken = subprocess.run([BINARY, "serve", tmp_path / "model.ubj", "--port", str(port)], env={**os.environ, "TMPDIR": str(temporary)}, timeout=60)
        assert taken.returncode != 0 and len(list(temporary.iterdir())) == 1


def test_vertex_ais_contract(booster, expected, tmp_path):
    booster.save_model(tmp_path / "model.ubj")
    port = free_port()
    with serving(port=port, health="/healthy", AIP_HTTP_PORT=str(port), AIP_HEALTH_ROUTE="/healthy", AIP_PREDICT_ROUTE="/predict",
                 AIP_STORAGE_URI=str(tmp_path / "model.ubj")) as url:
        assert requests.post(url + "/predict", json={"instances": [{"a": a, "b": b} for a, b in ROWS], "parameters": {}}).json()["predictions"] == expected


def test_models_of_a_server(server, booster, expected):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    with mlflow.start_run():
        info = mlflow.xgboost.log_model(booster, name="model", registered_model_name="tiny", model_format="ubj", pip_requirements=["xgboost-cpu"])
    mlflow.MlflowClient().set_registered_model_alias("tiny", "champion", 1)
    for uri in ("models:/tiny/1", "models:/tiny@champion", f"models:/{info.model_id}", f"runs:/{info.run_id}/model"):
        with serving(uri, "--url", server.url) as url:
            assert requests.post(url + "/invocations", json={"inputs": {"a": [r[0] for r in ROWS], "b": [r[1] for r in ROWS]}}).json()["predictions"] == expected
    with serving("models:/tiny/1", "--url", server.url) as url:
        assert requests.get(url + "/v2/models/tiny").json()["versions"] == ["1"]


def test_a_folder_and_a_file_of_a_bucket(booster, expected, tmp_path):
    s3 = S3Server(tmp_path / "s3", free_port())
    try:
        mlflow.xgboost.save_model(booster, tmp_path / "model", model_format="ubj", pip_requirements=["xgboost-cpu"])
        models = s3.objects / s3.bucket / "models"
        shutil.copytree(tmp_path / "model", models / "tiny" / "1")
        booster.save_model(models / "alone.ubj")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        for uri in (f"s3://{s3.bucket}/models/tiny/1", f"s3://{s3.bucket}/models/tiny/1/", f"s3://{s3.bucket}/models/alone.ubj"):
            with serving(uri, TMPDIR=str(scratch), **s3.variables) as url:
                assert requests.post(url + "/invocations", json={"instances": ROWS}).json()["predictions"] == expected
            assert not list(scratch.iterdir()), "the copies go with the server"
        for uri, says in ((f"s3://{s3.bucket}/models/nobody", "nothing is there"), ("s3://nobodys-bucket/model", "bucket")):
            done = subprocess.run([BINARY, "serve", uri, "--port", str(free_port())], env={**os.environ, **s3.variables}, capture_output=True, text=True, timeout=60)
            assert done.returncode != 0 and says in done.stderr, done.stderr
    finally:
        s3.stop()


def test_a_model_that_needs_python(tmp_path):
    rows = np.array(ROWS)
    model = LinearRegression().fit(rows, rows[:, 0] - 2 * rows[:, 1])
    mlflow.sklearn.save_model(model, tmp_path / "model", serialization_format="cloudpickle",
                              signature=infer_signature(pd.DataFrame(rows, columns=["a", "b"]), model.predict(rows)))
    done = subprocess.run([BINARY, "serve", tmp_path / "model", "--port", str(free_port())], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "--python-models" in done.stderr, done.stderr
    with serving(tmp_path / "model", "--python-models", sys.executable) as url:
        assert requests.post(url + "/invocations", json={"dataframe_split": {"columns": ["b", "a"], "data": [row[::-1] for row in ROWS]}},
                             timeout=30).json()["predictions"] == pytest.approx(model.predict(rows).tolist())


@pytest.mark.parametrize("words, says", [
    (["/nothing/here"], "nothing"), (["gs://bucket/model"], "a model is models:/NAME/VERSION"), (["models:/nobody"], "no version or alias"),
])
def test_what_cannot_be_served_is_said(words, says):
    done = subprocess.run([BINARY, "serve", *words, "--port", str(free_port())], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and says in done.stderr, done.stderr
