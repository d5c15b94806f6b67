#!/usr/bin/env python3
"""clang-tidy on the sources that differ from the last commit on the main line (or on all with --all)."""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def git(*args: str) -> list[str]:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line]


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
    # The precompiled header is gcc's: clang reads the plain one instead.
    command = ["clang-tidy-16", "-p", args.build, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
               "--extra-arg=-Wno-ignored-optimization-argument", "--extra-arg=-Wno-invalid-pch", *sources]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
