"""`slipway reproduce`: a model, a pipeline's run or one prediction made again from what is recorded, and compared."""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
import requests
from mlflow import MlflowClient

import small_project
from conftest import BINARY, ROOT, eventually
from test_runs import environment, git

FLIGHTS = ROOT / "examples" / "flights"
TREES = '''
import mlflow, numpy, pathlib
from sklearn.tree import DecisionTreeClassifier
depth = int(pathlib.Path("depth.txt").read_text())
x = numpy.arange(40.0).reshape(20, 2)
mlflow.set_experiment("trees")
with mlflow.start_run():
    model = DecisionTreeClassifier(max_depth=depth, random_state=1).fit(x, x[:, 0] % 3)
    mlflow.log_metric("accuracy", model.score(x, x[:, 0] % 3))
    mlflow.sklearn.log_model(model, name="tree", registered_model_name="tree", pip_requirements=["numpy"], serialization_format="cloudpickle")
'''


def reproduce(server, *words: str, code: int = 0, env: dict | None = None) -> dict:
    done = subprocess.run([BINARY, "--json", "reproduce", *words], env={**environment(server), **(env or {})}, capture_output=True, text=True)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def commit(folder: pathlib.Path, server) -> None:
    env = environment(server)
    if not (folder / ".git").exists():
        git(folder, "init", "-q", env=env)
    git(folder, "add", "-f", ".", env=env)
    git(folder, "commit", "-qm", "as it is", env=env)


def states(rows: list[dict], name: str = "path") -> dict:
    return {row[name]: row["state"] for row in rows}


def last_run(server, pipeline: str = "train") -> str:
    found = requests.get(f"{server.url}/slipway/v1/pipelines/{pipeline}/runs?limit=1", timeout=20).json()["runs"]
    return found[0]["id"]


@pytest.fixture
def shop(start_server, tmp_path):
    """The small project with its first model in charge; the server, and the project's folder."""
    server = start_server("data", "--python-path", str(pathlib.Path(sys.executable).parent))
    folder = tmp_path / "project"
    declared = small_project.write(folder)
    commit(folder, server)
    server.cli("apply", str(declared))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    return server, folder


def ask(server, request: str) -> float:
    body = {"id": request, "inputs": [{"name": name, "datatype": kind, "shape": [1], "data": [value]} for name, kind, value in
                                      [("shop", "BYTES", "north"), ("pages", "FP64", 7.25), ("at", "BYTES", "2024-01-29T00:10:00Z")]]}
    answer = requests.post(f"{server.url}/v2/models/sale/infer", json=body, timeout=20).json()
    eventually(lambda: server.cli("lineage", request, check=False).returncode == 0)
    return answer["outputs"][0]["data"][0]


def test_a_model_a_run_and_a_prediction_are_made_again_bit_for_bit(shop):
    server, _ = shop
    model = reproduce(server, "models:/sale@champion", "--from-data")
    assert model["model"] == "models:/sale/1" and model["verdict"] == "bit-equal"
    assert states(model["artifacts"])["models/model/model.json"] == "bit-equal"
    assert [(s["step"], states(s["files"])) for s in model["steps"]] == [("rows", {"rows.parquet": "bit-equal"})]

    run = reproduce(server, last_run(server))
    assert run["verdict"] == "bit-equal" and [s["step"] for s in run["left"]] == ["gate", "promote"]
    assert {s["step"]: states(s["files"]) for s in run["steps"]} == {
        "rows": {"rows.parquet": "bit-equal"}, "train": dict.fromkeys(["contenders.json", "holdout.parquet", "model.json"], "bit-equal")}
    assert [r["step"] for r in run["runs"]] == ["train"]

    said = ask(server, "asked-1")
    again = reproduce(server, "asked-1", "--retrain")
    assert again["model"] == "models:/sale/1" and again["verdict"] == "bit-equal" and again["training"]["equal"]
    assert [(s["by"], s["state"], s["again"]) for s in again["scored"]] == [
        ("the stored model", "bit-equal", pytest.approx(said)), ("the model made again", "bit-equal", pytest.approx(said))]
    assert len(MlflowClient(server.url).search_model_versions("")) == 1  # a reproduction is no new version
    assert "bit-equal" in server.cli("reproduce", "asked-1").stdout

    assert "no tracked run" in reproduce(server, "nothing", code=4)["error"]
    assert reproduce(server, "models:/sale/7", code=4) and reproduce(server, "models:/sale@nobody", code=4)
    assert "no version or alias" in reproduce(server, "models:/sale", code=1)["error"]
    assert "no such request" in reproduce(server, "asked-2", "--endpoint", "sale", code=4)["error"]


