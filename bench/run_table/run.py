#!/usr/bin/env python3
"""The page's table of runs over a million of them: pages at the top and in the middle, orders, groups, known columns among 12,000.

The runs are put into the database by SQL (bench/tracking/fill.py); what is asked is what the page asks, over one connection. A median of nine each.
"""
import argparse
import http.client
import json
import pathlib
import statistics
import sys
import tempfile
import time
import urllib.parse

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH / "tracking")]
import fill  # noqa: E402
import processes  # noqa: E402

COLUMNS = ["attributes.run_name", "attributes.status", "attributes.start_time", "attributes.end_time", *(f"metrics.metric_{number}" for number in range(5)),
           "params.lr", "params.depth", "params.optimizer", "params.batch_size", "params.seed"]
QUERIES = {
    "newest": {},
    "by a metric": {"order_by": "metrics.metric_0 DESC"},
    "by a parameter of 12 values": {"order_by": "params.depth ASC"},
    "by name": {"order_by": "attributes.run_name ASC"},
    "metric > x and param = y, by a metric": {"filter": "metrics.metric_0 > 0.5 AND params.depth = '3'", "order_by": "metrics.metric_1 ASC"},
    "name ILIKE": {"filter": "attributes.run_name ILIKE '%77%'"},
}


class Client:
    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[dict, float]:
        start = time.perf_counter()
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        reply = self.connection.getresponse()
        data = reply.read()
        taken = (time.perf_counter() - start) * 1000
        if reply.status != 200:
            raise SystemExit(f"{path} gave {reply.status}: {data[:500]}")
        return json.loads(data), taken

    def get(self, what: str, **query) -> tuple[dict, float]:
        return self.ask("GET", f"/slipway/v1/experiments/0/{what}?{urllib.parse.urlencode(query)}")

    def median(self, what: str, **query) -> float:
        return statistics.median(self.get(what, **query)[1] for _ in range(9))


def start(folder: pathlib.Path) -> processes.Process:
    port = processes.free_port()
    return processes.Process([processes.BUILD / "slipway", "server", "--port", port, "--grpc-port", 0, "--data", folder / "data"], port, folder / "server.log", seconds=300)


def measure(client: Client, wide: int) -> list[dict]:
    rows = []
    for name, query in QUERIES.items():
        page = {"columns": ",".join(COLUMNS), "limit": 100, **query}
        top = client.median("table", **page)
        total = client.get("table", **page)[0]["total"]
        made, first = client.get("table", **page, offset=max(1000, total // 2))
        rows.append({"what": name, "runs": total, "top_ms": top, "order_ms": first, "middle_ms": client.median("table", **page, offset=total // 2, view=made["view"])})
    for by in ("params.depth", "attributes.status", "params.seed"):
        rows.append({"what": f"groups by {by}", "runs": client.get("groups", by=by)[0]["total"], "top_ms": client.median("groups", by=by, metrics="metric_0,metric_1", limit=1000)})
    for first in range(0, wide, 1000):
        run = client.get("table", limit=1, offset=first // 1000)[0]["run_ids"][0]
        metrics = [{"key": f"layer/{first + at:05}", "value": at, "timestamp": 1, "step": 1} for at in range(min(1000, wide - first))]
        client.ask("POST", "/api/2.0/mlflow/runs/log-batch", json.dumps({"run_id": run, "metrics": metrics}))
    rows.append({"what": f"the commonest 200 of {wide:,} columns", "runs": client.get("columns")[0]["total"], "top_ms": client.median("columns", limit=200)})
    rows.append({"what": "columns with the letters 11987", "runs": 1, "top_ms": client.median("columns", limit=200, contains="11987")})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--columns", type=int, default=12_000)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with start(folder):
            pass
        fill.fill_slipway(folder / "data" / "slipway.db", flags.runs, flags.metrics)
        with start(folder) as server:
            client = Client(server.port)
            began = time.perf_counter()
            client.get("table")
            loaded = time.perf_counter() - began
            rows = measure(client, flags.columns)
    if flags.json:
        print(json.dumps({"loaded_seconds": loaded, "rows": rows}, indent=1))
        return
    print(f"{flags.runs:,} runs, in memory after {loaded:.0f} s\n{'':40}{'found':>10}{'top, ms':>10}{'order, ms':>11}{'middle, ms':>12}")
    for row in rows:
        print(f"{row['what']:40}{row['runs']:>10,}{row['top_ms']:>10.1f}" + "".join(f"{row[name]:>{width}.1f}" for name, width in (("order_ms", 11), ("middle_ms", 12)) if name in row))


if __name__ == "__main__":
    main()
