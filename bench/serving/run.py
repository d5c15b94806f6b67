#!/usr/bin/env python3
"""Requests per second and latency of one row through Slipway, through FastAPI, and through a bare epoll loop.

All three run all the time and are asked in turn, round after round, so that whatever else the machine does falls on all of them.
The load is closed (wrk, keep-alive): latency is what a caller sees who waits for each answer.
"""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import requests  # noqa: E402

import model  # noqa: E402
import processes  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PATH = "/v2/models/bench/infer"
PROJECT = """
project: bench
endpoints:
  bench:
    model: models:/bench/{version}
    output: score
"""


def post(url: str, body: dict) -> dict:
    reply = requests.post(url, json=body, timeout=60)
    if reply.status_code >= 300:
        raise SystemExit(f"{url} gave {reply.status_code}: {reply.text}")
    return reply.json()


def deploy(server: processes.Process, booster, rows, folder: pathlib.Path) -> None:
    with contextlib.redirect_stdout(sys.stderr):  # the client says what it does
        version = model.register(server.url, booster, rows)
    post(server.url + "/slipway/v1/apply", {"yaml": PROJECT.format(version=version), "dir": str(folder)})
    post(server.url + "/slipway/v1/endpoints/bench/deploy", {"model": f"models:/bench/{version}", "reason": "bench"})


def check_same_answers(slipway: processes.Process, peer: processes.Process, rows) -> None:
    """Comparing speed means nothing when the answers differ."""
    for _, row in rows.head(50).iterrows():
        body = model.request_body(row)
        ours, theirs = (post(server.url + PATH, body)["outputs"][0]["data"][0] for server in (slipway, peer))
        if abs(ours - theirs) > 1e-6:
            raise SystemExit(f"the answers differ: slipway={ours} fastapi={theirs}")


def load(server: processes.Process, connections: int, seconds: float, body: pathlib.Path) -> dict:
    before = server.cpu_seconds()
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "infer.lua", server.url + PATH],
                          capture_output=True, text=True, env={**os.environ, "BENCH_BODY": str(body)})
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"wrk gave no result:\n{done.stdout}{done.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"]:
        raise SystemExit(f"{result['errors']} requests of {server.url} failed:\n{done.stdout}\n{server.log.read_text()[-2000:]}")
    return {"rps": result["requests"] / result["seconds"], "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "cpu_us": (server.cpu_seconds() - before) / max(1, result["requests"]) * 1e6}


def rows_dropped(server: processes.Process) -> float:
    """Rows that the request log could not take; a quick server that logs nothing would be no server."""
    text = requests.get(server.url + "/metrics", timeout=10).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if "request_log" in line and "drop" in line and not line.startswith("#"))


def measure(servers: dict[str, processes.Process], args, body: pathlib.Path) -> dict:
    samples = {(name, c): [] for name in servers for c in args.connections}
    for server in servers.values():
        load(server, max(args.connections), 1, body)  # warm: pages, caches, the allocator
    for number in range(args.rounds):
        for connections in args.connections:
            for name, server in servers.items():
                samples[name, connections].append(load(server, connections, args.seconds, body))
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    return samples


def summary(samples: dict, args) -> list[dict]:
    figures = {key: {figure: statistics.median(s[figure] for s in all) for figure in all[0]} for key, all in samples.items()}
    table = []
    for (name, connections), each in figures.items():
        spread = [s["rps"] for s in samples[name, connections]]
        table.append({"server": name, "connections": connections, **{k: round(v, 1) for k, v in each.items()},
                      "rps_least": round(min(spread), 1), "rps_most": round(max(spread), 1)})
    return sorted(table, key=lambda row: row["connections"])


def ratios(table: list[dict]) -> list[dict]:
    of = {(row["server"], row["connections"]): row for row in table}
    return [{"connections": c, "rps_slipway_by_fastapi": round(of["slipway", c]["rps"] / of["fastapi", c]["rps"], 2),
             "p99_fastapi_by_slipway": round(of["fastapi", c]["p99_us"] / max(1, of["slipway", c]["p99_us"]), 2),
             "rps_bare_by_slipway": round(of["bare epoll", c]["rps"] / of["slipway", c]["rps"], 2),
             "cpu_us_slipway_minus_bare": round(of["slipway", c]["cpu_us"] - of["bare epoll", c]["cpu_us"], 1)}
            for c in sorted({row["connections"] for row in table})]


def print_table(rows: list[dict]) -> None:
    cells = [list(rows[0]), *([f"{v:,.1f}" if isinstance(v, float) and abs(v) >= 100 else str(v) for v in row.values()] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--connections", type=lambda text: [int(c) for c in text.split(",")], default=[1, 16, 64])
    parser.add_argument("--io-threads", type=int, default=2, help="of Slipway and of the bare loop")
    parser.add_argument("--hold", action="store_true", help="deploy, print Slipway's process and command of the load, and wait: for perf")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that folders go away too

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = pathlib.Path(name)
        booster, rows = model.train()
        body = folder / "body.json"
        body.write_text(json.dumps(model.request_body(rows.iloc[0])))
        peer_port, bare_port = processes.free_port(), processes.free_port()
        with (processes.slipway(folder, "--io-threads", str(args.io_threads)) as slipway,
              processes.Process([sys.executable, "-m", "uvicorn", "--app-dir", HERE, "--port", peer_port, "--workers", 1, "--loop", "uvloop",
                                 "--http", "httptools", "--no-access-log", "--log-level", "warning", "peer:app"], peer_port, folder / "peer.log",
                                env={"BENCH_MODEL": str(model.save(booster, folder)), "OMP_NUM_THREADS": "1"}) as peer,
              processes.Process([processes.BUILD / "bench/bare_epoll", bare_port, args.io_threads], bare_port, folder / "bare.log", health=None) as bare):
            deploy(slipway, booster, rows, folder)
            check_same_answers(slipway, peer, rows)
            if args.hold:
                print(f"pid {slipway.process.pid}\nBENCH_BODY={body} wrk -t1 -c64 -d10s -s {HERE / 'infer.lua'} {slipway.url}{PATH}", flush=True)
                sys.stdin.read()
                return
            samples = measure({"slipway": slipway, "fastapi": peer, "bare epoll": bare}, args, body)
            table = summary(samples, args)
            result = {"bench": "serving", **processes.machine(), "rounds": args.rounds, "seconds": args.seconds, "body_bytes": body.stat().st_size,
                      "trees": booster.num_boosted_rounds(), "features": booster.num_features(), "log_rows_dropped": rows_dropped(slipway),
                      "table": table, "ratios": ratios(table)}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print_table(table)
    print()
    print_table(result["ratios"])
    print("\n" + "  ".join(f"{k}={v}" for k, v in result.items() if k not in ("table", "ratios")))


if __name__ == "__main__":
    main()
