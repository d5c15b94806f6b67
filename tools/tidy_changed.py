#!/usr/bin/env python3
"""clang-tidy on the sources that differ from the last commit on the main line (or on all with --all)."""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def git(*args: str) -> list[str]:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line]


def for_clang(entry: dict) -> dict:
    """The command without the cache in front of it and gcc's precompiled header, which clang can't read: it gets the plain one."""
    words = shlex.split(entry["command"])
    words = words[next(i for i, word in enumerate(words) if word.endswith("g++")):]
    at = words.index("-include") + 1
    words[at] = str(ROOT / "src/base/pch.h")
    return {**entry, "command": shlex.join(word for word in words if word not in ("-fpch-preprocess", "-Winvalid-pch"))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="build folder with compile_commands.json")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--base", default="HEAD~1")
    args = parser.parse_args()
    if args.all:
        names = git("ls-files", "src/*.cc")
    else:
        names = git("diff", "--name-only", "--diff-filter=AM", args.base, "--", "src")
    sources = [n for n in names if n.endswith(".cc")]
    if not sources:
        print("clang-tidy: nothing changed", file=sys.stderr)
        return 0
    entries = json.loads((pathlib.Path(args.build) / "compile_commands.json").read_text())
    database = pathlib.Path(args.build) / "tidy"
    database.mkdir(exist_ok=True)
    wanted = {str(ROOT / name) for name in sources}
    (database / "compile_commands.json").write_text(json.dumps([for_clang(entry) for entry in entries if entry["file"] in wanted]))
    command = ["clang-tidy-16", "-p", str(database), "--quiet", "--extra-arg=-Wno-unknown-warning-option",
               "--extra-arg=-Wno-ignored-optimization-argument", *sources]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
