"""`slipway promote`: a model version from one real server to another, and kills in between."""
import datetime
import hashlib
import json
import os
import random
import subprocess
import time

import pandas as pd
import pytest
import requests
from conftest import BINARY
from mlflow.tracking import MlflowClient
from test_access import ADA, ADMIN, ask
from test_loop import cli_json

FILES = {"MLmodel": b"artifact_path: model\n", "data/weights.bin": bytes(range(256)) * 4096, "data/names.json": b'["a"]'}


@pytest.fixture
def two(start_server):
    return start_server("staging"), start_server("production")


def publish(server, files=FILES, name="churn", **tags) -> str:
    """A version made as mlflow makes it: a run, its artifacts, a version of them."""
    client = MlflowClient(server.url, registry_uri=server.url)
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "auc", 0.8)
    root = run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    for path, content in files.items():
        requests.put(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{root}/model/{path}", content, timeout=30).raise_for_status()
    if name not in [m.name for m in client.search_registered_models()]:
        client.create_registered_model(name)
    return client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags, description="as good as it gets").version


def promote(source, target, model: str, *more: str, env=None, check=True):
    done = subprocess.run([BINARY, "--url", source.url, "--json", "promote", model, "--to", target.url, *more], capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)
    return done


def stored(server, uri: str, path: str = "") -> bytes:
    below = uri.removeprefix("mlflow-artifacts:/")
    return requests.get(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{below}{path}", timeout=30).content


def test_a_version_arrives_with_its_bytes_and_what_speaks_for_it(two):
    staging, production = two
    version = publish(staging, team="red", train_until="2024-01-01T00:00:00Z")
    staging.cli("models", "move", "churn", "candidate", "--version", version, "--reason", "the best of the week")
    uri = "models:/churn@candidate"
    flags = ["--alias", "champion", "--reason", "release 7"]
    assert promote(staging, production, uri, *flags, "--check", check=False).returncode == 6
    assert MlflowClient(production.url).search_registered_models() == []  # nothing was changed
    done = promote(staging, production, uri, *flags)
    assert (done["model"], done["version"], done["alias"], done["previous"], done["changed"]) == ("churn", 1, "champion", None, True)
    client = MlflowClient(production.url, registry_uri=production.url)
    there = client.get_model_version_by_alias("churn", "champion")
    for path, content in FILES.items():
        assert stored(production, there.source, "/" + path) == content
    tags = there.tags
    assert tags["team"] == "red" and tags["train_until"] == "2024-01-01T00:00:00Z" and there.description == "as good as it gets"
    assert tags["slipway.promoted.from"] == f"models:/churn/{version}" and tags["slipway.promoted.from_url"] == staging.url
    assert tags["slipway.promoted.reason"] == "release 7" and tags["slipway.promoted.digest"] == done["digest"]
    evidence = json.loads(stored(production, tags["slipway.promoted.evidence"]))
    assert evidence["files"] == {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}
    assert evidence["from"]["run_id"] == tags["slipway.promoted.run_id"] and evidence["aliases"] == ["candidate"]
    assert any(link["kind"] == "run" and link["id"] == evidence["from"]["run_id"] for link in evidence["lineage"])
    moves = cli_json(production, "models", "history", "churn")["moves"]
    assert [(m["to"], m["reason"]) for m in moves] == [(1, "release 7")]
    # Again: nothing happens. Under another name: its own version, of the same bytes.
    again = promote(staging, production, uri, *flags)
    assert again["version"] == 1 and again["changed"] is False
    assert promote(staging, production, uri, *flags, "--check")["changed"] is False
    assert "as before" in subprocess.run([BINARY, "--url", staging.url, "promote", uri, "--to", production.url], capture_output=True, text=True, check=True).stdout
    assert promote(staging, production, uri, "--as", "churn-eu")["model"] == "churn-eu"
    # A newer version of the same bytes is another promotion; a promoted one leads on to a third server.
    newer = publish(staging)
    assert promote(staging, production, f"models:/churn/{newer}", *flags)["previous"] == 1
    back = promote(production, staging, "models:/churn@champion", "--as", "returned")
    tags = MlflowClient(staging.url, registry_uri=staging.url).get_model_version("returned", str(back["version"])).tags
    assert tags["slipway.promoted.from"] == "models:/churn/2" and tags["slipway.promoted.from_url"] == production.url


def holdout(tmp_path, good: bool):
    day, rows = datetime.datetime(2024, 2, 1, tzinfo=datetime.timezone.utc), 1200
    labels = [float(i % 2) for i in range(rows)]
    frame = pd.DataFrame({"event_time": [day + datetime.timedelta(minutes=10 * i) for i in range(rows)], "label": labels,
                          "candidate": [0.9 if (label == 1) == good else 0.1 for label in labels], "champion": [0.6 if label == 1 else 0.4 for label in labels]})
    file = tmp_path / f"holdout-{good}.parquet"
    frame.to_parquet(file, index=False)
    return ["--holdout", str(file)]


def test_gates_of_both_sides_and_approvers(two, tmp_path):
    staging, production = two
    first, second = publish(staging, train_until="2024-01-01T00:00:00Z"), publish(staging, train_until="2024-01-02T00:00:00Z")
    promote(staging, production, f"models:/churn/{first}", "--alias", "champion")
    production.cli("models", "protect", "churn", "champion")
    at = lambda: MlflowClient(production.url, registry_uri=production.url).get_model_version_by_alias("churn", "champion").version  # noqa: E731
    uri, flags = f"models:/churn/{second}", ["--alias", "champion"]
    refused = promote(staging, production, uri, *flags, check=False)
    assert refused.returncode == 3 and json.loads(refused.stdout)["promoted"] is False and "protected" in refused.stdout
    refused = promote(staging, production, uri, *flags, *holdout(tmp_path, good=False), check=False)
    assert refused.returncode == 3 and "the target's gate says no" in json.loads(refused.stdout)["why"]
    assert at() == "1"
    done = promote(staging, production, uri, *flags, *holdout(tmp_path, good=True))
    assert at() == "2" and done["gate"] and done["version"] == 2 and done["previous"] == 1
    assert promote(staging, production, uri, *flags, *holdout(tmp_path, good=False))["changed"] is False  # it is there: nobody judges
    # What its own server refused goes nowhere.
    third = publish(staging)
    body = {"candidate": {"version": int(third)}, "holdout": {"file": holdout(tmp_path, good=False)[1]}}
    assert requests.post(staging.url + "/slipway/v1/models/churn/gate", json=body, timeout=30).json()["verdict"] != "pass"
    refused = promote(staging, production, f"models:/churn/{third}", check=False)
    assert refused.returncode == 3 and "its own gate said no" in refused.stdout
    assert len(MlflowClient(production.url, registry_uri=production.url).search_model_versions("name='churn'")) == 2


def test_kills_leave_nothing_half_promoted(two):
    """The command or the target is killed at any moment: a version that is there is whole, and the next promotion ends what one began."""
    staging, production = two
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    print("seed", seed)
    files = {**{f"part{i}.bin": dice.randbytes(200_000) for i in range(12)}, "MLmodel": b"a: 1\n"}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    version = publish(staging, files)
    command = [BINARY, "--url", staging.url, "promote", f"models:/churn/{version}", "--to", production.url, "--alias", "champion"]
    client = MlflowClient(production.url, registry_uri=production.url)

    def versions():
        return client.search_model_versions("name='churn'") if client.search_registered_models() else []

    started = time.monotonic()
    subprocess.run([*command, "--as", "warm-up"], check=True, capture_output=True)
    takes = time.monotonic() - started
    for round_ in range(8):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, 1.1 * takes))
        if round_ % 2:
            production.kill()
            assert running.wait(timeout=60) in (0, 1, 5)
            production.start()
        else:
            running.kill()
            running.wait()
        for one in versions():
            assert one.tags["slipway.promoted.from"] == f"models:/churn/{version}"
            assert {path: hashlib.sha256(stored(production, one.source, "/" + path)).hexdigest() for path in files} == digests
    subprocess.run(command, check=True, capture_output=True)
    (one,) = versions()
    assert client.get_model_version_by_alias("churn", "champion").version == one.version
    assert len(cli_json(production, "models", "history", "churn")["moves"]) == 1
    # Two at once: one version.
    command[command.index("--alias") :] = ["--as", "twice"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [p.wait(timeout=60) for p in both] == [0, 0]
    assert len(client.search_model_versions("name='twice'")) == 1


def test_a_dead_target_is_named_and_not_the_source(two):
    staging, production = two
    version = publish(staging)
    production.stop()
    done = promote(staging, production, f"models:/churn/{version}", check=False)
    assert done.returncode == 5 and production.url in done.stderr and "no server there?" in done.stderr and staging.url not in done.stderr, done.stderr


def test_each_side_has_its_own_login(start_server, monkeypatch):
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    staging = start_server("staging")
    production = start_server("production", "--login", "--default-permission", "MANAGE")
    version = publish(staging)
    token = json.loads(ask(production.url + "/slipway/v1/tokens", "POST", {"name": "ci"}, ADMIN)[1])["token"]
    uri = f"models:/churn/{version}"
    assert promote(staging, production, uri, check=False).returncode == 1
    assert promote(staging, production, uri, env={"SLIPWAY_TO_TOKEN": "slipway_wrong"}, check=False).returncode == 1
    # What signs in at the one server is not shown to the other.
    assert promote(staging, production, uri, env={"SLIPWAY_TOKEN": token}, check=False).returncode == 1
    promote(staging, production, uri, "--alias", "champion", env={"SLIPWAY_TO_TOKEN": token})
    history = subprocess.run([BINARY, "--url", production.url, "--json", "models", "history", "churn"], capture_output=True, text=True, check=True, env={**os.environ, "SLIPWAY_TOKEN": token})
    (move,) = json.loads(history.stdout)["moves"]
    assert move["actor"] == ADMIN[0] and staging.url in move["reason"]
    # An alias with approvers moves once one of them has said so.
    assert ask(production.url + "/api/2.0/mlflow/users/create", "POST", {"username": ADA[0], "password": ADA[1]}, ADMIN)[0] == 200
    adas = json.loads(ask(production.url + "/slipway/v1/tokens", "POST", {"name": "ci"}, ADA)[1])["token"]
    alias = production.url + "/slipway/v1/models/churn/aliases/live/"
    assert ask(alias + "protect", "POST", {"approvers": [ADMIN[0]]}, ADMIN)[0] == 200
    waits = promote(staging, production, uri, "--alias", "live", env={"SLIPWAY_TO_TOKEN": adas}, check=False)
    assert waits.returncode == 3 and ADMIN[0] in json.loads(waits.stdout)["why"]
    assert ask(alias + "approve", "POST", {"version": 1, "reason": "seen"}, ADMIN)[0] == 200
    assert promote(staging, production, uri, "--alias", "live", env={"SLIPWAY_TO_TOKEN": adas})["alias"] == "live"


def test_what_is_wrong_is_said(two):
    staging, production = two
    version = publish(staging)
    for model, code, says in (("churn/1", 1, "models:/NAME/VERSION"), ("models:/churn", 1, "models:/NAME/VERSION"), ("models:/nobody/1", 4, "nobody"),
                              (f"models:/churn/{int(version) + 9}", 4, ""), ("models:/churn@nowhere", 4, "points to no version")):
        said = promote(staging, production, model, check=False)
        assert said.returncode == code and says in said.stderr, (model, said.stderr)
    assert promote(staging, production, "models:/churn/1", "--gate", "g", check=False).returncode == 2
    nobody = subprocess.run([BINARY, "--url", staging.url, "promote", f"models:/churn/{version}", "--to", "http://127.0.0.1:1"], capture_output=True, text=True)
    assert nobody.returncode == 5
