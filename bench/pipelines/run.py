#!/usr/bin/env python3
"""What a pipeline costs beside its steps: commands that do nothing, in a chain and side by side, beside GNU make (which keeps no record) and
`dvc repro`, and on request Airflow and Prefect, which keep one, too; a thousand steps of which none has to run; thousands of pipelines in one
file that are read and planned; what people look at when there have been many runs; and what each command takes to start."""
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

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
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


def many_yaml(pipelines: int) -> str:
    """Of two steps each, every tenth with a schedule: what a generator writes."""
    lines = ["project: many", "pipelines:"]
    for i in range(pipelines):
        lines += [f"  p{i}:", "    steps:", f"      - {{name: make, run: 'python make.py --part {i} --out {{out}}/x', outputs: [x]}}",
                  "      - name: train", "        run: python train.py {make}/x {out}/model.json", "        outputs: [model.json]", "        retry: {times: 2}"]
    lines.append("schedules:")
    for i in range(0, pipelines, 10):
        lines.append(f"  s{i}: {{pipeline: p{i}, cron: '{i % 60} 3 * * *', time_zone: Europe/Berlin}}")
    return "\n".join(lines) + "\n"


def plan_many(folder: pathlib.Path, pipelines: int) -> dict[str, float]:
    """Wall seconds of `slipway plan`, and CPU seconds of the server for it: new, and when all are known."""
    folder.mkdir()
    (folder / "slipway.yaml").write_text(many_yaml(pipelines))
    found = {}
    with processes.slipway(folder) as server:
        env = {"SLIPWAY_URL": server.url}
        for name in ("new", "known"):
            before = server.cpu_seconds()
            found[f"{name}_wall_s"] = seconds([processes.BUILD / "slipway", "plan"], folder, env)
            found[f"{name}_cpu_s"] = server.cpu_seconds() - before
            if name == "new":
                seconds([processes.BUILD / "slipway", "apply"], folder, env)
    return found


def airflow(folder: pathlib.Path, steps: int) -> dict[str, float]:
    """From the start of a run to its end, as Airflow's own database has it, with its scheduler and LocalExecutor."""
    commands = processes.environment("bench-airflow", HERE / "peers" / "airflow.txt")
    (folder / "dags").mkdir(parents=True)
    shutil.copy(HERE / "peers" / "airflow_dags.py", folder / "dags")
    env = {**os.environ, "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
           "AIRFLOW__CORE__PARALLELISM": str(SIDE_BY_SIDE), "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
           "AIRFLOW__API__PORT": str(processes.free_port()), "BENCH_STEPS": str(steps), "BENCH_SIDE_BY_SIDE": str(SIDE_BY_SIDE),
           "PATH": f"{commands}:{os.environ['PATH']}"}
    env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"http://localhost:{env['AIRFLOW__API__PORT']}/execution/"
    took = {}
    with open(folder / "standalone.log", "wb") as log:
        standalone = subprocess.Popen([commands / "airflow", "standalone"], env=env, stdout=log, stderr=log, preexec_fn=processes.end_with_parent)
    try:
        for shape in ("chain", "fan"):
            deadline = time.monotonic() + 900
            while subprocess.run([commands / "airflow", "dags", "trigger", shape], env=env, capture_output=True, check=False).returncode:
                if time.monotonic() > deadline:
                    raise SystemExit(f"airflow did not start:\n{(folder / 'standalone.log').read_text()[-3000:]}")
                time.sleep(2)
            while True:
                with sqlite3.connect(folder / "airflow.db", timeout=60) as db:
                    row = db.execute("SELECT state, (julianday(end_date) - julianday(start_date)) * 86400 FROM dag_run WHERE dag_id = ?", [shape]).fetchone()
                if row and row[0] in ("success", "failed"):
                    break
                if time.monotonic() > deadline:
                    raise SystemExit(f"airflow: {shape} is {row}")
                time.sleep(1)
            if row[0] == "failed":
                raise SystemExit(f"airflow: {shape} failed")
            took[shape] = row[1]
            print(f"airflow: {shape}", file=sys.stderr)
    finally:
        standalone.terminate()
        standalone.wait(timeout=60)
    return took


