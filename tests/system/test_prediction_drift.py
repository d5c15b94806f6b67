"""Drift of predictions by the methods of inputs: windows, alerts, reports, rehearsals and the page, of a regression and of classes."""
import json
import sys

import numpy as np
import pytest
import requests
from playwright.sync_api import expect
from scipy import stats

PROJECT = """
project: answers
owner: tests
clock: rehearsal
start: 2024-01-08T00:00:00Z
endpoints: {price: {model: FOLDER/price}, kind: {model: FOLDER/kind}}
monitors:
  price-health:
    endpoint: price
    problem: regression
    windows: [day]
    complete: {share: 1, after: 1h}
    drift: {prediction: PRICE}
    alerts:
      moved: {metric: prediction_drifted, window: day, over: 0}
      far: {metric: prediction_drift, window: day, over: 0.5}
  kind-health:
    endpoint: kind
    problem: multiclass
    windows: [day]
    complete: {share: 1, after: 1h}
    drift: {prediction: {method: l_infinity}}
    alerts: {moved: {metric: prediction_drift, window: day, over: 0.2}}
"""
MODELS = {
    "price": """
class Model:
    inputs = {"a": "double"}
    outputs = {"price": "double"}

    def predict(self, inputs, params):
        return {"price": inputs["a"] * 2}
""",
    "kind": """
import numpy as np


class Model:
    inputs = {"a": "double"}
    outputs = {"kind": "string"}

    def predict(self, inputs, params):
        return {"kind": np.where(inputs["a"] > 0, "cat", "dog").astype(object)}
"""}
DAYS = ["2024-01-08", "2024-01-09", "2024-01-10"]
SHIFT = {DAYS[0]: 0, DAYS[1]: 0, DAYS[2]: 1}
ROWS = 300


def inputs(day: str) -> np.ndarray:
    return np.random.default_rng(DAYS.index(day)).normal(size=ROWS) + SHIFT[day]


@pytest.fixture
def shop(start_server, tmp_path):
    """Two endpoints whose answers moved on the third day."""
    for name, code in MODELS.items():
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.py").write_text(code)
    server = start_server("data", "--models-root", str(tmp_path / "models"), "--python-models", sys.executable)

    def declare(price: str, check: bool = True):
        (tmp_path / "slipway.yaml").write_text(PROJECT.replace("FOLDER", str(tmp_path / "models")).replace("PRICE", price))
        return server.cli("apply", str(tmp_path / "slipway.yaml"), check=check)

    server.declare = declare
    declare("{method: wasserstein, threshold: 0.3}")
    for name in MODELS:
        server.cli("endpoints", "deploy", name, str(tmp_path / "models" / name))
        for day in DAYS:
            body = {"id": day, "inputs": [{"name": "a", "datatype": "FP64", "shape": [ROWS], "data": inputs(day).tolist()}], "parameters": {"event_time": f"{day}T12:00:00Z"}}
            reply = requests.post(f"{server.url}/v2/models/{name}/infer", json=body, timeout=60)
            assert reply.ok, reply.text
    advance(server, "2024-01-11T12:00:00Z")
    return server


def advance(server, to: str) -> None:
    clock = requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": to}, timeout=120)
    assert clock.ok, clock.text


def own(server, path: str):
    reply = requests.get(f"{server.url}/slipway/v1/{path}", timeout=60)
    assert reply.ok, reply.text
    return reply.json()


def drifts(server, monitor: str) -> dict:
    windows = own(server, f"monitors/{monitor}/windows?variant=live&drift=0")["windows"]
    return {window["start"][:10]: window.get("prediction_drift") for window in windows if window["judged"] and window["rows"]}


def rehearsed(server, alert: str) -> str:
    reply = requests.post(f"{server.url}/slipway/v1/monitors/price-health/rehearse", json={"alert": alert}, timeout=60)
    assert reply.ok, reply.text
    return reply.json()["strip"]


def span(day: str) -> str:
    return f"{day}T00:00:00Z..{day}T23:59:59Z"


