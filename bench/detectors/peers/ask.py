"""ask.py NAME FOLDER: in which windows each stream of the folder alarms, by one library at its defaults; as JSON.

The reference is what is in negative windows, all of it."""
import json
import os
import pathlib
import sys
import warnings

os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402


def windows_of(table: pd.DataFrame):
    return ((int(window), part[["value"]].reset_index(drop=True)) for window, part in table[table.window >= 0].groupby("window"))


def evidently(table: pd.DataFrame) -> list[int]:
    import re

    from evidently import Dataset, Report
    from evidently.metrics import ValueDrift

    reference, found = Dataset.from_pandas(table[table.window < 0][["value"]].reset_index(drop=True)), []
    for window, part in windows_of(table):
        metric = json.loads(Report([ValueDrift(column="value")]).run(Dataset.from_pandas(part), reference).json())["metrics"][0]
        method, threshold = re.match(r"ValueDrift\(column=value,method=(.*),threshold=(.*)\)", metric["metric_name"]).groups()
        value = float(metric["value"])
        if value < float(threshold) if "p_value" in method else value >= float(threshold):
            found.append(window)
    return found


def whylogs(table: pd.DataFrame) -> list[int]:
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    reference, found = why.log(table[table.window < 0][["value"]]).view(), []
    for window, part in windows_of(table):
        scores = calculate_drift_scores(target_view=why.log(part).view(), reference_view=reference, with_thresholds=True)
        if scores["value"] and scores["value"]["drift_category"] == "DRIFT":
            found.append(window)
    return found


def nannyml(table: pd.DataFrame) -> list[int]:
    import nannyml as nml

    kept = table[["time", "value"]]
    calculators = [nml.UnivariateDriftCalculator(column_names=["value"], timestamp_column_name="time", chunk_period="D",
                                                 treat_as_categorical=["value"] if kept.value.dtype == object else []),
                   nml.MissingValuesCalculator(column_names=["value"], timestamp_column_name="time", chunk_period="D")]
    found = set()
    for calculator in calculators:
        calculator.fit(kept[table.window < 0])
        result = calculator.calculate(kept[table.window >= 0]).filter(period="analysis").to_df()
        alarms = result[[column for column in result.columns if column[-1] == "alert"]].any(axis=1)
        found |= {index for index, alarm in enumerate(alarms) if alarm}
    return sorted(found)


def alibi(table: pd.DataFrame) -> list[int]:
    import numpy as np
    from alibi_detect.cd import ChiSquareDrift, KSDrift

    is_text = table.value.dtype == object
    rows = lambda part: part.value.dropna().to_numpy(dtype=object if is_text else np.float32).reshape(-1, 1)  # noqa: E731
    detector = (ChiSquareDrift if is_text else KSDrift)(rows(table[table.window < 0]), p_val=0.05)
    return [window for window, part in windows_of(table) if detector.predict(rows(part))["data"]["is_drift"]]


def main() -> None:
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    ask = {"evidently": evidently, "whylogs": whylogs, "nannyml": nannyml, "alibi": alibi}[name]
    found = {file.stem: ask(pd.read_parquet(file)) for file in sorted(folder.glob("*.parquet"))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
