"""A challenger beside the version in charge: split traffic, labels, a verdict in words, and the shadow's difference report."""
import json
import time

import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import eventually
import mlflow

YAML = """
project: shop
endpoints:
  sale:
    model: models:/sale/1
    output: sold
    shadow: {honest: models:/sale/2}
    release: {steps: [100], hold: 1h, guard: {error_rate: 0.2}}
"""


@pytest.fixture
def shop(server, tmp_path):
    """An endpoint whose first model answers the wrong way round, and a second one that doesn't."""
    mlflow.set_tracking_uri(server.url)
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"pages": random.integers(0, 30, 2000).astype(float)})
    sold = (random.random(2000) < 1 / (1 + np.exp(-(rows.pages - 15) / 4))).astype(float)
    for label in (1 - sold, sold):
        booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(rows, label), 20)
        with mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="model", registered_model_name="sale", pip_requirements=["xgboost-cpu"])
    project = tmp_path / "slipway.yaml"
    project.write_text(YAML)
    server.cli("apply", str(project))
    server.rows = list(zip(rows.pages, sold))
    return server


def serve(server, first: int, last: int):
    """Requests `first` to `last`, then their labels. Gives how many each version answered."""
    session, answered = requests.Session(), {}
    for i in range(first, last):
        reply = session.post(f"{server.url}/v2/models/sale/infer", json={"id": f"r{i}", "inputs": [
            {"name": "pages", "datatype": "FP64", "shape": [1], "data": [server.rows[i][0]]}]}).json()
        answered[reply["model_version"]] = answered.get(reply["model_version"], 0) + 1
    labels = [{"id": f"r{i}", "value": server.rows[i][1]} for i in range(first, last)]
    session.post(f"{server.url}/slipway/v1/endpoints/sale/labels", json={"labels": labels}).raise_for_status()
    return answered


def test_a_challenger_that_is_better_takes_charge(shop):
    started = json.loads(shop.cli("endpoints", "experiment", "start", "sale", "models:/sale/2", "--metric", "log_loss", "--percent", "40",
                                  "--min-rows", "50", "--check", "1s", "--promote-winner", "--reason", "is 2 honest?", "--json").stdout)
    assert [(v["name"], v["weight"]) for v in started["entry"]["variants"] if v["role"] == "live"] == [("live", 6000), ("challenger", 4000)]
    early = json.loads(shop.cli("endpoints", "experiment", "show", "sale", "--json").stdout)
    assert early["verdict"]["better"] == "open" and "too early" in early["verdict"]["words"]

    answered = serve(shop, 0, 600)
    assert 180 < answered["2"] < 300 and answered["1"] + answered["2"] == 600
    revisions = lambda: json.loads(shop.cli("endpoints", "revisions", "sale", "--json").stdout)["revisions"]  # noqa: E731
    eventually(lambda: revisions()[0]["kind"] == "promote")
    eventually(lambda: serve(shop, 600, 601) == {"2": 1})
    ledger = revisions()
    assert [entry["kind"] for entry in ledger] == ["promote", "experiment", "deploy"]
    assert "version 2 is better: log_loss is" in ledger[0]["reason"] and ledger[0]["actor"] == "experiment"
    assert serve(shop, 601, 640) == {"2": 39}
    gone = shop.cli("endpoints", "experiment", "show", "sale", check=False)
    assert gone.returncode == 1 and "no experiment is under way" in gone.stderr


