"""What predictions cost and how an endpoint is best served, from traffic that really came."""
import csv
import io
import json
import pathlib
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import small_project
import xgboost
from conftest import Server
from mlflow.models import infer_signature
from playwright.sync_api import expect


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
    session, sent, answered = requests.Session(), [], []
    for i in range(300):
        body = {"instances": [{"pages": i % 30, "hour": i % 24}, {"pages": 1, "hour": 2}]}
        sent.append(time.monotonic())
        assert session.post(f"{served.url}/v1/models/sale:predict", json=body, timeout=60).status_code == 200
        answered.append(time.monotonic())
        time.sleep(0.002)
    rate_min, rate_max = 299 / (answered[-1] - sent[0]), 299 / (sent[-1] - answered[0])  # each arrived between the two
    cost = requests.get(f"{served.url}/slipway/v1/endpoints/sale/cost", timeout=60).json()["versions"][0]
    assert cost["version"] == 1 and cost["predictions"] == 600
    assert 0 < cost["cpu_seconds_per_1000"] < 1
    assert cost["cost_per_1000"] == pytest.approx(cost["cpu_seconds_per_1000"] / 3600 * 0.0416)
    assert "EUR" in served.cli("endpoints", "show", "sale").stdout
    metrics = requests.get(f"{served.url}/metrics", timeout=60).text
    line = next(x for x in metrics.splitlines() if x.startswith("slipway_model_cpu_seconds_per_1000_predictions{"))
    assert float(line.split()[-1]) == pytest.approx(cost["cpu_seconds_per_1000"], rel=1e-4)
    assert 'slipway_price_per_core_hour{currency="EUR"} 0.0416' in metrics

    found = advise(served, "--latency-ms", "50")
    assert found["traffic"]["requests"] == 300 and found["traffic"]["rows_per_request"] == 2
    assert 0.99 * rate_min < found["traffic"]["rate"] < 1.01 * rate_max
    best = found["options"][0]
    assert best["mode"] == "real-time" and best["max_rows"] == 1 and best["replicas"] == 1 and best["latency_ms"] < 50
    assert best["cost_per_1000"] == pytest.approx(0.0416 / 3600 / found["traffic"]["rate"] * 1000, rel=1e-3)
    words = served.cli("endpoints", "advise", "sale", "--latency-ms", "50").stdout
    assert words.startswith("Serve it as real time, each request by itself, on 1 core:") and "COST PER 1000" in words
    # A day is time enough for files; a load that one core can't carry needs more of them.
    assert advise(served, "--latency-ms", "86400000")["options"][0]["mode"] == "batch"
    many = advise(served, "--latency-ms", "50", "--rate", "1e7")["options"]
    assert next(o["replicas"] for o in many if o["mode"] == "real-time" and o["max_rows"] == 1) > 1
    bad = requests.get(f"{served.url}/slipway/v1/endpoints/sale/advice", params={"latency_ms": "soon"}, timeout=60)
    assert bad.status_code == 400 and "latency_ms must be a number" in bad.text


def test_the_page_says_the_same(served, open_page):
    page = open_page(served.url + "/ui/cost")
    (cost,) = requests.get(f"{served.url}/slipway/v1/costs", timeout=60).json()["versions"]
    assert cost == {"endpoint": "sale"} | requests.get(f"{served.url}/slipway/v1/endpoints/sale/cost", timeout=60).json()["versions"][0]
    row = page.get_by_role("table", name="Cost of models").locator("tbody tr")
    expect(row).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="cost of models as CSV").click()
    (told,) = csv.DictReader(io.StringIO(download.value.path().read_text()))
    assert float(told["cost_per_1000"]) == cost["cost_per_1000"] and told["currency"] == "EUR"
    assert told["predictions_a_week"] == told["cost_per_week"] == ""  # no monitor counts them
    expect(row).to_contain_text("EUR")

    page.get_by_role("link", name="how best served").click()
    page.get_by_label("Answers within, ms").fill("50")
    page.get_by_label("at requests per second").fill("1e7")
    page.get_by_role("button", name="Reckon").click()
    expect(page).to_have_url(f"{served.url}/ui/cost?of=sale&latency_ms=50&rate=1e7")
    options = advise(served, "--latency-ms", "50", "--rate", "1e7")["options"]
    ways = page.get_by_role("table", name="Ways to serve it").locator("tbody tr")
    expect(ways).to_have_count(len(options))
    assert [word.split(",")[0] for word in ways.locator("td:first-child").all_inner_texts()] == [option["mode"] for option in options]
    page.goto(served.url + "/ui/")
    expect(page.get_by_role("columnheader", name="Cost per week")).to_be_visible()


@pytest.mark.expects_errors
def test_what_is_wanted_must_be_numbers(served, open_page):
    page = open_page(served.url + "/ui/cost?of=sale&latency_ms=soon")
    expect(page.get_by_role("alert")).to_contain_text("latency_ms must be a number")


def test_a_week_of_a_watched_model_has_a_cost(tmp_path, open_page):
    server = Server(tmp_path / "data", "--price-core-hour", "500000", "--price-currency", "EUR", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        server.cli("apply", str(small_project.write(tmp_path)))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(tmp_path, "2024-02-13T00:00:00Z"))
        (model,) = requests.get(server.url + "/slipway/v1/overview", timeout=60).json()["models"]
        costs = requests.get(server.url + "/slipway/v1/costs", timeout=60).json()["versions"]
        cost = next(one for one in costs if one["version"] == model["version"])
        week = 7 * model["traffic_per_day"][-1] / 1000 * cost["cost_per_1000"]
        assert week > 0.01
        page = open_page(server.url + "/ui/cost")
        row = page.get_by_role("table", name="Cost of models").locator("tbody tr")
        expect(row).to_contain_text(f"{week:.2f} EUR")
        expect(row).to_contain_text("100 %")
        page.goto(server.url + "/ui/")
        expect(page.get_by_role("table", name="Models in production").get_by_text(f"{week:.2f} EUR")).to_be_visible()
    finally:
        server.stop()
