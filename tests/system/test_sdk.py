"""The Python SDK: definitions that are the document, rows in and out as pandas, polars and Arrow, errors and retries."""
import datetime as dt
import importlib.util
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
import requests
import yaml
from conftest import BINARY, ROOT
from playwright.sync_api import expect

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402
from slipway import agg  # noqa: E402

UTC = dt.timezone.utc
START = dt.datetime(2026, 1, 5, 8, tzinfo=UTC)
FLIGHTS = ROOT / "examples" / "flights"


def hours(count: float) -> dt.datetime:
    return START + dt.timedelta(hours=count)


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same_order(one, other):
    """Mappings whose order means something: names of views, features, columns."""
    if isinstance(one, dict):
        for key, value in one.items():
            if isinstance(value, dict) and key in ("aggregates", "columns", "request", "shadow"):
                assert list(value) == list(other[key]), key
            same_order(value, other[key])


# Definitions


def test_the_flights_example_is_the_same_in_python(server):
    text = (FLIGHTS / "slipway.yaml").read_text()
    project = load(FLIGHTS / "definitions.py").project
    ours, theirs = yaml.safe_load(project.to_yaml()), yaml.safe_load(text)
    assert ours == theirs
    same_order(ours, theirs)
    client = sw.Client(server.url)
    declared = requests.post(f"{server.url}/slipway/v1/apply", json={"yaml": text, "dir": str(project.folder)}, timeout=60).json()["changes"]
    assert {change["change"] for change in declared} == {"created"}
    changes = client.plan(project)
    assert len(changes) == len(declared) and {change.change for change in changes} == {"unchanged"}, changes
    before = client.features()
    assert {change.change for change in client.apply(project)} == {"unchanged"}
    assert client.features() == before
    printed = subprocess.run([sys.executable, FLIGHTS / "definitions.py"], env={"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True, check=True)
    assert printed.stdout == project.to_yaml()


# Every key that docs/formats/slipway_yaml.md names.
EVERY_KEY = """
project: whole
owner: ada
clock: rehearsal
start: 2026-01-05T08:00:00Z
alarm_budget: {false_pages: 1, per: week, severity: [critical, warning], route: [pager, chat]}
pools: {gpu: 2, licence: 1}
ci: {pipelines: {train: {until: [rows], params: {as_of: "2026-01-01"}}}, checks: [{value: train/rows/m.json#auc, min: 0.7, max: 1, drop: 0.01, rise: 0.1}], quarantined: 0.1}
datasets:
  rows:
    path: rows.parquet
    key: [id]
    event_time: at
    arrival_time: known_at
    columns: {x: {type: double, min: -1.5, max: 10, required: true}, s: {type: string, in: ["a b", "no", "10"], pattern: "^[a-z0-9 ]+$"}, n: {type: int64, tags: [pii, patient]}, b: {type: bool}}
    keep: 365d
    rules: {positive: "x > 0 or b"}
    on_violation: reject
    checks: {rows: {min: 1, max: 1000, change_max: 0.5}, quarantined_max: 0.1, missing_max: {x: 0.2}, unique: [x, [s, n]], age_max: 26h, drift_max: {s: 0.2}, on_failed: flag}
  files: {path: rows, format: csv, csv: {delimiter: ";", missing: [NA, "-"]}}
  table: {postgres: {url: "${WAREHOUSE_URL}", table: shop.rides}}
  query: {postgres: {url: "postgresql://h/d", query: "SELECT 1 AS x"}}
features:
  sources:
    rows: {dataset: rows, event_time: at, arrival_time: known_at, owner: ada, description: "What\\nhappened", tags: {team: "rides: ü"}}
    always: {dataset: rows}
    corrected: {dataset: rows, event_time: at, arrival_time: known_at, deduplication_key: [n, s]}
  views:
    windows:
      source: rows
      keys: [s, n]
      windows: [90s, 1h, 7d]
      resolution: 30s
      aggregates: {a: count(), b: count(x), c: sum(x), d: mean(x > 1), e: min(x), f: max(s), g: variance(x), h: stddev(x), i: "quantile(x, 0.25)",
                   j: first(s), k: last(s), l: distinct(s), m: mode(s), n: "top_k(s, 3)"}
    latest: {source: always, keys: [s], ttl: 500ms, columns: {x: x, is_big: "x > 1 and s = 'it''s'"}, owner: bob, description: d, tags: {a: b}}
    asked: {columns: {twice: dist * 2}, owner: eve}
  services:
    first: {event_time: at, request: {s: string, n: int64, dist: double, ok: bool, at: timestamp}, features: [windows, latest.x, asked, request.ok],
            owner: ada, description: d, tags: {a: b}}
pipelines:
  train:
    params: {as_of: "{now}", rounds: 60, share: 0.5, word: x}
    priority: 5
    notify: {failed: [post, chat], refused: chat, succeeded: chat, waiting: chat, late: post}
    executor: local
    image: "trainer:1"
    node_selector: {disk: ssd}
    tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
    gpus: 1
    ttl: 2h
    service_account: trainer
    steps:
      - {name: a, run: "echo {rounds} {{x}} > {out}/a", code: [a.py], env: [r.txt], inputs: ["dataset:rows", "model:m@champion"], outputs: [a], secrets: [KEY], pool: gpu, slots: 2, resources: {cpu: 500m, memory: 64Mi}, timeout: 1h,
         retry: {times: 2, after: 10s, factor: 3, at_most: 1h}, cache: false}
      - {name: ask, approve: Is it good, after: [a], timeout: 72h}
      - {name: e, run: "echo {item.n}", after: [a], each: [{n: 1}, {n: x}], parallel: 2}
      - {name: f, run: "echo {item}", each: "{a/a#list}"}
      - {name: s, run: "echo {rate} {kind} {depth} > {out}/m.json", outputs: [m.json], after: [a], search: {method: tpe, trials: 9, parallel: 3, metric: m.json#auc, goal: maximize, seed: 7,
         space: {rate: {low: 0.0001, high: 0.3, log: true}, kind: {choices: [a, 1]}, depth: {low: 2, high: 10, step: 2}}, stop_early: {method: asha, min: 1, max: 27, reduction: 3, metric: auc}, max_failed: 5, experiment: found}}
      - {name: w, wait_for: {dataset: rows, newer_than: last_success}, timeout: 7d, after: [a]}
      - {name: x, wait_for: {model: m, alias: champion, soft_fail: true}}
      - {name: y, wait_for: {file: "s3://bucket/{word}", poke_interval: 1m}}
      - {name: z, wait_for: {time: "06:30", time_zone: Europe/Berlin}}
      - {name: later, wait_for: {delay: 30m}}
      - {name: d, pipeline: inner, parameters: {p: "{rounds}"}, retry: 1}
      - {name: b, run: "cat {a}/a", after: [a], unless_failed: [a], retry: 1, always: true, when: "{rounds} >= 60 and {run.state} != 'failed'"}
  inner:
    params: {p: 1}
    steps: [{name: a, run: "echo {p}"}]
endpoints:
  late:
    model: models:/m@champion
    features: first
    output: late
    shadow: {frozen: models:/m/1}
    release: {delay: 6h, steps: [10, 50, 100], hold: 24h, check: 6h,
              guard: {error_rate: 0.01, latency_ms_p99: 50, calibration_bias: 0.1, quality: {metric: log_loss, worse_by: 0.01}, min_requests: 20, min_labels: 30}}
    log: {policy: durable, keep: 90d}
    batching: {max_rows: 64, max_wait_ms: 5, max_queue_rows: 10000, priority_levels: 10, default_priority_level: 5}
    async: {output: "s3://bucket/prefix", failure: "s3://bucket/failed", in_flight: 4}
    python: {workers: 2, memory_bytes_max: 4294967296, call_timeout_ms: 30000}
    inputs: {on_violation: quarantine, columns: {dist: {type: double, min: 0, max: 5000, required: true, on_violation: reject}, s: {in: [a, b], pattern: "[ab]"}}}
monitors:
  health:
    endpoint: late
    windows: [day, week, month]
    time_zone: America/New_York
    week_starts: monday
    complete: {share: 0.99, after: 24h}
    reference: {from: 2026-01-01T00:00:00Z, to: 2026-01-05T00:00:00Z}
    drift: {method: evidently, columns: {dist: {method: ks, threshold: 0.01}}, prediction: {method: wasserstein, threshold: 0.2}, multivariate: {method: mmd, threshold: 0.01, columns: [dist, n], rows: 500},
            embeddings: {v: {columns: [dist, n], method: ratio, threshold: 0.3}}, associations: true}
    causes: {psi_over: 0.1, max: 5}
    estimate: {rows: 500, threshold: 0.4}
    slices: [dist, {name: far, when: dist > 10}]
    datasets: [rows]
    alerts: {a: {metric: auc, window: week, slice: far, under: 0.5, min_rows: 10, action: [again, page], route: pager}, i: {metric: missing_rate, window: day, input: dist, over: 0.1}, b: {metric: brier, window: day, over: 1, severity: critical, route: [post, chat]},
             c: {metric: requests, window: day, under: 10, unusual: low}}
    detectors: {moved: {method: page_hinkley, of: inputs.dist, threshold: 20, mode: up, action: again, severity: info, route: pager}, wrong: {method: rate_above, of: error, bound: 0.2}}
    actions: {again: {pipeline: train, params: {rounds: 10}, confirmed: 2, min_labels: 5, cool_down: 21d, max_missing_rise: 0.1, with_open_incident: act}, page: {do: incident},
              simple: {do: fallback, model: models:/m/1}}
  kinds: {endpoint: animal, problem: multiclass, classes: [cat, dog]}
  order: {endpoint: shelf, problem: ranking, group: query}
routes:
  post: {webhook: "https://hooks.example.com/a", secret: "not-told"}
  chat: {slack: "https://hooks.slack.example.com/b"}
  pager: {alertmanager: "https://alerts.example.com"}
  mail: {email: [a@example.com, b@example.com], from: s@example.com, smtp: "smtps://mail.example.com:465", user: u, password: "not-told", tls: required}
maintenance:
  nights: {match: [endpoint=late, severity!=critical], days: [saturday, sunday], days_of_month: [1, -1], from: "02:00", for: 4h, time_zone: Europe/Berlin, why: load}
  move: {match: alert=a, start: 2026-02-01T00:00:00Z, end: 2026-02-02T00:00:00Z}
schedules:
  nightly: {pipeline: train, cron: "0 2 * * MON-FRI", time_zone: Europe/Berlin, params: {rounds: "{scheduled}"}, catch_up: true, overlap: forbid,
            start: 2026-01-05T08:00:00Z, end: 2027-01-05T08:00:00Z, start_within: 5m, finish_within: 2h}
  often: {pipeline: train, every: 15m, overlap: queue, parallel: 2}
  fresh: {pipeline: train, when: {dataset: files}}
  promoted: {pipeline: train, when: {model: m, alias: champion}}
streams:
  scored:
    endpoint: late
    from: log:/in
    to: log:/out
    dead_letters: log:/dead
    group: g
    format: json
    start: earliest
    batching: {max_rows: 500, max_wait_ms: 20}
tags:
  pii: {mask: hash, readable_by: [stewards]}
  patient: {mask: none}
"""


def every_key() -> sw.Project:
    rows = sw.Dataset("rows", path="rows.parquet", key=["id"], event_time="at", arrival_time="known_at", on_violation="reject", keep="365d", rules={"positive": "x > 0 or b"},
        checks=sw.Checks(rows=sw.RowCount(min=1, max=1000, change_max=0.5), quarantined_max=0.1, missing_max={"x": 0.2}, unique=["x", ["s", "n"]],
                         age_max=dt.timedelta(hours=26), drift_max={"s": 0.2}, on_failed="flag"), columns={
        "x": sw.Column(type="double", min=-1.5, max=10, required=True), "s": sw.Column(type="string", one_of=["a b", "no", "10"], pattern="^[a-z0-9 ]+$"),
        "n": sw.Column(type="int64", tags=["pii", "patient"]), "b": sw.Column(type="bool")})
    source = sw.Source("rows", rows, event_time="at", arrival_time="known_at", owner="ada", description="What\nhappened", tags={"team": "rides: ü"})
    always = sw.Source("always", rows)
    corrected = sw.Source("corrected", rows, event_time="at", arrival_time="known_at", deduplication_key=["n", "s"])
    s, n = sw.Entity("s"), sw.Entity("n", "int64")
    windows = sw.View("windows", source, [s, n], windows=[dt.timedelta(seconds=90), "1h", dt.timedelta(days=7)], resolution="30s", aggregates={
        "a": agg.count(), "b": agg.count("x"), "c": agg.sum("x"), "d": agg.mean("x > 1"), "e": agg.min("x"), "f": agg.max("s"), "g": agg.variance("x"),
        "h": agg.stddev("x"), "i": agg.quantile("x", 0.25), "j": agg.first("s"), "k": agg.last("s"), "l": agg.distinct("s"), "m": agg.mode("s"),
        "n": agg.top_k("s", 3)})
    latest = sw.View("latest", always, ["s"], ttl=dt.timedelta(milliseconds=500), columns={"x": "x", "is_big": "x > 1 and s = 'it''s'"}, owner="bob",
                     description="d", tags={"a": "b"})
    asked = sw.OnDemandView("asked", {"twice": "dist * 2"}, owner="eve")
    service = sw.Service("first", [windows, latest["x"], asked, sw.request("ok")], event_time="at", owner="ada", description="d", tags={"a": "b"},
                         request={"s": "string", "n": "int64", "dist": "double", "ok": "bool"})
    train = sw.Pipeline("train", params={"as_of": "{now}", "rounds": 60, "share": 0.5, "word": "x"}, executor="local", image="trainer:1", node_selector={"disk": "ssd"}, tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
                        gpus=1, ttl="2h", service_account="trainer", steps=[
        sw.Step("a", "echo {rounds} {{x}} > {out}/a", code=["a.py"], env=["r.txt"], inputs=["dataset:rows", "model:m@champion"], outputs=["a"],
                secrets=["KEY"], pool="gpu", slots=2, resources={"cpu": "500m", "memory": "64Mi"}, timeout=dt.timedelta(hours=1), retry=sw.Retry(times=2, after="10s", factor=3, at_most=dt.timedelta(hours=1)), cache=False),
        sw.Step("ask", approve="Is it good", after=["a"], timeout="72h"),
        sw.Step("e", "echo {item.n}", after=["a"], each=[{"n": 1}, {"n": "x"}], parallel=2), sw.Step("f", "echo {item}", each="{a/a#list}"),
        sw.Step("s", "echo {rate} {kind} {depth} > {out}/m.json", outputs=["m.json"], after=["a"], search=sw.Search(
            method="tpe", trials=9, parallel=3, metric="m.json#auc", goal="maximize", seed=7, max_failed=5, experiment="found",
            space={"rate": sw.Range(1e-4, 0.3, log=True), "kind": sw.Choices(["a", 1]), "depth": sw.Range(2, 10, step=2)}, stop_early=sw.StopEarly(min=1, max=27, reduction=3, metric="auc"))),
        sw.Step("w", wait_for=sw.WaitFor(dataset="rows", newer_than="last_success"), timeout="7d", after=["a"]),
        sw.Step("x", wait_for=sw.WaitFor(model="m", alias="champion", soft_fail=True)), sw.Step("y", wait_for=sw.WaitFor(file="s3://bucket/{word}", poke_interval="1m")),
        sw.Step("z", wait_for=sw.WaitFor(time="06:30", time_zone="Europe/Berlin")), sw.Step("later", wait_for=sw.WaitFor(delay=dt.timedelta(minutes=30))),
        sw.Step("d", pipeline=sw.Pipeline("inner", steps=[sw.Step("a", "echo {p}")], params={"p": 1}), parameters={"p": "{rounds}"}, retry=1),
        sw.Step("b", "cat {a}/a", after=["a"], unless_failed=["a"], retry=1, always=True, when="{rounds} >= 60 and {run.state} != 'failed'")], priority=5, notify={"failed": ["post", "chat"], "refused": "chat", "succeeded": "chat", "waiting": "chat", "late": "post"})
    late = sw.Endpoint("late", "models:/m@champion", features=service, output="late", shadow={"frozen": "models:/m/1"}, release=sw.Release(
        delay="6h", steps=[10, 50, 100], hold="24h", check="6h", guard=sw.Guard(
            error_rate=0.01, latency_ms_p99=50, calibration_bias=0.1, quality=sw.Quality(metric="log_loss", worse_by=0.01), min_requests=20, min_labels=30)),
        log=sw.RequestLog(policy="durable", keep="90d"),
        batching=sw.Batching(max_rows=64, max_wait_ms=5, max_queue_rows=10000, priority_levels=10, default_priority_level=5),
        asynchronous=sw.Async(output="s3://bucket/prefix", failure="s3://bucket/failed", in_flight=4),
        python=sw.PythonWorkers(workers=2, memory_bytes_max=4294967296, call_timeout_ms=30000),
        inputs=sw.Inputs(on_violation="quarantine", columns={
            "dist": sw.Input(type="double", min=0, max=5000, required=True, on_violation="reject"), "s": sw.Input(one_of=["a", "b"], pattern="[ab]")}))
    post = sw.Route(name="post", webhook="https://hooks.example.com/a", secret="not-told")
    chat = sw.Route(name="chat", slack="https://hooks.slack.example.com/b")
    health = sw.Monitor(
        "health", late, windows=["day", "week", "month"], time_zone="America/New_York", week_starts="monday", complete=sw.Complete(share=0.99, after="24h"),
        reference=sw.Reference(start="2026-01-01T00:00:00Z", end=dt.datetime(2026, 1, 5, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        drift=sw.Drift(method="evidently", columns={"dist": sw.ColumnDrift(method="ks", threshold=0.01)}, prediction=sw.ColumnDrift(method="wasserstein", threshold=0.2),
                       multivariate=sw.MultivariateDrift(method="mmd", threshold=0.01, columns=["dist", "n"], rows=500),
                       embeddings={"v": sw.Embedding(columns=["dist", "n"], method="ratio", threshold=0.3)}, associations=True),
        causes=sw.Causes(psi_over=0.1, max=5), estimate=sw.Estimate(rows=500, threshold=0.4),
        slices=["dist", sw.Slice(name="far", when="dist > 10")], datasets=[rows],
        alerts={"a": sw.Alert(metric="auc", window="week", slice="far", under=0.5, min_rows=10, action=["again", "page"], route="pager"),
                "i": sw.Alert(metric="missing_rate", window="day", input="dist", over=0.1),
                "b": sw.Alert(metric="brier", window="day", over=1, severity="critical", route=[post, chat]),
                "c": sw.Alert(metric="requests", window="day", under=10, unusual="low")},
        detectors={"moved": sw.Detector(method="page_hinkley", of="inputs.dist", threshold=20, mode="up", action="again", severity="info", route="pager"),
                   "wrong": sw.Detector(method="rate_above", of="error", bound=0.2)},
        actions={"again": sw.Action(pipeline=train, params={"rounds": 10}, confirmed=2, min_labels=5, cool_down="21d", max_missing_rise=0.1, with_open_incident="act"),
                 "page": sw.Action(do="incident"), "simple": sw.Action(do="fallback", model="models:/m/1")})
    stream = sw.Stream("scored", "log:/in", endpoint=late, target="log:/out", dead_letters="log:/dead", group="g", format="json", start="earliest",
                       batching=sw.Batching(max_rows=500, max_wait_ms=20))
    project = sw.Project("whole", owner="ada", clock="rehearsal", start=START, pools={"gpu": 2, "licence": 1}, ci={
        "pipelines": {"train": {"until": ["rows"], "params": {"as_of": "2026-01-01"}}},
        "checks": [{"value": "train/rows/m.json#auc", "min": 0.7, "max": 1, "drop": 0.01, "rise": 0.1}], "quarantined": 0.1}, alarm_budget=sw.AlarmBudget(
        false_pages=1, per="week", severity=["critical", "warning"], route=["pager", chat]))
    project.add(sw.Dataset("files", path="rows", format="csv", csv=sw.Csv(delimiter=";", missing=["NA", "-"])),
                sw.Dataset("table", postgres=sw.Postgres(url="${WAREHOUSE_URL}", table="shop.rides")),
                sw.Dataset("query", postgres=sw.Postgres(url="postgresql://h/d", query="SELECT 1 AS x")))
    project.add(sw.Tag(name="pii", mask="hash", readable_by=["stewards"]), sw.Tag(name="patient", mask="none"))
    project.add(sw.Maintenance(name="nights", match=["endpoint=late", "severity!=critical"], days=["saturday", "sunday"], days_of_month=[1, -1], start_at="02:00",
                               length=dt.timedelta(hours=4), time_zone="Europe/Berlin", why="load"),
                sw.Maintenance(name="move", match="alert=a", start="2026-02-01T00:00:00Z", end="2026-02-02T00:00:00Z"))
    project.add(sw.Schedule(name="nightly", pipeline=train, cron="0 2 * * MON-FRI", time_zone="Europe/Berlin", params={"rounds": "{scheduled}"}, catch_up=True,
                            overlap="forbid", start="2026-01-05T08:00:00Z", end="2027-01-05T08:00:00Z", start_within="5m", finish_within="2h"),
                sw.Schedule(name="often", pipeline=train, every=dt.timedelta(minutes=15), overlap="queue", parallel=2),
                sw.Schedule(name="fresh", pipeline=train, when=sw.DataTrigger(dataset="files")),
                sw.Schedule(name="promoted", pipeline=train, when=sw.DataTrigger(model="m", alias="champion")))
    return project.add(source, always, corrected, windows, latest, asked, service, sw.Route(name="pager", alertmanager="https://alerts.example.com"),
                       sw.Route(name="mail", email=["a@example.com", "b@example.com"], sender="s@example.com", smtp="smtps://mail.example.com:465", user="u", password="not-told",
                                tls="required"), health, sw.Monitor("kinds", "animal", problem="multiclass", classes=["cat", "dog"]),
                       sw.Monitor("order", "shelf", problem="ranking", group="query"), stream)


def test_every_key_of_the_document_has_a_place(server):
    ours, theirs = yaml.safe_load(every_key().to_yaml()), yaml.safe_load(EVERY_KEY)
    assert ours == theirs
    same_order(ours, theirs)
    # And the document's page names no other key.
    page = (ROOT / "docs" / "formats" / "slipway_yaml.md").read_text()
    named = set(re.findall(r"(?<![\w/:.{-])([a-z][a-z_0-9]+):(?= |$)", "\n".join(re.sub("#.*", "", line) for line in re.findall(r"^    .*$", page, re.M)), re.M))
    known = set(re.findall(r"([a-z][a-z_0-9]*):(?=\s|$)", EVERY_KEY)) | {"abs_over"}
    assert named <= known, named - known
    client = sw.Client(server.url)
    client.apply(every_key())
    assert {change["change"] for change in requests.post(
        f"{server.url}/slipway/v1/plan", json={"yaml": EVERY_KEY, "dir": str(every_key().folder)}, timeout=60).json()["changes"]} == {"unchanged"}


@pytest.mark.parametrize("make, says", [
    (lambda: sw.Dataset("a.b", path="x"), "letters, digits"),
    (lambda: sw.Dataset("a"), "either a path or postgres"),
    (lambda: sw.Source("s", "d", event_time="at"), "come together"),
    (lambda: sw.View("v", "s", [], columns={"a": "a"}), "keys are missing"),
    (lambda: sw.View("v", "s", "key", columns={"a": "a"}), "keys is a list"),
    (lambda: sw.View("v", "s", ["k"], windows=["1h"]), "come together"),
    (lambda: sw.View("v", "s", ["k"]), "either windows"),
    (lambda: sw.View("v", "s", ["k"], columns={"a": "a"}, resolution="1h"), "for windows"),
    (lambda: sw.View("v", "s", ["k"], columns={"a": "a"})["b"], "it has a"),
    (lambda: sw.View("v", "s", ["k"], windows=["1 hour"], aggregates={"a": agg.count()}).document(), "not a duration"),
    (lambda: agg.top_k("x", 0), "1 to 100"),
    (lambda: agg.quantile("x", 2), "0 to 1"),
    (lambda: sw.Alert(metric="auc", window="day"), "exactly one"),
    (lambda: sw.Alert(metric="auc", window="day", unusual="low", over=1, under=0), "exactly one"),
    (lambda: sw.Route(name="r"), "exactly one"),
    (lambda: sw.Action(), "exactly one"),
    (lambda: sw.Schedule(name="s", pipeline="p"), "exactly one"),
    (lambda: sw.DataTrigger(), "either a dataset"),
    (lambda: sw.Action(do="rollback", model="models:/m/1"), "fallback"),
    (lambda: sw.Maintenance(name="m"), "either start and end"),
    (lambda: sw.Route(name="r", email="a@example.com"), "sender and smtp"),
    (lambda: sw.Project("p", clock="rehearsal"), "start"),
    (lambda: sw.Project("p", start=dt.datetime(2026, 1, 1)).document(), "zone"),
    (lambda: sw.Project("p").add(sw.Source("s", "d"), sw.Source("s", "e")), "two sources"),
    (lambda: sw.Project("p").add("x"), "not a definition"),
])
def test_what_is_plainly_wrong_is_told_at_once(make, says):
    with pytest.raises((ValueError, KeyError, TypeError), match=says):
        make()


# The client


def taxi(folder) -> tuple[sw.Project, sw.Service]:
    rows = pa.table({"ride": [1, 2, 3], "driver": ["ada", "ada", "bob"], "km": [3.5, 12.0, 7.25], "dist": [3.0, 12.0, 7.0],
                     "at": [hours(0), hours(1), hours(2)]})
    pa.parquet.write_table(rows, folder / "rides.parquet")
    rides = sw.Dataset("rides", path="rides.parquet", key=["ride"], event_time="at", arrival_time="at")
    source = sw.Source("rides", rides, event_time="at", arrival_time="at")
    history = sw.View("history", source, [sw.Entity("driver")], windows=["6h"], aggregates={"rides": agg.count(), "km": agg.sum("km")})
    latest = sw.View("latest", source, [sw.Entity("driver")], columns={"km": "km", "is_far": "km > 10", "name": "upper(driver)", "at": "at"})
    fare = sw.OnDemandView("fare", {"fee": "2.5 + dist"})
    service = sw.Service("ride", [history, latest, fare], event_time="at", request={"dist": "double"})
    return sw.Project("taxi", folder=folder).add(service), service


@pytest.fixture(scope="module")
def client(shared_server, tmp_path_factory):
    project, _ = taxi(tmp_path_factory.mktemp("taxi"))
    client = sw.Client(shared_server.url)
    client.apply(project)
    assert client.ingest("rides").new and not client.ingest("rides").new
    assert client.materialize(hours(3)) == 3
    return client


EXPECTED = {"history__rides_6h": [2.0, 1.0, 0.0], "history__km_6h": [15.5, 7.25, None], "latest__km": [12.0, 7.25, None], "latest__is_far": [True, False, None],
            "latest__name": ["ADA", "BOB", None], "latest__at": [hours(1), hours(2), None], "fare__fee": [3.5, 4.5, None]}
ASKED = {"driver": ["ada", "bob", "eve"], "dist": [1.0, 2.0, None], "at": [hours(3)] * 3}


@pytest.mark.parametrize("rows", [
    ASKED, [dict(zip(ASKED, row, strict=True)) for row in zip(*ASKED.values(), strict=True)], pa.table(ASKED), pa.table(ASKED).to_batches()[0],
    pd.DataFrame(ASKED), pd.DataFrame(ASKED, index=[7, 8, 9]).convert_dtypes(), pl.DataFrame(ASKED),
    pd.DataFrame(ASKED).assign(driver=lambda f: f["driver"].astype("category"), at=lambda f: f["at"].dt.tz_localize(None)),
], ids=["columns", "mappings", "arrow", "batch", "pandas", "pandas-nullable", "polars", "pandas-category-no-zone"])
def test_rows_go_in_as_anything(client, rows):
    table = client.online("ride", rows, kind="arrow")
    assert table.to_pydict() == EXPECTED
    assert table.schema.field("latest__at").type == pa.timestamp("us", "UTC")
    assert table.schema.field("latest__is_far").type == pa.bool_()


def test_answers_are_of_the_kind_of_the_question(client):
    frame = client.online("ride", pd.DataFrame(ASKED))
    assert isinstance(frame, pd.DataFrame) and list(frame["history__rides_6h"]) == EXPECTED["history__rides_6h"]
    frame = client.online("ride", pl.DataFrame(ASKED))
    assert isinstance(frame, pl.DataFrame) and frame["latest__name"].to_list() == EXPECTED["latest__name"]
    assert isinstance(client.online("ride", ASKED), pa.Table)
    assert isinstance(client.online("ride", ASKED, kind="polars"), pl.DataFrame)
    assert client.online("ride", ASKED, as_of=hours(0.5)).column("history__rides_6h").to_pylist() == [1, 0, 0]


def test_many_keys_are_one_call_and_keep_their_order(client):
    many = 12_345  # several pieces on the wire
    rows = pl.DataFrame({"driver": ["ada" if i % 3 else "bob" for i in range(many)], "dist": [float(i) for i in range(many)], "at": [hours(3)] * many})
    table = client.online("ride", rows, kind="arrow")
    assert table.column("fare__fee").to_pylist() == [2.5 + i for i in range(many)]
    assert table.column("latest__km").to_pylist() == [12.0 if i % 3 else 7.25 for i in range(many)]
    assert client.online("ride", rows.head(0)).columns == list(EXPECTED)


def test_pushed_rows_are_seen_and_count_once(client):
    fresh = pl.DataFrame({"ride": [100, 101], "driver": ["zoe", "zoe"], "km": [1.5, None], "at": [hours(2), hours(2.5)]})
    assert client.push("rides", fresh) == 2
    assert client.push("rides", fresh.to_pandas()) == 0  # NaN is missing, as null is
    table = client.online("ride", {"driver": ["zoe"], "at": [hours(3)]})
    assert table.column("history__rides_6h").to_pylist() == [2] and table.column("history__km_6h").to_pylist() == [1.5]
    many = pa.table({"ride": range(1000, 7000), "driver": ["many"] * 6000, "km": [1.0] * 6000, "at": [hours(2)] * 6000})
    assert client.push("rides", many) == 6000


def test_a_training_set_is_what_was_known_then(client):
    frame = client.training_set("ride", "rides", label="far = km > 10", kind="pandas").sort_values("at")
    assert list(frame["far"]) == [False, True, False]
    assert list(frame["history__rides_6h"]) == [1, 2, 1]
    assert list(client.training_set("ride", "rides", start=hours(1), kind="polars")["history__rides_6h"]) == [2, 1]


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame], ids=["arrow", "pandas", "polars"])
def test_a_training_set_for_rows_of_ones_own(client, make):
    asked = {"driver": ["ada", "bob", "eve", "ada"], "dist": [1.0, 2.0, 3.0, 4.0], "at": [hours(3), hours(3), hours(3), hours(0.5)], "note": ["a", "b", "c", "d"]}
    frame = client.training_set("ride", make(asked))
    assert isinstance(frame, type(make(asked)))
    table = client.training_set("ride", make(asked), kind="arrow")
    assert table.column("note").to_pylist() == ["a", "b", "c", "d"] and table.column("history__rides_6h").to_pylist() == [2, 1, 0, 1]
    online = client.online("ride", asked)  # to the bit
    assert table.select(online.column_names).to_pydict() == online.to_pydict()
    with pytest.raises(TypeError, match="dataset's rows"):
        client.training_set("ride", make(asked), label="far = dist > 1")
    with pytest.raises(sw.SlipwayError, match="dist"):
        client.training_set("ride", {"driver": ["ada"], "at": [hours(3)]})


def test_rows_say_which_version_of_a_service_they_are_of(server, tmp_path):
    project, service = taxi(tmp_path)
    client = sw.Client(server.url)
    client.apply(project)
    client.ingest("rides")
    client.materialize(hours(3))
    assert [(found.service, found.version) for found in client.service_versions(service)] == [("ride", 1)]
    assert sw.service_version(client.online(service, ASKED)) == sw.service_version(client.online("ride", ASKED, kind="pandas")) == 1

    wider = sw.View("latest", service.views()[1].source, [sw.Entity("driver")], columns={"km": "km + 1", "is_far": "km > 10", "name": "upper(driver)", "at": "at"})
    changed = sw.Service("ride", [service.views()[0], wider, service.views()[2]], event_time="at", request={"dist": "double"})
    client.apply(sw.Project("taxi", folder=tmp_path).add(changed))
    newest, first = client.service_versions("ride")
    assert (newest.version, first.version) == (2, 1) and first.since < newest.since
    assert first.definition["views"]["latest"]["columns"]["km"] == "km" and newest.definition["views"]["latest"]["columns"]["km"] == "km + 1"
    table = client.training_set(changed, "rides")
    frame = client.training_set(changed, pd.DataFrame(ASKED).assign(dist=1.0))
    assert sw.service_version(table) == sw.service_version(frame) == sw.service_version(client.online(changed, ASKED)) == 2
    pa.parquet.write_table(table, tmp_path / "set.parquet")  # the note goes with the rows
    assert sw.service_version(pa.parquet.read_table(tmp_path / "set.parquet")) == 2
    assert list(frame.columns)[:3] == ["driver", "dist", "at"] and sw.service_version(frame.head(1)) == 2
    assert sw.service_version(client.online(changed, ASKED, kind="polars")) is None and sw.service_version(pa.table(ASKED)) is None
    with pytest.raises(sw.NotFound, match="nobody"):
        client.service_versions("nobody")


def test_a_dataset_is_read_back(client):
    table = client.rows("rides")
    assert table.column("km").to_pylist() == [3.5, 12.0, 7.25] and client.rows("rides", version=1, kind="polars").shape == (3, 5)
    with pytest.raises(sw.NotFound, match="version 7"):
        client.rows("rides", version=7)


def test_a_notebook_shows_a_view_as_a_table(client):
    latest = client.view("latest", [{"driver": "ada"}, {"driver": "bob"}, {"driver": "nobody"}])
    by_name = {column.name: column for column in latest.columns}
    assert {name: (c.type, c.missing) for name, c in by_name.items()} == {
        "latest__km": ("double", 1), "latest__is_far": ("bool", 1), "latest__name": ("string", 1), "latest__at": ("timestamp[us, tz=UTC]", 1)}
    assert (by_name["latest__km"].low, by_name["latest__km"].high) == ("7.25", "12")
    assert [bar.rows for bar in by_name["latest__km"].bars] == [1, *[0] * 18, 1]
    assert {(bar.label, bar.rows) for bar in by_name["latest__name"].bars} == {("ADA", 1), ("BOB", 1)}
    page = latest._repr_html_()
    assert page.count("<svg") == 4 and "1 (33.3%)" in page and "latest (driver)" in page
    sampled = client.view("history")
    assert sampled.rows == 2 and [column.name for column in sampled.columns] == ["history__rides_6h", "history__km_6h"]
    with pytest.raises(sw.NotFound):
        client.view("nobody")
    with pytest.raises(sw.InvalidArgument, match="no keys"):
        client.view("fare")


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame], ids=["arrow", "pandas", "polars"])
def test_any_frame_has_a_profile(make):
    shown = sw.profile(make({"x": [1.0, 2.0, None, float("nan")], "n": [5, 5, 5, 5], "s": ["<b>", "a", "a", None], "b": [True, False, True, None],
                             "t": [hours(0), hours(1), None, hours(20)]}), "rows")
    by_name = {column.name: column for column in shown.columns}
    assert {name: c.missing for name, c in by_name.items()} == {"x": 2, "n": 0, "s": 1, "b": 1, "t": 1}
    assert [(bar.label, bar.rows) for bar in by_name["n"].bars] == [("5", 4)]
    assert [(bar.label, bar.rows) for bar in by_name["s"].bars] == [("a", 2), ("<b>", 1)]
    assert [bar.rows for bar in by_name["t"].bars] == [1, 1, *[0] * 17, 1]
    assert "<b>:" not in shown._repr_html_() and "&lt;b&gt;" in shown._repr_html_()
    assert sw.profile([]).columns == [] and sw.profile({"x": []}).columns[0].bars == []


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame], ids=["arrow", "pandas", "polars"])
def test_a_notebook_shows_a_drift_report_of_any_frame(make, tmp_path, open_page):
    """What the command says of the same rows in files, by the command."""
    before, now = ({"x<": [float(i * 37 % 300 + shift) for i in range(300)], "city": [("here", "there")[i % 2 or i < swap] for i in range(300)]} for shift, swap in ((0, 0), (200, 3)))
    shown = sw.drift_report(make(before), make(now), quality=True, binary=BINARY)
    for name, rows in (("reference", before), ("current", now)):
        pa.parquet.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
    done = subprocess.run([BINARY, "--json", "monitor", "report", "reference.parquet", "current.parquet", "--quality"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert shown.result == json.loads(done.stdout)
    assert [(column["column"], column["verdict"]) for column in shown.columns] == [("x<", "drift"), ("city", "no drift")] and shown.drifted
    assert str(shown).startswith("1 of 2 columns drifted\n  x<: drift")
    shown.save(tmp_path / "report.html")
    assert "x&lt;" in (tmp_path / "report.html").read_text()
    with pytest.raises(ValueError, match="html or .json"):
        shown.save(tmp_path / "report.pdf")
    page = open_page("about:blank")
    page.set_content(shown._repr_html_())
    expect(page.frame_locator("iframe[title='Drift report']").get_by_text("x<", exact=True).first).to_be_visible()


def test_mistakes_of_a_drift_report_have_the_commands_words(client, shared_server, tmp_path):
    one = {"x": [1.0, 2.0]}
    with pytest.raises(sw.InvalidArgument, match="no column in common"):
        sw.drift_report(one, {"y": [1.0]}, binary=BINARY)
    with pytest.raises(sw.InvalidArgument, match="magic"):
        sw.drift_report(one, one, method="magic", binary=BINARY)
    with pytest.raises(sw.SlipwayError, match="both must be files"):
        sw.drift_report(one, "dataset:rides", binary=BINARY)
    with pytest.raises(sw.NotFound):
        sw.drift_report("dataset:nobody", "dataset:rides", url=shared_server.url, binary=BINARY)
    of_server = sw.drift_report("dataset:rides", "dataset:rides", url=shared_server.url, binary=BINARY)
    assert not of_server.drifted and of_server.result["reference"]["rows"] > 0
    with pytest.raises(FileNotFoundError):
        sw.drift_report(one, one, binary=tmp_path / "nothing")


def test_skew_is_reported(client):
    assert client.skew()["features"] == [] and client.skew("nobody")["failures"] == []
    with pytest.raises(sw.NotFound):
        client.explain("nobody")


def test_errors_have_the_servers_words(client, tmp_path):
    with pytest.raises(sw.NotFound, match="nobody") as caught:
        client.online("nobody", ASKED)
    assert isinstance(caught.value, LookupError) and caught.value.status == 404
    with pytest.raises(sw.InvalidArgument, match="dist must be a double") as caught:
        client.online("ride", {"driver": ["ada"], "dist": ["far"], "at": [hours(3)]})
    assert isinstance(caught.value, ValueError)
    with pytest.raises(sw.InvalidArgument, match="row 1"):
        client.push("rides", {"ride": [900, 901], "driver": ["x", "y"], "km": [1.0, 2.0], "at": [hours(1), None]})
    with pytest.raises(TypeError, match="column driver: a list"):
        client.push("rides", {"ride": [1], "driver": [["ada"]]})
    with pytest.raises(TypeError, match="not int"):
        client.push("rides", 3)
    project, service = taxi(tmp_path)
    broken = sw.Project("taxi", folder=tmp_path).add(sw.View("broken", sw.Source("rides", "rides", event_time="at", arrival_time="at"), ["driver"],
                                                               columns={"x": "km + nobody"}))
    with pytest.raises(sw.InvalidArgument, match=r"(?s)line \d+, column \d+.*nobody"):
        client.plan(broken)
    with pytest.raises(sw.InvalidArgument, match="not the address"):
        sw.Client("localhost:5000")


def test_another_project_takes_over_only_when_it_is_told_to(server, tmp_path):
    project, _ = taxi(tmp_path)
    client, other = sw.Client(server.url), sw.Project("buses", folder=tmp_path)
    client.apply(project)
    client.ingest("rides")
    with pytest.raises(sw.FailedPrecondition, match="project taxi of .* features/services/ride.*take_over"):
        client.apply(other)
    assert client.features()["services"]
    with pytest.warns(UserWarning, match="takes the place of project taxi"):
        client.apply(other, take_over=True)
    assert not client.features()["services"]


def test_a_token_is_sent(start_server):
    server = start_server("login", "--login")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    with pytest.raises(sw.Unauthenticated):
        sw.Client(server.url).features()
    token = requests.post(f"{server.url}/slipway/v1/tokens", json={"name": "sdk"}, auth=admin, timeout=60).json()["token"]
    assert sw.Client(server.url, token).features()["views"] == []


class Unsteady(BaseHTTPRequestHandler):
    """Says 503 as often as it is told, then the answer; after `sleep` seconds."""
    refuse, asked, sleep = 0, 0, 0.0

    def do_GET(self):
        cls = type(self)
        cls.asked += 1
        threading.Event().wait(cls.sleep)
        body = json.dumps({"sources": [], "views": [], "services": []} if cls.asked > cls.refuse else {"error": {"code": "unavailable", "message": "starting"}})
        self.send_response(200 if cls.asked > cls.refuse else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("refuse, sleep, timeout, asked, error", [(2, 0, 60, 3, None), (9, 0, 60, 4, sw.Unavailable), (0, 4.0, 1.5, 1, sw.DeadlineExceeded)])
def test_retries_and_timeouts_are_as_stated(refuse, sleep, timeout, asked, error):
    handler = type("Handler", (Unsteady,), {"refuse": refuse, "asked": 0, "sleep": sleep})
    httpd = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    client = sw.Client(f"http://127.0.0.1:{httpd.server_port}", retries=3, timeout=timeout)
    if error is None:
        assert client.features()["views"] == []
    else:
        with pytest.raises(error):
            client.features()
    assert handler.asked == asked
    httpd.shutdown()
    if error is None:
        httpd.server_close()
        with pytest.raises(sw.Unavailable, match="does not answer"):
            sw.Client(f"http://127.0.0.1:{httpd.server_port}", retries=1).features()


def test_the_readme_runs_as_it_stands(server, tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "python" / "README.md").read_text(), re.S).group(1)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT / "python"), "SLIPWAY_URL": server.url},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"^print.*\n# (.*)$", code, re.M)
    assert done.stdout.splitlines() == promised


def test_only_arrow_is_needed(tmp_path):
    """What a user without pandas and polars has."""
    code = ("import sys\nfor name in ('pandas', 'polars', 'numpy'): sys.modules[name] = None\n"
            "import slipway as sw\nfrom slipway.frames import json_rows, to_arrow\n"
            "print(json_rows(to_arrow([{'a': 1, 'b': 'x'}, {'a': None}])))\n")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True)
    assert done.stdout == "[{'a': 1, 'b': 'x'}, {'a': None, 'b': None}]\n", done.stderr
