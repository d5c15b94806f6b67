"""Every protocol that models are called with, by unmodified clients.

The clients live in an environment of their own (../serving_clients/requirements.txt), so each file there is a pytest run of its own that is
told where the server is and what the model answers.
"""
import json
import os
import pathlib
import subprocess

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import BINARY, ROOT, Server, free_port
from mlflow.models import infer_signature

CLIENTS = pathlib.Path(__file__).parents[1] / "serving_clients"
PYTHON = ROOT / ".deps" / "serving-clients" / "bin" / "python3"
YAML = """
project: shop
endpoints:
  sale: {model: models:/sale@champion, output: sold}
  kinds: {model: models:/kinds@champion, output: predict}
"""


def shop_rows(count: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(3)
    shop = pd.Categorical(random.choice(["north", "south"], count), categories=["north", "south"])
    return pd.DataFrame({"pages": random.integers(1, 30, count).astype(float), "hour": random.integers(0, 24, count).astype(float), "shop": shop})


def train(rows: pd.DataFrame, label: np.ndarray, **params) -> xgboost.Booster:
    return xgboost.train({"max_depth": 3, "seed": 1, **params}, xgboost.DMatrix(rows, label, enable_categorical=True), 8)


def register(name: str, booster: xgboost.Booster, rows: pd.DataFrame):
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name=name, model_format="json", pip_requirements=["xgboost-cpu"],
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows, enable_categorical=True))))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two endpoints: `sale` with a column of texts and one probability, `kinds` with three numbers and three probabilities a row."""
    folder = tmp_path_factory.mktemp("shop")
    grpc_port = free_port()
    server = Server(folder / "data", "--grpc-port", str(grpc_port), "--allowed-hosts", "*")
    server.grpc_url = f"127.0.0.1:{grpc_port}"
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    rows = shop_rows()
    sale = train(rows, (rows.pages.to_numpy() > 12).astype(float), objective="binary:logistic")
    register("sale", sale, rows)
    numbers = pd.DataFrame(np.random.default_rng(4).normal(size=(200, 3)), columns=["a", "b", "c"])
    kinds = train(numbers, np.arange(200) % 3, objective="multi:softprob", num_class=3)
    register("kinds", kinds, numbers)
    (folder / "slipway.yaml").write_text(YAML)
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("endpoints", "deploy", "sale", "models:/sale/1")
    server.cli("endpoints", "deploy", "kinds", "models:/kinds/1")
    some = rows.head(3)
    server.expected = {
        "sale": {"pages": some.pages.tolist(), "hour": some.hour.tolist(), "shop": some.shop.astype(str).tolist(),
                 "sold": sale.predict(xgboost.DMatrix(some, enable_categorical=True)).tolist()},
        "kinds": {"rows": numbers.head(2).astype("float32").to_numpy().tolist(),
                  "predict": kinds.predict(xgboost.DMatrix(numbers.head(2).astype("float32"))).tolist()}}
    yield server
    server.stop()


def run_clients(file: str, facts: dict):
    done = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", CLIENTS, CLIENTS / f"{file}.py"],
                          env={**os.environ, "SERVED": json.dumps(facts)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("client", sorted(p.stem for p in CLIENTS.glob("check_*.py")))
def test_unmodified_client(served, client):
    run_clients(client, {"url": served.url, "grpc_url": served.grpc_url, "expected": served.expected})


def test_login_holds_for_grpc_too(start_server):
    grpc_port = free_port()
    server = start_server("login", "--login", "--grpc-port", str(grpc_port))
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    made = requests.post(f"{server.url}/api/2.0/mlflow/users/create", json={"username": "ada", "password": "password-of-ada"}, auth=admin, timeout=60)
    assert made.status_code == 200, made.text
    run_clients("login_grpc", {"grpc_url": f"127.0.0.1:{grpc_port}", "admin": admin, "reader": ("ada", "password-of-ada")})


def test_a_taken_grpc_port_is_said(served, tmp_path):
    words = [BINARY, "server", "--port", str(free_port()), "--grpc-port", served.grpc_url.split(":")[1], "--data", str(tmp_path / "other")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "gRPC cannot listen" in done.stderr and "grpc-port" in done.stderr


def sale_inputs(expected) -> list[dict]:
    return [{"name": n, "shape": [3], "datatype": "BYTES" if n == "shop" else "FP64", "data": expected["sale"][n]} for n in ("pages", "hour", "shop")]


@pytest.mark.parametrize("change, status, words", [
    (lambda b: b["inputs"].append({"name": "weather", "shape": [3], "datatype": "FP64", "data": [1, 2, 3]}), 400, "unexpected input weather: this endpoint reads"),
    (lambda b: b["inputs"].pop(), 400, "shop"),
    (lambda b: b["inputs"][0].update(datatype="BYTES", data=["a", "b", "c"]), 400, "feature pages must be a number: got=\"a\""),
    (lambda b: b["inputs"][0].update(shape=[3, 2], data=[1] * 6), 400, "expected shape [3] or [3,1], got [3,2]"),
    (lambda b: b["inputs"][0].update(datatype="INT64", data=[9007199254740993, 1, 2]), 400, "beyond 2^53"),
    (lambda b: b.update(outputs=[{"name": "bought"}]), 400, "unexpected output bought: this endpoint gives sold"),
    (lambda b: b["inputs"][0].update(parameters={"shared_memory_region": "r"}), 400, "shared memory"),
])
def test_v2_says_what_came_and_what_was_expected(served, change, status, words):
    body = {"inputs": sale_inputs(served.expected)}
    change(body)
    reply = requests.post(f"{served.url}/v2/models/sale/infer", json=body, timeout=60)
    assert reply.status_code == status, reply.text
    assert words in reply.json()["error"]


@pytest.mark.parametrize("header, body, words", [
    ("7", b"{}", "longer than the body"), ("x", b"{}", "whole number"), ("2", b"{}1234", "inputs is missing"), ("0", b"1234", "only input"),
])
def test_v2_refuses_broken_binary_bodies(served, header, body, words):
    reply = requests.post(f"{served.url}/v2/models/sale/infer", data=body, headers={"Inference-Header-Content-Length": header}, timeout=60)
    assert reply.status_code == 400 and words in reply.json()["error"], reply.text


def test_v2_repository_and_statistics(served):
    listed = requests.post(f"{served.url}/v2/repository/index", timeout=60).json()
    assert {"name": "kinds", "version": "1", "state": "READY", "reason": ""} in listed
    assert requests.post(f"{served.url}/v2/repository/models/kinds/load", timeout=60).status_code == 200
    assert requests.post(f"{served.url}/v2/repository/models/nobody/load", timeout=60).status_code == 404
    assert requests.post(f"{served.url}/v2/repository/models/kinds/unload", timeout=60).status_code == 200
    assert requests.post(f"{served.url}/v2/repository/models/nobody/unload", timeout=60).status_code == 404
    listed = requests.post(f"{served.url}/v2/repository/index", timeout=60).json()
    assert [m["reason"] for m in listed if m["name"] == "kinds"] == ["not in memory: the next request loads it"]
    assert requests.get(f"{served.url}/v2/models/nobody/stats", timeout=60).status_code == 404


def invoke(served, endpoint, body, content_type="application/json", **headers):
    return requests.post(f"{served.url}/endpoints/{endpoint}/invocations", data=body, headers={"Content-Type": content_type, **headers}, timeout=60)


def test_mlflow_scoring_takes_csv_as_pandas_writes_it(served):
    expected = served.expected["sale"]
    frame = pd.DataFrame({name: expected[name] for name in ("shop", "hour", "pages")})
    for text in (frame.to_csv(), frame.to_csv(index=False)):  # the index is a column that nobody asked for
        reply = invoke(served, "sale", text, "text/csv; charset=utf-8")
        assert reply.status_code == 200, reply.text
        assert reply.json()["predictions"] == pytest.approx(expected["sold"], abs=1e-6)


@pytest.mark.parametrize("content_type, body, status, words", [
    ("text/plain", "{}", 415, "This predictor only supports the following content types"),
    ("application/json; charset=latin-1", "{}", 415, "The scoring server only supports UTF-8"),
    ("application/json; version=2", "{}", 415, "Unrecognized content type parameters: version"),
    ("application/json", "{", 400, "JSON"),
    ("application/json", '{"inputs": [[1, 2, 3]], "instances": [[1, 2, 3]]}', 400, "exactly one of"),
    ("application/json", '{"instances": [[1, 2, 3]], "params": []}', 400, "params must be an object"),
    ("text/csv", "a,b,c\n1,2,many\n", 400, "row 0 column c must be a number"),
    ("text/csv", "a,b\n1,2\n", 400, "input c is missing"),
])
def test_mlflow_scoring_refuses_in_its_own_words(served, content_type, body, status, words):
    reply = invoke(served, "kinds", body, content_type)
    assert reply.status_code == status and words in reply.text
    if status == 400:
        assert reply.json()["error_code"] == "BAD_REQUEST" and words in reply.json()["message"]


def test_mlflow_scoring_ignores_columns_that_nobody_reads(served):
    body = json.dumps({"dataframe_records": [{"a": 1, "b": 2, "c": 3, "weather": "rain"}]})
    assert invoke(served, "kinds", body).status_code == 200


def test_azure_scoring(served):
    """The endpoint is the one that the host is named after; the header names the deployment."""
    host = {"Host": "kinds.westeurope.inference.localhost"}
    rows = served.expected["kinds"]
    body = {"input_data": {"columns": ["a", "b", "c"], "index": [0, 1], "data": rows["rows"]}}
    reply = requests.post(f"{served.url}/score", json=body, headers=host, timeout=60)
    assert reply.status_code == 200, reply.text
    assert reply.json() == [pytest.approx(row, abs=1e-6) for row in rows["predict"]]
    deployment = reply.headers["azureml-model-deployment"]
    assert requests.post(f"{served.url}/score", json=body, headers={**host, "azureml-model-deployment": deployment}, timeout=60).status_code == 200
    assert requests.post(f"{served.url}/score", json=body, headers={**host, "azureml-model-deployment": "green"}, timeout=60).status_code == 404
    assert "endpoints=kinds, sale" in requests.post(f"{served.url}/score", json=body, timeout=60).json()["error"]["message"]


def test_v1_lists_and_says_what_is_wrong(served):
    assert requests.get(f"{served.url}/v1/models", timeout=60).json() == {"models": ["kinds", "sale"]}
    reply = requests.post(f"{served.url}/v1/models/sale:predict", json={"instances": [{"pages": 1, "hour": 2, "shop": {"b64": "bm9ydGg="}}]}, timeout=60)
    assert reply.status_code == 200, reply.text
    reply = requests.post(f"{served.url}/v1/models/sale:predict", json={"instances": [{"pages": "one", "hour": 2, "shop": "north"}]}, timeout=60)
    assert reply.status_code == 400 and "feature pages must be a number" in reply.json()["error"]
