"""Alerts reach who should hear of them: a signed webhook, Slack's format, and a real Alertmanager; what can't be reached is tried again."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import queue
import subprocess
import sys
import time

import pytest
import requests
import small_project
from conftest import Server, eventually, free_port
from test_registry import Receiver



@contextlib.contextmanager
def alertmanager(folder: pathlib.Path):
    port = free_port()
    (folder / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    process = subprocess.Popen(["prometheus-alertmanager", f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'am'}", "--cluster.listen-address=",
                                f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        def ready():
            try:
                return requests.get(url + "/-/ready", timeout=1).ok
            except requests.ConnectionError:
                return False

        eventually(ready)
        yield url
    finally:
        process.terminate()
        process.wait()


def declare(folder: pathlib.Path, routes: str, route: str) -> pathlib.Path:
    file = folder / "slipway.yaml"
    yaml = small_project.write(folder).read_text()
    yaml = yaml.replace("min_rows: 50, action: retrain}", f"min_rows: 50, action: retrain, severity: critical, route: {route}}}")
    file.write_text(yaml + routes)
    return file


def drain(receiver) -> list[tuple[dict, bytes]]:
    got = []
    with contextlib.suppress(queue.Empty):
        while True:
            got.append(receiver.got.get_nowait())
    return got


def test_alerts_arrive(tmp_path):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    hook, slack = Receiver(), Receiver()
    os.environ["SLIPWAY_ROUTE_SLACK"], os.environ["SLIPWAY_ROUTE_SECRET"] = slack.url, "geheim"
    flags = ["--webhook-allow-private=true", "--webhook-schemes=http", "--webhook-timeout-seconds=2", "--python-path", str(pathlib.Path(sys.executable).parent)]
    with alertmanager(tmp_path) as am:
        server = Server(tmp_path / "data", *flags)
        try:
            folder = tmp_path / "shop"
            routes = (f'routes:\n  hook: {{webhook: "{hook.url}", secret: "${{SLIPWAY_ROUTE_SECRET}}"}}\n  chat: {{slack: "${{SLIPWAY_ROUTE_SLACK}}"}}\n'
                      f'  pager: {{alertmanager: "{am}"}}\n  nobody: {{webhook: "{hook.url}-else"}}\n')
            server.cli("apply", str(declare(folder, routes, "[hook, chat, pager]")))
            server.cli("data", "ingest", "visits")
            server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
            server.cli("run", "train")

            listed = json.loads(server.cli("--json", "routes", "list").stdout)["routes"]
            assert [(r["name"], r["kind"], r["signed"]) for r in listed] == [("chat", "slack", False), ("hook", "webhook", True), ("nobody", "webhook", False), ("pager", "alertmanager", False)]
            assert slack.url not in json.dumps(listed)
            for route in ("hook", "chat", "pager"):
                assert server.cli("routes", "test", route).returncode == 0
            assert "example" in drain(slack)[0][1].decode()
            headers, body = drain(hook)[0]
            signed = f"{headers['X-Slipway-Delivery-Id']}.{headers['X-Slipway-Timestamp']}.{body.decode()}".encode()
            assert headers["X-Slipway-Signature"] == "v1," + base64.b64encode(hmac.new(b"geheim", signed, hashlib.sha256).digest()).decode()
            assert server.cli("routes", "test", "absent", check=False).returncode == 4

            # What makes a sale turns around: the alert of that day opens, and is resolved once a new model is in charge.
            slack.answers = [503]  # it is tried again
            server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-18T00:00:00Z"))
            alerts = list(reversed(json.loads(server.cli("--json", "alerts").stdout)["alerts"]))
            assert alerts and alerts[0]["alert"] == "log_loss"
            expected = len(alerts) + sum(a["state"] == "resolved" for a in alerts)
            got = []
            eventually(lambda: len(got) == expected or got.extend(drain(hook)), seconds=30)
            told = sorted((json.loads(body) for _, body in got), key=lambda m: m["time"])
            assert [m["event"] for m in told].count("alert.opened") == len(alerts)
            first = told[0]
            assert first["event"] == "alert.opened" and first["time"] == alerts[0]["time"]
            for key in ("monitor", "alert", "endpoint", "metric", "value", "threshold", "window", "window_start", "causes"):
                assert first["alert"][key] == alerts[0][key], key
            assert first["alert"]["severity"] == "critical" and first["alert"]["action"]["starts"] is True

            texts = []
            refused = 1  # is among what the receiver got, and comes again
            eventually(lambda: len(texts) >= expected + refused or texts.extend(json.loads(body)["text"] for _, body in drain(slack)), seconds=30)
            assert any(t.startswith("*sale* critical: alert *log_loss* of sale-health opened\nlog_loss_ratio ") and t.endswith("Action: retrain starts") for t in texts), texts

            def in_alertmanager():
                assert alerts[-1]["state"] == "open", [(a["time"], a["state"]) for a in alerts]
                found = [a for a in requests.get(am + "/api/v2/alerts", timeout=5).json() if a["labels"]["alertname"] == "log_loss"]
                return found and found[0]["labels"]["endpoint"] == "sale"

            eventually(in_alertmanager, seconds=30)

            # The declared alert, rehearsed, is what happened; a stricter one that is only thought of fires no later.
            rehearsed = json.loads(server.cli("--json", "monitors", "rehearse", "sale-health", "log_loss").stdout)
            assert [f["opened"] for f in rehearsed["firings"]] == [a["time"] for a in alerts]
            assert [f["value"] for f in rehearsed["firings"]] == [a["value"] for a in alerts]
            assert rehearsed["strip"].count("#") == sum(f["windows"] for f in rehearsed["firings"])
            strict = json.loads(server.cli("--json", "monitors", "rehearse", "sale-health", "{metric: log_loss_ratio, window: day, over: 0.5, min_rows: 50}").stdout)
            assert strict["firings"][0]["opened"] <= rehearsed["firings"][0]["opened"]
            assert "would have fired" in server.cli("monitors", "rehearse", "sale-health", "log_loss").stdout
            assert server.cli("monitors", "rehearse", "sale-health", "absent", check=False).returncode == 4
            done = server.cli("monitors", "rehearse", "sale-health", "{metric: auk, window: day, over: 1}", check=False)
            assert done.returncode == 1 and "auk" in done.stderr

            # A route that is no longer declared hears nothing; one that nobody declares is refused.
            done = server.cli("apply", str(declare(folder, routes, "[hook, gone]")), check=False)
            assert done.returncode == 1 and "route=gone" in done.stderr
            changes = json.loads(server.cli("--json", "plan", str(declare(folder, routes.split("  nobody")[0], "hook"))).stdout)["changes"]
            assert {"kind": "route", "name": "nobody", "change": "deleted"} in changes
        finally:
            server.stop()
            hook.close()
            slack.close()


@pytest.mark.parametrize("route, words", [('{slack: "https://127.0.0.1:1/x"}', "127.0.0.1"), ('{webhook: "ftp://example.org"}', "ftp"), ('{webhook: "https://example.org", secret: "${HOME}"}', "SLIPWAY_ROUTE_"),
                                          ("{pigeon: x}", "line")])
def test_a_wrong_route_is_named(tmp_path, start_server, route, words):
    server = start_server("data")
    (tmp_path / "slipway.yaml").write_text(f"project: p\nroutes:\n  r: {route}\n")
    done = server.cli("apply", str(tmp_path / "slipway.yaml"), check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr
