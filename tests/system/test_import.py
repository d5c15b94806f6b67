"""`slipway import mlflow`: what an MLflow has kept arrives whole, once, under its ids, and the source stays as it was."""
import contextlib
import hashlib
import json
import math
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from conftest import BINARY

sys.path.insert(0, str(pathlib.Path(__file__).with_name("testdata")))
import mlflow_source  # noqa: E402


def run_import(server, source, *flags, code=0) -> dict:
    done = server.cli("import", "mlflow", str(source), *flags, "--json", check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def digest_of_tree(folder: pathlib.Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.rglob("*")) if f.is_file()}


def comparable(value: float):
    if math.isnan(value):
        return "nan"
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def run_facts(client: MlflowClient, run) -> dict:
    info = run.info
    return {
        "name": info.run_name, "status": info.status, "start": info.start_time, "end": info.end_time, "stage": info.lifecycle_stage, "user": info.user_id,
        "params": run.data.params, "tags": run.data.tags,
        "metrics": {key: [(m.timestamp, m.step, comparable(m.value)) for m in client.get_metric_history(info.run_id, key)] for key in run.data.metrics},
        "latest": {key: comparable(value) for key, value in run.data.metrics.items()},
        "datasets": sorted((d.dataset.name, d.dataset.digest, d.dataset.source_type, d.dataset.source, d.dataset.schema, d.dataset.profile,
                            tuple((t.key, t.value) for t in d.tags)) for d in run.inputs.dataset_inputs),
        "models": [m.model_id for m in run.inputs.model_inputs] + [(m.model_id, m.step) for m in (run.outputs.model_outputs if run.outputs else [])]}


def store_facts(uri: str) -> dict:
    """Everything a client can see, by experiment name and id."""
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    facts = {"experiments": {}, "models": {}}
    for e in client.search_experiments(view_type=ViewType.ALL):
        runs = client.search_runs([e.experiment_id], run_view_type=ViewType.ALL)
        facts["experiments"][e.name] = {
            "stage": e.lifecycle_stage, "tags": e.tags, "runs": {r.info.run_id: run_facts(client, r) for r in runs},
            "logged": {m.model_id: (m.name, m.model_type, m.source_run_id, str(m.status), m.tags, m.params, m.creation_timestamp, m.last_updated_timestamp)
                       for m in client.search_logged_models([e.experiment_id])}}
        if e.name != "Default":
            facts["experiments"][e.name]["created"] = e.creation_time
    for m in client.search_registered_models():
        facts["models"][m.name] = {
            "description": m.description, "tags": m.tags, "aliases": {k: int(v) for k, v in m.aliases.items()}, "created": m.creation_timestamp,
            "versions": {int(v.version): (v.current_stage, v.description, v.run_id, v.tags, v.creation_timestamp)
                         for v in client.search_model_versions(f"name='{m.name}'")}}
    return facts


def flat(facts, path="") -> dict:
    """{"experiments/churn/stage": "active", ...}, so that a difference is one line."""
    if not isinstance(facts, dict):
        return {path: facts}
    return {name: value for key, inner in facts.items() for name, value in flat(inner, f"{path}/{key}").items()}


def assert_same(here: str, there: str):
    a, b = flat(store_facts(here)), flat(store_facts(there))
    assert {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)} == {}


def assert_whole(report: dict, runs: int):
    assert report["differences"] == []
    assert report["runs"] == runs
    for experiment in report["experiments"]:
        assert experiment["source"] == experiment["here"]


