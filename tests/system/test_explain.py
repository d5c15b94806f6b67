"""What inputs have to do with answers, over HTTP and on the command line, beside what XGBoost and LightGBM themselves say."""
import json
import os

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import skl2onnx
import xgboost
from conftest import Server
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

YAML = """
project: shop
endpoints:
  sale: {model: models:/sale@champion, output: sold}
  kinds: {model: models:/kinds@champion, output: kind}
  price: {model: models:/price@champion, output: price}
  linear: {model: models:/linear@champion, output: label}
"""


class Shop:
    pass


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    server = Server(folder / "data", "--login")
    made = Shop()
    made.server, made.folder = server, folder
    made.admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = made.admin
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    random = np.random.default_rng(5)
    rows = pd.DataFrame({"pages": random.integers(1, 30, 400).astype(float), "hour": random.normal(size=400),
                         "shop": pd.Categorical(random.choice(["north", "south", "west"], 400))})
    rows.loc[random.random(400) < 0.1, "pages"] = np.nan
    score = rows.pages.fillna(10) / 10 + rows.hour + (rows["shop"] == "south") * 2 + random.normal(size=400) / 3
    made.rows = rows
    data = xgboost.DMatrix(rows, score > 2, enable_categorical=True)
    made.sale = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, data, 20)
    made.kinds = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3},
                               xgboost.DMatrix(rows, np.digitize(score, [1.5, 3]), enable_categorical=True), 10)
    made.price = lightgbm.train({"objective": "regression", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, score), 30)
    numbers = rows[["pages", "hour"]].fillna(0).astype(np.float32).to_numpy()
    onnx = skl2onnx.to_onnx(LogisticRegression().fit(numbers, score > 2), numbers[:1], options={"zipmap": False})
    with mlflow.start_run():
        for name, booster in (("sale", made.sale), ("kinds", made.kinds)):
            mlflow.xgboost.log_model(booster, name=name, registered_model_name=name, model_format="json", pip_requirements=["xgboost-cpu"],
                                     signature=infer_signature(rows, booster.predict(data)))
        mlflow.lightgbm.log_model(made.price, name="price", registered_model_name="price", pip_requirements=["lightgbm"])
        mlflow.onnx.log_model(onnx, name="linear", registered_model_name="linear", pip_requirements=["onnxruntime"])
    (folder / "slipway.yaml").write_text(YAML)
    token = requests.post(f"{server.url}/slipway/v1/tokens", json={"name": "tests"}, auth=made.admin, timeout=60)
    made.token = token.json()["token"]
    os.environ["SLIPWAY_TOKEN"] = made.token
    server.cli("apply", str(folder / "slipway.yaml"))
    for name in ("sale", "kinds", "price", "linear"):
        server.cli("endpoints", "deploy", name, f"models:/{name}/1")
    yield made
    for name in ("SLIPWAY_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
    server.stop()


def instances(rows):
    return json.loads(rows.astype({"shop": object}).to_json(orient="records"))


def explain(shop, name, rows, **more):
    return requests.post(f"{shop.server.url}/v1/models/{name}:explain", json={"instances": instances(rows)}, timeout=20, **{"auth": shop.admin, **more})


@pytest.mark.parametrize("name, sums, tolerance", [("sale", 1, 2e-5), ("kinds", 3, 2e-5), ("price", 1, 1e-9)])
def test_contributions_are_the_librarys_own(shop, name, sums, tolerance):
    """With missing values and categories, binary, of several classes, and LightGBM's: 150 rows, more than two blocks."""
    rows, booster = shop.rows.head(150), getattr(shop, name)
    reply = explain(shop, name, rows)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    data = answer["data"]
    assert data["feature_names"] == ["pages", "hour", "shop"] and answer["meta"]["name"] == "TreeShap"
    if name == "price":
        want, answers = booster.predict(rows, pred_contrib=True), booster.predict(rows)
    else:
        matrix = xgboost.DMatrix(rows, enable_categorical=True)
        want, answers = booster.predict(matrix, pred_contribs=True), booster.predict(matrix)
    want = np.asarray(want, float).reshape(150, sums, 4)
    got = np.array(data["shap_values"], float)
    assert got.shape == (sums, 150, 3)
    assert np.abs(got - want[:, :, :3].transpose(1, 0, 2)).max() < tolerance
    assert np.abs(np.array(data["expected_value"]) - want[0, :, 3]).max() < tolerance
    assert np.abs(np.array(data["raw"]["raw_prediction"]).reshape(150, sums) - want.sum(-1)).max() < 10 * tolerance
    assert np.abs(np.array(answer["predictions"]) - answers).max() < 1e-6
    effects = np.abs(want[:, 0, :3]).mean(0)
    ranked = data["raw"]["importances"]["0"]
    assert ranked["names"] == [["pages", "hour", "shop"][f] for f in np.argsort(-effects)]
    assert np.abs(np.array(ranked["ranked_effect"]) - np.sort(effects)[::-1]).max() < tolerance


def test_what_cannot_be_explained_says_what_can(shop):
    reply = requests.post(f"{shop.server.url}/v1/models/linear:explain", json={"instances": [[1.0, 2.0]]}, auth=shop.admin, timeout=20)
    assert reply.status_code == 501, reply.text
    assert "XGBoost's and LightGBM's trees" in reply.json()["error"]


def test_errors_are_those_of_predict(shop):
    assert explain(shop, "nobody", shop.rows.head(1)).status_code == 404
    wrong = requests.post(f"{shop.server.url}/v1/models/sale:explain", json={"instances": [{"pages": "many", "hour": 1, "shop": "north"}]}, auth=shop.admin, timeout=20)
    assert wrong.status_code == 400 and "pages" in wrong.json()["error"]
    assert explain(shop, "sale", shop.rows.head(1), auth=None).status_code == 401


def test_explaining_logs_no_request(shop):
    """Nobody was answered, so nothing is judged."""
    before = requests.get(f"{shop.server.url}/metrics", auth=shop.admin, timeout=60).text
    assert explain(shop, "sale", shop.rows.head(5)).status_code == 200
    after = requests.get(f"{shop.server.url}/metrics", auth=shop.admin, timeout=60).text

    def logged(text):
        return [line for line in text.splitlines() if "request_log" in line and not line.startswith("#") and "rows" in line]
    assert logged(before) == logged(after)


def test_the_command_prints_a_table(shop):
    file = shop.folder / "rows.csv"
    shop.rows.head(3).to_csv(file, index=False)
    shown = shop.server.cli("endpoints", "explain", "sale", "--file", str(file), "--top", "2").stdout
    want = shop.sale.predict(xgboost.DMatrix(shop.rows.head(3), enable_categorical=True), pred_contribs=True)
    first = int(np.abs(want[0, :3]).argmax())
    assert f"{['pages', 'hour', 'shop'][first]} {want[0, first]:+.3g}"[:9] in shown, shown
    assert "BECAUSE OF" in shown and len(shown.splitlines()) == 5
    rows = json.loads(shop.server.cli("--json", "endpoints", "explain", "kinds", "--file", str(file)).stdout)["rows"]
    assert [(row["row"], row["output"]) for row in rows] == [(r, s) for r in range(3) for s in range(3)]
    refused = shop.server.cli("endpoints", "explain", "linear", "--file", str(file), check=False)
    assert refused.returncode != 0 and "XGBoost's and LightGBM's trees" in refused.stderr