def prefect(folder: pathlib.Path, steps: int) -> dict[str, float]:
    """From the call of a flow to its end, with its server running."""
    commands = processes.environment("bench-prefect", HERE / "peers" / "prefect.txt")
    folder.mkdir()
    env = {**os.environ, "PREFECT_HOME": str(folder), "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    took = {}
    for shape in ("chain", "fan"):
        command = [commands / "python3", HERE / "peers" / "prefect_flows.py", shape, str(steps), str(SIDE_BY_SIDE)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"prefect failed:\n{done.stderr[-3000:]}")
        took[shape] = float(done.stdout.split()[-1])
        print(f"prefect: {shape}", file=sys.stderr)
    return took


def seconds(command: list, folder: pathlib.Path, env: dict | None = None) -> float:
    begin = time.perf_counter()
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - begin


def fill(database: pathlib.Path, runs: int) -> None:
    """Runs of twenty pipelines, five steps each, one of a hundred failed, one of ten thousand of somebody else."""
    with sqlite3.connect(database) as db:
        begin = int(time.time() - runs * 60) * 1_000_000
        text = "{steps: [%s]}" % ", ".join(f"{{name: s{k}, run: x}}" for k in range(5))
        db.executemany("INSERT INTO pipeline_runs(id, pipeline, state, reason, actor, params, text, project, source, now, created_at, finished_at) "
                       "VALUES(?, ?, ?, 'schedule', ?, '{}', ?, '/project', '{}', ?, ?, ?)",
                       ((f"{i:016x}", f"p{i % 20}", "failed" if i % 100 == 0 else "succeeded", "bob" if i % 10_000 == 0 else "ann", text, *([begin + i * 60_000_000] * 3)) for i in range(runs)))
        db.executemany("INSERT INTO pipeline_steps(run, position, name, state, cache_key) VALUES(?, ?, ?, 'succeeded', ?)",
                       ((f"{i:016x}", k, f"s{k}", f"{i:x}-{k}") for i in range(runs) for k in range(5)))


def history(folder: pathlib.Path, runs: int) -> dict[str, float]:
    """Milliseconds of what the page and the CLI ask for, the slowest of ten."""
    (folder / "slipway.yaml").write_text("project: bench\npipelines:\n" + "".join(f"  p{i}: {{steps: [{{name: s0, run: 'true'}}]}}\n" for i in range(20)))
    with processes.slipway(folder) as server:
        seconds([processes.BUILD / "slipway", "apply"], folder, {"SLIPWAY_URL": server.url})
    fill(folder / "slipway-data" / "slipway.db", runs)
    asked = {"all pipelines": "pipelines", "50 newest of one": "pipelines/p7/runs", "50 newest that failed": "pipelines/p0/runs?state=failed",
             "those of one who began few": "pipeline-runs?actor=bob", "of one pipeline and state that another began": "pipeline-runs?pipeline=p0&state=succeeded&actor=bob",
             "the oldest 50, behind a run": f"pipeline-runs?after={50:016x}",
             "one run": f"pipeline-runs/{runs // 2:016x}"}
    found = {}
    with processes.slipway(folder) as server:
        for name, path in asked.items():
            took = []
            for _ in range(10):
                begin = time.perf_counter()
                with urllib.request.urlopen(f"{server.url}/slipway/v1/{path}", timeout=60) as reply:
                    assert len(reply.read()) > 20, path
                took.append((time.perf_counter() - begin) * 1000)
            found[name] = max(took)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--cached", type=int, default=1000, help="steps of which none has to run")
    parser.add_argument("--runs", type=int, default=100_000, help="that were before")
    parser.add_argument("--pipelines", type=int, default=5000, help="in one file")
    parser.add_argument("--schedulers", action="store_true", help="Airflow and Prefect, too: some minutes")
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
        starts = {name: 1000 * min(seconds([command, "--version"], folder) for _ in range(args.rounds)) for name, command in {"slipway": slipway, "make": "make", "dvc": dvc}.items()}
        for shape, systems in took.items():
            home = folder / f"dvc-{shape}"
            home.mkdir()
            seconds([dvc, "init", "--no-scm", "-q"], home)
            (home / "dvc.yaml").write_text(dvc_yaml(args.steps, shape))
            systems["dvc"] = seconds([dvc, "repro"], home)
            print(f"dvc: {shape}", file=sys.stderr)
        if args.schedulers:
            for system, measure in {"airflow": airflow, "prefect": prefect}.items():
                for shape, wall in measure(folder / system, args.steps).items():
                    took[shape][system] = wall
        planned = plan_many(folder / "many", args.pipelines)
    result = {"steps": args.steps, "seconds": took, "cached": {"steps": args.cached, "seconds": cached},
              "planned": {"pipelines": args.pipelines, **planned}, "history": {"runs": args.runs, "ms": looks}, "start_ms": starts, "machine": processes.machine()}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'shape':8} {'system':8} {'seconds':>8} {'ms a step':>10} {'of slipway':>11}")
    for shape, systems in took.items():
        for system, wall in systems.items():
            print(f"{shape:8} {system:8} {wall:8.3f} {wall / args.steps * 1000:10.2f} {wall / systems['slipway']:11.2f}")
    print(f"{args.cached} steps of which none has to run: {cached:.3f} s")
    print(f"plan of {args.pipelines} pipelines: new {planned['new_wall_s']:.2f} s ({planned['new_cpu_s']:.2f} of the server's CPU), "
          f"known {planned['known_wall_s']:.2f} s ({planned['known_cpu_s']:.2f})")
    print(f"after {args.runs} runs: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in looks.items()))
    print("the command starts in " + ", ".join(f"{ms:.1f} ms ({name})" for name, ms in starts.items()))


if __name__ == "__main__":
    main()
