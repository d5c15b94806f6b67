"""A year of profiles: what it takes on the disk, and how long a window of it takes to answer.

An endpoint with 50 inputs has answered --rows requests, evenly over a year of a rehearsal's clock; its log is profiled in one walk of the clock. Asked over
HTTP, the median of --tries: one input and all of them, of the year, of a quarter that begins and ends within a day, of a day, of the last ten minutes.
"""
import argparse
import json
import pathlib
import sqlite3
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402
from live.run import ask, register, template, write_part  # noqa: E402

BEGIN, DAYS = pd.Timestamp("2025-01-01", tz="UTC"), 365
PROJECT = """
project: year
clock: rehearsal
start: 2025-01-01T00:00:00Z
endpoints:
  live: {model: models:/live/1, output: score}
"""


def write_year(folder: pathlib.Path, rows: int) -> pd.Timestamp:
    """A part a day, as the log has it."""
    like, a_day = template(folder), rows // DAYS
    for day in range(DAYS):
        begin = BEGIN + pd.Timedelta(days=day)
        times = (begin.value // 1000 + np.arange(a_day) * (86_400_000_000 // a_day)).astype("int64")
        write_part(like, folder / f"date={begin.date()}" / "part-1000.parquet", times, day * a_day)
    return BEGIN + pd.Timedelta(days=DAYS)


def milliseconds(url: str, tries: int) -> tuple[float, dict]:
    spent = []
    for _ in range(tries):
        began = time.perf_counter()
        found = ask(url)
        spent.append((time.perf_counter() - began) * 1e3)
    return statistics.median(spent), found


def measure(folder: pathlib.Path, args) -> dict:
    inputs = [f"x{i:02}" for i in range(args.inputs)]
    port = processes.free_port()
    command = [processes.BUILD / "slipway", "server", "--data", folder / "data", "--port", port]
    with processes.Process(command, port, folder / "server.log") as server:
        register(server.url, inputs)
        ask(server.url + "/slipway/v1/apply", {"yaml": PROJECT, "dir": str(folder)})
        ask(server.url + "/slipway/v1/endpoints/live/deploy", {"model": "models:/live/1", "reason": "bench"})
        ask(server.url + "/v2/models/live/infer", {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [0.5]} for name in inputs]})
        ask(server.url + "/slipway/v1/clock", {"advance_to": (BEGIN + pd.Timedelta(minutes=1)).isoformat()})  # profiles begin here
        time.sleep(2)
    end = write_year(folder / "data" / "requests" / "live", args.rows)
    with processes.Process(command, port, folder / "server.log") as server:
        began = server.cpu_seconds()
        for time_of_clock in pd.date_range(BEGIN + pd.Timedelta(days=10), end, freq="10D").append(pd.DatetimeIndex([end + pd.Timedelta(hours=1)])):
            ask(server.url + "/slipway/v1/clock", {"advance_to": time_of_clock.isoformat()})
        profiled = server.cpu_seconds() - began
        windows = {"the year": (BEGIN, end), "a quarter, off the days": (BEGIN + pd.Timedelta(days=40, hours=5), BEGIN + pd.Timedelta(days=131, hours=17)),
                   "a day": (end - pd.Timedelta(days=2), end - pd.Timedelta(days=1)), "the last ten minutes": (end - pd.Timedelta(minutes=10), end)}
        found = {}
        for name, (first, last) in windows.items():
            base = f"{server.url}/slipway/v1/endpoints/live/profile?from={first.strftime('%Y-%m-%dT%H:%M:%SZ')}&to={last.strftime('%Y-%m-%dT%H:%M:%SZ')}"
            for what, url in (("one input", base + "&input=x00"), ("all inputs", base)):
                spent, answer = milliseconds(url, args.tries)
                found[f"{name}, {what}"] = {"ms": spent, "blocks": answer["blocks"], "rows": answer["inputs"][0]["rows"] if answer["inputs"] else 0}
    with sqlite3.connect(folder / "data" / "slipway.db") as db:
        levels = {level: {"blocks": blocks, "bytes": size} for level, blocks, size in db.execute("SELECT level, count(*), sum(length(profile)) FROM monitor_profiles GROUP BY level")}
    return {"cpu_seconds": profiled, "levels": levels, "bytes": sum(one["bytes"] for one in levels.values()), "windows": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--inputs", type=int, default=50)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        found = measure(pathlib.Path(folder), args)
    if args.json:
        print(json.dumps({"bench": "profiles/year", **processes.machine(), **vars(args), **found}, indent=1))
        return
    print(f"{args.rows:,} rows of {args.inputs} inputs over a year: {found['bytes'] / 2**20:.1f} MiB of profiles, made in {found['cpu_seconds']:.1f} s of CPU")
    for level, one in found["levels"].items():
        print(f"  {level}: {one['blocks']:,} blocks, {one['bytes'] / max(1, one['blocks']):,.0f} bytes each")
    for window, one in found["windows"].items():
        print(f"  {window}: {one['ms']:.1f} ms from {one['blocks']:,} blocks ({one['rows']:,} rows)")


if __name__ == "__main__":
    main()