@pytest.fixture
def mlruns(tmp_path, monkeypatch):
    """./mlruns by the real MLflow's file store."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "mlruns"
    ids = mlflow_source.fill(str(folder))
    return folder, ids


def test_a_file_store_arrives_whole_and_once(server, mlruns, tmp_path):
    folder, ids = mlruns
    before = digest_of_tree(folder)
    report = run_import(server, folder)
    assert_whole(report, runs=6)
    assert digest_of_tree(folder) == before
    assert_same(server.url, str(folder))

    client = MlflowClient(server.url)
    assert client.get_experiment_by_name("churn").experiment_id == ids["churn"]
    files = client.list_artifacts(ids["runs"][0], "sub dir/deep")
    assert [f.path for f in files] == ["sub dir/deep/a0.txt"]
    assert pathlib.Path(client.download_artifacts(ids["runs"][0], "sub dir/deep/a0.txt", str(tmp_path))).read_text() == "hello 0"
    assert [f.path for f in client.list_artifacts(ids["runs"][0])] == ["empty", "sub dir"]
    assert client.get_model_version("churn model", "1").source == f"mlflow-artifacts:/{ids['churn']}/{ids['runs'][0]}/artifacts/sub dir"
    with pytest.raises(Exception, match="not found"):
        client.get_model_version("churn model", "3")
    version = client.create_model_version("churn model", "runs:/" + ids["runs"][0] + "/m", ids["runs"][0])
    assert int(version.version) == 4  # numbers never come back

    again = run_import(server, folder)
    assert again["resumed"] and again["changed"] == 0
    assert sum(e["artifacts_copied"] for e in again["experiments"]) == 0
    assert json.loads(server.cli("import", "list", "--json").stdout)["imports"][0]["counts"]["runs"] == 6
    assert json.loads(server.cli("events", "verify", "--json").stdout)["intact"]


def test_what_went_on_is_taken_and_what_changed_here_is_told(server, mlruns):
    folder, ids = mlruns
    run_import(server, folder)
    theirs, ours = MlflowClient(str(folder)), MlflowClient(server.url)
    theirs.log_metric(ids["runs"][4], "loss", 0.01, 1800000000000, 99)
    theirs.set_terminated(ids["runs"][4], end_time=1800000000001)
    ours.set_tag(ids["runs"][0], "reviewed", "yes")
    report = run_import(server, folder, code=1)
    assert report["changed"] == 1
    assert [(d["kind"], d["id"]) for d in report["differences"]] == [("run", ids["runs"][0])]
    assert "tags" in report["differences"][0]["what"]
    assert ours.get_run(ids["runs"][4]).data.metrics["loss"] == 0.01
    assert ours.get_run(ids["runs"][0]).data.tags["reviewed"] == "yes"


def test_artifacts_may_stay_where_they_are(server, mlruns):
    folder, ids = mlruns
    report = run_import(server, folder, "--no-artifacts")
    assert_whole(report, runs=6)
    uri = MlflowClient(server.url).get_run(ids["runs"][0]).info.artifact_uri
    assert uri == f"{folder}/{ids['churn']}/{ids['runs'][0]}/artifacts"
    assert [e["artifacts"] for e in report["experiments"]] == [0, 0, 0]


def test_a_database_is_read_and_never_touched(server, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    file = mlflow_source.restore(source / "mlflow.db", str(tmp_path / "artifacts"))
    with sqlite3.connect(file) as db:
        (uri,) = db.execute("SELECT artifact_uri FROM runs WHERE name = 'run-1'").fetchone()
    (pathlib.Path(uri) / "model").mkdir(parents=True)
    (pathlib.Path(uri) / "model" / "MLmodel").write_bytes(os.urandom(3_000_000))
    before = digest_of_tree(tmp_path / "source")
    report = run_import(server, f"sqlite:///{file}")
    assert_whole(report, runs=6)
    assert digest_of_tree(tmp_path / "source") == before  # nothing beside it either
    assert {e["name"]: e["id"] for e in report["experiments"]} == {"Default": "0", "churn": "1", "gone": "2"}
    assert [e["artifact_bytes"] for e in report["experiments"]] == [0, 3_000_000, 0]

    facts = store_facts(server.url)
    with sqlite3.connect(file) as db:
        for run, name, status, start, end, stage in db.execute("SELECT run_uuid, name, status, start_time, end_time, lifecycle_stage FROM runs"):
            here = next(e["runs"][run] for e in facts["experiments"].values() if run in e["runs"])
            assert (here["name"], here["status"], here["start"], here["end"], here["stage"]) == (name, status, start, end, stage)
            assert here["params"] == dict(db.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,)))
            assert here["tags"] == dict(db.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)))
            for key, points in here["metrics"].items():
                assert points == [(t, s, "nan" if nan else v) for t, s, v, nan in db.execute(
                    "SELECT timestamp, step, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY timestamp, step, value", (run, key))]
    assert facts["models"]["churn model"]["aliases"] == {"champion": 2}
    assert facts["models"]["churn model"]["versions"][1][0] == "Staging"
    assert run_import(server, f"sqlite:///{file}")["changed"] == 0


def inputs_of(server) -> list[tuple]:
    """What each of the runs of "churn" was given, by name."""
    runs = sorted(MlflowClient(server.url).search_runs(["1"], run_view_type=ViewType.ALL), key=lambda run: run.info.run_name)
    return [(run.info.run_name, [(d.dataset.name, d.dataset.digest, d.dataset.source, [(t.key, t.value) for t in d.tags]) for d in run.inputs.dataset_inputs],
             len(run.inputs.model_inputs), [m.step for m in run.outputs.model_outputs] if run.outputs else []) for run in runs]


TRAINED_ON = [(f"run-{i}", [("flights", f"abc{i % 2}", '{"uri":"x.csv"}', [("mlflow.data.context", "training")])], int(i == 1), [3] if i == 0 else [])
              for i in range(5)]


def test_a_postgres_database_is_read_and_never_touched(server, postgres, tmp_path):
    # A database of its own: a store of MLflow's in the one that others share would stop their servers.
    source = postgres.url.rpartition("/")[0] + "/to_import"
    subprocess.run(["psql", "-qX", postgres.url, "-c", "CREATE DATABASE to_import"], check=True)
    sql = mlflow_source.for_postgres(str(tmp_path / "artifacts"))
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", source], input=sql, text=True, check=True, stdout=subprocess.DEVNULL)
    count = "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_database_conflicts RIGHT JOIN pg_stat_user_tables ON true ORDER BY 1"
    before = subprocess.run(["psql", "-qAtX", source, "-c", count], capture_output=True, text=True, check=True).stdout
    report = run_import(server, source)
    assert_whole(report, runs=6)
    assert inputs_of(server) == TRAINED_ON
    file = mlflow_source.restore(tmp_path / "mlflow.db", str(tmp_path / "artifacts"))
    with sqlite3.connect(file) as db:
        points = db.execute("SELECT COUNT(*) FROM metrics").fetchone()[0]
    facts = store_facts(server.url)
    assert sum(len(points) for e in facts["experiments"].values() for run in e["runs"].values() for points in run["metrics"].values()) == points
    assert run_import(server, source)["changed"] == 0
    assert subprocess.run(["psql", "-qAtX", source, "-c", count], capture_output=True, text=True, check=True).stdout == before


def test_a_database_in_use_is_read_too(server, tmp_path):
    file = mlflow_source.restore(tmp_path / "mlflow.db", str(tmp_path / "artifacts"))
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("UPDATE runs SET name = 'in the log' WHERE name = 'run-2'")
        db.commit()
        report = run_import(server, f"sqlite:///{file}")
    assert_whole(report, runs=6)
    names = {r.info.run_name for r in MlflowClient(server.url).search_runs(["1"])}
    assert "in the log" in names


def test_a_server_is_read_over_its_api(start_server, mlruns, tmp_path):
    folder, _ = mlruns
    first, second = start_server("first"), start_server("second")
    run_import(first, folder)
    report = run_import(second, first.url)
    assert_whole(report, runs=6)
    assert_same(second.url, first.url)
    churn = MlflowClient(second.url).get_experiment_by_name("churn").experiment_id
    runs = MlflowClient(second.url).search_runs([churn], run_view_type=ViewType.ALL)
    assert sum(len(run.inputs.dataset_inputs) for run in runs) == 5 and sum(len(run.inputs.model_inputs) for run in runs) == 1
    assert sum(e["artifacts"] for e in report["experiments"]) == 10
    assert run_import(second, first.url)["changed"] == 0


@pytest.mark.parametrize("what", ["nowhere", "sqlite:///nowhere.db", "http://127.0.0.1:1", "mysql://host/db", "empty"])
def test_what_is_no_mlflow_is_refused_in_a_sentence(server, tmp_path, what):
    (tmp_path / "empty").mkdir()
    source = str(tmp_path / "empty") if what == "empty" else what
    done = server.cli("import", "mlflow", source, check=False)
    assert done.returncode in (1, 4, 5)
    assert done.stderr.startswith("slipway: ") and done.stdout == ""


def many_runs(file: pathlib.Path, runs: int, points: int) -> None:
    """The sample's first run again and again, under other ids."""
    with sqlite3.connect(file) as db:
        (first,) = db.execute("SELECT run_uuid FROM runs WHERE name = 'run-0'").fetchone()
        for i in range(runs):
            run = f"{i:032x}"
            db.execute(f"INSERT INTO runs SELECT '{run}', 'copy-{i}', source_type, source_name, entry_point_name, user_id, status, start_time, end_time, "
                       f"source_version, lifecycle_stage, replace(artifact_uri, run_uuid, '{run}'), experiment_id, deleted_time FROM runs WHERE run_uuid = ?",
                       (first,))
            db.execute(f"INSERT INTO params SELECT key, value, '{run}' FROM params WHERE run_uuid = ?", (first,))
            db.executemany("INSERT INTO metrics(key, value, timestamp, run_uuid, step, is_nan) VALUES('loss', ?, ?, ?, ?, 0)",
                           [(1 / (s + 1 + i), s, run, s) for s in range(points)])


