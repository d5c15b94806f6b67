"""How a regression and a multi-class model will turn out, before labels come: told as NannyML's DLE and CBPE tell it, at the end of the day.

NannyML lives in an environment of its own (../monitor_clients/requirements.txt).
"""
import json
import os
import subprocess

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import ROOT, Server
from mlflow.models import infer_signature
from sklearn import metrics as sk

CLIENTS = ROOT / "tests" / "monitor_clients"
PYTHON = ROOT / ".deps" / "monitor-clients" / "bin" / "python3"
START = pd.Timestamp("2024-03-01", tz="UTC")
LEARNED, LATER = 3, 8  # days
YAML = """
project: later
owner: tests
clock: rehearsal
start: 2024-03-01T00:00:00Z
endpoints:
  price: {model: models:/price/1}
monitors:
  price-health:
    endpoint: price
    problem: regression
    windows: [day]
    complete: {share: 1, after: 4d}
    estimate: {rows: 2000}
    alerts:
      early: {metric: estimated_mae, window: day, over: 7.5, min_rows: 50}
      blind: {metric: estimate_error_mae, window: day, over: 3, min_rows: 50}
"""
REALISED = {"mae": sk.mean_absolute_error, "mape": sk.mean_absolute_percentage_error, "mse": sk.mean_squared_error,
            "msle": sk.mean_squared_log_error, "rmse": sk.root_mean_squared_error, "rmsle": sk.root_mean_squared_log_error}


def draw(random, count: int, south: float, wide: float) -> pd.DataFrame:
    """Rows and their prices, which are harder to tell in the south and where `a` is large; `south` of them are there."""
    frame = pd.DataFrame({"a": random.gamma(2, wide, count), "b": random.uniform(0, 10, count), "c": random.normal(0, 1, count),
                          "where": np.where(random.random(count) < south, "south", np.where(random.random(count) < 0.6, "north", "west"))})
    noise = random.normal(0, 1, count) * (2 + 1.2 * frame.a) * np.where(frame["where"] == "south", 2.5, 1)
    price = (120 + 6 * frame.a + 4 * frame.b + 10 * (frame["where"] == "west") + noise).clip(5)
    frame.loc[random.random(count) < 0.05, "b"] = np.nan
    return frame.assign(price=price)


