"""The model that is served: trained on made-up rows with a fixed seed, so that everybody measures the same trees."""
import os
import pathlib

import mlflow
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature

NAME = "bench"
FEATURES, ROWS, TREES, DEPTH, SEED = 30, 50_000, 100, 6, 20130601


def train() -> tuple[xgboost.Booster, pd.DataFrame]:
    """A booster of TREES trees, and rows to ask it about."""
    rng = np.random.default_rng(SEED)
    rows = pd.DataFrame(rng.normal(size=(ROWS, FEATURES)), columns=[f"feature_{i:02}" for i in range(FEATURES)])
    weights = rng.normal(size=FEATURES)
    # Products and thresholds, so that the trees have something to find down to the last level.
    signal = rows.to_numpy() @ weights + 2 * rows.feature_00 * rows.feature_01 - 1.5 * (rows.feature_02 > rows.feature_03)
    label = (signal + rng.normal(size=ROWS) > 0).astype(int)
    params = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.1, "tree_method": "hist", "nthread": 1, "seed": SEED}
    return xgboost.train(params, xgboost.DMatrix(rows, label), TREES), rows.head(500)


def register(url: str, booster: xgboost.Booster, rows: pd.DataFrame) -> int:
    """Logs and registers with the unmodified client; gives the version."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    mlflow.set_experiment(NAME)
    with mlflow.start_run():
        info = mlflow.xgboost.log_model(booster, name="model", registered_model_name=NAME, model_format="json",
                                        signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    return int(info.registered_model_version)


def request_body(row: pd.Series) -> dict:
    """One row in the Open Inference Protocol v2, every feature its own tensor."""
    return {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [round(float(value), 6)]} for name, value in row.items()]}


def save(booster: xgboost.Booster, folder: pathlib.Path) -> pathlib.Path:
    path = folder / "model.json"
    booster.save_model(path)
    return path


def save_for_mlflow(booster: xgboost.Booster, rows: pd.DataFrame, folder: pathlib.Path) -> pathlib.Path:
    path = folder / "mlflow-model"
    mlflow.xgboost.save_model(booster, path, model_format="json", signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    return path