def test_killed_in_the_middle_and_run_again_it_is_whole_and_once(server, tmp_path):
    file = mlflow_source.restore(tmp_path / "mlflow.db", str(tmp_path / "artifacts"))
    many_runs(file, runs=1500, points=200)
    client = MlflowClient(server.url)

    def imported() -> int:
        try:
            return len(client.search_runs(["1"], max_results=5000))
        except Exception:
            return 0

    def rows() -> int:  # quicker to count than to search
        with contextlib.closing(sqlite3.connect(f"file:{server.data_dir}/slipway.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT COUNT(*) FROM runs").fetchone()[0]

    def start():
        return subprocess.Popen([BINARY, "--url", server.url, "import", "mlflow", f"sqlite:///{file}", "--json"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)

    # The command is killed, then the server under it, each in the middle.
    for victim in ("command", "server"):
        seen, command = rows(), start()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and command.poll() is None and rows() <= seen + 100:
            time.sleep(0.005)
        if victim == "command":
            command.send_signal(signal.SIGKILL)
            command.wait()
        else:
            server.kill()
            assert command.wait() in (1, 5)
            server.start()
        assert 0 < imported() < 1505, victim
    report = run_import(server, f"sqlite:///{file}")
    assert report["resumed"]
    assert_whole(report, runs=1506)
    assert sum(e["changes"].get("unchanged", 0) for e in report["experiments"]) > 0
    assert imported() == 1504  # and one that is deleted
    history = client.get_metric_history(f"{7:032x}", "loss")
    assert [(m.step, m.value) for m in history] == [(s, 1 / (s + 8)) for s in range(200)]
    assert run_import(server, f"sqlite:///{file}")["changed"] == 0
