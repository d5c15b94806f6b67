"""What slipway.yaml no longer declares: said by plan, removed by `apply --prune` and a yes; never what another project has declared, nor what is still needed."""
import json
import shutil
import subprocess

import mlflow
import numpy as np
import pytest
import requests
import xgboost
from conftest import BINARY, eventually

PARTS = {
    "datasets": "  visits: {path: visits.csv, key: [visit]}\n",
    "pools": "  gpu: 1\n",
    "pipelines": "  train: {steps: [{name: a, run: 'until [ -e go ]; do sleep 0.05; done', pool: gpu}]}\n",
    "endpoints": "  sale: {model: 'models:/sale@champion', output: sold}\n",
    "monitors": "  health: {endpoint: sale, windows: [day], actions: {again: {pipeline: train}}, alerts: {dirty: {metric: violation_rate, window: day, over: 0.5, action: again}}}\n",
}
ALL = ["monitors/health", "endpoints/sale", "pipelines/train", "pools/gpu", "datasets/visits"]


def yaml_of(*parts, project="shop"):
    return f"project: {project}\n" + "".join(f"{part}:\n{PARTS[part]}" for part in parts)


class Project:
    def __init__(self, server, folder):
        self.server, self.file = server, folder / "slipway.yaml"

    def cli(self, verb, *flags, answer=""):
        return subprocess.run([BINARY, "--url", self.server.url, verb, str(self.file), *flags], input=answer, capture_output=True, text=True)

    def write(self, *parts, project="shop"):
        self.file.write_text(yaml_of(*parts, project=project))

    def apply(self, *parts, project="shop"):
        self.write(*parts, project=project)
        done = self.cli("apply")
        assert done.returncode == 0, done.stderr
        return done

    def changes(self, *flags):
        """By place, without what is as it was."""
        reply = json.loads(self.cli("plan", "--json", *flags).stdout)["changes"]
        return {f"{c['kind']}s/{c['name']}": (c["change"], c.get("means")) for c in reply if c["change"] != "unchanged"}


def test_another_project_ends_what_is_there_only_when_it_may(server, tmp_path):
    for name in ("one", "two", "moved"):
        (tmp_path / name).mkdir()
    steps = "pipelines:\n  p: {steps: [{name: a, run: 'true'}]}\nschedules:\n  %s: {pipeline: p, cron: '@daily'}\n"
    for folder, text in (("one", "project: one\n" + steps % "nightly"), ("moved", "project: one\n" + steps % "nightly"), ("two", "project: two\n" + steps % "other")):
        (tmp_path / folder / "slipway.yaml").write_text(text)
    file = lambda name: str(tmp_path / name / "slipway.yaml")
    schedules = lambda: [one["name"] for one in requests.get(server.url + "/slipway/v1/schedules", timeout=60).json()["schedules"]]
    server.cli("apply", file("one"))
    server.cli("apply", file("moved"))  # the same project from another folder
    refused = server.cli("apply", file("two"), check=False)
    assert refused.returncode == 1 and schedules() == ["nightly"], refused
    assert all(part in refused.stderr for part in ("project one of " + str(tmp_path / "moved"), "project two of " + str(tmp_path / "two"), "schedules/nightly", "--take-over"))
    planned = json.loads(server.cli("--json", "plan", file("two")).stdout)["warnings"]
    assert any("apply refuses this" in warning for warning in planned)
    again = requests.post(server.url + "/slipway/v1/apply", json={"yaml": "project: two\n", "dir": str(tmp_path)}, timeout=60)
    assert again.status_code == 412 and schedules() == ["nightly"]
    server.cli("apply", "--take-over", file("two"))
    assert schedules() == ["other"]


@pytest.fixture
def project(server, tmp_path):
    (tmp_path / "visits.csv").write_text("visit,pages\n1,2\n")
    one = Project(server, tmp_path)
    one.apply(*PARTS)
    return one


def test_what_is_no_longer_declared_goes_after_a_yes(project):
    project.write("datasets")
    told = project.cli("plan")
    assert told.returncode == 0 and told.stdout.splitlines()[-1] == f"not in the file: {', '.join(ALL[:4])} (--prune removes them)"
    assert project.cli("plan", "--check").returncode == 0  # apply alone would change nothing
    planned = project.cli("plan", "--prune", "--check")
    assert planned.returncode == 6 and planned.stdout.splitlines()[:4] == [f"- {place}" for place in ALL[:4]]  # who needs something before what it needs
    for answer in ("", "n\n", "yesterday\n"):
        asked = project.cli("apply", "--prune", answer=answer)
        assert asked.returncode == 1 and "Remove 4 from the server? [y/N]" in asked.stderr and "nothing was changed" in asked.stderr
    assert list(project.changes()) == ALL[:4]
    removed = project.cli("apply", "--prune", answer="y\n")
    assert removed.returncode == 0 and removed.stdout.count("removed") == 4
    assert project.changes() == {}
    for path in ("endpoints", "pipelines", "monitors"):
        assert requests.get(f"{project.server.url}/slipway/v1/{path}").json()[path] == []
    events = json.loads(project.server.cli("--json", "events", "list").stdout)["events"]
    assert [e["kind"] for e in events if e["kind"].endswith(".removed")] in (
        ["monitor.removed", "endpoint.removed", "pipeline.removed", "pipeline.pool.removed"],
        ["pipeline.pool.removed", "pipeline.removed", "endpoint.removed", "monitor.removed"])
    project.server.kill()
    project.server.start()
    assert project.changes() == {}
    # A file that has them again gets them again; with nothing to remove there is no question.
    project.write(*PARTS)
    assert {change for change, _ in project.changes().values()} == {"created"}
    assert project.cli("apply", "--prune").returncode == 0
    project.write()
    assert project.cli("apply", "--prune", "--yes").returncode == 0
    assert project.changes() == {} and project.cli("plan", "--check", "--prune").returncode == 0


