"""cbpe_classes.py REFERENCE.parquet ANALYSIS.parquet: what NannyML's CBPE says of each `day` of a multi-class analysis, as JSON on stdout.

Both have columns day, said, and score_CLASS for each class; the reference has label. {DAY: {METRIC: {"value", "sampling_error"}}}
"""
import json
import os
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

METRICS = {"accuracy": "accuracy", "roc_auc": "roc_auc_ovr", "f1": "f1_macro", "precision": "precision_macro", "recall": "recall_macro"}
reference, analysis = (pd.read_parquet(path) for path in sys.argv[1:3])
scores = {name.removeprefix("score_"): name for name in analysis if name.startswith("score_")}
estimator = nannyml.CBPE(metrics=list(METRICS), y_pred_proba=scores, y_pred="said", y_true="label", problem_type="classification_multiclass", chunk_number=1)
estimator.fit(reference.drop(columns="day"))
days = {}
for day, rows in analysis.groupby("day"):
    found = estimator.estimate(rows.drop(columns="day").reset_index(drop=True)).filter(period="analysis").to_df()
    days[day] = {ours: {"value": float(found[(name, "value")].iloc[0]), "sampling_error": float(found[(name, "sampling_error")].iloc[0])} for name, ours in METRICS.items()}
json.dump(days, sys.stdout)
