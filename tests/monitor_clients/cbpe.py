"""cbpe.py REFERENCE.parquet ANALYSIS.parquet yes|no: what NannyML's CBPE says of each `day` of the analysis, as JSON on stdout.

Both have columns score and said (0 or 1); the reference has label. yes or no: whether scores are calibrated, which NannyML
else decides by ten random splits, that is, by luck where it matters little. Its error of an area under a curve depends on the order of reference rows
of one score; said is the mean over some orders, always the same ones.
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

ORDERS = 20
METRICS = ["roc_auc", "average_precision", "accuracy", "precision", "recall", "specificity", "f1"]
reference, analysis = (pd.read_parquet(path) for path in sys.argv[1:3])
reference = reference.sort_values(["score", "label"])


def fitted(metrics: list[str], rows: pd.DataFrame) -> nannyml.CBPE:
    estimator = nannyml.CBPE(metrics=metrics, y_pred_proba="score", y_pred="said", y_true="label", problem_type="classification_binary", chunk_number=1)
    estimator.fit(rows.drop(columns="day"))
    estimator.calibrator.fit(rows.score, rows.label)
    estimator.needs_calibration = sys.argv[3] == "yes"
    return estimator


def estimate(estimator: nannyml.CBPE, rows: pd.DataFrame) -> pd.DataFrame:
    return estimator.estimate(rows.drop(columns="day").reset_index(drop=True)).filter(period="analysis").to_df()


estimator = fitted(METRICS, reference)
of_areas = [fitted(["roc_auc"], reference.sample(frac=1, random_state=order)) for order in range(ORDERS)]
days = {}
for day, rows in analysis.groupby("day"):
    found = estimate(estimator, rows)
    days[day] = {name: {"value": float(found[(name, "value")].iloc[0]), "sampling_error": float(found[(name, "sampling_error")].iloc[0])} for name in METRICS}
    days[day]["roc_auc"]["sampling_error"] = sum(float(estimate(one, rows)[("roc_auc", "sampling_error")].iloc[0]) for one in of_areas) / ORDERS
json.dump(days, sys.stdout)
