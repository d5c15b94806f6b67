"""Profiling beside whylogs: rows a second of CPU on one core, and what a profile takes; four columns in five are numbers, the rest categories.

Both have the rows in memory before the clock starts (ours a column at a time, whylogs a DataFrame); imports don't count."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402


def make(file: pathlib.Path, rows: int, columns: int) -> None:
    random = np.random.default_rng(11)
    table = {}
    for i in range(columns):
        if i % 5 < 4:
            table[f"number_{i}"] = random.normal(0, 1, rows)
        else:
            table[f"category_{i}"] = random.choice([f"category {c}" for c in range(10)], rows)
    pd.DataFrame(table).to_parquet(file, index=False)


def slipway(file: pathlib.Path) -> dict:
    done = subprocess.run([processes.BUILD / "slipway", "--json", "monitor", "profile", file], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {"seconds": found["cpu_seconds"], "bytes": sum(one["bytes"] for one in found["inputs"])}


def whylogs(file: pathlib.Path) -> dict:
    import whylogs as why

    frame = pd.read_parquet(file)
    why.log(frame.head(100))  # warm
    began = time.process_time()
    result = why.log(frame)
    seconds = time.process_time() - began
    return {"seconds": seconds, "bytes": len(result.view().serialize())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        file = pathlib.Path(name) / "rows.parquet"
        make(file, args.rows, args.columns)
        found = {"slipway": min((slipway(file) for _ in range(args.rounds)), key=lambda one: one["seconds"]), "whylogs": whylogs(file)}
    for one in found.values():
        one["rows_per_second"] = args.rows / one["seconds"]
    found["ratio"] = found["slipway"]["rows_per_second"] / found["whylogs"]["rows_per_second"]
    if args.json:
        print(json.dumps({"bench": "profiles", **processes.machine(), **vars(args), **found}, indent=1))
        return
    for peer in ("slipway", "whylogs"):
        one = found[peer]
        print(f"{peer}: {one['seconds']:.3f} s for {args.rows:,} rows x {args.columns}: {one['rows_per_second']:,.0f} rows/s; a profile takes {one['bytes'] / 1024:.0f} KiB")
    print(f"{found['ratio']:.0f} times whylogs' rows a second")


if __name__ == "__main__":
    main()
