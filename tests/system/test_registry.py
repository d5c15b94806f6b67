"""Aliases with approvers and webhooks over a real server, with the unmodified mlflow client, our API and the command line."""
import hashlib
import hmac
import base64
import http.server
import json
import queue
import re
import threading
import urllib.error
import urllib.request

import mlflow
import pytest


class Receiver:
    """Listens for webhooks; `answers` holds the statuses of the next replies, then 200."""

    def __init__(self):
        self.got = queue.Queue()
        self.answers = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.put((dict(self.headers), body))
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def post(server, path, body, user=None):
    headers = {"Content-Type": "application/json"}
    if user:
        headers["Slipway-Actor"] = user
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def two_versions(server, name):
    client = mlflow.MlflowClient(server.url, server.url)
    client.create_registered_model(name)
    for _ in range(2):
        client.create_model_version(name, "s3://bucket/model", "run")
    return client


def test_the_history_of_an_alias(server):
    client = two_versions(server, "history")
    client.set_registered_model_alias("history", "champion", "1")
    assert re.search(r"^history +\d+ +@champion is 1 ", server.cli("models", "list").stdout, re.M)
    server.cli("models", "move", "history", "champion", "--version", "2", "--reason", "fewer false alarms")
    client.delete_model_version("history", "2")
    moves = json.loads(server.cli("models", "history", "history", "--json").stdout)["moves"]
    assert [(move["from"], move["to"], move["reason"]) for move in moves] == [
        (2, None, "the version was deleted"), (1, 2, "fewer false alarms"), (None, 1, "")]
    assert "fewer false alarms" in server.cli("models", "history", "history", "--alias", "champion").stdout
    assert server.cli("models", "move", "history", "champion", check=False).returncode == 2
    assert server.cli("models", "aliases", "nothing", check=False).returncode == 4


def test_an_alias_with_approvers_waits_for_them(server):
    client = two_versions(server, "guarded")
    client.set_registered_model_alias("guarded", "champion", "1")
    protected = server.cli("models", "protect", "guarded", "champion", "--approver", "alice", "--approver", "bob")
    assert "alice, bob" in protected.stdout
    with pytest.raises(mlflow.exceptions.MlflowException, match="PERMISSION_DENIED.*alice, bob may move it"):
        client.set_registered_model_alias("guarded", "champion", "2")
    # Without login anybody may call himself alice, so nobody is.
    for action, body in (("move", {"version": 2}), ("approve", {"version": 2}), ("unprotect", {}), ("protect", {"approvers": ["eve"]})):
        status, reply = post(server, f"/slipway/v1/models/guarded/aliases/champion/{action}", body, user="alice")
        assert status == 403, (action, reply)
    assert client.get_model_version_by_alias("guarded", "champion").version == "1"


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_webhooks_survive_a_crash(start_server, receiver, request, store):
    flags = request.getfixturevalue("postgres").fresh() if store == "postgresql" else []
    server = start_server("data", "--webhook-allow-private=true", "--webhook-schemes=http", "--webhook-timeout-seconds=30", *flags)
    client = mlflow.MlflowClient(server.url, server.url)
    event = mlflow.entities.webhook.WebhookEvent.from_str("registered_model.created")
    client.create_webhook("hook", receiver.url, [event], secret="geheim")
    receiver.answers = [503]
    client.create_registered_model("told")
    headers, body = receiver.got.get(timeout=60)
    server.kill()
    server.start()
    again, same = receiver.got.get(timeout=120)
    assert same == body and json.loads(body)["data"]["name"] == "told"
    assert again["X-MLflow-Delivery-Id"] == headers["X-MLflow-Delivery-Id"]
    signed = f"{again['X-MLflow-Delivery-Id']}.{again['X-MLflow-Timestamp']}.{same.decode()}".encode()
    signature = base64.b64encode(hmac.new(b"geheim", signed, hashlib.sha256).digest()).decode()
    assert again["X-MLflow-Signature"] == "v1," + signature
    client.create_registered_model("told-too")
    assert json.loads(receiver.got.get(timeout=60)[1])["data"]["name"] == "told-too"
    assert receiver.got.empty()


def test_prompts(server):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    client = mlflow.MlflowClient(server.url, server.url)
    client.create_registered_model("no-prompt")
    mlflow.genai.register_prompt("greeting", "Hello {{name}}!", commit_message="first", tags={"tone": "plain"})
    second = mlflow.genai.register_prompt("greeting", "Good morning, {{name}}.", commit_message="politer")
    assert second.version == 2
    mlflow.genai.set_prompt_alias("greeting", alias="production", version=1)
    assert mlflow.genai.load_prompt("prompts:/greeting@production").format(name="Ann") == "Hello Ann!"
    assert mlflow.genai.load_prompt("greeting", version=2).template == "Good morning, {{name}}."
    assert [prompt.name for prompt in mlflow.genai.search_prompts()] == ["greeting"]
    assert [model.name for model in client.search_registered_models()] == ["no-prompt"]
    assert [version.name for version in client.search_model_versions()] == []
    mlflow.genai.delete_prompt_alias("greeting", alias="production")
    assert mlflow.genai.load_prompt("prompts:/greeting@production", allow_missing=True) is None
