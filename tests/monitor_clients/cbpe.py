"""cbpe.py REFERENCE.parquet ANALYSIS.parquet yes|no: what NannyML's CBPE says of each `day` of the analysis, as JSON on stdout.

Both have columns score and said (0 or 1); the reference has label. yes or no: whether scores are calibrated, which NannyML
else decides by ten random splits, that is, by luck where it matters little.
{DAY: {METRIC: {"value", "sampling_error"}}}
"""
import json
import os
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

METRICS = ["roc_auc", "average_precision", "accuracy", "precision", "recall", "specificity", "f1"]
reference, analysis = (pd.read_parquet(path) for path in sys.argv[1:3])
estimator = nannyml.CBPE(metrics=METRICS, y_pred_proba="score", y_pred="said", y_true="label", problem_type="classification_binary", chunk_number=1)
estimator.fit(reference.drop(columns="day"))
estimator.calibrator.fit(reference.score, reference.label)
estimator.needs_calibration = sys.argv[3] == "yes"
days = {}
for day, rows in analysis.groupby("day"):
    found = estimator.estimate(rows.drop(columns="day").reset_index(drop=True)).filter(period="analysis").to_df()
    days[day] = {name: {"value": float(found[(name, "value")].iloc[0]), "sampling_error": float(found[(name, "sampling_error")].iloc[0])} for name in METRICS}
json.dump(days, sys.stdout)
