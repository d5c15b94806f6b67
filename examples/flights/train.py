"""Trains the model of the example: does a departure from New York arrive more than 15 minutes late?

The kind of script a data scientist has: pandas, XGBoost and the mlflow client, which finds the server in MLFLOW_TRACKING_URI.
What is known when the prediction is asked for, at the scheduled departure: the calendar, the route and the weather of the hour
before. Rows from --from to --until are for training, the --holdout-days after them for looking how good it is.
"""
import argparse
import json
import pathlib

import mlflow
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from sklearn.metrics import log_loss, roc_auc_score

LATE_MINUTES = 15
WEATHER = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]


def features(data: pathlib.Path) -> pd.DataFrame:
    flights = pd.read_parquet(data / "flights.parquet")
    weather = pd.read_parquet(data / "weather.parquet").sort_values("known_at")
    local = flights.sched_dep_at.dt.tz_convert("America/New_York")
    flights["hour"], flights["weekday"], flights["month"] = local.dt.hour, local.dt.weekday, local.dt.month
    # The newest observation known at departure, at most six hours old.
    joined = pd.merge_asof(flights, weather[["origin", "known_at", *WEATHER]].rename(columns={"known_at": "weather_known_at"}),
                           left_on="sched_dep_at", right_on="weather_known_at", by="origin", tolerance=pd.Timedelta(hours=6))
    joined["wind_speed"] = joined.wind_speed.where(joined.wind_speed < 200)  # one reading says 1048 miles an hour
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--from", dest="start", default="2013-01-01")
    parser.add_argument("--until", default="2013-06-01")
    parser.add_argument("--holdout-days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--register", help="name to register the model under")
    args = parser.parse_args()

    rows = features(args.data)
    rows = rows[rows.arr_delay.notna()]  # cancelled and diverted flights have no label
    columns = ["hour", "weekday", "month", "distance", *WEATHER, *CATEGORIES]
    inputs = rows[columns].astype({"hour": float, "weekday": float, "month": float}).astype(dict.fromkeys(CATEGORIES, "category"))
    label = (rows.arr_delay > LATE_MINUTES).astype(int)
    until = pd.Timestamp(args.until, tz="UTC")
    train = (rows.sched_dep_at >= pd.Timestamp(args.start, tz="UTC")) & (rows.sched_dep_at < until) & (rows.known_at <= until)
    held = (rows.sched_dep_at >= until) & (rows.sched_dep_at < until + pd.Timedelta(days=args.holdout_days))

    params = {"objective": "binary:logistic", "eval_metric": "logloss", "max_depth": 6, "eta": 0.15, "subsample": 1.0, "tree_method": "hist", "nthread": 2, "seed": 1}
    mlflow.set_experiment("flight-delay")
    with mlflow.start_run() as run:
        mlflow.log_params({**params, "rounds": args.rounds, "train_until": args.until, "train_rows": int(train.sum())})
        matrices = {"train": xgboost.DMatrix(inputs[train], label[train], enable_categorical=True),
                    "holdout": xgboost.DMatrix(inputs[held], label[held], enable_categorical=True)}
        history = {}
        booster = xgboost.train(params, matrices["train"], args.rounds, evals=[(m, name) for name, m in matrices.items()], evals_result=history, verbose_eval=False)
        for name, series in history.items():
            for step, value in enumerate(series["logloss"]):
                mlflow.log_metric(f"{name}_logloss", value, step=step)
        prediction = booster.predict(matrices["holdout"])
        result = {"auc": roc_auc_score(label[held], prediction), "log_loss": log_loss(label[held], prediction),
                  "calibration_bias": float(prediction.mean() - label[held].mean()), "late_rate": float(label[held].mean())}
        mlflow.log_metrics({f"holdout_{name}": value for name, value in result.items()})
        mlflow.log_dict(booster.get_score(importance_type="gain"), "importance.json")
        info = mlflow.xgboost.log_model(booster, name="model", signature=infer_signature(inputs[train].head(1000).astype(dict.fromkeys(CATEGORIES, "object")), prediction[:1000]),
                                        registered_model_name=args.register, model_format="json")
    print(json.dumps({"run_id": run.info.run_id, "model_uri": info.model_uri, "version": info.registered_model_version, "rows": int(train.sum()),
                      "holdout_rows": int(held.sum()), **{k: round(v, 4) for k, v in result.items()}}))


if __name__ == "__main__":
    main()