def test_a_canary_that_is_worse_on_the_same_requests_is_taken_away(shop, tmp_path):
    project = tmp_path / "slipway.yaml"
    release = "{steps: [20, 100], hold: 1s, guard: {quality: {metric: log_loss, worse_by: 0.01}, min_requests: 1, min_labels: 40}}"

    def declare(version, release):
        project.write_text(f"project: shop\nendpoints:\n  sale: {{model: models:/sale/{version}, output: sold, release: {release}}}\n")
        shop.cli("apply", str(project))

    def status():
        return json.loads(shop.cli("endpoints", "show", "sale", "--json").stdout)

    def until(what, holds):
        deadline = time.time() + 120
        while not holds(now := status()):
            assert time.time() < deadline, (what, now["rollout"])
            time.sleep(0.3)
        return now

    declare(2, "{steps: [100]}")
    until("the honest one is in charge", lambda now: [v["version"] for v in now["revision"]["variants"]] == [2])
    declare(1, release)
    held = until("it waits for labels", lambda now: "waits_for" in now["rollout"].get("canary", {}))
    assert {v["name"]: v["version"] for v in held["revision"]["variants"]} == {"live": 2, "canary": 1, "canary-shadow": 1}
    serve(shop, 0, 150)
    gone = until("it is taken away", lambda now: now["rollout"]["phase"] == "steady")
    assert gone["revision"]["actor"] == "guard" and gone["revision"]["kind"] == "rollback"
    assert gone["revision"]["reason"].startswith("log_loss is ") and "of the version in charge on the same" in gone["revision"]["reason"]
    assert serve(shop, 150, 170) == {"2": 20}


def test_a_guard_by_a_loss_that_the_monitor_cannot_tell_is_refused(shop, tmp_path):
    project = tmp_path / "slipway.yaml"
    project.write_text(YAML.replace("error_rate: 0.2", "quality: {metric: log_loss}") + "monitors: {sale: {endpoint: sale, problem: regression}}\n")
    for command in ("plan", "apply"):
        refused = shop.cli(command, str(project), check=False)
        assert refused.returncode != 0 and "endpoint sale, guarded by quality, is watched by monitor sale" in refused.stderr
    assert json.loads(shop.cli("endpoints", "show", "sale", "--json").stdout)["definition"]["release"]["guard"].get("quality") is None


def test_a_shadow_is_compared_request_by_request(shop):
    serve(shop, 0, 200)
    def compared() -> dict:
        return json.loads(shop.cli("endpoints", "compare", "sale", "honest", "--json").stdout)

    eventually(lambda: compared()["b"]["rows"] == 200)  # it is asked beside the answers
    report = compared()
    assert report["paired"] and report["a"]["rows"] == report["b"]["rows"] == 200
    assert report["high"] < 0, "the shadow's log loss is lower for sure"
    assert report["answers"]["correlation"] < -0.9 and report["answers"]["other_side"] > 150
    people = shop.cli("endpoints", "compare", "sale", "honest").stdout
    assert "on the same requests" in people and "FURTHEST APART" in people
    assert "log_loss" in shop.cli("endpoints", "compare", "sale", "honest", "--metric", "fame", check=False).stderr


def test_more_rows_than_may_be_read_at_once_are_not_compared(shop):
    serve(shop, 0, 60)
    shop.stop()
    shop.flags = (*shop.flags, "--request-log-rows-at-once-max", "50")
    shop.start()
    refused = shop.cli("endpoints", "compare", "sale", "honest", check=False)
    assert refused.returncode != 0 and "rows=120 request-log-rows-at-once-max=50" in refused.stderr
    assert "ask for less time" in shop.cli("endpoints", "advise", "sale", check=False).stderr


def test_what_makes_no_experiment_is_told(shop):
    draft = {"model": "models:/sale/2", "metric": "log_loss", "percent": 2**32 + 10, "actor": "me"}
    reply = requests.post(f"{shop.url}/slipway/v1/endpoints/sale/experiment", json=draft, timeout=10)
    assert reply.status_code == 400 and "between 1 and 99: got=4294967306" in reply.text

    def refused(*flags):
        done = shop.cli("endpoints", "experiment", "start", "sale", *flags, check=False)
        assert done.returncode != 0
        return done.stderr

    assert "higher or a lower label" in refused("models:/sale/2", "--metric", "label")
    assert "in charge already" in refused("models:/sale/1", "--metric", "log_loss")
    assert "between 1 and 99" in refused("models:/sale/2", "--metric", "log_loss", "--percent", "100")
