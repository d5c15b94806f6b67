"""Training code as people have it, with MLflow's autologging: the unmodified client against the built server."""
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV


@pytest.fixture
def client(server):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    yield mlflow.MlflowClient()
    mlflow.sklearn.autolog(disable=True)
    mlflow.xgboost.autolog(disable=True)
    mlflow.lightgbm.autolog(disable=True)


@pytest.fixture
def rows():
    random = np.random.default_rng(7)
    x = pd.DataFrame(random.normal(size=(200, 3)), columns=["wind", "tide", "load"])
    return x, (x.wind + 0.5 * x.tide > 0).astype(int)


def test_scikit_learn(client, rows):
    mlflow.sklearn.autolog()
    x, y = rows
    with mlflow.start_run() as run:
        trained = LogisticRegression(C=0.5).fit(x, y)
    logged = client.get_run(run.info.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params["C"] == "0.5"
    assert logged.data.metrics["training_accuracy_score"] == pytest.approx(trained.score(x, y))
    assert logged.data.tags["estimator_name"] == "LogisticRegression"
    assert logged.inputs.dataset_inputs[0].tags[0].value == "train"
    model_id = logged.outputs.model_outputs[0].model_id
    model = client.get_logged_model(model_id)
    assert (model.source_run_id, model.status) == (run.info.run_id, "READY")
    assert {metric.key for metric in model.metrics} >= {"training_accuracy_score", "training_log_loss"}
    loaded = mlflow.sklearn.load_model(f"models:/{model_id}")
    assert (loaded.predict(x) == trained.predict(x)).all()
    found = client.search_logged_models([run.info.experiment_id], filter_string="metrics.training_accuracy_score > 0.5")
    assert [each.model_id for each in found] == [model_id]


def test_a_search_of_scikit_learn_has_child_runs(client, rows):
    mlflow.sklearn.autolog(max_tuning_runs=3)
    with mlflow.start_run() as run:
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(*rows)
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert sorted(child.data.params["C"] for child in children) == ["0.1", "1.0", "10.0"]
    assert "best_cv_score" in client.get_run(run.info.run_id).data.metrics


def test_xgboost(client, rows):
    mlflow.xgboost.autolog()
    x, y = rows
    data = xgboost.DMatrix(x, y)
    with mlflow.start_run() as run:
        trained = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 15, [(data, "train")], verbose_eval=False)
    history = client.get_metric_history(run.info.run_id, "train-logloss")
    assert [point.step for point in history] == list(range(15))
    assert client.get_run(run.info.run_id).data.params["max_depth"] == "2"
    model_id = client.get_run(run.info.run_id).outputs.model_outputs[0].model_id
    loaded = mlflow.xgboost.load_model(f"models:/{model_id}")
    assert np.allclose(loaded.predict(data), trained.predict(data))


def test_lightgbm(client, rows):
    mlflow.lightgbm.autolog()
    x, y = rows
    data = lightgbm.Dataset(x, y)
    with mlflow.start_run() as run:
        trained = lightgbm.train({"objective": "binary", "num_leaves": 4, "verbose": -1}, data, 15, [data])
    history = client.get_metric_history(run.info.run_id, "training-binary_logloss")
    assert len(history) == 15
    model_id = client.get_run(run.info.run_id).outputs.model_outputs[0].model_id
    loaded = mlflow.lightgbm.load_model(f"models:/{model_id}")
    assert np.allclose(loaded.predict(x), trained.predict(x))


def test_nested_runs(client):
    with mlflow.start_run(run_name="outer") as outer:
        for number in range(3):
            with mlflow.start_run(run_name=f"inner-{number}", nested=True):
                mlflow.log_metric("score", number)
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{outer.info.run_id}'", order_by=["metrics.score DESC"])
    assert list(children["tags.mlflow.runName"]) == ["inner-2", "inner-1", "inner-0"]


def test_signature_and_load_by_alias(client, rows):
    x, y = rows
    trained = LogisticRegression().fit(x, y)
    signature = infer_signature(x, trained.predict(x))
    with mlflow.start_run():
        mlflow.sklearn.log_model(trained, name="model", signature=signature, registered_model_name="berth", input_example=x.head(2),
                                 serialization_format="cloudpickle")
    client.set_registered_model_alias("berth", "champion", 1)
    loaded = mlflow.pyfunc.load_model("models:/berth@champion")
    assert (loaded.predict(x) == trained.predict(x)).all()
    assert loaded.metadata.signature == signature
    assert mlflow.models.get_model_info("models:/berth/1").signature == signature
    with pytest.raises(mlflow.exceptions.MlflowException, match="Missing inputs|missing"):
        loaded.predict(x.drop(columns=["wind"]))
