"""Alerts reach who should hear of them: a signed webhook, Slack's format, a mail server, and a real Alertmanager; what can't be reached is tried again."""
import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import os
import pathlib
import queue
import ssl
import subprocess
import sys
import time

import pytest
import requests
import small_project
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from conftest import Server, eventually, free_port
from test_registry import Receiver


class Alertmanager:
    def __init__(self, folder: pathlib.Path):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen(["prometheus-alertmanager", f"--config.file={self.folder / 'am.yml'}", f"--storage.path={self.folder / 'am'}",
                                         "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ready():
            try:
                return requests.get(self.url + "/-/ready", timeout=5).ok
            except requests.RequestException:
                return False

        eventually(ready)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def firing(self) -> list[str]:
        return sorted(a["labels"]["alertname"] for a in requests.get(self.url + "/api/v2/alerts", timeout=60).json() if a["labels"]["endpoint"] == "sale")


@contextlib.contextmanager
def alertmanager(folder: pathlib.Path):
    running = Alertmanager(folder)
    try:
        yield running
    finally:
        running.stop()


class MailServer:
    """aiosmtpd, which keeps what it is sent; with a certificate it wants STARTTLS and a login."""

    def __init__(self, certificate: pathlib.Path | None = None):
        self.mails = queue.Queue()
        options = {}
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": self.check}
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), server_hostname="localhost", ready_timeout=60, **options)
        self.controller.start()
        self.url = f"smtp://localhost:{self.controller.port}"

    def check(self, server, session, envelope, mechanism, login):
        return AuthResult(success=login.login == b"slipway" and login.password == b"geheim")

    async def handle_DATA(self, server, session, envelope):
        self.mails.put((envelope.mail_from, envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


def certificate(folder: pathlib.Path) -> pathlib.Path:
    file = folder / "localhost.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", file, "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "cert.pem").read_text())
    return file


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
    pem = certificate(tmp_path)
    post, insecure = MailServer(pem), MailServer()
    os.environ["SLIPWAY_ROUTE_PASSWORD"] = "geheim"
    flags = ["--alert-repeat-seconds=1", "--webhook-ca-file", str(pem), "--webhook-allow-private=true", "--webhook-schemes=http", "--webhook-timeout-seconds=30", "--python-path", str(pathlib.Path(sys.executable).parent)]
    with alertmanager(tmp_path) as am:
        server = Server(tmp_path / "data", *flags)
        try:
            folder = tmp_path / "shop"
            routes = (f'routes:\n  hook: {{webhook: "{hook.url}", secret: "${{SLIPWAY_ROUTE_SECRET}}"}}\n  chat: {{slack: "${{SLIPWAY_ROUTE_SLACK}}"}}\n'
                      f'  pager: {{alertmanager: "{am.url}"}}\n'
                      f'  mail: {{email: [ops@example.org, dev@example.org], from: slipway@example.org, smtp: "{post.url}", user: slipway, password: "${{SLIPWAY_ROUTE_PASSWORD}}"}}\n'
                      f'  bare: {{email: ops@example.org, from: slipway@example.org, smtp: "{insecure.url}"}}\n'
                      f'  nobody: {{webhook: "{hook.url}-else"}}\n')
            server.cli("apply", str(declare(folder, routes, "[hook, chat, pager, mail]")))
            server.cli("data", "ingest", "visits")
            server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
            server.cli("run", "train")

            listed = json.loads(server.cli("--json", "routes", "list").stdout)["routes"]
            assert [(r["name"], r["kind"], r["signed"]) for r in listed] == [
                ("bare", "email", False), ("chat", "slack", False), ("hook", "webhook", True), ("mail", "email", True), ("nobody", "webhook", False), ("pager", "alertmanager", False)]
            assert slack.url not in json.dumps(listed)
            for route in ("hook", "chat", "pager", "mail"):
                assert server.cli("routes", "test", route).returncode == 0
            sender, readers, mail = post.mails.get(timeout=60)
            assert (sender, readers, mail["Subject"]) == ("slipway@example.org", ["ops@example.org", "dev@example.org"], "[info] example: example opened")
            done = server.cli("routes", "test", "bare", check=False)
            assert done.returncode == 1 and "TLS" in done.stdout and insecure.mails.empty(), "without TLS nothing is sent unless slipway.yaml says so"
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
            in_vain = sum(action["state"] in ("failed", "refused") for alert in alerts for action in alert["actions"])
            expected = len(alerts) + sum(a["state"] == "resolved" for a in alerts) + in_vain
            got = []
            eventually(lambda: len(got) == expected or got.extend(drain(hook)))
            told = sorted((json.loads(body) for _, body in got), key=lambda m: m["time"])
            assert [m["event"] for m in told].count("alert.opened") == len(alerts)
            first = told[0]
            assert first["event"] == "alert.opened" and first["time"] == alerts[0]["time"]
            for key in ("monitor", "alert", "endpoint", "metric", "value", "threshold", "window", "window_start", "causes"):
                assert first["alert"][key] == alerts[0][key], key
            assert first["alert"]["severity"] == "critical" and first["alert"]["action"]["starts"] is True

            texts = []
            refused = 1  # is among what the receiver got, and comes again
            eventually(lambda: len(texts) >= expected + refused or texts.extend(json.loads(body)["text"] for _, body in drain(slack)))
            assert any(t.startswith("*sale* critical: alert *log_loss* of sale-health opened\nlog_loss_ratio ") and t.endswith("Action: retrain starts") for t in texts), texts

            # It stays there while it is open, also after a restart of Alertmanager, which forgets what it was told.
            assert alerts[-1]["state"] == "open", [(a["time"], a["state"]) for a in alerts]
            eventually(lambda: am.firing() == ["log_loss"])
            am.stop()
            am.start()
            eventually(lambda: am.firing() == ["log_loss"])

            mails = []
            eventually(lambda: len(mails) == expected or mails.append(post.mails.get(timeout=120)[2]), seconds=300)
            opened = [m for m in mails if m["Subject"] == "[critical] sale: log_loss opened"]
            assert len(opened) == len(alerts) and "Action: retrain starts" in opened[0].get_content()

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

            # An alert whose rule is renamed ends where it was told of.
            renamed = folder / "slipway.yaml"
            renamed.write_text(declare(folder, routes, "hook").read_text().replace("  log_loss: {metric", "  loss: {metric"))
            server.cli("apply", str(renamed))
            eventually(lambda: am.firing() == [])
            assert json.loads(hook.got.get(timeout=120)[1])["event"] == "alert.resolved"
            over = post.mails.get(timeout=120)[2]
            assert over["Subject"] == "[resolved] sale: log_loss is resolved" and over["References"] == opened[-1]["References"]

            # A route that is no longer declared hears nothing; one that nobody declares is refused.
            done = server.cli("apply", str(declare(folder, routes, "[hook, gone]")), check=False)
            assert done.returncode == 1 and "route=gone" in done.stderr
            changes = json.loads(server.cli("--json", "plan", str(declare(folder, routes.split("  nobody")[0], "hook"))).stdout)["changes"]
            assert {"kind": "route", "name": "nobody", "change": "deleted"} in changes
        finally:
            server.stop()
            hook.close()
            slack.close()
            post.controller.stop()
            insecure.controller.stop()


def test_an_action_that_fails_is_told(tmp_path):
    hook, slack = Receiver(), Receiver()
    server = Server(tmp_path / "data", "--webhook-allow-private=true", "--webhook-schemes=http", "--python-path", str(pathlib.Path(sys.executable).parent))
    try:
        folder = tmp_path / "shop"
        file = declare(folder, f'routes:\n  hook: {{webhook: "{hook.url}"}}\n  chat: {{slack: "{slack.url}"}}\n', "[hook, chat]")
        file.write_text(file.read_text().replace("retrain: {pipeline: train,", 'retrain: {pipeline: train, params: {bad: "no"},'))
        server.cli("apply", str(file))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-08T00:00:00Z"))
        opened, failed = (json.loads(hook.got.get(timeout=120)[1]) for _ in range(2))
        assert (opened["event"], failed["event"]) == ("alert.opened", "action.failed")
        assert failed["alert"]["id"] == opened["alert"]["id"]
        action = failed["alert"]["action"]
        assert (action["name"], action["state"]) == ("retrain", "failed") and "train" in action["reason"]
        assert server.cli("pipelines", "show", action["run_id"], check=False).returncode == 0
        texts = [json.loads(slack.got.get(timeout=120)[1])["text"] for _ in range(2)]
        assert "has an action that failed: retrain" in texts[1] and action["run_id"] in texts[1]
        said = requests.get(server.url + "/metrics", timeout=60).text
        assert 'slipway_alert_open{alert="log_loss",endpoint="sale",monitor="sale-health",severity="critical",silenced="false"} 1' in said
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
