"""Online features beside `feast serve` (sqlite), over the same protocol and rows; pushes; what rows take.

reads   1 key x 10 features and 50 keys x 50 features: requests a second of both in turn, and Slipway's latency at half of its rate
redis   reads of 50 keys x 50 features without HTTP, beside a bare client of Redis that pipelines the same GETs
push    events into three windows of a view, over HTTP
size    bytes in memory and on disk of so many keys x 20 features

The machine's cores are shared by server and load; ratios are of the same minute."""
import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
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
import requests  # noqa: E402

FEAST = processes.ROOT / ".deps" / "feast-clients" / "bin" / "python3"
READS = {"1 key x 10": (1, 10), "50 keys x 50": (50, 50)}
STORE = "project: bench\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\nonline_store: {type: sqlite}\n"
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
rows = FileSource(name="rows", path="rows.parquet", timestamp_field="at")
wide = FeatureView(name="wide", entities=[key], ttl=timedelta(days=36500), source=rows, online=True,
                   schema=[Field(name=f"f{i}", dtype=Float64) for i in range(50)])
"""
AT = 1_700_000_000_000_000


def project(columns: int) -> str:
    return f"""
project: bench
datasets:
  rows: {{path: rows.parquet, key: [key], event_time: at, arrival_time: at}}
  events: {{path: events.parquet, key: [id], event_time: at, arrival_time: at}}
features:
  sources:
    rows: {{dataset: rows, event_time: at, arrival_time: at}}
    events: {{dataset: events, event_time: at, arrival_time: at}}
  views:
    wide: {{source: rows, keys: [key], columns: {{{", ".join(f"f{i}: f{i}" for i in range(columns))}}}}}
    spent: {{source: events, keys: [key], windows: [1m, 10m, 1h], aggregates: {{sum: sum(amount), n: count()}}}}
