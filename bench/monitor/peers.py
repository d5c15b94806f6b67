"""peers.py REFERENCE CURRENT PAGE: Evidently's drift preset over two Parquet files, to a page; what it cost, as JSON.

Imports don't count, reading does, but has a number of its own."""
import json
import os
import re
import resource
import sys
import time
import warnings

os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently import Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main() -> None:
    reference, current, page = sys.argv[1:4]
    began = time.process_time(), time.perf_counter()
    frames = [pd.read_parquet(path) for path in (reference, current)]
    read = time.process_time(), time.perf_counter()
    snapshot = Report([DataDriftPreset()]).run(*(Dataset.from_pandas(frame) for frame in reversed(frames)))
    ran = time.process_time(), time.perf_counter()
    snapshot.save_html(page)
    ended = time.process_time(), time.perf_counter()
    scores = {}
    for metric in json.loads(snapshot.json())["metrics"]:
        if one := re.match(r"ValueDrift\(column=(.*),method=(.*),threshold=(.*)\)", metric["metric_name"]):
            scores[one[1]] = float(metric["value"])
    json.dump({"cpu_s": ended[0] - began[0], "wall_s": ended[1] - began[1], "read_cpu_s": read[0] - began[0], "run_cpu_s": ran[0] - read[0],
               "run_wall_s": ran[1] - read[1], "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "scores": scores}, sys.stdout)


if __name__ == "__main__":
    main()