def nannyml(script: str, folder, reference: pd.DataFrame, analysis: pd.DataFrame) -> dict:
    files = []
    for name, part in (("reference", reference), ("analysis", analysis)):
        files.append(folder / f"{name}.parquet")
        part.to_parquet(files[-1], index=False)
    done = subprocess.run([PYTHON, CLIENTS / script, *files], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def ask(server, endpoint: str, name: str, frame: pd.DataFrame, at: pd.Timestamp) -> np.ndarray:
    inputs = [{"name": c, "shape": [len(frame)], "datatype": "BYTES" if c == "where" else "FP64",
               "data": [None if isinstance(v, float) and np.isnan(v) else v for v in frame[c].tolist()]} for c in frame]
    reply = requests.post(f"{server.url}/v2/models/{endpoint}/infer", json={"id": name, "inputs": inputs, "parameters": {"event_time": at.isoformat()}}, timeout=60)
    assert reply.status_code == 200, reply.text
    (output,) = reply.json()["outputs"]
    return np.array(output["data"]).reshape(output["shape"])


def tell(server, endpoint: str, rows: pd.DataFrame):
    labels = [{"id": i, "value": v, "arrival_time": k.isoformat()} for i, v, k in zip(rows.id, rows.label.tolist(), rows.known)]
    assert requests.post(f"{server.url}/slipway/v1/endpoints/{endpoint}/labels", json={"labels": labels}, timeout=60).json()["added"] == len(rows)


def walk(server, to: pd.Timestamp):
    done = requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": to.isoformat()}, timeout=120)
    assert done.status_code == 200, done.text


def test_losses_are_told_early_and_as_nannyml_tells_them(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    random = np.random.default_rng(5)
    server = Server(tmp_path / "data")
    try:
        mlflow.set_tracking_uri(server.url)
        columns = ["a", "b", "c", "where"]
        train = draw(random, 3000, 0.2, 1)
        matrix = lambda frame: xgboost.DMatrix(frame[columns].astype({"where": "category"}), enable_categorical=True)  # noqa: E731
        data = xgboost.DMatrix(train[columns].astype({"where": "category"}), train.price, enable_categorical=True)
        with mlflow.start_run():
            booster = xgboost.train({"max_depth": 3, "seed": 1}, data, 40)
            mlflow.xgboost.log_model(booster, name="price", registered_model_name="price", model_format="json", pip_requirements=["xgboost-cpu"],
                                     signature=infer_signature(train[columns].head(50), booster.predict(matrix(train.head(50)))))
        (tmp_path / "slipway.yaml").write_text(YAML)
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        server.cli("endpoints", "deploy", "price", "models:/price/1")
        rows = []
        for day in range(LEARNED + LATER):
            count = 800 if day < LEARNED else 400
            frame = draw(random, count, 0.2 if day < LEARNED else 0.08 * (day - LEARNED + 1), 1 if day < LEARNED else 0.8 + 0.1 * (day - LEARNED))
            if day == LEARNED + LATER - 1:
                frame.price += 25  # what is asked has changed: no estimate can see that
            for part in range(0, count, 100):
                some = frame.iloc[part:part + 100]
                at = START + pd.Timedelta(days=day, hours=part // 100 * 2)
                said = ask(server, "price", f"p-{day}-{part}", some[columns], at).ravel()
                rows.append(some[columns].assign(day=f"{at:%Y-%m-%d}", id=[f"p-{day}-{part}/{i}" for i in range(len(some))], prediction=said, label=some.price,
                                                 known=START + pd.Timedelta(days=day + 1, hours=6)))
        rows = pd.concat(rows)
        tell(server, "price", rows)
        walk(server, START + pd.Timedelta(days=LEARNED + 2, hours=1))
        server.kill()  # what was learned is as good after it
        server.start()
        walk(server, START + pd.Timedelta(days=LEARNED + LATER, hours=12))
        windows = json.loads(server.cli("--json", "monitors", "windows", "price-health", "--window", "day").stdout)["windows"]
        alerts = {a["alert"]: a for a in json.loads(server.cli("--json", "alerts").stdout)["alerts"]}
    finally:
        server.stop()

    is_learned = rows.day.isin([f"{START + pd.Timedelta(days=d):%Y-%m-%d}" for d in range(LEARNED)])
    shown = rows.drop(columns=["id", "known"])
    expected = nannyml("dle.py", tmp_path, shown[is_learned], shown[~is_learned])
    estimated = [w for w in windows if "estimates" in w]
    assert [w["start"][:10] for w in estimated] == sorted(expected) and len(estimated) == LATER
    far_off = {name: ([], []) for name in REALISED}
    for window in estimated:
        day = rows[rows.day == window["start"][:10]]
        for name, realised in REALISED.items():
            ours, theirs, real = window["estimates"]["metrics"][name], expected[window["start"][:10]][name], realised(day.label, day.prediction)
            assert ours["sampling_error"] == pytest.approx(theirs["sampling_error"], rel=1e-6), name
            # Two learners of the same rows, and less apart than luck puts labels.
            assert ours["value"] == pytest.approx(theirs["value"], abs=theirs["sampling_error"]), (window["start"], name)
            assert ours["realised"] == pytest.approx(real, rel=1e-6) and ours["error"] == pytest.approx(ours["realised"] - ours["value"])
            if window is not estimated[-1]:
                far_off[name][0].append(abs(ours["value"] - real))
                far_off[name][1].append(abs(theirs["value"] - real))
    for name, (ours, theirs) in far_off.items():
        assert np.mean(ours) <= 1.1 * np.mean(theirs), name
    assert estimated[-2]["estimates"]["metrics"]["mae"]["value"] > 1.3 * estimated[0]["estimates"]["metrics"]["mae"]["value"], "errors have grown, and are told to"

    # The alert on the estimate opened when its day was over, six hours before labels came.
    opened = alerts["early"]
    assert opened["time"] == opened["window_end"] and opened["value"] > 7.5
    assert alerts["blind"]["window_start"] == estimated[-1]["start"]


CLASSES = ["cat", "cow", "dog"]
ANIMALS = YAML.replace("price: {", "animal: {").replace("models:/price", "models:/animal").replace("price-health", "animal-health").replace("endpoint: price", "endpoint: animal").replace(
    "problem: regression", "problem: multiclass\n    classes: [cat, cow, dog]").replace("early: {metric: estimated_mae, window: day, over: 7.5", "early: {metric: estimated_accuracy, window: day, under: 0.6").replace(
    "estimate_error_mae, window: day, over: 3", "estimate_error_f1_macro, window: day, under: -0.2")


def test_classes_are_told_early_and_as_nannyml_tells_them(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    random = np.random.default_rng(6)

    def animals(count: int, spread: float) -> pd.DataFrame:
        frame = pd.DataFrame({"a": random.normal(0, spread, count), "b": random.normal(0, spread, count)})
        pull = np.stack([1.5 * frame.a, 1.5 * frame.b, -frame.a - frame.b], 1) + random.gumbel(0, 1, (count, 3))
        return frame.assign(label=pull.argmax(1))

    server = Server(tmp_path / "data")
    try:
        mlflow.set_tracking_uri(server.url)
        train = animals(1500, 1)
        data = xgboost.DMatrix(train[["a", "b"]], train.label)
        with mlflow.start_run():
            booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 6, "eta": 0.4, "seed": 1}, data, 60)  # too sure of itself
            mlflow.xgboost.log_model(booster, name="animal", registered_model_name="animal", model_format="json", pip_requirements=["xgboost-cpu"],
                                     signature=infer_signature(train[["a", "b"]], booster.predict(data)))
        (tmp_path / "slipway.yaml").write_text(ANIMALS)
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        server.cli("endpoints", "deploy", "animal", "models:/animal/1")
        rows = []
        for day in range(LEARNED + 4):
            frame = animals(800, 1 if day < LEARNED else 1 - 0.22 * (day - LEARNED))
            if day == LEARNED + 3:
                frame.label = (frame.label + 1) % 3  # what is asked has changed: no estimate can see that
            at = START + pd.Timedelta(days=day, hours=5)
            chances = ask(server, "animal", f"a-{day}", frame[["a", "b"]], at)
            rows.append(pd.DataFrame(chances, columns=[f"score_{name}" for name in CLASSES]).assign(
                day=f"{at:%Y-%m-%d}", id=[f"a-{day}/{i}" for i in range(len(frame))], label=np.array(CLASSES)[frame.label], said=np.array(CLASSES)[chances.argmax(1)],
                known=START + pd.Timedelta(days=day + 1, hours=6)))
        rows = pd.concat(rows)
        tell(server, "animal", rows)
        walk(server, START + pd.Timedelta(days=LEARNED + 4, hours=12))
        windows = json.loads(server.cli("--json", "monitors", "windows", "animal-health", "--window", "day").stdout)["windows"]
        alerts = {a["alert"]: a for a in json.loads(server.cli("--json", "alerts").stdout)["alerts"]}
    finally:
        server.stop()

    is_learned = rows.day.isin([f"{START + pd.Timedelta(days=d):%Y-%m-%d}" for d in range(LEARNED)])
    shown = rows.drop(columns=["id", "known"])
    expected = nannyml("cbpe_classes.py", tmp_path, shown[is_learned], shown[~is_learned])
    estimated = [w for w in windows if "estimates" in w]
    assert [w["start"][:10] for w in estimated] == sorted(expected) and len(estimated) == 4
    for window in estimated:
        for name, theirs in expected[window["start"][:10]].items():
            ours = window["estimates"]["metrics"][name]
            # NannyML rounds the curve to five digits.
            assert ours["value"] == pytest.approx(theirs["value"], abs=2e-5), (window["start"], name)
            assert ours["sampling_error"] == pytest.approx(theirs["sampling_error"], rel=0.02), name
            assert ours["realised"] == window["metrics"][name]
            if window is not estimated[-1]:
                assert abs(ours["error"]) < 0.06, (window["start"], name)
    assert alerts["early"]["time"] == alerts["early"]["window_end"]
    assert alerts["blind"]["window_start"] == estimated[-1]["start"]