def test_what_another_project_has_declared_is_not_touched(project):
    project.apply("pipelines", "pools", project="other")  # two of the five are its own from now on
    project.write(project="other")
    assert project.changes() == {place: (("not in the file" if place in ALL[2:4] else "left as it is"), None) for place in ALL} | {
        "pipelines/train": ("kept", "action again of monitor health starts it"), "pools/gpu": ("kept", "step a of pipeline train runs in it")}
    assert project.cli("apply", "--prune").returncode == 0  # nothing to ask about
    refused = requests.post(f"{project.server.url}/slipway/v1/apply", json={"yaml": yaml_of(project="other"), "dir": "/", "prune": ["datasets/visits"]})
    assert refused.status_code >= 400 and "nothing was changed: datasets/visits can't be removed" in refused.text
    project.write(project="shop")
    gone = project.cli("apply", "--prune", "--yes")
    assert gone.returncode == 0
    assert project.changes() == {place: ("left as it is", None) for place in ALL[2:4]}


def test_what_is_needed_or_was_made_from_stays_and_says_why(project):
    server = project.server
    server.cli("data", "ingest", "visits")
    run = json.loads(server.cli("--json", "run", "train", "--detach").stdout)["id"]
    eventually(lambda: requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}").json()["steps"][0]["state"] == "running")
    project.write("monitors")
    assert project.changes() == {
        "endpoints/sale": ("kept", "monitor health watches it"), "pipelines/train": ("kept", "action again of monitor health starts it"),
        "pools/gpu": ("kept", "step a of pipeline train runs in it"),
        "datasets/visits": ("kept", "it has versions, up to 1: data that models may have been made from stays")}
    project.write()
    assert project.changes()["pipelines/train"] == ("kept", f"run {run} of it isn't over")
    refused = requests.post(f"{server.url}/slipway/v1/apply", json={"yaml": yaml_of(), "dir": "/", "prune": ["monitors/health", "pipelines/train"]})
    assert refused.status_code >= 400 and "isn't over" in refused.text
    assert project.changes()["monitors/health"] == ("not in the file", None)  # it was listed before what was refused
    done = project.cli("apply", "--prune", "--yes")
    assert done.returncode == 0 and "isn't over" in done.stdout
    (project.file.parent / "go").touch()
    eventually(lambda: requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}").json()["finished_at"])
    assert project.cli("apply", "--prune", "--yes").returncode == 0
    assert list(project.changes()) == ["datasets/visits"]
    assert requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}").json()["state"] == "succeeded"  # runs stay


def test_an_endpoint_goes_when_nobody_asks_it(project):
    """And its ledger goes on when it is declared again."""
    server = project.server
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    rows = np.array([[0.0], [1.0]] * 20, dtype=np.float32)
    with mlflow.start_run():
        mlflow.xgboost.log_model(xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, rows[:, 0]), 2), name="model",
                                 registered_model_name="sale", model_format="json", pip_requirements=["xgboost-cpu"], input_example=rows[:1])
    server.cli("endpoints", "deploy", "sale", "models:/sale/1", "--reason", "first")
    ask = lambda: requests.post(f"{server.url}/endpoints/sale/invocations", json={"inputs": [[1.0]]}).status_code
    assert ask() == 200
    project.write("pools", "pipelines", "datasets")
    assert project.changes()["endpoints/sale"] == ("kept", "it was asked 1 times in the last 5 minutes")
    log = project.server.data_dir / "requests" / "sale"
    eventually(lambda: list(log.rglob("*.parquet")))
    server.kill()  # who counts requests begins again
    server.start()
    assert project.changes()["endpoints/sale"] == ("kept", "it was asked in the last 5 minutes, before the server was started: 1 rows were logged")
    assert project.cli("apply", "--prune", "--yes").returncode == 0 and ask() == 200
    server.kill()
    shutil.rmtree(log)  # as if it were long ago
    server.start()
    assert project.cli("apply", "--prune", "--yes").returncode == 0
    assert ask() == 404
    project.apply(*PARTS)
    server.cli("endpoints", "deploy", "sale", "models:/sale/1", "--reason", "again")
    assert ask() == 200
    revisions = json.loads(server.cli("--json", "endpoints", "revisions", "sale").stdout)["revisions"]
    assert sorted(revision["number"] for revision in revisions) == [1, 2]
