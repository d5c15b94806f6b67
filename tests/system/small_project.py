"""A project small enough for a test: a feature over past visits, a model of whether a visit ends in a sale, watched by a monitor.

`visits` has one row every ten minutes from 2024-01-01; a visit's outcome is known an hour later. What makes a sale turns around at
CHANGE, so that a model of the weeks before is wrong after it.
"""
import pathlib
import textwrap

import numpy as np
import pandas as pd

START = pd.Timestamp("2024-01-29", tz="UTC")  # where the event clock begins: four weeks are known
CHANGE = pd.Timestamp("2024-02-05", tz="UTC")
DAYS = 56

YAML = """
project: shop
owner: sales
clock: rehearsal
start: 2024-01-29T00:00:00Z
datasets:
  visits:
    path: visits.parquet
    key: [visit]
    event_time: at
    arrival_time: known_at
    columns:
      pages: {type: double, min: 0, max: 1000}
      shop: {type: string, in: [north, south], required: true}
features:
  sources:
    ended: {dataset: visits, event_time: known_at, arrival_time: known_at}
  views:
    shop_recent:
      source: ended
      keys: [shop]
      windows: [24h]
      aggregates: {sale_share: mean(sold), visits: count()}
  services:
    sale:
      event_time: at
      request: {shop: string, pages: double, at: timestamp}
      features: [shop_recent, request.pages, request.shop]
pipelines:
  train:
    params: {as_of: "{now}", bad: 0}
    steps:
      - name: rows
        run: slipway features history sale --entities dataset:visits --label 'sold = sold > 0' --as-of {as_of} --out {out}/rows.parquet
        inputs: ["dataset:visits"]
        outputs: [rows.parquet]
      - name: train
        run: python3 train.py --rows {rows}/rows.parquet --as-of {as_of} --bad {bad} --out {out}
        code: [train.py]
        inputs: ["model:sale@champion"]
        outputs: [contenders.json, holdout.parquet, model.json]
      - name: gate
        run: >-
          slipway models gate sale --contenders {train}/contenders.json --holdout {train}/holdout.parquet
          --policy min_rows=100,min_days=3,log_loss_margin=0.01 --out {out}/verdict.json
        outputs: [verdict.json]
        cache: false
      - name: promote
        run: slipway models promote sale champion --gate {gate}/verdict.json --version {train}/model.json
        cache: false
endpoints:
  sale:
    model: models:/sale@champion
    features: sale
    output: sold
    release: {delay: 1h, steps: [20, 100], hold: 6h, guard: {error_rate: 0.05, min_requests: 3}}
monitors:
  sale-health:
    endpoint: sale
    windows: [day]
    complete: {share: 0.95, after: 6h}
    reference: {from: 2024-01-08T00:00:00Z, to: 2024-01-29T00:00:00Z}
    drift: {columns: {shop: {method: l_infinity, threshold: 0.2}}}
    alerts:
      log_loss: {metric: log_loss_ratio, window: day, over: 1.0, min_rows: 50, action: retrain}
    actions:
      retrain: {pipeline: train, min_labels: 50, cool_down: 5d}
"""

TRAIN = '''
import argparse, json, pathlib
import mlflow, pandas as pd, xgboost
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

parser = argparse.ArgumentParser()
parser.add_argument("--rows"), parser.add_argument("--as-of"), parser.add_argument("--bad", type=int), parser.add_argument("--out", type=pathlib.Path)
args = parser.parse_args()
rows = pd.read_parquet(args.rows).astype({"shop": "category"})
columns = [c for c in rows.columns if c not in ("visit", "at", "sold", "sold_known_at")]
as_of = pd.Timestamp(args.as_of)
start = as_of - pd.Timedelta(days=4)
try:
    champion = MlflowClient().get_model_version_by_alias("sale", "champion")
except mlflow.exceptions.MlflowException:
    champion = None
train = rows[(rows.sold_known_at <= start) & (rows["at"] > start - pd.Timedelta(days=21))]
held = rows[rows["at"] >= start]
label = train.sold.astype(float)
matrix = lambda frame, y=None: xgboost.DMatrix(frame[columns], y, enable_categorical=True)
mlflow.set_experiment("sale")
with mlflow.start_run():
    mlflow.log_params({"as_of": args.as_of, "rows": len(train), "max_depth": 3, "rounds": 20})
    curves = {}
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1, "eval_metric": ["auc", "logloss"]}, matrix(train, 1 - label if args.bad else label), 20,
                            evals=[(matrix(held, held.sold.astype(float)), "held")], evals_result=curves, verbose_eval=False)
    for step, (auc, log_loss) in enumerate(zip(curves["held"]["auc"], curves["held"]["logloss"])):
        mlflow.log_metrics({"auc": auc, "log_loss": log_loss}, step=step)
    info = mlflow.xgboost.log_model(booster, name="model", registered_model_name="sale", model_format="json", pip_requirements=["xgboost-cpu"],
                                    signature=infer_signature(held[columns].astype({"shop": object}).head(), booster.predict(matrix(held.head()))))
version = int(info.registered_model_version)
MlflowClient().set_model_version_tag("sale", str(version), "train_until", start.isoformat())
scored = pd.DataFrame({"event_time": held["at"], "arrival_time": held.sold_known_at, "label": held.sold.astype(float), "candidate": booster.predict(matrix(held)).astype(float)})
contenders = {"candidate": {"version": version, "train_until": start.isoformat()}}
if champion:
    scored["champion"] = mlflow.xgboost.load_model(f"models:/sale/{champion.version}").predict(matrix(held)).astype(float)
    contenders["champion"] = {"version": int(champion.version), "train_until": champion.tags["train_until"]}
scored.to_parquet(args.out / "holdout.parquet", index=False)
(args.out / "contenders.json").write_text(json.dumps(contenders))
(args.out / "model.json").write_text(json.dumps({"version": version}))
'''

REPLAY = ["--id", "visit", "--event-time", "at", "--inputs", "shop,pages,at", "--label", "sold > 0", "--label-time", "known_at", "--connections", "4"]


def visits() -> pd.DataFrame:
    random = np.random.default_rng(7)
    at = pd.date_range("2024-01-01", periods=DAYS * 144, freq="10min", tz="UTC")
    pages = random.integers(1, 30, len(at)).astype(float)
    shop = random.choice(["north", "south"], len(at))
    wants = np.where(at < CHANGE, pages - 15, 15 - pages) / 4 + np.where(shop == "north", 0.8, -0.8)
    sold = (random.random(len(at)) < 1 / (1 + np.exp(-wants))).astype(float)
    rows = pd.DataFrame({"visit": [f"v{i:06d}" for i in range(len(at))], "at": at, "known_at": at + pd.Timedelta(hours=1), "shop": shop, "pages": pages, "sold": sold})
    rows.loc[5, "pages"] = 5000.0  # impossible: goes to quarantine
    return rows.astype({"at": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


def write(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    visits().to_parquet(folder / "visits.parquet", index=False)
    (folder / "slipway.yaml").write_text(textwrap.dedent(YAML))
    (folder / "train.py").write_text(TRAIN)
    return folder / "slipway.yaml"


def replay_flags(folder: pathlib.Path, until: str) -> list[str]:
    file = folder / "visits.parquet"
    return ["--requests", str(file), "--push", f"ended={file}:known_at", *REPLAY, "--until", until]
