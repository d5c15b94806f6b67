#!/usr/bin/env python3
"""Requests per second and latency of one row through Slipway, through a bare epoll loop, and through the servers of peers.py.

All run all the time and are asked in turn, round after round, so that whatever else the machine does falls on all of them.
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
import peers  # noqa: E402
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


def numbers(answer) -> list[float]:
    """All numbers of an answer, however it is wrapped."""
    if isinstance(answer, (int, float)):
        return [float(answer)]
    if isinstance(answer, dict):
        return numbers(answer["outputs"][0]["data"] if "outputs" in answer else answer["predictions"])
    return [number for part in answer for number in numbers(part)]


def check_same_answers(slipway: peers.Asked, others: dict[str, peers.Asked]) -> None:
    """Comparing speed means nothing when the answers differ."""
    ours = numbers(post(slipway.process.url + slipway.path, slipway.body))
    for name, asked in others.items():
        theirs = numbers(post(asked.process.url + asked.path, asked.body))
        if len(theirs) != len(ours) or any(abs(a - b) > 1e-6 for a, b in zip(ours, theirs)):
            raise SystemExit(f"the answers differ: slipway={ours} {name}={theirs}")


def load(asked: peers.Asked, connections: int, seconds: float, body: pathlib.Path) -> dict:
    server = asked.process
    body.write_text(json.dumps(asked.body))
    before = server.cpu_seconds()
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "infer.lua", server.url + asked.path],
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


def measure(servers: dict[str, peers.Asked], args, body: pathlib.Path) -> dict:
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
    """Slipway's requests per second as so many times those of each other."""
    of = {(row["server"], row["connections"]): row for row in table}
    names = list(dict.fromkeys(row["server"] for row in table if row["server"] != "slipway"))
    return [{"connections": c, **{f"by {name}": round(of["slipway", c]["rps"] / of[name, c]["rps"], 2) for name in names},
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
    parser.add_argument("--peers", type=lambda text: text.split(","), default=["fastapi"],
                        help=f"of {','.join(peers.ALL)}; each but fastapi gets an environment of its own, some GB in all")
    parser.add_argument("--columns", action="store_true", help="every feature is a tensor of its own, for Slipway and the bare loop alone")
    parser.add_argument("--hold", action="store_true", help="deploy, print Slipway's process and command of the load, and wait: for perf")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that folders go away too

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = pathlib.Path(name)
        booster, rows = model.train()
        body = folder / "body.json"
        first = [round(float(value), 6) for value in rows.iloc[0]]
        with contextlib.ExitStack() as stack:
            slipway = stack.enter_context(processes.slipway(folder, "--io-threads", str(args.io_threads)))
            bare_port = processes.free_port()
            bare = stack.enter_context(processes.Process([processes.BUILD / "bench/bare_epoll", bare_port, args.io_threads], bare_port, folder / "bare.log",
                                                         health=None))
            deploy(slipway, booster, rows, folder)
            tensor = {"inputs": [{"name": "input", "shape": [1, len(first)], "datatype": "FP32", "data": first}]}
            ask = model.request_body(rows.iloc[0]) if args.columns else tensor
            servers = {"slipway": peers.Asked(slipway, PATH, ask)}
            if args.hold:
                body.write_text(json.dumps(ask))
                print(f"pid {slipway.process.pid}\nBENCH_BODY={body} wrk -t1 -c64 -d10s -s {HERE / 'infer.lua'} {slipway.url}{PATH}", flush=True)
                sys.stdin.read()
                return
            saved, mlflow_model = model.save(booster, folder), model.save_for_mlflow(booster, rows, folder)
            others = {}
            for name in [] if args.columns else args.peers:
                others[name] = peers.start(name, folder, saved, mlflow_model, first, list(rows.columns))
                stack.enter_context(others[name].process)
                print(f"started: {name}", file=sys.stderr)
            check_same_answers(servers["slipway"], others)
            servers |= {"bare epoll": peers.Asked(bare, PATH, ask), **others}
            samples = measure(servers, args, body)
            table = summary(samples, args)
            most = max(row["rps"] for row in table if row["server"] == "slipway")
            half_load = processes.paced(servers["slipway"].process.url + servers["slipway"].path, body, 64, most / 2, args.seconds * 2)
            result = {"bench": "serving", **processes.machine(), "rounds": args.rounds, "seconds": args.seconds,
                      "body_bytes": len(json.dumps(ask)), "trees": booster.num_boosted_rounds(), "features": booster.num_features(),
                      "log_rows_dropped": rows_dropped(slipway), "table": table, "ratios": ratios(table), "half_load": half_load}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print_table(table)
    print()
    print_table(result["ratios"])
    print("\nslipway at half its highest rate: " + "  ".join(f"{k}={v}" for k, v in half_load.items()))
    print("\n" + "  ".join(f"{k}={v}" for k, v in result.items() if k not in ("table", "ratios", "half_load")))


if __name__ == "__main__":
    main()
