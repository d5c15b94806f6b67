"""What labels that come later say of a regression, of classes and of a ranking: as scikit-learn says, day by day, with intervals."""
import json
import os
import pathlib
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import Server
from mlflow.models import infer_signature
from playwright.sync_api import expect
from sklearn import metrics as sk
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

START = pd.Timestamp("2024-03-01", tz="UTC")
CLASSES = ["cat", "cow", "dog", "owl"]
YAML = """
project: later
owner: tests
clock: rehearsal
start: 2024-03-01T00:00:00Z
endpoints:
  price: {model: models:/price/1}
  animal: {model: models:/animal/1}
  sound: {model: models:/sound/1}
  shelf: {model: models:/shelf/1}
monitors:
  price-health:
    endpoint: price
    problem: regression
    windows: [day]
    complete: {share: 1, after: 12h}
    alerts:
      off: {metric: mae, window: day, over: 12, min_rows: 50}
      tail: {metric: absolute_error_p95, window: day, over: 1000}
  animal-health: {endpoint: animal, problem: multiclass, classes: [cat, cow, dog, owl], windows: [day], complete: {share: 1, after: 12h}}
  sound-health: {endpoint: sound, problem: multiclass, windows: [day], complete: {share: 1, after: 12h}}
  shelf-health:
    endpoint: shelf
    problem: ranking
    windows: [day]
    complete: {share: 1, after: 12h}
    alerts:
      lost: {metric: ndcg@3, window: day, under: 0.1}
"""
random = np.random.default_rng(11)


def rows(count: int) -> pd.DataFrame:
    return pd.DataFrame({"a": random.normal(0, 1, count), "b": random.uniform(0, 10, count)})


def truth(frame: pd.DataFrame) -> pd.DataFrame:
    """What turns out of rows: a price, a class, a relevance."""
    noise = random.normal(0, 1, len(frame))
    price = 50 + 20 * frame.a + 3 * frame.b + 5 * noise
    place = np.clip(np.digitize(frame.a + 0.2 * frame.b - 1 + 0.5 * noise, [-0.5, 0.3, 1.2]), 0, 3)
    return pd.DataFrame({"price": price.clip(1), "place": place, "relevance": np.clip(np.round(frame.a + 0.5 * noise), 0, 3)})


