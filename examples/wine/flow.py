"""A training pipeline as Python functions, on scikit-learn's wines: which of three growers made one?

    python3 flow.py                      runs it here, without a server, and says how good the best model is
    python3 flow.py --apply              declares it at SLIPWAY_URL and runs it there: steps side by side, with a cache; the model is registered
    python3 flow.py --yaml               what that declares, as slipway.yaml

Needs slipway, pandas, scikit-learn and mlflow, here and where the server's steps find `python3` (its setting python-path).
"""
import argparse
import json
import os
import pathlib
import pickle

import mlflow
import pandas as pd
import sklearn
import slipway as sw
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@sw.step
def wines() -> pd.DataFrame:
    return load_wine(as_frame=True).frame


@sw.step
def split(rows: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    shuffled = rows.sample(frac=1, random_state=seed, ignore_index=True)
    held_out = int(len(rows) * share)
    return shuffled[held_out:], shuffled[:held_out]


@sw.step(outputs=["model.pickle"])
def fit(rows: pd.DataFrame, strength: float) -> sw.File:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    model.fit(rows.drop(columns="target"), rows.target)
    file = sw.out() / "model.pickle"
    file.write_bytes(pickle.dumps(model))
    return file


@sw.step
def accuracy(model: sw.File, rows: pd.DataFrame) -> float:
    return pickle.loads(model.read_bytes()).score(rows.drop(columns="target"), rows.target)


@sw.step(outputs=["accuracy.json", "model.pickle"])
def best(accuracies: list[float], models: list[sw.File]) -> tuple[float, sw.File]:
    at = max(range(len(accuracies)), key=lambda at: accuracies[at])
    return accuracies[at], models[at]


@sw.step
def register(model: sw.File, rows: pd.DataFrame, reached: float) -> sw.Model:
    with mlflow.start_run():
        mlflow.log_metric("accuracy", reached)
        signature = mlflow.models.infer_signature(rows.drop(columns="target"), rows.target)
        logged = mlflow.sklearn.log_model(pickle.loads(model.read_bytes()), name="model", signature=signature, registered_model_name="wine",
                                          serialization_format="cloudpickle", pip_requirements=[f"scikit-learn=={sklearn.__version__}"])
    return sw.Model("wine", version=int(logged.registered_model_version))


@sw.pipeline(name="train-wine")
def train(share: float = 0.3, seed: int = 1, strengths: list[float] = [0.001, 0.1, 10.0], enough: float = 0.9, registers: bool = True):
    learnt, held_out = split(wines(), share, seed)
    models = fit.map(learnt, sw.each(strengths))
    reached, model = best(accuracy.map(sw.each(models), held_out), models)
    with sw.when((reached >= enough) & registers):
        register(model, learnt, reached)
    return reached


project = sw.Project("wine", folder=pathlib.Path(__file__).parent).add(train, sw.Schedule(name="nightly-wine", pipeline=train, cron="0 2 * * *"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apply", action="store_true")
    parser.add_argument("--yaml", action="store_true")
    asked = parser.parse_args()
    if asked.yaml:
        print(project.to_yaml(), end="")
    elif asked.apply:
        client = sw.Client(os.environ.get("SLIPWAY_URL"))
        client.apply(project)
        run = client.run(train)
        print(json.dumps({step["name"]: step["state"] for step in run["steps"]}, indent=2))
    else:
        print(f"accuracy of the best model: {train(registers=False):.3f}")