"""


def write_rows(folder: pathlib.Path, keys: int, columns: int) -> None:
    numbers = np.random.default_rng(7)
    at = pa.array(np.full(keys, AT), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"key": np.arange(keys), "at": at} | {f"f{i}": numbers.normal(size=keys) for i in range(columns)}), folder / "rows.parquet")
    pq.write_table(pa.table({"id": [0], "key": [0], "at": at[:1], "amount": [1.0]}), folder / "events.parquet")


class Slipway(processes.Process):
    def __init__(self, folder: pathlib.Path, *flags: str):
        port = processes.free_port()
        super().__init__([processes.BUILD / "slipway", "server", "--port", port, "--grpc-port", 0, "--data", folder / "data", *flags], port, folder / "slipway.log")

    def load(self, project_folder: pathlib.Path, columns: int) -> None:
        (project_folder / "slipway.yaml").write_text(project(columns))
        for args in (["apply", project_folder / "slipway.yaml"], ["data", "ingest", "rows"], ["data", "ingest", "events"], ["features", "materialize", "--as-of", "2024-01-01T00:00:00Z"]):
            subprocess.run([processes.BUILD / "slipway", "--url", self.url, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_feast(folder: pathlib.Path) -> processes.Process:
    (folder / "feature_store.yaml").write_text(STORE)
    (folder / "definitions.py").write_text(DEFINITIONS)
    env = {**os.environ, "FEAST_USAGE": "False"}
    for args in (["apply"], ["materialize", "2023-11-01T00:00:00", "2023-12-01T00:00:00"]):
        subprocess.run([FEAST, "-m", "feast.cli.cli", *args], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = processes.free_port()
    return processes.Process([FEAST, "-m", "feast.cli.cli", "--chdir", folder, "serve", "--port", port, "--no-access-log"], port, folder / "feast.log", env={"FEAST_USAGE": "False"})


def bodies_of(keys: int, columns: int, of: int, file: pathlib.Path) -> pathlib.Path:
    picks = random.Random(3)
    names = [f"wide:f{i}" for i in range(columns)]
    with open(file, "w") as out:
        for _ in range(200):
            out.write(json.dumps({"features": names, "entities": {"key": [picks.randrange(of) for _ in range(keys)]}}) + "\n")
    return file


def wrk(url: str, bodies: pathlib.Path, connections: int, seconds: float) -> dict:
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "posts.lua", url],
                          capture_output=True, text=True, env={**os.environ, "BENCH_BODIES": str(bodies)})
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"wrk gave no result:\n{done.stdout}{done.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"] > result["requests"] / 100:
        raise SystemExit(f"{result['errors']} of {result['requests']} requests of {url} failed:\n{done.stdout}")
    return {"rps": (result["requests"] - result["errors"]) / result["seconds"], "p50_us": result["p50_us"], "p99_us": result["p99_us"]}


def values_of(url: str, body: str) -> list:
    reply = requests.post(url, data=body, headers={"content-type": "application/json"}, timeout=30)
    reply.raise_for_status()
    names = reply.json()["metadata"]["feature_names"]
    return sorted((n, r["values"]) for n, r in zip(names, reply.json()["results"]))


def measure_reads(folder: pathlib.Path, args) -> dict:
    keys = 10_000
    feast_folder = folder / "feast"
    feast_folder.mkdir()
    write_rows(folder, keys, 50)
    shutil.copy(folder / "rows.parquet", feast_folder)
    out = {}
    with Slipway(folder, "--online-store", "rocksdb", "--online-history-hours", "0") as slipway, start_feast(feast_folder) as feast:
        slipway.load(folder, 50)
        for name, (rows, columns) in READS.items():
            bodies = bodies_of(rows, columns, keys, folder / "bodies")
            first = bodies.read_text().splitlines()[0]
            urls = {"slipway": slipway.url + "/get-online-features", "feast": feast.url + "/get-online-features"}
            if values_of(urls["slipway"], first) != values_of(urls["feast"], first):
                raise SystemExit("the answers differ")
            samples = {server: [] for server in urls}
            for _ in range(args.rounds):
                for server, url in urls.items():
                    samples[server].append(wrk(url, bodies, 16, args.seconds))
            rps = {server: statistics.median(s["rps"] for s in all) for server, all in samples.items()}
            half = processes.paced(urls["slipway"], bodies, 16, rps["slipway"] / 2, args.seconds)
            out[name] = {"slipway_rps": round(rps["slipway"]), "feast_rps": round(rps["feast"], 1), "ratio": round(rps["slipway"] / rps["feast"], 1),
                         "half_load_p50_us": half["p50_us"], "half_load_p99_us": half["p99_us"]}
    return out


def start_redis(folder: pathlib.Path) -> processes.Process:
    port = processes.free_port()
    return processes.Process(["redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder, "--save", "", "--appendonly", "no"], port, folder / "redis.log", health=None)


def measure_redis(folder: pathlib.Path, args) -> dict:
    with start_redis(folder) as redis:
        done = subprocess.run([processes.BUILD / "bench" / "online_store_bench", f"redis://127.0.0.1:{redis.port}/1", folder], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def push_all(server: Slipway, bodies: list[bytes], connections: int) -> float:
    """Seconds until all are answered."""
    left = iter(bodies)

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for body in left:
            connection.request("POST", "/slipway/v1/features/push", body, {"content-type": "application/json"})
            reply = connection.getresponse()
            if reply.status != 200 or b'"added":1000,' not in (said := reply.read()):
                raise SystemExit(f"a push was answered with {reply.status}: {said[:200]}")

    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work) for _ in range(connections)]:
            done.result()
    return time.perf_counter() - begin


def measure_push(folder: pathlib.Path, args) -> dict:
    """Each request has events of its own: what is there already would cost nothing."""
    out = {}
    write_rows(folder, 10, 1)
    keys, picks = 10_000, random.Random(5)
    bodies = []
    for first in range(1, args.events, 1000):
        rows = [{"id": n, "key": picks.randrange(keys), "at": AT + n * 100, "amount": n % 1000 / 8} for n in range(first, first + 1000)]
        bodies.append(json.dumps({"source": "events", "rows": rows}, separators=(",", ":")).encode())
    for store in ("memory", "rocksdb"):
        data = folder / store
        data.mkdir()
        with Slipway(data, "--online-store", store) as slipway:
            slipway.load(folder, 1)
            cpu = slipway.cpu_seconds()
            seconds = push_all(slipway, bodies, 4)
            cpu = slipway.cpu_seconds() - cpu
            out[store] = {"events": len(bodies) * 1000, "events_a_second": round(len(bodies) * 1000 / seconds), "server_cpu_us_an_event": round(cpu / len(bodies) * 1e3, 2)}
    return out


def measure_size(folder: pathlib.Path, args) -> dict:
    out = {"keys": args.keys, "features": 20}
    write_rows(folder, args.keys, 20)
    for store in ("rocksdb", "memory"):
        data = folder / store
        data.mkdir()
        with Slipway(data, "--online-store", store) as slipway:
            begin = time.perf_counter()
            slipway.load(folder, 20)
            loaded = time.perf_counter() - begin
            online = requests.get(slipway.url + "/slipway/v1/features", timeout=60).json()["online"]
        begin = time.perf_counter()
        with Slipway(data, "--online-store", store) as slipway:  # what reads alone take
            up = time.perf_counter() - begin
            bodies = bodies_of(1, 20, args.keys, folder / "bodies")
            wrk(slipway.url + "/get-online-features", bodies, 4, 2)
            out[store] = {"disk_bytes": online["disk_bytes"], "store_memory_bytes": online["memory_bytes"], "resident_bytes_after_a_start": slipway.memory_kib()["Rss"] * 1024,
                          "load_s": round(loaded, 1), "start_s": round(up, 2)}
        shutil.rmtree(data)
    return out


def main() -> None:
    parts = {"reads": measure_reads, "redis": measure_redis, "push": measure_push, "size": measure_size}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--events", type=int, default=1_000_000, help="that are pushed")
    parser.add_argument("--keys", type=int, default=1_000_000, help="of size; 10,000,000 take a quarter of an hour")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(parts), help=",".join(parts))
    args = parser.parse_args()
    for name in args.parts:
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
            print(json.dumps({name: parts[name](pathlib.Path(folder), args)}, indent=1), flush=True)


if __name__ == "__main__":
    main()
