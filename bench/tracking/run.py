#!/usr/bin/env python3
"""What training and looking at runs costs, beside `mlflow server` on SQLite, and for writes on PostgreSQL too.

Rates are MLflow's better one of its two set-ups: the default four workers, and one; latencies are those of one worker, because its default
adds 40 ms to every request of a connection that stays open. Clients keep their connections and send bodies that are built beforehand
(wrk for writes; a raw HTTP client for searches). Runs to search are put into both databases by SQL (fill.py), because a hundred thousand of
them through MLflow's API take half an hour; that both servers give the same answers is checked first.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import fill  # noqa: E402
import processes  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
WRITES = [("log_metric", 1, 1), ("log_metric", 16, 1), ("log_batch_few", 1, 1000), ("log_batch_few", 4, 1000), ("log_batch_many", 1, 1000),
          ("log_batch_many", 4, 1000), ("log_batch_12k", 4, 1000), ("create_run", 1, 1), ("create_run", 8, 1)]  # kind, connections, points or runs a request
SEARCHES = {
    "newest 100": {},
    "metric > x and param = y, by metric": {"filter": "metrics.metric_0 > 0.5 AND params.depth = '3'", "order_by": ["metrics.metric_0 DESC"]},
    "tag and status, by metric": {"filter": "tags.team = 'vision' AND attributes.status = 'FINISHED'", "order_by": ["metrics.metric_1 ASC"]},
    "param ILIKE": {"filter": "params.optimizer ILIKE '%DAM'"},
}
SLOW = {"metric > x and param = y, by metric", "tag and status, by metric"}  # over a minute each at 100,000 runs for MLflow


class Client:
    """One connection that stays open."""

    def __init__(self, server: processes.Process):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1800)

    def post(self, path: str, body: dict) -> tuple[bytes, float]:
        text = json.dumps(body)
        start = time.perf_counter()
        self.connection.request("POST", "/api/2.0/mlflow/" + path, text, {"Content-Type": "application/json"})
        reply = self.connection.getresponse()
        data = reply.read()
        seconds = time.perf_counter() - start
        if reply.status != 200:
            raise SystemExit(f"{path} gave {reply.status}: {data[:500]}")
        return data, seconds

    def search(self, query: dict) -> tuple[list[str], float]:
        data, seconds = self.post("runs/search", {"experiment_ids": ["0"], "max_results": 100, **query})
        return [run["info"]["run_id"] for run in json.loads(data)["runs"]], seconds


def start_mlflow(args, folder: pathlib.Path, workers: int, database: str) -> processes.Process:
    port = processes.free_port()
    command = [args.mlflow, "server", "--host", "127.0.0.1", "--port", port, "--workers", workers,
               "--backend-store-uri", database, "--artifacts-destination", folder / "mlflow-artifacts"]
    return processes.Process(command, port, folder / f"mlflow-{workers}-{database.rpartition('/')[2]}.log", seconds=300,
                             env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"})


def load(server: processes.Process, kind: str, connections: int, seconds: float, runs: list[str]) -> dict:
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", HERE / "requests.lua", server.url],
                          capture_output=True, text=True, env={**os.environ, "BENCH_KIND": kind, "BENCH_RUNS": ",".join(runs)})
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"wrk gave no result:\n{done.stdout}{done.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"]:
        raise SystemExit(f"{result['errors']} requests of {server.url} failed: {kind}\n{done.stdout}\n{server.log.read_text()[-2000:]}")
    return {"rate": result["requests"] / result["seconds"], "p50_ms": result["p50_us"] / 1000, "p99_ms": result["p99_us"] / 1000}


def bare_syncs(folder: pathlib.Path, seconds: float) -> float:
    """Writes of a block and fdatasyncs into a file that has its size, a second: the floor under a durable reply."""
    block, blocks = b"x" * 4096, 4096
    file = os.open(folder / "bare", os.O_CREAT | os.O_RDWR)
    os.write(file, block * blocks)
    os.fsync(file)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        os.pwrite(file, block, count % blocks * len(block))
        os.fdatasync(file)
        count += 1
    os.close(file)
    return count / (time.perf_counter() - start)


class Sqlite:
    """A file for each server."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.slipway_flags = folder, []

    def fresh(self, name: str) -> str:
        return f"sqlite:///{self.folder}/{name}.db"


