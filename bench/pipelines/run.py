#!/usr/bin/env python3
"""What a pipeline costs beside its steps: commands that do nothing, in a chain and side by side, beside GNU make (which keeps no record) and
`dvc repro`; a thousand steps of which none has to run; and what people look at when there have been many runs."""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

SIDE_BY_SIDE = 4  # steps at the same time, everywhere


def needs(step: int, shape: str) -> bool:
    return shape == "chain" and step > 0


def slipway_yaml(steps: int, cached: int) -> str:
    lines = ["project: bench", "pipelines:"]
    for shape in ("chain", "fan"):
        lines += [f"  {shape}:", "    steps:"]
        lines += [f"      - {{name: s{i}, run: 'true'{f', after: [s{i - 1}]' if needs(i, shape) else ''}}}" for i in range(steps)]
    lines += ["  cached:", "    steps:"]
    lines += [f"      - {{name: s{i}, run: 'echo {i} > {{out}}/x', outputs: [x]{f', after: [s{i - 1}]' if i else ''}}}" for i in range(cached)]
    return "\n".join(lines) + "\n"


def makefile(steps: int, shape: str) -> str:
    """`:;` makes make start a shell, as the others do."""
    return "all: " + " ".join(f"s{i}" for i in range(steps)) + "\n" + "".join(
        f"s{i}: {f's{i - 1}' if needs(i, shape) else ''}\n\t@true;:\n" for i in range(steps))


def dvc_yaml(steps: int, shape: str) -> str:
    lines = ["stages:"]
    for i in range(steps):
        lines += [f"  s{i}:", f"    cmd: echo {i} > o{i}", *([f"    deps: [o{i - 1}]"] if needs(i, shape) else []), f"    outs: [o{i}]"]
    return "\n".join(lines) + "\n"


def seconds(command: list, folder: pathlib.Path, env: dict | None = None) -> float:
    begin = time.perf_counter()
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - begin


def fill(database: pathlib.Path, runs: int) -> None:
    """Runs of twenty pipelines, five steps each, one of a hundred failed."""
    with sqlite3.connect(database) as db:
        begin = int(time.time() - runs * 60) * 1_000_000
        db.executemany("INSERT INTO pipeline_runs(id, pipeline, state, reason, actor, params, text, project, source, now, created_at, finished_at) "
                       "VALUES(?, ?, ?, 'schedule', 'ann', '{}', '{steps: [{name: s0, run: x}]}', '/project', '{}', ?, ?, ?)",
                       ((f"{i:016x}", f"p{i % 20}", "failed" if i % 100 == 0 else "succeeded", *([begin + i * 60_000_000] * 3)) for i in range(runs)))
        db.executemany("INSERT INTO pipeline_steps(run, position, name, state, cache_key) VALUES(?, ?, ?, 'succeeded', ?)",
                       ((f"{i:016x}", k, f"s{k}", f"{i:x}-{k}") for i in range(runs) for k in range(5)))


def history(folder: pathlib.Path, runs: int) -> dict[str, float]:
    """Milliseconds of what the page and the CLI ask for, the slowest of ten."""
    (folder / "slipway.yaml").write_text("project: bench\npipelines:\n" + "".join(f"  p{i}: {{steps: [{{name: s0, run: 'true'}}]}}\n" for i in range(20)))
    with processes.slipway(folder) as server:
        seconds([processes.BUILD / "slipway", "apply"], folder, {"SLIPWAY_URL": server.url})
    fill(folder / "slipway-data" / "slipway.db", runs)
    asked = {"all pipelines": "pipelines", "50 newest of one": "pipelines/p7/runs", "50 newest that failed": "pipelines/p0/runs?state=failed",
             "one run": f"pipeline-runs/{runs // 2:016x}"}
    found = {}
    with processes.slipway(folder) as server:
        for name, path in asked.items():
            took = []
            for _ in range(10):
                begin = time.perf_counter()
                with urllib.request.urlopen(f"{server.url}/slipway/v1/{path}", timeout=60) as reply:
                    assert len(reply.read()) > 200, path
                took.append((time.perf_counter() - begin) * 1000)
            found[name] = max(took)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--cached", type=int, default=1000, help="steps of which none has to run")
    parser.add_argument("--runs", type=int, default=100_000, help="that were before")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    took: dict[str, dict[str, float]] = {"chain": {}, "fan": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "slipway.yaml").write_text(slipway_yaml(args.steps, args.cached))
        for shape in took:
            (folder / f"{shape}.mk").write_text(makefile(args.steps, shape))
        with processes.slipway(folder, "--pipeline-steps-max", str(SIDE_BY_SIDE)) as server:
            env = {"SLIPWAY_URL": server.url}
            slipway = processes.BUILD / "slipway"
            seconds([slipway, "apply"], folder, env)
            for turn in range(args.rounds):  # side by side, so that a busy moment meets both
                for shape, systems in took.items():
                    for system, command in {"slipway": [slipway, "run", shape], "make": ["make", "-s", f"-j{SIDE_BY_SIDE}", "-f", f"{shape}.mk"]}.items():
                        systems[system] = min(systems.get(system, 1e9), seconds(command, folder, env))
                print(f"round {turn + 1} of {args.rounds}", file=sys.stderr)
            seconds([slipway, "run", "cached"], folder, env)
            cached = min(seconds([slipway, "run", "cached"], folder, env) for _ in range(args.rounds))
        past = folder / "past"
        past.mkdir()
        looks = history(past, args.runs)
        dvc = shutil.which("dvc")
        for shape, systems in took.items():
            home = folder / f"dvc-{shape}"
            home.mkdir()
            seconds([dvc, "init", "--no-scm", "-q"], home)
            (home / "dvc.yaml").write_text(dvc_yaml(args.steps, shape))
            systems["dvc"] = seconds([dvc, "repro"], home)
            print(f"dvc: {shape}", file=sys.stderr)
    result = {"steps": args.steps, "seconds": took, "cached": {"steps": args.cached, "seconds": cached},
              "history": {"runs": args.runs, "ms": looks}, "machine": processes.machine()}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'shape':8} {'system':8} {'seconds':>8} {'ms a step':>10} {'of slipway':>11}")
    for shape, systems in took.items():
        for system, wall in systems.items():
            print(f"{shape:8} {system:8} {wall:8.3f} {wall / args.steps * 1000:10.2f} {wall / systems['slipway']:11.2f}")
    print(f"{args.cached} steps of which none has to run: {cached:.3f} s")
    print(f"after {args.runs} runs: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in looks.items()))


if __name__ == "__main__":
    main()
