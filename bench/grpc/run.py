#!/usr/bin/env python3
"""Calls per second of one row over gRPC: Slipway beside a server that answers without looking, asked in turn, round after round."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "serving")]

import model  # noqa: E402
import processes  # noqa: E402
import run as serving  # noqa: E402

BENCH = processes.BUILD / "bench/grpc_bench"


def load(port: int, calls: int, seconds: float) -> dict:
    done = subprocess.run([BENCH, "load", f"127.0.0.1:{port}", "bench", str(model.FEATURES), str(calls), str(seconds)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"calls failed: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout)
    return {"rps": result["requests"] / result["seconds"], "p50_us": result["p50_us"], "p99_us": result["p99_us"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each load")
    parser.add_argument("--calls", type=lambda text: [int(c) for c in text.split(",")], default=[1, 16, 64], help="running at once")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = pathlib.Path(name)
        booster, rows = model.train()
        grpc_port, echo_port = processes.free_port(), processes.free_port()
        port = processes.free_port()
        command = [processes.BUILD / "slipway", "server", "--port", port, "--grpc-port", grpc_port, "--data", folder / "data"]
        with (processes.Process(command, port, folder / "slipway.log") as slipway,
              processes.Process([BENCH, "echo", echo_port], echo_port, folder / "echo.log", health=None)):
            serving.deploy(slipway, booster, rows, folder)
            ports = {"slipway": grpc_port, "echo": echo_port}
            samples = {(name, c): [] for name in ports for c in args.calls}
            for each in ports.values():
                load(each, max(args.calls), 1)
            for _ in range(args.rounds):
                for calls in args.calls:
                    for name, each in ports.items():
                        samples[name, calls].append(load(each, calls, args.seconds))
    table = [{"server": name, "calls": calls, **{f: round(statistics.median(s[f] for s in all), 1) for f in all[0]}}
             for (name, calls), all in samples.items()]
    of = {(row["server"], row["calls"]): row for row in table}
    ratios = [{"calls": c, "rps_slipway_by_echo": round(of["slipway", c]["rps"] / of["echo", c]["rps"], 2)} for c in args.calls]
    if args.json:
        print(json.dumps({"bench": "grpc", **processes.machine(), "rounds": args.rounds, "table": table, "ratios": ratios}, indent=1))
        return
    serving.print_table(sorted(table, key=lambda row: row["calls"]))
    print()
    serving.print_table(ratios)


if __name__ == "__main__":
    main()