def test_files_of_a_step_that_are_gone_are_made_again_from_the_dataset(shop):
    server, _ = shop
    for rows in (server.data_dir / "pipelines").rglob("*.parquet"):
        rows.unlink()
    report = reproduce(server, "models:/sale/1")
    assert report["verdict"] == "bit-equal" and [s["step"] for s in report["steps"]] == ["rows"]
    assert any("is gone" in r["detail"] and "made again" in r["detail"] for r in report["restored"])


def test_old_versions_of_datasets_and_the_champion_of_then_are_restored(shop):
    """Trained on the second of three versions of the data, beside a champion that is not one any more."""
    server, folder = shop
    for version in (2, 3):
        small_project.visits().iloc[10 * version:].to_parquet(folder / "visits.parquet", index=False)
        server.cli("data", "ingest", "visits")
        server.cli("run", "train", "--param", "bad=0", check=False)
    client = MlflowClient(server.url)
    client.set_registered_model_alias("sale", "other", "3")
    server.cli("models", "unprotect", "sale", "champion")
    client.set_registered_model_alias("sale", "champion", "3")
    assert len(client.search_model_versions("")) == 3
    report = reproduce(server, "models:/sale/2", "--from-data")
    assert report["verdict"] == "bit-equal" and [s["step"] for s in report["steps"]] == ["rows"]
    restored = {r["what"]: r["detail"] for r in report["restored"]}
    assert "sale@champion is models:/sale/1" in restored["registry"]
    assert any("dataset visits version 2" in r["detail"] and "on a server of its own" in r["detail"] for r in report["restored"])
    # All of the run: what it wrote says version 2 again.
    run = client.get_run(client.get_model_version("sale", "2").run_id).data.tags["slipway.run_id"]
    report = reproduce(server, run)
    assert report["verdict"] == "bit-equal"
    assert states(next(s for s in report["steps"] if s["step"] == "train")["files"]) == dict.fromkeys(["contenders.json", "holdout.parquet", "model.json"], "bit-equal")
    assert len(client.search_model_versions("")) == 3


def test_an_answer_that_the_model_no_longer_gives_is_a_difference(shop):
    """Somebody has changed the bytes of the model that answers."""
    server, _ = shop
    ask(server, "asked-1")
    file = next((server.data_dir / "artifacts").rglob("model.json"))
    model = json.loads(file.read_text())
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [0.5 * x if x < 1 else x for x in tree["split_conditions"]]
    file.write_text(json.dumps(model))
    report = reproduce(server, "asked-1", code=3)
    assert report["verdict"] == "different"
    assert report["scored"][0]["logged"] != report["scored"][0]["again"]
    assert reproduce(server, "asked-1", "--tolerance", "10")["verdict"] == "within tolerance"
    # The model that is made again is not what is stored now: where, and both values.
    report = reproduce(server, "models:/sale/1", code=3)
    changed = next(a for a in report["artifacts"] if a["path"] == "models/model/model.json")
    assert changed["state"] == "different" and changed["where"].startswith("learner.gradient_booster.model.trees[0].") and changed["before"] != changed["now"]


@pytest.fixture
def tree(start_server, tmp_path):
    """A scikit-learn model of a pipeline without datasets, with its packages pinned."""
    import sklearn
    server = start_server("data", "--python-path", str(pathlib.Path(sys.executable).parent))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TREES)
    (folder / "depth.txt").write_text("2")
    (folder / "requirements.txt").write_text(f"scikit-learn=={sklearn.__version__}\n")
    (folder / "slipway.yaml").write_text(
        "project: trees\nowner: a\npipelines:\n  train:\n    steps:\n"
        "      - {name: fit, run: python3 train.py, code: [train.py], inputs: [depth.txt], env: [requirements.txt]}\n")
    commit(folder, server)
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("run", "train")
    return server, folder


