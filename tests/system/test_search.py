"""Searches of parameters: a real training with the unmodified mlflow client in each trial, kills, and answers from the cache."""
import json
import re
import sqlite3
import subprocess
import time

import mlflow
import pytest
from conftest import BINARY, Server, eventually
from playwright.sync_api import expect

TRAIN = '''
import argparse, pickle, time
import mlflow
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

args = argparse.ArgumentParser()
args.add_argument("--alpha", type=float)
args.add_argument("--penalty")
args.add_argument("--epochs", type=int)
args.add_argument("--out")
args = args.parse_args()
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
scaler = StandardScaler().fit(x_train)
model = SGDClassifier(loss="log_loss", alpha=args.alpha, penalty=args.penalty, random_state=0)
with mlflow.start_run():
    for epoch in range(args.epochs):
        model.partial_fit(scaler.transform(x_train), y_train, classes=[0, 1])
        auc = roc_auc_score(y_test, model.decision_function(scaler.transform(x_test)))
        mlflow.log_metric("auc", auc, step=epoch)
        time.sleep(60 if args.alpha >= 100 and epoch == 1 else 0)  # it is stopped before that
pickle.dump((scaler, model), open(f"{args.out}/model.pkl", "wb"))
'''
PROJECT = """\
project: searches
pipelines:
  train:
    steps:
      - name: fit
        run: python3 train.py --alpha {alpha} --penalty {penalty} --epochs {epochs} --out {out}
        code: [train.py]
        outputs: [model.pkl]
        search:
          method: random
          trials: 4
          parallel: 2
          metric: auc
          goal: maximize
          seed: 3
          experiment: cancer
          space: {alpha: {low: 1e-6, high: 100.0, log: true}, penalty: {choices: [l2, l1]}, epochs: {low: 1, high: 5}}
      - {name: use, run: 'test -s {fit}/model.pkl; cp {fit}/best.json {fit}/trials.json {out}', outputs: [best.json, trials.json]}
  early:
    steps:
      - name: fit
        run: exec python3 train.py --alpha {alpha} --penalty l2 --epochs 9 --out {out}
        code: [train.py]
        outputs: [model.pkl]
        search: {method: grid, metric: auc, goal: maximize, space: {alpha: {choices: [0.1, 1000.0, 100.0]}}, stop_early: {method: asha, max: 9}}
  quick:
    steps:
      - name: fit
        run: >-
          sleep 0.1; awk 'BEGIN { printf "{\\"loss\\": %.9f}", ({x} - 3) ^ 2 + {n} }' > {out}/m.json; echo $SLIPWAY_ITEM_INDEX >> ended
        outputs: [m.json]
        search: {method: tpe, trials: 24, parallel: 3, metric: m.json#loss, goal: minimize, space: {x: {low: 0.0, high: 10}, n: {low: 1, high: 4}}}
      - {name: use, run: 'cat {fit}/best.json > {out}/best', outputs: [best]}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(PROJECT)
    (folder / "train.py").write_text(TRAIN)
    server = Server(tmp_path / "data")
    subprocess.run([BINARY, "--url", server.url, "apply"], cwd=folder, check=True, capture_output=True)
    server.folder = folder
    yield server
    server.stop()


def start(project, pipeline):
    return json.loads(project.cli("--json", "run", pipeline, "--detach").stdout)["id"]


def ended(project, run):
    return eventually(lambda: (told := json.loads(project.cli("--json", "pipelines", "show", run).stdout))["finished_at"] and told, 120)


def test_trials_are_runs_of_the_mlflow_client_and_the_best_one_stays(project, open_page):
    told = subprocess.run([BINARY, "--url", project.url, "--json", "run", "train"], capture_output=True, text=True)
    run = json.loads(told.stdout)
    fit = run["steps"][0]
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stderr.count("best so far") == 4
    scores = [trial["score"] for trial in fit["items"]]
    best = fit["items"][scores.index(max(scores))]
    assert len(scores) == 4 and len(set(scores)) > 1
    assert fit["best"] == {"name": best["name"], "score": best["score"], "params": best["item"], "tracked_run": best["tracked_run"]}

    client = mlflow.MlflowClient(project.url)
    experiment = client.get_experiment_by_name("cancer")
    search = client.get_run(fit["tracked_run"])
    assert search.info.status == "FINISHED" and search.data.metrics["auc"] == max(scores)
    found = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{fit['tracked_run']}'", order_by=["metrics.auc DESC"])
    assert [trial.info.run_id for trial in found] == [t["tracked_run"] for t in sorted(fit["items"], key=lambda t: -t["score"])]
    for trial in fit["items"]:
        tracked = client.get_run(trial["tracked_run"])
        assert tracked.info.status == "FINISHED" and tracked.info.run_name == trial["name"]
        assert tracked.data.params == {name: str(value) for name, value in trial["item"].items()} | {"alpha": tracked.data.params["alpha"]}
        assert float(tracked.data.params["alpha"]) == trial["item"]["alpha"]
        assert tracked.data.metrics == {"auc": trial["score"]}
        history = client.get_metric_history(trial["tracked_run"], "auc")
        assert [point.step for point in history] == list(range(trial["item"]["epochs"])) and history[-1].value == trial["score"]
    # Nothing is tracked beside them.
    assert len(client.search_runs([experiment.experiment_id])) == 5
    assert [run.info.run_id for run in client.search_runs(["0"])] == []
    best_file = json.loads((project.data_dir / "pipelines" / run["id"] / "use" / "best.json").read_text())
    assert best_file == {"trial": scores.index(max(scores)), "state": "complete", "value": max(scores), "params": best["item"], "metric": "auc"}

    page = open_page(f"{project.url}/ui/pipeline-runs/{run['id']}")
    rows = page.get_by_role("table", name="Trials of fit").get_by_role("row")
    expect(rows).to_have_count(5)
    expect(rows.filter(has_text="best")).to_have_count(1)
    expect(rows.filter(has_text="best")).to_contain_text(best["name"])
    expect(page.get_by_role("img", name=re.compile("^The best auc so far over 4 trials"))).to_be_visible()
    rows.nth(1).get_by_role("link", name="metrics").click()
    expect(page.get_by_role("heading", name="fit[0]")).to_be_visible()
    page.goto(project.url + "/ui/searches")
    listed = page.get_by_role("table", name="Searches").locator("tbody tr")
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("maximize auc by random")
    expect(listed).to_contain_text("4 of 4")
    page.get_by_role("link", name="fit").click()
    page.get_by_role("link", name="Compare 4 trials").click()
    expect(page.get_by_role("heading", name="4 runs compared")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Parallel coordinates")).locator("path")).to_have_count(4)
    compared = {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in page.get_by_role("table", name="Values").locator("tbody tr").all()}
    assert [float(value) for value in compared["auc"]] == [pytest.approx(score, rel=1e-3) for score in scores] and len(compared["alpha"]) == 4

    again = json.loads(project.cli("--json", "run", "train").stdout)
    assert [step["state"] for step in again["steps"]] == ["cached", "cached"]
    assert [(t["state"], t["score"], t["item"]) for t in again["steps"][0]["items"]] == [("cached", t["score"], t["item"]) for t in fit["items"]]
    assert client.get_run(again["steps"][0]["items"][0]["tracked_run"]).data.metrics == {"auc": scores[0]}

    shown = project.cli("search", "show", run["id"]).stdout
    assert "fit: succeeded by random, maximize auc: best of 4 trials" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.split()[4:5] == ["*"]] == [best["name"]]
    listed = json.loads(project.cli("--json", "search", "list").stdout)["searches"]
    assert [(s["run"], s["name"], s["trials"], s["score"]) for s in listed] == [(again["id"], "fit", 4, max(scores)), (run["id"], "fit", 4, max(scores))]
    # A search whose run is deleted has lost its metric: that trial runs again.
    client.delete_run(fit["items"][1]["tracked_run"])
    client.delete_run(again["steps"][0]["items"][1]["tracked_run"])
    third = json.loads(project.cli("--json", "run", "train").stdout)
    assert [trial["state"] for trial in third["steps"][0]["items"]] == ["cached", "succeeded", "cached", "cached"]


def test_kills_at_any_moment_neither_lose_nor_double_a_trial(project):
    run = start(project, "quick")
    ends = lambda: (project.folder / "ended").read_text().split() if (project.folder / "ended").exists() else []
    interrupted = 0
    for turn in range(5):
        time.sleep(0.15 * (turn + 1))
        project.kill()
        with sqlite3.connect(project.data_dir / "slipway.db") as db:  # as the next server will find it
            states = dict(db.execute("SELECT item, state FROM pipeline_steps WHERE run = ? AND parent IS NOT NULL", (run,)).fetchall())
        interrupted += "running" in states.values()
        project.start()
    told = ended(project, run)
    fit = told["steps"][0]
    assert told["state"] == "succeeded" and fit["state"] == "succeeded" and interrupted > 0
    assert [trial["name"] for trial in fit["items"]] == [f"fit[{i}]" for i in range(24)]
    assert sorted(ends()) == sorted(str(i) for i in range(24))
    client = mlflow.MlflowClient(project.url)
    experiment = client.get_experiment_by_name("quick")
    tracked = client.search_runs([experiment.experiment_id])
    assert {run.info.run_id for run in tracked} == {fit["tracked_run"]} | {trial["tracked_run"] for trial in fit["items"]}
    assert {run.info.status for run in tracked} == {"FINISHED"}

    # Undisturbed, the same search proposes the same; here all of it comes from the cache.
    again = ended(project, start(project, "quick"))
    assert [trial["item"] for trial in again["steps"][0]["items"]] == [trial["item"] for trial in fit["items"]]
    assert {trial["state"] for trial in again["steps"][0]["items"]} == {"cached"}
    assert again["steps"][0]["best"]["params"] == fit["best"]["params"] and abs(fit["best"]["params"]["x"] - 3) < 1


def test_trials_that_report_bad_values_are_stopped_early(project):
    told = subprocess.run([BINARY, "--url", project.url, "--json", "run", "early"], capture_output=True, text=True)
    run = json.loads(told.stdout)
    fit = run["steps"][0]
    assert told.returncode == 0 and "stopped early" in told.stderr, told.stdout + told.stderr
    assert [trial["state"] for trial in fit["items"]] == ["succeeded", "stopped", "stopped"]
    assert fit["best"]["name"] == "fit[0]" and fit["reason"].endswith("2 stopped early")
    client = mlflow.MlflowClient(project.url)
    for trial, points in zip(fit["items"], (9, 2, 2)):
        history = client.get_metric_history(trial["tracked_run"], "auc")
        assert [point.step for point in history] == list(range(points)) and history[-1].value == trial["score"]
    stopped = client.get_run(fit["items"][1]["tracked_run"])
    assert stopped.info.status == "KILLED" and stopped.data.tags["slipway.state"] == "stopped"
    assert fit["items"][1]["reason"].startswith("stopped early: auc=") and "at step 1 is not among the best of 2" in fit["items"][1]["reason"]
    assert "stopped early" in project.cli("search", "show", run["id"]).stdout

    again = json.loads(project.cli("--json", "run", "early").stdout)["steps"][0]
    assert again["state"] == "cached" and [trial["state"] for trial in again["items"]] == ["cached", "stopped", "stopped"]
    assert again["items"][1]["tries"] == 0 and again["items"][1]["reason"] == f"stopped early as in run {run['id']}"
    assert client.get_run(again["items"][1]["tracked_run"]).data.metrics["auc"] == fit["items"][1]["score"]

    # What was stopped while its code was changed says nothing of the code as it was.
    code = project.folder / "train.py"
    changing = "open(__file__, 'a').write('#\\n')\n" + code.read_text()
    for _ in range(2):
        code.write_text(changing)
        fit = json.loads(project.cli("--json", "run", "early").stdout)["steps"][0]
        assert [(trial["state"], trial["tries"]) for trial in fit["items"]] == [("succeeded", 1), ("stopped", 1), ("stopped", 1)]
