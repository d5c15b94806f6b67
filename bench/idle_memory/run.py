#!/usr/bin/env python3
"""Memory of a server that nobody asks anything: /proc/PID/smaps_rollup, some seconds after its start on an empty folder.

Pss counts a page that N processes share as 1/N of a page; Private is what would be free again without it.
"""
import argparse
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of rest before it is measured")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name, processes.slipway(pathlib.Path(name)) as server:
        cpu = server.cpu_seconds()
        time.sleep(args.seconds)
        memory = server.memory_kib()
        threads = len(list(pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()))
        result = {"bench": "idle_memory", **processes.machine(), "pss_kib": memory["Pss"], "pss_anon_kib": memory["Pss_Anon"],
                  "pss_file_kib": memory["Pss_File"], "rss_kib": memory["Rss"], "private_kib": memory["Private_Clean"] + memory["Private_Dirty"],
                  "threads": threads, "cpu_ms_per_second": round((server.cpu_seconds() - cpu) / args.seconds * 1000, 1)}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for key in ("pss_kib", "pss_anon_kib", "pss_file_kib", "rss_kib", "private_kib"):
        print(f"{key.removesuffix('_kib'):<10}{result[key] / 1024:>9.1f} MiB")
    print(f"{'threads':<10}{result['threads']:>9}\n{'cpu':<10}{result['cpu_ms_per_second']:>9} ms a second")


if __name__ == "__main__":
    main()