def test_what_was_not_committed_and_packages_that_are_no_more_are_said_before_anything_runs(tree, tmp_path):
    server, folder = tree
    assert reproduce(server, "models:/tree/1")["verdict"] == "bit-equal"
    assert reproduce(server, last_run(server))["verdict"] == "bit-equal"
    before = len(MlflowClient(server.url).search_runs(["1"]))

    # Trained on a file as it never was in a commit.
    (folder / "depth.txt").write_text("3")
    server.cli("run", "train")
    assert "input/depth.txt is not what ran: it was changed and not committed" in reproduce(server, "models:/tree/2", code=1)["error"]

    # Trained with packages that can't be had.
    (folder / "depth.txt").write_text("1")
    (folder / "requirements.txt").write_text("scikit-learn==0.0.1\n")
    commit(folder, server)
    server.cli("run", "train")
    nowhere = {"PIP_NO_INDEX": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    said = reproduce(server, "models:/tree/3", code=1, env=nowhere)["error"]
    assert "can't be restored: the environment: pip could not install" in said and "scikit-learn==0.0.1" in said
    # Nothing but what was asked for has run: two trainings.
    assert len(MlflowClient(server.url).search_runs(["1"])) == before + 2

    # The repository was moved away; where it is now can be said.
    moved = tmp_path / "moved"
    shutil.move(folder, moved)
    assert "no such folder" in reproduce(server, "models:/tree/1", code=1)["error"]
    assert reproduce(server, "models:/tree/1", "--repository", str(moved))["verdict"] == "bit-equal"


TWO = '''
project: two
owner: a
pipelines:
  two:
    steps:
      - {name: one, run: "mkdir -p {out} && cp fit.py {out}/o.txt", code: [fit.py], outputs: [o.txt]}
      - {name: again, run: "cat {one}/o.txt more.txt > '{out}/t.txt' && python3 log.py", code: [log.py], inputs: [more.txt], outputs: [t.txt]}
'''


def test_steps_from_cache_are_made_again_and_nothing_is_written_where_the_server_has_them(start_server, tmp_path):
    server = start_server("da ta", "--python-path", str(pathlib.Path(sys.executable).parent))
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in {"fit.py": "1\n", "more.txt": "2\n", "slipway.yaml": TWO, "log.py": "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('a', 1)\n"}.items():
        (folder / name).write_text(text)
    commit(folder, server)
    server.cli("apply", str(folder / "slipway.yaml"))

    def kept() -> dict:
        return {file: file.stat().st_mtime_ns for file in (server.data_dir / "pipelines").rglob("*.txt")}

    def check(run: str, *words: str) -> dict:
        before = kept()
        report = reproduce(server, run, *words)
        assert report["verdict"] == "bit-equal" and kept() == before
        return {s["step"]: states(s["files"]) for s in report["steps"]}

    both = {"one": {"o.txt": "bit-equal"}, "again": {"t.txt": "bit-equal"}}
    server.cli("run", "two")
    server.cli("run", "two")  # all of it from cache
    assert check(last_run(server, "two")) == both
    (folder / "more.txt").write_text("3\n")
    commit(folder, server)
    server.cli("run", "two")  # the second step runs
    run = last_run(server, "two")
    assert check(run) == both
    tracked = MlflowClient(server.url).search_runs(["0"], f"tags.`slipway.run_id` = '{run}'")[0].info.run_id
    assert check(tracked, "--from-data") == {"one": both["one"]}


def test_a_version_that_no_run_made_cant_be(server):
    client = MlflowClient(server.url)
    client.create_registered_model("bought")
    client.create_model_version("bought", "s3://elsewhere/model")
    assert "names no run" in reproduce(server, "models:/bought/1", code=1)["error"]


def test_the_flights_model_of_the_demo_is_bit_equal_from_raw_data(start_server, tmp_path):
    server = start_server("data", "--python-path", str(pathlib.Path(sys.executable).parent))
    folder = tmp_path / "flights"
    folder.mkdir()
    for name in ("slipway.yaml", "train.py", "requirements.txt", "prepare.py"):
        shutil.copy(FLIGHTS / name, folder / name)
    commit(folder, server)
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, capture_output=True)
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("data", "ingest", "flights", "weather", "planes")
    server.cli("features", "materialize", "--as-of", "2013-06-01T04:00:00Z")
    server.cli("run", "train-flight-delay")
    report = reproduce(server, "models:/flight-delay/1", "--from-data")
    assert report["verdict"] == "bit-equal"
    assert states(report["artifacts"])["models/model/model.json"] == "bit-equal"
    assert states(report["metrics"], "key") == {"train_logloss": "bit-equal"}
    assert [(s["step"], states(s["files"])) for s in report["steps"]] == [("training-set", {"rows.parquet": "bit-equal"})]