def test_predictions_are_measured_as_inputs_are(shop, tmp_path, open_page):
    found = drifts(shop, "price-health")
    assert found[DAYS[0]] is None, "no window is measured from itself"
    first, same, moved = (inputs(day) * 2 for day in DAYS)
    for day, now, drifted in ((DAYS[1], same, False), (DAYS[2], moved, True)):
        one = found[day]
        assert (one["feature"], one["kind"], one["method"], one["threshold"], one["drifted"]) == ("prediction", "numeric", "wasserstein", 0.3, drifted)
        assert one["score"] == pytest.approx(stats.wasserstein_distance(first, now) / first.std(), rel=1e-6)
        assert one["ks_p"] == pytest.approx(stats.ks_2samp(first, now).pvalue, rel=1e-6)
    alerts = {alert["alert"]: alert for alert in own(shop, "alerts?monitor=price-health&state=all")["alerts"]}
    assert set(alerts) == {"moved", "far"} and {alert["window_start"][:10] for alert in alerts.values()} == {DAYS[2]}
    assert alerts["moved"]["why"] == f"prediction_drifted is 1 (threshold 0): wasserstein says {found[DAYS[2]]['score']:.4g}, and at least 0.3 is drift"

    kinds = drifts(shop, "kind-health")
    share = [float(np.mean(inputs(day) > 0)) for day in DAYS]
    assert (kinds[DAYS[2]]["kind"], kinds[DAYS[2]]["method"], kinds[DAYS[2]]["drifted"]) == ("categorical", "l_infinity", True)
    assert kinds[DAYS[2]]["score"] == pytest.approx(share[2] - share[0])
    assert [alert["alert"] for alert in own(shop, "alerts?monitor=kind-health")["alerts"]] == ["moved"]

    for monitor, method, threshold in (("price-health", "wasserstein", 0.3), ("kind-health", "l_infinity", 0.1)):
        sides = [f"monitor:{monitor}@{span(day)}" for day in (DAYS[0], DAYS[2])]
        shop.cli("monitor", "report", *sides, "--out", str(tmp_path / "report.json"))
        (column,) = (one for one in json.loads((tmp_path / "report.json").read_text())["columns"] if one["column"] == "prediction")
        assert (column["verdict"], column["method"], column["threshold"]) == ("drift", method, threshold)
        assert column["score"] == pytest.approx(drifts(shop, monitor)[DAYS[2]]["score"])
        shop.cli("monitor", "report", *sides, "--out", str(tmp_path / "report.html"))
        assert column["method_title"] in (tmp_path / "report.html").read_text()
    shop.cli("monitor", "report", *(f"monitor:price-health@{span(day)}" for day in (DAYS[0], DAYS[2])), "--method", "psi", "--out", str(tmp_path / "report.json"))
    assert {column["method"] for column in json.loads((tmp_path / "report.json").read_text())["columns"]} == {"psi"}

    page = open_page(f"{shop.url}/ui/endpoints/price/monitoring")
    performance = page.get_by_role("region", name="Performance over time")
    expect(performance).to_contain_text("drift by wasserstein")
    expect(performance).to_contain_text("against 0.3")
    expect(performance).to_contain_text("Prediction drift (wasserstein)")
    expect(page.get_by_role("region", name="Alerts")).to_contain_text("at least 0.3 is drift")


def test_another_method_compares_with_no_value_of_the_old_one(shop):
    assert rehearsed(shop, "far") == "?.#"
    shop.declare("{method: ks}")
    assert set(rehearsed(shop, "far")) == {"?"} == set(rehearsed(shop, "{metric: prediction_drift, window: day, under: 1}"))
    assert own(shop, "alerts?monitor=price-health&state=open")["alerts"] == []
    (verdicts,) = (one for one in own(shop, "monitors/price-health/verdicts")["alerts"] if one["alert"] == "far")
    assert set(verdicts["values"]) == {None} and "fires" not in verdicts["verdicts"]
    assert own(shop, "monitors/price-health")["definition"]["drift"]["prediction"] == {"method": "ks"}
    refused = shop.declare("{method: chi2}", check=False)
    assert refused.returncode != 0 and "the model of a regression problem answers numbers, and the drift method takes none: method=chi2" in refused.stderr
