"""report.py REFERENCE.parquet CURRENT.parquet: what Evidently's drift preset says at its defaults, as JSON on stdout.

{"columns": {NAME: {"method", "threshold", "score", "drifted"}}, "drifted": N, "share": X}
"""
import json
import os
import re
import sys
import warnings

os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently import Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402

reference, current = (Dataset.from_pandas(pd.read_parquet(path)) for path in sys.argv[1:3])
found = json.loads(Report([DataDriftPreset()], include_tests=True).run(current, reference).json())
columns, whole = {}, {}
for metric in found["metrics"]:
    name = metric.get("metric_name") or metric["metric_id"]
    if one := re.match(r"ValueDrift\(column=(.*),method=(.*),threshold=(.*)\)", name):
        columns[one[1]] = {"method": one[2], "threshold": float(one[3]), "score": float(metric["value"])}
    elif name.startswith("DriftedColumnsCount"):
        whole = {"drifted": int(metric["value"]["count"]), "share": metric["value"]["share"]}
for test in found["tests"]:
    if one := re.match(r"Value Drift for column (.*)", test["name"]):
        columns[one[1]]["drifted"] = test["status"] == "FAIL"
json.dump({"columns": columns, **whole}, sys.stdout)
