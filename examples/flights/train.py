"""Trains the model of the example: does a departure from New York arrive more than 15 minutes late?

The kind of script a data scientist has: pandas, XGBoost and the mlflow client, which finds the server in MLFLOW_TRACKING_URI. The rows
come from `slipway features history`: each with its features as known at the scheduled departure, its label, and when that was known.

    train.py candidate   on what was known before the hold-out; writes holdout.parquet with the candidate's and the champion's predictions
    train.py refit       on everything known, registered as the next version; writes model.json
"""
import argparse
import json
import pathlib
import sys
import time

import mlflow
import pandas as pd
import xgboost
from mlflow.entities import Metric
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.metrics import log_loss, roc_auc_score

MODEL = "flight-delay"
LABEL = "late"
CATEGORIES = ["carrier", "origin", "dest"]
NOT_FEATURES = ["flight_id", "sched_dep_at", LABEL, f"{LABEL}_known_at"]
PARAMS = {"objective": "binary:logistic", "eval_metric": "logloss", "max_depth": 6, "eta": 0.12, "min_child_weight": 20,
          "tree_method": "hist", "max_bin": 64, "nthread": 2, "seed": 1}
DAY = pd.Timedelta(days=1)
GATE_SAID_NO = 3  # the exit code that ends a run as refused, not failed


def read_rows(file: pathlib.Path) -> pd.DataFrame:
    rows = pd.read_parquet(file)
    return rows.astype(dict.fromkeys(CATEGORIES, "category"))


def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[[c for c in rows.columns if c not in NOT_FEATURES]]


def matrix(rows: pd.DataFrame) -> xgboost.DMatrix:
    return xgboost.DMatrix(inputs(rows), rows[LABEL].astype(float), enable_categorical=True)


def known_by(rows: pd.DataFrame, until: pd.Timestamp, days: int) -> pd.DataFrame:
    """What could be learned from at `until`; of the last `days` alone, unless that is 0."""
    known = rows[rows[f"{LABEL}_known_at"] <= until]
    return known[known.sched_dep_at >= until - days * DAY] if days else known


def fit(train: pd.DataFrame, rounds: int, watched: dict[str, pd.DataFrame], params: dict) -> xgboost.Booster:
    """Trains and logs the curve of every watched set, point by point."""
    history = {}
    matrices = {name: matrix(rows) for name, rows in watched.items()}
    data = matrix(train)
    booster = xgboost.train(params, data, rounds, evals=[(data, "train"), *((m, name) for name, m in matrices.items())],
                            evals_result=history, verbose_eval=False)
    now = int(time.time() * 1000)
    MlflowClient().log_batch(mlflow.active_run().info.run_id, [Metric(f"{name}_logloss", value, now, step) for name, series in history.items()
                                                               for step, value in enumerate(series["logloss"])])
    return booster


def start_run(kind: str, train: pd.DataFrame, args) -> mlflow.ActiveRun:
    mlflow.set_experiment(MODEL)
    run = mlflow.start_run(run_name=f"{kind} {args.as_of[:10]}")
    mlflow.log_params({**PARAMS, "rounds": args.rounds, "as_of": args.as_of, "train_days": args.train_days, "train_rows": len(train),
                       "train_from": str(train.sched_dep_at.min()), "train_to": str(train.sched_dep_at.max())})
    mlflow.set_tag("kind", kind)
    return run


def find_champion(client: MlflowClient):
    try:
        return client.get_model_version_by_alias(MODEL, "champion")
    except mlflow.exceptions.MlflowException:
        return None  # the first training: the gate compares with the base rate


def candidate(args) -> dict:
    rows, as_of = read_rows(args.rows), pd.Timestamp(args.as_of)
    champion = find_champion(MlflowClient())
    start = as_of - args.holdout_days * DAY
    if champion:  # neither side may have been trained on the hold-out
        start = max(start, pd.Timestamp(champion.tags["train_until"]))
    train, holdout = known_by(rows, start, args.train_days), rows[rows.sched_dep_at >= start]
    if holdout.empty:
        print("Nothing has happened since the champion was trained: there is no row to compare on.", file=sys.stderr)
        sys.exit(GATE_SAID_NO)
    with start_run("candidate", train, args) as run:
        booster = fit(train, args.rounds, {"holdout": holdout}, PARAMS)
        scored = pd.DataFrame({"event_time": holdout.sched_dep_at, "arrival_time": holdout[f"{LABEL}_known_at"], "label": holdout[LABEL].astype(float),
                               "day": holdout.sched_dep_at.dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d"),
                               "candidate": booster.predict(matrix(holdout)).astype(float)})
        if champion:
            scored["champion"] = mlflow.xgboost.load_model(f"models:/{MODEL}/{champion.version}").predict(matrix(holdout)).astype(float)
        result = {"auc": roc_auc_score(scored.label, scored.candidate), "log_loss": log_loss(scored.label, scored.candidate),
                  "calibration_bias": (scored.candidate - scored.label).mean(), "late_rate": scored.label.mean()}
        mlflow.log_metrics({f"holdout_{name}": float(value) for name, value in result.items()})
        mlflow.log_dict(booster.get_score(importance_type="gain"), "importance.json")
    scored.to_parquet(args.out / "holdout.parquet", index=False)
    contenders = {"candidate": {"run_id": run.info.run_id, "train_until": start.isoformat()}}
    if champion:
        contenders["champion"] = {"version": int(champion.version), "run_id": champion.run_id, "train_until": champion.tags["train_until"]}
    (args.out / "contenders.json").write_text(json.dumps(contenders))
    return {"rows": len(train), "holdout_rows": len(holdout), **{k: round(float(v), 4) for k, v in result.items()}}


def refit(args) -> dict:
    rows, as_of = read_rows(args.rows), pd.Timestamp(args.as_of)
    train = known_by(rows, as_of, args.train_days)
    with start_run("refit", train, args):
        version = register(fit(train, args.rounds, {}, PARAMS), train, as_of)
    (args.out / "model.json").write_text(json.dumps({"version": version}))
    return {"version": version, "rows": len(train)}


def register(booster: xgboost.Booster, train: pd.DataFrame, as_of: pd.Timestamp) -> int:
    example = train.head(500)
    signature = infer_signature(inputs(example).astype(dict.fromkeys(CATEGORIES, "object")), booster.predict(matrix(example)))
    info = mlflow.xgboost.log_model(booster, name="model", signature=signature, registered_model_name=MODEL, model_format="json",
                                    pip_requirements=str(pathlib.Path(__file__).with_name("requirements.txt")))
    MlflowClient().set_model_version_tag(MODEL, info.registered_model_version, "train_until", as_of.isoformat())
    return int(info.registered_model_version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["candidate", "refit"])
    parser.add_argument("--rows", type=pathlib.Path, required=True)
    parser.add_argument("--as-of", required=True, help="what is known when")
    parser.add_argument("--train-days", type=int, default=0, help="only so many last days; 0: everything")
    parser.add_argument("--holdout-days", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    args = parser.parse_args()
    print(json.dumps({"candidate": candidate, "refit": refit}[args.what](args)))


if __name__ == "__main__":
    main()