class Postgres:
    """One PostgreSQL with a database for each server, durable as shipped."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack):
        self.folder, port = folder / "postgresql", processes.free_port()
        self.folder.mkdir()
        folder.chmod(0o755)  # the cluster is another user's, when this one is root
        stack.enter_context(processes.Process([processes.ROOT / "tools" / "postgres_for_tests.sh", self.folder, port], port,
                                              folder / "postgresql.log", health=None))
        self.server = f"postgresql://slipway@127.0.0.1:{port}"
        time.sleep(1)  # the port is open a moment before it answers
        self.slipway_flags = ["--database", self.fresh("slipway")]

    def fresh(self, name: str) -> str:
        subprocess.run(["psql", "-qX", self.server + "/postgres", "-c", f"CREATE DATABASE {name}"], check=True)
        return f"{self.server}/{name}"


def measure_writes(args, folder: pathlib.Path, store_kind: str) -> dict:
    """Everybody is asked in turn, round after round."""
    samples = {}
    with contextlib.ExitStack() as stack:
        store = Postgres(folder, stack) if store_kind == "postgresql" else Sqlite(folder)
        servers = {"slipway": stack.enter_context(processes.slipway(folder, *store.slipway_flags))}
        if not args.alone:
            for workers in (4, 1):
                database = store.fresh(f"mlflow{workers}")
                subprocess.run([args.mlflow, "db", "upgrade", database], check=True, capture_output=True)
                servers[f"mlflow {workers}"] = stack.enter_context(start_mlflow(args, folder, workers, database))
        for number in range(args.rounds):
            for kind, connections, _ in WRITES:
                for name, server in servers.items():
                    client = Client(server)
                    runs = [json.loads(client.post("runs/create", {"experiment_id": "0"})[0])["run"]["info"]["run_id"] for _ in range(16)]
                    seconds = args.seconds if name == "slipway" else args.seconds_mlflow
                    samples.setdefault((name, kind, connections), []).append(load(server, kind, connections, seconds, runs))
                if (kind, connections) == ("log_metric", 1):
                    samples.setdefault(("bare", kind, connections), []).append({"rate": bare_syncs(folder, args.seconds), "p50_ms": 0, "p99_ms": 0})
            print(f"writes on {store_kind}: round {number + 1} of {args.rounds}", file=sys.stderr)
    return samples


def writes_table(samples: dict) -> list[dict]:
    middle = {key: {figure: statistics.median(s[figure] for s in all) for figure in all[0]} for key, all in samples.items()}
    rows = []
    for kind, connections, points in WRITES:
        ours = middle["slipway", kind, connections]
        row = {"write": kind, "connections": connections, "slipway_per_s": round(ours["rate"] * points), "p50_ms": round(ours["p50_ms"], 2),
               "p99_ms": round(ours["p99_ms"], 2)}
        theirs = [middle[f"mlflow {w}", kind, connections]["rate"] * points for w in (4, 1) if (f"mlflow {w}", kind, connections) in middle]
        if theirs:
            row |= {"mlflow_per_s": round(max(theirs), 1), "mlflow_p50_ms": round(middle["mlflow 1", kind, connections]["p50_ms"], 1),
                    "ratio": round(ours["rate"] * points / max(theirs), 1)}
        bare = middle.get(("bare", kind, connections))
        row["to_bare_fdatasync"] = round(ours["rate"] / bare["rate"], 2) if bare else ""
        rows.append(row)
    return rows


def filled_slipway(folder: pathlib.Path, runs: int, metrics: int) -> processes.Process:
    """Started on a database with so many runs."""
    with processes.slipway(folder):
        pass
    fill.fill_slipway(folder / "slipway-data" / "slipway.db", runs, metrics)
    return processes.slipway(folder)


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def time_searches(server: processes.Process, query: dict, most: int, seconds: float) -> list[float]:
    client, times, end = Client(server), [], time.monotonic() + seconds
    while not times or (len(times) < most and time.monotonic() < end):
        times.append(client.search(query)[1] * 1000)
    return times


def measure_searches(args, folder: pathlib.Path) -> list[dict]:
    rows = []
    with contextlib.ExitStack() as stack:
        ours, theirs = stack.enter_context(filled_slipway(folder, args.runs, 5)), None
        Client(ours).search({})
        if not args.alone:
            subprocess.run([args.mlflow, "db", "upgrade", f"sqlite:///{folder}/search.db"], check=True, capture_output=True)
            with start_mlflow(args, folder, 1, f"sqlite:///{folder}/search.db"):
                pass  # makes the default experiment
            fill.fill_mlflow(folder / "search.db", args.runs, 5)
            theirs = stack.enter_context(start_mlflow(args, folder, 1, f"sqlite:///{folder}/search.db"))
        for name, query in SEARCHES.items():
            row = {"search": name, "runs": args.runs}
            if theirs:
                found, seconds = Client(theirs).search(query)
                mine = Client(ours).search(query)[0]
                if found != mine:
                    raise SystemExit(f"the answers differ: {name}\n{found[:5]}\n{mine[:5]}")
                if args.skip_slow_repeats and name in SLOW:
                    their_times = [seconds * 1000]
                else:
                    their_times = time_searches(theirs, query, 10, 20)
            our_times = time_searches(ours, query, 500, 5)
            row |= {"slipway_p50_ms": round(percentile(our_times, 0.5), 2), "slipway_p99_ms": round(percentile(our_times, 0.99), 2)}
            if theirs:
                row |= {"mlflow_p50_ms": round(percentile(their_times, 0.5), 1), "n": len(their_times),
                        "ratio": round(percentile(their_times, 0.5) / percentile(our_times, 0.5))}
            rows.append(row)
            print(f"searched: {name}", file=sys.stderr)
    return rows


def measure_million(args, folder: pathlib.Path) -> tuple[list[dict], dict]:
    with filled_slipway(folder, args.million, 20):
        pass
    database = folder / "slipway-data" / "slipway.db"
    start = time.perf_counter()
    with processes.slipway(folder) as server:
        healthy = time.perf_counter() - start
        Client(server).search({})  # waits until all runs are in memory
        ready = time.perf_counter() - start
        rows = []
        for name, query in SEARCHES.items():
            times = time_searches(server, query, 500, 10)
            rows.append({"search": name, "runs": args.million, "slipway_p50_ms": round(percentile(times, 0.5), 2),
                         "slipway_p99_ms": round(percentile(times, 0.99), 2), "n": len(times)})
        memory = server.memory_kib()
        facts = {"health_after_ms": round(healthy * 1000), "search_at_speed_after_s": round(ready, 2), "rss_mb": round(memory["Rss"] / 1024),
                 "pss_anon_mb": round(memory["Pss_Anon"] / 1024), "database_mb": round(database.stat().st_size / 1e6)}
    return rows, facts


def print_table(rows: list[dict]) -> None:
    cells = [list(rows[0]), *([f"{v:,}" if isinstance(v, (int, float)) else str(v) for v in row.values()] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000, help="to search in both")
    parser.add_argument("--million", type=int, default=1_000_000, help="runs of 20 metrics to search in Slipway alone; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="of the writes")
    parser.add_argument("--seconds", type=int, default=3, help="of each load on Slipway")
    parser.add_argument("--seconds-mlflow", type=int, default=6, help="of each load on MLflow")
    parser.add_argument("--parts", default="writes,postgresql,searches,million", help="writes (on SQLite), postgresql (the same on it), ...")
    parser.add_argument("--alone", action="store_true", help="without MLflow: for a look at what a change did")
    parser.add_argument("--skip-slow-repeats", action="store_true", help="ask MLflow once where one search takes minutes")
    parser.add_argument("--mlflow", default="mlflow", help="its command")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that folders go away too

    result = {"bench": "tracking", **processes.machine()}
    for part in args.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=os.environ.get("BENCH_FOLDER")) as name:
            folder = pathlib.Path(name)
            if part == "writes":
                result["writes"] = writes_table(measure_writes(args, folder, "sqlite"))
            elif part == "postgresql":
                result["postgresql"] = writes_table(measure_writes(args, folder, "postgresql"))
            elif part == "searches":
                result["searches"] = measure_searches(args, folder)
            elif part == "million" and args.million > 0:
                result["million"], result["million_facts"] = measure_million(args, folder)
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for part, title in (("writes", "Writes on SQLite"), ("postgresql", "Writes on PostgreSQL"), ("searches", "Searches"), ("million", "Searches, alone")):
        if part in result:
            print(title)
            print_table(result[part])
    print("  ".join(f"{k}={v}" for k, v in {**result, **result.get("million_facts", {})}.items() if not isinstance(v, (list, dict))))


if __name__ == "__main__":
    main()
