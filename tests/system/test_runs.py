"""`slipway runs`: list, compare, and a run made again from its commit, its data and its environment."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

import small_project
from conftest import BINARY

SCRIPT = """\
import pathlib, sys, mlflow
noise = 0.5 if pathlib.Path({marker!r}).exists() else 0.0
with mlflow.start_run(run_name="fit"):
    mlflow.log_param("lr", 0.1)
    for step in range(20):
        mlflow.log_metric("loss", 1 / (step + 1) + noise, step=step)
    mlflow.log_text("weights " + str(noise), "model/weights.txt")
    mlflow.log_text("mlflow-skinny=={version}\\n", "model/requirements.txt")
"""


def environment(server) -> dict:
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "MLFLOW_TRACKING_URI": server.url, "SLIPWAY_URL": server.url, "PATH": path, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: pathlib.Path, *words: str, env: dict) -> str:
    return subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


def runs(server, *words: str, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, "runs", *words], cwd=cwd, env=environment(server), capture_output=True, text=True)


@pytest.fixture
def script_run(server, tmp_path):
    """A run that a script in a git repository has logged; `marker` makes the script compute something else."""
    import mlflow
    project, marker, env = tmp_path / "project", tmp_path / "marker", environment(server)
    (project / "src").mkdir(parents=True)
    (project / "src" / "train.py").write_text(SCRIPT.format(marker=str(marker), version=mlflow.__version__))
    git(project, "init", "-q", env=env)
    git(project, "add", ".", env=env)
    git(project, "commit", "-qm", "first", env=env)
    commit = git(project, "rev-parse", "HEAD", env=env)
    client = MlflowClient(server.url)
    # What the client records by itself when GitPython is installed.
    context = json.dumps({"mlflow.source.git.commit": commit})
    subprocess.run([sys.executable, "src/train.py"], cwd=project, env={**env, "MLFLOW_RUN_CONTEXT": context}, check=True, capture_output=True)
    (project / "src" / "train.py").write_text("raise SystemExit('not this one')")
    return project, marker, client.search_runs(["0"])[0].info.run_id


def test_a_script_run_is_made_again_from_its_commit(server, script_run):
    project, _, run = script_run
    done = runs(server, "reproduce", run, "--json", cwd=project)
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["equal"] and report["run"] == run
    assert [(m["key"], m["points"], m["state"]) for m in report["metrics"]] == [("loss", 20, "bit-equal")]
    assert {a["path"]: a["state"] for a in report["artifacts"]} == {"model/weights.txt": "bit-equal", "model/requirements.txt": "bit-equal"}
    assert {r["what"] for r in report["restored"]} == {"code", "command", "environment"}
    new = MlflowClient(server.url).get_run(report["reproduction"])
    assert new.data.tags["slipway.reproduces"] == run and new.data.tags["slipway.reproduction"] == "equal"
    assert git(project, "worktree", "list", env=environment(server)).count("\n") == 0  # nothing is left


def test_a_difference_is_told_and_the_tolerance_is_relative(server, script_run):
    project, marker, run = script_run
    marker.touch()
    done = runs(server, "reproduce", run, "--json", cwd=project)
    assert done.returncode == 3
    report = json.loads(done.stdout)
    loss = report["metrics"][0]
    assert (loss["state"], loss["where"], loss["before"], loss["now"]) == ("different", "step 0", 1, 1.5)
    weights = next(a for a in report["artifacts"] if a["path"] == "model/weights.txt")
    assert (weights["state"], weights["where"], weights["before"], weights["now"]) == ("different", "line 1", "weights 0.0", "weights 0.5")
    report = json.loads(runs(server, "reproduce", run, "--json", "--tolerance", "0.95", cwd=project).stdout)
    assert report["metrics"][0]["state"] == "within tolerance"


def test_what_cant_be_restored_is_said_and_nothing_runs(server, script_run, tmp_path):
    project, _, run = script_run
    client = MlflowClient(server.url)
    before = len(client.search_runs(["0"]))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = runs(server, "reproduce", run, cwd=elsewhere)
    assert done.returncode == 1 and "not in a git repository" in done.stderr
    client.set_tag(run, "mlflow.source.git.commit", "0" * 40)
    done = runs(server, "reproduce", run, cwd=project)
    assert done.returncode == 1 and "no such commit" in done.stderr
    client.delete_tag(run, "mlflow.source.git.commit")
    done = runs(server, "reproduce", run, cwd=project)
    assert done.returncode == 1 and "the run has no commit" in done.stderr
    assert runs(server, "reproduce", "f" * 32, cwd=project).returncode == 4
    assert len(client.search_runs(["0"])) == before


def test_a_pipelines_training_is_made_again_bit_for_bit(start_server, tmp_path):
    server = start_server("data", "--python-path", str(pathlib.Path(sys.executable).parent))
    folder, env = tmp_path / "project", environment(server)
    declared = small_project.write(folder)
    git(folder, "init", "-q", env=env)
    git(folder, "add", "-f", ".", env=env)
    git(folder, "commit", "-qm", "first", env=env)
    server.cli("apply", str(declared))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    client = MlflowClient(server.url)
    everything = client.search_runs([e.experiment_id for e in client.search_experiments()])
    trained = next(r.info.run_id for r in everything if r.outputs and r.outputs.model_outputs)
    versions = len(client.search_model_versions(""))
    done = runs(server, "reproduce", trained, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["equal"]
    model = [a for a in report["artifacts"] if a["path"].endswith(("model.xgb", "model.json", "model.ubj"))]
    assert model and all(a["state"] == "bit-equal" for a in model)
    assert "data" in {r["what"] for r in report["restored"]}
    assert len(client.search_model_versions("")) == versions  # a reproduction is no new version

    # Data that is no more is named, and nothing runs.
    dataset = requests.get(f"{server.url}/slipway/v1/datasets/visits", timeout=20).json()["latest"]
    for rows in (server.data_dir / "pipelines").rglob("*.parquet"):
        rows.unlink()
    small_project.visits().iloc[1:].to_parquet(folder / "visits.parquet", index=False)
    server.cli("data", "ingest", "visits")
    for blob in (server.data_dir / "blobs").rglob(f"*{dataset['digest'][8:]}*"):
        blob.unlink()
    before = len(client.search_runs(["1"]))
    done = runs(server, "reproduce", trained)
    assert done.returncode == 1 and "can't be restored: the data: dataset visits" in done.stderr, done.stderr
    assert len(client.search_runs(["1"])) == before


@pytest.fixture
def two_runs(server):
    client, made = MlflowClient(server.url), []
    for i in range(3):
        run = client.create_run("0", run_name=f"run-{i}", tags={"team": "a", "mlflow.source.git.commit": str(i) * 40}).info.run_id
        client.log_batch(run, metrics=[Metric("auc", 0.7 + i / 100, 1, 0), Metric("same", 1, 1, 0)], params=[Param("lr", str(i)), Param("depth", "6")])
        made.append(run)
    return made


def test_compare_shows_what_differs(server, two_runs):
    report = json.loads(server.cli("runs", "compare", *two_runs[:2], "--json").stdout)
    rows = {(r["what"], r["key"]): r for r in report["rows"]}
    assert set(rows) == {("metric", "auc"), ("parameter", "lr"), ("code", "commit")}
    assert rows["metric", "auc"]["delta"] == pytest.approx(0.01)
    assert rows["parameter", "lr"]["values"] == ["0", "1"]
    every = json.loads(server.cli("runs", "compare", *two_runs, "--all", "--json").stdout)
    assert {("metric", "same"), ("parameter", "depth"), ("tag", "team")} <= {(r["what"], r["key"]) for r in every["rows"]}
    assert next(r for r in every["rows"] if r["key"] == "auc")["delta"] == pytest.approx(0.02)
    assert "auc" in server.cli("runs", "compare", *two_runs[:2]).stdout
    assert server.cli("runs", "compare", two_runs[0], "f" * 32, check=False).returncode == 4
    assert server.cli("runs", "compare", two_runs[0], check=False).returncode == 2


def test_list_and_show(server, two_runs):
    out = server.cli("runs", "list", "Default", "--filter", "metrics.auc > 0.705", "--order-by", "metrics.auc DESC", "-c", "metrics.auc").stdout
    lines = out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["run-2", "run-1"]
    assert lines[1].split()[-1] == "0.72"
    assert "parameter" in server.cli("runs", "show", two_runs[0]).stdout
    assert server.cli("runs", "show", "f" * 32, check=False).returncode == 4
    assert "slipway pipelines show" in server.cli("runs", "show", "0123456789abcdef", check=False).stderr
    assert server.cli("runs", "list", "nope", check=False).returncode == 4