def register(url: str):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("later")
    frame = rows(600)
    known = truth(frame)
    with mlflow.start_run():
        forest = RandomForestRegressor(20, max_depth=6, random_state=1).fit(frame, known.price)
        mlflow.sklearn.log_model(forest, name="price", registered_model_name="price", signature=infer_signature(frame, forest.predict(frame)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle")
        names = np.array(CLASSES)[known.place]
        linear = LogisticRegression().fit(frame, names)
        mlflow.sklearn.log_model(linear, name="sound", registered_model_name="sound", signature=infer_signature(frame, linear.predict(frame)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle")
        for name, objective, label, extra in (("animal", {"objective": "multi:softprob", "num_class": 4}, known.place, {}),
                                              ("shelf", {"objective": "rank:ndcg"}, known.relevance, {"qid": np.arange(600) // 12})):
            matrix = xgboost.DMatrix(frame, label, **extra)
            booster = xgboost.train({**objective, "max_depth": 3, "seed": 1}, matrix, 15)
            mlflow.xgboost.log_model(booster, name=name, registered_model_name=name, model_format="json", signature=infer_signature(frame, booster.predict(matrix)), pip_requirements=["xgboost-cpu"])


def ask(url: str, endpoint: str, name: str, frame: pd.DataFrame, time: pd.Timestamp) -> list:
    inputs = [{"name": column, "shape": [len(frame)], "datatype": "FP64", "data": frame[column].tolist()} for column in frame]
    reply = requests.post(f"{url}/v2/models/{endpoint}/infer", json={"id": name, "inputs": inputs, "parameters": {"event_time": time.isoformat()}}, timeout=60)
    assert reply.status_code == 200, reply.text
    (output,) = reply.json()["outputs"]
    return np.array(output["data"]).reshape(output["shape"])


def label(url: str, endpoint: str, ids: list, values: list, arrivals: list):
    labels = [{"id": i, "value": v, "arrival_time": t.isoformat()} for i, v, t in zip(ids, values, arrivals)]
    return requests.post(f"{url}/slipway/v1/endpoints/{endpoint}/labels", json={"labels": labels}, timeout=60)


def windows(server, monitor: str) -> list[dict]:
    """Those in which somebody asked."""
    found = json.loads(server.cli("--json", "monitors", "windows", monitor, "--window", "day").stdout)["windows"]
    return [window for window in found if window["rows"]]


def expect_same(window: dict, expected: dict):
    for name, value in expected.items():
        assert window["metrics"][name] == pytest.approx(value, rel=1e-6), name
        low, high = window["intervals"][name]
        assert low <= window["metrics"][name] <= high and high > low, name


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A server that has answered two days of all four, and been told what turned out; and what it was asked and told."""
    folder = tmp_path_factory.mktemp("later")
    server = Server(folder / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        register(server.url)
        (folder / "slipway.yaml").write_text(YAML)
        server.cli("apply", str(folder / "slipway.yaml"))
        for name in ("price", "animal", "sound", "shelf"):
            server.cli("endpoints", "deploy", name, f"models:/{name}/1")
        asked = {name: [] for name in ("price", "animal", "sound", "shelf")}
        for day in range(2):
            for hour in range(0, 24, 2):
                time = START + pd.Timedelta(days=day, hours=hour)
                frame = rows(12)
                known = truth(frame)
                if day == 1:
                    known.price = known.price * 1.5  # everything costs more, and nobody told the model
                named = np.array(CLASSES)[known.place]
                for name, value in (("price", known.price), ("animal", named if hour % 4 else known.place), ("sound", named), ("shelf", known.relevance)):
                    said = ask(server.url, name, f"{name}-{day}-{hour}", frame, time)
                    for i in range(len(frame)):
                        asked[name].append({"day": day, "id": f"{name}-{day}-{hour}/{i}", "group": f"{day}-{hour}", "said": said[i], "label": value[i], "place": known.place[i],
                                            "at": time + pd.Timedelta(hours=3 if i else 9)})
        for name, all_rows in asked.items():
            to_value = str if name == "sound" else lambda v: v if isinstance(v, str) else float(v)
            done = label(server.url, name, [r["id"] for r in all_rows], [to_value(r["label"]) for r in all_rows], [r["at"] for r in all_rows])
            assert done.json() == {"added": len(all_rows), "unchanged": 0, "corrected": 0}, done.text
        clock = requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": (START + pd.Timedelta(days=3)).isoformat()}, timeout=120)
        assert clock.status_code == 200, clock.text
        yield server, {name: pd.DataFrame(all_rows) for name, all_rows in asked.items()}
    finally:
        server.stop()


def test_a_regression_is_measured_and_its_alert_opens(told):
    server, asked = told
    found = windows(server, "price-health")
    assert len(found) == 2
    for window, (_, day) in zip(found, asked["price"].groupby("day")):
        y, p = day.label.astype(float), np.array([float(np.ravel(s)[0]) for s in day.said])
        assert window["rows"] == window["labels"] == 144 and window["completeness"] == 1
        expect_same(window, {
            "mae": sk.mean_absolute_error(y, p), "mse": sk.mean_squared_error(y, p), "rmse": sk.root_mean_squared_error(y, p), "r2": sk.r2_score(y, p),
            "msle": sk.mean_squared_log_error(y, p), "rmsle": sk.root_mean_squared_log_error(y, p), "mape": sk.mean_absolute_percentage_error(y, p),
            "absolute_error_p50": sk.median_absolute_error(y, p), "absolute_error_p95": np.quantile(np.abs(y - p), 0.95), "mean_error": (p - y).mean()})
        # A row in twelve was known nine hours later, the others three.
        assert window["metrics"]["label_delay_hours_p50"] == 3 and window["metrics"]["label_delay_hours_p90"] == 3
    (alert,) = json.loads(server.cli("--json", "alerts").stdout)["alerts"]
    assert alert["alert"] == "off" and alert["metric"] == "mae" and alert["window_start"] == "2024-03-02T00:00:00Z"
    assert alert["value"] == found[1]["metrics"]["mae"] > 12 > found[0]["metrics"]["mae"]
    shown = server.cli("monitors", "windows", "price-health", "--window", "day").stdout
    low, high = found[0]["intervals"]["mae"]
    assert "MAE" in shown and f"{found[0]['metrics']['mae']:.4g} [{low:.3g}, {high:.3g}]" in shown and "3h, 3h" in shown


def test_classes_are_measured_by_their_chances_or_names(told):
    server, asked = told
    for window, (_, day) in zip(windows(server, "animal-health"), asked["animal"].groupby("day")):
        y, chances = day.place.to_numpy(), np.stack(day.said.to_list())
        said = chances.argmax(1)
        both = {"log_loss": sk.log_loss(y, chances, labels=range(4)), "roc_auc_ovr": sk.roc_auc_score(y, chances / chances.sum(1, keepdims=True), multi_class="ovr")}
        expect_same(window, both | {"accuracy": sk.accuracy_score(y, said), "f1_macro": sk.f1_score(y, said, average="macro"), "recall_weighted": sk.recall_score(y, said, average="weighted")})
        assert window["confusion"] == {"classes": CLASSES, "counts": sk.confusion_matrix(y, said).tolist()}
    for window, (_, day) in zip(windows(server, "sound-health"), asked["sound"].groupby("day")):
        y, said = day.label.astype(str), [str(np.ravel(s)[0]) for s in day.said]
        expect_same(window, {"accuracy": sk.accuracy_score(y, said), "precision_macro": sk.precision_score(y, said, average="macro"), "f1_weighted": sk.f1_score(y, said, average="weighted")})
        assert window["metrics"]["log_loss"] is None and window["confusion"]["counts"] == sk.confusion_matrix(y, said).tolist()
    one = requests.get(f"{server.url}/slipway/v1/endpoints/sound/requests/sound-0-0%2F0", timeout=60).json()
    assert one["labels"][0]["value"] in CLASSES and json.loads(one["request"]["variants"][0]["prediction_values"]) in CLASSES


def test_variants_are_compared_by_what_suits_the_problem(told):
    """By log loss all, whatever their models were asked for: of lists of chances nothing was known, and of a regression nonsense."""
    server, asked = told

    def compared(endpoint, **more):
        return requests.get(f"{server.url}/slipway/v1/endpoints/{endpoint}/comparison", params={"b": "nobody", "to": "2024-03-04T00:00:00Z", **more}, timeout=30)
    price, animal, sound = (compared(name).json() for name in ("price", "animal", "sound"))
    assert price["measure"] == "absolute_error" and price["a"]["rows"] == len(asked["price"])
    assert price["a"]["value"] == pytest.approx(sk.mean_absolute_error(asked["price"].label.astype(float), [float(np.ravel(s)[0]) for s in asked["price"].said]), rel=1e-6)
    assert animal["measure"] == "log_loss"
    assert animal["a"]["value"] == pytest.approx(sk.log_loss(asked["animal"].place, np.stack(asked["animal"].said.to_list()), labels=range(4)), rel=1e-6)
    assert sound["a"]["rows"] == 0 and "accuracy" in sound["note"]
    right = compared("sound", metric="accuracy").json()
    assert right["a"]["value"] == pytest.approx(sk.accuracy_score(asked["sound"].label.astype(str), [str(np.ravel(s)[0]) for s in asked["sound"].said]))
    wrong = compared("price", metric="log_loss")
    assert wrong.status_code == 400 and "regression" in wrong.text and "absolute_error, brier" in wrong.text


def test_classes_of_long_answers_are_measured_by_the_likeliest(tmp_path):
    """Of an answer of more chances than the request log keeps nothing was measured, and nothing said so."""
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent), "--request-log-values-max", "3")
    try:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment("long")
        frame = rows(300)
        place = truth(frame).place
        booster = xgboost.train({"objective": "multi:softprob", "num_class": 4, "max_depth": 3, "seed": 1}, xgboost.DMatrix(frame, place), 10)
        with mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="animal", registered_model_name="animal", model_format="json", signature=infer_signature(frame, booster.predict(xgboost.DMatrix(frame))), pip_requirements=["xgboost-cpu"])
        (tmp_path / "slipway.yaml").write_text("""
project: later
owner: tests
clock: rehearsal
start: 2024-03-01T00:00:00Z
endpoints: {animal: {model: models:/animal/1}}
monitors: {animal-health: {endpoint: animal, problem: multiclass, classes: [cat, cow, dog, owl], windows: [day], complete: {share: 1, after: 12h}}}
""")
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        server.cli("endpoints", "deploy", "animal", "models:/animal/1")
        for verb in ("plan", "apply"):
            said = server.cli(verb, str(tmp_path / "slipway.yaml")).stderr
            assert "answers a request with 4 values, and the request log keeps up to 3" in said and "--request-log-values-max 4" in said, said
        asked = rows(60)
        known = truth(asked).place
        said = np.stack(list(ask(server.url, "animal", "q", asked, START + pd.Timedelta(hours=1)))).argmax(1)
        assert label(server.url, "animal", [f"q/{i}" for i in range(60)], [CLASSES[p] for p in known], [START + pd.Timedelta(hours=2)] * 60).json()["added"] == 60
        clock = requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": (START + pd.Timedelta(days=2)).isoformat()}, timeout=120)
        assert clock.status_code == 200, clock.text
        (window,) = windows(server, "animal-health")
        assert window["labels"] == 60 and window["confusion"]["counts"] == sk.confusion_matrix(known, said).tolist()
        expect_same(window, {"accuracy": sk.accuracy_score(known, said), "f1_macro": sk.f1_score(known, said, average="macro")})
        assert window["metrics"]["log_loss"] is None and "request-log-values-max above 4" in window["note"], window["note"]
        assert "request-log-values-max above 4" in server.cli("monitors", "windows", "animal-health", "--window", "day").stdout
        one = requests.get(f"{server.url}/slipway/v1/endpoints/animal/requests/q%2F0", timeout=60).json()
        assert json.loads(one["request"]["variants"][0]["prediction_values"]) == {"largest_at": int(said[0]), "of": 4}
    finally:
        server.stop()


def test_a_ranking_is_measured_by_its_requests(told):
    server, asked = told
    found = windows(server, "shelf-health")
    for window, (_, day) in zip(found, asked["shelf"].groupby("day")):
        groups = [(g.label.astype(float).to_numpy(), np.array([float(np.ravel(s)[0]) for s in g.said])) for _, g in day.groupby("group")]
        expected = {f"ndcg@{k}": np.mean([sk.ndcg_score([r], [s], k=k) for r, s in groups]) for k in (3, 5, 10)}
        expect_same(window, expected)
        # Equal scores of trees have no order of their own; hits don't look so closely.
        assert 0 < window["metrics"]["mrr"] <= 1 and window["metrics"]["hit_rate@10"] == np.mean([(r > 0).any() for r, _ in groups])
    assert len(found) == 2


def test_labels_of_another_kind_are_refused_whole(told):
    server, _ = told
    later = START + pd.Timedelta(days=2)
    for name, good, bad, reason in (("price", 5.0, "cat", "regression takes a finite number"), ("animal", "owl", "cod", "classes=cat, cow, dog, owl"),
                                    ("sound", "moo", 0.5, "a class's name, or a whole number"), ("shelf", 2, -1, "a relevance")):
        refused = label(server.url, name, ["x", "y"], [good, bad], [later, later])
        assert refused.status_code == 400 and "row=1 id=y" in refused.text and reason in refused.text, refused.text
        assert requests.get(f"{server.url}/slipway/v1/endpoints/{name}/requests/x", timeout=60).status_code == 404
        again = label(server.url, name, ["x"], [good], [later])
        assert again.json()["added"] == 1, "none of the refused was kept"
    refused = requests.post(f"{server.url}/slipway/v1/endpoints/price/labels", json={"labels": [{"id": "z", "value": [1]}]}, timeout=60)
    assert refused.status_code == 400 and "row=0 id=z" in refused.text


def test_an_unknown_metric_is_refused_with_the_known_ones(told, tmp_path):
    server, _ = told
    file = tmp_path / "slipway.yaml"
    file.write_text(YAML.replace("metric: mae", "metric: auc"))
    refused = server.cli("apply", str(file), check=False)
    assert refused.returncode != 0 and "no such metric of a regression problem: metric=auc known=mae, mse" in refused.stderr


def test_the_page_draws_them(told, open_page):
    server, _ = told
    page = open_page(f"{server.url}/ui/endpoints/price/monitoring?window=day")
    found = windows(server, "price-health")
    figure = page.get_by_role("figure", name="Mean absolute error: live")
    expect(figure).to_be_visible()
    assert f"{found[1]['metrics']['mae']:.3f}"[:4] in figure.get_attribute("aria-label")
    expect(page.get_by_role("figure", name="Hours from prediction to label, median: live 3")).to_be_visible()
    page = open_page(f"{server.url}/ui/endpoints/animal/monitoring?window=day")
    expect(page.get_by_role("table", name="Confusion matrix")).to_contain_text("owl")
    expect(page.get_by_role("figure", name="F1, mean of the classes: live")).to_be_visible()
