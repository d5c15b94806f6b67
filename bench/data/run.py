#!/usr/bin/env python3
"""`dvc push` of many small files: to Slipway over HTTP, and to a remote that is a folder of the same disk.

The unmodified client does both in turn, each round into a new remote. What Slipway has answered is durable; DVC leaves a folder's files to
the kernel, so the time that the disk takes to have them (sync of its file system) is measured behind it. The client's own processor time
stands beside, because most of the time is its. Medians.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

DVC = processes.ROOT / ".deps" / "data-clients" / "bin" / "dvc"


class Repository:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "repository"
        self.folder.mkdir()
        home = folder / "home"
        home.mkdir()
        self.environment = {**os.environ, "HOME": str(home), "DVC_NO_ANALYTICS": "1", "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home),
                            "DVC_SITE_CACHE_DIR": str(home / "site")}
        self.dvc("init", "-q", "--no-scm")

    def dvc(self, *args: str) -> str:
        done = subprocess.run([DVC, *args], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"dvc {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def push(self, remote: str, url: str, files: int) -> tuple[float, float]:
        """Seconds on the wall, and of the client's processor time."""
        self.dvc("remote", "add", "-q", remote, url)
        os.sync()  # nobody pays for what others have written
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        said = self.dvc("push", "-r", remote)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if f"{files + 1} files pushed" not in said:
            raise SystemExit(f"dvc push said: {said}")
        return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="on the file system that is to be measured")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    seconds = {"slipway": [], "folder": [], "sync_behind_folder": []}
    client = {"slipway": [], "folder": []}
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=args.folder) as name:
        folder = pathlib.Path(name)
        repository = Repository(folder)
        (repository.folder / "many").mkdir()
        for i in range(args.files):
            (repository.folder / "many" / f"{i:06}.bin").write_bytes(os.urandom(args.bytes))
        repository.dvc("add", "-q", "many")
        with processes.slipway(folder) as server:
            for i in range(args.rounds):
                for remote, url in (("slipway", f"{server.url}/dvc/round-{i}"), ("folder", str(folder / f"round-{i}"))):
                    wall, cpu = repository.push(f"{remote}-{i}", url, args.files)
                    seconds[remote].append(wall)
                    client[remote].append(cpu)
                start = time.perf_counter()
                os.sync()
                seconds["sync_behind_folder"].append(time.perf_counter() - start)
    median = {what: round(statistics.median(times), 2) for what, times in seconds.items()}
    cpu = {what: round(statistics.median(times), 2) for what, times in client.items()}
    result = {"bench": "data", **processes.machine(), "files": args.files, "bytes": args.bytes, "rounds": args.rounds, "seconds": median,
              "client_cpu_seconds": cpu, "slipway_to_folder": round(median["slipway"] / median["folder"], 2),
              "slipway_to_folder_and_sync": round(median["slipway"] / (median["folder"] + median["sync_behind_folder"]), 2)}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"dvc push of {args.files} files of {args.bytes} bytes, median of {args.rounds}")
    print(f"{'':<22}{'seconds':>10}{'client cpu':>12}")
    for remote in ("slipway", "folder"):
        print(f"{remote:<22}{median[remote]:>10}{cpu[remote]:>12}")
    print(f"{'sync behind the folder':<22}{median['sync_behind_folder']:>10}")
    print(f"Slipway to the folder {result['slipway_to_folder']}, to the folder and its sync {result['slipway_to_folder_and_sync']}")


if __name__ == "__main__":
    main()
