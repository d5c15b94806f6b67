#!/usr/bin/env python3
"""Versions of folders: `slipway data` beside dvc, git's hashing and the file system itself.

Many small files: add, commit and push, with the unmodified dvc pushing to a folder of the same disk, which is the fastest it knows. The push again with
nothing new. Checkout into an empty folder beside `cp -r`, and as hard links beside `dvc checkout` with `cache.type hardlink`: the first one, which fills
Slipway's cache, and one more, as dvc's is filled by `dvc add`; the same of the large file. One large file: add and commit beside the time that SHA-256 takes of the same bytes on one core
(`openssl dgst`), and what a row more in its middle costs. What Slipway says is done is durable; the time that the disk takes behind the others (sync) is
measured and stands beside. One round: a round takes minutes, most of them dvc's.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

DVC = processes.ROOT / ".deps" / "data-clients" / "bin" / "dvc"
SLIPWAY = processes.BUILD / "slipway"


def timed(command: list, folder: pathlib.Path, env: dict | None = None) -> float:
    os.sync()  # nobody pays for what others have written
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return time.perf_counter() - start


def sync() -> float:
    start = time.perf_counter()
    os.sync()
    return time.perf_counter() - start


def fill(folder: pathlib.Path, files: int, size: int) -> None:
    for i in range(files):
        if i % 1000 == 0:
            (folder / f"{i // 1000:04}").mkdir(parents=True)
        (folder / f"{i // 1000:04}" / f"{i:07}.bin").write_bytes(os.urandom(size))


def dvc_links(folder: pathlib.Path, what: str, env: dict, say) -> float:
    timed([DVC, "config", "cache.type", "hardlink"], folder, env)
    timed(["rm", "-rf", what], folder)
    say(f"dvc checkout of {what}")
    return timed([DVC, "checkout", "-q"], folder, env)


def dvc_environment(home: pathlib.Path) -> dict:
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "DVC_NO_ANALYTICS": "1", "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "site")}


def small_files(folder: pathlib.Path, args, say) -> dict:
    source = folder / "source"
    say(f"writing {args.files} files")
    fill(source, args.files, args.bytes)
    ours, theirs, home = folder / "ours", folder / "theirs", folder / "home"
    seconds = {}
    with processes.slipway(folder) as server:
        data = [SLIPWAY, "--url", server.url, "data"]
        shutil.copytree(source, ours / "many")
        timed([*data, "init"], ours)
        for what, verb in (("add", ["add", "."]), ("commit", ["commit", "-m", "all"]), ("push", ["push", "bench"]), ("push_again", ["push", "bench"]),
                           ("add_again", ["add", "."])):
            say(f"slipway data {what}")
            seconds[what] = timed([*data, *verb], ours)
        say("slipway data clone")
        seconds["clone"] = timed([*data, "clone", "bench", folder / "cloned"], folder)
        seconds["sync_behind_clone"] = sync()
        shutil.rmtree(ours / "many")
        seconds["checkout"] = timed([*data, "checkout", "main", "--force"], ours)
        seconds["sync_behind_checkout"] = sync()
        timed([*data, "config", "cache.type", "hardlink"], ours)
        for what in ("checkout_links_first", "checkout_links"):
            shutil.rmtree(ours / "many")
            say(f"slipway data {what}")
            seconds[what] = timed([*data, "checkout", "main", "--force"], ours)
    seconds["cp"] = timed(["cp", "-r", source, folder / "copied"], folder)
    seconds["sync_behind_cp"] = sync()
    for name in ("cloned", "copied", "ours"):
        shutil.rmtree(folder / name)
    env = dvc_environment(home)
    theirs.mkdir()
    source.rename(theirs / "many")
    timed([DVC, "init", "-q", "--no-scm"], theirs, env)
    timed([DVC, "remote", "add", "-q", "-d", "there", folder / "remote"], theirs, env)
    for what, verb in (("dvc_add", ["add", "-q", "many"]), ("dvc_push", ["push", "-q"])):
        say(what.replace("_", " "))
        seconds[what] = timed([DVC, *verb], theirs, env)
    seconds["sync_behind_dvc"] = sync()
    seconds["dvc_checkout_links"] = dvc_links(theirs, "many", env, say)
    shutil.rmtree(theirs)
    shutil.rmtree(folder / "remote")
    return seconds


def large_file(folder: pathlib.Path, args, say) -> dict:
    work = folder / "large"
    work.mkdir()
    file = work / "large.bin"
    say(f"writing {args.large_mb} MB")
    with open(file, "wb") as out:
        for _ in range(args.large_mb // 64):
            out.write(os.urandom(64 << 20))
    seconds = {"sha256": timed(["openssl", "dgst", "-sha256", file], folder)}
    timed([SLIPWAY, "data", "init"], work)
    say("slipway data add of it")
    seconds["add_large"] = timed([SLIPWAY, "data", "add", "."], work)
    seconds["commit_large"] = timed([SLIPWAY, "data", "commit", "-m", "large"], work)
    seconds["cp_large"] = timed(["cp", file, folder / "copy"], folder)
    seconds["sync_behind_cp_large"] = sync()
    (folder / "copy").unlink()
    file.unlink()
    seconds["checkout_large"] = timed([SLIPWAY, "data", "checkout", "main", "--force"], work)
    seconds["sync_behind_checkout_large"] = sync()
    timed([SLIPWAY, "data", "config", "cache.type", "hardlink"], work)
    for what in ("checkout_large_link_first", "checkout_large_link"):
        file.unlink()
        seconds[what] = timed([SLIPWAY, "data", "checkout", "main", "--force"], work)
    theirs, env = folder / "theirs-large", dvc_environment(folder / "home")
    theirs.mkdir()
    timed(["cp", file, theirs / "large.bin"], folder)
    timed([DVC, "init", "-q", "--no-scm"], theirs, env)
    say("dvc add of it")
    seconds["dvc_add_large"] = timed([DVC, "add", "-q", "large.bin"], theirs, env)
    seconds["dvc_checkout_large_link"] = dvc_links(theirs, "large.bin", env, say)
    shutil.rmtree(theirs)
    timed([SLIPWAY, "data", "unprotect", "."], work)
    with open(file, "r+b") as content:
        content.seek((args.large_mb << 20) // 2)
        rest = content.read()
        content.seek((args.large_mb << 20) // 2)
        content.write(b"one row more\n" + rest)
    del rest
    done = subprocess.run([SLIPWAY, "--json", "data", "add", "."], cwd=work, capture_output=True, text=True, check=True)
    return {**seconds, "bytes_for_a_row": json.loads(done.stdout)["bytes_added"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--large-mb", type=int, default=2048, help="needs four times as much on the disk")
    parser.add_argument("--folder", help="on the file system that is to be measured")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    def say(what):
        print(what, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=args.folder) as name:
        seconds = {**small_files(pathlib.Path(name), args, say), **large_file(pathlib.Path(name), args, say)}
    row = seconds.pop("bytes_for_a_row")
    ours = seconds["add"] + seconds["commit"] + seconds["push"]
    theirs = seconds["dvc_add"] + seconds["dvc_push"]
    result = {"bench": "versions", **processes.machine(), "files": args.files, "bytes": args.bytes, "large_mb": args.large_mb,
              "seconds": {what: round(value, 2) for what, value in seconds.items()}, "dvc_to_slipway": round(theirs / ours, 1),
              "large_to_sha256": round((seconds["add_large"] + seconds["commit_large"]) / seconds["sha256"], 2),
              "large_to_sha256_and_copy": round((seconds["add_large"] + seconds["commit_large"]) /
                                                (seconds["sha256"] + seconds["cp_large"] + seconds["sync_behind_cp_large"]), 2),
              "checkout_to_cp": round((seconds["checkout"] + seconds["sync_behind_checkout"]) / (seconds["cp"] + seconds["sync_behind_cp"]), 2),
              "dvc_to_slipway_links": round(seconds["dvc_checkout_links"] / seconds["checkout_links"], 1),
              "dvc_to_slipway_links_first": round(seconds["dvc_checkout_links"] / seconds["checkout_links_first"], 1),
              "dvc_to_slipway_large_link": round(seconds["dvc_checkout_large_link"] / seconds["checkout_large_link"], 1),
              "bytes_for_a_row": row}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for what, value in result["seconds"].items():
        print(f"{what.replace('_', ' '):<24}{value:>10} s")
    print(f"add, commit and push of {args.files} files of {args.bytes} bytes: dvc takes {result['dvc_to_slipway']} times as long")
    print(f"one file of {args.large_mb} MB: {result['large_to_sha256']} of its SHA-256, {result['large_to_sha256_and_copy']} of that and a copy; "
          f"a row more in its middle adds {row} bytes")
    print(f"checkout to cp -r {result['checkout_to_cp']}; as links dvc takes {result['dvc_to_slipway_links']} times as long "
          f"({result['dvc_to_slipway_links_first']} of one that fills the cache), {result['dvc_to_slipway_large_link']} times of the large file")


if __name__ == "__main__":
    main()
