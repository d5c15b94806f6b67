"""What predictions cost and how an endpoint is best served, from traffic that really came."""
import json
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import Server
from mlflow.models import infer_signature


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("advise")
    server = Server(folder / "data", "--price-core-hour", "0.0416", "--price-currency", "EUR")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    rows = pd.DataFrame({"pages": np.arange(200) % 30.0, "hour": np.arange(200) % 24.0})
    booster = xgboost.train({"max_depth": 3, "objective": "binary:logistic"}, xgboost.DMatrix(rows, (rows.pages > 12).astype(float)), 8)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="sale", model_format="json", pip_requirements=["xgboost-cpu"],
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    (folder / "slipway.yaml").write_text('project: shop\nendpoints: {sale: {model: "models:/sale@champion", output: sold}}\n')
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("endpoints", "deploy", "sale", "models:/sale/1")
    yield server
    server.stop()


def advise(server, *flags) -> dict:
    return json.loads(server.cli("--json", "endpoints", "advise", "sale", *flags).stdout)


def test_without_requests_a_rate_must_be_given(served):
    refused = served.cli("endpoints", "advise", "sale", check=False)
    assert refused.returncode != 0 and "give a rate" in refused.stderr
    given = advise(served, "--rate", "100")
    assert given["traffic"]["rate"] == 100 and given["options"][0]["meets_target"]
    unknown = served.cli("endpoints", "advise", "nobody", check=False)
    assert unknown.returncode != 0 and "no such endpoint" in unknown.stderr


def test_cost_and_advice_come_from_what_was_measured(served):
    session = requests.Session()
    start = time.monotonic()
    for i in range(300):
        body = {"instances": [{"pages": i % 30, "hour": i % 24}, {"pages": 1, "hour": 2}]}
        assert session.post(f"{served.url}/v1/models/sale:predict", json=body, timeout=10).status_code == 200
        time.sleep(0.002)
    rate = 299 / (time.monotonic() - start)
    cost = requests.get(f"{served.url}/slipway/v1/endpoints/sale/cost", timeout=10).json()["versions"][0]
    assert cost["version"] == 1 and cost["predictions"] == 600
    assert 0 < cost["cpu_seconds_per_1000"] < 1
    assert cost["cost_per_1000"] == pytest.approx(cost["cpu_seconds_per_1000"] / 3600 * 0.0416)
    assert "EUR" in served.cli("endpoints", "show", "sale").stdout
    metrics = requests.get(f"{served.url}/metrics", timeout=10).text
    line = next(x for x in metrics.splitlines() if x.startswith("slipway_model_cpu_seconds_per_1000_predictions{"))
    assert float(line.split()[-1]) == pytest.approx(cost["cpu_seconds_per_1000"], rel=1e-4)
    assert 'slipway_price_per_core_hour{currency="EUR"} 0.0416' in metrics

    found = advise(served, "--latency-ms", "50")
    assert found["traffic"]["requests"] == 300 and found["traffic"]["rows_per_request"] == 2
    assert found["traffic"]["rate"] == pytest.approx(rate, rel=0.2)
    best = found["options"][0]
    assert best["mode"] == "real-time" and best["max_rows"] == 1 and best["replicas"] == 1 and best["latency_ms"] < 50
    assert best["cost_per_1000"] == pytest.approx(0.0416 / 3600 / found["traffic"]["rate"] * 1000, rel=1e-3)
    words = served.cli("endpoints", "advise", "sale", "--latency-ms", "50").stdout
    assert words.startswith("Serve it as real time, each request by itself, on 1 core:") and "COST PER 1000" in words
    # A day is time enough for files; a load that one core can't carry needs more of them.
    assert advise(served, "--latency-ms", "86400000")["options"][0]["mode"] == "batch"
    many = advise(served, "--latency-ms", "50", "--rate", "1e7")["options"]
    assert next(o["replicas"] for o in many if o["mode"] == "real-time" and o["max_rows"] == 1) > 1
    bad = requests.get(f"{served.url}/slipway/v1/endpoints/sale/advice", params={"latency_ms": "soon"}, timeout=10)
    assert bad.status_code == 400 and "latency_ms must be a number" in bad.text
