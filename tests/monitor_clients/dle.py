"""dle.py REFERENCE.parquet ANALYSIS.parquet: what NannyML's DLE says of each `day` of the analysis, as JSON on stdout.

Both have columns day and prediction, the reference label; all others are inputs. {DAY: {METRIC: {"value", "sampling_error"}}}
"""
import json
import os
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # LightGBM talks

import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

METRICS = ["mae", "mape", "mse", "msle", "rmse", "rmsle"]
reference, analysis = (pd.read_parquet(path) for path in sys.argv[1:3])
inputs = [name for name in analysis if name not in ("day", "prediction", "label")]
estimator = nannyml.DLE(feature_column_names=inputs, y_pred="prediction", y_true="label", metrics=METRICS, chunk_number=1)
estimator.fit(reference.drop(columns="day"))
days = {}
for day, rows in analysis.groupby("day"):
    found = estimator.estimate(rows.drop(columns="day").reset_index(drop=True)).filter(period="analysis").to_df()
    days[day] = {name: {"value": float(found[(name, "value")].iloc[0]), "sampling_error": float(found[(name, "sampling_error")].iloc[0])} for name in METRICS}
json.dump(days, answer)
answer.flush()
