"""A year of profiles: what it takes on the disk, and how long a window of it takes to answer.

An endpoint with 20 inputs and three declared slices has answered --rows requests, evenly over the year that ends now. Its log is profiled by days in a walk of a
rehearsal's clock, its last day then by the wall's, so that there are minutes, hours, days and months as there are after a year of service. Asked over HTTP are
--tries windows of each length that begin at any time: half of them, and 99 of 100, are answered within the milliseconds shown.
"""
import argparse
import json
import pathlib
import sqlite3
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402
from live.run import ask, register, served_until, template, write_part  # noqa: E402

DAYS = 365
PROJECT = """
project: year
clock: %s
start: %s
endpoints:
  live: {model: models:/live/1, output: score}
monitors:
  live:
    endpoint: live
    slices: [{name: high, when: "x00 > 1"}, {name: low, when: "x00 < -1"}, {name: middle, when: "x01 > -0.5 and x01 < 0.5"}]
"""


def zulu(time_of_day: pd.Timestamp) -> str:
    return time_of_day.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_year(folder: pathlib.Path, begin: pd.Timestamp, end: pd.Timestamp, rows: int) -> None:
    """A part a day, as the log has it."""
    like, a_day = template(folder), rows // DAYS
    for day, date in enumerate(pd.date_range(begin.floor("D"), end, freq="D")):
        times = date.value // 1000 + np.arange(a_day) * (86_400_000_000 // a_day)
        times = times[(times >= begin.value // 1000) & (times < end.value // 1000)].astype("int64")
        write_part(like, folder / f"date={date.date()}" / "part-1000.parquet", times, day * a_day)


def percentiles(urls: list[str]) -> dict:
    spent, blocks = [], 0
    for url in urls:
        began = time.perf_counter()
        found = ask(url)
        spent.append((time.perf_counter() - began) * 1e3)
        blocks = max(blocks, found["blocks"])
    return {"ms_p50": float(np.percentile(spent, 50)), "ms_p99": float(np.percentile(spent, 99)), "blocks_max": blocks}


def windows(begin: pd.Timestamp, end: pd.Timestamp, tries: int) -> dict[str, list[tuple]]:
    """Of each length some that begin at any minute between `since` and its length before the end."""
    random, day = np.random.default_rng(5), pd.Timedelta(days=1)
    kinds = {"ten minutes of the last two hours": (pd.Timedelta(minutes=10), end - day / 12), "an hour of the last two, from any minute": (day / 24, end - day / 12),
             "an hour of the last twelve days": (day / 24, end - 12 * day), "a day": (day, begin), "a week": (7 * day, begin), "a month": (30 * day, begin),
             "a quarter": (91 * day, begin), "most of the year": (325 * day, begin), "the year": (end - begin, begin)}
    found = {}
    for name, (length, since) in kinds.items():
        starts = [since + pd.Timedelta(minutes=int(share * ((end - since - length) / pd.Timedelta(minutes=1)))) for share in random.random(tries)]
        found[name] = [(start, start + length) for start in starts]
    return found


def measure(folder: pathlib.Path, args) -> dict:
    inputs = [f"x{i:02}" for i in range(args.inputs)]
    port = processes.free_port()
    command = [processes.BUILD / "slipway", "server", "--data", folder / "data", "--port", port, "--profile-delay-seconds", 1]
    end = pd.Timestamp.now(tz="UTC").floor("min")
    begin = end - pd.Timedelta(days=DAYS)
    rehearsed_to = end - pd.Timedelta(hours=4)
    with processes.Process(command, port, folder / "server.log") as server:
        register(server.url, inputs)
        ask(server.url + "/slipway/v1/apply", {"yaml": PROJECT % ("rehearsal", zulu(begin)), "dir": str(folder)})
        ask(server.url + "/slipway/v1/endpoints/live/deploy", {"model": "models:/live/1", "reason": "bench"})
        ask(server.url + "/v2/models/live/infer", {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [0.5]} for name in inputs]})
        ask(server.url + "/slipway/v1/clock", {"advance_to": zulu(begin + pd.Timedelta(minutes=1))})  # profiles begin here
        time.sleep(2)
    write_year(folder / "data" / "requests" / "live", begin, end, args.rows)
    with processes.Process(command, port, folder / "server.log") as server:
        began = server.cpu_seconds()
        for time_of_clock in pd.date_range(begin + pd.Timedelta(days=10), rehearsed_to, freq="10D").append(pd.DatetimeIndex([rehearsed_to])):
            ask(server.url + "/slipway/v1/clock", {"advance_to": zulu(time_of_clock)})
        ask(server.url + "/slipway/v1/apply", {"yaml": PROJECT % ("wall", zulu(begin)), "dir": str(folder)})
        while served_until(server.url) < end:
            time.sleep(0.2)
        profiled = server.cpu_seconds() - began
        found = {}
        for name, asked in windows(begin, end, args.tries).items():
            urls = [f"{server.url}/slipway/v1/endpoints/live/profile?from={zulu(first)}&to={zulu(last)}" for first, last in asked]
            for what, more in (("one input", "&input=x00"), ("all inputs", ""), ("a slice's", "&slice=high")):
                if not (what == "a slice's" and "minute" in name):
                    found[f"{name}, {what}"] = percentiles([url + more for url in urls])
    with sqlite3.connect(folder / "data" / "slipway.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        levels = {level: {"blocks": blocks, "bytes": size} for level, blocks, size in db.execute("SELECT level, count(*), sum(length(profile)) FROM monitor_profiles GROUP BY level")}
        before = db.execute("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count").fetchone()[0]
        db.execute("DELETE FROM monitor_profiles")
        after = db.execute("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count").fetchone()[0]
        page = db.execute("PRAGMA page_size").fetchone()[0]
        db.rollback()
    return {"cpu_seconds": profiled, "levels": levels, "bytes_on_disk": (before - after) * page, "windows": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--inputs", type=int, default=20)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        found = measure(pathlib.Path(folder), args)
    if args.json:
        print(json.dumps({"bench": "profiles/year", **processes.machine(), **vars(args), **found}, indent=1))
        return
    print(f"{args.rows:,} rows of {args.inputs} inputs and 3 slices over a year: {found['bytes_on_disk'] / 2**20:.1f} MiB on the disk, made in {found['cpu_seconds']:.1f} s of CPU")
    for level, one in found["levels"].items():
        print(f"  {level}: {one['blocks']:,} blocks, {one['bytes'] / max(1, one['blocks']):,.0f} bytes each")
    for window, one in found["windows"].items():
        print(f"  {window}: p50 {one['ms_p50']:.1f} ms, p99 {one['ms_p99']:.1f} ms, from at most {one['blocks_max']:,} blocks")


if __name__ == "__main__":
    main()
