"""Training sets beside Polars and DuckDB: Parquet in, Parquet out, over the same files.

latest   the newest row of each key as known at each entity row's time, at most 48 hours old, four columns
windows  sum, mean and count over 1 hour, 24 hours and 7 days before each entity row's time

What counts is CPU seconds of all threads; walls depend on what else runs. The answers are compared before anything is printed."""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import processes  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

YAML = """
project: bench
datasets:
  events: {path: events.parquet, key: [event_id], event_time: event_time, arrival_time: arrival_time}
  entities: {path: entities.parquet, key: [row_id], event_time: asked_at, arrival_time: asked_at}
features:
  sources:
    events: {dataset: events, event_time: event_time, arrival_time: arrival_time}
  views:
    latest: {source: events, keys: [key], ttl: 48h, columns: {a: a, b: b, c: c, d: d}}
    windows: {source: events, keys: [key], windows: [1h, 24h, 7d], aggregates: {sum_a: sum(a), mean_b: mean(b), n: count()}}
  services:
    latest: {event_time: asked_at, request: {key: int64, asked_at: timestamp}, features: [latest]}
    windows: {event_time: asked_at, request: {key: int64, asked_at: timestamp}, features: [windows]}
"""
PEERS = {"latest": ["polars", "duckdb"], "windows": ["duckdb"]}


def make_data(folder: pathlib.Path, rows: int, events: int, keys: int) -> None:
    """A month of events, in the order of time; late ones would be no fair question: the peers' joins know one clock."""
    random = np.random.default_rng(7)
    start, month = 1_600_000_000_000_000, 30 * 86_400 * 1_000_000
    at = np.sort(random.integers(0, month, events)) + start
    micros = pa.timestamp("us", "UTC")
    table = {"event_id": np.arange(events), "key": random.integers(0, keys, events), "event_time": pa.array(at, micros), "arrival_time": pa.array(at, micros)}
    pq.write_table(pa.table(table | {name: random.normal(size=events) for name in "abcd"}), folder / "events.parquet")
    asked = pa.array(np.sort(random.integers(month // 10, month, rows)) + start, micros)
    pq.write_table(pa.table({"row_id": np.arange(rows), "key": random.integers(0, keys, rows), "asked_at": asked}), folder / "entities.parquet")


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ask_slipway(server, job: str, out: pathlib.Path) -> dict:
    server.forget_peak()
    cpu, command, wall = server.cpu_seconds(), children_cpu(), time.perf_counter()
    subprocess.run([processes.BUILD / "slipway", "--url", server.url, "features", "history", job, "--entities", "dataset:entities",
                    "--as-of", "2030-01-01T00:00:00Z", "--out", out], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"cpu_s": server.cpu_seconds() - cpu + children_cpu() - command, "wall_s": time.perf_counter() - wall, "rss_mb": server.peak_mb()}


def ask_peer(name: str, job: str, folder: pathlib.Path, out: pathlib.Path) -> dict:
    done = subprocess.run([sys.executable, HERE / "peers.py", name, job, folder, out], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def check_same(job: str, files: dict[str, pathlib.Path]) -> None:
    """The same rows, and numbers equal up to the order of summation."""
    def columns(file: pathlib.Path) -> dict[str, np.ndarray]:
        table = pq.read_table(file).sort_by("row_id")
        return {name.removeprefix(f"{job}__"): table[name].to_numpy().astype(float) for name in table.column_names
                if name not in ("row_id", "key", "asked_at")}

    ours = columns(files["slipway"])
    for name, file in files.items():
        theirs = columns(file)
        if theirs.keys() != ours.keys():
            raise SystemExit(f"{name} gave other columns for {job}: {sorted(theirs)} and {sorted(ours)}")
        for column, values in theirs.items():
            np.testing.assert_allclose(values, ours[column], rtol=1e-9, atol=1e-9, err_msg=f"{job}: {name}, {column}")


def measure(server, folder: pathlib.Path, rounds: int) -> dict:
    samples: dict = {}
    for number in range(rounds):
        for job, peers in PEERS.items():
            files = {name: folder / f"{job}-{name}.parquet" for name in ("slipway", *peers)}
            for name, file in files.items():
                cost = ask_slipway(server, job, file) if name == "slipway" else ask_peer(name, job, folder, file)
                samples.setdefault((job, name), []).append(cost)
            check_same(job, files)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = pathlib.Path(name)
        make_data(folder, args.rows, args.events, args.keys)
        (folder / "slipway.yaml").write_text(YAML)
        with processes.slipway(folder) as server:
            for verb in (["apply"], ["data", "ingest", "events", "entities"]):
                subprocess.run([processes.BUILD / "slipway", "--url", server.url, *verb], cwd=folder, check=True, stdout=sys.stderr)
            samples = measure(server, folder, args.rounds)
    table = [{"job": job, "system": name, **{figure: round(statistics.median(s[figure] for s in costs), 2) for figure in costs[0]}}
             for (job, name), costs in samples.items()]
    of = {(row["job"], row["system"]): row["cpu_s"] for row in table}
    ratios = {f"{job}: cpu of slipway / {peer}": round(of[job, "slipway"] / of[job, peer], 2) for job, peers in PEERS.items() for peer in peers}
    if args.json:
        print(json.dumps({"bench": "features", **processes.machine(), **vars(args), "table": table, "ratios": ratios}, indent=1))
        return
    print(f"{'job':9}{'system':10}{'cpu s':>8}{'wall s':>8}{'peak MB':>9}")
    for row in table:
        print(f"{row['job']:9}{row['system']:10}{row['cpu_s']:8.2f}{row['wall_s']:8.2f}{row['rss_mb']:9.0f}")
    for what, ratio in ratios.items():
        print(f"{what} = {ratio}")


if __name__ == "__main__":
    main()
